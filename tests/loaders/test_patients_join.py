"""Patients from FHIR, OMOP and a phenopacket meet at the nodes of HPO and MONDO."""

from __future__ import annotations

import json
from pathlib import Path

from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load

from .published import case, write_hpo
from .test_fhir import HPO, ICD10CM, SNOMED, coded, condition, observation, patient, write_bundle
from .test_omop import write as write_omop

# https://owlcollab.github.io/oboformat/doc/obo-syntax.html, with MONDO's prefixes
MONDO = """format-version: 1.2
data-version: releases/2030-01-01
ontology: mondo

[Term]
id: MONDO:0000001
name: disease

[Term]
id: MONDO:0005148
name: type 2 diabetes mellitus
xref: SCTID:44054006 {source="MONDO:equivalentTo"}
xref: ICD10CM:E11 {source="MONDO:relatedTo"}
is_a: MONDO:0000001 ! disease

[Term]
id: MONDO:0005393
name: gout
xref: ICD10CM:M10.9 {source="MONDO:equivalentTo"}
is_a: MONDO:0000001 ! disease

[Term]
id: MONDO:0000777
name: example syndrome
xref: OMIM:100001 {source="MONDO:equivalentTo"}
is_a: MONDO:0000001 ! disease
"""

# What OMOP's sample has besides: a seizure, which the vocabulary calls a finding.
SEIZURE = ["313754", "Seizure", "Condition", "SNOMED", "Clinical Finding", "S", "91175000"]


def joined(tmp_path: Path) -> KnowledgeGraph:
    quarantine = Quarantine()
    (tmp_path / "mondo.obo").write_text(MONDO, encoding="utf-8")
    bundle = write_bundle(
        tmp_path / "bundle.json",
        patient("p1"),
        condition("c1", coded(SNOMED, "44054006", "Diabetes mellitus type 2 (disorder)")),
        condition("c2", coded(ICD10CM, "M10.9", "Gout, unspecified")),
        condition("c3", coded(SNOMED, "91175000", "Seizure (finding)")),
        observation("o1", coded(HPO, "HP:0002197", "Generalized seizure")),
    )
    packet = tmp_path / "packet.json"
    packet.write_text(json.dumps(case("case")), encoding="utf-8")
    omop = write_omop(tmp_path / "omop", {"condition_occurrence": ["19,2,313754,2020-01-02,,,,,"]})
    with (omop / "CONCEPT.csv").open("a", encoding="utf-8") as file:
        file.write("\t".join([*SEIZURE, "19700101", "20991231", ""]) + "\n")
    graphs = [
        load("hpo", write_hpo(tmp_path / "hpo"), quarantine=quarantine),
        load("mondo", tmp_path / "mondo.obo", quarantine=quarantine),
        load("fhir", bundle, quarantine=quarantine),
        load("phenopackets", packet, quarantine=quarantine),
        load("omop", omop, quarantine=quarantine),
    ]
    assert not quarantine.rows
    return merge(*graphs)


def test_patients_of_three_sources_share_their_findings_and_diseases(tmp_path: Path) -> None:
    graph = joined(tmp_path)
    edges = graph.edges.select("subject", "relation", "object").rows()
    having = {
        (relation, tail): {s for s, r, o in edges if (r, o) == (relation, tail)}
        for relation, tail in (
            ("HAS_PHENOTYPE", "HP:0001250"),
            ("HAS_PHENOTYPE", "HP:0002197"),
            ("HAS_DISEASE", "MONDO:0005148"),
            ("HAS_DISEASE", "MONDO:0005393"),
            ("HAS_DISEASE", "MONDO:0000777"),
        )
    }
    assert list(having.values()) == [
        {"patient:p1", "patient:case", "patient:2"},
        {"patient:p1"},
        {"patient:p1", "patient:1", "patient:2"},
        {"patient:p1"},
        {"patient:case"},
    ]
    # From a patient of the hospital to a gene that HPO knows, in two steps.
    assert ("MONDO:0000777", "HAS_SYMPTOM", "HP:0001250") in edges
    around = graph.neighbourhood("HP:0001250", hops=2)
    assert {"patient:p1", "patient:case", "patient:2", "MONDO:0000777", "NCBIGene:6323"} <= set(
        around.nodes["id"]
    )


def test_what_each_source_said_can_be_told_apart(tmp_path: Path) -> None:
    graph = joined(tmp_path)
    evidence = graph.evidence.filter(relation="HAS_DISEASE", object="MONDO:0005148")
    assert set(evidence["source"]) == {"fhir", "omop"}
    kept = dict(graph.merges.filter(applied=True).select("merged", "kept").rows())
    assert kept["SNOMEDCT:44054006"] == "MONDO:0005148"
    assert kept["SNOMEDCT:91175000"] == "HP:0001250"
    assert kept["OMIM:100001"] == "MONDO:0000777"
