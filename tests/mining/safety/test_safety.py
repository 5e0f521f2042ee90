"""Nothing that speaks against a drug is passed over."""

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

from medkg.core.errors import DataError, MissingError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.safety.query import TreatmentQuery
from medkg.mining.safety.safety import Safety
from medkg.mining.treatment.content import Content
from medkg.mining.treatment.model import TreatmentModel
from medkg.mining.treatment.recommendation import DrugAssessment, Recommendation
from medkg.mining.treatment.train import train_treatment
from tests.mining.treatment.pharmacy import DISEASES, DRUGS, FAMILIES, on, pharmacy


@pytest.fixture(scope="module")
def model() -> TreatmentModel:
    return train_treatment(pharmacy(), model="content")


def texts(safety: Safety, drug: str, **patient: Any) -> list[str]:
    asked = TreatmentQuery(**{"diseases": (), **patient})
    return [warning.text for warning in safety.warnings(asked, [drug]).get(drug, [])]


def test_contraindications_hold_for_narrower_diseases() -> None:
    safety = Safety(pharmacy())
    said = ["contraindicated for disease 1 (the patient's disease 1-9 is a form of it)"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:19",)) == said
    assert texts(safety, "drugbank:DB00", also=("DOID:19",), diseases=("DOID:00",)) == said
    assert texts(safety, "drugbank:DB00", diseases=("DOID:1",)) == ["contraindicated for disease 1"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:20",)) == []


def test_contraindications_for_a_form_of_the_patients_disease() -> None:
    warning = Safety(pharmacy()).warnings(TreatmentQuery(("DOID:9000",)), ["drugbank:DB01"])
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
    (warning,) = safety.warnings(TreatmentQuery(("DOID:30",)), ["drugbank:DB41"])["drugbank:DB41"]
    assert warning.kind == "contraindicated for drugs like it"
    assert (warning.subject, warning.object) == ("drugbank:DB31", "DOID:3")
    assert warning.evidence


def kinds(safety: Safety, patient: TreatmentQuery) -> dict[str, set[str]]:
    """The drugs that each kind of warning is about."""
    found: dict[str, set[str]] = {}
    for drug, own in safety.warnings(patient, drugs).items():
        for warning in own:
            found.setdefault(warning.kind, set()).add(drug.removeprefix("drugbank:DB"))
    return found


def test_an_allergy_is_to_the_drug_and_its_forms_and_doubts_those_like_it() -> None:
    extra = [
        ("drugbank:DB40", "SUBCLASS_OF", "drugbank:DB20", None),
        ("drugbank:DB50", "RESEMBLES", "drugbank:DB20", None),
        ("drugbank:DB20", "RESEMBLES", "drugbank:DB51", None),
    ]
    safety, patient = Safety(pharmacy(extra=extra)), TreatmentQuery((), allergic=("drugbank:DB20",))
    assert kinds(safety, patient) == {
        "allergy": {"20", "40"},
        "allergy to a drug like it": {*(f"2{n}" for n in range(1, DRUGS)), "50", "51"},
    }
    found = safety.warnings(patient, drugs)
    said = {drug: [w.text for w in own] for drug, own in found.items()}
    whom = "drug 2-0, to which the patient is allergic; no source says so of this one"
    assert said["drugbank:DB20"] == ["the patient is allergic to drug 2-0"]
    assert said["drugbank:DB40"] == [
        "the patient is allergic to drug 2-0 (said of drug 2-0, of which it is a form)"
    ]
    assert said["drugbank:DB21"] == [f"shares the class class 2 with {whom}"]
    assert said["drugbank:DB50"] == said["drugbank:DB51"] == [f"resembles {whom}"]
    (itself,), (like,) = found["drugbank:DB20"], found["drugbank:DB21"]
    assert (itself.factor, like.factor) == (1, 4)
    assert (itself.subject, itself.relation, itself.object) == ("", "ALLERGIC_TO", "drugbank:DB20")
    assert (itself.edge, itself.probability, itself.evidence) == ("", None, ())


def test_drugs_of_a_large_class_are_not_like_one_another() -> None:
    large = [(drug, "IN_CLASS", "NDFRT:2", None) for drug in drugs[:31] if drug[11] != "2"]
    allergic = TreatmentQuery((), allergic=("drugbank:DB20",))
    assert kinds(Safety(pharmacy(extra=large)), allergic) == {"allergy": {"20"}}
    of_30 = large[: 30 - DRUGS]
    assert len(kinds(Safety(pharmacy(extra=of_30)), allergic)["allergy to a drug like it"]) == 29


def test_an_allergy_to_a_class_is_to_its_members_and_those_of_narrower_classes() -> None:
    safety = Safety(pharmacy(extra=[("NDFRT:1", "SUBCLASS_OF", "NDFRT:2", None)]))
    families = {f"{f}{n}" for f in (1, 2) for n in range(DRUGS)}
    assert kinds(safety, TreatmentQuery((), allergic=("NDFRT:2",))) == {"allergy": families}
    assert kinds(safety, TreatmentQuery((), allergic=("NDFRT:1",))) == {
        "allergy": {drug for drug in families if drug[0] == "1"}
    }
    assert texts(safety, "drugbank:DB20", allergic=("NDFRT:2",)) == [
        "the patient is allergic to class 2, its class"
    ]
    assert texts(safety, "drugbank:DB10", allergic=("NDFRT:2",)) == [
        "the patient is allergic to class 2; its class class 1 is a form of it"
    ]


def test_an_allergy_to_a_form_doubts_the_drug_and_its_other_forms_unless_they_are_many() -> None:
    few = [(f"drugbank:DB{n}0", "SUBCLASS_OF", "drugbank:DB00", None) for n in (1, 2)]
    said = "drug 1-0, to which the patient is allergic, is a form of drug 0-0"
    safety = Safety(pharmacy(extra=few))
    assert texts(safety, "drugbank:DB00", allergic=("drugbank:DB10",)) == [said]
    assert texts(safety, "drugbank:DB20", allergic=("drugbank:DB10",)) == [
        f"{said} (said of drug 0-0, of which it is a form)"
    ]
    many = [(drug, "SUBCLASS_OF", "drugbank:DB00", None) for drug in drugs[8:40]]
    safety = Safety(pharmacy(extra=many))
    assert texts(safety, "drugbank:DB00", allergic=("drugbank:DB10",)) == [said]
    assert texts(safety, "drugbank:DB20", allergic=("drugbank:DB10",)) == []


def test_several_allergies_that_were_given_all_warn() -> None:
    assert texts(Safety(pharmacy()), "drugbank:DB22", allergic=("drugbank:DB20", "NDFRT:2")) == [
        "the patient is allergic to class 2, its class"
    ]
    both = ("drugbank:DB20", "drugbank:DB21")
    assert [t.split(",")[0] for t in texts(Safety(pharmacy()), "drugbank:DB22", allergic=both)] == [
        "shares the class class 2 with drug 2-0", "shares the class class 2 with drug 2-1",
    ]  # fmt: skip
    assert texts(Safety(pharmacy()), "drugbank:DB21", allergic=both) == [
        "the patient is allergic to drug 2-1"
    ]


def test_an_allergy_as_another_source_calls_the_drug() -> None:
    """A note's own drug, a record's code, and a class that is named in the plural."""
    rows = [
        ("drugbank:1", "Drug", "Penicillin G", ["Benzylpenicillin"], ["RXCUI:7980", "ATC:J01"]),
        ("drugbank:2", "Drug", "Ampicillin", [], ["ATC:J01"]),
        ("NDFRT:1", "DrugClass", "Penicillins", [], []),
        ("text:drug_benzylpenicillin", "Drug", "benzylpenicillin", [], []),
        ("text:drug_penicillin", "Drug", "penicillin", [], []),
        ("RXCUI:7980", "Drug", "penicillin G, oral", [], []),
        ("RXCUI:1", "Drug", "anything", [], ["ATC:J01"]),
        ("MESH:1", "Disease", "penicillin", [], []),
    ]
    columns = ["id", "kind", "name", "synonyms", "xrefs"]
    edges = [("drugbank:2", "IN_CLASS", "NDFRT:1"), ("drugbank:2", "TREATS", "MESH:1")]
    kg = KnowledgeGraph.build(
        pl.DataFrame(rows, schema=columns, orient="row"),
        pl.DataFrame(edges, schema=["subject", "relation", "object"], orient="row").with_columns(
            source=pl.lit("x")
        ),
        [Source("x", "1", "CC0-1.0")],
    )
    safety = Safety(kg)
    given = ["drugbank:1", "drugbank:2"]

    def said(allergen: str) -> dict[str, list[str]]:
        found = safety.warnings(TreatmentQuery((), allergic=(allergen,)), given)
        assert {w.kind for own in found.values() for w in own} <= {"allergy"}
        return {drug: [w.text for w in own] for drug, own in found.items()}

    assert said("text:drug_benzylpenicillin") == {
        "drugbank:1": ["the patient is allergic to benzylpenicillin, which is the same"]
    }
    assert said("RXCUI:7980") == {
        "drugbank:1": ["the patient is allergic to penicillin G, oral, which is the same"]
    }
    assert said("text:drug_penicillin") == {
        "drugbank:2": ["the patient is allergic to penicillin; its class Penicillins is the same"]
    }
    assert said("RXCUI:1") == {}  # two of drugbank's have ATC:J01: it is a group


def test_allergies_of_a_patient_of_the_graph(model: TreatmentModel) -> None:
    hives = json.dumps({"reaction": "hives"})
    extra = [
        ("patient:1", "ALLERGIC_TO", "drugbank:DB20", hives),
        ("patient:1", "ALLERGIC_TO", "NDFRT:3", None),
        ("patient:1", "ALLERGIC_TO", "text:latex", None),
        ("patient:2", "ALLERGIC_TO", "drugbank:DB50", None),
    ]
    kg = pharmacy(extra=extra)
    found = on(model, kg).recommend(patient="patient:1", allergic=["drug 4-0"], top=60, paths=0)
    assert found.patient.allergic == ("drugbank:DB40", "NDFRT:3", "drugbank:DB20", "text:latex")
    assert [found.names[node] for node in found.patient.allergic] == [
        "drug 4-0", "class 3", "drug 2-0", "latex",
    ]  # fmt: skip
    out = {
        drug.drug: warning
        for drug in found.contraindicated
        for warning in drug.warnings
        if warning.kind == "allergy"
    }
    assert set(out) == {"drugbank:DB20", "drugbank:DB40", *(f"drugbank:DB3{n}" for n in range(8))}
    hypotheses = {drug.drug: drug.warnings for drug in found.hypotheses}
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


def test_evidence_of_anothers_allergy_is_not_shown() -> None:
    said = pl.DataFrame(
        {
            "sentence": ["Allergic to drug 2-0.", "So is her son."],
            "experiencer": ["patient", "family"],
        }
    ).with_columns(
        subject=pl.lit("patient:1"),
        relation=pl.lit("ALLERGIC_TO"),
        object=pl.lit("drugbank:DB20"),
        source=pl.lit("label"),
    )
    kg = pharmacy()
    nodes = kg.nodes.select("id", "kind", "name")
    safety = Safety(KnowledgeGraph.build(nodes, said, kg.sources))
    patient = TreatmentQuery((), allergic=("drugbank:DB20",), id="patient:1")
    (warning,) = safety.warnings(patient, drugs)["drugbank:DB20"]
    assert [piece["sentence"] for piece in warning.evidence] == ["Allergic to drug 2-0."]


def test_allergies_are_given_by_name(model: TreatmentModel) -> None:
    found = model.recommend("DOID:20", allergic=["drug 2-0", "class 1", "NDFRT:1"])
    assert found.patient.allergic == ("drugbank:DB20", "NDFRT:1")
    with pytest.raises(MissingError, match="no Drug 'drug 2-9'; near: drug 2-2"):
        model.recommend("DOID:00", allergic=["drug 2-9"])
    with pytest.raises(MissingError, match="'lonely disease' is a Disease in the graph"):
        model.recommend("DOID:00", allergic=["lonely disease"])


def test_a_drug_that_is_taken_in_spite_of_an_allergy(model: TreatmentModel) -> None:
    found = model.recommend("DOID:00", taking=["drug 2-0", "drug 2-1"], allergic=["drug 2-0"])
    said = {drug.name: [warning.kind for warning in drug.warnings] for drug in found.taking}
    assert said == {"drug 2-0": ["allergy"], "drug 2-1": ["allergy to a drug like it"]}


def test_an_allergy_goes_before_a_contraindication() -> None:
    patient = TreatmentQuery((), pregnant=True, allergic=("drugbank:DB04",))
    found = Safety(pharmacy()).warnings(patient, ["drugbank:DB04"])["drugbank:DB04"]
    assert [warning.kind for warning in found] == ["allergy", "contraindicated"]


def test_what_was_looked_for_of_allergies() -> None:
    kg = pharmacy()
    lonely = kg.without_edges(kg.edges.filter(subject="drugbank:DB50")["id"])

    def check(kg: KnowledgeGraph, *allergic: str) -> tuple[bool, str]:
        (found,) = [
            check
            for check in Safety(kg).checks(TreatmentQuery(("DOID:00",), allergic=allergic))
            if check.what == "allergies"
        ]
        return found.checked, found.note

    none = "not checked: no allergy was given or recorded, which is no proof of none"
    assert check(kg) == (False, none)
    note = (
        "checked: 2 given or recorded (drug 5-0, class 1); their forms, classes and drugs like them"
        " too, as far as the graph holds them"
    )
    assert check(kg, "drugbank:DB50", "NDFRT:1") == (True, note)
    alone = f"{note}; none is or is like drug 5-0, which is no proof of safety"
    assert check(lonely, "drugbank:DB50", "NDFRT:1") == (True, alone)
    assert check(kg, "text:latex") == (
        False,
        "not checked: 1 given or recorded (latex); their forms, classes and drugs like them too, as"
        " far as the graph holds them; none is or is like latex, which is no proof of safety",
    )
    # It is compared all the same.
    assert texts(Safety(lonely), "drugbank:DB50", allergic=("drugbank:DB50",))


def test_a_drug_is_not_the_group_whose_name_is_its_plural() -> None:
    """Tetracycline is one of the tetracyclines, so that doxycycline is like it and not it."""
    kg = pharmacy(
        drugs={"drugbank:DB60": "drug 2-0s"},
        extra=[(f"drugbank:DB2{n}", "SUBCLASS_OF", "drugbank:DB60", None) for n in range(2)],
    )
    one = Safety(kg).warnings(TreatmentQuery((), allergic=("drugbank:DB20",)), ["drugbank:DB21"])
    assert {warning.kind for warning in one["drugbank:DB21"]} == {"allergy to a drug like it"}
    group = Safety(kg).warnings(TreatmentQuery((), allergic=("drugbank:DB60",)), ["drugbank:DB21"])
    assert {warning.kind for warning in group["drugbank:DB21"]} == {"allergy"}


def test_all_of_one_name_are_what_the_patient_is_allergic_to(model: TreatmentModel) -> None:
    kg = pharmacy(drugs={"RXCUI:1": "drug 2-0"})
    found = on(model, kg).recommend("DOID:00", allergic=["drug 2-0"])
    assert found.patient.allergic == ("RXCUI:1", "drugbank:DB20")
    assert "drug 2-0 is 2 drugs of one name; all were taken" in found.notices


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
    assert learned.weights == before.weights  # no channel more
    found = allergic.recommend("DOID:00", top=48, paths=9)
    assert len(found.hypotheses) > 20
    steps = [step for drug in found.hypotheses for path in drug.paths for step in path.steps]
    assert steps
    assert not any(step.relation == "ALLERGIC_TO" for step in steps)


@pytest.mark.parametrize("pregnant", [True, False, None])
def test_pregnancy_as_far_as_a_source_states_it(pregnant: bool | None) -> None:
    kg = pharmacy()
    said = texts(Safety(kg), "drugbank:DB04", pregnant=pregnant)
    assert said == (["contraindicated in Pregnancy"] if pregnant else [])
    silent = kg.without_edges(kg.edges.filter(object="DOID:77")["id"])
    for graph, states in ((kg, True), (silent, False)):
        checks = Safety(graph).checks(TreatmentQuery(("DOID:00",), pregnant=pregnant))
        (check,) = [check for check in checks if check.what == "pregnancy"]
        assert check.checked == (states and pregnant is not None)
        if not check.checked:
            assert check.note.startswith("not checked")


def test_what_could_not_be_checked_is_said() -> None:
    kg = pharmacy()
    patient = TreatmentQuery(("DOID:00",), taking=("drugbank:DB10",), age=8, sex="male")
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
    other = TreatmentQuery(("DOID:00",), taking=("drugbank:DB33",))
    (check,) = [c for c in Safety(kg).checks(other) if c.what == "interactions"]
    assert not check.checked
    assert "none is recorded of drug 3-3" in check.note
    assert Safety(kg).unchecked("drugbank:DB02", patient) == [
        "contraindications",
        "adverse effects",
    ]


def test_warnings_push_down_and_contraindications_out(model: TreatmentModel) -> None:
    free = model.recommend("DOID:30", top=60)
    ranks = {drug.drug: drug.rank or 0 for drug in free.hypotheses}
    warned = model.recommend("DOID:30", taking=["drug 1-0"], symptoms=["fever"], top=60)
    order = [drug.drug for drug in warned.hypotheses]
    for drug in warned.hypotheses:
        assert ranks[drug.drug] == drug.rank  # the model's own, before warnings
    undoubted = set(order) - {"drugbank:DB02", "drugbank:DB03"}
    for drug, times in (("drugbank:DB02", 4), ("drugbank:DB03", 2)):
        before = {other for other in undoubted if ranks[other] < times * ranks[drug]}
        assert any(ranks[other] > ranks[drug] for other in before)  # it is pushed down
        assert before <= set(order[: order.index(drug)])
    assert "drugbank:DB05" in ranks
    assert "drugbank:DB05" not in order
    assert "drugbank:DB05" in [drug.drug for drug in warned.contraindicated]


def test_an_effect_that_is_what_is_treated_warns_and_does_not_push_down() -> None:
    safety = Safety(pharmacy())
    sought, other = (
        safety.warnings(patient, ["drugbank:DB03"])["drugbank:DB03"][0]
        for patient in (
            TreatmentQuery(("DOID:66",)),
            TreatmentQuery(("DOID:00",), also=("DOID:66",)),
        )
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
    assert found.patient == TreatmentQuery(
        ("DOID:00",), (), ("HP:1",), ("drugbank:DB10",), 70.166667, None, "female", id="patient:1"
    )
    told = model.recommend(
        "DOID:00", symptoms=["fever"], taking=["drug 1-0"], age=70.166667, sex="female", top=3
    )
    assert replace(found, patient=told.patient) == told
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
    ("said", "age", "states"),
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
    model: TreatmentModel, said: dict[str, Any], age: float | None, states: set[str]
) -> None:
    found = on(model, with_patient(said, "DOID:50")).recommend(patient="patient:3", paths=0, top=60)
    assert found.patient.age == age
    texts = {warning.text for drug in found.contraindicated for warning in drug.warnings}
    assert texts == {f"contraindicated in {state}" for state in states}


def test_a_disease_of_a_patient_that_the_model_has_not_seen(model: TreatmentModel) -> None:
    both = on(model, with_patient({}, "DOID:50", "DOID:novel"))
    found = both.recommend(patient="patient:3", top=60)
    assert (found.patient.diseases, found.patient.also) == (("DOID:50",), ("DOID:novel",))
    assert "the model has not seen novel (DOID:novel)" in found.notices[0]
    assert [drug.drug for drug in found.contraindicated] == ["drugbank:DB53"]
    with pytest.raises(MissingError, match="has not seen DOID:novel"):
        both.recommend("DOID:novel", patient="patient:3")
    with pytest.raises(MissingError, match="has not seen DOID:novel"):
        on(model, with_patient({}, "DOID:novel")).recommend(patient="patient:3")


def test_a_man_is_not_pregnant() -> None:
    with pytest.raises(DataError, match="male and pregnant"):
        TreatmentQuery(("DOID:00",), sex="male", pregnant=True)
    assert TreatmentQuery(("DOID:00",), sex="male", pregnant=False).states == ["male"]


def test_a_broad_cross_reference_makes_no_two_diseases_the_same() -> None:
    """Two MONDO diseases have ICD10:E00-E90: it is a chapter, and not what either is."""
    rows = [
        ("MONDO:1", "Disease", "gout", ["ICD10:E00-E90", "OMIM:1"]),
        ("MONDO:2", "Disease", "goitre", ["ICD10:E00-E90"]),
        ("MONDO:3", "Disease", "thyroid disease", []),
        ("OMIM:1", "Disease", "gout, hereditary", ["ICD10:E00-E90"]),
        ("drugbank:1", "Drug", "a", []),
        ("drugbank:2", "Drug", "b", []),
        ("drugbank:3", "Drug", "c", []),
    ]
    nodes = pl.DataFrame(rows, schema=["id", "kind", "name", "xrefs"], orient="row")
    edges = [
        ("drugbank:1", "CONTRAINDICATED_FOR", "OMIM:1"),
        ("drugbank:2", "CONTRAINDICATED_FOR", "MONDO:2"),
        ("drugbank:3", "CONTRAINDICATED_FOR", "MONDO:3"),
        ("MONDO:2", "SUBCLASS_OF", "MONDO:3"),
    ]
    evidence = pl.DataFrame(edges, schema=["subject", "relation", "object"], orient="row")
    kg = KnowledgeGraph.build(
        nodes, evidence.with_columns(source=pl.lit("x")), [Source("x", "1", "CC0-1.0")]
    )
    found = Safety(kg).warnings(TreatmentQuery(("MONDO:1",)), [f"drugbank:{n}" for n in (1, 2, 3)])
    said = {drug: [(w.kind, w.factor, w.text) for w in own] for drug, own in found.items()}
    perhaps = "contraindicated for what is perhaps the same"
    assert said == {
        "drugbank:1": [
            ("contraindicated", 1,
             "contraindicated for gout, hereditary (the patient's gout is the same)"),
        ],
        "drugbank:2": [
            (perhaps, 4, "contraindicated for goitre (the patient's gout is perhaps the same)"),
        ],
        "drugbank:3": [
            (perhaps, 4,
             "contraindicated for thyroid disease (the patient's gout is perhaps a form of it)"),
        ],
    }  # fmt: skip


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
classes = [f"NDFRT:{f}" for f in range(FAMILIES)]
allergens = st.lists(st.sampled_from([*drugs, *classes]), max_size=3, unique=True)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs, interactions, some, some, taken, allergens, allergens)
def test_no_list_is_silent_about_an_allergy_a_contraindication_or_an_interaction(
    model: TreatmentModel,
    pairs: list[tuple[str, str]],
    interactions: list[tuple[str, str]],
    wanted: list[str],
    also: list[str],
    taking: list[str],
    told: list[str],
    recorded: list[str],
) -> None:
    against = {(drug, disease) for drug, disease in pairs}
    between = {frozenset(pair) for pair in interactions if pair[0] != pair[1]}
    kg = with_edges(against, between, recorded)
    found = on(model, kg).recommend(
        wanted, also=also, taking=taking, allergic=told, patient="patient:3", top=48, paths=0
    )
    allergic = {*told, *recorded}
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
        family = f"NDFRT:{drug.drug[11]}"
        forbidden = allergic & {drug.drug, family}
        assert {w.about for w in drug.warnings if w.kind == "allergy"} == forbidden
        like = {a for a in allergic if a[11:12] == drug.drug[11]} if not forbidden else set()
        assert {w.about for w in drug.warnings if w.kind == "allergy to a drug like it"} == like
        for warning in drug.warnings:
            given_alone = warning.relation == "ALLERGIC_TO" and warning.about not in recorded
            assert bool(warning.evidence) != given_alone
        if drug not in found.taking:
            assert (drug.drug in out) == bool(holding or forbidden)
        interacting = {
            other for pair in between if drug.drug in pair for other in pair - {drug.drug}
        } & set(taking)
        assert {w.about for w in drug.warnings if w.kind == "interaction"} == interacting
    assert_all_there(found, everyone, taking)


def assert_all_there(
    found: Recommendation, everyone: tuple[DrugAssessment, ...], taking: list[str]
) -> None:
    """All 48 drugs are in one list, and those that are taken in theirs alone."""
    assert [drug.drug for drug in found.taking] == taking
    shown = [drug.drug for drug in everyone]
    assert len(shown) == len(set(shown))
    if not any("no hypothesis is given" in notice for notice in found.notices):
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
