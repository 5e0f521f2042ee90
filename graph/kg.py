"""The KnowledgeGraph: columnar nodes, edges, evidence and predictions, saved as one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from .atomic import atomic_folder, sha256
from .errors import DataError, MissingError
from .frames import (
    EVIDENCE,
    EVIDENCE_VALUES,
    FRAMES,
    MERGES,
    NODES,
    PREDICTIONS,
    Source,
    complete_evidence,
    complete_nodes,
    conform,
    edges_from,
    empty,
)
from .identifiers import CURIE, name_key, name_key_of
from .quarantine import Quarantine
from .schema import SCHEMA_VERSION, Schema

if TYPE_CHECKING:
    import networkx as nx

MANIFEST = "graph.json"


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
    """

    def __init__(
        self,
        frames: Mapping[str, pl.DataFrame | Path],
        sources: Iterable[Source],
        schema: Schema | None = None,
    ):
        self._frames = dict(frames)
        self._checksums: dict[str, str] = {}
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
        own = Quarantine()
        sources = list(sources)
        for name, frame, required in (
            ("nodes", nodes, {"id", "kind", "name"}),
            ("evidence", evidence, {"subject", "relation", "object", "source"}),
        ):
            if missing := required - set(frame.columns):
                raise DataError(f"{name} lack the columns {sorted(missing)}")
        nodes = _sound_nodes(nodes, schema, own, origin)
        evidence = _sound_evidence(evidence, nodes, schema, sources, own, origin)
        evidence = complete_evidence(evidence, schema)
        if quarantine is not None:
            quarantine.extend(own)
        elif len(own):
            first = own.rows[0]
            raise DataError(
                f"{len(own)} rows can't be used ({own.counts()}); the first is {first.row!r}"
            )
        frames = {
            "nodes": nodes,
            "edges": edges_from(evidence, sources, schema),
            "evidence": evidence,
            "predictions": empty(PREDICTIONS),
            "merges": empty(MERGES),
        }
        return cls(frames, sources, schema)

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

        Of several rows of one identifier and kind the first one's name and properties stay, and
        all synonyms and cross-references. Evidence may come before its nodes.
        """
        given = list(parts)
        nodes = [complete_nodes(part.nodes) for part in given if part.nodes is not None]
        evidence = [conform(p.evidence, EVIDENCE) for p in given if p.evidence is not None]
        stacked = pl.concat(nodes or [empty(NODES)])
        lists = (pl.col(c).explode().drop_nulls().unique().sort() for c in ("synonyms", "xrefs"))
        united = stacked.group_by("id", "kind", maintain_order=True).agg(
            pl.col("name").first(), *lists, pl.col("properties").drop_nulls().first()
        )
        return cls.build(
            united,
            pl.concat(evidence or [empty(EVIDENCE)]),
            sources,
            schema=schema,
            quarantine=quarantine,
            origin=origin,
        )

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
        """A frame to query without reading the whole of it: over its file, where it has one.

        For one query, made and run at once: the file may be replaced later.
        """
        frame = self._frames[name]
        return pl.scan_parquet(frame) if isinstance(frame, Path) else frame.lazy()

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each frame, without reading it."""
        return {name: int(self.scan(name).select(pl.len()).collect().item()) for name in FRAMES}

    def _frame(self, name: str) -> pl.DataFrame:
        frame = self._frames[name]
        if isinstance(frame, Path):
            if sha256(frame) != self._checksums[name]:
                raise DataError(
                    "doesn't match the checksum in graph.json; the file is damaged, make the"
                    " graph anew",
                    path=frame,
                )
            frame = self._frames[name] = pl.read_parquet(frame)
        return frame

    # Folder

    def save(self, path: Path | str) -> None:
        """Write the graph to a folder: a parquet file for each frame, and graph.json.

        The folder is written to one side and moved into place, so it is never half there.
        """
        with atomic_folder(path, marker=MANIFEST) as folder:
            manifest: dict[str, Any] = {
                "schema_version": SCHEMA_VERSION,
                "medkg_version": version("medkg"),
                "sources": [asdict(source) for source in self.sources],
                "counts": {},
                "sha256": {},
            }
            for name in FRAMES:
                file = folder / f"{name}.parquet"
                self._frame(name).write_parquet(file, compression="zstd")
                manifest["counts"][name] = self._frame(name).height
                manifest["sha256"][name] = sha256(file)
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    @classmethod
    def open(cls, path: Path | str, schema: Schema | None = None) -> KnowledgeGraph:
        """Open a saved graph. A frame is read, and its checksum verified, when it is first used.

        Raises:
            DataError: no graph folder, a damaged one, or one of another schema version.
        """
        folder = Path(path)
        file = folder / MANIFEST
        if not file.is_file():
            raise DataError(f"is no graph folder (it has no {MANIFEST})", path=folder)
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            if manifest["schema_version"] != SCHEMA_VERSION:
                raise DataError(
                    f"has schema version {manifest['schema_version']}, this medkg reads version"
                    f" {SCHEMA_VERSION}; make the graph anew",
                    path=file,
                )
            sources = [Source(**source) for source in manifest["sources"]]
            graph = cls({name: folder / f"{name}.parquet" for name in FRAMES}, sources, schema)
            graph._checksums = {name: manifest["sha256"][name] for name in FRAMES}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"is damaged: {error}; make the graph anew", path=file) from error
        for name in FRAMES:
            if not (folder / f"{name}.parquet").is_file():
                raise DataError("is missing; make the graph anew", path=folder / f"{name}.parquet")
        return graph

    def checksum(self) -> str:
        """SHA-256 of the nodes' and the evidence's content, whatever the order of their rows."""
        digest = hashlib.sha256()
        for frame in (self.nodes, self.evidence):
            for part in frame.sort("id").iter_slices(100_000):
                digest.update(part.write_ndjson().encode())
        return digest.hexdigest()

    # Look-up

    def find(self, text: str, kind: str | None = None) -> pl.DataFrame:
        """Nodes of that identifier, name or synonym (in this order; the first that finds any)."""
        nodes = self.nodes if kind is None else self.nodes.filter(kind=self.schema.kind(kind).label)
        if CURIE.fullmatch(text):
            by_id = nodes.filter((pl.col("id") == text) | pl.col("xrefs").list.contains(text))
            exact = by_id.filter(id=text)
            return by_id if exact.is_empty() else exact
        key = name_key_of(text)
        by_name = nodes.filter(name_key=key)
        if by_name.height:
            return by_name
        synonyms = nodes.select("id", pl.col("synonyms")).explode("synonyms")
        ids = synonyms.filter(name_key(pl.col("synonyms")) == key)["id"]
        return nodes.filter(pl.col("id").is_in(ids.unique().implode()))

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

        nodes = self.nodes if kind is None else self.nodes.filter(kind=kind)
        key = name_key_of(text)
        near = process.extract(key, nodes["name_key"].to_list(), limit=3, score_cutoff=75)
        names = [f"{nodes['name'][row]} ({nodes['id'][row]})" for _, _, row in near]
        return f"; near: {', '.join(names)}" if names else ""

    def info(self) -> dict[str, Any]:
        """Counts by kind, relation and source, and the sources with their licences."""

        def counted(frame: pl.DataFrame, column: str) -> dict[str, int]:
            counts = frame.group_by(column).len().sort("len", column, descending=[True, False])
            return dict(counts.iter_rows())

        return {
            "nodes": self.nodes.height,
            "edges": self.edges.height,
            "evidence": self.evidence.height,
            "predictions": self.predictions.height,
            "kinds": counted(self.nodes, "kind"),
            "relations": counted(self.edges, "relation"),
            "evidence_by_source": counted(self.evidence, "source"),
            "sources": [asdict(source) for source in self.sources],
        }

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
        links = self.scan("edges").select("subject", "relation", "object", "probability")
        if predictions:
            predicted = self.scan("predictions").select(
                subject="head", relation="relation", object="tail", probability="probability"
            )
            links = pl.concat([links, predicted])
        links = links.filter(_among(relations, min_probability))
        if kinds is not None:
            labels = [self.schema.kind(kind).label for kind in kinds]
            allowed = self.scan("nodes").filter(pl.col("kind").is_in(labels)).select("id").collect()
        reached, frontier = set(ids), set(ids)
        for _ in range(hops):
            ends = _implode(frontier)
            out = links.filter(pl.col("subject").is_in(ends)).select(
                start="subject", end="object", probability="probability"
            )
            back = links.filter(pl.col("object").is_in(ends)).select(
                start="object", end="subject", probability="probability"
            )
            steps = pl.concat([out, back])
            if kinds is not None:
                steps = steps.join(allowed.lazy(), left_on="end", right_on="id", how="semi")
            steps = steps.sort("start", "probability", "end", descending=[False, True, False])
            if most is not None:
                steps = steps.group_by("start", maintain_order=True).head(most)
            frontier = set(steps.select("end").collect()["end"]) - reached
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
        kept = _implode(ids)
        among = pl.col("subject").is_in(kept) & pl.col("object").is_in(kept)
        wanted = _among(relations, 0.0)
        edges = self.scan("edges").filter(among, wanted).collect()
        evidence = self.scan("evidence").filter(among, wanted).collect()
        probable = _among(None, min_probability)
        evidence = evidence.join(edges.filter(~probable), left_on="edge", right_on="id", how="anti")
        predicted = (
            self.scan("predictions")
            .filter(pl.col("head").is_in(kept), pl.col("tail").is_in(kept))
            .filter(_among(relations, min_probability))
            .collect()
            if predictions
            else empty(PREDICTIONS)
        )
        frames = {
            "nodes": self.scan("nodes").filter(pl.col("id").is_in(kept)).collect(),
            "edges": edges.filter(probable),
            "evidence": evidence,
            "predictions": predicted,
            "merges": self.scan("merges").filter(pl.col("kept").is_in(kept)).collect(),
        }
        return KnowledgeGraph(frames, self.sources, self.schema)

    def without_edges(self, ids: Iterable[str]) -> KnowledgeGraph:
        """The graph without these edges and their evidence (by edge id); all nodes stay."""
        out = pl.Series(sorted(ids), dtype=pl.String).implode()
        frames = {
            **{name: self._frame(name) for name in FRAMES},
            "edges": self.edges.filter(~pl.col("id").is_in(out)),
            "evidence": self.evidence.filter(~pl.col("edge").is_in(out)),
        }
        return KnowledgeGraph(frames, self.sources, self.schema)

    def with_predictions(self, predictions: pl.DataFrame) -> KnowledgeGraph:
        """The graph with these predictions; those of the same models that it had are replaced.

        Raises:
            DataError: a column is wrong, or an end is no node of the graph.
        """
        predictions = conform(predictions, PREDICTIONS)
        ends = pl.concat([predictions["head"], predictions["tail"]]).unique()
        missing = ends.filter(~ends.is_in(self.nodes["id"].implode()))
        if missing.len():
            raise DataError(f"predictions about {missing.len()} unknown nodes, as {missing[0]}")
        models = predictions["model"].unique().implode()
        others = self.predictions.filter(~pl.col("model").is_in(models))
        frames = {
            **{name: self._frame(name) for name in FRAMES},
            "predictions": pl.concat([others, predictions])
            .unique(_PREDICTION_KEY, keep="last", maintain_order=True)
            .sort(_PREDICTION_KEY),
        }
        return KnowledgeGraph(frames, self.sources, self.schema)

    def predictions_of(self, ids: Sequence[str]) -> KnowledgeGraph:
        """The graph with no other predictions than those about these nodes."""
        about = pl.col("head").is_in(list(ids)) | pl.col("tail").is_in(list(ids))
        frames = {
            **{name: self._frame(name) for name in FRAMES},
            "predictions": self.predictions.filter(about),
        }
        return KnowledgeGraph(frames, self.sources, self.schema)

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

        if not 0 < self.nodes.height <= MOST_NODES:
            return None
        text = escape(page(self, repr(self)), quote=True)
        return f'<iframe srcdoc="{text}" style="width:100%;height:560px;border:0"></iframe>'

    def __repr__(self) -> str:
        return (
            f"KnowledgeGraph({self.nodes.height:,} nodes, {self.edges.height:,} edges,"
            f" {self.evidence.height:,} pieces of evidence,"
            f" {self.predictions.height:,} predictions)"
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


_PREDICTION_KEY = ["model", "head", "relation", "tail"]


def _sound_nodes(
    nodes: pl.DataFrame, schema: Schema, quarantine: Quarantine, origin: str
) -> pl.DataFrame:
    """Nodes with a CURIE, a known kind, and no second row of the same identifier."""
    nodes = complete_nodes(nodes)
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
