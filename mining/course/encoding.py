"""Covariates of visits as numbers of one scale, by what the training patients have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .visits import Visits

Features = NDArray[np.float32]
TIME, GAP = "time of the visit", "time since the visit before"
# A word that fewer patients have is not learnt, so that no folder holds what one patient has.
FEWEST_PATIENTS = 5
_MOST_WORDS = 50
_SKEWED = 1.0  # a skewness beyond which the logarithm is taken
_FURTHEST = 4.0  # standard deviations from the mean: a value beyond counts as one there


@dataclass(frozen=True)
class Numeric:
    """How a column of numbers is read: its logarithm where `shift` is one, else the number."""

    name: str
    median: float
    mean: float
    scale: float
    shift: float | None
    indicated: bool  # whether a feature says that the value is missing; where it often is

    @classmethod
    def fit(cls, name: str, values: NDArray[np.float64], patients: NDArray[np.int64]) -> Numeric:
        """The reading of a column with these values, nan where one is missing."""
        present = values[~np.isnan(values)]
        if not len(present):
            return cls(name, 0.0, 0.0, 1.0, None, False)
        median, shift = float(np.median(present)), None
        deviations = present - present.mean()
        skewness = (deviations**3).mean() / max(deviations.std() ** 3, 1e-12)
        if present.min() >= 0 and median > 0 and skewness > _SKEWED:
            shift = median / 10
            present = np.log(present + shift)
        scale = float(present.std())
        scale = scale if scale > 1e-9 * (1 + abs(float(present.mean()))) else 1.0
        lacking = len(np.unique(patients[np.isnan(values)]))
        return cls(name, median, float(present.mean()), scale, shift, lacking >= FEWEST_PATIENTS)

    def features(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 1 or 2): standardised values, the median for a missing one, and which are missing."""
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)
        if self.shift is not None:
            filled = np.log(np.maximum(filled, 0) + self.shift)
        standard = np.clip((filled - self.mean) / self.scale, -_FURTHEST, _FURTHEST)
        columns = [standard, missing] if self.indicated else [standard]
        return np.asarray(np.stack(columns, 1), float)


@dataclass(frozen=True)
class Categorical:
    """How a column of words is read: a feature for each word but the most frequent one."""

    name: str
    words: tuple[str, ...]

    @classmethod
    def fit(cls, name: str, values: NDArray[np.str_], patients: NDArray[np.int64]) -> Categorical:
        """The reading of a column with these values, "" where one is missing."""
        pairs = np.unique(np.stack([values, patients.astype(str)], 1), axis=0)
        words, counts = np.unique(pairs[:, 0], return_counts=True)
        order = np.lexsort((words, -counts))[:_MOST_WORDS]
        return cls(name, tuple(str(words[k]) for k in order if counts[k] >= FEWEST_PATIENTS))

    def features(self, values: NDArray[np.str_]) -> NDArray[np.float64]:
        """(n, words - 1): which word each is; the most frequent one and unknown ones are zeros."""
        others = self.words[1:]
        return (
            np.stack([values == w for w in others], 1).astype(float)
            if others
            else np.zeros((len(values), 0))
        )


@dataclass(frozen=True)
class Encoding:
    """How visits become features; fitted on training patients alone.

    Attributes:
        columns: how each covariate is read, with the time of the visit and the time since the one
            before where the training patients have several visits.
    """

    columns: tuple[Numeric | Categorical, ...]

    @classmethod
    def fit(cls, visits: Visits) -> Encoding:
        """The encoding of training patients' visits."""
        columns: list[Numeric | Categorical] = []
        numbers = visits.numbers
        for series in visits.covariates:
            if series.dtype == pl.String:
                columns.append(Categorical.fit(series.name, series.to_numpy().astype(str), numbers))
            else:
                columns.append(Numeric.fit(series.name, _numbers(series), numbers))
        if len(np.unique(visits.times)) > 1:
            columns.append(Numeric.fit(TIME, visits.times, numbers))
        gaps = _gaps(visits)
        if gaps.any():
            columns.append(Numeric.fit(GAP, gaps, numbers))
        return cls(tuple(columns))

    def features(self, visits: Visits) -> Features:
        """(n, features) of visits."""
        return np.concatenate(
            [c.features(self._values(visits, c)) for c in self.columns], 1, dtype=np.float32
        )

    @property
    def owners(self) -> list[str]:
        """(features,) the column that each feature is of."""
        names = []
        for c in self.columns:
            width = 1 + c.indicated if isinstance(c, Numeric) else max(0, len(c.words) - 1)
            names += [c.name] * width
        return names

    def _values(self, visits: Visits, column: Numeric | Categorical) -> Any:
        if column.name == TIME:
            return visits.times
        if column.name == GAP:
            return _gaps(visits)
        series = visits.covariates[column.name]
        return _numbers(series) if isinstance(column, Numeric) else series.to_numpy().astype(str)

    def to_list(self) -> list[dict[str, Any]]:
        """The columns as JSON can hold them."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_list(cls, columns: list[Mapping[str, Any]]) -> Encoding:
        """The encoding that `to_list` gave.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(
            tuple(
                Categorical(c["name"], tuple(c["words"])) if "words" in c else Numeric(**c)
                for c in columns
            )
        )


def _numbers(series: pl.Series) -> NDArray[np.float64]:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _gaps(visits: Visits) -> NDArray[np.float64]:
    """(n,) the time since the patient's visit before; 0 at the first."""
    numbers = visits.numbers
    gaps = np.diff(visits.times, prepend=visits.times[:1])
    return np.where(np.diff(numbers, prepend=-1) > 0, 0.0, gaps)
