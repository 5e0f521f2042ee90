"""Training a model of a patient's course, and its figures by folds of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.atomic import check_replaceable
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.model_folder import CONFIG
from ...core.progress import track
from ...core.quarantine import Quarantine
from .alarm import alarm_of
from .card import card_of
from .columns import Columns
from .curves import Curves, Floats, check_horizon
from .figures import BASELINE, Part, figures_of, part_at
from .model import KIND, MODELS, CourseModel, Members, joined, members_of
from .visits import Table, Visits, read_visits

FOLDS = 5


@explained_imports()
def train_course(
    table: Table,
    *,
    columns: Columns | None = None,
    model: str = "joint",
    horizon: float | None = None,
    landmarks: Sequence[float] = (),
    seed: int = 0,
    out: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> CourseModel:
    """Train a model of the risk of an event over time, from visits of patients.

    Args:
        table: visits, a row each: a CSV, TSV or parquet file, or a frame. It has the columns
            patient, time, event (1 or 0) and event_time; all others are covariates.
        columns: other names, and which columns are covariates.
        model: `joint` (the mean of cox and gru), `cox`, `hazard` (a network over the last visit) or
            `gru` (a network over all visits).
        horizon: the time after a visit within which the event counts for AUC, calibration and the
            alarm; by default half of the events are within it.
        landmarks: times at which patients are compared, by their visits until then. By default the
            quartiles of the times of visits, or the one visit where there is but one of each.
        seed: the same gives the same model.
        out: model folder to write.
        quarantine: gets rows that can't be used. Without one, the first such is an error.

    Returns:
        The model, of all patients, with figures by five folds of patients beside Cox's.

    Raises:
        DataError: the table, the horizon or `out` can't be used, or there are too few events.

    Example:
        >>> import polars as pl
        >>> ends = [1 + k * 7 % 30 / (1 + 4 * (k % 2)) for k in range(80)]
        >>> table = pl.DataFrame(
        ...     [(f"p{k}", int(k % 7 > 0), end, k % 2) for k, end in enumerate(ends)],
        ...     schema=["patient", "event", "event_time", "sick"], orient="row")
        >>> model = medkg.train_course(table, model="cox")
        >>> well, sick = model.risk(table.head(2))["risk"]
        >>> sick > well
        True
    """
    if model not in MODELS:
        raise DataError(f"no model {model!r}; there are {', '.join(MODELS)}")
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    columns = Columns() if columns is None else columns
    visits = read_visits(table, columns, quarantine)
    columns = replace(columns, covariates=tuple(visits.covariates.columns))
    horizon = _horizon(visits, horizon)
    curves = fold_curves(visits, (BASELINE, model), seed)
    figures = figures_at(visits, curves, landmarks, horizon, seed)
    risks = np.zeros(len(visits))
    for rows, models in curves:
        risks[rows] = models[model].risk(horizon)
    alarm = alarm_of(visits, risks, horizon)
    settings = {"model": model, "horizon": horizon, "threshold": alarm["threshold"], "seed": seed}
    settings["unit"] = columns.unit
    metrics = {
        "patients": int(visits.numbers[-1]) + 1,
        "visits": len(visits),
        "landmarks": figures,
        "alarm": alarm,
    }
    members = Members.fit(visits, members_of(model), seed)
    trained = CourseModel(members, settings, columns, metrics)
    if out is not None:
        trained.save(out, card_of(trained))
    return trained


def _horizon(visits: Visits, given: float | None) -> float:
    """The one that is given, or the time within which half of the events are."""
    times = visits.remaining[visits.events]
    if given is None:
        return float(np.median(times))
    if len(times):
        check_horizon(given, float(times.max()))
    return given


def fold_curves(
    visits: Visits, models: Sequence[str], seed: int
) -> list[tuple[NDArray[np.int64], dict[str, Curves]]]:
    """For each fold of patients, the rows of their visits, and the curves of some of `MODELS`.

    The models of a fold are fitted on the patients of the others.

    Raises:
        DataError: too few patients have the event.
    """
    numbers = visits.numbers
    folds = np.random.default_rng(seed).permutation(numbers[-1] + 1) % FOLDS
    names = tuple(dict.fromkeys(name for model in models for name in MODELS[model]))
    parts = []
    for fold in track(range(FOLDS), "Folds of patients", FOLDS):
        unseen = np.flatnonzero(folds[numbers] == fold)
        seen = visits.of(folds[numbers] != fold)
        members = Members.fit(seen, names, seed)
        hazards = members.hazards(visits.of(unseen))
        shown = dict.fromkeys(models)
        parts.append((unseen, {n: Curves(members.edges, joined(hazards, n)) for n in shown}))
    return parts


def figures_at(
    visits: Visits,
    curves: Sequence[tuple[NDArray[np.int64], dict[str, Curves]]],
    landmarks: Sequence[float],
    horizon: float,
    seed: int,
) -> list[dict[str, Any]]:
    """The figures at each landmark (`figures.figures_of`), `at` saying which.

    Raises:
        DataError: fewer than two patients are under observation at one.
    """
    times: list[float | None] = list(landmarks) or default_landmarks(visits)
    rows = []
    for time in times:
        parts: list[Part] = [part_at(visits.of(r), models, time) for r, models in curves]
        parts = [part for part in parts if len(part.events) > 1]
        if not parts:
            when = "the first visit" if time is None else f"time {time:g}"
            raise DataError(f"fewer than two patients to compare are under observation at {when}")
        rows.append({"at": time, **figures_of(parts, horizon, seed)})
    return rows


def default_landmarks(visits: Visits) -> list[float | None]:
    """The quartiles of the times of visits; none (the visit itself) where each patient has one."""
    if len(visits) == visits.numbers[-1] + 1:
        return [None]
    quartiles: Floats = np.quantile(visits.times, [0.25, 0.5, 0.75])
    return [float(time) for time in np.unique(quartiles)]


@explained_imports()
def evaluate_course(
    model: CourseModel,
    table: Table,
    *,
    landmarks: Sequence[float] = (),
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """The figures of a model on patients of another table, which it must not have learnt from.

    Beside the model are its members, and Cox's model, which was fitted on the same patients.

    Args:
        quarantine: gets rows that can't be used. Without one, the first such is an error.

    Raises:
        DataError: the table can't be used.
    """
    visits = model.read(table, quarantine, outcomes=True)
    hazards = model.members.hazards(visits)
    shown = dict.fromkeys((*hazards, model.settings["model"]))
    curves = {name: Curves(model.members.edges, joined(hazards, name)) for name in shown}
    horizon = model.settings["horizon"]
    seed = model.settings["seed"]
    all_rows = np.arange(len(visits))
    return {
        "landmarks": figures_at(visits, [(all_rows, curves)], landmarks, horizon, seed),
        "alarm": alarm_of(
            visits,
            curves[model.settings["model"]].risk(horizon),
            horizon,
            model.settings["threshold"],
        ),
    }
