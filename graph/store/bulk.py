"""The embedded server's faster way in for many new nodes and relationships: its batch endpoint.

It only creates; what is there already is for the caller to leave out. Rows go as JSON lines.
"""

from __future__ import annotations

import base64
import http.client
import json
from urllib.parse import quote, urlsplit

import polars as pl

from .connection import Connection
from .embedded import Server

_SECONDS = 600
_SESSION = "arcadedb-session-id"


class BulkRefused(Exception):
    """The server didn't take a batch, or not all of it."""


def create(connection: Connection, rows: pl.Series) -> None:
    """Create a node or a relationship for each row: a JSON object with `@type` and `@class`.

    When this returns or raises, the server has done with the batch.

    Raises:
        BulkRefused: one of the nodes is there already, or the server can't take them.
    """
    server = connection.server
    assert server is not None
    body = "\n".join(rows.to_list()).encode()
    session = _post(server, "begin", b"{}", "application/json")
    try:
        # Once it is recorded, the next writer ends it (see `fence.py`).
        connection.change("MERGE (j:Journal {id: $id}) SET j.session = true", id=session)
        # Where the log is written before the data, what a killed server had answered for is there.
        _post(server, "batch", body, "application/x-ndjson", "?wal=true", session)
    finally:
        end_session(server, session)


def end_session(server: Server, session: str) -> None:
    """End a session: the batch that is in it is waited for, and a later one is refused.

    Raises:
        BulkRefused: the server doesn't answer.
    """
    _post(server, "rollback", b"", "application/json", session=session)


def run_sql(server: Server, command: str) -> None:
    """Run a command that the server has in SQL and not in Cypher.

    Raises:
        BulkRefused: the server refuses it.
    """
    body = json.dumps({"language": "sql", "command": command}).encode()
    _post(server, "command", body, "application/json")


def _post(
    server: Server, verb: str, body: bytes, content_type: str, options: str = "", session: str = ""
) -> str:
    """The answer's session, where it has one."""
    login = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=_SECONDS)
    headers = {"Content-Type": content_type, "Authorization": f"Basic {login}"}
    try:
        connection.request(
            "POST",
            f"/api/v1/{verb}/{quote(server.database)}{options}",
            body,
            {**headers, _SESSION: session} if session else headers,
        )
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise BulkRefused(str(error)) from error
    finally:
        connection.close()
    if response.status not in (200, 204):
        raise BulkRefused(f"{response.status}: {answer[:300]}")
    return response.getheader(_SESSION, "")
