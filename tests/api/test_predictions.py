"""Predictions on a server with a graph of its own: nothing of that is touched, and they go."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import medkg
from medkg.cli import app
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import unmerge
from medkg.graph.store import Store
from medkg.loaders.property_graph import MappedServer
from medkg.predictions import as_on_server

from ..gnn.graphs import family_graph
from ..graph.lab import everything, lab
from ..servers import change

IMATINIB, ABL1, KIT = "drugbank:DB00619", "NCBIGene:25", "NCBIGene:3815"
SHOWN = (
    "MATCH (h)-[p:PREDICTED_TARGETS]->(t) WHERE p.checksum IS NOT NULL"
    " RETURN h.name AS head, t.symbol AS tail, p.model AS model, p.score AS score"
    " ORDER BY model, score, tail"
)


def predicted(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    """Predictions of heads, tails, models and scores."""
    frame = pl.DataFrame(rows, schema=["head", "tail", "model", "score"], orient="row")
    columns = {"relation": "TARGETS", "direction": "tail", "explanation": None}
    return frame.with_columns(pl.lit(value).alias(name) for name, value in columns.items())


def test_predictions_are_written_beside_and_taken_out_again(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    before = everything(store)
    kg = medkg.read(store.uri, mapping=mapping)
    unmapped = MappedServer(store, mapping).unmapped()
    ours = kg.with_predictions(predicted((IMATINIB, KIT, "m", 0.9), (IMATINIB, ABL1, "n", 0.2)))
    summary = medkg.write_predictions(ours, store.uri, mapping=mapping)
    # Two nodes are KIT.
    assert (summary.predictions, summary.relationships, summary.replaced) == (2, 3, 0)
    assert store.query(SHOWN).rows() == [
        ("imatinib", "KIT", "m", 0.9),
        ("imatinib", "KIT, mutated", "m", 0.9),
        ("imatinib", "ABL1", "n", 0.2),
    ]
    nodes, links, *rest = everything(store)
    assert [nodes, *rest] == [before[0], *before[2:]]
    assert set(before[1]) < set(links)
    assert MappedServer(store, mapping).unmapped().equals(unmapped)
    assert medkg.read(store.uri, mapping=mapping).checksum() == kg.checksum()
    assert store.forget(model="n").predictions == 1
    assert store.query(SHOWN)["model"].unique().to_list() == ["m"]
    again = store.forget(model=["m", "n", "o"])
    assert (again.predictions, again.unknown) == (2, ["n", "o"])
    assert everything(store) == before


def test_what_a_model_predicts_of_a_head_replaces_what_it_did(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    kg = medkg.read(store.uri, mapping=mapping)
    first = predicted(
        (IMATINIB, KIT, "m", 0.9), ("drugbank:DB01254", KIT, "m", 0.8), (IMATINIB, KIT, "n", 0.7)
    )
    medkg.write_predictions(kg.with_predictions(first), store.uri, mapping=mapping)
    same = medkg.write_predictions(kg.with_predictions(first), store.uri, mapping=mapping)
    assert (same.relationships, same.replaced) == (6, 6)
    second = predicted((IMATINIB, ABL1, "m", 0.3))
    summary = medkg.write_predictions(kg.with_predictions(second), store.uri, mapping=mapping)
    assert (summary.relationships, summary.replaced) == (1, 2)
    assert set(store.query(SHOWN).rows()) == {
        ("imatinib", "ABL1", "m", 0.3),
        ("dasatinib", "KIT", "m", 0.8),
        ("dasatinib", "KIT, mutated", "m", 0.8),
        ("imatinib", "KIT", "n", 0.7),
        ("imatinib", "KIT, mutated", "n", 0.7),
    }


def test_an_end_that_is_no_node_there_is_counted(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    ids, kinds = [IMATINIB, "NCBIGene:9"], ["Drug", "Target"]
    others = pl.DataFrame({"id": ids, "kind": kinds, "name": ids})
    evidence = pl.DataFrame(
        {"subject": IMATINIB, "relation": "TARGETS", "object": "NCBIGene:9", "source": "other"}
    )
    elsewhere = KnowledgeGraph.build(others, evidence, [Source("other", "1", "CC0-1.0")])
    kg = medkg.merge(medkg.read(store.uri, mapping=mapping), elsewhere)
    rows = predicted((IMATINIB, "NCBIGene:9", "m", 0.9), (IMATINIB, ABL1, "m", 0.5))
    summary = medkg.write_predictions(kg.with_predictions(rows), store.uri, mapping=mapping)
    assert (summary.predictions, summary.relationships, summary.without_node) == (1, 1, 1)
    assert "not written, as an end is no node there: 1" in str(summary)


def test_a_node_is_known_by_what_merging_made_of_its_identifier(
    store: Store, tmp_path: Path
) -> None:
    mapping = lab(store, tmp_path)
    same = pl.DataFrame(
        {"id": "CHEBI:45783", "kind": "Drug", "name": "imatinib", "xrefs": [[IMATINIB]]}
    )
    evidence = pl.DataFrame(
        {"subject": "CHEBI:45783", "relation": "TARGETS", "object": ABL1, "source": "other"}
    )
    other = KnowledgeGraph.build(
        pl.concat(
            [same, pl.DataFrame({"id": ABL1, "kind": "Target", "name": "ABL1"})], how="diagonal"
        ),
        evidence,
        [Source("other", "1", "CC0-1.0")],
    )
    kg = medkg.merge(other, medkg.read(store.uri, mapping=mapping))
    (kept,) = kg.merges.filter("applied")["kept"].unique().to_list()
    (merged,) = kg.merges.filter("applied")["merged"].unique().to_list()
    assert {kept, merged} == {IMATINIB, "CHEBI:45783"}
    rows = predicted((kept, KIT, "m", 0.9))
    summary = medkg.write_predictions(kg.with_predictions(rows), store.uri, mapping=mapping)
    assert summary.relationships == 2


FAMILIES = """\
source: {name: families, release: "1", licence: CC0-1.0}
tables:
  - label: Compound
    nodes: [{kind: Drug, id: "families:{number}", name: "{title}"}]
  - label: Protein
    nodes: [{kind: Target, id: "families:{number}", name: "{title}"}]
  - label: Group
    nodes: [{kind: DrugClass, id: "families:{number}", name: "{title}"}]
  - relationship: BINDS
    start: Compound
    end: Protein
    edges:
      - head: {kind: Drug, id: "families:{start.number}"}
        relation: TARGETS
        tail: {kind: Target, id: "families:{end.number}"}
  - relationship: IS_A
    start: Compound
    end: Group
    edges:
      - head: {kind: Drug, id: "families:{start.number}"}
        relation: IN_CLASS
        tail: {kind: DrugClass, id: "families:{end.number}"}
"""


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture
def families(store: Store, tmp_path: Path) -> Path:
    """A server with drugs in families; the file of its mapping."""
    labels = {"Drug": "Compound", "Target": "Protein", "DrugClass": "Group"}
    types = {"TARGETS": "BINDS", "IN_CLASS": "IS_A"}
    kg = family_graph()
    for kind, label in labels.items():
        store.connection.change(
            f"UNWIND $rows AS row CREATE (:{label} {{number: row.number, title: row.name}})",
            rows=[
                {"number": id.replace(":", "-"), "name": name}
                for id, name in kg.nodes.filter(kind=kind).select("id", "name").rows()
            ],
        )
    for relation, type_ in types.items():
        edges = kg.edges.filter(relation=relation).select("subject", "object").rows()
        store.connection.change(
            "UNWIND $rows AS row MATCH (a {number: row.head}), (b {number: row.tail})"
            f" CREATE (a)-[:{type_}]->(b)",
            rows=[{"head": a.replace(":", "-"), "tail": b.replace(":", "-")} for a, b in edges],
        )
    file = tmp_path / "families.yaml"
    file.write_text(FAMILIES)
    return file


def test_from_a_graph_of_ones_own_to_hypotheses_on_it(
    store: Store, families: Path, tmp_path: Path
) -> None:
    change(store, "CREATE (:Person {name: 'Eve'})")
    before = everything(store)
    dry = json.loads(run("read", store.uri, "--mapping", families, "--dry-run", "--json").stdout)
    assert dry["unmapped"] == [{"what": "(:Person)", "count": 1}]
    assert len(dry["evidence"]) == 20
    graph, model = tmp_path / "graph", tmp_path / "model"
    printed = run("read", store.uri, "--mapping", families, "--out", graph).stdout
    assert "(:Person)" in printed
    kg, expected = KnowledgeGraph.open(graph), family_graph()
    edges = expected.edges.filter(pl.col("relation").is_in(["TARGETS", "IN_CLASS"]))
    triple = ["subject", "relation", "object"]
    renamed = edges.select(
        pl.col(triple).str.replace(":", "-").str.replace(r"^(.*-)", "families:$1")
    )
    assert set(kg.edges.select(triple).rows()) == set(renamed.rows())
    run("train", "links", graph, "--model", "neighbours", "--out", model)
    arguments = ["predict", model, "--all", "--top", 2, "--into", store.uri, "--mapping", families]
    written = " ".join(run(*arguments).stdout.split())
    rows = store.query(
        "MATCH (h:Compound)-[p:PREDICTED_TARGETS]->(t:Protein)"
        " RETURN 'families:' + h.number AS h, p.head AS head, 'families:' + t.number AS t,"
        " p.tail AS tail, p.probability AS probability, p.explanation AS explanation,"
        " exists((h)-[:BINDS]->(t)) AS known"
    )
    assert f"predictions: {rows.height:,}, as {rows.height:,} relationships" in written
    assert rows.height > 40
    assert rows.filter(pl.col("h") != pl.col("head")).is_empty()
    assert rows.filter(pl.col("t") != pl.col("tail")).is_empty()
    assert not rows["known"].any()
    assert rows["probability"].is_between(0, 1).all()
    assert everything(store)[0] == before[0]
    assert f"heads or tails, taken out: {rows.height:,}" in run(*arguments).stdout
    (name,) = store.query("MATCH ()-[p:PREDICTED_TARGETS]->() RETURN DISTINCT p.model AS m")["m"]
    run("forget", store.uri, "--model", name)
    assert everything(store) == before


def test_choices_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    mapping = tmp_path / "m.yaml"
    for arguments in (
        ["read", "bolt://x", "--dry-run"],
        ["read", "bolt://x"],
        ["read", "bolt://x", "--mapping", mapping, "--out", tmp_path / "g", "--around", "x"],
        ["predict", tmp_path, "--all", "--mapping", mapping],
    ):
        assert CliRunner().invoke(app, [str(one) for one in arguments]).exit_code == 2


# Where medkg wrote the server's graph


OLD, OLDER, ASPIRIN = "CHEBI:45783", "MESH:D000068877", "drugbank:DB00945"


def drugs(source: str, *rows: tuple[str, str, list[str]]) -> KnowledgeGraph:
    """Drugs by identifier, name and cross-references, which act on KIT; ABL1 is there too."""
    targets = [(KIT, "Target", "KIT", []), (ABL1, "Target", "ABL1", [])]
    nodes = pl.DataFrame(
        [*((id_, "Drug", name, xrefs) for id_, name, xrefs in rows), *targets],
        schema={"id": str, "kind": str, "name": str, "xrefs": pl.List(str)},
        orient="row",
    )
    evidence = pl.DataFrame({"subject": [row[0] for row in rows]}).with_columns(
        relation=pl.lit("TARGETS"), object=pl.lit(KIT), source=pl.lit(source)
    )
    return KnowledgeGraph.build(nodes, evidence, [Source(source, "1", "CC0-1.0")])


def merged() -> KnowledgeGraph:
    """Imatinib, which has swallowed two other identifiers, and aspirin."""
    return medkg.merge(
        drugs("one", (IMATINIB, "imatinib", []), (ASPIRIN, "aspirin", [])),
        drugs("two", (OLD, "STI-571", [IMATINIB])),
        drugs("three", (OLDER, "Gleevec", [IMATINIB])),
    )


def heads(store: Store) -> list[tuple[object, ...]]:
    query = "MATCH (h)-[p:PREDICTED_TARGETS]->(t) RETURN h.id AS id, h.name, p.score ORDER BY id"
    return store.query(query).rows()


def test_what_is_predicted_of_a_merged_node_is_of_what_it_became(store: Store) -> None:
    kg = merged()
    assert kg.merges.filter("applied", kept=IMATINIB)["merged"].sort().to_list() == [OLD, OLDER]
    store.write(kg)
    model = drugs("mine", (OLD, "glivec", []), (IMATINIB, "Imatinibum", []), ("NDFRT:1", "x", []))
    rows = predicted((OLD, ABL1, "m", 0.9), (IMATINIB, ABL1, "m", 0.4), ("NDFRT:1", ABL1, "m", 0.2))
    pair = predicted((OLD, IMATINIB, "m", 0.5)).with_columns(relation=pl.lit("INTERACTS_WITH"))
    part = model.with_predictions(pl.concat([rows, pair]))
    part_there = as_on_server(part, store)
    summary = store.write(part_there)
    assert (summary.nodes.added, summary.nodes.changed) == (1, 0)
    assert heads(store) == [("NDFRT:1", "x", 0.2), (IMATINIB, "imatinib", 0.9)]
    assert part_there.predictions.height == 2  # a drug doesn't interact with itself
    # What the graph states moves too.
    assert set(part_there.edges["subject"]) == {IMATINIB, "NDFRT:1"}
    assert part_there.evidence["original_subject"].drop_nulls().to_list() == [OLD]


def test_merging_is_followed_through_several_steps(store: Store) -> None:
    record = {"kind": "Drug", "reason": "by hand", "applied": True}
    chain = [("NDFRT:1", "NDFRT:2"), ("NDFRT:2", "NDFRT:1"), ("NDFRT:2", OLD)]
    kg = merged()
    more = pl.DataFrame([{"merged": a, "kept": b, **record} for a, b in chain])
    merges = pl.concat([kg.merges, more], how="diagonal").sort("kept", "merged")
    store.write(kg.with_frames(merges=merges))
    rows = predicted(("NDFRT:1", ABL1, "m", 0.2))
    part = drugs("mine", ("NDFRT:1", "x", [])).with_predictions(rows)
    store.write(as_on_server(part, store))
    assert heads(store) == [(IMATINIB, "imatinib", 0.2)]


def test_what_is_a_node_again_is_itself(store: Store) -> None:
    store.write(merged())
    store.write(unmerge(merged(), OLD))
    rows = predicted((OLD, ABL1, "m", 0.3), (OLDER, ABL1, "m", 0.1))
    part = drugs("mine", (OLD, "x", []), (OLDER, "y", [])).with_predictions(rows)
    store.write(as_on_server(part, store))
    assert heads(store) == [(OLD, "STI-571", 0.3), (IMATINIB, "imatinib", 0.1)]


def test_what_the_models_graph_merged_is_found_by_what_it_was(store: Store) -> None:
    store.write(drugs("two", (OLD, "STI-571", [])))
    part = merged().with_predictions(predicted((IMATINIB, ABL1, "m", 0.6)))
    store.write(as_on_server(part, store))
    assert heads(store) == [(OLD, "STI-571", 0.6)]
    assert store.read().merges.is_empty()  # of nodes that the server has it knows itself
