"""A table of visits, read and checked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.input_files import read_whole
from ...core.quarantine import Quarantine
from ...core.text import decode
from .columns import Columns

Floats = NDArray[np.float64]
Table = Path | str | pl.DataFrame
MISSING = ("", "na", "nan", "null", "none", "?", ".")
_TRUE, _FALSE = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")
_MOSTLY = 0.9  # of the values: a column of so many numbers is numeric, and the others are mistakes
_LINE = "\0line"


@dataclass(frozen=True)
class Visits:
    """Visits in the order of patients and times.

    Attributes:
        patients: (n,) whose visit each is.
        times: (n,) when.
        events: (n,) whether the patient had the event; `ends`: (n,) when, or when the observation
            ended. Where the table needs no outcome, false and infinity.
        covariates: n rows: a column of numbers (null: missing) or of words ("": missing) each.
    """

    patients: NDArray[np.str_]
    times: Floats
    events: NDArray[np.bool_]
    ends: Floats
    covariates: pl.DataFrame

    def __len__(self) -> int:
        return len(self.times)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) the number of each visit's patient, from 0 and rising."""
        new = np.append(False, self.patients[1:] != self.patients[:-1])
        return np.cumsum(new)

    @property
    def remaining(self) -> Floats:
        """(n,) from each visit to the event or the end of the observation."""
        return np.asarray(self.ends - self.times)

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Visits:
        """Some of the visits: a mask, or numbers that rise."""
        indices = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Visits(
            self.patients[indices],
            self.times[indices],
            self.events[indices],
            self.ends[indices],
            self.covariates[indices],
        )


def read_visits(
    table: Table,
    columns: Columns,
    quarantine: Quarantine | None,
    *,
    kinds: dict[str, bool] | None = None,
    outcomes: bool = True,
) -> Visits:
    """Read a table of visits.

    Args:
        table: a CSV or TSV file (compressed too), a parquet file, or a frame.
        quarantine: gets the rows that can't be used. Without one, the first such is an error.
        kinds: whether each covariate is numeric, as a model learnt it; none: by the values.
        outcomes: whether events and their times are needed.

    Raises:
        DataError: it is no table, lacks a column, or has no row that can be used.
    """
    own = Quarantine() if quarantine is None else quarantine
    frame = table if isinstance(table, pl.DataFrame) else _read(Path(table), own)
    name = "the table" if isinstance(table, pl.DataFrame) else str(table)
    if _LINE not in frame.columns:
        frame = frame.with_row_index(_LINE, offset=1)
    frame = frame.with_columns(
        pl.col(_LINE).cast(pl.Int64), pl.exclude(_LINE).cast(pl.String).str.strip_chars()
    )
    covariates = _check_columns(frame, columns, outcomes, name)
    typed, kinds = _typed(frame, columns, covariates, kinds, outcomes)
    kept = _set_aside(typed, kinds, own, name)
    if kept.is_empty():
        reason = next(iter(own.counts()), "it has none")
        raise DataError(f"no row of it can be used: {reason}", path=name)
    if quarantine is None and len(own):
        first = own.rows[0]
        raise DataError(first.reason, path=first.path, line=first.line)
    return Visits(
        kept["\0patient"].to_numpy().astype(str),
        kept["\0time"].to_numpy(),
        kept["\0event"].to_numpy().astype(bool),
        kept["\0end"].to_numpy(),
        kept.select(covariates),
    )


def _read(path: Path, quarantine: Quarantine) -> pl.DataFrame:
    if path.suffix.lower() == ".parquet":
        try:
            return pl.read_parquet(io.BytesIO(read_whole(path)))
        except pl.exceptions.PolarsError as error:
            raise DataError("is no parquet file that can be read", path=path) from error
    text = decode(read_whole(path), path)
    separator = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip() for name in next(rows)]
        if len(set(header)) < len(header):
            raise DataError("has two columns of one name in its header", path=path)
        cells = []
        for row in rows:
            if len(row) == len(header):
                cells.append([str(rows.line_num), *row])
            elif row:
                quarantine.add("not as many cells as the header", path=path, line=rows.line_num)
    except csv.Error as error:
        raise DataError(f"is no table: {error}", path=path, line=rows.line_num) from error
    return pl.DataFrame(cells, schema=dict.fromkeys([_LINE, *header], pl.String), orient="row")


def _check_columns(frame: pl.DataFrame, columns: Columns, outcomes: bool, name: str) -> list[str]:
    """The covariates' names.

    Raises:
        DataError: a column is not there.
    """
    fixed = [columns.patient, columns.time, columns.event, columns.event_time]
    own = [name for name in frame.columns if name != _LINE]
    covariates = list(columns.covariates) or [name for name in own if name not in fixed]
    needed = [*([columns.event, columns.event_time] if outcomes else []), *covariates]
    for column in [*needed, *columns.categorical]:
        if column not in own:
            raise DataError(
                f"has no column {column!r}; it has {', '.join(own[:30])}"
                " (a file of columns says which is which)",
                path=name,
            )
    if not covariates:
        raise DataError("has no covariate", path=name)
    if outside := set(fixed) & set(covariates):
        raise DataError(f"{min(outside)} can't be a covariate too", path=name)
    return covariates


def _typed(
    frame: pl.DataFrame,
    columns: Columns,
    covariates: list[str],
    kinds: dict[str, bool] | None,
    outcomes: bool,
) -> tuple[pl.DataFrame, dict[str, bool]]:
    """The table with numbers as numbers, null where there is none; and which columns are numeric.

    What stood in a numeric cell that isn't a number is kept, as `name\\0`, for `_set_aside`.
    """

    def is_missing(name: str) -> pl.Expr:
        return pl.col(name).is_null() | pl.col(name).str.to_lowercase().is_in(MISSING)

    def number(name: str) -> pl.Expr:
        value = pl.col(name).cast(pl.Float64, strict=False)
        return pl.when(value.is_finite() & ~is_missing(name)).then(value)

    if kinds is None:
        kinds = {}
        for name in covariates:
            filled = frame.filter(~is_missing(name))
            numbers = filled.select(number(name).is_not_null().mean()).item()
            kinds[name] = name not in columns.categorical and (numbers or 0) >= _MOSTLY
    has_patient, has_time = columns.patient in frame.columns, columns.time in frame.columns
    event = pl.col(columns.event).str.to_lowercase() if outcomes else pl.lit("0")
    return frame.select(
        _LINE,
        (pl.col(columns.patient) if has_patient else pl.col(_LINE).cast(pl.String)).alias(
            "\0patient"
        ),
        (number(columns.time) if has_time else pl.lit(0.0)).alias("\0time"),
        pl.when(event.is_in(_TRUE)).then(1).when(event.is_in(_FALSE)).then(0).alias("\0event"),
        (number(columns.event_time) if outcomes else pl.lit(np.inf)).alias("\0end"),
        *(
            number(n) if kinds[n] else pl.when(is_missing(n)).then(pl.lit("")).otherwise(n).alias(n)
            for n in covariates
        ),
        *((number(n).is_null() & ~is_missing(n)).alias(f"{n}\0") for n in covariates if kinds[n]),
    ), kinds


def _set_aside(
    rows: pl.DataFrame,
    kinds: dict[str, bool],
    quarantine: Quarantine,
    name: str,
) -> pl.DataFrame:
    """The rows that can be used, in order; the others go into the quarantine with their reasons."""
    for reason, is_bad in _problems([n for n in kinds if kinds[n]]):
        rows = rows.sort("\0patient", "\0time", _LINE)
        bad = rows.select(is_bad.fill_null(True)).to_series()
        for line in rows.filter(bad)[_LINE]:
            quarantine.add(reason, path=name, line=line)
        rows = rows.filter(~bad)
    return rows


def _problems(numeric: list[str]) -> Iterator[tuple[str, pl.Expr]]:
    patient, time, end = pl.col("\0patient"), pl.col("\0time"), pl.col("\0end")
    yield "no patient", patient.fill_null("").is_in(MISSING)
    yield "no number as the time of the visit", time.is_null()
    yield "event is neither 1 nor 0", pl.col("\0event").is_null()
    yield "no number as the time of the event or of the end of observation", end.is_null()
    yield "not before the event or the end of observation", time >= end
    if numeric:
        yield "no number in a column of numbers", pl.any_horizontal(f"{n}\0" for n in numeric)
    # The first row of a patient is taken for right.
    yield (
        "another event or time of it than the patient's first row",
        (pl.col("\0event") != pl.col("\0event").first().over("\0patient"))
        | (end != end.first().over("\0patient")),
    )
    yield "second row of a visit", pl.struct("\0patient", "\0time").is_first_distinct().not_()
