"""How well identifiers are found: recall by identifier, precision by span, both by character.

Only letters and digits count, wherever characters are counted.

- **Recall**: an identifier is found if every character of it is covered, whatever the kinds of what
  covers it: a surname left over is a patient named.
- **Precision**: a span that was found is right if at least half of its characters are in
  identifiers. Characters that may be found or not (`Span.required`) are left out first, and so is
  a span of which nothing is left then.
- **Kind accuracy**: of the identifiers found, the share of which the span that covers most has the
  kind. An identifier of which the kind is right as well is in `recall_with_kind`.
- **Intervals** (95 %): a bootstrap over groups, which are templates or visits, since notes of one
  template are alike; where all groups agree on 0 or 1, Clopper and Pearson's for so many groups.
  Of fewer than five groups none is given: drawing so few again says little of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medkg.core.statistics import Bootstrap, drawn_counts, drawn_means, with_interval
from medkg.extract.deidentify import KINDS

from .spans import MarkedNote, Span

LEAST_GROUPS = 5  # for an interval

Mask = NDArray[np.bool_]


class Identifier(Protocol):
    """What a finder gives: characters of a text, from start to before end, and their kind."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def kind(self) -> str: ...


Finder = Callable[[str], Iterable[Identifier]]


@dataclass(frozen=True)
class JudgedIdentifier:
    """An identifier of a note, whether it was found, and whether with its kind."""

    note: MarkedNote
    span: Span
    covered: bool
    kind_right: bool


@dataclass(frozen=True)
class JudgedFind:
    """What was found in a note, and whether it is in identifiers."""

    note: MarkedNote
    start: int
    end: int
    kind: str
    right: bool


@dataclass(frozen=True)
class JudgedNote:
    """A note's identifiers and finds, and its characters.

    Attributes:
        marked: letters and digits in identifiers; covered: those of them that were found.
        taken: letters and digits found, but for those that may be found or not.
    """

    group: str
    identifiers: list[JudgedIdentifier]
    finds: list[JudgedFind]
    marked: int
    covered: int
    taken: int


def judge(note: MarkedNote, identifiers: Iterable[Identifier]) -> JudgedNote:
    """Compare what was found in a note with what is marked in it.

    Raises:
        ValueError: what was found has a kind that is none, or isn't in the text.
    """
    finds = [(f.start, f.end, f.kind) for f in identifiers]
    for start, end, kind in finds:
        if kind not in KINDS:
            raise ValueError(f"{note.name}: {kind!r} is no kind of identifier; there are {KINDS}")
        if not 0 <= start < end <= len(note.text):
            raise ValueError(
                f"{note.name}: {start} to {end} is no span of a text of {len(note.text)} characters"
            )
    counted = np.array([sign.isalnum() for sign in note.text], dtype=bool)
    free = _mask(note, [(s.start, s.end) for s in note.spans if not s.required])
    required = [s for s in note.spans if s.required]
    marked = _mask(note, [(s.start, s.end) for s in required]) & counted
    taken = _mask(note, [(start, end) for start, end, _ in finds]) & counted & ~free
    judged = [
        JudgedIdentifier(
            note,
            span,
            covered := bool((taken | ~counted)[span.start : span.end].all()),
            covered and span.kind in _kinds_of(span, finds),
        )
        for span in required
    ]
    judged_finds = []
    for start, end, kind in finds:
        characters = int((counted & ~free)[start:end].sum())
        if characters:
            right = 2 * int(marked[start:end].sum()) >= characters
            judged_finds.append(JudgedFind(note, start, end, kind, right))
    return JudgedNote(
        note.group,
        judged,
        judged_finds,
        int(marked.sum()),
        int((marked & taken).sum()),
        int(taken.sum()),
    )


def _mask(note: MarkedNote, places: Iterable[tuple[int, int]]) -> Mask:
    mask = np.zeros(len(note.text), dtype=bool)
    for start, end in places:
        mask[start:end] = True
    return mask


def _kinds_of(span: Span, finds: Sequence[tuple[int, int, str]]) -> set[str]:
    """The kind of the find that covers most of an identifier, or of those that cover as much."""
    shared = [min(end, span.end) - max(start, span.start) for start, end, _ in finds]
    most = max(shared)
    return {find[2] for find, length in zip(finds, shared, strict=True) if length == most}


def figures(judged: Sequence[JudgedNote], seed: int = 0) -> dict[str, Any]:
    """The figures over notes, together and by kind, with their intervals."""
    groups = {name: number for number, name in enumerate(dict.fromkeys(n.group for n in judged))}
    identifiers = [i for note in judged for i in note.identifiers]
    finds = [f for note in judged for f in note.finds]
    covered = [i for i in identifiers if i.covered]

    def of_identifiers(
        name: str, rows: Sequence[JudgedIdentifier], holds: Callable[[JudgedIdentifier], bool]
    ) -> dict[str, Any]:
        return _share(name, [(groups[r.note.group], holds(r)) for r in rows], seed)

    def of_finds(rows: Sequence[JudgedFind]) -> dict[str, Any]:
        return _share("precision", [(groups[r.note.group], r.right) for r in rows], seed)

    by_group = [(groups[n.group], n.covered, n.marked, n.taken) for n in judged]
    return {
        "notes": len(judged),
        "groups": len(groups),
        "identifiers": len(identifiers),
        **of_identifiers("recall", identifiers, lambda i: i.covered),
        "finds": len(finds),
        **of_finds(finds),
        **_ratio("recall_of_characters", [(g, c, m) for g, c, m, _ in by_group], seed),
        **_ratio("precision_of_characters", [(g, c, t) for g, c, _, t in by_group], seed),
        **of_identifiers("kind_accuracy", covered, lambda i: i.kind_right),
        "kinds": {
            kind: {
                "identifiers": len(rows := [i for i in identifiers if i.span.kind == kind]),
                **of_identifiers("recall", rows, lambda i: i.covered),
                **of_identifiers("recall_with_kind", rows, lambda i: i.kind_right),
                "finds": len(of_kind := [f for f in finds if f.kind == kind]),
                **of_finds(of_kind),
            }
            for kind in KINDS
        },
    }


def _share(name: str, rows: Sequence[tuple[int, bool]], seed: int) -> dict[str, Any]:
    """A share of rows, each with its group's number, and its interval; nothing of no rows."""
    if not rows:
        return {}
    values = np.array([holds for _, holds in rows], dtype=np.float64)
    bootstrap = Bootstrap.over(np.array([group for group, _ in rows]), seed)
    drawn = bootstrap.means(values)
    return _figure(name, float(values.mean()), drawn, len(bootstrap.sizes))


def _ratio(name: str, rows: Sequence[tuple[int, int, int]], seed: int) -> dict[str, Any]:
    """A ratio of sums, of (group, above, below) of each note, and its interval."""
    sums: dict[int, NDArray[np.float64]] = {}
    for group, above, below in rows:
        sums[group] = np.add(sums.get(group, np.zeros(2)), (above, below))
    table = np.array([pair for pair in sums.values() if pair[1]]).reshape(-1, 2)
    if not len(table):
        return {}
    drawn = drawn_means(drawn_counts(len(table), seed), table[:, 0], table[:, 1])
    return _figure(name, float(table[:, 0].sum() / table[:, 1].sum()), drawn, len(table))


def _figure(name: str, value: float, drawn: NDArray[np.float64], groups: int) -> dict[str, Any]:
    if groups < LEAST_GROUPS:
        return {name: round(value, 4)}
    return with_interval(name, value, drawn, groups)
