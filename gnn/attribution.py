"""Attribution: which edges a graph neural network built a score on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .data import EdgeType
from .message_edges import MessageEdges, MessageType, WeightedMessageEdges
from .network import LinkNetwork, both_ways

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def attribute_to_edges(
    network: LinkNetwork, data: HeteroData, head: int, tail: int
) -> dict[int, float]:
    """How much the network's score of a pair rests on each edge that its messages go over.

    It is the gradient of the score by the edge's weight, at the weight 1 that all edges have
    (gradient × input): to first order, what the score would lose without the edge, the means over
    the neighbours that are left included.

    Args:
        data: the graph that the network was trained on.
        head, tail: numbers of nodes.

    Returns:
        For each edge within the network's reach of the pair, by its `e_id` (a row of `kg.edges`).
    """
    reached = _reach(data, network, head, tail)
    weights: dict[EdgeType, torch.Tensor] = {}
    messages: dict[MessageType, MessageEdges] = {}
    rows: dict[EdgeType, torch.Tensor] = {}
    for edge_type in network.types:
        head_kind, _, tail_kind = edge_type
        heads, tails = data[edge_type].edge_index
        # An edge matters where one of its ends is a node whose vector is needed.
        row = (reached[head_kind][heads] | reached[tail_kind][tails]).nonzero().ravel()
        rows[edge_type] = row
        weight = weights[edge_type] = torch.ones(len(row), requires_grad=True)
        n_heads, n_tails = data[head_kind].num_nodes, data[tail_kind].num_nodes
        forth, back = both_ways(edge_type)
        messages[forth] = WeightedMessageEdges(heads[row], tails[row], n_tails, weight)
        messages[back] = WeightedMessageEdges(tails[row], heads[row], n_heads, weight)
    network.eval()
    vectors = network(messages)
    head_kind, _, tail_kind = network.edge_type
    score = network.decoder.score(
        vectors[head_kind][head], network.relation(), vectors[tail_kind][tail]
    )
    gradients = torch.autograd.grad(score, list(weights.values()), allow_unused=True)
    attribution: dict[int, float] = {}
    for edge_type, gradient in zip(weights, gradients, strict=True):
        if gradient is not None:
            used = gradient.nonzero().ravel()
            edges = data[edge_type].e_id[rows[edge_type][used]]
            attribution.update(zip(edges.tolist(), gradient[used].tolist(), strict=True))
    return attribution


def _reach(data: HeteroData, network: LinkNetwork, head: int, tail: int) -> dict[str, torch.Tensor]:
    """By kind, which nodes' vectors after the first layer the score of the pair needs."""
    reached = {
        kind: torch.zeros(data[kind].num_nodes, dtype=torch.bool) for kind in data.node_types
    }
    reached[network.edge_type[0]][head] = True
    reached[network.edge_type[2]][tail] = True
    for _ in range(network.depth - 1):
        further = {kind: here.clone() for kind, here in reached.items()}
        for edge_type in network.types:
            heads, tails = data[edge_type].edge_index
            further[edge_type[0]][heads[reached[edge_type[2]][tails]]] = True
            further[edge_type[2]][tails[reached[edge_type[0]][heads]]] = True
        reached = further
    return reached
