"""The classifier of epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from ...core.errors import ModelError
from ..classifier import FeatureClassifier, Members, Scores, member_scores
from .events import BACKGROUND
from .features import Floats, n_features


class EpochClassifier(FeatureClassifier):
    """Classifies epochs of each channel by their features."""

    KIND = "eeg epochs"
    FIELDS = {"version": str, "classes": list}  # noqa: RUF012 (a class's constant, as its base says)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Read a model's folder.

        Raises:
            ModelError: there is none, it is damaged, or it reads other features.
        """
        model = super().open(path)
        names = (BACKGROUND, *model.calibrations)
        if model.classes != names or len(names) != model.network.outer.out_features:
            raise ModelError(f"{path}: is damaged (its classes); train the model anew")
        if len(model.network.middle) != n_features():
            raise ModelError(f"{path}: reads other features of epochs; train the model anew")
        return model


def epoch_scores(members: Members, features: Floats) -> Scores:
    """(epochs, classes): the mean over channels of the members' scores.

    Args:
        features: (epochs, channels, features).
    """
    rows = member_scores(*members, np.ascontiguousarray(features.reshape(-1, features.shape[-1])))
    return np.asarray(rows.reshape(*features.shape[:2], -1).mean(1))
