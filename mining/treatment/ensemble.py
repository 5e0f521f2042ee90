"""The members of a treatment model as one ranking of drugs, with probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from .collaborative import Collaborative
from .members import (
    COLLABORATIVE,
    POPULARITY,
    TreatmentMember,
    blend_ranks,
    evidence_strength,
    member_scores,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class DiseaseRanks(NamedTuple):
    """The drugs ranked for some diseases.

    Attributes:
        scores: (diseases, drugs): see `members.blend_ranks`.
        ranks: (diseases, drugs): among the drugs that were not trained on for the disease; of one
            that was, the rank that it would have.
        probabilities: (diseases, drugs): that a source records the pair, at the base rate.
        has_evidence: (diseases,): whether any member but popularity ranks the disease's drugs.
    """

    scores: Floats
    ranks: Ints
    probabilities: Floats
    has_evidence: list[bool]


@dataclass(frozen=True)
class TreatmentEnsemble:
    """The members of a treatment model, and how their scores become one ranking.

    Attributes:
        members: by name; `weights`: how much each counts.
        scales: mean and standard deviation of each member's scores; see `evidence_strength`.
        calibration: from a disease's evidence strength and a hypothesis' rank to a probability.
        trained: (drugs, diseases): the training pairs, 0/1.
    """

    members: Mapping[str, TreatmentMember]
    weights: Mapping[str, float]
    scales: Mapping[str, tuple[float, float]]
    calibration: Calibration
    trained: sparse.csr_matrix

    def scores(self, diseases: Ints, member: str | None = None) -> Floats:
        """Scores of diseases (by number) with all drugs, (n, drugs): -Σ weight · log(rank); of one
        member alone where it is named."""
        weights = self.weights if member is None else {member: 1.0}
        members = {name: self.members[name] for name in weights}
        return blend_ranks(member_scores(members, diseases), weights, self._trained_of(diseases))

    def ranks(self, diseases: Ints, taking: Sequence[int]) -> DiseaseRanks:
        """Rank all drugs for diseases, and for a patient who takes these drugs (by number)."""
        scores, trained = member_scores(self.members, diseases), self._trained_of(diseases)
        self._add_patient(scores, taking)
        blended = blend_ranks(scores, self.weights, trained)
        strength = evidence_strength(scores, self.weights, self.scales, blended, trained)
        ranks = np.stack(
            [
                _ranks_beside_trained(row, seen > 0)
                for row, seen in zip(blended, trained, strict=True)
            ]
        )
        probabilities = self.calibration.probability(
            np.broadcast_to(strength[:, None], ranks.shape), ranks.astype(float)
        )
        has_evidence = [
            self._has_evidence(scores, row, trained[row]) for row in range(len(trained))
        ]
        return DiseaseRanks(blended, ranks, probabilities, has_evidence)

    def _trained_of(self, diseases: Ints) -> Floats:
        return np.asarray(self.trained[:, diseases].T.toarray(), dtype=np.float64)

    def _add_patient(self, scores: dict[str, Floats], taking: Sequence[int]) -> None:
        """Where the model has learned from patients, add what those who take the same drugs take:
        the mean of both, in standard deviations."""
        member = self.members.get(COLLABORATIVE)
        if not isinstance(member, Collaborative) or not member.patients or not taking:
            return
        own = member.score_for(taking)
        own = (own - own.mean()) / (own.std() or 1.0)
        mean, spread = self.scales[COLLABORATIVE]
        # On the scale of the diseases' scores.
        scores[COLLABORATIVE] = (scores[COLLABORATIVE] + (mean + spread * own)) / 2

    def _has_evidence(self, scores: Mapping[str, Floats], row: int, trained: Floats) -> bool:
        others = [name for name, weight in self.weights.items() if weight and name != POPULARITY]
        free = trained == 0
        return not others or any(np.ptp(scores[name][row][free]) > 0 for name in others)


def _ranks_beside_trained(scores: Floats, trained: NDArray[np.bool_]) -> Ints:
    """The rank of each drug among those that were not trained on, ties in the drugs' order; of one
    that was, the rank that it would have."""
    others = -np.sort(-scores[~trained], kind="stable")
    ranks = 1 + np.searchsorted(-others, -scores, side="left")
    order = np.argsort(-scores[~trained], kind="stable")
    ordinal = np.empty(len(order), dtype=np.int64)
    ordinal[order] = np.arange(1, len(order) + 1)
    ranks[~trained] = ordinal
    return ranks.astype(np.int64)
