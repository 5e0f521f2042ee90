"""What every graph server does, the embedded one and a real Neo4j."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import polars as pl
import pytest

from medkg.core.errors import SchemaError, StoreError
from medkg.graph.frames import FRAMES, MERGES, Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.store import Counts, Store

from ..graph.graphs import CURATED, TEXT, small
from ..servers import change

IMATINIB, KIT, GIST = "drugbank:DB00619", "NCBIGene:3815", "OMIM:606764"


def with_everything() -> KnowledgeGraph:
    """The small graph with properties, predictions and merges."""
    kg = small()
    properties = {
        "adme": True,
        "n": 3,
        "share": 0.25,
        "list": ["a", "b"],
        "nested": {"x": [1, {"y": None}]},
        "mixed": [1, "a"],
        "none": None,
        "empty": [],
        "name": "not the name",
    }
    texts = pl.when(pl.col("id") == KIT).then(pl.lit(json.dumps(properties)))
    nodes = kg.nodes.with_columns(
        properties=texts,
        name=pl.when(pl.col("id") == KIT)
        .then(pl.lit("K'I\"T`}) DETACH DELETE n //\n\\ ☂"))
        .otherwise("name"),
    )
    built = KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), kg.sources)
    merge = (GIST, "MESH:D046152", "Disease", "joined by MESH:D046152", True, "{}")
    merges = pl.DataFrame([merge], MERGES, orient="row")
    frames = {name: getattr(built, name) for name in FRAMES}
    with_merges = KnowledgeGraph({**frames, "merges": merges}, built.sources)
    return with_merges.with_predictions(predicted("m", [("drugbank:DB00945", KIT, 0.25)]))


def predicted(model: str, rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "head": head,
                "relation": "TARGETS",
                "tail": tail,
                "model": model,
                "score": -2.5,
                "probability": probability,
                "base_rate": 0.5,
                "rank": 1,
                "direction": "tail",
                "known": False,
                "date": "2026-01-01",
                "explanation": '{"paths": []}',
            }
            for head, tail, probability in rows
        ]
    )


def assert_same(one: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        assert getattr(one, name).equals(getattr(other, name)), name
    assert one.sources == other.sources


def count(store: Store, pattern: str) -> int:
    return int(store.query(f"MATCH {pattern} RETURN count(*) AS n")["n"][0])


def test_what_is_written_is_read(store: Store) -> None:
    kg = with_everything()
    summary = store.write(kg)
    assert summary.nodes == Counts(added=8)
    assert summary.edges == Counts(added=6)
    assert summary.evidence == Counts(added=8)
    assert summary.predictions == summary.merges == Counts(added=1)
    assert_same(store.read(), kg)


def test_a_second_write_adds_nothing(store: Store) -> None:
    kg = with_everything()
    store.write(kg)
    summary = store.write(kg)
    assert summary.nodes == Counts(unchanged=8)
    assert summary.edges == Counts(unchanged=6)
    assert summary.evidence == Counts(unchanged=8)
    assert summary.predictions == summary.merges == Counts(unchanged=1)
    assert count(store, "()-[r]->()") == 7
    assert_same(store.read(), kg)


def test_evidence_of_a_negated_statement_has_no_relationship(store: Store) -> None:
    store.write(small())
    edge = store.query("MATCH (e:Evidence {polarity: 'negated'}) RETURN e.edge AS edge")["edge"][0]
    assert count(store, "(:Drug {id: 'drugbank:DB00945'})-[r:CAUSES]->()") == 0
    assert small().evidence.filter(edge=edge).height == 1


def test_a_relationship_shows_what_its_edge_holds(store: Store) -> None:
    store.write(small())
    shown = store.query(
        "MATCH (:Drug)-[r:CAUSES]->(:Symptom) RETURN r.id AS id, r.probability AS probability,"
        " r.evidence_count AS n, r.sources AS sources"
    ).row(0, named=True)
    assert shown["probability"] == 0.7
    assert (shown["n"], shown["sources"]) == (2, ["text"])
    assert count(store, f"(e:Evidence {{edge: '{shown['id']}'}})") == 2
    action = "MATCH (:Drug {id: $id})-[r:TARGETS]->() RETURN r.action AS action"
    assert store.query(action, id=IMATINIB)["action"][0] == "inhibitor"


def test_another_graph_joins_what_is_there(store: Store) -> None:
    first = small()
    other = Source("other", "2", "CC0-1.0", reliability=0.9)
    nodes = first.nodes.filter(pl.col("id").is_in([IMATINIB, KIT])).with_columns(
        synonyms=pl.lit(["STI-571"], dtype=pl.List(pl.String))
    )
    evidence = pl.DataFrame(
        {"subject": [IMATINIB], "relation": "TARGETS", "object": KIT, "source": "other"}
    ).with_columns(probability=pl.lit(0.5))
    second = KnowledgeGraph.build(nodes, evidence, [other])
    store.write(first)
    summary = store.write(second)
    assert summary.nodes == Counts(changed=2)
    assert summary.edges == Counts(changed=1)
    assert summary.evidence == Counts(added=1)
    back = store.read()
    edge = back.edges.filter(subject=IMATINIB, object=KIT).row(0, named=True)
    assert edge["probability"] == pytest.approx(1 - (1 - 0.95) * (1 - 0.5))
    assert edge["sources"] == ["curated", "other"]
    assert back.evidence.equals(merge(first, second).evidence)
    assert back.nodes.filter(id=IMATINIB)["synonyms"][0].to_list() == ["Gleevec", "STI-571"]
    written = "MATCH ({id: $id})-[r:TARGETS]->() RETURN r.probability AS p, r.action AS a"
    assert store.query(written, id=IMATINIB).row(0) == (edge["probability"], "inhibitor")
    again = store.write(first)
    assert again.nodes == Counts(unchanged=8)
    assert again.edges == Counts(unchanged=6)


def test_a_newer_reading_takes_the_older_ones_place(store: Store) -> None:
    kg = small()
    store.write(kg)
    newer = kg.evidence.drop("id", "edge").with_columns(
        probability=pl.when(relation="TREATS").then(0.6).otherwise("probability"),
        release=pl.when(relation="TREATS").then(pl.lit("2026-02")).otherwise("release"),
    )
    after = KnowledgeGraph.build(kg.nodes, newer, kg.sources)
    summary = store.write(after)
    assert summary.evidence == Counts(changed=1, unchanged=7)
    assert summary.edges == Counts(changed=1, unchanged=5)
    assert count(store, "()-[r]->()") == 6
    assert_same(store.read(), after)


def test_properties_that_a_node_no_longer_has_leave_it(store: Store) -> None:
    kg = small()

    def with_properties(properties: str) -> KnowledgeGraph:
        nodes = kg.nodes.with_columns(properties=pl.lit(properties))
        return KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), kg.sources)

    store.write(with_properties('{"a": 1}'))
    store.write(with_properties('{"b": 2}'))
    shown = store.query("MATCH (n:Target {id: $id}) RETURN n.a AS a, n.b AS b", id=KIT)
    assert shown.row(0) == (1, 2)


def test_a_models_predictions_replace_its_earlier_ones(store: Store) -> None:
    kg = small()
    one = [(IMATINIB, "NCBIGene:5742", 0.4), (IMATINIB, KIT, 0.2), ("drugbank:DB00945", KIT, 0.2)]
    store.write(kg.with_predictions(predicted("m", one)))
    store.write(kg.with_predictions(predicted("other", one[:1])))
    summary = store.write(kg.with_predictions(predicted("m", [(IMATINIB, "NCBIGene:5742", 0.9)])))
    assert summary.predictions == Counts(changed=1)
    assert summary.replaced == 1
    left = store.read().predictions
    assert left.select("model", "tail", "probability").rows() == [
        ("m", "NCBIGene:5742", 0.9),
        ("m", KIT, 0.2),  # of another drug, which was not asked about again
        ("other", "NCBIGene:5742", 0.4),
    ]
    assert count(store, "()-[r:PREDICTED_TARGETS]->()") == 3
    assert count(store, "()-[r:TARGETS]->()") == 2
    assert store.write(kg).replaced == 0


def many() -> KnowledgeGraph:
    """Enough rows for the embedded server's bulk path."""
    ids = [f"OMIM:{number}" for number in range(1_000)]
    nodes = pl.DataFrame(
        {
            "id": [*ids, "HP:1", "HP:2"],
            "kind": ["Disease"] * len(ids) + ["Symptom"] * 2,
            "name": [f'"{id}" \\ \n ☂' for id in ids] + ["one", "two"],
            "properties": '{"n": 1, "nested": {"x": 1}}',
        }
    )
    evidence = pl.DataFrame(
        {
            "subject": ids * 2,
            "relation": "HAS_SYMPTOM",
            "object": ["HP:1"] * len(ids) + ["HP:2"] * len(ids),
            "source": "curated",
            "qualifiers": '{"frequency": "1/2"}',
        }
    )
    return KnowledgeGraph.build(nodes, evidence, [CURATED])


def test_many_rows_go_in_once_even_after_an_interruption(store: Store) -> None:
    kg = many()
    summary = store.write(kg)
    assert summary.edges == Counts(added=2_000)
    assert_same(store.read(), kg)
    # As a write leaves it that was killed between relationships and evidence, or within either.
    change(store, "MATCH (:Disease)-[r:HAS_SYMPTOM]->(:Symptom {id: 'HP:2'}) DELETE r")
    change(store, "MATCH (e:Evidence) DELETE e")
    store.write(kg)
    assert count(store, "()-[r:HAS_SYMPTOM {frequency: '1/2'}]->()") == 2_000
    assert_same(store.read(), kg)


def test_writers_at_the_same_time_add_nothing_twice(store: Store) -> None:
    kg = merge(small(), many())
    with ThreadPoolExecutor(3) as pool:
        for written in [pool.submit(store.write, kg) for _ in range(3)]:
            written.result()
    assert count(store, "()-[r]->()") == kg.edges.height
    assert count(store, "(e:Evidence)") == kg.evidence.height
    assert_same(store.read(), kg)


def test_an_identifier_of_two_kinds_is_refused(store: Store) -> None:
    kg = small()
    store.write(kg)
    nodes = pl.DataFrame({"id": [GIST], "kind": "Symptom", "name": "GIST"})
    other = KnowledgeGraph.build(nodes, kg.evidence.clear().drop("id", "edge"), [TEXT])
    with pytest.raises(StoreError, match=f"{GIST} is a Disease .* and a Symptom"):
        store.write(other)
    assert_same(store.read(), kg)


def test_a_kind_outside_the_schema_never_reaches_a_query(store: Store) -> None:
    kg = small()
    nodes = kg.nodes.with_columns(kind=pl.lit("X) DETACH DELETE (n"))
    frames = {**{name: getattr(kg, name) for name in FRAMES}, "nodes": nodes}
    with pytest.raises(SchemaError, match="unknown kind"):
        store.write(KnowledgeGraph(frames, kg.sources))


def test_info_counts(store: Store) -> None:
    store.write(with_everything())
    info = store.info()
    assert (info["nodes"], info["edges"], info["evidence"], info["predictions"]) == (8, 6, 8, 1)
    assert info["kinds"]["Drug"] == 2
    assert info["relations"]["TARGETS"] == 2
    assert info["evidence_by_source"] == {"curated": 4, "text": 4}
    assert info["sources"] == [asdict(CURATED), asdict(TEXT)]


def test_query_gives_plain_values(store: Store) -> None:
    store.write(with_everything())
    answer = store.query(
        "MATCH p = (d:Drug {id: $id})-[r:TARGETS]->(t:Target)"
        " RETURN d, r, p, t.name AS name, [1, 2] AS list, null AS nothing",
        id=IMATINIB,
    )
    row = answer.row(0, named=True)
    assert (row["d"]["kind"], row["d"]["id"], row["d"]["name"]) == ("Drug", IMATINIB, "Imatinib")
    assert (row["r"]["relation"], row["r"]["action"]) == ("TARGETS", "inhibitor")
    assert [node["id"] for node in row["p"]["nodes"]] == [IMATINIB, KIT]
    assert [r["relation"] for r in row["p"]["relationships"]] == ["TARGETS"]
    assert row["list"] == [1, 2]
    assert row["nothing"] is None
    json.dumps(answer.to_dicts())


def test_query_takes_columns_of_every_sort(store: Store) -> None:
    numbers = store.query("UNWIND [1, 0.5, null] AS x RETURN x")
    assert numbers["x"].to_list() == [1.0, 0.5, None]
    mixed = store.query("UNWIND [1, 'a', [2]] AS x RETURN x")
    assert [json.loads(text) for text in mixed["x"]] == [1, "a", [2]]
    assert store.query("MATCH (n:Drug) RETURN n.id AS id").is_empty()


@pytest.mark.parametrize(
    "cypher",
    [
        "CREATE (:Drug {id: 'x'})",
        "MATCH (n) DETACH DELETE n",
        "MATCH (n) SET n.name = 'x' RETURN n",
        "MATCH (n) REMOVE n.name",
        "merge (n:Drug {id: 'x'})",
        "CREATE CONSTRAINT c FOR (n:Other) REQUIRE n.id IS UNIQUE",
        "DROP INDEX medkg_Drug_name_key",
        "MATCH (n:Drug) FOREACH (x IN [1] | SET n.name = 'x')",
        "MATCH (n) CALL { WITH n DELETE n } RETURN 1",
        "EXPLAIN CREATE (:Drug {id: 'x'})",
        "LOAD CSV FROM 'file:///etc/hostname' AS line RETURN line",
        "load /* so */ csv FROM 'https://example.org/x' AS line RETURN line",
        "MATCH (n) WHERE n.name = '\\'' SET n.name = ''",
        "MATCH (n) // '\nDETACH DELETE n",
        "MATCH (n) RETURN '/*' SET n.x = 1 // */",
    ],
)
def test_query_refuses_changes(store: Store, cypher: str) -> None:
    kg = small()
    store.write(kg)
    labels = set(store.connection.labels())
    with pytest.raises(StoreError, match=r"not allowed|would change"):
        store.query(cypher)
    assert_same(store.read(), kg)
    assert set(store.connection.labels()) == labels


def test_query_knows_a_word_from_a_name(store: Store) -> None:
    answer = store.query(
        "WITH {`set`: 1} AS n, 'LOAD CSV, DELETE' AS text, \"it's // a MERGE\" AS other"
        " RETURN n.set AS `create`, text, other // DROP it\n"
    )
    assert answer.row(0) == (1, "LOAD CSV, DELETE", "it's // a MERGE")


def test_a_wrong_query_says_what_is_wrong(store: Store) -> None:
    with pytest.raises(StoreError, match="MATC"):
        store.query("MATC (n) RETURN n")
    with pytest.raises(StoreError, match="missing"):
        store.query("RETURN $missing AS x")
