"""Obsolete identifiers: which identifiers replaced which, and moving a graph to the current ones.

What a node replaces is in its property `replaces`, a list of identifiers; ontologies say so of
their terms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl

from ..core.json_reading import parse_object
from .frames import (
    MERGES,
    STRING_LIST,
    conform,
    empty,
)
from .kg import KnowledgeGraph
from .spill import EvidenceBuffer

OBSOLETE = "obsolete, replaced by"
_CURRENT = {"kind": pl.String, "old": pl.String, "new": pl.String}


def current_ids(graphs: Iterable[KnowledgeGraph]) -> pl.DataFrame:
    """What any node of these graphs replaces: kind, old and new, the end of each chain.

    An identifier that two nodes say they replace, and those that replace each other in a circle,
    are left out: nobody can tell what they are now.
    """
    statements = pl.concat(
        [
            graph.scan("nodes")
            .filter(pl.col("properties").str.contains('"replaces"', literal=True))
            .select("kind", "id", old=pl.col("properties").str.json_path_match("$.replaces"))
            .collect()
            for graph in graphs
        ]
    ).drop_nulls()
    if statements.is_empty():
        return empty(_CURRENT)
    claims = (
        statements.filter(pl.col("old").str.starts_with("["))
        .select("kind", pl.col("old").str.json_decode(STRING_LIST), new="id")
        .explode("old")
        .filter(pl.col("old") != pl.col("new"))
        .unique()
        .filter(pl.len().over("kind", "old") == 1)
    )
    step = {(kind, old): new for kind, old, new in claims.select("kind", "old", "new").iter_rows()}
    rows = []
    for kind, old in sorted(step):
        new, seen = step[kind, old], {old}
        while new not in seen and (kind, new) in step:
            seen.add(new)
            new = step[kind, new]
        if new not in seen:
            rows.append((kind, old, new))
    return pl.DataFrame(rows, schema=_CURRENT, orient="row")


def replace_obsolete(kg: KnowledgeGraph, current: pl.DataFrame) -> KnowledgeGraph:
    """The graph with current identifiers in place of obsolete ones; itself where it has none.

    The obsolete node becomes the current one, or part of it where the graph has that too (whose
    name then stays); its evidence and predictions move, the evidence with what it said before in
    `original_subject` and `original_object`; cross-references to it follow. `merges` records each.

    Args:
        current: kind, old, new; see `current_ids`.
    """
    if current.is_empty():
        return kg
    names = renames_present(kg.nodes, current)
    if names.is_empty():
        followed = _followed(kg.nodes, current)
        return kg if followed is kg.nodes else kg.with_frames(nodes=followed)
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        buffer.add(moved_evidence(batch, names))
    edges, evidence = buffer.frames(kg.sources)
    predictions = replace_ids(replace_ids(kg.predictions, "head", names), "tail", names)
    frames = {
        "nodes": moved_nodes(kg.nodes, current),
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.unique(
            ["model", "head", "relation", "tail"], keep="last", maintain_order=True
        ),
        "merges": moved_merges(kg.merges, names),
    }
    return KnowledgeGraph(frames, kg.sources, kg.schema)


def renames_present(nodes: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """Those of `current` whose old identifier is a node."""
    return current.join(nodes, left_on=["old", "kind"], right_on=["id", "kind"], how="semi")


def moved_nodes(nodes: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """The nodes under current identifiers, with the old ones among their cross-references."""
    nodes = _followed(nodes, current)
    names = current.select("kind", id="old", _new="new")
    moved = nodes.join(names, on=["id", "kind"], how="left", maintain_order="left").with_columns(
        xrefs=pl.when(pl.col("_new").is_not_null())
        .then(pl.concat_list("xrefs", "id"))
        .otherwise("xrefs"),
        id=pl.coalesce("_new", "id"),
    )
    # A current node's own name and properties go before those of what it replaces.
    moved = moved.sort(pl.col("_new").is_not_null(), maintain_order=True).drop("_new")
    return unite_rows(moved).sort("id")


def moved_evidence(evidence: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The evidence about current identifiers, with the old ones in `original_*`; its ids stay."""
    for end in ("subject", "object"):
        evidence = replace_ids(evidence, end, names, f"original_{end}")
    return evidence


def moved_merges(merges: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The record of merges with these among it."""
    done = names.select(
        "kind", kept="new", merged="old", reason=pl.lit(OBSOLETE), applied=pl.lit(True)
    )
    merges = pl.concat([replace_ids(merges, "kept", names), conform(done, MERGES)])
    return merges.unique().sort(*MERGES)


def replace_ids(
    frame: pl.DataFrame, column: str, names: pl.DataFrame, original: str | None = None
) -> pl.DataFrame:
    """The column with each `old` of `names` as its `new`; what it was goes to `original`."""
    names = names.select(_old="old", _new="new").unique("_old")
    joined = frame.join(names, left_on=column, right_on="_old", how="left", maintain_order="left")
    values = [pl.coalesce("_new", column).alias(column)]
    if original is not None:
        was = pl.coalesce(original, column)
        values.append(pl.when(pl.col("_new").is_null()).then(original).otherwise(was))
    return joined.with_columns(values).drop("_new")


def unite_rows(nodes: pl.DataFrame) -> pl.DataFrame:
    """One row for each identifier and kind: the first one's name and properties, all the others'
    names as synonyms, all cross-references, and properties that the first one lacks."""
    alone = pl.len().over("id", "kind") == 1
    several = nodes.filter(~alone)
    if several.is_empty():
        return nodes
    one = several.group_by("id", "kind", maintain_order=True).agg(
        pl.col("name", "name_key").first(),
        synonyms=pl.concat_list("synonyms", pl.concat_list("name")).explode().drop_nulls(),
        xrefs=pl.col("xrefs").explode().drop_nulls().unique(),
        properties=pl.col("properties").drop_nulls(),
    )
    own_name = pl.concat_list("name", "id")
    one = one.with_columns(
        synonyms=pl.col("synonyms").list.set_difference(own_name).list.sort(),
        xrefs=pl.col("xrefs").list.set_difference(pl.concat_list("id")).list.sort(),
        properties=pl.Series(
            [union_of_json(texts) for texts in one["properties"]], dtype=pl.String
        ),
    )
    return pl.concat([nodes.filter(alone), one.select(nodes.columns)])


def union_of_json(objects: Iterable[str]) -> str | None:
    """One JSON object of several, the earlier ones' values going before."""
    whole: dict[str, object] = {}
    for text in objects:
        whole = {**parse_object(text), **whole}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True) if whole else None


def _followed(nodes: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """Nodes whose cross-references to obsolete identifiers lead to the current ones."""
    names = {(kind, old): new for kind, old, new in current.iter_rows()}
    references = nodes.select("id", "kind", xref="xrefs").explode("xref").drop_nulls()
    # What a node replaced itself is one of its cross-references, so that it can be looked up by it.
    led = references.join(current, left_on=["kind", "xref"], right_on=["kind", "old"]).filter(
        pl.col("new") != pl.col("id")
    )
    if led.is_empty():
        return nodes
    affected = pl.col("id").is_in(led["id"].implode())
    lists = [
        sorted({new if (new := names.get((kind, x), x)) != id_ else x for x in xrefs})
        for id_, kind, xrefs in nodes.filter(affected).select("id", "kind", "xrefs").iter_rows()
    ]
    changed = nodes.filter(affected).with_columns(xrefs=pl.Series(lists, dtype=STRING_LIST))
    return pl.concat([nodes.filter(~affected), changed]).sort("id")
