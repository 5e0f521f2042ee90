"""The value of a test, by rules over what stands around its mention."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import NamedTuple

from spacy.tokens import Doc, Span

from ...graph.units import is_unit, normalise_quantity
from ..sentences import sentence_of
from ..short_forms import next_connective
from ..tokens import text_between

_NUMBER = r"\d+(?:[.,]\d+)*"
_UNIT = (
    r"(?:%|°\s?[CF]\b|mm\s?Hg\b|cmH2O\b|bpm\b|(?:beats|breaths|cells)\s?(?:/|per)\s?\w+"
    r"|[x×]\s?10\s?[\^*]?\s?\d{1,2}\s?/\s?[dmuµμ]?[lL]\b"
    r"|[kK]\s?/\s?(?:[µμu][lL]|mm3|cumm)\b"
    r"|[kKmµμunpf]?(?:g|mol|IU|U|eq|Eq|EQ|osm|Osm|units?)\s?/\s?"
    r"(?:[dmµμu]?[lL]|kg|g|m?mol|day|d|h|min)\b(?:/1\.73\s?m[2²])?"
    r"|[mµμun]?mol(?:\s?/\s?24\s?h)?\b|mL/min(?:/1\.73\s?m[2²])?|/\s?(?:min|mm3|hpf|HPF|[µμu]?[lL])\b|kg/m[2²]|mm/h(?:r|our)?\b"
    r"|[cm]?m[23²³]?(?![A-Za-z0-9])|kg\b|mg\b|g\b|m[lL]\b|msec\b|ms\b|sec(?:onds?)?\b|s\b(?!/)|m?IU\b|U\b)"
)
_VALUE = re.compile(
    rf"(?P<bound>[<>≤≥]=?\s?)?(?P<number>1\s?:\s?\d+(?!\s?[ap]\.?m\b|:)|{_NUMBER}(?:\s?(?:/|-|–|to)\s?{_NUMBER})?)"
    rf"(?:\s?(?P<unit>{_UNIT}))?(?![\w.]*\d|:\d)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
# What may stand between a test and its value.
_LINK = re.compile(
    r"(?:[\s,:=(\[|]|\b(?:of|was|were|is|are|at|as|to|by|a|an|the|had|has|been|with|levels?|counts?"
    r"|activity|values?|titers?|titres?|concentrations?|scores?|rates?|results?|readings?|measured|found"
    r"|estimated|calculated|remained|remains|rose|risen|fell|fallen|dropped|came|back|up|down|only"
    r"|about|approximately|approx\.?|around|just|again|now|still|then|mildly|markedly|slightly"
    r"|significantly|severely|moderately|strongly|weakly|very|within|limits|range|elevated|raised|high|higher"
    r"|increased|low|lower|decreased|reduced|normal|abnormal|positive|negative|neg|wnl|unremarkable)\b"
    r"|[<>≤≥]=?(?=\s?\d))*",
    re.I,
)
_ARROW = re.compile(r"\s?(?:-{1,2}>|=>|→)\s?")
_FLAGS = {
    "high": r"elevated|raised|high|higher|increased|rose|risen|↑",
    "low": r"low|lower|decreased|reduced|fell|fallen|dropped|↓",
    "abnormal": r"abnormal",
    "normal": r"normal(?! range| value| below| under| above| over| up to|\W*[<>≤≥\d])"
    r"|within normal limits|wnl|unremarkable",
    "negative": r"negative|neg",
    "positive": r"positive",
}
_FLAG = re.compile(
    "|".join(rf"(?P<{name}>(?<!\w)(?:{words})(?!\w))" for name, words in _FLAGS.items()), re.I
)
# "Protein 3+", "blood ++", "ANA (-)"; one plus only at the end of a clause, elsewhere it joins.
_GRADE = re.compile(
    r"\s*\((?:\+{1,4}|[-–−])\)|[\s:=]+(?:[1-4]\s?\+{1,4}|\+{2,4})(?![+\w])"
    r"|[\s:=]+(?P<single>\+)(?=\s*(?:[,.;)\n]|$))"
)
# A number that counts time or is a date is no result.
_NO_RESULT = re.compile(
    r"[\s-]?(?:days?|weeks?|months?|years?|hours?|times?|minutes?|th|st|nd|rd)\b"
)
# "5.9 (high)", "5.9 (H)", and at the end of a clause "5.9 high".
_STATED = re.compile(r"[\s,;]*\(([^()]{1,20})\)|[ ](high|low)(?=\s*(?:[,.;)\n]|$))", re.I)
_LETTERS = {"H": "high", "L": "low"}
# The laboratory's own range behind a value, up to the end of its bracket, column or line:
# "2.89 [2.20 - 2.60]", "L (3.5-5.1)", "0.8 (ref <0.04)", "5.9 | mmol/L | 3.5-5.1".
_LIMIT = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)(?![.,]?\d)"
_REFERENCE = re.compile(
    r"(?:[ ]{0,40}[\t|][ ]{0,40}(?P<column>[^\s|\d()]{1,12})(?=\s{0,40}[\t|])|[ ]{2,40}(?P<spaced>"
    r"[kKmµμunpf]?(?:g|mol|IU|U|eq)/[dmµμu]?L)(?=[ ]{2}))?"
    r"\s{0,12}(?:\([HL]\)|[HL*↑↓]{1,2}(?!\w))?"
    r"(?:[ ]{0,12},?[ ]?(?P<open>[(\[])[ ]?|[ ]{2,40}|[ ]{0,40}[\t|][ ]{0,40}"
    r"|,?[ ]?(?=ref|normal range)|[ ])"
    r"(?:(?:ref(?:erence)?\.?(?:\srange)?|normal(?:\srange)?|nr?|rr)\b\.?[:\s]{0,3})?"
    rf"(?:(?P<low>{_LIMIT})\s?(?:-|–|to)\s?(?P<high>{_LIMIT})"
    rf"|(?P<side>[<>≤≥])\s?(?P<limit>{_LIMIT}))(?:\s?(?P<unit>{_UNIT}))?"
    r"[ ]{0,2}(?:[HL*↑↓]{1,2}(?!\w))?(?P<end>[)\]]|[ ]{0,40}(?:[|\t\n]|$)|[ ]{2}|[.,;])(?!\d)",
    re.IGNORECASE,
)
# Right before a test, and "positive for", which holds for all tests of a list.
_WORDS_BEFORE = re.compile(
    r"\b(?:levels? of|concentrations? of|plasma|serum|urinary|blood|mean|total)$", re.I
)
_LISTED = re.compile(
    r"\b(positive|negative) (?:for|to|expression of|staining for)\b([^.;:]*)$", re.I
)
_LIST_ENDS = re.compile(
    r"\b(?:but|and (?:was|were|is|are|negative|positive)|was|were|while|with|showed)\b", re.I
)
_ABBREVIATION = re.compile(r"\s*\([A-Za-z][\w -]{0,12}\)")
_COORDINATED = re.compile(r"[\s,]*(?:and|or|/|,)\s*", re.I)
_REACH = 80
_BEFORE = 250  # tokens of a sentence before a test that are looked at
_MENTIONS_KEY = "medkg mentions"  # of `doc.user_data`


def measurement(test: Span) -> dict[str, str | float]:
    """The value of a test's mention, with what is stated of it; {} if nothing is.

    `value`, a number or as written ("<5", "120/80", "1:320"), and `unit`; `standard_value` and
    `standard_unit` where the unit is known and the value one number
    (`graph.units.normalise_quantity`);
    `interpretation`: high, low, normal, abnormal, positive ("3+") or negative. They stand after the
    test, before the next mention, with nothing between but words such as "level", "was",
    "elevated at"; an interpretation may stand right before it ("raised CRP", "negative for CD3")
    and is shared by tests in a row ("ALT and AST were normal"). Of "9.1 -> 7.2" it is the last.
    """
    listed = _value_of_list(test)
    if listed is not None:
        return listed
    result = _own_value(test)
    if not result and (shared := _shared_interpretation(test)) is not None:
        result["interpretation"] = shared
    return result


class ReferenceRange(NamedTuple):
    """A range that a note gives behind a value; the unit where it gives one."""

    low: float
    high: float
    unit: str | None


def reference_range(test: Span) -> ReferenceRange | None:
    """The range that a note states behind a test's value: "2.9 (3.5 - 5.1)".

    Of "<0.04" the lower end is 0, of ">50" the upper one infinite. None where none is stated.
    """
    value, _ = _stated_value(_after(test)[0])
    stated = None if value is None else _REFERENCE.match(value.string, value.end())
    if stated is None or (stated["open"] is not None) != (stated["end"] in (")", "]")):
        return None
    unit = stated["unit"] or stated["column"] or stated["spaced"]
    if stated["side"]:
        limit = _amount(stated["limit"])
        below = stated["side"] in "<≤"
        return ReferenceRange(0.0, limit, unit) if below else ReferenceRange(limit, math.inf, unit)
    low, high = _amount(stated["low"]), _amount(stated["high"])
    return ReferenceRange(low, high, unit) if low < high else None


def _amount(number: str) -> float:
    """The value of "0,04", "1,000", "1,000.5" or "3.5"."""
    by_thousands = "." in number or _THOUSANDS.fullmatch(number)
    return float(number.replace(",", "" if by_thousands else "."))


def _stated_value(after: str) -> tuple[re.Match[str] | None, str]:
    """The value in the text behind a test, the last of several; and what links it to the test."""
    link = _LINK.match(after)
    linked = after[: link.end()] if link else ""
    value = _VALUE.match(after[len(linked) :].lstrip("<>≤≥= "))
    if value is None or not _is_result(value) or _is_clock(value, linked):
        return None, linked
    return _latest(value), linked


def _own_value(test: Span) -> dict[str, str | float]:
    """As `measurement`, without what it shares with other tests."""
    after, _ = _after(test)
    value, linked = _stated_value(after)
    link_end = len(linked)
    result: dict[str, str | float] = {}
    if value is not None:
        bound = re.search(r"[<>≤≥]=?\s?$", linked)
        result = _quantity(value, bound[0].strip() if bound else "")
        stated = _STATED.match(value.string, value.end())
        if stated:
            verdict = stated[1] or stated[2]
            linked += f" ({_LETTERS.get(verdict, verdict)})"
    flag, before = _FLAG.search(linked), _interpretation_before(test)
    # "Raised transaminases, low ceruloplasmin": what follows the comma is the next test's.
    of_next = flag is not None and before is not None and "," in linked[: flag.start()]
    interpretation = flag.lastgroup if flag is not None and not of_next else before
    interpretation = interpretation or _grade(test, after, link_end)
    if interpretation is not None:
        result["interpretation"] = interpretation
    return result


def _grade(test: Span, after: str, linked: int) -> str | None:
    """Positive or negative by a degree ("3+") behind a test, or behind what links it ("was 3+").

    Args:
        after, linked: the text behind the test, up to the next mention, and how much of it links.
    """
    grade = _GRADE.match(after) or _GRADE.match(after, max(0, linked - 1))
    if grade is None or _NO_RESULT.match(after, grade.end()):
        return None
    is_cut = test.end_char + len(after) < sentence_of(test).end_char  # by the next mention
    if grade["single"] and is_cut and grade.end() == len(after.rstrip()):
        return None
    return "positive" if "+" in grade[0] else "negative"


def _shared_interpretation(test: Span) -> str | None:
    """The interpretation of the next test of a row of which anything is stated, or of the one
    before with its word before it ("low sodium and potassium").

    The latter only where the clause ends with the row: "low albumin, sodium and potassium stable".
    """
    shared = _mentions_of(test.doc).shared
    if (test.start, test.end) not in shared:
        row = _row(test)
        own_values = [_own_value(each) for each in row]
        following: str | None = None
        for each, own in zip(reversed(row), reversed(own_values), strict=True):
            shared[each.start, each.end] = following
            if own:
                stated = own.get("interpretation")
                following = None if stated is None else str(stated)
        preceding: str | None = None
        for each, own in zip(row, own_values, strict=True) if _ends_clause(row[-1]) else ():
            if own:
                stated = None if "value" in own else own.get("interpretation")
                preceding = _interpretation_before(each) if stated is not None else None
            elif shared[each.start, each.end] is None:
                shared[each.start, each.end] = preceding
    return shared[test.start, test.end]


def _ends_clause(test: Span) -> bool:
    """Whether nothing but punctuation stands behind a test up to the end of its clause."""
    end = min(sentence_of(test).end, test.end + _REACH)
    rest = text_between(test.doc, test.end, end).lstrip(" \t\r\n)]")
    return not rest or rest[0] in ".;"


def _value_of_list(test: Span) -> dict[str, str | float] | None:
    """The test's own of as many values as there are tests: "AST and ALT were 56 and 70 U/L"."""
    row = _row(test)
    if len(row) < 2:
        return None
    after, _ = _after(row[-1])
    link = _LINK.match(after)
    rest = after[link.end() :] if link else after
    values = []
    while (value := _VALUE.match(rest)) is not None and _is_result(value):
        values.append(value)
        joined = _COORDINATED.match(rest, value.end())
        if joined is None or not joined[0]:
            break
        rest = rest[joined.end() :]
    if len(values) != len(row):
        return None
    number = [one.start for one in row].index(test.start)
    own = values[number]
    return _quantity(own, "", own["unit"] or values[-1]["unit"])


def _row(test: Span) -> list[Span]:
    """The tests that stand in a row with this one, joined by commas, "and" or "or", in order."""
    mentions = _mentions_of(test.doc)
    if (test.start, test.end) not in mentions.rows:
        row = [test]
        while (following := _after(row[-1])[1]) is not None:
            row.append(following)
        before: list[Span] = []
        first = sentence_of(test).start
        for number in range(bisect_left(mentions.places, (test.start,)) - 1, -1, -1):
            place = mentions.places[number]
            if place.start < first:
                break
            if place.end > test.start:
                continue
            earlier = test.doc.spans["mentions"][place.number]
            following = _after(earlier)[1]
            if following is None or following.start != (before[-1] if before else test).start:
                break
            before.append(earlier)
        row = [*reversed(before), *row]
        mentions.rows.update(((each.start, each.end), row) for each in row)
    return mentions.rows[test.start, test.end]


def _interpretation_before(test: Span) -> str | None:
    """The interpretation before a test: "raised serum CRP", "negative for CD3 and CD5"."""
    first = max(sentence_of(test).start, test.start - _BEFORE)
    before = text_between(test.doc, first, test.start)
    near = before.rstrip()
    for _ in range(2):
        near = _WORDS_BEFORE.sub("", near).rstrip()
    flag = _FLAG.search(" ".join(near.split()[-1:]))
    # What ends in a comma or bracket is the result of the test before: "CRP 42 (high), Na 138".
    if flag is not None and near[-1] not in "),;":
        return flag.lastgroup
    listed = _LISTED.search(before)
    if listed is not None and _LIST_ENDS.search(listed[2]) is None:
        return listed[1].lower()
    return None


def interpretations(text: str) -> set[str]:
    """All interpretations that a text states."""
    return {match.lastgroup for match in _FLAG.finditer(text) if match.lastgroup is not None}


class Place(NamedTuple):
    """A mention's tokens, and its number among `doc.spans["mentions"]`."""

    start: int
    end: int
    kind: str
    number: int


@dataclass
class _Mentions:
    """What is worked out of a doc's mentions once, since each look at all of them takes long.

    Attributes:
        count: how many mentions the doc had.
        places: where they stand, in order.
        rows: the row that each test stands in, by its tokens.
        shared: the interpretation that it has in common with those behind it there.
    """

    count: int
    places: list[Place]
    rows: dict[tuple[int, int], list[Span]] = field(default_factory=dict)
    shared: dict[tuple[int, int], str | None] = field(default_factory=dict)


def _mentions_of(doc: Doc) -> _Mentions:
    group = doc.spans.get("mentions", [])
    kept: _Mentions | None = doc.user_data.get(_MENTIONS_KEY)
    if kept is None or kept.count != len(group):
        places = sorted(Place(m.start, m.end, m.label_, n) for n, m in enumerate(group))
        kept = doc.user_data[_MENTIONS_KEY] = _Mentions(len(group), places)
    return kept


def joins_value(word: str) -> bool:
    """Whether a word may stand between a test and its value, or say what the value is."""
    return _LINK.fullmatch(word) is not None


def forget_mentions(doc: Doc) -> None:
    """Look at a doc's mentions anew: they were replaced by others."""
    doc.user_data.pop(_MENTIONS_KEY, None)


def mention_places(doc: Doc, start: int, end: int) -> list[Place]:
    """The mentions that start at the tokens from start to end, in order."""
    places = _mentions_of(doc).places
    low = bisect_left(places, (start,))
    return places[low : bisect_left(places, (end,), low)]


def _after(test: Span) -> tuple[str, Span | None]:
    """The text after a test up to the next mention; that mention, where only "and" lies between."""
    doc, sentence = test.doc, sentence_of(test)
    last = min(sentence.end, test.end + _REACH)
    text = text_between(doc, test.end - 1, last)
    first = doc[test.end - 1].idx
    start = test.end_char - first
    end = min(sentence.end_char - first, start + _REACH)
    # "Raised creatinine 2/2 dehydration": what it is due to, and no value.
    reason = next_connective(doc, test.end, last)
    if reason is not None:
        end = min(end, doc[reason].idx - first)
    if alias := _ABBREVIATION.match(text, start, end):
        start = alias.end()
    following = mention_places(doc, test.end, last)[:2]
    # The short form behind a test's name may be a mention too.
    following = [place for place in following if doc[place.start].idx - first >= start][:1]
    if not following or doc[following[0].start].idx - first >= end:
        return text[start:end], None
    text = text[start : doc[following[0].start].idx - first]
    joined = _COORDINATED.fullmatch(text) is not None and following[0].kind == test.label_
    return text, doc.spans["mentions"][following[0].number] if joined else None


def _is_result(value: re.Match[str]) -> bool:
    """Whether a number is a test's value, and no year or time."""
    rest = value.string[value.end() :]
    if value["unit"] is not None:
        return True
    year = re.fullmatch(r"(?:19|20)\d\d", value["number"])
    return year is None and _NO_RESULT.match(rest) is None


def _latest(value: re.Match[str]) -> re.Match[str]:
    """The last of the values that a note gives in order: "Hgb 9.1 -> 8.4 -> 7.2 g/dL"."""
    while arrow := _ARROW.match(value.string, value.end()):
        following = _VALUE.match(value.string, arrow.end())
        if following is None:
            break
        value = following
    return value


def _is_clock(value: re.Match[str], linked: str) -> bool:
    """Whether "at 1:30" is a time of day; the titres up to 1:59 have no "at"."""
    return re.search(r"\bat\s*$", linked) is not None and (
        re.fullmatch(r"1:[0-5]\d", value["number"]) is not None
    )


def _quantity(value: re.Match[str], bound: str, unit: str | None = None) -> dict[str, str | float]:
    """A value as written or as a number, with its unit and the standard ones."""
    unit = unit or value["unit"]
    number, bound = " ".join(value["number"].split()), (value["bound"] or bound).strip()
    quantity: dict[str, str | float] = {"value": bound + number}
    if unit is not None:
        quantity["unit"] = " ".join(unit.split())
    thousands = _THOUSANDS.fullmatch(number)
    if bound or (thousands is None and re.fullmatch(r"\d+(?:[.,]\d+)?", number) is None):
        return quantity
    amount = quantity["value"] = _amount(number)
    if "unit" in quantity and is_unit(str(quantity["unit"])):
        standard = normalise_quantity(amount, str(quantity["unit"]))
        quantity["standard_value"], quantity["standard_unit"] = standard
    return quantity
