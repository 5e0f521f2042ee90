"""Areas under the ROC and precision-recall curves: how well scores tell true pairs from others."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# At most so many queries, and pairs of them, are compared with each other's: a GB of memory.
POOLED_QUERIES, POOLED_PAIRS = 1000, 10_000_000


class PooledFigures(TypedDict):
    """How well scores tell true pairs from all others, over all queries together.

    Attributes:
        pairs: compared; true: of these.
        auroc, auprc: see `auroc_auprc`.
    """

    pairs: int
    true: int
    auroc: float
    auprc: float


def pooled_figures(
    scores: NDArray[np.floating[Any]], true: Bools, compared: Bools
) -> PooledFigures:
    """The figures of those pairs that are compared.

    Args:
        scores, true, compared: (queries, answers).
    """
    auroc, auprc = auroc_auprc(scores[compared], true[compared])
    return PooledFigures(
        pairs=int(compared.sum()),
        true=int(true[compared].sum()),
        auroc=round(auroc, 4),
        auprc=round(auprc, 4),
    )


def auroc_auprc(scores: NDArray[np.floating[Any]], true: Bools) -> tuple[float, float]:
    """The area under the ROC curve (ties half) and the average precision Σ (Rₙ - Rₙ₋₁) Pₙ.

    NaN where one of the classes is empty.

    Args:
        scores, true: (pairs,).
    """
    if not len(scores):
        return np.nan, np.nan
    order, ends = _falling(scores)
    return weighted_areas(true[order].astype(float), ends, np.ones(len(order)))


def precision_recall_curve(scores: NDArray[np.floating[Any]], true: Bools) -> tuple[Floats, Floats]:
    """Recall and precision of the pairs that score at least so much, at each score, falling.

    The area under the steps that they make is the average precision of `auroc_auprc`.

    Args:
        scores, true: (pairs,); at least one of them is true.

    Returns:
        (scores that differ,) each.
    """
    order, ends = _falling(scores)
    positive = np.cumsum(true[order])[ends]
    return positive / positive[-1], positive / (ends + 1)


def _falling(scores: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order of falling score, and in it the last place of each score that differs."""
    order = np.argsort(-scores, kind="stable")
    values = scores[order]
    return order, np.flatnonzero(np.append(values[1:] != values[:-1], True))


def weighted_areas(true: Floats, ends: NDArray[np.int64], weights: Floats) -> tuple[float, float]:
    """AUROC and average precision of weighted pairs in order of falling score.

    `ends` are the last places of each run of equal scores. NaN where one of the classes is empty.
    """
    positive = np.cumsum(true * weights)[ends]
    negative = np.cumsum((1 - true) * weights)[ends]
    if not (positive[-1] and negative[-1]):
        return np.nan, np.nan
    gained = np.diff(positive, prepend=0)
    roc = (np.diff(negative, prepend=0) * (positive - gained / 2)).sum()
    precision = positive / np.maximum(positive + negative, np.finfo(float).tiny)
    return (
        float(roc / positive[-1] / negative[-1]),
        float((gained * precision).sum() / positive[-1]),
    )
