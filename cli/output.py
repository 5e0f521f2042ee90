"""What several commands print or write: graphs, summaries, and rows that were set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph

MOST_LISTED = 5  # files that are named for one reason of setting aside


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


def save_and_print(kg: KnowledgeGraph, out: Path, quarantine: Quarantine, as_json: bool) -> None:
    """Save a graph with `save_with_quarantine`, and print what was written."""
    from medkg.cli import show

    saved = save_with_quarantine(kg, out, quarantine)
    if as_json:
        show.as_json(saved)
    else:
        print_written(saved)


def print_written(saved: SavedGraph) -> None:
    """Print what `save_with_quarantine` wrote."""
    from medkg.cli import show

    show.out.print(
        f"{saved['written']}: {saved['nodes']:,} nodes, {saved['edges']:,} edges,"
        f" {saved['evidence']:,} pieces of evidence"
    )
    if saved["set_aside"]:
        counts = ", ".join(f"{count} {reason}" for reason, count in saved["set_aside"].items())
        show.out.print(f"set aside: {counts}; see {saved['quarantine']}")


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
        show.err.print(f"set aside: {number:,} × {reason}{where}", soft_wrap=True)
