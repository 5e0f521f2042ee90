"""Training the classifier of epochs on made recordings, and reading recordings with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.model_folder import write_config
from medkg.core.quarantine import Quarantine
from medkg.examinations import eeg_findings
from medkg.signals.eeg.corpus import Annotated, Corpus, read_corpus
from medkg.signals.eeg.model import EpochClassifier
from medkg.signals.eeg.train import _folds, evaluate_eeg, train_eeg
from medkg.signals.network import FeatureNetwork

from . import made

LABELS = ["spike_wave"]
RATE = float(made.RATE)


def corpus_of(with_event: set[int]) -> Corpus:
    """Ten patients of two recordings, some of whom have the event."""
    recordings = [
        Annotated(np.zeros((4, 1, 1)), np.array([0, 0, 0, int(n in with_event)]), (), f"p{n}", "")
        for n in range(10)
        for _ in range(2)
    ]
    return Corpus(tuple(recordings), ("background", "spike_wave"), "")


def test_folds_divide_patients_and_each_learns_every_class() -> None:
    for pair in ({4, 9}, {0, 1}, {3, 8}):
        corpus = corpus_of(pair)
        patients = np.array(corpus.patients)
        for seen, unseen in _folds(corpus):
            assert not set(patients[seen]) & set(patients[unseen])
            assert {int(corpus.recordings[row].labels.max()) for row in seen} == {0, 1}
    first_of = {patient: n for n, patient in reversed([*enumerate(corpus.patients)])}
    few = [first_of[patient] for patient in sorted(first_of)[1:6]]
    of_two = corpus_of({1, 3})
    five = replace(of_two, recordings=tuple(of_two.recordings[n] for n in few))
    assert len(_folds(five)) == 3
    with pytest.raises(DataError, match="the patients with spike_wave all came into one fold"):
        _folds(corpus_of({5}))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.write_corpus(tmp_path_factory.mktemp("eeg") / "data")


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "eeg"
    train_eeg(data, out, labels=LABELS, rate=RATE)
    return out


def new_recording(seed: int, spans: list[made.Span], *, focal: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return made.with_bursts(made.background(60, rng), spans, rng, focal=focal)


def test_recordings_are_of_patients_and_other_annotations_background(data: Path) -> None:
    corpus = read_corpus(data, LABELS, rate=RATE)
    assert corpus.classes == ("background", "spike_wave")
    assert corpus.patients == [f"p{n}" for n in range(6) for _ in range(2)]
    first = corpus.recordings[0]
    assert {event.label for event in first.events} == set(LABELS)
    middles = np.arange(len(first.labels)) * 2 + 2
    within = np.any([(middles > e.start) & (middles < e.end) for e in first.events], axis=0)
    assert (first.labels == within).mean() > 0.9


def test_figures_are_of_patients_that_were_not_seen(data: Path) -> None:
    figures = evaluate_eeg(data, labels=LABELS, rate=RATE)
    judged = figures["classes"]["spike_wave"]
    assert judged["f1"] > 0.85
    assert judged["seen"] > 0.9
    assert judged["false_alarms"] < 10
    assert figures["accuracy"] > figures["majority"]
    corpus = read_corpus(data, LABELS, rate=RATE)
    assert judged["events"] == sum(len(recording.events) for recording in corpus.recordings)
    assert set(figures["logistic regression"]["classes"]) == set(corpus.classes)
    assert figures["background_labels"] == {"eyes open": 12}


@pytest.mark.parametrize(("focal", "seen_in"), [(True, ["C3"]), (False, list(made.CHANNELS))])
def test_a_burst_is_a_finding_with_span_and_channels(
    model: Path, tmp_path: Path, focal: bool, seen_in: list[str]
) -> None:
    samples = new_recording(99, [(20, 30), (42, 48)], focal=focal)
    file = made.write_edf(tmp_path / "new.edf", samples)
    [finding] = eeg_findings(file, model=model)
    assert (finding.code, finding.present) == ("HP:0010850", True)
    assert finding.probability > 0.8
    span, _, channels = finding.region.partition(" s in ")
    start, end = map(float, span.split("–"))
    assert start == pytest.approx(20, abs=2)
    assert end == pytest.approx(30, abs=2)
    assert sorted(channels.removesuffix("; 2 such spans").split(", ")) == sorted(seen_in)
    kg = medkg.read_eeg(file, "ann", model=model)
    [edge] = kg.edges.filter(relation="HAS_PHENOTYPE").to_dicts()
    assert (edge["subject"], edge["object"]) == ("patient:ann", "HP:0010850")
    qualifiers = kg.evidence.filter(relation="HAS_PHENOTYPE")["qualifiers"][0]
    assert json.loads(qualifiers)["region"] == finding.region


def test_background_shows_nothing_that_is_present(model: Path, tmp_path: Path) -> None:
    file = made.write_edf(tmp_path / "calm.edf", new_recording(98, []))
    kg = medkg.read_eeg(file, "ann", model=model)
    assert kg.edges.filter(relation="HAS_PHENOTYPE").is_empty()


def test_a_label_without_a_code_needs_one(model: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "eeg"
    shutil.copytree(model, renamed)
    config = json.loads((renamed / "config.json").read_text())
    config["classes"][1] = "sz"
    config["calibrations"] = {"sz": config["calibrations"].pop("spike_wave")}
    write_config(renamed, config)
    file = made.write_edf(tmp_path / "new.edf", new_recording(99, [(20, 30)]))
    with pytest.raises(DataError, match="classes sz have no code: give --codes"):
        eeg_findings(file, model=renamed)
    codes = tmp_path / "own.toml"
    codes.write_text('[sz]\ncode = "HP:0001250"\nname = "Seizure"\n')
    assert eeg_findings(file, model=renamed, codes=codes)[0].code == "HP:0001250"


def test_recordings_without_annotations_are_set_aside(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    (folder / "p0" / "b_events.tsv").unlink()
    made.write_events(folder / "p1" / "b_events.tsv", [(500, 3, "spike_wave")])
    shutil.copy(folder / "p0" / "a.edf", folder / "p2" / "copy.edf")
    quarantine = Quarantine()
    corpus = read_corpus(folder, LABELS, rate=RATE, quarantine=quarantine)
    assert len(corpus.recordings) == 10
    reasons = [row.reason for row in quarantine]
    assert reasons[0].startswith("has no annotations")
    assert "begins at 500 s, and it is 120.0 s long" in reasons[1]
    assert reasons[2] == "is the same recording as one of the patient p0"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "--label"),
        (["spike_wave", "spike_wave"], "--label"),
        (["absence"], "absence is annotated in 0 patients; 2 are needed"),
    ],
)
def test_labels_are_named_and_annotated(data: Path, labels: list[str], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_corpus(data, labels, rate=RATE)


def test_a_label_that_is_written_otherwise_is_told(data: Path, model: Path) -> None:
    with pytest.raises(DataError, match=r"Spike_Wave is .* annotated: spike_wave, eyes open$"):
        read_corpus(data, ["Spike_Wave"], rate=RATE)
    ended = CliRunner().invoke(
        app, ["evaluate", "eeg", str(data), "--label", *LABELS, "--rate=128"]
    )
    assert "read as background: eyes open (12)" in ended.stderr
    assert "background: eyes open (12)" in (model / "CARD.md").read_text()


def test_a_model_of_other_features_is_refused(model: Path, tmp_path: Path) -> None:
    other = replace(EpochClassifier.open(model), network=FeatureNetwork(5, 2))
    other.save(tmp_path / "eeg", "")
    with pytest.raises(ModelError, match="reads other features"):
        EpochClassifier.open(tmp_path / "eeg")


def test_too_few_patients_are_refused(data: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.copytree(data / f"p{number}", tmp_path / "data" / f"p{number}")
    with pytest.raises(DataError, match="3 patients; 5 are needed"):
        train_eeg(tmp_path / "data", tmp_path / "eeg", labels=LABELS, rate=RATE)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    from medkg.signals.ecg.model import DEFAULT

    with pytest.raises(ModelError, match="ecg beats"):
        EpochClassifier.open(DEFAULT)


def test_the_commands(data: Path, model: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    out = str(tmp_path / "eeg")
    rate = ["--rate", "128", "--json"]
    trained = run(app, ["train", "eeg", str(data), "--label", *LABELS, "--out", out, *rate])
    assert trained.exit_code == 0, trained.stderr
    assert trained.stdout.startswith("{")
    report = json.loads(trained.stdout)[f"{out}: by folds"]
    again = (tmp_path / "eeg" / "weights.safetensors").read_bytes()
    assert again == (model / "weights.safetensors").read_bytes()  # of the same seed
    assert [path.name for path in tmp_path.iterdir()] == ["eeg"]
    judged = run(app, ["evaluate", "eeg", str(data), "--label", *LABELS, *rate])
    assert json.loads(judged.stdout)["network and trees, by folds"] == report
    folder = tmp_path / "new"
    folder.mkdir()
    made.write_csv(folder / "good.csv", new_recording(99, [(20, 30)]))
    made.write_csv(folder / "flat.csv", new_recording(99, []) * 0)
    (folder / "no.edf").write_bytes(b"no EDF")
    graph = str(tmp_path / "graph")
    options = ["--patient", "ann", "--model", out, "--out", graph, *rate]
    read = run(app, ["signals", "eeg", str(folder), *options])
    assert read.exit_code == 0, read.stderr
    shown = json.loads(read.stdout)
    assert sum(shown["set_aside"].values()) == 2
    assert [finding["file"] for finding in shown["findings"]] == [str(folder / "good.csv")]
    table = tmp_path / "bands.csv"
    bands = run(app, ["signals", "bands", str(folder / "good.csv"), "--out", str(table), *rate])
    assert len(json.loads(bands.stdout)["medians"]) == len(made.CHANNELS)
    assert table.read_text().startswith("file,start,channel,delta,theta,alpha,beta,gamma\n")
