"""Who gets an answer at all: hosts, origins, sizes, times, tokens and sessions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from starlette.testclient import TestClient

from medkg.web import accounts
from medkg.web.accounts import ACCOUNTS, IDLE_SECONDS, LONGEST_SECONDS, Sessions, Tokens
from medkg.web.app import create_app
from medkg.web.protection import LONGEST_BODY, Protection
from medkg.web.site import BusyError, Site, Turns

from .conftest import FROM_HERE, PORT, bearer

VISITOR, READER, WRITER = ACCOUNTS


@pytest.mark.parametrize("host", ["kg.example.org", f"kg.example.org:{PORT}", "127.0.0.1:1", ""])
def test_a_host_that_is_not_the_site_s_is_refused(
    client: TestClient, site: Site, host: str
) -> None:
    headers = {**bearer(site, "reader"), "host": host}
    assert client.get("/api/overview", headers=headers).status_code == 421


def test_both_names_of_this_machine_are_the_site_s(client: TestClient, site: Site) -> None:
    for host in (f"127.0.0.1:{PORT}", f"localhost:{PORT}"):
        headers = {**bearer(site, "reader"), "host": host}
        assert client.get("/api/overview", headers=headers).status_code == 200


def test_at_the_default_port_browsers_send_no_port() -> None:
    def answered(port: int, host: str) -> int:
        opened = TestClient(create_app(Site(cast(Any, None), port)), base_url=f"http://{host}")
        return opened.get("/login", headers={"origin": f"http://{host}"}).status_code

    for host in ("127.0.0.1", "localhost"):
        assert answered(80, host) == answered(PORT, f"{host}:{PORT}") == 200
        assert answered(PORT, host) == 421


@pytest.mark.parametrize("origin", ["http://kg.example.org", "null", "http://127.0.0.1:1"])
def test_an_origin_that_is_not_the_site_s_is_refused(
    client: TestClient, site: Site, origin: str
) -> None:
    headers = {**bearer(site, "reader"), "origin": origin}
    assert client.get("/api/overview", headers=headers).status_code == 403


@pytest.mark.parametrize("place", ["cross-site", "same-site"])
def test_what_another_page_fetches_is_refused_and_a_link_is_not(
    client: TestClient, place: str
) -> None:
    headers = {"sec-fetch-site": place, "sec-fetch-mode": "no-cors"}
    assert client.get("/login", headers=headers).status_code == 403
    headers["sec-fetch-mode"] = "navigate"
    assert client.get("/login", headers=headers).status_code == 200


@pytest.mark.parametrize("address", ["/api/overview", "/api/queries", "/api/openapi.json"])
def test_without_a_token_the_api_answers_nothing(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 401
    assert client.get(address, headers={"authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize("address", ["/", "/cypher", "/diagnosis", "/entity/Drug/drugbank:DB1"])
def test_without_a_session_a_page_leads_to_the_log_in(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def log_in(client: TestClient, site: Site, account: str = "reader") -> Any:
    token = {"token": site.tokens.by_account[account]}
    return client.post("/login", data=token, headers=FROM_HERE)


def test_a_session_begins_with_a_token_and_ends_with_the_log_out(
    client: TestClient, site: Site
) -> None:
    cookie = log_in(client, site).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert site.tokens.by_account["reader"] not in cookie
    secret = client.cookies[site.cookie]
    assert client.get("/").status_code == 200
    assert client.post("/logout", headers=FROM_HERE).status_code == 303
    client.cookies.set(site.cookie, secret)
    assert client.get("/").headers["location"] == "/login"


def test_a_wrong_token_begins_no_session_and_is_recorded(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medkg.web.pages._REFUSED_SECONDS", 0.0)
    answer = client.post("/login", data={"token": "guess"}, headers=FROM_HERE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert site.store.audit is not None
    last = list(site.store.audit.entries())[-1]
    assert (last["user"], last["action"]) == ("site", "refused log-in")


def test_a_session_changes_nothing_for_a_form_of_no_page_of_ours(
    client: TestClient, site: Site
) -> None:
    log_in(client, site)
    form = {"cypher": "RETURN 1 AS one"}
    assert client.post("/cypher", data=form).status_code == 403
    assert client.post("/cypher", data=form, headers=FROM_HERE).status_code == 200


def test_every_answer_is_kept_nowhere_and_runs_no_script_of_others(
    client: TestClient, site: Site
) -> None:
    refused = client.get("/login", headers={"host": "x"})
    log_in(client, site)
    for answer in (refused, client.get("/"), client.get("/nowhere"), client.get("/static/site.js")):
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


def test_a_request_that_is_too_large_is_refused_whatever_it_says(
    client: TestClient, site: Site
) -> None:
    headers = {**bearer(site, "reader"), "content-type": "application/json"}
    whole = b'"' + b"x" * LONGEST_BODY + b'"'
    assert client.post("/api/search", content=whole, headers=headers).status_code == 413

    def parts() -> Any:  # sent without its length
        for _ in range(LONGEST_BODY // 1000 + 2):
            yield b"x" * 1000

    assert client.post("/api/search", content=parts(), headers=headers).status_code == 413


def test_a_request_that_does_not_arrive_is_given_up() -> None:
    async def reads_all(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def never() -> Any:
        await asyncio.sleep(60)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    protected = Protection(reads_all, ["kg:1"], body_seconds=0.01)
    scope = {"type": "http", "headers": [(b"host", b"kg:1")]}
    asyncio.run(protected(scope, never, send))
    assert sent[0]["status"] == 408


def test_a_request_that_trickles_in_is_given_up() -> None:
    async def reads_all(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(100):
            await receive()

    async def trickle() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    protected = Protection(reads_all, ["kg:1"], body_seconds=0.1)
    scope = {"type": "http", "headers": [(b"host", b"kg:1")]}
    asyncio.run(protected(scope, trickle, send))
    assert [message.get("status") for message in sent] == [408, None]


def test_the_longest_note_arrives_as_a_form(client: TestClient, site: Site) -> None:
    log_in(client, site)
    form = {"note": "病" * 200_000, "do": "rank", "keep": ["drop"] * 3_000}
    page = client.post("/diagnosis", data={**form, "phenotype": [""] * 3_000}, headers=FROM_HERE)
    assert page.status_code == 200
    assert "at least one phenotype" in page.text


def test_a_form_of_very_many_fields_is_read_for_who_is_logged_in_alone(
    client: TestClient, site: Site
) -> None:
    form = {"keep": ["drop"] * 3_000, "phenotype": [""] * 3_000}
    assert client.post("/login", data=form, headers=FROM_HERE).status_code == 400
    answer = client.post("/diagnosis", data=form, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    log_in(client, site)
    assert client.post("/search", data=form, headers=FROM_HERE).status_code == 400
    assert client.post("/diagnosis", data=form, headers=FROM_HERE).status_code == 200


def test_an_address_that_is_no_entity_s_is_missing_and_not_repeated(
    client: TestClient, site: Site
) -> None:
    log_in(client, site)
    for part in ("Drug/" + "x" * 201, "x" * 201 + "/HP:1", "Drug/drugbank:DB1/facts/" + "x" * 201):
        page = client.get(f"/entity/{part}")
        assert page.status_code == 404
        assert "x" * 201 not in page.text
    form = {"text": "imatinib", "kind": "x" * 201}
    assert client.post("/search", data=form, headers=FROM_HERE).status_code == 200


def test_an_invalid_request_is_not_repeated(client: TestClient, site: Site) -> None:
    body = {"text": "Her tired gait", "more": "Her tired gait"}
    answer = client.post("/api/findings", json=body, headers=bearer(site, "reader"))
    assert answer.status_code == 422
    assert "more" in answer.text
    assert "tired" not in answer.text


# Accounts, sessions and turns by themselves


def test_a_token_is_one_account_s() -> None:
    tokens = Tokens()
    for account in ACCOUNTS:
        assert tokens.account(tokens.by_account[account.name]) == account
    assert tokens.account("") is None
    assert tokens.account("ä") is None
    assert len(set(tokens.by_account.values()) | set(Tokens().by_account.values())) == 6


def test_a_session_ends_however_much_it_is_used() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    used = sessions.begin(WRITER)
    while now < LONGEST_SECONDS - IDLE_SECONDS / 2:
        assert sessions.account(used) == WRITER
        now += IDLE_SECONDS / 2
    assert now < LONGEST_SECONDS + 1
    now = float(LONGEST_SECONDS)
    assert sessions.account(used) is None


def test_an_unused_session_ends_after_its_time_and_not_before() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    first, second = sessions.begin(READER), sessions.begin(READER)
    now = IDLE_SECONDS - 1.0
    assert sessions.account(first) == READER
    now = float(IDLE_SECONDS)
    assert sessions.account(second) is None
    assert sessions.account(first) == READER


def test_of_too_many_sessions_the_one_unused_longest_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_MOST_SESSIONS", 2)
    now = 0.0
    sessions = Sessions(lambda: now)
    first, second = sessions.begin(READER), sessions.begin(READER)
    now = 1.0
    sessions.account(first)
    third = sessions.begin(READER)
    assert [sessions.account(each) for each in (first, second, third)] == [READER, None, READER]


def test_whoever_would_wait_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medkg.web.site._WAITING_SECONDS", 0.01)
    turns = Turns()
    with turns.turn(), pytest.raises(BusyError), turns.turn():
        pass
    with turns.turn():
        pass
