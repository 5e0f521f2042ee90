"""Training by sampled batches, on several processes, and going on after a stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.sampler import NodeSamplerInput

from medkg.core.errors import ModelError
from medkg.core.tensors import load_tensors, save_tensors, without_prefix
from medkg.gnn.data import to_hetero_data
from medkg.gnn.message_edges import SparseMessageEdges
from medkg.gnn.network import LinkNetwork, both_ways, compact
from medkg.gnn.sampler import NeighbourSampler
from medkg.gnn.settings import NetworkSettings
from medkg.gnn.training import _TrainingState, context_of
from medkg.gnn.training_steps import TrainingGraph, messages_by_layer
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.fit_network import fit_link_network
from medkg.mining.links.load import load_link_model
from medkg.mining.links.task import link_task
from medkg.mining.links.train import train_links
from tests.gnn.graphs import family_graph

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.mark.parametrize("encoder", ["rgcn", "compgcn"])
def test_batches_reach_about_what_the_whole_graph_does(kg: KnowledgeGraph, encoder: str) -> None:
    whole, sampled = (
        train_links(kg, encoder=encoder, dim=16, epochs=40, batch=batch, neighbours=(5, 5))
        for batch in (0, 64)
    )
    figures = [m.metrics["valid"]["mrr"] for m in (whole, sampled)]
    assert figures[1] > 0.8 * figures[0]
    assert figures[1] > 2 * sampled.metrics["baselines"]["degree"]["tail"]["mrr"]


def test_a_batch_passes_no_messages_over_what_it_learns(kg: KnowledgeGraph) -> None:
    task = link_task(kg, "TARGETS")
    held_back = task.excluded
    data = to_hetero_data(kg, exclude_edges=held_back)
    settings = NetworkSettings(
        batch=50, neighbours=(100, 5), dim=8, n_negatives=6,
        context=context_of(data, task.edge_type, None),
    )  # fmt: skip
    data = compact(data, task.edge_type, settings.context)
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    edges = {t: data[t].edge_index for t in (task.edge_type, *settings.context)}
    graph = TrainingGraph(edges, counts, task.matrix("train"), settings, CPU, 2)
    learned = []
    for step in graph.steps(torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)):
        assert step.rows is not None
        drugs, genes = step.rows["Drug"], step.rows["Target"]
        # One number for each pair of a drug and a gene in the sample: 1 where a message goes.
        assert not isinstance(step.messages, Mapping)
        for layer in step.messages:
            reached = layer[task.edge_type].mean(torch.eye(len(drugs))) > 0
            for h, t in step.learned.T.tolist():
                assert not reached[(genes == t).nonzero().item(), (drugs == h).nonzero().item()]
            # The next layer's messages are from the nodes that this one's go to.
            drugs = drugs[: layer[both_ways(task.edge_type)[1]].n_receivers]
        assert len(drugs) == len(step.seeds["Drug"]) < len(step.rows["Drug"])
        # Seeds come first, and every candidate is one.
        for kind, candidates in (("Drug", step.heads), ("Target", step.tails)):
            place = step.places(kind, candidates)
            assert torch.equal(step.rows[kind][place], candidates)
        assert len(step.tails) <= 50 + 6
        learned += step.learned.T.tolist()
    assert sorted(learned) == sorted(task.train.tolist())
    assert graph.n_steps == 4


@pytest.mark.parametrize("encoder", ["rgcn", "compgcn", "hgt"])
def test_layers_leave_out_what_no_seed_hears_of(kg: KnowledgeGraph, encoder: str) -> None:
    """The vectors of a sample's first nodes are those that all of its messages give."""
    task = link_task(kg, "TARGETS")
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    settings = NetworkSettings(
        encoder=encoder, dim=8, heads=2, batch=1, layers=3, neighbours=(1, 2, 2)
    )
    data = compact(data, task.edge_type, ())
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    sampled = HeteroData()
    for kind, n in counts.items():
        sampled[kind].num_nodes = n
    edges = data[task.edge_type].edge_index
    for message_type, index in zip(both_ways(task.edge_type), (edges, edges.flip(0)), strict=True):
        sampled[message_type].edge_index = index
    sampler = NeighbourSampler(sampled, settings.neighbours)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.arange(3), None, "Drug"))
    torch.manual_seed(0)
    network = LinkNetwork(counts, task.edge_type, settings).eval()
    layers = messages_by_layer(out, 3, CPU)
    everything = {
        t: SparseMessageEdges(senders, out.col[t], len(out.node[t[0]]), len(out.node[t[2]]))
        for t, senders in out.row.items()
    }
    few = network(layers, out.node)["Drug"]
    assert len(few) == 3 < len(out.node["Drug"])
    torch.testing.assert_close(few, network(everything, out.node)["Drug"][:3])
    assert layers[2][task.edge_type].n_receivers == 0  # genes are the drugs' neighbours


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 64, "clip": 0.5, "schedule": "cosine", "warmup": 3},
        {"encoder": "hgt", "schedule": "plateau", "learning_rate": 0.1, "clip": 1.0},
    ],
)
def test_going_on_is_the_same_as_not_stopping(
    kg: KnowledgeGraph, tmp_path: Path, options: dict[str, object]
) -> None:
    task = link_task(kg, "TARGETS")
    held_back = task.excluded
    data = to_hetero_data(kg, exclude_edges=held_back)
    settings = NetworkSettings(
        dim=8, epochs=12, every=2, context=context_of(data, task.edge_type, None), **options
    )  # type: ignore[arg-type]

    def stop(_: float, looks: list[float]) -> None:
        looks.append(_)
        if len(looks) == 4:
            raise KeyboardInterrupt

    looks: list[float] = []
    folder = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit_link_network(
            data, task, settings, seed=4, device=CPU, checkpoint=folder,
            watch=lambda mrr: stop(mrr, looks),
        )  # fmt: skip
    assert folder.is_dir()
    file = folder / "state.safetensors"
    state = load_tensors(file)
    save_tensors(without_prefix("network", state), file)
    with pytest.raises(ModelError, match=r"checkpoint is damaged.*remove it"):
        fit_link_network(data, task, settings, seed=4, device=CPU, checkpoint=folder)
    save_tensors(state, file)
    later: list[float] = []
    unbroken: list[float] = []
    resumed, _ = fit_link_network(
        data, task, settings, seed=4, device=CPU, checkpoint=folder, watch=later.append
    )
    expected, _ = fit_link_network(data, task, settings, seed=4, device=CPU, watch=unbroken.append)
    assert looks[:3] + later == unbroken
    for name, tensor in expected.tensors().items():
        assert torch.equal(resumed.tensors()[name], tensor)


def test_no_training_goes_on_from_one_that_other_edges_validated(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    """Also where both learn from the same edges."""
    task = link_task(kg, "TARGETS")
    turned = replace(
        task,
        valid=task.test,
        test=task.valid,
        held_back={"valid": task.held_back["test"], "test": task.held_back["valid"]},
    )
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    settings = NetworkSettings(dim=8, epochs=4, every=1, context=())

    def stop(_: float) -> None:
        looks.append(_)
        if len(looks) == 3:
            raise KeyboardInterrupt

    for each, expected in ((task, 2), (turned, 4)):
        looks: list[float] = []
        state = tmp_path / f"state-{expected}"
        with pytest.raises(KeyboardInterrupt):
            fit_link_network(data, task, settings, seed=0, device=CPU, checkpoint=state, watch=stop)
        later: list[float] = []
        fit_link_network(
            data, each, settings, seed=0, device=CPU, checkpoint=state, watch=later.append
        )
        assert len(later) == expected


def rates(settings: NetworkSettings, mrrs: list[float]) -> list[float]:
    network = LinkNetwork({"Drug": 2, "Target": 2}, ("Drug", "TARGETS", "Target"), settings)
    state, stops = _TrainingState(network, settings), []
    for mrr in mrrs:
        state.set_rate(0.5)
        stops.append(state.optimisers[0].param_groups[0]["lr"])
        state.epoch += 1
        state.record_validation(mrr)
    return stops


def test_schedules() -> None:
    up = [0.1 * n for n in range(8)]
    assert rates(NetworkSettings(dim=2, learning_rate=0.1), up) == [0.1] * 8
    cosine = rates(
        NetworkSettings(dim=2, learning_rate=0.1, schedule="cosine", warmup=2, epochs=8), up
    )
    assert 0 < cosine[0] < cosine[1] < 0.1
    assert cosine[2:] == sorted(cosine[2:], reverse=True)
    assert cosine[2] > 0.09
    assert cosine[-1] < 0.01
    plateau = NetworkSettings(dim=2, learning_rate=0.1, schedule="plateau")
    assert rates(plateau, [0.5, 0.4, 0.4, 0.4, 0.4, 0.6, 0.5, 0.5]) == [
        0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025,
    ]  # fmt: skip


@pytest.mark.parametrize("batch", [0, 64])
def test_clipping_shortens_the_whole_gradient(kg: KnowledgeGraph, batch: int) -> None:
    settings = NetworkSettings(dim=4, clip=0.25, batch=batch)
    network = LinkNetwork({"Drug": 3, "Target": 3}, ("Drug", "TARGETS", "Target"), settings)
    state = _TrainingState(network, settings)
    rows = {kind: torch.arange(2) for kind in ("Drug", "Target")} if batch else None
    vectors = network.encoder.nodes(rows)
    loss = 100 * (vectors["Drug"].sum() + network.relation().sum())
    state.step(loss)
    gradients = [w.grad for w in network.parameters() if w.grad is not None]
    assert any(g.is_sparse for g in gradients) == bool(batch)
    length = torch.cat([(g.to_dense() if g.is_sparse else g).ravel() for g in gradients]).norm()
    assert float(length) == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "self-adversarial", "negatives": "typed", "n_negatives": 50, "margin": 0.0},
        {"loss": "margin", "negatives": "degree", "n_negatives": 30, "decoder": "transe"},
        {"loss": "binary", "negatives": "all", "decoder": "rotate", "margin": 3.0},
    ],
)
def test_losses_and_negatives_by_name(kg: KnowledgeGraph, options: dict[str, object]) -> None:
    model = train_links(kg, dim=16, epochs=25, **options)
    degree = model.metrics["baselines"]["degree"]["tail"]["mrr"]
    assert model.metrics["test"]["tail"]["mrr"] > 1.5 * degree


def test_features_of_drugs_without_a_vector_of_their_own(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    """Molecules of a family share a ring: fingerprints alone tell what a drug targets."""
    rings = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccsc1", "c1ccoc1"]
    structures = {
        f"drugbank:DB{family}{n}": f"{'C' * (n + 1)}{ring}"
        for family, ring in enumerate(rings)
        for n in range(8)
    }
    nodes = kg.nodes.select("id", "kind", "name")
    texts = [
        json.dumps({"smiles": structures[node]}) if node in structures else None
        for node in nodes["id"]
    ]
    nodes = nodes.with_columns(properties=pl.Series(texts, dtype=pl.String))
    evidence = kg.evidence.select("subject", "relation", "object", "source")
    with_structures = KnowledgeGraph.build(nodes, evidence.filter(relation="TARGETS"), kg.sources)
    options = {"dim": 16, "epochs": 30, "encoder": "compgcn", "layers": 1, "neighbours": (5,)}
    model = train_links(
        with_structures, lookup=False, features=("fingerprints",), dropout=0.2, **options
    )
    assert model.metrics["test"]["tail"]["mrr"] > 0.3
    assert "encoder.nodes.vectors.Drug" not in model.scorer.network  # type: ignore[union-attr]
    with_structures.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    loaded = load_link_model(tmp_path / "model")
    head, tail = "drugbank:DB00", "NCBIGene:01"
    assert loaded.explain(head, tail).attribution == model.explain(head, tail).attribution != ()


def test_several_processes_need_batches(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match="several processes share sampled batches: set batch"):
        train_links(kg, dim=8, epochs=1)


def test_several_processes_train_no_ranker(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match="start the model ranker without torchrun"):
        train_links(kg)
