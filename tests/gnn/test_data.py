"""A KnowledgeGraph as HeteroData."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader

from medkg.core.errors import MissingError
from medkg.gnn.data import identifiers, to_hetero_data, vocabulary
from medkg.gnn.sampler import NeighbourSampler
from medkg.gnn.scaling import Scaler, numeric_properties
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

from .graphs import family_graph

TARGETS = ("Drug", "TARGETS", "Target")


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
    assert identifiers(kg, data, "Drug").to_list() == ["drugbank:A", "drugbank:B"]
    assert data["Symptom"].num_nodes == 1
    for kind, ids in vocabulary(kg).items():
        assert (
            ids
            == kg.nodes.filter(kind=kind)["id"].to_list()
            == identifiers(kg, data, kind).to_list()
        )
        assert data[kind].n_id.tolist() == list(range(len(ids)))


def test_edges_are_those_of_the_graph() -> None:
    kg = small_graph()
    data = to_hetero_data(kg)
    rows = []
    for head_kind, relation, tail_kind in data.edge_types:
        store = data[head_kind, relation, tail_kind]
        heads, tails = store.edge_index.tolist()
        for head, tail, probability, edge in zip(
            heads,
            tails,
            store.probability.tolist(),
            identifiers(kg, data, (head_kind, relation, tail_kind)),
            strict=True,
        ):
            ends = identifiers(kg, data, head_kind)[head], identifiers(kg, data, tail_kind)[tail]
            rows.append((edge, ends[0], relation, ends[1], probability))
    expected = kg.edges.select("id", "subject", "relation", "object", "probability").rows()
    assert sorted(rows) == sorted(expected)


def test_tails_are_sorted_and_excluded_edges_are_out() -> None:
    kg = small_graph()
    edge = kg.edges.filter(subject="drugbank:B")["id"][0]
    whole = to_hetero_data(kg)
    full = whole[TARGETS]
    assert torch.equal(full.edge_index[1], full.edge_index[1].sort().values)
    assert edge in identifiers(kg, whole, TARGETS)
    rest = to_hetero_data(kg, exclude_edges=[edge])
    assert rest[TARGETS].edge_index.shape == (2, 1)
    assert set(identifiers(kg, rest, TARGETS)) == set(identifiers(kg, whole, TARGETS)) - {edge}


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


def subgraph(data: HeteroData, _: Path) -> HeteroData:
    kept = {"Drug": torch.tensor([40, 3, 17]), "Target": torch.arange(30, 10, -1)}
    return data.subgraph(kept)


def some_edge_types(data: HeteroData, _: Path) -> HeteroData:
    return data.edge_type_subgraph([TARGETS, ("Drug", "IN_CLASS", "DrugClass")])


def some_edges(data: HeteroData, _: Path) -> HeteroData:
    return data.edge_subgraph({TARGETS: torch.tensor([100, 7, 52])})


def batch_around_nodes(data: HeteroData, _: Path) -> HeteroData:
    sampler = NeighbourSampler(data, [3, 2], generator=torch.Generator().manual_seed(0))
    nodes = ("Target", torch.tensor([12, 3, 40, 7]))
    loader = NodeLoader(data, sampler, input_nodes=nodes, batch_size=4)
    return next(iter(loader))


def batch_around_edges(data: HeteroData, _: Path) -> HeteroData:
    sampler = NeighbourSampler(data, [3, 2], generator=torch.Generator().manual_seed(0))
    edges = (TARGETS, data[TARGETS].edge_index[:, 40:44])
    loader = LinkLoader(data, sampler, edge_label_index=edges, batch_size=4)
    return next(iter(loader))


def saved(data: HeteroData, folder: Path) -> HeteroData:
    torch.save(data, folder / "data.pt")
    return torch.load(folder / "data.pt", weights_only=False)


def saved_as_tensors(data: HeteroData, folder: Path) -> HeteroData:
    torch.save(data.to_dict(), folder / "data.pt")
    return HeteroData.from_dict(torch.load(folder / "data.pt", weights_only=True))


def batch_of_subgraph(data: HeteroData, folder: Path) -> HeteroData:
    backwards = {"Target": torch.arange(data["Target"].num_nodes - 1, 0, -1)}
    return batch_around_nodes(data.subgraph(backwards), folder)


@pytest.mark.parametrize(
    "cut",
    [
        subgraph,
        some_edge_types,
        some_edges,
        batch_around_nodes,
        batch_around_edges,
        saved,
        saved_as_tensors,
        batch_of_subgraph,
    ],
)
def test_identifiers_follow_what_pyg_cuts_out(
    cut: Callable[[HeteroData, Path], HeteroData], tmp_path: Path
) -> None:
    """Whatever PyG makes of the graph, each edge's id still names the edge between its ends."""
    kg = family_graph()
    part = cut(to_hetero_data(kg, exclude_edges=kg.edges["id"][:9]), tmp_path)
    edges = {row[0]: row[1:] for row in kg.edges["id", "subject", "relation", "object"].rows()}
    n_edges = 0
    for kind in part.node_types:
        assert len(identifiers(kg, part, kind)) == part[kind].num_nodes
    for edge_type in part.edge_types:
        ids = identifiers(kg, part, edge_type)
        heads, tails = (identifiers(kg, part, edge_type[end]) for end in (0, 2))
        ends = part[edge_type].edge_index.numpy()
        assert len(ids) == ends.shape[1]
        for edge, head, tail in zip(ids, heads.gather(ends[0]), tails.gather(ends[1]), strict=True):
            assert edges[edge] == (head, edge_type[1], tail)
            n_edges += 1
    assert n_edges > 2


def test_excluded_edges_do_not_move_the_numbers_of_others() -> None:
    kg = family_graph()
    whole, rest = to_hetero_data(kg), to_hetero_data(kg, exclude_edges=kg.edges["id"][::2])
    numbers = {t: set(data[t].e_id.tolist()) for data in (whole,) for t in data.edge_types}
    for edge_type in rest.edge_types:
        assert {e for e in numbers[edge_type] if e % 2} == set(rest[edge_type].e_id.tolist())


def test_names_of_features_are_whole_in_a_part() -> None:
    """Also where there are as many features as nodes, so that PyG would take them for rows."""
    kg = KnowledgeGraph.build(
        pl.DataFrame(
            {
                "id": ["patient:a", "patient:b"],
                "kind": "Patient",
                "name": ["a", "b"],
                "properties": ['{"age": "61 years"}', "{}"],
            }
        ),
        pl.DataFrame(schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String)),
        [Source("made", "1", "CC0-1.0")],
    )
    data = to_hetero_data(kg, features=Scaler.fit(numeric_properties(kg), "range"))
    assert len(data.numeric["Patient"]) == data["Patient"].num_nodes
    part = data.subgraph({"Patient": torch.tensor([1])})
    assert part.numeric == data.numeric
    assert part["Patient"].x_numeric.shape == (1, 2)


def test_identifiers_of_a_kind_that_is_not_there() -> None:
    kg = family_graph()
    with pytest.raises(MissingError, match="no nodes or edges 'Drugg'"):
        identifiers(kg, to_hetero_data(kg), "Drugg")
