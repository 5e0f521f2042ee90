"""What a server itself keeps of the writing: who writes now, and a record of every load.

A `(:Load)` is one write: what, when, of which graph (by its checksum), whether it is complete. The
pieces of evidence that it wrote carry its id as `load`; those that were there before, with other
content, also that of the load that first wrote them as `first_load`. `(:Journal)` nodes are there
only while somebody writes: one says who, some are the gates of the fence (`fence.py`), the others
say which transactions are in (see `Connection.change_once`) and which sessions have batches.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from ...core.errors import StoreError
from ...core.interruption import mark_kept
from ...core.json_reading import parse_json
from ..frames import Row
from ..kg import KnowledgeGraph
from .bulk import BulkRefused, end_session
from .connection import Connection
from .fence import Fence
from .names import keys

if TYPE_CHECKING:
    import neo4j

LEASE_SECONDS = 30  # a writer that says nothing for so long is taken to be dead
_POLL_SECONDS = 0.5  # after which a writer that waits asks again
_LOAD = ("id", "name", "time", "finished", "state", "sources", "graph", "medkg", "counts")


@contextmanager
def writing(connection: Connection) -> Iterator[Connection]:
    """Be the only writer while the block runs; yields the connection by which it changes things.

    On the embedded server a lock on its folder sees to it, on a Neo4j a node with the owner and a
    time until which it holds, which the owner keeps moving on. What an earlier writer still has
    under way, dead or alive, is waited for or comes to nothing.
    """
    connection.change_schema(
        "CREATE CONSTRAINT medkg_Journal_id IF NOT EXISTS FOR (n:Journal) REQUIRE n.id IS UNIQUE"
    )
    with _leased(connection) if connection.server is None else connection.server.writing():
        fence = Fence(connection.uri)

        def shut() -> None:
            with _session(connection) as session:
                fence.shut(session)

        connection.tried(shut)
        _end_batches(connection)
        try:
            yield connection.fenced(fence)
        finally:
            with suppress(Exception), _session(connection) as session:
                fence.clear(session)  # where it can't be, the next writer does


def _session(connection: Connection) -> neo4j.Session:
    return connection.driver.session(database=connection.database)


def _end_batches(connection: Connection) -> None:
    """Wait for batches that an earlier writer's sessions run, and refuse later ones."""
    sessions = connection.fetch("MATCH (j:Journal) WHERE j.session RETURN j.id")
    if sessions and connection.server is None:
        raise StoreError(
            f"{connection.uri}: a write to this embedded server by its folder was cut off; give it"
            " the same command again first"
        )
    for (session,) in sessions:
        assert connection.server is not None
        try:
            end_session(connection.server, session)
        except BulkRefused as error:
            raise StoreError(
                f"{connection.uri} doesn't end what an earlier writer sent ({error})"
            ) from error


@contextmanager
def _leased(connection: Connection) -> Iterator[None]:
    """Hold the lease of a server that others may write to while the block runs."""
    owner = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
    while not _taken(connection, owner):
        time.sleep(_POLL_SECONDS)
    done = threading.Event()

    def keep() -> None:
        # Where another took the lease, the fence ends this writer.
        while not done.wait(LEASE_SECONDS / 3):
            with suppress(Exception):
                if not _taken(connection, owner):
                    return

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        with suppress(Exception):  # the lease ends by itself
            connection.change(
                "MATCH (j:Journal {id: 'writer', owner: $owner}) DELETE j", owner=owner
            )


def _taken(connection: Connection, owner: str) -> bool:
    """Take the lease, or move it on; false where another holds it."""
    from neo4j.exceptions import Neo4jError

    holder = connection.fetch("MATCH (j:Journal {id: 'writer'}) RETURN j.owner")
    dead = [row[0] for row in holder if row[0] is not None and _is_dead(row[0])]
    try:
        # The first SET locks the node, so that what follows sees what the last holder left.
        seems_taken = connection.change(
            "MERGE (j:Journal {id: 'writer'}) SET j.asked = timestamp() WITH j"
            " WHERE j.owner IS NULL OR j.owner = $owner OR j.owner IN $dead"
            " OR j.until < timestamp()"
            " SET j.owner = $owner, j.until = timestamp() + $milliseconds RETURN 1",
            owner=owner,
            dead=dead,
            milliseconds=LEASE_SECONDS * 1000,
        )
    except Neo4jError as error:
        if error.code and "EntityNotFound" in error.code:  # its holder let go at this moment
            return False
        raise
    # A node that its holder deletes at this moment may also read as one without an owner, and what
    # is set on it is lost. A cluster's other servers may not have it yet, so that a read won't do.
    own = "MATCH (j:Journal {id: 'writer', owner: $owner}) RETURN 1"
    return bool(seems_taken and connection.change(own, owner=owner))


def _is_dead(owner: str) -> bool:
    host, pid, _ = owner.split(" ")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def begin(
    connection: Connection, kg: KnowledgeGraph, name: str | None, checksum: str, how: str
) -> tuple[str, bool]:
    """Record that a write begins, or goes on. The caller is alone.

    Returns:
        The load's id, and whether an earlier write, of whatever, was cut off.
    """
    unfinished = connection.fetch(
        "MATCH (l:Load) WHERE l.state = 'writing' RETURN l.id, l.graph, l.how ORDER BY l.time"
    )
    same = [row[0] for row in unfinished if row[1:] == [checksum, how]]
    others = [row[0] for row in unfinished if row[0] not in same[:1]]
    connection.change("MATCH (l:Load) WHERE l.id IN $ids SET l.state = 'interrupted'", ids=others)
    mark_kept()
    if same:
        return str(same[0]), True
    load = {
        "id": uuid.uuid4().hex[:12],
        "name": name or ", ".join(f"{each.name} {each.release}".strip() for each in kg.sources),
        "time": _now(),
        "state": "writing",
        "sources": [f"{each.name} {each.release}".strip() for each in kg.sources],
        "graph": checksum,
        "how": how,
        "medkg": version("medkg"),
    }
    connection.change("MERGE (l:Load {id: $id}) SET l = $load", id=load["id"], load=load)
    return str(load["id"]), bool(unfinished)


def finish(connection: Connection, load: str, counts: dict[str, object]) -> None:
    """Record that a write is complete."""
    connection.change(
        "MATCH (l:Load {id: $id}) SET l.state = 'complete', l.finished = $now, l.counts = $counts",
        id=load,
        now=_now(),
        counts=json.dumps(counts),
    )


def read_loads(connection: Connection) -> list[Row]:
    """The loads, the latest last: `graph` is its checksum, `state` complete, interrupted, writing.

    `counts` is what a `WriteSummary` says (of a load that went on after an interruption, from
    there on).
    """
    rows = connection.fetch(
        f"MATCH (l:Load) WHERE l.state IS NOT NULL RETURN {keys('l', _LOAD)} ORDER BY l.time"
    )
    loads = [dict(zip(_LOAD, row, strict=True)) for row in rows]
    return [{**load, "counts": parse_json(load["counts"] or "null")} for load in loads]


def _now() -> str:
    # Two loads may begin within a second, and are listed in order of time.
    return datetime.now(UTC).isoformat(timespec="milliseconds")
