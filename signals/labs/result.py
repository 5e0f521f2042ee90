"""A laboratory result as files state it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

_NUMBER = re.compile(
    r"(?P<bound>[<>]?)=?\s*(?P<amount>[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?)"
)
# Three digits behind a comma are thousands, but of a number that begins with 0.
_DECIMAL_COMMA = re.compile(r"[-+]?(?:\d+,\d{1,2}|0,\d+)")
# HL7's codes (http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation) and plain words.
_OUTCOMES = {
    "low": "L LL LU LX < low decreased",
    "high": "H HH HU HX > high increased elevated",
    "normal": "N normal",
    "abnormal": "A AA abnormal",
    "positive": "POS DET RR positive detected reactive present + ++ +++",
    "negative": "NEG ND NR negative absent non-reactive nonreactive none",
}
_BY_WORD = {word.lower(): name for name, words in _OUTCOMES.items() for word in words.split()}
_BY_WORD["not detected"] = "negative"


@dataclass(frozen=True)
class LaboratoryResult:
    """One result of one test.

    Attributes:
        patient: as the file names them, "" where it doesn't.
        test: its name, as the file has it.
        loinc: its LOINC code, "" where there is none.
        value: a number, perhaps with a bound (`<0.5`), or a word ("positive").
        unit: in UCUM or as reports write it.
        low, high: of the laboratory's reference range, in `range_unit`; None where it has no such
            end.
        range_unit: that of the range; "" is the value's.
        interpretation: H, L, N, A, POS, NEG and the like, "" where there is none.
        problem: why the row can't be read as it stands, in a fixed phrase; "" where it can.
        file, checksum, place, line: where it stands.
    """

    patient: str = ""
    test: str = ""
    loinc: str = ""
    value: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    range_unit: str = ""
    interpretation: str = ""
    date: str = ""
    problem: str = ""
    file: str = ""
    checksum: str = ""
    place: str = ""
    line: int | None = None

    @property
    def number(self) -> tuple[float, str] | None:
        """The value and its bound ("<", ">" or ""); None where it is no number."""
        text = self.value.strip().replace("≤", "<").replace("≥", ">")
        match = _NUMBER.fullmatch(text)
        if match is None:
            return None
        number = _amount(match["amount"])
        return (number, match["bound"]) if math.isfinite(number) else None

    def located(self, file: str, checksum: str) -> LaboratoryResult:
        """The same with the file that it stands in."""
        return replace(self, file=file, checksum=checksum)


def outcome_of_word(word: str) -> str | None:
    """Low, high, normal, abnormal, positive or negative; None where the word is none of them."""
    return _BY_WORD.get(" ".join(word.lower().split()))


def number_or_none(value: object) -> float | None:
    """A finite number of a file's cell, perhaps with a decimal comma; None where it is none."""
    try:
        number = _amount(str(value).strip())
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _amount(text: str) -> float:
    decimal = _DECIMAL_COMMA.fullmatch(text) is not None
    return float(text.replace(",", "." if decimal else ""))
