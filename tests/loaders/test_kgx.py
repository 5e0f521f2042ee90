"""KGX files: other people's, and medkg's own that come back as they went out.

The form: https://github.com/biolink/kgx/blob/master/specification/kgx-format.md, Monarch's columns
as in https://kghub.io/kg-monarch, RTX-KG2's as in https://github.com/RTXteam/RTX-KG2.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core.disk import DiskError
from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.export import MANIFEST, export
from medkg.graph.export.kgx import escaped, unescaped
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from ..disks import Disk
from ..graph.exported import full
from .sample import Sample

NODES = """id\tcategory\tname\txref\tsynonym\tprovided_by
HGNC:6407\tbiolink:Gene\tKRAS\tNCBIGene:3845|ENSEMBL:ENSG00000133703\tKRAS2\thgnc_nodes
MONDO:0005148\tbiolink:Disease\ttype 2 diabetes mellitus\tDOID:9352\tT2DM|NIDDM\tphenio_nodes
HP:0001945\tbiolink:PhenotypicFeature\tFever\t\tPyrexia\tphenio_nodes
CHEBI:6801\tbiolink:NamedThing|biolink:ChemicalEntity|biolink:SmallMolecule\tmetformin\t\t\t
ATC:A10BA\tbiolink:ChemicalEntity\tBiguanides\t\t\t
UBERON:0002107\tbiolink:GrossAnatomicalStructure\tliver\t\t\t
GO:0005634\tbiolink:CellularComponent\tnucleus\t\t\t
UniProtKB:P01116\tbiolink:Protein\tGTPase KRas\t\t\t
"""
EDGE_COLUMNS = (
    "id",
    "subject",
    "predicate",
    "object",
    "negated",
    "publications",
    "primary_knowledge_source",
    "knowledge_level",
    "agent_type",
    "object_direction_qualifier",
    "object_aspect_qualifier",
    "has_percentage",
    "onset_qualifier",
    "original_subject",
)
EDGES: tuple[dict[str, str], ...] = (
    {
        "subject": "HGNC:6407",
        "predicate": "biolink:gene_associated_with_condition",
        "object": "MONDO:0005148",
        "publications": "PMID:1|PMID:2",
        "primary_knowledge_source": "infores:omim",
        "original_subject": "NCBIGene:3845",
    },
    {
        "subject": "MONDO:0005148",
        "predicate": "biolink:has_phenotype",
        "object": "HP:0001945",
        "negated": "True",
        "primary_knowledge_source": "infores:hpo-annotations",
        "has_percentage": "12.5",
        "onset_qualifier": "HP:0003577",
    },
    {
        "subject": "CHEBI:6801",
        "predicate": "biolink:affects",
        "object": "HGNC:6407",
        "object_direction_qualifier": "decreased",
        "object_aspect_qualifier": "expression",
        "primary_knowledge_source": "infores:ctd",
        "agent_type": "text_mining_agent",
    },
    {
        "subject": "CHEBI:6801",
        "predicate": "biolink:affects",
        "object": "UniProtKB:P01116",
        "object_direction_qualifier": "decreased",
        "object_aspect_qualifier": "activity",
        "primary_knowledge_source": "infores:ctd",
    },
    {
        "subject": "CHEBI:6801",
        "predicate": "biolink:treats",
        "object": "MONDO:0005148",
        "primary_knowledge_source": "infores:drugcentral",
        "knowledge_level": "observation",
    },
    {
        "subject": "HGNC:6407",
        "predicate": "biolink:expressed_in",
        "object": "UBERON:0002107",
        "primary_knowledge_source": "infores:bgee",
    },
    {
        "subject": "HGNC:6407",
        "predicate": "biolink:located_in",
        "object": "GO:0005634",
        "primary_knowledge_source": "infores:goa",
    },
    {"subject": "CHEBI:6801", "predicate": "biolink:member_of", "object": "ATC:A10BA"},
)


def write_kgx(folder: Path, nodes: str = "", edges: tuple[dict[str, str], ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "made-up_nodes.tsv").write_text(NODES + nodes, encoding="utf-8")
    rows = [
        "\t".join(edge.get(name, f"uuid:{at}" if name == "id" else "") for name in EDGE_COLUMNS)
        for at, edge in enumerate(EDGES + edges)
    ]
    text = "\n".join(["\t".join(EDGE_COLUMNS), *rows, ""])
    (folder / "made-up_edges.tsv").write_text(text, encoding="utf-8")
    return folder


def write_jsonl(folder: Path) -> Path:
    """The same graph as JSON lines, with lists and a boolean."""
    folder.mkdir(exist_ok=True)
    header, *lines = NODES.splitlines()
    nodes = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    for name, rows in (("nodes", nodes), ("edges", list(EDGES))):
        with (folder / f"made-up_{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                record: dict[str, Any] = {key: value for key, value in row.items() if value}
                for key in ("category", "xref", "synonym", "publications"):
                    if key in record:
                        record[key] = record[key].split("|")
                if "negated" in record:
                    record["negated"] = True
                if "has_percentage" in record:
                    record["has_percentage"] = float(record["has_percentage"])
                file.write(json.dumps(record) + "\n")
    return folder


BAD_NODES = (
    "MONDO:0000001\tbiolink:Starship\tOdd\t\t\t\nnot a curie\tbiolink:Gene\tX\t\t\t\nHGNC:1\tfew\n"
)
BAD_EDGES = (
    {"subject": "HGNC:6407", "predicate": "biolink:orthologous_to", "object": "UniProtKB:P01116"},
    {"subject": "HGNC:6407", "predicate": "biolink:causes", "object": "MONDO:9999999"},
    {
        "subject": "CHEBI:6801",
        "predicate": "biolink:treats",
        "object": "MONDO:0005148",
        "knowledge_level": "prediction",
    },
)
SOURCES = ("bgee", "ctd", "drugcentral", "goa", "hpo-annotations", "kgx", "omim")
SAMPLES = {
    "kgx": Sample(
        write_kgx,
        lambda folder: write_kgx(folder, BAD_NODES, BAD_EDGES),
        options={"release": "2030-01"},
        sources=SOURCES,
    )
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    quarantine = Quarantine()
    loaded = load("kgx", write_kgx(tmp_path_factory.mktemp("kgx")), quarantine=quarantine)
    assert list(quarantine.rows) == []
    return loaded


def evidence_of(graph: KnowledgeGraph, relation: str) -> list[dict[str, Any]]:
    return graph.evidence.filter(relation=relation).sort("subject", "object").to_dicts()


def test_categories_become_the_most_specific_kind(graph: KnowledgeGraph) -> None:
    assert dict(graph.nodes.select("id", "kind").iter_rows()) == {
        "HGNC:6407": "Target",
        "UniProtKB:P01116": "Target",
        "MONDO:0005148": "Disease",
        "HP:0001945": "Symptom",
        "CHEBI:6801": "Drug",
        "ATC:A10BA": "DrugClass",
        "UBERON:0002107": "Anatomy",
        "GO:0005634": "CellularComponent",
    }
    disease = graph.nodes.filter(id="MONDO:0005148").row(0, named=True)
    assert disease["synonyms"] == ["NIDDM", "T2DM"]
    assert disease["xrefs"] == ["DOID:9352"]


def test_predicates_become_relations_by_the_kinds_they_join(graph: KnowledgeGraph) -> None:
    (gene,) = evidence_of(graph, "ASSOCIATED_WITH")
    assert (gene["subject"], gene["object"]) == ("MONDO:0005148", "HGNC:6407")
    assert gene["original_object"] == "NCBIGene:3845"
    assert gene["references"] == ["PMID:1", "PMID:2"]
    assert gene["source"] == "omim"
    (phenotype,) = evidence_of(graph, "HAS_SYMPTOM")
    assert phenotype["polarity"] == "negated"
    assert json.loads(phenotype["qualifiers"]) == {"frequency": 0.125, "onset": "HP:0003577"}
    (down,) = evidence_of(graph, "DOWNREGULATES")
    assert (down["object"], down["level"]) == ("HGNC:6407", "text-mined")
    (target,) = evidence_of(graph, "TARGETS")
    assert target["object"] == "UniProtKB:P01116"
    assert json.loads(target["qualifiers"]) == {"action": "inhibitor"}
    assert evidence_of(graph, "TREATS")[0]["level"] == "observed"
    assert evidence_of(graph, "EXPRESSES")[0]["subject"] == "UBERON:0002107"
    assert evidence_of(graph, "PARTICIPATES_IN")[0]["object"] == "GO:0005634"
    assert evidence_of(graph, "IN_CLASS")[0]["source"] == "kgx"


def test_what_has_no_place_is_named(tmp_path: Path) -> None:
    quarantine = Quarantine()
    load("kgx", write_kgx(tmp_path / "in", BAD_NODES, BAD_EDGES), quarantine=quarantine)
    held = {row.reason: row for row in quarantine.rows}
    assert held["no kind for this category"].row == "MONDO:0000001 biolink:Starship"
    assert held["no relation for this predicate between these kinds"].row.endswith(
        "biolink:orthologous_to UniProtKB:P01116 (Target → Target)"
    )
    assert {"no CURIE", "dangling end", "prediction of another model"} <= set(held)
    assert held["dangling end"].line == len(EDGES) + 3


def test_json_lines_archives_and_compression_give_the_same(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    lines = write_jsonl(tmp_path / "lines")
    assert load("kgx", lines).checksum() == graph.checksum()
    archive = tmp_path / "made-up.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(lines, "deep/down")
    assert load("kgx", archive).checksum() == graph.checksum()
    packed = write_kgx(tmp_path / "packed")
    for file in list(packed.iterdir()):
        with gzip.open(f"{file}.gz", "wb") as zipped:
            zipped.write(file.read_bytes())
        file.unlink()
    assert load("kgx", packed).checksum() == graph.checksum()
    one = write_kgx(tmp_path / "two")
    (one / "other_nodes.tsv").write_text("id\tcategory\nHP:9\tbiolink:PhenotypicFeature\n")
    assert load("kgx", one / "made-up_edges.tsv").checksum() == graph.checksum()


def test_a_disk_too_small_to_unpack_an_archive_is_not_the_archives_fault(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nodes.tsv").write_text(NODES + "\n" * 200_000)
    with tarfile.open(tmp_path / "large.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "nodes.tsv", "nodes.tsv")
    monkeypatch.setattr("tempfile.tempdir", str(disk("size=100k")))
    with pytest.raises(DiskError, match=r"the disk is full.* TMPDIR"):
        load("kgx", tmp_path / "large.tar.gz")


def test_columns_of_rtx_kg2(tmp_path: Path) -> None:
    nodes = [
        {
            "id": "CHEMBL.COMPOUND:CHEMBL25",
            "category": "biolink:Drug",
            "all_categories": ["biolink:Drug", "biolink:SmallMolecule"],
            "equivalent_curies": ["CHEBI:15365", "CHEMBL.COMPOUND:CHEMBL25"],
        },
        {"id": "UniProtKB:P23219", "category": "biolink:Protein", "name": "PTGS1"},
    ]
    edge = {
        "subject": "CHEMBL.COMPOUND:CHEMBL25",
        "predicate": "biolink:affects",
        "object": "UniProtKB:P23219",
        "qualified_predicate": "biolink:causes",
        "qualified_object_aspect": "activity",
        "qualified_object_direction": "decreased",
        "primary_knowledge_source": "infores:chembl",
        "publications": ["PMID:9"],
        "publications_info": {"PMID:9": {"sentence": "x"}},
    }
    for name, rows in (("nodes", nodes), ("edges", [edge])):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"kg2c-2.10-{name}.jsonl").write_text(text)
    graph = load("kgx", tmp_path)
    assert graph.edges.select("relation", "properties").row(0) == (
        "TARGETS",
        '{"action": "inhibitor"}',
    )
    assert "CHEBI:15365" in graph.nodes.filter(kind="Drug")["xrefs"][0]


OWN_SCHEMA = """
[kind.Cohort]
biolink = "biolink:Cohort"
prefixes = ["cohort"]

[relation.STUDIED_IN]
biolink = "biolink:studied_in"
joins = [["Disease", "Cohort"]]
"""


def test_kinds_and_relations_of_ones_own(tmp_path: Path) -> None:
    edge = {
        "subject": "MONDO:0005148",
        "predicate": "biolink:studied_in",
        "object": "cohort:1",
        "primary_knowledge_source": "infores:registry",
    }
    folder = write_kgx(tmp_path / "in", "cohort:1\tbiolink:Cohort\tWard 3\t\t\t\n", (edge,))
    file = tmp_path / "own.toml"
    file.write_text(OWN_SCHEMA)
    quarantine = Quarantine()
    graph = load("kgx", folder, schema=str(file), quarantine=quarantine)
    assert not quarantine.rows
    assert graph.edges.filter(relation="STUDIED_IN")["object"].to_list() == ["cohort:1"]
    export(graph, tmp_path / "out", "kgx")
    assert_equal(load("kgx", tmp_path / "out", schema=str(file)), graph)
    load("kgx", folder, quarantine=quarantine)
    assert sorted(row.reason for row in quarantine.rows) == [
        "dangling end",
        "no kind for this category",
    ]


def test_half_a_surrogate_pair_in_json_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x_nodes.jsonl").write_text(
        r'{"id": "MONDO:0000001", "category": ["biolink:Disease"], "name": "a \ud83d b"}'
    )
    (tmp_path / "x_edges.jsonl").write_text("{}\n")
    assert load("kgx", tmp_path, quarantine=Quarantine()).nodes["name"].to_list() == ["a ? b"]


def assert_equal(graph: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        assert getattr(graph, name).equals(getattr(other, name)), name
    assert graph.sources == other.sources


@pytest.mark.parametrize("form", ["kgx", "kgx-jsonl"])
def test_a_graph_that_went_out_comes_back_equal(form: str, tmp_path: Path) -> None:
    graph = full()
    facts = export(graph, tmp_path / "out", form)
    assert facts["counts"]["unasserted"] == 3
    quarantine = Quarantine()
    back = load("kgx", tmp_path / "out", quarantine=quarantine)
    assert list(quarantine.rows) == []
    assert_equal(back, graph)


@pytest.mark.parametrize("form", ["kgx", "kgx-jsonl"])
def test_a_graph_without_edges_or_without_anything_comes_back(form: str, tmp_path: Path) -> None:
    for name, ids in (("nodes", ["HP:1", "CHEBI:1"]), ("nothing", [])):
        graph = full().subgraph(ids).without_edges(full().edges["id"])
        graph = graph.with_frames(evidence=graph.evidence.clear(), merges=graph.merges.clear())
        export(graph, tmp_path / name, form)
        assert_equal(load("kgx", tmp_path / name), graph)


@pytest.mark.parametrize("form", ["kgx", "kgx-jsonl"])
def test_nodes_and_edges_alone_still_give_the_facts(form: str, tmp_path: Path) -> None:
    graph = full()
    export(graph, tmp_path / "out", form)
    for file in (tmp_path / "out").iterdir():
        if "nodes" not in file.name and "edges" not in file.name:
            file.unlink()
    back = load("kgx", tmp_path / "out", licence="CC BY 4.0")
    assert back.nodes.equals(graph.nodes)
    assert back.edges["id"].equals(graph.edges["id"])
    assert {source.licence for source in back.sources} == {"CC BY 4.0"}


def test_a_damaged_value_of_our_own_is_set_aside(tmp_path: Path) -> None:
    export(full(), tmp_path / "out", "kgx")
    file = tmp_path / "out" / "medkg_edges.tsv"
    text = file.read_text()
    file.write_text(text.replace("\t0.30000000000000004\t", "\tmany\t"))
    quarantine = Quarantine()
    load("kgx", tmp_path / "out", quarantine=quarantine)
    assert [row.reason for row in quarantine.rows] == ["value of the wrong type"]
    (tmp_path / "out" / MANIFEST).write_text("{")
    with pytest.raises(DataError, match=f"{MANIFEST}: is damaged"):
        load("kgx", tmp_path / "out")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=5))
def test_any_text_survives_a_field(texts: list[str]) -> None:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    out = frame.select(escaped(pl.col("text"))).to_series()
    assert not out.str.contains("[\t\n\r|]").any()
    assert out.str.strip_chars().equals(out)
    assert not (out == "").any()
    assert out.to_frame().select(unescaped(pl.col("text"))).equals(frame)


def test_says_what_is_missing(tmp_path: Path) -> None:
    write_kgx(tmp_path / "in")
    (tmp_path / "in" / "made-up_edges.tsv").unlink()
    with pytest.raises(MissingError, match=r"has no NAME_edges\.tsv"):
        load("kgx", tmp_path / "in")
    (tmp_path / "in" / "odd.txt").write_text("x")
    with pytest.raises(DataError, match="is neither NAME_nodes nor NAME_edges"):
        load("kgx", tmp_path / "in" / "odd.txt")
