"""Values of FHIR's elements as qualifiers of evidence: codes, ages, dates, quantities, dosages."""

from __future__ import annotations

import re

from ..core.text import day
from .clinical import MeasuredValue, Qualifiers
from .fhir_files import listed
from .fhir_types import CodeableConcept, Dosage, ObservedValue, Period, Quantity, ReferenceRange

_UCUM = "http://unitsofmeasure.org"
_DURATION_UNITS = {"a": "Y", "mo": "M", "wk": "W", "d": "D"}  # UCUM's code to ISO 8601's letter

# A dose within a line of text; nothing else of the line is kept.
_DOSE = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?(mg|mcg|ug|µg|g|ml|mL|units?|IU|mmol|mEq|tablets?|puffs?)\b"
)


def codes_of(concept: CodeableConcept | None) -> set[str]:
    """All codes of a CodeableConcept, whatever their system."""
    codings = listed((concept or {}).get("coding"))
    return {str(coding["code"]) for coding in codings if coding.get("code")}


def display_of(concept: CodeableConcept | None) -> str:
    """What the first of a CodeableConcept's codes is called; its own text is not read."""
    codings = listed((concept or {}).get("coding"))
    names = (str(coding.get("display") or coding.get("code") or "") for coding in codings)
    return next((name for name in names if name), "")


def start_day(date_time: str | None, period: Period | None) -> str | None:
    """The day of a dateTime, or the one on which a Period starts."""
    return day(date_time or (period or {}).get("start"))


def age_duration(age: Quantity | None) -> str:
    """An Age as ISO 8601 duration; empty where it is none."""
    if not isinstance(age, dict) or age.get("code") not in _DURATION_UNITS or "value" not in age:
        return ""
    return f"P{age['value']:g}{_DURATION_UNITS[age['code']]}"


def value_qualifiers(observed: ObservedValue) -> Qualifiers:
    """The qualifiers of a value that is a number or coded; text is not read."""
    ranges = listed(observed.get("referenceRange"))
    low, high = _range_ends(ranges[0] if ranges else {})
    if "valueQuantity" in observed:
        quantity = observed["valueQuantity"]
        measured = MeasuredValue(quantity.get("value"), _unit(quantity), low, high)
        return {**measured.qualifiers(), "comparator": quantity.get("comparator")}
    if "valueInteger" in observed:
        return MeasuredValue(observed["valueInteger"], None, low, high).qualifiers()
    if "valueRange" in observed:
        first = observed["valueRange"].get("low") or {}
        second = observed["valueRange"].get("high") or {}
        text = f"{first.get('value', '')}-{second.get('value', '')}"
        return {"value": text, "unit": _unit(first) or _unit(second)}
    if "valueRatio" in observed:
        first = observed["valueRatio"].get("numerator") or {}
        second = observed["valueRatio"].get("denominator") or {}
        text = f"{first.get('value', '')}:{second.get('value', '')}"
        return {"value": text, "unit": _unit(first)}
    if "valueBoolean" in observed:
        return {"value": "true" if observed["valueBoolean"] else "false"}
    if "valueCodeableConcept" in observed:
        return {"value": display_of(observed["valueCodeableConcept"])}
    return {}


def dosage_qualifiers(dosage: Dosage) -> Qualifiers:
    """Dose, route and frequency of a Dosage; from its text only what has the form of a dose."""
    rates = listed(dosage.get("doseAndRate"))
    quantity = (rates[0].get("doseQuantity") if rates else None) or dosage.get("dose") or {}
    dose: Qualifiers = {}
    if "value" in quantity:
        dose = MeasuredValue(quantity["value"], _unit(quantity)).as_dose()
    elif match := _DOSE.search(str(dosage.get("text", ""))):
        dose["dose"] = f"{match[1]} {match[2]}"
    return {
        **dose,
        "route": display_of(dosage.get("route")),
        "frequency": _frequency(dosage),
        "as_needed": dosage.get("asNeededBoolean") or dosage.get("asNeeded") or None,
    }


def _frequency(dosage: Dosage) -> str:
    timing = dosage.get("timing") or {}
    repeat = timing.get("repeat") or {}
    frequency = display_of(timing.get("code"))
    if not frequency and "period" in repeat:
        times = repeat.get("frequency", 1)
        frequency = f"{times} per {repeat['period']:g} {repeat.get('periodUnit', '')}".strip()
    return frequency


def _range_ends(reference: ReferenceRange) -> tuple[float | None, float | None]:
    low, high = reference.get("low") or {}, reference.get("high") or {}
    return low.get("value"), high.get("value")


def _unit(quantity: Quantity) -> str | None:
    """A Quantity's unit: its UCUM code, else what it is called."""
    if quantity.get("system") == _UCUM and quantity.get("code"):
        return str(quantity["code"])
    return quantity.get("unit") or quantity.get("code")
