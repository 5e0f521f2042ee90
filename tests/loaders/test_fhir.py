"""FHIR: resources as https://hl7.org/fhir/R4/ and https://hl7.org/fhir/R5/ define them, Bundles
(https://hl7.org/fhir/R4/bundle.html), and bulk exports (https://hl7.org/fhir/uv/bulkdata/)."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
SECRETS = ("Jane", "Exampleton", "12 Some Street", "MRN-774", "1970-02-03", "neighbour")

Resource = dict[str, Any]


def coded(system: str, code: str, display: str = "") -> Resource:
    coding = {"system": system, "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def patient(identifier: str = "p1") -> Resource:
    return {
        "resourceType": "Patient",
        "id": identifier,
        "identifier": [{"system": "https://hospital.example", "value": "MRN-774"}],
        "name": [{"family": "Exampleton", "given": ["Jane"]}],
        "address": [{"line": ["12 Some Street"]}],
        "gender": "female",
        "birthDate": "1970-02-03",
        "deceasedBoolean": False,
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">Jane Exampleton</div>',
        },
    }


def about(kind: str, identifier: str, **fields: Any) -> Resource:
    """A resource about the patient p1."""
    subject = {"reference": "Patient/p1", "display": "Jane Exampleton"}
    name = "patient" if kind in ("FamilyMemberHistory", "AllergyIntolerance") else "subject"
    note = {"note": [{"text": "the neighbour called"}]}
    return {"resourceType": kind, "id": identifier, name: subject, **note, **fields}


def condition(identifier: str, code: Resource, **fields: Any) -> Resource:
    status = {"clinicalStatus": coded(STATUS, "active")}
    return about("Condition", identifier, code=code, **{**status, **fields})


def observation(identifier: str, code: Resource, **fields: Any) -> Resource:
    return about("Observation", identifier, **{"status": "final", "code": code, **fields})


def glucose(**fields: Any) -> Resource:
    value = {
        "value": 126,
        "unit": "mg/dL",
        "system": "http://unitsofmeasure.org",
        "code": "mg/dL",
    }
    return observation(
        "o1",
        coded(LOINC, "2345-7", "Glucose [Mass/volume] in Serum or Plasma"),
        **{"valueQuantity": value, "effectiveDateTime": "2021-03-04T08:00:00+01:00", **fields},
    )


def request(identifier: str = "m1", **fields: Any) -> Resource:
    medication = {"medicationCodeableConcept": coded(RXNORM, "6809", "metformin")}
    given = {"status": "active", "intent": "order", **medication, **fields}
    return about("MedicationRequest", identifier, **given)


DIABETES = {
    "coding": [
        {"system": ICD10CM, "code": "E11.9", "display": "Type 2 diabetes mellitus"},
        {"system": SNOMED, "code": "44054006", "display": "Diabetes mellitus type 2 (disorder)"},
    ]
}


def resources() -> list[Resource]:
    return [patient(), condition("c1", DIABETES), glucose(), request()]


def write_bundle(path: Path, *held: Resource) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    entries = [{"fullUrl": f"https://server.example/{r['id']}", "resource": r} for r in held]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return path


def write_bulk(folder: Path, *more: Resource) -> Path:
    folder.mkdir(exist_ok=True)
    texts: dict[str, str] = {}
    for resource in [*resources(), *more]:
        name = f"{resource['resourceType']}.ndjson"
        texts[name] = texts.get(name, "") + json.dumps(resource) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


SAMPLES = {
    "fhir": Sample(
        write_bulk,
        lambda folder: write_bulk(folder, observation("o9", {}, status=None)),
        options={"release": "2030"},
    )
}


def read(tmp_path: Path, *held: Resource, **options: str) -> tuple[KnowledgeGraph, Quarantine]:
    quarantine = Quarantine()
    path = write_bundle(tmp_path / "in" / "bundle.json", patient(), *held)
    return load("fhir", path, quarantine=quarantine, **options), quarantine


def only(graph: KnowledgeGraph) -> dict[str, Any]:
    """The one piece of evidence, its qualifiers as a mapping."""
    assert graph.evidence.height == 1
    row = graph.evidence.row(0, named=True)
    return {**row, "qualifiers": json.loads(row["qualifiers"] or "{}")}


def test_a_patient_is_sex_and_year_of_birth_and_nothing_else(tmp_path: Path) -> None:
    graph, quarantine = read(tmp_path, condition("c1", DIABETES), glucose(), request())
    assert not quarantine.rows
    node = graph.nodes.filter(kind="Patient").row(0, named=True)
    assert (node["id"], node["name"]) == ("patient:p1", "patient:p1")
    assert json.loads(node["properties"]) == {
        "sex": "female",
        "birth_year": 1970,
        "deceased": False,
    }
    graph.save(tmp_path / "kg")
    text = graph.nodes.write_json() + graph.evidence.write_json() + graph.edges.write_json()
    assert not [secret for secret in SECRETS if secret in text]
    graph, _ = read(tmp_path, glucose(), birth_year="no")
    assert "1970" not in graph.nodes.write_json()


def test_pseudonyms_are_stable_and_hide_every_identifier(tmp_path: Path) -> None:
    key = "a secret of the hospital"
    graph, _ = read(tmp_path, condition("c1", DIABETES), pseudonyms=key)
    again, _ = read(tmp_path, glucose(), pseudonyms=key)
    other, _ = read(tmp_path, glucose(), pseudonyms=key[::-1])
    ids = [g.nodes.filter(kind="Patient")["id"].to_list() for g in (graph, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert "p1" not in ids[0][0]
    assert "c1" not in only(graph)["qualifiers"]["record"]
    bad = about("Condition", "c77")
    _, quarantine = read(tmp_path, glucose(), bad, pseudonyms=key)
    assert [row.row for row in quarantine.rows] == ["entry 3 Condition"]
    (tmp_path / "key").write_text(f"{key}\n", encoding="utf-8")
    held, _ = read(tmp_path, glucose(), pseudonyms=f"@{tmp_path / 'key'}")
    assert held.checksum() == again.checksum()
    with pytest.raises(DataError, match="16 to 64"):
        read(tmp_path, glucose(), pseudonyms="short")
    with pytest.raises(DataError, match="no-key: can't be read"):
        read(tmp_path, glucose(), pseudonyms=f"@{tmp_path / 'no-key'}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("asserted", "certain", "current")),
        ({"verificationStatus": coded(VERIFIED, "refuted")}, ("negated", "certain", "current")),
        (
            {"verificationStatus": coded(VERIFIED, "differential")},
            ("asserted", "possible", "current"),
        ),
        (
            {"verificationStatus": coded(VERIFIED, "provisional")},
            ("asserted", "possible", "current"),
        ),
        ({"clinicalStatus": coded(STATUS, "resolved")}, ("asserted", "certain", "historical")),
        ({"abatementDateTime": "2019-01-01"}, ("asserted", "certain", "historical")),
    ],
)
def test_status_of_a_condition(
    fields: Resource, expected: tuple[str, str, str], tmp_path: Path
) -> None:
    graph, _ = read(tmp_path, condition("c1", DIABETES, onsetDateTime="2018-05", **fields))
    row = only(graph)
    assert (row["polarity"], row["certainty"], row["temporality"]) == expected
    assert (row["relation"], row["object"]) == ("HAS_DISEASE", "SNOMEDCT:44054006")
    assert row["date"] == "2018-05"
    assert graph.edges.height == (expected[0] == "asserted" and expected[2] == "current")


def test_entered_in_error_is_set_aside(tmp_path: Path) -> None:
    wrong = condition("c1", DIABETES, verificationStatus=coded(VERIFIED, "entered-in-error"))
    graph, quarantine = read(tmp_path, wrong, glucose())
    assert graph.evidence.height == 1
    assert [row.reason for row in quarantine.rows] == ["entered in error"]


def test_codes_become_curies_and_the_preferred_one_the_node(tmp_path: Path) -> None:
    codes = {
        "c1": (DIABETES, "SNOMEDCT:44054006", "Disease"),
        "c2": (coded(ICD10CM, "I10"), "ICD10CM:I10", "Disease"),
        "c3": (coded(HPO, "HP:0001250", "Seizure"), "HP:0001250", "Symptom"),
        "c4": (coded(SNOMED, "49727002", "Cough (finding)"), "SNOMEDCT:49727002", "Symptom"),
        "c5": (
            coded("http://purl.obolibrary.org/obo/mondo.owl", "MONDO:0005148"),
            "MONDO:0005148",
            "Disease",
        ),
        "c6": ({"text": "Sore   Throat"}, "fhir:disease_sore_throat", "Disease"),
        "c7": (coded("https://hospital.example/codes", "X 1"), "", ""),
        "c8": (coded("https://hospital.example/codes", "X1"), "fhir:codes_X1", "Disease"),
        "c9": ({"text": "a note about the neighbour that goes on for long " * 3}, "", ""),
        "c10": (coded(HPO, "seizure"), "", ""),
        "c11": (
            {"coding": [{"system": HPO, "code": "cough"}, *coded(ICD10CM, "R05.9")["coding"]]},
            "ICD10CM:R05.9",
            "Disease",
        ),
    }
    held = [condition(name, code) for name, (code, *_) in codes.items()]
    graph, quarantine = read(tmp_path, *held)
    kinds = dict(graph.nodes.filter(graph.nodes["kind"] != "Patient").select("id", "kind").rows())
    assert kinds == {node: kind for _, node, kind in codes.values() if node}
    assert {row.row.split()[2] for row in quarantine.rows} == {
        "Condition/c7",
        "Condition/c9",
        "Condition/c10",
    }
    assert "neighbour" not in str(quarantine.rows)
    # ICD classifies: that a code was given beside another doesn't make them the same.
    assert graph.nodes.filter(id="SNOMEDCT:44054006")["xrefs"].to_list() == [[]]
    _, quarantine = read(tmp_path, glucose(), condition("c1", {"text": "Gout"}), text_codes="no")
    assert [row.reason for row in quarantine.rows] == ["named by text alone"]


def test_a_measurement_has_value_unit_range_and_standard_unit(tmp_path: Path) -> None:
    given = glucose(
        valueQuantity={
            "value": 1.26,
            "unit": "g/l",
            "system": "http://unitsofmeasure.org",
            "code": "g/L",
            "comparator": ">",
        },
        referenceRange=[{"low": {"value": 0.7}, "high": {"value": 1.0}}],
        interpretation=[coded("http://terminology.hl7.org/CodeSystem/v3-Interpretation", "H")],
    )
    graph, _ = read(tmp_path, given)
    row = only(graph)
    assert (row["relation"], row["object"], row["date"]) == (
        "UNDERWENT",
        "LOINC:2345-7",
        "2021-03-04",
    )
    assert row["qualifiers"] == {
        "record": "Observation/o1",
        "value": 1.26,
        "unit": "g/L",
        "comparator": ">",
        "range_low": 0.7,
        "range_high": 1,
        "standard_value": 126.0,
        "standard_low": 70.0,
        "standard_high": 100.0,
        "standard_unit": "mg/dL",
        "interpretation": "H",
    }


def test_values_of_other_types_and_components(tmp_path: Path) -> None:
    pressure = coded(LOINC, "85354-9", "Blood pressure panel")
    part = {"code": coded(LOINC, "8480-6", "Systolic"), "valueQuantity": {"value": 140}}
    missing = {
        "code": coded(LOINC, "8462-4", "Diastolic"),
        "dataAbsentReason": coded(
            "http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed"
        ),
    }
    graph, quarantine = read(
        tmp_path,
        observation("o1", pressure, component=[part, missing]),
        observation(
            "o2",
            coded(LOINC, "72166-2", "Smoking"),
            valueCodeableConcept=coded(SNOMED, "266919005", "Never smoked"),
        ),
        observation("o3", coded(LOINC, "1-8"), valueString="the neighbour said so"),
        observation(
            "o4",
            coded(LOINC, "2-6"),
            valueRatio={"numerator": {"value": 1}, "denominator": {"value": 128}},
        ),
    )
    assert not quarantine.rows
    rows = {row["object"]: row for row in graph.evidence.iter_rows(named=True)}
    qualifiers = {name: json.loads(row["qualifiers"]) for name, row in rows.items()}
    assert qualifiers["LOINC:8480-6"]["panel"] == "LOINC:85354-9"
    assert qualifiers["LOINC:8480-6"]["value"] == 140
    assert rows["LOINC:8462-4"]["polarity"] == "negated"
    assert qualifiers["LOINC:8462-4"]["absent_because"] == "not-performed"
    assert qualifiers["LOINC:72166-2"]["value"] == "Never smoked"
    assert "value" not in qualifiers["LOINC:1-8"]
    assert qualifiers["LOINC:2-6"]["value"] == "1:128"
    assert "LOINC:85354-9" not in rows


def test_observed_and_absent_phenotypes(tmp_path: Path) -> None:
    seizure = coded(HPO, "HP:0001250", "Seizure")
    small = coded(HPO, "HP:0000252", "Microcephaly")
    present, absent = (coded(LOINC, code) for code in ("LA9633-4", "LA9634-2"))
    graph, _ = read(
        tmp_path,
        observation("o1", seizure, valueCodeableConcept=present),
        observation("o2", small, valueCodeableConcept=absent),
        observation(
            "o3",
            coded(LOINC, "8693-8", "Phenotype"),
            valueCodeableConcept=coded(HPO, "0001251", "Ataxia"),
        ),
    )
    assert set(graph.edges.select("relation", "object").rows()) == {
        ("HAS_PHENOTYPE", "HP:0001250"),
        ("LACKS_PHENOTYPE", "HP:0000252"),
        ("HAS_PHENOTYPE", "HP:0001251"),
        ("UNDERWENT", "LOINC:8693-8"),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("asserted", "certain", "current")),
        ({"status": "stopped"}, ("asserted", "certain", "historical")),
        ({"intent": "plan"}, ("asserted", "hypothetical", "current")),
        ({"doNotPerform": True}, ("negated", "certain", "current")),
    ],
)
def test_status_of_a_prescription(
    fields: Resource, expected: tuple[str, str, str], tmp_path: Path
) -> None:
    graph, _ = read(tmp_path, request(**fields))
    row = only(graph)
    assert (row["polarity"], row["certainty"], row["temporality"]) == expected
    assert (row["relation"], row["object"]) == ("TAKES", "RXCUI:6809")


def test_dosage_structured_or_out_of_text(tmp_path: Path) -> None:
    structured = {
        "doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "g"}}],
        "route": coded(SNOMED, "26643006", "Oral route"),
        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    }
    written = {"text": "the neighbour gives 500 mg in the evening"}
    for dosage, expected in (
        (structured, {"dose": "0.5 g", "route": "Oral route", "frequency": "2 per 1 d"}),
        (written, {"dose": "500 mg"}),
    ):
        graph, _ = read(tmp_path, request(dosageInstruction=[dosage]))
        qualifiers = only(graph)["qualifiers"]
        assert qualifiers.items() >= expected.items()
        assert ("standard_value" in qualifiers) == (dosage is structured)
        assert "neighbour" not in str(qualifiers)


def test_medications_by_reference_in_both_releases(tmp_path: Path) -> None:
    drug = {"resourceType": "Medication", "id": "d1", "code": coded(RXNORM, "1191", "aspirin")}
    r4 = about(
        "MedicationStatement",
        "s1",
        status="active",
        medicationReference={"reference": "Medication/d1"},
    )
    r5 = about(
        "MedicationStatement",
        "s2",
        status="recorded",
        medication={"reference": {"reference": "https://server.example/d1"}},
    )
    contained = about(
        "MedicationAdministration",
        "s3",
        status="completed",
        effectiveDateTime="2020-01-01",
        medicationReference={"reference": "#x"},
        contained=[
            {
                "resourceType": "Medication",
                "id": "x",
                "ingredient": [{"itemCodeableConcept": coded(RXNORM, "6809", "metformin")}],
            }
        ],
    )
    dangling = about(
        "MedicationStatement",
        "s4",
        status="active",
        medicationReference={"reference": "Medication/nowhere"},
    )
    graph, quarantine = read(tmp_path, r4, r5, contained, dangling, drug)
    assert sorted(graph.evidence.select("object", "temporality").rows()) == [
        ("RXCUI:1191", "current"),
        ("RXCUI:1191", "current"),
        ("RXCUI:6809", "current"),
    ]
    assert [row.reason for row in quarantine.rows] == ["medication that is not there"]


def test_bulk_export_finds_medications_in_their_own_file(tmp_path: Path) -> None:
    drug = {"resourceType": "Medication", "id": "d1", "code": coded(RXNORM, "1191", "aspirin")}
    taken = about(
        "MedicationStatement",
        "s1",
        status="active",
        medicationReference={"reference": "Medication/d1"},
    )
    folder = write_bulk(tmp_path / "in", drug, taken)
    (folder / "Patient.ndjson.gz").write_bytes(
        gzip.compress((folder / "Patient.ndjson").read_bytes())
    )
    (folder / "Patient.ndjson").unlink()
    graph = load("fhir", folder)
    assert set(graph.edges.filter(relation="TAKES")["object"]) == {"RXCUI:1191", "RXCUI:6809"}


ALLERGIES = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFIED = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


def test_allergies(tmp_path: Path) -> None:
    hives, wheezing = coded(SNOMED, "247472004", "Hives"), coded(SNOMED, "56018004", "Wheezing")
    penicillin = about(
        "AllergyIntolerance",
        "a1",
        type="allergy",
        category=["medication"],
        criticality="high",
        clinicalStatus=coded(ALLERGIES, "active"),
        verificationStatus=coded(ALLERGY_VERIFIED, "confirmed"),
        code=coded(RXNORM, "7980", "penicillin G"),
        recordedDate="2019-05-01T10:00:00Z",
        reaction=[
            {"manifestation": [hives], "severity": "mild", "description": "the neighbour saw it"},
            {"manifestation": [wheezing, hives], "severity": "severe"},
        ],
    )
    r5 = about(
        "AllergyIntolerance",
        "a2",
        type={"coding": [{"system": "http://hl7.org/fhir/x", "code": "intolerance"}]},
        code=coded(RXNORM, "1191", "aspirin"),
        reaction=[{"manifestation": [{"concept": hives}]}],
    )
    peanut = about(
        "AllergyIntolerance", "a3", category=["food"], code=coded(SNOMED, "762952008", "Peanut")
    )
    graph, quarantine = read(tmp_path, penicillin, r5, peanut)
    assert not quarantine.rows
    edges = {row["object"]: row for row in graph.edges.filter(relation="ALLERGIC_TO").to_dicts()}
    assert {key: json.loads(row["properties"] or "{}") for key, row in edges.items()} == {
        "RXCUI:7980": {"reaction": "Hives, Wheezing", "severity": "severe", "type": "allergy"},
        "RXCUI:1191": {"reaction": "Hives", "type": "intolerance"},
        "SNOMEDCT:762952008": {},
    }
    kinds = dict(graph.nodes.select("id", "kind").rows())
    assert [kinds[key] for key in edges] == [
        "Exposure" if key.startswith("SNOMEDCT") else "Drug" for key in edges
    ]
    row = graph.evidence.filter(object="RXCUI:7980").row(0, named=True)
    assert (row["date"], json.loads(row["qualifiers"])["criticality"]) == ("2019-05-01", "high")
    assert "neighbour" not in str(graph.evidence.to_dicts())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"code": coded(SNOMED, "91936005", "Allergy to penicillin (finding)")},
         ("fhir:drug_penicillin", "asserted", "certain", "current")),
        ({"code": {"text": "Penicillin allergy"}},
         ("fhir:drug_penicillin", "asserted", "certain", "current")),
        ({"code": coded(ICD10CM, "Z88.0", "Allergy status to penicillin")},
         ("fhir:drug_penicillin", "asserted", "certain", "current")),
        ({"code": coded(SNOMED, "91936005", "History of severe penicillin allergy (situation)")},
         ("fhir:drug_penicillin", "asserted", "certain", "current")),
        ({"code": coded(SNOMED, "91936005"),
          "reaction": [{"substance": coded(RXNORM, "7980", "penicillin G"),
                        "manifestation": [coded(SNOMED, "247472004", "Hives")]}]},
         ("RXCUI:7980", "asserted", "certain", "current")),
        ({"code": coded(RXNORM, "1191", "aspirin"), "category": ["food"]},
         ("RXCUI:1191", "asserted", "certain", "current")),
        ({"code": {"text": "No-Doz"}}, ("fhir:drug_no_doz", "asserted", "certain", "current")),
        ({"code": coded(SNOMED, "91936005", "Allergy to penicillin"),
          "reaction": [{"substance": coded(RXNORM, "7980", "penicillin G"),
                        "manifestation": [coded(SNOMED, "247472004", "Hives")]}]},
         ("RXCUI:7980", "asserted", "certain", "current")),
        ({"reaction": [{"substance": coded(RXNORM, "7980", "penicillin G"),
                        "manifestation": [coded(SNOMED, "247472004", "Hives")]}]},
         ("RXCUI:7980", "asserted", "certain", "current")),
        ({"code": coded(RXNORM, "1191"), "verificationStatus": coded(ALLERGY_VERIFIED, "refuted")},
         ("RXCUI:1191", "negated", "certain", "current")),
        ({"code": coded(RXNORM, "1191"),
          "verificationStatus": coded(ALLERGY_VERIFIED, "unconfirmed")},
         ("RXCUI:1191", "asserted", "possible", "current")),
        ({"code": coded(RXNORM, "1191"), "clinicalStatus": coded(ALLERGIES, "resolved")},
         ("RXCUI:1191", "asserted", "certain", "historical")),
    ],
)  # fmt: skip
def test_what_is_said_of_an_allergy(
    tmp_path: Path, fields: Resource, expected: tuple[str, ...]
) -> None:
    graph, quarantine = read(tmp_path, about("AllergyIntolerance", "a1", **fields))
    assert not quarantine.rows
    columns = ("object", "polarity", "certainty", "temporality")
    assert graph.evidence.filter(relation="ALLERGIC_TO").select(columns).rows() == [expected]


@pytest.mark.parametrize(
    "code",
    [
        coded(SNOMED, "409137002", "No known drug allergy"),
        coded(SNOMED, "716186003"),
        {"text": "NKDA"},
        {"text": "No known allergies"},
        {"text": "Patient has no known drug allergies"},
        {"text": "NKMA"},
    ],
)
def test_that_no_allergy_is_known_gives_nothing(tmp_path: Path, code: Resource) -> None:
    graph, quarantine = read(tmp_path, about("AllergyIntolerance", "a1", code=code))
    assert not quarantine.rows
    assert graph.nodes["id"].to_list() == ["patient:p1"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (coded(SNOMED, "416098002", "Allergy to drug (finding)"), "an allergy to what is not told"),
        ({"text": "Unknown"}, "an allergy to what is not told"),
        (coded(SNOMED, "91936005"), "an allergy's code without a name"),
    ],
)
def test_an_allergy_to_what_is_not_told_is_set_aside(
    tmp_path: Path, code: Resource, reason: str
) -> None:
    graph, quarantine = read(tmp_path, about("AllergyIntolerance", "a1", code=code), patient())
    assert [row.reason for row in quarantine.rows] == [reason]
    assert graph.evidence.is_empty()


def test_a_coded_allergy_needs_no_texts(tmp_path: Path) -> None:
    allergy = about(
        "AllergyIntolerance", "a1", code=coded(SNOMED, "91936005", "Allergy to penicillin")
    )
    graph = load("fhir", write_bulk(tmp_path / "in", allergy), text_codes="no")
    assert graph.edges.filter(relation="ALLERGIC_TO")["object"].to_list() == [
        "fhir:drug_penicillin"
    ]


def test_an_allergy_that_was_entered_in_error_is_set_aside(tmp_path: Path) -> None:
    wrong = about(
        "AllergyIntolerance",
        "a1",
        code=coded(RXNORM, "1191"),
        verificationStatus=coded(ALLERGY_VERIFIED, "entered-in-error"),
    )
    graph, quarantine = read(tmp_path, wrong, patient())
    assert [row.reason for row in quarantine.rows] == ["entered in error"]
    assert graph.evidence.is_empty()


def test_procedures_and_family_history(tmp_path: Path) -> None:
    graph, quarantine = read(
        tmp_path,
        about(
            "Procedure",
            "x1",
            status="completed",
            code=coded(SNOMED, "80146002", "Appendectomy"),
            performedPeriod={"start": "2001-02-03"},
        ),
        about(
            "Procedure",
            "x2",
            status="not-done",
            code=coded(SNOMED, "73761001", "Colonoscopy"),
        ),
        about(
            "FamilyMemberHistory",
            "f1",
            status="completed",
            relationship=coded("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH"),
            condition=[{"code": DIABETES, "onsetAge": {"value": 50, "code": "a"}}],
        ),
    )
    assert not quarantine.rows
    assert set(graph.edges["object"]) == {"SNOMEDCT:80146002"}
    family = graph.evidence.filter(relation="HAS_DISEASE").row(0, named=True)
    assert family["experiencer"] == "family"
    assert json.loads(family["qualifiers"]) == {
        "record": "FamilyMemberHistory/f1",
        "relative": "MTH",
        "onset": "P50Y",
    }


def test_addresses_within_a_bundle(tmp_path: Path) -> None:
    one = {**condition("c1", DIABETES), "subject": {"reference": "urn:uuid:0-1"}}
    entries = [
        {"fullUrl": "urn:uuid:0-1", "resource": patient("p7")},
        {"fullUrl": "urn:uuid:0-2", "resource": one},
        {"fullUrl": "urn:uuid:0-3", "resource": {"resourceType": "Bundle", "entry": []}},
        {"request": {"method": "DELETE", "url": "Patient/3"}},
    ]
    file = tmp_path / "b.json"
    text = json.dumps({"entry": entries, "type": "transaction", "resourceType": "Bundle"})
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    graph = load("fhir", file)
    assert graph.edges.select("subject").rows() == [("patient:p7",)]
    assert graph.nodes.filter(kind="Patient").height == 1


def test_what_is_set_aside_is_told_without_the_patients_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vaccine = about("Immunization", "i1", vaccineCode=coded(RXNORM, "1191", "Aspirin"))
    folder = write_bulk(tmp_path / "in", vaccine)
    group = {**glucose(), "subject": {"reference": "Group/7"}}
    conditional = {**glucose(), "subject": {"reference": "Patient?identifier=MRN-774"}}
    strange = {**glucose(), "Jane Exampleton": 1, "status": 5}
    texts = [json.dumps(r) for r in (group, conditional, strange)]
    (folder / "More.ndjson").write_text(
        "\n".join([*texts, '{"resourceType": "Jane", "id": "1"}', '{"Jane', ""]), encoding="utf-8"
    )
    quarantine = Quarantine()
    with caplog.at_level(logging.WARNING):
        graph = load("fhir", folder, quarantine=quarantine)
    assert graph.checksum() == load("fhir", write_bulk(tmp_path / "good")).checksum()
    assert [(row.reason, row.line) for row in quarantine.rows] == [
        ("subject is no patient that can be told", 1),
        ("subject is no patient that can be told", 2),
        ("no valid FHIR resource", 3),
        ("no FHIR resource", 4),
        ("no FHIR resource", 5),
    ]
    assert "fhir: resources that are not read: Immunization: 1" in caplog.text
    messages = str(quarantine.rows) + caplog.text
    assert not [secret for secret in SECRETS if secret in messages]


def test_a_bundle_that_is_cut_short_is_an_error_without_its_text(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "b.json", patient(), glucose())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"b\.json: is not whole, valid JSON$") as error:
        load("fhir", path)
    assert error.value.__cause__ is None
    with pytest.raises(MissingError, match="nothing-here"):
        load("fhir", tmp_path / "nothing-here")
