"""A graph written to a server: what is there already is known by its checksum and left alone.

A write may be interrupted at any moment; the same write again goes on from what it finds. To that
end relationships are written before the evidence that supports them, so that evidence that is there
proves that its relationship is, and what is created is created once (see `Connection.change_once`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import polars as pl

from ...core.errors import StoreError
from ...core.json_reading import parse_object
from ...core.progress import progress
from ..document_readings import recorded_readings
from ..edges import edges_from
from ..frames import (
    EVIDENCE,
    MERGES,
    NODES,
    STRING_LIST,
    Columns,
    Source,
    empty,
)
from ..kg import KnowledgeGraph
from . import journal
from .aliases import write_aliases
from .batching import chunks, id_ranges, slices
from .connection import Connection, Workers
from .constraints import make_constraints
from .create import create_nodes
from .names import OWN_LABELS, Cypher
from .prune import Pruning
from .read import read_evidence, read_merge_ends, read_nodes, read_sources
from .relationships import doubtful_relationships, mend_relationships
from .rows import (
    Advance,
    dicts,
    edge_change,
    native,
    node_row,
    with_checksum,
    with_id,
    without_nulls,
)
from .stored import all_stored, new_or_changed, sources_all_stored, stored_rows
from .summary import Counts, WriteSummary
from .write_edges import EdgeWriter
from .write_predictions import write_predictions

_EDGES_AT_ONCE = 50_000
_KEYS: Columns = {"id": pl.String, "edge": pl.String, "source": pl.String, "checksum": pl.Int64}


def write(
    connection: Connection, kg: KnowledgeGraph, name: str | None, prune: bool, evidence: bool
) -> WriteSummary:
    """What `Store.write` does."""
    if prune and not evidence:
        raise StoreError("without evidence nothing can be pruned; write with it, or don't prune")
    counts = kg.counts
    rows = sum(counts[each] for each in ("nodes", "edges", "predictions"))
    rows += counts["evidence"] if evidence else 0
    with (
        connection.errors(),
        journal.writing(connection) as writer,
        progress("Writing the graph", rows) as advance,
    ):
        return _Write(writer, kg, advance).run(name, prune, evidence)


class _Write:
    """One write of a graph.

    Attributes:
        sources_before: what the server has when the write begins.
        load: the id of the record of this write.
        after_a_cut: whether an earlier write was cut off.
        changed_edges: the ids of edges that were written or changed.
    """

    def __init__(self, connection: Connection, kg: KnowledgeGraph, advance: Advance):
        self.connection = connection
        self.kg = kg
        self.advance = advance
        self.summary = WriteSummary()
        self.edges = EdgeWriter(connection, kg, advance)
        self.sources_before = read_sources(connection)
        self.load = ""
        self.after_a_cut = False
        self.changed_edges = [pl.Series("id", [], dtype=pl.String)]

    def run(self, name: str | None, prune: bool, evidence: bool) -> WriteSummary:
        """Write the graph; see `Store.write`."""
        connection, summary = self.connection, self.summary
        kinds = self.kg.scan("nodes").select(pl.col("kind").unique()).collect()["kind"].sort()
        labels = [connection.schema.kind(kind).label for kind in kinds]
        self.kg.check_names(connection.schema, "the graph given")
        is_first = connection.count("Evidence") == 0
        if not (is_first or evidence):
            raise StoreError(
                f"{connection.uri} holds evidence, which its relationships come from; write with"
                " evidence"
            )
        keys = self._begin(name, prune, evidence)
        summary.load = self.load
        # A Neo4j builds an index faster over many rows than row by row.
        index_later = is_first and connection.server is None
        now = [label for label in OWN_LABELS if label != "Evidence" or not index_later]
        make_constraints(connection, labels, now)
        sources = self._sources_after(prune)
        with Workers(1 if connection.server is not None else 2) as workers:
            self._write_nodes(labels, workers)
            if evidence:
                self._write_evidence(keys, is_first, sources, workers)
            else:
                summary.edges = self.edges.write_all(workers)
        if index_later:
            make_constraints(connection, [], ["Evidence"])
        self._write_sources(sources)
        write_predictions(connection, self.kg, summary, self.advance)
        summary.merges = self._write_table("Merge", with_id(self.kg.merges, list(MERGES)))
        write_aliases(connection, read_merge_ends(connection), self.kg.merges)
        # Documents that were read again say what they say now; all else of their source stays.
        documents = None if prune else recorded_readings(self.kg).drop_nulls()["id"]
        if prune or (documents is not None and documents.len() and evidence and not is_first):
            changed = pl.concat(self.changed_edges)
            Pruning(connection, self.kg, keys, sources, changed, documents).run(summary)
        if self.after_a_cut:
            doubtful = doubtful_relationships(connection)
            mend_relationships(connection, doubtful)
            summary.mended = doubtful.height
        journal.finish(connection, self.load, summary.as_dict())
        return summary

    def _begin(self, name: str | None, prune: bool, evidence: bool) -> pl.DataFrame:
        """Record that the write begins; returns the keys of the evidence given."""
        with ThreadPoolExecutor(1) as pool:
            checksum = pool.submit(self.kg.checksum)
            keys = self._evidence_keys() if evidence else empty(_KEYS)
            how = f"{'prune ' * prune}{'' if evidence else 'relationships'}".strip()
            self.load, self.after_a_cut = journal.begin(
                self.connection, self.kg, name, checksum.result(), how
            )
        return keys

    # Nodes

    def _write_nodes(self, labels: Sequence[str], workers: Workers) -> None:
        n_stored = {label: self.connection.count(label) for label in self.connection.schema.kinds}
        for label in labels:
            rows = self.kg.scan("nodes").filter(pl.col("kind") == label).collect()
            given = with_checksum(rows, NODES)
            match = Cypher(f"MATCH (x:{self.connection.names.label(label)})")
            if all_stored(self.connection, match, given, n_stored[label]):
                self.summary.nodes.unchanged += given.height
                self.advance(given.height)
                continue
            self.summary.nodes += self._write_kind(label, given, n_stored, workers)
        workers.wait()

    def _write_kind(
        self, label: str, given: pl.DataFrame, n_stored: dict[str, int], workers: Workers
    ) -> Counts:
        """Write the nodes of one kind.

        Args:
            n_stored: how many nodes of each kind the server has.
        """
        stored = stored_rows(self.connection, label, given["id"], n_stored[label])
        new = given.join(stored, on="id", how="anti")
        for other in sorted(set(n_stored) - {label}):
            clashes = stored_rows(self.connection, other, new["id"], n_stored[other])
            if clashes.height:
                raise StoreError(
                    f"{clashes['id'][0]} is a {other} on {self.connection.uri} and a {label} in the"
                    " graph; give it one kind and write again"
                )
        natives = {text: native(text) for text in new["properties"].unique()}
        create_nodes(self.connection, workers, label, new.drop("kind"), natives, self.advance)
        differing = given.join(stored, on=["id", "checksum"], how="anti").join(
            stored, on="id", how="semi"
        )
        changed = self._change_nodes(label, differing, stored)
        unchanged = given.height - new.height - changed
        self.advance(unchanged)
        return Counts(new.height, changed, 0, unchanged)

    def _change_nodes(self, label: str, differing: pl.DataFrame, stored: pl.DataFrame) -> int:
        """Unite nodes with what is there of them; returns how many that changes."""
        before = read_nodes(self.connection, label, differing["id"])
        united = with_checksum(_united(before, differing.select(list(NODES))), NODES)
        changed = united.join(stored, on=["id", "checksum"], how="anti")
        # What a property's name may hold no longer is set to null.
        absent = {
            row["id"]: dict.fromkeys((*native(row["properties"]), "properties"))
            for row in dicts(before)
        }
        self.connection.send(
            f"UNWIND $rows AS row MERGE (n:{self.connection.names.label(label)} {{id: row.id}})"
            " SET n += row",
            ({**absent[row["id"]], **node_row(row)} for row in dicts(changed)),
            self.advance,
        )
        return changed.height

    # Evidence, and the edges that it gives

    def _evidence_keys(self) -> pl.DataFrame:
        """Id, edge, source and checksum of every piece of evidence given."""
        frames = [empty(_KEYS)]
        for part in slices(self.kg.scan("evidence"), self.kg.counts["evidence"]):
            frames.append(with_checksum(part, EVIDENCE).select(list(_KEYS)))
        return pl.concat(frames)

    def _write_evidence(
        self, keys: pl.DataFrame, is_first: bool, sources: list[Source], workers: Workers
    ) -> None:
        """Write what is new or changed of the evidence, and the relationships that it concerns."""
        if is_first:
            self.summary.edges = self._write_first(keys["edge"], workers)
            self.summary.evidence = Counts(keys.height)
            return
        n_stored = self.connection.count("Evidence")
        complete = sources_all_stored(self.connection, keys, n_stored)
        rest = keys.filter(~pl.col("source").is_in(complete))
        stored = stored_rows(self.connection, "Evidence", rest["id"], n_stored)
        new = rest.join(stored, on="id", how="anti")
        changed = rest.join(stored, on=["id", "checksum"], how="anti").join(
            stored.select("id", was="edge"), on="id"
        )
        unchanged = keys.height - new.height - changed.height
        self.summary.evidence = Counts(new.height, changed.height, unchanged=unchanged)
        self.advance(unchanged)
        edges = self._update_edges(new, changed, sources, workers)
        edges.unchanged = self.kg.counts["edges"] - edges.added - edges.changed
        self.advance(max(edges.unchanged, 0))
        self.summary.edges = edges
        # Only now the evidence: as long as it is not there, the next write looks at its edges.
        for low, high in id_ranges(pl.concat([new["edge"], changed["edge"]])):
            given = self._given(low, high)
            self._create_evidence(given.join(new, on="id", how="semi"), workers)
            differing = with_checksum(given.join(changed, on="id", how="semi"), EVIDENCE)
            self._replace_evidence(differing)
        workers.wait()

    def _write_first(self, edges: pl.Series, workers: Workers) -> Counts:
        """Write edges and evidence where there is no evidence; returns what became of the edges."""
        counts = Counts()
        with Workers(1) as behind:
            for low, high in id_ranges(edges):
                within = (pl.col("id") >= low) & (pl.col("id") < high)
                counts += self.edges.create(self.kg.scan("edges").filter(within).collect(), workers)
                # Its relationships are in; the next ones are made while it is written.
                evidence_workers = workers if self.connection.server is not None else behind
                self._create_evidence(self._given(low, high), evidence_workers)
            behind.wait()
        workers.wait()
        return counts

    def _given(self, low: str, high: str) -> pl.DataFrame:
        """The given evidence of the edges from `low` up to `high`."""
        within = (pl.col("edge") >= low) & (pl.col("edge") < high)
        return self.kg.scan("evidence").filter(within).collect()

    def _create_evidence(self, rows: pl.DataFrame, workers: Workers) -> None:
        rows = self._of_load(with_checksum(rows, EVIDENCE))
        create_nodes(self.connection, workers, "Evidence", rows, {}, self.advance)

    def _replace_evidence(self, rows: pl.DataFrame) -> None:
        """Write evidence in place of what is there of it, which keeps its first load."""
        self.connection.send(
            "UNWIND $rows AS row MERGE (e:Evidence {id: row.id})"
            " WITH e, row, coalesce(e.first_load, e.load) AS first_load"
            " SET e = row SET e.first_load = first_load",
            map(without_nulls, dicts(self._of_load(rows))),
            self.advance,
        )

    def _of_load(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(load=pl.lit(self.load))

    def _update_edges(
        self, new: pl.DataFrame, changed: pl.DataFrame, sources: list[Source], workers: Workers
    ) -> Counts:
        """Write the edges of new or changed evidence, and of sources with another reliability.

        Args:
            new: `id` and `edge` of evidence that the server lacks.
            changed: `id`, `edge` and the edge that it `was` of, of evidence that differs there.
        """
        written = pl.concat([new["id"], changed["id"]])
        reliability_changed = _differing(self.sources_before, sources)
        edges = [new["edge"], changed["edge"], changed["was"], self._edges_of(reliability_changed)]
        counts = Counts()
        for part in chunks(pl.concat(edges).unique().sort(), _EDGES_AT_ONCE):
            counts += self._recombine(part, written, changed["id"], sources, workers)
        return counts

    def _recombine(
        self,
        edges: pl.Series,
        written: pl.Series,
        changed: pl.Series,
        sources: list[Source],
        workers: Workers,
    ) -> Counts:
        """Write what the evidence given and the evidence there make of some edges.

        Args:
            edges: their ids, sorted.
            written: ids of the evidence that this write writes.
            changed: those of it that are there already, with other content.
        """
        stored = read_evidence(self.connection, edges)
        given = self._given(edges[0], edges[-1] + "~").filter(
            pl.col("edge").is_in(edges.implode()), pl.col("id").is_in(written.implode())
        )
        after = pl.concat([stored.filter(~pl.col("id").is_in(changed.implode())), given])
        change = edge_change(
            edges_from(stored, self.sources_before, self.connection.schema),
            edges_from(after, sources, self.connection.schema),
        )
        counts = self.edges.create(change.new, workers)
        self.edges.merge(change.changed, self.advance)
        self.edges.delete(change.removed)
        self.changed_edges.append(pl.concat([change.new["id"], change.changed["id"]]))
        return counts + Counts(0, change.changed.height, change.removed.height)

    def _edges_of(self, sources: list[str]) -> pl.Series:
        """The edges there that evidence of these sources is about."""
        query = "MATCH (e:Evidence) WHERE e.source IN $sources RETURN DISTINCT e.edge"
        rows = self.connection.rows(query, sources=sources) if sources else ()
        return pl.Series([row[0] for row in rows], dtype=pl.String)

    # Sources and tables

    def _sources_after(self, prune: bool) -> list[Source]:
        """The sources that the server has after this write."""
        names = {source.name for source in self.kg.sources} if prune else set()
        kept = {source for source in self.sources_before if source.name not in names}
        return sorted(kept.union(self.kg.sources))

    def _write_sources(self, sources: list[Source]) -> None:
        rows = [asdict(source) for source in sources]
        if rows:
            given = with_id(pl.DataFrame(rows), list(rows[0]))
            self._write_table("Source", given)
            self.connection.change(
                "MATCH (n:Source) WHERE n.checksum IS NOT NULL AND NOT n.id IN $ids DELETE n",
                ids=given["id"].to_list(),
            )

    def _write_table(self, label: str, rows: pl.DataFrame) -> Counts:
        """Write rows as nodes of a label of the store's own."""
        stored = stored_rows(self.connection, label, rows["id"], self.connection.count(label))
        rows, counts = new_or_changed(rows, stored)
        self._replace_nodes(label, rows)
        return counts

    def _replace_nodes(self, label: str, rows: pl.DataFrame) -> None:
        """Write nodes that are the store's own: what a row doesn't say, the node doesn't keep."""
        self.connection.send(
            f"UNWIND $rows AS row MERGE (n:{self.connection.names.label(label)} {{id: row.id}})"
            " SET n = row",
            map(without_nulls, dicts(rows)),
        )


def _differing(before: Iterable[Source], after: Iterable[Source]) -> list[str]:
    """The sources whose reliability, the least of all releases, differs."""

    def least(sources: Iterable[Source]) -> dict[str, float]:
        best: dict[str, float] = {}
        for source in sources:
            best[source.name] = min(source.reliability, best.get(source.name, 1.0))
        return best

    old, new = least(before), least(after)
    return sorted(name for name in old if name in new and old[name] != new[name])


def _united(before: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Nodes of the same ids joined: the given name and properties win, the lists unite."""
    if given.is_empty():
        return given
    both = given.join(before, on="id", how="left", suffix="_before", maintain_order="left")

    def joined(given: str | None, before: str | None) -> str | None:
        if given is None or before is None or given == before:
            return before if given is None else given
        return json.dumps({**parse_object(before), **parse_object(given)}, ensure_ascii=False)

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
