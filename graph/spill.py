"""Frames that lie in parquet files, and evidence that outgrows memory on its way to one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from ..core.atomic import sha256
from ..core.disk import disk_error, writing
from ..core.errors import DataError
from ..core.input_files import require_regular
from ..core.temporary import TemporaryFolder
from .edges import edges_from
from .frames import (
    EDGES,
    EVIDENCE,
    Columns,
    Source,
    complete_evidence,
    conform,
    empty,
    identified,
    latest,
)
from .schema import Schema

# Up to this many rows a frame is worked on in memory as a whole. A piece of evidence takes about
# half a kilobyte there.
MOST_IN_MEMORY = 2_000_000
BATCH = 250_000  # rows that are worked on at a time beyond that
_FLUSH = 1_000_000  # rows collected before they are written to one side

# Small, so that a look-up of a few rows reads little.
_ROW_GROUP = 10_000
# From this many rows on, edges and evidence have 32-bit hashes of their ends in the file beside
# them, which are searched several times as fast.
_HASHED = 250_000
_HASHES = {"subject": "_subject", "object": "_object"}


def fits_in_memory(rows: int) -> bool:
    """Whether a frame of so many rows is worked on in memory as a whole."""
    return rows <= MOST_IN_MEMORY


def write_frame(frame: pl.DataFrame, path: Path) -> str | None:
    """Write a frame as medkg's parquet files are.

    Returns:
        The version of polars that the hashes of ends are of; none where there are none.
    """
    hashed = set(_HASHES) <= set(frame.columns) and frame.height >= _HASHED
    frame = frame.with_columns(_hashes()) if hashed else frame
    frame.write_parquet(path, compression="zstd", row_group_size=_ROW_GROUP)
    return pl.__version__ if hashed else None


def sink_frame(
    frame: pl.LazyFrame, columns: Columns, home: TemporaryFolder, path: Path
) -> StoredFrame:
    """Write a frame that is never in memory as a whole to a temporary folder."""
    hashed = set(_HASHES) <= set(columns)
    frame = frame.with_columns(_hashes()) if hashed else frame
    with writing(home.path):
        frame.sink_parquet(path, compression="zstd", row_group_size=_ROW_GROUP)
    return StoredFrame(path, columns, home=home, hashes=pl.__version__ if hashed else None)


def _hashes() -> list[pl.Expr]:
    return [_hash(pl.col(end)).alias(name) for end, name in _HASHES.items()]


def _hash(texts: pl.Expr) -> pl.Expr:
    return (texts.hash() % (1 << 32)).cast(pl.UInt32)


# What edges are made from.
_ASSERTING = [
    *("id", "edge", "subject", "relation", "object", "source", "document", "probability"),
    *("date", "polarity", "certainty", "experiencer", "temporality", "qualifiers"),
]


class StoredFrame:
    """A frame in a parquet file: of a graph folder, or a temporary one of ours.

    The file may be replaced by another process meanwhile; whoever uses it then gets an error, never
    another graph's rows.

    Args:
        columns: those of the frame.
        digest: the file's SHA-256, for one of a graph folder.
        home: the temporary folder that it lies in.
        hashes: the version of polars that hashed the ends of its rows, if they are. No other
            version is sure to have the same hashes.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        *,
        digest: str | None = None,
        home: TemporaryFolder | None = None,
        hashes: str | None = None,
    ):
        self.path = path
        self.digest = digest
        self.home = home
        self.hashes = hashes
        self._columns = list(columns)
        self._seen = self._now()

    def _now(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise DataError("is missing; make the graph anew", path=self.path) from error
        return status.st_ino, status.st_size, status.st_mtime_ns

    def check(self) -> None:
        """Raise a DataError if the file is another one than when it was opened."""
        now = self._now()
        if now == self._seen:
            return
        if self.digest is None or sha256(self.path) != self.digest:
            raise DataError(
                "was replaced or changed since the graph was opened; open it again", path=self.path
            )
        # Replaced by the same, as when a graph was saved anew with other predictions.
        self._seen = now

    def verify(self) -> None:
        """Raise a DataError unless the file has the checksum that its graph folder states."""
        self.check()
        if self.digest is not None and sha256(self.path) != self.digest:
            raise _damaged(self.path)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._seen[1]

    def scan(self) -> pl.LazyFrame:
        """A query over the file, whose checksum is not verified."""
        self.check()
        return pl.scan_parquet(self.path).select(self._columns)

    def at(self, ends: pl.Series, *, both: bool) -> pl.LazyFrame:
        """A query for the rows of which an end, or both, are among these; a few others may come."""
        self.check()
        rows = pl.scan_parquet(self.path)
        if self.hashes == pl.__version__:
            ends = ends.to_frame("end").select(_hash(pl.col("end"))).to_series().unique()
            names = list(_HASHES.values())
        else:
            names = list(_HASHES)
        among = [pl.col(name).is_in(ends.implode()) for name in names]
        matches = rows.filter(pl.all_horizontal(among) if both else pl.any_horizontal(among))
        return matches.select(self._columns)

    def read(self) -> pl.DataFrame:
        """The whole, with its checksum verified."""
        self.verify()
        with readable(self.path):
            frame = pl.read_parquet(self.path, columns=self._columns)
        self.check()
        return frame

    def values_of(self, column: str) -> pl.Series:
        """The different values of a column, read without the rest of the file."""
        try:
            with readable(self.path):
                rows = self.scan().select(pl.col(column).unique()).collect(engine="streaming")
        except DataError:
            self.verify()  # says so, where it is another file than the graph was saved with
            raise
        return rows[column]

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        """The rows in order, some at a time, of so many."""
        for start in range(0, rows, BATCH):
            with readable(self.path):
                batch = self.scan().slice(start, BATCH).collect()
            self.check()
            yield batch

    def copy(self, to: Path) -> str:
        """Copy the file, or, where it is a temporary one, give it a second name; its SHA-256."""
        self.check()
        try:
            if self.home is None:
                raise OSError
            os.link(self.path, to)
        except OSError:
            shutil.copyfile(self.path, to)
        digest = sha256(to)
        if self.digest not in (None, digest):
            raise _damaged(self.path)
        return digest


def _damaged(path: Path) -> DataError:
    return DataError(
        "doesn't match the checksum in graph.json; the file is damaged, make the graph anew",
        path=path,
    )


# A file whose bytes are damaged can also make polars panic, which is no `PolarsError`.
_DAMAGED = (
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.PanicException,
    pl.exceptions.SchemaError,
    OSError,
)


@contextmanager
def readable(path: Path | None = None) -> Iterator[None]:
    """Turn what polars says of a damaged file into a DataError; a pipe is one from the start."""
    if path is not None:
        require_regular(path, may_lack=True)
    try:
        yield
    except _DAMAGED as error:
        if (explained := disk_error(error, path)) is not None:
            raise explained from error
        raise DataError(
            f"can't be read, it is damaged or was replaced: {error}", path=path
        ) from error


class EvidenceBuffer:
    """Evidence that is collected piece by piece, and then made into the frame and its edges.

    While there is little of it, it stays in memory. Beyond that it is written to a temporary
    folder, in parts by the first character of its id, so that no piece and its duplicates are in
    two parts, and the parts, each sorted, are the sorted whole; what makes edges likewise, by the
    first character of the edge's id. Ids are hashes, so the parts are of one size.
    """

    def __init__(self, schema: Schema):
        self._schema = schema
        self._held: list[pl.DataFrame] = []
        self._rows = 0
        self._folder: TemporaryFolder | None = None
        self._evidence: _Parts | None = None

    def add(self, evidence: pl.DataFrame) -> None:
        """Add some; columns as for `KnowledgeGraph.build`."""
        for start in range(0, evidence.height, _FLUSH):
            part = conform(evidence.slice(start, _FLUSH), EVIDENCE)
            self._held.append(part)
            self._rows += part.height
            if not fits_in_memory(self._rows) and sum(held.height for held in self._held) > _FLUSH:
                self._flush()

    def _flush(self) -> None:
        if self._evidence is None:
            self._folder = TemporaryFolder()
            self._evidence = _Parts(self._folder, "evidence", list(EVIDENCE))
        assert self._folder is not None
        with writing(self._folder.path):
            for rows in self._taken().iter_slices(_FLUSH):
                self._evidence.add(identified(rows, self._schema), "id")

    def _taken(self) -> pl.DataFrame:
        held, self._held = pl.concat([empty(EVIDENCE), *self._held]), []
        return held

    def frames(
        self, sources: list[Source], sound: Callable[[pl.DataFrame], pl.DataFrame] = lambda e: e
    ) -> tuple[pl.DataFrame | StoredFrame, pl.DataFrame | StoredFrame]:
        """The edges and the evidence, each sorted by id.

        Args:
            sources: that the evidence is from.
            sound: keeps the rows that can be used.
        """
        if self._evidence is None:
            evidence = complete_evidence(sound(self._taken()), self._schema)
            return edges_from(evidence, sources, self._schema), evidence
        self._flush()
        assert self._folder is not None
        asserting = _Parts(self._folder, "asserting", _ASSERTING)

        def evidence_parts() -> Iterator[pl.DataFrame]:
            assert self._evidence is not None
            for part in self._evidence.read():
                piece = latest(sound(part))
                asserting.add(piece.select(_ASSERTING), "edge")
                yield piece

        def edge_parts() -> Iterator[pl.DataFrame]:
            for part in asserting.read():
                yield edges_from(part, sources, self._schema)

        stored = [
            self._sink(evidence_parts, "evidence", EVIDENCE),
            self._sink(edge_parts, "edges", EDGES),
        ]
        return stored[1], stored[0]

    def _sink(
        self, parts: Callable[[], Iterator[pl.DataFrame]], name: str, columns: Columns
    ) -> StoredFrame:
        assert self._folder is not None
        path = self._folder.path / f"{name}.parquet"

        def read(
            with_columns: list[str] | None,
            _predicate: pl.Expr | None,
            _n_rows: int | None,
            _batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            # The whole is read, so that neither a filter nor a limit ever comes.
            for part in parts():
                yield part.select(with_columns or list(columns))

        source = register_io_source(read, schema=dict(columns))
        return sink_frame(source, columns, self._folder, path)


class _Parts:
    """Rows in files of a temporary folder, by the first character of a content id."""

    def __init__(self, folder: TemporaryFolder, name: str, columns: list[str]):
        self._columns = columns
        self._path = folder.path / name
        self._path.mkdir()
        self._files: dict[str, list[Path]] = {}
        self._rows: dict[str, int] = {}

    def add(self, rows: pl.DataFrame, by: str) -> None:
        frames = rows.with_columns(_part=pl.col(by).str.slice(0, 1)).partition_by(
            "_part", as_dict=True, include_key=False
        )
        for (key,), part in frames.items():
            files = self._files.setdefault(key, [])
            # The character itself may not be told from another in a name, if case doesn't count.
            file = self._path / f"{ord(key)}.{len(files)}.arrow"
            part.write_ipc(file, compression="lz4")
            files.append(file)
            self._rows[key] = self._rows.get(key, 0) + part.height

    def read(self) -> Iterator[pl.DataFrame]:
        """All rows, a few parts at a time in order of their character; the files are removed."""
        files: list[Path] = []
        rows = 0
        for key in sorted(self._files):
            if files and rows + self._rows[key] > _FLUSH:
                yield self._take(files)
                files, rows = [], 0
            files += self._files[key]
            rows += self._rows[key]
        if files:
            yield self._take(files)

    def _take(self, files: list[Path]) -> pl.DataFrame:
        frame = pl.concat(pl.read_ipc(file) for file in files)
        for file in files:
            file.unlink()
        return frame.select(self._columns)
