"""Conditions that a patient has anyway: those of the findings that many people have, whatever they
come with (high blood pressure at 70)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .knowledge import Floats, Integers, Knowledge
from .similarity import entries

# The share of people from which on a condition is an everyday one, so that "as many have it" is
# what it most often means; and the weight of the logarithms: as good as half and twice of it by the
# log loss of pictures of patients who have other conditions (docs/benchmarks/diagnosis.md).
_LEAST, _WEIGHT = 0.03, 0.5
_ADULT, _OLDER = 18.0, 65.0  # years


class EverydayConditions:
    """Conditions that a patient may have beside the illness that is looked for.

    Rankers of published cases take each finding for a sign of one disease. A condition that a
    share s of all people of the patient's age has, and f of those with a disease, is evidence
    for that by f / s where that is above 1. Of children all findings are to be explained.

    Args:
        age: of the patient, in years; where it isn't known, that of an adult is assumed.
    """

    def __init__(self, knowledge: Knowledge, age: float | None):
        self._knowledge = knowledge
        group = "adult" if age is None or age < _OLDER else "older"
        shares = {} if age is not None and age < _ADULT else _shares(group)
        columns = knowledge.phenotype_columns
        self._shares = {columns[id_]: s for id_, s in shares.items() if id_ in columns}

    @cached_property
    def columns(self) -> Integers:
        """Of the phenotypes that are such conditions."""
        return np.array(sorted(self._shares), dtype=np.int64)

    def split(self, patient: Integers) -> tuple[Integers, Integers]:
        """The findings that are to be explained, and the everyday conditions beside them."""
        is_everyday = np.isin(patient, self.columns)
        return patient[~is_everyday], patient[is_everyday]

    def log_ratios(self, conditions: Sequence[Integers]) -> Floats:
        """The weighted sums of the logarithms of f / s of patients' conditions, patients ×
        diseases; 1 × 1, of 0, where nobody has any.

        A condition that is a broader one of another ("diabetes", "type 2 diabetes") adds nothing.
        """
        if not any(len(of_patient) for of_patient in conditions):
            return np.zeros((1, 1), dtype=np.float32)
        narrowest = [self._narrowest(of_patient) for of_patient in conditions]
        has = np.array([np.isin(self.columns, of_patient) for of_patient in narrowest])
        return np.asarray(has.astype(np.float32) @ self._ratios, dtype=np.float32)

    @cached_property
    def _ratios(self) -> NDArray[np.float64]:
        """The weighted logarithms of f / s, conditions × diseases."""
        often = self._knowledge.frequency[:, self.columns].toarray().T
        shares = np.array([self._shares[column] for column in self.columns.tolist()])
        return np.asarray(_WEIGHT * np.log(np.maximum(often / shares[:, None], 1)))

    def _narrowest(self, conditions: Integers) -> Integers:
        broader = {
            ancestor
            for column in conditions.tolist()
            for ancestor in entries(self._knowledge.closure, column).tolist()
            if ancestor != column
        }
        return conditions[[column not in broader for column in conditions.tolist()]]


@cache
def _shares(group: str) -> Mapping[str, float]:
    path = Path(__file__).parent / "data" / "everyday.tsv"
    rows = pl.read_csv(path, separator="\t", comment_prefix="#").filter(pl.col(group) >= _LEAST)
    return dict(rows.select("phenotype", group).iter_rows())
