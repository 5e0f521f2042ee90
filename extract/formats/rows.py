"""Rows with a text each: tables (CSV, TSV) and lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from ...core.errors import DataError
from .document_file import DocumentFile, TextDocument, ending, slug

# The delimiter of a table by its ending.
DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
# The endings of lines of JSON.
JSON_LINES = (".jsonl", ".ndjson")
_MAX_FIELD = 1 << 30  # characters of a table's field
# The fields of a line of JSON that are read where none are named.
_ID_FIELD, _TEXT_FIELD = "id", "text"


def read_table(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a note from each row of a table."""
    yield from file.notes(_table_rows(file))


def _table_rows(file: DocumentFile) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(_MAX_FIELD)  # a field may be a long note
    with file.opened() as opened:
        lines = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
        rows = csv.reader(lines, delimiter=DELIMITERS[ending(file.path)])
        header = next(filter(None, rows), [])
        id_column, text_column = _columns(file, header)
        for number, row in enumerate(filter(None, rows), start=1):
            row_name = f"row {number}"
            if len(row) != len(header):
                file.set_aside("wrong number of columns", row_name, rows.line_num)
            elif not row[header.index(text_column)].strip():
                file.set_aside("row without text", row_name, rows.line_num)
            elif id_column and not row[header.index(id_column)].strip():
                file.set_aside("row without identifier", row_name, rows.line_num)
            else:
                name = slug(row[header.index(id_column)] if id_column else f"{file.name}-{number}")
                yield name, row[header.index(text_column)]


def _columns(file: DocumentFile, header: list[str]) -> tuple[str, str]:
    """The columns of identifiers ("": there is none) and of texts.

    Raises:
        DataError: the table has no such column.
    """
    if file.columns in header:
        return "", file.columns
    id_column, _, text_column = file.columns.rpartition(",")
    for column in filter(None, (id_column, text_column)):
        if column not in header:
            # What it has instead is not said: without a header, the first line is a note.
            raise DataError(f"has no column {column!r} in its first line", path=file.path)
    return id_column, text_column


def read_json_lines(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a note from each line of JSON."""
    yield from file.notes(_json_rows(file))


def _json_rows(file: DocumentFile) -> Iterator[tuple[str, str]]:
    id_field, _, text_field = (file.columns or f"{_ID_FIELD},{_TEXT_FIELD}").rpartition(",")
    with file.opened() as opened:
        lines = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                text, identifier = row[text_field], row.get(id_field)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                file.set_aside("no line of JSON with the text's field", line=number)
                continue
            if not isinstance(text, str) or not text.strip():
                file.set_aside("row without text", line=number)
            elif identifier is None and file.columns and id_field:
                file.set_aside("row without identifier", line=number)
            else:
                yield (
                    slug(f"{file.name}-{number}" if identifier in (None, "") else str(identifier)),
                    text,
                )
