"""Conditions that a patient has anyway: those of the findings that many people have, whatever they
come with (high blood pressure at 70)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from .knowledge import Floats, Integers, Knowledge

_LEAST = 0.03  # the share of people from which on a condition is an everyday one
_WEIGHT = 0.5  # of the logarithms
_UNTIL = {"child": 18.0, "adult": 65.0, "older": np.inf}  # years


class EverydayConditions:
    """Conditions that a patient may have beside the illness that is looked for.

    Rankers of published cases take each finding for a sign of one disease. A condition that a
    share s of all people of the patient's age has, and f of those with a disease, is evidence
    for that by f / s where that is above 1.

    Args:
        age: of the patient, in years; where it isn't known, that of an adult is assumed.
    """

    def __init__(self, knowledge: Knowledge, age: float | None):
        self._knowledge = knowledge
        group = "adult" if age is None else next(g for g, end in _UNTIL.items() if age < end)
        columns = knowledge.phenotype_columns
        self._shares = {columns[id_]: s for id_, s in _shares(group).items() if id_ in columns}

    def split(self, patient: Integers) -> tuple[Integers, Integers]:
        """The findings that are to be explained, and the everyday conditions beside them.

        Where a patient has nothing else, these are what is to be explained.
        """
        is_everyday = np.array([column in self._shares for column in patient.tolist()], dtype=bool)
        if is_everyday.all():
            return patient, patient[:0]
        return patient[~is_everyday], patient[is_everyday]

    def log_ratios(self, conditions: Sequence[Integers]) -> Floats:
        """The weighted sums of the logarithms of f / s of patients' conditions, patients ×
        diseases; 1 × 1, of 0, where nobody has any."""
        columns = np.unique(np.concatenate([*conditions, np.zeros(0, dtype=np.int64)]))
        if not len(columns):
            return np.zeros((1, 1), dtype=np.float32)
        often = self._knowledge.frequency[:, columns].toarray().T
        shares = np.array([self._shares[column] for column in columns.tolist()])
        ratios = _WEIGHT * np.log(np.maximum(often / shares[:, None], 1))
        has = np.array([np.isin(columns, of_patient) for of_patient in conditions])
        return np.asarray(has.astype(np.float32) @ ratios, dtype=np.float32)


@cache
def _shares(group: str) -> Mapping[str, float]:
    path = Path(__file__).parent / "data" / "everyday.tsv"
    rows = pl.read_csv(path, separator="\t", comment_prefix="#").filter(pl.col(group) >= _LEAST)
    return dict(rows.select("phenotype", group).iter_rows())
