"""The gateway to the embedded server: Bolt on 127.0.0.1, for accounts, with every request logged.

A client logs in as `reader` or `writer` with a password that only this gateway knows; it is logged
in at the server as an account of the same rights, whose password no client knows. So nobody gets
by the log, and what a reader may do is decided by the server. Log-ins and queries are recorded
before they are passed on; answers go back as they are.
"""

from __future__ import annotations

import secrets
import socket
import socketserver
import struct
import threading
import time
from contextlib import suppress

from ...core.errors import DataError, MedkgError, StoreError
from .accounts import ACCOUNTS, READER, Account
from .audit import AuditLog
from .embedded import Server
from .guard import refuse_changes, refuse_unreadable
from .packstream import Structure, Value, pack, unpack

_MAGIC = b"\x60\x60\xb0\x17"
_HELLO, _LOGON, _RUN, _ROUTE, _FAILURE = 0x01, 0x6A, 0x10, 0x66, 0x7F
_LONGEST_MESSAGE = 16 * 2**20  # bytes; the embedded server takes no longer ones
_LONGEST_LOG_IN = 64 << 10  # the same of a client that nobody knows yet
_MOST_CONNECTIONS = 256  # that are open at once; each takes two threads and one of the server's
_REFUSED_SECONDS = 1.0  # before the next password can be tried
_LOG_IN_SECONDS = 30.0


class Gateway:
    """A gateway that listens within its `with` block.

    Attributes:
        uri: its address, for any Bolt driver.
        accounts: whom it lets in, each with its password, by name.
    """

    def __init__(
        self, server: tuple[str, int], inner: dict[str, Account], log: AuditLog, port: int
    ):
        """
        Args:
            server: host and port of the server's own Bolt.
            inner: the server's accounts, by name.
            port: where to listen on 127.0.0.1; 0 for any that is free.

        Raises:
            StoreError: the port is taken.
        """
        self.server = server
        self.inner = inner
        self.log = log
        self.accounts = {name: Account(name, secrets.token_urlsafe(24)) for name in ACCOUNTS}
        try:
            self._listener = _Listener(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise StoreError(f"port {port} can't be listened on: {error.strerror}") from error
        self._listener.gateway = self
        self.uri = f"bolt://127.0.0.1:{self._listener.server_address[1]}"
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)

    @classmethod
    def of(cls, server: Server, port: int = 0) -> Gateway:
        """The gateway of an embedded server, with the log in its folder."""
        host, _, bolt = server.uri.removeprefix("bolt://").partition(":")
        return cls((host, int(bolt)), server.accounts, AuditLog(server.folder), port)

    def __enter__(self) -> Gateway:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Let nobody in any more, and end the connections that are open."""
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.end_connections()

    def admitted(self, name: str, password: str) -> Account | None:
        """The server's account for a name and password; None if they are not right."""
        account = self.accounts.get(name)
        right = account.password if account else secrets.token_urlsafe(24)
        same = secrets.compare_digest(password.encode(), right.encode())
        return self.inner[name] if account and same else None


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_CONNECTIONS  # so that all of them may come in the same moment
    gateway: Gateway

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]):
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._is_full = False

    def process_request(self, request, client_address):  # type: ignore[no-untyped-def]
        is_full = len(self._open) >= _MOST_CONNECTIONS
        if is_full and not self._is_full:  # one line for all in a row, or they would fill the disk
            with suppress(MedkgError):
                self.gateway.log.record("refused connection", user="unknown")
        self._is_full = is_full
        if is_full:
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request):  # type: ignore[no-untyped-def]
        self._open.discard(request)
        super().close_request(request)

    def end_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Refused(Exception):
    """Why a client is sent away: code and message of Bolt's answer."""


class _Handler(socketserver.BaseRequestHandler):
    """One client's connection."""

    request: socket.socket
    server: _Listener

    def handle(self) -> None:
        self.user = ""
        self.request.settimeout(_LOG_IN_SECONDS)
        with suppress(OSError, EOFError):
            hello = _exactly(self.request, 20)
            if not hello.startswith(_MAGIC):
                return
            with socket.create_connection(self.server.gateway.server) as inner:
                inner.sendall(hello)
                version = _exactly(inner, 4)
                self.request.sendall(version)
                back = threading.Thread(target=_copy, args=(inner, self.request), daemon=True)
                back.start()
                try:
                    self._pass_on(inner)
                finally:
                    with suppress(OSError):
                        inner.shutdown(socket.SHUT_RDWR)
                    back.join()

    def _pass_on(self, inner: socket.socket) -> None:
        while True:
            data = _message(self.request, _LONGEST_MESSAGE if self.user else _LONGEST_LOG_IN)
            if data:  # an empty message keeps the connection alive
                try:
                    data = self._checked(data)
                except (DataError, StoreError, _Refused) as error:
                    self._refuse(error)
                    return
            inner.sendall(_chunks(data))

    def _checked(self, data: bytes) -> bytes:
        """The message to pass on, once it is recorded."""
        tag = data[1] if len(data) > 1 else -1
        if tag in (_HELLO, _LOGON):
            return self._logged_in(unpack(data))
        if not self.user:
            raise _Refused("log in first")
        if tag == _RUN:
            message = unpack(data)
            if not isinstance(message, Structure) or len(message.fields) < 2:
                raise DataError("a RUN message without a query and its parameters")
            query, parameters = message.fields[:2]
            self.server.gateway.log.record(
                "query", user=self.user, cypher=str(query), values=[parameters]
            )
            if self.user == READER:
                # The server knows what an account may do to records, and not what functions do.
                refuse_changes(str(query))
            else:
                refuse_unreadable(str(query))
        elif tag == _ROUTE:
            raise _Refused("there is one server and no routing; write bolt:// in place of neo4j://")
        return data

    def _logged_in(self, message: Value) -> bytes:
        """A HELLO or LOGON with the server's own account in place of the client's."""
        fields = message.fields if isinstance(message, Structure) else []
        given = fields[0] if fields else None
        if not isinstance(message, Structure) or not isinstance(given, dict):
            raise DataError("a log-in without its map of fields")
        if "credentials" not in given and message.tag == _HELLO:
            return pack(message)  # LOGON follows, from Bolt 5.1 on
        name = str(given.get("principal", ""))
        account = self.server.gateway.admitted(name, str(given.get("credentials", "")))
        if account is None or given.get("scheme") != "basic":
            self.server.gateway.log.record("refused log-in", user=name[:100])
            time.sleep(_REFUSED_SECONDS)
            raise _Refused("name or password is wrong")
        self.server.gateway.log.record("log-in", user=name)
        self.user = name
        self.request.settimeout(None)
        inner = {**given, "principal": account.name, "credentials": account.password}
        return pack(Structure(message.tag, [inner]))

    def _refuse(self, error: Exception) -> None:
        code = "Security.Unauthorized" if isinstance(error, _Refused) else "Request.Invalid"
        answer = {"code": f"Neo.ClientError.{code}", "message": str(error)}
        with suppress(OSError):
            self.request.sendall(_chunks(pack(Structure(_FAILURE, [answer]))))


def _exactly(connection: socket.socket, size: int) -> bytes:
    """That many bytes. Raises EOFError where the other side has ended the connection."""
    parts = []
    while size:
        part = connection.recv(min(size, 65_536))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _message(connection: socket.socket, longest: int) -> bytes:
    """The next message, put together from its chunks.

    Args:
        longest: the most bytes that it may have.

    Raises:
        EOFError: the client has ended the connection, or sends a message that is too long.
    """
    message = bytearray()
    while size := struct.unpack(">H", _exactly(connection, 2))[0]:
        message += _exactly(connection, size)
        if len(message) > longest:
            raise EOFError
    return bytes(message)


def _chunks(message: bytes) -> bytes:
    parts = []
    for start in range(0, len(message), 0xFFFF):
        part = message[start : start + 0xFFFF]
        parts += [struct.pack(">H", len(part)), part]
    return b"".join([*parts, b"\0\0"])


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
