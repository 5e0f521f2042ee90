"""Check digits: numbers that pass, and the same with one digit changed."""

from __future__ import annotations

import pytest

from medkg.extract.deidentify import checksums


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (checksums.is_nhs_number, "943 476 5919"),  # the NHS Data Dictionary's example
        (checksums.is_npi, "1234567893"),  # the example of CMS
        (checksums.is_card_number, "4111 1111 1111 1111"),
        (checksums.is_dea_number, "AB1234563"),
        (checksums.is_vin, "1M8GDM9AXKP042788"),
        (checksums.is_iban, "GB82 WEST 1234 5698 7654 32"),
    ],
)
def test_a_number_passes_and_one_with_another_digit_does_not(check: object, number: str) -> None:
    assert callable(check)
    assert check(number)
    last = number[-1]
    assert not check(number[:-1] + str((int(last) + 1) % 10))


@pytest.mark.parametrize(
    "text", ["AB١٢٣٤٥٦٧", "GB82 WEST 1234 5698 76\u0130", "GB82 WEST 1234 569\u212a"]
)
def test_what_only_looks_like_a_number_has_no_check_digit(text: str) -> None:
    assert not checksums.is_dea_number(text)
    assert not checksums.is_iban(text)


def test_an_address_of_the_internet_is_one() -> None:
    assert checksums.is_ip_6("2001:db8::7")
    assert not checksums.is_ip_6("10:30:45")
