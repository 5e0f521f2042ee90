"""Figures of a classifier of beats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import calibration
from .corpus import CLASSES


def figures_of(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, Any]:
    """Accuracy, the share of the most frequent class, and by class precision, recall and F1.

    Args:
        labels: (n,) numbers of `CLASSES`.
        scores: (n, classes); a beat's class is that of the highest.
    """
    predicted = scores.argmax(1)
    classes = {}
    for k, name in enumerate(CLASSES):
        hits = int(((labels == k) & (predicted == k)).sum())
        beats, named = int((labels == k).sum()), int((predicted == k).sum())
        classes[name] = {
            "beats": beats,
            "precision": hits / named if named else 0.0,
            "recall": hits / beats if beats else 0.0,
            "f1": 2 * hits / (beats + named) if beats + named else 0.0,
        }
    return {
        "accuracy": float((labels == predicted).mean()),
        "majority": float(np.bincount(labels).max() / len(labels)),
        "classes": classes,
    }


def calibration_error(probabilities: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The expected calibration error of one class's probabilities."""
    return calibration.quality(probabilities, true)["ece"]
