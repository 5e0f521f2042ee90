"""Training: splits, leaks, determinism, resuming; and what the folder of a model is checked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import (
    DataError,
    MedkgError,
    MissingError,
    ModelError,
    SchemaError,
)
from medkg.gnn import network, training_steps
from medkg.gnn import training as fit
from medkg.gnn.data import identifiers, to_hetero_data
from medkg.gnn.network import LinkNetwork
from medkg.gnn.settings import NetworkSettings
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.given_pairs import pairs_frame
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.task import _random_split, link_task
from medkg.mining.links.train import train_links
from tests.forked import kill_training_when
from tests.gnn.graphs import family_graph


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


def test_split_by_chance(kg: KnowledgeGraph) -> None:
    task = link_task(kg, "TARGETS", seed=1)
    assert (len(task.train), len(task.valid), len(task.test)) == (192, 24, 24)
    pairs = {tuple(pair) for part in (task.train, task.valid, task.test) for pair in part.tolist()}
    expected = kg.edges.filter(relation="TARGETS").select("subject", "object").rows()
    assert {(task.heads[h], task.tails[t]) for h, t in pairs} == set(expected)
    again, other = link_task(kg, "TARGETS", seed=1), link_task(kg, "TARGETS", seed=2)
    assert task.held_back == again.held_back != other.held_back


def test_a_few_edges_more_leave_the_others_where_they_are(kg: KnowledgeGraph) -> None:
    ids = kg.edges.filter(relation="TARGETS")["id"]
    fewer, whole = _random_split(ids[5:], seed=0), _random_split(ids, seed=0)
    for part in ("valid", "test"):
        assert len(set(fewer[part]) & set(whole[part])) >= len(whole[part]) - 5


def test_given_split(kg: KnowledgeGraph) -> None:
    edges = kg.edges.filter(relation="TARGETS")
    split = {"valid": edges["id"].head(5).to_list(), "test": edges["id"].tail(3).to_list()}
    task = link_task(kg, "TARGETS", split)
    held = {(task.heads[h], task.tails[t]) for h, t in task.valid.tolist()}
    assert held == set(edges.head(5).select("subject", "object").iter_rows())
    assert len(task.test) == 3
    assert len(task.train) == edges.height - 8


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"valid": ["nonsense"]}, "1 ids that are no edges"),
        ({"test": []}, "no validation edges"),
        ({"validation": []}, "parts valid, test and removed"),
    ],
)
def test_bad_split(kg: KnowledgeGraph, split: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        link_task(kg, "TARGETS", split)
    edge = kg.edges.filter(relation="TARGETS")["id"][0]
    with pytest.raises(DataError, match="same edge"):
        link_task(kg, "TARGETS", {"valid": [edge], "test": [edge]})


def test_relations_that_cannot_be_trained(kg: KnowledgeGraph) -> None:
    with pytest.raises(SchemaError, match="unknown relation"):
        train_links(kg, "CURES")
    with pytest.raises(DataError, match="0 edges CAUSES"):
        train_links(kg, "CAUSES")


@pytest.mark.parametrize(
    "options",
    [{"model": "degree"}, {"model": "neighbours"}, {"model": "network", "dim": 8, "epochs": 2}],
)
def test_a_device_does_not_choose_the_model(kg: KnowledgeGraph, options: dict[str, object]) -> None:
    one, other = (
        train_links(kg, **options, **where)  # type: ignore[arg-type]
        for where in ({}, {"device": "cpu"})
    )
    assert one.name == other.name
    assert one.metrics == other.metrics
    with pytest.raises(ModelError, match="device 'abacus' can't be used"):
        train_links(kg, **options, device="abacus")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "oracle"}, "unknown model 'oracle'; there are ranker, network"),
        ({"encoder": "gin"}, "unknown encoder 'gin'; there are lookup, rgcn"),
        ({"decoder": "transf"}, "did you mean transe"),
        ({"decoder": "complex", "dim": 7}, "even dim"),
        ({"encoder": "hgt", "dim": 6}, "dim has to be a multiple of heads: 6 is none of 4"),
        ({"learning_rat": 0.1}, "unknown option 'learning_rat'; did you mean learning_rate"),
        ({"features": ["fingerprints"]}, "no node of the graph has fingerprints"),
        ({"device": "abacus"}, "device 'abacus' can't be used"),
    ],
)
def test_wrong_choices(kg: KnowledgeGraph, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(MedkgError, match=message):
        train_links(kg, epochs=1, **wrong)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(DataError, match="no edges EXPRESSES"):
        train_links(kg, context_relations=["EXPRESSES"])


def test_held_back_edges_reach_neither_messages_nor_degrees(kg: KnowledgeGraph) -> None:
    """Taking the held-back edges out of the graph beforehand changes nothing that is learned."""
    full = train_links(kg, dim=8, epochs=5)
    held_back = full.task.excluded
    data = to_hetero_data(kg, exclude_edges=held_back)
    ids = set(identifiers(kg, data, ("Drug", "TARGETS", "Target")))
    assert not ids & set(held_back)
    pairs = {tuple(p) for p in data["Drug", "TARGETS", "Target"].edge_index.T.tolist()}
    assert pairs == {tuple(p) for p in full.task.train.tolist()}

    # The network's vectors are those of the graph without the held-back edges.
    trained, used = full._attributor.network
    trained.eval()
    counts = {kind: used[kind].num_nodes for kind in used.node_types}
    messages = {}
    for edge_type in trained.types:
        edges = used[edge_type].edge_index
        messages.update(network.messages_over(edge_type, edges, counts))
    with torch.no_grad():
        vectors = trained(messages)
    assert torch.allclose(vectors["Drug"], full.scorer.tensors()["heads"], atol=1e-6)
    assert torch.allclose(vectors["Target"], full.scorer.tensors()["tails"], atol=1e-6)


def test_a_step_does_not_pass_messages_over_what_it_learns(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[tuple[int, ...]]] = []
    messages_over, loss = training_steps.messages_over, fit.link_loss

    def watch_messages(edge_type, edges, counts):  # type: ignore[no-untyped-def]  # as the original
        if edge_type[1] == "TARGETS":
            seen.append({tuple(pair) for pair in edges.T.tolist()})
        return messages_over(edge_type, edges, counts)

    def watch_loss(network, vectors, step, *rest):  # type: ignore[no-untyped-def]  # as the original
        pairs = {tuple(pair) for pair in step.learned.T.tolist()}
        assert pairs
        assert not pairs & seen[-1]
        assert len(pairs | seen[-1]) == 192
        return loss(network, vectors, step, *rest)

    monkeypatch.setattr(training_steps, "messages_over", watch_messages)
    monkeypatch.setattr(fit, "link_loss", watch_loss)
    train_links(kg, dim=8, epochs=2)
    assert len(seen) == 1 + 2 * 3


def test_seeds(kg: KnowledgeGraph) -> None:
    split = link_task(kg, "TARGETS").held_back
    one, same, other = (
        train_links(kg, dim=8, epochs=5, seed=seed, split=split) for seed in (1, 1, 2)
    )
    assert one.predict(head="drug 0-0").equals(same.predict(head="drug 0-0"))
    assert one.name == same.name != other.name
    assert not one.predict(head="drug 0-0").equals(other.predict(head="drug 0-0"))


def test_training_gives_the_threads_back(kg: KnowledgeGraph) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_links(kg, dim=8, epochs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_training_stops_early_and_keeps_the_best(kg: KnowledgeGraph) -> None:
    figures = iter([0.1, 0.3, 0.2, 0.2, 0.9])
    task = link_task(kg, "TARGETS")
    held_back = task.excluded
    settings = NetworkSettings(
        dim=8, layers=1, bases=2, dropout=0.0, learning_rate=0.01, parts=2, patience=2
    )
    kept: list[torch.Tensor] = []

    def validate(network: LinkNetwork, _: object) -> float:
        kept.append(network.relation().detach().clone())
        return next(figures)

    trained, _, course = fit.train_network(
        to_hetero_data(kg, exclude_edges=held_back),
        task.edge_type,
        task.matrix("train"),
        settings,
        validate,
        seed=0,
        device=torch.device("cpu"),
    )
    assert course == {"epochs": 20, "best_epoch": 10}
    assert torch.equal(trained.relation(), kept[1])
    assert not torch.equal(kept[1], kept[3])


def test_within_a_kind_nodes_are_no_candidates_for_themselves(kg: KnowledgeGraph) -> None:
    nodes = kg.nodes.filter(kind="Target").select("id", "kind", "name")
    ids = nodes["id"].to_list()
    pairs = [(ids[i], ids[j]) for i in range(20) for j in range(i + 1, 20) if (i + j) % 3 == 0]
    evidence = pl.DataFrame(pairs, schema=["subject", "object"], orient="row").with_columns(
        relation=pl.lit("INTERACTS_WITH"), source=pl.lit("made")
    )
    interactions = KnowledgeGraph.build(nodes, evidence, kg.sources)
    for settings in ({"model": "neighbours"}, {"dim": 8, "epochs": 3}):
        model = train_links(interactions, "INTERACTS_WITH", **settings)  # type: ignore[arg-type]
        rows = model.predict(head=ids[0], top=1000)
        assert ids[0] not in set(rows["tail"])
        trained = model.task.matrix("train")
        assert (trained != trained.T).nnz == 0
        known = model.predict(head=ids[0], known=True)
        assert set(known["tail"]) | set(rows["tail"]) == set(ids) - {ids[0]}


def test_known_pairs_are_listed_of_every_tail(kg: KnowledgeGraph) -> None:
    model = train_links(kg, model="neighbours")
    pairs = kg.edges.filter(relation="TARGETS")
    tails = model.task.tails
    assert len(tails) > len(model.task.heads)
    rows = model.predict(tails=tails, known=True, top=1000)
    expected = set(pairs.select("subject", "object").iter_rows())
    assert set(rows.select("head", "tail").iter_rows()) == expected
    with pytest.raises(MissingError, match="several as heads or tails"):
        model.predict(head=["drug 0-0"])  # type: ignore[arg-type]


def test_a_killed_training_goes_on(kg: KnowledgeGraph, tmp_path: Path) -> None:
    """The same call after a kill ends in the same weights as an unbroken one."""
    kg.save(tmp_path / "graph")
    script = f"""
import medkg.mining.links.train as links
from medkg.graph.kg import KnowledgeGraph
kg = KnowledgeGraph.open({str(tmp_path / "graph")!r})
links.train_links(kg, dim=16, epochs=60, seed=3, out={str(tmp_path / "model")!r})
"""
    checkpoint = tmp_path / "model.checkpoint" / CHECKPOINT
    kill_training_when(checkpoint.exists, script)
    assert checkpoint.exists()
    assert not (tmp_path / "model").exists()

    resumed = train_links(kg, dim=16, epochs=60, seed=3, out=tmp_path / "model")
    unbroken = train_links(kg, dim=16, epochs=60, seed=3)
    assert not checkpoint.parent.exists()
    assert resumed.metrics == unbroken.metrics
    for name, tensor in unbroken.scorer.tensors().items():
        assert torch.equal(resumed.scorer.tensors()[name], tensor)
    assert load_link_model(tmp_path / "model", kg).name == unbroken.name


def test_a_checkpoint_of_another_training_is_not_taken(kg: KnowledgeGraph, tmp_path: Path) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    out = tmp_path / "model"
    with pytest.MonkeyPatch.context() as patch:
        looks = []

        def look(state, mrr):  # type: ignore[no-untyped-def]  # as the original
            looks.append(mrr)
            original(state, mrr)
            if len(looks) == 2:
                raise KeyboardInterrupt

        original = fit._TrainingState.record_validation
        patch.setattr(fit._TrainingState, "record_validation", look)
        with pytest.raises(KeyboardInterrupt):
            train_links(kg, dim=8, epochs=30, out=out)
    assert (tmp_path / "model.checkpoint" / CHECKPOINT).exists()
    other = train_links(kg, dim=8, epochs=10, seed=9, out=out)
    fresh = train_links(kg, dim=8, epochs=10, seed=9)
    assert np.array_equal(other.scorer.tensors()["heads"], fresh.scorer.tensors()["heads"])


def test_a_damaged_checkpoint_is_named(kg: KnowledgeGraph, tmp_path: Path) -> None:
    folder = tmp_path / "model.checkpoint"
    folder.mkdir()
    (folder / CHECKPOINT).write_text("{")
    with pytest.raises(ModelError, match=r"model\.checkpoint: the checkpoint is damaged"):
        train_links(kg, dim=8, epochs=5, out=tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_and_cpu_learn_the_same(kg: KnowledgeGraph) -> None:
    split = link_task(kg, "TARGETS").held_back
    cpu = train_links(kg, dim=16, epochs=5, dropout=0.0, split=split, device="cpu")
    gpu = train_links(kg, dim=16, epochs=5, dropout=0.0, split=split, device="cuda")
    assert torch.allclose(cpu.scorer.tensors()["heads"], gpu.scorer.tensors()["heads"], atol=1e-3)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            [("imatinib", "KIT"), ("imatinib",)],
            r"pair 1 is no pair of head and tail: \('imatinib',\)",
        ),
        (["ab"], "pair 0 is no pair of head and tail: 'ab'"),
        ([5], "pair 0 is no pair of head and tail: 5"),
        ([(1, 2)], r"pair 0 is no pair of head and tail: \(1, 2\)"),
        (pl.DataFrame({"head": ["imatinib"]}), "need columns head and tail; no tail among head"),
        (pl.DataFrame({"head": [1], "tail": [2]}).to_pandas(), "give polars.from_pandas"),
    ],
)
def test_what_are_no_pairs_is_refused(pairs: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pairs_frame(pairs)


def assert_explained_as_scored(model: LinkModel, head: str, tail: str) -> None:
    """A pair has the same rank and probability in an explanation, or none for the same reason."""
    row = model.score([(head, tail)]).row(0, named=True)
    explanation = model.explain(head, tail)
    for name in ("rank", "probability", "score", "note", "known"):
        assert getattr(explanation, name) == row[name]
    assert (explanation.head_rank is None) == (row["rank"] is None)
    if not row["known"]:
        assert f"TARGETS {row['tail_name']} ({tail}): not ranked: new tails" in str(explanation)
        assert "probability" not in str(explanation)
        assert explanation.attribution == ()


def with_sirna(kg: KnowledgeGraph, drug: str) -> KnowledgeGraph:
    """The graph, in which a drug is an siRNA."""
    properties = pl.when(id=drug).then(pl.lit('{"modality": "siRNA"}')).otherwise("properties")
    nodes = kg.nodes.with_columns(properties=properties)
    return KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), kg.sources)


def test_what_is_made_for_one_target_gets_no_others(kg: KnowledgeGraph) -> None:
    made = with_sirna(kg, "drugbank:DB00")
    model = train_links(made, model="degree")
    assert model.modality(model.query_number("drugbank:DB00", "tail")) == "siRNA"
    assert model.modality(model.query_number("drugbank:DB03", "tail")) is None
    assert model.predict(head="drugbank:DB00").is_empty()
    assert model.predict(head="drugbank:DB00", known=True).height > 0
    assert model.predict(head="drugbank:DB03").height == 20
    rows = model.predictions(["drugbank:DB00", "drugbank:DB03"], 5, date="2026-11-23")
    assert set(rows["head"]) == {"drugbank:DB03"}
    for tail in made.edges.filter(relation="TARGETS")["object"].unique():
        rows = model.predict(tail=tail, top=1000)
        assert_explained_as_scored(model, "drugbank:DB00", tail)
        last = rows.row(-1, named=True)
        assert model.explain(last["head"], tail).head_rank == last["rank"]
        assert "drugbank:DB00" not in set(model.predict(tail=tail, top=1000)["head"])


def test_its_known_targets_are_ranked_among_what_it_is_not_given(kg: KnowledgeGraph) -> None:
    """Among no others each would be the first."""
    drug = "drugbank:DB00"
    made = with_sirna(kg, drug)
    model, plain = train_links(made, model="degree"), train_links(kg, model="degree")
    known, as_of_others = (m.predict(head=drug, known=True) for m in (model, plain))
    assert known.select("tail", "rank").equals(as_of_others.select("tail", "rank"))
    pairs = [(drug, tail) for tail in known["tail"]]
    assert model.score(pairs)["rank"].to_list() == known["rank"].to_list()
    assert max(known["rank"]) > 1


def test_a_class_of_drugs_gets_no_targets(kg: KnowledgeGraph) -> None:
    below = pl.DataFrame(
        {
            "subject": [f"drugbank:DB0{n}" for n in (1, 2, 4)],
            "relation": "SUBCLASS_OF",
            "object": "drugbank:DB00",
            "source": kg.evidence["source"][0],
        }
    )
    evidence = pl.concat([kg.evidence.drop("id", "edge"), below], how="diagonal")
    with_class = KnowledgeGraph.build(kg.nodes, evidence, kg.sources)
    model = train_links(with_class, model="degree")
    assert model.modality(model.query_number("drugbank:DB00", "tail")) == "class of drugs"
    assert model.modality(model.query_number("drugbank:DB03", "tail")) is None
    assert model.predict(head="drugbank:DB00").is_empty()
    molecule = pl.when(id="drugbank:DB00").then(pl.lit('{"smiles": "CCO"}'))
    nodes = kg.nodes.with_columns(properties=molecule.otherwise("properties"))
    model = train_links(KnowledgeGraph.build(nodes, evidence, kg.sources), model="degree")
    assert model.predict(head="drugbank:DB00").height > 0
