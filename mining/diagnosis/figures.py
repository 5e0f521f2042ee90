"""Figures of ranked patients: top-k, reciprocal rank and the first rank, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.ranking import best_rank
from ...core.statistics import Bootstrap, with_interval
from .knowledge import Floats, Integers

TOP = (1, 3, 10, 50)
PAIRED_FIGURES = ("top_1", "top_3", "top_10", "mrr")
Ranks = NDArray[np.float64]
# By name: counts and figures, pairs of bounds, and null for a rank beyond all candidates.
Figures = dict[str, Any]


def best_ranks(scores: Floats, rows: Sequence[Integers]) -> Ranks:
    """The rank of the best of each patient's diseases (see `best_rank`), infinite without any.

    Args:
        scores: patients × diseases.
        rows: of each patient, those of the diseases that count.
    """
    ranks = np.full(len(rows), np.inf)
    for number, (row, right) in enumerate(zip(scores, rows, strict=True)):
        if len(right):
            ranks[number] = best_rank(row, right)
    return ranks


def ranks_of(scores: Floats, answers: Integers) -> Ranks:
    """The rank of each patient's disease, of equal scores the mean; infinite where unknown (-1)."""
    rows = [np.array([row for row in (answer,) if row >= 0], dtype=np.int64) for answer in answers]
    return best_ranks(scores, rows)


def first_of(scores: Floats, seed: int) -> Integers:
    """The row of each patient's highest score, of equal ones any: not the first, since identifiers
    that sort first are more often a case's diagnosis."""
    rng = np.random.default_rng(seed)
    highest = scores.max(axis=1, keepdims=True)
    return np.array([rng.choice(np.flatnonzero(row)) for row in scores == highest])


def figures_of(
    ranks: Ranks,
    first: Integers,
    answers: Integers,
    groups: Integers,
    *,
    series: Ranks | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> Figures:
    """Figures of ranked patients.

    Args:
        ranks: of the patients' diseases; infinite where missed.
        first: the disease put first, by number; -2 where none was.
        answers: the right one, by number; negative where it is no candidate.
        groups: number of each patient's publication; bootstrap draws these, whole.
        series: ranks of the best of each disease's series.

    Returns:
        `n`, `publications`, `known` (patients whose disease is a candidate); `top_1`, `top_3`,
        `top_10`, `top_50` and `mrr`, over patients, and (`macro_…`) as the mean over publications,
        each with a 95 % interval; `series_top_1` and so on likewise; `median_rank` over patients
        and over publications (of their medians), null where it is beyond all candidates; and of
        the first rank `accuracy`, `precision`, `recall` and `f1`, as means over the diseases, and
        `precision_micro`, `recall_micro`, `f1_micro`, over patients.
    """
    values = {**top_k_hits(ranks), "mrr": 1 / ranks}
    if series is not None:
        values |= {f"series_{name}": value for name, value in top_k_hits(series).items()}
    bootstrap = Bootstrap.over(groups, seed, draws)
    result: Figures = {
        "n": len(ranks),
        "publications": len(bootstrap.sizes),
        "known": int((answers >= 0).sum()),
    }
    for name, value in values.items():
        result |= means_with_intervals(bootstrap, name, value)
    of_publications = [np.median(ranks[bootstrap.groups == g]) for g in range(len(bootstrap.sizes))]
    for name, rank in (("", np.median(ranks)), ("macro_", np.median(of_publications))):
        result[f"{name}median_rank"] = finite_rank(rank)
    return {**result, **_of_first_rank(first, answers)}


def paired_difference(
    ours: Ranks,
    theirs: Ranks,
    groups: Integers,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> Figures:
    """How much better one model ranks the same patients than another: differences of `top_1`,
    `top_3`, `top_10` and `mrr`, over patients and over publications (`macro_…`), each with a 95 %
    interval by bootstrap over publications."""
    bootstrap = Bootstrap.over(groups, seed, draws)
    one, two = ({**top_k_hits(ranks), "mrr": 1 / ranks} for ranks in (ours, theirs))
    differences: Figures = {}
    for name in PAIRED_FIGURES:
        differences |= means_with_intervals(bootstrap, name, one[name] - two[name], difference=True)
    return differences


def top_k_hits(ranks: Ranks) -> dict[str, Ranks]:
    """Whether each rank is among the first k, 0 or 1, for each k of `TOP`."""
    return {f"top_{k}": (ranks <= k).astype(float) for k in TOP}


def means_with_intervals(
    bootstrap: Bootstrap, name: str, value: NDArray[np.float64], *, difference: bool = False
) -> Figures:
    """The mean over patients, and that over publications, each with its 95 % interval.

    Args:
        bootstrap: over the patients' publications.
        value: (patients,), between 0 and 1 but for a difference.
    """
    publications = len(bootstrap.sizes)
    groups = None if difference else publications
    shares = bootstrap.sums(value) / bootstrap.sizes
    return {
        **with_interval(name, value.mean(), bootstrap.means(value), groups),
        **with_interval(f"macro_{name}", shares.mean(), bootstrap.group_means(value), groups),
    }


def _of_first_rank(first: Integers, answers: Integers) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of what was put first: over patients, and as means over
    the diseases that are a patient's or were put first; one that was never put first has a
    precision of 0."""
    diseases = np.union1d(first[first >= 0], answers)
    right = np.array([((first == d) & (answers == d)).sum() for d in diseases])
    put_first = np.array([(first == d).sum() for d in diseases])
    actual = np.array([(answers == d).sum() for d in diseases])
    answered = max(int((first >= 0).sum()), 1)
    return {
        "accuracy": rounded((first == answers).mean()),
        "precision": rounded((right / np.maximum(put_first, 1)).mean()),
        "recall": rounded((right / np.maximum(actual, 1)).mean()),
        "f1": rounded((2 * right / np.maximum(put_first + actual, 1)).mean()),
        "precision_micro": rounded(right.sum() / answered),
        "recall_micro": rounded(right.sum() / len(answers)),
        "f1_micro": rounded(2 * right.sum() / (answered + len(answers))),
    }


def finite_rank(rank: float | np.float64) -> float | None:
    """A rank as JSON can hold it."""
    return float(rank) if np.isfinite(rank) else None


def rounded(value: float) -> float:
    """A figure as it is reported, to four places."""
    return round(float(value), 4)
