"""The site as an application: what each address answers, and how errors look."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from medkg.core.errors import MedkgError, MissingError

from . import api, pages
from .protection import Protection
from .site import BusyError, NotAllowedError, Site
from .visits import API

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_STATUSES: tuple[tuple[type[MedkgError], int], ...] = (
    (NotAllowedError, 403),
    (MissingError, 404),
    (BusyError, 503),
    (MedkgError, 400),
)
MOST_AT_ONCE = 256  # connections, and requests that are answered; more are told to come back


def create_app(site: Site) -> ASGIApp:
    """The application of a site, behind its protection."""

    @asynccontextmanager
    async def with_threads(_app: FastAPI) -> AsyncIterator[None]:
        # A thread for each, so that what takes long, or is asked by a client that has left, holds
        # nobody else back.
        to_thread.current_default_thread_limiter().total_tokens = MOST_AT_ONCE
        yield

    # Its own pages of documentation would load scripts from elsewhere.
    app = FastAPI(
        title="medkg",
        summary="A medical knowledge graph: entities, evidence, hypotheses, diagnosis, treatment.",
        description=api.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=with_threads,
    )
    app.state.site = site
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", pages.static_files())
    app.add_exception_handler(MedkgError, _on_own_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_error)
    return Protection(app, site.hosts)


def _answer(request: Request, status: int, reason: str) -> Response:
    """An error as its asker reads it: JSON for the API, a page for a browser."""
    if request.url.path.startswith(API):
        return JSONResponse({"detail": reason}, status)
    if status == 401:
        return RedirectResponse("/login", 303)
    return pages.error_page(request, status, reason)


def _on_own_error(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return _answer(request, status, str(error))


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, error.status_code, str(error.detail))


def _on_invalid(request: Request, error: Exception) -> Response:
    """What is wrong where; what was sent is not repeated, since it may be a note."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    return _answer(request, 422, "; ".join(problems))


def _on_error(request: Request, error: Exception) -> Response:
    """Say that something is wrong with the site, and nothing of what was sent."""
    route = request.scope.get("route")
    place = getattr(route, "path", "?")
    logging.getLogger(__name__).error("%s at %s", type(error).__name__, place)
    return _answer(request, 500, "the site failed at this; the terminal says where")
