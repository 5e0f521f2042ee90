"""The edges that messages are passed over, by products with sparse matrices.

A relation passes messages both ways: from heads to tails under its own name, from tails to heads
under that name with `INVERSE` behind it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

MessageType = tuple[str, str, str]  # kind of the sender, relation, kind of the receiver
INVERSE = "^-1"


@contextmanager
def no_sparse_warning() -> Iterator[None]:
    """Without what PyTorch says, once a process, of its sparse matrices: in beta, unchecked."""
    with warnings.catch_warnings():
        for message in ("Sparse CS[RC] tensor support is in beta", "Sparse invariant checks"):
            warnings.filterwarnings("ignore", message=message)
        yield


def sparse_tensor(matrix: sparse.csr_matrix, device: torch.device) -> Tensor:
    """A matrix of SciPy as one of PyTorch, in compressed rows, float32."""
    with no_sparse_warning():
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
            device=device,
            check_invariants=False,
        )


class MessageEdges(Protocol):
    """The edges of one message type, in an order of their own.

    Where vectors are in parts side by side (`heads`), these come first: (heads, nodes, dim).
    """

    @property
    def n_receivers(self) -> int:
        """How many nodes get messages: the first so many of their kind."""
        ...

    def mean(self, x: Tensor) -> Tensor:
        """The mean over each receiver's senders, (senders, dim) → (receivers, dim); 0 for none."""
        ...

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Receiver · sender for each edge and head: (heads, receivers, dim), (heads, senders, dim)
        → (heads, edges)."""
        ...

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """Σ value · x over each receiver's edges, for each head: (heads, edges), (heads, senders,
        dim) → (heads, receivers, dim)."""
        ...


# The messages of all layers of an encoder, or of each one: a sample's outer nodes only send.
Messages = Mapping[MessageType, MessageEdges] | Sequence[Mapping[MessageType, MessageEdges]]


class SparseMessageEdges:
    """Messages by products with sparse matrices in compressed rows.

    It needs no grouped or scattering kernels (pyg-lib, torch-sparse), and takes memory for the
    edges and for one vector a node, never for one vector an edge.
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int):
        self._pattern = _Pattern(senders, receivers, n_senders, n_receivers)
        self._degree = torch.bincount(receivers, minlength=n_receivers)

    @property
    def n_receivers(self) -> int:
        """See `MessageEdges`."""
        return len(self._degree)

    @cached_property
    def _shares(self) -> Tensor:
        """Of each edge among its receiver's, (1, edges)."""
        return 1.0 / torch.repeat_interleave(self._degree, self._degree).float()[None]

    def mean(self, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return self.sum(self._shares, x[None])[0]

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return _in_full_precision(_Dots, queries, keys, self._pattern)

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return _in_full_precision(_Product, values, x, self._pattern)


class WeightedMessageEdges:
    """Messages with a weight an edge, through which gradients flow: for attribution to edges.

    A mean is weighted, a sum's values are multiplied with the weights; weight 0 is removal.
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_receivers: int, weights: Tensor):
        self._senders, self._receivers, self._weights = senders, receivers, weights
        total = torch.zeros(n_receivers, device=weights.device).index_add(0, receivers, weights)
        self._total = total.clamp_min(1e-12)

    @property
    def n_receivers(self) -> int:
        """See `MessageEdges`."""
        return len(self._total)

    def mean(self, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        ones = torch.ones_like(self._weights)
        return self.sum(ones[None], x[None])[0] / self._total[:, None]

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return (queries[:, self._receivers] * keys[:, self._senders]).sum(-1)

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        messages = x[:, self._senders] * (self._weights * values)[..., None]
        nothing = x.new_zeros(len(x), len(self._total), x.shape[2])
        return nothing.index_add(1, self._receivers, messages)


class _Pattern:
    """Where a sparse matrix (receivers, senders) has its entries; transposed on demand.

    For several heads it is a matrix with one block a head, (heads · receivers, heads · senders).
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int):
        order = torch.argsort(receivers, stable=True)
        self._forward_index = _row_starts(receivers[order], n_receivers), senders[order].int()
        self._size = n_receivers, n_senders
        self._backward_index: tuple[Tensor, Tensor] | None = None
        self._order: Tensor | None = None
        self._blocks: dict[tuple[int, bool], tuple[Tensor, Tensor]] = {}

    def matrix(self, values: Tensor) -> Tensor:
        """With values (heads, edges)."""
        rows, columns = self._blocked(len(values), self._forward_index, transposed=False)
        size = tuple(len(values) * n for n in self._size)
        return torch.sparse_csr_tensor(
            rows, columns, values.flatten(), size, check_invariants=False
        )

    def transposed(self, values: Tensor) -> Tensor:
        """With values (heads, edges), in the order of the matrix itself."""
        if self._backward_index is None or self._order is None:
            senders, receivers = self._forward_index[1], self._receivers()
            self._order = torch.argsort(senders, stable=True)
            rows = _row_starts(senders[self._order], self._size[1])
            self._backward_index = rows, receivers[self._order].int()
        rows, columns = self._blocked(len(values), self._backward_index, transposed=True)
        size = tuple(len(values) * n for n in self._size[::-1])
        values = values[:, self._order].flatten()
        return torch.sparse_csr_tensor(rows, columns, values, size, check_invariants=False)

    def sampled(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Row · column at every entry: (heads, receivers, dim), (heads, senders, dim) → (heads,
        edges)."""
        heads, n_edges = len(queries), len(self._forward_index[1])
        if n_edges == 0:
            return queries.new_zeros(heads, 0)
        if n_edges > self._size[0] * self._size[1]:  # the kernel takes no more entries than cells
            return (queries[:, self._receivers()] * keys[:, self._forward_index[1]]).sum(2)
        # beta = 0 leaves the values out, but they have to be numbers.
        matrix = self.matrix(queries.new_zeros(heads, n_edges))
        rows, columns = queries.flatten(0, 1), keys.flatten(0, 1).T
        products: Tensor = torch.sparse.sampled_addmm(matrix, rows, columns, beta=0.0)
        return products.values().view(heads, n_edges)

    def _receivers(self) -> Tensor:
        """Of each entry, (edges,)."""
        starts, _ = self._forward_index
        return torch.repeat_interleave(starts[1:] - starts[:-1])

    def _blocked(
        self, heads: int, index: tuple[Tensor, Tensor], *, transposed: bool
    ) -> tuple[Tensor, Tensor]:
        if heads == 1:
            return index
        if (heads, transposed) not in self._blocks:
            (starts, columns), width = index, self._size[0 if transposed else 1]
            block = torch.arange(heads, device=starts.device, dtype=torch.int32)[:, None]
            self._blocks[heads, transposed] = (
                torch.cat([starts[:1], (starts[1:] + block * len(columns)).flatten()]),
                (columns + block * width).flatten(),
            )
        return self._blocks[heads, transposed]


def _row_starts(in_order: Tensor, n: int) -> Tensor:
    starts = torch.zeros(n + 1, dtype=torch.int64, device=in_order.device)
    starts[1:] = torch.bincount(in_order, minlength=n).cumsum(0)
    return starts.int()  # the index that the kernels work with; another is converted at each call


def _in_full_precision(
    function: type[torch.autograd.Function], first: Tensor, second: Tensor, pattern: _Pattern
) -> Tensor:
    """Apply a product with a sparse matrix; the kernels of these have no lower precision."""
    with torch.autocast(first.device.type, enabled=False):
        made: Tensor = function.apply(first.float(), second.float(), pattern)  # type: ignore[no-untyped-call]
    return made


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    """A sparse matrix times a dense one."""
    if x.device.type != "cpu":
        return matrix @ x
    # On a CPU `@` fills its result twice before the kernel does: three times as long. beta = 0
    # leaves out what the buffer holds.
    out = x.new_empty(len(matrix), x.shape[1])
    return torch.addmm(out, matrix, x, beta=0, out=out)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, x, pattern):  # type: ignore[no-untyped-def]  # torch's own form
        ctx.save_for_backward(values, x)
        ctx.pattern = pattern
        return _times(pattern.matrix(values), x.flatten(0, 1)).view(len(x), -1, x.shape[2])

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]  # torch's own form
        values, x = ctx.saved_tensors
        for_values = ctx.pattern.sampled(gradient, x) if ctx.needs_input_grad[0] else None
        for_x = None
        if ctx.needs_input_grad[1]:
            for_x = _times(ctx.pattern.transposed(values), gradient.flatten(0, 1)).view_as(x)
        return for_values, for_x, None


class _Dots(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries, keys, pattern):  # type: ignore[no-untyped-def]  # torch's own form
        ctx.save_for_backward(queries, keys)
        ctx.pattern = pattern
        return pattern.sampled(queries, keys)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]  # torch's own form
        queries, keys = ctx.saved_tensors
        for_queries = _times(ctx.pattern.matrix(gradient), keys.flatten(0, 1))
        for_keys = _times(ctx.pattern.transposed(gradient), queries.flatten(0, 1))
        return for_queries.view_as(queries), for_keys.view_as(keys), None
