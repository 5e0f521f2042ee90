"""Reading annotated files: their text, their rows, and the rows that can't be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.input_files import read_whole
from ...core.quarantine import Quarantine
from ...core.text import decode
from .document import Document, Mention


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, plain or `.xz`.

    Raises:
        DataError: the file is missing, empty, damaged or not UTF-8.
    """
    return decode(read_whole(path), path)


def plain_or_xz(path: Path) -> Path:
    """The path with `.xz` added, if there is such a file; else the path."""
    packed = path.with_name(path.name + ".xz")
    return packed if packed.is_file() else path


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that aren't blank, with their numbers, from 1."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def row_place(columns: list[str]) -> str:
    """The first columns of a row, as far as they are identifiers and offsets and no text."""
    return "\t".join(column for column in columns if re.fullmatch(r"[\w:.-]{1,40}", column))


def parse_offsets(start: str, end: str) -> tuple[int, int] | None:
    """Two columns as offsets; None: they are no numbers."""
    # Two long numbers are no offsets, and Python refuses to read numbers of thousands of digits.
    if start.isdecimal() and end.isdecimal() and len(start) < 12 and len(end) < 12:
        return int(start), int(end)
    return None


@dataclass(frozen=True)
class AnnotationFile:
    """A file of annotations that is being read, and the quarantine of its unusable rows."""

    path: Path | str
    quarantine: Quarantine

    def reject(self, reason: str, line: int | None = None, row: str = "") -> None:
        """Set a row aside; `row` says which one, without its text."""
        self.quarantine.add(reason, path=self.path, line=line, row=row)

    def add_mention(
        self,
        document: Document,
        offsets: tuple[int, int] | None,
        text: str,
        kind: str,
        line: int,
        *,
        identifier: str | None = None,
        key: str | None = None,
    ) -> None:
        """Add a mention if its offsets give its text (any white space counts as a space)."""
        if offsets is None:
            self.reject("offsets are no numbers", line, document.id)
            return
        start, end = offsets
        covered = document.text[start:end]
        if not covered.strip() or covered.split() != text.split():
            self.reject("offsets don't match the text", line, f"{document.id}\t{start}\t{end}")
            return
        # Annotators' stray spaces at either end are no part of the name.
        start += len(covered) - len(covered.lstrip())
        end += len(covered.rstrip()) - len(covered)
        document.mentions.append(Mention(start, end, kind, identifier, key))

    def add_span(
        self,
        document: Document,
        start: object,
        end: object,
        label: str,
        line: int,
        key: str | None = None,
    ) -> None:
        """Add characters [start, end) as a mention, once, without white space at its ends."""
        text = document.text
        if (
            # A bool is an int, and no offset.
            type(start) is not int
            or type(end) is not int
            or not 0 <= start < end <= len(text)
            or not text[start:end].strip()
        ):
            self.reject("offsets don't match the text", line, document.id)
            return
        covered = text[start:end]
        end = start + len(covered.rstrip())
        start += len(covered) - len(covered.lstrip())
        mention = Mention(start, end, label, key=key)
        if mention not in document.mentions:
            document.mentions.append(mention)
