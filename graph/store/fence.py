"""A fence between writers: what a writer before this one still has under way comes to nothing.

A client may be dead and its last transaction, or batch, still on its way. So a writer begins by
putting a token of its own on some `(:Journal)` nodes of the server, the gates. Each of its
transactions changes a gate and is committed only if that holds this token. As both change the same
node, a late transaction of another writer either is committed before, which is waited for, or is
refused.

The embedded server's batches are in no transaction. Each goes in an HTTP session, which a fenced
transaction records. To end a session waits for the batch that is in it, and refuses a later one.
"""

from __future__ import annotations

import logging
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...core.errors import StoreError

if TYPE_CHECKING:
    import neo4j

_GATES = 4  # transactions that may be committed at once
_LOCK_SECONDS = 5  # how long a lock is waited for until the wait is told
_PATIENCE_SECONDS = 600


class Fence:
    """What one writer's transactions pass.

    Args:
        uri: the server, for messages.
    """

    def __init__(self, uri: str):
        self._uri = uri
        self._token = uuid.uuid4().hex
        # Each transaction has a gate to itself, so that none waits for another's commit.
        self._gates = [f"gate {number}" for number in range(_GATES)]
        self._free: queue.SimpleQueue[str] = queue.SimpleQueue()
        for gate in self._gates:
            self._free.put(gate)

    def shut(self, session: neo4j.Session) -> None:
        """Shut the gates to earlier writers; what they are committing at this moment comes first.

        Raises:
            StoreError: an earlier transaction stays open.
        """
        from neo4j.exceptions import Neo4jError

        deadline = time.monotonic() + _PATIENCE_SECONDS
        is_told = False
        while True:
            try:
                with session.begin_transaction(timeout=_LOCK_SECONDS) as work:
                    work.run(
                        "UNWIND $gates AS gate MERGE (j:Journal {id: gate}) SET j.token = $token",
                        gates=self._gates,
                        token=self._token,
                    ).consume()
                    work.commit()
                return
            except Neo4jError as error:
                if "TransactionTimedOut" not in (error.code or ""):
                    raise
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{self._uri}: an earlier writer's transaction stays open; end it (SHOW"
                        " TRANSACTIONS, TERMINATE TRANSACTION) and run the same command again"
                    ) from error
            if not is_told:
                logging.getLogger(__name__).warning(
                    "%s: an earlier writer's transaction is waited for", self._uri
                )
                is_told = True

    def clear(self, session: neo4j.Session) -> None:
        """Take the gates away, with all else that is noted of this writing but the lease."""
        with session.begin_transaction() as work, self.passed(work):
            work.run("MATCH (j:Journal) WHERE j.owner IS NULL DELETE j").consume()
            work.commit()

    @contextmanager
    def passed(self, work: neo4j.Transaction) -> Iterator[None]:
        """Take a transaction, at its end, through a gate; it is to be committed in the block.

        Raises:
            StoreError: another writer has shut the gates.
        """
        gate = self._free.get()
        try:
            # The first SET locks the node, so that what follows sees what another writer left.
            own = work.run(
                "MATCH (j:Journal {id: $gate}) SET j.passed = $now WITH j"
                " WHERE j.token = $token RETURN j.id",
                gate=gate,
                now=time.time_ns(),
                token=self._token,
            )
            if not list(own):
                raise StoreError(
                    f"{self._uri} let another writer in, as this one was silent for too long; run"
                    " the same command again: it goes on where it stopped"
                )
            yield
        finally:
            self._free.put(gate)
