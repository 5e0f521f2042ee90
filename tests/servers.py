"""The graph servers that tests run on: the embedded one, and a real Neo4j where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from medkg.graph.store import Store, connect
from medkg.graph.store.embedded import serve

# A part at a time: the embedded server takes many times as long for all in one transaction.
EVERYTHING = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 500 ROWS"


@pytest.fixture(scope="session")
def embedded_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded server that runs as long as the tests."""
    folder = tmp_path_factory.mktemp("embedded")
    with serve(folder):
        yield f"embedded:{folder}"


@pytest.fixture(scope="session")
def neo4j_uri() -> str:
    """The server of NEO4J_URI, if it is empty: what the tests write there they delete again."""
    uri = os.environ.get("NEO4J_URI")
    if uri is not None and "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("all tests share NEO4J_URI's one database: run them in one process, -n 0")
    if uri is None:
        pytest.skip("no Neo4j: set NEO4J_URI, or run `python .ci/neo4j/start.py -- pytest`")
    with connect(uri) as store:
        if store.query("MATCH (n) RETURN count(n) AS n")["n"][0]:
            pytest.fail(f"{uri} holds data; the tests run only on an empty database")
    return uri


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store, on each server in turn."""
    with connect(request.getfixturevalue(f"{request.param}_uri")) as opened:
        yield opened
        change(opened, EVERYTHING)


def change(store: Store, cypher: str) -> None:
    """Change the server's data behind the store's back."""
    with store.connection.driver.session(database=store.database) as session:
        session.run(cypher).consume()
