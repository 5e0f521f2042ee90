"""Laboratory results of FHIR's Observations (R4, R5: https://hl7.org/fhir/R4/observation.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .result import LaboratoryResult, number_or_none

_LOINC = {"http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"}
_NOT_RESULTS = {"entered-in-error", "cancelled", "registered"}


def results_of_observation(observation: Mapping[str, Any]) -> Iterator[LaboratoryResult]:
    """The result of an Observation and those of its components; none of one that was withdrawn."""
    if observation.get("status") in _NOT_RESULTS:
        return
    reference = str(_mapping(observation.get("subject")).get("reference", ""))
    patient = reference.removeprefix("urn:uuid:").rpartition("/")[2]
    date = str(observation.get("effectiveDateTime") or observation.get("issued") or "")[:10]
    components = [_mapping(each) for each in _items(observation.get("component"))]
    has_value = any(name.startswith("value") for name in observation)
    for item in components + ([observation] if has_value or not components else []):
        yield _result(item, patient, date)


def _result(item: Mapping[str, Any], patient: str, date: str) -> LaboratoryResult:
    code = _mapping(item.get("code"))
    codings = [_mapping(each) for each in _items(code.get("coding"))]
    loinc = [
        str(c.get("code", "")) for c in codings if str(c.get("system", "")).rstrip("/") in _LOINC
    ]
    names = [str(c["display"]) for c in codings if c.get("display")]
    value, unit = _value(item)
    # The first without a type, or of type "normal", is the reference range.
    ranges = [_mapping(each) for each in _items(item.get("referenceRange"))]
    usual = [r for r in ranges if _first_code(r.get("type")) in ("", "normal")]
    ends = [_mapping(usual[0].get(end)) if usual else {} for end in ("low", "high")]
    units = [_unit(end) for end in ends if _unit(end)]
    interpretation = next(iter(_items(item.get("interpretation"))), None)
    return LaboratoryResult(
        patient=patient,
        test=str(code.get("text") or (names[0] if names else "")),
        loinc=loinc[0] if loinc else "",
        value=value,
        unit=unit,
        low=number_or_none(ends[0].get("value")),
        high=number_or_none(ends[1].get("value")),
        range_unit=units[0] if units else "",
        interpretation=_first_code(interpretation),
        date=date,
    )


def _value(item: Mapping[str, Any]) -> tuple[str, str]:
    """The value as text, and its unit."""
    if "valueQuantity" in item:
        quantity = _mapping(item["valueQuantity"])
        number = "" if quantity.get("value") is None else str(quantity["value"])
        return f"{quantity.get('comparator') or ''}{number}", _unit(quantity)
    for name in ("valueString", "valueInteger", "valueBoolean"):
        if item.get(name) is not None:
            value = item[name]
            return {True: "positive", False: "negative"}[
                value
            ] if value is True or value is False else str(value), ""
    concept = _mapping(item.get("valueCodeableConcept"))
    displays = [_mapping(c).get("display") for c in _items(concept.get("coding"))]
    return str(concept.get("text") or next(filter(None, displays), "")), ""


def _unit(quantity: Mapping[str, Any]) -> str:
    return str(quantity.get("code") or quantity.get("unit") or "")


def _first_code(concept: object) -> str:
    mapping = _mapping(concept)
    codes = [str(_mapping(c).get("code", "")) for c in _items(mapping.get("coding"))]
    return next(filter(None, codes), str(mapping.get("text", "")))


def _mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: files have anything anywhere."""
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
