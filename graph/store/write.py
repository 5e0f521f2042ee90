"""A graph written to a server: what is there already is known by its checksum and left alone.

A write may be cut off at any moment; the same write again goes on from what it finds. To that end
relationships go before the evidence that speaks of them, so that evidence that is there says that
its relationship is, and what is created is created once (see `Connection.change_once`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import polars as pl

from ...core.errors import StoreError
from ...core.progress import progress
from ..document_readings import recorded_readings
from ..edges import edges_from
from ..frames import (
    EDGES,
    EVIDENCE,
    MERGES,
    NODES,
    STRING_LIST,
    Source,
    empty,
)
from ..kg import KnowledgeGraph
from . import journal
from .connection import Connection, Workers
from .create import create_nodes, create_relationships
from .journal import OWN_LABELS
from .prune import Pruning
from .read import (
    PREDICTED,
    framed,
    read_evidence,
    read_nodes,
    read_predictions,
    read_sources,
)
from .rows import (
    Advance,
    delete_predictions,
    delete_relationships,
    dicts,
    edge_change,
    edge_values,
    groups,
    merge_relationships,
    native,
    node_row,
    with_checksum,
    with_id,
    with_kinds,
    without_nulls,
)

_SLICE = 200_000  # rows of evidence or edges that are in memory as what is sent
_LOOKED_UP = 20_000
_FEW = 1_000  # relationships that are merged one by one, rather than created in bulk
_EDGES_AT_ONCE = 50_000
_KEYS = {"id": pl.String, "edge": pl.String, "source": pl.String, "checksum": pl.Int64}
_STORED = {"id": pl.String, "checksum": pl.Int64, "edge": pl.String}
_FROM = {"id": "subject", "kind": "_head", "number": "_from"}
_TO = {"id": "object", "kind": "_tail", "number": "_to"}

# Two sums of halves of the checksums, as one of the whole may be too large.
_HALF = 2**32
_SUMS = f"count(*), sum(x.checksum % {_HALF}), sum(x.checksum / {_HALF})"
_OURS = (
    pl.len(),
    (pl.col("checksum") % _HALF).sum().alias("low"),
    (pl.col("checksum") // _HALF).sum().alias("high"),
)


@dataclass
class Counts:
    """Rows of one sort that a write added, changed, removed, and found as they were."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.added:,} added, {self.changed:,} changed, {self.removed:,} removed,"
            f" {self.unchanged:,} unchanged"
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            *(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True))
        )


@dataclass
class WriteSummary:
    """What a write did. `replaced` counts the same models' earlier answers that were taken out."""

    nodes: Counts = field(default_factory=Counts)
    edges: Counts = field(default_factory=Counts)
    evidence: Counts = field(default_factory=Counts)
    predictions: Counts = field(default_factory=Counts)
    merges: Counts = field(default_factory=Counts)
    replaced: int = 0
    load: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{name}: {counts}" for name, counts in vars(self).items() if isinstance(counts, Counts)
        ]
        if self.replaced:
            lines.append(f"replaced predictions: {self.replaced:,}")
        return "\n".join([*lines, f"load: {self.load}"])


def write(
    on: Connection, kg: KnowledgeGraph, name: str | None, prune: bool, evidence: bool
) -> WriteSummary:
    """What `Store.write` does."""
    if prune and not evidence:
        raise StoreError("without evidence nothing can be pruned; write with it, or don't prune")
    counts = kg.counts
    rows = sum(counts[each] for each in ("nodes", "edges", "predictions"))
    rows += counts["evidence"] if evidence else 0
    with on.errors(), journal.writing(on) as check, progress("Writing the graph", rows) as moved:

        def advance(rows: int) -> None:
            check()
            moved(rows)

        return _Write(on, kg, advance).run(name, prune, evidence)


class _Write:
    """One write of a graph."""

    def __init__(self, on: Connection, kg: KnowledgeGraph, advance: Advance):
        self.on = on
        self.kg = kg
        self.advance = advance
        self.summary = WriteSummary()
        self.before = read_sources(on)
        self.load = ""
        self.changed = [pl.Series("id", [], dtype=pl.String)]  # edges

    def run(self, name: str | None, prune: bool, evidence: bool) -> WriteSummary:
        on, summary = self.on, self.summary
        kinds = self.kg.scan("nodes").select(pl.col("kind").unique()).collect()["kind"].sort()
        labels = [on.schema.kind(kind).label for kind in kinds]
        first = on.count("Evidence") == 0
        if not (first or evidence):
            raise StoreError(
                f"{on.uri} holds evidence, which its relationships come from; write with evidence"
            )
        with ThreadPoolExecutor(1) as pool:
            checksum = pool.submit(self.kg.checksum)
            keys = self._evidence_keys() if evidence else empty(_KEYS)
            how = f"{'prune ' * prune}{'' if evidence else 'relationships'}".strip()
            self.load = journal.begin(on, self.kg, name, checksum.result(), how)
        summary.load = self.load
        # A Neo4j builds an index quicker over many rows than row by row.
        later = first and on.server is None
        now = [label for label in OWN_LABELS if label != "Evidence" or not later]
        make_constraints(on, labels, now)
        sources = self._sources_after(prune)
        with Workers(1 if on.server is not None else 2) as workers:
            self._write_nodes(labels, workers)
            if evidence:
                self._write_evidence(keys, first, sources, workers)
            else:
                self._write_relationships(workers)
        if later:
            make_constraints(on, [], ["Evidence"])
        self._write_sources(sources)
        self._write_predictions(self.kg, summary, self.advance)
        summary.merges = self._write_table("Merge", with_id(self.kg.merges, list(MERGES)))
        # Documents that were read again say what they say now; all else of their source stays.
        read = None if prune else recorded_readings(self.kg).drop_nulls()["id"]
        if prune or (read is not None and read.len() and evidence and not first):
            Pruning(on, self.kg, keys, sources, pl.concat(self.changed), read).run(summary)
        journal.finish(on, self.load, summary.as_dict())
        return summary

    # Nodes

    def _write_nodes(self, labels: Sequence[str], workers: Workers) -> None:
        there = {label: self.on.count(label) for label in self.on.schema.kinds}
        for label in labels:
            rows = self.kg.scan("nodes").filter(pl.col("kind") == label).collect()
            given = with_checksum(rows, NODES)
            if self._agrees(f"MATCH (x:{label})", given, there[label]):
                self.summary.nodes.unchanged += given.height
                self.advance(given.height)
                continue
            stored = self._stored(label, given["id"], there[label])
            new = given.join(stored, on="id", how="anti")
            for other in sorted(set(there) - {label}):
                found = self._stored(other, new["id"], there[other])
                if found.height:
                    raise StoreError(
                        f"{found['id'][0]} is a {other} on {self.on.uri} and a {label} in the"
                        " graph; give it one kind and write again"
                    )
            natives = {text: native(text) for text in new["properties"].unique()}
            create_nodes(self.on, workers, label, new.drop("kind"), natives, self.advance)
            differing = given.join(stored, on=["id", "checksum"], how="anti").join(
                stored, on="id", how="semi"
            )
            changed = self._change_nodes(label, differing, stored)
            unchanged = given.height - new.height - changed
            self.advance(unchanged)
            self.summary.nodes += Counts(new.height, changed, 0, unchanged)
        workers.wait()

    def _change_nodes(self, label: str, differing: pl.DataFrame, stored: pl.DataFrame) -> int:
        """Unite nodes with what is there of them; returns how many that changes."""
        before = read_nodes(self.on, label, differing["id"])
        united = with_checksum(_united(before, differing.select(list(NODES))), NODES)
        changed = united.join(stored, on=["id", "checksum"], how="anti")
        gone = {
            row["id"]: dict.fromkeys((*native(row["properties"]), "properties"))
            for row in dicts(before)
        }
        self.on.send(
            f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n += row",
            ({**gone[row["id"]], **node_row(row)} for row in dicts(changed)),
            self.advance,
        )
        return changed.height

    # Evidence, and the edges that it gives

    def _evidence_keys(self) -> pl.DataFrame:
        """Id, edge, source and checksum of every piece of evidence given."""
        parts = [empty(_KEYS)]
        for part in _slices(self.kg.scan("evidence"), self.kg.counts["evidence"]):
            parts.append(with_checksum(part, EVIDENCE).select(list(_KEYS)))
        return pl.concat(parts)

    def _write_evidence(
        self, keys: pl.DataFrame, first: bool, sources: list[Source], workers: Workers
    ) -> None:
        """Write what is new or changed of the evidence, and the relationships that it concerns."""
        if first:
            self.summary.edges = self._write_first(keys["edge"], workers)
            self.summary.evidence = Counts(keys.height)
            return
        total = self.on.count("Evidence")
        again = _differing(self.before, sources)
        rest = keys.filter(~pl.col("source").is_in(self._agreeing_sources(keys, total)))
        stored = self._stored("Evidence", rest["id"], total)
        new = rest.join(stored, on="id", how="anti")
        changed = rest.join(stored, on=["id", "checksum"], how="anti").join(
            stored.select("id", was="edge"), on="id"
        )
        counts = Counts(new.height, changed.height)
        counts.unchanged = keys.height - counts.added - counts.changed
        self.summary.evidence = counts
        self.advance(counts.unchanged)
        news = pl.concat([new["id"], changed["id"]])
        touched = [new["edge"], changed["edge"], changed["was"], self._edges_of(again)]
        edges = Counts()
        for part in _chunks(pl.concat(touched).unique().sort(), _EDGES_AT_ONCE):
            edges += self._update_edges(part, news, changed["id"], sources, workers)
        edges.unchanged = self.kg.counts["edges"] - edges.added - edges.changed
        self.advance(max(edges.unchanged, 0))
        self.summary.edges = edges
        # Only now the evidence: as long as it is not there, the next write looks at its edges.
        for low, high in _bounds(pl.concat([new["edge"], changed["edge"]])):
            given = self._given(low, high)
            self._create_evidence(given.join(new, on="id", how="semi"), workers)
            differing = with_checksum(given.join(changed, on="id", how="semi"), EVIDENCE)
            self._replace_nodes("Evidence", self._of_load(differing), self.advance)
        workers.wait()

    def _write_first(self, edges: pl.Series, workers: Workers) -> Counts:
        """Write edges and evidence where there is no evidence; returns what became of the edges."""
        counts = Counts()
        with Workers(1) as behind:
            for low, high in _bounds(edges):
                within = (pl.col("id") >= low) & (pl.col("id") < high)
                counts += self._create_edges(
                    self.kg.scan("edges").filter(within).collect(), workers
                )
                # Its relationships are in; the next ones are made while it is written.
                one = workers if self.on.server is not None else behind
                self._create_evidence(self._given(low, high), one)
            behind.wait()
        workers.wait()
        return counts

    def _given(self, low: str, high: str) -> pl.DataFrame:
        """The given evidence of the edges from `low` up to `high`."""
        within = (pl.col("edge") >= low) & (pl.col("edge") < high)
        return self.kg.scan("evidence").filter(within).collect()

    def _create_evidence(self, rows: pl.DataFrame, workers: Workers) -> None:
        rows = self._of_load(with_checksum(rows, EVIDENCE))
        create_nodes(self.on, workers, "Evidence", rows, {}, self.advance)

    def _of_load(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(load=pl.lit(self.load))

    def _update_edges(
        self,
        edges: pl.Series,
        news: pl.Series,
        changed: pl.Series,
        sources: list[Source],
        workers: Workers,
    ) -> Counts:
        """Write what the evidence given and the evidence there make of some edges."""
        there = read_evidence(self.on, edges)
        given = self._given(edges[0], edges[-1] + "~").filter(
            pl.col("edge").is_in(edges.implode()), pl.col("id").is_in(news.implode())
        )
        after = pl.concat([there.filter(~pl.col("id").is_in(changed.implode())), given])
        change = edge_change(
            edges_from(there, self.before, self.on.schema),
            edges_from(after, sources, self.on.schema),
        )
        counts = self._create_edges(change.new, workers)
        merge_relationships(self.on, self._with_kinds(change.changed), self.advance)
        delete_relationships(self.on, self._with_kinds(change.removed))
        self.changed.append(pl.concat([change.new["id"], change.changed["id"]]))
        return counts + Counts(0, change.changed.height, change.removed.height)

    def _edges_of(self, sources: list[str]) -> pl.Series:
        """The edges there of which these sources' evidence speaks."""
        query = "MATCH (e:Evidence) WHERE e.source IN $sources RETURN DISTINCT e.edge"
        found = self.on.rows(query, sources=sources) if sources else ()
        return pl.Series([row[0] for row in found], dtype=pl.String)

    def _write_relationships(self, workers: Workers) -> None:
        """Write edges alone, as they are in the graph."""
        edges = Counts()
        total = self.kg.counts["edges"]
        relations = self.kg.scan("edges").select(pl.col("relation").unique()).collect()["relation"]
        for relation in sorted(relations):
            own = self.kg.scan("edges").filter(pl.col("relation") == relation)
            rows = own.select(pl.len()).collect().item()
            keys = [
                with_checksum(part, EDGES).select("id", "checksum") for part in _slices(own, rows)
            ]
            given = pl.concat(keys)
            pattern = f"MATCH ()-[x:{relation}]->()"
            there = self.on.fetch(f"{pattern} RETURN count(x)")[0][0]
            if self._agrees(pattern, given, there):
                self.advance(rows)
                continue
            found = self.on.rows(f"{pattern} RETURN x.id, x.checksum") if there else ()
            stored = framed(found, {"id": pl.String, "checksum": pl.Int64})
            news = given.join(stored, on=["id", "checksum"], how="anti")
            for part in _slices(own, rows):
                part = with_checksum(part, EDGES).join(news, on="id", how="semi")
                edges += self._create_edges(part.join(stored, on="id", how="anti"), workers)
                changed = part.join(stored, on="id", how="semi")
                merge_relationships(self.on, self._with_kinds(changed), self.advance)
                edges.changed += changed.height
        edges.unchanged = total - edges.added - edges.changed
        self.summary.edges = edges

    def _create_edges(self, edges: pl.DataFrame, workers: Workers) -> Counts:
        """Write edges that no evidence there speaks of; returns when they are in."""
        if edges.height < _FEW:
            merge_relationships(self.on, self._with_kinds(edges), self.advance)
            return Counts(edges.height)
        edges = edges.join(self._ends.rename(_FROM), on="subject").join(
            self._ends.rename(_TO), on="object"
        )
        for (head, relation, tail), part in groups(edges, "_head", "relation", "_tail"):
            name = self.on.schema.relation(relation).name
            # A write that was interrupted may have left relationships whose evidence never came.
            left = part.filter(pl.col("id").is_in(self._relationships(name).implode()))
            merge_relationships(self.on, left, self.advance)
            rows = part.join(left, on="id", how="anti").drop("relation", "_head", "_tail")
            natives = {text: edge_values(text) for text in rows["properties"].unique().to_list()}

            def merge(
                part: pl.DataFrame, name: str = name, head: str = head, tail: str = tail
            ) -> None:
                same = {"relation": pl.lit(name), "_head": pl.lit(head), "_tail": pl.lit(tail)}
                merge_relationships(self.on, part.with_columns(**same))

            for block in _blocks(rows, head == tail) if self.on.server is None else [[rows]]:
                for some in block:
                    create_relationships(self.on, workers, name, some, natives, merge, self.advance)
                workers.wait()
        return Counts(edges.height)

    def _with_kinds(self, edges: pl.DataFrame) -> pl.DataFrame:
        return with_kinds(self.on, edges, self.kg)

    @cached_property
    def _ends(self) -> pl.DataFrame:
        """Identifier and kind of every node given, and the server's own identifier."""
        nodes = self.kg.scan("nodes").select("id", "kind").collect()
        number = "elementId(n)" if self.on.server is not None else "id(n)"
        parts = []
        for (label,), part in groups(nodes, "kind"):
            query = (
                f"UNWIND $keys AS id MATCH (n:{label} {{id: id}})"
                f" RETURN collect(n.id), collect({number})"
            )
            for keys in _chunks(part["id"], _LOOKED_UP):
                ids, numbers = self.on.fetch(query, keys=keys.to_list())[0]
                parts.append(
                    pl.DataFrame({"id": ids, "number": numbers}).with_columns(kind=pl.lit(label))
                )
        return pl.concat(parts)

    def _relationships(self, name: str) -> pl.Series:
        """The ids of the relationships of a type that were there before this write made any."""
        if name not in self._left:
            pattern = f"MATCH ()-[r:{name}]->()"
            there = self.on.fetch(f"{pattern} RETURN count(r)")[0][0]
            found = self.on.rows(f"{pattern} RETURN r.id") if there else ()
            self._left[name] = pl.Series([row[0] for row in found], dtype=pl.String)
        return self._left[name]

    @cached_property
    def _left(self) -> dict[str, pl.Series]:
        return {}

    # Sources and tables

    def _sources_after(self, prune: bool) -> list[Source]:
        """The sources that the server has after this write."""
        names = {source.name for source in self.kg.sources} if prune else set()
        kept = {source for source in self.before if source.name not in names}
        return sorted(kept.union(self.kg.sources))

    def _write_sources(self, sources: list[Source]) -> None:
        rows = [asdict(source) for source in sources]
        if rows:
            given = with_id(pl.DataFrame(rows), list(rows[0]))
            self._write_table("Source", given)
            self.on.change(
                "MATCH (n:Source) WHERE n.checksum IS NOT NULL AND NOT n.id IN $ids DELETE n",
                ids=given["id"].to_list(),
            )

    def _write_table(self, label: str, rows: pl.DataFrame) -> Counts:
        news, counts = _news(rows, self._stored(label, rows["id"], self.on.count(label)))
        self._replace_nodes(label, news)
        return counts

    def _replace_nodes(
        self, label: str, rows: pl.DataFrame, advance: Advance | None = None
    ) -> None:
        """Write nodes that are the store's own: what a row doesn't say, the node doesn't keep."""
        self.on.send(
            f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n = row",
            map(without_nulls, dicts(rows)),
            advance,
        )

    # What is there

    def _agrees(self, match: str, given: pl.DataFrame, there: int) -> bool:
        """Whether the server has just the rows that are given, by the sums of their checksums.

        Args:
            match: what binds the server's rows to `x`.
            there: how many that are.
        """
        if there != given.height or not there:
            return False
        found = self.on.fetch(f"{match} WHERE x.checksum IS NOT NULL RETURN {_SUMS}")
        return bool(given.select(_OURS).row(0) == tuple(found[0]))

    def _agreeing_sources(self, keys: pl.DataFrame, total: int) -> list[str]:
        """The sources of which the server has just the evidence that is given."""
        if keys.height < total / 4:  # to look these few up is quicker
            return []
        found = self.on.fetch(
            f"MATCH (x:Evidence) WHERE x.checksum IS NOT NULL RETURN {_SUMS}, x.source"
        )
        ours = {name: tuple(row) for name, *row in keys.group_by("source").agg(_OURS).iter_rows()}
        return sorted(name for *sums, name in found if ours.get(name) == tuple(sums))

    def _stored(self, label: str, ids: pl.Series, total: int) -> pl.DataFrame:
        """Id, checksum and edge (of evidence) of the nodes of these ids that are there."""
        parts = [empty(_STORED)]
        query = (
            f"UNWIND $keys AS id MATCH (n:{label} {{id: id}})"
            " RETURN collect(n.id), collect(coalesce(n.checksum, -1)),"
            " collect(coalesce(n.edge, ''))"
        )
        for keys in _chunks(ids, _LOOKED_UP) if total else ():
            columns = self.on.fetch(query, keys=keys.to_list())[0]
            parts.append(pl.DataFrame(columns, schema=dict(_STORED)))
        return pl.concat(parts)

    def _write_predictions(
        self, kg: KnowledgeGraph, summary: WriteSummary, advance: Advance
    ) -> None:
        given = with_id(kg.predictions, ["model", "head", "relation", "tail"])
        if given.is_empty():
            return
        models = sorted(given["model"].unique())
        stored = read_predictions(self.on, models)
        question = ["model", "relation", "direction", "_asked"]
        gone = _with_asked(stored.join(given, on="id", how="anti")).join(
            _with_asked(given), on=question, how="semi"
        )
        delete_predictions(self.on, gone)
        summary.replaced = gone.height
        news, summary.predictions = _news(given, stored.select("id", "checksum"))
        advance(summary.predictions.unchanged)
        kinds = kg.nodes.select("id", "kind")
        joined = news.join(kinds.rename({"id": "head", "kind": "_head"}), on="head").join(
            kinds.rename({"id": "tail", "kind": "_tail"}), on="tail"
        )
        for (head, name, tail), part in groups(joined, "_head", "relation", "_tail"):
            self.on.send(
                f"UNWIND $rows AS row MATCH (h:{self.on.schema.kind(head).label} {{id: row.head}})"
                f" MATCH (t:{self.on.schema.kind(tail).label} {{id: row.tail}})"
                f" MERGE (h)-[p:{PREDICTED}{self.on.schema.relation(name).name}"
                " {id: row.id}]->(t)"
                " SET p += row.values",
                (
                    {
                        "id": row["id"],
                        "head": row["head"],
                        "tail": row["tail"],
                        "values": {
                            name: value
                            for name, value in row.items()
                            if name not in ("head", "relation", "tail", "_head", "_tail")
                        },
                    }
                    for row in dicts(part)
                ),
                advance,
            )


def _blocks(rows: pl.DataFrame, same: bool) -> list[list[pl.DataFrame]]:
    """Rows in rounds of parts that have no end in common, so that none waits for another's lock."""
    if rows.height < _FEW:
        return [[rows]]
    odd = {
        (a, b): rows.filter(pl.col("_from") % 2 == a, pl.col("_to") % 2 == b)
        for a in (0, 1)
        for b in (0, 1)
    }
    if same:
        return [[odd[0, 0], odd[1, 1]], [odd[0, 1]], [odd[1, 0]]]
    return [[odd[0, 0], odd[1, 1]], [odd[0, 1], odd[1, 0]]]


def _differing(before: Iterable[Source], after: Iterable[Source]) -> list[str]:
    """The sources whose reliability, the least of all releases, differs."""

    def least(sources: Iterable[Source]) -> dict[str, float]:
        best: dict[str, float] = {}
        for source in sources:
            best[source.name] = min(source.reliability, best.get(source.name, 1.0))
        return best

    old, new = least(before), least(after)
    return sorted(name for name in old if name in new and old[name] != new[name])


def _bounds(edges: pl.Series) -> list[tuple[str, str]]:
    """Ranges of edge ids that each cover about as many of these as are sent at a time."""
    ordered = edges.sort()
    count = -(-ordered.len() // _SLICE) or 1
    between = [str(ordered[place * ordered.len() // count]) for place in range(1, count)]
    return list(pairwise(["", *between, "~"]))


def _slices(rows: pl.LazyFrame, count: int) -> Iterator[pl.DataFrame]:
    for start in range(0, count, _SLICE):
        yield rows.slice(start, _SLICE).collect()


def _chunks(values: pl.Series, size: int) -> Iterator[pl.Series]:
    for start in range(0, values.len(), size):
        yield values.slice(start, size)


def statements(kinds: Iterable[str], own: Iterable[str] = OWN_LABELS) -> list[str]:
    """What makes the constraints and indexes of these kinds and of what the store itself keeps."""
    kinds, own = list(kinds), list(own)
    keys = [(kind, "name_key") for kind in kinds]
    if "Evidence" in own:
        keys += [("Evidence", "edge"), ("Evidence", "subject")]
    return [
        *(
            f"CREATE CONSTRAINT medkg_{label}_id IF NOT EXISTS FOR (n:{label})"
            " REQUIRE n.id IS UNIQUE"
            for label in (*kinds, *own)
        ),
        *(
            f"CREATE INDEX medkg_{label}_{key} IF NOT EXISTS FOR (n:{label}) ON (n.{key})"
            for label, key in keys
        ),
    ]


def make_constraints(on: Connection, kinds: Iterable[str], own: Iterable[str] = OWN_LABELS) -> None:
    """Make the constraints and indexes of these kinds and labels, where they are not there."""
    for statement in statements(kinds, own):
        on.change(statement)


def _news(given: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, Counts]:
    """The rows that are not stored, or not with this checksum, and the counts."""
    new = given.join(stored, on="id", how="anti").height
    news = given.join(stored, on=["id", "checksum"], how="anti")
    return news, Counts(new, news.height - new, unchanged=given.height - news.height)


def _with_asked(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the node that was asked about: the head, where tails were ranked."""
    asked = pl.when(pl.col("direction") == "head").then("tail").otherwise("head")
    return predictions.with_columns(_asked=asked)


def _united(before: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Nodes of the same ids joined: the given name and properties win, the lists unite."""
    if given.is_empty():
        return given
    both = given.join(before, on="id", how="left", suffix="_before", maintain_order="left")

    def joined(given: str | None, before: str | None) -> str | None:
        if given is None or before is None or given == before:
            return before if given is None else given
        return json.dumps({**json.loads(before), **json.loads(given)}, ensure_ascii=False)

    pairs = both.select("properties", "properties_before").iter_rows()
    properties = [joined(*pair) for pair in pairs]
    none = pl.lit([], dtype=STRING_LIST)
    lists = {
        name: pl.col(name).list.set_union(pl.col(f"{name}_before").fill_null(none)).list.sort()
        for name in ("synonyms", "xrefs")
    }
    return both.with_columns(**lists, properties=pl.Series(properties, dtype=pl.String)).select(
        list(NODES)
    )
