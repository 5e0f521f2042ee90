"""The embedded server's faster way in for many new nodes and relationships: its batch endpoint.

It only creates; what is there already is for the caller to leave out. Rows go as JSON lines.
"""

from __future__ import annotations

import base64
import http.client
import json
from urllib.parse import quote, urlsplit

import polars as pl

from .embedded import Server

_SECONDS = 600


class BulkRefused(Exception):
    """The server didn't take a batch, or not all of it."""


def create(server: Server, rows: pl.Series) -> None:
    """Create a node or a relationship for each row: a JSON object with `@type` and `@class`.

    Raises:
        BulkRefused: one of the nodes is there already, or the server can't take them.
    """
    body = "\n".join(rows.to_list()).encode()
    # Where the log is written before the data, what a killed server had answered for is there.
    _post(server, "batch", body, "application/x-ndjson", "?wal=true")


def run_sql(server: Server, command: str) -> None:
    """Run a command that the server has in SQL and not in Cypher.

    Raises:
        BulkRefused: the server refuses it.
    """
    body = json.dumps({"language": "sql", "command": command}).encode()
    _post(server, "command", body, "application/json")


def _post(server: Server, verb: str, body: bytes, content_type: str, options: str = "") -> None:
    login = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=_SECONDS)
    try:
        connection.request(
            "POST",
            f"/api/v1/{verb}/{quote(server.database)}{options}",
            body,
            {"Content-Type": content_type, "Authorization": f"Basic {login}"},
        )
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise BulkRefused(str(error)) from error
    finally:
        connection.close()
    if response.status != 200:
        raise BulkRefused(f"{response.status}: {answer[:300]}")
