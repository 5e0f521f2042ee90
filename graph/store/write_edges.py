"""Relationships written to a server: created in bulk where none is there, else merged."""

from __future__ import annotations

from functools import cached_property

import polars as pl

from ..frames import EDGES
from ..kg import KnowledgeGraph
from .batching import LOOK_UP_ROWS, chunks, slices
from .connection import Connection, Workers
from .create import create_relationships
from .names import Cypher
from .read import framed
from .rows import (
    Advance,
    delete_relationships,
    edge_values,
    groups,
    merge_relationships,
    with_checksum,
    with_kinds,
)
from .stored import all_stored
from .summary import Counts

_FEW = 1_000  # relationships that are merged one by one, rather than created in bulk
_MANY_TIMES = 10  # from which on a few of so many relationships are looked up by their ends
_FROM = {"id": "subject", "kind": "_head", "number": "_from"}
_TO = {"id": "object", "kind": "_tail", "number": "_to"}


class EdgeWriter:
    """Writes edges of one graph as relationships of a server that has the graph's nodes.

    Args:
        advance: told how many relationships are written, each time some are.
    """

    def __init__(self, connection: Connection, kg: KnowledgeGraph, advance: Advance):
        self.connection = connection
        self.kg = kg
        self.advance = advance
        self._ids_by_type: dict[str, pl.Series] = {}
        self._counts_by_type: dict[str, int] = {}

    def write_all(self, workers: Workers) -> Counts:
        """Write all edges of the graph as they are, to a server that holds no evidence."""
        edges = Counts()
        total = self.kg.counts["edges"]
        relations = self.kg.scan("edges").select(pl.col("relation").unique()).collect()["relation"]
        for relation in sorted(relations):
            rows = self.kg.scan("edges").filter(pl.col("relation") == relation)
            edges += self._write_relation(relation, rows, workers)
        edges.unchanged = total - edges.added - edges.changed
        return edges

    def _write_relation(self, relation: str, edges: pl.LazyFrame, workers: Workers) -> Counts:
        """Write all edges of a relation; what is unchanged is not counted."""
        counts = Counts()
        height = edges.select(pl.len()).collect().item()
        given = pl.concat(
            with_checksum(part, EDGES).select("id", "checksum") for part in slices(edges, height)
        )
        match = Cypher(f"MATCH ()-[x:{self.connection.names.type_(relation)}]->()")
        n_stored = self.connection.fetch(f"{match} RETURN count(x)")[0][0]
        if all_stored(self.connection, match, given, n_stored):
            self.advance(height)
            return counts
        rows = self.connection.rows(f"{match} RETURN x.id, x.checksum") if n_stored else ()
        stored = framed(rows, {"id": pl.String, "checksum": pl.Int64})
        differing = given.join(stored, on=["id", "checksum"], how="anti")
        for part in slices(edges, height):
            part = with_checksum(part, EDGES).join(differing, on="id", how="semi")
            counts += self.create(part.join(stored, on="id", how="anti"), workers)
            changed = part.join(stored, on="id", how="semi")
            self.merge(changed, self.advance)
            counts.changed += changed.height
        return counts

    def merge(self, edges: pl.DataFrame, advance: Advance | None = None) -> None:
        """Write edges, whether or not their relationships are there."""
        merge_relationships(self.connection, with_kinds(self.connection, edges, self.kg), advance)

    def delete(self, edges: pl.DataFrame) -> None:
        """Delete the relationships of edges."""
        delete_relationships(self.connection, with_kinds(self.connection, edges, self.kg))

    def create(self, edges: pl.DataFrame, workers: Workers) -> Counts:
        """Write edges that no evidence on the server supports; returns when they are in."""
        if edges.height < _FEW:
            self.merge(edges, self.advance)
            return Counts(edges.height)
        edges = edges.join(self._ends.rename(_FROM), on="subject").join(
            self._ends.rename(_TO), on="object"
        )
        for (head, relation, tail), part in groups(edges, "_head", "relation", "_tail"):
            self._create_between(head, relation, tail, part, workers)
        return Counts(edges.height)

    def _create_between(
        self, head: str, relation: str, tail: str, edges: pl.DataFrame, workers: Workers
    ) -> None:
        """Create the relationships of one relation between nodes of two kinds."""
        name = self.connection.schema.relation(relation).name
        # A write that was interrupted may have left relationships whose evidence never came.
        there = self._ids_there(head, name, tail, edges)
        left_over = edges.filter(pl.col("id").is_in(there.implode()))
        merge_relationships(self.connection, left_over, self.advance)
        rows = edges.join(left_over, on="id", how="anti").drop("relation", "_head", "_tail")
        natives = {text: edge_values(text) for text in rows["properties"].unique().to_list()}

        def merge(part: pl.DataFrame) -> None:
            same = {"relation": pl.lit(name), "_head": pl.lit(head), "_tail": pl.lit(tail)}
            merge_relationships(self.connection, part.with_columns(**same))

        rounds = _rounds(rows, head == tail) if self.connection.server is None else [[rows]]
        for parts in rounds:
            for part in parts:
                create_relationships(
                    self.connection, workers, name, part, natives, merge, self.advance
                )
            workers.wait()

    @cached_property
    def _ends(self) -> pl.DataFrame:
        """Identifier and kind of every node of the graph, and the server's own identifier."""
        nodes = self.kg.scan("nodes").select("id", "kind").collect()
        number = Cypher("elementId(n)" if self.connection.server is not None else "id(n)")
        frames = []
        for (label,), part in groups(nodes, "kind"):
            query = (
                f"UNWIND $keys AS id MATCH (n:{self.connection.names.label(label)} {{id: id}})"
                f" RETURN collect(n.id), collect({number})"
            )
            for keys in chunks(part["id"], LOOK_UP_ROWS):
                ids, numbers = self.connection.fetch(query, keys=keys.to_list())[0]
                frames.append(
                    pl.DataFrame({"id": ids, "number": numbers}).with_columns(kind=pl.lit(label))
                )
        return pl.concat(frames)

    def _ids_there(self, head: str, name: str, tail: str, edges: pl.DataFrame) -> pl.Series:
        """The ids of those relationships that were there before this write made any: of all of a
        type, or, where edges are few beside these, of theirs."""
        if name in self._ids_by_type:
            return self._ids_by_type[name]
        names = self.connection.names
        match = Cypher(f"MATCH ()-[r:{names.type_(name)}]->()")
        if name not in self._counts_by_type:
            self._counts_by_type[name] = self.connection.fetch(f"{match} RETURN count(r)")[0][0]
        count = self._counts_by_type[name]
        ids: list[str] = []
        if count > _MANY_TIMES * edges.height:
            query = (
                f"UNWIND $rows AS row MATCH (:{names.label(head)} {{id: row[0]}})"
                f"-[r:{names.type_(name)}]->(:{names.label(tail)} {{id: row[1]}})"
                " RETURN collect(r.id)"
            )
            for ends in edges.select("subject", "object").iter_slices(LOOK_UP_ROWS):
                ids += self.connection.fetch(query, rows=[list(row) for row in ends.rows()])[0][0]
            return pl.Series(ids, dtype=pl.String)
        if count:
            ids = [row[0] for row in self.connection.rows(f"{match} RETURN r.id")]
        return self._ids_by_type.setdefault(name, pl.Series(ids, dtype=pl.String))


def _rounds(rows: pl.DataFrame, same_kind: bool) -> list[list[pl.DataFrame]]:
    """Rows in rounds of parts that have no end in common, so that none waits for another's lock.

    Args:
        same_kind: whether both ends are of one kind, and so may be the same node.
    """
    if rows.height < _FEW:
        return [[rows]]
    odd = {
        (a, b): rows.filter(pl.col("_from") % 2 == a, pl.col("_to") % 2 == b)
        for a in (0, 1)
        for b in (0, 1)
    }
    if same_kind:
        return [[odd[0, 0], odd[1, 1]], [odd[0, 1]], [odd[1, 0]]]
    return [[odd[0, 0], odd[1, 1]], [odd[0, 1], odd[1, 0]]]
