"""The model `paths`: the graph that it reads, the scores that it keeps, and what these rest on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medkg.gnn.data import to_hetero_data
from medkg.gnn.message_edges import INVERSE, no_sparse_warning
from medkg.gnn.path_graph import shares_by_edge
from medkg.gnn.path_network import attribute_to_messages
from medkg.gnn.settings import PathSettings
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links import path_scorer
from medkg.mining.links.model import LinkModel
from medkg.mining.links.path_scorer import PathScorer, edges_of_paths, path_graph
from medkg.mining.links.task import link_task
from medkg.mining.links.train import train_links
from tests.gnn.graphs import family_graph


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> LinkModel:
    return train_links(kg, model="paths", refit=False)


def test_messages_go_both_ways_over_all_but_large_relations(kg: KnowledgeGraph) -> None:
    task = link_task(kg, "TARGETS")
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    graph = path_graph(kg, data, task, PathSettings().edges)
    for head, relation, tail in data.edge_types:
        forth = graph.edges[head, relation, tail]
        heads, tails = data[head, relation, tail].edge_index
        if head == tail and kg.schema.relation(relation).symmetric:
            assert (tail, relation + INVERSE, head) not in graph.edges
            heads, tails = torch.cat([heads, tails]), torch.cat([tails, heads])
        else:
            back = graph.edges[tail, relation + INVERSE, head]
            assert set(zip(*back.edge_index.tolist(), strict=True)) == set(
                zip(tails.tolist(), heads.tolist(), strict=True)
            )
        assert set(zip(*forth.edge_index.tolist(), strict=True)) == set(
            zip(heads.tolist(), tails.tolist(), strict=True)
        )
    without_others = path_graph(kg, data, task, 0)
    of_task = {t for t in without_others.edges if t[1] != path_scorer.ALIKE}
    assert of_task == {task.edge_type, ("Target", "TARGETS" + INVERSE, "Drug")}


def test_a_trained_pair_has_the_score_that_it_gets_while_it_is_hidden(model: LinkModel) -> None:
    scorer = model.scorer
    assert isinstance(scorer, PathScorer)
    graph, _ = model._attributor._path_graph
    network = scorer.path_network(graph)
    known = model.task.matrix("train")
    head = int(model.task.train[0, 0])
    kept = scorer.score_tails(torch.tensor([head]))[0]
    with torch.no_grad():
        seen = network(graph, torch.tensor([head])).log_softmax(1)[0]
    own = torch.from_numpy(known[head].indices.astype(np.int64))
    others = torch.ones(len(kept), dtype=torch.bool)
    others[own] = False
    torch.testing.assert_close(kept[others], seen[others], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(kept[own], seen[own], atol=1e-3)
    hidden = path_scorer._scores(network, graph, torch.tensor([head]), known)[0]
    torch.testing.assert_close(kept[own], hidden[own], atol=1e-4, rtol=1e-4)


def test_only_the_first_candidates_are_kept(
    kg: KnowledgeGraph, model: LinkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_scorer, "_KEPT", 5)
    graph, _ = model._attributor._path_graph
    assert isinstance(model.scorer, PathScorer)
    network, task = model.scorer.path_network(graph), model.task
    scores = path_scorer._candidates(network, graph, task.matrix("train"), task)
    heads = np.unique(task.train[:, 0])
    trained = task.matrix("train")
    assert all(
        len(set(scores[h].indices) - set(trained[h].indices)) == 5
        and set(trained[h].indices) <= set(scores[h].indices)
        for h in heads
    )


def test_a_score_falls_without_the_edges_that_it_rests_on(model: LinkModel) -> None:
    graph, data = model._attributor._path_graph
    scorer = model.scorer
    assert isinstance(scorer, PathScorer)
    network = scorer.path_network(graph)
    generator = np.random.default_rng(0)
    drops, random_drops = [], []

    def score_without(head: int, tail: int, rows: set[int]) -> float:
        kept = to_hetero_data(
            model.graph,
            exclude_edges=[*model.task.excluded, *model.graph.edges["id"].gather(sorted(rows))],
        )
        without = path_graph(model.graph, kept, model.task, PathSettings().edges)
        with torch.no_grad():
            return float(network(without, torch.tensor([head]))[0, tail])

    for head in range(0, len(model.task.heads), 6):
        scores = scorer.score_tails(torch.tensor([head]))[0]
        scores[torch.from_numpy(model.training_pairs[head].indices.astype(np.int64))] = -torch.inf
        tail = int(scores.argmax())
        shares = edges_of_paths(scorer, model.task, graph, data, head, tail)
        whole = score_without(head, tail, set())
        named = sorted(shares, key=lambda row: -shares[row])[:5]
        drops.append(whole - score_without(head, tail, set(named)))
        others = generator.choice(sorted(shares.keys() - named), size=5, replace=False)
        random_drops.append(whole - score_without(head, tail, set(others.tolist())))
    assert np.mean(drops) > 3 * abs(np.mean(random_drops))
    assert np.mean(np.array(drops) > 0) > 0.85


def test_the_score_of_a_trained_pair_rests_on_no_pair_of_its_head(model: LinkModel) -> None:
    head, tail = model.task.train[0].tolist()
    explanation = model.explain(model.task.heads[head], model.task.tails[tail])
    assert explanation.attribution
    own = (model.task.heads[head], "TARGETS")
    assert all((step.subject, step.relation) != own for step, _ in explanation.attribution)


def test_a_trained_pair_is_explained_by_the_graph_without_its_head_s_pairs(
    model: LinkModel,
) -> None:
    graph, data = model._attributor._path_graph
    assert isinstance(model.scorer, PathScorer)
    head, tail = model.task.train[0].tolist()
    shares = edges_of_paths(model.scorer, model.task, graph, data, head, tail)
    own = model.graph.edges.filter(relation="TARGETS", subject=model.task.heads[head])["id"]
    assert len(own) > 1
    kept = to_hetero_data(model.graph, exclude_edges=[*model.task.excluded, *own])
    without = path_graph(model.graph, kept, model.task, PathSettings().edges)
    network = model.scorer.path_network(without)
    with no_sparse_warning():
        by_message = attribute_to_messages(network, without, head, tail)
    assert shares == pytest.approx(shares_by_edge(by_message, kept), rel=1e-3, abs=1e-6)
