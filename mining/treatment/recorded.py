"""The drugs that a graph records for diseases."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ...graph.kg import KnowledgeGraph

TREATS, PALLIATES, HYPOTHESIS, TAKEN = "treats", "palliates", "hypothesis", "taken"
STATUS_OF_RELATION = {"TREATS": TREATS, "PALLIATES": PALLIATES}
STATUS_ORDER: Mapping[str, int] = {TREATS: 0, PALLIATES: 1, HYPOTHESIS: 2}


def recorded_treatments(kg: KnowledgeGraph) -> pl.DataFrame:
    """The pairs that a graph holds: drug, disease, status, edge, recorded_probability, sources; a
    pair that treats and palliates is one that treats."""
    rows = (
        kg.scan("edges")
        .filter(pl.col("relation").is_in(list(STATUS_OF_RELATION)))
        .select(
            drug="subject",
            disease="object",
            status=pl.col("relation").replace_strict(STATUS_OF_RELATION, return_dtype=pl.String),
            edge="id",
            recorded_probability="probability",
            sources="sources",
        )
        .collect()
    )
    return rows.sort("drug", "disease", "status", descending=[False, False, True]).unique(
        ["drug", "disease"], keep="first", maintain_order=True
    )
