"""Why a disease is in the list: matches by the ontology, weights by the model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from medkg.gnn.diagnosis.circumstances import Circumstances, Factors, years_of_onset
from medkg.gnn.diagnosis.explain import EXPLANATION, compare, log_odds, weights
from medkg.gnn.diagnosis.knowledge import Knowledge
from medkg.gnn.diagnosis.model import DiagnosisModel
from medkg.gnn.diagnosis.train import train_diagnosis
from medkg.graph.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph

from .clinic import DISEASES, clinic


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return clinic()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> DiagnosisModel:
    return train_diagnosis(kg, model="naive_bayes")


def row(model: DiagnosisModel, disease: str) -> int:
    return model.knowledge.disease_rows[DISEASES[disease]]


def test_each_way_to_match(model: DiagnosisModel) -> None:
    known = model.knowledge
    present = known.columns_of(["HP:111", "HP:21", "HP:3", "HP:42"])
    found = {
        known.phenotypes[m.phenotype]: (m.part, m.how, m.by and known.phenotypes[m.by])
        for m in compare(known, row(model, "ringing disease"), present, known.columns_of([]))
    }
    assert found["HP:111"] == ("matching", "narrower", "HP:11")
    assert found["HP:21"] == ("matching", "exact", "HP:21")
    assert found["HP:3"] == ("matching", "broader", "HP:31")
    assert found["HP:42"] == ("unexpected", "none", None)
    # HP:31 is met by its broader HP:3; HP:22 is rare; HP:12 is neither.
    missing = [phenotype for phenotype, (part, *_) in found.items() if part == "missing"]
    assert missing == ["HP:12"]


def test_what_was_excluded_speaks_against(model: DiagnosisModel) -> None:
    known = model.knowledge
    found = {
        known.phenotypes[m.phenotype]: m.part
        for m in compare(
            known,
            row(model, "ringing disease"),
            known.columns_of(["HP:21"]),
            known.columns_of(["HP:1", "HP:42"]),
        )
    }
    assert found["HP:1"] == "against"  # it shows HP:11, which is below
    assert found["HP:42"] == "absent"
    assert "HP:12" not in found  # of what was excluded with HP:1 nothing is missing


def test_evidence_stands_beside_each_match(model: DiagnosisModel) -> None:
    rows = model.explain(["HP:111", "HP:21"], ["HP:22"], diseases=["ringing disease"])
    assert dict(rows.schema) == EXPLANATION
    by = {line["phenotype"]: line for line in rows.iter_rows(named=True)}
    narrower = by["HP:111"]
    assert (narrower["by"], narrower["by_name"]) == ("HP:11", "phenotype 11")
    assert (narrower["frequency"], narrower["patients"]) == (pytest.approx(0.75), "3/4")
    assert narrower["references"] == ["PMID:7"]
    assert narrower["sources"] == ["test"]
    assert (by["HP:21"]["frequency"], by["HP:21"]["onset"]) == (None, "Childhood onset")
    assert (by["HP:22"]["part"], by["HP:22"]["frequency"]) == ("against", pytest.approx(0.1))


def test_weights_are_what_leaving_out_costs(model: DiagnosisModel) -> None:
    known = model.knowledge
    present, excluded = known.columns_of(["HP:21", "HP:11", "HP:42"]), known.columns_of(["HP:12"])
    disease = row(model, "ringing disease")
    found = weights(model, present, excluded, np.array([disease]))
    whole = np.exp(model.log_probabilities([present], [excluded])[0, disease])
    for at in range(3):
        less = model.log_probabilities([np.delete(present, at)], [excluded])[0, disease]
        change = logit(float(whole)) - logit(float(np.exp(less)))
        assert found["present"][at, 0] == pytest.approx(change, abs=1e-4)
    less = model.log_probabilities([present], [excluded[:0]])[0, disease]
    assert found["excluded"][0, 0] == pytest.approx(logit(whole) - logit(np.exp(less)), abs=1e-4)
    assert found["excluded"][0, 0] < 0
    assert found["present"][list(present).index(known.phenotype_columns["HP:21"]), 0] > 0


def test_log_odds_of_what_is_nearly_sure() -> None:
    logs = np.log(np.array([[1 - 3e-9, 1e-9, 2e-9]]))
    found = log_odds(logs.astype(np.float32), np.array([0]))
    assert found[0, 0] == pytest.approx(np.log((1 - 3e-9) / 3e-9), rel=1e-4)


def test_a_disease_that_is_no_candidate(model: DiagnosisModel) -> None:
    with pytest.raises(MissingError, match=r"OMIM:9 is no candidate"):
        model.explain(["HP:21"], diseases=["OMIM:9"])


def test_genes_multiply_the_odds(model: DiagnosisModel) -> None:
    given = Circumstances(genes=("BELL1",))
    factors = Factors(model.kg, model.knowledge, given)
    # Of three genes one is given, with sensitivity 1/2: 1/2 * 3 + 1/2, and 1/2 for the others.
    named = {name: np.exp(factors.fixed["gene"][row(model, name)]) for name in DISEASES}
    assert named["ringing disease"] == pytest.approx(2)
    assert named["dull disease"] == pytest.approx(0.5)
    assert named["plain disease"] == pytest.approx(1)
    symptoms = ["HP:21", "HP:31"]
    before, after = (
        dict(model.diagnose(symptoms, circumstances=c, top=99).select("name", "probability").rows())
        for c in (None, given)
    )
    odds = {name: np.exp(logit(after[name]) - logit(before[name])) for name in DISEASES}
    assert odds["ringing disease"] > 1.2 > 0.9 > odds["dull disease"]
    rows = model.explain(symptoms, diseases=["ringing disease"], circumstances=given)
    said = rows.filter(part="circumstance")
    assert said["phenotype_name"].to_list() == ["candidate genes BELL1: associated with BELL1"]
    expected = logit(after["ringing disease"]) - logit(before["ringing disease"])
    assert said["weight"][0] == pytest.approx(expected, abs=1e-3)
    with pytest.raises(MissingError, match="no Target 'NOPE'"):
        Factors(model.kg, model.knowledge, Circumstances(genes=("NOPE",)))


def test_onset_counts_where_it_is_stated(model: DiagnosisModel) -> None:
    """Two diseases state one: Childhood and Adult onset. P(childhood) = 1/2."""
    factors = Factors(model.kg, model.knowledge, Circumstances(onset="P3Y")).fixed["onset"]
    named = {name: np.exp(factors[row(model, name)]) for name in DISEASES}
    assert named["ringing disease"] == pytest.approx(0.5 * 1 / 0.5 + 0.5)
    assert named["dull disease"] == pytest.approx(0.5)
    assert named["plain disease"] == 1
    assert years_of_onset("childhood") == years_of_onset("Childhood onset") == (1, 5)
    assert years_of_onset("P1Y6M") == (1.5, 1.5)
    with pytest.raises(DataError, match="neither an age"):
        years_of_onset("Tuesday")


def test_sex_counts_where_a_phenotype_is_of_the_other(model: DiagnosisModel) -> None:
    known: Knowledge = model.knowledge
    present = [known.columns_of(["HP:31"]), known.columns_of(["HP:21"])]
    disease = row(model, "ringing disease")  # HP:31 is stated in females
    for sex, expected in (("male", 0.05), ("female", 1.0)):
        factors = Factors(model.kg, known, Circumstances(sex=sex))
        found = np.exp(factors.log_factors(known, present))
        assert found[0, disease] == pytest.approx(expected)
        assert found[1, disease] == found[0, row(model, "plain disease")] == 1
    with pytest.raises(DataError, match="female or male"):
        Factors(model.kg, known, Circumstances(sex="m"))
