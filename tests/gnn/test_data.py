"""A KnowledgeGraph as HeteroData."""

from __future__ import annotations

import polars as pl
import torch

from medkg.gnn.data import to_hetero_data, vocabulary
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph


def small_graph() -> KnowledgeGraph:
    nodes = pl.DataFrame(
        [
            ("drugbank:B", "Drug", "b"),
            ("drugbank:A", "Drug", "a"),
            ("NCBIGene:2", "Target", "g2"),
            ("NCBIGene:1", "Target", "g1"),
            ("DOID:1", "Disease", "d"),
            ("HP:0000001", "Symptom", "alone"),
        ],
        schema=["id", "kind", "name"],
        orient="row",
    )
    evidence = pl.DataFrame(
        [
            ("drugbank:B", "TARGETS", "NCBIGene:1", 0.5, "asserted"),
            ("drugbank:A", "TARGETS", "NCBIGene:2", 1.0, "asserted"),
            ("drugbank:A", "TARGETS", "NCBIGene:1", 1.0, "negated"),
            ("NCBIGene:2", "INTERACTS_WITH", "NCBIGene:1", 1.0, "asserted"),
            ("drugbank:A", "TREATS", "DOID:1", 1.0, "asserted"),
        ],
        schema=["subject", "relation", "object", "probability", "polarity"],
        orient="row",
    ).with_columns(source=pl.lit("made"))
    return KnowledgeGraph.build(nodes, evidence, [Source("made", "1", "CC0-1.0")])


def test_kinds_relations_and_order() -> None:
    kg = small_graph()
    data = to_hetero_data(kg)
    data.validate(raise_on_error=True)
    assert set(data.node_types) == {"Drug", "Target", "Disease", "Symptom"}
    assert set(data.edge_types) == {
        ("Drug", "TARGETS", "Target"),
        ("Drug", "TREATS", "Disease"),
        ("Target", "INTERACTS_WITH", "Target"),
    }
    assert data["Drug"].ids.to_list() == ["drugbank:A", "drugbank:B"]
    assert data["Symptom"].num_nodes == 1
    for kind, ids in vocabulary(kg).items():
        assert ids == kg.nodes.filter(kind=kind)["id"].to_list() == data[kind].ids.to_list()


def test_edges_are_those_of_the_graph() -> None:
    kg = small_graph()
    data = to_hetero_data(kg)
    rows = []
    for head_kind, relation, tail_kind in data.edge_types:
        store = data[head_kind, relation, tail_kind]
        heads, tails = store.edge_index.tolist()
        for head, tail, probability, edge in zip(
            heads, tails, store.probability.tolist(), store.ids, strict=True
        ):
            ends = data[head_kind].ids[head], data[tail_kind].ids[tail]
            rows.append((edge, ends[0], relation, ends[1], probability))
    expected = kg.edges.select("id", "subject", "relation", "object", "probability").rows()
    assert sorted(rows) == sorted(expected)


def test_tails_are_sorted_and_excluded_edges_are_out() -> None:
    kg = small_graph()
    edge = kg.edges.filter(subject="drugbank:B")["id"][0]
    full = to_hetero_data(kg)["Drug", "TARGETS", "Target"]
    assert torch.equal(full.edge_index[1], full.edge_index[1].sort().values)
    assert edge in full.ids
    left = to_hetero_data(kg, exclude_edges=[edge])["Drug", "TARGETS", "Target"]
    assert left.edge_index.shape == (2, 1)
    assert edge not in left.ids


def test_predictions_are_not_in_it() -> None:
    kg = small_graph()
    prediction = pl.DataFrame(
        {
            "head": ["drugbank:A"],
            "relation": ["TARGETS"],
            "tail": ["NCBIGene:1"],
            "model": ["made"],
            "score": [1.0],
            "probability": [0.9],
        }
    )
    with_predictions = to_hetero_data(kg.with_predictions(prediction))
    for edge_type in with_predictions.edge_types:
        expected = to_hetero_data(kg)[edge_type].edge_index
        assert torch.equal(with_predictions[edge_type].edge_index, expected)
