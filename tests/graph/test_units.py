"""Quantities in one unit for each dimension."""

from __future__ import annotations

import math
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.graph.units import (
    daily_dose,
    frequency_as_fraction,
    is_unit,
    normalise_quantity,
    parse_quantity,
    parse_years,
)

from ..adversarial import processor_limit


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        # What UCUM writes (https://ucum.org/ucum)
        (13.5, "g/dL", (13500.0, "mg/dL")),
        (12, "ug/mL", (1.2, "mg/dL")),
        (5300, "umol/L", (5.3, "mmol/L")),
        (150, "10*3/uL", (150.0, "10*9/L")),
        (4.5, "10*6/uL", (4500.0, "10*9/L")),
        (3, "m[IU]/mL", (3.0, "[IU]/L")),
        (1, "ukat/L", (60.0, "U/L")),
        (16, "kPa", (120.009852135, "mm[Hg]")),
        (120, "mm[Hg]", (120.0, "mm[Hg]")),
        (98.6, "[degF]", (37.0, "Cel")),
        (310.15, "K", (37.0, "Cel")),
        (1.2, "/s", (72.0, "/min")),
        (72, "{beats}/min", (72.0, "/min")),
        (18, "mo", (1.5, "a")),
        (2, "min", (120.0, "s")),
        (3500, "g", (3.5, "kg")),
        (30, "pg", (30.0, "pg")),
        (90, "um3", (90.0, "fL")),
        (90, "mL/min/{1.73_m2}", (90.0, "mL/min/{1.73_m2}")),
        (300, "mg/(24.h)", (300.0, "mg/d")),
        (150, "mmol/(24.h)", (150.0, "mmol/d")),
        (0.42, "L/L", (42.0, "%")),
        (0.03, "g/g", (30.0, "mg/g")),
        (5, "mg/kg/d", (5.0, "mg/kg/d")),
        (1.1, "{INR}", (1.1, "1")),
        # What reports and notes write
        (13.5, "g/dl", (13500.0, "mg/dL")),
        (95, "MG/DL", (95.0, "mg/dL")),
        (12, "mcg/ml", (1.2, "mg/dL")),
        (12, "µg/mL", (1.2, "mg/dL")),
        (150, "x10^9/L", (150.0, "10*9/L")),
        (150, "K/uL", (150.0, "10*9/L")),
        (3, "mIU/mL", (3.0, "[IU]/L")),
        (4, "mEq/L", (4.0, "meq/L")),
        (120, "mmHg", (120.0, "mm[Hg]")),
        (72, "bpm", (72.0, "/min")),
        (90, "mL/min/1.73 m²", (90.0, "mL/min/{1.73_m2}")),
        (36, "months", (3.0, "a")),
        (5, "mg per day", (5.0, "mg/d")),
        (3, "", (3.0, "1")),
    ],
)
def test_a_quantity_gets_its_dimension_s_unit(
    value: float, unit: str, expected: tuple[float, str]
) -> None:
    assert is_unit(unit)
    assert normalise_quantity(value, unit) == expected
    assert normalise_quantity(*expected) == expected


@pytest.mark.parametrize("unit", ["tablets", "furlong", "/0", "mg//dL", "mg/", "5 mg or so", "[x"])
def test_an_unknown_unit_comes_back_unchanged(unit: str) -> None:
    assert not is_unit(unit)
    assert normalise_quantity(7, unit) == (7, unit)


def test_what_needs_knowledge_of_the_substance_is_not_converted() -> None:
    # Glucose of 90 mg/dL is 5 mmol/L, cholesterol of 90 mg/dL is 2.3; units of enzymes and of
    # biological activity are two things, and so are equivalents and moles.
    units = ["mg/dL", "mmol/L", "U/L", "[IU]/L", "meq/L", "mosm/L", "%", "mmol/mol", "1"]
    assert [normalise_quantity(1, unit)[1] for unit in units] == units


@given(
    st.floats(1e-6, 1e6),
    st.sampled_from([("mg/dL", "g/L", 0.01), ("U/L", "kU/L", 0.001), ("cm", "m", 0.01)]),
)
def test_one_quantity_in_two_units_is_one_number(
    value: float, units: tuple[str, str, float]
) -> None:
    small, large, factor = units
    one, other = normalise_quantity(value, small), normalise_quantity(value * factor, large)
    assert one[1] == other[1] == small
    assert math.isclose(one[0], other[0], rel_tol=2e-11)


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_is_left_alone(unit: str) -> None:
    value, canonical = normalise_quantity(2.0, unit)
    assert canonical == unit or is_unit(unit)
    assert normalise_quantity(value, canonical) == (value, canonical)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5 mg/dl", (3.5, "mg/dL")),
        ("1,200 mg/dL", (1200.0, "mg/dL")),
        ("3,5 g/L", (350.0, "mg/dL")),
        ("150 x10^9/L", (150.0, "10*9/L")),
        ("98.6 °F", (37.0, "Cel")),
        ("7.2%", (7.2, "%")),
        ("-2.5", (-2.5, "1")),
        ("2 tablets", (2.0, "tablets")),
        ("<5 mg/L", None),
        ("3-5 mg", None),
        ("4 to 5 mg", None),
        ("high", None),
        ("", None),
    ],
)
def test_a_quantity_in_text(text: str, expected: tuple[float, str] | None) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P3Y6M", 3.5),
        ("P2W", 0.03833),
        ("P0D", 0.0),
        ("PT12H", 0.001369),
        ("3 years", 3.0),
        ("2 yrs 6 mo", 2.5),
        ("3 years and 3 months", 3.25),
        ("45-year-old", 45.0),
        ("45 yo", 45.0),
        ("12 weeks of age", 0.229979),
        ("P", None),
        ("PT", None),
        ("3", None),
        ("neonatal onset", None),
        ("3 y 2 y", None),
    ],
)
def test_ages_are_years(text: str, expected: float | None) -> None:
    assert parse_years(text) == expected


@pytest.mark.parametrize(
    "text",
    ["1" * 100_000, "1" * 100_000 + " years", "P" + "1" * 100_000 + "Y", " -" * 50_000 + "x"],
)
def test_no_age_takes_long_to_read(text: str) -> None:
    with processor_limit(0.75):
        assert parse_years(f"x{text}") is None
        assert parse_years(text) is None


def test_frequencies_are_shares() -> None:
    texts = ["3/7", "42%", "42.5%", "HP:0040281", "0.25", "1", "8/7", "3/0", "HP:0000001"]
    shares = (
        pl.DataFrame({"f": texts}).select(frequency_as_fraction(pl.col("f"))).to_series().to_list()
    )
    assert shares == [0.4286, 0.42, 0.425, 0.895, 0.25, 1.0, None, None, None]


@pytest.mark.parametrize(
    ("dose", "frequency", "expected"),
    [
        ("500 mg", "twice daily", (1000.0, "mg/d")),
        ("40mg", "daily", (40.0, "mg/d")),
        ("0.5 g", "three times daily", (1500.0, "mg/d")),
        ("5 mg/kg", "every 8 hours", (15.0, "mg/kg/d")),
        ("70 mcg", "weekly", (0.01, "mg/d")),
        ("42 mg", "every 2 weeks", (3.0, "mg/d")),
        ("10 units", "three times daily", (30.0, "[IU]/d")),
        ("20u", "at night", (20.0, "[IU]/d")),
        ("7 mg", "three times weekly", (3.0, "mg/d")),
        ("500 mg/day", "daily", (500.0, "mg/d")),
        ("2 puffs", "daily", None),
        ("5-10 mg", "daily", None),
        ("1 g", "as needed", None),
        ("1 g", "every other hour", None),
    ],
)
def test_doses_are_amounts_a_day(
    dose: str, frequency: str, expected: tuple[float, str] | None
) -> None:
    assert daily_dose(dose, frequency) == expected


def test_pint_is_loaded_only_when_a_unit_is_read() -> None:
    code = "import sys, medkg.graph.units; print('pint' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
