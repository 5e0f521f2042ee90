"""Who asks: by a program's token, or the session of a browser."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from .protection import own_origins
from .site import Site, Visit

_SAFE = ("GET", "HEAD")
API = "/api/"


def site_of(request: Request) -> Site:
    """The site that a request is for."""
    site: Site = request.app.state.site
    return site


def visit_of(request: Request) -> Visit:
    """Who asks: by a token (`Authorization: Bearer …`), or the session of a browser.

    Raises:
        HTTPException: 401 where nobody is logged in, 403 where a change comes from no page of ours.
    """
    site = site_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        account = site.tokens.account(token.strip())
    else:
        account = site.sessions.account(request.cookies.get(site.cookie, ""))
        # A browser sends the cookie by itself, but tells where what it sends comes from.
        origin = request.headers.get("origin")
        if account and request.method not in _SAFE and origin not in own_origins(site.hosts):
            raise HTTPException(403, "the request comes from no page of this site")
    if account is None:
        raise HTTPException(401, "log in with a token that medkg serve printed")
    visit = Visit(site, account)
    request.state.visit = visit  # the page of an error shows who asks
    return visit


Visitor = Annotated[Visit, Depends(visit_of)]
