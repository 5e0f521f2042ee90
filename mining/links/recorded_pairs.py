"""What a graph's evidence records of pairs of a relation: whether known or denied, by whom."""

from __future__ import annotations

import polars as pl

from ...graph.frames import asserts_edge
from ...graph.kg import KnowledgeGraph


def recorded_status(
    graph: KnowledgeGraph, relation: str, pairs: pl.DataFrame, *, symmetric: bool
) -> pl.DataFrame:
    """Status and sources of pairs.

    Args:
        pairs: columns head, tail and known (whether the graph holds the pair).
        symmetric: whether evidence on a pair turned round counts, too.

    Returns:
        In the order of the pairs `status` (known, contradicted, both, or new) and `sources` (those
        that record the pair, oldest date first, then those that deny it).
    """
    evidence = graph.evidence.filter(asserts_edge(), relation=relation)
    turned = evidence.rename({"subject": "object", "object": "subject"})
    denies = pl.col("polarity") == "negated"
    source = pl.concat_str(
        pl.when(denies).then(pl.lit("denied by ")).otherwise(pl.lit("")),
        pl.concat_str("source", "release", "date", separator=" ", ignore_nulls=True),
    )
    columns = ["subject", "object", "polarity", "source", "release", "date"]
    by_pair = (
        pl.concat([frame.select(columns) for frame in [evidence, *([turned] if symmetric else [])]])
        .join(pairs.select(subject="head", object="tail"), on=["subject", "object"], how="semi")
        .sort("polarity", "date", "source", "release", nulls_last=True)
        .group_by("subject", "object", maintain_order=True)
        .agg(sources=source.unique(maintain_order=True), denied=denies.any())
    )
    joined = pairs.select(subject="head", object="tail", known="known").join(
        by_pair, on=["subject", "object"], how="left", maintain_order="left"
    )
    denied = pl.col("denied").fill_null(False)
    status = (
        pl.when(pl.col("known") & denied)
        .then(pl.lit("known, contradicted"))
        .when("known")
        .then(pl.lit("known"))
        .when(denied)
        .then(pl.lit("contradicted"))
        .otherwise(pl.lit("new"))
    )
    return joined.select(status=status, sources=pl.col("sources").fill_null([]))
