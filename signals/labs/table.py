"""Laboratory results of tables: a plain one, or OMOP's `measurement`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from ...core.input_files import InputError, read_whole
from ...core.text import decode
from .result import LaboratoryResult, number_or_none

_LOINC = re.compile(r"\d{1,7}-\d")
_DELIMITERS = "\t;,"
# Where semicolons part the cells, a comma is decimal, and points part thousands: "1.234,5".
_WITH_COMMA = re.compile(r"[<>≤≥]?=?\s*[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
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
    delimiter = max(_DELIMITERS, key=header.count)
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
        for row in rows:
            cells = {n: str(v or "").strip() for n, v in row.items() if isinstance(n, str)}
            columns = _OMOP if omop else _PLAIN
            if delimiter == ";":
                cells |= _with_points(cells, columns)
            yield _result(cells, columns, rows.line_num)
    except csv.Error as error:
        raise InputError(
            "is no table", path=path, line=rows.line_num, detail=f": {error}"
        ) from error


def _with_points(
    cells: dict[str, str], columns: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """The numbers that have a decimal comma, with a point."""
    for name in (name for field in _NUMBERS for name in columns[field]):
        if _WITH_COMMA.fullmatch(cells.get(name, "")):
            yield name, cells[name].replace(".", "").replace(",", ".")


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
