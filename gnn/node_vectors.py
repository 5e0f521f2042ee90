"""What an encoder starts from: a learned vector for every node, its features projected, or both."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional


class Features(nn.Module):
    """What is known of each node of a kind: (nodes, width) numbers, as sparse rows or dense.

    They are no weights: a network's state does not hold them.
    """

    def __init__(self, x: Tensor | sparse.csr_matrix):
        super().__init__()
        self.dense: Tensor | None
        self.starts: Tensor
        self.columns: Tensor
        self.values: Tensor
        if isinstance(x, Tensor):
            self.register_buffer("dense", x.float(), persistent=False)
            self.count, self.width = x.shape
        else:
            self.register_buffer("dense", None, persistent=False)
            self.count, self.width = x.shape
            for name, part in (("starts", x.indptr), ("columns", x.indices)):
                self.register_buffer(name, torch.from_numpy(part).long(), persistent=False)
            self.register_buffer("values", torch.from_numpy(x.data).float(), persistent=False)

    def __len__(self) -> int:
        return int(self.count)

    def product(self, weight: Tensor, rows: Tensor | None = None) -> Tensor:
        """The features of these nodes (of all, if not given) times (width, dim): (nodes, dim)."""
        if self.dense is not None:
            return (self.dense if rows is None else self.dense[rows]) @ weight
        columns, values, starts = self.columns, self.values, self.starts[:-1]
        if rows is not None:
            sizes = self.starts[rows + 1] - self.starts[rows]
            ends = sizes.cumsum(0)
            which = torch.repeat_interleave(self.starts[rows] - (ends - sizes), sizes)
            entries = which + torch.arange(len(which), device=rows.device)
            columns, values, starts = columns[entries], values[entries], ends - sizes
        return functional.embedding_bag(
            columns, weight, starts, mode="sum", per_sample_weights=values.to(weight.dtype)
        )

    def length(self) -> float:
        """The root mean square of the rows' lengths, over the nodes that have features; else 1."""
        if self.dense is not None:
            squares = (self.dense**2).sum(1)
        else:
            rows = torch.repeat_interleave(self.starts[1:] - self.starts[:-1])
            squares = self.values.new_zeros(self.count).index_add(0, rows, self.values**2)
        squares = squares[squares > 0]
        return float(squares.mean().sqrt()) if len(squares) else 1.0


class NodeVectors(nn.Module):
    """What an encoder starts from: a learned vector a node, its features projected, or both.

    v_i = e_i + W_kind x_i / s + b_kind, with s the training features' typical length

    Args:
        counts: nodes by kind.
        features: of the kinds that have some.
        lookup: whether nodes of the kinds with features have a learned vector e_i too. Without it a
            node that training never saw gets a vector as good as any other's.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        dim: int,
        features: Mapping[str, Features],
        *,
        lookup: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.vectors = nn.ParameterDict(
            {
                kind: nn.Parameter(torch.randn(n, dim) / dim**0.5)
                for kind, n in counts.items()
                if lookup or kind not in features
            }
        )
        self.features = nn.ModuleDict({k: x for k, x in features.items() if k in counts})
        self.projections = nn.ModuleDict(
            {kind: _Projection(x, dim) for kind, x in self.features.items()}  # type: ignore[arg-type]
        )
        self.kinds = list(counts)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        rows: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Features] | None = None,
    ) -> dict[str, Tensor]:
        """The vectors, (nodes, dim) for each kind.

        Args:
            rows: the numbers of the nodes wanted, each once; -1 is a node that training never saw,
                whose learned vector is 0. All nodes in their order if not given.
            features: of the nodes wanted, row by row, where they are other than the training
                graph's.
        """
        vectors = {}
        for kind in self.kinds:
            summands = []
            at = None if rows is None else rows[kind]
            if kind in self.vectors:
                table = self.vectors[kind]
                if at is None:
                    summands.append(table)
                else:
                    # Sparse gradients: a step moves only the vectors that it took.
                    taken = functional.embedding(at.clamp_min(0), table, sparse=True)
                    summands.append(taken * (at >= 0)[:, None] if bool((at < 0).any()) else taken)
            if kind in self.projections:
                given = features is not None and kind in features
                x = features[kind] if features is not None and given else self.features[kind]
                summands.append(self.projections[kind](x, None if given else at))
            vectors[kind] = self.dropout(
                summands[0] if len(summands) == 1 else summands[0] + summands[1]
            )
        return vectors


class _Projection(nn.Module):
    def __init__(self, features: Features, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features.width, dim) / dim**0.5)
        self.bias = nn.Parameter(torch.zeros(dim))
        self.length: Tensor
        self.register_buffer("length", torch.tensor(features.length()))

    def forward(self, features: Features, rows: Tensor | None) -> Tensor:
        return features.product(self.weight / self.length, rows) + self.bias
