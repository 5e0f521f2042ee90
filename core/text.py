"""Bytes of files as text."""

from __future__ import annotations

import codecs
from pathlib import Path

from .errors import DataError


def decode(data: bytes, path: Path | str) -> str:
    """UTF-8 bytes, with or without a byte-order mark, as text; or UTF-16 with one, as spreadsheets
    save it. `path` is for the message.

    Raises:
        DataError: the bytes are empty or neither.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("is not UTF-8 text; convert it to UTF-8", path=path, line=line) from error
    if not text.strip():
        raise DataError("is empty", path=path)
    return text
