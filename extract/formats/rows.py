"""Rows with a text each: tables (CSV, TSV) and lines of JSON."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import IO

from ...core.errors import DataError
from ...core.input_files import MOST_LINE
from ...core.json_reading import parse_json
from .document_file import DocumentFile, TextDocument, UnreadableError, ending, slug

# The delimiter of a table by its ending.
DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
# The endings of lines of JSON.
JSON_LINES = (".jsonl", ".ndjson")
_MAX_FIELD = MOST_LINE  # characters of a table's field
_MOST_READ_AGAIN = 1_000_000  # lines of a table behind quotes that are not closed
# The fields of a line of JSON that are read where none are named.
_ID_FIELD, _TEXT_FIELD = "id", "text"


def read_table(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a note from each row of a table."""
    yield from file.notes(_table_rows(file))


def _table_rows(file: DocumentFile) -> Iterator[tuple[str, str]]:
    with file.opened() as opened:
        rows = _records(_lines(opened, ""), DELIMITERS[ending(file.path)])
        line, header = next(rows, (1, []))
        if header is None:
            raise DataError("has a quote in its first line that is not closed", path=file.path)
        id_column, text_column = _columns(file, header)
        for number, (line, row) in enumerate(rows, start=1):
            row_name = f"row {number}"
            if row is None:
                file.set_aside("a quote that begins here is not closed", row_name, line)
            elif len(row) != len(header):
                file.set_aside("wrong number of columns", row_name, line)
            elif not row[header.index(text_column)].strip():
                file.set_aside("row without text", row_name, line)
            elif id_column and not row[header.index(id_column)].strip():
                file.set_aside("row without identifier", row_name, line)
            else:
                name = slug(row[header.index(id_column)] if id_column else f"{file.name}-{number}")
                yield name, row[header.index(text_column)]


def _records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """The rows of a table that aren't empty, with their last lines.

    Where a quote isn't closed, or a letter stands behind a closing one, which is then another's
    opening one, what follows its first line is read again: the line is given with None.

    Raises:
        UnreadableError: quotes aren't closed so often that reading again takes too long.
    """
    csv.field_size_limit(_MAX_FIELD)  # a field may be a long note
    waiting: deque[str] = deque()
    number = reread = 0
    while True:
        used: list[str] = []
        record = csv.reader(_moved(waiting, lines, used), delimiter=delimiter, strict=True)
        try:
            row = next(record)
        except StopIteration:
            return
        except csv.Error:
            reread += len(used) - 1
            if reread > _MOST_READ_AGAIN:
                reason = (
                    f"file has too many quotes that are not closed, the last in line {number + 1}"
                )
                raise UnreadableError(reason) from None
            waiting.extendleft(reversed(used[1:]))
            number += 1
            yield number, _in_one_line(used[0], delimiter)
            continue
        number += len(used)
        if row:
            yield number, row


def _moved(waiting: deque[str], lines: Iterator[str], used: list[str]) -> Iterator[str]:
    """The lines of a record: those that wait, then the others; each is put into `used`.

    Raises:
        csv.Error: they are more than a record may have.
    """
    size = 0
    while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        used.append(line)
        size += len(line)
        if size > _MAX_FIELD and len(used) > 1:
            raise csv.Error
        yield line


def _in_one_line(line: str, delimiter: str) -> list[str] | None:
    """The row of a line with stray quotes; None where one of them is not closed."""
    rows = list(csv.reader([line, "."], delimiter=delimiter))
    return rows[0] if len(rows) == 2 else None


def _lines(opened: IO[bytes], newline: str) -> Iterator[str]:
    """The lines of an open file, with their ends; `newline` as `open` takes it.

    Raises:
        UnreadableError: a line is too long to be one.
    """
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", newline=newline)
    while line := text.readline(MOST_LINE):
        if len(line) == MOST_LINE and line[-1] not in "\r\n":
            raise UnreadableError(f"file has a line of more than {MOST_LINE >> 20} MB")
        yield line


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
        for number, line in enumerate(_lines(opened, "\n"), start=1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
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
