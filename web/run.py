"""The site in a process: a thread that serves it within a `with` block."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from medkg.core.errors import StoreError

from .app import MOST_AT_ONCE, create_app
from .site import Site

if TYPE_CHECKING:
    from medkg.access import Connection
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel
    from medkg.mining.treatment.model import TreatmentModel

_ENDING_SECONDS = 5


@contextmanager
def running_site(
    store: Connection,
    port: int = 0,
    *,
    diagnosis: DiagnosisModel | None = None,
    treatment: TreatmentModel | None = None,
    links: LinkModel | None = None,
    language: str = "en",
) -> Iterator[Site]:
    """Serve a site over a store on 127.0.0.1 until the block ends.

    Args:
        port: 0 for any that is free.
        language: of the pages' words, "en" or "zh".

    Raises:
        StoreError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise StoreError(f"port {port} can't be listened on: {error.strerror}") from error
    site = Site(store, listener.getsockname()[1], diagnosis, treatment, links, language)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(site),
            # No address and no error's text is printed: either may hold what is a patient's.
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_graceful_shutdown=_ENDING_SECONDS,
            proxy_headers=False,
            ws="none",
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield site
    finally:
        server.should_exit = True
        thread.join(2 * _ENDING_SECONDS)
        listener.close()
