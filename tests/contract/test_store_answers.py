"""What a server's answers hold: values of every sort, many rows in little memory, and in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import StoreError
from medkg.graph.frames import FRAMES, MERGES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect, embedded

from ..graph.clinic import GOUT, clinic


def assert_same(one: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        assert getattr(one, name).equals(getattr(other, name)), name
    assert one.sources == other.sources


def test_values_of_every_sort_go_out_and_come_back(store: Store) -> None:
    """Properties, qualifiers, texts and numbers that a format could lose."""
    kg = clinic()
    values = {
        "whole": 2**53 + 1,
        "negative": -7,
        "share": 0.1,
        "tiny": 5e-324,
        "true": True,
        "texts": ["ä", "", "\u0000-free", "☂\U0001f9ec"],
        "numbers": [1, 2, 3],
        "floats": [0.5, 1.5],
        "mixed": [1, "a", None],
        "nested": {"a": {"b": [{"c": 1}]}},
        "empty": [],
        "none": None,
        "a key with spaces, 'quotes' and `ticks`": 1,
        "id": "not the identifier",
        "checksum": "not the checksum",
        "long": "wörd " * 50_000,
    }
    text = json.dumps(values, ensure_ascii=False)
    nodes = kg.nodes.with_columns(
        properties=pl.when(id=GOUT).then(pl.lit(text)).otherwise("properties"),
        name=pl.when(id=GOUT)
        .then(pl.lit("K'I\"T`}) DETACH DELETE n //\r\n\t\\ ☂ é e\u0301"))
        .otherwise("name"),
        synonyms=pl.when(id=GOUT).then(pl.lit(["", "b", "é"])).otherwise("synonyms"),
    )
    qualifiers = json.dumps({"frequency": "1/2", "nested": {"x": [1, None]}, "ü": "ß"})
    evidence = kg.evidence.drop("id", "edge").with_columns(
        qualifiers=pl.when(relation="HAS_SYMPTOM").then(pl.lit(qualifiers)).otherwise("qualifiers"),
        sentence=pl.when(relation="HAS_SYMPTOM")
        .then(pl.lit("zeile\n" * 50_000))
        .otherwise("sentence"),
        start=pl.when(relation="HAS_SYMPTOM").then(2**40).otherwise("start"),
        date=pl.lit("2026-02-29"),
        probability=pl.when(relation="HAS_SYMPTOM").then(1e-9).otherwise("probability"),
    )
    rich = KnowledgeGraph.build(nodes, evidence, kg.sources)
    merges = pl.concat(
        [
            kg.merges,
            pl.DataFrame(
                {
                    "kept": [GOUT],
                    "merged": ["DOID:13189"],
                    "kind": ["Disease"],
                    "reason": ["joined by “MESH:D006073”"],
                    "applied": [False],
                    "was": [text],
                },
                schema=MERGES,
            ),
        ]
    ).sort("kept", "merged")
    frames = {name: getattr(rich, name) for name in FRAMES}
    rich = KnowledgeGraph({**frames, "merges": merges}, rich.sources)
    rich = rich.with_predictions(
        kg.predictions.with_columns(score=pl.lit(-1e300), explanation=pl.lit(text))
    )
    store.write(rich)
    assert_same(store.read(), rich)
    assert_same(store.read(GOUT, 1), rich.neighbourhood(GOUT, 1))
    shown = store.query("MATCH (n:Disease {id: $id}) RETURN n.whole AS w, n.share AS s", id=GOUT)
    assert shown.row(0) == (2**53 + 1, 0.1)
    again = store.write(rich)
    assert (again.nodes.changed, again.evidence.changed, again.predictions.changed) == (0, 0, 0)


# Long answers


def test_pages_are_the_answer(store: Store) -> None:
    numbers = "UNWIND range(1, 25) AS x RETURN x, toString(x) AS t"
    pages = list(store.pages(numbers, 10))
    assert [page.height for page in pages] == [10, 10, 5]
    assert pl.concat(pages).equals(store.query(numbers))
    assert [page.height for page in store.pages(numbers, 25)] == [25]
    assert list(store.pages("MATCH (n:Nothing) RETURN n.id AS id")) == []
    first = next(store.pages(numbers, 1))
    assert first.row(0) == (1, "1")
    with pytest.raises(StoreError, match="at least 1"):
        next(store.pages(numbers, 0))


def test_an_answer_of_many_parts_has_one_type_for_each_column(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medkg.graph.store.answers._PART", 2)
    answer = store.query(
        "UNWIND [[1, null, 1, {a: 1}], [2, null, 'x', {a: 2}], [0.5, 'x', 2, {b: 'c'}]] AS r"
        " RETURN r[0] AS number, r[1] AS text, r[2] AS mixed, r[3] AS map"
    )
    assert answer["number"].to_list() == [1.0, 2.0, 0.5]
    assert answer["text"].to_list() == [None, None, "x"]
    assert [json.loads(value) for value in answer["mixed"]] == [1, "x", 2]
    assert answer["map"].to_list() == [
        {"a": 1, "b": None},
        {"a": 2, "b": None},
        {"a": None, "b": "c"},
    ]


def test_no_property_of_differing_nodes_is_lost(store: Store) -> None:
    store.write(clinic())
    shown = store.query("MATCH (n:Patient) RETURN n ORDER BY n.id")["n"].to_list()
    assert [row.get("sex") for row in shown] == ["FEMALE", None, None]
    assert [row.get("age") for row in shown] == [None, None, 9]


MANY = textwrap.dedent(
    """
    import resource, sys
    from medkg.graph.store import connect

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    rows = f"UNWIND range(1, {{rows}}) AS x RETURN toString(x) + '{800 * '-'}' AS text"
    with connect(sys.argv[1]) as store:
        list(store.pages(rows.format(rows=30_000)))
        before = peak()
        count = length = 0
        for page in store.pages(rows.format(rows=100_000)):
            count, length = count + page.height, length + page["text"].str.len_bytes().sum()
        print(count, length, peak() - before)
    """
)


def test_a_long_answer_is_read_in_bounded_memory(store: Store) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MANY, store.uri], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    count, length, megabytes = map(float, ran.stdout.split())
    # 80 MB as bytes, more as Python values.
    assert (count, length) == (100_000, 80_488_895)
    assert megabytes < 20


SLOW = (
    "UNWIND range(1, 100000) AS x UNWIND range(1, 100000) AS y WITH x, y WHERE x * y = -1"
    " RETURN count(*) AS n"
)


def test_a_query_that_takes_too_long_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "QUERY_SECONDS", 2)
    with connect(f"embedded:{tmp_path / 'server'}") as store:
        with pytest.raises(
            StoreError, match="takes longer than the 2 seconds that it may; ask for less"
        ):
            store.query(SLOW)
        assert store.query("RETURN 1 AS x")["x"][0] == 1


GROWING = "RETURN reduce(a='x', x IN range(1,30) | a+a) AS x"


def test_a_query_that_needs_too_much_memory_ends_and_the_graph_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(embedded.HEAP, "256m")
    message = (
        "the query needs more memory than the embedded server may use; ask for less, or give the"
        r" server more \(MEDKG_SERVER_HEAP, such as 4g\)\. The server (runs on|had to be ended)"
    )
    uri = f"embedded:{tmp_path / 'server'}"
    with connect(uri) as store:
        store.write(clinic())
        before = store.read()
        with pytest.raises(StoreError, match=message):
            store.query(GROWING)
    with connect(uri) as store:
        assert_same(store.read(), before)


def test_a_server_that_was_killed_during_a_query_is_said_to_have_ended(tmp_path: Path) -> None:
    uri = f"embedded:{tmp_path / 'server'}"
    with connect(uri) as store:
        server = store.server
        assert server is not None
        threading.Timer(1.0, lambda: os.kill(server.pid, signal.SIGKILL)).start()
        with pytest.raises(StoreError, match=r"the embedded server has ended .*connect again"):
            store.query(SLOW)
    with connect(uri) as store:
        assert store.query("RETURN 1 AS x")["x"][0] == 1


@pytest.mark.neo4j
def test_a_query_that_needs_too_much_memory_ends_on_neo4j(neo4j_uri: str) -> None:
    with connect(neo4j_uri) as store:
        with pytest.raises(StoreError, match="the query needs more memory than the server may use"):
            store.query(GROWING)
        assert store.query("RETURN 1 AS x")["x"][0] == 1


def test_an_answer_of_too_many_rows_is_no_frame(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medkg.graph.store.limits.MOST_ROWS", 25_000)
    rows = "UNWIND range(1, {}) AS x RETURN x"
    assert store.query(rows.format(25_000)).height == 25_000
    with pytest.raises(StoreError, match=r"more than 25,000 rows; add a LIMIT.*`pages`"):
        store.query(rows.format(25_001))
    assert sum(page.height for page in store.pages(rows.format(25_001))) == 25_001


@pytest.mark.neo4j
def test_a_query_that_takes_too_long_ends_on_neo4j(
    neo4j_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "QUERY_SECONDS", 2)
    with connect(neo4j_uri) as store:
        with pytest.raises(
            StoreError, match="takes longer than the 2 seconds that it may; ask for less"
        ):
            store.query(SLOW)
        assert store.query("RETURN 1 AS x")["x"][0] == 1
