"""A path network that answers queries of every relation, heads for tails and tails for heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..message_edges import MessageType
from ..path_network import HiddenPairs, PathEncoder, PathGraph

_RELATION_DIM = 16  # numbers of what is asked for, beside a candidate's states
_DEGREE_FEATURES = 3  # how many edges of the asked relation a candidate and the head have
_HIDDEN = 64


class RelationPathNetwork(PathEncoder):
    """Scores of all tails for a head, by the paths between them, for any relation, also inverse.

    What is asked for, a message type, decides what queries start with and what each relation's
    messages weigh (one part for all queries, one of each query's own). A candidate's score is an
    MLP of its states, of a vector of what is asked for and of the degrees of both ends, and a
    weighted sum of the candidate's degrees by all relations: messages are divided by degrees, so
    that states alone don't tell them. A degree is log(1 + edges); the edges that a query hides are
    not counted.

    Source: the conditioning of relations on the query is that of Zhu et al., Neural Bellman-Ford
    Networks, NeurIPS 2021.

    Args:
        types, dim, layers: see `PathEncoder`; every type is asked for, too.
    """

    def __init__(self, types: Sequence[MessageType], dim: int, layers: int):
        super().__init__(types, dim, layers)
        n = len(types)
        self.query = nn.Parameter(torch.randn(n, dim))
        self.of_query = nn.Parameter(torch.zeros(n, layers, n, dim))
        self.asked_for = nn.Parameter(0.3 * torch.randn(n, _RELATION_DIM))
        self.degrees = nn.Parameter(0.5 * torch.eye(n))
        width = dim * (layers + 1) + _RELATION_DIM + _DEGREE_FEATURES
        self.score = nn.Sequential(nn.Linear(width, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1))

    def forward(self, graph: PathGraph, heads: Tensor, hidden: HiddenPairs | None = None) -> Tensor:
        """Scores of all tails, (queries, tails); arguments as of `states`."""
        row, edges = self.rows[graph.edge_type], graph.edges[graph.edge_type]
        weights = self.relations + self.of_query[row]
        states = self.states(graph, heads, hidden, self.query[row], weights)
        of_tails = edges.received[:, None].repeat(1, len(heads))
        of_heads = edges.sent[heads]
        if hidden is not None:
            of_tails = _less(of_tails, hidden.tails, hidden.queries)
            if graph.symmetric:  # a head is a candidate, too
                of_tails = _less(of_tails, hidden.heads, hidden.queries)
            ones = torch.ones_like(hidden.queries, dtype=of_heads.dtype)
            of_heads = of_heads.index_put((hidden.queries,), -ones, accumulate=True)
        of_tails, of_heads = torch.log1p(of_tails), torch.log1p(of_heads)
        degrees = torch.stack(
            [of_tails, of_tails - of_tails.mean(0), of_heads.expand_as(of_tails)], dim=2
        )
        vector = self.asked_for[row].expand(*degrees.shape[:2], -1)
        scores = self.score(torch.cat([states, vector, degrees], dim=2))[..., 0]
        others = self._by_other_degrees(graph, row, len(heads), hidden)
        total = scores + others + self.degrees[row, row] * of_tails
        return cast(Tensor, total.T)

    def _by_other_degrees(
        self, graph: PathGraph, row: int, queries: int, hidden: HiddenPairs | None
    ) -> Tensor:
        """What the tails' degrees by other message types than what is asked for add, (tails,
        queries)."""
        tail_kind = graph.edge_type[2]
        total = torch.zeros(graph.counts[tail_kind], queries, device=self.query.device)
        for message_type, edges in graph.edges.items():
            if message_type[2] == tail_kind and message_type != graph.edge_type:
                degrees = edges.received[:, None]
                if hidden is not None and message_type == graph.inverse_type:
                    every = degrees.repeat(1, queries)
                    degrees = _less(every, hidden.heads, hidden.queries)
                weight = self.degrees[row, self.rows[message_type]]
                total = total + weight * torch.log1p(degrees)
        return total


def _less(degrees: Tensor, nodes: Tensor, queries: Tensor) -> Tensor:
    """Degrees (nodes, queries) without an edge of each of these nodes, in its query."""
    ones = torch.ones_like(nodes, dtype=degrees.dtype)
    return degrees.index_put((nodes, queries), -ones, accumulate=True)
