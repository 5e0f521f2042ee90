"""Scores of the candidates of every head of a training graph, kept in place of the model's work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.sparse import matrix_from_tensors, matrix_tensors

if TYPE_CHECKING:
    from .pair_features import FurtherPairs  # LightGBM is loaded where it is needed

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

NOT_CANDIDATE = -30.0  # log-odds of what is no candidate: below every candidate's
_FURTHER_STEP = 1e-3  # of log-odds, between pairs that come after the candidates


class CandidateScores:
    """Scores of the candidates of every head; all other tails come after these.

    Args:
        scores: of the candidates, (heads, tails).
        other_tails: scores of tails that are no candidate, (tails,).
    """

    def __init__(self, scores: sparse.csr_matrix, other_tails: Floats):
        self._scores, self._other_tails = scores, other_tails
        self._columns = scores.tocsc()

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return filled_scores(self._scores[heads.numpy()], self._other_tails)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        columns = tails.numpy()
        return filled_scores(self._columns[:, columns].T, self._other_tails[columns, None])

    def is_candidate(self, head: int, tail: int) -> bool:
        """Whether a pair was scored; of a trained one, with itself held back."""
        begin, end = self._scores.indptr[head : head + 2]
        return bool(np.any(self._scores.indices[begin:end] == tail))

    def candidates(self, direction: str, query: int) -> Integers:
        """The tails that were scored of a head (direction `tail`), or the heads of a tail."""
        scores = self._scores if direction == "tail" else self._columns
        begin, end = scores.indptr[query : query + 2]
        return np.asarray(scores.indices[begin:end], dtype=np.int64)

    def entries(self, pairs: sparse.csr_matrix) -> tuple[Integers, Integers, NDArray[np.float64]]:
        """Heads, tails and scores of those of the pairs, (heads, tails), that were scored."""
        scored = self._scores.copy()
        scored.data = np.ones_like(scored.data)
        heads, tails = (scored.multiply(pairs > 0)).nonzero()
        values = np.asarray(self._scores[heads, tails], dtype=np.float64).ravel()
        return heads.astype(np.int64), tails.astype(np.int64), values

    def scores_alone(self) -> CandidateScores:
        """The scores without what they were made with."""
        return CandidateScores(self._scores, self._other_tails)

    def tensors(self) -> dict[str, Tensor]:
        """What `scores_from_tensors` needs."""
        return {
            **matrix_tensors("scores", self._scores),
            "rest": torch.from_numpy(self._other_tails),
        }


def scores_from_tensors(tensors: Mapping[str, Tensor]) -> tuple[sparse.csr_matrix, Floats]:
    """The arguments of the `CandidateScores` that gave these `tensors`."""
    return matrix_from_tensors("scores", tensors), tensors["rest"].numpy()


def filled_scores(scores: sparse.csr_matrix, others: Floats) -> Tensor:
    """Sparse scores as a dense tensor.

    Args:
        others: (columns,) or (rows, 1), the scores where there is none.
    """
    entries = scores.tocoo()
    dense = np.empty(scores.shape, dtype=np.float32)
    dense[:] = others
    dense[entries.row, entries.col] = entries.data
    return torch.from_numpy(dense)


def candidate_scores(
    heads: Integers, tails: Integers, scores: NDArray[np.float64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """The sparse matrix of these scores; of several for one pair, the first."""
    _, first = np.unique(heads * shape[1] + tails, return_index=True)
    values = np.maximum(scores[first], NOT_CANDIDATE + 2).astype(np.float32)
    return sparse.csr_matrix((values, (heads[first], tails[first])), shape=shape)


def further_scores(
    heads: Integers, scores: NDArray[np.float64], further: FurtherPairs, n_heads: int
) -> NDArray[np.float64]:
    """Scores of further pairs, (pairs,): in their places below the least of a head's candidates.

    Args:
        heads, scores: of the candidates.
    """
    least = np.full(n_heads, scores.min(initial=0.0))
    np.minimum.at(least, heads, scores)
    return np.asarray(least[further.heads] - _FURTHER_STEP * (1 + further.places))


def other_tail_scores(degrees: Floats) -> Floats:
    """Scores of tails that are no candidate, in the order of their known pairs, (tails,)."""
    scores: Floats = (NOT_CANDIDATE + degrees / (degrees.max() + 1)).astype(np.float32)
    return scores
