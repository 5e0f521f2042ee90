"""The KnowledgeGraph: columnar nodes, edges, evidence and predictions, saved as one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ..core.atomic import atomic_folder, sha256
from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from .frames import (
    EVIDENCE_VALUES,
    FRAMES,
    MERGES,
    NODES,
    PREDICTIONS,
    Source,
    complete_nodes,
    conform,
    empty,
)
from .identifiers import CURIE, name_key, name_key_of
from .schema import SCHEMA_VERSION, Schema
from .spill import (
    BATCH,
    EvidenceBuffer,
    StoredFrame,
    TemporaryFolder,
    fits,
    readable,
    sink_frame,
    write_frame,
)

if TYPE_CHECKING:
    import networkx as nx

MANIFEST = "graph.json"

# A file of no more bytes is read at once, and its checksum verified, where a larger one is only
# searched.
_SMALL_FILE = 16_000_000


class Part(NamedTuple):
    """Some nodes and some evidence of a source that is read in parts; columns as for `build`."""

    nodes: pl.DataFrame | None = None
    evidence: pl.DataFrame | None = None


class KnowledgeGraph:
    """A graph of medical entities in which every edge can be traced to its evidence.

    It is not changed once made: every operation gives a new one. Make one with `build`, from a
    loader or from extracted text; read one with `open`.

    The frames, as polars DataFrames (columns in `medkg.graph.frames`): `nodes`, `edges`,
    `evidence`, `predictions`, and `merges`, the record of which identifiers became which.
    `sources` names where the evidence comes from, with licences.

    A graph that is opened, or too large for memory, has its frames in files: `scan` queries one
    without reading the whole, as all operations do that need no more.
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

    @classmethod
    def build(
        cls,
        nodes: pl.DataFrame,
        evidence: pl.DataFrame,
        sources: Iterable[Source],
        *,
        schema: Schema | None = None,
        quarantine: Quarantine | None = None,
        origin: str = "",
    ) -> KnowledgeGraph:
        """Make a graph from nodes (id, kind, name, …) and evidence (subject, relation, object, …).

        Rows that the schema doesn't allow go to `quarantine`, with `origin` as their place: no
        CURIE, an unknown kind or relation, a dangling end, ends of the wrong kinds. The other
        columns of both frames are optional; see `medkg.graph.frames`.

        Raises:
            DataError: a required column is missing, an unknown one is there, or, without a
                quarantine, any row is bad.
        """
        schema = schema or Schema.default()
        sources = list(sources)
        for name, frame, required in (
            ("nodes", nodes, {"id", "kind", "name"}),
            ("evidence", evidence, {"subject", "relation", "object", "source"}),
        ):
            if missing := required - set(frame.columns):
                raise DataError(f"{name} lack the columns {sorted(missing)}")
        buffer = EvidenceBuffer(schema)
        buffer.add(evidence)
        return cls._of(complete_nodes(nodes), buffer, sources, schema, quarantine, origin)

    @classmethod
    def from_parts(
        cls,
        parts: Iterable[Part],
        sources: Iterable[Source],
        *,
        schema: Schema | None = None,
        quarantine: Quarantine | None = None,
        origin: str = "",
    ) -> KnowledgeGraph:
        """Make a graph as `build` does, from parts that are read one after the other.

        Evidence that outgrows memory is kept in a temporary folder (set TMPDIR for another place)
        until the graph is saved or no longer used. Of several rows of one identifier and kind the
        first name and properties stay, and all synonyms and cross-references. Evidence may come
        before its nodes.
        """
        schema = schema or Schema.default()
        buffer = EvidenceBuffer(schema)
        united = empty(NODES)
        stacked: list[pl.DataFrame] = []
        rows = 0
        for part in parts:
            if part.evidence is not None:
                buffer.add(part.evidence)
            if part.nodes is not None:
                stacked.append(complete_nodes(part.nodes))
                rows += part.nodes.height
            if rows > max(_NODES_STACKED, united.height):
                united, stacked, rows = _united([united, *stacked]), [], 0
        nodes = _united([united, *stacked])
        return cls._of(nodes, buffer, list(sources), schema, quarantine, origin)

    @classmethod
    def _of(
        cls,
        nodes: pl.DataFrame,
        buffer: EvidenceBuffer,
        sources: list[Source],
        schema: Schema,
        quarantine: Quarantine | None,
        origin: str,
    ) -> KnowledgeGraph:
        own = Quarantine()
        nodes = _sound_nodes(nodes, schema, own, origin)
        edges, evidence = buffer.frames(
            sources, lambda rows: _sound_evidence(rows, nodes, schema, sources, own, origin)
        )
        if quarantine is not None:
            quarantine.extend(own)
        elif own.rows:
            first = own.rows[0]
            raise DataError(
                f"{len(own)} rows can't be used ({own.counts()}); the first is {first.row!r}"
            )
        frames = {
            "nodes": nodes,
            "edges": edges,
            "evidence": evidence,
            "predictions": empty(PREDICTIONS),
            "merges": empty(MERGES),
        }
        return cls(frames, sources, schema)

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
        """A frame to query without reading the whole of it: over its file, if it has a large one.

        For a query that is run at once: it fails if the file was replaced by then. A checksum is
        verified only where a frame is read whole; `verify` does it for all.
        """
        frame = self._frames[name]
        if isinstance(frame, StoredFrame) and frame.size > _SMALL_FILE:
            return frame.scan()
        return self._frame(name).lazy()

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

    def batches(self, name: str) -> Iterator[pl.DataFrame]:
        """The rows of a frame in order, some at a time."""
        frame = self._frames[name]
        if isinstance(frame, StoredFrame) and frame.size > _SMALL_FILE:
            yield from frame.batches(self.counts[name])
        else:
            yield from self._frame(name).iter_slices(BATCH)

    def _frame(self, name: str) -> pl.DataFrame:
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

    def with_frames(self, **frames: pl.DataFrame | pl.LazyFrame) -> KnowledgeGraph:
        """The graph with these frames, or queries of its own (by `scan`), instead of what it had.

        They must belong together: no edge but from evidence, no end but a node.
        """
        made: dict[str, pl.DataFrame | StoredFrame] = dict(self._frames)
        for name, frame in frames.items():
            made[name] = frame if isinstance(frame, pl.DataFrame) else self._made(name, frame)
        return KnowledgeGraph(made, self.sources, self.schema)

    def _made(self, name: str, rows: pl.LazyFrame) -> pl.DataFrame | StoredFrame:
        """Some rows of a frame: in memory, or, where they might be too many, in a file."""
        if fits(self.counts[name]):
            return self._collect(rows, name)
        home = TemporaryFolder()
        path = home.path / f"{name}.parquet"
        with readable():
            stored = sink_frame(rows, FRAMES[name], home, path)
        self._check(name)
        height = int(stored.scan().select(pl.len()).collect().item())
        return stored.read() if fits(height) else stored

    # Folder

    def save(self, path: Path | str) -> None:
        """Write the graph to a folder: a parquet file for each frame, and graph.json.

        The folder is written to one side and moved into place, so it is never half there; that of a
        graph with patients can be read by you alone. Frames that lay in files lie in this folder's
        from then on.
        """
        checksums: dict[str, str] = {}
        hashes: dict[str, str | None] = {}
        patients = self.scan("nodes").filter(pl.col("kind") == "Patient").head(1).collect().height
        with atomic_folder(path, marker=MANIFEST, mode=0o700 if patients else 0o777) as folder:
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
    def open(cls, path: Path | str, schema: Schema | None = None) -> KnowledgeGraph:
        """Open a saved graph. A frame is read, and its checksum verified, when it is first used.

        Large frames are searched where they lie, and their checksums verified only where one is
        read whole. A graph whose folder is replaced meanwhile must be opened again; using it then
        is an error.

        Raises:
            DataError: no graph folder, a damaged one, or one of another schema version.
        """
        folder = Path(path)
        file = folder / MANIFEST
        if not file.is_file():
            raise DataError(f"is no graph folder (it has no {MANIFEST})", path=folder)
        text = file.read_bytes()
        try:
            manifest = json.loads(text)
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
        if file.read_bytes() != text:
            raise DataError("was replaced while it was opened; open it again", path=folder)
        return graph

    def checksum(self) -> str:
        """SHA-256 of the nodes' and the evidence's content, whatever the order of their rows."""
        digest = hashlib.sha256()
        for name in ("nodes", "evidence"):
            for part in self._by_id(name):
                digest.update(part.write_ndjson().encode())
        return digest.hexdigest()

    def _by_id(self, name: str) -> Iterator[pl.DataFrame]:
        if self._collect(self.scan(name).select("id"), name)["id"].is_sorted():
            yield from self.batches(name)
        else:
            yield from self._frame(name).sort("id").iter_slices(100_000)

    # Look-up

    def find(self, text: str, kind: str | None = None) -> pl.DataFrame:
        """Nodes of that identifier, name or synonym (in this order; the first that finds any)."""
        nodes = self.scan("nodes")
        if kind is not None:
            nodes = nodes.filter(pl.col("kind") == self.schema.kind(kind).label)
        if CURIE.fullmatch(text):
            exact = self._collect(nodes.filter(pl.col("id") == text), "nodes")
            if exact.height:
                return exact
            return self._collect(nodes.filter(pl.col("xrefs").list.contains(text)), "nodes")
        key = name_key_of(text)
        by_name = self._collect(nodes.filter(pl.col("name_key") == key), "nodes")
        if by_name.height:
            return by_name
        synonyms = nodes.select("id", synonym="synonyms").explode("synonym").drop_nulls()
        # The longest word finds most of those that are not it; what isn't ASCII may be written in
        # several ways.
        word = max(key.split(), key=len, default="")
        maybe = pl.col("synonym").str.to_lowercase().str.contains(word, literal=True)
        maybe |= pl.col("synonym").str.contains(r"[^\x00-\x7F]")
        found = self._collect(synonyms.filter(maybe), "nodes")
        found = found.filter(name_key(pl.col("synonym")) == key)
        return self._collect(nodes.filter(pl.col("id").is_in(_implode(set(found["id"])))), "nodes")

    def resolve(self, text: str, kind: str | None = None) -> str:
        """The one identifier that a text means: a CURIE, a cross-reference, a name or a synonym.

        Raises:
            MissingError: none, or several (they are listed).
        """
        found = self.find(text, kind)
        if found.is_empty():
            near = self._near(text, kind)
            raise MissingError(f"the graph has no {kind or 'entity'} {text!r}{near}")
        if found.height > 1:
            listed = ", ".join(f"{i} ({k}, {n})" for i, k, n, *_ in found.head(8).iter_rows())
            raise MissingError(
                f"{text!r} may be {found.height} entities: {listed}; give the identifier"
            )
        return str(found["id"][0])

    def _near(self, text: str, kind: str | None) -> str:
        from rapidfuzz import process

        nodes = self.scan("nodes")
        if kind is not None:
            nodes = nodes.filter(pl.col("kind") == kind)
        named = self._collect(nodes.select("id", "name", "name_key"), "nodes")
        near = process.extract(
            name_key_of(text), named["name_key"].to_list(), limit=3, score_cutoff=75
        )
        names = [f"{named['name'][row]} ({named['id'][row]})" for _, _, row in near]
        return f"; near: {', '.join(names)}" if names else ""

    def info(self) -> dict[str, Any]:
        """Counts by kind, relation, source and merges, and the sources with their licences."""

        def counted(name: str, column: str) -> dict[str, int]:
            counts = self.scan(name).group_by(column).len()
            rows = self._collect(counts.sort("len", column, descending=[True, False]), name)
            return dict(rows.iter_rows())

        counts = self.counts
        del counts["merges"]
        return {
            **counts,
            "merges": self.merge_counts(),
            "kinds": counted("nodes", "kind"),
            "relations": counted("edges", "relation"),
            "evidence_by_source": counted("evidence", "source"),
            "sources": [asdict(source) for source in self.sources],
        }

    def merge_counts(self) -> dict[str, int]:
        """How many identifiers were joined with others, and how many held back."""
        merges = self._collect(self.scan("merges").select("applied"), "merges")
        joined = merges.filter("applied").height
        return {"joined": joined, "held_back": merges.height - joined}

    # Parts

    def neighbourhood(
        self,
        around: str | Sequence[str],
        hops: int = 1,
        *,
        kinds: Sequence[str] | None = None,
        relations: Sequence[str] | None = None,
        min_probability: float = 0.0,
        most: int | None = None,
        predictions: bool = False,
    ) -> KnowledgeGraph:
        """The nodes within `hops` edges of a node (or several), and the edges among them.

        Args:
            around: identifiers or names.
            kinds: reach only nodes of these kinds (beside those that it starts from).
            relations: only edges of these relations.
            min_probability: only edges (and predictions) that are at least as probable.
            most: follow at most this many edges from each node a hop, the most probable first.
            predictions: follow predictions too, and keep those among the nodes.
        """
        texts = [around] if isinstance(around, str) else list(around)
        ids = {self.resolve(text) for text in texts}
        for relation in relations or ():
            self.schema.relation(relation)
        if kinds is not None:
            labels = [self.schema.kind(kind).label for kind in kinds]
            allowed = self._collect(
                self.scan("nodes").filter(pl.col("kind").is_in(labels)).select("id"), "nodes"
            )
        reached, frontier = set(ids), set(ids)
        for _ in range(hops):
            ends = pl.Series(sorted(frontier), dtype=pl.String)
            links = self._at("edges", ends, both=False, columns=_LINK)
            if predictions:
                predicted = self.scan("predictions").rename({"head": "subject", "tail": "object"})
                links = pl.concat([links, self._collect(predicted.select(_LINK), "predictions")])
            links = links.filter(_among(relations, min_probability))
            steps = pl.concat(
                links.filter(pl.col(start).is_in(ends.implode())).select(
                    pl.col(start).alias("start"), pl.col(end).alias("end"), "probability"
                )
                for start, end in (("subject", "object"), ("object", "subject"))
            )
            if kinds is not None:
                steps = steps.join(allowed, left_on="end", right_on="id", how="semi")
            steps = steps.sort("start", "probability", "end", descending=[False, True, False])
            if most is not None:
                steps = steps.group_by("start", maintain_order=True).head(most)
            frontier = set(steps["end"]) - reached
            reached |= frontier
        return self.subgraph(
            reached, relations=relations, min_probability=min_probability, predictions=predictions
        )

    def subgraph(
        self,
        ids: Iterable[str],
        *,
        relations: Sequence[str] | None = None,
        min_probability: float = 0.0,
        predictions: bool = False,
    ) -> KnowledgeGraph:
        """These nodes and the edges, evidence and (if asked) predictions among them.

        Evidence that makes no edge, as it is negated, is kept too; that of edges which are less
        probable than `min_probability` is not.
        """
        ends = pl.Series(sorted(ids), dtype=pl.String)
        kept = ends.implode()
        edges, evidence = (
            self._among(name, ends).filter(_among(relations, 0.0)) for name in ("edges", "evidence")
        )
        probable = _among(None, min_probability)
        if min_probability > 0:
            doubtful = edges.filter(~probable).select("id")
            evidence = evidence.join(
                doubtful, left_on="edge", right_on="id", how="anti", maintain_order="left"
            )
        joining: dict[str, pl.DataFrame | pl.LazyFrame] = {
            "edges": edges.filter(probable),
            "evidence": evidence,
        }
        if ends.len() <= _FEW:
            joining = {name: rows.lazy().collect() for name, rows in joining.items()}
        predicted = pl.col("head").is_in(kept) & pl.col("tail").is_in(kept)
        predicted &= _among(relations, min_probability)
        return self.with_frames(
            nodes=self._collect(self.scan("nodes").filter(pl.col("id").is_in(kept)), "nodes"),
            predictions=self.scan("predictions").filter(predicted)
            if predictions
            else empty(PREDICTIONS),
            merges=self._collect(self.scan("merges").filter(pl.col("kept").is_in(kept)), "merges"),
            **joining,
        )

    def _among(self, name: str, ends: pl.Series) -> pl.LazyFrame:
        """The edges, or the evidence, of which both ends are among these."""
        if ends.len() <= _FEW or fits(self.counts[name]):
            return self._at(name, ends, both=True).lazy()
        subject, tail = (pl.col(end).is_in(ends.implode()) for end in ("subject", "object"))
        return self.scan(name).filter(subject, tail)

    def _at(
        self, name: str, ends: pl.Series, *, both: bool, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The edges, or the evidence, of which an end, or both, are among these."""
        columns = columns or list(FRAMES[name])
        frame = self._frames[name]
        if isinstance(frame, StoredFrame) and frame.size > _SMALL_FILE:
            rows = self._collect(frame.at(ends, both=both).select(columns), name)
        else:
            rows = self._frame(name).select(columns)
        subject, tail = (pl.col(end).is_in(ends.implode()) for end in ("subject", "object"))
        return rows.filter(subject & tail if both else subject | tail)

    def without_edges(self, ids: Iterable[str]) -> KnowledgeGraph:
        """The graph without these edges and their evidence (by edge id); all nodes stay."""
        out = _implode(ids)
        return self.with_frames(
            edges=self.scan("edges").filter(~pl.col("id").is_in(out)),
            evidence=self.scan("evidence").filter(~pl.col("edge").is_in(out)),
        )

    def with_predictions(self, predictions: pl.DataFrame) -> KnowledgeGraph:
        """The graph with these predictions; those of the same models that it had are replaced.

        Raises:
            DataError: a column is wrong, or an end is no node of the graph.
        """
        predictions = conform(predictions, PREDICTIONS)
        ends = pl.concat([predictions["head"], predictions["tail"]]).unique().to_frame("id")
        missing = ends.join(
            self._collect(self.scan("nodes").select("id"), "nodes"), on="id", how="anti"
        )["id"]
        if missing.len():
            raise DataError(f"predictions about {missing.len()} unknown nodes, as {missing[0]}")
        models = predictions["model"].unique().implode()
        others = self.predictions.filter(~pl.col("model").is_in(models))
        return self.with_frames(
            predictions=pl.concat([others, predictions])
            .unique(_PREDICTION_KEY, keep="last", maintain_order=True)
            .sort(_PREDICTION_KEY)
        )

    def predictions_of(self, ids: Sequence[str]) -> KnowledgeGraph:
        """The graph with no other predictions than those about these nodes."""
        about = pl.col("head").is_in(list(ids)) | pl.col("tail").is_in(list(ids))
        return self.with_frames(predictions=self.scan("predictions").filter(about))

    # Elsewhere

    def to_networkx(self) -> nx.MultiDiGraph:
        """A networkx graph: nodes by identifier with name and kind, edges keyed by relation."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        for row in self.nodes.iter_rows(named=True):
            properties = json.loads(row["properties"]) if row["properties"] else {}
            graph.add_node(row["id"], name=row["name"], kind=row["kind"], **properties)
        for row in self.edges.iter_rows(named=True):
            graph.add_edge(
                row["subject"],
                row["object"],
                key=row["relation"],
                probability=row["probability"],
                sources=row["sources"],
            )
        return graph

    def _repr_html_(self) -> str | None:
        """How a notebook shows a small graph; a large one is shown as its `repr`."""
        from html import escape

        from .page import MOST_NODES, page

        if not 0 < self.counts["nodes"] <= MOST_NODES:
            return None
        text = escape(page(self, repr(self)), quote=True)
        return f'<iframe srcdoc="{text}" style="width:100%;height:560px;border:0"></iframe>'

    def __repr__(self) -> str:
        counts = self.counts
        return (
            f"KnowledgeGraph({counts['nodes']:,} nodes, {counts['edges']:,} edges,"
            f" {counts['evidence']:,} pieces of evidence,"
            f" {counts['predictions']:,} predictions)"
        )


def _implode(values: Iterable[str]) -> pl.Series:
    """Values as one list, which `is_in` takes."""
    return pl.Series(sorted(values), dtype=pl.String).implode()


def _among(relations: Sequence[str] | None, min_probability: float) -> pl.Expr:
    """Whether a row is of these relations and at least as probable."""
    wanted = pl.lit(True)
    if relations is not None:
        wanted &= pl.col("relation").is_in(list(relations))
    if min_probability > 0:
        wanted &= (pl.col("probability") >= min_probability).fill_null(False)
    return wanted


_FEW = 20_000  # nodes of which whatever joins them is taken to fit in memory
_LINK = ["subject", "relation", "object", "probability"]
_PREDICTION_KEY = ["model", "head", "relation", "tail"]

_NODES_STACKED = 500_000  # rows of nodes collected before those of one identifier are united


def _united(stacked: list[pl.DataFrame]) -> pl.DataFrame:
    """One row for each identifier and kind, in order of their first."""
    nodes = pl.concat(stacked)
    several = nodes.filter(pl.col("id").is_duplicated())
    lists = (pl.col(c).explode().drop_nulls().unique().sort() for c in ("synonyms", "xrefs"))
    named = pl.col("name") != pl.col("id")
    united = several.group_by("id", "kind", maintain_order=True).agg(
        *(
            pl.col(c).filter(named).first().fill_null(pl.col(c).first())
            for c in ("name", "name_key")
        ),
        *lists,
        pl.col("properties").drop_nulls().first(),
    )
    return pl.concat([nodes.filter(~pl.col("id").is_duplicated()), united.select(nodes.columns)])


def _sound_nodes(
    nodes: pl.DataFrame, schema: Schema, quarantine: Quarantine, origin: str
) -> pl.DataFrame:
    """Nodes with a CURIE, a known kind, and no second row of the same identifier."""
    valid = pl.col("id").str.contains(rf"^{CURIE.pattern}$").fill_null(False)
    known = pl.col("kind").is_in(list(schema.kinds)).fill_null(False)
    for row in nodes.filter(~valid).iter_rows(named=True):
        quarantine.add("no CURIE", path=origin, row=f"{row['id']} {row['name']}")
    for row in nodes.filter(valid & ~known).iter_rows(named=True):
        quarantine.add("unknown kind", path=origin, row=f"{row['id']} {row['kind']}")
    nodes = nodes.filter(valid & known)
    first = pl.col("kind").first().over("id")
    for row in nodes.filter(pl.col("kind") != first).iter_rows(named=True):
        quarantine.add("identifier of two kinds", path=origin, row=f"{row['id']} {row['kind']}")
    return nodes.filter(pl.col("kind") == first).unique("id", keep="first").sort("id")


def _sound_evidence(
    evidence: pl.DataFrame,
    nodes: pl.DataFrame,
    schema: Schema,
    sources: Sequence[Source],
    quarantine: Quarantine,
    origin: str,
) -> pl.DataFrame:
    """Evidence of known relations and sources whose ends are nodes of the right kinds."""
    joins = [
        (name, head, tail)
        for name, relation in schema.relations.items()
        for head, tail in relation.joins
    ]
    allowed = pl.DataFrame(joins, schema=["relation", "_head", "_tail"], orient="row").with_columns(
        _allowed=True
    )
    kinds = nodes.select("id", "kind")
    checked = (
        evidence.join(kinds.rename({"id": "subject", "kind": "_head"}), on="subject", how="left")
        .join(kinds.rename({"id": "object", "kind": "_tail"}), on="object", how="left")
        .join(allowed, on=["relation", "_head", "_tail"], how="left", maintain_order="left")
    )
    wrong_value = pl.any_horizontal(
        pl.lit(False),
        *(
            (~pl.col(column).is_in(list(values))).fill_null(False)
            for column, values in EVIDENCE_VALUES.items()
            if column in evidence.columns
        ),
        *(
            (~pl.col("probability").is_between(0, 1)).fill_null(False)
            for column in evidence.columns
            if column == "probability"
        ),
    )
    reason = (
        pl.when(~pl.col("relation").is_in(list(schema.relations)).fill_null(False))
        .then(pl.lit("unknown relation"))
        .when(pl.col("_head").is_null() | pl.col("_tail").is_null())
        .then(pl.lit("dangling end"))
        .when(pl.col("_allowed").is_null())
        .then(pl.lit("ends of the wrong kinds"))
        .when(~pl.col("source").is_in([source.name for source in sources]).fill_null(False))
        .then(pl.lit("undeclared source"))
        .when(wrong_value)
        .then(pl.lit("value out of range"))
    )
    checked = checked.with_columns(_reason=reason)
    for row in checked.filter(pl.col("_reason").is_not_null()).iter_rows(named=True):
        triple = f"{row['subject']} {row['relation']} {row['object']}"
        quarantine.add(row["_reason"], path=origin, row=triple)
    return checked.filter(pl.col("_reason").is_null()).select(evidence.columns)
