"""One path network for all relations: what it learns and is trained on, its answers, its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from medkg.cli import main
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.gnn import parallel, path_training
from medkg.gnn.data import to_hetero_data, vocabulary
from medkg.gnn.message_edges import INVERSE
from medkg.gnn.path_network import HiddenPairs, PathGraph, inverse_of
from medkg.gnn.relation_paths import model as module
from medkg.gnn.relation_paths import training
from medkg.gnn.relation_paths.model import (
    RelationPathModel,
    load_relation_paths,
    path_graph,
    train_relation_paths,
)
from medkg.gnn.relation_paths.network import RelationPathNetwork
from medkg.gnn.relation_paths.training import RelationQueries
from medkg.gnn.settings import RelationPathSettings
from medkg.gnn.triple_task import TripleTask, held_back_edges
from medkg.graph.kg import KnowledgeGraph
from tests.gnn.graphs import SOURCES, family_graph

SETTINGS = RelationPathSettings(dim=8, epochs=1)
TARGETS = ("Drug", "TARGETS", "Target")
INTERACTS = ("Target", "INTERACTS_WITH", "Target")  # symmetric


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> RelationPathModel:
    return train_relation_paths(kg, SETTINGS, held_back=0.1)


def graph_of(kg: KnowledgeGraph, without: Iterable[str] = ()) -> PathGraph:
    return path_graph(kg, to_hetero_data(kg, exclude_edges=without)).asking(TARGETS)


def test_it_beats_degree_on_what_was_held_back(model: RelationPathModel) -> None:
    figures = model.metrics
    assert figures["valid"]["n"] == 2 * len(model.held_back)
    assert figures["valid"]["mrr"] > figures["degree"]["mrr"] + 0.15
    assert {"Drug-TARGETS-Target", "Drug-TREATS-Disease"} <= set(figures["by_relation"])


def test_answers_are_new_ones_of_the_family(model: RelationPathModel, kg: KnowledgeGraph) -> None:
    answers = model.predict(kg, "TARGETS", head="drug 2-2", top=4)
    known = set(kg.edges.filter(subject="drugbank:DB22", relation="TARGETS")["object"])
    assert answers["rank"].to_list() == [1, 2, 3, 4]
    assert answers["score"].is_sorted(descending=True)
    assert not known & set(answers["tail"])
    assert all(name.startswith("GENE2") for name in answers["name"][:3])
    with pytest.raises(DataError, match="top, how many to list, "):
        model.predict(kg, "TARGETS", head="drug 2-2", top=0)
    heads = model.predict(kg, "TREATS", tail="disease 3", top=3)
    assert heads["tail"].unique().to_list() == ["DOID:3"]
    assert all(name.startswith("drug 3-") for name in heads["name"])
    # A symmetric relation is known in both directions.
    partner = model.predict(kg, "INTERACTS_WITH", head="GENE12", top=100)
    assert not {"NCBIGene:11", "NCBIGene:12"} & set(partner["tail"])


def test_a_name_means_what_the_relation_has(model: RelationPathModel, kg: KnowledgeGraph) -> None:
    """A disease and a gene of one name: a drug treats the disease."""
    renamed = pl.when(id="NCBIGene:30").then(pl.lit("disease 3")).otherwise("name").alias("name")
    frame = kg.nodes.select("id", "kind", renamed)
    evidence = kg.evidence.select("subject", "relation", "object", "source")
    both = KnowledgeGraph.build(frame, evidence, SOURCES)
    with pytest.raises(MissingError, match="may be 2 entities"):
        both.resolve("disease 3")
    assert model.predict(both, "TREATS", tail="disease 3", top=1)["tail"].to_list() == ["DOID:3"]
    assert model.explain(both, "drug 3-0", "TREATS", "disease 3", top=3).height == 3


def test_a_relation_that_a_graph_lacks_can_be_asked_for(
    model: RelationPathModel, kg: KnowledgeGraph
) -> None:
    untreated = kg.without_edges(kg.edges.filter(relation="TREATS")["id"])
    answers = model.predict(untreated, "TREATS", head="drug 2-2", top=3)
    assert answers.height == 3
    rows = model.explain(untreated, "drug 2-2", "TREATS", answers["tail"][0])
    assert rows.height
    assert (rows["share"] > 0).all()
    assert "TREATS" not in rows["relation"].to_list()
    # A relation that the model doesn't know is left out of the paths.
    row = kg.edges.filter(relation="TREATS").row(0, named=True)
    other = pl.DataFrame(
        {"subject": [row["subject"]], "relation": ["PALLIATES"], "object": [row["object"]],
         "source": ["made"]}
    )  # fmt: skip
    evidence = pl.concat([kg.evidence.select(other.columns), other])
    more = KnowledgeGraph.build(kg.nodes.select("id", "kind", "name"), evidence, SOURCES)
    expected = model.predict(kg, "TARGETS", head="drug 2-2")
    assert model.predict(more, "TARGETS", head="drug 2-2").equals(expected)


def test_a_relation_all_of_whose_edges_are_held_back(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of it, so that all candidates have the same rank."""
    monkeypatch.setattr(training, "_STEPS", 5)
    edges = kg.edges.filter(relation="ASSOCIATED_WITH")
    trained = train_relation_paths(kg, SETTINGS, held_back=edges["id"])
    by_relation = trained.metrics["by_relation"]
    assert by_relation["Disease-ASSOCIATED_WITH-Target"]["n"] == edges.height
    assert trained.metrics["valid"]["mrr"] == trained.metrics["degree"]["mrr"]


def test_it_answers_for_a_node_that_training_never_saw(
    model: RelationPathModel, kg: KnowledgeGraph
) -> None:
    rows = [("drugbank:NEW", "IN_CLASS", "NDFRT:4"), ("drugbank:NEW", "TARGETS", "NCBIGene:41")]
    nodes = pl.DataFrame(
        [("drugbank:NEW", "Drug", "new drug")], schema=["id", "kind", "name"], orient="row"
    )
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    added = KnowledgeGraph.build(
        pl.concat([kg.nodes.select("id", "kind", "name"), nodes]),
        pl.concat([kg.evidence.select(evidence.columns), evidence]).with_columns(
            source=pl.lit("made")
        ),
        SOURCES,
    )
    answers = model.predict(added, "TARGETS", head="new drug", top=4)
    assert all(name.startswith("GENE4") for name in answers["name"])


@pytest.mark.parametrize("edge_type", [TARGETS, INTERACTS])
def test_ranks_agree_with_counting(
    model: RelationPathModel, kg: KnowledgeGraph, edge_type: tuple[str, str, str]
) -> None:
    edges = kg.edges.filter(relation=edge_type[1])["id"].sort()[:3]
    task = TripleTask.of(kg, sorted({*model.held_back, *edges}))
    graph = graph_of(kg, task.held_back).asking(edge_type)
    rows = np.flatnonzero(task.valid[:, 1] == task.types.index(edge_type))[:3]
    assert len(rows)
    known = {tuple(edge) for edge in task.known.edges.tolist()}
    ranks = module._ranks(model.network, graph, task, rows, together=2)
    for (head, relation, tail), (rank, rank_of_head) in zip(
        task.valid[rows].tolist(), ranks.tolist(), strict=True
    ):
        first, last = task.known.span(relation, 1)
        first_head, last_head = task.known.span(relation, 0)
        inverse = edge_type if edge_type == INTERACTS else inverse_of(edge_type)
        with torch.no_grad():
            scores = model.network(graph, torch.tensor([head - first_head]))[0]
            backward = model.network(graph.asking(inverse), torch.tensor([tail - first]))[0]
        rivals = [
            scores[node - first]
            for node in range(first, last)
            if node == tail or (head, relation, node) not in known
        ]
        assert rank == 1 + sum(float(rival) > float(scores[tail - first]) for rival in rivals)
        others = [
            backward[node - first_head]
            for node in range(first_head, last_head)
            if node == head or (node, relation, tail) not in known
        ]
        own = float(backward[head - first_head])
        assert rank_of_head == 1 + sum(float(rival) > own for rival in others)


@pytest.mark.parametrize("name", ["TARGETS", "TARGETS" + INVERSE, "INTERACTS_WITH", "REGULATES"])
def test_hidden_pairs_are_as_if_the_graph_did_not_hold_them(kg: KnowledgeGraph, name: str) -> None:
    """In messages and in degrees, forwards and back; of a symmetric relation, of a directed one
    within a kind."""
    torch.manual_seed(0)
    genes = kg.nodes.filter(kind="Target")["id"].sort()[:12].to_list()
    relation = name.removesuffix(INVERSE)
    rows = [(gene, "REGULATES", other) for gene in genes[:3] for other in genes[4:9]]
    rows += [(gene, "INTERACTS_WITH", other) for gene in genes[:3] for other in genes[3:7]]
    more = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    more = more.with_columns(source=pl.lit("made"))
    evidence = pl.concat([kg.evidence.select(more.columns), more])
    whole = KnowledgeGraph.build(kg.nodes.select("id", "kind", "name"), evidence, SOURCES)
    nodes = vocabulary(whole)
    end, other = ("object", "subject") if name.endswith(INVERSE) else ("subject", "object")
    edges = whole.edges.filter(relation=relation)
    head = edges[end].mode().sort()[0]
    edges = edges.filter(pl.col(end) == head)[:2]
    graph = graph_of(whole)
    (asked_for,) = (each for each in graph.edges if each[1] == name)
    network = RelationPathNetwork(list(graph.edges), 4, 3)
    torch.nn.init.normal_(network.degrees)
    number = nodes[asked_for[0]].index(head)
    tails = torch.tensor([nodes[asked_for[2]].index(tail) for tail in edges[other]])
    pairs = HiddenPairs(torch.tensor([1, 1]), torch.full_like(tails, number), tails)
    both = torch.tensor([number, number])
    without = graph_of(whole, edges["id"].to_list())
    with torch.no_grad():
        unhidden, hidden = network(graph.asking(asked_for), both, pairs)
        expected = network(without.asking(asked_for), both)[1]
        assert torch.allclose(hidden, expected, atol=1e-5)
        assert not torch.allclose(unhidden, expected, atol=1e-2)


def test_every_relation_is_asked_for_both_ways(kg: KnowledgeGraph) -> None:
    graph = graph_of(kg)
    task = TripleTask.of(kg, held_back_edges(kg, 0.1, 0))
    pairs = module._pairs(task, graph)
    assert set(pairs) == set(graph.edges)
    queries, types, several = RelationQueries(graph, pairs, 4), set(), []
    for graph_asked, heads, hidden, known in queries.batches(np.random.default_rng(0)):
        types.add(graph_asked.edge_type)
        own = pairs[graph_asked.edge_type].toarray() > 0
        assert np.array_equal(known.numpy(), own[heads.numpy()])
        assert len(heads) <= 4
        assert set(hidden.queries.tolist()) == set(range(len(heads)))
        assert bool(own[hidden.heads.numpy(), hidden.tails.numpy()].all())
        assert torch.equal(heads[hidden.queries], hidden.heads)
        for head in heads.tolist():
            several.append((int(own[head].sum()), int((hidden.heads == head).sum())))
    # One of a head's pairs is hidden, or a fifth of them.
    of_many = [(n, n_hidden) for n, n_hidden in several if n >= 8]
    assert {n_hidden > 1 for _, n_hidden in of_many} == {True, False}
    assert all(n_hidden in (1, round(n / 5)) for n, n_hidden in of_many)
    assert types == set(graph.edges)


def test_held_back_edges_reach_no_message_and_no_query(kg: KnowledgeGraph) -> None:
    held_back = held_back_edges(kg, 0.1, 0)
    task = TripleTask.of(kg, held_back)
    graph = graph_of(kg, held_back)
    pairs = module._pairs(task, graph)
    both_ways = 2 * (kg.edges.height - len(held_back))
    assert both_ways == sum(each.nnz for each in pairs.values())
    assert both_ways == sum(edges.sent.sum() for edges in graph.edges.values())
    nodes = vocabulary(kg)
    for subject, relation, object_ in (
        kg.edges.filter(pl.col("id").is_in(held_back))
        .select("subject", "relation", "object")
        .iter_rows()
    ):
        (edge_type,) = (each for each in graph.edges if each[1] == relation)
        ends = nodes[edge_type[0]].index(subject), nodes[edge_type[2]].index(object_)
        assert not pairs[edge_type][ends]
        edges = graph.edges[edge_type].edge_index
        assert not ((edges[0] == ends[0]) & (edges[1] == ends[1])).any()


def test_what_explains_a_score_leads_to_it(model: RelationPathModel, kg: KnowledgeGraph) -> None:
    answer = model.predict(kg, "TARGETS", head="drug 2-2", top=1).row(0, named=True)
    rows = model.explain(kg, "drug 2-2", "TARGETS", answer["tail"], top=3)
    assert rows["share"].is_sorted(descending=True)
    assert rows["share"].min() > 0  # type: ignore[operator]  # polars' min is of any type
    of_family = rows.filter(
        pl.any_horizontal(
            pl.col("subject", "object").str.contains(r"(drug |class |pathway |GENE)2")
        )
    )
    assert of_family.height == 3
    nodes = vocabulary(kg)
    drops, random_drops, generator = [], [], np.random.default_rng(0)
    for drug in ("drug 0-0", "drug 1-2", "drug 2-2", "drug 3-4", "drug 4-6", "drug 5-1"):
        head, tail = model.predict(kg, "TARGETS", head=drug, top=1).select("head", "tail").row(0)
        # A few edges less and others of the same family stand in for them.
        edges = model.explain(kg, head, "TARGETS", tail, top=12)["edge"].to_list()
        others = generator.choice(kg.edges["id"].to_numpy(), 12).tolist()
        query = torch.tensor([nodes["Drug"].index(head)]), nodes["Target"].index(tail)
        whole, without, randomly = (
            _score(model, kg, *query, removed) for removed in ([], edges, others)
        )
        drops.append(whole - without)
        random_drops.append(whole - randomly)
    assert min(drops) > 0
    assert np.mean(drops) > 3 * abs(np.mean(random_drops))


@torch.no_grad()
def _score(
    model: RelationPathModel, kg: KnowledgeGraph, head: torch.Tensor, tail: int, without: list[str]
) -> float:
    return float(model.network(graph_of(kg, without), head)[0, tail])


def test_a_known_pair_is_not_explained_by_itself(
    model: RelationPathModel, kg: KnowledgeGraph
) -> None:
    # A symmetric relation is there once, and asked about from either end.
    for relation, ends in (
        ("TARGETS", ("subject", "object")),
        ("INTERACTS_WITH", ("subject", "object")),
        ("INTERACTS_WITH", ("object", "subject")),
    ):
        edge = kg.edges.filter(relation=relation).row(0, named=True)
        pair = edge[ends[0]], relation, edge[ends[1]]
        rows = model.explain(kg, *pair, top=1_000)
        assert rows.height >= 10
        assert edge["id"] not in rows["edge"].to_list()
        assert rows.equals(model.explain(kg.without_edges([edge["id"]]), *pair, top=1_000))


def test_training_goes_on_where_it_was_cut_off(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_STEPS", 10)
    settings = RelationPathSettings(dim=4, epochs=3)
    whole = train_relation_paths(kg, settings, out=tmp_path / "whole")
    steps, begun = path_training._train_epoch, []

    def cut_off(*arguments: object) -> dict[str, torch.Tensor]:
        begun.append(1)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return steps(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(path_training, "_train_epoch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_relation_paths(kg, settings, out=tmp_path / "cut")
    again = train_relation_paths(kg, settings, out=tmp_path / "cut")
    assert len(begun) == 3 + 1
    assert again.metrics == whole.metrics
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cut", "whole"]


def test_what_can_not_be_asked(
    model: RelationPathModel, kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingError, match="no relation 'CAUSES'; it has"):
        model.predict(kg, "CAUSES", head="drug 2-2")
    with pytest.raises(MissingError, match="either a head or a tail"):
        model.predict(kg, "TREATS", head="drug 2-2", tail="disease 3")
    with pytest.raises(MissingError, match="the graph has no Drug 'disease 3'"):
        model.predict(kg, "TREATS", head="disease 3")
    with pytest.raises(MissingError, match="the graph has no Drug 'disease 3'"):
        model.explain(kg, "disease 3", "TREATS", "drug 2-2")
    nothing = kg.without_edges(kg.edges["id"])
    with pytest.raises(DataError, match="no edge is left that paths could go over"):
        model.predict(nothing, "TARGETS", head="drug 2-2")
    with pytest.raises(DataError, match="no edge is left that paths could go over"):
        train_relation_paths(kg, SETTINGS, held_back=kg.edges["id"])
    model_of_others = RelationPathModel(
        model.network, [("Drug", "CAUSES", "Symptom")], SETTINGS, 0, model.metrics, [], model.record
    )
    with pytest.raises(MissingError, match="none of the kinds of nodes"):
        model_of_others.predict(kg, "TARGETS", head="drug 2-2")
    with pytest.raises(DataError, match="no edge is held back"):
        train_relation_paths(kg, SETTINGS, held_back=[])
    monkeypatch.setattr(parallel, "size", lambda: 2)
    with pytest.raises(ModelError, match="without torchrun"):
        train_relation_paths(kg, SETTINGS)


def test_folder(model: RelationPathModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = load_relation_paths(tmp_path / "model")
    before = model.predict(kg, "TARGETS", head="drug 2-2")
    assert again.predict(kg, "TARGETS", head="drug 2-2").equals(before)
    assert again.settings == model.settings
    assert again.metrics == model.metrics
    assert "CC0-1.0" in (tmp_path / "model" / "CARD.md").read_text(encoding="utf-8")
    other = RelationPathSettings(dim=9)
    RelationPathModel(model.network, model.types, other, 0, model.metrics, [], model.record).save(
        tmp_path / "other"
    )
    with pytest.raises(ModelError, match="its weights don't fit its settings"):
        load_relation_paths(tmp_path / "other")
    save_file({"query": torch.zeros(1)}, tmp_path / "model" / "weights.safetensors")
    with pytest.raises(ModelError, match="damaged"):
        load_relation_paths(tmp_path / "model")


def test_command(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(training, "_STEPS", 5)
    kg.save(tmp_path / "graph")
    (tmp_path / "own.toml").write_text("[relation_paths]\ndim = 4\nlayers = 2\nepochs = 9\n")
    command = f"medkg train paths {tmp_path}/graph --out {tmp_path}/model --epochs 1 --json"
    monkeypatch.setattr("sys.argv", [*command.split(), "--config", f"{tmp_path}/own.toml"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["valid"]["n"] > 0
    settings = load_relation_paths(tmp_path / "model").settings
    assert (settings.dim, settings.layers, settings.epochs) == (4, 2, 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "model", "own.toml"]
