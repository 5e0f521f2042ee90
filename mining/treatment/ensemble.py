"""The members of a treatment model as one ranking of drugs, with probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    ScoreRarity,
    TreatmentMember,
    blend,
    member_scores,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class DiseaseRanks(NamedTuple):
    """The drugs ranked for some diseases.

    Attributes:
        scores: (diseases, drugs): see `members.blend`; they compare over diseases.
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
        rarities: of each member's scores.
        calibration: from a hypothesis' score and rank to a probability.
        trained: (drugs, diseases): the training pairs, 0/1.
    """

    members: Mapping[str, TreatmentMember]
    weights: Mapping[str, float]
    rarities: Mapping[str, ScoreRarity]
    calibration: Calibration
    trained: sparse.csr_matrix

    def scores(self, diseases: Ints, member: str | None = None) -> Floats:
        """Scores of diseases (by number) with all drugs, (n, drugs): Σ weight · rarity; of one
        member alone where it is named."""
        weights = self.weights if member is None else {member: 1.0}
        return blend(self._values(weights, diseases), weights)

    def ranks(self, diseases: Ints, taking: Sequence[int]) -> DiseaseRanks:
        """Rank all drugs for diseases, and for a patient who takes these drugs (by number)."""
        values, trained = self._values(self.members, diseases), self._trained_of(diseases)
        self._add_patient(values, taking)
        blended = blend(values, self.weights)
        ranks = np.stack(
            [
                _ranks_beside_trained(row, seen > 0)
                for row, seen in zip(blended, trained, strict=True)
            ]
        )
        probabilities = self.calibration.probability(blended, ranks.astype(float))
        has_evidence = [
            self._has_evidence(values, row, trained[row]) for row in range(len(trained))
        ]
        return DiseaseRanks(blended, ranks, probabilities, has_evidence)

    def _values(self, names: Iterable[str], diseases: Ints) -> dict[str, Floats]:
        """How rare the members' scores of diseases with all drugs are, each (n, drugs)."""
        scores = member_scores({name: self.members[name] for name in names}, diseases)
        return {name: self.rarities[name].of(of_member) for name, of_member in scores.items()}

    def _trained_of(self, diseases: Ints) -> Floats:
        return np.asarray(self.trained[:, diseases].T.toarray(), dtype=np.float64)

    def _add_patient(self, values: dict[str, Floats], taking: Sequence[int]) -> None:
        """Where the model has learned from patients, add what those who take the same drugs take:
        the mean of both rarities."""
        member = self.members.get(COLLABORATIVE)
        if not isinstance(member, Collaborative) or not member.patients or not taking:
            return
        own = member.score_for(taking)
        values[COLLABORATIVE] = (values[COLLABORATIVE] + ScoreRarity.fit(own).of(own)) / 2

    def _has_evidence(self, values: Mapping[str, Floats], row: int, trained: Floats) -> bool:
        others = [name for name, weight in self.weights.items() if weight and name != POPULARITY]
        free = trained == 0
        return not others or any(np.ptp(values[name][row][free]) > 0 for name in others)


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
