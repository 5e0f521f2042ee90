"""Laboratory results of tables: a plain one, or OMOP's `measurement`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...core.input_files import InputError, read_whole
from ...core.text import decode, delimiter_of
from .result import LaboratoryResult, number_or_none

_LOINC = re.compile(r"\d{1,7}-\d")
# Where semicolons part the cells and a comma is decimal, points part thousands: "1.234,5". With no
# such comma in the whole table, "4.125" has a decimal point.
_CONTINENTAL = re.compile(r"[<>≤≥]?=?\s*[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?P<decimals>,\d+)?")
_NUMBERS = ("value", "low", "high")
# Columns by what they hold; OMOP's (https://ohdsi.github.io/CommonDataModel/cdm54.html#measurement)
# are the source's own values, since concepts' identifiers mean nothing without the vocabulary.
_PLAIN = {
    "patient": ("patient",),
    "test": ("loinc", "test"),
    "value": ("value",),
    "unit": ("unit",),
    "low": ("low",),
    "high": ("high",),
    "interpretation": ("interpretation",),
    "date": ("date",),
}
_OMOP = {
    "patient": ("person_id",),
    "test": ("measurement_source_value",),
    "value": ("value_as_number", "value_source_value"),
    "unit": ("unit_source_value",),
    "low": ("range_low",),
    "high": ("range_high",),
    "interpretation": (),
    "date": ("measurement_date",),
}


def results_of_table(path: Path) -> Iterator[LaboratoryResult]:
    """The results of a table with a header, whose cells tabs, semicolons or commas part.

    A plain one has `test` or `loinc`, and `value` or `interpretation`; perhaps `patient`, `unit`,
    `low`, `high`, `date`.

    Raises:
        InputError: it has not these columns, nor is it OMOP's `measurement`.
    """
    text = decode(read_whole(path), path)
    header = text.partition("\n")[0]
    delimiter = delimiter_of(header)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        omop = "measurement_source_value" in names
        if not omop and not (
            {"test", "loinc"} & set(names) and {"value", "interpretation"} & set(names)
        ):
            raise InputError(
                "is no table of laboratory results: it needs columns test or loinc, and value or"
                " interpretation, or those of OMOP's measurement",
                path=path,
            )
        rows.fieldnames = names
        read = [
            (rows.line_num, {n: str(v or "").strip() for n, v in row.items() if isinstance(n, str)})
            for row in rows
        ]
    except csv.Error as error:
        raise InputError(
            "is no table", path=path, line=rows.line_num, detail=f": {error}"
        ) from error
    columns = _OMOP if omop else _PLAIN
    if delimiter == ";":
        _write_decimal_points([cells for _, cells in read], columns)
    for line, cells in read:
        yield _result(cells, columns, line)


def _write_decimal_points(
    rows: Sequence[dict[str, str]], columns: dict[str, tuple[str, ...]]
) -> None:
    """Rewrite the numbers of a table that has decimal commas with decimal points."""
    names = [name for field in _NUMBERS for name in columns[field]]
    numbers = [
        (cells, name, match)
        for cells in rows
        for name in names
        if (match := _CONTINENTAL.fullmatch(cells.get(name, "")))
    ]
    if any(match["decimals"] for *_, match in numbers):
        for cells, name, match in numbers:
            cells[name] = match[0].replace(".", "").replace(",", ".")


def _result(
    cells: dict[str, str], columns: dict[str, tuple[str, ...]], line: int
) -> LaboratoryResult:
    of = {
        field: next((cells[name] for name in names if cells.get(name)), "")
        for field, names in columns.items()
    }
    coded = _LOINC.fullmatch(of["test"].removeprefix("LOINC:"))
    return LaboratoryResult(
        patient=of["patient"],
        test=cells.get("test", "") or of["test"],
        loinc=coded[0] if coded else "",
        value=of["value"],
        unit=of["unit"],
        low=number_or_none(of["low"]),
        high=number_or_none(of["high"]),
        interpretation=of["interpretation"],
        date=of["date"][:10],
        line=line,
    )
