"""The edges that a path network reads, made from a graph's, and the way back to these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..graph.schema import Schema
from .data import EdgeType
from .message_edges import INVERSE, MessageType, no_sparse_warning
from .path_network import (
    PathEdges,
    PathEncoder,
    PathGraph,
    attribute_to_messages,
    inverse_of,
)

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def edges_both_ways(
    schema: Schema, data: HeteroData, edge_types: Iterable[EdgeType]
) -> dict[MessageType, PathEdges]:
    """The edges of these types, from heads to tails and back, as `PathGraph` takes them."""
    edges: dict[MessageType, PathEdges] = {}
    for edge_type in edge_types:
        head, relation, tail = edge_type
        heads, tails = data[edge_type].edge_index
        of_heads, of_tails = data[head].num_nodes, data[tail].num_nodes
        if head == tail and schema.relation(relation).symmetric:
            heads, tails = torch.cat([heads, tails]), torch.cat([tails, heads])
        else:
            edges[inverse_of(edge_type)] = PathEdges(tails, heads, of_tails, of_heads)
        edges[edge_type] = PathEdges(heads, tails, of_heads, of_tails)
    return edges


def shares_of_edges(
    network: PathEncoder, graph: PathGraph, data: HeteroData, head: int, tail: int, gone: Tensor
) -> dict[int, float]:
    """How much of a pair's score rests on each edge, by its row of the graph's edges.

    Args:
        network: scores the tails of heads.
        graph: names what is asked for; `data` is what it was made of.
        gone: (edges,), true of the edges of what is asked for that are taken out first.
    """
    if gone.any():
        graph = graph.without(gone)
        data = data.edge_subgraph({graph.edge_type: ~gone})
    with no_sparse_warning():
        return shares_by_edge(attribute_to_messages(network, graph, head, tail), data)


def shares_by_edge(by_message: Mapping[MessageType, Tensor], data: HeteroData) -> dict[int, float]:
    """Shares of messages (edges,) as shares of the graph's edges, by their rows in it.

    Messages that are over no edge of `data`, as between alike molecules, are left out.
    """
    numbers = [int(data[each].e_id.max()) for each in data.edge_types if data[each].num_edges]
    shares = torch.zeros(max(numbers, default=-1) + 1, dtype=torch.float64)
    for message_type, values in by_message.items():
        back = message_type[1].endswith(INVERSE)
        edge_type = inverse_of(message_type) if back else message_type
        if edge_type in data.edge_types and len(values):
            store = data[edge_type]
            # Of a symmetric relation all edges stand twice, one way and then the other.
            rows = store.e_id.repeat(len(values) // store.num_edges)
            shares.index_add_(0, rows, values.double().cpu())
    rows = shares.nonzero().ravel()
    return dict(zip(rows.tolist(), shares[rows].tolist(), strict=True))
