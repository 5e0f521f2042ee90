"""Which nodes handle many drugs: enzymes, transporters and carriers (ADME)."""

from __future__ import annotations

import polars as pl

from ...graph.kg import KnowledgeGraph


def adme_roles(kg: KnowledgeGraph) -> dict[str, str]:
    """What each node that handles many drugs is (property `adme`: enzyme, …), by identifier."""
    role = pl.col("properties").str.json_path_match("$.adme")
    return dict(kg.nodes.select("id", role=role).drop_nulls("role").iter_rows())
