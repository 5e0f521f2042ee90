"""Rows set aside with their reason, so that one bad row never costs the good ones."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .atomic import atomic_file


@dataclass(frozen=True)
class BadRow:
    """A row that was not used: why, where it stood, and what it held."""

    reason: str
    path: str
    line: int | None
    row: str


@dataclass
class Quarantine:
    """Collects bad rows while a source is read.

    `reason` is a fixed phrase ("unknown kind", "offsets don't match the text"), so that the counts
    by reason mean something; what is particular goes into `row`. `row` of clinical text must hold
    identifiers and offsets only, never the text.
    """

    rows: list[BadRow] = field(default_factory=list)

    def add(self, reason: str, *, path: Path | str, line: int | None = None, row: str = "") -> None:
        """Set one row aside."""
        self.rows.append(BadRow(reason, str(path), line, row))

    def __len__(self) -> int:
        return len(self.rows)

    def counts(self) -> dict[str, int]:
        """Number of rows by reason, most first."""
        return dict(Counter(row.reason for row in self.rows).most_common())

    def save(self, path: Path | str) -> None:
        """Write the rows as JSON lines (reason, path, line, row)."""
        with atomic_file(path) as draft, draft.open("w", encoding="utf-8") as file:
            for row in self.rows:
                file.write(json.dumps(row.__dict__, ensure_ascii=False) + "\n")
