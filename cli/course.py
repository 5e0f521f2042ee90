"""Commands on a patient's course: the risk of an event after each visit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import app, evaluate, train
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    from medkg.mining.course.model import CourseModel
    from medkg.mining.course.visits import Visits

Table = Annotated[Path, typer.Argument(help="Visits, a row each: CSV, TSV or parquet.")]
Model = Annotated[Path, typer.Argument(help="A model folder (medkg train course).")]
Landmarks = Annotated[
    list[float] | None,
    typer.Option(
        "--landmark",
        help="A time at which patients are compared, by their visits until then; repeatable."
        " Default: the quartiles of the times of visits.",
    ),
]
_MOST_CARRIED = 5


@train.command("course", epilog="Example: medkg train course visits.csv --out models/course")
def train_course(
    table: Table,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str, typer.Option(help="joint (the mean of cox and gru), cox, hazard or gru.")
    ] = "joint",
    columns: Annotated[
        str | None,
        typer.Option(help="A TOML file that says which column is which; or support, pbc2."),
    ] = None,
    horizon: Annotated[
        float | None,
        typer.Option(help="The time after a visit within which an event counts. [default: median]"),
    ] = None,
    landmark: Landmarks = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train the risk of an event over time; the figures are by folds of patients, beside Cox's."""
    from medkg.core.quarantine import Quarantine
    from medkg.mining.course.columns import read_columns
    from medkg.mining.course.train import train_course as train_model

    quarantine = Quarantine()
    trained = train_model(
        table,
        columns=read_columns(columns),
        model=model,
        horizon=horizon,
        landmarks=landmark or (),
        seed=seed,
        out=out,
        quarantine=quarantine,
    )
    covariates = list(trained.columns.covariates)
    horizon = trained.settings["horizon"]
    report = {**trained.metrics, "horizon": horizon, "covariates": covariates}
    _print_report(report, f"{out}: by folds of patients", horizon, as_json, quarantine.counts())
    print_set_aside(quarantine)


@evaluate.command("course", epilog="Example: medkg evaluate course models/course others.csv")
def evaluate_course(
    model: Model,
    table: Table,
    landmark: Landmarks = None,
    as_json: Json = False,
) -> None:
    """Figures on patients that the model has not learnt from, each member beside."""
    from medkg.core.quarantine import Quarantine
    from medkg.mining.course.train import evaluate_course as evaluate_model

    opened = _open(model)
    quarantine = Quarantine()
    report = evaluate_model(opened, table, landmarks=landmark or (), quarantine=quarantine)
    horizon = opened.settings["horizon"]
    report["horizon"] = horizon
    _print_report(report, f"{model}: {table}", horizon, as_json, quarantine.counts())
    print_set_aside(quarantine)


@app.command(epilog="Example: medkg course models/course visits.csv --patient 17")
def course(
    model: Model,
    table: Table,
    patient: Annotated[str, typer.Option(help="Whose course it is.")],
    horizon: Annotated[
        float | None, typer.Option(help="Show the risk within this time. [default: the model's]")
    ] = None,
    as_json: Json = False,
) -> None:
    """The risk after each visit of a patient, what carries it, and whether it is an alarm."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine

    opened = _open(model)
    quarantine = Quarantine()
    rows = opened.risk(table, patient=patient, horizon=horizon, quarantine=quarantine)
    carried = _carried(opened, opened.visits_of(table, patient, Quarantine()))
    alarm = opened.metrics["alarm"]
    used = opened.settings["horizon"] if horizon is None else horizon
    print_set_aside(quarantine)
    if as_json:
        visits = [{**row, "carried_by": c} for row, c in zip(rows.to_dicts(), carried, strict=True)]
        show.as_json({"horizon": used, "alarm": alarm, "visits": visits})
        return
    import polars as pl

    texts = ["; ".join(f"{name} {by:+.2f}" for name, by in c.items()) for c in carried]
    shown = rows.drop("patient").with_columns(pl.Series("carried by", texts))
    if used != opened.settings["horizon"]:
        shown = shown.rename({"alarm": f"alarm ({opened.settings['horizon']:g})"})
    show.frame(shown, f"{patient}: risk within {used:g} {opened.settings['unit']}".rstrip())
    show.out.print(
        f"Alarm: a risk of {alarm['threshold']:.3f} or more within {opened.settings['horizon']:g};"
        f" of 100 visits without an event then, {alarm['false_alarms']:g} have a false one. For"
        " research, not for care: a risk is no effect of what carries it."
    )


def _open(path: Path) -> CourseModel:
    from medkg.mining.course.model import CourseModel

    return CourseModel.open(path)


def _carried(model: CourseModel, visits: Visits) -> list[dict[str, float]]:
    """For each visit, the covariates that change its risk most, with by how much."""
    from medkg.mining.course.explain import contributions

    raised = contributions(model, visits)
    rows = []
    for k in range(len(visits)):
        most = sorted(raised, key=lambda name: -abs(raised[name][k]))[:_MOST_CARRIED]
        rows.append({n: round(float(raised[n][k]), 4) for n in most if abs(raised[n][k]) >= 5e-3})
    return rows


def _print_report(
    report: dict[str, Any],
    title: str,
    horizon: float,
    as_json: bool,
    set_aside: dict[str, int],
) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({**report, "set_aside": set_aside})
    rows = [
        {
            "landmark": "the visit" if part["at"] is None else f"{part['at']:g}",
            "model": name,
            "patients": part["patients"],
            "events": part["events"],
            **{f: row[f] for f in ("c", "auc", "ibs", "calibration_error")},
            "c − cox": _difference(part["against_cox"].get(name)),
        }
        for part in report["landmarks"]
        for name, row in part["models"].items()
    ]
    show.frame(pl.DataFrame(rows), f"{title}; events within {horizon:g}")
    if "covariates" in report:
        show.out.print(f"covariates: {', '.join(report['covariates'])}", soft_wrap=True)
    alarm = report["alarm"]
    return show.out.print(
        f"alarm from a risk of {alarm['threshold']:.3f} on: false at {alarm['false_alarms']:g} of"
        f" 100 visits without an event, right at {100 * alarm['recognised']:.0f} % of those with"
        " one"
    )


def _difference(lead: dict[str, Any] | None) -> str:
    if lead is None:
        return ""
    low, high = lead["c_interval"]
    return f"{lead['c']:+.3f} ({low:+.3f} to {high:+.3f})"
