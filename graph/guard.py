"""Queries that only read: what would change something is refused; the answer is a frame."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from .connection import Connection
from .embedded import QUERY_SECONDS
from .errors import StoreError

if TYPE_CHECKING:
    import neo4j


def query(on: Connection, cypher: str, params: dict[str, Any]) -> pl.DataFrame:
    """What `Store.query` does."""
    _refuse_changes(cypher)

    def read(work: neo4j.Transaction) -> tuple[list[str], list[list[Any]], bool]:
        result = work.run(cypher, params)
        keys = list(result.keys())
        rows = [[_plain(value) for value in record.values()] for record in result]
        return keys, rows, result.consume().counters.contains_updates

    with (
        on.errors(),
        on.driver.session(database=on.database, default_access_mode="READ") as session,
    ):
        if on.is_neo4j():
            plan = session.run(f"EXPLAIN {cypher}", params)
            if plan.consume().query_type != "r":
                raise StoreError("the query would change the graph; query only reads")
        work = session.begin_transaction(timeout=QUERY_SECONDS)
        try:
            keys, rows, changes = read(work)
        finally:
            work.rollback()
    if changes:
        raise StoreError("the query would change the graph; query only reads (it was undone)")
    return _frame(keys, rows)


# Words that change data or schema, outside strings, comments, backquotes, labels and properties.
_NOT_WORDS = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | //[^\n]* | /\*.*?\*/ | [.$:]\s*\w+""",
    re.DOTALL | re.VERBOSE,
)
_CHANGES = re.compile(
    r"\b(CREATE|MERGE|DELETE|SET|REMOVE|DROP|ALTER|FOREACH|GRANT|REVOKE|DENY|RENAME|TERMINATE"
    r"|LOAD\s+CSV)\b",
    re.IGNORECASE,
)


def _refuse_changes(cypher: str) -> None:
    """Refuse a query with a clause that changes something, or LOAD CSV, before any server sees it.

    The embedded server runs schema statements even under EXPLAIN and in a transaction that is
    rolled back, so this is the guard there; a Neo4j is asked for the query's type as well.
    """
    found = _CHANGES.search(_NOT_WORDS.sub(" ", cypher))
    if found:
        word = re.sub(r"\s+", " ", found[0].upper())
        raise StoreError(
            f"{word} is not allowed: query only reads (a name that reads so goes in backquotes)"
        )


def _plain(value: Any) -> Any:
    """A value of the driver as lists, dicts and scalars."""
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


def _frame(keys: list[str], rows: list[list[Any]]) -> pl.DataFrame:
    """Rows as a frame; a column whose values no polars type holds becomes JSON text."""
    columns = []
    for place, key in enumerate(keys):
        values = [row[place] for row in rows]
        if {int, float} == {type(value) for value in values} - {type(None)}:
            values = [None if value is None else float(value) for value in values]
        try:
            columns.append(pl.Series(key, values, strict=True))
        except (TypeError, pl.exceptions.PolarsError, OverflowError):
            texts = [None if value is None else json.dumps(value, default=str) for value in values]
            columns.append(pl.Series(key, texts, dtype=pl.String))
    return pl.DataFrame(columns)
