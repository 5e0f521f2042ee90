"""Laboratory results of tables: a plain one, or OMOP's `measurement`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.input_files import InputError, read_whole
from ...core.text import day, decode, delimiter_of
from .result import LaboratoryResult, number_or_none

_LOINC = re.compile(r"\d{1,7}-\d")
# Where semicolons part the cells and a comma is decimal, points part thousands: "1.234,5". With no
# such comma in the whole table, "4.125" has a decimal point.
_CONTINENTAL = re.compile(r"[<>≤≥]?=?\s*[-+]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d+)(?P<decimals>,\d+)?")
# "1.234" is either, unless another number of the table has a point that parts no thousands.
_WITH_POINT = re.compile(r"[<>≤≥]?=?\s*[-+]?\d+(?:\.\d+)+")
_AMBIGUOUS = "in a table with semicolons 1.234 may be a decimal or thousands"
_NUMBERS = ("value", "low", "high")
_MISSING = ("", "-", "na", "n/a", "nan", "none", "null", r"\n")
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
    names = [name for field in _NUMBERS for name in columns[field]]
    is_clear = delimiter != ";" or _with_clear_points([cells for _, cells in read], names)
    for line, cells in read:
        result = _result(cells, columns, line)
        if not is_clear and any(_is_ambiguous(cells.get(name, "")) for name in names):
            result = replace(result, problem=_AMBIGUOUS)
        yield result


def _with_clear_points(rows: Sequence[dict[str, str]], names: Sequence[str]) -> bool:
    """Whether points are decimal, or all part thousands, where commas are decimal.

    Numbers with decimal commas are rewritten with points, and thousands then without.
    """
    numbers = [
        (cells, name, match)
        for cells in rows
        for name in names
        if (match := _CONTINENTAL.fullmatch(cells.get(name, "")))
    ]
    has_commas = any(match["decimals"] for *_, match in numbers)
    has_points = any(
        _WITH_POINT.fullmatch(cells.get(name, "")) and not _CONTINENTAL.fullmatch(cells[name])
        for cells in rows
        for name in names
    )
    for cells, name, match in numbers if has_commas else ():
        if match["decimals"] or not has_points:
            cells[name] = match[0].replace(".", "").replace(",", ".")
    return has_commas != has_points


def _is_ambiguous(number: str) -> bool:
    return "." in number and _CONTINENTAL.fullmatch(number) is not None


def _result(
    cells: dict[str, str], columns: dict[str, tuple[str, ...]], line: int
) -> LaboratoryResult:
    of = {
        field: next((cells[name] for name in names if cells.get(name)), "")
        for field, names in columns.items()
    }
    coded = _LOINC.fullmatch(of["test"].removeprefix("LOINC:"))
    ends = {end: number_or_none(of[end]) for end in ("low", "high")}
    problem = ""
    if any(ends[end] is None and of[end].lower() not in _MISSING for end in ends):
        problem = "low or high is no number"
    elif of["date"].lower() not in _MISSING and day(of["date"]) is None:
        problem = "the date is no year-month-day"
    return LaboratoryResult(
        patient=of["patient"],
        test=cells.get("test", "") or of["test"],
        loinc=coded[0] if coded else "",
        value=of["value"],
        unit=of["unit"],
        low=ends["low"],
        high=ends["high"],
        interpretation=of["interpretation"],
        problem=problem,
        date=day(of["date"]) or "",
        line=line,
    )
