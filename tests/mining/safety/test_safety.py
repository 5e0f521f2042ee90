"""Nothing that speaks against a drug is passed over."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.safety.query import TreatmentQuery
from medkg.mining.safety.safety import Safety
from tests.mining.safety.helpers import texts
from tests.mining.treatment.pharmacy import pharmacy


def test_contraindications_hold_for_narrower_diseases() -> None:
    safety = Safety(pharmacy())
    expected = ["contraindicated for disease 1 (the patient's disease 1-9 is a form of it)"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:19",)) == expected
    assert texts(safety, "drugbank:DB00", also=("DOID:19",), diseases=("DOID:00",)) == expected
    assert texts(safety, "drugbank:DB00", diseases=("DOID:1",)) == ["contraindicated for disease 1"]
    assert texts(safety, "drugbank:DB00", diseases=("DOID:20",)) == []


def test_a_contraindication_may_be_a_symptom_of_the_patient() -> None:
    safety = Safety(pharmacy(extra=[("drugbank:DB06", "CONTRAINDICATED_FOR", "HP:2", None)]))
    assert texts(safety, "drugbank:DB06", diseases=("DOID:88",), symptoms=("HP:2",)) == [
        "contraindicated for symptom 2"
    ]
    assert texts(safety, "drugbank:DB06", diseases=("DOID:88",)) == []


def test_contraindications_for_a_form_of_the_patients_disease() -> None:
    warning = Safety(pharmacy()).warnings(TreatmentQuery(("DOID:9000",)), ["drugbank:DB01"])
    (contraindication,) = warning["drugbank:DB01"]
    assert contraindication.kind == "contraindicated for a form of it"
    assert contraindication.text == (
        "contraindicated for disease 9 in children, a form of the patient's disease nine"
    )
    assert contraindication.evidence[0]["source"] == "label"
    assert contraindication.evidence[0]["references"] == ["PMID:7"]


def test_the_starter_joins_chronic_kidney_failure_with_renal_insufficiency() -> None:
    starter = load("starter")
    safety = Safety(starter)
    wide, form = (
        starter.resolve(n, "Disease") for n in ("kidney failure", "chronic kidney failure")
    )
    lithium, metformin = (starter.resolve(n, "Drug") for n in ("lithium", "metformin"))
    assert texts(safety, lithium, also=(wide,)) == ["contraindicated for Renal insufficiency"]
    assert texts(safety, lithium, also=(form,)) == [
        "contraindicated for Renal insufficiency"
        " (the patient's chronic kidney failure is a form of it)"
    ]
    assert texts(safety, metformin, also=(form,)) == ["contraindicated for chronic kidney failure"]
    assert texts(safety, metformin, also=(wide,)) == [
        "contraindicated for chronic kidney failure, a form of the patient's Renal insufficiency"
    ]


def test_interactions_either_way_round() -> None:
    safety = Safety(pharmacy())
    text = "interacts with {}, which the patient takes: bleeding"
    assert texts(safety, "drugbank:DB02", taking=("drugbank:DB10",)) == [text.format("drug 1-0")]
    assert texts(safety, "drugbank:DB10", taking=("drugbank:DB02",)) == [text.format("drug 0-2")]
    assert texts(safety, "drugbank:DB20", taking=("drugbank:DB10",)) == []


def test_similar_drugs_interact_or_are_taken_twice() -> None:
    safety = Safety(pharmacy(extra=[("drugbank:DB30", "RESEMBLES", "drugbank:DB10", None)]))
    taken = TreatmentQuery((), taking=("drugbank:DB10",))
    warnings = safety.warnings(taken, ["drugbank:DB03", "drugbank:DB11", "drugbank:DB30"])
    assert {drug: [(w.kind, w.factor, w.text) for w in own] for drug, own in warnings.items()} == {
        "drugbank:DB03": [
            (
                "interaction of drugs like it",
                2,
                "like drug 0-2, it may interact with drug 1-0, which the patient takes; no source"
                " says so of this one",
            )
        ],
        "drugbank:DB11": [
            (
                "a drug like it is taken",
                2,
                "shares the class class 1 with drug 1-0, which the patient takes: perhaps the same"
                " kind of drug twice",
            )
        ],
        "drugbank:DB30": [
            (
                "a drug like it is taken",
                2,
                "resembles drug 1-0, which the patient takes: perhaps the same kind of drug twice",
            )
        ],
    }
    assert warnings["drugbank:DB03"][0].evidence


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
    expected = [
        "2 drugs like it are contraindicated for disease 3-0 (drug 3-1, drug 3-3); no source says"
        " so of this one"
    ]
    assert texts(safety, "drugbank:DB32", diseases=("DOID:30",)) == expected  # by class
    assert texts(safety, "drugbank:DB41", diseases=("DOID:30",)) == expected  # by resemblance
    assert texts(safety, "drugbank:DB42", diseases=("DOID:30",)) == []
    (warning,) = safety.warnings(TreatmentQuery(("DOID:30",)), ["drugbank:DB41"])["drugbank:DB41"]
    assert warning.kind == "contraindicated for drugs like it"
    assert (warning.subject, warning.object) == ("drugbank:DB31", "DOID:3")
    assert warning.evidence


@pytest.mark.parametrize("pregnant", [True, False, None])
def test_pregnancy_as_far_as_a_source_states_it(pregnant: bool | None) -> None:
    kg = pharmacy()
    shown = texts(Safety(kg), "drugbank:DB04", pregnant=pregnant)
    assert shown == (["contraindicated in Pregnancy"] if pregnant else [])
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
    warnings = Safety(kg).warnings(
        TreatmentQuery(("MONDO:1",)), [f"drugbank:{n}" for n in (1, 2, 3)]
    )
    texts_by_drug = {
        drug: [(w.kind, w.factor, w.text) for w in own] for drug, own in warnings.items()
    }
    perhaps = "contraindicated for what is perhaps the same"
    assert texts_by_drug == {
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


def test_a_combination_that_is_taken_is_what_it_holds() -> None:
    starter = load("starter")
    combined, amoxicillin, ampicillin = (
        starter.resolve(name, "Drug")
        for name in ("Amoxicillin and clavulanate", "amoxicillin", "ampicillin")
    )
    twice = "{}, which the patient takes: perhaps the same kind of drug twice"
    safety = Safety(starter)
    assert texts(safety, amoxicillin, taking=(combined,)) == [
        twice.format("resembles Amoxicillin and clavulanate")
    ]
    assert texts(safety, combined, taking=(amoxicillin,)) == [twice.format("resembles Amoxicillin")]
    (of_class,) = texts(safety, ampicillin, taking=(combined,))
    assert of_class.endswith(twice.format("with Amoxicillin"))


def test_the_starter_warns_of_a_second_inhibitor_of_monoamine_oxidase() -> None:
    starter = load("starter")
    phenelzine, *others = (
        starter.resolve(name, "Drug") for name in ("phenelzine", "selegiline", "rasagiline")
    )
    for other in others:
        assert texts(Safety(starter), other, taking=(phenelzine,)) == [
            "interacts with Phenelzine, which the patient takes: hypertensive crisis"
        ]
