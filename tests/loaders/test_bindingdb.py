"""BindingDB's table in the form of its downloads, and tables of pairs made of it.

The columns are those of BindingDB_All_202501_tsv.zip
(https://www.bindingdb.org/rwd/bind/chemsearch/marvin/Download.jsp).
"""

from __future__ import annotations

import json
import lzma
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load

from .published import write_hetionet
from .sample import Sample

DATA = Path(os.environ.get("MEDKG_DATA", Path(__file__).parents[3] / "shared" / "data"))
AFFINITY = DATA / "molecules" / "affinity"

COLUMNS = [
    "BindingDB Reactant_set_id",
    "Ligand SMILES",
    "Ligand InChI",
    "Ligand InChI Key",
    "BindingDB MonomerID",
    "BindingDB Ligand Name",
    "Target Name",
    "Target Source Organism According to Curator or DataSource",
    "Ki (nM)",
    "IC50 (nM)",
    "Kd (nM)",
    "EC50 (nM)",
    "kon (M-1-s-1)",
    "koff (s-1)",
    "pH",
    "Temp (C)",
    "Curation/DataSource",
    "Article DOI",
    "BindingDB Entry DOI",
    "PMID",
    "PubChem AID",
    "Patent Number",
    "Authors",
    "Institution",
    "Link to Ligand in BindingDB",
    "Link to Target in BindingDB",
    "Link to Ligand-Target Pair in BindingDB",
    "Ligand HET ID in PDB",
    "PDB ID(s) for Ligand-Target Complex",
    "PubChem CID",
    "PubChem SID",
    "ChEBI ID of Ligand",
    "ChEMBL ID of Ligand",
    "DrugBank ID of Ligand",
    "IUPHAR_GRAC ID of Ligand",
    "KEGG ID of Ligand",
    "ZINC ID of Ligand",
    "Number of Protein Chains in Target (>1 implies a multichain complex)",
]
OF_CHAIN = [
    "BindingDB Target Chain Sequence",
    "PDB ID(s) of Target Chain",
    "UniProt (SwissProt) Recommended Name of Target Chain",
    "UniProt (SwissProt) Entry Name of Target Chain",
    "UniProt (SwissProt) Primary ID of Target Chain",
    "UniProt (SwissProt) Secondary ID(s) of Target Chain",
    "UniProt (SwissProt) Alternative ID(s) of Target Chain",
    "UniProt (TrEMBL) Submitted Name of Target Chain",
    "UniProt (TrEMBL) Entry Name of Target Chain",
    "UniProt (TrEMBL) Primary ID of Target Chain",
    "UniProt (TrEMBL) Secondary ID(s) of Target Chain",
    "UniProt (TrEMBL) Alternative ID(s) of Target Chain",
]
NUMBERED = [*COLUMNS, *(f"{name} {chain}" for chain in (1, 2) for name in OF_CHAIN)]
SHORT = {
    "smiles": "Ligand SMILES",
    "monomer": "BindingDB MonomerID",
    "name": "BindingDB Ligand Name",
    "target": "Target Name",
    "organism": COLUMNS[7],
    "ki": "Ki (nM)",
    "ic50": "IC50 (nM)",
    "kd": "Kd (nM)",
    "ec50": "EC50 (nM)",
    "doi": "Article DOI",
    "pmid": "PMID",
    "pubchem": "PubChem CID",
    "chembl": "ChEMBL ID of Ligand",
    "drugbank": "DrugBank ID of Ligand",
    "chains": COLUMNS[-1],
    "swissprot": f"{OF_CHAIN[4]} 1",
    "trembl": f"{OF_CHAIN[9]} 1",
}
ABL1, EGFR = "HGNC:76", "HGNC:3236"


def measured(**cells: str) -> dict[str, str]:
    """A row; the numbers are made up."""
    row = {
        "monomer": "13530",
        "smiles": "CCO",
        "name": "imatinib::STI-571",
        "target": "Tyrosine-protein kinase ABL1",
        "organism": "Homo sapiens",
        "chains": "1",
        "swissprot": "P00519",
        **cells,
    }
    return {SHORT[name]: cell for name, cell in row.items()}


def write(
    folder: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = NUMBERED
) -> Path:
    """A table; like BindingDB's, its rows end before the columns of chains that they lack."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(name, "") for name in columns[:-12]) for row in rows]
    text = "".join(f"{line}\n" for line in lines)
    (folder / "BindingDB_All.tsv").write_text(text, encoding="utf-8")
    return folder


ROWS = [
    measured(kd="1.5", pmid="123", drugbank="DB00619", pubchem="5291", chembl="CHEMBL941"),
    measured(ki=">10000", target="Tyrosine-protein kinase ABL1 [T315I]", doi="10.1/x"),
    measured(ic50=" 20000 ", target="EGFR", swissprot="P00533"),
    measured(ic50="5000", monomer="7", name=""),
]
BAD = [
    measured(kd="1", swissprot="P00520", organism="Mus musculus", monomer="9"),
    measured(kd="x", monomer="9"),
]
SAMPLES = {
    "bindingdb": Sample(
        lambda folder: write(folder, ROWS), lambda folder: write(folder, [*ROWS, *BAD])
    )
}


def statements(graph: KnowledgeGraph) -> set[tuple[str, str, str, str]]:
    rows = graph.evidence.select("subject", "object", "polarity", "certainty").iter_rows()
    return {(drug.removeprefix("BINDINGDB:"), *rest) for drug, *rest in rows}


def set_aside(path: Path, proteins: str = "") -> list[tuple[int | None, str]]:
    quarantine = Quarantine()
    load("bindingdb", path, quarantine=quarantine, proteins=proteins)
    return [(row.line, row.reason) for row in quarantine.rows]


def test_binding_is_asserted_and_none_denied(tmp_path: Path) -> None:
    graph = load("bindingdb", write(tmp_path / "in", ROWS), release="2025m1")
    assert statements(graph) == {
        ("BDBM13530", ABL1, "asserted", "certain"),
        ("BDBM13530", ABL1, "negated", "possible"),
        ("BDBM13530", EGFR, "negated", "certain"),
        ("BDBM7", ABL1, "asserted", "hypothetical"),
    }
    assert graph.edges.select("subject", "object", "probability").rows() == [
        ("BINDINGDB:BDBM13530", ABL1, 0.9)
    ]
    mutant = graph.evidence.filter(object=ABL1, polarity="negated").row(0, named=True)
    assert json.loads(mutant["qualifiers"]) == {
        "protein": "Tyrosine-protein kinase ABL1 [T315I]",
        "variant": "T315I",
        "ki_nm": 10_000.0,
        "relation": ">",
    }
    assert (mutant["references"], mutant["probability"]) == (["DOI:10.1/x"], 0.5)
    wild = graph.evidence.filter(object=ABL1, certainty="certain").row(0, named=True)
    assert json.loads(wild["qualifiers"])["kd_nm"] == 1.5
    assert (wild["references"], wild["release"]) == (["PMID:123"], "2025m1")


@pytest.mark.parametrize(
    ("value", "polarity", "certainty"),
    [
        ("1000", "asserted", "certain"),
        ("<0.5", "asserted", "certain"),
        ("1.2e-3", "asserted", "certain"),
        ("1000.1", "asserted", "hypothetical"),
        (">500", "asserted", "hypothetical"),  # how much more, nobody knows
        ("<20000", "asserted", "hypothetical"),
        ("10000", "negated", "certain"),
        (">=30000", "negated", "certain"),
    ],
)
def test_values(tmp_path: Path, value: str, polarity: str, certainty: str) -> None:
    graph = load("bindingdb", write(tmp_path / "in", [measured(ki=value)]))
    assert statements(graph) == {("BDBM13530", ABL1, polarity, certainty)}


def test_where_measurements_disagree_the_wild_type_binds(tmp_path: Path) -> None:
    rows = [
        measured(ki="10000", kd="3"),
        measured(ic50="10", target="EGFR [L858R]", swissprot="P00533"),
        measured(ic50="20000", target="EGFR", swissprot="P00533"),
    ]
    assert statements(load("bindingdb", write(tmp_path / "in", rows))) == {
        ("BDBM13530", ABL1, "asserted", "certain"),
        ("BDBM13530", ABL1, "negated", "possible"),
        ("BDBM13530", EGFR, "asserted", "possible"),
        ("BDBM13530", EGFR, "negated", "certain"),
    }


def test_what_is_set_aside_and_why(tmp_path: Path) -> None:
    rows = [
        measured(kd="1"),
        measured(kd="1", monomer=""),
        measured(kd="1", smiles=""),
        measured(kd="1", chains="2"),
        measured(kd="1", swissprot="", trembl=""),
        measured(kd="1", swissprot="P00520", organism="Mus musculus"),
        measured(ec50="1"),
        measured(kd="2", ki="0"),
    ]
    path = write(tmp_path / "in", rows)
    with (path / "BindingDB_All.tsv").open("a", encoding="utf-8") as file:
        file.write("1\tCCO\n\n")
    assert set_aside(path) == [
        (3, "compound without identifier"),
        (4, "compound without structure"),
        (5, "complex of several proteins"),
        (6, "protein without accession"),
        (7, "protein of another organism"),
        (8, "no Ki, Kd or IC50"),
        (9, "no affinity"),
        (10, "wrong number of columns"),
    ]
    graph = load("bindingdb", path, quarantine=Quarantine())
    assert graph.evidence.height == 2  # the Kd beside a Ki of 0 counts


def test_proteins_that_hgnc_lacks_and_trembl_s(tmp_path: Path) -> None:
    rows = [
        measured(kd="1", swissprot="P24723"),
        measured(kd="1", swissprot="", trembl="Q9UHD2"),
        measured(kd="1", organism="", swissprot="P00533"),
    ]
    graph = load("bindingdb", write(tmp_path / "in", rows))
    assert set(graph.edges["object"]) == {"UniProtKB:P24723", "HGNC:11584", EGFR}


def test_drugs_join_other_sources(tmp_path: Path) -> None:
    graph = load("bindingdb", write(tmp_path / "in", ROWS))
    drug = graph.nodes.filter(id="BINDINGDB:BDBM13530").row(0, named=True)
    assert drug["name"] == "imatinib"
    assert drug["xrefs"] == [
        "CHEMBL.COMPOUND:CHEMBL941",
        "PUBCHEM.COMPOUND:5291",
        "drugbank:DB00619",
    ]
    assert json.loads(drug["properties"])["smiles"] == "CCO"
    path = write_hetionet(tmp_path / "hetionet", "Compound::DB00619\tCbG\tGene::25")
    both = merge(load("hetionet", path), graph)
    assert both.edges.filter(object=ABL1).select("subject", "sources").rows() == [
        ("drugbank:DB00619", ["bindingdb", "hetionet"])
    ]


def test_columns_of_chains_without_numbers_and_packed(tmp_path: Path) -> None:
    graph = load("bindingdb", write(tmp_path / "new", ROWS))
    rows = [{name.removesuffix(" 1"): cell for name, cell in row.items()} for row in ROWS]
    path = write(tmp_path / "old", rows, [*COLUMNS, *OF_CHAIN, *OF_CHAIN])
    assert load("bindingdb", path).checksum() == graph.checksum()
    packed = tmp_path / "packed" / "BindingDB_All_202501_tsv.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path / "BindingDB_All.tsv", "BindingDB_All.tsv")
    for given in (packed, packed.parent):
        assert load("bindingdb", given).checksum() == graph.checksum()


def test_what_is_no_table_of_bindingdb(tmp_path: Path) -> None:
    (tmp_path / "BindingDB.tsv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"BindingDB\.tsv: is no table of BindingDB: it lacks"):
        load("bindingdb", tmp_path)
    with pytest.raises(MissingError, match="--path"):
        load("bindingdb")


# Pairs


def write_pairs(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.csv").write_text(text, encoding="utf-8")
    return folder


FASTA = ">sp|P00519|ABL1_HUMAN Kinase OS=Homo sapiens GN=ABL1\nMLE\nICL\n>P00533\nMRPS\n"
PAIRS = "SMILES,Protein,Y\nCCO,MLEICL,1\nCCO,MRPS,0\nCCN,MRPS,1.0\n"


def test_pairs_by_the_sequences_of_a_file(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "in", PAIRS)
    fasta = tmp_path / "proteins.fasta"
    fasta.write_text(FASTA, encoding="utf-8")
    graph = load("bindingdb", path, proteins=str(fasta))
    smiles = dict(graph.nodes.filter(kind="Drug").select("id", "properties").iter_rows())
    of_pairs = {
        (json.loads(smiles[row["subject"]])["smiles"], row["object"], row["polarity"])
        for row in graph.evidence.iter_rows(named=True)
    }
    assert of_pairs == {
        ("CCO", ABL1, "asserted"),
        ("CCO", EGFR, "negated"),
        ("CCN", EGFR, "asserted"),
    }
    sequences = tmp_path / "proteins.json.xz"
    by_accession = {"P00519": "MLEICL", "P00533": "MRPS"}
    sequences.write_bytes(lzma.compress(json.dumps(by_accession).encode()))
    assert load("bindingdb", path, proteins=str(sequences)).checksum() == graph.checksum()
    moltrans = ",SMILES,Target Sequence,Label\n0,CCO,MLEICL,1\n1,CCO,MRPS,0\n2,CCN,MRPS,1\n"
    other = write_pairs(tmp_path / "moltrans", moltrans)
    assert load("bindingdb", other, proteins=str(fasta)).checksum() == graph.checksum()


def test_bad_pairs_and_proteins(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "in", f"{PAIRS}CCO,MKV,1\n,MRPS,1\nCCO,MRPS,yes\nCCO\n")
    fasta = tmp_path / "proteins.fasta"
    fasta.write_text(f"{FASTA}>nobody\nMKV\n", encoding="utf-8")
    assert sorted(set_aside(path, proteins=str(fasta)), key=str) == sorted(
        [
            (None, "no accession of UniProt"),
            (5, "sequence of no known protein"),
            (6, "compound without structure"),
            (7, "neither 1 nor 0"),
            (8, "wrong number of columns"),
        ],
        key=str,
    )
    with pytest.raises(MissingError, match=r"pairs\.csv names proteins by their sequences"):
        load("bindingdb", path)
    with pytest.raises(MissingError, match=r"nothing\.fasta: there is no such file"):
        load("bindingdb", path, proteins=str(tmp_path / "nothing.fasta"))
    fasta.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"holds no sequence under an accession"):
        load("bindingdb", path, proteins=str(fasta))


@pytest.mark.skipif(not AFFINITY.is_dir(), reason="needs the real data (MEDKG_DATA)")
def test_real_pairs() -> None:
    """Counted apart from the loader: 887 of 4,920 pairs have a sequence of KIBA, 437 of these 1."""
    quarantine = Quarantine()
    proteins = str(AFFINITY / "kiba" / "proteins.txt.xz")
    graph = load("bindingdb", AFFINITY / "bindingdb", quarantine=quarantine, proteins=proteins)
    assert quarantine.counts() == {"sequence of no known protein": 4_920 - 887}
    assert dict(graph.evidence["polarity"].value_counts().iter_rows()) == {
        "asserted": 437,
        "negated": 450,
    }
    assert (
        graph.nodes.filter(kind="Target").filter(~pl.col("id").str.starts_with("HGNC:")).height <= 1
    )
