"""The readers that `fuzz.py` feeds, by family: what writes a sound example, and what reads it."""

from __future__ import annotations

import importlib
import io
import json
import lzma
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from pkgutil import iter_modules

from fuzz_inputs import Reader

from medkg.core.input_files import read_whole, unpacked
from medkg.core.quarantine import Quarantine
from medkg.loaders.sources import load
from tests import loaders as loader_tests
from tests.extract import test_documents as documents
from tests.graph.graphs import small
from tests.loaders.sample import Sample
from tests.loaders.test_bioc import document as bioc_document
from tests.loaders.test_fhir import resources, write_bundle


def _samples() -> dict[str, Sample]:
    samples: dict[str, Sample] = {}
    for module in iter_modules(loader_tests.__path__, f"{loader_tests.__name__}."):
        samples.update(getattr(importlib.import_module(module.name), "SAMPLES", {}))
    return samples


def _source(name: str, write: Callable[[Path], Path] | None = None, **options: str) -> Reader:
    """A source of loaders, read whole, and its graph's frames made."""
    sample = _samples()[name]
    stated = {key: value for key, value in sample.options.items() if "{folder}" not in value}

    def read(path: Path) -> None:
        graph = load(name, path, quarantine=Quarantine(), **{**stated, **options})
        graph.checksum()

    return Reader(write or sample.write, read)


def _file(name: str, text: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        data = text.encode("utf-8") if isinstance(text, str) else text
        (folder / name).write_bytes(data)
        return folder / name

    return write


def _document(name: str, text: str | bytes, columns: str = "") -> Reader:
    """A file of text, as `extract` reads it."""

    def read(path: Path) -> None:
        from medkg.extract.documents import iter_documents

        for document in iter_documents(f"{path}{columns}", Quarantine()):
            document.sha256  # noqa: B018 (it encodes the text)

    return Reader(_file(name, text), read)


def _annotated(name: str, text: str | bytes, corpus_format: str) -> Reader:
    def read(path: Path) -> None:
        from medkg.extract.corpora.readers import FORMATS

        FORMATS[corpus_format](path, Quarantine())

    return Reader(_file(name, text), read)


def _bundle(folder: Path) -> Path:
    return write_bundle(folder / "bundle.json", *resources())


def _json_readers() -> dict[str, Reader]:
    bioc = json.dumps({"documents": [bioc_document(), bioc_document(id="8")]})
    lines = "".join(json.dumps({"id": f"n{n}", "text": "A cough."}) + "\n" for n in range(3))
    row = {
        "id": "1",
        "text": "A cough.",
        "entities": [{"id": 1, "start": 2, "end": 7, "label": "S"}],
        "relations": [{"from_id": 1, "to_id": 1, "type": "R"}],
    }
    annotation = {"start": 2, "end": 7, "text": "cough", "label": "TREATS", "ann_id": "a"}
    roam = json.dumps([{"sentence_id": "1", "sentence": "A cough.", "annotations": [annotation]}])
    node = {
        "id": "http://purl.obolibrary.org/obo/MONDO_0000001",
        "lbl": "disease",
        "type": "CLASS",
        "meta": {
            "synonyms": [{"pred": "hasExactSynonym", "val": "x"}],
            "xrefs": [{"val": "DOID:4"}],
        },
    }
    edge = {
        "sub": node["id"],
        "pred": "is_a",
        "obj": "http://purl.obolibrary.org/obo/MONDO_0000002",
    }
    obographs = json.dumps(
        {"graphs": [{"meta": {"version": "1"}, "nodes": [node], "edges": [edge]}]}
    )
    hetionet = json.dumps(
        {
            "nodes": [
                {
                    "kind": "Compound",
                    "identifier": "DB00001",
                    "name": "x",
                    "data": {"inchi": "InChI=1S/C"},
                },
                {"kind": "Disease", "identifier": "DOID:1", "name": "y", "data": {}},
            ],
            "edges": [
                {
                    "source_id": ["Compound", "DB00001"],
                    "target_id": ["Disease", "DOID:1"],
                    "kind": "treats",
                    "direction": "both",
                    "data": {"pubmed_ids": [1], "license": "CC0"},
                }
            ],
        }
    )
    return {
        "fhir": _source("fhir"),
        "fhir Bundle": _source("fhir", _bundle),
        "BioC": _source("bioc", _file("a.json", bioc)),
        "phenopackets": _source("phenopackets"),
        "Hetionet": _source("hetionet", _file("hetionet-v1.0.json", hetionet)),
        "OBO Graphs": _source("mondo", _file("mondo.json", obographs)),
        "KGX lines": _source("kgx", _kgx_lines),
        "text: BioC": _document("a.json", bioc),
        "text: lines": _document("a.jsonl", lines),
        "annotated lines": _annotated("a.jsonl", json.dumps(row) + "\n", "jsonl"),
        "Roam": _annotated("a.json", roam, "roam"),
    }


def _kgx_lines(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    nodes = [
        {"id": "MONDO:0000001", "category": ["biolink:Disease"], "name": "x", "synonym": ["y"]},
        {
            "id": "CHEBI:1",
            "category": ["biolink:SmallMolecule"],
            "name": "z",
            "xref": ["MESH:D000001"],
        },
    ]
    edge = {
        "subject": "CHEBI:1",
        "predicate": "biolink:treats",
        "object": "MONDO:0000001",
        "knowledge_level": "knowledge_assertion",
        "primary_knowledge_source": "infores:x",
        "publications": ["PMID:1"],
    }
    (folder / "a_nodes.jsonl").write_text("".join(json.dumps(node) + "\n" for node in nodes))
    (folder / "a_edges.jsonl").write_text(json.dumps(edge) + "\n")
    return folder


def _xml_readers() -> dict[str, Reader]:
    from tests.loaders.test_ontology import OWL

    return {
        **{name: _source(name) for name in ("bioc", "drugbank", "mesh", "icd10", "icd10cm")},
        "OWL": _source("mondo", _file("mondo.owl", OWL)),
        "text: PubMed": _document("a.xml", documents.PUBMED),
        "text: JATS": _document("a.nxml", documents.JATS),
        "text: BioC": _document("a.xml", documents.BIOC),
    }


def _table_readers() -> dict[str, Reader]:
    names = (
        "bindingdb",
        "ctd",
        "davis",
        "dgidb",
        "disgenet",
        "drugcentral",
        "hetionet",
        "hpo",
        "kgx",
        "kiba",
        "omop",
        "opentargets",
    )
    more = ("primekg", "starter", "string", "table", "umls")
    cases = "case\tdiseases\tphenotypes\texcluded\nc1\tOMIM:100001\tHP:0001250\tHP:0000252\n"
    findings = "keep\tphenotype\nyes\tHP:0002027\nno\tEdema\n"

    def read_cases(path: Path) -> None:
        from medkg.mining.diagnosis.cases import read_cases

        read_cases(path, Quarantine())

    def read_findings(path: Path) -> None:
        from medkg.diagnosis.findings import read_findings

        read_findings(path, small())

    def read_events(path: Path) -> None:
        from medkg.signals.eeg.events import read_events

        read_events(path.with_name("a.csv"))

    events = "onset\tduration\ttrial_type\n20.5\t9\tseizure\n40\t2.5\tabsence\n"
    return {
        **{name: _source(name) for name in (*names, *more)},
        "text: CSV": _document("a.csv", 'id,text\nn1,A cough.\nn2,"A, fever."\n', ":id,text"),
        "cases": Reader(_file("a.tsv", cases), read_cases),
        "findings": Reader(_file("a.tsv", findings), read_findings),
        "events of an EEG": Reader(_file("a_events.tsv", events), read_events),
    }


def _text_readers() -> dict[str, Reader]:
    pubtator = "7|t|A cough.\n7|a|Fever.\n7\t2\t7\tcough\tDisease\tMESH:D003371\n7\tCID\tD1\tD2\n"

    def read_toml(path: Path) -> None:
        from medkg.graph.schema import Schema

        Schema.default().extended(path)

    def read_packed(path: Path) -> None:
        for content in unpacked(path):
            while content.read(1 << 16):
                pass

    def read_settings(path: Path) -> None:
        from medkg.gnn.settings import read_settings

        read_settings(path)

    schema = '[kind.Plant]\nbiolink = "x:Plant"\nprefixes = ["X"]\ncolour = "#00798c"\n'
    return {
        **{name: _source(name) for name in ("mondo", "chebi", "pubtator")},
        "text": _document("a.txt", "Cough since\tMonday.\r\n\r\nNo fever; 38.2 °C.\n" * 20),
        "Markdown": _document("a.md", "# Cough\n\n* fever <b>x</b> [a](b) `c` | d |\n\n---\n" * 5),
        "text: PubTator": _document("a.pubtator", pubtator),
        "PDF": _document("a.pdf", _pdf()),
        "CoNLL": _annotated("a.conll", "A O\ncough B-S\n. O\n\nFever B-S\n", "conll"),
        "annotated PubTator": _annotated("a.txt", pubtator, "pubtator"),
        "BC2GM": _annotated("a.tsv", "A\tO\ncough\tB\n\n", "bc2gm"),
        "spaCy": _annotated("a.spacy", _docbin(), "spacy"),
        "packed": Reader(_file("a", lzma.compress(b"A cough.")), read_packed),
        "packed: zip": Reader(_file("a", _zipped()), read_packed),
        "schema": Reader(_file("a.toml", schema), read_toml),
        "settings": Reader(_file("a.toml", "[network]\ndim = 8\n"), read_settings),
    }


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "b/c.txt"):
            archive.writestr(name, "A cough.")
    return packed.getvalue()


def _docbin() -> bytes:
    import spacy
    from spacy.tokens import DocBin

    doc = spacy.blank("en")("A dry cough.")
    doc.ents = [doc.char_span(2, 11, "S")]
    return DocBin(docs=[doc]).to_bytes()


def _pdf() -> bytes:
    content = b"BT /F1 12 Tf 72 720 Td (A cough.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources"
        b" << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, definition in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, definition)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(data)
    return data + b"xref\n0 5\n0000000000 65535 f \n" + table + end


def _graph(folder: Path) -> Path:
    small().save(folder / "kg")
    return folder / "kg"


def _read_graph(path: Path) -> None:
    from medkg.graph.check import check
    from medkg.graph.clean import open_unverified
    from medkg.graph.kg import KnowledgeGraph

    kg = open_unverified(path)
    list(check(kg))
    opened = KnowledgeGraph.open(path)
    opened.verify()
    opened.to_networkx()


def _model_readers() -> dict[str, Reader]:
    from medkg.core.checkpoint import CHECKPOINT
    from medkg.core.model_folder import open_model, save_model
    from tests.core.test_model_folder import small_model

    def write_model(folder: Path) -> Path:
        save_model(folder / "model", small_model())
        return folder / "model"

    def read_kind(path: Path) -> None:
        from medkg.models import model_kind

        model_kind(path)

    shipped = Path(importlib.import_module("medkg.extract.mentions.network").SHIPPED)

    def write_network(folder: Path) -> Path:
        return Path(shutil.copytree(shipped, folder / "model"))

    def read_network(path: Path) -> None:
        from medkg.extract.mentions.network import NerModel

        NerModel.load(path)

    def read_object(path: Path) -> None:
        from medkg.core.atomic import json_object

        json_object(path)

    return {
        "graph folder": Reader(_graph, _read_graph),
        "model folder": Reader(write_model, lambda path: open_model(path, "links")),
        "kind of model": Reader(write_model, read_kind),
        "recogniser": Reader(write_network, read_network),
        "checkpoint's numbers": Reader(_file(CHECKPOINT, '{"fingerprint": "x"}'), read_object),
    }


def _lines(path: Path) -> list[str]:
    """A text as one query, and some of its lines as one each."""
    text = read_whole(path).decode("utf-8", "surrogateescape")
    return [text, *text.split("\n")[:100]]


def _query_readers() -> dict[str, Reader]:
    from tests.contract.test_guard import WRITES

    queries = [*WRITES[::3], "MATCH (n:Drug) WHERE n.name = 'x' RETURN n.name AS name LIMIT 5"]
    smiles = "CC(=O)Oc1ccccc1C(=O)O aspirin\nC1=CC=CC=C1 benzene\nN[C@@H](C)C(=O)O alanine\n"

    def read_query(path: Path) -> None:
        from medkg.core.errors import StoreError
        from medkg.graph.store.guard import masked_literals, refuse_changes

        for query in _lines(path):
            for guard in (refuse_changes, masked_literals):
                try:
                    guard(query)
                except StoreError:
                    continue

    def read_library(path: Path) -> None:
        from medkg.mining.molecules.library import library_entries

        for entry in library_entries(path, Quarantine()):
            entry.parsed()

    def read_parameters(path: Path) -> None:
        from medkg.core.errors import MedkgError
        from medkg.cypher.library import load as library

        every = list(library().values())
        for text in _lines(path):
            for query in random.Random(0).sample(every, 5):
                for parameter in query.parameters:
                    try:
                        parameter.value(text)
                    except MedkgError:
                        continue

    parameters = '["HP:0001250", "x"]\nHP:1,HP:2\n5\n0.5\ntrue'
    table = "smiles,name\nCCO,ethanol\nInChI=1S/CH4/h1H4,methane\n"
    return {
        "query": Reader(_file("a.cypher", "\n".join(queries)), read_query),
        "parameters": Reader(_file("a.txt", parameters), read_parameters),
        "SMILES": Reader(_file("a.smi", smiles), read_library),
        "SMILES table": Reader(_file("a.csv", table), read_library),
        "SDF": Reader(_file("a.sdf", _sdf()), read_library),
    }


def _sdf() -> str:
    from rdkit import Chem

    return str(Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))) + "$$$$\n"


FAMILIES: dict[str, Callable[[], dict[str, Reader]]] = {
    "json": _json_readers,
    "xml": _xml_readers,
    "tables": _table_readers,
    "text": _text_readers,
    "models": _model_readers,
    "queries": _query_readers,
}
