"""The default link model: candidates of a pair's two ends, scored by several base models.

Features of candidate pairs come from many similarities between nodes (`similarities`,
`pair_features`). Gradient boosting and graph neural networks (`base_models`) are trained on
training pairs that are held back fold by fold (`fit_ranker`); their scores are averaged, with a
weight chosen on the validation pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from scipy import sparse
from torch import Tensor

from ...core.tensors import with_prefix, without_prefix
from .base_models import BaseModels
from .candidate_scores import CandidateScores, Floats, scores_from_tensors
from .pair_features import PairFeatures

if TYPE_CHECKING:
    from ..molecules.structure_ranker import StructureRanker


class LinkRanker(CandidateScores):
    """Scores of the candidates of every head of the training graph, and what they were made with:
    the base models, and the pair features by all training pairs.

    A score is a log-odds. Its order among a head's candidates is that of boosters and networks; its
    height is that of a booster that separates true pairs from others across heads. A pair that was
    trained on has the log-odds that it got with the pairs known in the fold that held it back.
    Tails that are no candidate come after all that are, those with most known pairs first.

    Args:
        scores, other_tails: see `CandidateScores`.
        network_weight: of the networks beside the boosters, from 0 to 1.
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
        super().__init__(scores, other_tails)
        self.base_models, self.network_weight = base_models, network_weight
        self.pair_features = pair_features
        self.structure = structure

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **super().tensors(),
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
            *scores_from_tensors(tensors),
            BaseModels.from_tensors(without_prefix("base_models", tensors)),
            float(tensors["network_weight"]),
            PairFeatures.from_tensors(without_prefix("known", tensors)),
            _structure_from(structure) if structure else None,
        )


def _structure_from(tensors: Mapping[str, Tensor]) -> StructureRanker:
    from ..molecules.structure_ranker import StructureRanker

    return StructureRanker.from_tensors(tensors)
