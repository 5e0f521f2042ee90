"""The messages of GA4GH Phenopackets in JSON, with the fields that are read (versions 1 and 2).

Files may hold anything in place of them, so that reading a message may fail.
"""

from __future__ import annotations

from typing import TypedDict


class OntologyClass(TypedDict, total=False):
    """A term."""

    id: str
    label: str | None


class GestationalAge(TypedDict, total=False):
    """An age before birth."""

    weeks: int


class Age(TypedDict, total=False):
    """An age as ISO 8601 duration; version 1 calls the field `age`."""

    iso8601duration: str
    age: str


class AgeRange(TypedDict, total=False):
    """An age between two others."""

    start: Age
    end: Age


class TimeElement(TypedDict, total=False):
    """When something was: one of these fields. Version 1 has an Age or a class in its place."""

    age: Age | str
    ageRange: AgeRange
    gestationalAge: GestationalAge
    ontologyClass: OntologyClass
    timestamp: str
    iso8601duration: str
    label: str


class Interval(TypedDict, total=False):
    """A time from `start` to `end`."""

    start: str
    end: str


class ReferenceRange(TypedDict, total=False):
    """What is normal."""

    low: float
    high: float


class Quantity(TypedDict, total=False):
    """A number with its unit, which is a term; JSON of protobuf leaves out a value of 0."""

    value: float
    unit: OntologyClass
    referenceRange: ReferenceRange


class TypedQuantity(TypedDict):
    """A part of a measurement, such as the systolic one of a blood pressure."""

    type: OntologyClass
    quantity: Quantity


class ComplexValue(TypedDict, total=False):
    """A value of several parts."""

    typedQuantities: list[TypedQuantity]


class Value(TypedDict, total=False):
    """A measured value: a quantity or a term."""

    quantity: Quantity
    ontologyClass: OntologyClass


class _MeasurementFields(TypedDict):
    assay: OntologyClass


class Measurement(_MeasurementFields, total=False):
    """What was measured, and its value."""

    value: Value
    complexValue: ComplexValue
    timeObserved: TimeElement


class WithOnset(TypedDict, total=False):
    """An onset: version 2's `onset`, or one of version 1's three."""

    onset: TimeElement
    ageOfOnset: TimeElement
    ageRangeOfOnset: AgeRange
    classOfOnset: TimeElement


class PhenotypicFeature(WithOnset, total=False):
    """A phenotype that a patient has or, `excluded` (version 1: `negated`), lacks."""

    type: OntologyClass
    excluded: bool
    negated: bool
    severity: OntologyClass
    modifiers: list[OntologyClass]
    resolution: TimeElement


class Disease(WithOnset, total=False):
    """A diagnosis."""

    term: OntologyClass
    excluded: bool
    diseaseStage: list[OntologyClass]
    tumorStage: list[OntologyClass]


class GeneDescriptor(TypedDict, total=False):
    """A gene."""

    valueId: str
    symbol: str


class Expression(TypedDict):
    """A variant in the syntax of a nomenclature."""

    syntax: str
    value: str


class VariationDescriptor(TypedDict, total=False):
    """A variant."""

    geneContext: GeneDescriptor
    expressions: list[Expression]
    allelicState: OntologyClass


class VariantInterpretation(TypedDict, total=False):
    """A variant and how pathogenic it is."""

    acmgPathogenicityClassification: str
    variationDescriptor: VariationDescriptor


class GenomicInterpretation(TypedDict, total=False):
    """A gene or variant and what it has to do with the disease."""

    interpretationStatus: str
    gene: GeneDescriptor
    variantInterpretation: VariantInterpretation


class Diagnosis(TypedDict, total=False):
    """A disease and the variants that explain it."""

    disease: OntologyClass
    genomicInterpretations: list[GenomicInterpretation]


class Interpretation(TypedDict, total=False):
    """The interpretation of a patient's genome."""

    progressStatus: str
    diagnosis: Diagnosis


class Gene(TypedDict, total=False):
    """A gene of version 1."""

    id: str
    symbol: str


class DoseInterval(TypedDict, total=False):
    """A dose, and when it was given."""

    quantity: Quantity
    scheduleFrequency: OntologyClass
    interval: Interval


class _TreatmentFields(TypedDict):
    agent: OntologyClass


class Treatment(_TreatmentFields, total=False):
    """A drug that was given."""

    routeOfAdministration: OntologyClass
    doseIntervals: list[DoseInterval]


class Procedure(TypedDict, total=False):
    """A procedure that was performed."""

    code: OntologyClass
    bodySite: OntologyClass
    performed: TimeElement


class RadiationTherapy(TypedDict, total=False):
    """A radiation."""

    modality: OntologyClass
    bodySite: OntologyClass
    dosage: int
    fractions: int


class ExternalReference(TypedDict, total=False):
    """A reference to something elsewhere."""

    id: str
    label: str
    description: str


class TherapeuticRegimen(TypedDict, total=False):
    """A regimen, which is a term or described elsewhere."""

    ontologyClass: ExternalReference
    externalReference: ExternalReference
    regimenStatus: str


class Therapy(TypedDict, total=False):
    """A therapy of one of these kinds."""

    treatment: Treatment
    procedure: Procedure
    radiationTherapy: RadiationTherapy
    therapeuticRegimen: TherapeuticRegimen


class MedicalAction(Therapy, total=False):
    """A therapy, with what it was for and what came of it; version 1's may be nested."""

    chemoTherapy: Therapy
    hormoneTherapy: Therapy
    treatmentTarget: OntologyClass
    treatmentIntent: OntologyClass
    responseToTreatment: OntologyClass
    treatmentTerminationReason: OntologyClass
    adverseEvents: list[OntologyClass]


class VitalStatus(TypedDict, total=False):
    """Whether a patient is alive."""

    status: str


class Individual(TypedDict, total=False):
    """A patient."""

    sex: str
    timeAtLastEncounter: TimeElement
    ageAtCollection: TimeElement
    vitalStatus: VitalStatus


class MetaData(TypedDict, total=False):
    """Where a phenopacket comes from."""

    externalReferences: list[ExternalReference]
    phenopacketSchemaVersion: str


class Phenopacket(TypedDict, total=False):
    """A case."""

    id: str
    subject: Individual
    phenotypicFeatures: list[PhenotypicFeature]
    diseases: list[Disease]
    interpretations: list[Interpretation]
    measurements: list[Measurement]
    medicalActions: list[MedicalAction]
    genes: list[Gene]
    metaData: MetaData


class Message(Phenopacket, total=False):
    """A Phenopacket, or a Family (with a proband) or a Cohort (with members) of them."""

    proband: Phenopacket
    relatives: list[Phenopacket]
    members: list[Phenopacket]
