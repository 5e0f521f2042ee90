from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema
from medkg.loaders.primekg import RELATIONS
from medkg.loaders.sources import load

from .sample import Sample

# kg.csv of https://doi.org/10.7910/DVN/IXA7BM, made by build_graph.ipynb of
# https://github.com/mims-harvard/PrimeKG: the edges, then the same with x and y turned.
HEADER = (
    "relation,display_relation,x_index,x_id,x_type,x_name,x_source,y_index,y_id,y_type,y_name,"
    "y_source"
)
GENE = ("9796", "gene/protein", "PHYHIP", "NCBI")
ENZYME = ("1559", "gene/protein", "CYP2C9", "NCBI")
DRUG = ("DB00001", "drug", "Lepirudin", "DrugBank")
OTHER_DRUG = ("DB06605", "drug", "Apixaban", "DrugBank")
DISEASE = ("5148", "disease", "type 2 diabetes, adult", "MONDO")
GROUP = ("13924_12592", "disease", "osteogenesis imperfecta", "MONDO_grouped")
EFFECT = ("1250", "effect/phenotype", "Seizure", "HPO")
FINER = ("2197", "effect/phenotype", 'Generalized "tonic" seizure', "HPO")
PROCESS = ("6915", "biological_process", "apoptotic process", "GO")
FUNCTION = ("3674", "molecular_function", "molecular_function", "GO")
COMPONENT = ("5575", "cellular_component", "cellular_component", "GO")
EXPOSURE = ("D001151", "exposure", "Arsenic", "CTD")
FINER_EXPOSURE = ("C015001", "exposure", "arsenite", "CTD")
PATHWAY = ("R-HSA-109581", "pathway", "Apoptosis", "REACTOME")
FINER_PATHWAY = ("R-HSA-109606", "pathway", "Intrinsic Pathway for Apoptosis", "REACTOME")
ANATOMY = ("2107", "anatomy", "liver", "UBERON")
FINER_ANATOMY = ("1281", "anatomy", "hepatic sinusoid", "UBERON")
FINER_PROCESS = ("97190", "biological_process", "apoptotic signaling pathway", "GO")
FINER_FUNCTION = ("5488", "molecular_function", "binding", "GO")
FINER_COMPONENT = ("110165", "cellular_component", "cellular anatomical entity", "GO")

# relation, display_relation, x, y; of a parent-child edge the parent is x.
EDGES = [
    ("protein_protein", "ppi", GENE, ENZYME),
    ("drug_protein", "enzyme", DRUG, ENZYME),
    ("drug_protein", "target", DRUG, GENE),
    ("contraindication", "contraindication", DRUG, DISEASE),
    ("indication", "indication", DRUG, GROUP),
    ("off-label use", "off-label use", OTHER_DRUG, GROUP),
    ("drug_drug", "synergistic interaction", DRUG, OTHER_DRUG),
    ("phenotype_protein", "associated with", GENE, EFFECT),
    ("phenotype_phenotype", "parent-child", EFFECT, FINER),
    ("disease_phenotype_negative", "phenotype absent", DISEASE, FINER),
    ("disease_phenotype_positive", "phenotype present", DISEASE, EFFECT),
    ("disease_protein", "associated with", GENE, DISEASE),
    ("disease_disease", "parent-child", DISEASE, GROUP),
    ("drug_effect", "side effect", DRUG, EFFECT),
    ("bioprocess_bioprocess", "parent-child", PROCESS, FINER_PROCESS),
    ("molfunc_molfunc", "parent-child", FUNCTION, FINER_FUNCTION),
    ("cellcomp_cellcomp", "parent-child", COMPONENT, FINER_COMPONENT),
    ("molfunc_protein", "interacts with", GENE, FUNCTION),
    ("cellcomp_protein", "interacts with", GENE, COMPONENT),
    ("bioprocess_protein", "interacts with", GENE, PROCESS),
    ("exposure_protein", "interacts with", GENE, EXPOSURE),
    ("exposure_disease", "linked to", EXPOSURE, DISEASE),
    ("exposure_exposure", "parent-child", EXPOSURE, FINER_EXPOSURE),
    ("exposure_bioprocess", "interacts with", EXPOSURE, PROCESS),
    ("exposure_molfunc", "interacts with", EXPOSURE, FUNCTION),
    ("exposure_cellcomp", "interacts with", EXPOSURE, COMPONENT),
    ("pathway_pathway", "parent-child", PATHWAY, FINER_PATHWAY),
    ("pathway_protein", "interacts with", GENE, PATHWAY),
    ("anatomy_anatomy", "parent-child", ANATOMY, FINER_ANATOMY),
    ("anatomy_protein_present", "expression present", GENE, ANATOMY),
    ("anatomy_protein_absent", "expression absent", GENE, FINER_ANATOMY),
]


def write(folder: Path, *more: str, turned: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for relation, shown, x, y in EDGES:
        rows.writerow([relation, shown, 0, *x, 1, *y])
    for relation, shown, x, y in EDGES if turned else ():
        rows.writerow([relation, shown, 1, *y, 0, *x])
    lines = [HEADER, text.getvalue().rstrip("\n"), *more, ""]
    (folder / "kg.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


MALFORMED = "drug_protein,target,0,DB1,drug,a,DrugBank,1,9796,gene/protein,b,NCBI"
BAD = "disease_gene,x,0,1,disease,a,MONDO,1,2,gene/protein,b,NCBI"
SAMPLES = {"primekg": Sample(write, lambda folder: write(folder, BAD))}


@pytest.fixture
def small(tmp_path: Path) -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load("primekg", write(tmp_path), quarantine=quarantine)
    assert quarantine.rows == []
    return graph


def test_a_malformed_identifier_is_set_aside(tmp_path: Path, small: KnowledgeGraph) -> None:
    quarantine = Quarantine()
    graph = load("primekg", write(tmp_path / "in", MALFORMED), quarantine=quarantine)
    assert graph.checksum() == small.checksum()
    assert [row.reason for row in quarantine.rows] == ["malformed identifier"]


def test_every_relation_is_one_edge_the_right_way_round(small: KnowledgeGraph) -> None:
    assert {relation for relation, *_ in EDGES} == set(RELATIONS)
    gene, enzyme, drug = "NCBIGene:9796", "NCBIGene:1559", "drugbank:DB00001"
    group, disease = "primekg:13924_12592", "MONDO:0005148"
    assert set(small.edges.select("subject", "relation", "object").iter_rows()) == {
        (enzyme, "INTERACTS_WITH", gene),
        (drug, "TARGETS", enzyme),
        (drug, "TARGETS", gene),
        (drug, "CONTRAINDICATED_FOR", disease),
        (drug, "TREATS", group),
        ("drugbank:DB06605", "TREATS", group),
        (drug, "INTERACTS_WITH", "drugbank:DB06605"),
        ("HP:0001250", "ASSOCIATED_WITH", gene),
        ("HP:0002197", "SUBCLASS_OF", "HP:0001250"),
        (disease, "HAS_SYMPTOM", "HP:0001250"),
        (disease, "ASSOCIATED_WITH", gene),
        (group, "SUBCLASS_OF", disease),
        (drug, "CAUSES", "HP:0001250"),
        ("GO:0097190", "SUBCLASS_OF", "GO:0006915"),
        ("GO:0005488", "SUBCLASS_OF", "GO:0003674"),
        ("GO:0110165", "SUBCLASS_OF", "GO:0005575"),
        (gene, "PARTICIPATES_IN", "GO:0003674"),
        (gene, "PARTICIPATES_IN", "GO:0005575"),
        (gene, "PARTICIPATES_IN", "GO:0006915"),
        ("MESH:D001151", "ASSOCIATED_WITH", gene),
        ("MESH:D001151", "ASSOCIATED_WITH", disease),
        ("MESH:C015001", "SUBCLASS_OF", "MESH:D001151"),
        ("MESH:D001151", "ASSOCIATED_WITH", "GO:0006915"),
        ("MESH:D001151", "ASSOCIATED_WITH", "GO:0003674"),
        ("MESH:D001151", "ASSOCIATED_WITH", "GO:0005575"),
        ("REACT:R-HSA-109606", "SUBCLASS_OF", "REACT:R-HSA-109581"),
        (gene, "PARTICIPATES_IN", "REACT:R-HSA-109581"),
        ("UBERON:0001281", "SUBCLASS_OF", "UBERON:0002107"),
        ("UBERON:0002107", "EXPRESSES", gene),
        # what was joined to one disease
        ("MONDO:0013924", "SUBCLASS_OF", group),
        ("MONDO:0012592", "SUBCLASS_OF", group),
    }


def test_what_is_absent_is_negated_evidence_without_an_edge(small: KnowledgeGraph) -> None:
    negated = small.evidence.filter(polarity="negated")
    assert set(negated.select("subject", "relation", "object").iter_rows()) == {
        ("MONDO:0005148", "HAS_SYMPTOM", "HP:0002197"),
        ("UBERON:0001281", "EXPRESSES", "NCBIGene:9796"),
    }


def test_both_directions_are_one_piece_of_evidence(tmp_path: Path) -> None:
    both = load("primekg", write(tmp_path / "both"))
    assert both.evidence.height == len(EDGES) + 2
    once = load("primekg", write(tmp_path / "once", turned=False))
    assert once.checksum() == both.checksum()


def test_names_and_properties(small: KnowledgeGraph) -> None:
    nodes = {row["id"]: row for row in small.nodes.iter_rows(named=True)}
    assert nodes["MONDO:0005148"]["name"] == "type 2 diabetes, adult"
    assert nodes["HP:0002197"]["name"] == 'Generalized "tonic" seizure'
    assert nodes["primekg:13924_12592"]["kind"] == "Disease"
    assert json.loads(nodes["NCBIGene:1559"]["properties"]) == {"adme": "enzyme"}
    edges = small.edges.filter(relation="TARGETS").drop_nulls("properties")
    assert dict(edges.select("object", "properties").iter_rows()) == {
        "NCBIGene:1559": '{"role": "enzyme"}',
        "NCBIGene:9796": '{"role": "target"}',
    }
    off_label = small.evidence.filter(subject="drugbank:DB06605", relation="TREATS")
    assert off_label["qualifiers"].to_list() == ['{"approval": "off-label"}']


def test_the_relations_are_the_schemas() -> None:
    for meaning in RELATIONS.values():
        assert meaning.relation in Schema.default().relations


def test_bad_rows(tmp_path: Path) -> None:
    whole = load("primekg", write(tmp_path / "whole"))
    rows = [
        BAD,
        "indication,indication,0,1,medicine,a,DrugBank,1,2,disease,b,MONDO",
        "indication,indication,0,DB1,drug,a,Elsewhere,1,2,disease,b,MONDO",
        "indication,indication,0,,drug,a,DrugBank,1,2,disease,b,MONDO",
        "indication,indication,0,1,gene/protein,a,NCBI,1,2,disease,b,MONDO",
        "indication,indication,0",
    ]
    quarantine = Quarantine()
    graph = load("primekg", write(tmp_path / "bad", *rows), quarantine=quarantine)
    assert graph.checksum() == whole.checksum()
    first = 2 + 2 * len(EDGES)
    assert sorted((row.line or 0, row.reason) for row in quarantine.rows) == [
        (first, "unknown relation"),
        (first + 1, "unknown type"),
        (first + 2, "unknown source or no identifier"),
        (first + 3, "unknown source or no identifier"),
        (first + 4, "ends of the wrong kinds"),
        (first + 5, "wrong number of columns"),
    ]


def test_a_file_without_an_edge(tmp_path: Path) -> None:
    (tmp_path / "kg.csv").write_text(f"{HEADER}\n{BAD}\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no edge of PrimeKG"):
        load("primekg", tmp_path)
