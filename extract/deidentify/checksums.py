"""Check digits of numbers that have them: one that passes is hardly anything else."""

from __future__ import annotations

import ipaddress
import re

_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True)
) | {str(digit): digit for digit in range(10)}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isascii() and sign.isdigit()]


def is_nhs_number(text: str) -> bool:
    """Ten digits, the last a check digit modulo 11 (NHS Data Dictionary, NHS NUMBER)."""
    digits = _digits(text)
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    total = sum(d * w for d, w in zip(digits[:9], range(10, 1, -1), strict=True))
    return (11 - total % 11) % 11 == digits[9]


def is_luhn(text: str) -> bool:
    """Luhn's check digit modulo 10 (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(_digits(text))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def is_npi(text: str) -> bool:
    """A National Provider Identifier: Luhn's check digit after the prefix 80840 (45 CFR 162)."""
    digits = "".join(map(str, _digits(text)))
    return len(digits) == 10 and digits[0] in "12" and is_luhn("80840" + digits)


def is_card_number(text: str) -> bool:
    """A number of a payment card: 13 to 19 digits with Luhn's check digit."""
    return 13 <= len(_digits(text)) <= 19 and is_luhn(text)


def is_dea_number(text: str) -> bool:
    """A number of the Drug Enforcement Administration: two letters, six digits, a check digit."""
    match = re.fullmatch(r"[A-Za-z][A-Za-z9]([0-9]{7})", text)
    if match is None:
        return False
    d = _digits(match[1])
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def is_vin(text: str) -> bool:
    """A vehicle identification number with its check digit (49 CFR 565.15)."""
    signs = text.upper()
    if len(signs) != 17 or any(sign not in _VIN_VALUES for sign in signs):
        return False
    total = sum(_VIN_VALUES[s] * w for s, w in zip(signs, _VIN_WEIGHTS, strict=True)) % 11
    return signs[8] == ("X" if total == 10 else str(total))


def is_iban(text: str) -> bool:
    """An International Bank Account Number with its check digits modulo 97 (ISO 13616)."""
    signs = "".join(text.split()).upper()
    if len(signs) < 15 or not (signs.isascii() and signs.isalnum()):
        return False
    turned = signs[4:] + signs[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def is_resident_number(text: str) -> bool:
    """A number of a Chinese identity card: 17 digits and a check digit modulo 11 (GB 11643)."""
    digits = _digits(text[:17])
    if len(digits) != 17 or len(text) != 18:
        return False
    total = sum(digit * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return text[17].upper() == "10X98765432"[total % 11]


def is_ip_6(text: str) -> bool:
    """An Internet address of version 6, whole or with its zeros left out."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
