"""The site under load: what takes long, and clients that go away, hold nobody back."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from medkg.web import answers, messages
from medkg.web.run import running_site
from medkg.web.site import Site, Visit

from .conftest import bearer

SLOW = "something that takes long"
MANY = 60  # more than the threads that a server of this kind has by itself


@pytest.fixture
def served(site: Site) -> Iterator[Site]:
    """The site in a thread of its own."""
    with running_site(site.store) as served:
        yield served


def sent_search(served: Site, stack: ExitStack, text: str) -> http.client.HTTPConnection:
    """A connection on which a search was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    stack.callback(connection.close)
    headers = {**bearer(served, "reader"), "content-type": "application/json"}
    connection.request("POST", "/api/search", json.dumps({"text": text}), headers)
    return connection


def test_what_takes_long_and_who_leaves_hold_nobody_back(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, begun, ended = answers.search, threading.Semaphore(0), threading.Event()

    def slow(visit: Visit, request: messages.SearchRequest) -> list[messages.Match]:
        if request.text == SLOW:
            begun.release()
            assert ended.wait(60)
        return search(visit, request)

    monkeypatch.setattr(answers, "search", slow)
    with ExitStack() as stack:
        try:
            waiting = [sent_search(served, stack, SLOW) for _ in range(MANY)]
            for _ in waiting:
                assert begun.acquire(timeout=60)
            for gone in waiting[: MANY // 2]:
                gone.close()
            answer = sent_search(served, stack, "imatinib").getresponse()
            assert (answer.status, json.load(answer)[0]["name"]) == (200, "imatinib")
        finally:
            ended.set()
        for stays in waiting[MANY // 2 :]:
            assert stays.getresponse().status == 200
