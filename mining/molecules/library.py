"""Reading libraries of molecules for screening: SMILES files, tables and SDF, plain or gzipped."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from rdkit import Chem

from ...core.errors import DataError
from ...core.input_files import InputError, opened
from ...core.quarantine import Quarantine
from ...core.text import delimiter_of
from .structures import ParsedStructure, parse, standardise

_MOST_LINE = 1_000_000  # bytes of a line, or characters of an SDF record, that are read at all
_MOST_SKIPPED = 1_000_000_000  # bytes of one line after which the rest of a file is skipped

_STRUCTURE_COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "structure", "inchi")
_NAME_COLUMNS = (
    *("id", "name", "title", "compound", "compound_id", "compound_name", "zinc_id"),
    *("molecule_name", "molecule name", "molecule_chembl_id", "molecule chembl id"),
)


class LibraryEntry(NamedTuple):
    """A molecule of a library, not yet parsed: a SMILES, an InChI, or an SDF record.

    Attributes:
        line: number in the file, from 1; of an SDF record the line that it begins at.
    """

    line: int
    name: str
    text: str

    def parsed(self) -> ParsedStructure:
        """The standardised molecule, or why there is none."""
        if "\n" not in self.text:
            return parse(self.text)
        molecule = Chem.MolFromMolBlock(self.text)
        if molecule is None:
            return ParsedStructure(None, "no mol block, or an impossible structure")
        return standardise(molecule)


class _Line(NamedTuple):
    number: int
    text: str


class _LibraryFile:
    """An open library, and the quarantine that gets what can't be read."""

    def __init__(self, path: Path, quarantine: Quarantine):
        self.path, self._quarantine = path, quarantine

    def set_aside(self, reason: str, line: int, row: str = "") -> None:
        self._quarantine.add(reason, path=self.path, line=line, row=row)

    def lines(self, file: IO[bytes]) -> Iterator[_Line]:
        """Lines without their end. One that is too long is set aside unread, so that none fills the
        memory; after a gigabyte without a line's end the rest of the file is."""
        number = 0
        try:
            while line := file.readline(_MOST_LINE):
                number += 1
                if len(line) < _MOST_LINE or line.endswith(b"\n"):
                    yield _Line(
                        number,
                        line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip(
                            "\r\n"
                        ),
                    )
                    continue
                skipped = len(line)
                while line and not line.endswith(b"\n") and skipped < _MOST_SKIPPED:
                    line = file.readline(_MOST_LINE)
                    skipped += len(line)
                self.set_aside(f"line of more than {_MOST_LINE:,} bytes", number)
                if skipped >= _MOST_SKIPPED:
                    return
        except InputError as error:
            self.set_aside("file is damaged or cut off here", number + 1, error.reason)

    def smiles_entries(self, lines: Iterator[_Line]) -> Iterator[LibraryEntry]:
        """A SMILES and a name a line."""
        for number, text in lines:
            words = text.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            if number == 1 and words[0].lower() in _STRUCTURE_COLUMNS:
                continue  # a header
            yield LibraryEntry(number, words[1].strip() if len(words) > 1 else "", words[0])

    def table_entries(self, lines: Iterator[_Line]) -> Iterator[LibraryEntry]:
        """A table with a header, separated by commas, tabs or semicolons."""
        header = next(lines, None)
        if header is None:
            return
        separator = delimiter_of(header.text)
        columns = [name.strip().strip('"').lower() for name in header.text.split(separator)]
        structure = _first_of(_STRUCTURE_COLUMNS, columns)
        if structure is None:
            raise DataError(
                f"has no column {', '.join(_STRUCTURE_COLUMNS)}; its columns are"
                f" {', '.join(columns)}",
                path=self.path,
                line=1,
            )
        name_column = _first_of(_NAME_COLUMNS, columns)
        for number, text in lines:
            if not text.strip():
                continue
            try:
                row = next(csv.reader([text], delimiter=separator))
                name = row[name_column].strip() if name_column is not None else ""
                yield LibraryEntry(number, name, row[structure].strip())
            except (csv.Error, IndexError, StopIteration):
                self.set_aside("row with too few columns", number, text[:200])

    def sdf_entries(self, lines: Iterator[_Line]) -> Iterator[LibraryEntry]:
        """SDF records up to their `M  END`; the properties after it are not kept."""
        block: list[str] = []
        start, size, ended = 1, 0, False
        for number, text in lines:
            if text.startswith("$$$$"):
                if block:
                    yield from self._sdf_entry(block, start, size)
                block, start, size, ended = [], number + 1, 0, False
                continue
            if not ended:
                size += len(text) + 1
                if size <= _MOST_LINE:
                    block.append(text)
            ended = ended or text.startswith("M  END")
        if any(line.strip() for line in block):
            yield from self._sdf_entry(block, start, size)

    def _sdf_entry(self, block: list[str], start: int, size: int) -> Iterator[LibraryEntry]:
        if size > _MOST_LINE:
            self.set_aside(f"record of more than {_MOST_LINE:,} characters", start)
        else:
            yield LibraryEntry(start, block[0].strip(), "\n".join([*block, ""]))


_READERS: dict[str, Callable[[_LibraryFile, Iterator[_Line]], Iterator[LibraryEntry]]] = {
    ".smi": _LibraryFile.smiles_entries,
    ".smiles": _LibraryFile.smiles_entries,
    ".txt": _LibraryFile.smiles_entries,
    ".csv": _LibraryFile.table_entries,
    ".tsv": _LibraryFile.table_entries,
    ".sdf": _LibraryFile.sdf_entries,
    ".sd": _LibraryFile.sdf_entries,
}


def library_entries(path: Path, quarantine: Quarantine) -> Generator[LibraryEntry, None, None]:
    """The molecules of a library, not yet parsed; what is too long or cut off is set aside.

    Raises:
        DataError: no such file, no known kind of library, or a table without structures.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if gzipped else suffixes)[-1:]
    if not path.is_file():
        raise DataError("there is no such file", path=path)
    if not kind or kind[0] not in _READERS:
        raise DataError(
            "is no library of a known kind; give .smi, .csv, .tsv or .sdf, plain or .gz", path=path
        )
    library = _LibraryFile(path, quarantine)
    with opened(path, ".gz" if gzipped else "") as file:
        yield from _READERS[kind[0]](library, library.lines(file))


def _first_of(names: tuple[str, ...], columns: list[str]) -> int | None:
    """The place of the first of these names that there is a column of."""
    return next((columns.index(name) for name in names if name in columns), None)
