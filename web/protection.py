"""What every request passes first: its host, origin, size and time; and what every answer carries.

A page of another site that a browser shows can send requests to 127.0.0.1 too, under a name of its
own that it lets point there. So the host must be this site's, and an origin, where there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Bytes: a form has nine for a Chinese character, and a note may have 200,000 characters.
LONGEST_BODY = 2 << 20
BODY_SECONDS = 30.0  # in which a request must have arrived, all of it

# Nothing but the site's own files; nothing inline.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# For a page that brings its own scripts: they run, in an origin of their own, from which they reach
# neither the site nor anything else.
SANDBOX_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline';"
    " style-src 'unsafe-inline'; img-src data: blob:; font-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": PAGE_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",  # without any, browsers send no origin with a form either
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class _Refused(HTTPException):
    """A refusal; raised while a body is read, it is what the reading handler answers, too."""


class Protection:
    """Refuses requests that aren't meant for this site, are too large, or don't arrive.

    Args:
        hosts: what `Host` may be, such as `127.0.0.1:8000`.
        longest_body, body_seconds: limits of a request's body.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        *,
        longest_body: int = LONGEST_BODY,
        body_seconds: float = BODY_SECONDS,
    ):
        self.app = app
        self.hosts = frozenset(hosts)
        self.origins = own_origins(hosts)
        self.longest_body, self.body_seconds = longest_body, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None  # no websocket is served
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *(header for header in more if header[0] not in given),
                ]
            await send(message)

        try:
            self._check(scope)
            await self.app(scope, self._limited(receive), send_with_headers)
        except _Refused as refused:
            if not begun:
                await _refuse(refused, send_with_headers)
        return None

    def _check(self, scope: Scope) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if headers.get("host") not in self.hosts:
            raise _Refused(421, "this address is not the site's")
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            raise _Refused(403, "the request comes from another site")
        elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if elsewhere and headers.get("sec-fetch-mode") != "navigate":
            raise _Refused(403, "the request comes from another site")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.longest_body:
            raise _Refused(413, f"a request may have {self.longest_body:,} bytes")

    def _limited(self, receive: Receive) -> Receive:
        """`receive`, which gives up on a body that is too long or takes too long."""
        size = 0
        complete = False
        deadline: float | None = None

        async def limited() -> Message:
            nonlocal size, complete, deadline
            if complete:  # what comes now is that the client leaves, which may take any time
                return await receive()
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + self.body_seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _Refused(408, "the request did not arrive in time") from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > self.longest_body:
                raise _Refused(413, f"a request may have {self.longest_body:,} bytes")
            return message

        return limited


def own_origins(hosts: Collection[str]) -> frozenset[str]:
    """The origins of the site's own pages."""
    return frozenset(f"http://{host}" for host in hosts)


async def _refuse(refused: _Refused, send: Send) -> None:
    start = {
        "type": "http.response.start",
        "status": refused.status_code,
        "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")],
    }
    await send(start)
    await send({"type": "http.response.body", "body": refused.detail.encode()})
