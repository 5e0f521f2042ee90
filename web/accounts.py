"""Who may use the site: three accounts with a token each, and the sessions of their browsers."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

IDLE_SECONDS = 30 * 60
LONGEST_SECONDS = 8 * 60 * 60
_MOST_SESSIONS = 100
_TOKEN_BYTES = 24


@dataclass(frozen=True)
class Account:
    """A name, and what it may do beside seeing what comes from curated sources."""

    name: str
    sees_patients: bool
    may_write: bool


ACCOUNTS = (
    Account("visitor", sees_patients=False, may_write=False),
    Account("reader", sees_patients=True, may_write=False),
    Account("writer", sees_patients=True, may_write=True),
)


class Tokens:
    """A secret for each account, new with every start."""

    def __init__(self) -> None:
        self.by_account = {
            account.name: secrets.token_urlsafe(_TOKEN_BYTES) for account in ACCOUNTS
        }

    def account(self, token: str) -> Account | None:
        """Whose token it is, if it is one."""
        matching = [
            account
            for account in ACCOUNTS
            if secrets.compare_digest(token.encode(), self.by_account[account.name].encode())
        ]
        return matching[0] if matching else None


@dataclass
class _Session:
    account: Account
    begun: float
    used: float


class Sessions:
    """The browsers that are logged in; a session ends by itself, unused or not.

    Args:
        clock: seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    def begin(self, account: Account) -> str:
        """Log a browser in.

        Returns:
            The session's secret. Only its hash is kept.
        """
        secret = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._drop_ended()
            while len(self._sessions) >= _MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used)]
            now = self._clock()
            self._sessions[_digest(secret)] = _Session(account, now, now)
        return secret

    def account(self, secret: str) -> Account | None:
        """Whose session it is, if it has not ended; it has been used now."""
        with self._lock:
            self._drop_ended()
            session = self._sessions.get(_digest(secret))
            if session is None:
                return None
            session.used = self._clock()
            return session.account

    def end(self, secret: str) -> None:
        """Log a browser out."""
        with self._lock:
            self._sessions.pop(_digest(secret), None)

    def _drop_ended(self) -> None:
        now = self._clock()
        self._sessions = {
            key: session
            for key, session in self._sessions.items()
            if now - session.used < IDLE_SECONDS and now - session.begun < LONGEST_SECONDS
        }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
