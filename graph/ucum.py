"""Units as UCUM writes them, and as reports and notes do, parsed to units of `pint`.

UCUM is case-sensitive (https://ucum.org/ucum): `10*3/uL`, `mm[Hg]`, `[IU]/L`, `Cel`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pint import UnitRegistry
    from pint.facets.plain import PlainUnit

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
SPELLINGS = {
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
# What is counted has no unit.
_COUNTED = {"cell", "cells", "count", "counts", "beat", "beats", "breath", "breaths", "ratio"}
# Spellings of whole units, in lower case, to UCUM's.
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


@dataclass(frozen=True)
class Unit:
    """A unit as a multiple of one of pint's.

    Attributes:
        share: what a unit without dimension is a share of: a dimension of pint, "whole", or "".
    """

    factor: float
    unit: PlainUnit
    share: str

    @property
    def size(self) -> float:
        """How many of the dimension's base unit it is."""
        quantity = registry().Quantity(self.factor, self.unit)
        return float(quantity.to_base_units().magnitude)


@cache
def registry() -> UnitRegistry[float]:
    """The units of pint, with those of medicine that it lacks."""
    # Not above: it takes half a second, and few who import this module need it.
    from pint import UnitRegistry

    units: UnitRegistry[float] = UnitRegistry()
    for definition in _DEFINITIONS:
        units.define(definition)
    return units


def parse_unit(unit: str) -> Unit | None:
    """The unit that a text names; None where any part of it is unknown."""
    text = re.sub(r"[µμ]", "u", re.sub(r"\bper\b", "/", unit.strip()))
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


def _product(text: str) -> Unit | None:
    """A product or quotient of atoms and numbers; None where any part of it is unknown."""
    pint_unit = registry().Unit
    factor, unit = 1.0, pint_unit("dimensionless")
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
            atom = pint_unit(name) ** (sign * int(term["exponent"] or 1))
            atoms.append(atom)
            unit *= atom
        else:
            return None
    return Unit(factor, unit, _share(atoms))


def _name(atom: str) -> str | None:
    """pint's name of an atom, with or without a prefix; None where it is not known."""
    atom = SPELLINGS.get(atom.lower(), atom)
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
