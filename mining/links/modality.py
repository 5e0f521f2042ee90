"""Which drugs act by design on one target alone, as their nodes tell."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ...graph.kg import KnowledgeGraph


def modalities(graph: KnowledgeGraph, numbers: Mapping[str, int]) -> dict[int, str]:
    """The property `modality` (antibody, siRNA, …) of these nodes, by number, where it is there."""
    value = pl.col("properties").str.json_path_match("$.modality")
    rows = graph.nodes.select("id", value.alias("modality")).drop_nulls("modality")
    return {numbers[node]: name for node, name in rows.iter_rows() if node in numbers}
