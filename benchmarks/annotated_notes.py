"""Notes in plain words whose findings are annotated, for `train_phrases.py` and `note_findings.py`.

Written for this project; `textbook.py` says which of its sets were written without a look at the
reader of notes. What is stated was annotated without a look at what is read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from medkg.extract.phrases.candidates import denials_in
from medkg.extract.phrases.vectors import words_in
from medkg.graph.kg import KnowledgeGraph

DATA = Path(__file__).with_name("data")
# Words before an annotated absence among which, or in which, one must deny for a reader to tell.
_WORDS_BEFORE = 6


@dataclass(frozen=True)
class StatedFinding:
    """A phrase at characters [start, end) of a note, and the terms that it may be coded as."""

    start: int
    end: int
    phenotypes: tuple[str, ...]
    is_present: bool

    def touches(self, start: int, end: int) -> bool:
        """Whether it shares a character with [start, end)."""
        return self.start < end and self.end > start

    def is_stated(self, note: str) -> bool:
        """Whether it is present, or denied by a word of its own."""
        words = [*words_in(note[: self.start])[-_WORDS_BEFORE:]]
        words += words_in(note[self.start : self.end])
        return self.is_present or denials_in(words) > 0


@dataclass(frozen=True)
class AnnotatedNote:
    """A note and what it states."""

    text: str
    findings: tuple[StatedFinding, ...]


def textbook_notes(pictures: str) -> list[AnnotatedNote]:
    """The notes of one set of `textbook.py`."""
    notes = pl.read_csv(DATA / f"textbook_{pictures}.tsv", separator="\t", quote_char=None)["note"]
    table = pl.read_csv(DATA / "textbook_findings.tsv", separator="\t", quote_char=None)
    of_note = defaultdict(list)
    for _, number, *finding in table.filter(pictures=pictures).iter_rows():
        of_note[number].append(finding)
    return [_annotated(text, of_note[number]) for number, text in enumerate(notes, start=1)]


def joined(notes: Sequence[AnnotatedNote]) -> AnnotatedNote:
    """One note of several, a paragraph each."""
    text, findings = "", list[StatedFinding]()
    for note in notes:
        findings += (
            replace(each, start=each.start + len(text), end=each.end + len(text))
            for each in note.findings
        )
        text += note.text + "\n\n"
    return AnnotatedNote(text.rstrip(), tuple(findings))


def training_notes() -> list[AnnotatedNote]:
    """The notes that were written to learn from."""
    lines = (DATA / "phrase_notes.jsonl").read_text(encoding="utf-8").splitlines()
    return [_annotated(note["text"], note["findings"]) for note in map(json.loads, lines)]


def _annotated(text: str, findings: list[list[str]]) -> AnnotatedNote:
    return AnnotatedNote(text, tuple(_findings(text, findings)))


def _findings(text: str, findings: list[list[str]]) -> Iterator[StatedFinding]:
    for phrase, phenotypes, stated in findings:
        start = text.index(phrase)
        yield StatedFinding(
            start, start + len(phrase), tuple(phenotypes.split(";")), stated == "present"
        )


class Nearness:
    """Whether two terms are the same or at most two steps up or down from one another."""

    def __init__(self, kg: KnowledgeGraph) -> None:
        edges = kg.edges.filter(pl.col("relation") == "SUBCLASS_OF")
        parents = defaultdict(set)
        for child, parent in edges.select("subject", "object").iter_rows():
            parents[child].add(parent)
        self._parents: Mapping[str, Set[str]] = parents

    def _above(self, term: str) -> Set[str]:
        parents = {term, *self._parents.get(term, ())}
        return parents.union(*(self._parents.get(parent, ()) for parent in parents))

    def are_near(self, first: str, second: str) -> bool:
        """Whether one is the other, or above it by at most two steps."""
        return first in self._above(second) or second in self._above(first)
