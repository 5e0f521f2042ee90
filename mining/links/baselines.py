"""Baselines for link prediction, which any trained model has to beat: degree and neighbours."""

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

# Chosen on Hetionet's validation edges.
_RELATION_WEIGHT = 6.0  # of neighbours by the predicted relation; those by any other weigh 1
_POWER = 3  # of similarities, so that the most similar heads count most


class Degree:
    """Rank by degree: the same answers for every query, those with the most training edges.

    score(h, t) = log(1 + degree(h)) + log(1 + degree(t))
    """

    def __init__(self, heads: Tensor, tails: Tensor):
        self._heads, self._tails = heads, tails  # log(1 + degree), (heads,) and (tails,)

    @classmethod
    def fit(cls, known: sparse.csr_matrix) -> Degree:
        """Count the degrees in the training pairs, (heads, tails)."""
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
    """Rank by neighbours: heads that share neighbours in the graph are taken to share tails.

    score(h, t) = Σ_{h' ≠ h, (h', t) known} similarity(h, h')³, with the similarity of
    `neighbour_features`.
    """

    def __init__(self, features: sparse.csr_matrix, known: sparse.csr_matrix):
        self._features, self._known = features, known
        self._heads_of = known.T.tocsr()  # (tails, heads)

    @classmethod
    def fit(cls, data: HeteroData, edge_type: EdgeType, known: sparse.csr_matrix) -> Neighbours:
        """Compute the features of heads; `known` holds the training pairs, (heads, tails)."""
        return cls(neighbour_features(data, edge_type[0], edge_type), known)

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        rows = heads.numpy()
        similarity = (self._features[rows] @ self._features.T).toarray()
        similarity[np.arange(len(rows)), rows] = 0
        scores = self._heads_of @ (similarity**_POWER).T
        return torch.from_numpy(np.ascontiguousarray(scores.T))

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        scores = np.zeros((len(tails), self._features.shape[0]), dtype=np.float32)
        for row, tail in enumerate(tails.tolist()):
            heads = self._heads_of[tail].indices
            similarity = (self._features[heads] @ self._features.T).toarray()
            similarity[np.arange(len(heads)), heads] = 0
            scores[row] = (similarity**_POWER).sum(0)
        return torch.from_numpy(scores)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("features", self._features),
            **matrix_tensors("known", self._known),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Neighbours:
        """The scorer that gave these `tensors`."""
        return cls(matrix_from_tensors("features", tensors), matrix_from_tensors("known", tensors))


def neighbour_features(
    data: HeteroData, kind: str, edge_type: EdgeType | None = None
) -> sparse.csr_matrix:
    """The neighbours of each node of a kind as features whose dot product is a similarity.

    The similarity is the mean, over the types of edges that the kind has, of the cosine between
    the nodes' neighbours, each neighbour weighted by log((n + 1) / (degree + 1)): a neighbour that
    most nodes share says little. Edges of `edge_type` count six times.

    Returns:
        (nodes of the kind, neighbours over all types of edges), sparse float32.
    """
    blocks, weights = [], []
    for candidate in data.edge_types:
        head_kind, _, tail_kind = candidate
        if kind not in (head_kind, tail_kind):
            continue
        pairs = data[candidate].edge_index.numpy().T
        shape = (data[head_kind].num_nodes, data[tail_kind].num_nodes)
        adjacency = pair_matrix(pairs, shape)
        if head_kind == tail_kind:
            adjacency = adjacency + adjacency.T
        elif kind == tail_kind:
            adjacency = adjacency.T
        blocks.append(l2_normalised_rows(idf_weighted(adjacency.tocsr())))
        weights.append(_RELATION_WEIGHT if candidate == edge_type else 1.0)
    if not blocks:
        return sparse.csr_matrix((data[kind].num_nodes, 1), dtype=np.float32)
    shares = np.sqrt(np.array(weights) / sum(weights))
    stacked = sparse.hstack(
        [block * share for block, share in zip(blocks, shares, strict=True)], format="csr"
    )
    return stacked.astype(np.float32)
