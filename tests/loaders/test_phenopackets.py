"""GA4GH Phenopackets: https://phenopacket-schema.readthedocs.io (version 2), and for version 1
https://phenopacket-schema.readthedocs.io/en/1.0.0/."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .published import case, write_phenopackets


def write_archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_patient(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case()))
    graph = load("phenopackets", file)
    patient = "patient:PMID_7_A"
    assert set(graph.edges.select("subject", "relation", "object").rows()) == {
        (patient, "HAS_PHENOTYPE", "HP:0001250"),
        (patient, "LACKS_PHENOTYPE", "HP:0000252"),
        (patient, "HAS_DISEASE", "OMIM:100001"),
    }
    node = graph.nodes.filter(id=patient).row(0, named=True)
    assert json.loads(node["properties"]) == {
        "sex": "female",
        "age": "P6Y",
        "publication": "PMID:7",
    }
    assert set(graph.evidence["references"].list.join(",")) == {"PMID:7"}
    onset = graph.edges.filter(relation="HAS_PHENOTYPE")["properties"][0]
    assert json.loads(onset) == {"onset": "Congenital onset"}


def test_file_folder_and_archive_are_the_same(tmp_path: Path) -> None:
    folder = write_phenopackets(tmp_path / "in")
    members = {f"cases/{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}
    archive = write_archive(tmp_path / "cases.tar.xz", members)
    assert load("phenopackets", folder).checksum() == load("phenopackets", archive).checksum()


def test_names_in_an_archive_write_nothing(tmp_path: Path) -> None:
    members = {"../../outside.json": json.dumps(case()).encode(), "notes.txt": b"no case"}
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    graph = load("phenopackets", write_archive(inside / "cases.tar.xz", members))
    assert graph.info()["kinds"]["Patient"] == 1
    assert [path.name for path in sorted(tmp_path.rglob("*.*"))] == ["cases.tar.xz"]


def test_bad_cases_are_set_aside_by_name(tmp_path: Path) -> None:
    bad = ["{", "[]", json.dumps(case("PMID_7_A")), json.dumps({**case("X"), "diseases": [{}]})]
    quarantine = Quarantine()
    graph = load("phenopackets", write_phenopackets(tmp_path / "in", *bad), quarantine=quarantine)
    assert graph.info()["kinds"]["Patient"] == 2
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("file is not whole, valid JSON", "2.json"),
        ("no phenopacket", "3.json"),
        ("identifier of an earlier phenopacket", "4.json"),
        ("no phenopacket", "5.json"),
    ]


def test_excluded_diagnosis_is_none_and_a_solved_one_serves(tmp_path: Path) -> None:
    excluded = case(
        diseases=[{"term": {"id": "OMIM:1", "label": "Not this"}, "excluded": True}],
        interpretations=[
            {
                "progressStatus": "SOLVED",
                "diagnosis": {"disease": {"id": "OMIM:100002", "label": "This"}},
            }
        ],
    )
    file = tmp_path / "case.json"
    file.write_text(json.dumps(excluded))
    graph = load("phenopackets", file)
    assert graph.edges.filter(relation="HAS_DISEASE")["object"].to_list() == ["OMIM:100002"]


def test_what_is_no_archive(tmp_path: Path) -> None:
    file = tmp_path / "cases.tar"
    file.write_bytes(b"no archive")
    with pytest.raises(DataError, match="no whole, readable tar archive"):
        load("phenopackets", file)
    with pytest.raises(MissingError, match=r"absent\.json"):
        load("phenopackets", tmp_path / "absent.json")


def read(tmp_path: Path, message: Any) -> KnowledgeGraph:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(message), encoding="utf-8")
    quarantine = Quarantine()
    graph = load("phenopackets", file, quarantine=quarantine)
    assert not quarantine.rows
    return graph


def of(graph: KnowledgeGraph, relation: str) -> list[dict[str, Any]]:
    """The evidence of a relation in order of object, its qualifiers as mappings."""
    rows = graph.evidence.filter(relation=relation).sort("object", "qualifiers")
    return [
        {**row, "qualifiers": json.loads(row["qualifiers"] or "{}")}
        for row in rows.iter_rows(named=True)
    ]


def term(identifier: str, label: str) -> dict[str, str]:
    return {"id": identifier, "label": label}


def amount(value: float, unit: dict[str, str], **span: float) -> dict[str, Any]:
    given: dict[str, Any] = {"unit": unit, "value": value}
    return {**given, "referenceRange": {"unit": unit, **span}} if span else given


GRAM_PER_LITRE = term("UCUM:g/L", "gram per liter")


def test_severity_modifiers_onset_and_excluded_disease(tmp_path: Path) -> None:
    feature = {
        "type": term("HP:0001250", "Seizure"),
        "severity": term("HP:0012828", "Severe"),
        "modifiers": [term("HP:0031796", "Recurrent")],
        "onset": {
            "ageRange": {"start": {"iso8601duration": "P1Y"}, "end": {"iso8601duration": "P2Y"}}
        },
    }
    diseases = [
        {
            "term": term("OMIM:100001", "This"),
            "onset": {"age": {"iso8601duration": "P3Y"}},
            "diseaseStage": [term("NCIT:C27970", "Stage IV")],
        },
        {"term": term("OMIM:100002", "Not this"), "excluded": True},
    ]
    graph = read(tmp_path, case(phenotypicFeatures=[feature], diseases=diseases))
    assert of(graph, "HAS_PHENOTYPE")[0]["qualifiers"] == {
        "onset": "P1Y/P2Y",
        "severity": "Severe",
        "modifiers": ["Recurrent"],
    }
    first, other = of(graph, "HAS_DISEASE")
    assert first["qualifiers"] == {"onset": "P3Y", "stage": "Stage IV"}
    assert (first["polarity"], other["polarity"]) == ("asserted", "negated")
    assert graph.edges.filter(relation="HAS_DISEASE")["object"].to_list() == ["OMIM:100001"]


def test_measurements(tmp_path: Path) -> None:
    pressure = term("LOINC:85354-9", "Blood pressure panel")
    measurements = [
        {
            "assay": term("LOINC:2345-7", "Glucose"),
            "value": {"quantity": amount(1.26, GRAM_PER_LITRE, low=0.7, high=1.0)},
            "timeObserved": {"timestamp": "2020-10-01T10:54:20Z"},
        },
        {
            "assay": term("LOINC:5778-6", "Colour of urine"),
            "value": {"ontologyClass": term("NCIT:C48333", "Yellow")},
            "timeObserved": {"age": {"iso8601duration": "P6Y"}},
        },
        {
            "assay": pressure,
            "complexValue": {
                "typedQuantities": [
                    {
                        "type": term("NCIT:C25298", "Systolic"),
                        "quantity": amount(120, term("UCUM:mm[Hg]", "mmHg")),
                    }
                ]
            },
        },
    ]
    assay = term("HP:0010702", "Increased circulating antibody level")
    measurements.append({"assay": assay, "value": {"quantity": amount(9, GRAM_PER_LITRE)}})
    graph = read(tmp_path, case(measurements=measurements))
    antibodies = of(graph, "HAS_PHENOTYPE")[-1]
    assert (antibodies["object"], antibodies["qualifiers"]["value"]) == ("HP:0010702", 9)
    glucose, colour, systolic = of(graph, "UNDERWENT")
    assert glucose["date"] == "2020-10-01"
    assert glucose["qualifiers"] == {
        "value": 1.26,
        "unit": "g/L",
        "range_low": 0.7,
        "range_high": 1.0,
        "standard_value": 126.0,
        "standard_low": 70.0,
        "standard_high": 100.0,
        "standard_unit": "mg/dL",
    }
    assert colour["qualifiers"] == {"value": "Yellow", "age": "P6Y"}
    assert systolic["qualifiers"]["part"] == "Systolic"
    assert systolic["qualifiers"]["standard_value"] == 120
    assert set(graph.nodes.filter(kind="Procedure")["name"]) == {
        "Glucose",
        "Colour of urine",
        "Blood pressure panel",
    }


def test_genes_of_interpretations(tmp_path: Path) -> None:
    def interpreted(status: str, gene: str, symbol: str) -> dict[str, Any]:
        return {
            "subjectOrBiosampleId": "A",
            "interpretationStatus": status,
            "variantInterpretation": {
                "acmgPathogenicityClassification": "LIKELY_PATHOGENIC",
                "variationDescriptor": {
                    "geneContext": {"valueId": gene, "symbol": symbol},
                    "expressions": [
                        {"syntax": "hgvs.g", "value": "NC_000002.12:g.1A>T"},
                        {"syntax": "hgvs.c", "value": "NM_001.1:c.1A>T"},
                    ],
                    "allelicState": term("GENO:0000135", "heterozygous"),
                },
            },
        }

    named = {"interpretationStatus": "CANDIDATE", "gene": {"valueId": "HGNC:3", "symbol": "CCC"}}
    genomic = [
        interpreted("CAUSATIVE", "HGNC:1", "AAA"),
        interpreted("REJECTED", "HGNC:2", "BBB"),
        named,
        {"interpretationStatus": "CAUSATIVE", "variantInterpretation": {"variationDescriptor": {}}},
    ]
    diagnosis = {"disease": term("OMIM:100001", "This"), "genomicInterpretations": genomic}
    graph = read(
        tmp_path, case(interpretations=[{"progressStatus": "SOLVED", "diagnosis": diagnosis}])
    )
    one, two, three = of(graph, "HAS_VARIANT_IN")
    assert one["qualifiers"] == {
        "variant": "NM_001.1:c.1A>T",
        "allelic_state": "heterozygous",
        "pathogenicity": "likely pathogenic",
        "status": "causative",
        "disease": "OMIM:100001",
    }
    assert [(row["object"], row["polarity"], row["certainty"]) for row in (one, two, three)] == [
        ("HGNC:1", "asserted", "certain"),
        ("HGNC:2", "negated", "certain"),
        ("HGNC:3", "asserted", "possible"),
    ]
    assert graph.nodes.filter(id="HGNC:1").select("kind", "name").rows() == [("Target", "AAA")]


def test_medical_actions(tmp_path: Path) -> None:
    treatment = {
        "agent": term("DrugCentral:1610", "losartan"),
        "routeOfAdministration": term("NCIT:C38288", "Oral"),
        "doseIntervals": [
            {
                "quantity": amount(30, term("UCUM:mg", "milligram")),
                "scheduleFrequency": term("NCIT:C64496", "Twice Daily"),
                "interval": {"start": "2019-03-20T00:00:00Z", "end": "2021-03-20T00:00:00Z"},
            }
        ],
    }
    actions = [
        {"treatment": treatment, "treatmentTarget": term("OMIM:100001", "This")},
        {
            "procedure": {
                "code": term("NCIT:C28743", "Punch biopsy"),
                "bodySite": term("X:1", "Skin"),
            }
        },
        {"radiationTherapy": {"modality": term("NCIT:C28039", "Electron beam"), "dosage": 10}},
        {"therapeuticRegimen": {"ontologyClass": term("NCIT:C10894", "CHOP")}},
    ]
    graph = read(tmp_path, case(medicalActions=actions))
    taken = of(graph, "TAKES")[0]
    assert taken["object"] == "DrugCentral:1610"
    assert (
        taken["qualifiers"].items()
        >= {
            "dose": "30 mg",
            "route": "Oral",
            "frequency": "Twice Daily",
            "for": "OMIM:100001",
            "start": "2019-03-20",
            "end": "2021-03-20",
        }.items()
    )
    assert [row["object"] for row in of(graph, "UNDERWENT")] == [
        "NCIT:C10894",
        "NCIT:C28039",
        "NCIT:C28743",
    ]


def test_version_1(tmp_path: Path) -> None:
    message = {
        "id": "old",
        "subject": {"id": "A", "sex": "MALE", "ageAtCollection": {"age": "P14Y"}},
        "phenotypicFeatures": [
            {"type": term("HP:0001250", "Seizure"), "ageOfOnset": {"age": "P1Y"}},
            {
                "type": term("HP:0000252", "Microcephaly"),
                "classOfOnset": term("HP:0003577", "Congenital onset"),
            },
            {"type": term("HP:0001251", "Ataxia"), "negated": True},
        ],
        "genes": [{"id": "HGNC:1", "symbol": "AAA"}],
        "diseases": [{"term": term("OMIM:100001", "This"), "classOfOnset": term("HP:1", "Late")}],
        "metaData": {"phenopacketSchemaVersion": "1.0.0"},
    }
    graph = read(tmp_path, message)
    small, seizure = of(graph, "HAS_PHENOTYPE")
    assert (small["qualifiers"], seizure["qualifiers"]) == (
        {"onset": "Congenital onset"},
        {"onset": "P1Y"},
    )
    assert of(graph, "LACKS_PHENOTYPE")[0]["object"] == "HP:0001251"
    assert of(graph, "HAS_VARIANT_IN")[0]["certainty"] == "possible"
    assert of(graph, "HAS_DISEASE")[0]["qualifiers"] == {"onset": "Late"}
    facts = json.loads(graph.nodes.filter(kind="Patient")["properties"][0])
    assert facts == {"sex": "male", "age": "P14Y"}


def test_families_and_cohorts(tmp_path: Path) -> None:
    father = {"id": "father", "subject": {"id": "F", "sex": "MALE"}}
    family = {"id": "fam", "proband": case("child"), "relatives": [father], "pedigree": {}}
    graph = read(tmp_path, family)
    facts = dict(graph.nodes.filter(kind="Patient").select("id", "properties").rows())
    assert set(facts) == {"patient:child", "patient:father"}
    assert json.loads(facts["patient:father"]) == {"sex": "male", "family": "fam"}
    # The fields' names as protobuf has them are JSON of it too.
    snake = {"id": "c", "phenotypic_features": [{"type": term("HP:0001250", "Seizure")}]}
    graph = read(tmp_path, {"id": "group", "members": [case("one"), snake]})
    assert set(graph.nodes.filter(kind="Patient")["id"]) == {"patient:one", "patient:c"}
    assert of(graph, "HAS_PHENOTYPE")[0]["object"] == "HP:0001250"


def test_a_bad_measurement_costs_no_case(tmp_path: Path) -> None:
    bad = {"assay": {"label": "something"}, "value": {"quantity": {"value": "much"}}}
    good = {"assay": term("LOINC:1-8", "A test"), "value": {"quantity": {"value": 3}}}
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case(measurements=[bad, good])), encoding="utf-8")
    quarantine = Quarantine()
    graph = load("phenopackets", file, quarantine=quarantine)
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("one of measurements can't be read", "case.json")
    ]
    assert [row["qualifiers"] for row in of(graph, "UNDERWENT")] == [{"value": 3.0}]


def test_published_cases(shared_data: Path) -> None:
    quarantine = Quarantine()
    graph = load(
        "phenopackets",
        shared_data / "phenopackets" / "phenopackets-train.tar.xz",
        quarantine=quarantine,
    )
    assert quarantine.rows == []
    assert graph.info()["kinds"]["Patient"] == 4_475
    diagnosed = graph.edges.filter(relation="HAS_DISEASE")
    assert diagnosed.height == 4_475
    assert diagnosed["object"].n_unique() == 372
    assert graph.info()["kinds"]["Target"] == 331
