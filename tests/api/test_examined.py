"""One patient of several files: every finding in one list, and their probabilities in a ranking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis import kept_findings, read_files, read_findings, write_findings
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.phenotypes import Phenotypes
from medkg.mining.diagnosis.posterior import posterior, uncertain_posterior
from medkg.signals.eeg.train import train_eeg
from tests.signals.ecg.made import regular, signal, write_csv
from tests.signals.eeg import made as made_eeg

FAST, EARLY, FEVER = "HP:0001649", "HP:0006682", "HP:0001945"
NAMES = {FAST: "Tachycardia", EARLY: "Premature ventricular contraction", FEVER: "Fever"}
SHOWN = {"OMIM:1": (FAST, FEVER), "OMIM:2": (EARLY,), "OMIM:3": (FEVER,)}


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    nodes = [(id_, "Symptom", name) for id_, name in NAMES.items()]
    nodes += [(id_, "Disease", id_) for id_ in SHOWN]
    rows = [(disease, "HAS_SYMPTOM", each) for disease, own in SHOWN.items() for each in own]
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    kg = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        evidence.with_columns(source=pl.lit("made"), level=pl.lit("curated")),
        [Source("made", "1", "CC0")],
    )
    return medkg.train_diagnosis(kg, model="resnik")


@pytest.fixture(scope="module")
def ecg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fast heart with two ventricular beats, in one lead."""
    times = [0.6 + 0.5 * number for number in range(40)]
    samples = signal(times, 21, wide=times[7:9])[:, :1]
    seconds = np.arange(len(samples))[:, None] / 360
    file = tmp_path_factory.mktemp("ecg") / "rest.csv"
    return write_csv(file, np.hstack([seconds, samples]), "time,II")


def test_an_examination_s_findings_have_its_model_s_probabilities(
    model: DiagnosisModel, ecg: Path
) -> None:
    case = medkg.diagnose(model, medkg.DiagnosisRequest(ecg=ecg)).cases[0]
    assert FAST in case["present"]
    assert FAST not in case["uncertain"]  # of a rule
    assert 0 < case["uncertain"][EARLY] < 1
    assert any("one lead" in note for note in case["notes"])
    columns = model.knowledge.columns_of
    mixed = uncertain_posterior(
        model, columns([FAST]), columns([]), {int(columns([EARLY])[0]): case["uncertain"][EARLY]},
        None,
    )  # fmt: skip
    by_phenotypes = medkg.DiagnosisRequest(ecg=ecg, prevalence=False)
    ranked = {
        row["disease"]: row["probability"]
        for row in medkg.diagnose(model, by_phenotypes).cases[0]["diagnoses"]
    }
    for disease, row in model.knowledge.disease_rows.items():
        assert ranked[disease] == pytest.approx(float(np.exp(mixed[row])), abs=1e-5)


def test_what_a_model_says_is_predicted_and_what_a_rule_says_observed(
    ecg: Path, tmp_path: Path
) -> None:
    kg = medkg.read_ecg(ecg, "ann")
    levels = dict(
        kg.evidence.filter(relation="HAS_PHENOTYPE").select("object", "level").iter_rows()
    )
    assert (levels[FAST], levels[EARLY]) == ("observed", "predicted")
    (tmp_path / "labs.csv").write_text("patient,test,value,unit\nann,sodium,118,mmol/L\n")
    labs = medkg.read_labs(tmp_path / "labs.csv").evidence
    assert set(labs["level"]) == {"observed"}
    medkg.export(kg, tmp_path / "kgx", "kgx")
    edges = (tmp_path / "kgx" / "medkg_edges.tsv").read_text()
    assert "prediction\tcomputational_model" in edges


def test_a_probability_lies_between_there_and_not_there(model: DiagnosisModel) -> None:
    columns = model.knowledge.columns_of
    seen, none, early = columns([FEVER]), columns([]), int(columns([EARLY])[0])
    row = model.knowledge.disease_rows["OMIM:2"]

    def of(value: float) -> float:
        return float(np.exp(uncertain_posterior(model, seen, none, {early: value}, None)[row]))

    without = float(np.exp(posterior(model, [seen], [none], None)[0][row]))
    both = columns([FEVER, EARLY])
    with_it = float(np.exp(posterior(model, [both], [none], None)[0][row]))
    assert of(0) == pytest.approx(without, abs=1e-6)
    assert of(1) == pytest.approx(with_it, abs=1e-6)
    assert of(0.3) == pytest.approx(0.7 * without + 0.3 * with_it, abs=1e-6)


def test_what_is_certain_goes_before_what_has_a_probability(model: DiagnosisModel) -> None:
    phenotypes = Phenotypes(model.kg)
    assert phenotypes.clean([FAST], [], uncertain=[(FAST, 0.2)]).uncertain == {}
    denied = phenotypes.clean([], [FAST], uncertain=[(FAST, 0.2)])
    assert (denied.present, denied.excluded, denied.uncertain) == ((), (FAST,), {})
    likely = phenotypes.clean([], [FAST], uncertain=[(FAST, 0.2), (FAST, 0.8)])
    assert (likely.present, likely.excluded, likely.uncertain) == ((), (FAST,), {})
    assert any("though a model sees it (0.80)" in note for note in likely.notes)
    typed = phenotypes.clean([], [], ((), (FAST,)), [(FAST, 0.9)])
    assert (typed.present, typed.uncertain) == ((), {})


def test_the_list_is_corrected_and_read_back(
    model: DiagnosisModel, ecg: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("The patient has a fever.\n")
    results = tmp_path / "labs.csv"
    results.write_text("test,value,unit\nsodium,118,mmol/L\n")
    request = medkg.DiagnosisRequest(note=note, labs=results, ecg=ecg)
    reading = read_files(model, request, Quarantine())
    assert reading is not None
    table = reading.findings
    keeps = dict(table.select("name", "keep").iter_rows())
    assert keeps["Fever"] == keeps["Tachycardia"] == "yes"
    assert keeps[NAMES[EARLY]] == "maybe"
    assert keeps["Hyponatremia"] == "drop"  # the graph hasn't it
    write_findings(table, tmp_path / "findings.tsv")
    read = read_findings(tmp_path / "findings.tsv", model.kg)
    assert read == kept_findings(table, model.kg)
    text = (tmp_path / "findings.tsv").read_text()
    (tmp_path / "findings.tsv").write_text(text.replace(f"maybe\t{EARLY}", f"no\t{EARLY}"))
    corrected = read_findings(tmp_path / "findings.tsv", model.kg)
    assert EARLY in corrected.excluded
    assert EARLY not in corrected.uncertain


def test_a_file_that_can_t_be_read_leaves_what_else_is_known(
    model: DiagnosisModel, tmp_path: Path
) -> None:
    note, broken = tmp_path / "note.txt", tmp_path / "rest.edf"
    note.write_text("The patient has a fever.\n")
    broken.write_bytes(b"no EDF")
    quarantine = Quarantine()
    reading = read_files(model, medkg.DiagnosisRequest(note=note, ecg=broken), quarantine)
    assert reading is not None
    assert "Fever" in reading.findings["name"]
    assert [row.path for row in quarantine.rows] == [str(broken)]
    case = medkg.diagnose(model, medkg.DiagnosisRequest(note=note, ecg=broken)).cases[0]
    assert any("set aside: can't be read as EDF" in each for each in case["notes"])
    quarantine = Quarantine()
    request = medkg.DiagnosisRequest(note=note, ecg=broken)
    case = medkg.diagnose(model, request, quarantine=quarantine).cases[0]
    assert len(quarantine) == 1
    assert not any("set aside" in each for each in case["notes"])
    with pytest.raises(DataError, match="can't be read as EDF"):
        read_files(model, medkg.DiagnosisRequest(ecg=broken), Quarantine())
    labs = tmp_path / "labs.csv"
    labs.write_text("test,value,unit\nsodium,118,mmol/L\n")
    reading = read_files(model, medkg.DiagnosisRequest(labs=labs, ecg=broken), Quarantine())
    assert reading is not None
    assert reading.findings["name"].to_list() == ["Hyponatremia"]
    with pytest.raises(DataError, match="no file of an electrocardiogram"):
        (tmp_path / "none").mkdir()
        request = medkg.DiagnosisRequest(note=note, ecg=tmp_path / "none")
        read_files(model, request, Quarantine())


def test_a_rate_is_for_recordings_without_a_column_of_time(
    model: DiagnosisModel, ecg: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(line.partition(",")[2] for line in ecg.read_text().splitlines()))
    with pytest.raises(DataError, match="no sampling rate"):
        medkg.diagnose(model, medkg.DiagnosisRequest(ecg=bare))
    case = medkg.diagnose(model, medkg.DiagnosisRequest(ecg=bare, rate=360)).cases[0]
    assert FAST in case["present"]
    with pytest.raises(DataError, match="--rate goes with --ecg or --eeg"):
        medkg.DiagnosisRequest(symptoms=["Fever"], rate=360)


def test_a_heart_s_usual_rate_is_that_of_the_age_in_a_note_or_given(
    model: DiagnosisModel, ecg: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("A 4-month-old boy with a fever.\n")
    ages: list[dict[str, Any]] = [
        {"note": note},
        {"age": 0.3},
        {"note": note, "demographics": False},
    ]
    present = [
        medkg.diagnose(model, medkg.DiagnosisRequest(ecg=ecg, **each)).cases[0]["present"]
        for each in ages
    ]
    assert [FAST in each for each in present] == [False, False, True]
    with pytest.raises(DataError, match="an age of -3 years"):
        medkg.read_ecg(ecg, "ann", age=-3)


def test_results_of_nobody_beside_a_patient_s_are_set_aside(
    model: DiagnosisModel, tmp_path: Path
) -> None:
    table = tmp_path / "labs.csv"
    table.write_text("patient,test,value,unit\nann,sodium,118,mmol/L\n,potassium,2,mmol/L\n")
    quarantine = Quarantine()
    reading = read_files(model, medkg.DiagnosisRequest(labs=table), quarantine)
    assert reading is not None
    assert reading.findings["name"].to_list() == ["Hyponatremia"]
    assert any("no patient" in reason for reason in quarantine.counts())
    table.write_text(table.read_text() + "bob,sodium,118,mmol/L\n")
    with pytest.raises(DataError, match=r"2 patients.*\(ann, bob\)"):
        read_files(model, medkg.DiagnosisRequest(labs=table), Quarantine())
    with pytest.raises(DataError, match=r"2 patients.*\(ann, bob\)"):  # beside others, too
        request = medkg.DiagnosisRequest(labs=table, symptoms=["Fever"])
        read_files(model, request, Quarantine())


def test_the_command(model: DiagnosisModel, ecg: Path, tmp_path: Path) -> None:
    model.kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    folder = str(tmp_path / "model")
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg)])
    assert run.exit_code == 0, run.output
    printed = " ".join(run.output.split())
    assert "counted with a probability: " in printed
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg), "--json"])
    [case] = json.loads(run.stdout)["cases"]
    assert EARLY in case["uncertain"]
    into = ["--into", f"embedded:{tmp_path / 'server'}"]
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg), *into])
    assert "there is no such folder" in str(run.exception)
    (tmp_path / "server").mkdir()
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg), *into])
    assert isinstance(run.exception, DataError)
    assert "findings that are certain" in str(run.exception)
    table = tmp_path / "findings.tsv"
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg), "--findings", str(table)])
    assert run.exit_code == 0, run.output
    assert "resampled from 360" in run.stderr
    findings = ["--findings", str(table), "--json"]
    run = CliRunner().invoke(app, ["diagnose", folder, "--ecg", str(ecg), *findings])
    assert "resampled from 360" in json.loads(run.stdout)["remarks"][0]
    run = CliRunner().invoke(app, ["diagnose", folder, "--findings-from", str(table), "--json"])
    assert json.loads(run.stdout)["cases"][0]["uncertain"].keys() == case["uncertain"].keys()


@pytest.fixture(scope="module")
def eeg_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eeg")
    train_eeg(
        made_eeg.write_corpus(folder / "data"), folder / "model", labels=["spike_wave"], rate=128.0
    )
    return folder / "model"


def test_an_electroencephalogram_is_read_by_a_model_of_one_s_own(
    model: DiagnosisModel, ecg: Path, eeg_model: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(9)
    samples = made_eeg.with_bursts(made_eeg.background(60, rng), [(20, 30)], rng)
    eeg = made_eeg.write_edf(tmp_path / "night.edf", samples)
    codes = tmp_path / "own.toml"
    codes.write_text(f'[spike_wave]\ncode = "{FEVER}"\nname = "Fever"\n')
    request = medkg.DiagnosisRequest(ecg=ecg, eeg=eeg, eeg_model=eeg_model, codes=codes)
    reading = read_files(model, request, Quarantine())
    assert reading is not None
    table = reading.findings
    [row] = table.filter(context="electroencephalogram").to_dicts()
    assert (row["keep"], row["phenotype"]) == ("maybe", FEVER)
    assert " s in " in row["text"]
    assert row["sentence"].startswith("night.edf, by medkg EEG epochs")
    assert medkg.diagnose(model, request).cases[0]["uncertain"].keys() == {EARLY, FEVER}
    model.kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    command = ["diagnose", str(tmp_path / "model"), "--eeg", str(eeg), "--symptom", "Tachycardia"]
    own = ["--eeg-model", str(eeg_model), "--codes", str(codes), "--json"]
    ended = CliRunner().invoke(app, [*command, *own])
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["cases"][0]["uncertain"].keys() == {FEVER}
    alone = CliRunner().invoke(app, command)
    assert alone.exit_code == 2
    assert "--eeg-model" in alone.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"eeg": Path("a.edf")}, "--eeg and --eeg-model go together"),
        ({"eeg_model": Path("m"), "symptoms": ["Fever"]}, "--eeg and --eeg-model go together"),
        ({"codes": Path("a.toml"), "symptoms": ["Fever"]}, "--codes goes with"),
    ],
)
def test_what_belongs_together_is_given_together(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        medkg.DiagnosisRequest(**options)


def test_a_normal_recording_alone_says_that_nothing_was_seen(
    model: DiagnosisModel, tmp_path: Path
) -> None:
    write_csv(tmp_path / "rest.csv", signal(regular(30, 0.8), 30))
    request = medkg.DiagnosisRequest(ecg=tmp_path / "rest.csv", rate=360)
    with pytest.raises(DataError, match="no phenotype is there to rank diseases by: none was seen"):
        medkg.diagnose(model, request)
