"""What is found in texts, by patterns and the model together."""

from __future__ import annotations

import socket
import time
from itertools import pairwise

import pytest

from medkg.extract.deidentify import KINDS, find_identifiers
from medkg.extract.deidentify.patterns import patterns


def kinds_of(text: str) -> dict[str, str]:
    return {text[each.start : each.end]: each.kind for each in find_identifiers(text)}


@pytest.mark.parametrize(
    ("text", "written", "kind"),
    [
        ("SSN: 536-22-1234.", "536-22-1234", "SSN"),
        ("MRN: 00482913", "00482913", "MRN"),
        ("NHS No. 943 476 5919", "943 476 5919", "MRN"),
        ("Call (312) 555-0142 today", "(312) 555-0142", "PHONE"),
        ("Fax: 312-555-0143", "312-555-0143", "FAX"),
        ("write to amy.lee@example.org", "amy.lee@example.org", "EMAIL"),
        ("see https://example.org/amy", "https://example.org/amy", "URL"),
        ("from 10.1.2.3 at night", "10.1.2.3", "IP"),
        ("DEA AB1234563", "AB1234563", "LICENCE"),
        ("VIN 1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "VEHICLE"),
        ("serial no. TX-44-9921B", "TX-44-9921B", "DEVICE"),
        ("photo amy_2.jpg attached", "amy_2.jpg", "PHOTO"),
        ("a 94-year-old woman", "94", "AGE"),
        ("admitted on March 3, 2021", "March 3, 2021", "DATE"),
        ("seen by Dr. Okonkwo-Hale", "Okonkwo-Hale", "NAME"),
    ],
)
def test_an_identifier_is_found_with_its_kind(text: str, written: str, kind: str) -> None:
    assert kinds_of(text).get(written) == kind


def test_ages_up_to_89_are_left() -> None:
    assert "AGE" not in kinds_of("an 89-year-old woman").values()


@pytest.mark.parametrize(
    "text",
    [
        "glucose 142 mg/dL (70-99), bilirubin 1.2 mg/dL (0.2-1.2)",
        "lactate dehydrogenase (EC 1.1.1.27), firmware 3.1.0.22",
        "lens +2.50, addition +1.75",
        "vehicle (0.5%) or drug",
        "Group: 001",
    ],
)
def test_numbers_of_things_are_left(text: str) -> None:
    assert kinds_of(text) == {}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Her mother, 92, has dementia.", "92"),
        ("Grandma (94) is well.", "94"),
        ("his father lived to be 101", "101"),
        ("She's 93 and frail.", "93"),
        ("96 yoM from home", "96"),
    ],
)
def test_ages_over_89_are_found_without_their_unit(text: str, written: str) -> None:
    assert kinds_of(text).get(written) == "AGE"


@pytest.mark.parametrize(
    "text", ["he was 94 kg", "her mother (92% on air)", "sats 95", "it is 98.6", "she is 90/60"]
)
def test_measurements_over_89_are_no_ages(text: str) -> None:
    assert "AGE" not in kinds_of(text).values()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("at 400 State Route 12 since", "400 State Route 12"),
        ("UDI (01)00844588003288(21)A77", "(01)00844588003288(21)A77"),
        ("ring (02) 5550 1234", "(02) 5550 1234"),
        ("it's KT four nine QD", "KT four nine QD"),
        ("we met on ninth avenue", "ninth avenue"),
    ],
)
def test_a_number_is_found_whole(text: str, written: str) -> None:
    assert written in kinds_of(text)


def test_finds_are_in_order_and_overlap_nowhere() -> None:
    finds = find_identifiers(
        "Dr. Ann Lee, MD (312-555-0142), 4 March 2020, MRN 4455667, 12 Elm Street"
    )
    assert all(a.end <= b.start for a, b in pairwise(finds))
    assert all(f.kind in KINDS and 0 <= f.score <= 1 for f in finds)


def test_nothing_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("an address was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert find_identifiers("amy@example.org, www.example.org")


@pytest.mark.parametrize(
    "unit", ["a", "1", "1-", "A-", "MRN ", "1 ", "@a.", "Aa ", ":1", "1/", "x.", "Dr A. "]
)
def test_patterns_stay_linear(unit: str) -> None:
    """Ten times the text may take at most some 30 times as long, far from the square's hundred."""

    def seconds(signs: int) -> float:
        text = unit * (signs // len(unit))
        begun = time.process_time()
        for pattern in patterns():
            list(pattern.find(text))
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(40_000) < 30 * max(seconds(4_000), 0.02)
