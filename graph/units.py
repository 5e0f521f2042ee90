"""Quantities in one unit for each dimension: laboratory values, ages, frequencies, doses.

Units are read as UCUM writes them (https://ucum.org/ucum, case-sensitive: `10*3/uL`, `mm[Hg]`,
`[IU]/L`, `Cel`), and in the spellings that reports and notes use beside (`mcg`, `x10^9/L`,
`years`). `pint` knows the dimensions and converts. What would need knowledge of the substance, such
as mg/dL to mmol/L, or U to [IU], is never converted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from pint import UnitRegistry
    from pint.facets.plain import PlainUnit

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

# UCUM's unit atoms that medicine uses, as pint names them.
_ATOMS = {
    "g": "gram",
    "m": "meter",
    "L": "liter",
    "l": "liter",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
    "mo": "julian_month",
    "a": "julian_year",
    "mol": "mole",
    "eq": "equivalent",
    "osm": "osmole",
    "[IU]": "international_unit",
    "[iU]": "international_unit",
    "U": "catalytic_unit",
    "kat": "katalytic_unit",
    "[CFU]": "colony",
    "[HPF]": "high_power_field",
    "[LPF]": "low_power_field",
    "{1.73_m2}": "body_surface",
    "Pa": "pascal",
    "bar": "bar",
    "m[Hg]": "mercury_column",
    "m[H2O]": "water_column",
    "Cel": "degree_Celsius",
    "K": "kelvin",
    "[degF]": "degree_Fahrenheit",
    "Hz": "hertz",
    "J": "joule",
    "cal": "calorie",
    "W": "watt",
    "V": "volt",
    "%": "percent",
    "[pH]": "acidity",
    "[in_i]": "inch",
    "[ft_i]": "foot",
    "[lb_av]": "pound",
    "[oz_av]": "ounce",
}
_PREFIXES = {
    "f": "femto",
    "p": "pico",
    "n": "nano",
    "u": "micro",
    "m": "milli",
    "c": "centi",
    "d": "deci",
    "h": "hecto",
    "k": "kilo",
    "M": "mega",
}
# "Mg" in a report is a badly written mg, or magnesium.
_NO_MEGA = {"g", "m", "L", "l"}
_UNPREFIXED = {"%", "min", "h", "d", "wk", "mo", "a", "{1.73_m2}", "Cel", "[degF]", "[pH]"}
_DEFINITIONS = (
    "julian_month = 30.4375 * day",
    "equivalent = [equivalent]",
    "osmole = [osmole]",
    "international_unit = [international_unit]",
    "colony = [colony]",
    "high_power_field = [high_power_field]",
    "low_power_field = [low_power_field]",
    "body_surface = [body_surface]",
    "acidity = [acidity]",
    # Apart from amount of substance in a time, which urine is measured in.
    "catalytic_unit = [catalytic_activity]",
    "katalytic_unit = 6e7 * catalytic_unit",
    "mercury_column = 133322.387415 * pascal",
    "water_column = 9806.65 * pascal",
)

# Spellings of single units, in lower case, to UCUM's.
_SPELLINGS = {
    "mcg": "ug",
    "mcl": "uL",
    "cc": "mL",
    "gm": "g",
    "gram": "g",
    "grams": "g",
    "milligram": "mg",
    "milligrams": "mg",
    "microgram": "ug",
    "micrograms": "ug",
    "kilogram": "kg",
    "kilograms": "kg",
    "kgs": "kg",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "pound": "[lb_av]",
    "pounds": "[lb_av]",
    "oz": "[oz_av]",
    "liter": "L",
    "litre": "L",
    "liters": "L",
    "litres": "L",
    "in": "[in_i]",
    "inch": "[in_i]",
    "inches": "[in_i]",
    "ft": "[ft_i]",
    "feet": "[ft_i]",
    "iu": "[IU]",
    "miu": "m[IU]",
    "uiu": "u[IU]",
    "kiu": "k[IU]",
    "unit": "U",
    "units": "U",
    "cfu": "[CFU]",
    "hpf": "[HPF]",
    "lpf": "[LPF]",
    "mmhg": "mm[Hg]",
    "°c": "Cel",
    "degc": "Cel",
    "celsius": "Cel",
    "°f": "[degF]",
    "degf": "[degF]",
    "fahrenheit": "[degF]",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "msec": "ms",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "week": "wk",
    "weeks": "wk",
    "month": "mo",
    "months": "mo",
    "y": "a",
    "yr": "a",
    "yrs": "a",
    "yo": "a",
    "year": "a",
    "years": "a",
    "percent": "%",
}
_COUNTED = {"cell", "cells", "count", "counts", "beat", "beats", "breath", "breaths", "ratio"}
_WHOLE = {
    "": "1",
    "bpm": "/min",
    "k/ul": "10*3/uL",
    "k/mm3": "10*3/uL",
    "thou/ul": "10*3/uL",
    "thousand/ul": "10*3/uL",
    "x10e3/ul": "10*3/uL",
    "mil/ul": "10*6/uL",
    "million/ul": "10*6/uL",
}


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
    parsed = _parsed(unit)
    if parsed is None:
        return None
    for code, smallest, canonical in _canonical():
        if parsed.share != canonical.share or not parsed.unit.is_compatible_with(canonical.unit):
            continue
        if smallest is not None and parsed.size < smallest:
            continue
        zero, one = (
            _registry().Quantity(parsed.factor * at, parsed.unit).to(canonical.unit).magnitude
            / canonical.factor
            for at in (0.0, 1.0)
        )
        return _Conversion(code, one - zero, zero)
    return None


@dataclass(frozen=True)
class _Parsed:
    """A unit as a multiple of pint's; `share`: what one without dimension is a share of."""

    factor: float
    unit: PlainUnit
    share: str

    @property
    def size(self) -> float:
        """How many of the dimension's base unit it is."""
        quantity = _registry().Quantity(self.factor, self.unit)
        return float(quantity.to_base_units().magnitude)


@cache
def _canonical() -> list[tuple[str, float | None, _Parsed]]:
    """The canonical units, and how large a unit must be to become each."""
    found = []
    for code, smallest in _CANONICAL:
        parsed, limit = _parsed(code), _parsed(smallest)
        assert parsed is not None
        assert limit is not None
        found.append((code, limit.size if smallest else None, parsed))
    return found


@cache
def _registry() -> UnitRegistry[float]:
    # Not above: it takes half a second, and few who import this module need it.
    from pint import UnitRegistry

    registry: UnitRegistry[float] = UnitRegistry()
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


def _parsed(unit: str) -> _Parsed | None:
    """What a unit as written is; null where any part of it is unknown."""
    text = re.sub(r"[µμ]", "u", re.sub(r"\s*\bper\b\s*", "/", unit.strip()))
    text = re.sub(r"\s+", "", text).replace("²", "2").replace("³", "3").replace("·", ".")
    # Powers of ten, a volume of urine's day, and the standard body surface have many spellings.
    text = re.sub(r"^[x×*]?10(?:\^|\*\*|\*|e)(\d+)", r"10*\1", text, flags=re.I)
    text = re.sub(r"/\(?24\.?hr?s?\)?$", "/d", text)
    text = re.sub(r"/\{?1\.73_?m2\}?$", "/{1.73_m2}", text)
    text = _WHOLE.get(text.lower(), text)
    return _product(text) or _product(text.lower())


# UCUM's grammar without nested parentheses: an operator, then a number, an annotation, or an atom
# with its exponent.
_TERM = re.compile(
    r"(?P<operator>[./]?)(?:10[*^](?P<power>-?\d+)|(?P<number>\d+)|(?P<note>\{[^{}]*\})"
    r"|(?P<atom>[A-Za-z%°]*\[\w+\]|[A-Za-z%°]+)\^?(?P<exponent>-?\d+)?)"
)


def _product(text: str) -> _Parsed | None:
    registry = _registry()
    factor, unit = 1.0, registry.Unit("dimensionless")
    atoms: list[PlainUnit] = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None or bool(term["operator"]) < bool(at):
            return None
        at = term.end()
        sign = -1 if term["operator"] == "/" else 1
        if term["power"]:
            factor *= 10.0 ** (sign * int(term["power"]))
        elif term["number"]:
            if int(term["number"]) == 0:
                return None
            factor *= float(term["number"]) ** sign
        elif (term["note"] and term["note"] not in _ATOMS) or term["atom"] in _COUNTED:
            continue  # {score}, {beats}: counted, so a pure number
        elif name := _name(term["note"] or term["atom"]):
            atom = registry.Unit(name) ** (sign * int(term["exponent"] or 1))
            atoms.append(atom)
            unit *= atom
        else:
            return None
    return _Parsed(factor, unit, _share(atoms))


def _name(atom: str) -> str | None:
    """pint's name of an atom, with or without a prefix; null where it is not known."""
    atom = _SPELLINGS.get(atom.lower(), atom)
    if atom in _ATOMS:
        return _ATOMS[atom]
    prefix, rest = atom[:1], atom[1:]
    if prefix not in _PREFIXES or rest not in _ATOMS or rest in _UNPREFIXED:
        return None
    return None if prefix == "M" and rest in _NO_MEGA else _PREFIXES[prefix] + _ATOMS[rest]


def _share(atoms: list[PlainUnit]) -> str:
    """What cancels out in the unit: mg/g is a share of mass, L/L one of the whole, as % is."""
    powers: dict[str, Any] = {}
    for atom in atoms:
        for base, power in atom.dimensionality.items():
            powers[base] = powers.get(base, 0) + power
    cancelled = {base for base, power in powers.items() if power == 0}
    for base in ("[mass]", "[substance]"):
        if base in cancelled:
            return base
    without = any(atom.dimensionless for atom in atoms)
    return "whole" if cancelled or without else ""


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
_AGE_UNITS = {"h": "h", "hr": "h", "d": "d", "wk": "wk", "w": "wk", "mo": "mo", "m": "mo", "a": "a"}
_IN_YEARS = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25, "h": 1 / 8766}


def parse_years(text: str) -> float | None:
    """An age or a duration in years, to six decimals; null where it is none.

    Read are ISO 8601 durations (`P3Y6M`, `P2W`), and numbers with their units (`3 years`,
    `2 yrs 6 mo`, `45-year-old`, `10 d`). A month is a twelfth of a year, a year 365.25 days.
    """
    text = text.strip()
    if iso := _ISO_8601.fullmatch(text):
        parts = {unit: float(number) for unit, number in iso.groupdict().items() if number}
    else:
        text = re.sub(r"[\s-]*(?:of age|old|/o)$", "", text.lower())
        if _AGE_PART.sub("", text) or not text:
            return None
        parts = {}
        for number, word in _AGE_PART.findall(text):
            unit = _AGE_UNITS.get(_SPELLINGS.get(word, word))
            if unit is None or unit in parts:
                return None
            parts[unit] = float(number)
    if not parts:
        return None
    return round(sum(number * _IN_YEARS[unit] for unit, number in parts.items()), 6)


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
