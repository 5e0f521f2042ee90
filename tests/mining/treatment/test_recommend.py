"""Recommendations: no list is silent about what speaks against a drug."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medkg.core.errors import MissingError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.safety.query import TreatmentQuery
from medkg.mining.treatment.content import Content
from medkg.mining.treatment.model import TreatmentModel
from medkg.mining.treatment.recommendation import DrugAssessment, Recommendation
from medkg.mining.treatment.train import train_treatment
from tests.mining.safety.helpers import drugs
from tests.mining.treatment.pharmacy import DISEASES, DRUGS, FAMILIES, on, pharmacy


@pytest.fixture(scope="module")
def model() -> TreatmentModel:
    return train_treatment(pharmacy(), model="content")


def test_allergies_of_a_patient_of_the_graph(model: TreatmentModel) -> None:
    hives = json.dumps({"reaction": "hives"})
    extra = [
        ("patient:1", "ALLERGIC_TO", "drugbank:DB20", hives),
        ("patient:1", "ALLERGIC_TO", "NDFRT:3", None),
        ("patient:1", "ALLERGIC_TO", "text:latex", None),
        ("patient:2", "ALLERGIC_TO", "drugbank:DB50", None),
    ]
    kg = pharmacy(extra=extra)
    recommendation = on(model, kg).recommend(
        patient="patient:1", allergic=["drug 4-0"], top=60, paths=0
    )
    assert recommendation.patient.allergic == (
        "drugbank:DB40",
        "NDFRT:3",
        "drugbank:DB20",
        "text:latex",
    )
    assert [recommendation.names[node] for node in recommendation.patient.allergic] == [
        "drug 4-0", "class 3", "drug 2-0", "latex",
    ]  # fmt: skip
    out = {
        drug.drug: warning
        for drug in recommendation.contraindicated
        for warning in drug.warnings
        if warning.kind == "allergy"
    }
    assert set(out) == {"drugbank:DB20", "drugbank:DB40", *(f"drugbank:DB3{n}" for n in range(8))}
    hypotheses = {drug.drug: drug.warnings for drug in recommendation.hypotheses}
    assert not out.keys() & hypotheses.keys()
    recorded = out["drugbank:DB20"]
    assert recorded.text == "the patient is allergic to drug 2-0 (hives)"
    (edge,) = kg.edges.filter(subject="patient:1", object="drugbank:DB20")["id"]
    assert (recorded.subject, recorded.object, recorded.edge) == (
        "patient:1", "drugbank:DB20", edge,
    )  # fmt: skip
    assert recorded.probability is not None
    assert recorded.evidence[0]["source"] == "label"
    assert out["drugbank:DB40"].edge == ""
    (like,) = hypotheses["drugbank:DB21"]
    assert like.text == (
        "shares the class class 2 with drug 2-0, to which the patient is allergic (hives); no"
        " source says so of this one"
    )
    assert (like.edge, like.evidence) == (edge, recorded.evidence)
    assert "drugbank:DB50" in hypotheses  # another patient's allergy


def test_allergies_are_given_by_name(model: TreatmentModel) -> None:
    recommendation = model.recommend("DOID:20", allergic=["drug 2-0", "class 1", "NDFRT:1"])
    assert recommendation.patient.allergic == ("drugbank:DB20", "NDFRT:1")
    with pytest.raises(MissingError, match="no Drug 'drug 2-9'; near: drug 2-0"):
        model.recommend("DOID:00", allergic=["drug 2-9"])
    with pytest.raises(MissingError, match="'lonely disease' is a Disease in the graph"):
        model.recommend("DOID:00", allergic=["lonely disease"])


def test_a_drug_that_is_taken_in_spite_of_an_allergy(model: TreatmentModel) -> None:
    recommendation = model.recommend(
        "DOID:00", taking=["drug 2-0", "drug 2-1"], allergic=["drug 2-0"]
    )
    kinds = {
        drug.name: [warning.kind for warning in drug.warnings] for drug in recommendation.taking
    }
    taken = "a drug like it is taken"
    assert kinds == {
        "drug 2-0": ["allergy", taken], "drug 2-1": ["allergy to a drug like it", taken],
    }  # fmt: skip


def test_all_of_one_name_are_what_the_patient_is_allergic_to(model: TreatmentModel) -> None:
    kg = pharmacy(drugs={"RXCUI:1": "drug 2-0"})
    recommendation = on(model, kg).recommend("DOID:00", allergic=["drug 2-0"])
    assert recommendation.patient.allergic == ("RXCUI:1", "drugbank:DB20")
    assert "drug 2-0 is 2 drugs of one name; all were taken" in recommendation.notices


def test_an_allergy_is_no_reason_for_a_drug(model: TreatmentModel) -> None:
    """Neither what patients are allergic to alike, nor a path through one."""
    allergies = [("patient:1", "ALLERGIC_TO", drug, None) for drug in drugs[:DRUGS]]
    allergies += [("patient:2", "ALLERGIC_TO", drug, None) for drug in drugs[DRUGS : 2 * DRUGS]]
    kg = pharmacy(extra=allergies)
    diseases = np.arange(len(model.task.tails))
    allergic = train_treatment(kg, model="content")
    assert np.array_equal(allergic.scores(diseases), model.scores(diseases))
    learned, before = allergic.members["content"], model.members["content"]
    assert isinstance(learned, Content)
    assert isinstance(before, Content)
    assert learned.weights == before.weights  # no further feature
    recommendation = allergic.recommend("DOID:00", top=48, paths=9)
    assert len(recommendation.hypotheses) > 20
    steps = [
        step for drug in recommendation.hypotheses for path in drug.paths for step in path.steps
    ]
    assert steps
    assert not any(step.relation == "ALLERGIC_TO" for step in steps)


def test_warnings_push_down_and_contraindications_out(model: TreatmentModel) -> None:
    free = model.recommend("DOID:30", top=60)
    ranks = {drug.drug: drug.rank or 0 for drug in free.hypotheses}
    warned = model.recommend("DOID:30", taking=["drug 1-0"], symptoms=["fever"], top=60)
    order = [drug.drug for drug in warned.hypotheses]
    for drug in warned.hypotheses:
        assert ranks[drug.drug] == drug.rank  # the model's own, before warnings
    undoubted = {drug.drug for drug in warned.hypotheses if not drug.warnings}
    for drug, times in (("drugbank:DB02", 4), ("drugbank:DB03", 4)):
        before = {other for other in undoubted if ranks[other] < times * ranks[drug]}
        assert any(ranks[other] > ranks[drug] for other in before)  # it is pushed down
        assert before <= set(order[: order.index(drug)])
    assert "drugbank:DB05" in ranks
    assert "drugbank:DB05" not in order
    assert "drugbank:DB05" in [drug.drug for drug in warned.contraindicated]


def test_each_disease_has_its_drugs(model: TreatmentModel) -> None:
    both = model.recommend(["DOID:10", "DOID:00"], top=3)
    for listed in (both.recorded, both.hypotheses):
        wanted = [drug.disease for drug in listed]
        assert wanted == ["DOID:10"] * 3 + ["DOID:00"] * 3
    one = model.recommend("DOID:10", also=["DOID:00"], top=3)
    treated = {drug.drug for drug in both.recorded if drug.disease == "DOID:10"}
    assert treated == {drug.drug for drug in one.recorded}


def test_a_drug_that_is_taken_is_named_with_what_speaks_against_it(model: TreatmentModel) -> None:
    recommendation = model.recommend(
        "DOID:00", taking=["drug 1-0", "drug 0-2", "drug 0-5"], also=["DOID:66"]
    )
    assert not {"drugbank:DB10", "drugbank:DB02", "drugbank:DB05"} & {
        drug.drug
        for drug in (
            *recommendation.recorded,
            *recommendation.hypotheses,
            *recommendation.contraindicated,
        )
    }
    kinds = {
        drug.name: [warning.kind for warning in drug.warnings] for drug in recommendation.taking
    }
    assert kinds == {
        "drug 1-0": ["interaction"],
        "drug 0-2": ["interaction", "a drug like it is taken"],
        "drug 0-5": ["contraindicated", "interaction of drugs like it", "a drug like it is taken"],
    }  # fmt: skip


def test_a_patient_of_the_graph(model: TreatmentModel) -> None:
    recommendation = model.recommend(patient="patient:1", top=3)
    assert recommendation.patient == TreatmentQuery(
        ("DOID:00",), (), ("HP:1",), ("drugbank:DB10",), 70.166667, None, "female", id="patient:1"
    )
    by_hand = model.recommend(
        "DOID:00", symptoms=["fever"], taking=["drug 1-0"], age=70.166667, sex="female", top=3
    )
    assert replace(recommendation, patient=by_hand.patient) == by_hand
    other = model.recommend("DOID:10", patient="patient:1", age=71)
    assert (other.patient.diseases, other.patient.also) == (("DOID:10",), ("DOID:00",))
    assert other.patient.age == 71
    assert "drugbank:DB00" in [drug.drug for drug in other.contraindicated] or not any(
        drug.drug == "drugbank:DB00" for drug in (*other.recorded, *other.hypotheses)
    )


def with_patient(properties: dict[str, Any], *diseases: str) -> KnowledgeGraph:
    """The pharmacy with a patient:3, and a drug each for infants, children and the aged."""
    kg = pharmacy()
    states = [("DOID:55", "Infant"), ("DOID:56", "Child"), ("DOID:57", "Elderly")]
    added = [("patient:3", "Patient", "patient 3", json.dumps(properties))]
    added += [(node, "Disease", name, "") for node, name in states]
    nodes = kg.nodes.select("id", "kind", "name", "properties")
    nodes = pl.concat([nodes, pl.DataFrame(added, schema=nodes.schema, orient="row")])
    rows = kg.evidence.select("subject", "relation", "object", "source")
    held = [("patient:3", "HAS_DISEASE", disease, "label") for disease in diseases]
    held += [
        (f"drugbank:DB5{n}", "CONTRAINDICATED_FOR", node, "label")
        for n, (node, _) in enumerate(states)
    ]
    held.append(("drugbank:DB53", "CONTRAINDICATED_FOR", "DOID:novel", "label"))
    rows = pl.concat([rows, pl.DataFrame(held, schema=rows.schema, orient="row")])
    novel = pl.DataFrame(
        [("DOID:novel", "Disease", "novel", "")], schema=nodes.schema, orient="row"
    )
    return KnowledgeGraph.build(pl.concat([nodes, novel]), rows, kg.sources)


@pytest.mark.parametrize(
    ("properties", "age", "states"),
    [
        ({"age": "P30M"}, 2.5, {"Child"}),
        ({"age": "P18M"}, 1.5, {"Child"}),
        ({"age": "P200W"}, pytest.approx(1400 / 365.25, abs=1e-6), {"Child"}),
        ({"age": "P400D"}, pytest.approx(400 / 365.25, abs=1e-6), {"Child"}),
        ({"age": "P11M"}, pytest.approx(11 / 12, abs=1e-6), {"Infant", "Child"}),
        ({"age": "P17Y11M"}, pytest.approx(17 + 11 / 12, abs=1e-6), {"Child"}),
        ({"age": "P64Y11M"}, pytest.approx(64 + 11 / 12, abs=1e-6), set()),
        # Of a year of birth either age may be the patient's.
        ({"birth_year": date.today().year - 1}, 1, {"Infant", "Child"}),
        ({"birth_year": date.today().year - 18}, 18, {"Child"}),
        ({"birth_year": date.today().year - 19}, 19, set()),
        ({"birth_year": date.today().year - 65}, 65, {"Elderly"}),
        ({"birth_year": date.today().year - 64}, 64, set()),
        ({}, None, set()),
    ],
)
def test_ages_of_patients_of_the_graph(
    model: TreatmentModel, properties: dict[str, Any], age: float | None, states: set[str]
) -> None:
    recommendation = on(model, with_patient(properties, "DOID:50")).recommend(
        patient="patient:3", paths=0, top=60
    )
    assert recommendation.patient.age == age
    texts = {warning.text for drug in recommendation.contraindicated for warning in drug.warnings}
    assert texts == {f"contraindicated in {state}" for state in states}


def test_a_disease_of_a_patient_that_the_model_has_not_seen(model: TreatmentModel) -> None:
    both = on(model, with_patient({}, "DOID:50", "DOID:novel"))
    recommendation = both.recommend(patient="patient:3", top=60)
    assert (recommendation.patient.diseases, recommendation.patient.also) == (
        ("DOID:50",),
        ("DOID:novel",),
    )
    assert "the model has not seen novel (DOID:novel)" in recommendation.notices[0]
    assert [drug.drug for drug in recommendation.contraindicated] == ["drugbank:DB53"]
    with pytest.raises(MissingError, match="has not seen DOID:novel"):
        both.recommend("DOID:novel", patient="patient:3")
    with pytest.raises(MissingError, match="has not seen DOID:novel"):
        on(model, with_patient({}, "DOID:novel")).recommend(patient="patient:3")


# Whatever the graph contraindicates, no list is silent about it

diseases = [
    *(f"DOID:{f}" for f in range(FAMILIES)),
    *(f"DOID:{f}{d}" for f in range(FAMILIES) for d in (*range(DISEASES), 9)),
]
pairs = st.lists(st.tuples(st.sampled_from(drugs), st.sampled_from(diseases)), max_size=40)
interactions = st.lists(st.tuples(st.sampled_from(drugs), st.sampled_from(drugs)), max_size=20)
some = st.lists(st.sampled_from(diseases), min_size=1, max_size=3, unique=True)
taken = st.lists(st.sampled_from(drugs), max_size=3, unique=True)
classes = [f"NDFRT:{f}" for f in range(FAMILIES)]
allergens = st.lists(st.sampled_from([*drugs, *classes]), max_size=3, unique=True)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs, interactions, some, some, taken, allergens, allergens)
def test_no_list_is_silent_about_an_allergy_a_contraindication_or_an_interaction(
    model: TreatmentModel,
    pairs: list[tuple[str, str]],
    interactions: list[tuple[str, str]],
    wanted: list[str],
    also: list[str],
    taking: list[str],
    stated: list[str],
    recorded: list[str],
) -> None:
    against = {(drug, disease) for drug, disease in pairs}
    between = {frozenset(pair) for pair in interactions if pair[0] != pair[1]}
    kg = with_edges(against, between, recorded)
    recommendation = on(model, kg).recommend(
        wanted, also=also, taking=taking, allergic=stated, patient="patient:3", top=48, paths=0
    )
    allergic = {*stated, *recorded}
    own = {*wanted, *also}
    wider = {disease: ancestors(disease) for disease in own}
    everyone = (
        *recommendation.recorded,
        *recommendation.hypotheses,
        *recommendation.contraindicated,
        *recommendation.taking,
    )
    out = {drug.drug for drug in recommendation.contraindicated}
    for drug in everyone:
        holding = {
            disease
            for other, disease in against
            if other == drug.drug and any(disease in wider[d] for d in own)
        }
        kinds = {warning.kind for warning in drug.warnings}
        assert ("contraindicated" in kinds) == bool(holding)
        about = {w.object for w in drug.warnings if w.kind == "contraindicated"}
        assert about == holding
        family = f"NDFRT:{drug.drug[11]}"
        forbidden = allergic & {drug.drug, family}
        assert {w.about for w in drug.warnings if w.kind == "allergy"} == forbidden
        like = {a for a in allergic if a[11:12] == drug.drug[11]} if not forbidden else set()
        assert {w.about for w in drug.warnings if w.kind == "allergy to a drug like it"} == like
        for warning in drug.warnings:
            given_alone = warning.relation == "TAKES" or (
                warning.relation == "ALLERGIC_TO" and warning.about not in recorded
            )
            assert bool(warning.evidence) != given_alone
        if drug not in recommendation.taking:
            assert (drug.drug in out) == bool(holding or forbidden)
        interacting = {
            other for pair in between if drug.drug in pair for other in pair - {drug.drug}
        } & set(taking)
        assert {w.about for w in drug.warnings if w.kind == "interaction"} == interacting
    assert_all_there(recommendation, everyone, taking)


def assert_all_there(
    recommendation: Recommendation, everyone: tuple[DrugAssessment, ...], taking: list[str]
) -> None:
    """All 48 drugs are in one list, and those that are taken in theirs alone."""
    assert [drug.drug for drug in recommendation.taking] == taking
    shown = [drug.drug for drug in everyone]
    assert len(shown) == len(set(shown))
    if not any("no hypothesis is given" in notice for notice in recommendation.notices):
        assert sorted(shown) == sorted(drugs)


def with_edges(
    against: set[tuple[str, str]], between: set[frozenset[str]], allergic: list[str]
) -> KnowledgeGraph:
    """The pharmacy with these contraindications and interactions instead of its own, and with a
    patient:3 of these allergies."""
    kg = pharmacy()
    relations = ["CONTRAINDICATED_FOR", "INTERACTS_WITH", "CAUSES"]
    rows = kg.evidence.filter(~pl.col("relation").is_in(relations)).select(
        "subject", "relation", "object", "source"
    )
    added = [(drug, "CONTRAINDICATED_FOR", disease, "label") for drug, disease in sorted(against)]
    added += [(a, "INTERACTS_WITH", b, "label") for a, b in sorted(map(sorted, between))]
    added += [("patient:3", "ALLERGIC_TO", allergen, "label") for allergen in allergic]
    new = pl.DataFrame(added, schema=rows.schema, orient="row")
    columns = ["id", "kind", "name"]
    patient = pl.DataFrame([("patient:3", "Patient", "patient 3")], schema=columns, orient="row")
    nodes = pl.concat([kg.nodes.select(columns), patient])
    return KnowledgeGraph.build(nodes, pl.concat([rows, new]), [*kg.sources, Source("x", "1", "")])


def ancestors(disease: str) -> set[str]:
    """A disease and those wider than it, as the pharmacy's docstring says."""
    number = disease.removeprefix("DOID:")
    if len(number) == 1:
        return {disease}
    if number[1] == "9":
        return {disease, f"DOID:{number[0]}0", f"DOID:{number[0]}"}
    return {disease, f"DOID:{number[0]}"}
