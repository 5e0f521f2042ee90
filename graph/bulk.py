"""The embedded server's faster way in for many new nodes and relationships: its batch endpoint.

It only creates; what is there already is for the caller to leave out. Rows go as JSON lines.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from .embedded import Server

_SECONDS = 600


class BulkRefused(Exception):
    """The server didn't take a batch, or not all of it."""


def create_nodes(server: Server, label: str, rows: Iterable[dict[str, Any]]) -> None:
    """Create a node of this label for each row of properties.

    Raises:
        BulkRefused: one of them is there already, or the server can't take them.
    """
    _post_batch(server, ({"@type": "vertex", "@class": label, **row} for row in rows))


def create_relationships(
    server: Server, name: str, rows: Iterable[tuple[str, str, dict[str, Any]]]
) -> None:
    """Create a relationship for each row: element ids of both ends, and properties.

    Raises:
        BulkRefused: the server can't take them.
    """
    run_sql(server, f"CREATE EDGE TYPE {name} IF NOT EXISTS")
    edge = {"@type": "edge", "@class": name}
    _post_batch(
        server,
        (
            {**edge, "@from": s, "@to": o, **{k: v for k, v in values.items() if v is not None}}
            for s, o, values in rows
        ),
    )


def run_sql(server: Server, command: str) -> None:
    """Run a command that the server has in SQL and not in Cypher.

    Raises:
        BulkRefused: the server refuses it.
    """
    body = json.dumps({"language": "sql", "command": command}).encode()
    _post(server, "command", body, "application/json")


def _post_batch(server: Server, rows: Iterable[dict[str, Any]]) -> None:
    body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    _post(server, "batch", body, "application/x-ndjson", "?wal=true")


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
