"""The sources that come with a mapping, on small files in their published form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.loaders.table import dry_run

from .sample import Sample


def file_of(
    name: str, *lines: str, bad: str = "", end: str = "\n"
) -> tuple[Callable[[Path], Path], Callable[[Path], Path]]:
    """What writes a folder with that file, and the same with a bad line more."""

    def writer(*more: str) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            text = end.join([*lines, *more, ""]).encode()
            data = gzip.compress(text, mtime=0) if name.endswith(".gz") else text
            (folder / name).write_bytes(data)
            return folder

        return write

    return writer(), writer(bad)


# Columns of interactions.tsv: https://dgidb.org/downloads (release 5)
DGIDB = file_of(
    "interactions.tsv",
    "gene_claim_name\tgene_concept_id\tgene_name\tinteraction_source_db_name"
    "\tinteraction_source_db_version\tinteraction_type\tinteraction_score\tdrug_claim_name"
    "\tdrug_concept_id\tdrug_name\tapproved\timmunotherapy\tanti_neoplastic",
    "PTGS1\thgnc:9604\tPTGS1\tTTD\t2020.06.01\tinhibitor\t0.5\tD1\trxcui:1191\tASPIRIN"
    "\tTRUE\tFALSE\tFALSE",
    "PTGS1\thgnc:9604\tPTGS1\tPharmGKB\t18-Aug-23\tNULL\t12.75\tD1\trxcui:1191\tASPIRIN"
    "\tTRUE\tFALSE\tFALSE",
    "X\tNULL\tNULL\tTTD\t2020.06.01\tinhibitor\t0.5\tD1\trxcui:1191\tASPIRIN\tTRUE\tFALSE\tFALSE",
    "PTGS1\thgnc:9604\tPTGS1\tChEMBL\t34\tblocker\t1\tD2\tchembl:CHEMBL25\tOTHEROL"
    "\tFALSE\tFALSE\tFALSE",
    bad="Y\thgnc:none\tY\tTTD\t1\tNULL\t0.5\tD1\trxcui:1191\tASPIRIN\tTRUE\tFALSE\tFALSE",
)

# Columns of drug.target.interaction.tsv: https://drugcentral.org/download, documented in
# https://drugcentral.org/ActiveDownload; every field is quoted.
_DRUGCENTRAL = [
    "DRUG_NAME",
    "STRUCT_ID",
    "TARGET_NAME",
    "TARGET_CLASS",
    "ACCESSION",
    "GENE",
    "SWISSPROT",
    "ACT_VALUE",
    "ACT_UNIT",
    "ACT_TYPE",
    "ACT_COMMENT",
    "ACT_SOURCE",
    "RELATION",
    "MOA",
    "MOA_SOURCE",
    "ACT_SOURCE_URL",
    "MOA_SOURCE_URL",
    "ACTION_TYPE",
    "TDL",
    "ORGANISM",
]


def drugcentral(**fields: str) -> str:
    row = {
        "DRUG_NAME": "examplin",
        "STRUCT_ID": "4",
        "TARGET_NAME": 'Channel "alpha"',
        "ACCESSION": "P35499",
        "GENE": "SCN4A",
        "ORGANISM": "Homo sapiens",
        **fields,
    }
    quoted = (row.get(name, "").replace('"', '""') for name in _DRUGCENTRAL)
    return "\t".join(f'"{text}"' for text in quoted)


DRUGCENTRAL = file_of(
    "drug.target.interaction.tsv.gz",
    "\t".join(f'"{name}"' for name in _DRUGCENTRAL),
    drugcentral(MOA="1", MOA_SOURCE="CHEMBL", ACTION_TYPE="BLOCKER", TDL="Tclin"),
    drugcentral(ACT_VALUE="7.4", ACT_TYPE="Ki", RELATION="="),
    drugcentral(ACCESSION="Q12809|P51787", GENE="KCNH2|KCNQ1", TARGET_NAME="Complex"),
    drugcentral(ORGANISM="Rattus norvegicus"),
    bad=drugcentral(ACCESSION="Q12809|P51787", GENE="KCNH2"),
)

# https://string-db.org/help/api and the head of the downloads: links are separated by spaces,
# each pair in both directions; info and aliases are tab-separated, their header begins with #.
LINKS = "protein1 protein2 combined_score"


def write_string(folder: Path, *more: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "9606.protein.links.v12.0.txt.gz": [
            LINKS,
            "9606.ENSP00000000001 9606.ENSP00000000002 900",
            "9606.ENSP00000000002 9606.ENSP00000000001 900",
            "9606.ENSP00000000001 9606.ENSP00000000003 399",
            "9606.ENSP00000000001 9606.ENSP00000000004 400",
            *more,
        ],
        "9606.protein.info.v12.0.txt.gz": [
            "#string_protein_id\tpreferred_name\tprotein_size\tannotation",
            '9606.ENSP00000000001\tARF5\t180\tBinds GTP; "with" quotes.',
            "9606.ENSP00000000002\tM6PR\t277\tTransports.",
        ],
        "9606.protein.aliases.v12.0.txt.gz": [
            "#string_protein_id\talias\tsource",
            "9606.ENSP00000000001\tHGNC:658\tEnsembl_HGNC_hgnc_id",
            "9606.ENSP00000000001\t381\tEnsembl_HGNC_entrez_id",
            "9606.ENSP00000000001\tP84085\tUniProt_AC",
            "9606.ENSP00000000001\tENSG00000004059\tEnsembl_gene",
            "9606.ENSP00000000001\tARF5\tEnsembl_HGNC_symbol",
        ],
    }
    for name, lines in files.items():
        (folder / name).write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    return folder


# Columns of version 7's curated_gene_disease_associations.tsv: https://www.disgenet.org/dbinfo
DISGENET = file_of(
    "curated_gene_disease_associations.tsv.gz",
    "geneId\tgeneSymbol\tDSI\tDPI\tdiseaseId\tdiseaseName\tdiseaseType\tdiseaseClass"
    "\tdiseaseSemanticType\tscore\tEI\tYearInitial\tYearFinal\tNofPmids\tNofSnps\tsource",
    "1\tA1BG\t0.7\t0.538\tC0019209\tHepatomegaly\tphenotype\tC23;C06\tFinding\t0.3\t1.0\t2017"
    "\t2017\t1\t0\tCTD_human",
    "2\tA2M\t0.529\t0.769\tC0002395\tAlzheimer's Disease\tdisease\tC10\tDisease or Syndrome\t0.5"
    "\t0.769\t1998\t2018\t3\t0\tCTD_human;ORPHANET",
    "2\tA2M\t0.529\t0.769\tC0000001\tOther\tgroup\tC10\tDisease or Syndrome\t0.01\tNA\tNA\tNA\t0"
    "\t0\tBEFREE",
    bad="2\tA2M\t0.5\t0.8\tC0000001\tOther\tdisease\tC10\tFinding\tnone\tNA\tNA\tNA\t0\t0\tX",
)

# https://ctdbase.org/downloads/#cd: comments, with the fields among them, then rows of CSV.
CTD = file_of(
    "CTD_chemicals_diseases.csv.gz",
    "# CTD: Chemical-disease associations",
    "# Report created: Thu May 30 10:00:00 EDT 2030",
    "#",
    "# Fields:",
    "# ChemicalName,ChemicalID,CasRN,DiseaseName,DiseaseID,DirectEvidence,InferenceGeneSymbol,"
    "InferenceScore,OmimIDs,PubMedIDs",
    "#",
    '"2,4-example, (S)-",C112297,50-00-0,Hyperkinesis,MESH:D006948,marker/mechanism,,,,19098162',
    '"Aspirin",D001241,50-78-2,"Diabetes, type 2",MESH:D003924,therapeutic,,,125853|601283,1|2',
    "Aspirin,D001241,50-78-2,Neoplasms,MESH:D009369,,PTGS2,5.5,,12345",
    bad="Aspirin,unknown,,Neoplasms,MESH:D009369,therapeutic,,,,1",
    end="\r\n",
)


# https://platform-docs.opentargets.org/data-access/datasets: folders of parquet files.
def write_open_targets(folder: Path, *more: tuple[str, str, float]) -> Path:
    older = folder.name.endswith("older")
    names = (
        ("associationByOverallDirect", "diseases", "targets")
        if older
        else ("association_overall_direct", "disease", "target")
    )
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "_SUCCESS").touch()
    rows = [
        ("MONDO_0004975", "ENSG00000142192", 0.87),
        ("EFO_0000249", "ENSG00000142192", 0.25),
        ("HP_0001250", "ENSG00000142192", 0.5),
        ("OTAR_0000018", "ENSG00000142192", 0.125),
        *more,
    ]
    for number, part in enumerate((rows[:2], rows[2:])):
        score = "associationScore" if folder.name.endswith("26.03") else "score"
        frame = pl.DataFrame(part, schema=["diseaseId", "targetId", score], orient="row")
        frame = frame.with_columns(evidenceCount=pl.lit(7))
        frame.write_parquet(folder / names[0] / f"part-{number:05d}-x.snappy.parquet")
    pl.DataFrame(
        {"id": ["MONDO_0004975"], "name": ["Alzheimer disease"], "synonyms": [{"x": ["AD"]}]}
    ).write_parquet(folder / names[1] / "part-0.parquet")
    pl.DataFrame(
        {"id": ["ENSG00000142192"], "approvedSymbol": ["APP"], "approvedName": ["precursor"]}
    ).write_parquet(folder / names[2] / "part-0.parquet")
    return folder


SAMPLES = {
    "dgidb": Sample(*DGIDB),
    "drugcentral": Sample(*DRUGCENTRAL),
    "string": Sample(
        write_string,
        lambda folder: write_string(folder, "9606.ENSP00000000001 10090.ENSMUSP00000000004 999"),
    ),
    "disgenet": Sample(*DISGENET),
    "ctd": Sample(*CTD),
    "opentargets": Sample(
        write_open_targets,
        lambda folder: write_open_targets(folder, ("MONDO_0004975", "ENSG00000142192", 1.5)),
    ),
}


def loaded(name: str, folder: Path, **options: str) -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load(name, SAMPLES[name].write(folder), quarantine=quarantine, **options)
    assert quarantine.rows == []
    return graph


def triples(graph: KnowledgeGraph) -> dict[tuple[str, str, str], float]:
    return {
        (row["subject"], row["relation"], row["object"]): row["probability"]
        for row in graph.edges.iter_rows(named=True)
    }


def qualifiers(graph: KnowledgeGraph) -> list[dict[str, Any]]:
    return sorted(
        (json.loads(text) for text in graph.evidence["qualifiers"].drop_nulls()),
        key=lambda row: json.dumps(row, sort_keys=True),
    )


def test_dgidb(tmp_path: Path) -> None:
    graph = loaded("dgidb", tmp_path)
    assert triples(graph) == {
        ("RXCUI:1191", "TARGETS", "HGNC:9604"): 0.9,
        ("CHEMBL.COMPOUND:CHEMBL25", "TARGETS", "HGNC:9604"): 0.9,
    }
    assert graph.evidence.height == 3
    assert qualifiers(graph) == [
        {"action": "blocker", "claimed_by": "ChEMBL", "claimed_by_release": "34", "score": 1},
        {
            "action": "inhibitor",
            "claimed_by": "TTD",
            "claimed_by_release": "2020.06.01",
            "score": 0.5,
        },
        {"claimed_by": "PharmGKB", "claimed_by_release": "18-Aug-23", "score": 12.75},
    ]
    drug = graph.nodes.filter(id="RXCUI:1191").row(0, named=True)
    assert drug["name"] == "ASPIRIN"
    assert json.loads(drug["properties"])["approved"] == "TRUE"


def test_dgidb_of_its_own_exporter(tmp_path: Path) -> None:
    """Columns as in the exporter of https://github.com/dgidb/dgidb-v5."""
    (tmp_path / "interactions.tsv").write_text(
        "# Update date: 2030-Jan-01\n# DGIdb version: v5.0.9\n"
        "gene_claim_name\tgene_concept_id\tgene_name\tdrug_claim_name\tdrug_concept_id\tdrug_name"
        "\tdrug_is_approved\tdrug_is_immunotherapy\tdrug_is_antineoplastic"
        "\tinteraction_source_db_name\tinteraction_source_db_version\tinteraction_types"
        "\tinteraction_score\tdrug_specificity_score\tgene_specificity_score\tevidence_score\n"
        "PTGS1\thgnc:9604\tPTGS1\tD1\trxcui:1191\tASPIRIN\ttrue\tfalse\tfalse\tTTD\t2020.06.01"
        "\tblocker|inhibitor\t0.5\t1\t1\t3\n"
        "X\t\t\tD1\trxcui:1191\tASPIRIN\ttrue\tfalse\tfalse\tTTD\t2020.06.01\t\t\t1\t\t\n"
    )
    quarantine = Quarantine()
    graph = load("dgidb", tmp_path, quarantine=quarantine)
    assert not quarantine.rows
    assert set(triples(graph)) == {("RXCUI:1191", "TARGETS", "HGNC:9604")}
    assert [row["action"] for row in qualifiers(graph)] == ["blocker|inhibitor"]
    drug = graph.nodes.filter(kind="Drug").row(0, named=True)
    assert json.loads(drug["properties"])["approved"] == "true"


def test_drugcentral(tmp_path: Path) -> None:
    graph = loaded("drugcentral", tmp_path)
    drug = "DrugCentral:4"
    assert set(triples(graph)) == {
        (drug, "TARGETS", "UniProtKB:P35499"),
        (drug, "TARGETS", "UniProtKB:Q12809"),
        (drug, "TARGETS", "UniProtKB:P51787"),
    }
    names = dict(graph.nodes.select("id", "name").iter_rows())
    assert names == {
        drug: "examplin",
        "UniProtKB:P35499": "SCN4A",
        "UniProtKB:Q12809": "KCNH2",
        "UniProtKB:P51787": "KCNQ1",
    }
    levels = graph.evidence.filter(object="UniProtKB:P35499")["level"]
    assert sorted(levels) == ["curated", "observed"]
    assert {"activity": 7.4, "activity_type": "Ki", "activity_relation": "="} in qualifiers(graph)
    rats = load("drugcentral", tmp_path, organism="Rattus norvegicus")
    assert rats.edges.height == 1


def test_string(tmp_path: Path) -> None:
    graph = loaded("string", tmp_path)
    one, two, four = (f"ENSEMBL:ENSP0000000000{n}" for n in (1, 2, 4))
    assert triples(graph) == {
        (one, "INTERACTS_WITH", two): 0.9,
        (one, "INTERACTS_WITH", four): 0.4,
    }
    nodes = {row["id"]: row for row in graph.nodes.iter_rows(named=True)}
    assert nodes[one]["name"] == "ARF5"
    assert nodes[one]["xrefs"] == [
        "ENSEMBL:ENSG00000004059",
        "HGNC:658",
        "NCBIGene:381",
        "UniProtKB:P84085",
    ]
    assert json.loads(nodes[one]["properties"]) == {
        "annotation": 'Binds GTP; "with" quotes.',
        "size": 180,
    }
    assert nodes[four]["name"] == four
    assert len(triples(load("string", tmp_path, min_score="700"))) == 1


def test_string_of_another_species_and_without_names(tmp_path: Path) -> None:
    name = "10090.protein.links.v12.0.txt"
    line = "10090.ENSMUSP00000000001 10090.ENSMUSP00000000002 1000"
    (tmp_path / name).write_text(f"{LINKS}\n{line}\n", encoding="utf-8")
    for path in (tmp_path, tmp_path / name):
        graph = load("string", path, species="10090", release="12.0")
        assert list(triples(graph).values()) == [0.95]
    with pytest.raises(MissingError, match=r"holds no 9606\.protein\.links"):
        load("string", tmp_path)


def test_disgenet(tmp_path: Path) -> None:
    graph = loaded("disgenet", tmp_path)
    assert triples(graph) == {
        ("UMLS:C0019209", "ASSOCIATED_WITH", "NCBIGene:1"): 0.3,
        ("UMLS:C0002395", "ASSOCIATED_WITH", "NCBIGene:2"): 0.5,
        ("UMLS:C0000001", "ASSOCIATED_WITH", "NCBIGene:2"): 0.01,
    }
    kinds = dict(graph.nodes.select("name", "kind").iter_rows())
    assert kinds["Hepatomegaly"] == "Symptom"
    assert kinds["Alzheimer's Disease"] == "Disease"
    assert dict(graph.evidence.select("object", "level").unique().sort("level").iter_rows())
    assert sorted(graph.evidence["level"]) == ["curated", "curated", "text-mined"]
    assert {
        "evidence_index": 0.769,
        "first_year": 1998,
        "last_year": 2018,
        "papers": 3,
        "score": 0.5,
        "sources": "CTD_human|ORPHANET",
    } in qualifiers(graph)


def test_ctd(tmp_path: Path) -> None:
    graph = loaded("ctd", tmp_path)
    assert set(triples(graph)) == {
        ("MESH:C112297", "CAUSES", "MESH:D006948"),
        ("MESH:D001241", "TREATS", "MESH:D003924"),
    }
    treats = graph.evidence.filter(relation="TREATS").row(0, named=True)
    assert treats["references"] == ["PMID:1", "PMID:2"]
    assert json.loads(treats["qualifiers"])["omim"] == "OMIM:125853|OMIM:601283"
    assert treats["certainty"] == "certain"
    assert graph.evidence.filter(relation="CAUSES")["certainty"].to_list() == ["possible"]
    assert graph.resolve("2,4-example, (S)-") == "MESH:C112297"


@pytest.mark.parametrize("release", ["newer", "26.03", "older"])
def test_open_targets(tmp_path: Path, release: str) -> None:
    folder = tmp_path / release
    graph = loaded("opentargets", folder)
    app = "ENSEMBL:ENSG00000142192"
    assert triples(graph) == {
        ("MONDO:0004975", "ASSOCIATED_WITH", app): 0.87,
        ("EFO:0000249", "ASSOCIATED_WITH", app): 0.25,
        ("HP:0001250", "ASSOCIATED_WITH", app): 0.5,
        ("opentargets:OTAR_0000018", "ASSOCIATED_WITH", app): 0.125,
    }
    nodes = {row["id"]: (row["kind"], row["name"]) for row in graph.nodes.iter_rows(named=True)}
    assert nodes == {
        app: ("Target", "APP"),
        "MONDO:0004975": ("Disease", "Alzheimer disease"),
        "EFO:0000249": ("Disease", "EFO:0000249"),
        "HP:0001250": ("Symptom", "HP:0001250"),
        "opentargets:OTAR_0000018": ("Disease", "opentargets:OTAR_0000018"),
    }
    assert len(triples(load("opentargets", folder, min_score="0.5"))) == 2
    name = "associationByOverallDirect" if release == "older" else "association_overall_direct"
    assert set(triples(load("opentargets", folder / name))) == set(triples(graph))


def test_a_dry_run_of_a_shipped_mapping(tmp_path: Path) -> None:
    made = dry_run(SAMPLES["string"].write(tmp_path), "string", {"min_score": "900"})
    assert made.evidence["probability"].to_list() == [0.9, 0.9]
    with pytest.raises(MissingError, match="has no option 'nonesuch'"):
        dry_run(tmp_path, "string", {"nonesuch": "1"})
    with pytest.raises(MissingError, match="hetionet is not read by a mapping"):
        dry_run(tmp_path, "hetionet")
