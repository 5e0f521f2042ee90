"""How usual a patient's findings are of each disease, as far as frequencies are stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .knowledge import Floats, Integers, Knowledge
from .matches import is_specific
from .similarity import entries

# How often a disease shows a phenotype of which nothing is stated, how often one who has a
# phenotype has one that is narrower, and the weight of the logarithms; chosen by the log loss of
# textbook pictures, as the weights of `prevalence` are.
_NOT_KNOWN_TO_SHOW, _NARROWER, _WEIGHT = 0.02, 0.5, 1.5


class FindingFrequencies:
    """Weighted logarithms of how often each disease shows each phenotype, above that of what it
    isn't known to show.

    A phenotype narrower than what a disease states ("nonproductive cough" for "cough") counts as
    half as frequent as that. Rankers of published cases hear little of frequencies: there rare
    findings are what is worth publishing. In a clinic the usual one of two diseases with a cough is
    the one with a cough.
    """

    def __init__(self, knowledge: Knowledge):
        self._closure = knowledge.closure
        self._shown = knowledge.frequency.tocsc()
        self._stated = knowledge.annotated.tocsc()
        self._specific = is_specific(knowledge, slice(None))

    def means(self, patients: Sequence[Integers]) -> Floats:
        """The mean of each patient's phenotypes, patients × diseases."""
        columns = np.unique(np.concatenate([*patients, np.zeros(0, dtype=np.int64)]))
        logs = np.zeros((len(columns), self._shown.shape[0]), dtype=np.float32)
        for at, column in enumerate(columns.tolist()):
            logs[at] = self._logs(column)
        means = np.zeros((len(patients), logs.shape[1]), dtype=np.float32)
        for at, patient in enumerate(patients):
            if len(patient):
                means[at] = logs[np.searchsorted(columns, patient)].mean(axis=0)
        return means

    def _logs(self, phenotype: int) -> Floats:
        ancestors = entries(self._closure, phenotype)
        frequency = self._shown[:, [phenotype]].toarray()[:, 0]
        often = np.zeros_like(frequency)
        for ancestor in ancestors[self._specific[ancestors]].tolist():
            rows = entries(self._stated, ancestor)
            begin = self._stated.indptr[ancestor]
            broader = _NARROWER * self._stated.data[begin : begin + len(rows)]
            often[rows] = np.maximum(often[rows], broader)
        stated = entries(self._stated, phenotype)
        often = np.maximum(often, frequency)
        often[stated] = frequency[stated]  # though it states a broader one as more frequent
        above = np.maximum(often / _NOT_KNOWN_TO_SHOW, 1)
        return np.asarray(_WEIGHT * np.log(above), dtype=np.float32)
