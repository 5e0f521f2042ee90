"""Davis and KIBA in the form of DeepDTA (https://github.com/hkmztrk/DeepDTA/tree/master/data)."""

from __future__ import annotations

import json
import lzma
import os
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
Matrix = Mapping[str, Sequence[str]]  # the cells of each compound

# The numbers are made up; 5291 is imatinib, whose structure and name Hetionet has.
ASSAYS = ["ABL1", "ABL1p", "ABL1(T315I)p", "EGFR", "EGFR(L858R)", "CDK4-cyclinD1", "p38-alpha"]
DAVIS: Matrix = {
    "5291": ["1.5", "20", "10000", "10000", "10000", "5000", "1000"],
    "77": ["10000", "10000", "2", "10000", "10000", "999.5", "nan"],
}
ACCESSIONS = ["P00519", "P24723", "O00141"]
KIBA: Matrix = {
    "CHEMBL113": ["12.1", "12.099", "11.1"],
    "CHEMBL2": ["11.1001", "nan", "15"],
}


def write(folder: Path, proteins: Sequence[str], matrix: Matrix) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    smiles = dict.fromkeys(matrix, "CCO")
    (folder / "ligands_can.txt").write_text(json.dumps(smiles), encoding="utf-8")
    sequences = dict.fromkeys(proteins, "MKV")
    (folder / "proteins.txt").write_text(json.dumps(sequences), encoding="utf-8")
    lines = ["\t".join(cells) + "\n" for cells in matrix.values()]
    (folder / "affinity.tsv").write_text("".join(lines), encoding="utf-8")
    return folder


def write_bad(folder: Path, proteins: Sequence[str], matrix: Matrix, protein: str) -> Path:
    """The same with a protein that is no gene, and a compound that has no identifier."""
    wider = {ligand: [*cells, "5"] for ligand, cells in matrix.items()}
    return write(folder, [*proteins, protein], {**wider, "no-id": ["1"] * (len(proteins) + 1)})


SAMPLES = {
    "davis": Sample(
        lambda folder: write(folder, ASSAYS, DAVIS),
        lambda folder: write_bad(folder, ASSAYS, DAVIS, "PFPK5(Pfalciparum)"),
    ),
    "kiba": Sample(
        lambda folder: write(folder, ACCESSIONS, KIBA),
        lambda folder: write_bad(folder, ACCESSIONS, KIBA, "ABL1"),
    ),
}
DRUG, OTHER = "PUBCHEM.COMPOUND:5291", "PUBCHEM.COMPOUND:77"
GENES = {"ABL1": "HGNC:76", "EGFR": "HGNC:3236", "CDK4": "HGNC:1773", "MAPK14": "HGNC:6876"}


@pytest.fixture
def davis(tmp_path: Path) -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load("davis", write(tmp_path / "davis", ASSAYS, DAVIS), quarantine=quarantine)
    assert quarantine.rows == []
    return graph


def statements(graph: KnowledgeGraph, drug: str) -> dict[str, tuple[str, str, str]]:
    """Target, polarity and certainty of the evidence about a drug, by the assay's name."""
    evidence = graph.evidence.filter(subject=drug).with_columns(
        protein=pl.col("qualifiers").str.json_path_match("$.protein")
    )
    rows = evidence.select("protein", "object", "polarity", "certainty").rows()
    return {protein: (target, polarity, certainty) for protein, target, polarity, certainty in rows}


def test_binding_is_asserted_and_none_denied(davis: KnowledgeGraph) -> None:
    abl1, egfr = GENES["ABL1"], GENES["EGFR"]
    assert statements(davis, DRUG) == {
        "ABL1": (abl1, "asserted", "certain"),
        "ABL1p": (abl1, "asserted", "certain"),
        "ABL1(T315I)p": (abl1, "negated", "possible"),
        "EGFR": (egfr, "negated", "certain"),
        "EGFR(L858R)": (egfr, "negated", "certain"),
        "CDK4-cyclinD1": (GENES["CDK4"], "asserted", "hypothetical"),
        "p38-alpha": (GENES["MAPK14"], "asserted", "certain"),
    }
    edges = davis.edges.filter(subject=DRUG).select("object", "probability").rows()
    assert set(edges) == {(abl1, 0.95), (GENES["MAPK14"], 0.95)}


def test_what_only_a_mutant_binds_is_possible(davis: KnowledgeGraph) -> None:
    abl1 = GENES["ABL1"]
    about = statements(davis, OTHER)
    assert about["ABL1"] == about["ABL1p"] == (abl1, "negated", "certain")
    assert about["ABL1(T315I)p"] == (abl1, "asserted", "possible")
    edges = dict(davis.edges.filter(subject=OTHER).select("object", "probability").iter_rows())
    assert edges == {abl1: 0.5, GENES["CDK4"]: 0.95}
    row = davis.evidence.filter(subject=OTHER, object=abl1, polarity="asserted").row(0, named=True)
    assert json.loads(row["qualifiers"]) == {
        "protein": "ABL1(T315I)p",
        "variant": "T315I",
        "state": "phosphorylated",
        "kd_nm": 2.0,
    }
    assert row["references"] == ["DOI:10.1038/nbt.1990"]
    assert row["level"] == "observed"


def test_a_mutant_s_none_is_only_possible_where_another_mutant_binds(tmp_path: Path) -> None:
    assays = ["KIT", "KIT(D816V)", "KIT(V559D)"]
    path = write(tmp_path / "in", assays, {"1": ["5000", "10000", "1"]})
    certainties = {
        k: v[2] for k, v in statements(load("davis", path), "PUBCHEM.COMPOUND:1").items()
    }
    assert certainties == {"KIT": "hypothetical", "KIT(D816V)": "possible", "KIT(V559D)": "certain"}


@pytest.mark.parametrize(
    ("name", "symbol", "form"),
    [
        ("AAK1", "AAK1", {}),
        ("ABL1-nonphosphorylated", "ABL1", {"state": "nonphosphorylated"}),
        ("ABL1(E255K)-phosphorylated", "ABL1", {"variant": "E255K", "state": "phosphorylated"}),
        ("FLT3(ITD)", "FLT3", {"variant": "ITD"}),
        ("KIT(V559D-T670I)", "KIT", {"variant": "V559D-T670I"}),
        ("JAK1(JH2domain-pseudokinase)", "JAK1", {"domain": "JH2domain-pseudokinase"}),
        ("RSK1(KinDom.1-N-terminal)", "RPS6KA1", {"domain": "KinDom.1-N-terminal"}),
        ("GCN2(KinDom2S808G)", "EIF2AK4", {"domain": "KinDom2", "variant": "S808G"}),
        ("CDK4-cyclinD3", "CDK4", {"partner": "cyclinD3"}),
        ("AMPK-alpha1", "PRKAA1", {}),
        ("MST1", "STK4", {}),  # the symbol MST1 is a growth factor's
        ("OSR1", "OXSR1", {}),  # the symbol OSR1 is a transcription factor's
        ("MINK", "MINK1", {}),  # an alias of a potassium channel's
    ],
)
def test_names_of_assays(tmp_path: Path, name: str, symbol: str, form: dict[str, str]) -> None:
    graph = load("davis", write(tmp_path / "in", [name], {"1": ["10000"]}))
    assert graph.nodes.filter(kind="Target")["name"].to_list() == [symbol]
    assert json.loads(graph.evidence["qualifiers"][0]) == {
        "protein": name,
        "kd_nm": 10_000.0,
        **form,
    }


def test_scores_of_kiba(tmp_path: Path) -> None:
    graph = load("kiba", write(tmp_path / "in", ACCESSIONS, KIBA))
    first, other = "CHEMBL.COMPOUND:CHEMBL113", "CHEMBL.COMPOUND:CHEMBL2"
    assert statements(graph, first) == {
        "P00519": (GENES["ABL1"], "asserted", "certain"),
        "P24723": ("UniProtKB:P24723", "asserted", "hypothetical"),
        "O00141": ("HGNC:10810", "negated", "certain"),
    }
    assert statements(graph, other)["P00519"][2] == "hypothetical"
    assert set(graph.edges.select("subject", "object").iter_rows()) == {
        (first, GENES["ABL1"]),
        (other, "HGNC:10810"),
    }
    assert graph.nodes.filter(id="UniProtKB:P24723")["name"].to_list() == ["P24723"]


def test_drugs_and_genes_join_other_sources(davis: KnowledgeGraph, tmp_path: Path) -> None:
    row = davis.nodes.filter(id=DRUG).row(0, named=True)
    assert (row["name"], row["xrefs"]) == ("Imatinib", ["drugbank:DB00619"])
    assert json.loads(row["properties"]) == {"smiles": "CCO"}
    target = davis.nodes.filter(id=GENES["ABL1"]).row(0, named=True)
    assert target["xrefs"] == ["NCBIGene:25", "UniProtKB:P00519"]
    path = write_hetionet(tmp_path / "hetionet", "Compound::DB00619\tCbG\tGene::25")
    both = merge(load("hetionet", path), davis)
    edge = both.edges.filter(subject=both.resolve("imatinib"), object=GENES["ABL1"])
    assert edge.select("subject", "sources").rows() == [("drugbank:DB00619", ["davis", "hetionet"])]


def test_bad_cells_rows_and_compounds(tmp_path: Path) -> None:
    matrix: Matrix = {"1": ["5", "x"], "2": ["-3", "inf"], "3": ["10000"], "4": ["10000", ""]}
    path = write(tmp_path / "in", ["ABL1", "EGFR"], matrix)
    ligands = dict.fromkeys(matrix, "C") | {"4": ""}
    (path / "ligands_can.txt").write_text(json.dumps(ligands), encoding="utf-8")
    quarantine = Quarantine()
    graph = load("davis", path, quarantine=quarantine)
    assert graph.evidence["subject"].sort().to_list() == [
        "PUBCHEM.COMPOUND:1",
        "PUBCHEM.COMPOUND:4",
    ]
    assert [(Path(row.path).name, row.line, row.reason, row.row) for row in quarantine.rows] == [
        ("ligands_can.txt", None, "compound without structure", "4"),
        ("affinity.tsv", 1, "no affinity", "PUBCHEM.COMPOUND:1 EGFR x"),
        ("affinity.tsv", 2, "no affinity", "PUBCHEM.COMPOUND:2 ABL1 -3"),
        ("affinity.tsv", 2, "no affinity", "PUBCHEM.COMPOUND:2 EGFR inf"),
        ("affinity.tsv", 3, "wrong number of columns", ""),
    ]


def test_what_is_no_human_gene_is_set_aside(tmp_path: Path) -> None:
    names = ["ABL1", "PKNB(Mtuberculosis)", "NOGENE7", "(", "EGFR(T790M"]
    quarantine = Quarantine()
    path = write(tmp_path / "in", names, {"1": ["10000"] * len(names)})
    graph = load("davis", path, quarantine=quarantine)
    assert graph.evidence.height == 1
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("kinase of another organism", "PKNB(Mtuberculosis)"),
        ("no human gene of this name", "NOGENE7"),
        ("no name of a kinase", "("),
        ("no name of a kinase", "EGFR(T790M"),
    ]


def test_files_that_don_t_belong_together(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ["ABL1"], {"1": ["10000"], "2": ["10000"]})
    matrix = path / "affinity.tsv"
    for text in ("10000\n", "10000\n" * 3, "1\t2\n1\t2\n"):
        matrix.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"affinity\.tsv: has .* copy all three files"):
            load("davis", path, quarantine=Quarantine())
    matrix.write_text("5.0\n7.4\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"affinity\.tsv: holds nothing that doesn't bind: .*pKd"):
        load("davis", path)
    (path / "proteins.txt").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"proteins\.txt: is no JSON object"):
        load("davis", path)
    (path / "proteins.txt").unlink()
    with pytest.raises(MissingError, match=r"has no proteins\.txt; give the folder"):
        load("davis", path)


def test_compressed_files_give_the_same(davis: KnowledgeGraph, tmp_path: Path) -> None:
    path = write(tmp_path / "packed", ASSAYS, DAVIS)
    for file in list(path.iterdir()):
        (path / f"{file.name}.xz").write_bytes(lzma.compress(file.read_bytes()))
        file.unlink()
    assert load("davis", path).checksum() == davis.checksum()


@pytest.mark.skipif(not AFFINITY.is_dir(), reason="needs the real data (MEDKG_DATA)")
class TestRealData:
    """What the published files hold; values were counted in the matrices apart from the loader."""

    def test_davis(self) -> None:
        quarantine = Quarantine()
        graph = load("davis", AFFINITY / "davis", quarantine=quarantine)
        # Of 442 assays three are of microbes' kinases.
        assert quarantine.counts() == {"kinase of another organism": 3}
        assert graph.evidence.height == 68 * 439
        assert dict(graph.nodes["kind"].value_counts().iter_rows()) == {"Drug": 68, "Target": 376}
        imatinib = statements(graph, graph.resolve("imatinib"))
        assert imatinib["ABL1"] == (GENES["ABL1"], "asserted", "certain")
        assert imatinib["ABL1(T315I)"] == (GENES["ABL1"], "negated", "possible")
        assert imatinib["EGFR"] == (GENES["EGFR"], "negated", "certain")
        gefitinib = statements(graph, graph.resolve("gefitinib"))
        assert gefitinib["EGFR(L858R)"] == (GENES["EGFR"], "asserted", "certain")

    def test_kiba(self) -> None:
        quarantine = Quarantine()
        graph = load("kiba", AFFINITY / "kiba", quarantine=quarantine)
        assert quarantine.counts() == {}
        assert graph.evidence.height == 118_254
        assert graph.edges.height == 24_838  # cells of at least 12.1
        assert graph.evidence.filter(polarity="negated").height == 20_360  # of at most 11.1
        targets = graph.nodes.filter(kind="Target")["id"]
        assert targets.len() == 229
        assert [id_ for id_ in targets if not id_.startswith("HGNC:")] == ["UniProtKB:P24723"]
