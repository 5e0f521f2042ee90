"""Tags in the place of identifiers, numbered for each patient: a person has one in all texts."""

from __future__ import annotations

import re

from .surrogates import OLDEST

_WORD = re.compile(r"[^\W_]+")


class Tags:
    """The tags of one patient: what was written alike has the same number in all texts.

    A part of a name ("Ms Okafor", "A. Okafor") has the number of the one whole name that it may be
    of; where it may be of two it is numbered as itself.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, dict[tuple[str, ...], int]] = {}
        self._people: dict[int, set[str]] = {}

    def tag(self, kind: str, written: str) -> str:
        """The tag of an identifier, such as `[NAME-1]`; ages over 89 are grouped."""
        if kind == "AGE":
            return OLDEST
        words = tuple(_WORD.findall(written.casefold()))
        numbers = self._numbers.setdefault(kind, {})
        if words not in numbers:
            number = self._of_person(words) if kind == "NAME" else None
            numbers[words] = max(numbers.values(), default=0) + 1 if number is None else number
        if kind == "NAME":
            self._people.setdefault(numbers[words], set()).update(words)
        return f"[{kind}-{numbers[words]}]"

    def _of_person(self, words: tuple[str, ...]) -> int | None:
        """The number of the only person whose names these may be; else of whom these are more."""
        of_more = [n for n, names in self._people.items() if _are_among(words, names)]
        of_fewer = [n for n, names in self._people.items() if _are_among(names, set(words))]
        people = of_more or of_fewer
        return people[0] if len(people) == 1 else None


def _are_among(words: tuple[str, ...] | set[str], names: set[str]) -> bool:
    """Whether each word is a name, or the first letter of one; one at least is a name."""
    initials = {name[0] for name in names}
    return not names.isdisjoint(words) and all(
        word in names or (len(word) == 1 and word in initials) for word in words
    )
