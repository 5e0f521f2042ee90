"""Dose, route, frequency and duration of a drug, by rules over what stands around its mention."""

from __future__ import annotations

import re

from spacy.tokens import Span

from ..sentences import sentence_of
from .values import mention_places

_NUMBER = r"\d+(?:[.,]\d+)?(?:\s?(?:-|–|to|/)\s?\d+(?:[.,]\d+)?)?"
_UNIT = (
    r"(?:mg/kg|mcg/kg|µg/kg|μg/kg|g/m2|mg/m2|mg/ml|mg|mcg|micrograms?|µg|μg|ug|milligrams?|grams?|g|ml"
    r"|mL|iu|units?|u|mmol|meq|tablets?|tabs?|capsules?|caps?|puffs?|drops?|sprays?|%)"
)
# An amount in so much blood ("1.8 mg/dL") is a test's value.
_DOSE = re.compile(
    rf"\b{_NUMBER}\s?{_UNIT}(?:/(?:day|d|dose|week|hour|hr|h|minute|min)\b)?"
    r"(?![A-Za-z]|\s?/\s?(?:[dcmµu]?l|mm3)\b)",
    re.I,
)
# "On warfarin, HFrEF (EF 30%)".
_IS_SHARE = re.compile(r"\b(?:(?:lv)?ef|sats?|[sf][pi]?o2)\b", re.I)
_DOSE_OF = re.compile(rf"({_DOSE.pattern})\sof\s*$", re.I)
_DOSE_BEFORE = re.compile(rf"({_DOSE.pattern})(?:\s(?:po|oral|iv|intravenous))?\s*$", re.I)
# "From 500 mg to 1000 mg", "40 mg -> 20 mg", "40 mg, increased to 80 mg": the later is given.
_CHANGED = re.compile(
    rf"(?:{_DOSE.pattern})[^;.]{{0,30}}?(?:\bto|->|→)\s*(?P<now>{_DOSE.pattern})", re.I
)
_ROUTES = {
    "oral": r"p\.?\s?o\.?|per os|by mouth|orally|oral|per oral",
    "intravenous": r"i\.?v\.?|intravenous(?:ly)?",
    "subcutaneous": r"s\.?c\.?|sub\s?-?cut|subcut(?:aneous(?:ly)?)?|sq",
    "intramuscular": r"i\.?m\.?|intramuscular(?:ly)?",
    "inhaled": r"inhaled|inhaler|inhalation|nebuli[sz]ed|nebs?",
    "topical": r"topical(?:ly)?|cream|ointment",
    "transdermal": r"transdermal|patch",
    "sublingual": r"sublingual(?:ly)?|s\.?l\.?",
    "rectal": r"rectal(?:ly)?|p\.?r\.?",
    "intrathecal": r"intrathecal(?:ly)?",
    "intranasal": r"intranasal(?:ly)?|nasal spray",
    "ophthalmic": r"eye drops?|ophthalmic",
}
_FREQUENCIES = {
    "twice daily": r"b\.?i\.?d\.?|b\.?d\.?|twice (?:a |per )?da(?:y|ily)|two times (?:a|per) day"
    r"|q\.?\s?12\s?h",
    "three times daily": r"t\.?i\.?d\.?|t\.?d\.?s\.?|(?:three times|thrice) (?:a |per )?da(?:y|ily)"
    r"|q\.?\s?8\s?h",
    "four times daily": r"q\.?i\.?d\.?|q\.?d\.?s\.?|four times (?:a |per )?da(?:y|ily)"
    r"|q\.?\s?6\s?h",
    "every other day": r"every other day|on alternate days|q\.?o\.?d\.?",
    "three times weekly": r"three times (?:a |per )?week(?:ly)?|t\.?i\.?w\.?|M/?W/?F",
    "weekly": r"(?:once )?(?:(?<!for )a week|weekly|per week|every week)",
    "twice weekly": r"twice (?:a |per )?week(?:ly)?",
    "monthly": r"(?:once )?(?:(?<!for )a month|monthly|per month|every month)",
    "at night": r"at night|nightly|nocte|at bedtime|q\.?h\.?s\.?|h\.?s\.?|q\.?\s?p\.?m\.?"
    r"|before bed",
    "as needed": r"p\.?r\.?n\.?|as needed|when needed|as required|when required",
    "daily": r"(?:once )?(?:daily|(?<!for )a day|per day|every day)|o\.?d\.?|q\.?d\.?|q\.?\s?day"
    r"|every morning|mane|q\.?\s?a\.?m\.?|in the morning|once daily|q\.?\s?24\s?h",
}
_EVERY = re.compile(
    r"\b(?:every\s(\d+|two|three|four|six|eight|twelve)\s(hour|day|week|month)s?"
    r"|q\.?\s?(?!(?:6|8|12|24)\s?h)(\d+(?:-\d+)?)\s?(h|d|w|mo)[a-z]{0,4})\b",
    re.I,
)
_TIME = r"(?:d|days?|wks?|weeks?|months?|years?|hours?)"
_COUNT = r"(?:\d+(?:\s?(?:-|–|to)\s?\d+)?|an?|one|two|three|four|five|six|seven|eight|ten|twelve)"
_FOR = re.compile(
    rf"\b(?:for(?: (?:a total of|about|approximately|another|the (?:next|last|past)))?\s|x\s?)"
    rf"({_COUNT})\s?({_TIME})\b",
    re.I,
)
_BREAK = re.compile(r"[,;+]|\b(?:and|or|then|plus|with|followed by|(?<!\d )to)\b", re.I)
_COURSE = re.compile(rf"\b({_COUNT})[\s-]({_TIME})\s(?:course|supply|trial)\b", re.I)
_TIME_WORDS = {"d": "day", "w": "week", "m": "month", "y": "year", "h": "hour"}


def _duration(text: str) -> str | None:
    """How long a drug is given, as "7 days", of the first such phrase of a text."""
    match = _FOR.search(text) or _COURSE.search(text)
    if match is None:
        return None
    count = re.sub(r"^an?$", "one", match[1].lower())
    unit = _TIME_WORDS[match[2][0].lower()]
    return f"{count} {unit}" if count in ("1", "one") else f"{count} {unit}s"


def _divided(between: str) -> tuple[str, str]:
    """What stands between two drugs: what is the first's, and what the second's.

    Cut at the last comma or "and"; without one all of it is the first's.
    """
    *_, last = [None, *_BREAK.finditer(between)]
    return (between, "") if last is None else (between[: last.start()], between[last.end() :])


def _first(values: dict[str, str], text: str) -> str | None:
    """The value whose pattern matches earliest; of two at one place the longer match."""
    matches = [
        (match.start(), -match.end(), value)
        for value, pattern in values.items()
        if (match := re.search(rf"(?<![A-Za-z.])(?:{pattern})(?![A-Za-z])", text, re.I))
    ]
    return min(matches)[2] if matches else None


FREQUENCY = "|".join(f"(?:{use})" for use in _FREQUENCIES.values())  # a pattern, in any case
_ONE_USAGE = "|".join(f"(?:{use})" for use in (*_ROUTES.values(), *_FREQUENCIES.values()))
_USAGE = re.compile(rf"(?:{_ONE_USAGE})(?:[\s,/]+(?:{_ONE_USAGE}|stat|x\s?\d+))*|stat", re.I)


def is_usage(words: str) -> bool:
    """Whether words are but a route and frequency: "PO", "p.r.n.", "PO b.i.d.", "intravenous"."""
    words = words.strip(" |")
    return any(_USAGE.fullmatch(form) is not None for form in (words, f"{words}."))


_REACH = 60  # tokens from a drug within which its dose and frequency stand


def dosage(drug: Span) -> dict[str, str]:
    """The dose, route, frequency and duration that go with a drug's mention, if stated.

    They stand after the drug, before the next drug or the end of the sentence; a dose may stand
    right before it ("5 mg of ramipril").
    """
    sentence = sentence_of(drug)
    # A sentence may be as long as the note.
    first, last = max(sentence.start, drug.start - _REACH), min(sentence.end, drug.end + _REACH)
    places = mention_places(drug.doc, first, last)
    others = [place for place in places if place.kind == "Drug"]
    # "isoniazid (INH, 300 mg/d)": the short form has no dose of its own.
    alias = drug.end + 1 if drug.doc[drug.end : drug.end + 1].text == "(" else -1
    following = [span.start for span in others if span.start >= drug.end and span.start != alias]
    end = min([last, *following])
    start = max([first, *(span.end for span in others if span.end <= drug.start)])
    after = re.split(r";|\b(?:but|because|which|who)\b", drug.doc[drug.end : end].text)[0]
    if end < last:  # "and 5 mg of", ", inhaled" are the next drug's
        after = _DOSE_OF.sub("", after)
        after, _ = _divided(after)
    before = drug.doc[start : drug.start].text
    dosage: dict[str, str] = {}
    dose, own, changed = _DOSE.search(after), _DOSE_OF.search(before), _CHANGED.search(after)
    if own is not None:
        dosage["dose"] = own[1].strip()
    elif changed is not None and changed.start() <= 40:
        dosage["dose"] = changed["now"].strip()
    # Further away it is another's dose, or a laboratory value.
    elif dose and dose.start() <= 40 and not _IS_SHARE.search(after, 0, dose.start()):
        dosage["dose"] = dose[0].strip()
    elif dose := _DOSE_BEFORE.search(before):
        dosage["dose"] = dose[1].strip()
    if start > first:
        _, before = _divided(before)
    route = _first(_ROUTES, after) or _first(_ROUTES, " ".join(before.split()[-2:]))
    if route is not None:
        dosage["route"] = route
    every = _EVERY.search(after)
    if every is None:
        frequency = _first(_FREQUENCIES, after)
    else:
        unit = every[2] or _TIME_WORDS[every[4][0].lower()]
        frequency = f"every {every[1] or every[3]} {unit}s"
    if frequency is not None:
        dosage["frequency"] = frequency
    duration = _duration(after) or _duration(" ".join(before.split()[-5:]))
    if duration is not None:
        dosage["duration"] = duration
    return dosage
