"""Tables in parquet files and SQL databases, read in parts as text."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote

import polars as pl

from ..core.errors import DataError, MissingError
from .parquet_footer import check_row_groups
from .text_tables import PART_ROWS, ColumnNames, Header, column_aliases

# How long a database may compute for one query, what is done with its rows aside.
QUERY_SECONDS = 3600.0
_Result = TypeVar("_Result")


def read_parquet_parts(
    path: Path,
    columns: ColumnNames,
    optional: ColumnNames = (),
    *,
    rows: int = PART_ROWS,
) -> Iterator[pl.DataFrame]:
    """These columns of a parquet file, or of all of a folder, as text (lists as lists of text).

    Args and the column `line` (here the number of the row in its file) as in `read_table_parts`.

    Raises:
        DataError: a file can't be read, lacks a column, or claims more rows than it can have.
    """
    required, others = column_aliases(columns), column_aliases(optional)
    for file in parquet_files(path):
        names = parquet_columns(file)
        check_row_groups(file)
        header = Header(0, names)
        if missing := header.missing(required):
            raise DataError(
                f"lacks the columns {', '.join(missing)}; it has {', '.join(names)}", path=file
            )
        columns_by_name = {}
        for name, aliases in (required | others).items():
            at = header.position(aliases)
            columns_by_name[name] = pl.lit(None, pl.String) if at is None else pl.col(names[at])
        frame = pl.scan_parquet(file).select(**columns_by_name)
        start = 0
        try:
            for part in frame.collect_batches(chunk_size=rows, maintain_order=True):
                for batch in part.iter_slices(rows):
                    yield _numbered(_as_text(batch), start)
                    start += batch.height
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(f"can't be read as parquet: {error}", path=file) from error


def parquet_files(path: Path) -> list[Path]:
    """The file itself, or the parquet files of a folder and the folders in it, in order."""
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*.parquet") if not file.name.startswith("."))
    if not files:
        raise MissingError(f"{path}: holds no .parquet file")
    return files


def parquet_columns(path: Path) -> list[str]:
    """The names of a parquet file's columns.

    Raises:
        DataError: it is none.
    """
    try:
        return list(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"can't be read as parquet: {error}", path=path) from error


def read_sql_parts(url: str, query: str, *, rows: int = PART_ROWS) -> Iterator[pl.DataFrame]:
    """The rows of a query as text, and `line` (the number of the row), in parts.

    Args:
        url: `sqlite:///file`, or any other database by its SQLAlchemy URL.

    Raises:
        MissingError: the file is not there, or SQLAlchemy or the database's driver is missing.
        DataError: the database can't be reached, refuses the query, or takes longer for it than
            `QUERY_SECONDS`.
    """
    start = 0
    with _cursor(url, query) as (names, fetch):
        while fetched := fetch(rows):
            columns = zip(*fetched, strict=True)
            texts = {
                name: pl.Series([_text(value) for value in values], dtype=pl.String)
                for name, values in zip(names, columns, strict=True)
            }
            yield _numbered(pl.DataFrame(texts), start)
            start += len(fetched)


def sql_columns(url: str, query: str) -> list[str]:
    """The names of a query's columns; raises what `read_sql_parts` does."""
    with _cursor(url, query) as (names, _):
        return names


# Gives at most that many further rows of a query.
Fetch = Callable[[int], Sequence[Sequence[object]]]


@contextmanager
def _cursor(url: str, query: str) -> Iterator[tuple[list[str], Fetch]]:
    """The names of a query's columns, and what fetches its next rows."""
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        if not file.is_file():
            raise MissingError(f"{file}: there is no such file")
        try:
            # Read-only: a mapping is not what changes a database.
            with closing(
                sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
            ) as database:
                limit = _TimeLimit(database.interrupt, file)
                cursor = limit.run(database.execute, query)
                columns = [column[0] for column in cursor.description or ()]
                yield columns, partial(limit.run, cursor.fetchmany)
        except sqlite3.Error as error:
            raise DataError(f"the query fails: {error}", path=file) from error
        return
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingError(
            "a database other than SQLite needs its driver and SQLAlchemy: pip install 'medkg[sql]'"
        ) from error
    shown = "the database"
    try:
        parsed = sqlalchemy.make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        engine = sqlalchemy.create_engine(parsed)
        with engine.connect().execution_options(stream_results=True) as connection:
            limit = _TimeLimit(_stopper(connection.connection.driver_connection), shown)
            result = limit.run(connection.execute, sqlalchemy.text(query))
            yield list(result.keys()), partial(limit.run, result.fetchmany)
    except ImportError as error:
        raise MissingError(f"{shown}: its driver is not installed: {error}") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DataError(f"the query fails: {error}", path=shown) from error


class _TimeLimit:
    """Ends a query for which the database has computed for `QUERY_SECONDS` in all.

    Args:
        stop: ends what the database computes; called from another thread.
        path: the database, for the error.
    """

    def __init__(self, stop: Callable[[], object], path: Path | str) -> None:
        self._stop, self._path = stop, path
        self._left = QUERY_SECONDS
        self._is_over = False

    def run(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """What a function gives that waits for the database.

        Raises:
            DataError: the time is over.
        """
        done = Event()
        start = monotonic()
        Thread(target=self._watch, args=(done,), daemon=True).start()
        try:
            return function(*arguments)
        except Exception as error:
            if not self._is_over:
                raise
            raise DataError(
                f"the query takes more than {QUERY_SECONDS:g} seconds of the database; let it ask"
                " for less, or give the database an index",
                path=self._path,
            ) from error
        finally:
            done.set()
            self._left -= monotonic() - start

    def _watch(self, done: Event) -> None:
        if done.wait(max(0.0, self._left)):
            return
        self._is_over = True
        self._stop()
        while not done.wait(0.1):  # it may not have begun yet
            self._stop()


def _stopper(connection: Any) -> Callable[[], object]:
    """What ends a query of a driver's connection: drivers call it by different names."""
    names = (name for name in ("cancel", "interrupt", "close") if hasattr(connection, name))
    stop: Callable[[], object] = getattr(connection, next(names))
    return stop


def _text(value: object) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _numbered(frame: pl.DataFrame, start: int) -> pl.DataFrame:
    return frame.with_columns(line=pl.int_range(start + 1, start + 1 + pl.len(), dtype=pl.Int64))


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns as text, or lists of text; values without white space at their ends."""
    columns = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.List):
            column = column.cast(pl.List(pl.String))
        elif isinstance(dtype, pl.Struct):
            column = column.struct.json_encode()
        else:
            column = column.cast(pl.String).str.strip_chars()
            column = pl.when(column != "").then(column)
        columns.append(column.alias(name))
    return frame.select(columns)
