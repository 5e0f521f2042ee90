"""Many nodes and relationships that are known not to be there, the fastest way for each server.

A Neo4j gets columns and not a map for each row, with what is the same in all rows sent once; ends
are found by their internal number. The embedded server has a batch endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

from ..frames import STRING_LIST, Row
from . import bulk
from .connection import Connection, Workers
from .names import Cypher, key, parameter

_ROWS = 10_000
_BYTES = 8_000_000
_BULK_ROWS = 50_000
_BULK_BYTES = 32_000_000

Natives = dict[str | None, Row]


def create_nodes(
    connection: Connection,
    workers: Workers,
    label: str,
    rows: pl.DataFrame,
    natives: Natives,
    done: Callable[[int], None],
) -> None:
    """Hand jobs to the workers that create a node for each row.

    Args:
        rows: a column a property.
        natives: for each text in the column `properties`, further properties of the row.
        done: told how many rows are in, each time some are.
    """

    quoted = connection.names.label(label)

    def merge(part: pl.DataFrame) -> None:
        given = part.iter_rows(named=True)
        connection.send(
            f"UNWIND $rows AS row MERGE (n:{quoted} {{id: row.id}}) SET n += row",
            (
                {
                    **natives.get(row.get("properties"), {}),
                    **{name: value for name, value in row.items() if value is not None},
                }
                for row in given
            ),
        )

    if connection.server is not None:
        kinds = {"@type": "vertex", "@class": label}
        for part in cut(rows, _BULK_ROWS, _BULK_BYTES):
            workers.put(partial(_post, connection, part, kinds, natives, merge, done))
        return
    sets, params = _constants(rows)
    varying = [name for name in rows.columns if rows[name].null_count() < rows.height]
    assigned = _assigned(varying, sets)
    for part in cut(rows, _ROWS, _BYTES):
        more, given = _natives(part, natives, Cypher("n"))
        statement = Cypher(
            f"UNWIND range(0, $rows_count - 1) AS i CREATE (n:{quoted} {assigned}){more}"
        )
        given |= _lists(part, [name for name in varying if name not in sets]) | params
        workers.put(partial(_create, connection, statement, given, part, merge, done))


def create_relationships(
    connection: Connection,
    workers: Workers,
    name: str,
    rows: pl.DataFrame,
    natives: Natives,
    merge: Callable[[pl.DataFrame], None],
    done: Callable[[int], None],
) -> None:
    """Hand jobs to the workers that create a relationship for each row.

    Args:
        rows: `_from` and `_to`, the server's own identifiers of both ends; `subject`, `object` and
            `properties`, which are not kept; a column a property.
        natives: what to keep of each text in `properties`.
        merge: writes rows another way, if the server refuses them.
        done: told how many rows are in, each time some are.
    """
    quoted = connection.names.type_(name)
    kept = [c for c in rows.columns if c not in ("_from", "_to", "subject", "object", "properties")]
    if connection.server is not None:
        try:
            bulk.run_sql(connection.server, f"CREATE EDGE TYPE {quoted} IF NOT EXISTS")
        except bulk.BulkRefused:
            merge(rows)
            done(rows.height)
            return
        kinds = {"@type": "edge", "@class": name}
        for part in cut(rows, _BULK_ROWS, _BULK_BYTES):
            workers.put(partial(_post, connection, part, kinds, natives, merge, done))
        return
    sets, params = _constants(rows.select(kept))
    varying = [column for column in kept if rows[column].null_count() < rows.height]
    assigned = _assigned(varying, sets)
    for part in cut(rows, _ROWS, _BYTES):
        more, given = _natives(part, natives, Cypher("r"))
        # By internal number, which is not looked up in an index, and is shorter than elementId.
        statement = Cypher(
            "UNWIND range(0, $rows_count - 1) AS i MATCH (s) WHERE id(s) = $_from[i]"
            f" MATCH (o) WHERE id(o) = $_to[i] CREATE (s)-[r:{quoted} {assigned}]->(o){more}"
        )
        given |= _lists(part, ["_from", "_to", *(c for c in varying if c not in sets)]) | params
        workers.put(partial(_create, connection, statement, given, part, merge, done))


def cut(rows: pl.DataFrame, most: int, most_bytes: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of about so many rows and bytes of text at most."""
    sizes = [pl.lit(8 * rows.width)]
    for name, dtype in rows.schema.items():
        if dtype == pl.String:
            sizes.append(pl.col(name).str.len_bytes().cast(pl.Int64))
        elif dtype == STRING_LIST:
            sizes.append(pl.col(name).list.join("").str.len_bytes().cast(pl.Int64))
    weight = (pl.sum_horizontal(sizes).cum_sum() // most_bytes).alias("weight")
    place = (pl.int_range(pl.len()) // most).alias("place")
    part = rows.select(pl.struct(weight, place).rle_id().alias("part")).to_series()
    start = 0
    for length in part.rle().struct.field("len").to_list():
        yield rows.slice(start, length)
        start += length


def _create(
    connection: Connection,
    statement: Cypher,
    params: dict[str, object],
    rows: pl.DataFrame,
    merge: Callable[[pl.DataFrame], None],
    done: Callable[[int], None],
) -> None:
    from neo4j.exceptions import ConstraintError

    try:
        connection.change_once(statement, rows_count=rows.height, **params)
    except ConstraintError:
        merge(rows)
    done(rows.height)


def _constants(rows: pl.DataFrame) -> tuple[set[str], dict[str, object]]:
    """The columns that hold one value, and these values as parameters."""
    constants = {
        name: rows[name][0]
        for name in rows.columns
        if rows[name].null_count() == 0 and rows[name].n_unique() == 1 and rows.height > 1
    }
    return set(constants), {
        name: value.to_list() if isinstance(value, pl.Series) else value
        for name, value in constants.items()
    }


def _assigned(names: list[str], constant: set[str]) -> Cypher:
    """The map of properties to create: each its constant, or the row's item of its list."""
    values = (
        f"{key(name)}: {parameter(name)}"
        if name in constant
        else f"{key(name)}: {parameter(name)}[i]"
        for name in names
    )
    return Cypher("{" + ", ".join(values) + "}")


def _lists(rows: pl.DataFrame, names: list[str]) -> dict[str, object]:
    return {name: rows[name].to_list() for name in names}


def _natives(
    rows: pl.DataFrame, natives: Natives, variable: Cypher
) -> tuple[Cypher, dict[str, object]]:
    """The clause that sets what the properties' texts hold, and its parameters."""
    if "properties" not in rows.columns:
        return Cypher(""), {}
    texts = rows["properties"].unique(maintain_order=True)
    maps = [natives.get(text, {}) for text in texts.to_list()]
    if not any(maps):
        return Cypher(""), {}
    if len(maps) == 1:
        return Cypher(f" SET {variable} += $maps"), {"maps": maps[0]}
    places = dict(zip(texts.to_list(), range(len(maps)), strict=True))
    which = [places[text] for text in rows["properties"].to_list()]
    return Cypher(f" SET {variable} += $maps[$which[i]]"), {"maps": maps, "which": which}


def _post(
    connection: Connection,
    rows: pl.DataFrame,
    kinds: dict[str, str],
    natives: Natives,
    merge: Callable[[pl.DataFrame], None],
    done: Callable[[int], None],
) -> None:
    try:
        bulk.create(connection, _json_lines(rows, kinds, natives))
    except bulk.BulkRefused:
        merge(rows)
    done(rows.height)


def _json_lines(rows: pl.DataFrame, kinds: dict[str, str], natives: Natives) -> pl.Series:
    """Each row as the batch endpoint takes it, without nulls."""
    names = [name for name in rows.columns if rows[name].null_count() < rows.height]
    if kinds["@type"] == "edge":
        names = [name for name in names if name not in ("subject", "object", "properties")]
    columns = [pl.lit(value).alias(name) for name, value in kinds.items()]
    columns += [
        pl.col(name).alias({"_from": "@from", "_to": "@to"}.get(name, name)) for name in names
    ]
    line = pl.struct(columns).struct.json_encode()
    for name in names:
        if rows[name].null_count():
            # A quote within a value is \", so this is never a part of one.
            line = line.str.replace_all(f',"{name}":null', "", literal=True)
    ends = {
        text: f",{json.dumps(more, ensure_ascii=False)[1:]}" if more else "}"
        for text, more in natives.items()
    }
    if not ends or "properties" not in rows.columns:
        return rows.select(line).to_series()
    end = pl.Series([ends.get(text, "}") for text in rows["properties"].to_list()], dtype=pl.String)
    return rows.select(pl.concat_str(line.str.strip_suffix("}"), end)).to_series()
