"""An append-only log whose lines are chained by hashes, so that a removed or changed line shows.

Each line is a JSON object with its number, the time, the hash of the line before and its own hash.
Whoever can write the file can also write it anew from some line on, or cut off its end: that shows
to one who noted a hash from behind that place elsewhere (`ChainedLog.verify`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .atomic import make_folder
from .errors import DataError
from .json_reading import parse_json
from .locks import locked

_FIRST = "0" * 64  # what the first line has in place of the hash of a line before
_BLOCK = 65_536

Entry = dict[str, Any]


class ChainedLog:
    """A log in one file, which several processes append to. Only its owner may read it."""

    def __init__(self, file: Path):
        self.file = file

    def append(self, entry: Entry) -> None:
        """Add a line: the entry, and what chains it.

        A line that was cut off by a crash or a full disk was never acknowledged; it is taken out.

        Raises:
            OSError: the file can't be written to; it is then as it was.
            DataError: the last line is no entry.
        """
        make_folder(self.file.parent)
        with locked(self.file.with_name(f".{self.file.name}.lock")):
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "r+b", buffering=0) as file:
                whole = _end_of_whole_lines(file)
                file.truncate(whole)
                last = _last_line(file, whole)
                number, previous = self._end_of_chain(last)
                line = {
                    "number": number + 1,
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    **entry,
                    "previous": previous,
                }
                text = _canonical({**line, "hash": _hash(line)}).encode() + b"\n"
                try:
                    if file.write(text) != len(text):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.file))
                except OSError:
                    file.truncate(whole)
                    raise

    def _end_of_chain(self, last: bytes) -> tuple[int, str]:
        if not last:
            return 0, _FIRST
        try:
            entry = parse_json(last)
            return int(entry["number"]), str(entry["hash"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "ends in a line that is no entry of a log; it was changed by something else. Move"
                " the file away, and a new log begins",
                path=self.file,
            ) from error

    def entries(self) -> Iterator[Entry]:
        """The lines, oldest first, but one that a crash cut off; none where there is no file.

        Raises:
            DataError: a line is no JSON object.
        """
        if not self.file.exists():
            return
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    entry = parse_json(line)
                except ValueError:
                    entry = None
                if not isinstance(entry, dict):
                    raise DataError("is no entry of a log", path=self.file, line=number)
                yield entry

    def verify(self, noted: str | None = None) -> tuple[int, str]:
        """Check that no line is missing, changed or in another place.

        Args:
            noted: the hash of some line, noted elsewhere; it must be that of a line.

        Returns:
            The number of lines, and the hash of the last one, to note elsewhere.

        Raises:
            DataError: the first line that doesn't follow from the one before; or no line has the
                noted hash, so that lines at the end were removed or written anew.
        """
        count, last, seen = 0, _FIRST, noted is None
        for count, entry in enumerate(self.entries(), start=1):
            stated = entry.pop("hash", None)
            if entry.get("number") != count or entry.get("previous") != last:
                raise DataError(
                    "doesn't follow from the line before: lines were removed, added or moved here",
                    path=self.file,
                    line=count,
                )
            if _hash(entry) != stated:
                raise DataError("was changed after it was written", path=self.file, line=count)
            last = stated
            seen = seen or last == noted
        if not seen:
            raise DataError(
                f"no line has the hash {noted}: lines at the end were removed or written anew",
                path=self.file,
            )
        return count, last


def _canonical(entry: Entry) -> str:
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":"))


def _hash(entry: Entry) -> str:
    return hashlib.sha256(_canonical(entry).encode()).hexdigest()


def _end_of_whole_lines(file: Any) -> int:
    """The position behind the last line that ends."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return int(start + newline + 1)
        end = start
    return 0


def _last_line(file: Any, end: int) -> bytes:
    """The line that ends at a position."""
    line = b""
    start = max(0, end - 1)  # before its newline
    while start > 0:
        block = max(0, start - _BLOCK)
        file.seek(block)
        part = file.read(start - block)
        newline = part.rfind(b"\n")
        line = part[newline + 1 :] + line
        if newline >= 0:
            break
        start = block
    return line
