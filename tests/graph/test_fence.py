"""What a dead client still has under way does no harm to the next load, nor afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect, journal, write, write_edges

from ..servers import EVERYTHING, change
from .faults import contents
from .late import LateWriter

EDGES = 600


@pytest.fixture(autouse=True)
def _in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the relationships of a larger graph are created."""
    monkeypatch.setattr(write_edges, "_FEW", 10)


def graph_of(source: str) -> KnowledgeGraph:
    """The same edges whatever the source, with a piece of evidence each."""
    diseases = [f"OMIM:{number}" for number in range(EDGES // 10)]
    symptoms = [f"HP:{number}" for number in range(10)]
    kinds = ["Disease"] * len(diseases) + ["Symptom"] * len(symptoms)
    nodes = pl.DataFrame({"id": [*diseases, *symptoms], "kind": kinds}).with_columns(name="id")
    evidence = pl.DataFrame(
        {
            "subject": [disease for disease in diseases for _ in symptoms],
            "relation": "HAS_SYMPTOM",
            "object": symptoms * len(diseases),
            "source": source,
            "qualifiers": '{"frequency": "1/2"}',
        }
    )
    return KnowledgeGraph.build(nodes, evidence, [Source(source, "1", "CC0-1.0")])


@contextmanager
def let_go_meanwhile(late: LateWriter, seconds: float = 3.0) -> Iterator[list[str]]:
    """Have the late commit sent while the block runs, `seconds` after its start."""
    outcome: list[str] = []
    timer = threading.Timer(seconds, lambda: outcome.append(late.let_go()))
    timer.start()
    try:
        yield outcome
    finally:
        timer.join()


def texts(store: Store, rows: str) -> str:
    """What a statement, or a batch, that creates these rows holds."""
    if store.server is not None:
        return {"relationships": '"@class":"HAS_SYMPTOM"', "evidence": '"@class":"Evidence"'}[rows]
    return {"relationships": "CREATE (s)-[r:`HAS_SYMPTOM`", "evidence": "CREATE (n:`Evidence`"}[
        rows
    ]


@pytest.mark.parametrize("many", [0, 10**9])
def test_relationships_whose_evidence_never_came_are_not_made_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Whether they are looked up by their ends or all of their type are read."""
    monkeypatch.setattr(write_edges, "_MANY_TIMES", many)
    kg = graph_of("a source")
    store.write(kg)
    expected = contents(store)
    # Some evidence is gone, as if it hadn't come.
    change(store, "MATCH (e:Evidence) WHERE e.object IN ['HP:0', 'HP:1', 'HP:2'] DELETE e")
    store.write(kg)
    assert contents(store) == expected


@pytest.mark.parametrize("rows", ["relationships", "evidence"])
def test_what_a_killed_load_commits_late_is_not_there_twice(
    store: Store, tmp_path: Path, rows: str
) -> None:
    kg = graph_of("a source")
    kg.save(tmp_path / "kg")
    store.write(kg)
    expected = contents(store)
    change(store, EVERYTHING)
    late = LateWriter(store.uri, tmp_path / "kg", texts(store, rows), tmp_path / "late")
    assert late.ended_with == -9
    with let_go_meanwhile(late) as outcome:
        assert store.write(kg).mended == 0
    assert outcome != [""]
    assert contents(store) == expected


def test_evidence_that_comes_while_the_next_load_looks_counts_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg = graph_of("a source")
    kg.save(tmp_path / "kg")
    store.write(graph_of("another source"))
    late = LateWriter(store.uri, tmp_path / "kg", texts(store, "evidence"), tmp_path / "late")
    assert late.ended_with == -9
    read = write.read_evidence

    def read_later(connection: object, edges: pl.Series) -> pl.DataFrame:
        late.let_go()
        return read(connection, edges)  # type: ignore[arg-type]

    # Between the look at what is there and the combining: the worst moment.
    monkeypatch.setattr(write, "read_evidence", read_later)
    with let_go_meanwhile(late):
        assert store.write(kg).mended == 0
    counts = store.query("MATCH ()-[r:HAS_SYMPTOM]->() RETURN r.evidence_count AS n")["n"]
    assert counts.to_list() == [2] * EDGES
    assert store.query("MATCH (e:Evidence) RETURN count(e) AS n")["n"][0] == 2 * EDGES


def test_two_writers_at_once(store: Store) -> None:
    graphs = [graph_of("a source"), graph_of("another source")]
    errors: list[BaseException] = []

    def write_one(kg: KnowledgeGraph) -> None:
        try:
            with connect(store.uri) as own:
                own.write(kg)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write_one, args=(kg,)) for kg in graphs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    counts = store.query("MATCH ()-[r:HAS_SYMPTOM]->() RETURN r.evidence_count AS n")["n"]
    assert counts.to_list() == [2] * EDGES
    states = [load["state"] for load in store.info()["loads"]]
    assert states == ["complete", "complete"]
    assert store.query("MATCH (j:Journal) RETURN count(j) AS n")["n"][0] == 0


@pytest.mark.neo4j
def test_a_neo4j_that_one_writer_lets_go_is_never_taken_by_two(
    neo4j_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_POLL_SECONDS", 0.001)
    writers: list[str] = []
    most = 0

    def take_turns(name: str) -> None:
        nonlocal most
        with connect(neo4j_uri) as own:
            for _ in range(10):
                with journal._leased(own.connection):
                    writers.append(name)
                    most = max(most, len(writers))
                    time.sleep(0.002)
                    writers.remove(name)

    with connect(neo4j_uri) as store, journal.writing(store.connection):
        pass  # so that the server has the constraint
    with ThreadPoolExecutor(5) as pool:
        for turns in [pool.submit(take_turns, name) for name in "abcde"]:
            turns.result()
    assert most == 1
