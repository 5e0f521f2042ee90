"""The audit log of a server: who asked what, and who changed what, without any text of a note.

A line has the user, the action and, of a query, its Cypher with a `?` in place of each literal.
Values (literals and parameters, such as a patient's identifier or a name) are kept as keyed hashes
alone: whoever holds the key's file can ask for the lines about a value that they know, and nobody
can read a value off the log.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.atomic import write_once
from ...core.chained_log import ChainedLog, Entry
from ...core.disk import DiskError
from ...core.errors import DataError, StoreError
from .guard import masked_literals

LOG = "audit.jsonl"
KEY = "audit.key"
FOLDER = "MEDKG_AUDIT"  # the variable of the environment with the log's folder for a Neo4j

_MOST_VALUES = 10_000  # whose hashes a line holds; how many more there were is counted
_LONGEST_VALUE = 200  # characters; what is longer is no identifier or name
_LONGEST_QUERY = 2_000


class AuditLog:
    """The audit log in a folder: `audit.jsonl`, and `audit.key` with the key of its hashes."""

    def __init__(self, folder: Path, user: str | None = None):
        """
        Args:
            user: whose lines these are where none is given; by default the operating system's.
        """
        self.folder = folder
        self.user = user
        self.log = ChainedLog(folder / LOG)
        self._key_file = folder / KEY

    @classmethod
    def of_environment(cls) -> AuditLog | None:
        """The log of the folder that MEDKG_AUDIT names; None where it is not set."""
        folder = os.environ.get(FOLDER)
        return cls(Path(folder)) if folder else None

    def record(
        self,
        action: str,
        *,
        user: str | None = None,
        cypher: str | None = None,
        values: Iterable[object] = (),
        **details: object,
    ) -> None:
        """Add a line, before the action is done: what can't be recorded is not done.

        Args:
            action: `query`, `read`, `resolve`, `write`, `forget`, `log-in`, `refused log-in` or
                `refused connection`.
            user: the account; by default that of this object.
            cypher: the query.
            values: what the action is about, such as parameters: all texts and numbers in it.
            details: what else is kept as it is, such as counts.

        Raises:
            StoreError: the log can't be written to.
        """
        entry: Entry = {"user": user or self.user or _system_user(), "action": action}
        texts = list(_texts(values))
        if cypher is not None:
            query, literals = masked_literals(cypher)
            texts = [*literals, *texts]
            entry["cypher"] = query[:_LONGEST_QUERY]
        try:
            key = self._key()
            different = list(dict.fromkeys(map(_comparable, texts)))
            hashes = [_hash(text, key) for text in different[:_MOST_VALUES]]
            entry |= {"values": hashes, **details}
            if len(different) > _MOST_VALUES:
                entry["values_left_out"] = len(different) - _MOST_VALUES
            self.log.append(entry)
        except (OSError, DiskError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StoreError(
                f"{self.log.file} can't be written to ({reason}), and what isn't recorded"
                " there isn't done; make room, or give yourself the right to write"
            ) from error

    def entries(self, about: str | None = None) -> Iterator[Entry]:
        """The lines, oldest first; of a value, those that are about it.

        Raises:
            DataError: a line is no entry, or the key's file is missing.
        """
        wanted = None
        if about is not None:
            if not self._key_file.exists():
                raise DataError(
                    "is missing: without it no value can be looked up", path=self._key_file
                )
            wanted = _hash(_comparable(about), self._key())
        for entry in self.log.entries():
            if wanted is None or wanted in entry.get("values", ()):
                yield entry

    def _key(self) -> bytes:
        # Asked before the key is read: another process may just be making both, the key first.
        is_begun = self.log.file.exists()
        try:
            return self._key_file.read_bytes()
        except FileNotFoundError:
            if is_begun:
                # With another key, a look-up would pass over what was recorded before, silently.
                raise StoreError(
                    f"{self._key_file} is missing, and {self.log.file} was kept with it: put it"
                    " back, or move the log away to begin another"
                ) from None
        write_once(self._key_file, secrets.token_bytes(32))
        return self._key_file.read_bytes()


def _comparable(text: str) -> str:
    return text.strip().casefold()


def _hash(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def _system_user() -> str:
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name  # not LOGNAME, which anyone may set
    except KeyError:  # a number without a name, as in a container
        return str(os.getuid())


def _texts(values: Any) -> list[str]:
    """The texts and numbers in a nested value that are short enough to be a name or identifier."""
    if isinstance(values, str):
        return [values] if len(values) <= _LONGEST_VALUE else []
    if isinstance(values, bool) or values is None:
        return []
    if isinstance(values, int | float):
        return [str(values)]
    if isinstance(values, Mapping):
        return [text for value in values.values() for text in _texts(value)]
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        return []
    return [text for value in values for text in _texts(value)]
