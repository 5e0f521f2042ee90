"""What several commands print or write: graphs, summaries, and rows that were set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import typer

from medkg.cli.language import message, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.graph.store.summary import WriteSummary

MOST_LISTED = 5  # files that are named for one reason of setting aside
TABLES = (".csv", ".tsv", ".parquet")


class SavedGraph(TypedDict):
    """What `save_with_quarantine` wrote: the folder, counts of rows, and what was set aside.

    `set_aside` counts rows by reason; `quarantine` is the file that lists them, None where no row
    was set aside.
    """

    written: str
    nodes: int
    edges: int
    evidence: int
    set_aside: dict[str, int]
    quarantine: str | None


class _Summary(Protocol):
    """The summary of a change to a graph, readable as text and as plain values."""

    def as_dict(self) -> dict[str, object]: ...


def save_with_quarantine(kg: KnowledgeGraph, out: Path, quarantine: Quarantine) -> SavedGraph:
    """Save a graph, and beside it the rows that were set aside."""
    kg.save(out)
    file = out.with_name(f"{out.name}.quarantine.jsonl")
    if len(quarantine):
        quarantine.save(file)
    else:
        file.unlink(missing_ok=True)
    return {
        "written": str(out),
        "nodes": kg.counts["nodes"],
        "edges": kg.counts["edges"],
        "evidence": kg.counts["evidence"],
        "set_aside": quarantine.counts(),
        "quarantine": str(file) if len(quarantine) else None,
    }


def save_and_print(
    kg: KnowledgeGraph, out: Path, quarantine: Quarantine, as_json: bool, **more: Any
) -> None:
    """Save a graph with `save_with_quarantine`, and print what was written.

    Args:
        more: what the JSON says beside it.
    """
    from medkg.cli import show

    saved = save_with_quarantine(kg, out, quarantine)
    if as_json:
        show.as_json({**saved, **more})
    else:
        print_written(saved)


def print_written(saved: SavedGraph) -> None:
    """Print what `save_with_quarantine` wrote."""
    from medkg.cli import show

    show.out.print(
        words(
            "{written}: {nodes:,} nodes, {edges:,} edges, {evidence:,} pieces of evidence", **saved
        )
    )
    if saved["set_aside"]:
        counts = ", ".join(
            f"{count} {message(reason)}" for reason, count in saved["set_aside"].items()
        )
        file = saved["quarantine"]
        show.out.print(words("set aside: {counts}; see {file}", counts=counts, file=file))


def write_as_on_server(kg: KnowledgeGraph, uri: str) -> WriteSummary:
    """Write what a model says to a server, about the nodes that are there in place of its own.

    How many of these have another identifier there is said on standard error.

    Raises:
        StoreError: it is an embedded server that isn't there.
    """
    from medkg.access import connect, existing_server
    from medkg.cli import show
    from medkg.predictions import as_on_server

    with connect(existing_server(uri)) as connection:
        there = as_on_server(kg, connection)
        summary = connection.write(there)
    if moved := len({*kg.nodes["id"]} - {*there.nodes["id"]}):
        show.err.print(
            words("nodes that {server} has under another identifier, by merging: {moved:,}",
                  server=uri, moved=moved)
        )  # fmt: skip
    return summary


def print_summary(summary: _Summary, place: str, as_json: bool) -> None:
    """Print what a command changed at `place`, a folder or a server."""
    from medkg.cli import show

    if as_json:
        show.as_json(summary.as_dict())
    else:
        show.out.print(f"{place}: {summary}")


def print_set_aside(quarantine: Quarantine) -> None:
    """Print on standard error how many rows were set aside for each reason, and where some were."""
    from medkg.cli import show

    places: dict[str, dict[str, None]] = {reason: {} for reason in quarantine.counts()}
    for row in quarantine.rows:  # the first ones
        if len(places[row.reason]) < MOST_LISTED:
            place = row.path if row.line is None else f"{row.path}, line {row.line}"
            places[row.reason][place] = None
    for reason, number in quarantine.counts().items():
        listed = "; ".join(places[reason])
        more = "; …" if number > len(places[reason]) else ""
        where = f" ({listed}{more})" if listed else ""
        line = words("set aside: {number:,} × {reason}", number=number, reason=message(reason))
        show.err.print(f"{line}{where}", soft_wrap=True)


def print_made(
    files: Sequence[Path], remarks: Sequence[str], quarantine: Quarantine, as_json: bool
) -> None:
    """Say which files were made of pictures, what was changed in reading, and what is set aside."""
    from medkg.cli import show

    for remark in remarks:
        show.err.print(remark, soft_wrap=True)
    if as_json:
        written = [str(file) for file in files]
        return show.as_json(
            {"written": written, "remarks": list(remarks), "set_aside": quarantine.counts()}
        )
    for file in files:
        show.out.print(str(file), soft_wrap=True)
    return print_set_aside(quarantine)


def check_table_path(path: Path | None) -> None:
    """Refuse a file whose ending `write_table` doesn't know, before anything is computed.

    Raises:
        typer.BadParameter: it has another ending.
    """
    if path is not None and path.suffix not in TABLES:
        raise typer.BadParameter(f"--out: {path.name} must end in {', '.join(TABLES)}")


def check_given_table(path: Path | None, option: str) -> None:
    """Refuse a table to read whose ending says of no kind of table; it may be compressed.

    Raises:
        typer.BadParameter: it has another ending.
    """
    from medkg.core.input_files import COMPRESSED

    if path is None:
        return
    table = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    if table.suffix.lower() not in TABLES:
        raise typer.BadParameter(f"{option}: {path.name} must end in {', '.join(TABLES)}")


def write_table(rows: pl.DataFrame, path: Path) -> None:
    """Write a result to a file of its own, as its ending says, and say so on standard error.

    In .csv and .tsv what is a list is one field, its items divided by `; `.

    Raises:
        DiskError: the disk takes no more, or nothing may be written there.
    """
    import polars as pl

    from medkg.cli import show
    from medkg.core.atomic import atomic_file

    with atomic_file(path) as draft:
        if path.suffix == ".parquet":
            rows.write_parquet(draft)
        else:
            flat = rows.with_columns(
                pl.col(name).cast(pl.List(pl.String)).list.join("; ")
                for name, dtype in rows.schema.items()
                if isinstance(dtype, pl.List)
            )
            flat.write_csv(draft, separator="\t" if path.suffix == ".tsv" else ",")
    show.err.print(words("{path}: {rows:,} rows", path=path, rows=rows.height), soft_wrap=True)
