"""Answers of queries that only read, as frames."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ...core.errors import StoreError
from . import embedded, limits
from .connection import Connection, Record
from .guard import plan_of, refuse_changes

if TYPE_CHECKING:
    import neo4j

_PART = 10_000  # rows that are there as Python values at once


def query(connection: Connection, cypher: str, params: dict[str, object]) -> pl.DataFrame:
    """What `Store.query` does."""
    parts = []
    for keys, rows in _read(connection, cypher, params, _PART):
        parts.append(_Columns.of(keys, rows))
        if sum(part.frame.height for part in parts) > limits.MOST_ROWS:
            raise limits.too_many_rows()
    return _stacked(parts)


def pages(
    connection: Connection, cypher: str, size: int, params: dict[str, object]
) -> Generator[pl.DataFrame]:
    """What `Store.pages` does."""
    if size < 1:
        raise StoreError(f"a page of {size} rows; give at least 1")
    for keys, rows in _read(connection, cypher, params, size):
        if rows:
            yield _stacked([_Columns.of(keys, rows)])


def _read(
    connection: Connection, cypher: str, params: dict[str, object], size: int
) -> Iterator[tuple[list[str], list[Record]]]:
    """The columns' names and at most `size` rows at a time; at least once."""
    refuse_changes(cypher)
    with (
        connection.errors(),
        connection.reading_driver().session(
            database=connection.database, default_access_mode="READ"
        ) as session,
    ):
        if connection.is_neo4j():
            plan = session.run(plan_of(cypher), params)
            if plan.consume().query_type != "r":
                raise StoreError("the query would change the graph; query only reads")
        work = session.begin_transaction(timeout=embedded.QUERY_SECONDS)
        try:
            result = work.run(cypher, params)
            keys = list(result.keys())
            records = iter(result)
            rows = _part(records, size)
            yield keys, rows
            while len(rows) == size and (rows := _part(records, size)):
                yield keys, rows
            changes = result.consume().counters.contains_updates
        finally:
            work.rollback()
    if changes:
        raise StoreError("the query would change the graph; query only reads (it was undone)")


def _part(records: Iterator[neo4j.Record], size: int) -> list[Record]:
    return [[_plain(value) for value in record.values()] for record in islice(records, size)]


def _plain(value: Any) -> Any:
    """A value of the driver as lists, dicts and scalars."""
    if value is None or isinstance(value, str | int | float):  # bool is an int
        return value

    from neo4j.graph import Node, Path, Relationship
    from neo4j.time import Date, DateTime, Duration, Time

    if isinstance(value, Node):
        return {"kind": next(iter(value.labels), None), **_plain(dict(value))}
    if isinstance(value, Relationship):
        return {"relation": value.type, **_plain(dict(value))}
    if isinstance(value, Path):
        return {
            "nodes": [_plain(node) for node in value.nodes],
            "relationships": [_plain(relationship) for relationship in value.relationships],
        }
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items() if key != "checksum"}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Date | DateTime | Duration | Time):
        return value.iso_format()
    return value


class _Columns(NamedTuple):
    """A part of an answer; `texts` are the columns whose values no polars type holds: JSON."""

    frame: pl.DataFrame
    texts: frozenset[str]

    @classmethod
    def of(cls, keys: list[str], rows: list[Record]) -> _Columns:
        columns, texts = [], []
        for place, key in enumerate(keys):
            values = _aligned([row[place] for row in rows])
            series = _series(key, values)
            if series is None:
                series = _as_json(key, values)
                texts.append(key)
            columns.append(series)
        return cls(pl.DataFrame(columns), frozenset(texts))


def _stacked(parts: list[_Columns]) -> pl.DataFrame:
    """The parts as one frame; a column that differs too much between them becomes JSON text."""
    first = parts[0]
    if all((p.frame.schema, p.texts) == (first.frame.schema, first.texts) for p in parts):
        return pl.concat(part.frame for part in parts)
    columns = []
    for key in first.frame.columns:
        series = [part.frame[key] for part in parts]
        texts = [key in part.texts for part in parts]
        try:
            if any(texts) and not all(texts):
                raise pl.exceptions.SchemaError
            frames = [each.to_frame() for each in series]
            columns.append(pl.concat(frames, how="vertical_relaxed").to_series())
        except pl.exceptions.PolarsError:
            columns.append(
                pl.concat(
                    each if is_text else _as_json(key, each.to_list())
                    for each, is_text in zip(series, texts, strict=True)
                )
            )
    return pl.DataFrame(columns)


def _series(key: str, values: Record) -> pl.Series | None:
    """The values in one type of polars, or None where there is none that holds them as they are."""
    try:
        return pl.Series(key, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        pass
    try:
        # Takes the type from all rows, where the first alone may have empty lists.
        rows = [{key: value} for value in values]
        series = pl.DataFrame(rows, infer_schema_length=None)[key]
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        return None
    return series if series.to_list() == values else None


def _as_json(key: str, values: Record) -> pl.Series:
    texts = [None if value is None else json.dumps(value, default=str) for value in values]
    return pl.Series(key, texts, dtype=pl.String)


def _aligned(values: Record) -> Record:
    """The values with the same members in all maps, and floats where there are integers too."""
    sorts = {type(value) for value in values} - {type(None)}
    if sorts == {int, float}:
        return [None if value is None else float(value) for value in values]
    if sorts == {list}:
        flat = iter(_aligned([part for value in values for part in value or ()]))
        return [None if value is None else [next(flat) for _ in value] for value in values]
    if sorts == {dict}:
        names = dict.fromkeys(name for value in values for name in value or ())
        members = {
            name: _aligned([None if value is None else value.get(name) for value in values])
            for name in names
        }
        return [
            None if value is None else {name: members[name][place] for name in names}
            for place, value in enumerate(values)
        ]
    return values
