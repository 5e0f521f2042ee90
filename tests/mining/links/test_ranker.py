"""The default link model: similarities, features, its scores, resuming, explanations."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy import sparse
from typer.testing import CliRunner

from medkg.cli import app
from medkg.core import progress
from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import DataError, ModelError
from medkg.gnn.candidate_network import CandidateNetwork, TailSimilarities, TrainingCandidates
from medkg.gnn.data import to_hetero_data
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links import (
    ablation,
    base_models,
    fit_ranker,
    learned_similarities,
    pair_features,
    similarities,
)
from medkg.mining.links.attribution import removals
from medkg.mining.links.base_models import BaseScores
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.ranker import LinkRanker
from medkg.mining.links.task import link_task
from medkg.mining.links.train import train_links
from medkg.mining.links.training_stages import ranker_stages
from tests.forked import kill_training_when
from tests.gnn.graphs import family_graph
from tests.shorter import EPOCHS

pytestmark = pytest.mark.usefixtures("short_training")

EDGE_TYPE = ("Drug", "TARGETS", "Target")


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> LinkModel:
    return train_links(kg, refit=False)


@pytest.fixture(scope="module")
def refitted_and_progress(kg: KnowledgeGraph) -> tuple[LinkModel, list[str]]:
    """A model that was refitted, and the lines about its progress."""
    stderr = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(stderr):
        patch.setattr(progress, "_TELL_EVERY", 0.0)
        model = train_links(kg)
    return model, stderr.getvalue().splitlines()


@pytest.fixture(scope="module")
def refitted(refitted_and_progress: tuple[LinkModel, list[str]]) -> LinkModel:
    return refitted_and_progress[0]


def ranker_of(model: LinkModel) -> LinkRanker:
    assert isinstance(model.scorer, LinkRanker)
    return model.scorer


def assert_same_tensors(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def assert_same_weights(one: LinkModel, other: LinkModel) -> None:
    assert_same_tensors(ranker_of(one).tensors(), ranker_of(other).tensors())


def explanation_inputs(
    model: LinkModel,
) -> tuple[LinkRanker, pair_features.PairFeatures, sparse.csr_matrix]:
    """The ranker, its features of the training graph, and the pairs that are left out."""
    ranker = ranker_of(model)
    return ranker, ranker.pair_features, model.task.matrix("train")


def test_similarities_leave_the_relation_out(kg: KnowledgeGraph) -> None:
    """What heads are alike by may tell nothing of the pairs that are to be predicted."""
    data = to_hetero_data(kg)
    drugs = similarities.end_features(kg, data, "Drug", EDGE_TYPE, heads=True)
    none = kg.without_edges(kg.edges.filter(relation="TARGETS")["id"])
    same = similarities.end_features(none, to_hetero_data(none), "Drug", EDGE_TYPE, heads=True)
    assert drugs.similarities.keys() == same.similarities.keys()
    assert "Drug TARGETS Target" not in drugs.similarities
    for name, alike in drugs.similarities.items():
        assert (alike != same.similarities[name]).nnz == 0


def test_nearest_rows_are_the_largest_cosines() -> None:
    chance = np.random.default_rng(0)
    rows = similarities.l2_normalised_rows(sparse.random(40, 30, 0.3, "csr", random_state=1))
    cosine_rows = similarities.nearest_rows(rows, 5).toarray()
    cosines = (rows @ rows.T).toarray()
    np.fill_diagonal(cosines, 0)
    assert np.allclose(cosine_rows[cosine_rows > 0], cosines[cosine_rows > 0])
    for row in chance.integers(0, 40, 10):
        fifth = np.sort(cosines[row])[-5]
        assert (cosine_rows[row][cosines[row] > fifth] > 0).all()


def test_of_many_pairs_the_most_alike_are_compared(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = similarities.end_features(kg, to_hetero_data(kg), "Target", EDGE_TYPE, heads=False)
    whole = learned_similarities.NodePairs(side)
    cells = whole.values.size // 4
    monkeypatch.setattr(learned_similarities, "_CELLS", cells)
    fewer = learned_similarities.NodePairs(side)
    assert 0 < fewer.values.size <= cells
    similarity = np.zeros((2, whole.n_nodes))  # of each node with the one most like it
    n_similarities = len(side.similarities)
    for row, pairs in zip(similarity, (whole, fewer), strict=True):
        largest = pairs.values[:, :n_similarities].max(1)
        for ends in (pairs.rows, pairs.columns):
            np.maximum.at(row, ends, largest)
    assert np.array_equal(*similarity)


def test_each_is_compared_with_the_others_named_alone() -> None:
    rows = similarities.l2_normalised_rows(sparse.random(40, 30, 0.3, "csr", random_state=1))
    others = np.arange(40) % 3 == 0
    alike = similarities.nearest_rows(rows, 5, others).toarray()
    cosines = (rows @ rows.T).toarray() * others
    np.fill_diagonal(cosines, 0)
    assert not alike[:, ~others].any()
    assert np.allclose(alike[alike > 0], cosines[alike > 0])
    for row in range(40):
        fifth = np.sort(cosines[row])[-5]
        assert (alike[row][cosines[row] > fifth] > 0).all()


def test_pairs_of_nodes_have_one_that_the_other_was_compared_with(kg: KnowledgeGraph) -> None:
    data = to_hetero_data(kg)
    n_drugs = data["Drug"].num_nodes
    others = np.arange(n_drugs) % 2 == 0
    side = similarities.end_features(kg, data, "Drug", EDGE_TYPE, heads=True, others=others)
    pairs = learned_similarities.NodePairs(side, others)
    assert (others[pairs.rows] | others[pairs.columns]).all()
    assert not (others[pairs.rows] & others[pairs.columns]).all()
    # Of all that are compared, none is left out, and the similarity is what it is otherwise.
    every = learned_similarities.NodePairs(
        similarities.end_features(kg, data, "Drug", EDGE_TYPE, heads=True)
    )
    of_every = {
        (int(row), int(column)): values
        for row, column, values in zip(every.rows, every.columns, every.values, strict=True)
        if others[row] or others[column]
    }
    assert {*zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True)} == {*of_every}
    for row, column, values in zip(pairs.rows, pairs.columns, pairs.values, strict=True):
        assert np.allclose(values, of_every[int(row), int(column)])
    among = pairs.among_others
    assert 0 < len(among.rows) < len(pairs.rows)
    assert (others[among.rows] & others[among.columns]).all()
    assert every.among_others is every


def test_of_many_heads_each_is_compared_with_those_that_have_edges(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one without an edge has candidates by these."""
    targets = kg.edges.filter(relation="TARGETS")
    bare = targets["subject"].unique().sort()[0]
    fewer = kg.without_edges(targets.filter(subject=bare)["id"])
    task = link_task(fewer, "TARGETS")
    data = to_hetero_data(fewer, exclude_edges=task.excluded)
    trained = fit_ranker.without_loops(task.matrix("train"))
    assert fit_ranker.FeatureBuilder(fewer, data, task, 0).compares_all
    monkeypatch.setattr(fit_ranker, "_FEW_HEADS", 10)
    builder = fit_ranker.FeatureBuilder(fewer, data, task, 0)
    assert not builder.compares_all
    has_edge = np.diff(trained.indptr) > 0
    row = task.heads.index(bare)
    assert not has_edge[row]
    features = builder.pair_features(trained)
    for similarity in features.head_similarities.values():
        assert not similarity[:, ~has_edge].nnz
    ((table, _),) = features.blocks(np.array([row]), trained)
    candidates = {task.tails[tail] for tail in table.tails}
    assert {*targets.filter(subject=bare)["object"]} <= candidates
    # In a fold, heads that have no edge to train on are compared with none.
    learned = builder.fold_features(trained).head_similarities[pair_features.LEARNED]
    assert not learned[~has_edge].nnz


def test_scores_keep_the_order_of_the_average_and_the_log_odds() -> None:
    heads = np.array([0, 0, 0, 1, 1])
    base_scores = BaseScores(
        heads,
        np.arange(5),
        boosted=np.array([0.1, 0.9, 0.5, 0.2, 0.1]),
        networked=np.zeros(5),
        log_odds=np.array([-1.0, -3.0, -2.0, 4.0, 5.0]),
    )
    scores = base_scores.scores(0.0)
    assert scores == pytest.approx([-3, -1, -2, 5, 4], abs=1e-3)
    assert (scores[:3].argsort() == base_scores.boosted[:3].argsort()).all()


def test_both_directions_have_the_same_scores(model: LinkModel) -> None:
    scorer = ranker_of(model)
    heads, tails = torch.arange(4), torch.arange(6)
    forward, backward = scorer.score_tails(heads)[:, :6], scorer.score_heads(tails)[:, :4]
    assert torch.equal(forward, backward.T)


def test_a_held_back_pair_changes_nothing(kg: KnowledgeGraph, model: LinkModel) -> None:
    """Without the test edges in the graph at all, every score is the same."""
    held_back = model.task.held_back
    smaller = kg.without_edges(held_back["test"])
    again = train_links(smaller, split={"valid": held_back["valid"], "test": []})
    assert_same_weights(model, again)


def test_a_refitted_ranker_scores_by_all_edges_with_the_same_base_models(
    model: LinkModel, refitted: LinkModel
) -> None:
    before, after = ranker_of(model), ranker_of(refitted)
    assert after.pair_features.pairs.nnz == len(refitted.task.whole.train)
    assert before.pair_features.pairs.nnz == len(refitted.task.train)
    assert_same_tensors(before.base_models.tensors(), after.base_models.tensors())
    # What a pair had while it was held back, it keeps.
    for head, tail in [*refitted.task.test.tolist(), *refitted.task.train[:9].tolist()]:
        assert before.is_candidate(head, tail) == after.is_candidate(head, tail)
        if before.is_candidate(head, tail):
            row = torch.tensor([head])
            assert before.score_tails(row)[0, tail] == after.score_tails(row)[0, tail]


def test_test_edges_that_are_not_ranked_are_counted(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("_CANDIDATES", 2), ("_CANDIDATES_BY_ONE", 1), ("_FURTHER", 1)):
        monkeypatch.setattr(pair_features, name, most)
    model = train_links(kg)
    tested = [(model.task.heads[head], model.task.tails[tail]) for head, tail in model.task.test]
    judged = copy(model)
    judged.scorer, judged.settings = model.judged, {"model": "ranker"}
    judged.__dict__.pop("ranks", None)
    unranked = sum("too little spoke for it" in (n or "") for n in judged.score(tested)["note"])
    assert 0 < unranked < len(tested)
    assert model.metrics["unranked"] == unranked
    assert f"Of the {len(tested)} test edges {unranked} are not ranked by the model" in model.card()


def test_damaged_trees_are_named(model: LinkModel) -> None:
    tensors = ranker_of(model).tensors()
    whole = tensors["base_models.classifier"]
    for damaged in (whole[: len(whole) // 1000], torch.full_like(whole, 0xFF)):
        with pytest.raises(ModelError, match="the trees are damaged"):
            LinkRanker.from_tensors({**tensors, "base_models.classifier": damaged})


def test_a_device_does_not_choose_the_model(kg: KnowledgeGraph, model: LinkModel) -> None:
    again = train_links(kg, device="cpu", refit=False)
    assert again.name == model.name
    assert again.metrics == model.metrics
    assert_same_weights(model, again)


def test_the_networks_are_trained_on_the_device(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def watch(*_: object, seed: int, device: torch.device, **__: object) -> None:
        assert (seed, device) == (0, torch.device("meta"))
        raise Stopped

    monkeypatch.setattr(base_models, "train_candidate_networks", watch)
    with pytest.raises(Stopped):
        train_links(kg, device="meta")


def test_options_of_the_network_are_not_the_rankers(kg: KnowledgeGraph) -> None:
    with pytest.raises(ModelError, match="of the models network and paths, not of ranker"):
        train_links(kg, model="ranker", dim=8)
    with pytest.raises(ModelError, match="network: can't be refitted"):
        train_links(kg, dim=8, refit=True)


def test_without_a_pair_is_as_if_it_had_never_been_known(model: LinkModel) -> None:
    """All that does not come from a learned similarity."""
    _, whole, left_out = explanation_inputs(model)
    head = int(np.flatnonzero(np.diff(whole.pairs.indptr) > 1)[0])
    tail = int(whole.pairs[head].indices[0])
    rest = whole.without([(head, tail)])
    assert rest.pairs.nnz == whole.pairs.nnz - 1
    assert rest.degrees[tail] == whole.degrees[tail] - 1
    assert whole.pairs[head, tail] == 1
    table = next(rest.tables(np.array([head]), left_out))
    anew = pair_features.PairFeatures.__new__(pair_features.PairFeatures)
    anew.__dict__.update(whole.__dict__)
    for derived in ("_tail_features", "_head_features"):
        anew.__dict__.pop(derived, None)
    pairs = whole.pairs.copy()
    pairs[head, tail] = 0
    pairs.eliminate_zeros()
    anew._set_pairs(pairs)
    same = next(anew.tables(np.array([head]), left_out))
    assert np.array_equal(table.tails, same.tails)
    assert np.array_equal(table.values, same.values)


def test_what_a_score_rests_on_is_faithful(model: LinkModel) -> None:
    """Without the pairs that are named a score falls further than without as many others."""
    ranker, whole, left_out = explanation_inputs(model)
    chance = np.random.default_rng(0)
    named_drops, other_drops = [], []
    for head, tail in model.task.valid[:8].tolist():
        removed = removals(ranker, left_out, head, tail)
        if len(removed) < 3:
            continue
        named = {(gone.head, gone.tail) for gone in removed[:3]}
        pairs = [p for p in zip(*whole.pairs.nonzero(), strict=True) if p not in named]
        others = [pairs[n] for n in chance.choice(len(pairs), 3, replace=False)]
        before = score(model, whole, head, tail)
        named_drops.append(before - score(model, whole.without(sorted(named)), head, tail))
        other_drops.append(before - score(model, whole.without(others), head, tail))
    assert len(named_drops) >= 3
    assert np.mean(named_drops) > 2 * max(np.mean(other_drops), 0.01)


def score(model: LinkModel, whole: pair_features.PairFeatures, head: int, tail: int) -> float:
    ranker, _, left_out = explanation_inputs(model)
    table = next(whole.tables(np.array([head]), left_out))
    place = np.flatnonzero(table.tails == tail)
    base_scores = ranker.base_models.scores(iter([table]), whole.message_similarities)
    scores = base_scores.blend(ranker.network_weight)
    return float(scores[place[0]]) if len(place) else float(scores.min())


def test_explanation_names_edges_of_the_graph(model: LinkModel) -> None:
    head, tail = model.task.heads[model.task.valid[0, 0]], model.task.tails[model.task.valid[0, 1]]
    explanation = model.explain(head, tail)
    assert explanation.attribution
    for step, drop in explanation.attribution:
        assert step.relation == "TARGETS"
        assert drop > 0
        assert head == step.subject or tail == step.object
    assert "standard deviations)" in str(explanation)
    if (needed := explanation.counterfactual) is not None:
        assert needed.rank is None or needed.rank > max(explanation.rank, needed.rank_before)
        assert "false, the " in str(explanation)


def test_of_few_tails_a_feature_of_zeros_takes_no_candidate_away() -> None:
    """A feature with fewer tails above 0 than it may propose: those by chance stay candidates."""
    alike = np.array([[0.0, 0.0, 0.9, 0.0]], dtype=np.float32)
    features = {
        pair_features._ALL_SIMILAR_HEADS: np.array([[0.5, 0.4, 0.0, 0.0]], dtype=np.float32),
        f"{pair_features._TO_KNOWN_TAILS}made up": alike,
        f"{pair_features._TO_FIRST_TAILS}made up": np.zeros_like(alike),
    }
    chosen, _ = pair_features._candidates(features, np.array([[False, True, False, False]]))
    assert chosen.tolist() == [[True, False, True, False]]


def test_a_pair_that_no_feature_supports_is_not_ranked(model: LinkModel) -> None:
    scorer = ranker_of(model)
    ranked = np.array(
        [[scorer.is_candidate(h, t) for t in range(len(model.task.tails))] for h in range(3)]
    )
    assert 0 < ranked.sum() < ranked.size
    for head in range(3):
        scores = scorer.score_tails(torch.tensor([head])).numpy()[0]
        assert scores[ranked[head]].min() > scores[~ranked[head]].max()
        tail = int(np.flatnonzero(~ranked[head])[0])
        explanation = model.explain(model.task.heads[head], model.task.tails[tail])
        assert explanation.note is not None
        assert "nothing that the model knows speaks for the pair" in explanation.note
        assert f": {explanation.note}; new" in str(explanation)
        assert "probability" not in str(explanation)
        fields = explanation.to_dict()
        for name in ("rank", "probability", "score", "head_rank", "head_probability"):
            assert fields[name] is None


def test_what_is_not_ranked_is_not_listed(
    model: LinkModel, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    """At either end; and the printed answer counts what it leaves out."""
    kg.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    ranks, (heads, tails) = model.ranks, model.known_pairs.shape
    for direction, size, queries in (("tail", tails, range(3)), ("head", heads, range(9))):
        for query in queries:
            rows = model.ranks.new(direction, query, size)
            ends = rows.select("head", "tail").iter_rows()
            numbers = [(model.node_numbers[0][h], model.node_numbers[1][t]) for h, t in ends]
            assert all(ranks.why_unranked(*pair) is None for pair in numbers)
            others = [(query, n) if direction == "tail" else (n, query) for n in range(size)]
            new = [pair for pair in others if not model.known_pairs[pair]]
            unranked = [pair for pair in new if ranks.why_unranked(*pair)]
            assert ranks.unranked(direction, query) == len(unranked) == len(new) - rows.height
    unranked = ranks.unranked("tail", 0)
    assert unranked
    arguments = ["predict", str(tmp_path / "model"), "--head", model.task.heads[0], "--top"]
    printed = [
        " ".join(CliRunner().invoke(app, [*arguments, top]).output.split()) for top in ("1", "999")
    ]
    sentence = f"{unranked} other tails are not ranked: nothing that the model knows speaks for"
    assert [sentence in text for text in printed] == [False, True]


def test_known_pairs_that_are_not_ranked_are_listed_last_without_a_rank(model: LinkModel) -> None:
    scorer, task = ranker_of(model), model.task
    head, tail = (int(n) for n in task.train[0])
    scores = scorer._scores.copy()
    scores[head, tail] = 0
    scores.eliminate_zeros()
    missing = copy(model)
    missing.__dict__.pop("ranks", None)  # of the scorer before
    missing.scorer = LinkRanker(
        scores, scorer._other_tails, scorer.base_models, scorer.network_weight, scorer.pair_features
    )
    for query, answer, column in (
        ({"head": task.heads[head]}, task.tails[tail], "tail"),
        ({"tail": task.tails[tail]}, task.heads[head], "head"),
    ):
        rows = missing.predict(**query, known=True)
        assert rows["rank"].null_count() == 1
        last = rows.row(-1, named=True)
        assert (last[column], last["known"], last["score"], last["probability"]) == (
            answer, True, None, None,
        )  # fmt: skip
        assert (
            "while the pair was held back"
            in missing.score([(task.heads[head], task.tails[tail])])["note"][0]
        )
        assert model.predict(**query, known=True)["rank"].null_count() == 0
        assert missing.predict(**query, top=3)["rank"].to_list() == [1, 2, 3]


def test_a_removal_that_ends_a_candidate_says_so(
    model: LinkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_features, "_CANDIDATES", 2)
    monkeypatch.setattr(pair_features, "_CANDIDATES_BY_ONE", 1)
    ranker, own, left_out = explanation_inputs(model)
    ended = 0
    for head, tail in model.task.valid[:8].tolist():
        for gone in removals(ranker, left_out, head, tail):
            rest = own.without([(gone.head, gone.tail)])
            table = next(rest.tables(np.array([head]), left_out))
            assert (gone.rank is None) == (tail not in table.tails)
            ended += gone.rank is None
    assert ended


def test_a_counterfactual_is_an_effect_of_its_pair(model: LinkModel) -> None:
    """A member of an ensemble may rank a pair worse than the whole does, whatever is taken out."""
    ranker, _, left_out = explanation_inputs(model)
    moved = unmoved = 0
    for head, tail in model.task.valid[:12].tolist():
        removed = removals(ranker, left_out, head, tail)
        if not removed:
            continue
        no_rank = len(model.task.tails) + 1
        worst, before = max(gone.rank or no_rank for gone in removed), removed[0].rank_before
        assert (model._attribution(head, tail, before)[2] is not None) == (worst > before)
        assert model._attribution(head, tail, worst)[2] is None
        moved += worst > before
        unmoved += worst <= before
    assert moved
    assert unmoved


def test_a_new_pair_is_explained_from_the_rank_that_predict_gives_it(model: LinkModel) -> None:
    ranker, _, left_out = explanation_inputs(model)
    compared = 0
    for head, tail in model.task.valid[:12].tolist():
        explanation = model.explain(model.task.heads[head], model.task.tails[tail])
        for gone in removals(ranker, left_out, head, tail)[:1]:
            compared += 1
            held_back = np.concatenate([model.task.valid, model.task.test])
            others = {*held_back[held_back[:, 0] == head, 1], tail}
            # Other pairs of the head that were held back are candidates, and not new to predict.
            assert gone.rank_before - len(others) < explanation.rank <= gone.rank_before
    assert compared >= 3


def test_a_trained_pair_is_explained_as_if_it_were_held_back(model: LinkModel) -> None:
    explained = 0
    for head, tail in model.task.train[:6].tolist():
        explanation = model.explain(model.task.heads[head], model.task.tails[tail])
        assert explanation.trained
        assert "trained on" in str(explanation)
        own = {explanation.head, explanation.tail}
        assert all({step.subject, step.object} != own for step, _ in explanation.attribution)
        explained += bool(explanation.attribution)
    assert explained >= 3
    head, tail = model.task.valid[0]
    assert not model.explain(model.task.heads[head], model.task.tails[tail]).trained


def test_a_killed_training_goes_on(kg: KnowledgeGraph, model: LinkModel, tmp_path: Path) -> None:
    """The same call after a kill ends in the same model as an unbroken one."""
    kg.save(tmp_path / "graph")
    script = f"""
from medkg.gnn import candidate_network
from medkg.mining.links.train import train_links
from medkg.graph.kg import KnowledgeGraph
candidate_network._EPOCHS = {EPOCHS}
kg = KnowledgeGraph.open({str(tmp_path / "graph")!r})
train_links(kg, out={str(tmp_path / "model")!r}, refit=False)
"""
    checkpoint = tmp_path / "model.checkpoint"
    kill_training_when(lambda: len(list(checkpoint.glob(f"fold*/{CHECKPOINT}"))) >= 2, script)
    assert list(checkpoint.glob(f"fold*/{CHECKPOINT}"))
    assert not (tmp_path / "model").exists()
    resumed = train_links(kg, out=tmp_path / "model", refit=False)
    assert not checkpoint.exists()
    assert resumed.metrics == model.metrics
    assert_same_weights(model, resumed)
    assert load_link_model(tmp_path / "model", kg).name == model.name


def test_a_graph_that_suggests_nothing_says_so() -> None:
    """Ten edges leave folds without a pair; no similarity joins any two heads."""
    nodes = [(f"drugbank:DB{n:05}", "Drug", f"drug {n}") for n in range(100)]
    nodes += [(f"NCBIGene:{n}", "Target", f"{'ABCD'[n]}0") for n in range(4)]
    rows = [(f"drugbank:DB{n:05}", "TARGETS", f"NCBIGene:{n % 4}") for n in range(10)]
    frame = pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row")
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    evidence = evidence.with_columns(source=pl.lit("made"))
    bare = KnowledgeGraph.build(frame, evidence, [Source("made", "1", "CC0-1.0")])
    with pytest.raises(DataError, match="no training edge is among the candidates"):
        train_links(bare)


def test_nearest_rows_are_the_same_however_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = similarities.l2_normalised_rows(sparse.random(40, 30, 0.3, "csr", random_state=1))
    at_once = similarities.nearest_rows(rows, 5)
    monkeypatch.setattr(similarities, "_CELLS", 120)
    assert (similarities.nearest_rows(rows, 5) != at_once).nnz == 0


def test_a_pair_of_a_symmetric_relation_goes_both_ways(model: LinkModel) -> None:
    """Taken out both ways, unless the relation has a direction."""
    ranker, whole, left_out = explanation_inputs(model)
    taken: list[list[tuple[int, int]]] = []

    class Watched(pair_features.PairFeatures):
        def without(self, removed: Sequence[tuple[int, int]]) -> pair_features.PairFeatures:
            taken.append(list(removed))
            return whole

    watched = Watched.__new__(Watched)
    watched.__dict__.update(whole.__dict__)
    watching = copy(ranker)
    watching.pair_features = watched
    head, tail = model.task.valid[0].tolist()
    for symmetric in (False, True):
        removals(watching, left_out, head, tail, symmetric=symmetric)
        assert taken
        assert all(len(pairs) == 1 + symmetric for pairs in taken)
        taken.clear()


def test_the_ablation_tells_what_messages_and_features_add(
    kg: KnowledgeGraph, model: LinkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg.save(tmp_path / "graph")
    silent: list[Sequence[CandidateNetwork]] = []
    train, score_by = ablation.train_candidate_networks, ablation.network_scores
    scored = 0

    def training(folds: Sequence[TrainingCandidates], *rest: Any, **options: Any) -> Any:
        assert all(not fold.similarities for fold in folds)
        silent.append(train(folds, *rest, **options))
        return silent[0]

    def scoring(networks: Any, table: Any, similarities: TailSimilarities) -> Any:
        nonlocal scored
        scored += 1
        assert networks is silent[0]
        assert not similarities
        return score_by(networks, table, similarities)

    monkeypatch.setattr(ablation, "train_candidate_networks", training)
    monkeypatch.setattr(ablation, "network_scores", scoring)
    arguments = ["train", "links", str(tmp_path / "graph"), "--no-refit", "--ablate", "--out"]
    printed = CliRunner().invoke(app, [*arguments, str(tmp_path / "model")])
    assert printed.exit_code == 0, printed.output
    assert "What each part adds" in printed.output
    ablated = load_link_model(tmp_path / "model")
    rows = {row["variant"]: row for row in ablated.metrics["training"]["ablation"]}
    # The model is the one that is trained without it, and the rows are of its own parts.
    assert_same_weights(model, ablated)
    by_weight = model.metrics["training"]["valid_mrr_by_weight"]
    assert rows["the model"]["mrr"] == pytest.approx(max(by_weight.values()), abs=1e-3)
    assert rows["without the networks"]["mrr"] == pytest.approx(by_weight["0.0"], abs=1e-3)
    for row in rows.values():
        if whole := row["compared_with"]:
            assert row["lost"] == pytest.approx(rows[whole]["mrr"] - row["mrr"], abs=2e-4)
            low, high = row["lost_interval"]
            assert low <= row["lost"] <= high
    assert "the networks alone, without messages" in rows
    assert scored
    # Each group of features is another booster.
    alone = [row["mrr"] for name, row in rows.items() if name.startswith("one booster alone, ")]
    assert len(alone) >= 5
    assert len(set(alone)) > 1
    assert "## What each part adds" in (tmp_path / "model" / "CARD.md").read_text()
    assert "| nearest neighbours | " in ablated.card()


def test_one_percentage_goes_over_all_stages(
    refitted_and_progress: tuple[LinkModel, list[str]],
) -> None:
    _, lines = refitted_and_progress
    assert all(line.startswith("Training the ranker: ") for line in lines)
    percentages = [int(line.split()[3]) for line in lines]
    assert percentages == sorted(percentages)
    assert percentages[-1] == 100
    bars = {line.partition("; ")[2].partition(":")[0] for line in lines}
    # The graph has no structures to learn from.
    assert bars == ranker_stages(ablate=False, refit=True).keys() - {"Learning from structures"}


def test_other_models_have_no_parts(kg: KnowledgeGraph) -> None:
    with pytest.raises(ModelError, match="an ablation is of the parts of a ranker"):
        train_links(kg, model="degree", ablate=True)


def test_what_features_speak_for_comes_after_the_candidates_in_their_order(
    kg: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_features, "_CANDIDATES", 3)
    monkeypatch.setattr(pair_features, "_CANDIDATES_BY_ONE", 1)
    ranker = ranker_of(few := train_links(kg, refit=False))
    left_out, pairs = few.task.matrix("train"), ranker.pair_features
    heads = np.arange(len(few.task.heads))
    ((table, further),) = pairs.blocks(heads, left_out)
    assert len(further.heads) > len(few.task.valid)
    assert not left_out[further.heads, further.tails].any()
    for head in heads:
        scores = ranker.score_tails(torch.tensor([head]))[0].numpy()
        candidates, after = (each.tails[each.heads == head] for each in (table, further))
        assert not set(candidates) & set(after)
        assert (np.diff(scores[after]) < 0).all()
        if len(after):
            assert scores[after].max() < scores[candidates].min()
        assert all(ranker.is_candidate(head, tail) for tail in after)
