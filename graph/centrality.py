"""How central the nodes of a graph are, and which of them belong together.

Edges count once between two nodes, whatever their relation and direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from ..core.progress import progress
from .frames import Columns
from .kg import KnowledgeGraph

if TYPE_CHECKING:
    import networkx as nx

SAMPLED = 200  # nodes from which shortest paths are followed where there are more
CENTRALITY: Columns = {
    "id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "degree": pl.Int64,
    "betweenness": pl.Float64,
    "community": pl.Int64,
}


def centrality_of(
    kg: KnowledgeGraph, relations: Sequence[str] | None = None, seed: int = 0
) -> pl.DataFrame:
    """What `medkg.centrality` gives, by networkx."""
    import networkx as nx

    edges = kg.edges.select("subject", "object", "relation")
    if relations is not None:
        wanted = [kg.schema.relation(relation).name for relation in relations]
        edges = edges.filter(pl.col("relation").is_in(wanted))
    pairs = edges.filter(pl.col("subject") != pl.col("object")).select("subject", "object").rows()
    network: nx.Graph[str] = nx.Graph(sorted(pairs))
    with progress("Centrality", 2) as advance:
        sampled = min(SAMPLED, len(network))
        betweenness = nx.betweenness_centrality(network, k=sampled, seed=seed) if sampled else {}
        advance()
        communities = nx.community.louvain_communities(network, seed=seed) if sampled else []
        advance()
    belongs = {node: number for number, nodes in enumerate(communities) for node in nodes}
    rows = [(node, degree, betweenness[node], belongs[node]) for node, degree in network.degree()]
    return arranged(rows, kg.nodes)


def arranged(rows: Sequence[tuple[object, ...]], nodes: pl.DataFrame) -> pl.DataFrame:
    """Rows of id, degree, betweenness and community as the result, the most central first.

    Args:
        nodes: id, kind, name.
    """
    given = [name for name in CENTRALITY if name not in ("kind", "name")]
    measured = pl.DataFrame(rows, schema={name: CENTRALITY[name] for name in given}, orient="row")
    sizes = measured.group_by("community").agg(pl.len(), pl.col("id").min())
    largest = sizes.sort(-pl.col("len").cast(pl.Int64), "id")["community"].to_list()
    numbers: Mapping[int, int] = {community: number for number, community in enumerate(largest)}
    return (
        measured.with_columns(
            pl.col("community").replace_strict(numbers, return_dtype=pl.Int64)
            if numbers
            else pl.col("community")
        )
        .join(nodes.select("id", "kind", "name"), on="id", how="left", maintain_order="left")
        .select(*CENTRALITY)
        .sort(-pl.col("betweenness"), -pl.col("degree"), "id")
    )
