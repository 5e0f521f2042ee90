"""A server's graph that has nodes of a model's graph under other identifiers and names."""

from __future__ import annotations

import polars as pl

from medkg.graph.frames import EVIDENCE, MERGES, conform, empty
from medkg.graph.kg import KnowledgeGraph


def server_graph(*nodes: tuple[str, str, str]) -> KnowledgeGraph:
    """Nodes alone, each called "… there".

    Args:
        nodes: kind, identifier in the model's graph, and the one that merging gave it here.
    """
    frame = pl.DataFrame(nodes, schema=["kind", "merged", "id"], orient="row")
    rows = frame.select("id", "kind", name=pl.col("id") + " there")
    merges = frame.filter(pl.col("merged") != pl.col("id")).select(
        "kind", "merged", kept="id", reason=pl.lit("by hand"), applied=pl.lit(True)
    )
    kg = KnowledgeGraph.build(rows, empty(EVIDENCE), [])
    return kg.with_frames(merges=conform(merges, MERGES))
