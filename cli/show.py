"""Results for people at a terminal, or, with --json, for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Literal

import polars as pl
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from medkg.cli.language import heading, words
from medkg.core.terminal import printable, steers, terminal

_PIPED = 200  # characters of a line that goes to a file or another program

# Results go to standard output, everything else to standard error.
out = terminal()
err = terminal(stderr=True)
for console in (out, err):
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED


def as_json(value: Any) -> None:
    """Print a value as JSON, with what would steer a terminal escaped."""
    if isinstance(value, pl.DataFrame):
        value = value.to_dicts()
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    # Outside of its strings JSON has none of these.
    print("".join(_escaped(c) if steers(c) else c for c in text))


def plain(text: str) -> None:
    """Print a text as it is, lines however long, but for what would steer a terminal."""
    print(printable(text), end="")


def _escaped(character: str) -> str:
    """A character as JSON's escapes, one for each half of a pair."""
    halves = character.encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
    return "".join(f"\\u{half}" for half in halves)


def frame(rows: pl.DataFrame, title: str = "", *, most: int = 50, as_written: bool = False) -> None:
    """Print a frame as a table, or, where it is wider than the terminal, as one block a row.

    Args:
        as_written: columns are a user's own, and no words to translate.
    """
    label = _spaced if as_written else _label
    labels = {name: label(name) for name in rows.columns}
    wanted = sum(
        min(24, max(cell_len(labels[name]), *(cell_len(cell(v)) for v in rows[name].head(most)), 0))
        + 3
        for name in rows.columns
    )
    if wanted > out.width:
        _blocks(rows.head(most), labels, title)
    else:
        _table(rows.head(most), labels, title)
    if rows.height > most:
        out.print(words("… and {more} more; --json shows all", more=rows.height - most))
    if rows.is_empty():
        out.print(words("nothing found"))


def loads(loads: list[dict[str, Any]]) -> None:
    """Print what was loaded into a server: when, of which sources, and what it did."""
    rows = [
        {
            **{name: load[name] for name in ("id", "name", "time", "state")},
            "sources": load["sources"],
            "graph": (load["graph"] or "")[:12],
            **{
                did: sum(
                    counts.get(did, 0)
                    for counts in (load["counts"] or {}).values()
                    if isinstance(counts, Mapping)
                )
                for did in ("added", "changed", "removed")
            },
        }
        for load in loads
    ]
    frame(pl.DataFrame(rows, infer_schema_length=None), words("Loads"), most=len(rows))


def _blocks(rows: pl.DataFrame, labels: Mapping[str, str], title: str) -> None:
    if title:
        out.print(Text(title, "bold"))
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        block = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        block.add_column(style="dim", no_wrap=True)
        block.add_column(overflow="fold")
        for name, value in row.items():
            if text := cell(value):
                block.add_row(labels[name], text)
        out.print(Text(str(number), "dim"))
        out.print(block)


def _table(rows: pl.DataFrame, labels: Mapping[str, str], title: str) -> None:
    table = Table(title=title or None, title_justify="left", title_style="bold", expand=False)
    for name, dtype in rows.schema.items():
        numeric = dtype.is_numeric()
        table.add_column(labels[name], justify="right" if numeric else "left", overflow="fold")
    for row in rows.iter_rows():
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def _label(name: str) -> str:
    """A column's name in the language that is printed in; else with spaces."""
    translated = heading(name)
    return _spaced(name) if translated == name else translated


def _spaced(name: str) -> str:
    """A column's name with spaces; a relation, or what a query returns, as it is written."""
    return name.replace("_", " ") if name.islower() and not set("(.") & set(name) else name


def cell(value: Any) -> str:
    """A value as a cell's text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        text = words("yes" if value else "no")
    elif isinstance(value, float):
        text = f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"
        if text == "1.000" and value < 1:
            text = ">0.999"
    elif isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key} {cell(item)}" for key, item in value.items() if cell(item))
    elif isinstance(value, list | tuple | pl.Series):
        text = "; ".join(cell(item) for item in value)
    else:
        text = str(value)
    return printable(text)  # here too, so that the columns are as wide as what is shown


def pairs(values: Mapping[str, Any], title: str = "") -> None:
    """Print names and values, two columns."""
    table = Table(title=title or None, title_justify="left", title_style="bold", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(_label(name), cell(value))
    out.print(table)


def plain_table(*columns: str) -> Table:
    """A table without lines; the columns named "" and "p" are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in ("", "p") else "left"
        table.add_column(heading(name), justify=justify, overflow="fold")
    return table
