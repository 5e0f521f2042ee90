"""A graph's frames as every export goes through them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from ...core.json_reading import parse_json
from ...core.progress import progress
from ..kg import KnowledgeGraph


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

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {name: walk(part) for name, part in value.items() if name != "sentence"}
        return [walk(part) for part in value] if isinstance(value, list) else value

    return json.dumps(walk(parse_json(explanation)), ensure_ascii=False, sort_keys=True)
