"""A connection to a graph server: queries, statements over batches of rows, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from .embedded import Server
from .errors import StoreError
from .schema import Schema

if TYPE_CHECKING:
    import neo4j

BATCH = 5_000
BATCH_BYTES = 4_000_000
_RETRIES = 5

Row = dict[str, Any]


class Connection:
    """What reading and writing need of a server; `server` is there if it is an embedded one."""

    def __init__(
        self,
        uri: str,
        driver: neo4j.Driver,
        database: str | None,
        schema: Schema,
        server: Server | None = None,
    ):
        self.uri = uri
        self.driver = driver
        self.database = database
        self.schema = schema
        self.server = server

    def agent(self) -> str:
        return str(self.driver.get_server_info().agent)

    def is_neo4j(self) -> bool:
        return "ArcadeDB" not in self.agent()

    @contextmanager
    def errors(self) -> Iterator[None]:
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

    def labels(self) -> list[str]:
        return [str(row[0]) for row in self.rows("CALL db.labels() YIELD label RETURN label")]

    def relationship_types(self) -> list[str]:
        query = "CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType"
        return [str(row[0]) for row in self.rows(query)]

    def rows(self, query: str, **params: Any) -> Iterator[list[Any]]:
        with self.driver.session(database=self.database, default_access_mode="READ") as session:
            for record in session.run(query, params):
                yield list(record.values())

    def looked_up(self, query: str, keys: pl.Series) -> Iterator[list[Any]]:
        """The rows of a query over `$keys`, asked in batches."""
        for start in range(0, keys.len(), BATCH):
            yield from self.rows(query, keys=keys.slice(start, BATCH).to_list())

    def is_empty(self, label: str) -> bool:
        return next(self.rows(f"MATCH (n:{label}) RETURN 1 LIMIT 1"), None) is None

    def send(
        self, statement: str, rows: Iterable[Row], advance: Callable[..., None] | None = None
    ) -> None:
        """Run a statement over `$rows`, a batch a transaction."""
        for batch in ahead(batches(rows), lambda batch: self.run(statement, batch)):
            if advance is not None:
                advance(len(batch))

    def run(self, statement: str, batch: list[Row]) -> None:
        from neo4j.exceptions import ConstraintError

        def work(transaction: neo4j.ManagedTransaction) -> None:
            transaction.run(statement, rows=batch).consume()

        with self.driver.session(database=self.database) as session:
            for attempt in range(_RETRIES):
                try:
                    session.execute_write(work)
                    return
                except ConstraintError:
                    # Two writers merged the same node at once; the second time, it is there.
                    if attempt == _RETRIES - 1:
                        raise


def ahead(batches: Iterable[list[Row]], work: Callable[[list[Row]], None]) -> Iterator[list[Row]]:
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


def batches(
    rows: Iterable[Row], most: int = BATCH, most_bytes: int = BATCH_BYTES
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
