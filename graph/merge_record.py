"""The record of merges: nodes as they were before merging, and nodes made one from them.

The frame `merges` keeps, in `was`, the rows of both nodes before they were joined. From it every
merge can be worked out anew, or undone.
"""

from __future__ import annotations

import polars as pl

from ..core.errors import DataError
from .frames import MERGES, STRING_LIST, Columns, Row, complete_nodes, conform
from .kg import KnowledgeGraph
from .obsolete import replace_ids, union_of_json

UNDONE = "undone"
_TWO_KINDS = "identifier of two kinds"

RENAMES: Columns = {"kind": pl.String, "old": pl.String, "new": pl.String}

# A node's own row in `was`: `place` orders those that were joined (the first with a name gives the
# name).
_OWN: Columns = {
    "name": pl.String,
    "synonyms": STRING_LIST,
    "xrefs": STRING_LIST,
    "properties": pl.String,
    "place": pl.Int64,
}
_NEVER_NULL = ("name", "synonyms", "xrefs", "place")
_WAS_ENDS = ("merged", "kept")
_WAS = pl.Struct({end: pl.Struct(dict(_OWN)) for end in _WAS_ENDS})


def own_rows(kg: KnowledgeGraph) -> pl.DataFrame:
    """Each identifier's row as it was before any merging.

    Returns:
        `id`, `kind`, the columns of `_OWN`, and `root`: the node that the identifier is in now.

    Raises:
        DataError: the record of merges can't be read.
    """
    nodes = kg.nodes.select("id", "kind", "name", "synonyms", "xrefs", "properties")
    single = nodes.with_columns(place=pl.lit(0, pl.Int64), root="id")
    members = _recorded_members(kg.merges, nodes)
    if members.is_empty():
        return single
    members = _as_nodes_are_now(members.select(single.columns), nodes)
    return pl.concat([single.join(members, on="id", how="anti"), members])


def _recorded_members(merges: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """The rows that `was` keeps of the identifiers that became one of these nodes, and its own."""
    merges = merges.filter("applied").join(nodes.select(kept="id"), on="kept", how="semi")
    # One that is a node beside it, as after two graphs were written to one server, has its own row.
    merges = merges.join(nodes.select(merged="id"), on="merged", how="anti")
    try:
        was = merges.with_columns(pl.col("was").str.json_decode(_WAS)).unnest("was", separator=".")
    except pl.exceptions.ComputeError as error:
        raise DataError(f"the record of merges is damaged: {error}") from error
    was = was.filter(
        *(
            pl.col(f"was.{end}").struct.field(field).is_not_null()
            for end in _WAS_ENDS
            for field in _NEVER_NULL
        )
    )
    members = pl.concat(
        was.select(
            "kind",
            id=end,
            root="kept",
            own=pl.struct(*(pl.col(f"was.{end}").struct.field(name) for name in _OWN)),
        )
        for end in _WAS_ENDS
    )
    return members.unique("id", keep="first", maintain_order=True).unnest("own")


def _as_nodes_are_now(members: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """The members, adapted where their node has been changed since it was merged."""
    renames = members.select("kind", old="id", new="root")
    as_recorded = united_nodes(members, renames).select(nodes.columns)
    changed = as_recorded.join(nodes, on=nodes.columns, how="anti", nulls_equal=True)["id"]
    if changed.is_empty():
        return members
    changed_nodes = nodes.join(changed.to_frame(), on="id", how="semi")
    node_by_id = {row["id"]: row for row in changed_nodes.iter_rows(named=True)}
    is_changed = pl.col("root").is_in(changed.implode())
    adapted = (
        _adapted(group, node_by_id[root])
        for (root,), group in members.filter(is_changed).group_by("root", maintain_order=True)
    )
    return pl.concat([members.filter(~is_changed), *adapted])


def _adapted(members: pl.DataFrame, node: Row) -> pl.DataFrame:
    """The own rows of a node that was changed after it was merged, so that together they make it.

    What the node has lost, all members lose; what it has gained, the member of its identifier gets.
    """
    names = {node["name"], *node["synonyms"]}
    xrefs = {node["id"], *node["xrefs"], *members["id"]}
    rows = members.to_dicts()
    others = [row for row in rows if row["id"] != node["id"]]
    others_names = {name for row in others for name in (row["name"], *row["synonyms"])}
    others_xrefs = {xref for row in others for xref in (row["id"], *row["xrefs"])}
    for row in rows:
        row["synonyms"] = [name for name in row["synonyms"] if name in names]
        row["xrefs"] = [xref for xref in row["xrefs"] if xref in xrefs]
        row["properties"] = None
        if row["id"] == node["id"]:
            row["synonyms"] = sorted({*row["synonyms"], *(names - others_names)} - {node["name"]})
            row["xrefs"] = sorted({*row["xrefs"], *(xrefs - others_xrefs)} - {node["id"]})
            row |= {"name": node["name"], "properties": node["properties"], "place": -1}
    return pl.DataFrame(rows, schema=members.schema)


def united_nodes(stacked: pl.DataFrame, renames: pl.DataFrame) -> pl.DataFrame:
    """One row for each identifier that stays; the others' names and identifiers are kept in it.

    Args:
        stacked: rows of nodes with `place`, by which the first name and the first value of each
            property are chosen.
        renames: `old` and `new` identifiers.

    Returns:
        The columns of `NODES`, and `place`, sorted by id.
    """
    nodes = replace_ids(stacked.with_columns(_old=pl.col("id")), "id", renames)
    is_single = pl.col("id").is_unique()
    joined = (
        nodes.filter(~is_single)
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
    texts = [union_of_json(objects) for objects in joined["properties"]]
    joined = joined.with_columns(properties=pl.Series(texts, dtype=pl.String))
    columns = ["id", "kind", "name", "synonyms", "xrefs", "properties"]
    single = nodes.filter(is_single)
    places = pl.concat([single.select("id", "place"), joined.select("id", "place")])
    whole = complete_nodes(pl.concat([single.select(columns), joined.select(columns)]))
    return whole.join(places, on="id").sort("id")


def aliases_of(merges: pl.DataFrame, nodes: pl.Series) -> pl.DataFrame:
    """The other identifiers of merged nodes: `id` and `aliases`, sorted.

    Args:
        merges: a record of merges.
        nodes: identifiers that are nodes; one that became another node and is a node again (as
            after two graphs were written to one server) is no alias.
    """
    became = pl.col("applied") & ~pl.col("merged").is_in(nodes.implode())
    by_node = merges.filter(became).group_by(id="kept")
    return by_node.agg(aliases=pl.col("merged").unique().sort()).sort("id")


def kind_clashes(renames: pl.DataFrame) -> pl.DataFrame:
    """The record of identifiers that were renamed, as another graph has them as another kind."""
    return conform(
        renames.select(
            "kind",
            kept="new",
            merged="old",
            reason=pl.lit(_TWO_KINDS),
            applied=pl.lit(False),
        ),
        MERGES,
    )


def with_own_rows(decisions: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The record of decisions, with the own rows of both nodes where they became one.

    The places are counted within each node that they became, from 0.
    """
    applied = decisions.filter("applied")
    roots = pl.concat(
        [applied.select(id="merged", root="kept"), applied.select(id="kept", root="kept").unique()]
    )
    rows = own.join(roots, on="id").with_columns(
        place=pl.col("place").rank("ordinal").over("root").cast(pl.Int64) - 1
    )
    rows = rows.select("id", own=pl.struct(list(_OWN)))
    was = (
        applied.drop("was")
        .join(rows.rename({"own": "was_merged"}), left_on="merged", right_on="id", how="left")
        .join(rows.rename({"own": "was_kept"}), left_on="kept", right_on="id", how="left")
    )
    was = was.with_columns(was=pl.struct(merged="was_merged", kept="was_kept").struct.json_encode())
    return pl.concat([was.select(list(MERGES)), decisions.filter(~pl.col("applied"))])


def lasting_records(recorded: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The rows of earlier records that this merging does not work out anew.

    Those are what was undone, clashes of kinds, and records of identifiers that are not here.
    """
    ids = own["id"].implode()
    is_here = pl.col("kept").is_in(ids) & pl.col("merged").is_in(ids)
    is_lasting = pl.col("reason").is_in([UNDONE, _TWO_KINDS])
    return recorded.filter(is_lasting | ~is_here)
