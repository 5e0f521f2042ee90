"""How good risks over time are: discrimination, Brier score and calibration, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.statistics import difference_with_interval, drawn_counts, with_interval
from .curves import Curves, Floats
from .visits import Visits

BASELINE = "cox"
_TIMES = 20  # up to the horizon, of which the Brier score is the mean
_BINS = 10
_LEAST_WEIGHED = 0.05  # the least share still under observation by which is divided
_MOST = 4_000  # patients of a part who are compared with each other


@dataclass(frozen=True)
class Part:
    """Patients whose risks come from the same models, which have not seen them.

    Attributes:
        curves: by model, Cox's among them, of n patients.
        remaining, events: (n,), what came of them.
    """

    curves: Mapping[str, Curves]
    remaining: Floats
    events: NDArray[np.bool_]


def part_at(
    visits: Visits, curves: Mapping[str, Curves], landmark: float | None, most: int = _MOST
) -> Part:
    """The patients under observation at a time, by their last visit until then.

    Args:
        landmark: the time; none: every patient at the first visit.
    """
    numbers = visits.numbers
    if landmark is None:
        rows = np.flatnonzero(np.diff(numbers, prepend=-1))
        elapsed = np.zeros(len(rows))
    else:
        rows = np.flatnonzero((visits.times <= landmark) & (visits.ends > landmark))
        rows = rows[np.diff(numbers[rows], append=-1) != 0]
        elapsed = landmark - visits.times[rows]
    if len(rows) > most:
        kept = np.sort(np.random.default_rng(0).choice(len(rows), most, replace=False))
        rows, elapsed = rows[kept], elapsed[kept]
    later = {name: c.of(rows).since(elapsed, c.edges) for name, c in curves.items()}
    return Part(later, visits.remaining[rows] - elapsed, visits.events[rows])


def figures_of(parts: Sequence[Part], horizon: float, seed: int) -> dict[str, Any]:
    """The figures of each model, and of each beside Cox's on the same draws of patients.

    Patients are compared with those of their own part alone.

    Args:
        horizon: the time within which AUC and calibration take events, and to which the integrated
            Brier score goes.

    Returns:
        patients; events, within the horizon; models: by name `c`, `auc`, `ibs` with intervals,
        `calibration_error` and `calibration` (`calibration_of`); against_cox: by name the
        differences of `c`, `auc` and `ibs` with intervals.
    """
    remaining = np.concatenate([part.remaining for part in parts])
    events = np.concatenate([part.events for part in parts])
    observed = KaplanMeier.of(remaining, ~events)
    draws = [drawn_counts(len(p.events), seed + k).astype(np.float32) for k, p in enumerate(parts)]
    within = int((events & (remaining <= horizon)).sum())
    report: dict[str, Any] = {"patients": len(events), "events": within}
    drawn: dict[str, dict[str, Floats]] = {}
    report["models"] = {}
    for name in parts[0].curves:
        risks = np.concatenate([part.curves[name].risk(horizon) for part in parts])
        errors = [brier_of(p.curves[name], p.remaining, p.events, observed, horizon) for p in parts]
        pairs = {
            "c": [antolini_pairs(p.curves[name], p.remaining, p.events) for p in parts],
            "auc": [
                auc_pairs(p.curves[name].risk(horizon), p.remaining, p.events, observed, horizon)
                for p in parts
            ],
        }
        row: dict[str, Any] = {}
        drawn[name] = {}
        for figure, matrices in pairs.items():
            value, drawn[name][figure] = _shares(matrices, draws)
            row |= with_interval(figure, value, drawn[name][figure])
        sums = sum(np.asarray(d @ e, float) for d, e in zip(draws, errors, strict=True))
        drawn[name]["ibs"] = np.asarray(sums) / len(events)
        row |= with_interval("ibs", float(np.concatenate(errors).mean()), drawn[name]["ibs"])
        row |= calibration_of(risks, remaining, events, horizon)
        report["models"][name] = row
    report["against_cox"] = {
        name: {
            key: cell
            for figure in ("c", "auc", "ibs")
            for key, cell in difference_with_interval(
                figure,
                report["models"][name][figure] - report["models"][BASELINE][figure],
                drawn[name][figure] - drawn[BASELINE][figure],
            ).items()
        }
        for name in drawn
        if name != BASELINE
    }
    return report


@dataclass(frozen=True)
class KaplanMeier:
    """The share without an event over time: after each of the times, the first share being 1.

    Source: Kaplan and Meier, Nonparametric Estimation from Incomplete Observations, JASA 1958.
    """

    times: Floats
    shares: Floats

    @classmethod
    def of(cls, remaining: Floats, events: NDArray[np.bool_]) -> KaplanMeier:
        """The estimate from (n,) times and whether the event was then."""
        times, place = np.unique(remaining, return_inverse=True)
        happened = np.bincount(place, weights=events, minlength=len(times))
        at_risk = np.bincount(place, minlength=len(times))[::-1].cumsum()[::-1]
        return cls(times, np.append(1.0, np.cumprod(1 - happened / at_risk)))

    def at(self, times: Floats, *, before: bool = False) -> Floats:
        """The share at each time, or just before it."""
        place = np.searchsorted(self.times, times, side="left" if before else "right")
        return np.asarray(self.shares[place])


Pairs = tuple[NDArray[np.float32], NDArray[np.float32]]


def antolini_pairs(curves: Curves, remaining: Floats, events: NDArray[np.bool_]) -> Pairs:
    """(n, n) each: which pairs are in the right order, ties half, and which can be compared.

    A pair is the patient who had the event and one under observation longer; the order is right if
    the first had the higher risk at that time. Where hazards are proportional that is Harrell's C.

    Source: Antolini, Boracchi and Biganzoli, A Time-Dependent Discrimination Index for Survival
    Data, Statistics in Medicine 2005.
    """
    hazards = curves.at(remaining).T  # row: at the time of this patient
    own = np.diag(hazards)[:, None]
    comparable = events[:, None] & (remaining[:, None] < remaining)
    return _ordered(own, hazards, comparable.astype(np.float32))


def auc_pairs(
    risks: Floats,
    remaining: Floats,
    events: NDArray[np.bool_],
    observed: KaplanMeier,
    horizon: float,
) -> Pairs:
    """(n, n) each: pairs of a patient with the event within the horizon and one without, weighted.

    Source: Uno et al., Evaluating Prediction Rules for t-Year Survivors with Censored Regression
    Models, JASA 2007 (the cumulative/dynamic AUC).
    """
    cases = events & (remaining <= horizon)
    weights = cases / np.maximum(observed.at(remaining, before=True), _LEAST_WEIGHED)
    compared = (weights[:, None] * (remaining > horizon)).astype(np.float32)
    return _ordered(risks[:, None], risks[None, :], compared)


def _ordered(higher: Floats, lower: Floats, weights: NDArray[np.float32]) -> Pairs:
    right = (higher > lower) + np.float32(0.5) * (higher == lower)
    return np.asarray(right * weights, np.float32), weights


def _shares(pairs: Sequence[Pairs], draws: Sequence[NDArray[np.float32]]) -> tuple[float, Floats]:
    """The share of the weight of pairs that is in the right order, and that in each draw."""
    right = sum(float(part[0].sum(dtype=float)) for part in pairs)
    total = sum(float(part[1].sum(dtype=float)) for part in pairs)

    def drawn(k: int) -> Floats:
        sums = [((d @ p[k]) * d).sum(1, dtype=float) for p, d in zip(pairs, draws, strict=True)]
        return np.asarray(np.sum(sums, axis=0))

    # Without a pair that can be compared there is no order, and chance is what is said.
    totals = drawn(1)
    shares = np.where(totals > 0, drawn(0) / np.maximum(totals, 1e-9), 0.5)
    return (right / total if total else 0.5), shares


def brier_of(
    curves: Curves,
    remaining: Floats,
    events: NDArray[np.bool_],
    observed: KaplanMeier,
    horizon: float,
) -> Floats:
    """(n,): each patient's part in the integrated Brier score, those censored weighted for.

    Source: Graf et al., Assessment and Comparison of Prognostic Classification Schemes for Survival
    Data, Statistics in Medicine 1999.
    """
    times = np.linspace(0, horizon, _TIMES + 1)[1:]
    survival = np.exp(-curves.at(times))
    happened = (remaining[:, None] <= times) & events[:, None]
    later = remaining[:, None] > times
    own = np.maximum(observed.at(remaining, before=True), _LEAST_WEIGHED)[:, None]
    common = np.maximum(observed.at(times), _LEAST_WEIGHED)
    errors = happened * survival**2 / own + later * (1 - survival) ** 2 / common
    return np.asarray(errors.mean(1))


def calibration_of(
    risks: Floats, remaining: Floats, events: NDArray[np.bool_], horizon: float
) -> dict[str, Any]:
    """Observed against expected events within the horizon, by tenths of the patients.

    Returns:
        calibration: rows of patients, `expected` (the mean risk) and `observed` (by Kaplan and
        Meier); calibration_error: the mean distance of the two, weighted by patients.
    """
    rows = []
    for part in np.array_split(np.argsort(risks, kind="stable"), min(_BINS, len(risks))):
        share = KaplanMeier.of(remaining[part], events[part]).at(np.array([horizon]))[0]
        rows.append(
            {
                "patients": len(part),
                "expected": round(float(risks[part].mean()), 4),
                "observed": round(1 - float(share), 4),
            }
        )
    gaps = sum(row["patients"] * abs(row["expected"] - row["observed"]) for row in rows)
    return {"calibration_error": round(gaps / len(risks), 4), "calibration": rows}
