"""Weighted sums of messages over edges: PyG's message passing, by products with sparse matrices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing


class WeightedEdges:
    """Edges with weights, in the order of their receivers.

    Args:
        senders, receivers: (edges,), numbers of nodes; receivers ascending.
        weights: (edges,).

    Attributes:
        edge_index: of the edges.
        matrix: the same index with receivers as rows, for products with a sparse matrix.
    """

    def __init__(
        self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int, weights: Tensor
    ):
        self.n_senders, self.n_receivers, self.weights = n_senders, n_receivers, weights
        ends, size = torch.stack([senders, receivers]), (n_senders, n_receivers)
        self.edge_index = EdgeIndex(ends, sparse_size=size, sort_order="col")
        # PyG 2.8 gets both the gradient of the transposed product and `flip` wrong where the ends
        # are of two kinds, so the matrix is an index of its own.
        self.matrix = EdgeIndex(ends.flip(0), sparse_size=size[::-1], sort_order="row")
        self.matrix.fill_cache_()


class WeightedSum(MessagePassing):  # type: ignore[misc]  # PyG's classes are untyped
    """Weighted sums of what each receiver's senders hold.

    They are products with a sparse matrix, which need memory for nodes alone. Where `fuse` is
    False PyG makes a message of each edge instead, and gradients reach the edges' weights.
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
        matrix: EdgeIndex,
    ) -> Tensor:
        """See `MessagePassing`; on a GPU such products have no lower precision."""
        with torch.autocast(x[0].device.type, enabled=False):
            product: Tensor = matrix.matmul(x[0].float(), input_value=weights)
        return product

    def message(self, x_j: Tensor, weights: Tensor) -> Tensor:
        """See `MessagePassing`."""
        return weights[:, None] * x_j
