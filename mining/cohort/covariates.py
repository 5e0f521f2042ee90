"""Covariates of patients, and how far groups differ in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .records import Records

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
LEAST = 5  # patients who have a covariate, and who don't: what is rarer tells who somebody is
UNLIKE = 0.1  # standard deviations from which on groups count as unlike (Austin 2009)
_PROPERTIES = {"age": "age (years)", "birth_year": "year of birth"}


@dataclass(frozen=True)
class Covariates:
    """Covariates of n patients.

    Attributes:
        names: of the k covariates; relations: how patients have each, `property` for age and sex.
        values: (n, k): 1 or 0 for what is there or not recorded, and for the sex; numbers; nan for
            those, and the sex, that are missing.
        is_number: (k,).
    """

    names: tuple[str, ...]
    relations: tuple[str, ...]
    values: Floats
    is_number: Mask

    def of_both(self, treated: Mask) -> Covariates:
        """Those that can be balanced between two arms, (n,) saying which patient is of which.

        Not what is known of one arm alone, nor drugs that one arm alone takes: such a drug is what
        the arm gets in place of the treatment.
        """
        known = ~np.isnan(self.values)
        takes = np.array([relation == "TAKES" for relation in self.relations], bool)
        there = np.where(takes, self.values == 1, known)
        kept = np.minimum(there[treated].sum(0), there[~treated].sum(0)) >= LEAST
        return self._of(np.flatnonzero(kept))

    def _of(self, indices: NDArray[np.int64]) -> Covariates:
        return Covariates(
            tuple(self.names[k] for k in indices),
            tuple(self.relations[k] for k in indices),
            self.values[:, indices],
            self.is_number[indices],
        )

    def standardised(self) -> Floats:
        """(n, features): of mean 0 and deviation 1; a missing number is the median, and marked."""
        missing = np.isnan(self.values)
        medians = np.nanmedian(self.values, axis=0)
        marks = missing[:, missing.any(0)].astype(float)
        features = np.hstack([np.where(missing, medians, self.values), marks])
        spread = features.std(0)
        kept = spread > 0
        return np.asarray((features[:, kept] - features[:, kept].mean(0)) / spread[kept])


def covariates_of(
    records: Records,
    patients: pl.DataFrame,
    left_out: Iterable[str],
) -> Covariates:
    """The covariates of some patients: age, sex, and what is recorded until a date of each.

    Args:
        patients: patient, date: what is dated later is left out; null: nothing is. What has no date
            counts, since nothing says that it came later.
        left_out: identifiers of things that, and kinds of which, to have is no covariate (an
            allergy to them is one).
    """
    index = patients.select("patient", date_zero="date").with_row_index("row")
    facts = records.facts.filter(~records.is_having(left_out)).join(
        index, on="patient", how="inner"
    )
    # A date may be a year alone: it is later only where as much of both as is known says so.
    length = pl.min_horizontal(pl.col("date").str.len_chars(), pl.col("date_zero").str.len_chars())
    later = pl.col("date").str.head(length) > pl.col("date_zero").str.head(length)
    facts = facts.filter(~later.fill_null(False)).sort("date", "value")
    # Of several results the last one until then counts; of those of one day, the highest.
    cells = facts.group_by("relation", "object", "row").agg(pl.col("value").drop_nulls().last())
    names, relations, columns, numbers = [], [], [], []
    for (relation, thing), part in sorted(cells.group_by("relation", "object"), key=lambda p: p[0]):
        is_number = part["value"].count() >= LEAST
        column = np.full(len(index), np.nan if is_number else 0.0)
        column[part["row"].to_numpy()] = part["value"].to_numpy() if is_number else 1.0
        names.append(records.names[str(thing)])
        relations.append(str(relation))
        columns.append(column)
        numbers.append(is_number)
    own = index.join(records.properties, on="patient", how="left").sort("row")
    female = (own["sex"] == "female").cast(pl.Float64)
    if female.drop_nulls().n_unique() > 1:
        names.append("female")
        relations.append("property")
        columns.append(female.fill_null(float("nan")).to_numpy())
        numbers.append(False)
    for property_, name in _PROPERTIES.items():
        names.append(name)
        relations.append("property")
        columns.append(own[property_].fill_null(float("nan")).to_numpy())
        numbers.append(True)
    return _frequent(names, relations, columns, numbers, len(index))


def _frequent(
    names: list[str], relations: list[str], columns: list[Floats], numbers: list[bool], n: int
) -> Covariates:
    """Those that enough patients have, and enough do not, or that are known of enough."""
    values = np.stack(columns, 1) if columns else np.zeros((n, 0))
    is_number = np.array(numbers, bool)
    known = (~np.isnan(values)).sum(0)
    there = np.where(is_number, known, np.nansum(values, 0))
    kept = (there >= LEAST) & (is_number | (known - there >= LEAST))
    return Covariates(tuple(names), tuple(relations), values, is_number)._of(np.flatnonzero(kept))


def shown_means(covariates: Covariates, group: Mask) -> Floats:
    """(k,): means of a group, (n,); nan where they would tell of fewer than five patients.

    These are numbers that are known of fewer, and what one to four of them have.
    """
    own = covariates.values[group]
    known, there = (~np.isnan(own)).sum(0), (own == 1).sum(0)
    few = np.where(covariates.is_number, known < LEAST, (there > 0) & (there < LEAST))
    return np.where(few, np.nan, means_of(covariates.values, group.astype(float))[0])


def means_of(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(k,) each: weighted means and variances of (n, k) values; nan where none is known."""
    known = ~np.isnan(values)
    totals = weights @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ np.where(known, values, 0)) / totals
        spread = (weights @ np.where(known, (values - means) ** 2, 0)) / totals
    return means, spread


def differences(values: Floats, first: Floats, second: Floats) -> Floats:
    """(k,): standardised mean differences of two groups, given by (n,) weights of patients.

    Infinite where neither group varies and they differ, nan where a group has no known value.

    Source: Austin, Balance Diagnostics for Comparing the Distribution of Baseline Covariates
    between Treatment Groups in Propensity-Score Matched Samples, Statistics in Medicine 2009.
    """
    (means, spreads), (other_means, other_spreads) = (
        means_of(values, first),
        means_of(values, second),
    )
    gap = means - other_means
    spread = np.sqrt((spreads + other_spreads) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Differences of rounding are none.
        return np.where(np.abs(gap) < 1e-12, 0 * gap, gap / spread)
