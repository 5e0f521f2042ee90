"""Identifiers in a text: their kinds and places, and what stands beside them and doesn't count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Part = Literal["development", "held-out"]
PARTS: tuple[Part, ...] = ("development", "held-out")

_TITLE_BEFORE = re.compile(
    r"\b(?:dra?|doctor|mr|mrs|ms|miss|mx|master|prof|professor|sister|nurse|sir|dame|lady|lord|rev"
    r"|reverend|fr|father|pastor|rabbi|imam|hon|herr|frau|mme|m|sra?|captain|capt|sgt|officer)"
    r"\.?\s+$",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"[\s-]*(?:years?[\s-]+old|years?[\s-]+of[\s-]+age|years?|yrs?|y\.?/?o\.?|yo)\b", re.IGNORECASE
)


@dataclass(frozen=True, order=True)
class Span:
    """Characters of a text from `start` to before `end`, of one of the `KINDS` of identifiers.

    Attributes:
        required: an identifier that must be found. Else it is one of the places that may be found
            or not (a state, a season, the title before a name): neither counts.
    """

    start: int
    end: int
    kind: str
    required: bool = True


@dataclass(frozen=True)
class MarkedNote:
    """A text and what is marked in it.

    Attributes:
        name: which note it is, such as "referral-2/3".
        group: what it has in common with others that are like it: its template, or its document.
        spans: in the order of the text; none overlaps another.
    """

    name: str
    group: str
    text: str
    spans: tuple[Span, ...]


def with_neighbours(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans, and titles before names and units after ages as what may be found or not."""
    marked = sorted(spans)
    extra: list[Span] = []
    for span in marked:
        if span.kind == "NAME" and (title := _TITLE_BEFORE.search(text, 0, span.start)):
            extra.append(Span(title.start(), title.end(), "NAME", required=False))
        if span.kind == "AGE" and (unit := _UNIT_AFTER.match(text, span.end)):
            extra.append(Span(unit.start(), unit.end(), "AGE", required=False))
    free = [e for e in extra if not any(e.start < s.end and s.start < e.end for s in marked)]
    return tuple(sorted([*marked, *free]))
