"""A path network: how paths of a graph join a head to every candidate tail.

Messages start at the head of a query and pass over the graph's edges; after as many steps as there
are layers, the state of a tail depends on every path of that length between the two. Nodes have no
vectors of their own, so a head, a tail or a whole graph that training never saw is scored as well
as others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .message_edges import INVERSE, MessageType
from .weighted_sum import WeightedEdges, WeightedSum

_STEPS = 16  # of a message's weight from nothing to what it is


class PathEdges(WeightedEdges):
    """The edges of one message type, each weighted by the degrees of its two ends.

    The weight of an edge is its own, over the square root of the sender's and the receiver's sum of
    weights, so that a node with thousands of edges doesn't drown the others.

    Args:
        senders, receivers: (edges,), numbers of nodes of the two kinds.
        weights: (edges,); 1 each where it is None.

    Attributes:
        order: the places of the edges, sorted by receiver, in what was given.
    """

    def __init__(
        self,
        senders: Tensor,
        receivers: Tensor,
        n_senders: int,
        n_receivers: int,
        weights: Tensor | None = None,
    ):
        self.order = order = torch.argsort(receivers, stable=True)
        weights = (
            senders.new_ones(len(senders), dtype=torch.float32) if weights is None else weights
        )
        self._given = senders, receivers, weights
        self.sent = weights.new_zeros(n_senders).index_add(0, senders, weights)
        self.received = weights.new_zeros(n_receivers).index_add(0, receivers, weights)
        senders, receivers = senders[order], receivers[order]
        weights = weights[order] * self.norm(senders, receivers)
        super().__init__(senders, receivers, n_senders, n_receivers, weights)

    def to(self, device: torch.device) -> PathEdges:
        """The same on a device."""
        senders, receivers, weights = (given.to(device) for given in self._given)
        return PathEdges(senders, receivers, self.n_senders, self.n_receivers, weights)

    def without(self, gone: Tensor) -> PathEdges:
        """Without the edges that `gone` (edges,), in the order that was given, is true of."""
        senders, receivers, weights = (given[~gone] for given in self._given)
        return PathEdges(senders, receivers, self.n_senders, self.n_receivers, weights)

    def norm(self, senders: Tensor, receivers: Tensor) -> Tensor:
        """What the weight of edges between these nodes is multiplied by, (edges,)."""
        return (self.sent[senders] * self.received[receivers]).clamp_min(1e-12).rsqrt()


class PathGraph:
    """What a path network reads: the edges of every message type, both ways.

    Args:
        counts: of nodes, by kind.
        edges: by message type; of a symmetric relation both ways under its own name, of others
            the way back under the inverse's.
        edge_type: that is predicted, from heads to tails, or back by the inverse's name; its
            messages are those that queries hide.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        edges: Mapping[MessageType, PathEdges],
        edge_type: MessageType,
    ):
        self.counts, self.edges, self.edge_type = counts, edges, edge_type
        self.inverse_type = inverse_of(edge_type)

    def asking(self, edge_type: MessageType) -> PathGraph:
        """The same edges, for queries of another message type."""
        return PathGraph(self.counts, self.edges, edge_type)

    def without(self, gone: Tensor) -> PathGraph:
        """The same without some edges of what is predicted, both ways.

        Args:
            gone: (edges,), true of these, in the order of the graph that it was made of.
        """
        gone = gone.repeat(2) if self.symmetric else gone
        edges = dict(self.edges)
        for message_type in {self.edge_type, self.inverse_type} & edges.keys():
            edges[message_type] = edges[message_type].without(gone)
        return PathGraph(self.counts, edges, self.edge_type)

    @property
    def symmetric(self) -> bool:
        """Whether both ways of what is predicted are messages of one type."""
        return self.inverse_type not in self.edges

    @property
    def device(self) -> torch.device:
        """Where the edges are."""
        return self.edges[self.edge_type].weights.device

    def to(self, device: torch.device) -> PathGraph:
        """The same on a device."""
        edges = {message_type: edges.to(device) for message_type, edges in self.edges.items()}
        return PathGraph(self.counts, edges, self.edge_type)


def inverse_of(message_type: MessageType) -> MessageType:
    """The message type of the same edges, the other way."""
    sender, relation, receiver = message_type
    if relation.endswith(INVERSE):
        return receiver, relation.removesuffix(INVERSE), sender
    return receiver, relation + INVERSE, sender


class HiddenPairs(NamedTuple):
    """Known pairs whose messages a batch leaves out, as if the graph did not hold them.

    Attributes:
        queries: (pairs,), the row of each pair's head in the batch.
        heads, tails: (pairs,).
    """

    queries: Tensor
    heads: Tensor
    tails: Tensor

    def to(self, device: torch.device) -> HiddenPairs:
        """The same on a device."""
        return HiddenPairs(*(numbers.to(device) for numbers in self))


class PathEncoder(nn.Module):
    """States of all tails for a head, by the paths between them.

    State of node v for the query of a head u, of `dim` numbers: h⁰ = q at u, 0 elsewhere;
    hˡ = hˡ⁻¹ + ReLU(LayerNorm(W_l [hˡ⁻¹ ; Σ_r (A_r hˡ⁻¹) ∘ w_{l,r} + h⁰])), with A_r the weighted
    edges of relation r, see `PathEdges`.

    Source: Zhu et al., Neural Bellman-Ford Networks, NeurIPS 2021, with sums normalised by degrees
    in place of their aggregation by principal neighbours.

    Args:
        types: message types, in the order of their weights.
        dim: numbers of a state.
        layers: the length of paths.
    """

    def __init__(self, types: Sequence[MessageType], dim: int, layers: int):
        super().__init__()
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.dim = dim
        self.relations = nn.Parameter(1 + 0.1 * torch.randn(layers, len(types), dim))
        self.updates = nn.ModuleList(nn.Linear(2 * dim, dim) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(layers))
        self.convolution = WeightedSum()

    def states(
        self,
        graph: PathGraph,
        heads: Tensor,
        hidden: HiddenPairs | None,
        query: Tensor,
        weights: Tensor,
    ) -> Tensor:
        """The states of all tails at every layer, (tails, queries, (layers + 1) · dim).

        Args:
            heads: (queries,).
            hidden: what each query hides.
            query: what the state of a head starts with, (dim,).
            weights: of messages, (layers, types, dim).
        """
        head_kind, _, tail_kind = graph.edge_type
        n, device = len(heads), query.device
        at_heads = torch.zeros(graph.counts[head_kind], n, 1, device=device)
        at_heads[heads, torch.arange(n, device=device)] = 1
        start = at_heads * query
        left_out = {} if hidden is None else _left_out(graph, hidden, n)
        h: dict[str, Tensor] = {head_kind: start}
        of_tails = [self._or_zeros(h, tail_kind, graph, n)]
        last = len(self.updates) - 1
        for layer in range(len(self.updates)):
            kinds = [tail_kind] if layer == last else list(graph.counts)
            sums: dict[str, Tensor] = {head_kind: start} if head_kind in kinds else {}
            for message_type, edges in graph.edges.items():
                sender, _, receiver = message_type
                if sender not in h or receiver not in kinds:
                    continue
                weight = weights[layer, self.rows[message_type]]
                gone = left_out.get(message_type)
                if not layer:  # all messages are multiples of one vector
                    received = self._received(at_heads, edges, gone) * (query * weight)
                elif edges.n_senders < edges.n_receivers:
                    received = self._received(h[sender] * weight, edges, gone)
                else:  # the same; weights go on the smaller side: fewer multiplications
                    received = self._received(h[sender], edges, gone) * weight
                sums[receiver] = sums[receiver] + received if receiver in sums else received
            h = self._updated(layer, h, sums)
            of_tails.append(self._or_zeros(h, tail_kind, graph, n))
        return torch.cat(of_tails, dim=2)

    def _or_zeros(self, h: Mapping[str, Tensor], kind: str, graph: PathGraph, n: int) -> Tensor:
        if kind in h:
            return h[kind]
        return torch.zeros(graph.counts[kind], n, self.dim, device=self.relations.device)

    def _received(self, messages: Tensor, edges: PathEdges, gone: _LeftOut | None) -> Tensor:
        """What (senders, queries, width) messages add up to, (receivers, queries, width)."""
        if gone is not None:
            messages = messages * gone.sent
        _, queries, width = messages.shape
        summed: Tensor = self.convolution(messages.flatten(1), edges)
        received = summed.view(edges.n_receivers, queries, width)
        if gone is None:
            return received
        own = messages[gone.senders, gone.queries] * gone.weights
        received = received.index_put((gone.receivers, gone.queries), -own, accumulate=True)
        return received * gone.received

    def _updated(
        self, layer: int, h: Mapping[str, Tensor], sums: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The states of these kinds after a layer; of kinds that no message has reached, none."""
        linear, norm = cast(nn.Linear, self.updates[layer]), self.norms[layer]
        states: dict[str, Tensor] = {}
        of_before, of_total = linear.weight[:, : self.dim], linear.weight[:, self.dim :]
        for kind, total in sums.items():
            update = functional.linear(total, of_total, linear.bias)
            if kind not in h:
                states[kind] = torch.relu(norm(update))
            else:
                update = update + functional.linear(h[kind], of_before)
                states[kind] = h[kind] + torch.relu(norm(update))
        return states


class PathNetwork(PathEncoder):
    """Scores of all tails of one relation for a head: an MLP of a tail's states at all layers.

    Args:
        types, dim, layers: see `PathEncoder`.
    """

    def __init__(self, types: Sequence[MessageType], dim: int, layers: int):
        super().__init__(types, dim, layers)
        self.query = nn.Parameter(torch.randn(dim))
        width = dim * (layers + 1)
        self.score = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, graph: PathGraph, heads: Tensor, hidden: HiddenPairs | None = None) -> Tensor:
        """Scores of all tails, (queries, tails); arguments as of `states`."""
        states = self.states(graph, heads, hidden, self.query, self.relations)
        return cast(Tensor, self.score(states)[..., 0].T)


class _LeftOut(NamedTuple):
    """The messages of one type over hidden pairs, and what the others of their ends grow by.

    Attributes:
        queries, senders, receivers: (messages,).
        weights: of these messages, (messages, 1).
        sent, received: what the messages of a sender, and those to a receiver, grow by, (nodes,
            queries, 1): they are divided by the root of its sum of weights, in which hidden pairs
            don't count.
    """

    queries: Tensor
    senders: Tensor
    receivers: Tensor
    weights: Tensor
    sent: Tensor
    received: Tensor


def _left_out(graph: PathGraph, hidden: HiddenPairs, n: int) -> dict[MessageType, _LeftOut]:
    """By message type, the messages over hidden pairs of so many queries."""
    queries, heads, tails = hidden
    ends = {graph.edge_type: (queries, heads, tails), graph.inverse_type: (queries, tails, heads)}
    if graph.symmetric:
        both_ways = zip(*ends.values(), strict=True)
        queries, heads, tails = (torch.cat(each) for each in both_ways)
        ends = {graph.edge_type: (queries, heads, tails)}
    left_out = {}
    for message_type, (of_query, senders, receivers) in ends.items():
        edges = graph.edges[message_type]
        left_out[message_type] = _LeftOut(
            of_query,
            senders,
            receivers,
            edges.norm(senders, receivers)[:, None],
            _grown(edges.sent, senders, of_query, n),
            _grown(edges.received, receivers, of_query, n),
        )
    return left_out


def _grown(sums: Tensor, ends: Tensor, queries: Tensor, n: int) -> Tensor:
    """See `_LeftOut`; `sums` of the weights of a node's edges, (nodes,)."""
    hidden = sums.new_zeros(len(sums), n)
    ones = torch.ones_like(ends, dtype=sums.dtype)
    left = sums[:, None] - hidden.index_put((ends, queries), ones, accumulate=True)
    grown = (sums[:, None] / left.clamp_min(1e-12)).sqrt()
    return torch.where(left > 0, grown, 1.0)[..., None]


def attribute_to_messages(
    network: nn.Module, graph: PathGraph, head: int, tail: int
) -> dict[MessageType, Tensor]:
    """How much of a pair's score rests on each message, (edges,): integrated gradients.

    The weights of all messages grow from 0 to what they are, and what the score gains on the way is
    shared out by its gradients (Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML
    2017). The gradient of the whole graph alone would name next to none of several paths that lead
    to the same. In the order in which the edges of a type were given.
    """
    whole = {message_type: edges.weights for message_type, edges in graph.edges.items()}
    query = torch.tensor([head], device=graph.device)
    gradients: dict[MessageType, Tensor] = {}
    try:
        for step in range(_STEPS):
            for message_type, edges in graph.edges.items():
                edges.weights = (whole[message_type] * ((step + 0.5) / _STEPS)).requires_grad_()
            weights = [edges.weights for edges in graph.edges.values()]
            score = network(graph, query)[0, tail]
            of_step = torch.autograd.grad(score, weights, allow_unused=True)
            for message_type, gradient in zip(graph.edges, of_step, strict=True):
                if gradient is not None:
                    before = gradients.get(message_type, torch.zeros_like(gradient))
                    gradients[message_type] = before + gradient / _STEPS
    finally:
        for message_type, edges in graph.edges.items():
            edges.weights = whole[message_type]
    shares = {}
    for message_type, gradient in gradients.items():
        shares[message_type] = torch.zeros_like(gradient)
        shares[message_type][graph.edges[message_type].order] = whole[message_type] * gradient
    return shares
