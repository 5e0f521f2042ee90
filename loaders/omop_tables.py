"""The tables of the OMOP CDM, in a folder of files or in a database: columns as text, in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from .databases import parquet_columns, read_parquet_parts, read_sql_parts, sql_columns
from .stream import plain_suffix, text_lines
from .text_tables import read_table_parts


class FileTables:
    """The tables of a folder of files.

    Args:
        folder: the folder.
        quarantine: gets the malformed rows, by file and line only.

    Attributes:
        shown: what to call the folder in messages.
    """

    def __init__(self, folder: Path, quarantine: Quarantine):
        self.shown = str(folder)
        self._quarantine = quarantine
        self._paths: dict[str, Path] = {}
        self._reported: set[str] = set()  # tables whose malformed rows have been set aside
        suffixes = (".csv", ".tsv", ".txt", ".parquet")
        for file in sorted(folder.iterdir()):
            if plain_suffix(file) in suffixes or (file.is_dir() and any(file.glob("*.parquet"))):
                self._paths.setdefault(file.name.split(".")[0].lower(), file)

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return table in self._paths

    def require(self, table: str) -> None:
        """Raise an error where there is no such table."""
        if not self.has(table):
            raise MissingError(f"{self.shown} has no table {table} of the OMOP CDM")

    def place(self, table: str) -> str:
        """What to call a table's place."""
        return str(self._paths[table])

    def parts(
        self,
        table: str,
        required: Sequence[str],
        optional: Sequence[str] = (),
    ) -> Iterator[pl.DataFrame]:
        """These columns as text and `line`, in parts; null where an optional one is not there.

        What is malformed is set aside when a table is read for the first time.

        Raises:
            DataError: the table can't be read, or lacks a required column.
        """
        path = self._paths[table]
        if path.is_dir() or plain_suffix(path) == ".parquet":
            first = path if path.is_file() else next(iter(sorted(path.glob("*.parquet"))))
            columns = _spellings(parquet_columns(first), required, optional, path)
            parts = read_parquet_parts(path, columns)
        else:
            # Read here, since an error about a missing header would quote a row.
            header_line, header = next(
                ((number, line) for number, line in text_lines(path) if line.strip()), (0, "")
            )
            separator = "\t" if "\t" in header else ","
            names = [name.strip().strip('"') for name in header.split(separator)]
            columns = _spellings(names, required, optional, path)
            # What is set aside must not hold the row.
            own = Quarantine()
            parts = read_table_parts(
                path,
                columns,
                own,
                separator=separator,
                quoted=separator == ",",
                comment="",
                names=names,
            )
            parts = (part.filter(pl.col("line") != header_line) for part in parts)
            if table not in self._reported:
                self._reported.add(table)
                parts = self._reporting(parts, own)
        absent = [pl.lit(None, pl.String).alias(name) for name in optional if name not in columns]
        for part in parts:
            yield part.with_columns(absent)

    def _reporting(self, parts: Iterator[pl.DataFrame], own: Quarantine) -> Iterator[pl.DataFrame]:
        """The parts; at the end the malformed rows are set aside, by place only."""
        yield from parts
        for bad in own:
            self._quarantine.add(bad.reason, path=bad.path, line=bad.line)


class SqlTables:
    """The tables of an SQL database.

    Args:
        url: of the database, as SQLAlchemy has it.
        schema: of the tables; None for the default one.

    Attributes:
        shown: what to call the database in messages: its URL without the password.
    """

    def __init__(self, url: str, schema: str | None):
        if schema is not None and not re.fullmatch(r"\w+(\.\w+)?", schema):
            raise DataError("a schema's name has letters, digits and _ only")
        self._url = url
        self._schema = "" if schema is None else f"{schema}."
        self._columns: dict[str, list[str]] = {}
        self.shown = re.sub(r"//[^@/]*@", "//", url)

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        try:
            self.require(table)
        except DataError:
            return False
        return True

    def require(self, table: str) -> None:
        """Raise the database's error where there is no such table, or no database."""
        if table not in self._columns:
            query = f"SELECT * FROM {self._schema}{table} WHERE 1 = 0"
            self._columns[table] = sql_columns(self._url, query)

    def place(self, table: str) -> str:
        """What to call a table's place."""
        return f"{self.shown} {self._schema}{table}"

    def parts(
        self,
        table: str,
        required: Sequence[str],
        optional: Sequence[str] = (),
    ) -> Iterator[pl.DataFrame]:
        """As of `FileTables`; in a database no row is malformed."""
        self.require(table)
        columns = _spellings(self._columns[table], required, optional, self.place(table))
        selected = ", ".join(f"{spelling[0]} AS {name}" for name, spelling in columns.items())
        absent = [pl.lit(None, pl.String).alias(name) for name in optional if name not in columns]
        for part in read_sql_parts(self._url, f"SELECT {selected} FROM {self._schema}{table}"):
            yield part.with_columns(absent)


Tables = FileTables | SqlTables


def open_tables(path: Path, schema: str | None, quarantine: Quarantine) -> Tables:
    """The tables at a path or a database's URL.

    Raises:
        MissingError: nothing is there.
        DataError: it is neither a folder nor a database.
    """
    # A URL that has become a path has lost the second of two slashes.
    if url := re.fullmatch(r"([a-z][a-z0-9+]+):/++(.*)", str(path)):
        scheme, rest = url.groups()
        if scheme.startswith("sqlite"):
            files = [file for file in (Path("/") / rest, Path(rest)) if file.is_file()]
            return SqlTables(f"{scheme}:///{files[0] if files else rest}", schema)
        return SqlTables(f"{scheme}://{rest}", schema)
    if path.is_dir():
        return FileTables(path, quarantine)
    if not path.exists():
        raise MissingError(f"{path}: there is no such folder or database")
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\x00":
            raise DataError("is neither a folder nor an SQLite database", path=path)
    return SqlTables(f"sqlite:///{path}", schema)


def _spellings(
    names: Sequence[str], required: Sequence[str], optional: Sequence[str], place: Path | str
) -> dict[str, list[str]]:
    """How the table spells each of the columns that it has.

    Raises:
        DataError: a required column is not there.
    """
    spellings = {name.lower(): name for name in names}
    if missing := [name for name in required if name not in spellings]:
        raise DataError(f"lacks the columns {', '.join(missing)}", path=place)
    return {
        name: [spellings[name]]
        for name in dict.fromkeys([*required, *optional])
        if name in spellings
    }
