"""Weighted sums of messages over edges: PyG's message passing, by products with sparse matrices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing

from .message_edges import SparseMessageEdges


class WeightedEdges:
    """Edges with weights, in the order of their receivers.

    Args:
        senders, receivers: (edges,), numbers of nodes; receivers ascending.
        weights: (edges,).

    Attributes:
        edge_index: of the edges.
        matrix: the same, for products with a sparse matrix.
    """

    def __init__(
        self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int, weights: Tensor
    ):
        self.n_senders, self.n_receivers, self.weights = n_senders, n_receivers, weights
        ends, size = torch.stack([senders, receivers]), (n_senders, n_receivers)
        self.edge_index = EdgeIndex(ends, sparse_size=size, sort_order="col")
        self.matrix = SparseMessageEdges(senders, receivers, n_senders, n_receivers)


class WeightedSum(MessagePassing):  # type: ignore[misc]  # PyG's classes are untyped
    """Weighted sums of what each receiver's senders hold.

    They are products with a sparse matrix, which need memory for nodes alone. Where `fuse` is
    False PyG makes a message of each edge instead. Gradients reach the edges' weights either way.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, x: Tensor, edges: WeightedEdges) -> Tensor:
        """(senders, width) → (receivers, width)."""
        summed: Tensor = self.propagate(
            edges.edge_index,
            x=(x, None),
            weights=edges.weights,
            matrix=edges.matrix,
            size=(edges.n_senders, edges.n_receivers),
        )
        return summed

    def message_and_aggregate(
        self,
        edge_index: EdgeIndex,  # noqa: ARG002  # PyG gives it first
        x: tuple[Tensor, None],
        weights: Tensor,
        matrix: SparseMessageEdges,
    ) -> Tensor:
        """See `MessagePassing`."""
        return matrix.sum(weights[None], x[0][None])[0]

    def message(self, x_j: Tensor, weights: Tensor) -> Tensor:
        """See `MessagePassing`."""
        return weights[:, None] * x_j
