"""The UMLS Metathesaurus's files in Rich Release Format, read in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import polars as pl

from ..core.input_files import COMPRESSED
from ..core.progress import progress
from ..core.quarantine import Quarantine
from .stream import read_blocks
from .text_tables import read_lines

COLUMNS = {
    "MRCONSO": (
        "CUI LAT TS LUI STT SUI ISPREF AUI SAUI SCUI SDUI SAB TTY CODE STR SRL SUPPRESS CVF"
    ),
    "MRREL": ("CUI1 AUI1 STYPE1 REL CUI2 AUI2 STYPE2 RELA RUI SRUI SAB SL RG DIR SUPPRESS CVF"),
    "MRSTY": "CUI TUI STN STY ATUI CVF",
    "MRDEF": "CUI AUI ATUI SATUI SAB DEF SUPPRESS CVF",
}
CUI_PATTERN = r"^C\d{7}$"


def release_of(folder: Path) -> str:
    """2030AB, as release.dat or the folder's name says; empty where neither does."""
    for file in (folder / "release.dat", folder.parent / "release.dat"):
        if file.is_file():
            named = re.search(r"\d{4}A[A-Z]", file.read_text(encoding="utf-8", errors="replace"))
            if named:
                return named[0]
    named = re.search(r"\d{4}A[A-Z]", str(folder.absolute()))
    return named[0] if named else ""


# The files


def files_of(folder: Path, name: str) -> list[Path]:
    """A file, or the pieces that it was split into, in order; none where it isn't there."""
    for place in (folder, folder / "META"):
        for pattern in (f"{name}.RRF", f"{name}.RRF.[a-z][a-z]"):
            for suffix in ("", *COMPRESSED):
                if files := sorted(place.glob(f"{pattern}{suffix}")):
                    return files
    return []


def whole_name(folder: Path, name: str) -> Path:
    """What to call a file, in pieces or not: its lines are counted through."""
    files = files_of(folder, name)
    return (files[0].parent if files else folder) / f"{name}.RRF"


def read_rows(
    folder: Path, name: str, wanted_columns: str, quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """`line` and the kept columns of a file, in parts; bad rows are set aside."""
    columns = COLUMNS[name].split()
    positions = {column: columns.index(column) for column in wanted_columns.split()}
    with progress(f"umls {name}") as advance:
        # A line may be cut between two pieces of a file.
        blocks = chain.from_iterable(map(read_blocks, files_of(folder, name)))
        path = whole_name(folder, name)
        for lines in read_lines(blocks, path):
            lines = lines.with_columns(pl.col("text").str.strip_suffix("\r"))
            # Each field, the last one too, ends with |.
            is_sound = lines["text"].str.count_matches("|", literal=True) == len(columns)
            malformed = lines.filter(~is_sound & (lines["text"] != ""))
            for number, text in malformed.iter_rows():
                quarantine.add("wrong number of fields", path=path, line=number, row=text[:200])
            lines = lines.filter(is_sound)
            fields = lines["text"].str.split_exact("|", len(columns))
            yield pl.DataFrame(
                {
                    "line": lines["line"],
                    **{
                        column: fields.struct.field(f"field_{at}")
                        for column, at in positions.items()
                    },
                }
            )
            advance()
