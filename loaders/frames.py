"""Frames of nodes and evidence, made of rows, columns and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypedDict

import polars as pl

from ..core.json_reading import JsonLimits, parse_json
from ..graph.frames import STRING_LIST, Columns

# Of what was read within limits: a part of a source's rows.
_COLUMNS = JsonLimits(string=2 << 30, values=1 << 40, size=1 << 40)

# What JSON can hold.
JsonValue = str | float | bool | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None


class NodeRow(TypedDict, total=False):
    """A node as a row, with the columns of the graph's frame of nodes."""

    id: str
    kind: str
    name: str | None
    synonyms: Sequence[str]
    xrefs: Sequence[str]  # CURIEs of the same thing elsewhere
    properties: str | None  # JSON object


_NODE_COLUMNS: Columns = {
    "id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "synonyms": STRING_LIST,
    "xrefs": STRING_LIST,
    "properties": pl.String,
}


def nodes_frame(rows: Sequence[NodeRow]) -> pl.DataFrame:
    """A frame of nodes; what a row lacks is null."""
    return rows_frame(rows, _NODE_COLUMNS)


def rows_frame(rows: Sequence[Mapping[str, object]], schema: Columns) -> pl.DataFrame:
    """A frame of rows; what a row lacks is null."""
    # By columns, which polars takes in much faster than rows with lists.
    return columns_frame({name: [row.get(name) for row in rows] for name in schema}, schema)


def columns_frame(columns: Mapping[str, Sequence[object]], schema: Columns) -> pl.DataFrame:
    """A frame of columns whose strings may come from JSON.

    JSON can write half of a surrogate pair (`\\ud83d`), which UTF-8 can't encode: it becomes `?`.
    """
    try:
        return pl.DataFrame(columns, schema=schema)
    except UnicodeEncodeError:
        text = json.dumps(columns, ensure_ascii=False).encode("utf-8", "replace")
        return pl.DataFrame(parse_json(text, _COLUMNS), schema=schema)


def json_column(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """A JSON object of these columns for each row, without nulls; null where all are null."""
    values = frame.select(columns)
    # Few rows differ, and each distinct one is written once.
    distinct = values.unique(maintain_order=True)
    objects = []
    for row in distinct.iter_rows(named=True):
        members = {name: value for name, value in row.items() if value is not None}
        objects.append(json.dumps(members, ensure_ascii=False, sort_keys=True) if members else None)
    distinct = distinct.with_columns(_json=pl.Series(objects, dtype=pl.String))
    return values.join(
        distinct, on=list(columns), how="left", nulls_equal=True, maintain_order="left"
    )["_json"]


def as_json(members: Mapping[str, JsonValue]) -> str | None:
    """A JSON object of the members that have a value; None where none has.

    None, empty strings and lists, and NaN and infinity (which JSON can't write) are left out.
    """
    kept = {
        key: value
        for key, value in members.items()
        if value not in (None, "", []) and not (isinstance(value, float) and not isfinite(value))
    }
    return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else None
