"""A sentence with the names in it marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_SHORTEST = 3  # characters of a name that is looked for


class Part(NamedTuple):
    """A part of a sentence, and whether it is a name that was looked for."""

    text: str
    is_name: bool


def marked(sentence: str, names: Iterable[str]) -> list[Part]:
    """A sentence in parts: where one of the names stands as whole words, the longest first."""
    lower = sentence.lower()
    if len(lower) != len(sentence):  # a letter that has another length in lower case
        lower = sentence
    taken: list[tuple[int, int]] = []
    for name in sorted({name.lower() for name in names if len(name) >= _SHORTEST}, key=len)[::-1]:
        start = lower.find(name)
        while start >= 0:
            end = start + len(name)
            if _is_word(lower, start, end) and all(end <= a or start >= b for a, b in taken):
                taken.append((start, end))
            start = lower.find(name, end)
    parts, last = [], 0
    for start, end in sorted(taken):
        parts += [Part(sentence[last:start], False), Part(sentence[start:end], True)]
        last = end
    return [part for part in (*parts, Part(sentence[last:], False)) if part.text]


def _is_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() or after.isalnum())
