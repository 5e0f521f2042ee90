"""How much of a patient's findings the disease that a model puts first explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .knowledge import Integers, Knowledge
from .similarity import entries

EXPLAINED = (
    "explained",  # share of the findings' information content that the disease states or implies
    "stated",  # share of the findings that it states or implies as they are
    "information",  # mean information content of the findings
    "phenotypes",  # log(1 + their number)
)
_EXACTLY = 0.999  # of a finding's information content, from which on it is not only an ancestor's


@dataclass(frozen=True)
class PatientEvidence:
    """Patients' findings, beside what the graph states of the diseases.

    Attributes:
        knowledge: what the graph states, without known patients (`Knowledge.as_stated`).
        patients: columns of the knowledge.
    """

    knowledge: Knowledge
    patients: Sequence[Integers]

    def __getitem__(self, chosen: slice | Integers | NDArray[np.bool_]) -> PatientEvidence:
        """The evidence of some of the patients."""
        numbers = np.arange(len(self.patients))[chosen]
        return PatientEvidence(self.knowledge, [self.patients[number] for number in numbers])

    def explained(self, diseases: Integers) -> NDArray[np.float64]:
        """Patients × `EXPLAINED`, by a disease (row) for each patient."""
        features = np.zeros((len(self.patients), len(EXPLAINED)))
        for number, (patient, disease) in enumerate(zip(self.patients, diseases, strict=True)):
            if not len(patient):
                continue
            own, shared = self._own_and_shared(patient, int(disease))
            features[number] = (
                shared.sum() / max(own.sum(), 1e-6),
                (shared >= _EXACTLY * own).mean(),
                own.mean(),
                np.log1p(len(patient)),
            )
        return features

    def _own_and_shared(
        self, patient: Integers, disease: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For each finding the information content of its most informative ancestor, itself
        included: of all, and of those that the disease shows.

        That of a finding that no disease states is 0, and it says as much as what is above it.
        """
        shown = np.zeros(len(self.knowledge.phenotypes), dtype=bool)
        shown[entries(self.knowledge.frequency, disease)] = True
        ancestors = [entries(self.knowledge.closure, int(phenotype)) for phenotype in patient]
        information = self.knowledge.information
        own = np.array([information[above].max() for above in ancestors])
        return own, np.array([(information[above] * shown[above]).max() for above in ancestors])
