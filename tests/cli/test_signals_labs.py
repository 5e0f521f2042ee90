"""`medkg signals labs` and `medkg diagnose --labs`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app

RESULTS = "patient,test,value,unit\nann,glucose,20,mmol/L\nann,sodium,140,mmol/L\nann,sodium,1,\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    file = tmp_path / "results.csv"
    file.write_text(RESULTS)
    return file


def test_a_graph_is_written_and_what_is_set_aside_is_counted(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "kg"
    run = CliRunner().invoke(app, ["signals", "labs", str(results), "--out", str(out), "--json"])
    assert run.exit_code == 0, run.output
    edges = medkg.read(out).edges
    assert edges.filter(relation="HAS_PHENOTYPE")["object"].to_list() == ["HP:0003074"]
    assert edges.filter(relation="LACKS_PHENOTYPE").height == 2
    assert "no unit" in run.output


def test_diagnosis_counts_results(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    kg = medkg.load("common")
    kg.save(tmp_path / "kg")
    medkg.train_diagnosis(kg, model="resnik").save(folder)
    command = ["diagnose", str(folder), "--labs", str(results), "--symptom", "Polyuria"]
    command += ["--graph", str(tmp_path / "kg"), "--json"]
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 0, run.output
    [case] = json.loads(run.stdout)["cases"]
    assert "HP:0003074" in case["present"]
    assert "HP:0002902" in case["excluded"]
    assert {row["sentence"] for row in case["read"]} == {"results.csv, by medkg's reference range"}
    assert "diabetes" in case["diagnoses"][0]["name"]


def test_results_of_two_patients_are_refused(results: Path, tmp_path: Path) -> None:
    with results.open("a") as file:
        file.write("bob,sodium,118,mmol/L\n")
    kg = medkg.load("common")
    model = medkg.train_diagnosis(kg, model="resnik")
    with pytest.raises(medkg.MedkgError, match="2 patients"):
        medkg.diagnose(model, medkg.DiagnosisRequest(labs=results))
