"""What a query may take of a server, in time, memory and rows, and how it is said that it is more.

A Neo4j says itself which limit it was. The embedded server does for time, and for what it sorts,
groups and collects (at most half of its heap); a value that outgrows the heap while it is computed
ends its connection alone, and is found in the server's log.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ...core.errors import StoreError
from ..spill import MOST_IN_MEMORY
from . import embedded
from .embedded import HEAP, Server

if TYPE_CHECKING:
    from neo4j.exceptions import Neo4jError

MOST_ROWS = MOST_IN_MEMORY  # of an answer that is one frame

_NOTICE_SECONDS = 5.0  # until the reason of a lost connection is in the log


def refusal(error: Neo4jError, uri: str) -> StoreError:
    """What a server's refusal means, and what to do."""
    code = error.code or ""
    if "TransactionTimedOut" in code:
        return StoreError(
            f"{uri}: the query takes longer than the {embedded.QUERY_SECONDS} seconds that it may;"
            " ask for less: a kind for each node, a smaller pattern, a part at a time"
        )
    if "OutOfMemory" in code or "HeapLimit" in (error.message or ""):
        return StoreError(f"{uri}: {_needs_memory('the server')}")
    return StoreError(f"{uri} refuses: {error.message}")


def lost_connection(server: Server, log_size: int, uri: str) -> StoreError:
    """Why an embedded server's connection was lost, and whether the server runs on.

    Args:
        log_size: bytes of the server's log when the query began.
    """
    deadline = time.monotonic() + _NOTICE_SECONDS
    while not (short := server.ran_out_of_memory(since=log_size)) and time.monotonic() < deadline:
        if not server.running():
            return StoreError(
                f"{uri} no longer answers: the embedded server has ended (its log is {server.log});"
                " connect again, which starts it anew"
            )
        time.sleep(0.1)
    if not short:
        return StoreError(f"{uri} no longer answers; does the server run?")
    needs = _needs_memory("the embedded server", f"{HEAP}, such as 4g")
    if server.answers():
        return StoreError(f"{uri}: {needs}. The server runs on")
    server.end()
    return StoreError(f"{uri}: {needs}. The server had to be ended; connecting starts it anew")


def too_many_rows() -> StoreError:
    """An answer that doesn't fit in one frame."""
    return StoreError(
        f"the answer has more than {MOST_ROWS:,} rows; add a LIMIT, aggregate, or, in Python, read"
        " it in parts with `pages`"
    )


def _needs_memory(server: str, more: str = "") -> str:
    needs = f"the query needs more memory than {server} may use; ask for less"
    return f"{needs}, or give the server more ({more})" if more else needs
