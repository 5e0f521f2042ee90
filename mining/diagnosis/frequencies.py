"""How usual a patient's findings are of each disease, as far as frequencies are stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .knowledge import Floats, Integers, Knowledge
from .matches import is_specific
from .similarity import entries

# The least share of the sick that is taken to show a phenotype, how often one who has a phenotype
# has one that is narrower, the weight of the logarithms, and the power of the number of findings
# that they are divided by; chosen by the log loss of textbook pictures, as the weights of
# `prevalence` are (docs/benchmarks/diagnosis.md).
_RAREST, _NARROWER, _WEIGHT, _DEPENDENCE = 0.002, 0.5, 0.6, 0.3


class FindingFrequencies:
    """Weighted logarithms of how often each disease shows each phenotype, above how often the sick
    show it at all.

    Half of those in a ward have a fever or are tired, so that these say little of a disease, and
    glomerular crescents much. Of the sick a share shows a phenotype that is the mean of the
    diseases', each weighed by the square root of how many people have it: between a mean over
    published diseases and one over patients, who would all have a cold.

    A phenotype narrower than what a disease states ("nonproductive cough" for "cough") counts as
    half as frequent as that. Rankers of published cases hear little of frequencies: there rare
    findings are what is worth publishing. In a clinic the usual one of two diseases with a cough is
    the one with a cough.

    Args:
        prevalence: of each disease, of 100,000 people, (diseases,).
    """

    def __init__(self, knowledge: Knowledge, prevalence: Floats):
        self._closure = knowledge.closure
        self._shown, self._stated = knowledge.shown_by, knowledge.annotated_by
        self._specific = is_specific(knowledge, slice(None))
        weights = np.sqrt(prevalence)
        of_the_sick = np.asarray(weights @ knowledge.frequency).ravel() / weights.sum()
        self._of_the_sick = np.maximum(of_the_sick, _RAREST)

    def log_ratios(self, patients: Sequence[Integers]) -> Floats:
        """The sums of each patient's phenotypes, patients × diseases.

        A patient's findings come from one illness and say partly the same: of n the sum is divided
        by n to the power of .3.
        """
        columns = np.unique(np.concatenate([*patients, np.zeros(0, dtype=np.int64)]))
        logs = np.zeros((len(columns), self._shown.shape[1]), dtype=np.float32)
        for at, column in enumerate(columns.tolist()):
            logs[at] = self._logs(column)
        sums = np.zeros((len(patients), logs.shape[1]), dtype=np.float32)
        for at, patient in enumerate(patients):
            if len(patient):
                whole = logs[np.searchsorted(columns, patient)].sum(axis=0)
                sums[at] = whole / len(patient) ** _DEPENDENCE
        return sums

    def _logs(self, phenotype: int) -> Floats:
        ancestors = entries(self._closure, phenotype)
        frequency = self._shown[[phenotype]].toarray()[0]
        often = np.zeros_like(frequency)
        for ancestor in ancestors[self._specific[ancestors]].tolist():
            rows = entries(self._stated, ancestor)
            begin = self._stated.indptr[ancestor]
            broader = _NARROWER * self._stated.data[begin : begin + len(rows)]
            often[rows] = np.maximum(often[rows], broader)
        stated = entries(self._stated, phenotype)
        often = np.maximum(often, frequency)
        often[stated] = frequency[stated]  # though it states a broader one as more frequent
        above = np.maximum(often / self._of_the_sick[phenotype], 1)
        return np.asarray(_WEIGHT * np.log(above), dtype=np.float32)
