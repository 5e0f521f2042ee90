"""A file that was made to do harm is set aside with its reason, and costs no other file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, MedkgError, StoreError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.roam import read_roam
from medkg.extract.documents import iter_documents
from medkg.graph.check import check
from medkg.graph.clean import open_unverified
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.spill import readable
from medkg.graph.store.guard import refuse_changes
from medkg.loaders.sources import load

from ..graph.graphs import small
from .published import case
from .test_bioc import document, write_xml
from .test_fhir import patient, resources, write_bundle

DEEP, DIGITS = "[" * 200_000, "1" * 5_000
NASTY_JSON = {
    "deep": (DEEP, "file is nested more than 200 deep"),
    "digits": (DIGITS, "file has a number of more than 1,000 characters"),
    "exponent": ("1e999999999", "file is not whole, valid JSON"),
}
JSON = pytest.mark.parametrize(("value", "reason"), NASTY_JSON.values(), ids=NASTY_JSON)


@JSON
def test_fhir(tmp_path: Path, value: str, reason: str) -> None:
    write_bundle(tmp_path / "good.json", *resources())
    alone = load("fhir", tmp_path).checksum()
    bad = json.dumps({"resourceType": "Bundle", "entry": [{"resource": patient("X")}]})
    (tmp_path / "bad.json").write_text(bad.replace('"X"', value), encoding="utf-8")
    quarantine = Quarantine()
    assert load("fhir", tmp_path, quarantine=quarantine).checksum() == alone
    assert [(Path(row.path).name, row.reason) for row in quarantine] == [("bad.json", reason)]
    with pytest.raises(DataError, match=reason.removeprefix("file ")):
        load("fhir", tmp_path / "bad.json")


@JSON
def test_a_bulk_export_loses_a_line_and_no_more(tmp_path: Path, value: str, reason: str) -> None:
    line = json.dumps(patient("p2")).replace('"1970-02-03"', value)
    (tmp_path / "Patient.ndjson").write_text(f"{line}\n{json.dumps(patient())}\n", encoding="utf-8")
    quarantine = Quarantine()
    graph = load("fhir", tmp_path, quarantine=quarantine)
    assert graph.nodes["id"].to_list() == ["patient:p1"]
    assert [row.line for row in quarantine] == [1]


@JSON
def test_bioc(tmp_path: Path, value: str, reason: str) -> None:
    good = json.dumps({"documents": [document()]})
    (tmp_path / "good.json").write_text(good, encoding="utf-8")
    alone = load("bioc", tmp_path).checksum()
    bad = json.dumps({"documents": [document(), {"id": "X"}]}).replace('"X"', value)
    (tmp_path / "bad.json").write_text(bad, encoding="utf-8")
    quarantine = Quarantine()
    assert load("bioc", tmp_path, quarantine=quarantine).checksum() == alone
    assert [(Path(row.path).name, row.reason) for row in quarantine] == [("bad.json", reason)]


@JSON
def test_phenopackets(tmp_path: Path, value: str, reason: str) -> None:
    (tmp_path / "good.json").write_text(json.dumps(case()), encoding="utf-8")
    alone = load("phenopackets", tmp_path).checksum()
    (tmp_path / "bad.json").write_text(f'{{"id": {value}', encoding="utf-8")
    quarantine = Quarantine()
    assert load("phenopackets", tmp_path, quarantine=quarantine).checksum() == alone
    assert [(Path(row.path).name, row.reason) for row in quarantine] == [("bad.json", reason)]


@JSON
def test_documents(tmp_path: Path, value: str, reason: str) -> None:
    documents = [{"id": "1", "passages": [{"offset": 0, "text": "Fever."}]}, {"id": "X"}]
    bad = json.dumps({"documents": documents}).replace('"X"', value)
    (tmp_path / "a.json").write_text(bad, encoding="utf-8")
    (tmp_path / "b.txt").write_text("Cough.", encoding="utf-8")
    quarantine = Quarantine()
    texts = [document.text for document in iter_documents(tmp_path, quarantine)]
    # One block is held against the limits before any of it is parsed.
    assert texts[-1] == "Cough."
    assert [row.reason for row in quarantine] == [reason]


def test_roams_sentences(tmp_path: Path) -> None:
    annotation = {"start": 2, "end": 7, "text": "cough", "label": "TREATS", "ann_id": "a"}
    sentence = {"sentence": "A cough.", "annotations": [annotation]}
    bad = {"sentence": "A cough.", "annotations": [{**annotation, "start": "X"}]}
    sentences = [{"sentence_id": "1", **sentence}, {"sentence_id": "2", **bad}]
    text = json.dumps(sentences).replace('"X"', "1e999")
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    quarantine = Quarantine()
    assert [d.id for d in read_roam(tmp_path / "a.json", quarantine)] == ["1"]
    assert [row.reason for row in quarantine] == ["sentence lacks a field"]


@pytest.mark.parametrize("meta", ["x", 1.5, [], {"basicPropertyValues": ["x"]}, {"version": []}])
def test_an_ontology_that_states_nonsense_of_itself(tmp_path: Path, meta: object) -> None:
    node = {"id": "http://purl.obolibrary.org/obo/MONDO_0000001", "lbl": "x", "type": "CLASS"}
    content = json.dumps({"graphs": [{"meta": meta, "nodes": [node], "edges": []}]})
    (tmp_path / "mondo.json").write_text(content, encoding="utf-8")
    assert load("mondo", tmp_path / "mondo.json").nodes["id"].to_list() == ["MONDO:0000001"]


@pytest.mark.parametrize(
    "error", [pl.exceptions.InvalidOperationError, pl.exceptions.PanicException, OSError]
)
def test_whatever_polars_makes_of_a_damaged_file_is_an_error_for_users(
    tmp_path: Path, error: type[Exception]
) -> None:
    with pytest.raises(DataError, match="is damaged"), readable(tmp_path / "nodes.parquet"):
        raise error("unable to decode the encoded schema")


XML = {
    # declaration, what stands for "rats", and the word that is read, or why none is
    "declared": ("<!ENTITY r 'rats'>", "&r;", "rats", ""),
    "by characters": ("<!ENTITY r 'r&#97;&#x74;s'>", "&r;", "rats", ""),
    "of others": ("<!ENTITY a 'ra'><!ENTITY b '&a;t'>", "&b;s", "rats", ""),
    "by its name": ("", "&beta;ats", "βats", ""),
    "of its own": ("<!ENTITY beta 'r'><!-- <!ENTITY beta 's'> -->", "&beta;ats", "rats", ""),
    "not declared": ("", "&tnf;", "", "has an entity without a text"),
    "of markup": ("<!ENTITY x 'r<i>at</i>s'>", "&x;", "", "has an entity without a text"),
    "external": ("<!ENTITY beta SYSTEM '/etc/passwd'>", "&beta;", "", "has an entity without"),
    "loop": ("<!ENTITY x '&x;'>", "&x;", "", "is not well-formed XML"),
    "laughs": (
        "<!ENTITY a0 'ha'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10)),
        "&a9;",
        "",
        "is not well-formed XML",
    ),
}


@pytest.mark.parametrize(("declared", "entity", "word", "problem"), XML.values(), ids=XML)
def test_entities_of_xml_are_read_right_or_the_document_is_set_aside(
    tmp_path: Path, declared: str, entity: str, word: str, problem: str
) -> None:
    head = f"<?xml version='1.0'?>\n<!DOCTYPE collection SYSTEM 'BioC.dtd' [{declared}]>\n"
    file = write_xml(tmp_path / "in", document(), head=head) / "collection.xml"
    content = file.read_text(encoding="utf-8")
    assert "Ten rats fell" in content
    file.write_text(content.replace("Ten rats", f"Ten {entity}"), encoding="utf-8")
    quarantine = Quarantine()
    texts = [document.text for document in iter_documents(file, quarantine)]
    if problem:
        assert texts == []
        assert [problem in row.reason for row in quarantine] == [True]
        with pytest.raises(DataError):
            load("bioc", file, quarantine=quarantine)
        return
    sentence = f"Ten {word} fell ill."
    assert sentence in texts[0]
    assert load("bioc", file).evidence.height == load_rats(tmp_path).evidence.height


def load_rats(folder: Path) -> KnowledgeGraph:
    return load("bioc", write_xml(folder / "rats", document()))


_LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
YAML = {
    "aliases of aliases": (f"a0: &a0 [x, x]\n{_LAUGHS}\n", "aliases of too many values"),
    "an alias within itself": ("source: &s {name: *s}\n", "an alias within itself"),
    "nested": ("[" * 100_000, "line 1: is nested more than 50 deep"),
    "NUL": ("source: \0", "is no YAML"),
}


@pytest.mark.parametrize(("text", "problem"), YAML.values(), ids=YAML)
def test_a_mapping_that_grows_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "mapping.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        load("table", tmp_path)


def test_a_pipe_is_set_aside_or_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "b.txt").write_text("Cough.", encoding="utf-8")
    for name in ("fhir", "bioc", "phenopackets", "mondo", "hetionet"):
        with pytest.raises(MedkgError):
            load(name, tmp_path / "a.json")
    assert [document.text for document in iter_documents(tmp_path, Quarantine())] == ["Cough."]


@pytest.mark.parametrize("name", [*(f"{frame}.parquet" for frame in FRAMES), "graph.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_in_a_graph_is_an_error(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "kg"
    small().save(folder)
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(MedkgError):
        for _ in check(open_unverified(folder)):
            pass
        KnowledgeGraph.open(folder).verify()


def test_a_query_without_end_is_refused_unread() -> None:
    with pytest.raises(StoreError, match="at most 1,000,000 characters"):
        refuse_changes("RETURN [" + "1," * 600_000 + "1]")
    refuse_changes("RETURN [" + "1," * 1_000 + "1] AS x")
