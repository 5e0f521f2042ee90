"""The questions about patients, with their exact answers on a small ward, on both servers."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from medkg.cypher import library
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.store import Store

_NODES = {
    "Patient": {f"patient:{i}": f"patient {i}" for i in (1, 2, 3)},
    "Disease": {"OMIM:1": "gout", "OMIM:2": "scurvy", "OMIM:3": "rickets"},
    "Symptom": {
        "HP:1": "pain",
        "HP:2": "joint pain",
        "HP:3": "toe pain",
        "HP:4": "bleeding",
        "HP:5": "swelling",
    },
}
_TRIPLES = (
    "HP:2 SUBCLASS_OF HP:1",
    "HP:3 SUBCLASS_OF HP:2",
    "OMIM:1 HAS_SYMPTOM HP:2",
    "OMIM:1 HAS_SYMPTOM HP:5",
    "OMIM:2 HAS_SYMPTOM HP:4",
    "OMIM:2 HAS_SYMPTOM HP:5",
    "OMIM:3 HAS_SYMPTOM HP:5",
    "patient:1 HAS_PHENOTYPE HP:3",
    "patient:1 HAS_PHENOTYPE HP:5",
    "patient:1 LACKS_PHENOTYPE HP:4",
    "patient:2 HAS_PHENOTYPE HP:3",
    "patient:2 HAS_PHENOTYPE HP:4",
    "patient:2 HAS_DISEASE OMIM:2",
    "patient:3 HAS_PHENOTYPE HP:1",
    "patient:3 LACKS_PHENOTYPE HP:1",
    "patient:3 HAS_PHENOTYPE HP:5",
)


def ward() -> KnowledgeGraph:
    nodes = [(id_, kind, name) for kind, named in _NODES.items() for id_, name in named.items()]
    evidence = pl.DataFrame(
        [triple.split() for triple in _TRIPLES],
        schema=["subject", "relation", "object"],
        orient="row",
    ).with_columns(
        source=pl.lit("ward"),
        references=pl.when(pl.col("subject") == "OMIM:1").then(pl.lit(["PMID:5"])),
        qualifiers=pl.when((pl.col("subject") == "OMIM:1") & (pl.col("object") == "HP:2")).then(
            pl.lit('{"frequency": 0.9}')
        ),
    )
    kg = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        evidence,
        [Source("ward", "1", "CC0-1.0")],
    )
    predictions = [("patient:1", "OMIM:1", 0.8, 1), ("patient:1", "OMIM:2", 0.1, 2),
                   ("patient:2", "OMIM:1", 0.3, 1), ("patient:3", "OMIM:1", 0.6, 1)]  # fmt: skip
    return kg.with_predictions(
        pl.DataFrame(
            [
                {
                    "head": head,
                    "relation": "HAS_DISEASE",
                    "tail": tail,
                    "model": "diagnosis-gnn",
                    "score": probability,
                    "probability": probability,
                    "base_rate": 0.3,
                    "rank": rank,
                    "direction": "tail",
                    "known": False,
                    "date": "2026-01-01",
                }
                for head, tail, probability, rank in predictions
            ]
        )
    )


def ask(store: Store, name: str, *columns: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a query over the ward, of these columns."""
    store.write(ward())
    query = library.get(name)
    frame = query.run(store, **params)
    assert frame.columns == list(query.columns)
    return frame.select(columns).rows()


def test_why_diagnosis(store: Store) -> None:
    columns = ("phenotype_name", "status", "match", "of_name", "frequency", "weight", "references")
    rows = ask(store, "why_diagnosis", *columns, patient="patient:1", disease="OMIM:1")
    assert rows == [
        ("toe pain", "seen", "narrower", "joint pain", 0.9, rare(), ["PMID:5"]),
        ("swelling", "seen", "exact", "swelling", None, 0, ["PMID:5"]),
    ]
    against = ask(
        store, "why_diagnosis", "status", "of_name", "probability",
        patient="patient:1", disease="OMIM:2",
    )  # fmt: skip
    assert against == [("seen", "swelling", 0.1), ("lacking", "bleeding", 0.1)]
    broader = ask(store, "why_diagnosis", "status", "match", "of_name", "probability",
                  patient="patient:3", disease="OMIM:1")  # fmt: skip
    assert broader == [
        ("seen", "broader", "joint pain", 0.6),
        ("seen", "exact", "swelling", 0.6),
        ("lacking", "broader", "joint pain", 0.6),
    ]


def rare() -> Any:
    """The weight of what one of three diseases has."""
    return pytest.approx(math.log(4 / 2), abs=1e-6)


def test_record_of_patient(store: Store) -> None:
    kg, shown = ward(), ("subject", "relation", "object", "experiencer", "temporality", "sentence")
    evidence = pl.DataFrame(
        [
            ("patient:1", "HAS_DISEASE", "OMIM:1", "family", "current", "His father has gout."),
            ("patient:1", "HAS_PHENOTYPE", "HP:5", "patient", "historical", "It had swollen."),
            ("patient:1", "HAS_PHENOTYPE", "HP:5", "patient", "current", "It swells."),
            ("patient:1", "TAKES", "RX:1", "patient", "historical", "Ibuprofen was stopped."),
            ("patient:1", "TAKES", "RX:2", "patient", "current", "She takes aspirin."),
            ("patient:1", "TAKES", "RX:3", "patient", "current", "She takes warfarin."),
            ("patient:1", "ALLERGIC_TO", "RX:4", "patient", "current", "Allergic to codeine."),
            ("patient:1", "ALLERGIC_TO", "RX:5", "patient", "historical", "Outgrew penicillins."),
            ("patient:1", "ALLERGIC_TO", "RX:6", "patient", "current", "Allergic to nuts."),
        ],
        schema=shown,
        orient="row",
    ).with_columns(
        source=pl.lit("note"),
        document=pl.lit("note:1"),
        start=pl.lit(0),
        qualifiers=pl.col("object").replace_strict(
            {
                "RX:2": '{"dose": "100 mg", "frequency": "daily"}',
                "RX:4": '{"reaction": "hives"}',
                "RX:5": '{"reaction": "rash"}',
            },
            default=None,
        ),
    )
    drugs = pl.DataFrame(
        {
            "id": [f"RX:{n}" for n in range(1, 7)],
            "kind": [*["Drug"] * 4, "DrugClass", "Exposure"],
            "name": ["ibuprofen", "aspirin", "warfarin", "codeine", "penicillins", "nuts"],
        }
    )
    nodes = pl.concat([kg.nodes.select("id", "kind", "name"), drugs])
    notes = KnowledgeGraph.build(nodes, evidence, [Source("note", "1", "CC0-1.0")])
    store.write(merge(kg, notes))
    rows = library.get("record_of_patient").run(store, patient="patient:1")
    columns = ("relation", "object_name", "status", "dose", "reaction", "sentence")
    assert rows.select(columns).rows() == [
        ("ALLERGIC_TO", "codeine", "current", None, "hives", "Allergic to codeine."),
        ("ALLERGIC_TO", "nuts", "current", None, None, "Allergic to nuts."),
        ("HAS_PHENOTYPE", "swelling", "current", None, None, "It swells."),
        ("HAS_PHENOTYPE", "toe pain", "current", None, None, None),
        ("LACKS_PHENOTYPE", "bleeding", "current", None, None, None),
        ("TAKES", "aspirin", "current", "100 mg, daily", None, "She takes aspirin."),
        ("TAKES", "warfarin", "current", None, None, "She takes warfarin."),
        ("ALLERGIC_TO", "penicillins", "historical", None, None, "Outgrew penicillins."),
        ("HAS_DISEASE", "gout", "family, current", None, None, "His father has gout."),
        ("HAS_PHENOTYPE", "swelling", "historical", None, None, "It had swollen."),
        ("TAKES", "ibuprofen", "historical", None, None, "Ibuprofen was stopped."),
    ]
    parameters = {"patient": "patient:1", "relation": "HAS_PHENOTYPE", "top": 1}
    assert ask(store, "record_of_patient", "object", **parameters) == [("HP:5",)]


def test_similar_patients(store: Store) -> None:
    columns = ("other", "score", "shared", "others", "diseases", "predicted")
    rows = ask(store, "similar_patients", *columns, patient="patient:1")
    # Swelling, which all diseases have, weighs nothing; toe pain, which none has, ln 4.
    toe, bleeding = math.log(4), math.log(2)
    assert rows == [
        (
            "patient:2",
            pytest.approx(toe / (toe + bleeding), abs=1e-6),
            ["toe pain"],
            1,
            ["scurvy"],
            "gout",
        ),
        ("patient:3", 0, ["swelling"], 1, [], "gout"),
    ]


def test_cohort(store: Store) -> None:
    columns = ("patient", "recorded", "probability", "rank", "symptoms", "lacking")
    rows = ask(store, "cohort", *columns, disease="OMIM:1")
    assert rows == [
        ("patient:1", False, 0.8, 1, ["swelling", "toe pain"], ["bleeding"]),
        ("patient:3", False, 0.6, 1, ["pain", "swelling"], ["pain"]),
    ]
    assert ask(store, "cohort", "patient", "recorded", disease="scurvy") == [("patient:2", True)]
    assert ask(store, "cohort", "patient", symptom="HP:1") == [
        ("patient:1",),
        ("patient:2",),
        ("patient:3",),
    ]
    both = {"disease": "OMIM:1", "symptom": "joint pain", "min_probability": 0.2}
    assert ask(store, "cohort", "patient", **both) == [("patient:1",), ("patient:2",)]


def group() -> KnowledgeGraph:
    """Eight patients with gout: those with a swelling take colchicine, and hurt more often."""
    rows = []
    for i in range(8):
        patient, year = f"patient:{i}", 2019 + i % 2
        rows.append((patient, "HAS_DISEASE", "OMIM:1", f"{year}-01-05"))
        if i < 3:
            rows.append((patient, "HAS_PHENOTYPE", "HP:5", f"{year}-01-05"))
        if i in (0, 1, 3, 4):
            rows.append((patient, "TAKES", "RX:1", None))
        if i in (0, 1, 2):
            rows.append((patient, "HAS_PHENOTYPE", "HP:1", f"{year}-06"))
    rows += [
        ("patient:3", "ALLERGIC_TO", "RX:2", "2020"),
        ("patient:8", "HAS_PHENOTYPE", "HP:5", "2020"),
        ("patient:8", "TAKES", "RX:2", None),
        ("patient:9", "LACKS_PHENOTYPE", "HP:5", "2020"),
        ("patient:9", "TAKES", "RX:1", None),
    ]
    named = {
        "OMIM:1": ("Disease", "gout"),
        "HP:1": ("Symptom", "pain"),
        "HP:5": ("Symptom", "swelling"),
        "RX:1": ("Drug", "colchicine"),
        "RX:2": ("Drug", "aspirin"),
    }
    nodes = [(id_, kind, name) for id_, (kind, name) in named.items()]
    nodes += [(f"patient:{i}", "Patient", f"patient {i}") for i in range(10)]
    return KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        pl.DataFrame(
            rows, schema=["subject", "relation", "object", "date"], orient="row"
        ).with_columns(source=pl.lit("ward")),
        [Source("ward", "1", "CC0-1.0")],
    )


def of_group(store: Store, name: str, *columns: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a query over the group, of these columns."""
    store.write(group())
    return library.get(name).run(store, **params).select(columns).rows()


def test_cohort_characteristics(store: Store) -> None:
    columns = ("thing_name", "patients", "share", "elsewhere", "smd")
    rows = of_group(store, "cohort_characteristics", *columns, disease="gout", at_least=1)
    # Of eight with gout 4, 3 and 3; of two others 1, 1 and 0, and one with aspirin.
    assert rows == [
        ("aspirin", 0, 0, 0.5, pytest.approx(-0.5 / math.sqrt(0.125))),
        ("pain", 3, 0.375, 0, pytest.approx(0.375 / math.sqrt(0.234375 / 2))),
        ("swelling", 3, 0.375, 0.5, pytest.approx(-0.125 / math.sqrt(0.484375 / 2))),
        ("colchicine", 4, 0.5, 0.5, 0),
    ]
    # What too few of a group have is blank, and what too few have at all isn't there.
    few = of_group(store, "cohort_characteristics", *columns, disease="gout", at_least=3)
    assert few == [
        ("pain", 3, 0.375, 0, pytest.approx(0.375 / math.sqrt(0.234375 / 2))),
        ("swelling", 3, 0.375, None, None),
        ("colchicine", 4, 0.5, None, None),
    ]
    assert of_group(store, "cohort_characteristics", "thing_name", disease="gout") == []


def test_without_other_patients_nothing_is_unlike_them(store: Store) -> None:
    whole = group()
    everyone = [(f"patient:{i}", "HAS_DISEASE", "OMIM:1") for i in (8, 9)]
    rows = pl.DataFrame(everyone, schema=["subject", "relation", "object"], orient="row")
    gout = KnowledgeGraph.build(
        whole.nodes, rows.with_columns(source=pl.lit("ward")), list(whole.sources)
    )
    store.write(merge(whole, gout))
    query = library.get("cohort_characteristics")
    rows = query.run(store, disease="OMIM:1", at_least=1)
    assert rows["patients"].to_list() == [3, 4, 1, 5]
    assert rows["elsewhere"].null_count() == rows["smd"].null_count() == rows.height


def test_patients_by_year(store: Store) -> None:
    columns = ("year", "having", "patients", "share")
    rows = of_group(store, "patients_by_year", *columns, entity="swelling")
    assert rows == [("2019", 2, 4, 0.5), ("2020", 2, 6, pytest.approx(1 / 3))]
    rows = of_group(store, "patients_by_year", *columns, entity="swelling", disease="gout")
    assert rows == [("2019", 2, 4, 0.5), ("2020", 1, 4, 0.25)]
    # One of those with gout is allergic to aspirin: nobody of them takes it.
    rows = of_group(store, "patients_by_year", *columns, entity="aspirin", disease="gout")
    assert rows == [("2019", 0, 4, 0), ("2020", 0, 4, 0)]


def test_outcomes_by_treatment(store: Store) -> None:
    columns = ("drug_name", "patients", "share", "others", "elsewhere", "difference", "unlike")
    rows = of_group(store, "outcomes_by_treatment", *columns, disease="gout", outcome="pain")
    assert rows == [("colchicine", 4, 0.5, 4, 0.25, 0.25, ["swelling"])]
    none = of_group(
        store, "outcomes_by_treatment", "drug", disease="gout", outcome="pain", at_least=5
    )
    assert none == []
