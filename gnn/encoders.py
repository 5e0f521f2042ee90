"""Encoders: a vector for every node of a graph.

A new encoder is an `Encoder` with its own `build` and, where its layers alone don't say it,
`convolve`, and a line in `ENCODERS`; the contract tests in `tests/contract/test_encoders.py` run on
every name there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from .message_edges import INVERSE, MessageEdges, Messages, MessageType
from .node_vectors import Features, NodeVectors

_MOST_LOGIT = 30.0  # the highest score of an edge in an attention


class EncoderSettings(Protocol):
    """The settings that encoders read; see `medkg.gnn.settings.NetworkSettings`."""

    @property
    def dim(self) -> int: ...

    @property
    def layers(self) -> int: ...

    @property
    def bases(self) -> int: ...

    @property
    def heads(self) -> int: ...

    @property
    def lookup(self) -> bool: ...

    @property
    def dropout(self) -> float: ...


class Encoder(nn.Module):
    """An encoder, and by itself the lookup: the nodes' own vectors, whatever their edges.

    Args:
        counts: nodes by kind.
        types: the message types there are, both directions of each relation.
        wanted: the kinds whose vectors are needed.
        features: of the kinds that have some.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        wanted: Sequence[str],
        settings: EncoderSettings,
        features: Mapping[str, Features],
    ):
        super().__init__()
        self.counts, self.types, self.settings = counts, types, settings
        self.nodes = NodeVectors(
            counts,
            settings.dim,
            features,
            lookup=settings.lookup,
            dropout=settings.dropout,
        )
        self.layers = nn.ModuleList(self.build())
        self.wanted = list(wanted)
        self.dropout = nn.Dropout(settings.dropout)

    def build(self) -> Iterable[nn.Module]:
        """The layers; what else an encoder needs is set here, too."""
        return ()

    @property
    def depth(self) -> int:
        """How many edges away from a node its vector still depends on."""
        return len(self.layers)

    def forward(
        self,
        messages: Messages,
        rows: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Features] | None = None,
    ) -> dict[str, Tensor]:
        """Vectors for each wanted kind, (nodes, dim); `rows` and `features` as in `NodeVectors`.

        They are of the nodes that the last layer's messages go to. Each layer's output is added to
        its input, through ReLU on all layers but the last.
        """
        x: dict[str, Tensor] = self.nodes(rows, features)
        layers = [messages] * self.depth if isinstance(messages, Mapping) else messages
        for depth in range(self.depth):
            last = depth + 1 == self.depth
            receivers = {kind: edges.n_receivers for (_, _, kind), edges in layers[depth].items()}
            # The last layer is computed only for the kinds whose vectors are wanted.
            kinds = self.wanted if last else list(x)
            own = {kind: x[kind][: receivers.get(kind)] for kind in kinds}
            change = self.convolve(depth, own, x, layers[depth])
            if not last:
                change = {kind: torch.relu(h) for kind, h in change.items()}
            x = {kind: own[kind] + self.dropout(h) for kind, h in change.items()}
        return {kind: x[kind] for kind in self.wanted} if self.depth else x

    def convolve(
        self,
        depth: int,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        """What the layer at `depth` makes of the receivers, (nodes, dim) by kind."""
        out: dict[str, Tensor] = self.layers[depth](receivers, senders, messages)
        return out


class RGCN(Encoder):
    """Relational graph convolution.

    A layer gives node i

        Σ_r mean_{j ∈ N_r(i)} W_r h_j + W_0 h_i,  W_r = Σ_b a_rb V_b

    with r over relations and their inverses and `bases` matrices V_b shared by all relations of the
    layer.

    Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks,
    ESWC 2018.
    """

    def build(self) -> Iterable[nn.Module]:
        """See `Encoder`."""
        types, dim = self.types, self.settings.dim
        bases = min(self.settings.bases, len(types))
        return (_RelationalConvolution(types, dim, bases) for _ in range(self.settings.layers))


class _RelationalConvolution(nn.Module):
    def __init__(self, types: Sequence[MessageType], dim: int, bases: int):
        super().__init__()
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.bases = nn.Parameter(torch.randn(bases, dim, dim) / dim**0.5)
        self.coefficients = nn.Parameter(torch.randn(len(types), bases) / bases**0.5)
        self.self_loop = nn.Linear(dim, dim)

    def forward(
        self,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        weights = torch.einsum("tb,bij->tij", self.coefficients, self.bases)
        out = {kind: self.self_loop(h) for kind, h in receivers.items()}
        for message_type, edges in messages.items():
            sender, _, receiver = message_type
            if receiver in out:
                message = edges.mean(senders[sender]) @ weights[self.rows[message_type]]
                out[receiver] = out[receiver] + message
        return out


class CompGCN(Encoder):
    """Composition-based graph convolution: relations have vectors of their own.

    A layer gives node i

        Σ_r W_dir(r) mean_{j ∈ N_r(i)} φ(h_j, z_r) + W_self φ(h_i, z_self)

    with φ(h, z) = h z, elementwise (of the paper's three compositions the multiplication), one
    matrix W_dir for all relations and one for all inverses; the next layer has z_r' = W_rel z_r.

    Source: Vashishth et al., Composition-based Multi-Relational Graph Convolutional Networks, ICLR
    2020.
    """

    def build(self) -> Iterable[nn.Module]:
        """See `Encoder`."""
        dim = self.settings.dim
        self.rows = {message_type: row for row, message_type in enumerate(self.types)}
        # Ones, disturbed: a relation begins as the neighbours' own vectors. The last row is z_self.
        self.relations = nn.Parameter(1 + 0.1 * torch.randn(len(self.types) + 1, dim))
        return (_CompositionLayer(dim) for _ in range(self.settings.layers))

    def convolve(
        self,
        depth: int,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        """See `Encoder`."""
        relations = self.relations
        for layer in self.layers[:depth]:
            relations = layer.relations(relations)  # type: ignore[operator]  # a Linear
        layer = self.layers[depth]
        out = {kind: layer.itself(h * relations[-1]) for kind, h in receivers.items()}  # type: ignore[operator]
        for message_type, edges in messages.items():
            sender, relation, receiver = message_type
            if receiver in out:
                weight = layer.inverse if relation.endswith(INVERSE) else layer.forth
                # φ is linear in h_j: composed with the mean, once a receiver instead of an edge.
                composed = edges.mean(senders[sender]) * relations[self.rows[message_type]]
                out[receiver] = out[receiver] + weight(composed)  # type: ignore[operator]
        return out


class _CompositionLayer(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.forth = nn.Linear(dim, dim, bias=False)
        self.inverse = nn.Linear(dim, dim, bias=False)
        self.itself = nn.Linear(dim, dim)
        self.relations = nn.Linear(dim, dim, bias=False)
        with torch.no_grad():  # the next layer's relations begin as this one's
            self.relations.weight.copy_(torch.eye(dim))


class HGT(Encoder):
    """Heterogeneous graph transformer: attention over all of a node's neighbours.

    A layer gives node i of kind τ, with `heads` parts of the vectors that are joined again,

        A_τ gelu( Σ_(j,r) softmax_(j,r)( μ_r (Q_τ h_i) · (W_r K h_j) / √d ) M_r V h_j )

    with the softmax over all edges of i, whatever their relation r, matrices K and V for the kind
    of the neighbour j, W_r and M_r for the relation, and d numbers in a part.

    Source: Hu et al., Heterogeneous Graph Transformer, WWW 2020.
    """

    def build(self) -> Iterable[nn.Module]:
        """See `Encoder`."""
        settings = self.settings
        return (
            _AttentionLayer(list(self.counts), self.types, settings.dim, settings.heads)
            for _ in range(settings.layers)
        )


class _AttentionLayer(nn.Module):
    def __init__(self, kinds: Sequence[str], types: Sequence[MessageType], dim: int, heads: int):
        super().__init__()
        self.heads, self.part = heads, dim // heads
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.query, self.key, self.value, self.out = (
            nn.ModuleDict({kind: nn.Linear(dim, dim) for kind in kinds}) for _ in range(4)
        )
        shape = (len(types), heads, self.part, self.part)
        self.for_keys = nn.Parameter(torch.randn(shape) / self.part**0.5)
        self.for_values = nn.Parameter(torch.randn(shape) / self.part**0.5)
        self.prior = nn.Parameter(torch.ones(len(types), heads, 1))

    def forward(
        self,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        queries, keys, values = (
            {kind: self._parts(linear[kind](h)) for kind, h in x.items()}
            for linear, x in (
                (self.query, receivers),
                (self.key, senders),
                (self.value, senders),
            )
        )
        # The last column sums the softmax's denominator along.
        sums = {
            kind: h.new_zeros(self.heads, len(h), self.part + 1, dtype=torch.float32)
            for kind, h in receivers.items()
        }
        for message_type, edges in messages.items():
            sender, _, receiver = message_type
            if receiver in sums:
                row = self.rows[message_type]
                scores = edges.dots(queries[receiver], keys[sender] @ self.for_keys[row])
                # Within bounds whose exponentials are numbers, so that no maximum has to be found.
                scores = (scores * self.prior[row] / self.part**0.5).clamp(
                    -_MOST_LOGIT, _MOST_LOGIT
                )
                value = values[sender] @ self.for_values[row]
                value = torch.cat([value, torch.ones_like(value[..., :1])], dim=2)
                sums[receiver] = sums[receiver] + edges.sum(scores.float().exp(), value)
        out = {}
        for kind, total in sums.items():
            mean = total[..., :-1] / total[..., -1:].clamp_min(1e-20)
            out[kind] = self.out[kind](functional.gelu(mean.transpose(0, 1).flatten(1)))
        return out

    def _parts(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.heads, self.part).transpose(0, 1).contiguous()


ENCODERS: dict[str, type[Encoder]] = {
    "lookup": Encoder,
    "rgcn": RGCN,
    "compgcn": CompGCN,
    "hgt": HGT,
}
