"""Diagnoses and recommendations as FHIR R4 bundles, read back by FHIR's own models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fhir.resources", reason="NOT RUN: FHIR; install the extra fhir")

from fhir.resources.R4B.bundle import Bundle
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError
from medkg.fhir_bundle import diagnosis_bundle, recommendation_bundle, write_bundle
from medkg.mining.diagnosis.train import train_diagnosis
from medkg.mining.treatment.train import train_treatment
from tests.mining.diagnosis.clinic import clinic
from tests.mining.treatment.pharmacy import pharmacy


@pytest.fixture(scope="module")
def diagnosed() -> tuple[Any, Any]:
    model = train_diagnosis(clinic(), model="naive_bayes")
    request = medkg.DiagnosisRequest(symptoms=["HP:0000011"], absent=["HP:0000042"], top=3)
    return model, medkg.diagnose(model, request).cases[0]


def of_kind(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [each for each in resources if each["resourceType"] == kind]


def test_a_diagnosis_is_a_condition_that_nobody_has_confirmed(diagnosed: tuple[Any, Any]) -> None:
    model, case = diagnosed
    bundle = diagnosis_bundle(model, case, patient="p-7")
    Bundle.model_validate(bundle)
    [patient] = of_kind(bundle, "Patient")
    assert patient["identifier"] == [{"value": "p-7"}]
    conditions = of_kind(bundle, "Condition")
    assert len(conditions) == 3
    for condition in conditions:
        [coding] = condition["verificationStatus"]["coding"]
        assert coding["code"] == "differential"
        assert condition["subject"]["reference"] == f"urn:uuid:{patient['id']}"
    seen = {each["code"]["text"]: each["valueBoolean"] for each in of_kind(bundle, "Observation")}
    assert sorted(seen.values()) == [False, True]


def test_an_uncertain_finding_has_no_value_and_its_probability(diagnosed: tuple[Any, Any]) -> None:
    model, case = diagnosed
    [seen] = case["present"]
    doubtful = case | {"uncertain": {seen: 0.55, "HP:0000021": 0.45}}
    bundle = diagnosis_bundle(model, doubtful)
    Bundle.model_validate(bundle)
    observed = of_kind(bundle, "Observation")
    unsure = [each for each in observed if "valueBoolean" not in each]
    assert [each["note"][0]["text"] for each in unsure] == [
        "uncertain: probability 0.55",
        "uncertain: probability 0.45",
    ]
    assert {each["dataAbsentReason"]["coding"][0]["code"] for each in unsure} == {"unknown"}
    assert [each["valueBoolean"] for each in observed if "valueBoolean" in each] == [False]
    [risk] = of_kind(bundle, "RiskAssessment")
    assert len(risk["basis"]) == 3


def test_probabilities_are_in_a_risk_assessment(diagnosed: tuple[Any, Any]) -> None:
    model, case = diagnosed
    [risk] = of_kind(diagnosis_bundle(model, case), "RiskAssessment")
    assert risk["status"] == "preliminary"
    given = [each["probabilityDecimal"] for each in risk["prediction"]][:3]
    assert given == [round(each["probability"], 6) for each in case["diagnoses"]]
    assert len(risk["basis"]) == 2


def test_codes_are_of_the_systems_that_fhir_has_an_address_for(diagnosed: tuple[Any, Any]) -> None:
    observations = of_kind(diagnosis_bundle(*diagnosed), "Observation")
    [coding] = observations[0]["code"]["coding"]
    assert (coding["system"], coding["code"]) == (
        "http://human-phenotype-ontology.org",
        "HP:0000011",
    )


def test_warnings_are_detected_issues() -> None:
    model = train_treatment(pharmacy(), model="popularity")
    taking = ["drug 1-0", "drug 0-2", "drug 0-5"]
    recommendation = model.recommend(["DOID:00"], also=["DOID:66"], taking=taking)
    bundle = recommendation_bundle(recommendation, patient="p-7")
    Bundle.model_validate(bundle)
    issues = of_kind(bundle, "DetectedIssue")
    codes = {coding["code"] for issue in issues for coding in issue["code"].get("coding", ())}
    assert codes == {"COND", "DRG"}
    assert {issue["status"] for issue in issues} == {"preliminary"}
    [risk] = of_kind(bundle, "RiskAssessment")
    assert len(risk["prediction"]) == len(recommendation.hypotheses) > 0


def test_what_fhir_can_not_hold_is_refused(diagnosed: tuple[Any, Any]) -> None:
    model, case = diagnosed
    unknown = {**case["diagnoses"][0], "probability": float("nan")}
    with pytest.raises(DataError, match="can't be said in FHIR"):
        diagnosis_bundle(model, {**case, "diagnoses": [unknown]})


def test_a_bundle_is_written_for_its_owner_alone(
    diagnosed: tuple[Any, Any], tmp_path: Path
) -> None:
    file = tmp_path / "bundle.json"
    write_bundle(diagnosis_bundle(*diagnosed), file)
    assert file.stat().st_mode & 0o077 == 0
    Bundle.model_validate(json.loads(file.read_text(encoding="utf-8")))


def test_the_command_line_writes_a_diagnosis(tmp_path: Path, diagnosed: tuple[Any, Any]) -> None:
    model, _ = diagnosed
    model.kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    file = tmp_path / "bundle.json"
    command = ["diagnose", str(tmp_path / "model"), "--symptom", "HP:0000011", "--fhir", str(file)]
    assert CliRunner().invoke(app, command).exit_code == 0
    bundle = json.loads(file.read_text(encoding="utf-8"))
    Bundle.model_validate(bundle)
    assert len(of_kind(bundle, "Condition")) == 10
