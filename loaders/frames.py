"""Frames of nodes and evidence, made of rows, columns and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import polars as pl

from ..graph.frames import STRING_LIST


def json_column(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """For each row a JSON object of these columns, without nulls; null where all are null."""
    values = frame.select(columns)
    distinct = values.unique(maintain_order=True)
    texts = []
    for row in distinct.iter_rows(named=True):
        given = {name: value for name, value in row.items() if value is not None}
        texts.append(json.dumps(given, ensure_ascii=False, sort_keys=True) if given else None)
    distinct = distinct.with_columns(_json=pl.Series(texts, dtype=pl.String))
    return values.join(
        distinct, on=list(columns), how="left", nulls_equal=True, maintain_order="left"
    )["_json"]


def as_json(given: Mapping[str, Any]) -> str | None:
    """A JSON object of what is given; null where nothing is.

    None, empty texts and lists, and numbers that are none (which JSON can't write) are left out.
    """
    kept = {
        key: value
        for key, value in given.items()
        if value not in (None, "", []) and not (isinstance(value, float) and not isfinite(value))
    }
    return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else None


_NODE: dict[str, Any] = {
    **dict.fromkeys(("id", "kind", "name"), pl.String),
    **dict.fromkeys(("synonyms", "xrefs"), STRING_LIST),
    "properties": pl.String,
}


def nodes_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Nodes given row by row; what a row doesn't have is null."""
    return rows_frame(rows, _NODE)


def rows_frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """A frame of rows; what a row doesn't have is null."""
    # By columns, which polars takes in much faster than rows with lists.
    return columns_frame({name: [row.get(name) for row in rows] for name in schema}, schema)


def columns_frame(columns: Mapping[str, Sequence[Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """A frame of columns whose texts may come from JSON.

    JSON can write half of a surrogate pair (`\\ud83d`), which no text can hold: it becomes `?`.
    """
    try:
        return pl.DataFrame(columns, schema=schema)
    except UnicodeEncodeError:
        text = json.dumps(columns, ensure_ascii=False).encode("utf-8", "replace")
        return pl.DataFrame(json.loads(text), schema=schema)
