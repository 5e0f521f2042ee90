"""Genes by every name: the tables that come with medkg, HGNC's own, and the graphs that get them.

HGNC's table: https://www.genenames.org/help/download/ (several values in quotes, divided by |).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkg.core.quarantine import Quarantine
from medkg.graph.frames import complete_nodes
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.gene_names import with_gene_names
from medkg.loaders.hgnc import gene_table
from medkg.loaders.sources import load
from tests.graph.graphs import small

from .sample import Sample

HEADER = (
    "hgnc_id\tsymbol\tname\tlocus_group\tstatus\talias_symbol\talias_name\tprev_symbol\t"
    "prev_name\tentrez_id\tensembl_gene_id\tuniprot_ids"
)
ROWS = [
    "HGNC:9605\tPTGS2\tprostaglandin-endoperoxide synthase 2\tprotein-coding gene\tApproved\t"
    '"COX2|GRIPGHS"\t"cyclooxygenase 2"\t\t\t5743\tENSG00000073756\tP35354',
    "HGNC:12680\tVEGFA\tvascular endothelial growth factor A\tprotein-coding gene\tApproved\t"
    '"VEGF-A|VPF"\t\tVEGF\tvascular endothelial growth factor\t7422\tENSG00000112715\tP15692',
    "HGNC:1\tGONE\twithdrawn one\tother\tEntry Withdrawn\t\t\t\t\t\t\t",
]


def write(folder: Path, rows: list[str] = ROWS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "hgnc_complete_set.txt"
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def write_bad(folder: Path) -> Path:
    nameless = "HGNC:2\t\ta gene without a symbol\tother\tApproved\t\t\t\t\t\t\t"
    return write(folder, [*ROWS, nameless])


SAMPLES = {"hgnc": Sample(write, write_bad)}


@pytest.fixture(scope="module")
def shipped() -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load("hgnc", quarantine=quarantine)
    assert quarantine.counts() == {}
    return graph


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("HER2", "ERBB2"),
        ("HER-2", "ERBB2"),
        ("p53", "TP53"),
        ("COX-2", "PTGS2"),
        ("cyclooxygenase-2", "PTGS2"),
        ("TNF-alpha", "TNF"),
        ("TNFα", "TNF"),
        ("VEGF", "VEGFA"),
        ("HMG-CoA reductase", "HMGCR"),
        ("IL-6", "IL6"),
        ("egfr", "EGFR"),
        ("estrogen receptor", "ESR1"),  # of its family, one member alone is called so
        ("PKC", "PKC family"),  # several members are
        ("WAS", "WAS"),
        ("CAT", "CAT"),
        ("catalase", "CAT"),
        ("UniProtKB:P04626", "ERBB2"),
    ],
)
def test_textbook_names_are_found(shipped: KnowledgeGraph, text: str, symbol: str) -> None:
    assert shipped.find(text)["name"].to_list() == [symbol]


@pytest.mark.parametrize("word", ["was", "cat", "rest", "set", "impact", "fat", "Impact"])
def test_ordinary_words_are_no_genes(shipped: KnowledgeGraph, word: str) -> None:
    assert shipped.find(word).is_empty()
    assert shipped.find(word.upper()).height >= 1


def test_a_name_is_the_gene_s_with_the_best_claim() -> None:
    genes = gene_table()
    having = genes.filter(pl.col("synonyms").list.contains("COX2"))["symbol"].to_list()
    assert having == ["PTGS2"]  # by FamPlex and MeSH, and not MT-CO2's alias
    approved = set(genes["symbol"])
    others = genes.select("symbol", "synonyms").explode("synonyms").drop_nulls()
    clashing = others.filter(
        pl.col("synonyms").is_in(sorted(approved)), pl.col("synonyms") != pl.col("symbol")
    )
    assert clashing.is_empty()


def test_families_hold_their_members_and_are_no_genes(shipped: KnowledgeGraph) -> None:
    family = shipped.resolve("VEGF family")
    assert family == "FPLX:VEGF"
    members = shipped.edges.filter(object=family, relation="SUBCLASS_OF")["subject"]
    assert "HGNC:12680" in members.to_list()
    assert shipped.find("protein kinase C")["id"].to_list() == ["FPLX:PKC"]


def test_hgncs_own_table(tmp_path: Path) -> None:
    graph = load("hgnc", write(tmp_path))
    assert graph.nodes["id"].to_list() == ["HGNC:12680", "HGNC:9605"]
    row = graph.nodes.row(1, named=True)
    assert {"COX2", "GRIPGHS", "cyclooxygenase 2"} <= set(row["synonyms"])
    assert '"' not in "".join(row["synonyms"])
    assert row["xrefs"] == ["NCBIGene:5743", "UniProtKB:P35354"]


def test_targets_of_any_graph_get_the_names() -> None:
    named = with_gene_names(small())
    assert named.resolve("cyclooxygenase-1") == "NCBIGene:5742"
    assert named.resolve("CD117") == "NCBIGene:3815"
    unchanged = pl.col("kind") != "Target"
    assert named.nodes.filter(unchanged).equals(small().nodes.filter(unchanged))


def test_targets_of_any_graph_get_the_identifiers() -> None:
    named = with_gene_names(small())
    for text in ("HGNC:6342", "UniProtKB:P10721", "UniProt:P10721"):
        assert named.resolve(text) == "NCBIGene:3815"
    row = named.nodes.row(by_predicate=pl.col("id") == "NCBIGene:3815", named=True)
    assert row["xrefs"] == ["HGNC:6342", "UniProtKB:P10721"]
    histone = pl.DataFrame({"id": ["NCBIGene:8359"], "kind": ["Target"], "name": ["H4C1"]})
    graph = small().with_frames(nodes=complete_nodes(histone), edges=small().edges.clear())
    # Histone H4 is the protein of fourteen genes.
    assert with_gene_names(graph).nodes["xrefs"].to_list() == [["HGNC:4781"]]


def test_a_symbol_alone_gives_names_and_no_identifiers() -> None:
    nodes = pl.DataFrame(
        {
            "id": ["own:1", "UniProtKB:P05532"],  # the latter the mouse's
            "kind": ["Target", "Target"],
            "name": ["KIT", "KIT"],
        }
    )
    graph = small().with_frames(nodes=complete_nodes(nodes), edges=small().edges.clear())
    named = with_gene_names(graph).nodes
    assert named["xrefs"].to_list() == [[], []]
    assert "CD117" in named["synonyms"][0]
    assert named["synonyms"][1].is_empty()


def test_a_gene_of_another_species_gets_none() -> None:
    mouse = small().nodes.filter(id="NCBIGene:5742").with_columns(id=pl.lit("NCBIGene:19224"))
    nodes = pl.concat([small().nodes.filter(pl.col("kind") != "Target"), mouse])
    assert with_gene_names(small().with_frames(nodes=nodes)).nodes.equals(nodes)


def test_it_merges_by_entrez_and_symbol(shipped: KnowledgeGraph) -> None:
    both = merge(small(), shipped)
    assert both.resolve("KIT") == "HGNC:6342"
    assert both.find("NCBIGene:3815")["id"].to_list() == ["HGNC:6342"]
    assert "HGNC:6342" in both.edges.filter(relation="TARGETS")["object"].to_list()
