"""The queries about treatment, on a graph with predictions and warnings, on both servers."""

from __future__ import annotations

import json

import polars as pl

from medkg.cypher import library
from medkg.graph.frames import PREDICTIONS, conform
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store
from tests.mining.treatment.pharmacy import pharmacy


def predicted() -> KnowledgeGraph:
    """The pharmacy with two hypotheses for disease 1-0, and what it records of it taken out."""
    kg = pharmacy(extra=[("drugbank:DB20", "TREATS", "DOID:10", None)])
    others = kg.edges.filter(relation="TREATS", object="DOID:10").filter(
        pl.col("subject") != "drugbank:DB20"
    )
    rows = pl.DataFrame(
        {
            "head": ["drugbank:DB00", "drugbank:DB30"],
            "relation": "TREATS",
            "tail": "DOID:10",
            "model": "m",
            "score": [-1.0, -2.0],
            "probability": [0.4, 0.2],
            "base_rate": 0.01,
            "rank": [1, 2],
            "direction": "head",
            "known": False,
            "date": "2026-11-20",
            "explanation": None,
        }
    )
    return kg.without_edges(others["id"]).with_predictions(conform(rows, PREDICTIONS))


def test_treatments_for_disease(store: Store) -> None:
    store.write(predicted())
    answer = library.get("treatments_for_disease").run(store, disease="DOID:10")
    columns = ["drug_name", "status", "probability", "model", "rank", "contraindicated_for"]
    rows = answer.select(columns).rows()
    assert rows == [
        ("drug 2-0", "treats", 1.0, None, None, []),
        ("drug 0-0", "hypothesis", 0.4, "m", 1, ["disease 1"]),
        ("drug 3-0", "hypothesis", 0.2, "m", 2, []),
    ]
    assert answer["sources"].to_list()[0] == ["made"]
    eased = library.get("treatments_for_disease").run(store, disease="DOID:00", top=100)
    assert eased.filter(status="palliates")["drug"].to_list() == ["drugbank:DB11"]


def test_treatments_of_a_symptom_are_found_by_its_name(store: Store) -> None:
    extra = [
        ("drugbank:DB20", "TREATS", "HP:2", None),
        ("drugbank:DB30", "PALLIATES", "HP:2", None),
        ("drugbank:DB30", "CONTRAINDICATED_FOR", "HP:2", None),
        ("drugbank:DB40", "TREATS", "HP:1", None),
        ("drugbank:DB41", "TREATS", "DOID:66", None),
    ]
    store.write(pharmacy(extra=extra))
    query = library.get("treatments_for_disease")
    for text in ("HP:2", "Symptom 2"):
        answer = query.run(store, disease=text)
        assert answer.select("drug", "status", "contraindicated_for").rows() == [
            ("drugbank:DB20", "treats", []),
            ("drugbank:DB30", "palliates", ["symptom 2"]),
        ]
    # "Fever" names a disease and a symptom there: the disease is meant.
    assert query.run(store, disease="fever")["drug"].to_list() == ["drugbank:DB41"]


def test_warnings_for_patient(store: Store) -> None:
    extra = [
        ("drugbank:DB06", "CONTRAINDICATED_FOR", "DOID:00", None),
        ("patient:1", "ALLERGIC_TO", "drugbank:DB03", json.dumps({"reaction": "hives"})),
        ("patient:1", "ALLERGIC_TO", "NDFRT:4", None),
        ("drugbank:DB07", "INTERACTS_WITH", "drugbank:DB03", None),  # which isn't taken
        ("patient:2", "ALLERGIC_TO", "drugbank:DB07", None),
        ("drugbank:DB04", "SUBCLASS_OF", "drugbank:DB05", None),
        ("drugbank:DB05", "SUBCLASS_OF", "drugbank:DB03", None),
    ]
    store.write(pharmacy(extra=extra))
    drugs = [*(f"drugbank:DB0{n}" for n in range(8)), "drugbank:DB40"]
    query = library.get("warnings_for_patient")
    answer = query.run(store, patient="patient:1", drugs=drugs)
    assert answer.columns == list(query.columns)
    assert answer.select("drug", "warning", "about", "about_name", "effect").rows() == [
        *((f"drugbank:DB0{n}", "allergy", "drugbank:DB03", "drug 0-3", "hives") for n in (3, 4, 5)),
        ("drugbank:DB40", "allergy", "NDFRT:4", "class 4", None),
        ("drugbank:DB06", "contraindicated", "DOID:00", "disease 0-0", None),
        ("drugbank:DB02", "interaction", "drugbank:DB10", "drug 1-0", "bleeding"),
        ("drugbank:DB03", "adverse effect", "HP:1", "fever", None),
    ]
    assert answer["references"].to_list() == [["PMID:7"]] * 7
    assert query.run(store, patient="patient:1", drugs=["drugbank:DB30"]).is_empty()
