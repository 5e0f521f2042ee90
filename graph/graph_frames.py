"""The frames of a graph, in memory or in the parquet files of a folder: query, save, open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Self

import polars as pl

from ..core.atomic import atomic_folder, sha256
from ..core.errors import DataError
from ..core.input_files import read_whole
from ..core.json_reading import parse_json
from ..core.temporary import TemporaryFolder
from .frames import FRAMES, Source
from .schema import SCHEMA_VERSION, Schema
from .spill import (
    BATCH,
    StoredFrame,
    fits_in_memory,
    readable,
    sink_frame,
    write_frame,
)

MANIFEST = "graph.json"

# A file of at most so many bytes is read whole, and its checksum verified; a larger one is only
# queried.
_SMALL_FILE = 16_000_000
_SHOWN = 60  # characters of an unknown name that a message has
_HASHED_ROWS = 100_000  # rows that a checksum is fed at a time, where they have to be sorted
# The columns of frames that hold names of the schema: of kinds, and of relations.
_KINDS = {"nodes": "kind", "merges": "kind"}
_RELATIONS = {"edges": "relation", "evidence": "relation", "predictions": "relation"}


class GraphFrames:
    """The five frames of a graph (`FRAMES`), its sources and its schema.

    Each frame is a DataFrame in memory, or a `StoredFrame`: a parquet file that is read when it is
    first needed, or only queried where it is large.
    """

    def __init__(
        self,
        frames: Mapping[str, pl.DataFrame | StoredFrame],
        sources: Iterable[Source],
        schema: Schema | None = None,
    ):
        self._frames = dict(frames)
        self._counts = {n: f.height for n, f in frames.items() if isinstance(f, pl.DataFrame)}
        self.sources = sorted(set(sources))
        self.schema = schema or Schema.default()

    @property
    def nodes(self) -> pl.DataFrame:
        """One row a node."""
        return self._frame("nodes")

    @property
    def edges(self) -> pl.DataFrame:
        """One row an edge: what the evidence asserts."""
        return self._frame("edges")

    @property
    def evidence(self) -> pl.DataFrame:
        """One row a piece of evidence, asserted or not."""
        return self._frame("evidence")

    @property
    def predictions(self) -> pl.DataFrame:
        """One row a (head, relation, tail, model) that a model has predicted. Never an edge."""
        return self._frame("predictions")

    @property
    def merges(self) -> pl.DataFrame:
        """One row an identifier that became another, and why."""
        return self._frame("merges")

    def scan(self, name: str) -> pl.LazyFrame:
        """A frame as a lazy query, over its file where that is large, so that it isn't read whole.

        Run the query at once: it fails if the file has been replaced by then. A checksum is
        verified only where a frame is read whole; `verify` does it for all.
        """
        stored = self._large_file(name)
        return self._frame(name).lazy() if stored is None else stored.scan()

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each frame, without reading it."""
        for name in FRAMES:
            if name not in self._counts:
                self._counts[name] = int(
                    self._collect(self.scan(name).select(pl.len()), name).item()
                )
        return {name: self._counts[name] for name in FRAMES}

    def verify(self) -> None:
        """Read the files of an opened graph and compare their checksums.

        Raises:
            DataError: a file is missing, damaged or another one than when the graph was opened.
        """
        for frame in self._frames.values():
            if isinstance(frame, StoredFrame):
                frame.verify()

    def check_names(self, schema: Schema | None = None, origin: str | None = None) -> None:
        """Compare kinds and relations with a schema, by default the graph's own.

        Labels and relationship types on servers, and files of exports, are called by them.

        Args:
            origin: where frames in memory come from, for the message.

        Raises:
            DataError: a frame has a kind or a relation that the schema lacks.
        """
        schema = schema or self.schema
        for columns, names in ((_KINDS, schema.kinds), (_RELATIONS, schema.relations)):
            for name, column in columns.items():
                frame, path = self._frames[name], origin
                if isinstance(frame, StoredFrame):
                    values, path = frame.values_of(column), str(frame.path)
                else:
                    values = frame[column].unique()
                if unknown := sorted(str(value) for value in set(values) - set(names)):
                    raise DataError(
                        f"{name} have the {column} {unknown[0][:_SHOWN]!r}, which the schema lacks;"
                        " make the graph anew, with a schema that declares it if it is one of your"
                        " own",
                        path=path,
                    )

    def batches(self, name: str) -> Iterator[pl.DataFrame]:
        """The rows of a frame in order, some at a time.

        Args:
            name: nodes, edges, evidence, merges, predictions or terms, as the attribute.

        Returns:
            Frames with the columns of that attribute.
        """
        if stored := self._large_file(name):
            yield from stored.batches(self.counts[name])
        else:
            yield from self._frame(name).iter_slices(BATCH)

    def _large_file(self, name: str) -> StoredFrame | None:
        """The file of a frame that is too large to be read whole; none for any other frame."""
        frame = self._frames[name]
        if isinstance(frame, StoredFrame) and frame.size > _SMALL_FILE:
            return frame
        return None

    def _frame(self, name: str) -> pl.DataFrame:
        """A frame in memory; read now, if it wasn't yet."""
        frame = self._frames[name]
        if isinstance(frame, StoredFrame):
            frame = self._frames[name] = frame.read()
        return frame

    def _collect(self, rows: pl.LazyFrame, *names: str) -> pl.DataFrame:
        """Run a query over these frames as scanned; their files must be the same after it."""
        with readable():
            frame = rows.collect(engine="streaming")
        self._check(*names)
        return frame

    def _check(self, *names: str) -> None:
        for name in names:
            if isinstance(stored := self._frames[name], StoredFrame):
                stored.check()

    def with_frames(self, **frames: pl.DataFrame | pl.LazyFrame) -> Self:
        """The graph with these frames, or queries over its own (`scan`), in place of what it had.

        They must be consistent: every edge comes from evidence, both of its ends are nodes.
        """
        changed: dict[str, pl.DataFrame | StoredFrame] = dict(self._frames)
        for name, frame in frames.items():
            if isinstance(frame, pl.LazyFrame):
                changed[name] = self._materialised(name, frame)
            else:
                changed[name] = frame
        return type(self)(changed, self.sources, self.schema)

    def _materialised(self, name: str, rows: pl.LazyFrame) -> pl.DataFrame | StoredFrame:
        """The result of a query over a frame: in memory, or in a file where it may be too large."""
        if fits_in_memory(self.counts[name]):
            return self._collect(rows, name)
        home = TemporaryFolder()
        path = home.path / f"{name}.parquet"
        with readable():
            stored = sink_frame(rows, FRAMES[name], home, path)
        self._check(name)
        height = int(stored.scan().select(pl.len()).collect().item())
        return stored.read() if fits_in_memory(height) else stored

    # Folder

    def is_public(self) -> bool:
        """Whether all of it is from curated sources: no patient, no document, nothing that was read
        in a text."""
        private_nodes = self.scan("nodes").filter(pl.col("kind").is_in(["Patient", "Document"]))
        read_in_text = pl.any_horizontal(pl.col("sentence", "extractor").is_not_null())
        read_evidence = self.scan("evidence").filter(read_in_text)
        return not any(
            self._collect(rows.select("id").head(1), name).height
            for name, rows in (("nodes", private_nodes), ("evidence", read_evidence))
        )

    def save(self, path: Path | str) -> None:
        """Write the graph to a folder: a parquet file for each frame, and graph.json.

        The folder is written under a temporary name and then renamed, so it is never incomplete.
        Only its owner may read it, unless the graph `is_public`. Frames that were in other files
        are read from this folder from then on.
        """
        checksums: dict[str, str] = {}
        hashes: dict[str, str | None] = {}
        with atomic_folder(path, marker=MANIFEST, shared=self.is_public()) as folder:
            for name in FRAMES:
                file = folder / f"{name}.parquet"
                frame = self._frames[name]
                if isinstance(frame, StoredFrame):
                    checksums[name], hashes[name] = frame.copy(file), frame.hashes
                else:
                    hashes[name] = write_frame(frame, file)
                    checksums[name] = sha256(file)
            manifest = {
                "schema_version": SCHEMA_VERSION,
                "medkg_version": version("medkg"),
                "sources": [asdict(source) for source in self.sources],
                "schema": self.schema.additions(),
                "counts": self.counts,
                "sha256": checksums,
                "hashes": hashes,
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for name, frame in self._frames.items():
            if isinstance(frame, StoredFrame):
                self._frames[name] = StoredFrame(
                    Path(path) / f"{name}.parquet",
                    FRAMES[name],
                    digest=checksums[name],
                    hashes=hashes[name],
                )

    @classmethod
    def open(cls, path: Path | str, schema: Schema | None = None) -> Self:
        """Open a saved graph. A frame is read, and its checksum verified, when it is first used.

        Large frames are queried in their files, and their checksums verified only where one is read
        whole. A graph whose folder is replaced meanwhile must be opened again; using it is an error
        then.

        Raises:
            DataError: no graph folder, a damaged one, one of another schema version, or one with
                kinds or relations that its schema lacks.
        """
        folder = Path(path)
        file = folder / MANIFEST
        if not folder.exists():
            raise DataError("is not there; give a graph folder", path=folder)
        if not file.is_file():
            raise DataError(f"is no graph folder (it has no {MANIFEST})", path=folder)
        text = read_whole(file)
        try:
            manifest = parse_json(text)
            if manifest["schema_version"] != SCHEMA_VERSION:
                raise DataError(
                    f"has schema version {manifest['schema_version']}, this medkg reads version"
                    f" {SCHEMA_VERSION}; make the graph anew",
                    path=file,
                )
            sources = [Source(**source) for source in manifest["sources"]]
            frames = {
                name: StoredFrame(
                    folder / f"{name}.parquet",
                    columns,
                    digest=str(manifest["sha256"][name]),
                    hashes=manifest.get("hashes", {}).get(name),
                )
                for name, columns in FRAMES.items()
            }
            if schema is None and "schema" in manifest:
                schema = Schema.default().with_additions(manifest["schema"], file)
            graph = cls(frames, sources, schema)
            graph._counts = {name: int(manifest["counts"][name]) for name in FRAMES}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"is damaged: {error}; make the graph anew", path=file) from error
        if read_whole(file) != text:
            raise DataError("was replaced while it was opened; open it again", path=folder)
        graph.check_names()
        return graph

    def checksum(self) -> str:
        """SHA-256 of the nodes' and the evidence's content, whatever the order of their rows."""
        digest = hashlib.sha256()
        for name in ("nodes", "evidence"):
            for part in self._by_id(name):
                digest.update(part.write_ndjson().encode())
        return digest.hexdigest()

    def _by_id(self, name: str) -> Iterator[pl.DataFrame]:
        """The rows of a frame in order of their ids, some at a time."""
        if self._collect(self.scan(name).select("id"), name)["id"].is_sorted():
            yield from self.batches(name)
        else:
            yield from self._frame(name).sort("id").iter_slices(_HASHED_ROWS)
