"""Nodes of one name."""

from __future__ import annotations

import polars as pl

from medkg.graph.kg import KnowledgeGraph
from medkg.graph.node_checks import shared_names
from medkg.graph.shared_names import name_agreement, pairs_of_one_name, two_to_mondo

from .graphs import CURATED


def nodes(*rows: tuple[str, str, str, list[str]]) -> pl.DataFrame:
    schema = {"id": pl.String, "kind": pl.String, "name": pl.String}
    return pl.DataFrame(rows, schema={**schema, "synonyms": pl.List(pl.String)}, orient="row")


def test_own_names_agree_better_than_a_synonym() -> None:
    own = nodes(
        ("HP:1", "Symptom", "Dyspnea", ["Breathlessness"]),
        ("UMLS:C1", "Symptom", "dyspnea", []),
        ("UMLS:C2", "Symptom", "Breathlessness", []),
        ("UMLS:C3", "Symptom", "Wheeze", ["Breathlessness"]),
    )
    pairs = pl.DataFrame({"id": ["HP:1"] * 3, "id_2": ["UMLS:C1", "UMLS:C2", "UMLS:C3"]})
    agreement = name_agreement(own, pairs).sort("id_2")
    assert agreement.select("id_2", "agreement", "name").rows() == [
        ("UMLS:C1", 2, "dyspnea"),
        ("UMLS:C2", 1, "breathlessnes"),
    ]


def test_pairs_of_one_name_are_of_one_kind_and_two_prefixes() -> None:
    own = nodes(
        ("HP:1", "Symptom", "Dyspnea", []),
        ("HP:2", "Symptom", "Dyspnea", []),
        ("UMLS:C1", "Symptom", "dyspnea", []),
        ("OMIM:1", "Disease", "Dyspnea", []),
        ("UMLS:C2", "Symptom", "Cough", ["Dyspnea"]),
    )
    assert pairs_of_one_name(own).rows() == [
        ("Symptom", "HP:1", "dyspnea", "UMLS:C1"),
        ("Symptom", "HP:2", "dyspnea", "UMLS:C1"),
    ]


def test_what_mondo_does_not_know_is_not_two() -> None:
    assert two_to_mondo("OMIM:104300", "DOID:10652")
    assert not two_to_mondo("OMIM:154700", "ORPHA:558")
    assert not two_to_mondo("OMIM:104300", "medkg:dementia")


def test_check_says_why_nodes_of_one_name_are_several() -> None:
    given = nodes(
        ("medkg:muscle-spasm", "Disease", "Muscle spasm", []),
        ("HP:0003394", "Symptom", "Muscle spasm", []),
        ("OMIM:104300", "Disease", "Alzheimer disease", []),
        ("DOID:10652", "Disease", "Alzheimer disease", []),
        ("UMLS:C1", "Symptom", "Flushing", []),
        ("HP:1", "Symptom", "Flushing", []),
        ("HP:2", "Symptom", "Itch", []),
        ("HP:3", "Symptom", "Itch", []),
        ("HP:4", "Symptom", "Cough", []),
    )
    evidence = pl.DataFrame(
        schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    )
    rows = shared_names(KnowledgeGraph.build(given, evidence, [CURATED])).collect()
    assert rows.sort("name_key").rows() == [
        ("alzheimer disease", "Disease", "DOID:10652 OMIM:104300", "two to Mondo"),
        ("flushing", "Symptom", "HP:1 UMLS:C1", "no second sign"),
        ("itch", "Symptom", "HP:2 HP:3", "several of one prefix"),
        ("muscle spasm", "Disease Symptom", "HP:0003394 medkg:muscle-spasm", "two kinds"),
    ]
