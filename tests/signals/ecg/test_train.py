"""Training the classifier of beats on made records, and reading recordings with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.examinations import ecg_findings
from medkg.signals.ecg.beats import cut_beats, r_peaks
from medkg.signals.ecg.corpus import read_corpus
from medkg.signals.ecg.features import RATE, beat_features
from medkg.signals.ecg.model import BeatClassifier
from medkg.signals.ecg.train import evaluate_ecg, train_ecg

from .made import regular, signal, write_csv

VENTRICULAR, ATRIAL, NORMAL = 2, 1, 0


def with_early_beats(seconds: float, gap: float, share: float) -> tuple[list[float], set[float]]:
    """Times of beats of which every eighth comes early."""
    times = regular(seconds, gap)
    early = {times[i] - gap * (1 - share) for i in range(6, len(times) - 2, 8)}
    return sorted({t for i, t in enumerate(times) if (i - 6) % 8 or i < 6} | early), early


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six made records with ventricular or atrial beats, in the form of DS1_beats.npz."""
    steps, labels, records, intervals = [], [], [], []
    for record in range(6):
        times, early = with_early_beats(100, 0.75 + 0.04 * record, 0.7)
        wide = early if record % 2 else set()
        samples = signal(times, 100, RATE, wide=sorted(wide)).T.astype(np.float32)
        beats = cut_beats(samples, r_peaks(samples))
        is_early = np.array([min(abs(t - e) for e in early) < 0.05 for t in beats.times])
        labels.append(np.where(is_early, VENTRICULAR if record % 2 else ATRIAL, NORMAL))
        raw = np.round(beats.forms * 200).astype(np.int16)
        steps.append(np.diff(raw, axis=-1, prepend=0).astype(np.int16))
        records.append(np.full(len(beats.times), record))
        intervals.append(beats.intervals)
    folder = tmp_path_factory.mktemp("data")
    arrays = (steps, labels, records, intervals)
    dx, y, number, rr = (np.concatenate(a) for a in arrays)
    np.savez(folder / "DS1_beats.npz", dx=dx, y=y, record=number, rr=rr)
    return folder


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "ecg"
    train_ecg(data, out)
    return out


def test_figures_are_of_records_that_were_not_seen(data: Path) -> None:
    figures = evaluate_ecg(data)
    assert figures["accuracy"] > figures["majority"]
    assert figures["classes"]["V"]["f1"] > 0.8
    with np.load(data / "DS1_beats.npz") as arrays:
        assert figures["classes"]["N"]["beats"] == (arrays["y"] == NORMAL).sum()


def test_training_that_was_cut_off_goes_on_to_the_same_model_and_leaves_no_checkpoint(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medkg.signals.ecg import train

    fits: list[int] = []
    fit = train.fit_records

    def fit_three(*arguments: object) -> object:
        if len(fits) == 3:
            raise KeyboardInterrupt
        fits.append(1)
        return fit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(train, "fit_records", fit_three)
    with pytest.raises(KeyboardInterrupt):
        train_ecg(data, tmp_path / "ecg")
    fits.clear()
    train_ecg(data, tmp_path / "ecg")
    assert len(fits) == 3  # of six: five folds, and all records
    again = (tmp_path / "ecg" / "weights.safetensors").read_bytes()
    assert again == (model / "weights.safetensors").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["ecg"]


def test_a_damaged_model_is_refused(model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(model, tmp_path / "ecg")
    (tmp_path / "ecg" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="checksum"):
        BeatClassifier.open(tmp_path / "ecg")


def test_too_few_records_are_refused(data: Path, tmp_path: Path) -> None:
    with np.load(data / "DS1_beats.npz") as arrays:
        few = {name: arrays[name][arrays["record"] < 3] for name in arrays}
    np.savez(tmp_path / "DS1_beats.npz", **few)
    with pytest.raises(DataError, match="3 records are too few"):
        evaluate_ecg(tmp_path)
    with pytest.raises(DataError, match="training needs annotated beats"):
        read_corpus(tmp_path / "other")


def test_features_do_not_depend_on_the_height_of_a_recording(data: Path) -> None:
    corpus = read_corpus(data)
    _, rows = next(corpus.of_each_record())
    forms, intervals = corpus.forms[rows], corpus.intervals[rows]
    doubled = beat_features(2 * forms, intervals)  # which rounds as the one
    assert doubled == pytest.approx(corpus.features[rows], abs=1e-3)


def test_what_ships_sees_ventricular_beats_and_a_fast_rate(tmp_path: Path) -> None:
    times, early = with_early_beats(60, 0.55, 0.65)
    file = write_csv(tmp_path / "fast.csv", signal(times, 60, RATE, wide=sorted(early)))
    kg = medkg.read_ecg(file, "ann", rate=RATE)
    edges = kg.edges.filter(subject="patient:ann", relation="HAS_PHENOTYPE")
    assert {"HP:0006682", "HP:0001649"} <= set(edges["object"])


def test_steady_beats_show_nothing_that_is_present(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "calm.csv", signal(regular(60, 0.8), 60, RATE))
    kg = medkg.read_ecg(file, "ann", rate=RATE)
    assert kg.edges.filter(relation="HAS_PHENOTYPE").is_empty()


def test_what_is_less_probable_than_not_is_not_present(tmp_path: Path) -> None:
    times, early = with_early_beats(60, 0.55, 0.65)
    file = write_csv(tmp_path / "a.csv", signal(times, 60, RATE, wide=sorted(early)), "V1,II")
    findings = ecg_findings(file, rate=RATE)
    for finding in findings:
        assert finding.present == (finding.probability >= 0.5)
    beats = [finding for finding in findings if finding.predicted]
    assert {finding.present for finding in beats} == {True, False}
    assert all(" s in II and V1, " in finding.region for finding in findings)


def test_a_pause_and_what_was_changed_in_reading_are_in_the_graph(tmp_path: Path) -> None:
    times = [t for t in regular(60, 0.8) if not 30 < t < 34]
    file = write_csv(tmp_path / "pause.csv", signal(times, 60, 360))
    kg = medkg.read_ecg(file, "ann", rate=360)
    shown = kg.evidence.filter(pl.col("relation") == "HAS_PHENOTYPE", pl.col("level") == "observed")
    assert shown["object"].to_list() == ["HP:0011675"]
    assert "s without a beat" in shown["qualifiers"][0]
    procedure = kg.nodes.filter(kind="Procedure")["properties"][0]
    assert "resampled from 360 to 180" in procedure
    assert "pause.csv" not in procedure


def test_the_usual_rate_is_that_of_the_age(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", signal(regular(30, 0.48), 30, RATE))
    command = ["signals", "ecg", str(file), "--patient", "ann", "--rate", str(RATE), "--json"]
    command += ["--out", str(tmp_path / "ann")]
    codes = {}
    for age in ("30", "2"):
        ended = CliRunner().invoke(app, [*command, "--age", age])
        assert ended.exit_code == 0, ended.stderr
        findings = json.loads(ended.stdout)["findings"]
        codes[age] = [each["code"] for each in findings if each["present"]]
    assert codes == {"30": ["HP:0001649"], "2": []}


def test_own_codes_go_before_those_that_ship(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "fast.csv", signal(regular(30, 0.5), 30, RATE))
    codes = tmp_path / "own.toml"
    codes.write_text('[fast]\ncode = "SNOMEDCT:3424008"\nname = "Tachycardia (finding)"\n')
    kg = medkg.read_ecg(file, "ann", codes=codes, rate=RATE)
    assert "SNOMEDCT:3424008" in kg.nodes["id"].to_list()
    codes.write_text('[fast]\ncode = "fast"\n')
    with pytest.raises(DataError, match=r"\[fast\] needs code"):
        medkg.read_ecg(file, "ann", codes=codes, rate=RATE)


def test_a_bad_file_never_ends_a_run_of_many(tmp_path: Path) -> None:
    folder = tmp_path / "ecg"
    folder.mkdir()
    write_csv(folder / "good.csv", signal(regular(30, 0.5), 30, 500))
    write_csv(folder / "flat.csv", signal([], 30, 500, noise=0) * 0)
    (folder / "no.edf").write_bytes(b"no EDF")
    out = tmp_path / "graph"
    command = ["signals", "ecg", str(folder), "--patient", "ann", "--rate", "500"]
    ended = CliRunner().invoke(app, [*command, "--out", str(out), "--json"])
    assert ended.exit_code == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert sum(report["set_aside"].values()) == 2
    assert {finding["file"] for finding in report["findings"]} == {str(folder / "good.csv")}
    assert "resampled from 500" in report["remarks"][0]
    quarantine = Quarantine()
    with pytest.raises(DataError, match="no lead carries a signal"):
        medkg.read_ecg(folder / "flat.csv", "ann", rate=500, quarantine=quarantine)
