"""A connection to a graph server: queries, statements over batches of rows, retries, errors."""

from __future__ import annotations

import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from ...core.errors import StoreError
from ..frames import Row
from ..schema import Schema
from .embedded import Server

if TYPE_CHECKING:
    import neo4j

BATCH = 5_000
BATCH_BYTES = 4_000_000
RETRY_SECONDS = 60  # how long a server that doesn't answer is waited for
_RETRIES = 5

Record = list[Any]  # the values of a row of an answer, as the driver gives them
T = TypeVar("T")


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

    # Queries

    def labels(self) -> list[str]:
        return [str(row[0]) for row in self.rows("CALL db.labels() YIELD label RETURN label")]

    def relationship_types(self) -> list[str]:
        query = "CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType"
        return [str(row[0]) for row in self.rows(query)]

    def rows(self, query: str, **params: object) -> Iterator[Record]:
        with self.driver.session(database=self.database, default_access_mode="READ") as session:
            for record in session.run(query, params):
                yield list(record.values())

    def fetch(self, query: str, **params: object) -> list[Record]:
        """The rows of a query that has few; asked again where the connection is lost."""
        return self.tried(lambda: list(self.rows(query, **params)))

    def looked_up(self, query: str, keys: pl.Series) -> Iterator[Record]:
        """The rows of a query over `$keys`, asked in batches."""
        for start in range(0, keys.len(), BATCH):
            yield from self.rows(query, keys=keys.slice(start, BATCH).to_list())

    def count(self, label: str) -> int:
        """How many nodes have a label."""
        return int(self.fetch(f"MATCH (n:{label}) RETURN count(n)")[0][0])

    # Statements

    def send(
        self, statement: str, rows: Iterable[Row], advance: Callable[..., None] | None = None
    ) -> None:
        """Run a statement over `$rows`, a batch a transaction."""
        for batch in ahead(batches(rows), lambda batch: self.run(statement, batch)):
            if advance is not None:
                advance(len(batch))

    def run(self, statement: str, batch: list[Row]) -> None:
        """Run a statement over `$rows` that does no harm if it is run twice."""
        from neo4j.exceptions import ConstraintError

        for attempt in range(_RETRIES):
            try:
                self.change(statement, rows=batch)
                return
            except ConstraintError:
                # Two writers merged the same node at once; the second time, it is there.
                if attempt == _RETRIES - 1:
                    raise

    def change(self, statement: str, **params: object) -> list[Record]:
        """Run a statement that does no harm if it is run twice, in a transaction of its own."""

        def once() -> list[Record]:
            with (
                self.driver.session(database=self.database) as session,
                session.begin_transaction() as work,
            ):
                records = [list(record.values()) for record in work.run(statement, params)]
                work.commit()
            return records

        return self.tried(once)

    def change_once(self, statement: str, **params: object) -> None:
        """Run a statement that must not be run twice, even where its outcome is never heard of.

        It leaves a node of a unique id in the same transaction: where that is there already, the
        statement has been run.

        Raises:
            ConstraintError: it creates what is there.
        """
        from neo4j.exceptions import ConstraintError

        step = uuid.uuid4().hex
        marked = f"{statement} WITH count(*) AS rows CREATE (:Journal {{id: $step}})"
        try:
            self.change(marked, step=step, **params)
        except ConstraintError:
            if not self.fetch("MATCH (j:Journal {id: $step}) RETURN 1", step=step):
                raise

    def tried(self, work: Callable[[], T]) -> T:
        """The work's result; a lost connection, or what else may pass, is waited for.

        Raises:
            StoreError: it doesn't pass within `RETRY_SECONDS`.
        """
        from neo4j.exceptions import DriverError, Neo4jError

        deadline = None
        pause = 0.1
        while True:
            try:
                return work()
            except (DriverError, Neo4jError, OSError) as error:
                if not _may_pass(error):
                    raise
                now = time.monotonic()
                deadline = deadline or now + RETRY_SECONDS
                if now > deadline or (self.server is not None and not self.server.running()):
                    raise StoreError(
                        f"{self.uri} no longer answers ({error}); when the server runs, run the"
                        " same command again: it goes on where it stopped"
                    ) from error
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, 5.0)


def _may_pass(error: Exception) -> bool:
    from neo4j.exceptions import DriverError, Neo4jError

    return isinstance(error, OSError) or (
        isinstance(error, DriverError | Neo4jError) and error.is_retryable()
    )


class Workers:
    """Jobs done by some threads at once; few wait, so that their rows aren't all in memory."""

    def __init__(self, count: int):
        self._count = count
        self._pool = ThreadPoolExecutor(count)
        self._pending: deque[Future[None]] = deque()

    def put(self, job: Callable[[], None]) -> None:
        """Do a job, soon. Raises what an earlier one raised."""
        while len(self._pending) > self._count:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(job))

    def wait(self) -> None:
        """Wait for all jobs. Raises what one of them raised."""
        while self._pending:
            self._pending.popleft().result()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)


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
