"""Figures of a classifier of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from ...core import calibration

Probabilities = Mapping[str, NDArray[np.float64]]


def operating_point(probabilities: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The probability from which sensitivity and specificity together are highest.

    Halfway to the next lower one, so that it lies between pictures and not on one.
    """
    false_alarms, hits, thresholds = roc_curve(true, probabilities, drop_intermediate=False)
    best = max(1, int((hits - false_alarms).argmax()))
    lower = thresholds[best + 1] if best + 1 < len(thresholds) else 0.0
    return float((thresholds[best] + lower) / 2)


def figures_of(
    true: Mapping[str, NDArray[np.bool_]],
    probabilities: Probabilities,
    present: Mapping[str, NDArray[np.bool_]],
) -> dict[str, dict[str, Any]]:
    """By class: pictures, AUC, balanced accuracy, sensitivity, specificity and ECE.

    Args:
        true: by class, (n,) whether a picture is of it.
        probabilities: that it is.
        present: whether it is said to be, by the operating point.
    """
    figures: dict[str, dict[str, Any]] = {}
    for name, yes in true.items():
        sensitivity = float(present[name][yes].mean())
        specificity = float(1 - present[name][~yes].mean())
        figures[name] = {
            "pictures": int(yes.sum()),
            "auc": float(roc_auc_score(yes, probabilities[name])),
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ece": calibration.quality(probabilities[name], yes)["ece"],
        }
    return figures
