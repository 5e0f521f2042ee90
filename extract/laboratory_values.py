"""What a laboratory's value is, low, normal or high, by the range of a note or of the table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spacy.tokens import Span

from ..graph.laboratory import (
    LaboratoryTest,
    Range,
    is_possible,
    outcome_in_unit,
    outcome_of,
)
from ..graph.units import is_unit, normalise_quantity
from .context.doses import FREQUENCY
from .context.values import ReferenceRange, reference_range
from .tokens import text_of

# A value without a unit is in one of those that the table has for the test if it lies within this
# factor of the range; otherwise it would be in none of which a patient lives. What the body holds
# within narrow limits varies little in disease too: a temperature of 38.6 is in degrees Celsius.
_PLAUSIBLE = 10.0
_NARROW = 10.0  # by this power of the range's upper limit to its lower one, if that is less
# Where the units in which a value is plausible disagree, it is in the one whose range it is nearer
# to by so many widths (logarithms of the upper limit to the lower one): "Hb 104" is of g/L.
# "Magnesium 0.9", low in mg/dL or normal in mmol/L, stays open. Farther out than the second number
# of widths it is no patient's. By judgement.
_NEARER, _FARTHEST = 2.0, 5.0
# A value denies a finding unless it lies within this share of the range's width of the limit behind
# which the finding is: "BP 92/54" says nothing of hypotension. By judgement.
_BORDER = 0.1
# "Potassium 40 mmol" is an amount that somebody was given; "HbA1c 36 mmol/mol" is no per cent.
_OTHER_UNIT = re.compile(
    r"\W*\d[\d.,]*\s?(?:mmol\s?/\s?mol|(?:mmol|meq|mg|mcg|[µμu]g|g|iu|units?)\b(?!\s?/))", re.I
)
# "Magnesium 400 daily" is taken, not measured.
_SCHEDULE = re.compile(
    rf"\W*\d[\d.,]*\s?(?:{FREQUENCY}|po|iv|once|twice|three times"
    r"|(?:a|per|every|each) (?:day|night|week|month))\b",
    re.I,
)
_NUMBER = re.compile(r"(?P<bound>[<>≤≥]?)[=\s]*(?P<amount>\d[\d,]*(?:\.\d+)?)")
_BOUNDS = {"≤": "<", "≥": ">"}
_SPAN = re.compile(r"(\d+(?:[.,]\d+)?)\s?(?:-|–|to)\s?(\d+(?:[.,]\d+)?)")
_WIDEST = 1.25  # the last value of a span, of the first
_BEFORE = 6  # tokens before a test in which it is said that a value is aimed at
_AIM = re.compile(r"\b(?:target|goal|aim\w*|maintain\w*|keep|titrate\w*|range|ref)\b", re.I)
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
# Without a unit these are as often shares of the white cells as counts; but of the two kinds that
# are most frequent a few, with a decimal point, were counted: "neutrophils 0.5".
_SHARES = re.compile(r"neut|lymph|mono|eos|baso", re.I)
_MOST_WHITE_CELLS = re.compile(r"neut|lymph", re.I)
_WHOLE = 100.0  # per cent
# An organ's size, with what may stand before it. What is felt is measured from the ribs' edge; a
# number alone is the whole organ's, or, below that, of what is felt where nothing else follows:
# "liver 3 cm, spleen 2 cm", but "liver 2 cm, 3 cm and 5 cm metastases".
_SIZE = re.compile(
    r"(?:[\s,:(~]{1,20}(?:is|was|now|just|and|felt|(?P<palpable>palpable|palpated|tip|edge)|firm|smooth"
    r"|soft|hard|tender|non-?tender|enlarged|(?P<whole>measur(?:es|ed|ing)|spans?)|at|to|of|by|about"
    r"|approximately)\b){0,8}[\s,:(~]{1,20}"
    r"(?P<least>\d{1,2}(?:\.\d)?)(?:\s?(?:-|–|to)\s?(?P<most>\d{1,2}(?:\.\d)?))?\s?cm\b\s?"
    r"(?P<after>(?:below|under|beneath|from|past|down|bcm|blcm)\b"
    r"|[.;)\n]|$|,\s?(?:and )?(?:the )?(?:liver|spleen|firm|smooth|soft|hard|(?:non-?)?tender|no)\b"
    r")?",
    re.I,
)
_WHOLE_ORGAN = re.compile(r"span|size|length", re.I)
_LEAST_OF_CHILD = 4.0  # cm below the ribs; up to 3 are usual in infants
_CENTIMETRES = "cm"
_VITAL_SIGNS = frozenset(("temperature", "heart rate", "respiratory rate", "oxygen saturation"))
_OF_A_GROUP = re.compile(r"\b(?:median|mean|average)\b", re.I)


@dataclass(frozen=True)
class Results:
    """Identifiers of the phenotypes that a test's result shows, and of those that it excludes."""

    present: Sequence[str]
    excluded: Sequence[str]


def by_reference(
    test: LaboratoryTest, stated: Mapping[str, str | float], usual: ReferenceRange
) -> Results | None:
    """What a value shows and excludes by the range that the note gives for it, as `results_of`."""
    amount = _amount_of(stated)
    assert amount is not None  # the value of a range is a number
    if not can_be_of_patient(test, {"unit": usual.unit or "", **stated}):
        return None
    verdict = outcome_of(amount[0], usual.low, usual.high, amount[1])
    interpretation = stated.get("interpretation", verdict)
    agrees = interpretation in (verdict, "abnormal")
    if not agrees and (interpretation, verdict) != ("positive", "high"):
        return None
    low, high, _ = inner_range((usual.low, usual.high, ""))
    return results_for(test, verdict, outcome_of(amount[0], low, high, amount[1]))


def can_be_of_patient(test: LaboratoryTest, stated: Mapping[str, str | float]) -> bool:
    """Whether a test's value is none that is an error of typing or of its unit for certain."""
    amount = _amount_of(stated) if "value" in stated else None
    return amount is None or is_possible(test, amount[0], str(stated.get("unit", "")), amount[1])


def results_for(test: LaboratoryTest, verdict: str | None, inner: str | None) -> Results | None:
    """What a verdict shows and excludes; None where it says nothing.

    Args:
        inner: of a normal value, on which side of the inner range it lies (`without_near`).
    """
    present, excluded = test.results(verdict)
    if verdict == "normal":
        excluded = without_near(test, excluded, inner)
    return Results(present, excluded) if present or excluded or verdict == "normal" else None


def range_of_the_healthy(
    test: LaboratoryTest, stated: Mapping[str, str | float], mention: Span
) -> ReferenceRange | None:
    """The range that a note gives for a test's value.

    None where it gives none, or one that is not of healthy people: of a vital sign it is mostly
    what was measured in a day; one in another unit, or mostly outside of the table's, is a target
    ("SpO2 90 % (88-92)") or the spread of a group.
    """
    usual = reference_range(mention)
    if usual is None or _amount_of(stated) is None or test.names[0] in _VITAL_SIGNS:
        return None
    unit = str(stated.get("unit", usual.unit or ""))
    if usual.unit and _standard(usual.unit) != _standard(unit):
        return None
    if _OF_A_GROUP.search(mention.doc[max(0, mention.start - 3) : mention.start].text):
        return None
    if not test.ranges or test.by_age:
        return usual
    ranges = [each for each in test.ranges if not unit or _standard(each[2]) == _standard(unit)]
    return usual if any(_is_mostly_in(usual, low, high) for low, high, _ in ranges) else None


def _is_mostly_in(usual: ReferenceRange, low: float, high: float) -> bool:
    """Whether at least half of a range lies between two values; of ">20" what isn't above both."""
    end = max(high, usual.low) if math.isinf(usual.high) else usual.high
    shared = min(end, high) - max(usual.low, low)
    return shared > 0 and shared >= (end - usual.low) / 2


def _standard(unit: str) -> str:
    """The unit that others of its kind are converted to; itself where it is unknown."""
    return normalise_quantity(1.0, unit)[1] if is_unit(unit) else unit


def inner_range(usual: Range) -> Range:
    """A range without what is close to its limits; 0 is none."""
    low, high, unit = usual
    margin = _BORDER * (low if math.isinf(high) else high - low)
    return (low + margin if low else low, high - margin, unit)


def without_near(test: LaboratoryTest, excluded: Sequence[str], inner: str | None) -> list[str]:
    """What a value excludes, without the finding that it is close to.

    Args:
        test: what was measured.
        excluded: by the value as it lies in the whole range.
        inner: on which side of the inner range it lies.
    """
    near = {"low": test.low, "high": test.high}.get(str(inner))
    return [each for each in excluded if each != near]


def size_results(test: LaboratoryTest, mention: Span, *, is_child: bool) -> Results | None:
    """What an organ's size in centimetres behind its name shows and excludes.

    The table's range is of an adult's whole organ; what is below it was measured from the ribs'
    edge. Of a child's only what is felt counts.
    """
    size = _SIZE.match(text_of(mention.doc), mention.end_char)
    if size is None:
        return None
    ((low, high, unit),) = test.ranges
    least, most = float(size["least"]), float(size["most"] or size["least"])
    ends = size["after"]
    is_below = ends is not None and ends[:1].isalpha()
    is_felt = is_below or bool(size["palpable"]) or mention.text.endswith(("tip", "edge"))
    if is_felt:
        is_large = most >= _LEAST_OF_CHILD if is_child else most > 0
        return Results(*test.results("low")) if is_large else None
    if is_child or (ends is None and least < low):
        return None
    if most < low:
        is_whole = size["whole"] or _WHOLE_ORGAN.search(mention.text) or not most
        return None if is_whole else Results(*test.results("low"))
    inner_low, inner_high, _ = inner_range((low, high, unit))
    if least > high:
        return Results(*test.results("high"))
    is_inside = inner_low <= least and most <= inner_high
    return Results(*test.results("normal")) if is_inside else None


def is_size(test: LaboratoryTest) -> bool:
    """Whether a test of the table is the size of an organ."""
    return any(unit == _CENTIMETRES for *_, unit in test.ranges)


def by_range(test: LaboratoryTest, stated: Mapping[str, str | float], mention: Span) -> str | None:
    """Low, high or normal; None where the value is no number or its unit leaves that open.

    Of "30-35 %" it is low or high where both ends are; what is wider is a range, and what is aimed
    at no result.
    """
    if span := _SPAN.fullmatch(str(stated["value"])):
        low, high = (float(end.replace(",", ".")) for end in span.groups())
        before = mention.doc[max(0, mention.start - _BEFORE) : mention.start].text
        if not low < high <= _WIDEST * low or _AIM.search(before):
            return None
        first, last = (by_range(test, {**stated, "value": end}, mention) for end in span.groups())
        return first if first == last != "normal" else None
    if (amount := _amount_of(stated)) is None:
        return None
    value, bound = amount
    if "unit" not in stated:
        return _without_unit(test, value, bound, mention)
    return outcome_in_unit(test.ranges, value, str(stated["unit"]), bound)


def _amount_of(stated: Mapping[str, str | float]) -> tuple[float, str] | None:
    """The number of a value, and "<" or ">" where it is a bound; None where it is no number."""
    number = _NUMBER.fullmatch(str(stated["value"]))
    if number is None:
        return None
    decimal = _DECIMAL_COMMA.fullmatch(number["amount"]) is not None
    value = float(number["amount"].replace(",", "." if decimal else ""))
    return value, _BOUNDS.get(number["bound"], number["bound"])


def _without_unit(test: LaboratoryTest, value: float, bound: str, mention: Span) -> str | None:
    """As `by_range`, of a value without a unit that is known."""
    following = str(mention.doc[mention.end : mention.end + 8].text)
    if _OTHER_UNIT.match(following) or _SCHEDULE.match(following):
        return None
    most = min((high for _, high, _ in test.ranges), default=0.0)
    is_few = value % 1 and value <= most and _MOST_WHITE_CELLS.search(mention.text)
    is_counted = value > _WHOLE or is_few
    if _SHARES.search(mention.text) and not is_counted:
        return None
    # What is usually told in per cent is told so without a unit ("HbA1c 9.2", but "EF 0.35"),
    # unless it is normal in another ("HbA1c 38").
    units = {unit for *_, unit in test.ranges}
    told_in = "1" if {"1", "%"} <= units and value <= 1 else "%"
    usual = {
        (low, high)
        for low, high, unit in test.ranges
        if (told_in not in units or unit == told_in or low <= value <= high)
        # What can't be measured is below a range, or above it: "haptoglobin <10" is of mg/dL.
        and not (bound == "<" and low and value > low)
        and not (bound == ">" and value < high)
    }
    factors = {each: _plausible_factor(*each) for each in usual}
    plausible = [
        (low, high)
        for (low, high), factor in factors.items()
        if low / max(factor, _factor_below(low, high)) <= value
        and (len(usual) == 1 or value <= high * factor)
    ]
    # Far outside in every unit there is ("CRP 240", "platelets 12") it is so in whichever is meant.
    if not plausible and len(usual) > 1 and min(factors.values()) == _PLAUSIBLE:
        plausible = list(usual)
    verdict = _nearest_outcome(value, plausible, bound)
    # Troponin 2.3 is normal in ng/L, and fifty times too high in ng/mL.
    if verdict == "normal" and _nearest_outcome(value, list(usual), bound) != verdict:
        return None
    return verdict


def _nearest_outcome(value: float, ranges: Sequence[tuple[float, float]], bound: str) -> str | None:
    """What a value is in all of some ranges, or in the one that it is much nearer to."""
    by_distance = sorted(
        (_widths_outside(value, low, high), outcome_of(value, low, high, bound) or "")
        for low, high in ranges
    )
    if not by_distance:
        return None
    nearest, verdict = by_distance[0]
    others = [distance for distance, other in by_distance if other != verdict]
    is_clear = not others or (nearest <= _FARTHEST and min(others) >= nearest + _NEARER)
    return verdict or None if is_clear else None


def _widths_outside(value: float, low: float, high: float) -> float:
    """How many widths of a range a value lies outside of it, by logarithms; 0 inside."""
    width = math.log(high / low) if low else math.log(_PLAUSIBLE)
    below = math.log(low / value) if 0 < value < low else math.inf if value < low else 0.0
    above = math.log(value / high) if value > high else 0.0
    return max(below, above) / width


def _factor_below(low: float, high: float) -> float:
    """How many times below a range that is wide a patient's value may lie: "TSH 0.01"."""
    return (high / low) ** 2 if low and high >= _PLAUSIBLE * low else 1.0


def _plausible_factor(low: float, high: float) -> float:
    """How many times below or above a range a patient's value may lie."""
    return min(_PLAUSIBLE, (high / low) ** _NARROW) if low else _PLAUSIBLE
