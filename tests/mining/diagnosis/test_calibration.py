"""What a model's probabilities are worth, collected case by case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from medkg.mining.diagnosis.calibration import COVERAGES, CalibrationRecord
from medkg.mining.diagnosis.evaluated_cases import EvaluatedCases
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import fit_open_set
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import graph, patients, phenotypes_of


@pytest.fixture
def model() -> DiagnosisModel:
    return train_diagnosis(graph(), model="naive_bayes")


def cases_of(model: DiagnosisModel) -> EvaluatedCases:
    rows: Any = [
        (
            f"c{number}",
            phenotypes_of(model.kg, f"OMIM:{number}")[:3],
            [],
            f"OMIM:{number}",
            "PMID:1",
        )
        for number in range(3)
    ]
    rows.append(("d", ["HP:11"], [], "OMIM:777", "PMID:2"))
    rows.append(("e", ["HP:99999"], [], "OMIM:4", "PMID:2"))
    return EvaluatedCases.of(model, patients(rows))


def test_the_first_and_the_first_candidates_are_recorded(model: DiagnosisModel) -> None:
    cases = cases_of(model)
    record = CalibrationRecord(model, cases)
    batch = np.flatnonzero(cases.usable)
    assert batch.tolist() == [0, 1, 2, 3]
    scores = model.scores([cases.present[case] for case in batch])
    record.add(scores[:1], batch[:1])
    record.add(scores[1:], batch[1:])
    report = record.report()
    assert report["calibration"] is not None
    first, candidates = report["calibration"]["first"], report["calibration"]["first_100"]
    chances = softmax(scores.astype(np.float64) / model.temperature, axis=1)
    right = [chances[case].argmax() in cases.rows[case] for case in batch]
    highest = chances.max(axis=1)
    assert (first["n"], first["true"]) == (4, sum(right))
    assert first["brier"] == pytest.approx(((highest - right) ** 2).mean(), abs=1e-4)
    assert (candidates["n"], candidates["true"]) == (4 * 40, 3)  # fewer diseases than 100
    assert report["open_set"] is None


def test_nothing_recorded_is_no_calibration(model: DiagnosisModel) -> None:
    record = CalibrationRecord(model, cases_of(model))
    assert record.report() == {"calibration": None, "open_set": None}


def test_the_sets_of_an_open_set_are_recorded(model: DiagnosisModel) -> None:
    rng = np.random.default_rng(0)
    fitted = rng.normal(size=(60, 40))
    truth = np.concatenate([fitted[:50].argmax(axis=1), np.full(10, -1)])
    stated = model.knowledge.as_stated
    shown = [rng.integers(len(stated.phenotypes), size=size) for size in rng.integers(1, 6, 60)]
    model.open_set = fit_open_set(fitted, truth, PatientEvidence(stated, shown))
    cases = cases_of(model)
    batch = np.flatnonzero(cases.usable)
    present = [cases.present[case] for case in batch]
    record = CalibrationRecord(model, cases)
    record.add(model.scores(present), batch)
    coverage = record.report()["open_set"]
    assert coverage is not None
    evidence = PatientEvidence(stated, present)
    none = model.open_set.probabilities(model.scores(present), evidence)[:, -1]
    assert coverage["fitted"] == {
        "n": 60,
        "base_rate": round(11 / 62, 4),
        "auroc": model.open_set.figures["auroc"],
    }
    assert (coverage["none"]["n"], coverage["none"]["true"]) == (4, 1)
    assert coverage["auroc"] == pytest.approx((none[3] > none[:3]).mean(), abs=1e-4)
    assert [row["nominal"] for row in coverage["sets"]] == list(COVERAGES)
    for row, nominal in zip(coverage["sets"], COVERAGES, strict=True):
        sets = model.open_set.sets(model.scores(present), evidence, nominal)
        sizes = [int((members >= 0).sum()) for members in sets]
        assert (row["n"], row["size_mean"]) == (4, round(float(np.mean(sizes)), 1))
