"""What a laboratory result can be at all, by the table of tests."""

from __future__ import annotations

import pytest

from medkg.graph import laboratory
from medkg.graph.laboratory import is_possible, laboratory_tests


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("calcium", -5, "mg/dL"),
        ("calcium", 2.4, "mg/dL"),
        ("sodium", 14000, "mmol/L"),
        ("sodium", 14, "meq/L"),
        ("albumin", 41, "g/dL"),
        ("hemoglobin", 130, "g/dL"),
        ("glucose", 250, "mmol/L"),
        ("platelets", 250000, "10*9/L"),
        ("hba1c", 48, "%"),
        ("oxygen saturation", 104, "%"),
        ("temperature", 98.6, "°C"),
        ("temperature", 37, "°F"),
        ("ph", 74, ""),
        ("sodium", 14000, ""),
        ("testosterone", -1, "ng/mL"),
        ("ferritin", -1, "furlong"),
    ],
)
def test_what_no_patient_has(name: str, value: float, unit: str) -> None:
    assert not is_possible(laboratory.tests_by_name()[name], value, unit, "")


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("sodium", 255, "mmol/L"),
        ("albumin", 41, "g/L"),
        ("albumin", 41, ""),
        ("hemoglobin", 1.5, "g/dL"),
        ("platelets", 250000, "/uL"),
        ("glucose", 2656, "mg/dL"),
        ("temperature", 11.8, "°C"),
        ("ph", 6.4, "1"),
        ("hematocrit", 0.33, ""),
        ("anion gap", -12, "mmol/L"),
        ("ferritin", 250000, "ng/mL"),
    ],
)
def test_what_patients_had(name: str, value: float, unit: str) -> None:
    assert is_possible(laboratory.tests_by_name()[name], value, unit, "")


def test_a_bound_is_possible_where_any_value_behind_it_is() -> None:
    sodium = laboratory.tests_by_name()["sodium"]
    assert is_possible(sodium, 400, "mmol/L", "<")
    assert is_possible(sodium, 50, "mmol/L", ">")
    assert not is_possible(sodium, 400, "mmol/L", ">")
    assert not is_possible(sodium, 50, "mmol/L", "<")


def test_the_usual_range_is_possible() -> None:
    for test in laboratory_tests():
        for low, high, unit in test.ranges:
            assert is_possible(test, low, unit, "")
            assert is_possible(test, high, unit, "")
