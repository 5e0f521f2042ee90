"""Abbreviations that a document defines, after Schwartz and Hearst (2003).

"A simple algorithm for identifying abbreviation definitions in biomedical text", PSB 2003. It works
on characters, so that short forms with digits and hyphens ("5-HT", "G6PD") are found whatever the
tokens are; scispaCy's detector needs every token of a short form to have two letters or more.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from spacy.tokens import Doc

from .tokens import text_of

_PARENTHESIS = re.compile(r"\(([^()\n]{2,60})\)")
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Z])|\n")
_WORD = re.compile(r"\S+")
# Where a short form may begin, and what must not follow it.
_BEGINNING = re.compile(r"(?<![A-Za-z0-9])[^\W_]")
_GOES_ON = re.compile(r"[A-Za-z0-9]")


_KEY = "medkg abbreviations"  # of `doc.user_data`


@dataclass(frozen=True)
class Abbreviation:
    """Where a document spells a name out, and every place where its short form stands."""

    long: tuple[int, int]
    short: str
    places: tuple[tuple[int, int], ...]


def abbreviations_of(doc: Doc) -> list[Abbreviation]:
    """The abbreviations that a document defines, which are looked for once."""
    if _KEY not in doc.user_data:
        doc.user_data[_KEY] = find_abbreviations(text_of(doc))
    abbreviations: list[Abbreviation] = doc.user_data[_KEY]
    return abbreviations


def find_abbreviations(text: str) -> list[Abbreviation]:
    """The abbreviations that `text` defines in the form LONG (SHORT) or SHORT (LONG)."""
    definitions: dict[str, tuple[int, int]] = {}
    for match in _PARENTHESIS.finditer(text):
        # "(ACE; EC 3.4.15.1)": what follows a comma or semicolon belongs to another matter.
        inner = re.split(r"[;,]\s", match[1])[0]
        if _is_short_form(inner):
            left = text[max(0, match.start() - 200) : match.start()]
            short, long_end = inner, match.start() - len(left) + len(left.rstrip())
            # A long form lies in one sentence.
            ends = [m.end() for m in _SENTENCE_END.finditer(text, max(0, long_end - 200), long_end)]
            first = ends[-1] if ends else max(0, long_end - 200)
            words = [w.span() for w in _WORD.finditer(text, first, long_end)]
            most = min(len(short) + 5, 2 * len(short))
            start = words[-most:][0][0] if words else long_end
            begin = _long_form(short, text, start, long_end)
        else:
            before = re.search(r"(\S{2,10})\s+$", text[max(0, match.start() - 14) : match.start()])
            if before is None or not _is_short_form(before[1]):
                continue
            short, long_end = before[1], match.start(1) + len(inner)
            begin = _long_form(short, text, match.start(1), long_end)
        if begin is not None and short not in definitions:
            definitions[short] = (begin, long_end)
    places = _places(set(definitions), text)
    return [
        Abbreviation(
            long, short, tuple(p for p in places[short] if p[1] <= long[0] or p[0] >= long[1])
        )
        for short, long in definitions.items()
    ]


def _is_short_form(candidate: str) -> bool:
    return (
        2 <= len(candidate) <= 10
        and len(candidate.split()) <= 2
        and candidate[0].isalnum()
        and any(c.isalpha() for c in candidate)
        and any(c.isupper() or c.isdigit() for c in candidate)
    )


def _long_form(short: str, text: str, start: int, end: int) -> int | None:
    """Where the long form begins in text[start:end], matching characters from right to left."""
    position = end
    for index in range(len(short) - 1, -1, -1):
        character = short[index].lower()
        if not character.isalnum():
            continue
        position -= 1
        while position >= start and (
            text[position].lower() != character
            # The first character must begin a word.
            or (index == 0 and position > 0 and text[position - 1].isalnum())
        ):
            position -= 1
        if position < start:
            return None
    while position > start and not text[position - 1].isspace() and text[position - 1] != "(":
        position -= 1
    long = text[position:end]
    if len(long) <= len(short) or long.count("(") != long.count(")"):
        return None
    return None if _places({short}, long)[short] else position


def _places(shorts: Set[str], text: str) -> dict[str, list[tuple[int, int]]]:
    """Where each short form stands as a word, or part of one, that signs set off.

    All in one pass: a text may define thousands.
    """
    places: dict[str, list[tuple[int, int]]] = {short: [] for short in shorts}
    lengths = sorted({len(short) for short in shorts})
    for match in _BEGINNING.finditer(text) if shorts else ():
        start = match.start()
        for end in (start + length for length in lengths):
            of_short = places.get(text[start:end])
            if of_short is None or _GOES_ON.match(text, end):
                continue
            if not of_short or of_short[-1][1] <= start:
                of_short.append((start, end))
    return places
