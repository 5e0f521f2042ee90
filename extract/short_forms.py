"""What clinical notes write short without ever spelling it out ("HTN", "eGFR 45")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from spacy.tokens import Doc, Span

from .abbreviations import find_abbreviations

# Of a mention that has such letters alone to go by; by judgement.
_PROBABILITY = 0.9
_NUMBER_FOLLOWS = re.compile(
    r"(?:\s?[:=]|\s(?:of|was|is|at))?\s?[<>≤≥]?\s?\d[\d.,]*"
    r"(?![\d.,]|\s?(?:[mk]?g|mcg|m?[Ee][Qq]|mmol|IU|units?|tabs?)\b(?!\s?/))"
)
_IS_VALUE = re.compile(r"[\s:=<>≤≥]*\d[\d.,/]*\s?%?")


@dataclass(frozen=True)
class ShortForm:
    """A row of `data/short_forms.tsv`.

    Attributes:
        kind: of the mention; "none": no mention, though the letters look like one.
        long: what it is linked as, or empty.
        with_value: whether it counts only before a number that is no dose.
    """

    kind: str
    long: str
    with_value: bool


@cache
def short_forms() -> Mapping[str, ShortForm]:
    """The short forms of notes, as they are written."""
    text = resources.files("medkg.extract").joinpath("data/short_forms.tsv").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    rows = (line.split("\t") for line in lines[1:])
    return MappingProxyType(
        {short: ShortForm(kind, long, value == "yes") for short, kind, long, value in rows}
    )


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(short_forms(), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def with_short_forms(doc: Doc, mentions: Iterable[Span]) -> list[Span]:
    """A note's mentions, with those that it writes short, each by the kind of its short form.

    What the note spells out itself stays as it is, and so does a mention that such letters are only
    a part of ("CAD risk score"), unless the rest of it is a value ("pCO2 38").
    """
    kept = list(mentions)
    text = doc.text
    defined = {found.short for found in find_abbreviations(text)}
    headings = [(span.start_char, span.end_char) for span in doc.spans.get("headings", [])]
    for match in _pattern().finditer(text):
        form = short_forms()[match[0]]
        span = doc.char_span(*match.span(), label=form.kind)
        if span is None or match[0] in defined:
            continue
        if form.with_value and not _NUMBER_FOLLOWS.match(text, match.end()):
            continue
        if any(start <= match.start() < end for start, end in headings):
            continue
        here = [m for m in kept if m.start < span.end and span.start < m.end]
        if not all(_is_no_more(mention, span) for mention in here):
            continue
        kept = [mention for mention in kept if mention not in here]
        if form.kind != "none":
            span._.probability = _PROBABILITY
            kept.append(span)
    return sorted(kept, key=lambda mention: mention.start)


def _is_no_more(mention: Span, short: Span) -> bool:
    """Whether a mention is of the short form's tokens, or beyond these has but its value."""
    if mention.start < short.start:
        return False
    rest = mention.doc.text[short.end_char : mention.end_char]
    return not rest or _IS_VALUE.fullmatch(rest) is not None
