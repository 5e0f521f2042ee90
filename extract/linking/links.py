"""Queries to a linker, the links that it gives, and the protocol of every linker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..abbreviations import Abbreviation

# Kinds of nodes that a mention of each kind may mean; its own first.
KINDS = {
    "Disease": ("Disease", "Symptom"),
    "Symptom": ("Symptom", "Disease"),
    "Drug": ("Drug",),
    "Target": ("Target",),
    "Procedure": ("Procedure",),
}
_MAX_SHORT_FORM = 12  # characters of a short form in parentheses


@dataclass(frozen=True)
class EntityLink:
    """A node that a mention may mean, with the probability that it does.

    Attributes:
        name: which of the node's names is the mention's, or most like it.
        is_own_name: whether that is what the node is called, and no synonym.
    """

    identifier: str
    kind: str
    name: str
    score: float
    is_own_name: bool = False


class LinkQuery(NamedTuple):
    """A mention to be linked: its text, kind, and what the document spells it out as."""

    text: str
    kind: str
    long: str | None = None


class EntityLinker(Protocol):
    """What the component `medkg_linker` links with.

    Attributes:
        threshold: the least score of a link.
    """

    threshold: float

    def in_document(self, mentions: Sequence[LinkQuery]) -> list[list[EntityLink]]:
        """For each mention of a document the nodes that it may mean, the best first."""
        ...


def long_forms_of(
    text: str,
    mentions: Iterable[tuple[int, int, str]],
    abbreviations: Iterable[Abbreviation],
) -> dict[str, str]:
    """What a text spells out: short form → long form.

    `abbreviations` are those by their letters (`find_abbreviations`). Beside them, mentions (start,
    end, kind) that stand in parentheses right after another of their kind: "tacrolimus (FK506)",
    but not those of "cytokines (TNF-alpha, IL-6)", which are examples.
    """
    long_forms = {x.short: " ".join(text[x.long[0] : x.long[1]].split()) for x in abbreviations}
    before: tuple[int, int, str] | None = None
    for mention in sorted(mentions):
        start, end, kind = mention
        if before is not None and before[2] == kind and text[before[1] : start].strip() == "(":
            short = " ".join(text[start:end].split())
            long = " ".join(text[before[0] : before[1]].split())
            is_example = text[end : end + 1] not in (")", ";") and long.endswith("s")
            is_short = len(short) <= _MAX_SHORT_FORM
            if is_short and not is_example and any(c.isupper() or c.isdigit() for c in short):
                long_forms.setdefault(short, long)
        before = mention
    return long_forms


def link_query(text: str, kind: str, long_forms: Mapping[str, str]) -> LinkQuery:
    """A mention to be linked, with what its document's abbreviations spell it out as.

    A short form may be the whole mention, its plural, or a word of it ("G6PD deficiency").
    """
    text = " ".join(text.split())
    long = long_forms.get(text) or long_forms.get(text.removesuffix("s"))
    if long is None and any(short in text for short in long_forms):
        words = [long_forms.get(word, word) for word in text.split(" ")]
        long = " ".join(words)
    if long is None or (long := " ".join(long.split())) == text:
        return LinkQuery(text, kind)
    return LinkQuery(text, kind, long)
