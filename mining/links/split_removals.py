"""The edges that a split removes, since they give held-back pairs away, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ...graph.kg import KnowledgeGraph
from .leaks import Groups, documents_of, entailing


def _removed(edges: pl.LazyFrame, reason: pl.Expr) -> pl.DataFrame:
    """Edges (id, subject, relation, object) as `LinkSplit.removed` has them."""
    return edges.select(
        reason=reason,
        head="subject",
        relation="relation",
        tail="object",
        edge="id",
    ).collect()


def one_part_a_pair(
    edges: pl.DataFrame, groups: Groups, relation: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Edges of a pair that are in several parts stay in the first of test, validation and training;
    the edges that stay, and those removed."""
    order = {"test": 0, "valid": 1, "train": 2}
    rank = pl.col("part").replace_strict(order, return_dtype=pl.Int64)
    first = rank == rank.min().over("a", "b")
    ends = groups.entity("head"), groups.entity("tail")
    key = pl.concat_str(pl.min_horizontal(ends), pl.max_horizontal(ends), separator="\n")
    held = edges.filter(pl.col("part") != "train").select(key).to_series().implode()
    reason = (
        pl.when(key.is_in(held))
        .then(pl.lit("the same pair, turned or under another identifier"))
        .otherwise(pl.lit("nearly the same compound"))
    )
    removed = edges.filter(~first).select(
        reason=reason, head="head", relation=pl.lit(relation), tail="tail", edge="id"
    )
    return edges.filter(first), removed


def entailing_edges(
    kg: KnowledgeGraph, relation: str, edges: pl.DataFrame, held: pl.DataFrame, groups: Groups
) -> pl.DataFrame:
    """Edges outside the split that join a held-back pair by the relation or one entailing it."""
    own = edges["id"].implode()
    ends = groups.entity("subject"), groups.entity("object")
    pair = groups.entity("head"), groups.entity("tail")
    keys = held.select(a=pl.min_horizontal(pair), b=pl.max_horizontal(pair)).unique()
    entailing_rows = (
        kg.scan("edges")
        .filter(pl.col("relation").is_in(entailing(kg.schema, relation)))
        .filter(~pl.col("id").is_in(own))
        .select("id", "subject", "relation", "object")
        .with_columns(a=pl.min_horizontal(ends), b=pl.max_horizontal(ends))
        .join(keys.lazy(), on=["a", "b"], how="semi")
    )
    reason = (
        pl.when(pl.col("relation") == relation)
        .then(pl.lit("the same pair, turned or under another identifier"))
        .otherwise(pl.format("{} entails {}", "relation", pl.lit(relation)))
    )
    return _removed(entailing_rows, reason)


def mentions_of(kg: KnowledgeGraph, relation: str, held: pl.DataFrame) -> pl.DataFrame:
    """What documents that state a held-back pair mention of it."""
    stating = documents_of(kg, held, relation)
    ends = pl.concat(stating.select("document", end=end) for end in ("head", "tail")).unique()
    edges = (
        kg.scan("edges")
        .filter(pl.col("relation") == "MENTIONS")
        .join(ends.lazy(), left_on=["subject", "object"], right_on=["document", "end"], how="semi")
    )
    return _removed(edges, pl.lit("mentioned by a document that states a held-back pair"))


def edges_at(kg: KnowledgeGraph, ends: pl.Series, relations: Sequence[str]) -> pl.DataFrame:
    """The edges of these relations at held-back ends."""
    ids = ends.implode()
    edges = (
        kg.scan("edges")
        .filter(pl.col("relation").is_in(list(relations)))
        .filter(pl.col("subject").is_in(ids) | pl.col("object").is_in(ids))
    )
    return _removed(edges, pl.lit("left out of what held-back ends keep"))


def dated_later(kg: KnowledgeGraph, relation: str, since: str) -> pl.DataFrame:
    """Edges of other relations all of whose evidence is dated since the cut."""
    edges = (
        kg.scan("evidence")
        .filter(pl.col("relation") != relation)
        .group_by("edge")
        .agg(pl.col("date").min(), dated=pl.col("date").is_not_null().all())
        .filter("dated", pl.col("date") >= since)
        .select(id="edge")
    )
    return _removed(
        kg.scan("edges").join(edges, on="id", how="semi"), pl.lit("dated since the cut")
    )


def merged_removals(removed: Sequence[pl.DataFrame], edges: pl.DataFrame) -> pl.DataFrame:
    """Removed edges, each with its first reason; none that is in a part."""
    return (
        pl.concat(removed)
        .unique("edge", keep="first", maintain_order=True)
        .join(edges, left_on="edge", right_on="id", how="anti")
        .sort("reason", "relation", "head", "tail")
    )
