"""Whether what the model finds can be of its kind at all: a date has a month, an age is over 89."""

from __future__ import annotations

import re

from .identifiers import OLDEST_AGE, Identifier
from .titles import GENERAL, is_degree

_NUMERIC_DATE = re.compile(r"(\d{1,2})\s?[/-]\s?(\d{1,2})")
_LONG_DATE = re.compile(
    r"\d{8}|\d{1,4}([/.-])\d{1,4}\1\d{1,4}|\d{1,2}[/-]\d{4}|\d{4}[/-]\d{1,2}"
    r"|\d{1,2}[/-]\d{1,2}\s?[-–]\s?\d{1,2}(?:[/-]\d{1,2})?"
)
_WEEKDAY = re.compile(
    r"(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?s?", re.IGNORECASE
)
_COUNTED = re.compile(
    r"(?:\w+[- ]){0,2}(?:day|week|month|visit|cycle)s?[- #]?\d{1,3}", re.IGNORECASE
)
_TIME = re.compile(r"(?:[01]?\d|2[0-3]):?[0-5]\d")
_OLD = re.compile(r"ninet|hundred|nonagen|centen", re.IGNORECASE)
_CODES = frozenset({"MRN", "PHONE", "OTHER_ID", "HEALTH_PLAN", "ACCOUNT"})
# Kinds of which words without a digit may be one, with such a sign in them or its name.
_IN_WORDS = frozenset({"URL", "EMAIL", "PHOTO", "LICENCE"})
_JOINING = re.compile(r"\w[._@/]\w|\s(?:dot|at|underscore)\s", re.IGNORECASE)
_ADDRESS = re.compile(r"[.:]\w*[.:]")
_BEFORE_MEASURED = re.compile(
    r"(?:\d[.,/:-]|\b(?:sats?|spo2|sao2|o2|hr|pulse|bp|rr|map|temp|weight|wt|glucose|bm|score)\W{0,3})$",
    re.IGNORECASE,
)
_AFTER_MEASURED = re.compile(
    r"\s?(?:%|/|[.,]\d|mg|mcg|ml|kg|lbs?|pounds|bpm|mm|cm|days|weeks|months|minutes|percent|degrees)",
    re.IGNORECASE,
)
# Before it a number is a score, and no date.
_SCORED = re.compile(r"\b(?:pain|strength|power|scored?|grade|severity)\W{0,3}$", re.IGNORECASE)
_MOST_DAYS, _MONTHS_OF_YEAR, _OLDEST = 31, 12, 125


def is_plausible(text: str, find: Identifier) -> bool:
    """Whether the words of a find may be of its kind."""
    written = text[find.start : find.end].strip(" .,;:()[]")
    words = re.findall(r"[^\W\d_]+", written.replace(".", ""))
    letters, digits = sum(map(len, words)), sum(map(str.isdigit, written))
    is_general = all(word.lower() in GENERAL for word in words)
    if find.kind == "DATE":
        if not words:
            return _may_be_date(written) and not _SCORED.search(
                text[max(0, find.start - 12) : find.start]
            )
        is_nothing = _COUNTED.fullmatch(written) or (is_general and not digits)
        return not is_nothing and not _are_weekdays(words) and (letters > 2 or digits > 0)
    if find.kind == "AGE":
        number = re.search(r"\d+", written)
        if number is None:
            return bool(_OLD.search(written))
        is_measured = _BEFORE_MEASURED.search(text[max(0, find.start - 12) : find.start])
        is_unit = _AFTER_MEASURED.match(text, find.end)
        if is_measured or is_unit:
            return False
        return OLDEST_AGE < int(number[0]) <= _OLDEST
    if find.kind == "NAME":
        is_other = is_degree(written) or is_general or _are_weekdays(words)
        return letters > 1 and not is_other
    if find.kind == "LOCATION":
        return digits > 3 or (letters > 1 and (digits > 0 or not is_general))
    if find.kind == "IP":
        return _ADDRESS.search(written) is not None
    if find.kind in _CODES and (letters + digits < 3 or _TIME.fullmatch(written)):
        return False
    return digits > 0 or _may_be_words(find.kind, written, letters)


def _may_be_words(kind: str, written: str, letters: int) -> bool:
    if kind == "OTHER_ID":  # the name that somebody logs in by
        return letters > 3 and not re.fullmatch(r"[x\s*-]+", written, re.IGNORECASE)
    return kind in _IN_WORDS and _JOINING.search(written) is not None


def _may_be_date(written: str) -> bool:
    numeric = _NUMERIC_DATE.fullmatch(written)
    if numeric is None:
        return _LONG_DATE.fullmatch(written) is not None
    first, second = sorted(map(int, numeric.groups()))
    return 0 < first <= _MONTHS_OF_YEAR and second <= _MOST_DAYS


def _are_weekdays(words: list[str]) -> bool:
    return all(map(_WEEKDAY.fullmatch, words))
