"""Which graph a model was trained on: recorded in the model's folder, and opened again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from ..core.errors import ModelError
from .kg import KnowledgeGraph
from .schema import SCHEMA_VERSION


class SourceRecord(TypedDict):
    """A source of a graph, as a model's folder records it."""

    name: str
    release: str
    licence: str


class GraphRecord(TypedDict):
    """The graph that a model was trained on, as the model's folder records it.

    Attributes:
        path: where it was saved; None if it was not.
    """

    path: str | None
    schema_version: int
    checksum: str
    sources: list[SourceRecord]


def training_graph_record(kg: KnowledgeGraph, path: Path | str | None = None) -> GraphRecord:
    """What a model folder records of its graph: where it lies, checksum, sources and licences."""
    return {
        "path": None if path is None else str(Path(path).resolve()),
        "schema_version": SCHEMA_VERSION,
        "checksum": kg.checksum(),
        "sources": [
            {"name": source.name, "release": source.release, "licence": source.licence}
            for source in kg.sources
        ],
    }


def open_training_graph(
    path: Path | str,
    record: Mapping[str, Any],
    graph: KnowledgeGraph | None,
    *,
    other: str,
) -> tuple[KnowledgeGraph, bool]:
    """The graph that a model folder (at `path`) records, or `graph` in its place; and whether it
    is the one that the model was trained on.

    Args:
        record: what `training_graph_record` gave when the model was trained.
        other: what it means where `graph` is another; it ends the warning.

    Raises:
        ModelError: no graph is given, and the recorded one is not where it was, or has changed.
    """
    recorded = record["schema_version"]
    if recorded != SCHEMA_VERSION:
        raise ModelError(
            f"{path}: was trained on a graph of schema version {recorded}, and this medkg has"
            f" {SCHEMA_VERSION}; train the model anew"
        )
    given, place = graph is not None, record["path"]
    if graph is None:
        if place is None or not Path(place).is_dir():
            lost = "was not saved" if place is None else f"is not at {place}"
            raise ModelError(
                f"{path}: the graph that the model was trained on {lost}; name the graph to use"
                " (--graph in a command)"
            )
        graph = KnowledgeGraph.open(place)
    same = graph.checksum() == record["checksum"]
    if not same and not given:
        raise ModelError(
            f"{path}: the graph at {place} is no longer the one that the model was trained on;"
            " train the model anew, or name that graph to use it all the same (--graph in a"
            " command)"
        )
    if not same:
        warnings.warn(
            f"{path}: the graph given is not the one that the model was trained on; {other}",
            stacklevel=3,
        )
    return graph, same


def sources_markdown(sources: Sequence[SourceRecord]) -> list[str]:
    """The last section of a card: the graph's sources and their licences."""
    return [
        "## Sources of the graph",
        "",
        *(f"- {source['name']} {source['release']}: {source['licence']}" for source in sources),
    ]
