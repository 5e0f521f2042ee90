"""Centrality and communities: of a graph, and of servers with and without the library for it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from medkg.access import Connection, centrality
from medkg.core.errors import MissingError, SchemaError
from medkg.graph import centrality as module
from medkg.graph.centrality import CENTRALITY, arranged, centrality_of
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store.data_science import has_library

from ..servers import EVERYTHING, change

# Two triangles that one drug joins; the pair D:1 and T:1 has two relations, both ways.
EDGES = [
    ("D:1", "TARGETS", "T:1"),
    ("D:1", "UPREGULATES", "T:1"),
    ("D:1", "TARGETS", "T:2"),
    ("T:1", "REGULATES", "T:2"),
    ("D:1", "INTERACTS_WITH", "D:2"),
    ("D:2", "TARGETS", "T:3"),
    ("D:2", "TARGETS", "T:4"),
    ("T:3", "REGULATES", "T:4"),
    ("D:2", "TREATS", "X:1"),
]
KINDS = {"D": "Drug", "T": "Target", "X": "Disease"}


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    ids = ["D:1", "D:2", "D:3", "T:1", "T:2", "T:3", "T:4", "X:1"]
    nodes = pl.DataFrame(
        {"id": ids, "kind": [KINDS[each[0]] for each in ids], "name": [f"name of {i}" for i in ids]}
    )
    evidence = pl.DataFrame(EDGES, schema=["subject", "relation", "object"], orient="row")
    source = Source("paper", "1", "CC0-1.0")
    return KnowledgeGraph.build(nodes, evidence.with_columns(source=pl.lit("paper")), [source])


@pytest.fixture(params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def server(request: pytest.FixtureRequest, kg: KnowledgeGraph) -> Iterator[Connection]:
    with Connection.open(request.getfixturevalue(f"{request.param}_uri")) as opened:
        opened.write(kg)
        yield opened
        change(opened, EVERYTHING)


def communities(rows: pl.DataFrame) -> list[list[str]]:
    """The nodes of each community, in the order of their numbers."""
    grouped = rows.group_by("community").agg(pl.col("id").sort()).sort("community")
    return grouped["id"].to_list()


def test_what_joins_two_groups_is_central(kg: KnowledgeGraph) -> None:
    rows = centrality(kg)
    assert rows.schema == CENTRALITY
    # D:3 has no edge. Of the 15 pairs of others, shortest paths between {T:1, T:2, D:1} and
    # {T:3, T:4, X:1}, 9, and of X:1 with T:3 and T:4 lead through D:2; 2 times 4 through D:1.
    assert rows.select("id", "name", "degree").head(2).rows() == [
        ("D:2", "name of D:2", 4),
        ("D:1", "name of D:1", 3),
    ]
    assert rows["betweenness"].head(3).to_list() == pytest.approx([11 / 15, 8 / 15, 0])
    assert rows.height == 7
    assert communities(rows) == [["D:2", "T:3", "T:4", "X:1"], ["D:1", "T:1", "T:2"]]


def test_only_some_relations_or_surroundings_count(kg: KnowledgeGraph) -> None:
    targets = centrality(kg, relations=["TARGETS"])
    assert sorted(targets["id"]) == ["D:1", "D:2", "T:1", "T:2", "T:3", "T:4"]
    assert targets["betweenness"].to_list() == pytest.approx([0.1, 0.1, 0, 0, 0, 0])
    near = centrality(kg, "name of D:1", relations=["TARGETS", "REGULATES"])
    assert sorted(near["id"]) == ["D:1", "T:1", "T:2"]
    assert centrality(kg, relations=["CAUSES"]).rows() == []
    with pytest.raises(SchemaError, match="unknown relation 'TARGET'"):
        centrality(kg, relations=["TARGET"])
    with pytest.raises(MissingError, match="no entity 'name of D:9'; near: name of D:1"):
        centrality(kg, "name of D:9")


def test_betweenness_of_many_is_estimated_and_the_same_by_seed(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLED", 3)
    rows = centrality_of(kg, seed=1)
    assert rows.equals(centrality_of(kg, seed=1))
    assert rows["betweenness"].max() != pytest.approx(11 / 15)


def test_the_largest_community_is_the_first() -> None:
    nodes = pl.DataFrame({"id": list("abc"), "kind": ["Drug"] * 3, "name": list("abc")})
    rows = arranged([("a", 1, 0.0, 7), ("b", 1, 0.0, 9), ("c", 1, 0.0, 9)], nodes)
    assert dict(rows.select("id", "community").rows()) == {"a": 1, "b": 0, "c": 0}


def test_a_server_answers_as_its_graph_does(server: Connection, kg: KnowledgeGraph) -> None:
    # The test's Neo4j has the Graph Data Science library, the embedded server hasn't.
    assert has_library(server.connection) == server.connection.is_neo4j()
    for relations in (None, ["TARGETS"], ["CAUSES"]):
        ours, theirs = centrality(kg, relations=relations), centrality(server, relations=relations)
        assert theirs.schema == CENTRALITY
        same = ["id", "kind", "name", "degree"]
        assert theirs.select(same).sort("id").equals(ours.select(same).sort("id"))
        for one, other in zip(
            ours.sort("id")["betweenness"], theirs.sort("id")["betweenness"], strict=True
        ):
            assert one == pytest.approx(other)
        assert communities(theirs) == communities(ours)
    assert sorted(centrality(server, "D:1", relations=["INTERACTS_WITH"])["id"]) == ["D:1", "D:2"]
    with pytest.raises(SchemaError, match="unknown relation 'TARGET'"):
        centrality(server, relations=["TARGET"])


@pytest.mark.neo4j
def test_the_copy_is_dropped(neo4j_uri: str, kg: KnowledgeGraph) -> None:
    with Connection.open(neo4j_uri) as server:
        server.write(kg)
        centrality(server)
        left = server.connection.change("CALL gds.graph.list() YIELD graphName RETURN graphName")
        change(server, EVERYTHING)
    assert left == []
