"""A connection to a graph server: queries, statements over batches of rows, retries, errors."""

from __future__ import annotations

import copy
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from ...core.disk import check_room
from ...core.errors import StoreError
from ..frames import Row
from ..schema import Schema
from .accounts import READER
from .embedded import Server
from .fence import Fence
from .guard import refuse_changes
from .limits import lost_connection, refusal
from .names import Names

if TYPE_CHECKING:
    import neo4j

BATCH = 5_000
BATCH_BYTES = 4_000_000
MOST_CONNECTIONS = 256  # of one driver, so that queries that take long don't hold back others
RETRY_SECONDS = 60  # how long a server that doesn't answer is waited for
_RETRIES = 5

Record = list[Any]  # the values of a row of an answer, as the driver gives them
T = TypeVar("T")


class Connection:
    """What reading and writing need of a server.

    Attributes:
        server: there if it is an embedded one.
        fence: there while this connection is the server's one writer.
    """

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
        self.names = Names(schema)
        self.server = server
        self._reading: neo4j.Driver | None = None
        self._is_neo4j: bool | None = None
        self._making = threading.Lock()
        self.fence: Fence | None = None

    def reading_driver(self) -> neo4j.Driver:
        """The driver for queries of users: at an embedded server, as the account `reader`.

        Such a server ignores that a session only reads, but not what an account may do.
        """
        import neo4j

        if self.server is None:
            return self.driver
        with self._making:
            if self._reading is None:
                self._reading = neo4j.GraphDatabase.driver(
                    self.server.uri,
                    auth=self.server.accounts[READER],
                    max_connection_pool_size=MOST_CONNECTIONS,
                    notifications_min_severity="OFF",
                )
            return self._reading

    def close(self) -> None:
        self.driver.close()
        if self._reading is not None:
            self._reading.close()

    def fenced(self, fence: Fence) -> Connection:
        """This connection, with changes that are made only as long as the fence lets them."""
        writer = copy.copy(self)
        writer.fence = fence
        return writer

    def agent(self) -> str:
        return str(self.driver.get_server_info().agent)

    def is_neo4j(self) -> bool:
        if self._is_neo4j is None:  # asked once: it is a round trip
            self._is_neo4j = "ArcadeDB" not in self.agent()
        return self._is_neo4j

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's errors into ones that say what to do."""
        from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable, SessionExpired

        log_size = self.server.log.stat().st_size if self.server is not None else 0
        try:
            with self._room_checked():
                yield
        except Neo4jError as error:
            raise refusal(error, self.uri) from error
        except (ServiceUnavailable, SessionExpired) as error:
            if self.server is not None:
                raise lost_connection(self.server, log_size, self.uri) from error
            raise StoreError(f"{self.uri} no longer answers; does the server run?") from error
        except DriverError as error:
            raise StoreError(f"{self.uri}: {error}") from error

    @contextmanager
    def _room_checked(self) -> Iterator[None]:
        """Say that the embedded server's disk is full, where that is why it refuses."""
        from neo4j.exceptions import DriverError, Neo4jError

        try:
            yield
        except (DriverError, Neo4jError, StoreError):
            if self.server is not None:
                check_room(self.server.folder)
            raise

    # Queries

    def labels(self) -> list[str]:
        return [str(row[0]) for row in self.rows("CALL db.labels() YIELD label RETURN label")]

    def relationship_types(self) -> list[str]:
        query = "CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType"
        return [str(row[0]) for row in self.rows(query)]

    def rows(self, query: str, **params: object) -> Iterator[Record]:
        """The rows of a query that only reads.

        Raises:
            StoreError: it is not plainly a read.
        """
        refuse_changes(query)
        with self.driver.session(database=self.database, default_access_mode="READ") as session:
            for record in session.run(query, params):
                yield list(record.values())

    def fetch(self, query: str, **params: object) -> list[Record]:
        """The rows of a query that has few; asked again where the connection is lost."""
        return self.tried(lambda: list(self.rows(query, **params)))

    def looked_up(self, query: str, keys: pl.Series, **params: object) -> Iterator[Record]:
        """The rows of a query over `$keys`, asked in batches."""
        for start in range(0, keys.len(), BATCH):
            yield from self.rows(query, keys=keys.slice(start, BATCH).to_list(), **params)

    def count(self, label: str) -> int:
        """How many nodes have a label: a kind's, or one of the store's own."""
        return int(self.fetch(f"MATCH (n:{self.names.label(label)}) RETURN count(n)")[0][0])

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
        """Run a statement that does no harm if it is run twice, in a transaction of its own.

        Raises:
            StoreError: this connection was the writer, and is it no longer.
        """

        def once() -> list[Record]:
            with (
                self.driver.session(database=self.database) as session,
                session.begin_transaction() as work,
            ):
                records = [list(record.values()) for record in work.run(statement, params)]
                with nullcontext() if self.fence is None else self.fence.passed(work):
                    work.commit()
            return records

        return self.tried(once)

    def change_schema(self, statement: str) -> None:
        """Make or drop a constraint or an index; such a transaction may change nothing else."""

        def once() -> None:
            with self.driver.session(database=self.database) as session:
                session.run(statement).consume()

        self.tried(once)

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
            StoreError: it doesn't pass within `RETRY_SECONDS`, nor at `_RETRIES` tries.
        """
        from neo4j.exceptions import DriverError, Neo4jError

        deadline = None
        pause = 0.1
        failed = 0
        while True:
            try:
                return work()
            except (DriverError, Neo4jError, OSError) as error:
                if not _may_pass(error):
                    raise
                failed += 1
                now = time.monotonic()
                deadline = deadline or now + RETRY_SECONDS
                # A try of a large batch may take a slow machine longer than all that is waited for.
                is_over = now > deadline and failed >= _RETRIES
                if is_over or (self.server is not None and not self.server.running()):
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
