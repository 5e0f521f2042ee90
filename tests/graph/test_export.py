"""Exports, read by readers of others' making: networkx, rdflib, polars, csv."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import networkx as nx
import polars as pl
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import RDF, RDFS, Literal, URIRef

from medkg.core.errors import DataError
from medkg.graph import graph_frames
from medkg.graph.export import LICENCES, MANIFEST, export
from medkg.graph.export.turtle import iri, literal
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph

from .exported import NASTY, ODD, full
from .graphs import small

FORMS = ("kgx", "kgx-jsonl", "neo4j-import", "graphml", "turtle", "parquet")
BIOLINK = "https://w3id.org/biolink/vocab/"


@pytest.mark.parametrize("form", FORMS)
def test_licences_travel_with_every_form(form: str, tmp_path: Path) -> None:
    facts = export(full(), tmp_path / "out", form)
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest == facts
    assert manifest["format"] == form
    assert {source["licence"] for source in manifest["sources"]} >= {"CC0-1.0", ODD.licence}
    text = (tmp_path / "out" / LICENCES).read_text()
    assert "curated 2026-01\n  licence: CC0-1.0\n  https://example.org" in text


@pytest.mark.parametrize("form", FORMS)
def test_without_sentences_no_text_of_them_is_anywhere(form: str, tmp_path: Path) -> None:
    graph = full()
    sentences = {text for text in graph.evidence["sentence"].drop_nulls() if "naïve" in text}
    assert sentences
    export(graph, tmp_path / "out", form, sentences=False)
    for file in (tmp_path / "out").rglob("*"):
        if file.suffix == ".parquet":
            text = json.dumps(pl.read_parquet(file).to_dicts(), ensure_ascii=False, default=str)
        else:
            text = file.read_text() if file.is_file() else ""
        assert "naïve" not in text
        assert "Secret" not in text
    if form == "parquet":
        evidence = pl.read_parquet(tmp_path / "out" / "evidence.parquet")
        assert evidence["start"].equals(graph.evidence["start"])


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_graph_and_a_second_export_to_the_same_place(form: str, tmp_path: Path) -> None:
    export(small().subgraph([]), tmp_path / "out", form)
    export(small(), tmp_path / "out", form)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is a folder with other things in it"):
        export(small(), tmp_path / "other", form)
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["mine.txt"]


def test_an_unknown_form_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'dot' is no form of export; there are kgx, kgx-jsonl"):
        export(small(), tmp_path / "out", "dot")
    assert not (tmp_path / "out").exists()


# GraphML


def test_graphml_opens_in_networkx(tmp_path: Path) -> None:
    graph = full()
    export(graph, tmp_path / "out", "graphml")
    read = nx.read_graphml(tmp_path / "out" / "graph.graphml")
    names = {node: data["name"] for node, data in read.nodes(data=True)}
    assert names == dict(graph.nodes.select("id", "name").iter_rows())
    facts = [
        (head, data["relation"], tail, data["probability"])
        for head, tail, data in read.edges(data=True)
        if not data.get("predicted")
    ]
    expected = graph.edges.select("subject", "relation", "object", "probability").rows()
    assert sorted(facts) == sorted(expected)
    predicted = [data for *_, data in read.edges(data=True) if data.get("predicted")]
    assert {data["model"] for data in predicted} == set(graph.predictions["model"])


# Turtle


@pytest.fixture(scope="module")
def turtle(tmp_path_factory: pytest.TempPathFactory) -> rdflib.Graph:
    folder = tmp_path_factory.mktemp("turtle") / "out"
    export(full(), folder, "turtle")
    return rdflib.Graph().parse(folder / "graph.ttl")


def test_turtle_has_nodes_by_their_registered_addresses(turtle: rdflib.Graph) -> None:
    drug = URIRef("http://purl.obolibrary.org/obo/CHEBI_2")
    assert turtle.value(drug, RDFS.label) == Literal(NASTY[2])
    assert turtle.value(drug, URIRef(f"{BIOLINK}category")) == URIRef(f"{BIOLINK}Drug")
    labels = {str(label) for label in turtle.objects(None, RDFS.label)}
    assert set(NASTY) <= labels


def test_turtle_has_facts_as_triples_and_evidence_as_statements(turtle: rdflib.Graph) -> None:
    graph = full()
    drug, pain = (URIRef(f"http://purl.obolibrary.org/obo/{name}") for name in ("CHEBI_3", "HP_1"))
    causes = URIRef(f"{BIOLINK}causes")
    assert (drug, causes, pain) in turtle
    statements = set(turtle.subjects(RDF.type, URIRef(f"{BIOLINK}Association")))
    assert len(statements) == graph.evidence.height
    about = [
        statement
        for statement in turtle.subjects(RDF.subject, drug)
        if turtle.value(statement, RDF.predicate) == causes
    ]
    negated = [s for s in about if turtle.value(s, URIRef(f"{BIOLINK}negated"))]
    assert (len(about), len(negated)) == (2, 1)
    publications = set(map(str, turtle.objects(negated[0], URIRef(f"{BIOLINK}publications"))))
    assert publications == {NASTY[3], "PMID:1"}
    (asserted,) = set(about) - set(negated)
    assert turtle.value(asserted, URIRef("urn:medkg:vocab:sentence")) == Literal(NASTY[3])
    patient = URIRef(iri("patient:x")[1:-1])
    has_phenotype = URIRef(f"{BIOLINK}has_phenotype")
    assert (patient, has_phenotype, pain) not in turtle
    assert (patient, None, URIRef("http://purl.obolibrary.org/obo/CHEBI_2")) not in turtle


def test_predictions_are_no_triples_of_their_own(turtle: rdflib.Graph) -> None:
    predictions = list(turtle.subjects(RDF.type, URIRef("urn:medkg:vocab:Prediction")))
    assert len(predictions) == 2
    for prediction in predictions:
        triple = tuple(
            turtle.value(prediction, part) for part in (RDF.subject, RDF.predicate, RDF.object)
        )
        assert None not in triple
        assert triple not in turtle


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=100)
@given(ANY_TEXT)
def test_any_text_is_a_literal_and_any_identifier_an_address(text: str) -> None:
    local = "".join(text.split()) or "1"
    read = rdflib.Graph().parse(data=f"{iri(f'odd:{local}')} <urn:p> {literal(text)} .")
    ((subject, _, value),) = read
    assert isinstance(subject, URIRef)
    assert str(value) == text


# Neo4j's importer: its own reading is tested in test_export_neo4j.py


def test_neo4j_files_say_null_and_empty_apart(tmp_path: Path) -> None:
    export(full(), tmp_path / "out", "neo4j-import")
    header = (tmp_path / "out" / "nodes" / "Evidence-header.csv").read_text().strip().split(",")
    assert header[0] == "id:string"
    with (tmp_path / "out" / "nodes" / "Evidence.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, header))
    sentences = {row["sentence:string"] for row in rows}
    assert set(NASTY) <= sentences


# Parquet


def test_parquet_frames_are_the_graphs_and_the_readme_names_all_columns(tmp_path: Path) -> None:
    graph = full()
    export(graph, tmp_path / "out", "parquet")
    readme = (tmp_path / "out" / "README.md").read_text()
    for name in FRAMES:
        frame = pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
        assert frame.equals(getattr(graph, name))
        for column in frame.columns:
            assert f"| {column} |" in readme
    assert not [line for line in readme.splitlines() if line.endswith("| |") or "|  |" in line]


# Memory


@pytest.mark.parametrize("form", FORMS)
def test_a_saved_graph_is_never_read_whole(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_frames, "_SMALL_FILE", 0)
    full().save(tmp_path / "graph")
    graph = KnowledgeGraph.open(tmp_path / "graph")
    export(graph, tmp_path / "out", form)
    assert not [name for name, held in graph._frames.items() if isinstance(held, pl.DataFrame)]
