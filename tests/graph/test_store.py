"""Connecting to a server, and what goes wrong with it."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from medkg.core.errors import SchemaError, StoreError
from medkg.graph.schema import Schema
from medkg.graph.store import connect, connection
from medkg.graph.store.embedded import serve

from .graphs import small


@pytest.mark.parametrize("uri", ["localhost:7687", "http://localhost:7474", "bolt:/localhost", ""])
def test_an_address_of_another_form_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match=r"write bolt://host:7687, neo4j://host, or embedded:DIR"):
        connect(uri, password="x")


def test_embedded_needs_a_folder() -> None:
    with pytest.raises(StoreError, match="write embedded:DIR"):
        connect("embedded:")


def test_a_server_needs_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEO4J_PASSWORD", raising=False)
    with pytest.raises(StoreError, match="NEO4J_PASSWORD"):
        connect("bolt://localhost:7687")


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_no_server_there(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(StoreError, match=f"no server answers at {uri}; start it"):
        connect(uri, password="x")


def test_no_such_host() -> None:
    with pytest.raises(StoreError, match=r"no server answers at bolt://medkg\.invalid"):
        connect("bolt://medkg.invalid:7687", password="x")


def test_a_wrong_password(embedded_uri: str) -> None:
    with connect(embedded_uri) as store:
        assert store.server is not None
        uri = store.server.uri
        with pytest.raises(StoreError, match=f"{uri} refuses the log-in of 'root'"):
            connect(uri, user="root", password="wrong")


def test_no_such_database(embedded_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medkg.graph.store._CONNECT_SECONDS", 0.5)
    with connect(embedded_uri) as store:
        assert store.server is not None
        with pytest.raises(StoreError, match="nope"):
            connect(store.server.uri, user="root", password=store.server.password, database="nope")


def test_a_database_that_is_opened_late_is_waited_for(tmp_path: Path) -> None:
    """As at a server that starts slowly: its port is open, and its database isn't there yet."""
    with serve(tmp_path / "server") as server:
        login = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()

        def create() -> None:
            time.sleep(1.5)
            connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=60)
            body = json.dumps({"command": "create database late"})
            headers = {"Authorization": f"Basic {login}"}
            connection.request("POST", "/api/v1/server", body, headers)
            assert connection.getresponse().status == 200

        thread = threading.Thread(target=create)
        thread.start()
        address = server.uri
        with connect(address, user=server.user, password=server.password, database="late") as store:
            assert store.query("RETURN 1 AS x")["x"].to_list() == [1]
        thread.join()


def test_the_environment_gives_user_and_password(
    embedded_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(embedded_uri) as store:
        assert store.server is not None
        monkeypatch.setenv("NEO4J_USERNAME", store.server.user)
        monkeypatch.setenv("NEO4J_PASSWORD", store.server.password)
        with connect(store.server.uri, database="kg") as other:
            assert other.query("RETURN 1 AS x")["x"].to_list() == [1]


def test_a_server_that_went_away(tmp_path: Path) -> None:
    with connect(f"embedded:{tmp_path}") as store:
        assert store.server is not None
        store.server.stop()
        with pytest.raises(StoreError, match="no longer answers"):
            store.query("RETURN 1 AS x")


def test_tries_that_take_long_are_not_all_that_there_are(
    embedded_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.001)
    tries = iter([True, True, False])

    def work() -> str:
        if next(tries):
            raise ConnectionResetError("the proxy's")
        return "done"

    with connect(embedded_uri) as store:
        assert store.connection.tried(work) == "done"


def test_a_schema_may_not_take_the_stores_labels(tmp_path: Path, embedded_uri: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[kind.Evidence]\nbiolink = "biolink:Evidence"\nprefixes = ["x"]\n')
    with pytest.raises(SchemaError, match="Evidence"):
        connect(embedded_uri, schema=Schema.default().extended(mine))


def test_what_is_written_outlives_the_server(tmp_path: Path) -> None:
    kg = small()
    with connect(f"embedded:{tmp_path}") as store:
        store.write(kg)
    with connect(f"embedded:{tmp_path}") as store:
        assert store.read().checksum() == kg.checksum()
