"""`medkg signals labs` and `medkg diagnose --labs`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.cli.signals import MOST_RESULTS

RESULTS = "patient,test,value,unit\nann,glucose,20,mmol/L\nann,sodium,140,mmol/L\nann,sodium,118,\n"


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


def test_findings_are_printed(results: Path, tmp_path: Path) -> None:
    command = ["signals", "labs", str(results), "--out", str(tmp_path / "kg")]
    run = CliRunner().invoke(app, command)
    first, second, *_ = run.stdout.splitlines()
    assert first == (
        "HP:0003074 Hyperglycemia: present; glucose 20 mmol/L; medkg's reference range"
    )
    assert second.startswith("HP:0002902 Hyponatremia: excluded; sodium 140 mmol/L")


def test_findings_of_several_patients_are_named_and_only_the_first_printed(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    rows = [f"p{number},sodium,118,mmol/L" for number in range(MOST_RESULTS + 2)]
    file.write_text("\n".join(["patient,test,value,unit", *rows]))
    command = ["signals", "labs", str(file), "--out", str(tmp_path / "kg")]
    lines = CliRunner().invoke(app, command).stdout.splitlines()
    assert lines[0].startswith("p0: HP:0002902 Hyponatremia: present; ")
    assert lines[MOST_RESULTS] == "… and 2 more; see the graph"
    run = CliRunner().invoke(app, [*command, "--json"])
    findings = json.loads(run.stdout)["findings"]
    assert [each["patient"] for each in findings] == [f"p{n}" for n in range(MOST_RESULTS + 2)]
    assert {(each["code"], each["present"]) for each in findings} == {("HP:0002902", True)}


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
