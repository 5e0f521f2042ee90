"""What an identifier is: HIPAA's eighteen kinds, and a place in a text."""

from __future__ import annotations

from dataclasses import dataclass

# Safe Harbor's (45 CFR 164.514(b)(2)); health plan numbers are a kind of their own, ages are those
# over 89, and OTHER_ID is any other number or code of a person, case, study or document.
KINDS = (
    "NAME",
    "LOCATION",
    "DATE",
    "AGE",
    "PHONE",
    "FAX",
    "EMAIL",
    "SSN",
    "MRN",
    "HEALTH_PLAN",
    "ACCOUNT",
    "LICENCE",
    "VEHICLE",
    "DEVICE",
    "URL",
    "IP",
    "BIOMETRIC",
    "PHOTO",
    "OTHER_ID",
)
OLDEST_AGE = 89  # ages up to this one are no identifiers


@dataclass(frozen=True, order=True)
class Identifier:
    """Characters of a text from `start` to before `end` that may identify somebody.

    Attributes:
        kind: one of `KINDS`.
        score: how sure the finder is, 0 to 1.
    """

    start: int
    end: int
    kind: str
    score: float = 1.0
