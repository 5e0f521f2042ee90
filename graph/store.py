"""A graph server: a real Neo4j, or the embedded one, through the same driver and the same Cypher.

How a graph lies in it: a node's label is its kind and a relationship's type its relation. A
relationship keeps id, probability, evidence_count, sources and the edge's properties; what
supports it are `(:Evidence {edge: …})` nodes, joined by value, so that no relationship grows.
Predictions are relationships of type `PREDICTED_<RELATION>`. `(:Source)` and `(:Merge)` nodes hold
the rest.

Every row carries `checksum`, a hash of its content, by which a second write knows what is there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any

import polars as pl

from .bulk import BulkRefused, create_nodes, create_relationships
from .embedded import DATABASE, QUERY_SECONDS, Server, serve
from .errors import MissingError, SchemaError, StoreError
from .frames import (
    EDGES,
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    TEXTS,
    Source,
    conform,
    edges_from,
    empty,
)
from .identifiers import content_ids, name_key_of
from .kg import KnowledgeGraph
from .progress import progress
from .schema import Relation, Schema

if TYPE_CHECKING:
    import neo4j

_BATCH = 5_000
_BATCH_BYTES = 4_000_000
_BULK_FROM = 1_000  # rows; fewer go over Bolt
_BULK_BATCH = 50_000
_BULK_BYTES = 32_000_000
_CONNECT_SECONDS = 10
_RETRIES = 5
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_OWN_LABELS = ("Evidence", "Source", "Merge")
_PREDICTED = "PREDICTED_"
_EDGE_VALUES = ("id", "probability", "evidence_count", "sources")

Row = dict[str, Any]


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


def connect(
    uri: str,
    *,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    schema: Schema | None = None,
) -> Store:
    """Connect to a server: `bolt://…`, `neo4j://…` (or `+s` for TLS), or `embedded:DIR`.

    User and password are those of NEO4J_USERNAME and NEO4J_PASSWORD unless given; the embedded
    server, which is started if it doesn't run, has its own.

    Raises:
        StoreError: no server there, a wrong password, no such database.
    """
    if uri.startswith("embedded:"):
        folder = uri.removeprefix("embedded:")
        if not folder:
            raise StoreError("embedded: lacks its folder; write embedded:DIR")
        server = serve(folder)
        try:
            auth = (server.user, server.password)
            driver = _driver(server.uri, auth, uri, DATABASE)
        except BaseException:
            server.stop()
            raise
        return Store(uri, driver, DATABASE, schema, server)
    if uri.partition("://")[0] not in _SCHEMES or "://" not in uri:
        raise StoreError(
            f"{uri!r} is no address of a server; write bolt://host:7687, neo4j://host, or"
            " embedded:DIR"
        )
    user = user or os.environ.get("NEO4J_USERNAME", "neo4j")
    password = password if password is not None else os.environ.get("NEO4J_PASSWORD")
    if password is None:
        raise StoreError(f"{uri} needs a password; set NEO4J_USERNAME and NEO4J_PASSWORD")
    return Store(uri, _driver(uri, (user, password), uri, database), database, schema)


def _driver(address: str, auth: tuple[str, str], uri: str, database: str | None) -> neo4j.Driver:
    import neo4j
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    try:
        driver = neo4j.GraphDatabase.driver(
            address,
            auth=auth,
            connection_timeout=_CONNECT_SECONDS,
            connection_acquisition_timeout=2 * _CONNECT_SECONDS,
            max_transaction_retry_time=_CONNECT_SECONDS,
            notifications_min_severity="OFF",
        )
    except (DriverError, ValueError) as error:
        raise StoreError(f"{uri!r} is no address of a server: {error}") from error
    try:
        with driver.session(database=database) as session, session.begin_transaction() as work:
            work.run("RETURN 1").consume()
    except AuthError as error:
        driver.close()
        raise StoreError(
            f"{uri} refuses the log-in of {auth[0]!r}; check NEO4J_USERNAME and NEO4J_PASSWORD"
        ) from error
    except Neo4jError as error:
        driver.close()
        raise StoreError(f"{uri} refuses: {error.message}") from error
    except (DriverError, OSError) as error:
        driver.close()
        raise StoreError(
            f"no server answers at {uri}; start it, or check host, port and, behind TLS, the"
            " scheme (bolt+s://, neo4j+s://)"
        ) from error
    return driver


class Store:
    """A connection to a graph server. Make one with `connect`; close it, or use it in a `with`."""

    def __init__(
        self,
        uri: str,
        driver: neo4j.Driver,
        database: str | None,
        schema: Schema | None = None,
        server: Server | None = None,
    ):
        self.uri = uri
        self.database = database
        self.schema = schema or Schema.default()
        self.server = server
        self._driver = driver
        if taken := sorted(set(self.schema.kinds) & set(_OWN_LABELS)):
            raise SchemaError(f"kind {taken[0]} of the schema is a label that the store needs")

    def close(self) -> None:
        """Close the connection; an embedded server that nobody else uses stops."""
        self._driver.close()
        if self.server is not None:
            self.server.stop()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.uri!r})"

    # Query

    def query(self, cypher: str, /, **params: Any) -> pl.DataFrame:
        """Run a query that only reads; one row of the frame a record.

        Nodes, relationships and paths come as plain values: a node as its properties and `kind`, a
        relationship as its properties and `relation`, a path as its `nodes` and `relationships`.

        Raises:
            StoreError: the query is wrong, would change the graph, or takes too long.
        """
        _refuse_changes(cypher)

        def read(work: neo4j.Transaction) -> tuple[list[str], list[list[Any]], bool]:
            result = work.run(cypher, params)
            keys = list(result.keys())
            rows = [[_plain(value) for value in record.values()] for record in result]
            return keys, rows, result.consume().counters.contains_updates

        with (
            self._errors(),
            self._driver.session(database=self.database, default_access_mode="READ") as session,
        ):
            if self._is_neo4j():
                plan = session.run(f"EXPLAIN {cypher}", params)
                if plan.consume().query_type != "r":
                    raise StoreError("the query would change the graph; query only reads")
            work = session.begin_transaction(timeout=QUERY_SECONDS)
            try:
                keys, rows, changes = read(work)
            finally:
                work.rollback()
        if changes:
            raise StoreError("the query would change the graph; query only reads (it was undone)")
        return _frame(keys, rows)

    def resolve(self, text: str, kind: str | None = None) -> tuple[str, str]:
        """Kind and identifier of the one node that a text means: by identifier, name or synonym.

        Raises:
            MissingError: none, or several (they are listed).
            StoreError: the server doesn't answer.
        """
        kinds = [self.schema.kind(kind).label] if kind else list(self.schema.kinds)
        with self._errors():
            found: list[tuple[str, str, str]] = []
            for condition, value in (
                ("n.id = $text", text),
                ("n.name_key = $text", name_key_of(text)),
                ("$text IN n.synonyms", text),
            ):
                for label in sorted(set(kinds) & set(self._labels())):
                    query = f"MATCH (n:{label}) WHERE {condition} RETURN n.id, n.name LIMIT 9"
                    found += [(label, *row) for row in self._rows(query, text=value)]
                if found:
                    break
        if not found:
            raise MissingError(f"{self.uri} has no {kind or 'entity'} {text!r}")
        if len(found) > 1:
            listed = ", ".join(f"{id} ({label}, {name})" for label, id, name in found[:8])
            raise MissingError(f"{text!r} may be: {listed}; give the identifier")
        return found[0][0], found[0][1]

    # Write

    def write(self, kg: KnowledgeGraph) -> WriteSummary:
        """Add a graph to what the server holds; nothing that is there already is added twice.

        Nodes of an identifier that is there unite: the graph's name stays, synonyms and
        cross-references of both. Evidence joins the evidence that is there, and the relationships
        that it supports are combined from all of it. A model's predictions for a head (or tail)
        replace what the server has of that model for it. A write that was interrupted is completed
        by writing again.

        Raises:
            StoreError: the server refuses, or holds a node of the same identifier as another kind.
        """
        summary = WriteSummary()
        rows = sum(frame.height for frame in (kg.nodes, kg.edges, kg.evidence, kg.predictions))
        alone = self.server.writing() if self.server is not None else nullcontext()
        with alone, self._errors(), progress("Writing the graph", rows) as advance:
            self._make_constraints(sorted(kg.nodes["kind"].unique()))
            summary.nodes = self._write_nodes(kg.nodes, advance)
            self._write_sources(kg.sources)
            # Relationships before their evidence: whatever is interrupted in between, evidence that
            # is there says that its relationship is.
            stored = self._stored_evidence(kg.evidence)
            evidence, summary.evidence = _news(_with_checksum(kg.evidence, EVIDENCE), stored)
            summary.edges = self._write_edges(kg, evidence, stored, advance)
            new = evidence.join(stored, on="id", how="anti")
            self._add_nodes("Evidence", new.height, map(_without_nulls, _dicts(new)), advance)
            changed = evidence.join(stored, on="id", how="semi")
            self._replace_nodes("Evidence", changed, advance)
            advance(summary.evidence.unchanged)
            self._write_predictions(kg, summary, advance)
            summary.merges = self._write_table("Merge", _with_id(kg.merges, list(MERGES)))
        return summary

    def _make_constraints(self, kinds: Sequence[str]) -> None:
        statements = [
            f"CREATE CONSTRAINT medkg_{label}_id IF NOT EXISTS FOR (n:{label})"
            " REQUIRE n.id IS UNIQUE"
            for label in (*(self.schema.kind(kind).label for kind in kinds), *_OWN_LABELS)
        ]
        statements += [
            f"CREATE INDEX medkg_{label}_{key} IF NOT EXISTS FOR (n:{label}) ON (n.{key})"
            for label, key in (
                *((kind, "name_key") for kind in kinds),
                ("Evidence", "edge"),
                ("Evidence", "subject"),
            )
        ]
        with self._driver.session(database=self.database) as session:
            for statement in statements:
                session.run(statement).consume()

    def _write_nodes(self, nodes: pl.DataFrame, advance: Callable[..., None]) -> Counts:
        total = Counts()
        labels = set(self._labels())
        for kind in sorted(nodes["kind"].unique()):
            given = _with_checksum(nodes.filter(kind=kind), NODES)
            stored = self._checksums(kind, given["id"])
            new = given.join(stored, on="id", how="anti")
            for other in sorted((labels & set(self.schema.kinds)) - {kind}):
                there = self._checksums(other, new["id"])
                if there.height:
                    raise StoreError(
                        f"{there['id'][0]} is a {other} on {self.uri} and a {kind} in the graph;"
                        " give it one kind and write again"
                    )
            differing = given.join(stored, on=["id", "checksum"], how="anti").join(
                stored, on="id", how="semi"
            )
            before = self._read_nodes(kind, differing["id"])
            united = _with_checksum(_united(before, differing.select(list(NODES))), NODES)
            changed = united.join(stored, on=["id", "checksum"], how="anti")
            advance(given.height - new.height - changed.height)
            self._add_nodes(kind, new.height, map(_node_row, _dicts(new)), advance)
            gone = {
                row["id"]: dict.fromkeys((*_native(row["properties"]), "properties"))
                for row in _dicts(before)
            }
            self._send(
                f"UNWIND $rows AS row MERGE (n:{kind} {{id: row.id}}) SET n += row",
                ({**gone[row["id"]], **_node_row(row)} for row in _dicts(changed)),
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
            sources = sorted({*self._read_sources(), *kg.sources})
            there = self._read_evidence(evidence["edge"].unique())
            old = _with_checksum(edges_from(there, sources, self.schema), EDGES)
            both = _latest(there, evidence.select(list(EVIDENCE)))
            united = _with_checksum(edges_from(both, sources, self.schema), EDGES)
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
                if frame is new and self.server is not None and part.height >= _BULK_FROM:
                    self._bulk_relationships(self.server, head, relation, tail, part, advance)
                else:
                    self._merge_relationships(head, relation, tail, part, advance)
        unchanged = kg.edges.height - new.height - changed.height
        advance(unchanged)
        return Counts(new.height, changed.height, unchanged)

    def _merge_relationships(
        self, head: str, relation: str, tail: str, edges: pl.DataFrame, advance: Callable[..., None]
    ) -> None:
        statement = self._merge_statement(head, relation, tail)
        self._send(statement, _edge_rows(edges, self.schema.relation(relation)), advance)

    def _merge_statement(self, head: str, relation: str, tail: str) -> str:
        return (
            f"UNWIND $rows AS row MATCH (s:{self.schema.kind(head).label} {{id: row.subject}})"
            f" MATCH (o:{self.schema.kind(tail).label} {{id: row.object}})"
            f" MERGE (s)-[r:{self.schema.relation(relation).name}]->(o) SET r += row.values"
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
        there = self._rows(f"MATCH (:{head})-[r:{relation}]->(:{tail}) RETURN r.id")
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
                for part in _batches(batch):
                    self._run(self._merge_statement(head, relation, tail), part)

        new = edges.join(left, on="id", how="anti")
        rows = _edge_rows(new, self.schema.relation(relation))
        for batch in _ahead(_batches(rows, _BULK_BATCH, _BULK_BYTES), create):
            advance(len(batch))

    def _element_ids(self, label: str, ids: pl.Series) -> dict[str, str]:
        query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN n.id, elementId(n)"
        return {str(id): str(element) for id, element in self._looked_up(query, ids)}

    def _add_nodes(
        self, label: str, count: int, rows: Iterable[Row], advance: Callable[..., None]
    ) -> None:
        """Write nodes that are not there; many go to the embedded server by its batch endpoint."""
        statement = f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n += row"
        if self.server is None or count < _BULK_FROM:
            self._send(statement, rows, advance)
            return
        server = self.server

        def create(batch: list[Row]) -> None:
            try:
                create_nodes(server, label, batch)
            except BulkRefused:
                for part in _batches(batch):
                    self._run(statement, part)

        for batch in _ahead(_batches(rows, _BULK_BATCH, _BULK_BYTES), create):
            advance(len(batch))

    def _write_predictions(
        self, kg: KnowledgeGraph, summary: WriteSummary, advance: Callable[..., None]
    ) -> None:
        given = _with_id(kg.predictions, ["model", "head", "relation", "tail"])
        if given.is_empty():
            return
        models = sorted(given["model"].unique())
        stored = self._stored_predictions(models)
        question = ["model", "relation", "direction", "_asked"]
        gone = _with_asked(stored.join(given, on="id", how="anti")).join(
            _with_asked(given), on=question, how="semi"
        )
        for head, name, tail in _groups(gone, "_head", "relation", "_tail"):
            part = gone.filter(_head=head, relation=name, _tail=tail)
            self._send(
                f"UNWIND $rows AS row MATCH (h:{self.schema.kind(head).label} {{id: row.head}})"
                f"-[p:{_PREDICTED}{self.schema.relation(name).name}]->"
                f"(t:{self.schema.kind(tail).label} {{id: row.tail}}) WHERE p.id = row.id DELETE p",
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
            self._send(
                f"UNWIND $rows AS row MATCH (h:{self.schema.kind(head).label} {{id: row.head}})"
                f" MATCH (t:{self.schema.kind(tail).label} {{id: row.tail}})"
                f" MERGE (h)-[p:{_PREDICTED}{self.schema.relation(name).name} {{id: row.id}}]->(t)"
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
            self._write_table("Source", _with_id(pl.DataFrame(rows), list(rows[0])))

    def _write_table(self, label: str, rows: pl.DataFrame) -> Counts:
        news, counts = _news(rows, self._checksums(label, rows["id"]))
        self._replace_nodes(label, news)
        return counts

    def _replace_nodes(
        self, label: str, rows: pl.DataFrame, advance: Callable[..., None] | None = None
    ) -> None:
        """Write nodes that are the store's own: what a row doesn't say, the node doesn't keep."""
        self._send(
            f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n = row",
            map(_without_nulls, _dicts(rows)),
            advance,
        )

    def _send(
        self, statement: str, rows: Iterable[Row], advance: Callable[..., None] | None = None
    ) -> None:
        """Run a statement over `$rows`, a batch a transaction."""
        for batch in _ahead(_batches(rows), lambda batch: self._run(statement, batch)):
            if advance is not None:
                advance(len(batch))

    def _run(self, statement: str, batch: list[Row]) -> None:
        from neo4j.exceptions import ConstraintError

        def work(transaction: neo4j.ManagedTransaction) -> None:
            transaction.run(statement, rows=batch).consume()

        with self._driver.session(database=self.database) as session:
            for attempt in range(_RETRIES):
                try:
                    session.execute_write(work)
                    return
                except ConstraintError:
                    # Two writers merged the same node at once; the second time, it is there.
                    if attempt == _RETRIES - 1:
                        raise

    # What is there

    def _labels(self) -> list[str]:
        return [str(row[0]) for row in self._rows("CALL db.labels() YIELD label RETURN label")]

    def _relationship_types(self) -> list[str]:
        query = "CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType"
        return [str(row[0]) for row in self._rows(query)]

    def _rows(self, query: str, **params: Any) -> Iterator[list[Any]]:
        with self._driver.session(database=self.database, default_access_mode="READ") as session:
            for record in session.run(query, params):
                yield list(record.values())

    def _looked_up(self, query: str, keys: pl.Series) -> Iterator[list[Any]]:
        """The rows of a query over `$keys`, asked in batches."""
        for start in range(0, keys.len(), _BATCH):
            yield from self._rows(query, keys=keys.slice(start, _BATCH).to_list())

    def _is_empty(self, label: str) -> bool:
        return next(self._rows(f"MATCH (n:{label}) RETURN 1 LIMIT 1"), None) is None

    def _checksums(self, label: str, ids: pl.Series) -> pl.DataFrame:
        """Id and checksum of the nodes of these ids that are there."""
        found: Iterable[list[Any]] = ()
        if not self._is_empty(label):
            query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN n.id, n.checksum"
            found = self._looked_up(query, ids)
        return _framed(found, {"id": pl.String, "checksum": pl.String})

    def _stored_evidence(self, evidence: pl.DataFrame) -> pl.DataFrame:
        """Id and checksum of all evidence there for the edges of this evidence."""
        found: Iterable[list[Any]] = ()
        if not self._is_empty("Evidence"):
            query = "UNWIND $keys AS edge MATCH (e:Evidence {edge: edge}) RETURN e.id, e.checksum"
            found = self._looked_up(query, evidence["edge"].unique(maintain_order=True))
        return _framed(found, {"id": pl.String, "checksum": pl.String})

    def _stored_predictions(self, models: list[str] | None) -> pl.DataFrame:
        """The predictions there (of these models), with id, checksum and kinds of the ends."""
        types = set(self._relationship_types())
        rows = []
        for name in self.schema.relations:
            if f"{_PREDICTED}{name}" not in types:
                continue
            for head, heads, tail, tails, values in self._rows(
                f"MATCH (h)-[p:{_PREDICTED}{name}]->(t)"
                " WHERE $models IS NULL OR p.model IN $models"
                " RETURN h.id, labels(h), t.id, labels(t), properties(p)",
                models=models,
            ):
                rows.append(
                    {
                        **{name: values.get(name) for name in (*PREDICTIONS, "id", "checksum")},
                        "head": head,
                        "relation": name,
                        "tail": tail,
                        "_head": next((k for k in heads if k in self.schema.kinds), None),
                        "_tail": next((k for k in tails if k in self.schema.kinds), None),
                    }
                )
        text = dict.fromkeys(("id", "checksum", "_head", "_tail"), pl.String)
        return pl.DataFrame(rows, schema={**PREDICTIONS, **text})

    # Read

    def read(self) -> KnowledgeGraph:
        """The graph that was written here: nodes, evidence with its edges, predictions, merges.

        Raises:
            StoreError: the server doesn't answer.
        """
        with self._errors(), progress("Reading the graph") as advance:
            labels = set(self._labels())
            nodes = [empty(NODES)]
            for kind in self.schema.kinds:
                if kind in labels:
                    nodes.append(self._read_nodes(kind))
                    advance(nodes[-1].height)
            sources = self._read_sources()
            evidence = self._read_evidence()
            advance(evidence.height)
            merges = self._rows(
                "MATCH (n:Merge) WHERE n.checksum IS NOT NULL RETURN "
                + ", ".join(f"n.{column}" for column in MERGES)
            )
            predictions = self._stored_predictions(None).select(list(PREDICTIONS))
            frames = {
                "nodes": pl.concat(nodes).sort("id"),
                "edges": edges_from(evidence, sources, self.schema),
                "evidence": evidence.sort("id"),
                "predictions": predictions.sort("model", "head", "relation", "tail"),
                "merges": _framed(merges, MERGES).sort("kept", "merged", "kind", "reason"),
            }
        return KnowledgeGraph(frames, sources, self.schema)

    def _read_nodes(self, kind: str, ids: pl.Series | None = None) -> pl.DataFrame:
        columns = [column for column in NODES if column != "kind"]
        returned = ", ".join(f"n.{column}" for column in columns)
        found: Iterable[list[Any]]
        if ids is None:
            found = self._rows(f"MATCH (n:{kind}) WHERE n.checksum IS NOT NULL RETURN {returned}")
        else:
            query = f"UNWIND $keys AS id MATCH (n:{kind} {{id: id}}) RETURN {returned}"
            found = self._looked_up(query, ids)
        frame = _framed(found, {column: NODES[column] for column in columns})
        return conform(frame.with_columns(kind=pl.lit(kind)), NODES)

    def _read_evidence(self, edges: pl.Series | None = None) -> pl.DataFrame:
        returned = ", ".join(f"e.`{column}`" for column in EVIDENCE)
        found: Iterable[list[Any]]
        if edges is None:
            found = self._rows(f"MATCH (e:Evidence) WHERE e.checksum IS NOT NULL RETURN {returned}")
        else:
            query = f"UNWIND $keys AS edge MATCH (e:Evidence {{edge: edge}}) RETURN {returned}"
            found = self._looked_up(query, edges)
        return _framed(found, EVIDENCE)

    def _read_sources(self) -> list[Source]:
        columns = list(Source.__dataclass_fields__)
        # A Source of somebody else's, on a server that holds other things too, has no checksum.
        query = "MATCH (n:Source) WHERE n.checksum IS NOT NULL RETURN " + ", ".join(
            f"n.{column}" for column in columns
        )
        return sorted(Source(*row) for row in self._rows(query))

    def info(self) -> dict[str, Any]:
        """The server, and counts of what it holds by kind, relation and source.

        Raises:
            StoreError: the server doesn't answer.
        """

        def count(pattern: str, variable: str) -> int:
            return int(next(self._rows(f"MATCH {pattern} RETURN count({variable})"))[0])

        with self._errors():
            labels, types = set(self._labels()), set(self._relationship_types())
            kinds = {k: count(f"(n:{k})", "n") for k in self.schema.kinds if k in labels}
            relations = {
                r: count(f"()-[r:{r}]->()", "r") for r in self.schema.relations if r in types
            }
            predicted = {
                r: count(f"()-[r:{_PREDICTED}{r}]->()", "r")
                for r in self.schema.relations
                if f"{_PREDICTED}{r}" in types
            }
            by_source = self._rows("MATCH (e:Evidence) RETURN e.source, count(e)")
            evidence = dict(sorted(((s, int(n)) for s, n in by_source), key=lambda row: -row[1]))
            return {
                "uri": self.uri,
                "server": self._agent(),
                "nodes": sum(kinds.values()),
                "edges": sum(relations.values()),
                "evidence": sum(evidence.values()),
                "predictions": sum(predicted.values()),
                "kinds": {k: n for k, n in kinds.items() if n},
                "relations": {r: n for r, n in relations.items() if n},
                "evidence_by_source": evidence,
                "sources": [asdict(source) for source in self._read_sources()],
            }

    def _agent(self) -> str:
        return str(self._driver.get_server_info().agent)

    def _is_neo4j(self) -> bool:
        return "ArcadeDB" not in self._agent()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the driver's errors into ones that say what to do."""
        from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable

        try:
            yield
        except Neo4jError as error:
            raise StoreError(f"{self.uri} refuses: {error.message}") from error
        except ServiceUnavailable as error:
            raise StoreError(f"{self.uri} no longer answers; does the server run?") from error
        except DriverError as error:
            raise StoreError(f"{self.uri}: {error}") from error


# Words that change data or schema, outside strings, comments, backquotes, labels and properties.
_NOT_WORDS = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | //[^\n]* | /\*.*?\*/ | [.$:]\s*\w+""",
    re.DOTALL | re.VERBOSE,
)
_CHANGES = re.compile(
    r"\b(CREATE|MERGE|DELETE|SET|REMOVE|DROP|ALTER|FOREACH|GRANT|REVOKE|DENY|RENAME|TERMINATE"
    r"|LOAD\s+CSV)\b",
    re.IGNORECASE,
)


def _refuse_changes(cypher: str) -> None:
    """Refuse a query with a clause that changes something, or LOAD CSV, before any server sees it.

    The embedded server runs schema statements even under EXPLAIN and in a transaction that is
    rolled back, so this is the guard there; a Neo4j is asked for the query's type as well.
    """
    found = _CHANGES.search(_NOT_WORDS.sub(" ", cypher))
    if found:
        word = re.sub(r"\s+", " ", found[0].upper())
        raise StoreError(
            f"{word} is not allowed: query only reads (a name that reads so goes in backquotes)"
        )


def _plain(value: Any) -> Any:
    """A value of the driver as lists, dicts and scalars."""
    from neo4j.graph import Node, Path, Relationship
    from neo4j.time import Date, DateTime, Duration, Time

    if isinstance(value, Node):
        return {"kind": next(iter(value.labels), None), **_plain(dict(value))}
    if isinstance(value, Relationship):
        return {"relation": value.type, **_plain(dict(value))}
    if isinstance(value, Path):
        return {
            "nodes": [_plain(node) for node in value.nodes],
            "relationships": [_plain(relationship) for relationship in value.relationships],
        }
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items() if key != "checksum"}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Date | DateTime | Duration | Time):
        return value.iso_format()
    return value


def _frame(keys: list[str], rows: list[list[Any]]) -> pl.DataFrame:
    """Rows as a frame; a column whose values no polars type holds becomes JSON text."""
    columns = []
    for place, key in enumerate(keys):
        values = [row[place] for row in rows]
        if {int, float} == {type(value) for value in values} - {type(None)}:
            values = [None if value is None else float(value) for value in values]
        try:
            columns.append(pl.Series(key, values, strict=True))
        except (TypeError, pl.exceptions.PolarsError, OverflowError):
            texts = [None if value is None else json.dumps(value, default=str) for value in values]
            columns.append(pl.Series(key, texts, dtype=pl.String))
    return pl.DataFrame(columns)


def _ahead(batches: Iterable[list[Row]], work: Callable[[list[Row]], None]) -> Iterator[list[Row]]:
    """Yield each batch when `work` is done with it; the next one is made meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        before: tuple[list[Row], Future[None]] | None = None
        for batch in batches:
            if before is not None:
                before[1].result()
                yield before[0]
            before = batch, pool.submit(work, batch)
        if before is not None:
            before[1].result()
            yield before[0]


def _framed(rows: Iterable[list[Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a frame, made in parts, so that they are never all there as Python values."""
    rows = iter(rows)
    parts = [pl.DataFrame(schema=columns)]
    while part := list(islice(rows, _BULK_BATCH)):
        parts.append(pl.DataFrame(part, schema=columns, orient="row"))
    return pl.concat(parts)


def _batches(
    rows: Iterable[Row], most: int = _BATCH, most_bytes: int = _BATCH_BYTES
) -> Iterator[list[Row]]:
    """The rows in lists short enough for one message (the embedded server takes 16 MiB)."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        width = sum(len(v) if isinstance(v, str) else 50 for v in row.values())
        if batch and (len(batch) == most or size + width > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += width
    if batch:
        yield batch


def _groups(frame: pl.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return sorted(frame.select(columns).unique().iter_rows())


def _with_checksum(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    texts = frame.select(pl.struct(list(columns)).struct.json_encode()).to_series()
    return frame.with_columns(checksum=pl.Series(content_ids(texts), dtype=pl.String))


def _with_id(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The frame with a content id of its key columns, and a checksum."""
    parts = pl.col(key).cast(pl.String).fill_null("")
    ids = content_ids(frame.select(pl.concat_str(parts, separator="\x1f")).to_series())
    checked = _with_checksum(frame, frame.columns)
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


def _native(properties: str | None) -> Row:
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


def _node_row(row: Row) -> Row:
    """What a node keeps: its columns, and the members of its properties as values of their own."""
    return {**_native(row["properties"]), **_without_nulls(row, "kind")}


def _edge_rows(edges: pl.DataFrame, relation: Relation) -> Iterator[Row]:
    """Both ends and what the relationship keeps; null for a property that it has no longer."""
    absent: Row = dict.fromkeys(relation.properties)
    for row in _dicts(edges):
        own = {name: row[name] for name in _EDGE_VALUES}
        values = {**absent, **_native(row["properties"]), **own}
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
