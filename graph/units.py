"""Quantities in one unit for each dimension: laboratory values, ages, frequencies, doses.

Units are read as UCUM writes them (https://ucum.org/ucum, case-sensitive: `10*3/uL`, `mm[Hg]`,
`[IU]/L`, `Cel`), and in other spellings that reports and notes use (`mcg`, `x10^9/L`, `years`); see
`medkg.graph.ucum`. `pint` knows the dimensions and converts. What would need knowledge of the
substance, such as mg/dL to mmol/L, or U to [IU], is never converted.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from math import isfinite
from typing import NamedTuple

import polars as pl

from .ucum import SPELLINGS, Unit, parse_unit, registry

# For each dimension the unit that its quantities get, and the smallest unit that it is for. What
# is smaller gets the next of the dimension, so that the volume of a cell isn't told in millilitres,
# nor a clotting time in years.
_CANONICAL: tuple[tuple[str, str], ...] = (
    ("mg/dL", ""),  # mass concentration
    ("mmol/L", ""),  # substance concentration
    ("10*9/L", ""),  # number concentration
    ("[IU]/L", ""),
    ("U/L", ""),  # catalytic concentration
    ("meq/L", ""),
    ("mosm/kg", ""),
    ("mosm/L", ""),
    ("[CFU]/mL", ""),
    ("/[HPF]", ""),
    ("/[LPF]", ""),
    ("mm[Hg]", ""),
    ("Cel", ""),
    ("/min", ""),
    ("mL/min", ""),
    ("mL/min/{1.73_m2}", ""),
    ("mm/h", ""),
    ("ng/mL/h", ""),
    ("[pH]", ""),
    ("kg/m2", "100.g/m2"),
    ("mg/m2", ""),
    ("m2", ""),
    ("cm", ""),
    ("a", "d"),
    ("s", ""),
    ("kg", "ug"),
    ("pg", ""),
    ("mL", "nL"),
    ("fL", ""),
    ("mg/d", ""),
    ("mg/kg/d", ""),
    ("[IU]/d", ""),
    ("[IU]", ""),
    ("U", ""),
    ("mmol", ""),
    ("mmol/d", ""),
    ("mmol/kg", ""),
    ("meq", ""),
    ("mL/kg", ""),
    ("kcal", ""),
    ("mV", ""),
    ("%", ""),
    ("mg/g", ""),
    ("mmol/mol", ""),
    ("1", ""),
)


class _Conversion(NamedTuple):
    """value in the canonical unit = value * factor + offset."""

    unit: str
    factor: float
    offset: float


def normalise_quantity(value: float, unit: str) -> tuple[float, str]:
    """The value in its dimension's canonical unit, which is given as UCUM writes it.

    A unit that is not known comes back as it was, with its value; see `is_unit`. Rounded to 12
    significant digits, so that the same quantity in two units is one number.
    """
    conversion = _conversion(unit)
    if conversion is None:
        return value, unit
    return float(f"{value * conversion.factor + conversion.offset:.12g}"), conversion.unit


def is_unit(unit: str) -> bool:
    """Whether `normalise_quantity` knows the unit."""
    return _conversion(unit) is not None


@lru_cache(maxsize=10_000)
def _conversion(unit: str) -> _Conversion | None:
    """How to convert a unit to its dimension's canonical one; None where it is unknown."""
    parsed = parse_unit(unit)
    if parsed is None:
        return None
    for code, smallest, canonical in _canonical():
        if parsed.share != canonical.share or not parsed.unit.is_compatible_with(canonical.unit):
            continue
        if smallest is not None and parsed.size < smallest:
            continue
        zero, one = (
            registry().Quantity(parsed.factor * at, parsed.unit).to(canonical.unit).magnitude
            / canonical.factor
            for at in (0.0, 1.0)
        )
        return _Conversion(code, one - zero, zero)
    return None


@cache
def _canonical() -> list[tuple[str, float | None, Unit]]:
    """The canonical units, and how large a unit must be to become each."""
    units = []
    for code, smallest in _CANONICAL:
        parsed, limit = parse_unit(code), parse_unit(smallest)
        assert parsed is not None
        assert limit is not None
        units.append((code, limit.size if smallest else None, parsed))
    return units


# Quantities as text


_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(?!to\b|or\b)((?:[A-Za-zµμ%°/\[{{(×]|10[*^]).*|)")


def parse_quantity(text: str) -> tuple[float, str] | None:
    """The value and its canonical unit of a text such as `3.5 mg/dl`; null where it is none.

    A bound (`<5 mg/L`), a range and a text without a number are no quantity. A unit that is not
    known stays as it is.
    """
    match = _QUANTITY.fullmatch(text.strip())
    return None if match is None else normalise_quantity(_number(match[1]), match[2].strip())


def _number(text: str) -> float:
    """A number with thousands in groups of three, or a decimal comma."""
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:[eE][-+]?\d+)?", text):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


_ISO_8601 = re.compile(
    r"P(?=[\dT])(?:(?P<a>\d+(?:\.\d+)?)Y)?(?:(?P<mo>\d+(?:\.\d+)?)M)?(?:(?P<wk>\d+(?:\.\d+)?)W)?"
    r"(?:(?P<d>\d+(?:\.\d+)?)D)?(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:[\d.]+M)?(?:[\d.]+S)?)?"
)
_AGE_PART = re.compile(r"(\d+(?:\.\d+)?)[\s-]*([a-z]+)\.?(?:\s*(?:,|and)?\s*)")
_OLD = re.compile(r"(?<![\s-])[\s-]*+(?:of age|old|/o)$")
_AGE_UNITS = {"h": "h", "hr": "h", "d": "d", "wk": "wk", "w": "wk", "mo": "mo", "m": "mo", "a": "a"}
OLDEST = 130  # years: nobody was older
_IN_YEARS = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25, "h": 1 / 8766}


def parse_years(text: str) -> float | None:
    """An age or a duration in years, to six decimals; null where it is none.

    Read are ISO 8601 durations (`P3Y6M`, `P2W`), and numbers with their units (`3 years`,
    `2 yrs 6 mo`, `45-year-old`, `10 d`). A month is a twelfth of a year, a year 365.25 days.
    """
    text = text.strip()
    if iso := _ISO_8601.fullmatch(text):
        amounts = {unit: float(number) for unit, number in iso.groupdict().items() if number}
    else:
        text = _OLD.sub("", text.lower())
        amounts, end = {}, 0
        while end < len(text):
            # From where the last part ended: a search would try every digit of a long number.
            part = _AGE_PART.match(text, end)
            unit = None if part is None else _AGE_UNITS.get(SPELLINGS.get(part[2], part[2]))
            if part is None or unit is None or unit in amounts:
                return None
            amounts[unit], end = float(part[1]), part.end()
    years = sum(number * _IN_YEARS[unit] for unit, number in amounts.items())
    return round(years, 6) if amounts and isfinite(years) else None


# Midpoints of the ranges that HPO defines for its frequency terms.
FREQUENCY_TERMS = {
    "HP:0040280": 1.0,  # obligate
    "HP:0040281": 0.895,  # very frequent, 80-99 %
    "HP:0040282": 0.545,  # frequent, 30-79 %
    "HP:0040283": 0.17,  # occasional, 5-29 %
    "HP:0040284": 0.025,  # very rare, 1-4 %
    "HP:0040285": 0.0,  # excluded
}


def frequency_as_fraction(frequency: pl.Expr) -> pl.Expr:
    """One of HPO's frequency terms, 3/7, 45% or 0.45 as a number from 0 to 1; null for others."""
    count = frequency.str.extract(r"^(\d+)/\d+$").cast(pl.Float64)
    among = frequency.str.extract(r"^\d+/(\d+)$").cast(pl.Float64)
    percent = frequency.str.extract(r"^(\d+(?:\.\d+)?) ?%$").cast(pl.Float64)
    plain = frequency.str.extract(r"^([01](?:\.\d+)?(?:[eE]-\d+)?)$").cast(pl.Float64)
    rate = pl.coalesce(
        count / among,
        percent / 100,
        frequency.replace_strict(FREQUENCY_TERMS, default=None, return_dtype=pl.Float64),
        plain,
    )
    return pl.when(rate.is_between(0, 1)).then(rate.round(4))


_TIMES_A_DAY = {
    "": 1.0,
    "daily": 1.0,
    "once daily": 1.0,
    "twice daily": 2.0,
    "three times daily": 3.0,
    "four times daily": 4.0,
    "at night": 1.0,
    "every other day": 0.5,
    "twice weekly": 2 / 7,
    "three times weekly": 3 / 7,
    "weekly": 1 / 7,
    "monthly": 1 / 30.4375,
}
_EVERY = re.compile(r"every (\w+) (hour|day|week|month)s?")
_WORDS = {"two": 2, "three": 3, "four": 4, "six": 6, "eight": 8, "twelve": 12}
_PERIODS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4375}
_DOSE = re.compile(
    rf"({_NUMBER})\s*((?:[mµμu]|mc)?g(?:/kg)?|grams?|milligrams?|micrograms?|iu|units?|u)", re.I
)


def daily_dose(dose: str, frequency: str = "daily") -> tuple[float, str] | None:
    """A dose and how often it is taken, as `medkg.extract` reads them, as an amount a day.

    `500 mg`, `twice daily` → (1000, "mg/d"). Units of a drug are international units. Null where
    the dose is in tablets or the like, a range, or taken as needed.
    """
    per_day = _TIMES_A_DAY.get(frequency)
    if per_day is None and (every := _EVERY.fullmatch(frequency)):
        count = _WORDS.get(every[1]) or (int(every[1]) if every[1].isdecimal() else 0)
        per_day = 1 / (count * _PERIODS[every[2]]) if count else None
    match = _DOSE.fullmatch(re.sub(r"/(?:day|d)$", "", dose.strip()))
    if match is None or per_day is None:
        return None
    unit = "[IU]" if match[2].lower().startswith(("iu", "u")) else match[2]
    return normalise_quantity(_number(match[1]) * per_day, f"{unit}/d")
