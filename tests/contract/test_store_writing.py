"""Writing again, updates, pruning, the record of loads, and what a server must keep: on both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import StoreError
from medkg.graph.frames import FRAMES, Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.store import Counts, Store
from medkg.graph.store.connection import Connection

from ..graph.graphs import CURATED, small
from ..graph.test_document_readings import COUGH, FEVER, PAIN, read
from ..servers import change
from .test_store import GIST, IMATINIB, assert_same, count, many, with_everything

DRUG, GENE = "drugbank:DB00619", "NCBIGene:3815"


def release(number: int, targets: list[int], *, reliability: float = 0.9) -> KnowledgeGraph:
    """A release of a source: a drug and some targets, of which one has a probability by release."""
    ids = [f"NCBIGene:{target}" for target in targets]
    names = {DRUG: "Imatinib", GENE: "KIT"}
    nodes = pl.DataFrame(
        {
            "id": [DRUG, *ids],
            "kind": ["Drug"] + ["Target"] * len(ids),
            "name": [names.get(id, id) for id in (DRUG, *ids)],
        }
    )
    evidence = pl.DataFrame({"object": ids}).with_columns(
        subject=pl.lit(DRUG),
        relation=pl.lit("TARGETS"),
        source=pl.lit("base"),
        probability=pl.when(pl.col("object") == "NCBIGene:1").then(number / 10).otherwise(0.5),
    )
    source = Source("base", str(number), "CC0-1.0", reliability=reliability)
    return KnowledgeGraph.build(nodes, evidence, [source])


def relationships(store: Store) -> list[tuple[object, ...]]:
    answer = store.query(
        "MATCH (s)-[r]->(o) RETURN s.id, type(r), o.id, r.id, r.probability, r.evidence_count,"
        " r.sources ORDER BY r.id"
    )
    return [tuple(v if not isinstance(v, list) else tuple(v) for v in r) for r in answer.rows()]


def assert_holds(store: Store, kg: KnowledgeGraph) -> None:
    """The server reads as this graph, and its relationships are its edges, each once."""
    back = store.read()
    assert_same(back, kg)
    expected = [
        (
            row["subject"],
            row["relation"],
            row["object"],
            row["id"],
            row["probability"],
            row["evidence_count"],
            tuple(row["sources"]),
        )
        for row in kg.edges.sort("id").iter_rows(named=True)
    ]
    assert relationships(store) == expected


def test_every_sort_of_property_comes_back(store: Store) -> None:
    properties = {
        "text": "naïve ☂ 𝔘\u0000\u001f'\"`\\",
        "whole": -(2**53),
        "share": 1e-300,
        "yes": True,
        "texts": ["", "a"],
        "wholes": [1, 2],
        "shares": [0.5, 1.5],
        "flags": [True, False],
        "nested": {"a": [{"b": None}]},
        "@type": "edge",
        "with space": 1,
    }
    kg = small()
    nodes = kg.nodes.with_columns(properties=pl.lit(json.dumps(properties)))
    evidence = kg.evidence.drop("id", "edge").with_columns(
        qualifiers=pl.lit(json.dumps(properties)),
        sentence=pl.lit('"☂" \\ \n\t\u0001 𝔘 {"@type": "edge"}'),
        references=pl.lit(["PMID:1", 'doi:"x"'], dtype=pl.List(pl.String)),
        start=pl.lit(2**40, dtype=pl.Int64),
    )
    given = KnowledgeGraph.build(nodes, evidence, kg.sources)
    store.write(given)
    assert_same(store.read(), given)
    shown = store.query(
        "MATCH (n:Drug {id: $id}) RETURN n.text AS text, n.whole AS whole, n.share AS share,"
        " n.yes AS yes, n.texts AS texts, n.wholes AS wholes, n.flags AS flags,"
        " n.`with space` AS spaced",
        id=IMATINIB,
    ).row(0, named=True)
    for name in ("text", "whole", "share", "yes", "texts", "wholes", "flags"):
        assert shown[name] == properties[name], name
    assert shown["spaced"] == 1


def test_a_very_long_sentence_comes_back(store: Store) -> None:
    kg = small()
    long = pl.when(pl.col("source") == "text").then(pl.lit("Ödem ☂ " * 200_000)).otherwise(None)
    evidence = kg.evidence.drop("id", "edge").with_columns(sentence=long)
    given = KnowledgeGraph.build(kg.nodes, evidence, kg.sources)
    store.write(given)
    back = store.read()
    assert back.evidence.equals(given.evidence)
    assert store.write(given).evidence == Counts(unchanged=given.evidence.height)


def test_identifiers_are_unique_on_the_server(store: Store) -> None:
    kg = small()
    store.write(kg)
    for label, id in (("Drug", IMATINIB), ("Evidence", kg.evidence["id"][0])):
        with pytest.raises(Exception, match=r"(?i)already exists|constraint"):
            change(store, f"CREATE (:{label} {{id: '{id}'}})")


def test_a_load_is_recorded_and_evidence_leads_to_it(store: Store) -> None:
    kg = small()
    first = store.write(kg, "the first")
    second = store.write(release(1, [1, 2]))
    again = store.write(kg)
    loads = store.info()["loads"]
    assert [load["id"] for load in loads] == [first.load, second.load, again.load]
    assert [load["name"] for load in loads] == ["the first", "base 1", "curated 2026-01, text 1"]
    assert [load["state"] for load in loads] == ["complete"] * 3
    assert loads[0]["graph"] == loads[2]["graph"] == kg.checksum()
    assert loads[0]["sources"] == ["curated 2026-01", "text 1"]
    assert loads[0]["counts"]["evidence"]["added"] == 8
    assert loads[2]["counts"]["evidence"] == Counts(unchanged=8).__dict__
    assert loads[0]["time"] <= loads[0]["finished"]
    traced = store.query(
        "MATCH ()-[r:TREATS]->() MATCH (e:Evidence) WHERE e.edge = r.id"
        " MATCH (l:Load) WHERE l.id = e.load RETURN l.name AS name"
    )
    assert traced["name"].to_list() == ["the first"]
    ids = [summary.load for summary in (first, second, again)]
    assert set(store.query("MATCH (e:Evidence) RETURN DISTINCT e.load AS x")["x"]) <= set(ids)
    assert count(store, "(:Journal)") == 0


def test_an_update_changes_just_what_differs(store: Store) -> None:
    store.write(release(1, [1, 2, 3]))
    summary = store.write(release(2, [1, 2, 4]))
    assert summary.nodes == Counts(added=1, unchanged=3)
    assert summary.edges == Counts(added=1, changed=1, unchanged=1)
    assert summary.evidence == Counts(added=1, changed=1, unchanged=1)
    assert store.read().edges.height == 4


def test_pruning_takes_out_what_a_source_no_longer_says(store: Store) -> None:
    store.write(release(1, [1, 2, 3]))
    after = release(2, [1, 2, 4])
    summary = store.write(after, prune=True)
    assert summary.nodes == Counts(added=1, removed=1, unchanged=3)
    assert summary.edges == Counts(added=1, changed=1, removed=1, unchanged=1)
    assert summary.evidence == Counts(added=1, changed=1, removed=1, unchanged=1)
    assert_holds(store, after)
    assert store.write(after, prune=True).evidence == Counts(unchanged=3)


def test_pruning_leaves_what_others_say(store: Store) -> None:
    other = small()  # it also has the drug, and its target 3815
    store.write(other)
    store.write(release(1, [3815, 7]))
    change(store, "CREATE (:Target {id: 'mine'})")
    summary = store.write(release(2, [8]), prune=True)
    assert summary.evidence == Counts(added=1, removed=2)
    assert summary.edges == Counts(added=1, changed=1, removed=1)
    assert summary.nodes == Counts(added=1, removed=1, unchanged=1)
    assert_holds(store, merge(other, release(2, [8])))
    assert count(store, "(:Target {id: 'mine'})") == 1
    change(store, "MATCH (n:Target {id: 'mine'}) DELETE n")


def test_pruning_keeps_a_node_that_only_a_negated_statement_names(store: Store) -> None:
    nodes = pl.DataFrame(
        {"id": [DRUG, GENE], "kind": ["Drug", "Target"], "name": ["Imatinib", "KIT"]}
    )
    evidence = pl.DataFrame(
        {"subject": [DRUG], "relation": "TARGETS", "object": GENE, "source": "curated"}
    ).with_columns(polarity=pl.lit("negated"))
    negated = KnowledgeGraph.build(nodes, evidence, [CURATED])
    store.write(negated)
    store.write(release(1, [3815]))
    summary = store.write(release(2, [1]), prune=True)
    assert summary.nodes.removed == 0
    assert summary.edges.removed == 1
    assert_holds(store, merge(negated, release(2, [1])))


def test_another_reliability_changes_the_edges(store: Store) -> None:
    store.write(release(1, [1, 2]))
    after = release(1, [1, 2], reliability=0.3)
    assert store.write(after, prune=True).edges == Counts(changed=1, unchanged=1)
    assert_holds(store, after)


def test_evidence_that_now_speaks_of_another_edge_moves(store: Store) -> None:
    before = small()
    ids = before.evidence.filter(relation="TREATS")
    store.write(before)
    # As merging has it: the same piece of evidence, about another node.
    change(
        store,
        "MATCH (:Drug)-[r:TREATS]->() DELETE r WITH 1 AS x"
        f" MATCH (e:Evidence {{id: '{ids['id'][0]}'}})"
        f" SET e.edge = 'elsewhere', e.subject = 'drugbank:DB00945', e.checksum = 1",
    )
    summary = store.write(before)
    assert summary.evidence == Counts(changed=1, unchanged=7)
    assert count(store, f"(:Drug {{id: '{IMATINIB}'}})-[:TREATS]->(:Disease {{id: '{GIST}'}})") == 1
    assert_same(store.read(), before)


def test_without_evidence_there_are_relationships_alone(store: Store) -> None:
    kg = many()
    summary = store.write(kg, evidence=False)
    assert summary.edges == Counts(added=2_000)
    assert count(store, "(:Evidence)") == 0
    assert store.write(kg, evidence=False).edges == Counts(unchanged=2_000)
    assert store.read().edges.is_empty()
    change(store, "MATCH (:Disease)-[r:HAS_SYMPTOM]->(:Symptom {id: 'HP:2'}) DELETE r")
    assert store.write(kg, evidence=False).edges == Counts(added=1_000, unchanged=1_000)
    # The evidence may still come.
    store.write(kg)
    assert count(store, "()-[r:HAS_SYMPTOM]->()") == 2_000
    assert_same(store.read(), kg)
    with pytest.raises(StoreError, match="holds evidence"):
        store.write(kg, evidence=False)


def test_what_others_keep_there_is_left_alone(store: Store) -> None:
    change(store, "CREATE (:Person {id: 'x', name: 'X'})-[:KNOWS]->(:Person {id: 'y'})")
    kg = with_everything()
    store.write(kg)
    store.write(kg, prune=True)
    assert count(store, "(:Person)-[:KNOWS]->(:Person)") == 1


WRITER = """
import sys
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect
with connect(sys.argv[1]) as store:
    store.write(KnowledgeGraph.open(sys.argv[2]))
"""


def test_processes_that_write_at_once_end_in_the_right_graph(store: Store, tmp_path: Path) -> None:
    graphs = [merge(small(), many()), merge(many(), release(1, list(range(50)))), small()]
    for place, kg in enumerate(graphs):
        kg.save(tmp_path / str(place))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, store.uri, str(tmp_path / str(place))])
        for place in range(len(graphs))
    ]
    assert [writer.wait(120) for writer in writers] == [0] * len(graphs)
    both = merge(*graphs)
    back = store.read()
    assert back.checksum() == both.checksum()
    assert back.edges.equals(both.edges)
    assert len(relationships(store)) == both.edges.height


def test_a_writer_that_was_killed_does_not_hold_up_the_next(store: Store) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    import socket

    change(
        store,
        f"MERGE (j:Journal {{id: 'writer'}}) SET j.owner = '{socket.gethostname()} {gone.pid} x',"
        " j.until = timestamp() + 600000",
    )
    change(store, "CREATE (:Load {id: 'old', state: 'writing', graph: 'x', time: '2020'})")
    store.write(small())
    loads = store.info()["loads"]
    assert [load["state"] for load in loads] == ["interrupted", "complete"]
    change(store, "MATCH (j:Journal) DELETE j")


def test_a_batch_whose_answer_was_lost_is_in_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks right after a commit, so that its outcome is unknown."""
    from neo4j.exceptions import ServiceUnavailable

    kg = many()
    original = Connection.tried
    lost = []

    def tried(self: Connection, work: object) -> object:
        def once() -> object:
            result = work()  # type: ignore[operator]  # stands for any call
            if len(lost) < 5 and "change" in getattr(work, "__qualname__", ""):
                lost.append(work)
                raise ServiceUnavailable("cut")
            return result

        return original(self, once)

    monkeypatch.setattr(Connection, "tried", tried)
    store.write(kg)
    monkeypatch.undo()
    assert lost
    assert count(store, "()-[r]->()") == kg.edges.height
    assert_same(store.read(), kg)


def test_frames_hold_nothing_of_loads(store: Store) -> None:
    kg = small()
    store.write(kg)
    back = store.read()
    assert set(back.nodes["kind"]) <= set(store.schema.kinds)
    assert [back.counts[name] for name in FRAMES] == [kg.counts[name] for name in FRAMES]


def test_a_document_that_was_read_again_says_what_it_says_now(store: Store) -> None:
    curated = small()
    store.write(curated)
    store.write(read({"a": ["HP:0002027", PAIN], "b": [FEVER]}))
    new = read({"a": [COUGH]}, text="b")
    summary = store.write(new)
    assert (summary.evidence.removed, summary.nodes.removed) == (4, 1)
    expected = merge(curated, read({"b": [FEVER]}), new)
    assert_holds(store, expected)
    # Again, or the other document anew, takes nothing out.
    for kg in (new, read({"b": [FEVER]})):
        summary = store.write(kg)
        assert summary.evidence.removed == summary.evidence.added == summary.nodes.removed == 0
    assert_holds(store, expected)
