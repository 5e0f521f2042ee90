"""Bytes of files as text, and the ends of messages."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import DataError
from .input_files import InputError, read_whole

_MOST_TOML = 1 << 20  # bytes


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        DataError: it can't be read, or is no TOML.
    """
    data = read_whole(path, _MOST_TOML)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"is no TOML: {error}", path=path) from error
    except RecursionError:
        raise DataError("is no TOML: it is nested too deep", path=path) from None


def delimiter_of(header: str) -> str:
    """What parts a table's cells: of comma, tab and semicolon the most frequent in its header."""
    return max(",\t;", key=header.count)


def decode(data: bytes, path: Path | str) -> str:
    """UTF-8 bytes, with or without a byte-order mark, as text; or UTF-16 with one, as spreadsheets
    save it. `path` is for the message.

    Raises:
        InputError: the bytes are empty or neither.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8 text; convert it to UTF-8", path=path, line=line) from error
    if not text.strip():
        raise InputError("is empty", path=path)
    return text


def rows_of(text: str) -> Iterator[list[str]]:
    """The rows of a table that ships, as cells: without comments, blank lines and header.

    Args:
        text: has tabs between cells; a comment is a line that begins with `#`.
    """
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    next(lines)
    for line in lines:
        yield line.split("\t")


def day(text: object) -> str | None:
    """The date of an ISO 8601 date or time: a year, a month or a day; None where it is none."""
    match = re.match(r"\d{4}(-\d{2}(-\d{2})?)?(?=$|[T ])", str(text or ""))
    if match is None:
        return None
    try:
        date.fromisoformat(f"{match[0]}-01-01"[:10])
    except ValueError:
        return None
    return match[0]


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    """The end of a message on a name that there isn't: the nearest known one, if one is near."""
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else otherwise
