from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.hetionet import METAEDGES
from medkg.loaders.sources import load

from .published import write_hetionet


@pytest.fixture
def small(tmp_path: Path) -> KnowledgeGraph:
    return load("hetionet", write_hetionet(tmp_path / "in"))


def test_identifiers_and_kinds(small: KnowledgeGraph) -> None:
    kinds = dict(small.nodes.select("id", "kind").rows())
    assert kinds == {
        "drugbank:DB00001": "Drug",
        "NCBIGene:1559": "Target",
        "NCBIGene:5742": "Target",
        "NCBIGene:77": "Target",
        "DOID:1": "Disease",
        "NDFRT:N0000000001": "DrugClass",
        "WP:WP80": "Pathway",
        "PC7:2": "Pathway",
        "UMLS:C0000001": "Symptom",
        "MESH:D000001": "Symptom",
    }


def test_class_membership_is_reversed(small: KnowledgeGraph) -> None:
    edge = small.edges.filter(relation="IN_CLASS").row(0, named=True)
    assert (edge["subject"], edge["object"]) == ("drugbank:DB00001", "NDFRT:N0000000001")


def test_an_end_without_a_row_is_a_node_named_by_its_identifier(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = load("hetionet", write_hetionet(tmp_path / "in"))
    assert graph.nodes.filter(id="NCBIGene:77")["name"].to_list() == ["NCBIGene:77"]
    assert "1 nodes occur only as ends of edges" in caplog.text


def test_properties(small: KnowledgeGraph) -> None:
    properties = {
        row["id"]: json.loads(row["properties"])
        for row in small.nodes.drop_nulls("properties").iter_rows(named=True)
    }
    assert properties == {
        "drugbank:DB00001": {"inchi": "InChI=1S/H2O/h1H2"},
        "NCBIGene:1559": {"adme": "enzyme"},
    }


def test_bad_rows_of_every_sort(tmp_path: Path) -> None:
    rows = [
        "Compound::DB00001\tCbG",
        "Compound::DB00001\tCbG\tGene 5742",
        "Compound::DB00001\tCbG\tThing::1",
        "Disease::DOID:1\tCbG\tGene::5742",
        "Compound::DB1\tCbG\tGene::5742",
    ]
    quarantine = Quarantine()
    load("hetionet", write_hetionet(tmp_path / "in", *rows), quarantine=quarantine)
    assert [(row.reason, row.line) for row in quarantine.rows] == [
        ("wrong number of columns", 10),
        ("no Hetionet identifier", 11),
        ("no Hetionet identifier", 12),
        ("malformed identifier", 14),
        ("ends of the wrong kinds", None),
    ]


def test_edges_in_several_compressed_files(tmp_path: Path) -> None:
    whole = load("hetionet", write_hetionet(tmp_path / "whole"))
    folder = write_hetionet(tmp_path / "parts")
    header, *rows = (folder / "edges.sif").read_text().splitlines()
    (folder / "edges.sif").unlink()
    for number, part in enumerate([rows[:3], rows[3:]]):
        text = "\n".join([header, *part])
        (folder / f"edges-{number}.tsv.xz").write_bytes(lzma.compress(text.encode()))
    assert load("hetionet", folder).checksum() == whole.checksum()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("gz", b"\x1f\x8b no gzip"),
        ("gz", gzip.compress(b"source", mtime=0)[:10] + b"\xff" * 40),  # a zlib.error
        ("bz2", bz2.compress(b"source" * 1000)[:-8]),
        ("xz", lzma.compress(b"source" * 1000)[:-8]),
    ],
    ids=["no gzip", "damaged gzip", "cut bzip2", "cut xz"],
)
def test_damaged_compression(tmp_path: Path, suffix: str, content: bytes) -> None:
    folder = write_hetionet(tmp_path / "in")
    (folder / "edges.sif").unlink()
    (folder / f"edges.sif.{suffix}").write_bytes(content)
    with pytest.raises(DataError, match=rf"edges\.sif\.{suffix}: can't be read"):
        load("hetionet", folder)


def test_whole_hetionet(shared_data: Path) -> None:
    quarantine = Quarantine()
    graph = load("hetionet", shared_data / "hetionet", quarantine=quarantine)
    assert quarantine.rows == []
    assert graph.nodes.height == 29_284 + 13
    assert graph.edges.height == 1_362_834
    relations = set(graph.info()["relations"])
    assert relations == {metaedge.relation for metaedge in METAEDGES.values()}
    aspirin = graph.resolve("Acetylsalicylic acid", "Drug")
    targets = graph.edges.filter(subject=aspirin, relation="TARGETS")["object"]
    assert {graph.resolve("PTGS1"), graph.resolve("PTGS2")} <= set(targets)
    # What design and users mean by a drug's target leaves out two fifths of Hetionet's CbG edges.
    adme = graph.nodes.filter(kind="Target").drop_nulls("properties")["id"]
    binding = graph.edges.filter(relation="TARGETS")["object"]
    assert 0.35 < binding.is_in(adme.implode()).mean() < 0.45


def write_json(path: Path, *more_edges: object) -> Path:
    """The JSON form, as https://github.com/hetio/hetionet/tree/main/hetnet/json describes it."""
    network = {
        "metanode_kinds": ["Compound", "Gene", "Pharmacologic Class"],
        "metaedge_tuples": [
            ["Compound", "Gene", "binds", "both"],
            ["Gene", "Gene", "regulates", "forward"],
            ["Pharmacologic Class", "Compound", "includes", "both"],
        ],
        "kind_to_abbrev": {"Compound": "C", "Gene": "G", "binds": "b", "regulates": "r"},
        "nodes": [
            {
                "kind": "Gene",
                "identifier": 1559,
                "name": "CYP2C9",
                "data": {"chromosome": "10", "license": "CC0 1.0", "source": "Entrez Gene"},
            },
            {
                "kind": "Compound",
                "identifier": "DB00001",
                "name": "Exämplin",
                "data": {"inchi": "InChI=1S/H2O/h1H2", "url": None},
            },
            {
                "kind": "Pharmacologic Class",
                "identifier": "N0000000001",
                "name": "Example Agents",
                "data": {},
            },
        ],
        "edges": [
            {
                "source_id": ["Compound", "DB00001"],
                "target_id": ["Gene", 1559],
                "kind": "binds",
                "direction": "both",
                "data": {
                    "actions": ["inhibitor", "substrate"],
                    "affinity_nM": 12.5,
                    "license": "CC BY-NC 4.0",
                    "pubmed_ids": [11111, 22222],
                    "sources": ["DrugBank (target)"],
                    "unbiased": False,
                },
            },
            {
                "source_id": ["Gene", 1559],
                "target_id": ["Gene", 77],
                "kind": "regulates",
                "direction": "forward",
                "data": {"unbiased": True, "sources": []},
            },
            {
                "source_id": ["Pharmacologic Class", "N0000000001"],
                "target_id": ["Compound", "DB00001"],
                "kind": "includes",
                "direction": "both",
                "data": {},
            },
            *more_edges,
        ],
    }
    text = json.dumps(network).encode()
    path.write_bytes(bz2.compress(text) if path.suffix == ".bz2" else text)
    return path


@pytest.mark.parametrize("name", ["hetionet-v1.0.json.bz2", "hetionet-v1.0.json"])
def test_the_json_form_keeps_what_the_tables_leave_out(tmp_path: Path, name: str) -> None:
    path = write_json(tmp_path / name)
    # As published beside it; it holds no edges.
    (tmp_path / "hetionet-v1.0-metagraph.json").write_text("{}", encoding="utf-8")
    graph = load("hetionet", path)
    assert load("hetionet", tmp_path).checksum() == graph.checksum()
    nodes = {row["id"]: row for row in graph.nodes.iter_rows(named=True)}
    assert nodes["drugbank:DB00001"]["name"] == "Exämplin"
    assert json.loads(nodes["drugbank:DB00001"]["properties"]) == {"inchi": "InChI=1S/H2O/h1H2"}
    assert json.loads(nodes["NCBIGene:1559"]["properties"]) == {
        "adme": "enzyme",
        "chromosome": "10",
        "license": "CC0 1.0",
        "source": "Entrez Gene",
    }
    assert nodes["NCBIGene:77"]["name"] == "NCBIGene:77"
    assert set(graph.edges.select("subject", "relation", "object").rows()) == {
        ("drugbank:DB00001", "TARGETS", "NCBIGene:1559"),
        ("NCBIGene:1559", "REGULATES", "NCBIGene:77"),
        ("drugbank:DB00001", "IN_CLASS", "NDFRT:N0000000001"),
    }
    binding = graph.evidence.filter(relation="TARGETS").row(0, named=True)
    assert binding["references"] == ["PMID:11111", "PMID:22222"]
    assert json.loads(binding["qualifiers"]) == {
        "action": "inhibitor, substrate",
        "affinity_nM": 12.5,
        "license": "CC BY-NC 4.0",
        "sources": ["DrugBank (target)"],
        "unbiased": False,
    }
    edge = graph.edges.filter(relation="TARGETS").row(0, named=True)
    assert json.loads(edge["properties"]) == {"action": "inhibitor, substrate"}
    regulates = graph.evidence.filter(relation="REGULATES").row(0, named=True)
    assert json.loads(regulates["qualifiers"]) == {"unbiased": True}


def test_bad_edges_of_the_json_form(tmp_path: Path) -> None:
    whole = load("hetionet", write_json(tmp_path / "a.json"))
    other = {
        "source_id": ["Gene", 1],
        "target_id": ["Gene", 2],
        "kind": "zaps",
        "direction": "both",
    }
    path = write_json(tmp_path / "b.json", other, {"kind": "binds"}, "no object")
    quarantine = Quarantine()
    assert load("hetionet", path, quarantine=quarantine).checksum() == whole.checksum()
    assert [(row.reason, row.line, row.row) for row in quarantine.rows] == [
        ("no Hetionet JSON", 5, "edges, number 5"),
        ("no Hetionet JSON", 6, "edges, number 6"),
        ("unknown metaedge", 4, "Gene::1 GzG Gene::2"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "valid JSON"),
        (b'{"nodes": [{"kind"', "valid JSON"),
        (b'{"nodes": [], "edges": []}', "holds no edge"),
        (b"\xff\xfe{}", "valid JSON"),
    ],
)
def test_json_that_cant_be_read(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "hetionet-v1.0.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"v1\.0\.json: .*{problem}"):
        load("hetionet", path)
