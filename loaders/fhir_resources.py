"""FHIR's resources as nodes and evidence, by one handler for each type of resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from ..core.text import day
from .clinical import EvidenceColumns, PartBuffer, Patients, Qualifiers
from .fhir_allergies import DRUG_PREFIXES, allergen, kind_of_allergen, states_no_allergy
from .fhir_concepts import Concept, concept_of, prefix_of
from .fhir_files import References, Unusable, listed
from .fhir_types import (
    AllergyIntolerance,
    CodeableConcept,
    Condition,
    FamilyMemberHistory,
    Medication,
    MedicationUse,
    Observation,
    ObservedValue,
    Patient,
    Procedure,
    Resource,
    SubjectResource,
)
from .fhir_values import (
    age_duration,
    codes_of,
    display_of,
    dosage_qualifiers,
    start_day,
    value_qualifiers,
)

_SEVERITIES = ("mild", "moderate", "severe")  # ascending

# Codes of SNOMED CT, LOINC and HL7 by which an observation says that something is not there.
_ABSENT = {"2667000", "LA9634-2", "260385009", "373067005", "NEG", "ND", "absent"}


class ResourceReader:
    """Adds what resources say of patients to a buffer.

    Args:
        buffer: gets the nodes and evidence.
        patients: makes the identifiers of patients.
        birth_year: whether the year of birth is kept.
        text_codes: whether what is named by a short text alone becomes a node.

    Attributes:
        references: what references lead to; set anew for each file.
    """

    def __init__(
        self, buffer: PartBuffer, patients: Patients, *, birth_year: bool, text_codes: bool
    ):
        self.references = References()
        self._buffer = buffer
        self._patients = patients
        self._birth_year = birth_year
        self._text_codes = text_codes
        # Each handler gets a resource of its own type, for `check` has let it pass.
        self._handlers: Mapping[str, Callable[[Any, str], None]] = {
            "Patient": self._patient,
            "Condition": self._condition,
            "FamilyMemberHistory": self._family_history,
            "Observation": self._observation,
            "MedicationStatement": self._medication_use,
            "MedicationRequest": self._medication_use,
            "MedicationAdministration": self._medication_use,
            "Procedure": self._procedure,
            "AllergyIntolerance": self._allergy,
        }

    def reads(self, resource_type: str) -> bool:
        """Whether there is a handler for this type of resource."""
        return resource_type in self._handlers

    def read(self, resource: Resource, address: str) -> None:
        """Add what a resource says.

        Args:
            resource: one of a type that `reads` is true of, checked.
            address: of the resource in its Bundle; empty outside one.

        Raises:
            Unusable: it says nothing that can be used.
        """
        self._handlers[resource["resourceType"]](resource, address)

    # What all handlers share

    def _patient_id(self, resource: SubjectResource) -> str:
        """The node of the patient that a resource is about."""
        subject = resource.get("subject") or resource.get("patient") or {}
        address = str(subject.get("reference", ""))
        if address.startswith("urn:") or address in self.references.ids:
            own_id = self.references.ids.get(address, _last_part(address))
        elif match := re.search(r"(?:^|/)Patient/([A-Za-z0-9.-]{1,64})(?:/_history/|$)", address):
            own_id = match[1]
        else:
            raise Unusable("subject is no patient that can be told")
        identifier = self._patients.identifier(own_id)
        self._buffer.add_node(identifier, "Patient", identifier)
        return identifier

    def _concept(self, codeable: CodeableConcept | None, kind: str) -> Concept:
        return concept_of(codeable, kind, text_codes=self._text_codes)

    def _add(
        self,
        resource: SubjectResource,
        relation: str,
        concept: Concept,
        kind: str,
        qualifiers: Qualifiers,
        **columns: Unpack[EvidenceColumns],
    ) -> None:
        """Add evidence that the patient of a resource has a relation to a concept."""
        patient = self._patient_id(resource)
        self._buffer.add_node(concept.id, kind, concept.name, concept.xrefs)
        if "id" in resource:
            record = f"{resource['resourceType']}/{resource['id']}"
            qualifiers = {"record": self._patients.record(record), **qualifiers}
        self._buffer.add_evidence(patient, relation, concept.id, qualifiers, **columns)

    def _add_finding(
        self,
        resource: SubjectResource,
        codeable: CodeableConcept | None,
        qualifiers: Qualifiers,
        **columns: Unpack[EvidenceColumns],
    ) -> None:
        """Add HAS_DISEASE, or of a phenotype HAS_PHENOTYPE or LACKS_PHENOTYPE."""
        concept = self._concept(codeable, "Disease")
        is_phenotype = concept.prefix == "HP" or concept.name.endswith("(finding)")
        kind = self._buffer.add_node(concept.id, "Symptom" if is_phenotype else "Disease")
        relation = "HAS_DISEASE"
        if kind == "Symptom":
            denied = columns.get("polarity") == "negated"
            relation = "LACKS_PHENOTYPE" if denied else "HAS_PHENOTYPE"
            columns["polarity"] = "asserted"
        self._add(resource, relation, concept, kind, qualifiers, **columns)

    # One handler a type

    def _patient(self, patient: Patient, address: str) -> None:
        identifier = self._patients.identifier(str(patient.get("id") or _last_part(address)))
        born = day(patient.get("birthDate"))
        self._buffer.add_node(
            identifier,
            "Patient",
            identifier,
            properties={
                "sex": patient.get("gender"),
                "birth_year": int(born[:4]) if born and self._birth_year else None,
                "deceased": (
                    True if "deceasedDateTime" in patient else patient.get("deceasedBoolean")
                ),
            },
        )

    def _condition(self, condition: Condition, _address: str) -> None:
        verification = codes_of(condition.get("verificationStatus"))
        _refuse_errors(verification)
        is_possible = verification & {"unconfirmed", "provisional", "differential"}
        is_over = codes_of(condition.get("clinicalStatus")) & {"inactive", "resolved", "remission"}
        onset = start_day(condition.get("onsetDateTime"), condition.get("onsetPeriod"))
        end = age_duration(condition.get("abatementAge")) or start_day(
            condition.get("abatementDateTime"), condition.get("abatementPeriod")
        )
        stages = [display_of(stage.get("summary")) for stage in listed(condition.get("stage"))]
        self._add_finding(
            condition,
            condition.get("code"),
            {
                "onset": age_duration(condition.get("onsetAge")) or onset,
                "end": end,
                "severity": display_of(condition.get("severity")),
                "stage": "; ".join(stage for stage in stages if stage),
                "site": [display_of(site) for site in listed(condition.get("bodySite"))],
            },
            polarity="negated" if "refuted" in verification else "asserted",
            certainty="possible" if is_possible else "certain",
            temporality="historical" if is_over or end else "current",
            date=onset or day(condition.get("recordedDate")),
        )

    def _family_history(self, history: FamilyMemberHistory, _address: str) -> None:
        _refuse_errors([history.get("status")])
        for condition in listed(history.get("condition")):
            self._add_finding(
                history,
                condition.get("code"),
                {
                    "relative": display_of(history.get("relationship")),
                    "onset": age_duration(condition.get("onsetAge")),
                },
                experiencer="family",
                date=day(history.get("date")),
            )

    def _observation(self, observation: Observation, _address: str) -> None:
        status = observation.get("status")
        _refuse_errors([status])
        if status == "cancelled":
            raise Unusable("cancelled")
        columns: EvidenceColumns = {
            "date": start_day(
                observation.get("effectiveDateTime"), observation.get("effectivePeriod")
            )
            or day(observation.get("issued")),
            "certainty": "possible" if status in ("preliminary", "registered") else "certain",
        }
        components = listed(observation.get("component"))
        if not components or any(field.startswith("value") for field in observation):
            self._observed(observation, observation, {}, columns)
        for component in components:
            panel = self._concept(observation.get("code"), "Procedure").id
            self._observed(observation, component, {"panel": panel}, columns)

    def _observed(
        self,
        observation: Observation,
        observed: ObservedValue,
        context: Qualifiers,
        columns: EvidenceColumns,
    ) -> None:
        """One value: an observation's own, or a component's."""
        concept = self._concept(observed.get("code"), "Procedure")
        interpretations = {
            code for given in listed(observed.get("interpretation")) for code in codes_of(given)
        }
        value = observed.get("valueCodeableConcept")
        if concept.prefix == "HP":
            answers = codes_of(value) | interpretations
            denied = bool(answers & _ABSENT) or observed.get("valueBoolean") is False
            relation = "LACKS_PHENOTYPE" if denied else "HAS_PHENOTYPE"
            self._add(observation, relation, concept, "Symptom", context, **columns)
            return
        absence_reasons = codes_of(observed.get("dataAbsentReason"))
        asserted: EvidenceColumns = {
            **columns,
            "polarity": "negated" if "not-performed" in absence_reasons else "asserted",
        }
        self._add(
            observation,
            "UNDERWENT",
            concept,
            "Procedure",
            {
                **context,
                **value_qualifiers(observed),
                "interpretation": ", ".join(sorted(interpretations)),
                "absent_because": ", ".join(sorted(absence_reasons)),
            },
            **asserted,
        )
        # A phenotype may be the answer, as to LOINC 8693-8 or to a list of problems.
        if (
            value is not None
            and not interpretations & _ABSENT
            and any(prefix_of(coding) == "HP" for coding in listed(value.get("coding")))
        ):
            self._add_finding(observation, value, context, **columns)

    def _medication_use(self, use: MedicationUse, _address: str) -> None:
        status = str(use.get("status", ""))
        _refuse_errors([status])
        ended = {"stopped", "on-hold", "ended"}
        if use["resourceType"] != "MedicationAdministration":
            ended.add("completed")
        not_taken = (
            status in ("not-taken", "not-done")
            or use.get("doNotPerform") is True
            or "not-taking" in codes_of((use.get("adherence") or {}).get("code"))
        )
        is_planned = status in ("intended", "draft", "cancelled") or use.get("intent") in (
            "proposal",
            "plan",
            "option",
        )
        columns: EvidenceColumns = {
            "polarity": "negated" if not_taken else "asserted",
            "certainty": "hypothetical" if is_planned else "certain",
            "temporality": "historical" if status in ended else "current",
            "date": start_day(use.get("effectiveDateTime"), use.get("effectivePeriod"))
            or start_day(use.get("occurenceDateTime"), use.get("occurencePeriod"))
            or day(use.get("authoredOn"))
            or day(use.get("dateAsserted")),
        }
        dosages = use.get("dosage") or use.get("dosageInstruction") or [{}]
        for concept in self._medicines(use):
            for dosage in dosages if isinstance(dosages, list) else [dosages]:
                self._add(use, "TAKES", concept, "Drug", dosage_qualifiers(dosage), **columns)

    def _medicines(self, use: MedicationUse) -> list[Concept]:
        """The medicine of a resource; of a medicine without a code, its ingredients."""
        either = use.get("medication") or {}
        codeable = use.get("medicationCodeableConcept") or either.get("concept")
        if codeable is not None:
            return [self._concept(codeable, "Drug")]
        medication = self._referred_medication(use)
        if medication is None:
            raise Unusable("medication that is not there", "medicationReference")
        if "code" in medication:
            return [self._concept(medication["code"], "Drug")]
        codes = [
            ingredient.get("itemCodeableConcept") or ingredient.get("item", {}).get("concept")
            for ingredient in listed(medication.get("ingredient"))
        ]
        return [self._concept(code, "Drug") for code in codes or [None]]

    def _referred_medication(self, use: MedicationUse) -> Medication | None:
        """The Medication that a resource refers to: one it contains, or another of the files."""
        either = use.get("medication") or {}
        reference = use.get("medicationReference") or either.get("reference") or {}
        address = str(reference.get("reference", ""))
        if address.startswith("#"):
            contained = listed(use.get("contained"))
            return next((held for held in contained if held.get("id") == address[1:]), None)
        medications = self.references.medications
        relative = "/".join(address.split("/_history/")[0].split("/")[-2:])
        return medications.get(address) or medications.get(relative)

    def _procedure(self, procedure: Procedure, _address: str) -> None:
        status = procedure.get("status")
        _refuse_errors([status])
        self._add(
            procedure,
            "UNDERWENT",
            self._concept(procedure.get("code"), "Procedure"),
            "Procedure",
            {
                "site": [display_of(site) for site in listed(procedure.get("bodySite"))],
                "outcome": display_of(procedure.get("outcome")),
            },
            polarity="negated" if status == "not-done" else "asserted",
            certainty="hypothetical" if status == "preparation" else "certain",
            date=start_day(procedure.get("performedDateTime"), procedure.get("performedPeriod"))
            or start_day(procedure.get("occurrenceDateTime"), procedure.get("occurrencePeriod")),
        )

    def _allergy(self, allergy: AllergyIntolerance, _address: str) -> None:
        verification = codes_of(allergy.get("verificationStatus"))
        _refuse_errors(verification)
        is_over = codes_of(allergy.get("clinicalStatus")) & {"inactive", "resolved"}
        reactions = listed(allergy.get("reaction"))
        substance = next((r["substance"] for r in reactions if r.get("substance")), None)
        code = allergy.get("code") or substance
        if states_no_allergy(code):
            self._patient_id(allergy)
            return
        kind = kind_of_allergen(allergy)
        concept = allergen(code, substance, kind, text_codes=self._text_codes)
        # A drug stays one, whatever the category.
        kind = self._buffer.add_node(
            concept.id, "Drug" if concept.prefix in DRUG_PREFIXES else kind
        )
        manifestations = [
            display_of(manifestation.get("concept") or manifestation)
            for reaction in reactions
            for manifestation in listed(reaction.get("manifestation"))
        ]
        severities = [r["severity"] for r in reactions if r.get("severity") in _SEVERITIES]
        type_ = allergy.get("type")
        onset = start_day(allergy.get("onsetDateTime"), allergy.get("onsetPeriod"))
        self._add(
            allergy,
            "ALLERGIC_TO",
            concept,
            kind,
            {
                "reaction": ", ".join(dict.fromkeys(filter(None, manifestations))),
                "severity": max(severities, key=_SEVERITIES.index, default=""),
                "type": type_ if isinstance(type_, str) else ", ".join(sorted(codes_of(type_))),
                "criticality": allergy.get("criticality"),
                "onset": age_duration(allergy.get("onsetAge")) or onset,
            },
            polarity="negated" if "refuted" in verification else "asserted",
            certainty="possible" if "unconfirmed" in verification else "certain",
            temporality="historical" if is_over else "current",
            date=day(allergy.get("recordedDate")) or onset,
        )


def _refuse_errors(statuses: Iterable[str | None]) -> None:
    if "entered-in-error" in statuses:
        raise Unusable("entered in error")


def _last_part(address: str) -> str:
    """The last part of an address: the id in `urn:uuid:…` and in `https://…/Patient/…`."""
    tail = re.split(r"[/:]", address)[-1]
    if not tail:
        raise Unusable("no id")
    return tail
