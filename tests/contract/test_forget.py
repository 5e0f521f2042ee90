"""Forgetting on the embedded server and on a Neo4j: as in a folder, and nothing left behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.forget import forget
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect

from ..graph.clinic import ANNA, BEN, FEVER, NOTE, SECOND, SECRET, WARD, clinic

# The identifiers of Anna and of her own notes, and no longer ones.
HERS = re.compile(rf"patient:anna(?!-b)|note:anna|{SECRET}", re.IGNORECASE)

REQUESTS: list[dict[str, Any]] = [
    {"source": "notes"},
    {"source": "curated"},
    {"source": ["notes", "curated", "cases"]},
    {"document": NOTE},
    {"document": [NOTE, SECOND, "PMID:1"]},
    {"patient": ANNA},
    {"patient": "patient:a"},
    {"patient": [ANNA, BEN]},
    {"source": "cases", "document": WARD, "patient": ANNA},
    {"model": "m"},
    {"model": ["m", "none"], "source": "notes"},
]


def everything(store: Store) -> str:
    """Every value of every node and relationship on the server."""
    nodes = store.query("MATCH (n) RETURN labels(n) AS labels, properties(n) AS row")
    links = store.query("MATCH ()-[r]->() RETURN type(r) AS type, properties(r) AS row")
    return nodes.write_ndjson() + links.write_ndjson()


def relationships(store: Store) -> pl.DataFrame:
    """What the server's relationships of facts say of their edges."""
    return store.query(
        "MATCH (s)-[r]->(o) WHERE r.evidence_count IS NOT NULL RETURN r.id AS id, s.id AS subject,"
        " type(r) AS relation, o.id AS object, r.probability AS probability,"
        " r.evidence_count AS evidence_count, r.sources AS sources"
    ).sort("id")


def assert_holds(store: Store, kg: KnowledgeGraph) -> None:
    """The server holds this graph and nothing else."""
    back = store.read()
    for name in FRAMES:
        assert getattr(back, name).equals(getattr(kg, name)), name
    assert back.sources == kg.sources
    if kg.edges.height:
        shown = relationships(store)
        expected = kg.edges.select(shown.columns).cast(shown.schema)
        assert shown.equals(expected)
    rows = kg.nodes.height + kg.evidence.height + len(kg.sources) + kg.merges.height
    counted = "MATCH (n) WHERE n.checksum IS NOT NULL AND NOT n:Load RETURN count(n) AS n"
    nodes = store.query(counted)["n"][0]
    assert nodes == rows


@pytest.mark.parametrize("chosen", REQUESTS, ids=str)
def test_a_server_forgets_as_a_folder_does(store: Store, chosen: dict[str, Any]) -> None:
    store.write(clinic())
    expected, summary = forget(clinic(), **chosen)
    assert store.forget(**chosen) == summary
    assert_holds(store, expected)
    again = store.forget(**chosen)
    assert again.evidence == again.edges == again.nodes == again.predictions == again.merges == 0
    assert_holds(store, expected)


def test_nothing_on_a_server_names_a_forgotten_patient(store: Store) -> None:
    store.write(clinic(), name=f"with {ANNA}")
    assert HERS.search(everything(store))
    store.forget(patient=ANNA)
    assert HERS.search(everything(store)) is None
    assert "patient:anna-b" in everything(store)
    # What was forgotten can be written again, once.
    store.write(clinic())
    assert store.write(clinic()).evidence.added == 0
    back = store.read()
    assert back.evidence.equals(clinic().evidence)
    assert back.edges.equals(clinic().edges)
    assert relationships(store).height == back.edges.height


def test_a_load_is_forgotten_with_the_last_of_its_evidence(store: Store) -> None:
    kg = clinic()
    notes, _ = forget(kg, source=["curated", "cases"])
    rest, _ = forget(kg, source="notes")
    store.write(rest, name="first")
    store.write(notes, name="second")
    store.forget(patient=ANNA)
    assert [load["name"] for load in store.info()["loads"]] == ["first", "second"]
    store.forget(source="notes")
    assert [load["name"] for load in store.info()["loads"]] == ["first"]


def test_a_node_of_another_kind_is_refused(store: Store) -> None:
    store.write(clinic())
    with pytest.raises(DataError, match=f"{FEVER} is a Symptom, not a Patient"):
        store.forget(patient=FEVER)
    with pytest.raises(DataError, match="'anna' is no identifier"):
        store.forget(patient="anna")
    assert_holds(store, clinic())
    assert store.forget(patient="patient:x").unknown == ["patient:x"]


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from medkg.graph.store import connect, connection

    connection.BATCH = 1
    uri, statements = sys.argv[1], int(sys.argv[2])
    run = connection.Connection.run

    def run_and_die(self, statement, batch):
        global statements
        if statements == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        statements -= 1
        run(self, statement, batch)

    connection.Connection.run = run_and_die
    connection.batches.__defaults__ = (1, connection.BATCH_BYTES)
    with connect(uri) as store:
        store.forget(patient="patient:anna")
    """
)


@pytest.mark.parametrize("statements", [1, 9, 24, 30])
def test_a_killed_command_is_completed_by_the_same(store: Store, statements: int) -> None:
    store.write(clinic())
    command = [sys.executable, "-c", KILLED, store.uri, str(statements)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    store.forget(patient=ANNA)
    expected, _ = forget(clinic(), patient=ANNA)
    assert_holds(store, expected)


def test_no_file_of_a_stopped_server_holds_a_forgotten_patient(tmp_path: Path) -> None:
    uri = f"embedded:{tmp_path / 'server'}"

    def hers() -> set[str]:
        files = (file for file in tmp_path.rglob("*") if file.is_file())
        text = {file.name: file.read_bytes().decode("latin-1") for file in files}
        return {name for name, content in text.items() if HERS.search(content)}

    with connect(uri) as store:
        store.write(clinic())
    assert hers()
    schema = tmp_path / "server" / "databases" / "kg" / "schema.json"

    def indexes() -> dict[str, int]:
        types = json.loads(schema.read_text(encoding="utf-8"))["types"]
        return {name: len(each["indexes"]) for name, each in types.items()}

    before = indexes()
    assert before["Evidence"] == 5
    with connect(uri) as store:
        store.forget(patient=ANNA)
    assert hers() == set()
    assert indexes() == before
    with connect(uri) as store:
        expected, _ = forget(clinic(), patient=ANNA)
        assert_holds(store, expected)
