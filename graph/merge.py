"""Joining graphs: the same identifier, a cross-reference, or a gene's approved symbol.

Merging is worked out anew each time, from every node's own row as it was before it was merged
(`merges` keeps it). So the order of graphs and the number of merges change nothing but names, and
a merge can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import pairwise, permutations
from typing import Any

import networkx as nx
import polars as pl

from ..core.errors import DataError, MissingError
from .document_readings import drop_superseded_readings
from .frames import (
    MERGES,
    NODES,
    STRING_LIST,
    complete_nodes,
    conform,
    empty,
)
from .kg import KnowledgeGraph
from .obsolete import current_ids, replace_obsolete, union
from .schema import Schema
from .spill import EvidenceBuffer

UNDONE = "undone"
_TWO_KINDS = "identifier of two kinds"

# A node's own row in `was`, where it is placed among those that it was joined with (the first with
# a name gives the name).
_OWN: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "synonyms": STRING_LIST,
    "xrefs": STRING_LIST,
    "properties": pl.String,
    "place": pl.Int64,
}
_SET = ("name", "synonyms", "xrefs", "place")  # never null
_WAS_ENDS = ("merged", "kept")
_WAS = pl.Struct({end: pl.Struct(_OWN) for end in _WAS_ENDS})
_NAMES = {"kind": pl.String, "old": pl.String, "new": pl.String}

# What more identifiers share than these joins none of them ("uncharacterized protein").
_MOST_SHARING = 100

# Pairs of identifiers that are not the same, as `unmerge` has said.
Apart = set[frozenset[str]]


def merge(*graphs: KnowledgeGraph) -> KnowledgeGraph:
    """One graph of several; no piece of evidence is lost, none is counted twice.

    Nodes of one kind become one where they have the same identifier, where a cross-reference joins
    them one to one, or, for targets, where their names are the same approved symbol. The
    identifier whose prefix the schema prefers stays; the name is the earliest graph's. What would
    join two identifiers of one prefix, by a cross-reference to several or through a chain of them,
    is left alone, and so is what `unmerge` has undone in one of the graphs. Where two graphs use
    one identifier for nodes of two kinds, the later's becomes `identifier#Kind`. What a node of
    any of the graphs replaces (its property `replaces`) becomes that node first. `merges` records
    each of these with its reason.

    What a later graph read in a document takes the place of what an earlier one read there, if the
    text or what read it has changed (`medkg.graph.document_readings`).

    Args:
        graphs: at least one; the earlier ones' names and properties go before the later ones'.

    Raises:
        SchemaError: a kind or relation of one's own means something else in another graph.
    """
    schema = reduce(Schema.joined, (graph.schema for graph in graphs))
    graphs = tuple(drop_superseded_readings(graphs))
    current = current_ids(graphs)
    graphs = tuple(replace_obsolete(graph, current) for graph in graphs)
    own = [_own_rows(graph) for graph in graphs]
    separated = _of_one_kind(own)
    stacked = pl.concat(
        _renamed(rows, "id", names).with_columns(_order=pl.lit(order))
        for order, (rows, names) in enumerate(zip(own, separated, strict=True))
    ).sort("_order", "place", maintain_order=True)
    united = _joined(stacked.with_columns(place=pl.int_range(pl.len())), empty(_NAMES))
    recorded = pl.concat([graph.merges for graph in graphs])
    found = _equivalences(united, recorded.filter(reason=UNDONE), schema)
    became = found.filter("applied").select("kind", old="merged", new="kept")
    sources = sorted({source for graph in graphs for source in graph.sources})
    buffer = EvidenceBuffer(schema)
    for graph, rows, names in zip(graphs, own, separated, strict=True):
        for batch in graph.batches("evidence"):
            buffer.add(_at_new_ends(_at_own_ends(batch, rows, names), became))
    edges, evidence = buffer.frames(sources)
    predictions = pl.concat(
        _renamed(_renamed(graph.predictions, "head", names), "tail", names)
        for graph, names in zip(graphs, separated, strict=True)
    )
    predictions = _renamed(_renamed(predictions, "head", became), "tail", became)
    frames = {
        "nodes": _joined(united, became).select(list(NODES)),
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.unique(
            ["model", "head", "relation", "tail"], keep="last", maintain_order=True
        ).sort("model", "head", "relation", "tail"),
        "merges": pl.concat(
            [_lasting(recorded, united), *map(_kind_clashes, separated), _with_rows(found, united)]
        )
        .unique()
        .sort(*MERGES),
    }
    return KnowledgeGraph(frames, sources, schema)


def unmerge(kg: KnowledgeGraph, identifier: str) -> KnowledgeGraph:
    """The graph in which an identifier that merging joined to another is a node of its own again.

    The node and its evidence are as they were; what had been joined through it alone goes with it.
    `merges` records that the two are not the same (`undone`), so that no later merge joins them.

    Raises:
        MissingError: no merge of that identifier is recorded.
        DataError: the record doesn't say how the nodes were.
    """
    rows = kg.merges.filter("applied", merged=identifier)
    if rows.is_empty():
        into = kg.merges.filter("applied", kept=identifier)["merged"].to_list()
        hint = f"; these became it: {', '.join(into[:8])}" if into else ""
        raise MissingError(f"{identifier!r} was not merged into another node{hint}")
    kept = str(rows["kept"][0])
    own = _own_rows(kg).filter(root=kept)
    if identifier not in own["id"]:
        raise DataError(f"the merge of {identifier} into {kept} has no record of how they were")
    apart = {frozenset((kept, identifier))}
    while True:
        links = _links(own, apart, kg.schema)[0]
        links.add_nodes_from((kept, identifier))
        if not nx.has_path(links, kept, identifier):
            break
        near = set(links.neighbors(identifier))
        links.remove_node(identifier)
        apart |= {
            frozenset((other, identifier))
            for other in near & nx.node_connected_component(links, kept)
        }
    undone = pl.DataFrame(
        [
            (other, identifier, rows["kind"][0], UNDONE, False, None)
            for other in sorted(set().union(*apart) - {identifier})
        ],
        schema=dict(MERGES),
        orient="row",
    )
    return merge(kg.with_frames(merges=pl.concat([kg.merges, undone])))


# Nodes' own rows


def _own_rows(kg: KnowledgeGraph) -> pl.DataFrame:
    """Each identifier's row before any merging: id, kind, `_OWN`, and `root`, the node it is in."""
    nodes = kg.nodes.select("id", "kind", "name", "synonyms", "xrefs", "properties")
    alone = nodes.with_columns(place=pl.lit(0, pl.Int64), root="id")
    merges = kg.merges.filter("applied").join(nodes.select(kept="id"), on="kept", how="semi")
    # One that is a node beside it, as after two graphs were written to one server, has its own row.
    merges = merges.join(nodes.select(merged="id"), on="merged", how="anti")
    try:
        was = merges.with_columns(pl.col("was").str.json_decode(_WAS)).unnest("was", separator=".")
    except pl.exceptions.ComputeError as error:
        raise DataError(f"the record of merges is damaged: {error}") from error
    was = was.filter(
        *(pl.col(f"was.{end}").struct.field(f).is_not_null() for end in _WAS_ENDS for f in _SET)
    )
    if was.is_empty():
        return alone
    members = pl.concat(
        was.select(
            "kind",
            id=end,
            root="kept",
            own=pl.struct(*(pl.col(f"was.{end}").struct.field(name) for name in _OWN)),
        )
        for end in _WAS_ENDS
    )
    members = members.unique("id", keep="first", maintain_order=True).unnest("own")
    members = members.select(alone.columns)
    became = members.select("kind", old="id", new="root")
    union = _joined(members, became).select(nodes.columns)
    changed = union.join(nodes, on=nodes.columns, how="anti", nulls_equal=True)["id"]
    if changed.len():
        now = {
            row["id"]: row
            for row in nodes.join(changed.to_frame(), on="id", how="semi").iter_rows(named=True)
        }
        is_changed = pl.col("root").is_in(changed.implode())
        mended = (
            _as_now(group, now[root])
            for (root,), group in members.filter(is_changed).group_by("root", maintain_order=True)
        )
        members = pl.concat([members.filter(~is_changed), *mended])
    return pl.concat([alone.join(members, on="id", how="anti"), members])


def _as_now(members: pl.DataFrame, node: dict[str, Any]) -> pl.DataFrame:
    """Own rows of a node that was changed after it was merged, so that together they make it."""
    names = {node["name"], *node["synonyms"]}
    xrefs = {node["id"], *node["xrefs"], *members["id"]}
    rows = members.to_dicts()
    others = [row for row in rows if row["id"] != node["id"]]
    theirs = {name for row in others for name in (row["name"], *row["synonyms"])}
    their_xrefs = {xref for row in others for xref in (row["id"], *row["xrefs"])}
    for row in rows:
        row["synonyms"] = [name for name in row["synonyms"] if name in names]
        row["xrefs"] = [xref for xref in row["xrefs"] if xref in xrefs]
        row["properties"] = None
        if row["id"] == node["id"]:
            row["synonyms"] = sorted({*row["synonyms"], *(names - theirs)} - {node["name"]})
            row["xrefs"] = sorted({*row["xrefs"], *(xrefs - their_xrefs)} - {node["id"]})
            row |= {"name": node["name"], "properties": node["properties"], "place": -1}
    return pl.DataFrame(rows, schema=members.schema)


def _joined(stacked: pl.DataFrame, became: pl.DataFrame) -> pl.DataFrame:
    """One row for each identifier that stays; the others' names and identifiers are kept in it."""
    nodes = _renamed(stacked.with_columns(_old=pl.col("id")), "id", became)
    alone = pl.col("id").is_unique()
    several = (
        nodes.filter(~alone)
        # A name that only repeats the identifier is no name.
        .sort("id", pl.col("name") == pl.col("_old"), "place", maintain_order=True)
        .with_columns(
            synonyms=pl.concat_list("name", "synonyms"), xrefs=pl.concat_list("_old", "xrefs")
        )
        .group_by("id", maintain_order=True)
        .agg(
            pl.col("kind", "name", "place").first(),
            pl.col("synonyms", "xrefs").explode().drop_nulls().unique(),
            pl.col("properties").drop_nulls(),
        )
        .with_columns(
            pl.col("synonyms").list.set_difference(pl.concat_list("name")),
            pl.col("xrefs").list.set_difference(pl.concat_list("id")),
        )
    )
    texts = [union(objects) for objects in several["properties"]]
    several = several.with_columns(properties=pl.Series(texts, dtype=pl.String))
    columns = ["id", "kind", "name", "synonyms", "xrefs", "properties"]
    single = nodes.filter(alone)
    places = pl.concat([single.select("id", "place"), several.select("id", "place")])
    joined = complete_nodes(pl.concat([single.select(columns), several.select(columns)]))
    return joined.join(places, on="id").sort("id")


# Names


def _of_one_kind(own: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """For each graph the identifiers to rename, since an earlier graph has them as another kind."""
    first = empty({"id": pl.String, "first": pl.String})
    renames = []
    for rows in own:
        clashes = rows.join(first, on="id").filter(pl.col("kind") != pl.col("first"))
        renames.append(
            clashes.select("kind", old="id", new=pl.concat_str("id", pl.lit("#"), "kind"))
        )
        first = pl.concat([first, rows.select("id", first="kind")]).unique(
            "id", keep="first", maintain_order=True
        )
    return renames


def _renamed(frame: pl.DataFrame, column: str, names: pl.DataFrame) -> pl.DataFrame:
    if names.is_empty():
        return frame
    names = names.select(_old_name="old", _new_name="new")
    joined = frame.join(
        names, left_on=column, right_on="_old_name", how="left", maintain_order="left"
    )
    return joined.with_columns(pl.coalesce("_new_name", column).alias(column)).drop("_new_name")


def _at_own_ends(
    evidence: pl.DataFrame, own: pl.DataFrame, separated: pl.DataFrame
) -> pl.DataFrame:
    """Evidence at the ends that it had before its graph was merged."""
    inside = _inside(own)
    for end in ("subject", "object"):
        original = f"original_{end}"
        if inside.height and evidence[original].null_count() < evidence.height:
            evidence = evidence.join(
                inside,
                left_on=[original, end],
                right_on=["_said", "root"],
                how="left",
                maintain_order="left",
            ).with_columns(pl.coalesce("_own", end).alias(end))
            evidence = evidence.with_columns(
                pl.when(pl.col(original) != pl.col(end)).then(original).alias(original)
            ).drop("_own")
        evidence = _renamed(evidence, end, separated)
    return evidence


def _inside(own: pl.DataFrame) -> pl.DataFrame:
    """For each node and what evidence may have said originally, which of those merged it means.

    That is its identifier, or one that only its own cross-references have: what it replaced when
    it was obsolete.
    """
    merged = own.filter(pl.col("root").is_duplicated())
    said = merged.select("root", _said="id", _own="id")
    also = (
        merged.select("root", _said="xrefs", _own="id")
        .explode("_said")
        .drop_nulls()
        .filter(pl.len().over("root", "_said") == 1)
        .join(said, on=["root", "_said"], how="anti")
    )
    return pl.concat([said, also]).filter(pl.col("_own") != pl.col("root"))


def _at_new_ends(evidence: pl.DataFrame, became: pl.DataFrame) -> pl.DataFrame:
    """Evidence at the ends that merging gives it, keeping what they were."""
    for end in ("subject", "object"):
        own = evidence[end]
        evidence = _renamed(evidence, end, became).with_columns(_own=own)
        evidence = evidence.with_columns(
            pl.when(pl.col(end) != pl.col("_own"))
            .then(pl.coalesce(f"original_{end}", "_own"))
            .otherwise(f"original_{end}")
            .alias(f"original_{end}")
        ).drop("_own")
    return evidence


# Which are the same


def _links(
    own: pl.DataFrame, apart: Apart, schema: Schema
) -> tuple[nx.Graph, list[tuple[str, str, str, str]]]:
    """What joins identifiers one to one, as a graph; and, with the reason, pairs held back.

    Both are joined by keys: an identifier that one refers to and the other is or refers to, or a
    symbol. References between what was set apart count for nothing.
    """
    # Of an identifier of two kinds, `MESH:1#Symptom`, references name the first part.
    plain = pl.col("id").str.strip_suffix(pl.concat_str(pl.lit("#"), "kind"))
    keys = pl.concat(
        [
            own.select("kind", "id", key=plain),
            own.select("kind", "id", key="xrefs").explode("key").drop_nulls(),
            own.filter(kind="Target").select("kind", "id", key=pl.lit("symbol ") + pl.col("name")),
        ]
    ).unique()
    void = pl.DataFrame(
        [ends for pair in apart for ends in permutations(pair)],
        schema={"id": pl.String, "key": pl.String},
        orient="row",
    )
    keys = keys.join(void, on=["id", "key"], how="anti")
    keys = keys.with_columns(
        prefix=pl.col("id").str.split(":").list.first(), sharing=pl.len().over("kind", "key")
    )
    crowded = keys.filter(pl.col("sharing") > _MOST_SHARING)
    keys = keys.filter(pl.col("sharing").is_between(2, _MOST_SHARING)).drop("sharing")
    # Two identifiers of one prefix are two things to whoever gave them.
    pairs = (
        keys.join(keys, on=["kind", "key"], suffix="_2")
        .filter(pl.col("prefix") != pl.col("prefix_2"))
        .group_by("id", "id_2", "kind", "prefix", "prefix_2")
        .agg(pl.col("key").sort())
        .with_columns(
            one=pl.len().over("id", "prefix_2") == 1, other=pl.len().over("id_2", "prefix") == 1
        )
        .filter(pl.col("id") < pl.col("id_2"))
        .sort("id", "id_2")
        .select("id", "id_2", "kind", "key", mutual=pl.col("one") & pl.col("other"))
    )
    links = nx.Graph()
    for one, other, kind, given in pairs.filter("mutual").drop("mutual").iter_rows():
        if frozenset((one, other)) not in apart:
            links.add_edge(one, other, kind=kind, keys=given)
    several = pl.lit(" joins several of one prefix")
    held = pairs.filter(~pl.col("mutual")).select(
        "id", "id_2", "kind", reason=pl.col("key").list.first() + several
    )
    many = crowded.group_by("kind", "key").agg(pl.col("id").sort(), pl.col("sharing").first())
    held_too = many.sort("kind", "key").select(
        pl.col("id").list.get(0),
        pl.col("id").list.get(1).alias("id_2"),
        "kind",
        reason=pl.format("{} joins {} identifiers, too many to be one", "key", "sharing"),
    )
    return links, [*held.iter_rows(), *held_too.iter_rows()]


def _equivalences(own: pl.DataFrame, undone: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Which identifiers become which, and which were held back, as a merges frame."""
    apart = {frozenset(pair) for pair in undone.select("kept", "merged").iter_rows()}
    links, ambiguous = _links(own, apart, schema)
    rows: list[tuple[str, str, str, str, bool]] = [
        (one, other, kind, reason, False) for one, other, kind, reason in ambiguous
    ]
    for group in nx.connected_components(links):
        if len(group) > 1:
            rows += _group(links.subgraph(group), apart, schema)
    given = {name: dtype for name, dtype in MERGES.items() if name != "was"}
    return conform(pl.DataFrame(rows, schema=given, orient="row"), MERGES)


def _group(
    links: nx.Graph, apart: Apart, schema: Schema
) -> Iterator[tuple[str, str, str, str, bool]]:
    """Rows of `merges` for identifiers that links join: all become one, or none does."""
    kind = next(iter(links.edges(data="kind")))[2]
    order = {prefix: place for place, prefix in enumerate(schema.kind(kind).prefixes)}
    kept, *others = sorted(
        links, key=lambda identifier: (order.get(_prefix(identifier), len(order)), identifier)
    )
    conflict = _conflict(links, apart)
    problem = ""
    if conflict is not None:
        both = " and ".join(conflict)
        problem = f"would join two of one prefix, {both}; {_bridge(links, apart, *conflict)}"
        if frozenset(conflict) in apart:
            problem = f"would join again {both}, which were set apart"
    ways = nx.single_source_shortest_path(links, kept)
    for other in others:
        keys = (links.edges[step]["keys"][0] for step in pairwise(ways[other]))
        via = " and ".join(dict.fromkeys(keys))
        yield kept, other, kind, f"{via} {problem}" if problem else f"joined by {via}", not problem


def _prefix(identifier: str) -> str:
    return identifier.split(":")[0]


def _conflict(group: Iterable[str], apart: Apart) -> tuple[str, str] | None:
    """Two identifiers of a group that are not the same: of one prefix, or set apart."""
    seen: dict[str, str] = {}
    for identifier in sorted(group):
        if (other := seen.setdefault(_prefix(identifier), identifier)) != identifier:
            return other, identifier
    members = set(seen.values())
    one, *others = min((sorted(pair) for pair in apart if pair <= members), default=[""])
    return (one, others[0]) if others else None


def _bridge(links: nx.Graph, apart: Apart, one: str, other: str) -> str:
    """Which one reference, taken away, would leave no conflict: the likely mistake."""
    claims = nx.Graph()
    for start, end, keys in links.edges(data="keys"):
        claims.add_edges_from((identifier, (key,)) for identifier in (start, end) for key in keys)
    bridges = {frozenset(step) for step in nx.bridges(claims)}
    suspects = []
    for step in pairwise(nx.shortest_path(claims, one, other)):
        identifier, (key,) = sorted(step, key=lambda node: isinstance(node, tuple))
        if frozenset(step) in bridges and identifier != key:
            without = nx.restricted_view(claims, [], [step])
            parts = nx.connected_components(without)
            if not any(_conflict(filter(links.__contains__, part), apart) for part in parts):
                suspects.append(f"{identifier}'s reference to {key}")
    return f"the bridge is {' or '.join(suspects)}" if suspects else "no one reference is to blame"


# The record


def _kind_clashes(names: pl.DataFrame) -> pl.DataFrame:
    return conform(
        names.select(
            "kind",
            kept="new",
            merged="old",
            reason=pl.lit(_TWO_KINDS),
            applied=pl.lit(False),
        ),
        MERGES,
    )


def _with_rows(found: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The record with both nodes' own rows, the places counted within what became one."""
    applied = found.filter("applied")
    root = pl.concat(
        [applied.select(id="merged", root="kept"), applied.select(id="kept", root="kept").unique()]
    )
    rows = own.join(root, on="id").with_columns(
        place=pl.col("place").rank("ordinal").over("root").cast(pl.Int64) - 1
    )
    rows = rows.select("id", own=pl.struct(list(_OWN)))
    was = (
        applied.drop("was")
        .join(rows.rename({"own": "was_merged"}), left_on="merged", right_on="id", how="left")
        .join(rows.rename({"own": "was_kept"}), left_on="kept", right_on="id", how="left")
    )
    was = was.with_columns(was=pl.struct(merged="was_merged", kept="was_kept").struct.json_encode())
    return pl.concat([was.select(list(MERGES)), found.filter(~pl.col("applied"))])


def _lasting(recorded: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The rows of earlier records that this merging does not work out anew."""
    here = pl.col("kept").is_in(own["id"].implode()) & pl.col("merged").is_in(own["id"].implode())
    said = pl.col("reason").is_in([UNDONE, _TWO_KINDS])
    return recorded.filter(said | ~here)
