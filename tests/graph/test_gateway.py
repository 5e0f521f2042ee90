"""The embedded server's accounts, through the gateway: who may do what, and the log of it."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import neo4j
import polars as pl
import pytest
from neo4j.exceptions import AuthError, Neo4jError

from medkg.core.errors import StoreError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, answers, connect
from medkg.graph.store import gateway as gateway_module
from medkg.graph.store.gateway import Gateway, _chunks
from medkg.graph.store.packstream import Structure, pack
from tests.graph.graphs import small

CHANGES = [
    "CREATE (:Drug {id: 'b'})",
    "CREATE (:NewLabel {id: 'b'})",
    "MERGE (:Drug {id: 'b'})",
    "MATCH (n:Drug) SET n.name = 'y'",
    "MATCH (n:Drug) SET n += {name: 'y'}",
    "MATCH (n:Drug) SET n = {id: 'y'}",
    "MATCH (n:Drug) SET n.name = null",
    "MATCH (n:Drug) SET n:Target",
    "MATCH (n:Drug) REMOVE n.name",
    "MATCH (n:Drug) REMOVE n:Drug",
    "MATCH ()-[r]->() SET r.p = 2",
    "MATCH ()-[r]->() REMOVE r.p",
    "MATCH ()-[r]->() DELETE r",
    "MATCH (n:Drug) DETACH DELETE n",
    "MATCH (n:Drug) CREATE (n)-[:R]->(n)",
    "MATCH (n:Drug) CREATE (n)-[:NEW]->(n)",
    "FOREACH (i IN [1] | CREATE (:Drug {id: 'b'}))",
    "MATCH (n:Drug) CALL { WITH n SET n.q = 1 } IN TRANSACTIONS",
    "CREATE INDEX i FOR (n:Drug) ON (n.name)",
    "CREATE CONSTRAINT c FOR (n:Target) REQUIRE n.id IS UNIQUE",
    "CREATE USER somebody SET PASSWORD 'password'",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with connect(f"embedded:{tmp_path_factory.mktemp('gateway') / 'server'}") as store:
        store.connection.change(
            "CREATE (:Drug {id: 'a', name: 'x'})-[:R {p: 1}]->(:Target {id: 't', name: 'x'})"
        )
        yield store


@pytest.fixture(scope="module")
def gateway(store: Store) -> Iterator[Gateway]:
    assert store.server is not None
    with Gateway.of(store.server) as gateway:
        yield gateway


def content(store: Store) -> list[object]:
    nodes = store.connection.fetch("MATCH (n) RETURN labels(n), properties(n) ORDER BY n.id")
    return [nodes, store.connection.fetch("MATCH ()-[r]->() RETURN type(r), properties(r)")]


def run(gateway: Gateway, name: str, cypher: str, **parameters: object) -> list[list[object]]:
    with (
        neo4j.GraphDatabase.driver(gateway.uri, auth=gateway.accounts[name]) as driver,
        driver.session(database="kg") as session,
    ):
        return session.run(cypher, parameters).values()  # type: ignore[arg-type]  # the tests' own


def test_the_driver_prints_nothing_where_a_reader_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as where nobody configures any
    user, password = gateway.accounts["reader"]
    with connect(gateway.uri, user=user, password=password) as store, pytest.raises(StoreError):
        store.write(small())
    assert capsys.readouterr().err == ""


def test_a_reader_reads(gateway: Gateway) -> None:
    value = ["é", 2.5, None, {"a": [True]}]
    assert run(gateway, "reader", "MATCH (n:Drug) RETURN n.name, $value", value=value) == [
        ["x", value]
    ]


def test_a_long_query_and_answer_pass(gateway: Gateway) -> None:
    text = "x" * 200_000
    assert run(gateway, "reader", "UNWIND range(1, 3) AS n RETURN $text", text=text) == [[text]] * 3


@pytest.mark.parametrize("cypher", CHANGES)
def test_a_reader_changes_nothing(store: Store, gateway: Gateway, cypher: str) -> None:
    before = content(store)
    with pytest.raises(Neo4jError):
        run(gateway, "reader", cypher)
    assert content(store) == before


@pytest.mark.parametrize("cypher", CHANGES)
def test_a_query_past_the_guard_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, cypher: str
) -> None:
    monkeypatch.setattr(answers, "refuse_changes", lambda cypher: None)
    before = content(store)
    with pytest.raises(StoreError):
        store.query(cypher)
    assert content(store) == before


def test_a_readers_queries_pass_the_guard(store: Store, gateway: Gateway) -> None:
    """What functions, procedures and schema statements do is not a matter of records' rights."""
    before = content(store)
    for cypher in ("RETURN eval('1')", "CALL db.createLabel('X')", "DROP INDEX x IF EXISTS"):
        with pytest.raises(Neo4jError, match="is not allowed"):
            run(gateway, "reader", cypher)
    assert content(store) == before
    assert run(gateway, "reader", "RETURN 1") == [[1]]


def test_a_writer_writes_and_makes_no_accounts(store: Store, gateway: Gateway) -> None:
    run(gateway, "writer", "CREATE (:Drug {id: 'w'})")
    assert store.query("MATCH (n:Drug {id: 'w'}) RETURN n.id").height == 1
    run(gateway, "writer", "MATCH (n:Drug {id: 'w'}) DELETE n")
    with pytest.raises(Neo4jError):
        run(gateway, "writer", "CREATE USER somebody SET PASSWORD 'password'")


def test_a_query_that_no_log_can_mask_is_refused_for_all(gateway: Gateway) -> None:
    for name in ("reader", "writer"):
        with pytest.raises(Neo4jError, match="is not allowed in a query"):
            run(gateway, name, r"MATCH (p:Patient {id: 'patient:7'}) RETURN p //\u")


@pytest.mark.parametrize("name", ["reader", "writer", "root", "somebody"])
def test_a_wrong_password_is_refused_and_recorded(
    store: Store, gateway: Gateway, name: str
) -> None:
    driver = neo4j.GraphDatabase.driver(gateway.uri, auth=(name, "wrong"))
    with driver, pytest.raises(AuthError, match="name or password is wrong"):
        driver.verify_connectivity()
    assert store.audit is not None
    last = list(store.audit.entries())[-1]
    assert (last["user"], last["action"]) == (name, "refused log-in")


def test_the_writer_writes_a_graph_over_bolt(tmp_path: Path) -> None:
    """Nodes and edges that are new, with properties that are no text; as by the server's folder."""
    kg = small()
    number = pl.int_range(pl.len()).cast(pl.String)
    numbered = pl.concat_str(pl.lit('{"rank": '), number, pl.lit(', "of": ["a", "b"]}'))
    kg = KnowledgeGraph.build(kg.nodes.with_columns(properties=numbered), kg.evidence, kg.sources)
    with connect(f"embedded:{tmp_path / 'server'}") as folder:
        assert folder.server is not None
        with Gateway.of(folder.server) as served:
            name, password = served.accounts["writer"]
            with connect(served.uri, user=name, password=password) as over_bolt:
                over_bolt.write(kg)
                over_bolt.write(kg)
        there = folder.read()
    assert there.nodes.equals(kg.nodes)
    assert there.edges.equals(kg.edges)


def test_the_passwords_of_the_gateway_do_not_open_the_server(
    store: Store, gateway: Gateway
) -> None:
    assert store.server is not None
    driver = neo4j.GraphDatabase.driver(store.server.uri, auth=gateway.accounts["writer"])
    with driver, pytest.raises(AuthError):
        driver.verify_connectivity()


def test_log_ins_and_queries_are_recorded(store: Store, gateway: Gateway) -> None:
    run(gateway, "reader", "MATCH (n:Drug {id: $id}) RETURN n.name", id="patient:7")
    assert store.audit is not None
    [entry] = store.audit.entries("patient:7")
    assert (entry["user"], entry["action"]) == ("reader", "query")
    assert entry["cypher"] == "MATCH ( n : Drug { id : $ id } ) RETURN n . name"
    assert any(
        (entry["user"], entry["action"]) == ("reader", "log-in") for entry in store.audit.entries()
    )
    store.audit.log.verify()


def test_a_client_that_asks_for_routing_is_told_what_to_write(gateway: Gateway) -> None:
    uri = gateway.uri.replace("bolt:", "neo4j:")
    driver = neo4j.GraphDatabase.driver(uri, auth=gateway.accounts["reader"])
    with driver, pytest.raises(Neo4jError, match="write bolt://"):
        driver.execute_query("RETURN 1")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n\r\n\r\n",
        b"\x60\x60\xb0\x17"
        + b"\x00\x00\x04\x04"
        + b"\x00" * 12
        + b"\x00\x03\xb3\x10\x81"
        + b"\0\0",
        b"\x60\x60\xb0\x17" + b"\x00\x00\x04\x04" + b"\x00" * 12 + b"\xff\xff" + b"\x91" * 70_000,
        b"\x60\x60\xb0\x17"
        + b"\x00\x00\x04\x04"
        + b"\x00" * 12
        + _chunks(pack(Structure(0x01, [{"user_agent": "x" * 100_000}]))),
    ],
    ids=["HTTP", "RUN before any log-in", "nonsense", "a long HELLO"],
)
def test_what_is_no_log_in_is_sent_away(gateway: Gateway, data: bytes) -> None:
    host, port = gateway.uri.removeprefix("bolt://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        answer = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65_536):
                answer += part
        except TimeoutError:
            raise
        except OSError:
            pass  # the other end was gone before all was sent, or read
    assert b"SUCCESS" not in answer
    assert run(gateway, "reader", "RETURN 1") == [[1]]


def test_a_port_that_is_taken_is_named(store: Store, gateway: Gateway) -> None:
    assert store.server is not None
    port = int(gateway.uri.rpartition(":")[2])
    with pytest.raises(StoreError, match=f"port {port}"):
        Gateway.of(store.server, port)


def test_a_connection_too_many_is_closed_and_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.server is not None
    assert store.audit is not None
    monkeypatch.setattr(gateway_module, "_MOST_CONNECTIONS", 3)
    before = len(list(store.audit.entries()))
    with Gateway.of(store.server) as gateway, contextlib.ExitStack() as stack:
        host, port = gateway.uri.removeprefix("bolt://").split(":")

        def connection() -> socket.socket:
            return stack.enter_context(socket.create_connection((host, int(port)), timeout=20))

        admitted = [connection() for _ in range(3)]
        for _ in range(2):
            with contextlib.suppress(ConnectionError):
                assert connection().recv(1) == b""
        for client in admitted:
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):  # it is waited for
                client.recv(1)
            client.close()
        end = time.monotonic() + 60
        while gateway._listener._open:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert run(gateway, "reader", "RETURN 1") == [[1]]
        connection()
    actions = [entry["action"] for entry in list(store.audit.entries())[before:]]
    assert actions == ["refused connection", "log-in", "query"]


def test_a_stopped_gateway_ends_its_connections(store: Store) -> None:
    assert store.server is not None
    with Gateway.of(store.server) as gateway:
        driver = neo4j.GraphDatabase.driver(gateway.uri, auth=gateway.accounts["reader"])
        session = driver.session(database="kg")
        transaction = session.begin_transaction()
        assert transaction.run("RETURN 1").values() == [[1]]
    with pytest.raises(neo4j.exceptions.ServiceUnavailable):
        transaction.run("RETURN 2").values()
    driver.close()


def test_the_folder_keeps_the_log_and_its_key_from_others(store: Store, gateway: Gateway) -> None:
    run(gateway, "reader", "RETURN 1")
    assert store.server is not None
    folder: Path = store.server.folder
    for name in ("audit.jsonl", "audit.key", "server.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_clients_that_stall_or_leave_hold_nobody_back(gateway: Gateway) -> None:
    host, port = gateway.uri.removeprefix("bolt://").split(":")
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            for _ in range(100)
        ]
        for client in clients:
            client.sendall(b"\x60\x60\xb0\x17" + b"\x00\x00\x04\x04" + b"\x00" * 12)
            assert len(client.recv(4)) == 4
            client.sendall(b"\x00\x10half")  # of a message
        for client in clients[:50]:
            client.close()
        assert run(gateway, "reader", "RETURN 1") == [[1]]
