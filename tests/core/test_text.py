"""Dates as files write them."""

from __future__ import annotations

import pytest

from medkg.core.text import day


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2020-01-02T03:04:05+01:00", "2020-01-02"),
        ("2020-01-02 00:00:00", "2020-01-02"),
        ("2020-01", "2020-01"),
        ("2020", "2020"),
        ("20201", None),
        ("2021-13-01", None),
        ("2021-02-30", None),
        ("soon", None),
        (None, None),
    ],
)
def test_days(given: str | None, expected: str | None) -> None:
    assert day(given) == expected
