"""A graph written to a server: what is there already is known by its checksum and left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from .bulk import BulkRefused, create_nodes, create_relationships
from .connection import Connection, Row, ahead, batches
from .embedded import Server
from .errors import StoreError
from .frames import EDGES, EVIDENCE, MERGES, NODES, TEXTS, Source, edges_from
from .identifiers import content_ids
from .kg import KnowledgeGraph
from .progress import progress
from .read import PREDICTED, framed, read_evidence, read_nodes, read_predictions, read_sources
from .schema import Relation

OWN_LABELS = ("Evidence", "Source", "Merge")
_BULK_FROM = 1_000  # rows; fewer go over Bolt
_BULK_BATCH = 50_000
_BULK_BYTES = 32_000_000
EDGE_VALUES = ("id", "probability", "evidence_count", "sources")


@dataclass
class Counts:
    """Rows of one sort that a write added, changed, and found as they were."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} added, {self.changed:,} changed, {self.unchanged:,} unchanged"


@dataclass
class WriteSummary:
    """What a write did. `replaced` counts the same models' earlier answers that were taken out."""

    nodes: Counts = field(default_factory=Counts)
    edges: Counts = field(default_factory=Counts)
    evidence: Counts = field(default_factory=Counts)
    predictions: Counts = field(default_factory=Counts)
    merges: Counts = field(default_factory=Counts)
    replaced: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{name}: {counts}" for name, counts in vars(self).items() if name != "replaced"]
        if self.replaced:
            lines.append(f"replaced predictions: {self.replaced:,}")
        return "\n".join(lines)


class Writer:
    """Writes graphs over a connection."""

    def __init__(self, on: Connection):
        self.on = on

    def write(self, kg: KnowledgeGraph) -> WriteSummary:
        """What `Store.write` does."""
        summary = WriteSummary()
        rows = sum(frame.height for frame in (kg.nodes, kg.edges, kg.evidence, kg.predictions))
        alone = self.on.server.writing() if self.on.server is not None else nullcontext()
        with alone, self.on.errors(), progress("Writing the graph", rows) as advance:
            self.make_constraints(sorted(kg.nodes["kind"].unique()))
            summary.nodes = self._write_nodes(kg.nodes, advance)
            self._write_sources(kg.sources)
            # Relationships before their evidence: whatever is interrupted in between, evidence that
            # is there says that its relationship is.
            stored = self._stored_evidence(kg.evidence)
            evidence, summary.evidence = _news(with_checksum(kg.evidence, EVIDENCE), stored)
            summary.edges = self._write_edges(kg, evidence, stored, advance)
            new = evidence.join(stored, on="id", how="anti")
            self._add_nodes("Evidence", new.height, map(_without_nulls, _dicts(new)), advance)
            changed = evidence.join(stored, on="id", how="semi")
            self._replace_nodes("Evidence", changed, advance)
            advance(summary.evidence.unchanged)
            self._write_predictions(kg, summary, advance)
            summary.merges = self._write_table("Merge", with_id(kg.merges, list(MERGES)))
        return summary

    def make_constraints(self, kinds: Sequence[str]) -> None:
        with self.on.driver.session(database=self.on.database) as session:
            for statement in statements(self.on.schema.kind(kind).label for kind in kinds):
                session.run(statement).consume()

    def _write_nodes(self, nodes: pl.DataFrame, advance: Callable[..., None]) -> Counts:
        total = Counts()
        labels = set(self.on.labels())
        for kind in sorted(nodes["kind"].unique()):
            given = with_checksum(nodes.filter(kind=kind), NODES)
            stored = self._checksums(kind, given["id"])
            new = given.join(stored, on="id", how="anti")
            for other in sorted((labels & set(self.on.schema.kinds)) - {kind}):
                there = self._checksums(other, new["id"])
                if there.height:
                    raise StoreError(
                        f"{there['id'][0]} is a {other} on {self.on.uri} and a {kind} in the graph;"
                        " give it one kind and write again"
                    )
            differing = given.join(stored, on=["id", "checksum"], how="anti").join(
                stored, on="id", how="semi"
            )
            before = read_nodes(self.on, kind, differing["id"])
            united = with_checksum(_united(before, differing.select(list(NODES))), NODES)
            changed = united.join(stored, on=["id", "checksum"], how="anti")
            advance(given.height - new.height - changed.height)
            self._add_nodes(kind, new.height, map(node_row, _dicts(new)), advance)
            gone = {
                row["id"]: dict.fromkeys((*native(row["properties"]), "properties"))
                for row in _dicts(before)
            }
            self.on.send(
                f"UNWIND $rows AS row MERGE (n:{kind} {{id: row.id}}) SET n += row",
                ({**gone[row["id"]], **node_row(row)} for row in _dicts(changed)),
                advance,
            )
            total.added += new.height
            total.changed += changed.height
            total.unchanged += given.height - new.height - changed.height
        return total

    def _write_edges(
        self,
        kg: KnowledgeGraph,
        evidence: pl.DataFrame,
        stored: pl.DataFrame,
        advance: Callable[..., None],
    ) -> Counts:
        """Write the relationships that the new evidence, with what is there, gives or changes."""
        if stored.is_empty():
            new, changed = kg.edges, kg.edges.clear()
        else:
            sources = sorted({*read_sources(self.on), *kg.sources})
            there = read_evidence(self.on, evidence["edge"].unique())
            old = with_checksum(edges_from(there, sources, self.on.schema), EDGES)
            both = _latest(there, evidence.select(list(EVIDENCE)))
            united = with_checksum(edges_from(both, sources, self.on.schema), EDGES)
            new = united.join(old, on="id", how="anti")
            changed = united.join(old, on="id", how="semi").join(
                old, on=["id", "checksum"], how="anti"
            )
        kinds = kg.nodes.select("id", "kind")
        for frame in (new, changed):
            joined = frame.join(
                kinds.rename({"id": "subject", "kind": "_head"}), on="subject"
            ).join(kinds.rename({"id": "object", "kind": "_tail"}), on="object")
            for head, relation, tail in _groups(joined, "_head", "relation", "_tail"):
                part = joined.filter(_head=head, relation=relation, _tail=tail)
                if frame is new and self.on.server is not None and part.height >= _BULK_FROM:
                    self._bulk_relationships(self.on.server, head, relation, tail, part, advance)
                else:
                    self._merge_relationships(head, relation, tail, part, advance)
        unchanged = kg.edges.height - new.height - changed.height
        advance(unchanged)
        return Counts(new.height, changed.height, unchanged)

    def _merge_relationships(
        self, head: str, relation: str, tail: str, edges: pl.DataFrame, advance: Callable[..., None]
    ) -> None:
        statement = self._merge_statement(head, relation, tail)
        self.on.send(statement, edge_rows(edges, self.on.schema.relation(relation)), advance)

    def _merge_statement(self, head: str, relation: str, tail: str) -> str:
        return (
            f"UNWIND $rows AS row MATCH (s:{self.on.schema.kind(head).label} {{id: row.subject}})"
            f" MATCH (o:{self.on.schema.kind(tail).label} {{id: row.object}})"
            f" MERGE (s)-[r:{self.on.schema.relation(relation).name}]->(o) SET r += row.values"
        )

    def _bulk_relationships(
        self,
        server: Server,
        head: str,
        relation: str,
        tail: str,
        edges: pl.DataFrame,
        advance: Callable[..., None],
    ) -> None:
        """Create new relationships through the embedded server's batch endpoint."""
        # A write that was interrupted may have left relationships whose evidence never came.
        there = self.on.rows(f"MATCH (:{head})-[r:{relation}]->(:{tail}) RETURN r.id")
        ids = pl.Series([row[0] for row in there], dtype=pl.String)
        left = edges.filter(pl.col("id").is_in(ids.implode()))
        self._merge_relationships(head, relation, tail, left, advance)
        heads = self._element_ids(head, edges["subject"].unique())
        tails = self._element_ids(tail, edges["object"].unique())

        def create(batch: list[Row]) -> None:
            rows = ((heads[row["subject"]], tails[row["object"]], row["values"]) for row in batch)
            try:
                create_relationships(server, relation, rows)
            except BulkRefused:
                for part in batches(batch):
                    self.on.run(self._merge_statement(head, relation, tail), part)

        new = edges.join(left, on="id", how="anti")
        rows = edge_rows(new, self.on.schema.relation(relation))
        for batch in ahead(batches(rows, _BULK_BATCH, _BULK_BYTES), create):
            advance(len(batch))

    def _element_ids(self, label: str, ids: pl.Series) -> dict[str, str]:
        query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN n.id, elementId(n)"
        return {str(id): str(element) for id, element in self.on.looked_up(query, ids)}

    def _add_nodes(
        self, label: str, count: int, rows: Iterable[Row], advance: Callable[..., None]
    ) -> None:
        """Write nodes that are not there; many go to the embedded server by its batch endpoint."""
        statement = f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n += row"
        if self.on.server is None or count < _BULK_FROM:
            self.on.send(statement, rows, advance)
            return
        server = self.on.server

        def create(batch: list[Row]) -> None:
            try:
                create_nodes(server, label, batch)
            except BulkRefused:
                for part in batches(batch):
                    self.on.run(statement, part)

        for batch in ahead(batches(rows, _BULK_BATCH, _BULK_BYTES), create):
            advance(len(batch))

    def _write_predictions(
        self, kg: KnowledgeGraph, summary: WriteSummary, advance: Callable[..., None]
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
        for head, name, tail in _groups(gone, "_head", "relation", "_tail"):
            part = gone.filter(_head=head, relation=name, _tail=tail)
            self.on.send(
                f"UNWIND $rows AS row MATCH (h:{self.on.schema.kind(head).label} {{id: row.head}})"
                f"-[p:{PREDICTED}{self.on.schema.relation(name).name}]->"
                f"(t:{self.on.schema.kind(tail).label} {{id: row.tail}})"
                " WHERE p.id = row.id DELETE p",
                part.select("id", "head", "tail").iter_rows(named=True),
            )
        summary.replaced = gone.height
        news, summary.predictions = _news(given, stored.select("id", "checksum"))
        advance(summary.predictions.unchanged)
        kinds = kg.nodes.select("id", "kind")
        joined = news.join(kinds.rename({"id": "head", "kind": "_head"}), on="head").join(
            kinds.rename({"id": "tail", "kind": "_tail"}), on="tail"
        )
        for head, name, tail in _groups(joined, "_head", "relation", "_tail"):
            part = joined.filter(_head=head, relation=name, _tail=tail)
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
                    for row in _dicts(part)
                ),
                advance,
            )

    def _write_sources(self, sources: Iterable[Source]) -> None:
        rows = [asdict(source) for source in sources]
        if rows:
            self._write_table("Source", with_id(pl.DataFrame(rows), list(rows[0])))

    def _write_table(self, label: str, rows: pl.DataFrame) -> Counts:
        news, counts = _news(rows, self._checksums(label, rows["id"]))
        self._replace_nodes(label, news)
        return counts

    def _replace_nodes(
        self, label: str, rows: pl.DataFrame, advance: Callable[..., None] | None = None
    ) -> None:
        """Write nodes that are the store's own: what a row doesn't say, the node doesn't keep."""
        self.on.send(
            f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n = row",
            map(_without_nulls, _dicts(rows)),
            advance,
        )

    def _checksums(self, label: str, ids: pl.Series) -> pl.DataFrame:
        """Id and checksum of the nodes of these ids that are there."""
        found: Iterable[list[Any]] = ()
        if not self.on.is_empty(label):
            query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN n.id, n.checksum"
            found = self.on.looked_up(query, ids)
        return framed(found, {"id": pl.String, "checksum": pl.String})

    def _stored_evidence(self, evidence: pl.DataFrame) -> pl.DataFrame:
        """Id and checksum of all evidence there for the edges of this evidence."""
        found: Iterable[list[Any]] = ()
        if not self.on.is_empty("Evidence"):
            query = "UNWIND $keys AS edge MATCH (e:Evidence {edge: edge}) RETURN e.id, e.checksum"
            found = self.on.looked_up(query, evidence["edge"].unique(maintain_order=True))
        return framed(found, {"id": pl.String, "checksum": pl.String})


def statements(kinds: Iterable[str]) -> list[str]:
    """What makes the constraints and indexes of these kinds and of what the store itself keeps."""
    kinds = list(kinds)
    return [
        *(
            f"CREATE CONSTRAINT medkg_{label}_id IF NOT EXISTS FOR (n:{label})"
            " REQUIRE n.id IS UNIQUE"
            for label in (*kinds, *OWN_LABELS)
        ),
        *(
            f"CREATE INDEX medkg_{label}_{key} IF NOT EXISTS FOR (n:{label}) ON (n.{key})"
            for label, key in (
                *((kind, "name_key") for kind in kinds),
                ("Evidence", "edge"),
                ("Evidence", "subject"),
            )
        ),
    ]


def _groups(frame: pl.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return sorted(frame.select(columns).unique().iter_rows())


def with_checksum(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    texts = frame.select(pl.struct(list(columns)).struct.json_encode()).to_series()
    return frame.with_columns(checksum=pl.Series(content_ids(texts), dtype=pl.String))


def with_id(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The frame with a content id of its key columns, and a checksum."""
    parts = pl.col(key).cast(pl.String).fill_null("")
    ids = content_ids(frame.select(pl.concat_str(parts, separator="\x1f")).to_series())
    checked = with_checksum(frame, frame.columns)
    return checked.with_columns(id=pl.Series(ids, dtype=pl.String))


def _news(given: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, Counts]:
    """The rows that are not stored, or not with this checksum, and the counts."""
    new = given.join(stored, on="id", how="anti").height
    news = given.join(stored, on=["id", "checksum"], how="anti")
    return news, Counts(new, news.height - new, given.height - news.height)


def _with_asked(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the node that was asked about: the head, where tails were ranked."""
    asked = pl.when(pl.col("direction") == "head").then("tail").otherwise("head")
    return predictions.with_columns(_asked=asked)


def native(properties: str | None) -> Row:
    """The members of a JSON object that a server keeps as values: scalars, lists of one sort."""
    if properties is None:
        return {}
    kept = {}
    for name, value in json.loads(properties).items():
        parts = value if isinstance(value, list) else [value]
        sorts = {type(part) for part in parts}
        storable = len(sorts) == 1 and sorts <= {str, int, float, bool}
        if storable and name not in (*NODES, "checksum"):
            kept[name] = value
    return kept


def node_row(row: Row) -> Row:
    """What a node keeps: its columns, and the members of its properties as values of their own."""
    return {**native(row["properties"]), **_without_nulls(row, "kind")}


def edge_rows(edges: pl.DataFrame, relation: Relation) -> Iterator[Row]:
    """Both ends and what the relationship keeps; null for a property that it has no longer."""
    absent: Row = dict.fromkeys(relation.properties)
    for row in _dicts(edges):
        own = {name: row[name] for name in EDGE_VALUES}
        values = {**absent, **native(row["properties"]), **own}
        yield {"subject": row["subject"], "object": row["object"], "values": values}


def _without_nulls(row: Row, *but: str) -> Row:
    return {name: value for name, value in row.items() if value is not None and name not in but}


def _dicts(frame: pl.DataFrame) -> Iterator[Row]:
    return frame.iter_rows(named=True)


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
    none = pl.lit([], dtype=TEXTS)
    lists = {
        name: pl.col(name).list.set_union(pl.col(f"{name}_before").fill_null(none)).list.sort()
        for name in ("synonyms", "xrefs")
    }
    return both.with_columns(**lists, properties=pl.Series(properties, dtype=pl.String)).select(
        list(NODES)
    )


def _latest(stored: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Evidence of both; of two rows of the same id, the given one."""
    return pl.concat([stored.join(given, on="id", how="anti"), given])
