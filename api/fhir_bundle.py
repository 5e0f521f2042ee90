"""A patient's diagnosis, and the hypotheses and warnings of a treatment, as HL7 FHIR R4 bundles.

    result = medkg.diagnose(model, medkg.DiagnosisRequest(symptoms=["Seizure"]))
    write_bundle(diagnosis_bundle(model, result.cases[0]), "diagnosis.json")

A diagnosis that is predicted is a Condition of the verification status `differential`, one of
several that may be it, and never `confirmed`; its probability is in a RiskAssessment. What speaks
against a drug is a DetectedIssue. Every resource that medkg worked out is `preliminary`. Each
bundle is checked against the models of FHIR R4 (package fhir.resources, the extra `fhir`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medkg.core.atomic import atomic_file
from medkg.core.errors import DataError
from medkg.core.extras import explained_imports
from medkg.loaders.fhir_concepts import system_of

if TYPE_CHECKING:
    from medkg.diagnosis import PatientDiagnosis
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.safety.warning import SafetyWarning
    from medkg.mining.treatment.recommendation import DrugAssessment, Recommendation

Resource = dict[str, Any]

DISCLAIMER = "Worked out by medkg for research, not for care; no clinician has confirmed it."
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ISSUES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_BARE = ("HP", "MONDO")  # whose codes are written with their prefix
# The codes of FHIR's kinds of issues, by the first word of a warning's kind.
_ISSUE_CODES = {
    "allergy": ("ALGY", "Allergy Alert"),
    "contraindicated": ("COND", "Condition Alert"),
    "interaction": ("DRG", "Drug Interaction Alert"),
}


def diagnosis_bundle(
    model: DiagnosisModel, case: PatientDiagnosis, *, patient: str | None = None
) -> Resource:
    """A patient's findings and ranked diagnoses as a FHIR R4 Bundle.

    Args:
        case: of `DiagnosisResult.cases`.
        patient: what the patient is called in it; by default as in the case.

    Returns:
        A collection: Patient; an Observation of each phenotype, seen, absent or, where neither is
        certain, without a value and with its probability as a note; a Condition (`differential`)
        of each disease; and a RiskAssessment with their probabilities.

    Raises:
        DataError: it is no FHIR, such as a patient's identifier that FHIR can't hold.
    """
    who = _Patient(patient or case["patient"])
    uncertain = case["uncertain"]
    certain = [each for each in case["present"] if each not in uncertain]
    findings = [
        _observation(who, identifier, model.names.get(identifier, identifier), values)
        for identifiers, values in (
            (certain, {"valueBoolean": True}),
            (case["excluded"], {"valueBoolean": False}),
        )
        for identifier in identifiers
    ]
    findings += [
        _observation(who, identifier, model.names.get(identifier, identifier), _unknown(value))
        for identifier, value in uncertain.items()
    ]
    conditions = [
        _condition(who, each["disease"], each["name"], each["matching"])
        for each in case["diagnoses"]
    ]
    predictions: list[Resource] = [
        {
            "outcome": _concept(each["disease"], each["name"]),
            "probabilityDecimal": _decimal(each["probability"]),
            "rationale": _rationale(each["matching"], each["against"]),
        }
        for each in case["diagnoses"]
    ]
    if case["open_set"] is not None:
        predictions.append(
            {
                "outcome": {"text": "none of the diseases that the model knows"},
                "probabilityDecimal": _decimal(case["open_set"]["none_of_these"]),
            }
        )
    risk = _risk(who, "Differential diagnosis", model.name, predictions, case["notes"])
    risk["basis"] = [_reference(each) for each in findings]
    return _bundle([who.resource, *findings, *conditions, risk])


def recommendation_bundle(recommendation: Recommendation, *, patient: str = "patient") -> Resource:
    """The hypotheses and warnings of a recommendation as a FHIR R4 Bundle.

    Args:
        recommendation: of `TreatmentModel.recommend`.
        patient: what the patient is called in it.

    Returns:
        A collection: Patient; a RiskAssessment of each disease's hypotheses, with the probability
        that a source records the drug for it; and a DetectedIssue of each warning about a drug that
        is taken, recorded, hypothetical or contraindicated.

    Raises:
        DataError: it is no FHIR.
    """
    who = _Patient(patient)
    by_disease: dict[tuple[str, str], list[DrugAssessment]] = {}
    for drug in recommendation.hypotheses:
        by_disease.setdefault((drug.disease, drug.disease_name), []).append(drug)
    risks = []
    for (disease, name), drugs in by_disease.items():
        predictions = [
            {
                "outcome": _concept(drug.drug, drug.name),
                "probabilityDecimal": _decimal(drug.probability or 0.0),
                "rationale": "; ".join(drug.because) or "see the model's card",
            }
            for drug in drugs
        ]
        title = f"Drugs that no source records for {name}: hypotheses"
        risk = _risk(who, title, recommendation.model, predictions, recommendation.notices)
        risk["reasonCode"] = [_concept(disease, name)]
        risks.append(risk)
    assessed = (
        *recommendation.taking,
        *recommendation.contraindicated,
        *recommendation.recorded,
        *recommendation.hypotheses,
    )
    issues = list(_issues(who, assessed))
    return _bundle([who.resource, *risks, *issues])


def write_bundle(bundle: Mapping[str, Any], path: Path | str) -> None:
    """Write a bundle as JSON, readable by its owner alone."""
    with atomic_file(path) as draft:
        draft.write_text(json.dumps(bundle, ensure_ascii=False, indent=1), encoding="utf-8")


class _Patient:
    """Whom a bundle is about: the resource, and a reference to it."""

    def __init__(self, name: str):
        self.resource = _resource("Patient", identifier=[{"value": name}])
        self.reference = _reference(self.resource)


def _resource(kind: str, **fields: object) -> Resource:
    return {"resourceType": kind, "id": str(uuid.uuid4()), **fields}


def _reference(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}", "type": resource["resourceType"]}


def _concept(identifier: str, name: str) -> Resource:
    """A CodeableConcept; what is of no code system that FHIR has an address for is text alone."""
    prefix, _, local = identifier.partition(":")
    system = system_of(prefix)
    if system is None:
        return {"text": f"{name} ({identifier})"}
    code = identifier if prefix in _BARE else local
    return {"coding": [{"system": system, "code": code, "display": name}], "text": name}


def _observation(
    who: _Patient, identifier: str, name: str, value: Mapping[str, object]
) -> Resource:
    return _resource(
        "Observation",
        status="preliminary",
        code=_concept(identifier, name),
        subject=who.reference,
        **value,
    )


def _unknown(probability: float) -> Resource:
    """In place of an Observation's value: why there is none."""
    return {
        "dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "unknown"}]},
        "note": [{"text": f"uncertain: probability {_decimal(probability):g}"}],
    }


def _condition(who: _Patient, disease: str, name: str, matching: Iterable[str]) -> Resource:
    evidence = [{"code": [{"text": each}]} for each in matching]
    return _resource(
        "Condition",
        verificationStatus={"coding": [{"system": _VERIFICATION, "code": "differential"}]},
        code=_concept(disease, name),
        subject=who.reference,
        note=[{"text": DISCLAIMER}],
        **({"evidence": evidence} if evidence else {}),
    )


def _risk(
    who: _Patient, title: str, model: str, predictions: list[Resource], notes: Iterable[str]
) -> Resource:
    return _resource(
        "RiskAssessment",
        status="preliminary",
        code={"text": title},
        method={"text": model},
        subject=who.reference,
        occurrenceDateTime=_now(),
        prediction=predictions,
        note=[{"text": text} for text in (DISCLAIMER, *notes)],
    )


def _issues(who: _Patient, drugs: Iterable[DrugAssessment]) -> Iterator[Resource]:
    """An issue for each warning about each drug, once."""
    stated = set()
    for drug in drugs:
        for warning in drug.warnings:
            if (drug.drug, warning.kind, warning.about) not in stated:
                stated.add((drug.drug, warning.kind, warning.about))
                yield _issue(who, drug, warning)


def _issue(who: _Patient, drug: DrugAssessment, warning: SafetyWarning) -> Resource:
    code: Resource = {"text": warning.kind}
    if known := _ISSUE_CODES.get(warning.kind.split()[0]):
        code["coding"] = [{"system": _ISSUES, "code": known[0], "display": known[1]}]
    cited = [
        {"detail": [{"display": " ".join(filter(None, (piece["source"], piece["document"])))}]}
        for piece in warning.evidence
    ]
    return _resource(
        "DetectedIssue",
        status="preliminary",
        code=code,
        severity="high" if warning.factor == 1 else "moderate",
        patient=who.reference,
        identifiedDateTime=_now(),
        implicated=[{"display": f"{drug.name} ({drug.drug})"}],
        detail=f"{warning.text}. {DISCLAIMER}",
        **({"evidence": cited} if cited else {}),
    )


def _rationale(matching: Iterable[str], against: Iterable[str]) -> str:
    parts = [("for it", matching), ("against it", against)]
    texts = [f"{what}: {', '.join(names)}" for what, names in parts if names]
    return "; ".join(texts) or "no phenotype matches"


def _decimal(probability: float) -> float:
    return round(probability, 6)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _bundle(resources: list[Resource]) -> Resource:
    bundle = _resource(
        "Bundle",
        type="collection",
        timestamp=_now(),
        entry=[{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources],
    )
    _check(bundle)
    return bundle


@explained_imports()
def _check(bundle: Resource) -> None:
    """Raises DataError where FHIR R4's models refuse the bundle."""
    from fhir.resources.R4B.bundle import Bundle
    from pydantic import ValidationError

    try:
        Bundle.model_validate(bundle)
    except ValidationError as error:
        places = [".".join(map(str, each["loc"])) for each in error.errors()[:3]]
        raise DataError(f"can't be said in FHIR: {', '.join(places)}") from None
