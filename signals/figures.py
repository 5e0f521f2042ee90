"""Figures of a classifier of parts of recordings, such as beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import calibration


def figures_of(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    classes: Sequence[str],
    unit: str,
) -> dict[str, Any]:
    """Accuracy, the share of the most frequent class, and by class precision, recall and F1.

    Args:
        labels: (n,) numbers of `classes`.
        scores: (n, classes); a part's class is that of the highest.
        unit: what the parts are, in the plural, such as "beats".
    """
    predicted = scores.argmax(1)
    by_class = {}
    for k, name in enumerate(classes):
        hits = int(((labels == k) & (predicted == k)).sum())
        n, named = int((labels == k).sum()), int((predicted == k).sum())
        by_class[name] = {
            unit: n,
            "precision": hits / named if named else 0.0,
            "recall": hits / n if n else 0.0,
            "f1": 2 * hits / (n + named) if n + named else 0.0,
        }
    return {
        "accuracy": float((labels == predicted).mean()),
        "majority": float(np.bincount(labels).max() / len(labels)),
        "classes": by_class,
    }


def calibration_error(probabilities: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The expected calibration error of one class's probabilities."""
    return calibration.quality(probabilities, true)["ece"]
