"""A KnowledgeGraph as PyTorch Geometric's tensors, and the way back to its identifiers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl
import torch

from ..core.errors import MissingError
from ..graph.kg import KnowledgeGraph
from .scaling import Scaler, numeric_properties

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

EdgeType = tuple[str, str, str]  # kind of the head, relation, kind of the tail


def vocabulary(kg: KnowledgeGraph) -> dict[str, list[str]]:
    """For each kind that has nodes, their identifiers in the order of `kg.nodes`.

    A node's position in the list is its number in every tensor made from the graph: `n_id` of
    `to_hetero_data`.
    """
    kinds = kg.nodes.group_by("kind").agg("id").sort("kind")
    return dict(kinds.iter_rows())


def identifiers(kg: KnowledgeGraph, data: HeteroData, key: str | EdgeType) -> pl.Series:
    """The identifiers of the nodes of a kind, or of the edges of a type, in their order in `data`.

    Args:
        kg: the graph that `data` was made from.
        data: what `to_hetero_data` gave, or a subgraph or a sampled batch of it.
        key: a node type or an edge type of `data`.

    Raises:
        MissingError: `data` have no such type.
    """
    if key not in (*data.node_types, *data.edge_types):
        raise MissingError(f"the data have no nodes or edges {key!r}")
    if isinstance(key, str):
        return kg.nodes.filter(kind=key)["id"].gather(data[key].n_id.cpu().numpy())
    return kg.edges["id"].gather(data[key].e_id.cpu().numpy())


def to_hetero_data(
    kg: KnowledgeGraph, *, exclude_edges: Iterable[str] = (), features: Scaler | None = None
) -> HeteroData:
    """The graph as PyG's HeteroData: a node type a kind, an edge type a (kind, relation, kind).

    Each node type has `num_nodes` and `n_id` (nodes, int64): positions in the lists of
    `vocabulary`. Each edge type has `edge_index` (2 × edges, int64), `probability` (edges, float32)
    and `e_id` (edges, int64): rows of `kg.edges`. PyG slices them with the graph, so that
    `identifiers` names the nodes and edges of a subgraph or a sampled batch, too. Edges are sorted
    by tail, then head. An edge of a symmetric relation is there once. Predictions are never in it.

    Args:
        exclude_edges: ids of edges to leave out, such as those held back for a test.
        features: a scaler fitted on the training graph. It gives the node types that have numeric
            properties `x_numeric` (nodes × features, float32, 0–1), the edge types `edge_attr`
            (edges × features), and the data `numeric`, the features' names by node or edge type,
            and `scaling`: how many numbers were scaled, how many of them out of range, and how many
            had none in training to compare with.
    """
    from torch_geometric.data import HeteroData  # takes seconds

    data = HeteroData()
    nodes = kg.nodes.select("id", "kind").with_columns(
        number=pl.int_range(pl.len(), dtype=pl.Int64).over("kind")
    )
    for kind, ids in vocabulary(kg).items():
        data[kind].num_nodes = len(ids)
        data[kind].n_id = torch.arange(len(ids))

    excluded = pl.Series(list(exclude_edges), dtype=pl.String).implode()
    heads = nodes.rename({"id": "subject", "kind": "head_kind", "number": "head"})
    tails = nodes.rename({"id": "object", "kind": "tail_kind", "number": "tail"})
    edges = (
        kg.edges.select("id", "subject", "relation", "object", "probability")
        .with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
        .filter(~pl.col("id").is_in(excluded))
        .join(heads, on="subject")
        .join(tails, on="object")
    )
    types = edges.partition_by("head_kind", "relation", "tail_kind", as_dict=True)
    for edge_type in sorted(types):
        rows = types[edge_type].sort("tail", "head")
        store = data[edge_type]
        store.edge_index = torch.stack([rows["head"].to_torch(), rows["tail"].to_torch()])
        store.probability = rows["probability"].cast(pl.Float32).to_torch()
        store.e_id = rows["row"].to_torch()
    if features is not None:
        _add_numbers(data, kg, features)
    return data


def _add_numbers(data: HeteroData, kg: KnowledgeGraph, scaler: Scaler) -> None:
    scaled, data.scaling = scaler.scaled(numeric_properties(kg))
    # On the whole, since PyG would slice a list on a type that happens to be as long as it.
    data.numeric = {}
    for kind in data.node_types:
        if names := scaler.names(kind):
            features = scaler.features(scaled, kind, identifiers(kg, data, kind))
            data[kind].x_numeric = torch.from_numpy(features)
            data.numeric[kind] = names
    for edge_type in data.edge_types:
        if names := scaler.names(edge_type[1]):
            ids = identifiers(kg, data, edge_type)
            features = scaler.features(scaled, edge_type[1], ids)
            data[edge_type].edge_attr = torch.from_numpy(features)
            data.numeric[edge_type] = names
