"""Embeddings of a graph: its triples, exact ranks, the model's folder, answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from medkg.cli import main
from medkg.core import ranking
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.gnn.data import to_hetero_data, vocabulary
from medkg.gnn.decoders import DECODERS
from medkg.gnn.embeddings.model import (
    EmbeddingModel,
    load_embeddings,
    train_embeddings,
)
from medkg.gnn.embeddings.ranking import triple_ranks
from medkg.gnn.embeddings.training import Embeddings
from medkg.gnn.settings import EmbeddingSettings
from medkg.gnn.triples import Triples, degree_ranks, triples_of
from medkg.graph.kg import KnowledgeGraph
from tests.gnn.graphs import family_graph

SETTINGS = EmbeddingSettings(dim=16, batch=64, negatives=32, epochs=20, sampler="typed")


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> EmbeddingModel:
    return train_embeddings(kg, SETTINGS, held_back=0.1)


def test_triples_are_the_graphs_edges(kg: KnowledgeGraph) -> None:
    triples, types = triples_of(to_hetero_data(kg))
    nodes = vocabulary(kg)
    ids = [node for kind in nodes for node in nodes[kind]]
    assert len(ids) == triples.starts[-1] == kg.nodes.height
    edges = {(ids[h], types[r][1], ids[t]) for h, r, t in triples.edges.tolist()}
    assert edges == set(kg.edges.select("subject", "relation", "object").iter_rows())
    for number, (head, _, tail) in enumerate(types):
        for end, kind in ((0, head), (1, tail)):
            first, last = triples.span(number, end)
            assert ids[first:last] == nodes[kind]


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("decoder", DECODERS)
def test_ranks_agree_with_counting(decoder: str, reciprocal: bool, typed: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    # Few different vectors, so that there are ties.
    nodes = torch.randint(0, 2, (12, 4), generator=generator).float()
    relations = torch.randn(4 if reciprocal else 2, 4, generator=generator)
    embeddings = Embeddings(decoder, nodes, relations, reciprocal)
    triples = Triples(
        np.array([[0, 0, 5], [1, 0, 6], [1, 0, 7], [2, 0, 5], [3, 0, 9], [6, 1, 7], [7, 1, 8]]),
        np.array([0, 5, 12]),
        np.array([[0, 1], [1, 1]]),
    )
    edges = np.concatenate([triples.edges, [[4, 0, 11]]])
    score = DECODERS[decoder].score
    expected = []
    for h, r, t in edges.tolist():
        sides = []
        for side, answer in ((0, t), (1, h)):
            first, last = triples.span(r, 1 - side) if typed else (0, 12)

            def of(node: int, side: int = side, h: int = h, r: int = r, t: int = t) -> float:
                if side == 0:
                    return round(score(nodes[h], relations[r], nodes[node]).item(), 4)
                if reciprocal:
                    return round(score(nodes[t], relations[r + 2], nodes[node]).item(), 4)
                return round(score(nodes[node], relations[r], nodes[t]).item(), 4)

            known = {tuple(edge) for edge in triples.edges.tolist()}
            others = [
                of(node)
                for node in range(first, last)
                if node != answer and ((h, r, node) if side == 0 else (node, r, t)) not in known
            ]
            true = of(answer)
            sides.append(1 + sum(o > true for o in others) + sum(o == true for o in others) / 2)
        expected.append(sides)
    assert triple_ranks(embeddings, edges, triples, typed=typed).tolist() == expected


def test_a_killed_ranking_of_triples_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_KEEP_EVERY", 0.0)
    generator = torch.Generator().manual_seed(0)
    embeddings = Embeddings("distmult", torch.randn(9, 4, generator=generator), torch.ones(2, 4))
    edges = np.array([[0, 0, 3], [1, 1, 4], [2, 1, 5]])
    triples = Triples(edges, np.array([0, 9]), np.array([[0, 0], [0, 0]]))
    expected = triple_ranks(embeddings, edges, triples)
    steps: list[int] = []

    def killed(n: int) -> None:
        steps.append(n)
        if len(steps) == 2:
            raise KeyboardInterrupt

    keep = tmp_path / "ranks"
    with pytest.raises(KeyboardInterrupt):
        triple_ranks(embeddings, edges, triples, keep=keep, step=killed)
    assert sorted(file.name for file in keep.iterdir()) == ["0-0", "0-1"]
    # What is kept is taken: a state with other ranks shows in the outcome.
    (file,) = (keep / "0-0").glob("*.safetensors")
    save_file({"ranks": load_file(file)["ranks"] + 100}, file)
    ranks = triple_ranks(embeddings, edges, triples, keep=keep)
    assert (ranks - expected).tolist() == [[100, 0], [0, 0], [0, 0]]
    assert not keep.exists()


def test_degree_ranks() -> None:
    edges = np.array([[0, 0, 3], [1, 0, 3], [2, 0, 4], [0, 0, 4], [1, 0, 5]])
    triples = Triples(edges, np.array([0, 3, 6]), np.array([[0, 1]]))
    learned = Triples(edges[:4], triples.starts, triples.kinds)
    # Of node 1's tails 3 is known; 4 has two edges, 5 none. Of node 5's heads, 0 has two.
    assert degree_ranks(edges[4:], learned, triples).tolist() == [[2.0, 2.5]]


def test_it_beats_degree_on_what_was_held_back(model: EmbeddingModel) -> None:
    figures = model.metrics
    assert figures["valid"]["n"] == 2 * len(model.held_back)
    assert figures["valid"]["mrr"] > figures["degree"]["mrr"] + 0.1
    assert {"Drug-TARGETS-Target", "Drug-TREATS-Disease"} <= set(figures["by_relation"])


def test_answers_are_new_ones_of_the_family(model: EmbeddingModel, kg: KnowledgeGraph) -> None:
    answers = model.predict(kg, "TARGETS", head="drug 2-2", top=4)
    known = set(kg.edges.filter(subject="drugbank:DB22", relation="TARGETS")["object"])
    assert answers["rank"].to_list() == [1, 2, 3, 4]
    assert answers["score"].is_sorted(descending=True)
    assert not known & set(answers["tail"])
    assert answers["name"][0].startswith("GENE2")
    heads = model.predict(kg, "TREATS", tail="disease 3", top=3)
    assert heads["tail"].unique().to_list() == ["DOID:3"]
    assert all(name.startswith("drug 3-") for name in heads["name"][:2])
    # A symmetric relation is known in both directions.
    partner = model.predict(kg, "INTERACTS_WITH", head="GENE12", top=100)
    assert not {"NCBIGene:11", "NCBIGene:12"} & set(partner["tail"])


def test_what_can_not_be_asked(model: EmbeddingModel, kg: KnowledgeGraph) -> None:
    with pytest.raises(MissingError, match="no relation 'CAUSES'; it has"):
        model.predict(kg, "CAUSES", head="drug 2-2")
    with pytest.raises(MissingError, match="either a head or a tail"):
        model.predict(kg, "TREATS")
    with pytest.raises(MissingError, match="either a head or a tail"):
        model.predict(kg, "TREATS", head="drug 2-2", tail="disease 3")
    with pytest.raises(ModelError, match="device 'nothing' can't be used here"):
        train_embeddings(kg, SETTINGS, device="nothing")
    with pytest.raises(MissingError, match="the graph has no Drug 'disease 3'"):
        model.predict(kg, "TREATS", head="disease 3")


def test_folder(model: EmbeddingModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = load_embeddings(tmp_path / "model")
    before = model.predict(kg, "TARGETS", head="drug 2-2")
    assert again.predict(kg, "TARGETS", head="drug 2-2").equals(before)
    assert again.settings == model.settings
    assert again.metrics == model.metrics
    assert "CC0-1.0" in (tmp_path / "model" / "CARD.md").read_text(encoding="utf-8")
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        load_embeddings(tmp_path / "model")


def test_edges_that_can_not_be_held_back(kg: KnowledgeGraph) -> None:
    with pytest.raises(DataError, match="1 ids held back are no edges, as 'nothing'"):
        train_embeddings(kg, SETTINGS, held_back=["nothing"])
    with pytest.raises(DataError, match="no edge is held back"):
        train_embeddings(kg, SETTINGS, held_back=[])


def test_command(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    kg.save(tmp_path / "graph")
    command = f"medkg train embeddings {tmp_path}/graph --out {tmp_path}/model --decoder transe"
    (tmp_path / "own.toml").write_text(
        "[embeddings]\nbatch = 64\nnegatives = 16\nclip = 1.0\ndim = 9"
    )
    options = f"--dim 8 --epochs 2 --config {tmp_path}/own.toml --json"
    monkeypatch.setattr("sys.argv", [*command.split(), *options.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["valid"]["n"] > 0
    settings = load_embeddings(tmp_path / "model").settings
    assert (settings.decoder, settings.clip, settings.dim, settings.batch) == ("transe", 1.0, 8, 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "model", "own.toml"]
    assert pl.read_parquet(tmp_path / "graph" / "edges.parquet").height == kg.edges.height
