"""A graph in the forms of other tools: KGX, Neo4j's importer, GraphML, Turtle, parquet.

Everything is written slice by slice, so that memory doesn't grow with the graph.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from .atomic import atomic_folder
from .errors import DataError
from .kg import KnowledgeGraph
from .progress import progress

MANIFEST = "medkg-export.json"
LICENCES = "LICENCES.txt"


def export(
    kg: KnowledgeGraph, path: Path | str, form: str, *, sentences: bool = True
) -> dict[str, Any]:
    """Write a graph to a folder in one of `FORMS`.

    Beside it lie the licences of the graph's sources and what the folder holds (`MANIFEST`). The
    folder is written to one side and moved into place.

    Args:
        sentences: without, the text of sentences is left out; their offsets stay.

    Returns:
        What the manifest says: form, counts, sources, and whatever the form adds.

    Raises:
        DataError: no such form, `path` is a folder with other things in it, or the graph holds
            what the form can't.
    """
    from . import export_graphml, export_kgx, export_neo4j, export_parquet, export_turtle

    forms: dict[str, Callable[[Slices, Path], dict[str, Any]]] = {
        "kgx": export_kgx.write_tsv,
        "kgx-jsonl": export_kgx.write_jsonl,
        "neo4j-import": export_neo4j.write,
        "graphml": export_graphml.write,
        "turtle": export_turtle.write,
        "parquet": export_parquet.write,
    }
    if form not in forms:
        raise DataError(f"{form!r} is no form of export; there are {', '.join(forms)}")
    with atomic_folder(path, marker=MANIFEST) as folder:
        given = Slices(kg, sentences)
        facts = {
            "format": form,
            "medkg_version": version("medkg"),
            "sentences": sentences,
            "sources": [asdict(source) for source in kg.sources],
            **forms[form](given, folder),
        }
        (folder / LICENCES).write_text(_licences(kg), encoding="utf-8")
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return facts


class Slices:
    """The frames of a graph in slices, without sentences where they are to be left out."""

    def __init__(self, kg: KnowledgeGraph, sentences: bool):
        self.schema = kg.schema
        self.sources = kg.sources
        self._kg = kg
        self._sentences = sentences

    def of(self, name: str) -> Iterator[pl.DataFrame]:
        """The slices of a frame, in its order."""
        with progress(f"export: {name}", self.count(name)) as advance:
            for part in self._kg.batches(name):
                yield part if self._sentences else _without_sentences(part)
                advance(part.height)

    def lazy(self, name: str) -> pl.LazyFrame:
        """The frame, not read yet."""
        frame = self._kg.scan(name)
        if self._sentences:
            return frame
        schema = frame.collect_schema()
        return frame.map_batches(_without_sentences, schema=schema, streamable=True)

    def schema_of(self, name: str) -> pl.Schema:
        """The columns of a frame and their types."""
        return self._kg.scan(name).collect_schema()

    def checksum(self) -> str:
        """That of the graph, with its sentences."""
        return self._kg.checksum()

    def count(self, name: str) -> int:
        """The number of rows of a frame."""
        return self._kg.counts[name]


def _without_sentences(part: pl.DataFrame) -> pl.DataFrame:
    if "sentence" in part.columns:
        return part.with_columns(sentence=pl.lit(None, pl.String))
    if "explanation" in part.columns:
        texts = [None if text is None else _unsaid(text) for text in part["explanation"]]
        return part.with_columns(explanation=pl.Series(texts, dtype=pl.String))
    return part


def _unsaid(explanation: str) -> str:
    """The JSON of an explanation without the sentences that it quotes."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(part) for name, part in value.items() if name != "sentence"}
        return [walk(part) for part in value] if isinstance(value, list) else value

    return json.dumps(walk(json.loads(explanation)), ensure_ascii=False, sort_keys=True)


def _licences(kg: KnowledgeGraph) -> str:
    lines = ["Where this graph comes from, and on what terms each source gives it:", ""]
    for source in kg.sources:
        release = f" {source.release}" if source.release else ""
        lines += [f"{source.name}{release}", f"  licence: {source.licence}"]
        lines += [f"  {source.home_page}"] if source.home_page else []
    return "\n".join([*lines, ""])
