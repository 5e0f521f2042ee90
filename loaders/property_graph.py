"""A graph on a server that medkg did not write, read as a mapping says.

The nodes of a label and the relationships of a type are tables of the mapping (`mapping.py`) whose
columns are their properties; all else is as with files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..core.text import did_you_mean
from ..graph.frames import STRING_LIST
from ..graph.kg import KnowledgeGraph, Part
from ..graph.store import Store
from ..graph.store.property_graph import Inventory, Pattern, inventory, properties, read_parts
from .mapping import Table
from .mapping_reader import read_mapping
from .table import DryRun, first_rows
from .table_rows import TableReader
from .text_tables import PART_ROWS

_UNMAPPED = {"what": pl.String, "count": pl.Int64}


class MappedServer:
    """A server's graph under a mapping; nothing here changes it.

    Args:
        store: the server.
        mapping: the mapping file.

    Raises:
        MissingError: there is no such mapping.
        DataError: the mapping is wrong, or the server has no such label, relationship type or
            property: nothing is read then.
        StoreError: the server doesn't answer.
    """

    def __init__(self, store: Store, mapping: Path | str):
        self.store = store
        self.mapping = read_mapping(Path(mapping))
        self._known_properties: dict[Pattern, dict[str, int]] = {}
        with store.connection.errors():
            self._check()

    def read(self, quarantine: Quarantine) -> KnowledgeGraph:
        """The graph that the mapping makes of the server's.

        Args:
            quarantine: gets the nodes and relationships that can't be used.

        Raises:
            StoreError: the server doesn't answer.
        """
        self.store.record_read()
        with self.store.connection.errors():
            return KnowledgeGraph.from_parts(
                self._parts(quarantine),
                [self.mapping.source],
                schema=self.mapping.schema,
                quarantine=quarantine,
                origin=self.store.uri,
            )

    def dry_run(self, *, rows: int = 10) -> DryRun:
        """The first rows of each table as they would become.

        Args:
            rows: how many of each, of those that its conditions let through.
        """
        self.store.record_read()
        quarantine = Quarantine()
        with self.store.connection.errors():
            return first_rows(
                (
                    (reader, ((pattern, part) for part in self._rows(reader, pattern, 1000)))
                    for reader, pattern in self._readers(quarantine)
                ),
                quarantine,
                rows,
            )

    def unmapped(self) -> pl.DataFrame:
        """What the mapping leaves out: `what`, as `(:Label)` or `(:Label).property`, and `count`.

        Nodes and relationships that medkg wrote as predictions are not among it.
        """
        patterns = [pattern for _, pattern in self._tables]
        rows = []
        for pattern in dict.fromkeys(patterns):
            used = {name for each in self._tables if each[1] == pattern for name in each[0].used()}
            with self.store.connection.errors():
                counts = self._properties(pattern)
            rows += [
                (f"{pattern}.{name}", n) for name, n in sorted(counts.items()) if name not in used
            ]
        leftover = pl.DataFrame(rows, schema=_UNMAPPED, orient="row")
        return pl.concat([self._inventory.unmapped(patterns), leftover])

    def nodes(self) -> pl.DataFrame:
        """Identifier and element id (`id`, `element`) of the nodes of the mapping's labels."""
        frames = [pl.DataFrame(schema={"id": pl.String, "element": pl.String})]
        with self.store.connection.errors():
            for reader, pattern in self._readers(Quarantine()):
                if pattern.label:
                    parts = self._rows(reader, pattern, PART_ROWS)
                    frames += (reader.identifiers(pattern, part) for part in parts)
        return pl.concat(frames).unique()

    # Before the first row

    @cached_property
    def _inventory(self) -> Inventory:
        return inventory(self.store.connection)

    @cached_property
    def _tables(self) -> list[tuple[Table, Pattern]]:
        tables = []
        for table in self.mapping.tables:
            if table.pattern is None:
                self.mapping.fail(
                    table.line, "names no label and no relationship; files are for medkg load table"
                )
            tables.append((table, table.pattern))
        return tables

    def _properties(self, pattern: Pattern) -> dict[str, int]:
        if pattern not in self._known_properties:
            self._known_properties[pattern] = properties(self.store.connection, pattern)
        return self._known_properties[pattern]

    def _check(self) -> None:
        """Refuse a mapping that names what the server doesn't have."""
        for table, pattern in self._tables:
            if not self._inventory.count(pattern):
                self._fail_without(table, pattern)
            for column, line in table.used().items():
                end, name = pattern.end_of(column)
                owner = pattern.ends.get(end, pattern)
                known = self._properties(owner)
                if name not in known and column not in table.optional:
                    self.mapping.fail(
                        line, f"{owner} has no property {name}{_near(name, list(known))}"
                    )

    def _fail_without(self, table: Table, pattern: Pattern) -> None:
        """Say that nothing on the server matches a table's pattern, and what is near."""
        labels = sorted({label for each in self._inventory.nodes for label in each})
        for label in filter(None, (pattern.label, pattern.start, pattern.end)):
            if label not in labels:
                self.mapping.fail(
                    table.line, f"{self.store.uri} has no label {label}{_near(label, labels)}"
                )
        types = sorted({type_ for _, type_, _ in self._inventory.relationships})
        name = pattern.relationship
        near = "" if name in types else _near(name, types)
        self.mapping.fail(table.line, f"{self.store.uri} has no {pattern}{near}")

    # Row by row

    def _readers(self, quarantine: Quarantine) -> Iterator[tuple[TableReader, Pattern]]:
        for table, pattern in self._tables:
            yield TableReader(self.mapping, table, quarantine), pattern

    def _parts(self, quarantine: Quarantine) -> Iterator[Part]:
        count = sum(self._inventory.count(pattern) for _, pattern in self._tables)
        with progress(self.mapping.source.name, count) as advance:
            for reader, pattern in self._readers(quarantine):
                for rows in self._rows(reader, pattern, PART_ROWS):
                    yield from reader.parts_of(pattern, rows)
                    advance(rows.height)

    def _rows(self, reader: TableReader, pattern: Pattern, size: int) -> Iterator[pl.DataFrame]:
        """What a pattern matches, as the columns that a table uses, in parts."""
        columns = list(reader.table.used())

        def parts() -> Iterator[pl.DataFrame]:
            start = 1
            for rows in read_parts(self.store.connection, pattern, columns, size):
                elements, *values = zip(*rows, strict=True)
                yield pl.DataFrame(
                    {
                        "line": range(start, start + len(rows)),
                        "_element": elements,
                        **{name: _texts(each) for name, each in zip(columns, values, strict=True)},
                    }
                )
                start += len(rows)

        return reader.usable_rows(pattern, parts())


def _near(name: str, known: list[str]) -> str:
    listed = ", ".join(sorted(known))[:500] or "none"
    return f"; {did_you_mean(name, known, f'it has {listed}')}"


def _texts(values: tuple[Any, ...]) -> pl.Series:
    """Properties as text; as lists of text where one of them is a list."""
    if any(isinstance(value, list) for value in values):
        lists = (value if isinstance(value, list) else [value] for value in values)
        return pl.Series(
            [[text for text in map(_text, each) if text] for each in lists], dtype=STRING_LIST
        )
    return pl.Series([_text(value) for value in values], dtype=pl.String)


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as pandas writes a column of numbers with gaps
    text = str(value).strip() if value is not None else ""
    return (text.lower() if isinstance(value, bool) else text) or None
