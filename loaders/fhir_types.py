"""The elements and resources of HL7 FHIR, with the fields that are read (R4, R4B and R5).

A resource has this form once `medkg.loaders.fhir_files.check` has let it pass. What only one of the
releases has stands beside what another one has in its place.
"""

from __future__ import annotations

from typing import TypedDict

# Elements


class Coding(TypedDict, total=False):
    """A code of a code system."""

    system: str
    code: str
    display: str


class CodeableConcept(TypedDict, total=False):
    """A concept by its codes in several systems, and as text."""

    coding: list[Coding]
    text: str


class Reference(TypedDict, total=False):
    """The address of another resource."""

    reference: str


class CodeableReference(TypedDict, total=False):
    """A concept, or the address of the resource that is meant (R5)."""

    concept: CodeableConcept
    reference: Reference


class Period(TypedDict, total=False):
    """A time from `start` to `end`."""

    start: str
    end: str


class Quantity(TypedDict, total=False):
    """A number with its unit; an Age is one too."""

    value: float
    comparator: str
    unit: str
    system: str
    code: str


class Range(TypedDict, total=False):
    """The numbers between two ends."""

    low: Quantity
    high: Quantity


class Ratio(TypedDict, total=False):
    """Two quantities, such as a titre."""

    numerator: Quantity
    denominator: Quantity


class Repeat(TypedDict, total=False):
    """How often something is repeated: `frequency` times in `period` units."""

    frequency: int
    period: float
    periodUnit: str


class Timing(TypedDict, total=False):
    """When something is to happen."""

    code: CodeableConcept
    repeat: Repeat


class DoseAndRate(TypedDict, total=False):
    """The dose of a Dosage."""

    doseQuantity: Quantity


class Dosage(TypedDict, total=False):
    """How a medicine is taken; an administration's has its `dose` in itself."""

    text: str
    timing: Timing
    route: CodeableConcept
    doseAndRate: list[DoseAndRate]
    dose: Quantity
    asNeededBoolean: bool
    asNeeded: bool


# Resources


class Resource(TypedDict, total=False):
    """What any resource may have."""

    resourceType: str
    id: str
    contained: list[Medication]


class SubjectResource(Resource, total=False):
    """A resource about a patient."""

    subject: Reference
    patient: Reference


class Entry(TypedDict, total=False):
    """An entry of a Bundle: a resource and its address."""

    fullUrl: str
    resource: Resource


class Bundle(Resource, total=False):
    """Resources in one document."""

    entry: list[Entry]


class Patient(Resource, total=False):
    """A patient."""

    gender: str
    birthDate: str
    deceasedBoolean: bool
    deceasedDateTime: str


class Stage(TypedDict, total=False):
    """The stage of a condition."""

    summary: CodeableConcept


class Condition(SubjectResource, total=False):
    """A diagnosis or problem."""

    code: CodeableConcept
    verificationStatus: CodeableConcept
    clinicalStatus: CodeableConcept
    severity: CodeableConcept
    stage: list[Stage]
    bodySite: list[CodeableConcept]
    onsetAge: Quantity
    onsetDateTime: str
    onsetPeriod: Period
    abatementAge: Quantity
    abatementDateTime: str
    abatementPeriod: Period
    recordedDate: str


class RelativesCondition(TypedDict, total=False):
    """A condition of a relative."""

    code: CodeableConcept
    onsetAge: Quantity


class FamilyMemberHistory(SubjectResource, total=False):
    """The conditions of one relative."""

    status: str
    relationship: CodeableConcept
    condition: list[RelativesCondition]
    date: str


class ReferenceRange(TypedDict, total=False):
    """What is normal."""

    low: Quantity
    high: Quantity


class ObservedValue(TypedDict, total=False):
    """What an observation, or a component of one, has found."""

    code: CodeableConcept
    valueQuantity: Quantity
    valueInteger: int
    valueRange: Range
    valueRatio: Ratio
    valueBoolean: bool
    valueCodeableConcept: CodeableConcept
    referenceRange: list[ReferenceRange]
    interpretation: list[CodeableConcept]
    dataAbsentReason: CodeableConcept


class Observation(SubjectResource, ObservedValue, total=False):
    """A measurement or finding."""

    status: str
    component: list[ObservedValue]
    effectiveDateTime: str
    effectivePeriod: Period
    issued: str


class Ingredient(TypedDict, total=False):
    """An ingredient of a medicine."""

    itemCodeableConcept: CodeableConcept
    item: CodeableReference


class Medication(TypedDict, total=False):
    """A medicine that others refer to."""

    resourceType: str
    id: str
    code: CodeableConcept
    ingredient: list[Ingredient]


class Adherence(TypedDict, total=False):
    """Whether a medicine is taken (R5)."""

    code: CodeableConcept


class MedicationUse(SubjectResource, total=False):
    """MedicationStatement, MedicationRequest or MedicationAdministration."""

    status: str
    intent: str
    adherence: Adherence
    doNotPerform: bool
    medication: CodeableReference
    medicationCodeableConcept: CodeableConcept
    medicationReference: Reference
    dosage: list[Dosage] | Dosage
    dosageInstruction: list[Dosage]
    effectiveDateTime: str
    effectivePeriod: Period
    occurenceDateTime: str  # so spelt by R5's MedicationAdministration
    occurencePeriod: Period
    authoredOn: str
    dateAsserted: str


class Procedure(SubjectResource, total=False):
    """Something done to a patient."""

    status: str
    code: CodeableConcept
    bodySite: list[CodeableConcept]
    outcome: CodeableConcept
    performedDateTime: str
    performedPeriod: Period
    occurrenceDateTime: str
    occurrencePeriod: Period


class Manifestation(CodeableConcept, total=False):
    """How a reaction shows itself: a concept, which R5 has in a CodeableReference."""

    concept: CodeableConcept


class Reaction(TypedDict, total=False):
    """A reaction to a substance."""

    substance: CodeableConcept
    manifestation: list[Manifestation]
    severity: str


class AllergyIntolerance(SubjectResource, total=False):
    """An allergy or intolerance."""

    code: CodeableConcept
    type: str | CodeableConcept
    category: list[str]
    criticality: str
    verificationStatus: CodeableConcept
    clinicalStatus: CodeableConcept
    reaction: list[Reaction]
    onsetAge: Quantity
    onsetDateTime: str
    onsetPeriod: Period
    recordedDate: str
