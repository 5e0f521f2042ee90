"""The KnowledgeGraph: columnar nodes, edges, evidence and predictions, saved as one folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import polars as pl

from ..core.errors import DataError
from ..core.json_reading import parse_object
from ..core.quarantine import Quarantine
from .frames import (
    FRAMES,
    MERGES,
    NODES,
    PREDICTIONS,
    Source,
    complete_nodes,
    conform,
    empty,
)
from .graph_frames import GraphFrames
from .look_up import check_hops, look_up, resolve
from .schema import Schema
from .spill import EvidenceBuffer, fits_in_memory
from .validation import unite_nodes, valid_evidence, valid_nodes

if TYPE_CHECKING:
    import networkx as nx

# Up to so many nodes, the edges and evidence among them are taken to fit in memory.
_FEW_NODES = 20_000
_NODES_STACKED = 500_000  # rows of nodes collected before those of one identifier are united
_EDGE_COLUMNS = ["subject", "relation", "object", "probability"]
_PREDICTION_KEY = ["model", "head", "relation", "tail"]


class Part(NamedTuple):
    """Some nodes and evidence of a source that is read in parts; columns as for `build`."""

    nodes: pl.DataFrame | None = None
    evidence: pl.DataFrame | None = None


class MergeCounts(TypedDict):
    """How many identifiers were joined with others, and how many candidates were held back."""

    joined: int
    held_back: int


class GraphInfo(TypedDict):
    """What `KnowledgeGraph.info` gives; the last six are counts by name, most frequent first."""

    nodes: int
    edges: int
    evidence: int
    predictions: int
    merges: MergeCounts
    kinds: dict[str, int]
    relations: dict[str, int]
    evidence_by_source: dict[str, int]
    sources: list[dict[str, str | float]]


class KnowledgeGraph(GraphFrames):
    """A graph of medical entities in which every edge can be traced to its evidence.

    It is immutable: every operation returns a new graph. Make one with `build`, from a loader or
    from extracted text; open a saved one with `open`.

    The frames, as polars DataFrames (columns in `medkg.graph.frames`): `nodes`, `edges`,
    `evidence`, `predictions`, and `merges`, the record of which identifiers became which.
    `sources` names where the evidence comes from, with licences.

    A graph that is opened, or too large for memory, has its frames in files: `scan` queries one
    without reading all of it, as do all operations that need only a part.

    Example:
        >>> kg = medkg.load("common")
        >>> gout = kg.resolve("gout", "Disease")
        >>> around = kg.neighbourhood([gout])
        >>> "Podagra" in around.nodes["name"]
        True
        >>> around.evidence["source"].unique().to_list()
        ['common']
    """

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
        CURIE, an unknown kind or relation, a dangling end, ends of the wrong kinds, an undeclared
        source, a value out of range. The other columns of both frames are optional; see
        `medkg.graph.frames`.

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
        return cls._validated(complete_nodes(nodes), buffer, sources, schema, quarantine, origin)

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
                united, stacked, rows = unite_nodes([united, *stacked]), [], 0
        nodes = unite_nodes([united, *stacked])
        return cls._validated(nodes, buffer, list(sources), schema, quarantine, origin)

    @classmethod
    def _validated(
        cls,
        nodes: pl.DataFrame,
        buffer: EvidenceBuffer,
        sources: list[Source],
        schema: Schema,
        quarantine: Quarantine | None,
        origin: str,
    ) -> KnowledgeGraph:
        """The graph of the valid rows; see `build`."""
        invalid = Quarantine()
        nodes = valid_nodes(nodes, schema, invalid, origin)
        edges, evidence = buffer.frames(
            sources, lambda rows: valid_evidence(rows, nodes, schema, sources, invalid, origin)
        )
        if quarantine is not None:
            quarantine.extend(invalid)
        elif invalid.rows:
            first = invalid.rows[0]
            raise DataError(
                f"{len(invalid)} rows can't be used ({invalid.counts()}); the first is"
                f" {first.row!r}"
            )
        frames = {
            "nodes": nodes,
            "edges": edges,
            "evidence": evidence,
            "predictions": empty(PREDICTIONS),
            "merges": empty(MERGES),
        }
        return cls(frames, sources, schema)

    # Look-up

    def find(self, text: str, kind: str | None = None) -> pl.DataFrame:
        """Nodes of that identifier, now or before merging; else cross-reference, name or synonym.

        Else with a name that is spelt otherwise ("COX2" for "COX-2"). A name in
        capital letters that is an ordinary word ("WAS") must be written so.

        Returns:
            The columns of `kg.nodes`: id, kind, name, name_key, synonyms, xrefs, properties.
        """
        return look_up(self._nodes_of(kind), self.scan("merges"), self._collect_nodes, text)

    def resolve(self, text: str, kind: str | None = None) -> str:
        """The one identifier that a text means: a CURIE, a cross-reference, a name or a synonym.

        Raises:
            MissingError: none, or several (they are listed).
        """
        label = None if kind is None else self.schema.kind(kind).label
        return resolve(self.scan("nodes"), self.scan("merges"), self._collect_nodes, text, label)

    def _nodes_of(self, kind: str | None) -> pl.LazyFrame:
        nodes = self.scan("nodes")
        return nodes if kind is None else nodes.filter(kind=self.schema.kind(kind).label)

    def _collect_nodes(self, rows: pl.LazyFrame) -> pl.DataFrame:
        return self._collect(rows, "nodes")

    def info(self) -> GraphInfo:
        """Counts by kind, relation, source and merges, and the sources with their licences."""
        counts = self.counts
        return {
            "nodes": counts["nodes"],
            "edges": counts["edges"],
            "evidence": counts["evidence"],
            "predictions": counts["predictions"],
            "merges": self.merge_counts(),
            "kinds": self._value_counts("nodes", "kind"),
            "relations": self._value_counts("edges", "relation"),
            "evidence_by_source": self._value_counts("evidence", "source"),
            "sources": [asdict(source) for source in self.sources],
        }

    def _value_counts(self, name: str, column: str) -> dict[str, int]:
        """How many rows of a frame have each value of a column, the most frequent first."""
        counts = self.scan(name).group_by(column).len()
        rows = self._collect(counts.sort("len", column, descending=[True, False]), name)
        return dict(rows.iter_rows())

    def merge_counts(self) -> MergeCounts:
        """How many identifiers were joined with others, and how many held back."""
        merges = self._collect(self.scan("merges").select("applied"), "merges")
        joined = merges.filter("applied").height
        return {"joined": joined, "held_back": merges.height - joined}

    # Parts of the graph

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

        Raises:
            MissingError: none or several nodes that a text means.
            SchemaError: an unknown kind or relation.
        """
        reached = set(self._identifiers(around))
        for relation in relations or ():
            self.schema.relation(relation)
        allowed = None if kinds is None else self._ids_of_kinds(kinds)
        frontier = set(reached)
        for _ in range(check_hops(hops)):
            edges = self.edges_at(frontier, predictions=predictions)
            steps = _steps(edges.filter(_matching(relations, min_probability)), frontier)
            if allowed is not None:
                steps = steps.join(allowed, left_on="end", right_on="id", how="semi")
            steps = steps.sort("start", "probability", "end", descending=[False, True, False])
            if most is not None:
                steps = steps.group_by("start", maintain_order=True).head(most)
            frontier = set(steps["end"]) - reached
            reached |= frontier
        return self.subgraph(
            reached, relations=relations, min_probability=min_probability, predictions=predictions
        )

    def _ids_of_kinds(self, kinds: Sequence[str]) -> pl.DataFrame:
        labels = [self.schema.kind(kind).label for kind in kinds]
        nodes = self.scan("nodes").filter(pl.col("kind").is_in(labels))
        return self._collect(nodes.select("id"), "nodes")

    def _identifiers(self, texts: str | Iterable[str]) -> pl.Series:
        """The identifiers that texts mean, sorted: of each node its own, else as `resolve`."""
        given = {texts} if isinstance(texts, str) else set(texts)
        own = pl.col("id").is_in(_as_list(given))
        ids = set(self._collect(self.scan("nodes").select("id").filter(own), "nodes")["id"])
        named = {self.resolve(text) for text in sorted(given - ids)}
        return pl.Series(sorted(ids | named), dtype=pl.String)

    def edges_at(self, around: str | Iterable[str], *, predictions: bool = False) -> pl.DataFrame:
        """The edges of which an end is among these nodes, without their evidence.

        Args:
            around: identifiers or names.
            predictions: the predictions among them too, after the edges.

        Returns:
            subject, relation, object and probability.

        Raises:
            MissingError: none or several nodes that a text means.
        """
        ends = self._identifiers(around)
        edges = self._rows_at("edges", ends, both=False, columns=_EDGE_COLUMNS)
        if not predictions:
            return edges
        predicted = self.scan("predictions").rename({"head": "subject", "tail": "object"})
        rows = predicted.filter(_has_ends(ends, both=False)).select(_EDGE_COLUMNS)
        return pl.concat([edges, self._collect(rows, "predictions")])

    def subgraph(
        self,
        nodes: str | Iterable[str],
        *,
        relations: Sequence[str] | None = None,
        min_probability: float = 0.0,
        predictions: bool = False,
    ) -> KnowledgeGraph:
        """These nodes, and the edges, evidence and (if asked) predictions among them.

        Evidence that makes no edge, as it is negated, is kept too; that of edges that are less
        probable than `min_probability` is not.

        Args:
            nodes: identifiers or names.
            relations: only edges and evidence of these relations.
            min_probability: only edges (and predictions) that are at least as probable.
            predictions: the predictions among them too.

        Raises:
            MissingError: none or several nodes that a text means.
        """
        ends = self._identifiers(nodes)
        kept = ends.implode()
        edges, evidence = (
            self._rows_among(name, ends).filter(_matching(relations, 0.0))
            for name in ("edges", "evidence")
        )
        is_probable = _matching(None, min_probability)
        if min_probability > 0:
            improbable = edges.filter(~is_probable).select("id")
            evidence = evidence.join(
                improbable, left_on="edge", right_on="id", how="anti", maintain_order="left"
            )
        rows_among: dict[str, pl.DataFrame | pl.LazyFrame] = {
            "edges": edges.filter(is_probable),
            "evidence": evidence,
        }
        if ends.len() <= _FEW_NODES:
            rows_among = {name: rows.lazy().collect() for name, rows in rows_among.items()}
        predicted = pl.col("head").is_in(kept) & pl.col("tail").is_in(kept)
        predicted &= _matching(relations, min_probability)
        return self.with_frames(
            nodes=self._collect(self.scan("nodes").filter(pl.col("id").is_in(kept)), "nodes"),
            predictions=self.scan("predictions").filter(predicted)
            if predictions
            else empty(PREDICTIONS),
            merges=self._collect(self.scan("merges").filter(pl.col("kept").is_in(kept)), "merges"),
            **rows_among,
        )

    def _rows_among(self, name: str, ends: pl.Series) -> pl.LazyFrame:
        """The edges, or the evidence, of which both ends are among these."""
        if ends.len() <= _FEW_NODES or fits_in_memory(self.counts[name]):
            return self._rows_at(name, ends, both=True).lazy()
        return self.scan(name).filter(_has_ends(ends, both=True))

    def _rows_at(
        self, name: str, ends: pl.Series, *, both: bool, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The edges, or the evidence, of which an end, or both, are among these."""
        columns = columns or list(FRAMES[name])
        if stored := self._large_file(name):
            rows = self._collect(stored.at(ends, both=both).select(columns), name)
        else:
            rows = self._frame(name).select(columns)
        return rows.filter(_has_ends(ends, both=both))

    def without_edges(self, ids: Iterable[str]) -> KnowledgeGraph:
        """The graph without these edges and their evidence (by edge id); all nodes stay."""
        removed = _as_list(ids)
        return self.with_frames(
            edges=self.scan("edges").filter(~pl.col("id").is_in(removed)),
            evidence=self.scan("evidence").filter(~pl.col("edge").is_in(removed)),
        )

    def with_predictions(self, predictions: pl.DataFrame) -> KnowledgeGraph:
        """The graph with these predictions, which replace all others of the same models.

        Raises:
            DataError: a column is wrong, or an end is no node of the graph.
        """
        predictions = conform(predictions, PREDICTIONS)
        if (wrong := predictions.filter(~pl.col("probability").is_between(0, 1))).height:
            raise DataError(f"probability {wrong['probability'][0]} is not between 0 and 1")
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

    # Conversions

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """A networkx graph: nodes by identifier with name and kind, edges keyed by relation."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for row in self.nodes.iter_rows(named=True):
            properties = parse_object(row["properties"])
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
        from .view import MOST_NODES, whole_view

        # Without the extra `plots` there is no drawing, and the `repr` is what can be shown.
        if not 0 < self.counts["nodes"] <= MOST_NODES or find_spec("bokeh") is None:
            return None
        return whole_view(self, repr(self))._repr_html_()

    def __repr__(self) -> str:
        counts = self.counts
        return (
            f"KnowledgeGraph({counts['nodes']:,} nodes, {counts['edges']:,} edges,"
            f" {counts['evidence']:,} pieces of evidence,"
            f" {counts['predictions']:,} predictions)"
        )


def _as_list(values: Iterable[str]) -> pl.Series:
    """Values as one list, which `is_in` takes."""
    return pl.Series(sorted(values), dtype=pl.String).implode()


def _has_ends(ends: pl.Series, *, both: bool) -> pl.Expr:
    """Whether an end of an edge, or both, are among these."""
    subject, tail = (pl.col(end).is_in(ends.implode()) for end in ("subject", "object"))
    return subject & tail if both else subject | tail


def _matching(relations: Sequence[str] | None, min_probability: float) -> pl.Expr:
    """Whether a row has one of these relations and at least this probability."""
    matching = pl.lit(True)
    if relations is not None:
        matching &= pl.col("relation").is_in(list(relations))
    if min_probability > 0:
        matching &= (pl.col("probability") >= min_probability).fill_null(False)
    return matching


def _steps(edges: pl.DataFrame, frontier: Iterable[str]) -> pl.DataFrame:
    """Edges as steps from the frontier's nodes: `start`, `end` and `probability`."""
    starts = pl.Series(sorted(frontier), dtype=pl.String).implode()
    return pl.concat(
        edges.filter(pl.col(start).is_in(starts)).select(
            pl.col(start).alias("start"), pl.col(end).alias("end"), "probability"
        )
        for start, end in (("subject", "object"), ("object", "subject"))
    )
