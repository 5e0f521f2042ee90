"""Mappings of tables: a YAML file that says which column is what (see docs/sources.md).

The nodes of a label and the relationships of a type of a graph server are tables too.

A mapping is read and checked whole before any table is: what is wrong is reported with file and
line. Every value is text here; numbers, dates and truth values are read as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ..core.errors import DataError
from ..graph.frames import EVIDENCE_VALUES, Source
from ..graph.schema import Schema
from ..graph.store.property_graph import Pattern

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

# What an edge's evidence may be given, one value each.
TEXT_FIELDS = (*EVIDENCE_VALUES, "document", "sentence", "date", "release", "extractor")

FORMATS = {"csv": ",", "tsv": "\t", "parquet": "", "sql": ""}


@dataclass(frozen=True)
class Value:
    """A value made of columns: a template, and what is done to it, in the order given here."""

    line: int
    template: str  # {column} stands for a column's value
    split: str | None = None  # a separator: the value becomes several
    extract: str | None = None  # a regular expression; its first group stays
    map: Mapping[str, str] | None = None  # theirs: ours; null for others
    otherwise: str | None = None  # instead of that null
    slug: bool = False  # lower case, letters and digits, joined by hyphens
    prefix: str = ""
    number: bool = False  # as a property: a number where it is one

    @property
    def columns(self) -> list[str]:
        """The columns it is made of."""
        return _PLACEHOLDER.findall(self.template)

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """The template as texts and columns (true)."""
        # The texts that the pattern captures, which are columns, stand at odd places.
        pieces = _PLACEHOLDER.split(self.template)
        return [(text, place % 2 == 1) for place, text in enumerate(pieces) if text]

    def outcomes(self) -> set[str] | None:
        """What it may become, where that is known before a row is read."""
        if self.map is not None:
            texts = {*self.map.values(), *([self.otherwise] if self.otherwise else [])}
        elif not self.columns:
            texts = {self.template}
        else:
            return None
        return {f"{self.prefix}{text}" for text in texts}


Values = tuple[Value, ...]


@dataclass(frozen=True)
class Condition:
    """What a column's value must be for a row to be used."""

    line: int
    column: str
    test: str
    operand: tuple[str, ...]


@dataclass(frozen=True)
class NodeRule:
    """How a row becomes a node."""

    line: int
    kind: Value
    id: Values
    name: Values
    synonyms: Values
    xrefs: Values
    properties: Mapping[str, Values]
    where: tuple[Condition, ...] = ()

    def values(self) -> Iterator[Value]:
        """All its values."""
        yield self.kind
        yield from (*self.id, *self.name, *self.synonyms, *self.xrefs)
        yield from (value for values in self.properties.values() for value in values)


@dataclass(frozen=True)
class EdgeRule:
    """How a row becomes evidence of an edge, and the two nodes at its ends."""

    line: int
    head: NodeRule
    relation: Value
    tail: NodeRule
    fields: Mapping[str, Values]
    probability: Values
    scale: tuple[float, float]
    references: Values
    qualifiers: Mapping[str, Values]
    where: tuple[Condition, ...] = ()

    def values(self) -> Iterator[Value]:
        """All its values."""
        yield from (*self.head.values(), self.relation, *self.tail.values())
        yield from (*self.probability, *self.references)
        for group in (self.fields, self.qualifiers):
            yield from (value for values in group.values() for value in values)


@dataclass(frozen=True)
class SplitRows:
    """Columns that hold several values each, in step: a row becomes one for each of them."""

    line: int
    columns: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class Table:
    """A file (or several of one form, or a query), and what its rows become.

    Of a graph server it is what a pattern matches there; its columns are the properties.
    """

    line: int
    pattern: Pattern | None
    file: str  # a pattern of file names
    may_lack: bool
    format: str
    separator: str
    quoted: bool | None
    comment: str
    header: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    optional: tuple[str, ...]
    missing: tuple[str, ...]  # texts that mean there is no value
    split_rows: SplitRows | None
    query: str
    database: str
    where: tuple[Condition, ...]
    nodes: tuple[NodeRule, ...]
    edges: tuple[EdgeRule, ...]

    def used(self) -> dict[str, int]:
        """The columns that it uses, and the line of the mapping that names each first."""
        rules: tuple[NodeRule | EdgeRule, ...] = (*self.nodes, *self.edges)
        lines: dict[str, int] = {}
        for value in (value for rule in rules for value in rule.values()):
            for column in value.columns:
                lines.setdefault(column, value.line)
        for condition in (*self.where, *(c for rule in rules for c in rule.where)):
            lines.setdefault(condition.column, condition.line)
        for column in self.split_rows.columns if self.split_rows else ():
            lines.setdefault(column, self.split_rows.line if self.split_rows else self.line)
        return lines


@dataclass(frozen=True)
class TableMapping:
    """A mapping file: where the tables come from, and what they become."""

    path: Path
    source: Source
    schema: Schema
    about: Mapping[str, str]
    options: Mapping[str, str]  # name: what it is for
    tables: tuple[Table, ...] = field(default=())

    def fail(self, line: int, problem: str) -> NoReturn:
        """Raise what is wrong with a line of the mapping."""
        raise DataError(problem, path=self.path, line=line)
