"""What a server itself keeps of the writing: who writes now, and a record of every load.

A `(:Load)` is one write: what, when, of which graph (by its checksum), whether it is complete. The
pieces of evidence that it wrote carry its id. `(:Journal)` nodes are there only while somebody
writes: one says who, the others which transactions are in (see `Connection.change_once`).
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version

from ...core.errors import StoreError
from ..frames import Row
from ..kg import KnowledgeGraph
from .connection import Connection

OWN_LABELS = ("Evidence", "Source", "Merge", "Load", "Journal")
LEASE_SECONDS = 30  # a writer that says nothing for so long is taken to be dead
_LOAD = ("id", "name", "time", "finished", "state", "sources", "graph", "medkg", "counts")


@contextmanager
def writing(connection: Connection) -> Iterator[Callable[[], None]]:
    """Be the only writer while the block runs; yields a check that it still is so.

    On the embedded server a lock on its folder sees to it, on a Neo4j a node with the owner and a
    time until which it holds, which the owner keeps moving on.
    """
    if connection.server is not None:
        with connection.server.writing():
            yield lambda: None
        return
    owner = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
    connection.change(
        "CREATE CONSTRAINT medkg_Journal_id IF NOT EXISTS FOR (n:Journal) REQUIRE n.id IS UNIQUE"
    )
    while not _taken(connection, owner):
        time.sleep(0.5)
    done, lost = threading.Event(), threading.Event()

    def keep() -> None:
        while not done.wait(LEASE_SECONDS / 3):
            try:
                held = _taken(connection, owner)
            except Exception:
                held = False
            if not held:
                lost.set()
                return

    def check() -> None:
        if lost.is_set():
            raise StoreError(
                f"{connection.uri} let another writer in, as this one was silent for too long; run"
                " the same command again: it goes on where it stopped"
            )

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield check
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
        return bool(
            connection.change(
                "MERGE (j:Journal {id: 'writer'}) SET j.asked = timestamp() WITH j"
                " WHERE j.owner IS NULL OR j.owner = $owner OR j.owner IN $dead"
                " OR j.until < timestamp()"
                " SET j.owner = $owner, j.until = timestamp() + $milliseconds RETURN 1",
                owner=owner,
                dead=dead,
                milliseconds=LEASE_SECONDS * 1000,
            )
        )
    except Neo4jError as error:
        if error.code and "EntityNotFound" in error.code:  # its holder let go at this moment
            return False
        raise


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
) -> str:
    """Record that a write begins, or goes on; returns the load's id. The caller is alone."""
    unfinished = connection.fetch(
        "MATCH (l:Load) WHERE l.state = 'writing' RETURN l.id, l.graph, l.how ORDER BY l.time"
    )
    same = [row[0] for row in unfinished if row[1:] == [checksum, how]]
    others = [row[0] for row in unfinished if row[0] not in same[:1]]
    connection.change("MATCH (l:Load) WHERE l.id IN $ids SET l.state = 'interrupted'", ids=others)
    if same:
        return str(same[0])
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
    return str(load["id"])


def finish(connection: Connection, load: str, counts: dict[str, object]) -> None:
    """Record that a write is complete, and clear its journal."""
    connection.change("MATCH (j:Journal) WHERE j.id <> 'writer' DELETE j")
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
    returned = ", ".join(f"l.{column}" for column in _LOAD)
    rows = connection.fetch(
        f"MATCH (l:Load) WHERE l.state IS NOT NULL RETURN {returned} ORDER BY l.time"
    )
    loads = [dict(zip(_LOAD, row, strict=True)) for row in rows]
    return [{**load, "counts": json.loads(load["counts"] or "null")} for load in loads]


def _now() -> str:
    # Two loads may begin within a second, and are listed in order of time.
    return datetime.now(UTC).isoformat(timespec="milliseconds")
