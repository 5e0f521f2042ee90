"""Bytes of files as text."""

from __future__ import annotations

from pathlib import Path

from .errors import DataError


def decode(data: bytes, path: Path | str) -> str:
    """UTF-8 bytes, with or without a byte-order mark, as text; `path` is for the message.

    Raises:
        DataError: the bytes are empty or not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("is not UTF-8 text; convert it to UTF-8", path=path, line=line) from error
    if not text.strip():
        raise DataError("is empty", path=path)
    return text
