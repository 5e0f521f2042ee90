"""A graph server: a real Neo4j, or the embedded one, through the same driver and the same Cypher.

How a graph lies in it: a node's label is its kind and a relationship's type its relation. A
relationship keeps id, probability, evidence_count, sources and the edge's properties; what
supports it are `(:Evidence {edge: …})` nodes, joined by value, so that no relationship grows.
Predictions are relationships of type `PREDICTED_<RELATION>`. `(:Source)` and `(:Merge)` nodes hold
the rest. A node's `aliases` are the identifiers that merging gave up for its own.

Every row carries `checksum`, a hash of its content, by which a second write knows what is there.
"""

from __future__ import annotations

import copy
import logging
import os
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from ...core.disk import check_room
from ...core.errors import SchemaError, StoreError
from ..check import Finding
from ..check import check as check_graph
from ..forget import PATIENT, ForgetSummary, Ids
from ..kg import KnowledgeGraph
from ..schema import Schema
from . import answers, read, tls, write
from .audit import AuditLog
from .connection import MOST_CONNECTIONS, Connection
from .embedded import DATABASE, Server, serve
from .forget import forget_on, identifiers_on
from .names import OWN_LABELS, PREDICTED
from .property_graph import PredictionsSummary, write_beside
from .relationships import doubtful_relationships, mend, relationship_checks
from .summary import Counts, WriteSummary

if TYPE_CHECKING:
    import neo4j

__all__ = ["Counts", "Store", "WriteSummary", "connect"]

# What the driver logs of an error is for who configures logging: all others get our exception.
logging.getLogger("neo4j").addHandler(logging.NullHandler())
_CONNECT_SECONDS = 10
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


def _driver(
    address: str,
    auth: tuple[str, str],
    uri: str,
    database: str | None,
    ca: Path | str | None = None,
) -> neo4j.Driver:
    import neo4j
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    address, trust = tls.driver_address(address, ca)
    try:
        driver = neo4j.GraphDatabase.driver(
            address,
            auth=auth,
            connection_timeout=_CONNECT_SECONDS,
            connection_acquisition_timeout=2 * _CONNECT_SECONDS,
            max_connection_pool_size=MOST_CONNECTIONS,
            max_transaction_retry_time=_CONNECT_SECONDS,
            notifications_min_severity="OFF",
            **trust,
        )
    except (DriverError, ValueError) as error:
        raise StoreError(f"{uri!r} is no address of a server: {error}") from error
    try:
        _wait_for_database(driver, database)
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
        raise tls.encryption_error(uri, error) or StoreError(
            f"no server answers at {uri}; start it, or check host, port and, behind TLS, the"
            " scheme (bolt+s://, neo4j+s://)"
        ) from error
    return driver


def _wait_for_database(driver: neo4j.Driver, database: str | None) -> None:
    """Wait until a query is answered: a server that starts has its port before its databases."""
    from neo4j.exceptions import Neo4jError

    deadline = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            with (
                driver.session(database=database, default_access_mode="READ") as session,
                session.begin_transaction() as work,
            ):
                work.run("RETURN 1").consume()
            return
        except Neo4jError as error:
            starting = error.is_retryable() or "DatabaseNotFound" in (error.code or "")
            if not starting or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


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
        self.connection = Connection(uri, driver, database, self.schema, server)
        self.audit = AuditLog(server.folder) if server else AuditLog.of_environment()
        if taken := sorted(set(self.schema.kinds) & set(OWN_LABELS)):
            raise SchemaError(f"kind {taken[0]} of the schema is a label that the store needs")
        if taken := sorted(r for r in self.schema.relations if r.startswith(PREDICTED)):
            raise SchemaError(
                f"relation {taken[0]} of the schema has a name that the store keeps for predictions"
            )

    @classmethod
    def open(
        cls,
        uri: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        schema: Schema | None = None,
        ca: Path | str | None = None,
    ) -> Self:
        """Connect to a server: `bolt://…`, `neo4j://…` (or `+s` for TLS), or `embedded:DIR`.

        User and password are those of NEO4J_USERNAME and NEO4J_PASSWORD unless given; the embedded
        server, which is started if it doesn't run, has its own.

        Args:
            ca: for `+s`, a file of the certificates (PEM) whose owners may vouch for the server, in
                place of this machine's authorities; that of NEO4J_CA unless given.

        Raises:
            StoreError: no server there, a wrong password, no such database, a certificate that is
                not trusted.
        """
        if uri.startswith("embedded:"):
            folder = uri.removeprefix("embedded:")
            if not folder:
                raise StoreError("embedded: lacks its folder; write embedded:DIR")
            server = serve(folder)
            try:
                driver = _driver(server.uri, (server.user, server.password), uri, DATABASE)
            except BaseException as error:
                server.stop()
                if isinstance(error, StoreError):
                    check_room(server.folder)
                raise
            return cls(uri, driver, DATABASE, schema, server)
        if uri.partition("://")[0] not in _SCHEMES or "://" not in uri:
            raise StoreError(
                f"{uri!r} is no address of a server; write bolt://host:7687, neo4j://host, or"
                " embedded:DIR; a graph's folder is written into one first: medkg write FOLDER"
                " --into embedded:DIR"
            )
        user = user or os.environ.get("NEO4J_USERNAME", "neo4j")
        password = password if password is not None else os.environ.get("NEO4J_PASSWORD")
        if password is None:
            raise StoreError(f"{uri} needs a password; set NEO4J_USERNAME and NEO4J_PASSWORD")
        return cls(uri, _driver(uri, (user, password), uri, database, ca), database, schema)

    def close(self) -> None:
        """Close the connection; an embedded server that nobody else uses stops."""
        self.connection.close()
        if self.server is not None:
            self.server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.uri!r})"

    def acting_for(self, user: str) -> Self:
        """This connection, with what is done by it recorded under an account's name."""
        other = copy.copy(self)
        other.audit = AuditLog(self.audit.folder, user) if self.audit is not None else None
        return other

    def record_read(self) -> None:
        """Record that what the server holds is read, where queries are recorded."""
        self._record("read")

    def _record(self, action: str, **what: Any) -> None:
        if self.audit is not None:
            self.audit.record(action, **what)

    def query(self, cypher: str, /, **params: object) -> pl.DataFrame:
        """Run a query that only reads; one row of the frame a record.

        Nodes, relationships and paths come as plain values: a node as its properties and `kind`, a
        relationship as its properties and `relation`, a path as its `nodes` and `relationships`.

        Returns:
            The columns that the query returns, by their names there; without rows where nothing
            was found.

        Raises:
            StoreError: the query is wrong, would change the graph, takes too long (two minutes) or
                more memory than the server has, or has more rows than one frame should (two
                million; see `pages`).
        """
        self._record("query", cypher=cypher, values=params)
        return answers.query(self.connection, cypher, params)

    def pages(
        self, cypher: str, size: int = 10_000, /, **params: object
    ) -> Generator[pl.DataFrame]:
        """The answer of `query` in frames of at most `size` rows, as they come from the server.

        However long the answer, no more than a page of it is in memory. Each page has the types of
        its own values. Read to the end, or close the iterator, to end the query.

        Returns:
            Frames with the columns that the query returns.

        Raises:
            StoreError: as `query`; the time counts until the last page is read.
        """
        self._record("query", cypher=cypher, values=params)
        return answers.pages(self.connection, cypher, size, params)

    def resolve(self, text: str, kind: str | Sequence[str] | None = None) -> tuple[str, str]:
        """Kind and identifier of the one node that a text means: by identifier, name or synonym.

        Args:
            kind: of the node; of several the first that has such a node is taken.

        Raises:
            MissingError: none (what is near is listed), or several (they are).
            StoreError: the server doesn't answer.
        """
        self._record("resolve", values=[text])
        return read.resolve(self.connection, text, kind)

    def write(
        self,
        kg: KnowledgeGraph,
        name: str | None = None,
        *,
        prune: bool = False,
        evidence: bool = True,
    ) -> WriteSummary:
        """Add a graph to what the server holds; nothing that is there already is added twice.

        Nodes of an identifier that is there unite: the graph's name stays, synonyms and
        cross-references of both. Evidence joins the evidence that is there, and the relationships
        that it supports are combined from all of it. A model's predictions for a head (or tail)
        replace what the server has of that model for it. What was read in a document's text takes
        the place of what was read there before (`medkg.graph.document_readings`).

        The write is recorded as a `(:Load)`, whose id the evidence carries that it wrote. A write
        that was interrupted, whatever by, goes on when the same is written again. One at a time:
        another writer is waited for.

        Args:
            name: what the load is called; by default the graph's sources.
            prune: take out the evidence of the graph's sources that the graph no longer has, the
                edges that nothing supports then, and the nodes that only this evidence named.
            evidence: without it, only nodes and relationships are written, to a server that holds
                no evidence: smaller, to look at; what is read back has no edges.

        Raises:
            DataError, SchemaError: the graph has a kind or a relation that the store's schema
                lacks; nothing is written then.
            StoreError: the server refuses or doesn't answer, or holds a node of the same
                identifier as another kind.
        """
        patients = kg.scan("nodes").filter(pl.col("kind") == PATIENT).select("id").collect()["id"]
        self._record(
            "write", values=patients, sources=[each.name for each in kg.sources], prune=prune
        )
        return write.write(self.connection, kg, name, prune, evidence)

    def write_beside(self, predictions: pl.DataFrame, nodes: pl.DataFrame) -> PredictionsSummary:
        """Write predictions on a graph that medkg did not write: `medkg.write_predictions`.

        Args:
            predictions: with the columns of `medkg.graph.frames.PREDICTIONS`.
            nodes: `id`, as the predictions have it, and `element`, the element id here.

        Raises:
            StoreError: the server refuses or doesn't answer.
        """
        self._record("write")
        with self.connection.errors():
            return write_beside(self.connection, predictions, nodes)

    def read(
        self,
        around: str | Sequence[str] | None = None,
        hops: int = 1,
        *,
        kinds: Sequence[str] | None = None,
        relations: Sequence[str] | None = None,
        min_probability: float = 0.0,
        most: int | None = None,
        predictions: bool | None = None,
    ) -> KnowledgeGraph:
        """The graph that was written here, or a part of it, with its evidence and merges.

        Args:
            around: identifiers or names: only what `KnowledgeGraph.neighbourhood` would keep.
            hops, most: how far to go from these, by at most how many edges from each node a hop.
            kinds: only nodes of these kinds (and those of `around`).
            relations: only edges of these relations.
            min_probability: only edges (and predictions) that are at least as probable.
            predictions: with the predictions, followed too where there is `around`; by default
                those of a whole graph are read and those of a neighbourhood are not.

        Raises:
            MissingError: none or several nodes that a text of `around` means.
            SchemaError: an unknown kind or relation.
            DataError: the server's evidence has a relation that the store's schema lacks.
            StoreError: the server doesn't answer.
        """
        self._record("read", values=[around])
        return read.read(
            self.connection,
            around,
            hops,
            kinds=kinds,
            relations=relations,
            min_probability=min_probability,
            most=most,
            predictions=predictions,
        )

    def forget(
        self, *, source: Ids = (), document: Ids = (), patient: Ids = (), model: Ids = ()
    ) -> ForgetSummary:
        """Take sources, documents, patients or models' predictions out, as `medkg.forget` does.

        A command that was interrupted is completed by giving it again. Of models alone, nothing but
        their predictions is touched, on a server too that medkg did not write.

        Raises:
            DataError: as `medkg.graph.forget.forget`.
            StoreError: the server doesn't answer.
        """
        self._record("forget", values=[source, document, patient], models=model)
        return forget_on(
            self.connection, source=source, document=document, patient=patient, model=model
        )

    def check(self, *, report: Path | str | None = None) -> list[Finding]:
        """What is doubtful: the findings of `medkg.graph.check`, and relationships out of step.

        A relationship that is there several times, or doesn't say what the evidence on the server
        makes of it, can come of a write that was cut off. `mend` puts it right.

        Args:
            report: a file to write with every row of every finding, as `medkg.graph.check.check`.

        Raises:
            DataError: the server's evidence has a relation that the store's schema lacks.
            StoreError: the server doesn't answer.
        """
        self._record("read")
        kg = read.read(self.connection)
        with self.connection.errors():
            doubtful = doubtful_relationships(self.connection)
        return check_graph(kg, report=report, further=relationship_checks(doubtful))

    def mend(self) -> int:
        """Make each relationship what the evidence on the server makes of it.

        Returns:
            How many weren't so.

        Raises:
            StoreError: the server refuses or doesn't answer.
        """
        self._record("write")
        return mend(self.connection)

    def identifiers(self, *, document: Ids = (), patient: Ids = ()) -> frozenset[str]:
        """Documents and patients with all that names them here; see `graph.forget.identifiers`.

        Raises:
            DataError: no identifier is given, or what is none.
            StoreError: the server doesn't answer.
        """
        self._record("read", values=[document, patient])
        return identifiers_on(self.connection, document=document, patient=patient)

    def holds_predictions(self, relations: Iterable[str]) -> bool:
        """Whether the server has any prediction of one of these relations.

        Raises:
            StoreError: the server doesn't answer.
        """
        return read.holds_predictions(self.connection, relations)

    def info(self) -> dict[str, Any]:
        """The server, and counts of what it holds by kind, relation and source.

        Raises:
            StoreError: the server doesn't answer.
        """
        return read.info(self.connection)


connect = Store.open
