"""Names that share a word: "breast and ovarian cancer" is two, so is "big liver and spleen"."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_AND = re.compile(r",\s+(?:and|or)\s+|,\s+|(?<!\s)\s++(?:and/or|and|or)\s+")


class CoordinatedName(NamedTuple):
    """One of the names that a text joins: its own words [start, end) of the text, and all of it."""

    start: int
    end: int
    name: str


@lru_cache(maxsize=50_000)
def names_of_one_head(text: str, words: int = 1) -> tuple[CoordinatedName, ...]:
    """The names that share the last words: "breast" and "ovarian cancer"; none if there is one."""
    pieces = _pieces(text)
    last = pieces[-1].name.split() if pieces else []
    if len(pieces) < 2 or len(last) <= words:
        return ()
    head = " ".join(last[-words:])
    names = [piece._replace(name=f"{piece.name} {head}") for piece in pieces[:-1]]
    return (*names, pieces[-1]._replace(name=" ".join(last)))


def names_of_one_beginning(text: str) -> tuple[CoordinatedName, ...]:
    """The names that share the first words: "weakness of arms" and "legs"; none if there is one."""
    pieces = _pieces(text)
    first = pieces[0].name.split() if pieces else []
    if len(pieces) < 2 or len(first) < 2:
        return ()
    beginning = " ".join(first[:-1])
    names = [piece._replace(name=f"{beginning} {piece.name}") for piece in pieces[1:]]
    return (pieces[0]._replace(name=" ".join(first)), *names)


def _pieces(text: str) -> list[CoordinatedName]:
    ends = [(0, 0), *(match.span() for match in _AND.finditer(text)), (len(text), len(text))]
    pieces = []
    for (_, start), (end, _) in pairwise(ends):
        if name := text[start:end].strip():
            first = text.index(name, start)
            pieces.append(CoordinatedName(first, first + len(name), name))
    return pieces
