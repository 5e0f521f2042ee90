"""Baselines for link prediction: what any trained model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...core.ranking import pair_matrix
from ...core.sparse import (
    idf_weighted,
    l2_normalised_rows,
    matrix_from_tensors,
    matrix_tensors,
)
from ...gnn.data import EdgeType

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

# Chosen on Hetionet's validation edges: how much more neighbours by the predicted relation count
# than those by any other, and the power that makes the nearest count most.
_RELATION_WEIGHT = 6.0
_POWER = 3


class Degree:
    """The same answers for every query: those with the most edges of the relation in training.

    score(h, t) = log(1 + degree(h)) + log(1 + degree(t))
    """

    def __init__(self, heads: Tensor, tails: Tensor):
        self._heads, self._tails = heads, tails

    @classmethod
    def fit(cls, known: sparse.csr_matrix) -> Degree:
        """From the training pairs, (heads, tails)."""
        heads, tails = (np.asarray(known.sum(axis)).ravel() for axis in (1, 0))
        return cls(torch.from_numpy(np.log1p(heads)), torch.from_numpy(np.log1p(tails)))

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return self._heads[heads, None] + self._tails

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        return self._tails[tails, None] + self._heads

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {"heads": self._heads, "tails": self._tails}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Degree:
        """The scorer that gave these `tensors`."""
        return cls(tensors["heads"], tensors["tails"])


class Neighbours:
    """The answers of similar heads: what shares neighbours in the graph shares tails.

    score(h, t) = Σ_{h' ≠ h, (h', t) known} similarity(h, h')³, with the similarity of `profiles`.
    """

    def __init__(self, profiles: sparse.csr_matrix, known: sparse.csr_matrix):
        self._profiles, self._known = profiles, known
        self._heads_of = known.T.tocsr()

    @classmethod
    def fit(cls, data: HeteroData, edge_type: EdgeType, known: sparse.csr_matrix) -> Neighbours:
        """From the training graph and the training pairs, (heads, tails)."""
        return cls(profiles(data, edge_type[0], edge_type), known)

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        rows = heads.numpy()
        similarity = (self._profiles[rows] @ self._profiles.T).toarray()
        similarity[np.arange(len(rows)), rows] = 0
        scores = self._heads_of @ (similarity**_POWER).T
        return torch.from_numpy(np.ascontiguousarray(scores.T))

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        scores = np.zeros((len(tails), self._profiles.shape[0]), dtype=np.float32)
        for row, tail in enumerate(tails.tolist()):
            heads = self._heads_of[tail].indices
            similarity = (self._profiles[heads] @ self._profiles.T).toarray()
            similarity[np.arange(len(heads)), heads] = 0
            scores[row] = (similarity**_POWER).sum(0)
        return torch.from_numpy(scores)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("profiles", self._profiles),
            **matrix_tensors("known", self._known),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Neighbours:
        """The scorer that gave these `tensors`."""
        return cls(matrix_from_tensors("profiles", tensors), matrix_from_tensors("known", tensors))


def profiles(data: HeteroData, kind: str, edge_type: EdgeType | None = None) -> sparse.csr_matrix:
    """What each node of a kind is joined to, so that the product of two rows is their similarity.

    The similarity is the mean, over the types of edges that the kind has, of the cosine between
    the nodes' neighbours, each neighbour weighted by log((n + 1) / (degree + 1)): a neighbour that
    most nodes share tells little. Edges of `edge_type` count six times.

    Returns:
        (nodes of the kind, neighbours over all types of edges), sparse float32.
    """
    similarities, weights = [], []
    for candidate in data.edge_types:
        head_kind, _, tail_kind = candidate
        if kind not in (head_kind, tail_kind):
            continue
        pairs = data[candidate].edge_index.numpy().T
        shape = (data[head_kind].num_nodes, data[tail_kind].num_nodes)
        joined = pair_matrix(pairs, shape)
        if head_kind == tail_kind:
            joined = joined + joined.T
        elif kind == tail_kind:
            joined = joined.T
        similarities.append(l2_normalised_rows(idf_weighted(joined.tocsr())))
        weights.append(_RELATION_WEIGHT if candidate == edge_type else 1.0)
    if not similarities:
        return sparse.csr_matrix((data[kind].num_nodes, 1), dtype=np.float32)
    shares = np.sqrt(np.array(weights) / sum(weights))
    stacked = sparse.hstack(
        [c * s for c, s in zip(similarities, shares, strict=True)], format="csr"
    )
    return stacked.astype(np.float32)
