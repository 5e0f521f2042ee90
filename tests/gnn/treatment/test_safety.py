"""Nothing that speaks against a drug is passed over."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medkg.gnn.treatment.model import TreatmentModel
from medkg.gnn.treatment.recommendation import Drug, Recommendation
from medkg.gnn.treatment.safety import Patient, Safety
from medkg.gnn.treatment.train import train_treatment
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

from .pharmacy import DISEASES, DRUGS, FAMILIES, pharmacy


@pytest.fixture(scope="module")
def model() -> TreatmentModel:
    return train_treatment(pharmacy(), model="content")


def texts(safety: Safety, drug: str, **patient: Any) -> list[str]:
    asked = Patient(**{"diseases": (), **patient})
    return [warning.text for warning in safety.warnings(asked, [drug]).get(drug, [])]


def test_contraindications_hold_for_narrower_diseases() -> None:
    safety = Safety(pharmacy())
    said = ["contraindicated for disease 1 (the patient's disease 1-9 is a form of it)"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:19",)) == said
    assert texts(safety, "drugbank:DB00", also=("DOID:19",), diseases=("DOID:00",)) == said
    assert texts(safety, "drugbank:DB00", diseases=("DOID:1",)) == ["contraindicated for disease 1"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:20",)) == []


def test_contraindications_for_a_form_of_the_patients_disease() -> None:
    warning = Safety(pharmacy()).warnings(Patient(("DOID:9000",)), ["drugbank:DB01"])
    (found,) = warning["drugbank:DB01"]
    assert found.kind == "contraindicated for a form of it"
    assert found.text == (
        "contraindicated for disease 9 in children, a form of the patient's disease nine"
    )
    assert found.evidence[0]["source"] == "label"
    assert found.evidence[0]["references"] == ["PMID:7"]


def test_interactions_either_way_round() -> None:
    safety = Safety(pharmacy())
    said = "interacts with {}, which the patient takes: bleeding"
    assert texts(safety, "drugbank:DB02", taking=("drugbank:DB10",)) == [said.format("drug 1-0")]
    assert texts(safety, "drugbank:DB10", taking=("drugbank:DB02",)) == [said.format("drug 0-2")]
    assert texts(safety, "drugbank:DB10", taking=("drugbank:DB03",)) == []


def test_adverse_effects_and_diseases_of_the_name_of_a_symptom() -> None:
    safety = Safety(pharmacy())
    causes = "may cause fever (frequency common)"
    assert texts(safety, "drugbank:DB03", symptoms=("HP:1",)) == [
        f"{causes}, which the patient has"
    ]
    assert texts(safety, "drugbank:DB03", diseases=("DOID:66",)) == [
        f"{causes} (the patient's Fever is the same)"
    ]
    assert texts(safety, "drugbank:DB05", symptoms=("HP:1",)) == [
        "contraindicated for Fever (the patient's fever is the same)"
    ]


def test_what_is_said_of_a_drug_holds_for_its_forms() -> None:
    kg = pharmacy(extra=[("drugbank:DB57", "SUBCLASS_OF", "drugbank:DB00", None)])
    assert texts(Safety(kg), "drugbank:DB57", diseases=("DOID:1",)) == [
        "contraindicated for disease 1 (said of drug 0-0, of which it is a form)"
    ]


def test_contraindications_of_drugs_like_it_make_a_drug_doubtful() -> None:
    extra = [("drugbank:DB31", "CONTRAINDICATED_FOR", "DOID:3", None)]
    assert texts(Safety(pharmacy(extra=extra)), "drugbank:DB32", diseases=("DOID:30",)) == []
    extra.append(("drugbank:DB33", "CONTRAINDICATED_FOR", "DOID:3", None))
    extra.append(("drugbank:DB41", "RESEMBLES", "drugbank:DB31", None))
    extra.append(("drugbank:DB33", "RESEMBLES", "drugbank:DB41", None))
    extra.append(("drugbank:DB42", "RESEMBLES", "drugbank:DB33", None))
    safety = Safety(pharmacy(extra=extra))
    said = [
        "2 drugs like it are contraindicated for disease 3-0 (drug 3-1, drug 3-3); no source says"
        " so of this one"
    ]
    assert texts(safety, "drugbank:DB32", diseases=("DOID:30",)) == said  # by class
    assert texts(safety, "drugbank:DB41", diseases=("DOID:30",)) == said  # by resemblance
    assert texts(safety, "drugbank:DB42", diseases=("DOID:30",)) == []
    (warning,) = safety.warnings(Patient(("DOID:30",)), ["drugbank:DB41"])["drugbank:DB41"]
    assert warning.kind == "contraindicated for drugs like it"
    assert (warning.subject, warning.object) == ("drugbank:DB31", "DOID:3")
    assert warning.evidence


@pytest.mark.parametrize("pregnant", [True, False, None])
def test_pregnancy_as_far_as_a_source_states_it(pregnant: bool | None) -> None:
    kg = pharmacy()
    said = texts(Safety(kg), "drugbank:DB04", pregnant=pregnant)
    assert said == (["contraindicated in Pregnancy"] if pregnant else [])
    silent = kg.without_edges(kg.edges.filter(object="DOID:77")["id"])
    for graph, states in ((kg, True), (silent, False)):
        checks = Safety(graph).checks(Patient(("DOID:00",), pregnant=pregnant))
        (check,) = [check for check in checks if check.what == "pregnancy"]
        assert check.checked == (states and pregnant is not None)
        if not check.checked:
            assert check.note.startswith("not checked")


def test_what_could_not_be_checked_is_said() -> None:
    kg = pharmacy()
    patient = Patient(("DOID:00",), taking=("drugbank:DB10",), age=8, sex="male")
    checks = {check.what: check for check in Safety(kg).checks(patient)}
    assert {what for what, check in checks.items() if check.checked} == {
        "contraindications", "interactions", "adverse effects",
    }  # fmt: skip
    assert "no source in the graph states contraindications by age" in checks["age"].note
    relations = ["CONTRAINDICATED_FOR", "INTERACTS_WITH", "CAUSES"]
    silent = kg.without_edges(kg.edges.filter(pl.col("relation").is_in(relations))["id"])
    for check in Safety(silent).checks(patient):
        assert not check.checked
        assert check.note.startswith("not checked")
    other = Patient(("DOID:00",), taking=("drugbank:DB33",))
    (check,) = [c for c in Safety(kg).checks(other) if c.what == "interactions"]
    assert not check.checked
    assert "none is recorded of drug 3-3" in check.note
    assert Safety(kg).unchecked("drugbank:DB02", patient) == [
        "contraindications",
        "adverse effects",
    ]


def test_warnings_push_down_and_contraindications_out(model: TreatmentModel) -> None:
    free = model.recommend("DOID:00", top=60)
    place = [drug.drug for drug in (*free.recorded, *free.hypotheses)].index
    warned = model.recommend("DOID:00", taking=["drug 1-0"], symptoms=["fever"], top=60)
    ranks = {drug.drug: drug.rank for drug in free.hypotheses}
    for drug in warned.hypotheses:
        assert ranks[drug.drug] == drug.rank  # the model's own, before warnings
    for drug, times in (("drugbank:DB02", 4), ("drugbank:DB03", 2)):
        lists = [found.hypotheses for found in (free, warned)]
        if drug not in ranks:
            lists = [found.recorded for found in (free, warned)]
        before, after = ([row.drug for row in rows].index(drug) for rows in lists)
        assert after >= before
        if drug in ranks:
            others = [r.rank or 0 for r in warned.hypotheses[:after]]
            assert all(rank <= times * (ranks[drug] or 0) for rank in others)
    assert place("drugbank:DB05") >= 0
    assert "drugbank:DB05" in [drug.drug for drug in warned.contraindicated]


def test_an_effect_that_is_what_is_treated_warns_and_does_not_push_down() -> None:
    safety = Safety(pharmacy())
    sought, other = (
        safety.warnings(patient, ["drugbank:DB03"])["drugbank:DB03"][0]
        for patient in (Patient(("DOID:66",)), Patient(("DOID:00",), also=("DOID:66",)))
    )
    assert sought.text == other.text
    assert (sought.factor, other.factor) == (1, 2)


def test_each_disease_has_its_drugs(model: TreatmentModel) -> None:
    both = model.recommend(["DOID:10", "DOID:00"], top=3)
    for found in (both.recorded, both.hypotheses):
        wanted = [drug.disease for drug in found]
        assert wanted == ["DOID:10"] * 3 + ["DOID:00"] * 3
    one = model.recommend("DOID:10", also=["DOID:00"], top=3)
    treated = {drug.drug for drug in both.recorded if drug.disease == "DOID:10"}
    assert treated == {drug.drug for drug in one.recorded}


def test_a_drug_that_is_taken_is_named_with_what_speaks_against_it(model: TreatmentModel) -> None:
    found = model.recommend(
        "DOID:00", taking=["drug 1-0", "drug 0-2", "drug 0-5"], also=["DOID:66"]
    )
    assert not {"drugbank:DB10", "drugbank:DB02", "drugbank:DB05"} & {
        drug.drug for drug in (*found.recorded, *found.hypotheses, *found.contraindicated)
    }
    said = {drug.name: [warning.kind for warning in drug.warnings] for drug in found.taking}
    assert said == {
        "drug 1-0": ["interaction"], "drug 0-2": ["interaction"], "drug 0-5": ["contraindicated"],
    }  # fmt: skip


def test_a_patient_of_the_graph(model: TreatmentModel) -> None:
    found = model.recommend(patient="patient:1", top=3)
    assert found.patient == Patient(
        ("DOID:00",), (), ("HP:1",), ("drugbank:DB10",), 70.0, "female", None
    )
    told = model.recommend(
        "DOID:00", symptoms=["fever"], taking=["drug 1-0"], age=70, sex="female", top=3
    )
    assert found == told
    other = model.recommend("DOID:10", patient="patient:1", age=71)
    assert (other.patient.diseases, other.patient.also) == (("DOID:10",), ("DOID:00",))
    assert other.patient.age == 71
    assert "drugbank:DB00" in [drug.drug for drug in other.contraindicated] or not any(
        drug.drug == "drugbank:DB00" for drug in (*other.recorded, *other.hypotheses)
    )


# Whatever the graph contraindicates, no list is silent about it

drugs = [f"drugbank:DB{f}{n}" for f in range(FAMILIES) for n in range(DRUGS)]
diseases = [
    *(f"DOID:{f}" for f in range(FAMILIES)),
    *(f"DOID:{f}{d}" for f in range(FAMILIES) for d in (*range(DISEASES), 9)),
]
pairs = st.lists(st.tuples(st.sampled_from(drugs), st.sampled_from(diseases)), max_size=40)
interactions = st.lists(st.tuples(st.sampled_from(drugs), st.sampled_from(drugs)), max_size=20)
some = st.lists(st.sampled_from(diseases), min_size=1, max_size=3, unique=True)
taken = st.lists(st.sampled_from(drugs), max_size=3, unique=True)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs, interactions, some, some, taken)
def test_no_list_is_silent_about_a_contraindication_or_an_interaction(
    model: TreatmentModel,
    pairs: list[tuple[str, str]],
    interactions: list[tuple[str, str]],
    wanted: list[str],
    also: list[str],
    taking: list[str],
) -> None:
    against = {(drug, disease) for drug, disease in pairs}
    between = {frozenset(pair) for pair in interactions if pair[0] != pair[1]}
    kg = with_edges(against, between)
    found = answering_from(model, kg).recommend(wanted, also=also, taking=taking, top=48, paths=0)
    own = {*wanted, *also}
    wider = {disease: ancestors(disease) for disease in own}
    everyone = (*found.recorded, *found.hypotheses, *found.contraindicated, *found.taking)
    out = {drug.drug for drug in found.contraindicated}
    for drug in everyone:
        holding = {
            disease
            for other, disease in against
            if other == drug.drug and any(disease in wider[d] for d in own)
        }
        kinds = {warning.kind for warning in drug.warnings}
        assert ("contraindicated" in kinds) == bool(holding)
        said = {w.object for w in drug.warnings if w.kind == "contraindicated"}
        assert said == holding
        assert all(w.evidence for w in drug.warnings)
        if drug not in found.taking:
            assert (drug.drug in out) == bool(holding)
        interacting = {
            other for pair in between if drug.drug in pair for other in pair - {drug.drug}
        } & set(taking)
        assert {w.about for w in drug.warnings if w.kind == "interaction"} == interacting
    assert_all_there(found, everyone, taking)


def assert_all_there(found: Recommendation, everyone: tuple[Drug, ...], taking: list[str]) -> None:
    """All 48 drugs are in one list, and those that are taken in theirs alone."""
    assert [drug.drug for drug in found.taking] == taking
    shown = [drug.drug for drug in everyone]
    assert len(shown) == len(set(shown))
    if not any("no hypothesis is given" in notice for notice in found.notices):
        assert sorted(shown) == sorted(drugs)


def with_edges(against: set[tuple[str, str]], between: set[frozenset[str]]) -> KnowledgeGraph:
    """The pharmacy with these contraindications and interactions instead of its own."""
    kg = pharmacy()
    relations = ["CONTRAINDICATED_FOR", "INTERACTS_WITH", "CAUSES"]
    rows = kg.evidence.filter(~pl.col("relation").is_in(relations)).select(
        "subject", "relation", "object", "source"
    )
    added = [(drug, "CONTRAINDICATED_FOR", disease, "label") for drug, disease in sorted(against)]
    added += [(a, "INTERACTS_WITH", b, "label") for a, b in sorted(map(sorted, between))]
    new = pl.DataFrame(added, schema=rows.schema, orient="row")
    nodes = kg.nodes.select("id", "kind", "name", "properties")
    return KnowledgeGraph.build(nodes, pl.concat([rows, new]), [*kg.sources, Source("x", "1", "")])


def ancestors(disease: str) -> set[str]:
    """A disease and those wider than it, as the pharmacy's docstring says."""
    number = disease.removeprefix("DOID:")
    if len(number) == 1:
        return {disease}
    if number[1] == "9":
        return {disease, f"DOID:{number[0]}0", f"DOID:{number[0]}"}
    return {disease, f"DOID:{number[0]}"}


def answering_from(model: TreatmentModel, kg: KnowledgeGraph) -> TreatmentModel:
    return TreatmentModel(
        model.members, model.weights, model.scales, model.calibration, model.task, model.settings,
        model.seed, model.metrics, kg, model.record, same_graph=False,
    )  # fmt: skip
