"""BioC: the DTD and the JSON of https://bioc.sourceforge.net (doi:10.1093/database/bat064), and the
exports of PubTator 3 (https://www.ncbi.nlm.nih.gov/research/pubtator3/api)."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

Given = dict[str, Any]
TITLE = "Examplin & the \u03b2-cell"
ABSTRACT = "Ten rats fell ill. Examplin caused kidney failure through PTGS1."


def annotation(number: int, text: str, type_: str, identifier: str, offset: int) -> Given:
    return {
        "id": str(number),
        "infons": {"identifier": identifier, "type": type_},
        "text": text,
        "locations": [{"offset": offset, "length": len(text)}],
    }


def passage(offset: int, text: str, *annotations: Given) -> Given:
    kind = "title" if offset == 0 else "abstract"
    held = [{**a, "locations": [dict(place) for place in a["locations"]]} for a in annotations]
    return {
        "infons": {"type": kind},
        "offset": offset,
        "text": text,
        "annotations": held,
        "relations": [],
    }


def document(*more: Given, relations: list[Given] | None = None, **fields: Any) -> Given:
    start = len(TITLE) + 1

    def at(text: str) -> int:
        return start + ABSTRACT.index(text)

    roles = {"role1": "Chemical|MESH:D000001", "role2": "Disease|MESH:D051437"}
    default = [{"id": "R1", "infons": {**roles, "type": "Positive_Correlation", "score": "0.75"}}]
    return {
        "id": "7",
        "infons": {},
        "passages": [
            passage(0, TITLE, annotation(1, "Examplin", "Chemical", "MESH:D000001", 0)),
            passage(
                start,
                ABSTRACT,
                annotation(2, "kidney failure", "Disease", "MESH:D051437", at("kidney")),
                annotation(3, "PTGS1", "Gene", "5742", at("PTGS1")),
                *more,
            ),
        ],
        "annotations": [],
        "relations": default if relations is None else relations,
        **fields,
    }


def to_xml(given: Given, tag: str = "document") -> str:
    """The XML that BioC's DTD gives for a part of its JSON."""
    plural = {"passages": "passage", "annotations": "annotation", "relations": "relation"}
    attributes = f' id="{given["id"]}"' if tag in ("annotation", "relation") else ""
    inside = f"<id>{given['id']}</id>" if tag == "document" else ""
    for key, value in given.get("infons", {}).items():
        inside += f'<infon key="{key}">{escape(str(value))}</infon>'
    if "offset" in given:
        inside += f"<offset>{given['offset']}</offset>"
    for place in given.get("locations", []):
        inside += f'<location offset="{place["offset"]}" length="{place["length"]}"/>'
    for node in given.get("nodes", []):
        inside += f'<node refid="{node["refid"]}" role="{node["role"]}"/>'
    if "text" in given:
        inside += f"<text>{escape(given['text'])}</text>"
    for key, name in plural.items():
        inside += "".join(to_xml(part, name) for part in given.get(key, []))
    return f"<{tag}{attributes}>{inside}</{tag}>"


HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<!DOCTYPE collection SYSTEM 'BioC.dtd'>\n"


def write_xml(folder: Path, *documents: Given, head: str = HEAD) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    held = "\n".join(to_xml(given) for given in documents)
    text = (
        f"{head}<collection><source>PubTator</source><date/><key>BioC.key</key>{held}</collection>"
    )
    (folder / "collection.xml").write_text(text, encoding="utf-8")
    return folder


def misplaced() -> Given:
    return annotation(9, "Examplin", "Chemical", "MESH:D000001", len(TITLE) + 3)


SAMPLES = {
    "bioc": Sample(
        lambda folder: write_xml(folder, document()),
        lambda folder: write_xml(folder, document(misplaced())),
        options={"release": "2030"},
    )
}


def read(tmp_path: Path, *documents: Given, **options: str) -> tuple[KnowledgeGraph, Quarantine]:
    quarantine = Quarantine()
    folder = write_xml(tmp_path / "in", *documents)
    return load("bioc", folder, quarantine=quarantine, **options), quarantine


def test_mentions_and_relations(tmp_path: Path) -> None:
    graph, quarantine = read(tmp_path, document())
    assert not quarantine.rows
    assert set(graph.edges.select("subject", "relation", "object", "probability").rows()) == {
        ("PMID:7", "MENTIONS", "MESH:D000001", 0.9),
        ("PMID:7", "MENTIONS", "MESH:D051437", 0.9),
        ("PMID:7", "MENTIONS", "NCBIGene:5742", 0.9),
        ("MESH:D000001", "CAUSES", "MESH:D051437", 0.75),
    }
    sentences = dict(graph.evidence.select("object", "sentence").rows())
    assert sentences["NCBIGene:5742"] == "Examplin caused kidney failure through PTGS1."


def test_every_form_of_json_is_the_same_graph(tmp_path: Path) -> None:
    whole, _ = read(tmp_path, document())
    other = document()
    roles = other["relations"][0]["infons"]
    roles["role1"] = {"type": "Chemical", "identifier": "MESH:D000001", "name": "Examplin"}
    roles["role2"] = {"type": "Disease", "identifier": "MESH:D051437", "name": "Kidney Failure"}
    collection = {"source": "PubTator", "date": "", "key": "", "documents": [document()]}
    forms = {
        "collection": json.dumps(collection),
        "collections": json.dumps([collection]),
        "pubtator3": json.dumps({"PubTator3": [{"_id": "7|None", **other}]}),
        "documents": json.dumps([document()]),
        "lines": json.dumps(document()) + "\n" + json.dumps({**document(), "id": "7"}) + "\n",
    }
    for name, text in forms.items():
        file = tmp_path / f"{name}.json"
        file.write_text(text, encoding="utf-8")
        assert load("bioc", file).checksum() == whole.checksum(), name


def test_the_archives_of_the_bulk_download(tmp_path: Path) -> None:
    """https://ftp.ncbi.nlm.nih.gov/pub/lu/PubTator3/: BioCXML.0.tar.gz and so on."""
    whole, _ = read(tmp_path, document())
    content = (tmp_path / "in" / "collection.xml").read_bytes()
    archive = tmp_path / "BioCXML.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in (
            ("output/1.BioC.XML", content),
            ("output/2.BioC.XML", content[:60]),
            ("output/3.BioC.XML", content.replace(b"<id>7</id>", b"<id>8</id>")),
            ("readme.txt", b"no XML"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    quarantine = Quarantine()
    graph = load("bioc", archive, quarantine=quarantine)
    assert graph.nodes.height == whole.nodes.height + 1
    assert [row.row for row in quarantine.rows] == ["output/2.BioC.XML"]
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(DataError, match=r"BioCXML\.0\.tar\.gz"):
        load("bioc", archive)


def test_identifiers_under_the_name_of_a_database(tmp_path: Path) -> None:
    given = document(relations=[])
    for annotated, infons in zip(
        given["passages"][1]["annotations"],
        ({"type": "Disease", "MESH": "D051437|D007674"}, {"type": "Gene", "NCBI GENE": "5742"}),
        strict=True,
    ):
        annotated["infons"] = infons
    graph, _ = read(tmp_path, given)
    assert {"MESH:D051437", "MESH:D007674", "NCBIGene:5742"} <= set(graph.nodes["id"])


def test_relations_by_annotation_and_by_entity(tmp_path: Path) -> None:
    nodes = [{"refid": "1", "role": "Chemical"}, {"refid": "3", "role": "Gene"}]
    relations = [
        {"id": "R1", "infons": {"type": "inhibit"}, "nodes": nodes},
        {
            "id": "R2",
            "infons": {"relation": "CID", "Chemical": "D000001", "Disease": "D051437"},
        },
        {
            "id": "R3",
            "infons": {"type": "Association", "entity1": "D051437", "entity2": "5742"},
        },
        {"id": "R4", "infons": {"type": "Association", "entity1": "D9", "entity2": "5742"}},
    ]
    graph, quarantine = read(tmp_path, document(relations=relations))
    assert set(graph.edges.select("subject", "relation", "object").rows()) >= {
        ("MESH:D000001", "TARGETS", "NCBIGene:5742"),
        ("MESH:D000001", "CAUSES", "MESH:D051437"),
        ("MESH:D051437", "ASSOCIATED_WITH", "NCBIGene:5742"),
    }
    assert [row.reason for row in quarantine.rows] == ["relation's end is not annotated"]


def test_mentions_in_pieces_sentences_and_articles_of_pmc(tmp_path: Path) -> None:
    text = "Liver and kidney toxicity."
    pieces = {
        "id": "1",
        "infons": {"type": "Disease", "identifier": "MESH:D056486"},
        "text": "Liver toxicity",
        "locations": [{"offset": 100, "length": 5}, {"offset": 117, "length": 8}],
    }
    body = {"infons": {"article-id_pmid": "99"}, "offset": 100, "text": text}
    given = {"id": "PMC3", "passages": [{**body, "annotations": [pieces]}]}
    graph, quarantine = read(tmp_path, given)
    assert not quarantine.rows
    row = graph.evidence.row(0, named=True)
    assert (row["document"], row["start"], row["end"]) == ("PMID:99", 100, 100 + len(text))
    # In other files the text stands in sentences.
    sentence = {"offset": 100, "text": text, "annotations": [pieces], "infons": {}}
    given = {"id": "PMC3", "passages": [{**body, "text": "", "sentences": [sentence]}]}
    file = tmp_path / "sentences.json"
    file.write_text(json.dumps({"documents": [given]}), encoding="utf-8")
    assert load("bioc", file).checksum() == graph.checksum()


def test_a_bad_document_is_set_aside_and_hostile_xml_reads_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Exampleton", encoding="utf-8")
    bad = document()
    bad["passages"][0]["offset"] = "Exampleton"
    _, quarantine = read(tmp_path, document(), bad)
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("no BioC document", "document 2")
    ]
    head = (
        "<?xml version='1.0'?>\n<!DOCTYPE collection ["
        f"<!ENTITY out SYSTEM 'file://{secret}'><!ENTITY a 'x'>]>\n"
    )
    folder = write_xml(tmp_path / "hostile", document(), document(id="8"), head=head)
    file = folder / "collection.xml"
    file.write_text(file.read_text().replace("Ten rats", "Ten &out;", 1), encoding="utf-8")
    hostile = load("bioc", folder, quarantine=quarantine)
    assert quarantine.counts()["record has an entity without a text"] == 1
    assert "Exampleton" not in hostile.evidence.write_json() + str(quarantine.rows)


def test_json_that_is_cut_short_is_an_error_without_its_text(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_text(json.dumps({"documents": [document()]})[:-90], encoding="utf-8")
    with pytest.raises(DataError, match=r"cut\.json: is not whole, valid JSON$"):
        load("bioc", file)
