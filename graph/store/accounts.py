"""The embedded server's accounts: `reader`, who can change nothing, and `writer`."""

from __future__ import annotations

import base64
import http.client
import json
from typing import NamedTuple
from urllib.parse import urlsplit

from ...core.errors import StoreError

READER, WRITER = "reader", "writer"
ACCOUNTS = (READER, WRITER)

_READS = ["readRecord"]
_WRITES = ["createRecord", "readRecord", "updateRecord", "deleteRecord"]
_SECONDS = 30


class Account(NamedTuple):
    """A name that a server knows, and its password."""

    name: str
    password: str


def groups_file(database: str) -> str:
    """The text of ArcadeDB's `server-groups.json`: what the accounts' groups may do."""
    return json.dumps(
        {
            "version": 2,
            "databases": {
                "*": {"groups": {"admin": _group(_WRITES, _ALL), "*": _group([], [])}},
                database: {
                    "groups": {
                        READER: _group(_READS, []),
                        WRITER: _group(_WRITES, ["updateSchema"]),
                    }
                },
            },
        }
    )


_ALL = ["updateSecurity", "updateSchema", "updateDatabaseSettings"]


def _group(records: list[str], rights: list[str]) -> dict[str, object]:
    return {
        "resultSetLimit": -1,
        "readTimeout": -1,
        "access": rights,
        "types": {"*": {"access": records}},
    }


def create(address: str, root: Account, database: str, accounts: list[Account]) -> None:
    """Create the accounts at the server's HTTP address, each in the group of its name.

    Raises:
        StoreError: the server refuses or doesn't answer.
    """
    log_in = base64.b64encode(f"{root.name}:{root.password}".encode()).decode()
    for account in accounts:
        user = {**account._asdict(), "databases": {database: [account.name]}}
        body = json.dumps({"command": f"create user {json.dumps(user)}"})
        # Not by urllib, which would ask a proxy of the environment.
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_SECONDS)
        try:
            connection.request("POST", "/api/v1/server", body, {"Authorization": f"Basic {log_in}"})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise StoreError(
                    f"the embedded server doesn't make the account {account.name!r}:"
                    f" {answer.status} {answer.read(300).decode(errors='replace')}"
                )
        except OSError as error:
            raise StoreError(f"the embedded server doesn't answer at {address}: {error}") from error
        finally:
            connection.close()
