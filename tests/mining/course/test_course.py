"""A patient's course: reading visits, training, figures and what the commands print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.mining.course import cox as cox_module
from medkg.mining.course import model as model_module
from medkg.mining.course import networks
from medkg.mining.course.columns import Columns, read_columns
from medkg.mining.course.cox import fit_cox
from medkg.mining.course.curves import Curves, grid_of
from medkg.mining.course.encoding import Encoding
from medkg.mining.course.explain import contributions
from medkg.mining.course.figures import (
    KaplanMeier,
    Part,
    antolini_pairs,
    brier_of,
    calibration_of,
    figures_of,
)
from medkg.mining.course.model import MODELS, CourseModel
from medkg.mining.course.train import evaluate_course, train_course
from medkg.mining.course.visits import read_visits

from .made import visits


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Fewer networks, epochs and folds than a user's, since made patients need no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "MEMBERS", 2)
        patch.setattr(model_module, "MEMBERS", 2)
        patch.setattr(networks, "_EPOCHS", 5)
        patch.setattr(networks, "_STEPS", 8)
        patch.setattr(cox_module, "_FOLDS", 2)
        patch.setattr(cox_module, "PENALTIES", (0.01, 0.1))
        yield


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> CourseModel:
    return train_course(visits(), model=request.param, horizon=2.0, landmarks=[1.0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "course"
    train_course(visits(), model="cox", out=out)
    return out


def test_what_can_be_learnt_is_learnt(model: CourseModel) -> None:
    part = model.metrics["landmarks"][0]
    name = model.settings["model"]
    assert set(part["models"]) == {"cox", name}
    assert part["models"][name]["c"] > 0.65
    low, high = part["models"][name]["c_interval"]
    assert low <= part["models"][name]["c"] <= high
    assert set(part["against_cox"]) == {name} - {"cox"}


def test_a_higher_marker_is_a_higher_risk_and_carries_it(model: CourseModel) -> None:
    table = visits(4, seed=5).filter(pl.col("time") < 2)
    higher = table.with_columns(pl.lit(4.0).alias("marker"))
    lower = table.with_columns(pl.lit(0.2).alias("marker"))
    assert (model.risk(higher)["risk"] > model.risk(lower)["risk"]).all()
    raised = contributions(model, model.visits_of(higher, None, None))
    assert set(raised) == {"marker", "noise", "ward"}
    assert (raised["marker"] > np.abs(raised["noise"])).all()


def test_a_risk_rises_with_the_horizon_and_is_a_probability(model: CourseModel) -> None:
    table = visits(10, seed=3)
    longest = float(model.members.edges[-1])
    near, far = (model.risk(table, horizon=h)["risk"] for h in (1.0, longest))
    assert ((near >= 0) & (near <= far) & (far <= 1)).all()
    for beyond in (longest + 0.1, 0.0, float("inf"), float("nan")):
        with pytest.raises(DataError, match="after which no event was seen"):
            model.risk(table, horizon=beyond)


def test_a_horizon_of_training_is_a_time_with_events() -> None:
    for horizon in (-1.0, 1e6):
        with pytest.raises(DataError, match="after which no event was seen"):
            train_course(visits(), model="cox", horizon=horizon)


def test_later_visits_change_nothing_of_earlier_risks(model: CourseModel) -> None:
    table = visits(30, seed=4)
    first = model.risk(table).filter(pl.col("time") <= 1)
    alone = model.risk(table.filter(pl.col("time") <= 1))
    assert first["risk"].to_list() == pytest.approx(alone["risk"].to_list(), abs=1e-6)


def test_a_model_is_the_same_after_saving_and_by_its_seed(
    model: CourseModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "course", "card")
    opened = medkg.load_model(tmp_path / "course")
    assert isinstance(opened, CourseModel)
    assert opened.risk(visits(9, seed=2)).equals(model.risk(visits(9, seed=2)))
    if model.settings["model"] == "hazard":
        again = train_course(visits(), model=model.settings["model"], horizon=2.0, landmarks=[1.0])
        assert again.metrics == model.metrics
        assert again.risk(visits(9)).equals(model.risk(visits(9)))


def test_a_folder_holds_no_row_of_a_patient(folder: Path) -> None:
    config = (folder / "config.json").read_text()
    assert "p001" not in config
    rare = visits().with_columns(
        pl.when(pl.col("patient") == "p003").then(pl.lit("seldom")).otherwise("ward").alias("ward")
    )
    encoding = Encoding.fit(read_visits(rare, Columns(), Quarantine()))
    assert "seldom" not in json.dumps(encoding.to_list())
    assert "false alarm" in (folder / "CARD.md").read_text()


def test_a_damaged_folder_and_another_kind_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "course")
    (tmp_path / "course" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="checksum"):
        CourseModel.open(tmp_path / "course")
    with pytest.raises(ModelError, match="holds no model"):
        CourseModel.open(tmp_path)


def test_bad_rows_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    file = tmp_path / "visits.csv"
    good = [f"g{k},0,{k % 2},{k + 1},{k}" for k in range(20)]
    bad = [
        ",0,1,5,1",
        "a,soon,1,5,1",
        "b,0,2,5,1",
        "c,0,1,,1",
        "d,6,1,5,1",
        "e,0,1,5,high",
        "f,0,1,5",
        "g1,0.5,0,2,1",
        "g2,0,0,3,1",
    ]
    file.write_text("\n".join(["patient,time,event,event_time,x", *good, *bad]))
    quarantine = Quarantine()
    read = read_visits(file, Columns(), quarantine)
    assert len(read) == 20
    assert len(quarantine) == len(quarantine.counts()) == len(bad)
    lines = sorted(row.line or 0 for row in quarantine)
    assert lines == list(range(22, 22 + len(bad)))


def test_a_table_that_does_not_fit_is_explained(tmp_path: Path) -> None:
    table = visits(20)
    with pytest.raises(DataError, match=r"no column 'dead'; it has [a-z]") as raised:
        read_visits(table, Columns(event="dead"), Quarantine())
    assert str(raised.value).isprintable()
    with pytest.raises(DataError, match="too few"):
        train_course(table.head(8), model="cox")
    with pytest.raises(DataError, match="no model 'forest'"):
        train_course(table, model="forest")
    with pytest.raises(DataError, match="neither 1 nor 0"):
        train_course(table.with_columns(pl.lit("x").alias("event")), model="cox")
    with pytest.raises(DataError, match="known tables are pbc2, support"):
        read_columns("nothing")
    mapping = tmp_path / "own.toml"
    mapping.write_text('event = "dead"\ncovariates = "age"\n')
    with pytest.raises(DataError, match="a list of columns"):
        read_columns(mapping)


def test_tables_of_one_visit_need_neither_time_nor_patient() -> None:
    table = visits(several=False).drop("patient", "time")
    trained = train_course(table, model="cox")
    assert trained.metrics["landmarks"][0]["at"] is None
    assert trained.risk(table.drop("event", "event_time").head(3))["patient"].to_list() == [
        "1",
        "2",
        "3",
    ]


def test_known_tables_have_no_outcome_among_their_covariates() -> None:
    support = read_columns("support")
    assert len(support.covariates) == 14
    assert not {"hospdead", "slos", "surv2m", "dnr", "totcst"} & set(support.covariates)
    assert read_columns("pbc2").event == "status2"


def test_cox_is_that_of_lifelines_and_its_c_is_harrells() -> None:
    from lifelines.utils import concordance_index

    read = read_visits(visits(several=False), Columns(), Quarantine())
    features = Encoding.fit(read).features(read)
    edges = grid_of(read.remaining, read.events)
    cox = fit_cox(features, read.numbers, read.remaining, read.events, edges, 0)
    scores = features @ cox.coefficients.numpy()
    expected = concordance_index(read.remaining, -scores, read.events)
    hazards = np.exp(scores)[:, None] * cox.baseline.numpy()
    # Over a grid some risks only differ after the first edges; all do at the last.
    linear = Curves(np.array([0.0, 99.0]), np.stack([0 * scores, np.exp(scores)], 1))
    right, weights = antolini_pairs(linear, read.remaining, read.events)
    assert right.sum() / weights.sum() == pytest.approx(expected)
    total = Curves(edges, hazards).at_own(read.remaining).sum()
    assert total == pytest.approx(read.events.sum(), rel=0.1)  # as martingale residuals sum to 0


def test_kaplan_meier_is_that_of_lifelines() -> None:
    from lifelines import KaplanMeierFitter

    rng = np.random.default_rng(0)
    remaining, events = rng.integers(1, 9, 50).astype(float), rng.random(50) < 0.6
    fitted = KaplanMeierFitter().fit(remaining, events)
    times = np.array([0.5, 1, 3.5, 8])
    assert KaplanMeier.of(remaining, events).at(times) == pytest.approx(
        fitted.survival_function_at_times(times).to_numpy()
    )


def test_figures_of_a_model_that_knows_and_of_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    remaining = rng.permutation(np.linspace(0.1, 4, 80))
    events = np.ones(80, bool)
    edges = np.linspace(0, 4, 41)
    knows = Curves(edges, np.where(edges >= remaining[:, None], 20.0, 0.0))
    same = Curves(edges, np.tile(edges / 2, (80, 1)))
    report = figures_of([Part({"cox": same, "oracle": knows}, remaining, events)], 2.0, 0)
    assert report["models"]["cox"]["auc"] == pytest.approx(0.5)
    assert report["models"]["oracle"]["auc"] > 0.95
    assert report["models"]["oracle"]["ibs"] < report["models"]["cox"]["ibs"] / 2
    assert report["against_cox"]["oracle"]["ibs"] < 0
    assert report["models"]["oracle"]["calibration_error"] < 0.1


def test_brier_without_censoring_is_the_squared_error() -> None:
    remaining, events = np.array([1.0, 3.0]), np.ones(2, bool)
    half = Curves(np.array([0.0, 1e-6, 9.0]), np.tile([0, np.log(2), np.log(2)], (2, 1)))
    observed = KaplanMeier.of(remaining, ~events)
    assert brier_of(half, remaining, events, observed, 2.0) == pytest.approx([0.25, 0.25])


def test_calibration_compares_with_what_was_observed() -> None:
    rng = np.random.default_rng(0)
    remaining = rng.exponential(1, 4000)
    right = calibration_of(np.full(4000, 1 - np.exp(-1)), remaining, np.ones(4000, bool), 1.0)
    wrong = calibration_of(np.full(4000, 0.2), remaining, np.ones(4000, bool), 1.0)
    assert right["calibration_error"] < 0.05 < 0.4 < wrong["calibration_error"]


def test_evaluate_on_other_patients(model: CourseModel) -> None:
    report = evaluate_course(model, visits(60, seed=8), landmarks=[1.0])
    name = model.settings["model"]
    assert report["landmarks"][0]["models"][name]["c"] > 0.6
    assert report["alarm"]["threshold"] == model.settings["threshold"]
    part = report["landmarks"][0]
    assert set(part["models"]) == {"cox", *MODELS[name], name}
    assert set(part["against_cox"]) == set(part["models"]) - {"cox"}
    bad = visits(60, seed=8).with_columns(pl.lit("soon").alias("event_time"))
    table = pl.concat([visits(60, seed=8).cast({"event_time": pl.String}), bad.head(1)])
    with pytest.raises(DataError, match="no number as the time of the event"):
        evaluate_course(model, table)
    quarantine = Quarantine()
    assert evaluate_course(model, table, landmarks=[1.0], quarantine=quarantine) == report
    assert len(quarantine) == 1


def test_one_patient_can_not_be_compared(folder: Path) -> None:
    model, one = CourseModel.open(folder), visits(1, several=False)
    with pytest.raises(DataError, match=r"fewer than two patients .* at the first visit"):
        evaluate_course(model, one)
    with pytest.raises(DataError, match=r"fewer than two patients .* at time 99"):
        evaluate_course(model, visits(20), landmarks=[99.0])


def test_commands(tmp_path: Path) -> None:
    table = tmp_path / "visits.csv"
    visits().write_csv(table)
    out = tmp_path / "model"
    command = ["train", "course", str(table), "--out", str(out), "--model", "cox"]
    ended = CliRunner().invoke(app, [*command, "--landmark", "1", "--json"])
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["covariates"] == ["marker", "noise", "ward"]
    ended = CliRunner().invoke(app, ["evaluate", "course", str(out), str(table)])
    assert ended.exit_code == 0, ended.output
    assert "alarm from a risk" in ended.stdout
    show = ["course", str(out), str(table), "--patient"]
    ended = CliRunner().invoke(app, [*show, "p001", "--json"])
    report = json.loads(ended.stdout)
    assert {"patient", "time", "risk", "alarm", "carried_by"} == set(report["visits"][0])
    assert CliRunner().invoke(app, [*show, "p001"]).exit_code == 0
    ended = CliRunner().invoke(app, [*show, "nobody"])
    assert isinstance(ended.exception, MissingError)
