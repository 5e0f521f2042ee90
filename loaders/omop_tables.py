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
    """The tables of a folder of files."""

    def __init__(self, folder: Path, quarantine: Quarantine):
        self.shown = str(folder)
        self._quarantine = quarantine
        self._paths: dict[str, Path] = {}
        suffixes = (".csv", ".tsv", ".txt", ".parquet")
        for file in sorted(folder.iterdir()):
            if plain_suffix(file) in suffixes or (file.is_dir() and any(file.glob("*.parquet"))):
                self._paths.setdefault(file.name.split(".")[0].lower(), file)

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return table in self._paths

    def need(self, table: str) -> None:
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
        *,
        again: bool = False,
    ) -> Iterator[pl.DataFrame]:
        """These columns as text and `line`, in parts; null where an optional one is not there.

        What is set aside is told, but for a table that is read `again`.
        """
        path = self._paths[table]
        if path.is_dir() or plain_suffix(path) == ".parquet":
            first = path if path.is_file() else next(iter(sorted(path.glob("*.parquet"))))
            columns = _spelt(parquet_columns(first), required, optional, path)
            parts = read_parquet_parts(path, columns)
        else:
            # Found here, since an error about a header that is not there would quote a row.
            at, header = next(
                ((at, line) for at, line in text_lines(path) if line.strip()), (0, "")
            )
            separator = "\t" if "\t" in header else ","
            names = [name.strip().strip('"') for name in header.split(separator)]
            columns = _spelt(names, required, optional, path)
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
            parts = (part.filter(pl.col("line") != at) for part in parts)
            if not again:
                parts = self._telling(parts, own)
        absent = [pl.lit(None, pl.String).alias(name) for name in optional if name not in columns]
        for part in parts:
            yield part.with_columns(absent)

    def _telling(self, parts: Iterator[pl.DataFrame], own: Quarantine) -> Iterator[pl.DataFrame]:
        yield from parts
        for bad in own:
            self._quarantine.add(bad.reason, path=bad.path, line=bad.line)


class SqlTables:
    """The tables of an SQL database."""

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
            self.need(table)
        except DataError:
            return False
        return True

    def need(self, table: str) -> None:
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
        *,
        again: bool = False,
    ) -> Iterator[pl.DataFrame]:
        """As of `FileTables`; in a database no row is malformed."""
        self.need(table)
        columns = _spelt(self._columns[table], required, optional, self.place(table))
        picked = ", ".join(f"{theirs[0]} AS {ours}" for ours, theirs in columns.items())
        absent = [pl.lit(None, pl.String).alias(name) for name in optional if name not in columns]
        for part in read_sql_parts(self._url, f"SELECT {picked} FROM {self._schema}{table}"):
            yield part.with_columns(absent)


Tables = FileTables | SqlTables


def open_tables(path: Path, schema: str | None, quarantine: Quarantine) -> Tables:
    """The tables at a path or a database's URL.

    Raises:
        MissingError: nothing is there.
        DataError: it is neither a folder nor a database.
    """
    # A URL that has become a path has lost the second of two slashes.
    if url := re.fullmatch(r"([a-z][a-z0-9+]+):/+(.*)", str(path)):
        scheme, rest = url.groups()
        if scheme.startswith("sqlite"):
            found = [p for p in (Path("/") / rest, Path(rest)) if p.is_file()]
            return SqlTables(f"{scheme}:///{found[0] if found else rest}", schema)
        return SqlTables(f"{scheme}://{rest}", schema)
    if path.is_dir():
        return FileTables(path, quarantine)
    if not path.exists():
        raise MissingError(f"{path}: there is no such folder or database")
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\x00":
            raise DataError("is neither a folder nor an SQLite database", path=path)
    return SqlTables(f"sqlite:///{path}", schema)


def _spelt(
    names: Sequence[str], required: Sequence[str], optional: Sequence[str], place: Path | str
) -> dict[str, list[str]]:
    """For each of the columns that are there, how it is spelt there."""
    spellings = {name.lower(): name for name in names}
    if missing := [name for name in required if name not in spellings]:
        raise DataError(f"lacks the columns {', '.join(missing)}", path=place)
    return {
        name: [spellings[name]]
        for name in dict.fromkeys([*required, *optional])
        if name in spellings
    }
