"""Conditions that many people have anyway, beside the findings that are to be explained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import medkg.mining.diagnosis.everyday as module
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.circumstances import Circumstances
from medkg.mining.diagnosis.everyday import EverydayConditions
from medkg.mining.diagnosis.explain import contributions
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.posterior import factors_for, posterior, uncertain_posterior
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import SOURCE
from tests.hpo_terms import hpo_terms

ROOT, HYPERTENSION, GOUT, DYSURIA, ANGINA = (
    *("HP:0000118", "HP:0000822", "HP:0001997"),
    *("HP:0100518", "HP:0001681"),
)
CYSTITIS, TUMOUR, PRESSURE, OTHER = (f"OMIM:{n}" for n in range(1, 5))
TABLE = Path(module.__file__).parent / "data" / "everyday.tsv"


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """A tumour raises the blood pressure of nine in ten."""
    names = {
        ROOT: "Phenotypic abnormality",
        HYPERTENSION: "Hypertension",
        GOUT: "Gout",
        DYSURIA: "Dysuria",
        ANGINA: "Angina pectoris",
    }
    nodes = [(id_, "Symptom", name) for id_, name in names.items()]
    nodes += [
        (CYSTITIS, "Disease", "Cystitis"),
        (TUMOUR, "Disease", "Pheochromocytoma"),
        (PRESSURE, "Disease", "High blood pressure"),
        (OTHER, "Disease", "Another"),
    ]
    shown = [
        (CYSTITIS, DYSURIA, 0.9),
        (TUMOUR, HYPERTENSION, 0.9),
        (TUMOUR, ANGINA, 0.3),
        (PRESSURE, HYPERTENSION, 0.95),
        (OTHER, GOUT, 0.01),
        (OTHER, ANGINA, 0.5),
    ]
    edges = [(s, "HAS_SYMPTOM", o, f'{{"frequency": {often}}}') for s, o, often in shown]
    edges += [(id_, "SUBCLASS_OF", ROOT, None) for id_ in names if id_ != ROOT]
    evidence = pl.DataFrame(
        edges, schema=["subject", "relation", "object", "qualifiers"], orient="row"
    ).with_columns(source=pl.lit(SOURCE.name))
    schema = ["id", "kind", "name"]
    return KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=schema, orient="row"), evidence, [SOURCE]
    )


@pytest.fixture(scope="module")
def knowledge(kg: KnowledgeGraph) -> Knowledge:
    return Knowledge.of(kg)


def _split(knowledge: Knowledge, age: float | None, *findings: str) -> tuple[set[str], set[str]]:
    parts = EverydayConditions(knowledge, age).split(knowledge.columns_of(findings))
    explained, beside = ({knowledge.phenotypes[column] for column in part} for part in parts)
    return explained, beside


@pytest.mark.parametrize(
    ("age", "beside"),
    [(9, set()), (17.9, set()), (18, {HYPERTENSION, GOUT}), (70, {HYPERTENSION, GOUT})],
)
def test_what_many_people_of_that_age_have_stands_beside(
    knowledge: Knowledge, age: float, beside: set[str]
) -> None:
    findings = {HYPERTENSION, GOUT, DYSURIA}
    assert _split(knowledge, age, *findings) == (findings - beside, beside)


def test_of_unknown_age_is_an_adult(knowledge: Knowledge) -> None:
    of_adult = _split(knowledge, 40, HYPERTENSION, DYSURIA)
    assert _split(knowledge, None, HYPERTENSION, DYSURIA) == of_adult


def test_a_condition_tells_as_far_as_it_is_commoner_than_in_people(
    knowledge: Knowledge,
) -> None:
    pressed, both = knowledge.columns_of([HYPERTENSION]), knowledge.columns_of([HYPERTENSION, GOUT])
    nothing = pressed[:0]
    rows = [knowledge.disease_rows[each] for each in (CYSTITIS, TUMOUR, PRESSURE, OTHER)]
    of_adult = EverydayConditions(knowledge, 40).log_ratios([pressed, both, nothing])[:, rows]
    ratio = 0.5 * np.log(knowledge.frequency[rows[1], pressed[0]] / 0.25)
    assert ratio > 0.3
    # None for a disease that shows it less often than people have it.
    assert of_adult[:, [0, 1, 3]] == pytest.approx(
        np.array([[0, ratio, 0], [0, ratio, 0], [0] * 3])
    )
    assert of_adult[0, 2] > ratio
    of_older = EverydayConditions(knowledge, 70).log_ratios([pressed])[0, rows]
    assert 0 < of_older[1] < ratio
    assert EverydayConditions(knowledge, 70).log_ratios([nothing]).tolist() == [[0]]


@pytest.fixture
def model(kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> DiagnosisModel:
    model = train_diagnosis(kg, model="naive_bayes")
    monkeypatch.setattr(model, "open_set", SimpleNamespace(figures={"shipped": True}))
    return model


def _probability(model: DiagnosisModel, disease: str, *findings: str, **known: float) -> float:
    knowledge = model.knowledge
    factors = factors_for(model, Circumstances(**known))
    present = [knowledge.columns_of(findings)]
    logs = posterior(model, present, [present[0][:0]], factors)
    return float(np.exp(logs[0, knowledge.disease_rows[disease]]))


def test_what_people_have_anyway_hides_no_new_illness(model: DiagnosisModel) -> None:
    alone = _probability(model, CYSTITIS, DYSURIA, age=70)
    with_pressure = _probability(model, CYSTITIS, DYSURIA, HYPERTENSION, age=70)
    assert with_pressure > 0.9 * alone
    # In a child it is a finding like any other.
    of_child = _probability(model, CYSTITIS, DYSURIA, HYPERTENSION, age=9)
    assert of_child < 0.8 * _probability(model, CYSTITIS, DYSURIA, age=9)


def test_a_condition_s_contribution_is_what_it_changes(model: DiagnosisModel) -> None:
    knowledge = model.knowledge
    factors = factors_for(model, Circumstances(age=40))
    present = knowledge.columns_of([ANGINA, HYPERTENSION])
    nothing = present[:0]
    rows = np.arange(len(knowledge.diseases))
    weight = contributions(model, present, nothing, rows, factors)["present"].weight
    with_both, without = (
        posterior(model, [columns], [nothing], factors)[0].astype(float)
        for columns in (present, knowledge.columns_of([ANGINA]))
    )
    at = present.tolist().index(knowledge.columns_of([HYPERTENSION])[0])
    row = knowledge.disease_rows[TUMOUR]
    odds = [np.log(np.exp(x[row]) / (1 - np.exp(x[row]))) for x in (with_both, without)]
    assert weight[at, row] == pytest.approx(odds[0] - odds[1], abs=1e-3)
    assert weight[at, row] > 0


def test_the_table_names_what_hpo_has() -> None:
    terms = hpo_terms()
    rows = pl.read_csv(TABLE, separator="\t", comment_prefix="#")
    assert rows["phenotype"].is_sorted()
    assert rows["phenotype"].is_unique().all()
    for id_, name, *shares in rows.iter_rows():
        assert terms[id_] == name
        assert all(0 <= share <= 0.65 for share in shares)
        assert any(share >= 0.03 for share in shares), name


def test_who_has_nothing_else_has_no_rare_disease_by_it(
    model: DiagnosisModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranker isn't told of everyday conditions; what is excluded counts."""
    heard: list[list[int]] = []
    scores = model.scores
    monkeypatch.setattr(
        model, "scores", lambda patients: heard.extend(map(len, patients)) or scores(patients)
    )
    factors = factors_for(model, Circumstances(age=70))
    pressed = model.knowledge.columns_of([HYPERTENSION])
    both = model.knowledge.columns_of([HYPERTENSION, DYSURIA])
    nothing, angina = pressed[:0], model.knowledge.columns_of([ANGINA])
    logs = posterior(model, [pressed, both, pressed], [nothing, nothing, angina], factors)
    assert heard == [0, 1, 0]
    row = model.knowledge.disease_rows[TUMOUR]
    assert logs[2, row] < logs[0, row] - 0.1


def test_a_broader_condition_adds_nothing(knowledge: Knowledge) -> None:
    everyday = EverydayConditions(knowledge, 40)
    stated = knowledge.columns_of([HYPERTENSION])
    everyday._shares[knowledge.phenotype_columns[ROOT]] = 0.03
    both = np.union1d(stated, knowledge.columns_of([ROOT]))
    assert everyday.log_ratios([both]).tolist() == everyday.log_ratios([stated]).tolist()


def test_a_likely_complaint_beside_a_condition_is_mixed(model: DiagnosisModel) -> None:
    knowledge = model.knowledge
    factors = factors_for(model, Circumstances(age=70))
    certain, dysuria = knowledge.columns_of([HYPERTENSION]), knowledge.columns_of([DYSURIA])
    nothing = certain[:0]
    likely = uncertain_posterior(model, certain, nothing, {int(dysuria[0]): 0.6}, factors)
    both = np.union1d(certain, dysuria)
    sure, without = posterior(model, [both, certain], [nothing, nothing], factors).astype(float)
    assert np.exp(likely) == pytest.approx(0.6 * np.exp(sure) + 0.4 * np.exp(without), abs=1e-5)


def test_what_counts_for_little_is_not_asked_for(model: DiagnosisModel) -> None:
    questions = {
        age: set(
            model.questions(["Angina pectoris"], circumstances=Circumstances(age=age))["phenotype"]
        )
        for age in (9, 70)
    }
    assert HYPERTENSION in questions[9]
    assert HYPERTENSION not in questions[70]
