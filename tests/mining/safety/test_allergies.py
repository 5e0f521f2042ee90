"""Allergies: to the drug, its forms and classes, and doubts about similar drugs."""

from __future__ import annotations

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.safety.query import TreatmentQuery
from medkg.mining.safety.safety import Safety
from tests.mining.safety.helpers import drugs, kinds, texts
from tests.mining.treatment.pharmacy import DRUGS, pharmacy


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
    warnings = safety.warnings(patient, drugs)
    texts_by_drug = {drug: [w.text for w in own] for drug, own in warnings.items()}
    whom = "drug 2-0, to which the patient is allergic; no source says so of this one"
    assert texts_by_drug["drugbank:DB20"] == ["the patient is allergic to drug 2-0"]
    assert texts_by_drug["drugbank:DB40"] == [
        "the patient is allergic to drug 2-0 (said of drug 2-0, of which it is a form)"
    ]
    assert texts_by_drug["drugbank:DB21"] == [f"shares the class class 2 with {whom}"]
    assert texts_by_drug["drugbank:DB50"] == texts_by_drug["drugbank:DB51"] == [f"resembles {whom}"]
    (itself,), (like,) = warnings["drugbank:DB20"], warnings["drugbank:DB21"]
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
    text = "drug 1-0, to which the patient is allergic, is a form of drug 0-0"
    safety = Safety(pharmacy(extra=few))
    assert texts(safety, "drugbank:DB00", allergic=("drugbank:DB10",)) == [text]
    assert texts(safety, "drugbank:DB20", allergic=("drugbank:DB10",)) == [
        f"{text} (said of drug 0-0, of which it is a form)"
    ]
    many = [(drug, "SUBCLASS_OF", "drugbank:DB00", None) for drug in drugs[8:40]]
    safety = Safety(pharmacy(extra=many))
    assert texts(safety, "drugbank:DB00", allergic=("drugbank:DB10",)) == [text]
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

    def warnings_of(allergen: str) -> dict[str, list[str]]:
        warnings = safety.warnings(TreatmentQuery((), allergic=(allergen,)), given)
        assert {w.kind for own in warnings.values() for w in own} <= {"allergy"}
        return {drug: [w.text for w in own] for drug, own in warnings.items()}

    assert warnings_of("text:drug_benzylpenicillin") == {
        "drugbank:1": ["the patient is allergic to benzylpenicillin, which is the same"]
    }
    assert warnings_of("RXCUI:7980") == {
        "drugbank:1": ["the patient is allergic to penicillin G, oral, which is the same"]
    }
    assert warnings_of("text:drug_penicillin") == {
        "drugbank:2": ["the patient is allergic to penicillin; its class Penicillins is the same"]
    }
    assert warnings_of("RXCUI:1") == {}  # two of drugbank's have ATC:J01: it is a group


def test_evidence_of_anothers_allergy_is_not_shown() -> None:
    rows = pl.DataFrame(
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
    safety = Safety(KnowledgeGraph.build(nodes, rows, kg.sources))
    patient = TreatmentQuery((), allergic=("drugbank:DB20",), id="patient:1")
    (warning,) = safety.warnings(patient, drugs)["drugbank:DB20"]
    assert [piece["sentence"] for piece in warning.evidence] == ["Allergic to drug 2-0."]


def test_an_allergy_goes_before_a_contraindication() -> None:
    patient = TreatmentQuery((), pregnant=True, allergic=("drugbank:DB04",))
    warnings = Safety(pharmacy()).warnings(patient, ["drugbank:DB04"])["drugbank:DB04"]
    assert [warning.kind for warning in warnings] == ["allergy", "contraindicated"]


def test_what_was_looked_for_of_allergies() -> None:
    kg = pharmacy()
    lonely = kg.without_edges(kg.edges.filter(subject="drugbank:DB50")["id"])

    def check(kg: KnowledgeGraph, *allergic: str) -> tuple[bool, str]:
        (allergies,) = [
            check
            for check in Safety(kg).checks(TreatmentQuery(("DOID:00",), allergic=allergic))
            if check.what == "allergies"
        ]
        return allergies.checked, allergies.note

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
