"""Encoders: a vector for every node of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

# (kind of the sender, relation, kind of the receiver). A relation passes messages both ways: from
# heads to tails under its own name, from tails to heads under that name with INVERSE behind it.
MessageType = tuple[str, str, str]
INVERSE = "^-1"


class Messages(Protocol):
    """The edges of one message type."""

    def mean(self, x: Tensor) -> Tensor:
        """The mean over each receiver's senders, (senders, dim) → (receivers, dim); 0 for none."""
        ...


class SparseMessages:
    """Messages by product with a sparse matrix in compressed rows, made once for the edges.

    It needs no grouped or scattering kernels (pyg-lib, torch-sparse), and takes memory for the
    edges and for one vector a node, never for one vector an edge.
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int):
        degree = torch.bincount(receivers, minlength=n_receivers)
        weights = 1.0 / degree[receivers].float()
        self._matrix = _csr(receivers, senders, weights, (n_receivers, n_senders))
        self._transposed = _csr(senders, receivers, weights, (n_senders, n_receivers))

    def mean(self, x: Tensor) -> Tensor:
        """See `Messages`."""
        product: Tensor = _SparseProduct.apply(  # type: ignore[no-untyped-call]  # torch's own form
            x, self._matrix, self._transposed
        )
        return product


class WeightedMessages:
    """Messages with a weight an edge, through which gradients flow: for attribution to edges."""

    def __init__(self, senders: Tensor, receivers: Tensor, n_receivers: int, weights: Tensor):
        self._senders, self._receivers, self._weights = senders, receivers, weights
        total = torch.zeros(n_receivers, device=weights.device).index_add(0, receivers, weights)
        self._total = total.clamp_min(1e-12)

    def mean(self, x: Tensor) -> Tensor:
        """See `Messages`; the mean is weighted."""
        messages = x[self._senders] * self._weights[:, None]
        summed = x.new_zeros(len(self._total), x.shape[1]).index_add(0, self._receivers, messages)
        return summed / self._total[:, None]


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, matrix, transposed):  # type: ignore[no-untyped-def]  # torch's own form
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]  # torch's own form
        return ctx.transposed @ gradient, None, None


def _csr(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    order = torch.argsort(rows, stable=True)
    starts = torch.zeros(size[0] + 1, dtype=torch.int64, device=rows.device)
    starts[1:] = torch.bincount(rows, minlength=size[0]).cumsum(0)
    return torch.sparse_csr_tensor(
        starts, columns[order], values[order], size, check_invariants=False
    )


class Lookup(nn.Module):
    """A learned vector a node, whatever its edges."""

    def __init__(self, counts: Mapping[str, int], dim: int, dropout: float = 0.0):
        super().__init__()
        self.vectors = nn.ParameterDict(
            {kind: nn.Parameter(torch.randn(n, dim) / dim**0.5) for kind, n in counts.items()}
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, messages: Mapping[MessageType, Messages]) -> dict[str, Tensor]:
        """The vectors, (nodes, dim) for each kind; the messages are not used."""
        return {kind: self.dropout(vectors) for kind, vectors in self.vectors.items()}


class RGCN(nn.Module):
    """Relational graph convolution over learned vectors.

    A layer gives node i of the next representation

        h'_i = σ( W_0 h_i + Σ_r mean_{j ∈ N_r(i)} W_r h_j ),  W_r = Σ_b a_rb V_b

    with r over relations and their inverses, `bases` matrices V_b shared by all relations of the
    layer, and σ ReLU on all layers but the last. Each layer's output is added to its input.

    Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks,
    ESWC 2018.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        types: list[MessageType],
        dim: int,
        *,
        wanted: Sequence[str],
        layers: int = 2,
        bases: int = 8,
        dropout: float = 0.2,
    ):
        super().__init__()
        # The last layer is computed only for the kinds whose vectors are wanted.
        self.kinds = [list(counts)] * (layers - 1) + [list(wanted)]
        self.lookup = Lookup(counts, dim, dropout)
        self.layers = nn.ModuleList(
            _RelationalConvolution(types, dim, min(bases, len(types))) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, messages: Mapping[MessageType, Messages]) -> dict[str, Tensor]:
        """Vectors for each wanted kind, (nodes, dim), after all layers."""
        x: dict[str, Tensor] = self.lookup(messages)
        for depth, (layer, kinds) in enumerate(zip(self.layers, self.kinds, strict=True)):
            change = layer({kind: x[kind] for kind in kinds}, x, messages)
            if depth + 1 < len(self.layers):
                change = {kind: torch.relu(h) for kind, h in change.items()}
            x = {kind: x[kind] + self.dropout(h) for kind, h in change.items()}
        return x


class _RelationalConvolution(nn.Module):
    def __init__(self, types: list[MessageType], dim: int, bases: int):
        super().__init__()
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.bases = nn.Parameter(torch.randn(bases, dim, dim) / dim**0.5)
        self.coefficients = nn.Parameter(torch.randn(len(types), bases) / bases**0.5)
        self.self_loop = nn.Linear(dim, dim)

    def forward(
        self,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, Messages],
    ) -> dict[str, Tensor]:
        weights = torch.einsum("tb,bij->tij", self.coefficients, self.bases)
        out = {kind: self.self_loop(h) for kind, h in receivers.items()}
        for message_type, edges in messages.items():
            sender, _, receiver = message_type
            if receiver in out:
                message = edges.mean(senders[sender]) @ weights[self.rows[message_type]]
                out[receiver] = out[receiver] + message
        return out
