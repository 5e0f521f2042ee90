"""What a server holds about an entity, for who may see documents and who may not."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from medkg import entities
from medkg.access import Connection, connect
from medkg.graph.frames import EVIDENCE, Source
from medkg.graph.kg import KnowledgeGraph
from tests.servers import EVERYTHING, change

SOURCES = [Source("curated", "1", "CC0-1.0"), Source("notes", "1", "CC0-1.0")]
NODES = {
    "Drug": ["drugbank:DB1", "drugbank:DB2"],
    "Target": ["HGNC:1", "HGNC:2"],
    "Disease": ["OMIM:1"],
    "Symptom": ["HP:1", "HP:2", "HP:3"],
    "Document": ["note:1"],
}
SYMPTOM = {"subject": "OMIM:1", "relation": "HAS_SYMPTOM", "object": "HP:1", "source": "curated"}
NOTED = {"source": "notes", "document": "note:1", "sentence": "Fever today.", "start": 0}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Any:
    """An empty server."""
    with connect(request.getfixturevalue("embedded_uri")) as opened:
        yield opened
        change(opened, EVERYTHING)


def write(server: Connection, *evidence: dict[str, Any], predictions: Any = ()) -> None:
    """Write the nodes with this evidence."""
    nodes = [(id, kind, id) for kind, ids in NODES.items() for id in ids]
    graph = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        pl.DataFrame(evidence, infer_schema_length=None),
        SOURCES,
    )
    server.write(graph.with_predictions(pl.DataFrame(predictions)) if predictions else graph)


@pytest.mark.parametrize(
    "value",
    [
        {"polarity": "negated"},
        {"certainty": "hypothetical"},
        {"experiencer": "family"},
        {"temporality": "historical"},
        {"document": "note:1"},
        {"sentence": "Fever today."},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_fact_that_no_evidence_asserts_which_may_be_seen_is_not_seen(
    server: Connection, value: dict[str, Any]
) -> None:
    """HP:1 is beside it in a note; HP:2 shows that the rest of the row would do."""
    write(
        server,
        {**SYMPTOM, **value},
        {**SYMPTOM, **NOTED, "start": 9},
        {**SYMPTOM, "object": "HP:2", "certainty": "possible"},
    )
    seen = {
        private: entities.facts(server, "Disease", "OMIM:1", private=private)["id"].to_list()
        for private in (True, False)
    }
    assert sorted(seen[True]) == ["HP:1", "HP:2"]
    assert seen[False] == ["HP:2"]


def test_what_is_curated_orders_the_facts_and_tells_which_are_first(server: Connection) -> None:
    """By all evidence HP:2 is the most probable, by what may be seen HP:1; HP:3 is noted alone."""
    write(
        server,
        {**SYMPTOM, "object": "HP:1", "probability": 0.9},
        {**SYMPTOM, "object": "HP:2", "probability": 0.2},
        {**SYMPTOM, **NOTED, "object": "HP:2", "probability": 0.98},
        {**SYMPTOM, **NOTED, "object": "HP:3", "probability": 0.99, "start": 20},
    )
    for most, expected in ((1, ["HP:1"]), (10, ["HP:1", "HP:2"])):
        facts = entities.facts(server, "Disease", "OMIM:1", most=most, private=False)
        assert facts["id"].to_list() == expected
        assert set(facts["count"]) == {2}
    assert dict(facts.schema) == dict(entities.FACTS)
    of_second = facts.row(1, named=True)
    assert (of_second["probability"], of_second["evidence_count"]) == (0.2, 1)
    assert of_second["sources"] == ["curated"]
    whole = entities.facts(server, "Disease", "OMIM:1", most=1, private=True)
    assert (whole["id"].to_list(), whole["count"].to_list()) == (["HP:3"], [3])
    assert dict(whole.schema) == dict(entities.FACTS)


def test_evidence_with_a_sentence_or_a_document_is_not_for_everybody(server: Connection) -> None:
    write(
        server,
        {**SYMPTOM, "probability": 0.9},
        {**SYMPTOM, "sentence": "Fever is common.", "date": "2020-01-01", "start": 3, "end": 9},
        {**SYMPTOM, "document": "note:1"},
    )
    edges = entities.facts(server, "Disease", "OMIM:1", private=True)["edge"].to_list()
    assert entities.evidence(server, edges, private=True).height == 3
    seen = entities.evidence(server, edges, private=False)
    assert seen["probability"].to_list() == [0.9]
    assert dict(seen.schema) == dict(EVIDENCE)


def test_a_hypothesis_is_known_to_a_visitor_by_what_is_curated(server: Connection) -> None:
    """Of targets DB1 has HGNC:1 in a note alone; of drugs, either end of the pair may be first."""
    target = {"subject": "drugbank:DB1", "relation": "TARGETS", "object": "HGNC:1", **NOTED}
    interacts = {"subject": "drugbank:DB1", "relation": "INTERACTS_WITH", "object": "drugbank:DB2"}
    predicted = {"model": "m", "score": 1.0, "probability": 0.5, "known": True}
    write(
        server,
        target,
        {**target, "object": "HGNC:2", "source": "curated", "document": None, "sentence": None},
        {**interacts, "source": "curated"},
        predictions=[
            {**predicted, "head": "drugbank:DB1", "relation": "TARGETS", "tail": "HGNC:1",
             "explanation": '{"because": ["HGNC:1 is in a note"]}'},
            {**predicted, "head": "drugbank:DB1", "relation": "TARGETS", "tail": "HGNC:2",
             "explanation": None},
            {**predicted, "head": "drugbank:DB2", "relation": "INTERACTS_WITH",
             "tail": "drugbank:DB1", "explanation": None},
        ],
    )  # fmt: skip
    for private in (True, False):
        of_drug = entities.hypotheses(server, "Drug", "drugbank:DB1", private=private)
        known = dict(of_drug.select("id", "known").iter_rows())
        assert known == {"HGNC:1": private, "HGNC:2": True, "drugbank:DB2": True}
        assert of_drug["explanation"].drop_nulls().len() == private
