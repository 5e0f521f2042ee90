"""Calibration of a diagnosis model on published cases, and the coverage of its sets."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ...core.calibration import CALIBRATED_CANDIDATES, CalibrationQuality, quality
from .evaluated_cases import EvaluatedCases, Mask
from .explained import PatientEvidence
from .knowledge import Floats, Integers
from .model import DiagnosisModel
from .open_set import Ordered, SetCoverage, auroc, coverage_of

COVERAGES = (0.8, 0.9, 0.95)
Probabilities = NDArray[np.float64]


class Coverage(TypedDict):
    """How an open set does on cases: see `CalibrationRecord.report`."""

    fitted: dict[str, float | None]
    none: CalibrationQuality
    auroc: float | None
    sets: list[SetCoverage]


class CalibrationReport(TypedDict):
    """Calibration of the first rank and of the first candidates, and of the open set."""

    calibration: dict[str, CalibrationQuality] | None
    open_set: Coverage | None


class CalibrationRecord:
    """Collects, batch by batch, the probabilities of a model, and whether the disease was right."""

    def __init__(self, model: DiagnosisModel, cases: EvaluatedCases):
        self._open_set = model.open_set
        self._temperature = model.temperature
        self._stated = model.knowledge.as_stated
        self._cases = cases
        self._first: list[tuple[float, bool]] = []
        self._candidates: list[tuple[Probabilities, Mask]] = []
        self._none: list[Probabilities] = []
        self._sets: dict[float, list[Integers]] = {coverage: [] for coverage in COVERAGES}

    def add(self, scores: Floats, batch: Integers) -> None:
        """Record the scores of some cases.

        Args:
            scores: patients × diseases, by what was seen alone.
            batch: the numbers of the cases.
        """
        rows = [self._cases.rows[case] for case in batch]
        seen = PatientEvidence(self._stated, [self._cases.present[case] for case in batch])
        if self._open_set is None:
            probabilities = softmax(scores.astype(np.float64) / self._temperature, axis=1)
        else:
            with_none = self._open_set.probabilities(scores, seen)
            probabilities, none = with_none[:, :-1], with_none[:, -1]
            self._none.append(none)
            ordered = Ordered.of(with_none)
            for coverage, sets in self._sets.items():
                sets += ordered.sets(self._open_set.limit(coverage))
        number = min(CALIBRATED_CANDIDATES, probabilities.shape[1])
        for row, truth in zip(probabilities, rows, strict=True):
            order = np.argsort(-row, kind="stable")[:number]
            right = np.isin(order, truth)
            self._first.append((float(row[order[0]]), bool(right[0])))
            self._candidates.append((row[order], right))

    def report(self) -> CalibrationReport:
        """`calibration` of the first rank and of the first candidates; `open_set` if there is one:
        `fitted` (figures of the cases that it was fitted on), `none` (calibration of "none of
        these"), `auroc` and `sets` (`open_set.coverage_of`)."""
        if not self._first:
            return {"calibration": None, "open_set": None}
        first = np.array(self._first)
        probabilities, right = zip(*self._candidates, strict=True)
        return {
            "calibration": {
                "first": quality(first[:, 0], first[:, 1].astype(bool)),
                f"first_{CALIBRATED_CANDIDATES}": quality(
                    np.concatenate(probabilities), np.concatenate(right)
                ),
            },
            "open_set": self._coverage(),
        }

    def _coverage(self) -> Coverage | None:
        if self._open_set is None:
            return None
        usable = self._cases.usable
        none, without_candidate = np.concatenate(self._none), ~self._cases.known[usable]
        rows = [row for row, use in zip(self._cases.rows, usable, strict=True) if use]
        publications = self._cases.publications[usable]
        return {
            "fitted": {
                "n": self._open_set.figures["n"],
                "base_rate": round(self._open_set.base_rate, 4),
                "auroc": self._open_set.figures["auroc"],
            },
            "none": quality(none, without_candidate),
            "auroc": auroc(none[~without_candidate], none[without_candidate]),
            "sets": [
                coverage_of(sets, rows, publications, coverage)
                for coverage, sets in self._sets.items()
            ],
        }
