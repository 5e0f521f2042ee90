"""Single phenopackets as patients with nodes and evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar, Unpack

from ..core.errors import SchemaError
from ..core.text import day
from ..graph.identifiers import is_curie, normalise_curie
from .clinical import EvidenceColumns, MeasuredValue, PartBuffer, Qualifiers, local_id, slug
from .phenopacket_types import (
    Age,
    Diagnosis,
    Disease,
    DoseInterval,
    ExternalReference,
    Gene,
    GenomicInterpretation,
    Interpretation,
    Measurement,
    MedicalAction,
    OntologyClass,
    Phenopacket,
    PhenotypicFeature,
    Quantity,
    TimeElement,
    Treatment,
    WithOnset,
)

SOURCE_NAME = "phenopackets"

# What reading a malformed message may raise.
UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    SchemaError,
)
_CONTENT_FIELDS = (
    "phenotypicFeatures",
    "diseases",
    "interpretations",
    "measurements",
    "medicalActions",
    "genes",
    "subject",
)
_Message = TypeVar("_Message")


class _Node(NamedTuple):
    id: str
    kind: str
    name: str


class _Evidence(NamedTuple):
    relation: str
    object: str
    qualifiers: Qualifiers
    columns: EvidenceColumns


class Case:
    """A patient with the nodes and evidence of one phenopacket.

    Args:
        packet: the message.
        name: of its file, in place of an identifier that is missing.
        group: properties that name its family or cohort.

    Attributes:
        patient: the CURIE of the patient.
        problems: reasons for which parts of the phenopacket are left out.

    Raises:
        ValueError: the message is no phenopacket; any of `UNREADABLE` where it is malformed.
    """

    def __init__(self, packet: Phenopacket, name: str, group: dict[str, str]):
        if not any(field in packet for field in _CONTENT_FIELDS):
            raise ValueError("none of a phenopacket's fields")
        identifier = str(packet.get("id") or Path(name).stem)
        self.patient = f"patient:{slug(identifier)}"
        self.problems: list[str] = []
        self._name = identifier
        self._nodes: list[_Node] = []
        self._evidence: list[_Evidence] = []
        self._references = _publications(packet, identifier)
        self._properties = self._properties_of(packet, group)
        for feature in packet.get("phenotypicFeatures", []):
            self._add_feature(feature)
        for disease in _diagnoses(packet):
            self._add_disease(disease)
        self._add_each("measurements", packet.get("measurements", []), self._add_measurement)
        self._add_each(
            "interpretations", packet.get("interpretations", []), self._add_interpretation
        )
        self._add_each("genes", packet.get("genes", []), self._add_candidate_gene)
        self._add_each("medicalActions", packet.get("medicalActions", []), self._add_action)
        version = str(packet.get("metaData", {}).get("phenopacketSchemaVersion") or "2")
        if version.partition(".")[0] not in ("1", "2"):
            self.problems.append("schema version is neither 1 nor 2; kept, read as 2")

    def add_to(self, buffer: PartBuffer) -> None:
        """Hand the nodes and the evidence over."""
        buffer.add_node(self.patient, "Patient", self._name, properties=self._properties)
        for node in self._nodes:
            buffer.add_node(*node)
        for evidence in self._evidence:
            columns: EvidenceColumns = {**evidence.columns, "references": self._references}
            buffer.add_evidence(
                self.patient, evidence.relation, evidence.object, evidence.qualifiers, **columns
            )

    def _properties_of(self, packet: Phenopacket, group: dict[str, str]) -> Qualifiers:
        subject = packet.get("subject", {})
        properties = {
            "sex": str(subject.get("sex", "")).lower().replace("_sex", ""),
            "age": _time(subject.get("timeAtLastEncounter") or subject.get("ageAtCollection")),
            "vital_status": subject.get("vitalStatus", {}).get("status", "").lower(),
            "publication": self._references[0] if self._references else "",
            **group,
        }
        return {key: value for key, value in properties.items() if value not in ("", "unknown")}

    def _add_each(
        self, field: str, messages: Iterable[_Message], add: Callable[[_Message], None]
    ) -> None:
        """Add each message of a field; one that can't be read costs no other."""
        for message in messages:
            try:
                add(message)
            except UNREADABLE:
                self.problems.append(f"one of {field} can't be read")

    def _add(
        self,
        relation: str,
        term: OntologyClass | ExternalReference,
        kind: str,
        qualifiers: Qualifiers,
        **columns: Unpack[EvidenceColumns],
    ) -> None:
        """Add evidence that the patient has a relation to a term."""
        identifier, label = str(term.get("id", "")), str(term.get("label") or "")
        if not is_curie(identifier) and kind in ("Procedure", "Drug") and label:
            identifier = local_id(SOURCE_NAME, kind, label)
        identifier = normalise_curie(identifier)
        self._nodes.append(_Node(identifier, kind, label or identifier))
        self._evidence.append(_Evidence(relation, identifier, qualifiers, columns))

    def _add_feature(self, feature: PhenotypicFeature) -> None:
        is_excluded = feature.get("excluded") or feature.get("negated")
        qualifiers: Qualifiers = {
            "onset": _onset(feature),
            "severity": _label(feature.get("severity")),
            "modifiers": [_label(modifier) for modifier in feature.get("modifiers", [])],
            "resolution": _time(feature.get("resolution")),
        }
        relation = "LACKS_PHENOTYPE" if is_excluded else "HAS_PHENOTYPE"
        self._add(relation, _with_curie(feature["type"]), "Symptom", qualifiers)

    def _add_disease(self, disease: Disease) -> None:
        stages = disease.get("diseaseStage") or disease.get("tumorStage") or []
        self._add(
            "HAS_DISEASE",
            _with_curie(disease["term"]),
            "Disease",
            {"onset": _onset(disease), "stage": "; ".join(_label(stage) for stage in stages)},
            polarity="negated" if disease.get("excluded") else "asserted",
        )

    def _add_measurement(self, measurement: Measurement) -> None:
        assay, value = measurement["assay"], measurement.get("value", {})
        time = measurement.get("timeObserved") or {}
        date = day(time.get("timestamp"))
        qualifiers: Qualifiers = {"age": _time(time)}
        # An assay may be what it found: "Increased antibody level", with the level.
        relation, kind = "UNDERWENT", "Procedure"
        if str(assay["id"]).startswith("HP:"):
            relation, kind = "HAS_PHENOTYPE", "Symptom"
        components = measurement.get("complexValue", {}).get("typedQuantities", [])
        # What the assay is of, such as the systolic part of a blood pressure, where it has parts.
        for component in components:
            measured = _measured(component["quantity"]).qualifiers()
            part = {"part": _label(component["type"])}
            self._add(relation, assay, kind, {**qualifiers, **measured, **part}, date=date)
        if components:
            return
        if "ontologyClass" in value:
            qualifiers["value"] = _label(value["ontologyClass"])
        else:
            qualifiers |= _measured(value["quantity"]).qualifiers()
        self._add(relation, assay, kind, qualifiers, date=date)

    def _add_interpretation(self, interpretation: Interpretation) -> None:
        diagnosis = interpretation.get("diagnosis", {})
        for genomic in diagnosis.get("genomicInterpretations", []):
            self._add_genomic_interpretation(genomic, diagnosis)

    def _add_genomic_interpretation(
        self, genomic: GenomicInterpretation, diagnosis: Diagnosis
    ) -> None:
        variant = genomic.get("variantInterpretation", {})
        descriptor = variant.get("variationDescriptor", {})
        gene = genomic.get("gene") or descriptor.get("geneContext")
        if gene is None:
            return  # a structural variant that names no gene
        status = str(genomic.get("interpretationStatus", "UNKNOWN_STATUS"))
        expressions = {e["syntax"]: e["value"] for e in descriptor.get("expressions", [])}
        pathogenicity = str(variant.get("acmgPathogenicityClassification", ""))
        is_certain = status in ("CAUSATIVE", "CONTRIBUTORY", "REJECTED")
        self._add(
            "HAS_VARIANT_IN",
            {"id": gene["valueId"], "label": gene.get("symbol")},
            "Target",
            {
                "variant": expressions.get("hgvs.c") or next(iter(expressions.values()), ""),
                "allelic_state": _label(descriptor.get("allelicState")),
                "pathogenicity": pathogenicity.lower().replace("_", " "),
                "status": status.lower().replace("_status", ""),
                "disease": diagnosis.get("disease", {}).get("id"),
            },
            polarity="negated" if status == "REJECTED" else "asserted",
            certainty="certain" if is_certain else "possible",
        )

    def _add_candidate_gene(self, gene: Gene) -> None:
        """Add a gene of version 1, which says of it only that it is thought to matter."""
        term: OntologyClass = {"id": gene["id"], "label": gene.get("symbol")}
        self._add("HAS_VARIANT_IN", term, "Target", {}, certainty="possible")

    def _add_action(self, action: MedicalAction) -> None:
        qualifiers: Qualifiers = {
            "for": action.get("treatmentTarget", {}).get("id"),
            "intent": _label(action.get("treatmentIntent")),
            "response": _label(action.get("responseToTreatment")),
            "stopped_for": _label(action.get("treatmentTerminationReason")),
            "adverse_events": [
                _with_curie(event)["id"] for event in action.get("adverseEvents", [])
            ],
        }
        therapy = action.get("chemoTherapy") or action.get("hormoneTherapy") or action
        if "treatment" in therapy:
            self._add_treatment(therapy["treatment"], qualifiers)
        elif "procedure" in action:
            procedure = action["procedure"]
            qualifiers["site"] = _label(procedure.get("bodySite"))
            qualifiers["age"] = _time(procedure.get("performed"))
            self._add("UNDERWENT", procedure["code"], "Procedure", qualifiers)
        elif "radiationTherapy" in action:
            radiation = action["radiationTherapy"]
            qualifiers["site"] = _label(radiation.get("bodySite"))
            qualifiers["dose"] = radiation.get("dosage")
            qualifiers["fractions"] = radiation.get("fractions")
            self._add("UNDERWENT", radiation["modality"], "Procedure", qualifiers)
        else:
            regimen = action["therapeuticRegimen"]
            qualifiers["status"] = str(regimen.get("regimenStatus", "")).lower()
            described = regimen.get("ontologyClass") or regimen["externalReference"]
            label = described.get("label") or described.get("description")
            term: OntologyClass = {"id": described.get("id", ""), "label": label}
            self._add("UNDERWENT", term, "Procedure", qualifiers)

    def _add_treatment(self, treatment: Treatment, qualifiers: Qualifiers) -> None:
        """Add the agent, with each of its doses."""
        route = _label(treatment.get("routeOfAdministration"))
        no_interval: list[DoseInterval] = [{}]
        for dose in treatment.get("doseIntervals") or no_interval:
            interval = dose.get("interval", {})
            self._add(
                "TAKES",
                treatment["agent"],
                "Drug",
                {
                    **qualifiers,
                    "route": route,
                    **(_measured(dose["quantity"]).as_dose() if "quantity" in dose else {}),
                    "frequency": _label(dose.get("scheduleFrequency")),
                    "start": day(interval.get("start")),
                    "end": day(interval.get("end")),
                },
            )


def _diagnoses(packet: Phenopacket) -> list[Disease]:
    """The diseases; where none is but excluded ones, also those of the solved interpretations."""
    diseases = list(packet.get("diseases", []))
    if any(not disease.get("excluded") for disease in diseases):
        return diseases
    return diseases + [
        {"term": interpretation["diagnosis"]["disease"]}
        for interpretation in packet.get("interpretations", [])
        if interpretation.get("progressStatus") in ("SOLVED", "COMPLETED")
    ]


def _publications(packet: Phenopacket, identifier: str) -> list[str]:
    """The PMIDs that a phenopacket states; else the one in its identifier."""
    references = packet.get("metaData", {}).get("externalReferences", [])
    pmids = {str(r["id"]) for r in references if str(r.get("id", "")).startswith("PMID:")}
    match = re.match(r"PMID_(\d+)", identifier)
    return sorted(pmids) or ([f"PMID:{match[1]}"] if match else [])


def _with_curie(term: OntologyClass) -> OntologyClass:
    """The term, whose identifier is sure to be a CURIE."""
    return {**term, "id": normalise_curie(term["id"])}


def _label(term: OntologyClass | None) -> str:
    return str((term or {}).get("label") or (term or {}).get("id") or "")


def _measured(quantity: Quantity) -> MeasuredValue:
    """A Quantity as a value. Units are terms: UCUM's code is the unit, others' label is."""
    unit, reference = quantity.get("unit", {}), quantity.get("referenceRange", {})
    code = str(unit.get("id", ""))
    unit_name = code.removeprefix("UCUM:") if code.startswith("UCUM:") else _label(unit)
    # JSON of protobuf leaves out what is 0.
    return MeasuredValue(
        float(quantity.get("value", 0)),
        unit_name or None,
        float(reference.get("low", 0)) if reference else None,
        float(reference["high"]) if "high" in reference else None,
    )


def _onset(message: WithOnset) -> str:
    """The onset of a feature or disease: version 2's `onset`, or one of version 1's three."""
    onset = message.get("onset") or message.get("ageOfOnset") or message.get("classOfOnset")
    if onset is None and "ageRangeOfOnset" in message:
        onset = {"ageRange": message["ageRangeOfOnset"]}
    return _time(onset)


def _time(time: TimeElement | None) -> str:
    """An age as ISO 8601 duration, weeks of gestation, or the name of a stage of life."""
    time = time or {}
    if "ageRange" in time:
        ends = (time["ageRange"].get("start"), time["ageRange"].get("end"))
        return "/".join(_age(end) for end in ends).strip("/")
    if "age" in time:
        return _age(time["age"])
    if "gestationalAge" in time:
        return f"gestational week {time['gestationalAge'].get('weeks', '')}".strip()
    if "iso8601duration" in time:
        return str(time["iso8601duration"])
    return str(time.get("ontologyClass", time).get("label", ""))


def _age(age: Age | str | None) -> str:
    """An age as ISO 8601 duration."""
    age = age or {}
    if isinstance(age, dict):
        return str(age.get("iso8601duration") or age.get("age") or "")
    return str(age)
