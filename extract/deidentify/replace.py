"""Identifiers of a text replaced by surrogates or by tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .date_shift import day_first, shifted, year_of
from .identifiers import Identifier
from .surrogates import Surrogates
from .tags import Tags

Style = Literal["surrogates", "tags"]


@dataclass(frozen=True)
class Replacement:
    """An identifier and what stands in its place.

    Attributes:
        identifier: where it stood in the text as it was.
        start: where its replacement begins in the new text.
    """

    identifier: Identifier
    written: str
    replacement: str
    start: int


@dataclass(frozen=True)
class DeidentifiedText:
    """A text without its identifiers, and what was replaced, in the order of the text."""

    text: str
    replacements: tuple[Replacement, ...]


def replaced(
    text: str, identifiers: Sequence[Identifier], surrogates: Surrogates, style: Style
) -> DeidentifiedText:
    """Replace the identifiers of a text.

    Args:
        identifiers: in the order of the text, none overlapping another.
        surrogates: the patient's.
        style: "tags" gives `[NAME-1]`, numbered within the text; ages over 89 are grouped in both.
    """
    if style == "tags":
        tags = Tags()
        news = [tags.tag(each.kind, text[each.start : each.end]) for each in identifiers]
    else:
        news = _surrogates(text, identifiers, surrogates)
    return put(text, identifiers, news)


def put(text: str, identifiers: Sequence[Identifier], news: Sequence[str]) -> DeidentifiedText:
    """A text with something new in the place of each identifier."""
    pieces: list[str] = []
    replacements = []
    end = length = 0
    for identifier, new in zip(identifiers, news, strict=True):
        between = text[end : identifier.start]
        written = text[identifier.start : identifier.end]
        replacements.append(Replacement(identifier, written, new, length + len(between)))
        pieces += [between, new]
        length += len(between) + len(new)
        end = identifier.end
    return DeidentifiedText("".join([*pieces, text[end:]]), tuple(replacements))


def _surrogates(text: str, identifiers: Sequence[Identifier], of: Surrogates) -> list[str]:
    written = [text[each.start : each.end] for each in identifiers]
    pairs = list(zip(identifiers, written, strict=True))
    dates = [words for each, words in pairs if each.kind == "DATE"]
    is_day_first, year = day_first(dates), year_of(dates)
    initials: dict[str, str] = {}
    for each, words in pairs:
        if each.kind == "NAME":
            initials = of.initials(words) | initials
    news = []
    for each, words in pairs:
        if each.kind == "DATE":
            moved = shifted(words, 7 * of.weeks(), day_is_first=is_day_first, year=year)
            news.append("[DATE]" if moved is None else moved)
        else:
            news.append(of.of(each.kind, words, initials))
    return news
