"""Parts of a server's graph: those that a folder gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import MissingError, SchemaError
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect

from ..graph.clinic import ANNA, ASPIRIN, FEVER, GOUT, clinic
from ..servers import EVERYTHING, change

AROUND: list[dict[str, Any]] = [
    {"around": ASPIRIN},
    {"around": ASPIRIN, "hops": 0},
    {"around": ASPIRIN, "hops": 2},
    {"around": [ANNA, GOUT], "hops": 3},
    {"around": "aspirin", "hops": 2, "kinds": ["Disease", "Symptom"]},
    {"around": "aspirin", "relations": ["TREATS", "HAS_SYMPTOM"], "hops": 2},
    {"around": GOUT, "hops": 2, "min_probability": 0.85},
    {"around": FEVER, "hops": 2, "most": 1},
    {"around": ANNA, "hops": 2, "most": 2, "predictions": True},
    {"around": "OMIM:2", "predictions": True, "min_probability": 0.2},
    {"around": "OMIM:2"},
]


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def filled(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A server with the clinic, for all these tests."""
    with connect(request.getfixturevalue(f"{request.param}_uri")) as opened:
        opened.write(clinic())
        yield opened
        change(opened, EVERYTHING)


def assert_same(one: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        assert getattr(one, name).equals(getattr(other, name)), name
    assert one.sources == other.sources


@pytest.mark.parametrize("around", AROUND, ids=str)
def test_a_neighbourhood_is_that_of_the_graph(filled: Store, around: dict[str, Any]) -> None:
    part = clinic().neighbourhood(**around)
    assert_same(filled.read(**around), part)


@pytest.mark.parametrize(
    "conditions",
    [
        {"kinds": ["Drug", "Disease", "Symptom"]},
        {"relations": ["CAUSES", "HAS_PHENOTYPE"]},
        {"min_probability": 0.8},
        {"kinds": ["Patient", "Symptom"], "relations": ["HAS_PHENOTYPE"]},
    ],
    ids=str,
)
def test_a_whole_graph_is_filtered(filled: Store, conditions: dict[str, Any]) -> None:
    kg = clinic()
    kinds = conditions.get("kinds", kg.nodes["kind"].unique().to_list())
    nodes = kg.nodes.filter(pl.col("kind").is_in(kinds))
    filters = {name: value for name, value in conditions.items() if name != "kinds"}
    assert_same(filled.read(**conditions), kg.subgraph(nodes["id"], predictions=True, **filters))
    without = filled.read(predictions=False, **conditions)
    assert_same(without, kg.subgraph(nodes["id"], **filters))


def test_reading_everything_is_the_graph(filled: Store) -> None:
    assert_same(filled.read(), clinic())
    assert filled.read(predictions=False).predictions.is_empty()


def test_an_identifier_is_meant_however_its_prefix_is_spelt(filled: Store) -> None:
    for text in ("drugbank:DB00945", "DRUGBANK:DB00945"):
        assert filled.resolve(text, "Drug") == ("Drug", "drugbank:DB00945")


def test_what_is_not_there_is_named(filled: Store) -> None:
    with pytest.raises(MissingError, match="has no Drug 'asprin'; near: Aspirin"):
        filled.resolve("asprin", "Drug")
    with pytest.raises(MissingError, match=r"has no Drug 'DB00945'; near: Aspirin \(drugbank:DB0"):
        filled.resolve("DB00945", "Drug")
    with pytest.raises(MissingError, match="has no Symptom 'odd'; near: odd smell"):
        filled.resolve("odd", "Symptom")
    with pytest.raises(MissingError, match=r"has no entity ''$"):
        filled.resolve("")
    with pytest.raises(MissingError, match=r"has no entity 'patient:ana'; identifiers here ") as no:
        filled.resolve("patient:ana")  # who is there is not for everybody
    assert str(no.value).count("patient") == 1
    with pytest.raises(MissingError, match=r"no Drug 'CHEMBL:25'; .* begin with drugbank:; a name"):
        filled.resolve("CHEMBL:25", "Drug")
    with pytest.raises(MissingError, match="has no entity 'nothing'"):
        filled.read("nothing")
    with pytest.raises(SchemaError, match="unknown kind 'Thing'"):
        filled.read(kinds=["Thing"])
    with pytest.raises(SchemaError, match="unknown relation 'IS'"):
        filled.read(GOUT, relations=["IS"])


def test_evidence_is_the_same_read_at_once_or_by_parts_of_its_ids(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medkg.graph.store.read._AT_ONCE", 3)
    monkeypatch.setattr("medkg.graph.store.read._PART", 2)
    assert_same(filled.read(), clinic())


@pytest.mark.parametrize("text", ["aspirin", "Aspirin", "ASPIRIN", "Asp-irin"])
def test_a_name_is_found_in_any_case_and_spelling(filled: Store, text: str) -> None:
    assert filled.resolve(text) == ("Drug", ASPIRIN)
    assert clinic().resolve(text) == ASPIRIN
