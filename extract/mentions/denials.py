"""Chinese denials with which a name seems to begin: "无尿" (anuria) of "无尿频" (no frequency)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from spacy.tokens import Doc

_NO = "无"


class _Tokens(Protocol):
    """Tokens [start, end) of a document."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


Part = TypeVar("Part", bound=_Tokens)


def without_denials(doc: Doc, parts: Iterable[Part], names: Iterable[_Tokens]) -> list[Part]:
    """The parts of a text without those that begin with 无 before a name that reaches further.

    Args:
        parts: mentions, or names.
        names: all that stand in the text; a character each is a token.
    """
    ends: dict[int, int] = {}
    for name in names:
        ends[name.start] = max(name.end, ends.get(name.start, 0))

    def is_denial(start: int, end: int) -> bool:
        behind, is_name = ends.get(start + 1, 0), ends.get(start, 0) == end
        return doc[start].text == _NO and (behind > end or (behind == end and not is_name))

    return [part for part in parts if not is_denial(part.start, part.end)]
