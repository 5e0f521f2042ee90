"""The classifier of beats."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from ..classifier import FeatureClassifier
from .corpus import CLASSES

DEFAULT = Path(__file__).parent / "model"


class BeatClassifier(FeatureClassifier):
    """Classifies beats by their features."""

    KIND = "ecg beats"
    FIELDS = {"version": str}  # noqa: RUF012 (a class's constant, as its base says)

    @property
    def classes(self) -> tuple[str, ...]:
        """AAMI's classes."""
        return CLASSES

    @classmethod
    def open(cls, path: Path | str | None = None) -> Self:
        """Read a model's folder; without one, the model that ships.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        return super().open(DEFAULT if path is None else path)
