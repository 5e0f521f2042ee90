"""Intervals of figures: the bootstrap over groups, Clopper and Pearson's, Wilson's.

Rows that belong together (edges of one head, patients of one publication, mentions of one document)
are alike, so that drawing rows one by one would give intervals that are too narrow: the bootstrap
draws whole groups (Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 1000  # of a bootstrap, unless said otherwise
_TAIL = 0.025  # of the draws beyond each bound of a 95 % interval
_Z = 1.96  # standard deviations from the mean to these bounds in a normal distribution


def drawn_counts(groups: int, seed: int, draws: int = DRAWS) -> Ints:
    """How often each group is in each draw of the bootstrap.

    Args:
        groups: how many there are; each draw takes as many, with replacement.

    Returns:
        (draws, groups); (0, 0) where there is no group.
    """
    if not groups:
        return np.zeros((0, 0), dtype=np.int64)
    generator = np.random.default_rng(seed)
    return generator.multinomial(groups, np.full(groups, 1 / groups), size=draws)


def draws_one_by_one(groups: int, generator: np.random.Generator, draws: int = DRAWS) -> Ints:
    """How often each group is in each draw, from a generator of which each group is drawn singly.

    The same distribution as `drawn_counts`, by other random numbers.

    Returns:
        (draws, groups).
    """
    counts = np.zeros((draws, groups), dtype=np.int64)
    if groups:
        chosen = generator.integers(0, groups, size=(draws, groups))
        np.add.at(counts, (np.arange(draws)[:, None], chosen), 1)
    return counts


def percentile_bounds(drawn: Floats) -> tuple[float, float]:
    """The bounds of the middle 95 % of a bootstrap's draws."""
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def bootstrap_interval(drawn: Floats, groups: int | None = None) -> list[float]:
    """The 95 % interval of a bootstrap's draws, to four digits.

    Args:
        drawn: (draws,), the figure in each.
        groups: of a figure between 0 and 1, how many groups it is the mean of. Where all of them
            have 0 (or all 1) every draw has, however few there are; then the bound is Clopper and
            Pearson's. Groups that agree on another value still have an interval of that value.
    """
    low, high = percentile_bounds(drawn)
    if groups and low == high and low in (0, 1):
        low, high = clopper_pearson_of_all(groups, succeeded=bool(low))
    return [round(low, 4), round(high, 4)]


def clopper_pearson_of_all(n: int, *, succeeded: bool) -> tuple[float, float]:
    """The exact 95 % interval of a binomial proportion of which all n trials (or none) succeeded.

    Source: Clopper and Pearson, The Use of Confidence or Fiducial Limits, Biometrika 1934.
    """
    bound = _TAIL ** (1 / n)
    return (bound, 1.0) if succeeded else (0.0, 1 - bound)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a binomial proportion, of which n trials had this share of successes.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
    """
    square = _Z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), middle + half


@dataclass(frozen=True)
class Bootstrap:
    """Groups of rows, drawn again and again with replacement.

    Attributes:
        groups: (rows,), the number of each row's group, from 0.
        sizes: (groups,), rows of each.
        counts: (draws, groups), how often each was drawn.
    """

    groups: Ints
    sizes: Ints
    counts: Ints

    @classmethod
    def over(cls, groups: Ints, seed: int, draws: int = DRAWS) -> Bootstrap:
        """Draw the groups that rows are in.

        Args:
            groups: (rows,), any number that names each row's group.
        """
        names, where = np.unique(groups, return_inverse=True)
        sizes = np.bincount(where, minlength=len(names))
        return cls(where, sizes, drawn_counts(len(names), seed, draws))

    def sums(self, values: Floats) -> Floats:
        """The sum of the values (rows,) in each group, (groups,)."""
        sums = np.bincount(self.groups, weights=values, minlength=len(self.sizes))
        return sums.astype(np.float64, copy=False)

    def means(self, values: Floats) -> Floats:
        """The mean of the values (rows,) over the rows of each draw, (draws,)."""
        return drawn_means(self.counts, self.sums(values), self.sizes)

    def group_means(self, values: Floats) -> Floats:
        """The mean over the groups of each draw of their own means of the values, (draws,)."""
        return np.asarray(self.counts @ (self.sums(values) / self.sizes) / len(self.sizes))


def drawn_means(counts: Ints, sums: Floats, sizes: Floats | Ints) -> Floats:
    """The mean in each draw, from the groups' sums and sizes (or weights), (draws,).

    Args:
        counts: (draws, groups); sums, sizes: (groups,).
    """
    return np.asarray(counts @ sums / (counts @ sizes))


def with_interval(
    name: str, value: float | np.floating[Any], drawn: Floats, groups: int | None = None
) -> dict[str, float | list[float]]:
    """A figure to four digits and, under `<name>_interval`, its 95 % interval.

    Args:
        drawn, groups: see `bootstrap_interval`.
    """
    interval = bootstrap_interval(drawn, groups)
    return {name: round(float(value), 4), f"{name}_interval": interval}


def difference_with_interval(
    name: str, value: float | np.floating[Any], drawn: Floats
) -> dict[str, float | list[float]]:
    """The mean difference of two models on the same rows, and how sure it is.

    Args:
        value: their difference; drawn: in each draw, which is one for both.

    Returns:
        As `with_interval`, and under `<name>_ahead` the share of draws in which the first is ahead.
    """
    return {
        **with_interval(name, value, drawn),
        f"{name}_ahead": round(float((drawn > 0).mean()), 4),
    }
