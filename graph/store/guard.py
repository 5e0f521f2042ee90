"""Queries that only read: what would change something is refused; the answer is a frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ...core.errors import StoreError
from .connection import Connection, Record
from .embedded import QUERY_SECONDS

if TYPE_CHECKING:
    import neo4j

_PART = 10_000  # rows that are there as Python values at once


def query(connection: Connection, cypher: str, params: dict[str, object]) -> pl.DataFrame:
    """What `Store.query` does."""
    return _stacked(
        [_Columns.of(keys, rows) for keys, rows in _read(connection, cypher, params, _PART)]
    )


def pages(
    connection: Connection, cypher: str, size: int, params: dict[str, object]
) -> Iterator[pl.DataFrame]:
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
        connection.driver.session(
            database=connection.database, default_access_mode="READ"
        ) as session,
    ):
        if connection.is_neo4j():
            plan = session.run(f"EXPLAIN {cypher}", params)
            if plan.consume().query_type != "r":
                raise StoreError("the query would change the graph; query only reads")
        work = session.begin_transaction(timeout=QUERY_SECONDS)
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


# The guard. The embedded server runs schema statements even under EXPLAIN and in a transaction that
# is rolled back, so a query is read here before any server sees it. A Neo4j is asked for the
# query's type as well, and runs it in a transaction that may only read.

_FIRST = ("MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN", "CALL")
_CHANGES = {
    *("CREATE", "MERGE", "INSERT", "DELETE", "DETACH", "NODETACH", "SET", "REMOVE", "FOREACH"),
    *("DROP", "ALTER", "RENAME", "GRANT", "REVOKE", "DENY", "TERMINATE", "LOAD", "USE", "SHOW"),
}
# What only reads the graph, on both servers.
_PROCEDURES = {
    "db.labels",
    "db.relationshiptypes",
    "db.propertykeys",
    "db.schema.visualization",
    "db.schema.nodetypeproperties",
    "db.schema.reltypeproperties",
    "db.index.fulltext.querynodes",
    "db.index.fulltext.queryrelationships",
    "db.index.vector.querynodes",
    "db.index.vector.queryrelationships",
    "db.info",
    "db.ping",
    "dbms.components",
}
# Functions of these namespaces compute, as all of Cypher's own do that have none.
_NAMESPACES = {
    *("date", "datetime", "localdatetime", "time", "localtime", "duration"),
    *("point", "vector", "char"),
}
# Evaluates another language; opens a file.
_NOT_FUNCTIONS = {"eval", "file"}
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+ | \r\n | //[^\r\n\v\f\x85\u2028\u2029]* | /\*.*?\*/)
    | (?P<text>'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*")
    | (?P<quoted>`[^`]*`)
    | (?P<number>\d+(?:[eE](?=\d)\d+ | (?<=0)[xo][0-9a-fA-F]+)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>[^\w\s'"`\\])""",
    re.DOTALL | re.VERBOSE,
)


class _Token(NamedTuple):
    sort: str
    text: str


def refuse_changes(cypher: str) -> None:
    """Refuse a query that is not plainly a read.

    It must be one statement that begins as a read does, with no clause that changes something
    (LOAD CSV, SHOW and USE are refused too) and no procedure or function but those known to read.

    Raises:
        StoreError: what is not allowed, and what to write instead.
    """
    tokens = _tokens(cypher)
    _refuse(not tokens, "the query is empty")
    if tokens[0].text.upper() in ("EXPLAIN", "PROFILE"):
        tokens = tokens[1:]
    first = tokens[0].text.upper() if tokens else ""
    _refuse(
        first not in _FIRST and first not in _CHANGES,
        f"a query begins with {', '.join(_FIRST[:-1])} or {_FIRST[-1]}, not with {first!r}",
    )
    nothing = _Token("end", "")
    around = [nothing, nothing, *tokens, nothing]
    for place, token in enumerate(tokens):
        two_before, before, after = around[place], around[place + 1], around[place + 3]
        if token.text == ";":
            _refuse(after is not nothing, "a second statement is not allowed; send one at a time")
        if token.sort != "name":
            continue
        # A number may end in a dot, and what follows is then no property.
        of = two_before.sort in ("name", "quoted") or two_before.text in (")", "]", "}", "{", ",")
        if (before.text == "." and of) or before.text in ("$", ":"):
            continue
        word = token.text.upper()
        _refuse(
            word in _CHANGES,
            f"{word} is not allowed: query only reads (a name that reads so goes in backquotes)",
        )
        if word == "CALL":
            _check_call(tokens[place + 1 :])
    _check_functions(tokens)


def _refuse(wrong: bool, problem: str) -> None:
    if wrong:
        raise StoreError(problem)


def _tokens(cypher: str) -> list[_Token]:
    """The query without white space and comments."""
    # Servers read these differently, inside texts and names too.
    _refuse(
        re.search(r"\\[uU]", cypher) is not None,
        r"\u is not allowed in a query: write the character, or give the text as a parameter",
    )
    tokens = []
    place = 0
    while place < len(cypher):
        match = _TOKEN.match(cypher, place)
        if match is None or cypher.startswith("/*", place) != (
            match["space"] is not None and match["space"].startswith("/*")
        ):
            raise StoreError(
                f"the query can't be read from {cypher[place : place + 20]!r} on: a quotation mark"
                " or comment that isn't closed, or a character that Cypher doesn't have"
            )
        sort = str(match.lastgroup)
        place = match.end()
        if sort == "number" and re.match(r"\w", cypher[place:]):
            raise StoreError(f"{match[0]} runs into {cypher[place : place + 10]!r}; put a space")
        if sort != "space":
            tokens.append(_Token(sort, match[0]))
    return tokens


def _check_call(after: list[_Token]) -> None:
    """A subquery is read as the rest is; a procedure must be one that is known to read."""
    if after and after[0].text in ("{", "("):
        return
    name = ""
    for token in after:
        if token.sort not in ("name", "quoted") and token.text != ".":
            break
        if name and not name.endswith(".") and token.text != ".":
            break
        name += token.text.strip("`")
    _refuse(
        name.lower() not in _PROCEDURES,
        f"CALL {name} is not allowed; a query may call {', '.join(sorted(_PROCEDURES))}",
    )


def _check_functions(tokens: list[_Token]) -> None:
    names = ("name", "quoted")
    for place, token in enumerate(tokens[:-1]):
        if token.sort not in names or tokens[place + 1].text != "(":
            continue
        parts = [token.text.strip("`")]
        while place >= 2 and tokens[place - 1].text == "." and tokens[place - 2].sort in names:
            place -= 2
            parts.insert(0, tokens[place].text.strip("`"))
        called = ".".join(parts).lower()
        known = called in _PROCEDURES if len(parts) > 1 else called not in _NOT_FUNCTIONS
        _refuse(
            not known and parts[0].lower() not in _NAMESPACES,
            f"{called}() is not allowed: query runs only Cypher's own functions",
        )


# The answer


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
            try:
                columns.append(pl.Series(key, values, strict=True))
            except (TypeError, pl.exceptions.PolarsError, OverflowError):
                columns.append(_as_json(key, values))
                texts.append(key)
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
