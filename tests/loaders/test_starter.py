from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkg.core.errors import MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .published import write_starter


@pytest.fixture
def small(tmp_path: Path) -> KnowledgeGraph:
    return load("starter", write_starter(tmp_path / "in"))


def test_the_starter_set_that_comes_with_medkg() -> None:
    quarantine = Quarantine()
    graph = load("starter", quarantine=quarantine)
    assert quarantine.counts() == {}
    counts = graph.info()
    assert counts["kinds"]["Drug"] >= 200
    relations = counts["relations"]
    for relation in ("TARGETS", "TREATS", "CONTRAINDICATED_FOR", "CAUSES", "INTERACTS_WITH"):
        assert relations[relation] >= 100, relation
    drugs = graph.nodes.filter(kind="Drug")["id"]
    assert drugs.str.starts_with("drugbank:").mean() > 0.5
    targeted = graph.edges.filter(relation="TARGETS")["object"]
    assert targeted.str.starts_with("NCBIGene:").mean() > 0.9


def test_names_get_their_identifiers(small: KnowledgeGraph) -> None:
    triples = set(small.edges.select("subject", "relation", "object").rows())
    assert triples == {
        ("drugbank:DB00001", "TARGETS", "NCBIGene:5742"),
        ("drugbank:DB00001", "TREATS", "DOID:1"),
        ("medkg:otherol", "CONTRAINDICATED_FOR", "medkg:unlisted-disease"),
        ("drugbank:DB00001", "CAUSES", "HP:0000989"),
        ("drugbank:DB00001", "INTERACTS_WITH", "medkg:otherol"),
        ("drugbank:DB00001", "IN_CLASS", "medkg:class_example-agent"),
        ("medkg:otherol", "IN_CLASS", "medkg:class_example-agent"),
        ("drugbank:DB00001", "SUBCLASS_OF", "medkg:extract-of-oak"),
        ("DOID:1", "SUBCLASS_OF", "medkg:wider-disease"),
    }


def test_names_synonyms_and_cross_references(small: KnowledgeGraph) -> None:
    drug = small.nodes.filter(id="drugbank:DB00001").row(0, named=True)
    assert drug["name"] == "Examplin"
    assert drug["synonyms"] == ["EXN", "Exa"]
    assert drug["xrefs"] == ["MESH:D1"]


def test_synonyms_of_diseases(small: KnowledgeGraph) -> None:
    assert small.nodes.filter(id="DOID:1")["synonyms"].to_list() == [["ExD", "Example illness"]]


def test_names_of_which_nothing_more_is_said(small: KnowledgeGraph) -> None:
    drug = small.nodes.filter(id="medkg:extract-of-oak").row(0, named=True)
    assert (drug["kind"], drug["name"], drug["synonyms"]) == (
        "Drug",
        "Extract of oak",
        ["Oak bark"],
    )
    assert small.nodes.filter(name="Pallor")["kind"].to_list() == ["Symptom"]


def test_properties_and_references(small: KnowledgeGraph) -> None:
    target = small.edges.filter(relation="TARGETS")["properties"][0]
    assert json.loads(target) == {"action": "inhibitor", "role": "target"}
    interaction = small.edges.filter(relation="INTERACTS_WITH")["properties"][0]
    assert json.loads(interaction) == {"effect": "bleeding"}
    cited = dict(small.evidence.select("relation", "references").rows())
    assert cited["TREATS"] == ["PMID:9"]
    assert cited["TARGETS"] == []


def test_structures_are_a_property_of_their_drugs(small: KnowledgeGraph) -> None:
    properties = dict(small.nodes.filter(kind="Drug").select("name", "properties").rows())
    assert json.loads(properties["Examplin"]) == {"inchi": "InChI=1S/CH4/h1H4"}
    assert properties["Otherol"] is None


def test_a_drug_that_only_notes_name_may_have_a_structure(tmp_path: Path) -> None:
    folder = write_starter(tmp_path / "in")
    with (folder / "structures.tsv").open("a", encoding="utf-8") as file:
        file.write("Extract of oak\tInChI=1S/C2H6/c1-2/h1-2H3\n")
    quarantine = Quarantine()
    graph = load("starter", folder, quarantine=quarantine)
    assert quarantine.counts() == {}
    (properties,) = graph.nodes.filter(name="Extract of oak")["properties"]
    assert json.loads(properties) == {"inchi": "InChI=1S/C2H6/c1-2/h1-2H3"}


def test_a_structure_of_an_unknown_drug_is_set_aside(tmp_path: Path) -> None:
    folder = write_starter(tmp_path / "in")
    with (folder / "structures.tsv").open("a", encoding="utf-8") as file:
        file.write("Nobodyine\tInChI=1S/CH4/h1H4\n")
    quarantine = Quarantine()
    load("starter", folder, quarantine=quarantine)
    assert [(row.line, row.reason) for row in quarantine.rows] == [(3, "unknown drug")]


def test_bad_rows_name_their_line(tmp_path: Path) -> None:
    rows = ["Examplin\tTREATS\t\t", "Nobodyine\tTREATS\tExample disease\t", "Examplin\tTREATS"]
    quarantine = Quarantine()
    load("starter", write_starter(tmp_path / "in", *rows), quarantine=quarantine)
    assert sorted((row.line or 0, row.reason) for row in quarantine.rows) == [
        (4, "empty field"),
        (5, "unknown drug"),
        (6, "wrong number of columns"),
    ]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    folder = write_starter(tmp_path / "in")
    (folder / "effects.tsv").unlink()
    with pytest.raises(MissingError, match=r"effects\.tsv"):
        load("starter", folder)


def test_a_malformed_identifier_is_set_aside(tmp_path: Path) -> None:
    folder = write_starter(tmp_path / "in")
    with (folder / "identifiers.tsv").open("a", encoding="utf-8") as file:
        file.write("Drug\tOtherol\tDB2\t\t\nDrug\tOtherol\tdrugbank:DB2\t\t\n")
    quarantine = Quarantine()
    graph = load("starter", folder, quarantine=quarantine)
    assert [row.reason for row in quarantine.rows] == ["no CURIE", "malformed identifier"]
    assert graph.resolve("Otherol", "Drug") == "medkg:otherol"
