"""Rows set aside with their reason, so that one bad row never costs the good ones."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .atomic import atomic_file
from .disk import writing
from .json_reading import parse_json

# More rows than these are kept in a temporary file, so that a source of which every row is bad
# doesn't fill the memory.
KEPT = 5_000


@dataclass(frozen=True)
class BadRow:
    """A row that was not used: why, where it stood, and what it held."""

    reason: str
    path: str
    line: int | None
    row: str


class Quarantine:
    """Collects bad rows while a source is read; iterating gives them all, in order.

    `reason` is a fixed phrase ("unknown kind", "offsets don't match the text"), so that the counts
    by reason mean something; what is particular goes into `row`. `row` of clinical text must hold
    identifiers and offsets only, never the text.
    """

    def __init__(self) -> None:
        self._first: list[BadRow] = []
        self._counts: Counter[str] = Counter()
        self._more: IO[bytes] | None = None

    def add(self, reason: str, *, path: Path | str, line: int | None = None, row: str = "") -> None:
        """Set one row aside."""
        self.extend([BadRow(reason, str(path), line, row)])

    def extend(self, rows: Iterable[BadRow]) -> None:
        """Set aside what another quarantine holds."""
        for row in rows:
            self._counts[row.reason] += 1
            if len(self._first) < KEPT:
                self._first.append(row)
                continue
            with writing(Path(tempfile.gettempdir())):
                if self._more is None:
                    self._more = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this)
                self._more.write(_line(row).encode())

    @property
    def rows(self) -> list[BadRow]:
        """The first rows, at most `KEPT` of them."""
        return list(self._first)

    def __iter__(self) -> Iterator[BadRow]:
        yield from self._first
        place = 0
        # In parts, since a row may be added, or another reader be at work, between two of ours.
        while self._more is not None:
            self._more.seek(place)
            lines = self._more.readlines(1_000_000)
            place = self._more.tell()
            self._more.seek(0, os.SEEK_END)
            if not lines:
                return
            for line in lines:
                yield BadRow(**parse_json(line))

    def __len__(self) -> int:
        return self._counts.total()

    def counts(self) -> dict[str, int]:
        """Number of rows by reason, most first."""
        return dict(self._counts.most_common())

    def save(self, path: Path | str) -> None:
        """Write the rows as JSON lines (reason, path, line, row)."""
        with atomic_file(path) as draft, draft.open("w", encoding="utf-8") as file:
            file.writelines(map(_line, self))


def _line(row: BadRow) -> str:
    text = json.dumps(row.__dict__, ensure_ascii=False) + "\n"
    # Half a character, as of a file's name that is not UTF-8, becomes JSON's escape for it.
    return text.encode("utf-8", "backslashreplace").decode()
