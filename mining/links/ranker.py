"""The default link model: candidates of a pair's two ends, scored by several base models.

Features of candidate pairs come from many similarities between nodes (`similarities`,
`pair_features`). Gradient boosting and a graph neural network (`base_models`) are trained on
training pairs that are held back fold by fold (`fit_ranker`); their scores are averaged, with a
weight chosen on the validation pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.sparse import matrix_from_tensors, matrix_tensors
from ...core.tensors import with_prefix, without_prefix
from .base_models import BaseModels
from .pair_features import PairFeatures

if TYPE_CHECKING:
    from ..molecules.structure_ranker import StructureRanker

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

NOT_CANDIDATE = -30.0  # log-odds of what is no candidate: below every candidate's


class LinkRanker:
    """Scores of the candidates of every head of the training graph, and what they were made with:
    the base models, and the pair features by all training pairs.

    A score is a log-odds. Its order among a head's candidates is that of boosters and network; its
    height is that of a booster that separates true pairs from others across heads. A pair that was
    trained on has the log-odds that it got with the pairs known in the fold that held it back.
    Tails that are no candidate come after all that are, those with most known pairs first.

    Args:
        scores: of the candidates, (heads, tails).
        other_tails: scores of tails that are no candidate, (tails,).
        network_weight: of the network beside the boosters, from 0 to 1.
        structure: scores molecules that are not in the graph, by their structures.
    """

    def __init__(
        self,
        scores: sparse.csr_matrix,
        other_tails: Floats,
        base_models: BaseModels,
        network_weight: float,
        pair_features: PairFeatures,
        structure: StructureRanker | None = None,
    ):
        self._scores, self._other_tails = scores, other_tails
        self._columns = scores.tocsc()
        self.base_models, self.network_weight = base_models, network_weight
        self.pair_features = pair_features
        self.structure = structure

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return filled_scores(self._scores[heads.numpy()], self._other_tails)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        columns = tails.numpy()
        return filled_scores(self._columns[:, columns].T, self._other_tails[columns, None])

    def is_candidate(self, head: int, tail: int) -> bool:
        """Whether a pair was scored; of a trained one, in the fold that held it back."""
        begin, end = self._scores.indptr[head : head + 2]
        return bool(np.any(self._scores.indices[begin:end] == tail))

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("scores", self._scores),
            "rest": torch.from_numpy(self._other_tails),
            "network_weight": torch.tensor(self.network_weight, dtype=torch.float64),
            **with_prefix("base_models", self.base_models.tensors()),
            **with_prefix("known", self.pair_features.tensors()),
            **(with_prefix("structure", self.structure.tensors()) if self.structure else {}),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> LinkRanker:
        """The scorer that gave these `tensors`."""
        structure = without_prefix("structure", tensors)
        return cls(
            matrix_from_tensors("scores", tensors),
            tensors["rest"].numpy(),
            BaseModels.from_tensors(without_prefix("base_models", tensors)),
            float(tensors["network_weight"]),
            PairFeatures.from_tensors(without_prefix("known", tensors)),
            _structure_from(structure) if structure else None,
        )


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


def other_tail_scores(degrees: Floats) -> Floats:
    """Scores of tails that are no candidate, in the order of their known pairs, (tails,)."""
    scores: Floats = (NOT_CANDIDATE + degrees / (degrees.max() + 1)).astype(np.float32)
    return scores


def _structure_from(tensors: Mapping[str, Tensor]) -> StructureRanker:
    from ..molecules.structure_ranker import StructureRanker

    return StructureRanker.from_tensors(tensors)
