"""Sets of a clinic's patients go by all that is known, and others' by the phenotypes seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from medkg.core.quarantine import Quarantine
from medkg.diagnosis import PatientFindings, diagnose_patients
from medkg.mining.diagnosis import clinic as clinic_module
from medkg.mining.diagnosis import everyday
from medkg.mining.diagnosis.circumstances import USUAL, Circumstances
from medkg.mining.diagnosis.clinic import (
    BASE_RATE,
    clinic_open_set,
    fit_clinic_open_set,
    one_row_each,
    write_clinic_open_set,
)
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import OpenSet, Ordered, fit_open_set
from medkg.mining.diagnosis.phenotypes import Findings
from medkg.mining.diagnosis.posterior import factors_for, posterior
from medkg.mining.diagnosis.train import train_diagnosis

from .clinic import clinic
from .test_open_set import drawn

FINDINGS = Findings(("HP:0000031", "HP:0000022"), ("HP:0000011",), ())


@pytest.fixture
def model() -> DiagnosisModel:
    """A model whose probabilities count as those that come with medkg."""
    model = train_diagnosis(clinic(), model="naive_bayes")
    known, rng = model.knowledge, np.random.default_rng(0)
    truth = [*range(4), -1] * 12
    present = [
        np.sort(rng.choice(known.annotated[row].indices if row >= 0 else 9, 2)).astype(np.int64)
        for row in truth
    ]
    evidence = PatientEvidence(known.as_stated, present)
    fitted = fit_open_set(model.scores(present), np.array(truth), evidence)
    model.open_set = OpenSet.from_dict(
        {**fitted.to_dict(), "figures": {**fitted.figures, "shipped": True}}
    )
    return model


def test_what_comes_with_medkg_holds_for_a_tenth_without_their_disease() -> None:
    shipped = clinic_open_set()
    assert shipped.base_rate == BASE_RATE
    assert shipped.figures["n"] == len(shipped.conformity) == 190
    assert (shipped.figures["auroc"] or 0) > 0.65
    # Most notes have nothing before their disease, and no limit takes everything in.
    assert np.mean(np.array(shipped.conformity) == 0) > 0.6
    assert 0 < shipped.limit(0.8) < shipped.limit(0.9) < shipped.limit(0.95) < 1


def test_a_clinic_s_patient_has_sets_by_all_that_is_known(model: DiagnosisModel) -> None:
    patient = PatientFindings("one", FINDINGS)
    for circumstances, in_clinic in ((USUAL, True), (Circumstances(prevalence=False), False)):
        (case,) = diagnose_patients(
            model, [patient], Quarantine(), circumstances=circumstances, coverage=0.9
        )
        factors = factors_for(model, circumstances)
        seen, absent = (
            model.knowledge.columns_of(each) for each in (FINDINGS.present, FINDINGS.excluded)
        )
        logs = posterior(model, [seen], [absent], factors)
        evidence = PatientEvidence(model.knowledge.as_stated, [seen])
        if in_clinic:
            none = clinic_open_set().none_of_these(logs, evidence)
            (rows,) = clinic_open_set().sets(logs, evidence, 0.9)
        else:
            assert model.open_set is not None
            none, (rows,) = model.open_set.none_and_sets(model.scores([seen]), evidence, logs)
        result = case["open_set"]
        assert result is not None
        assert result["none_of_these"] == pytest.approx(float(none[0]))
        assert result["size"] == (rows >= 0).sum()
        members = [model.knowledge.diseases[row] for row in rows if row >= 0]
        assert [each["disease"] for each in result["set"]] == members
        assert (result["base_rate"] == BASE_RATE) is in_clinic


def test_a_model_of_one_s_own_patients_keeps_its_own(model: DiagnosisModel) -> None:
    assert model.open_set is not None
    model.open_set.figures["shipped"] = False
    (case,) = diagnose_patients(
        model, [PatientFindings("one", FINDINGS)], Quarantine(), circumstances=USUAL
    )
    assert case["open_set"] is not None
    assert case["open_set"]["base_rate"] == model.open_set.base_rate != BASE_RATE


def test_who_has_everyday_conditions_alone_shows_these(
    model: DiagnosisModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of these goes by what the list goes by, not by nothing at all."""
    monkeypatch.setattr(everyday, "_shares", lambda _: {"HP:0000031": 0.5})
    (case,) = diagnose_patients(
        model,
        [PatientFindings("one", Findings(("HP:0000031",), (), ()))],
        Quarantine(),
        circumstances=USUAL,
    )
    seen = model.knowledge.columns_of(["HP:0000031"])
    logs = posterior(model, [seen], [seen[:0]], factors_for(model, USUAL))
    evidence = PatientEvidence(model.knowledge.as_stated, [seen])
    expected = float(clinic_open_set().none_of_these(logs, evidence)[0])
    assert case["open_set"] is not None
    assert case["open_set"]["none_of_these"] == pytest.approx(expected)


def test_all_rows_of_a_disease_are_taken_out_together() -> None:
    logs = np.log(np.array([[0.4, 0.3, 0.2, 0.1]]))
    merged, first = one_row_each(logs, [np.array([1, 2])])
    assert first.tolist() == [1]
    assert np.exp(merged).tolist() == [pytest.approx([0.4, 0.3, 0, 0.1])]
    assert np.exp(logs).sum() == pytest.approx(1)


def test_what_is_written_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, truth, evidence = drawn(200, seed=1, unknown=0)
    logs = log_softmax(scores, axis=1)
    rows = [np.array([row, (row + 1) % scores.shape[1]]) for row in truth]
    fitted = fit_clinic_open_set(logs, rows, evidence)
    assert fitted.base_rate == BASE_RATE
    # The first of a disease's rows has less before it than any one.
    before = Ordered.of(fitted.probabilities(logs, evidence))
    of_first = [
        before.before[number][np.isin(before.order[number], own)].min()
        for number, own in enumerate(rows)
    ]
    assert fitted.conformity == pytest.approx(np.sort(of_first).tolist())
    monkeypatch.setattr(clinic_module, "SHIPPED", tmp_path / "clinic.json")
    write_clinic_open_set(fitted)
    read = clinic_open_set.__wrapped__()
    assert read.conformity == pytest.approx(fitted.conformity, abs=1e-6)
    assert read.none_of_these(scores, evidence) == pytest.approx(
        fitted.none_of_these(scores, evidence)
    )
