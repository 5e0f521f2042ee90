"""What every link model, trained network or baseline, must do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medkg.core.errors import DataError, MissingError, ModelError
from medkg.graph.frames import PREDICTIONS
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import evaluate_links, train_links

from ..gnn.graphs import family_graph

pytestmark = pytest.mark.usefixtures("short_training")

MODELS: Mapping[str, Mapping[str, Any]] = {
    "ranker": {"model": "ranker"},
    "paths": {"model": "paths"},
    "degree": {"model": "degree"},
    "neighbours": {"model": "neighbours"},
    "rgcn-distmult": {"encoder": "rgcn", "decoder": "distmult", "dim": 16, "epochs": 20},
    "rgcn-complex": {"encoder": "rgcn", "decoder": "complex", "dim": 16, "epochs": 20},
    "rgcn-transe": {"encoder": "rgcn", "decoder": "transe", "dim": 16, "epochs": 20},
    "compgcn-rotate": {"encoder": "compgcn", "decoder": "rotate", "dim": 16, "epochs": 20},
    "hgt-distmult": {"encoder": "hgt", "decoder": "distmult", "dim": 16, "epochs": 20},
    "lookup-distmult": {"encoder": "lookup", "decoder": "distmult", "dim": 16, "epochs": 20},
    "lookup-complex": {"encoder": "lookup", "decoder": "complex", "dim": 16, "epochs": 20},
}


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, kg: KnowledgeGraph) -> LinkModel:
    return train_links(kg, **MODELS[request.param])


def label(model: LinkModel) -> str:
    return model.name.removeprefix("links-").rsplit("-", 1)[0]


def test_name_says_what_it_is(model: LinkModel) -> None:
    assert label(model) in MODELS


def test_beats_the_degree_baseline_where_there_is_something_to_learn(model: LinkModel) -> None:
    """Family is in the graph; degree can't see it. (Over all edges: the test's are few.)"""
    figures, degree = model.metrics["test"]["tail"], model.metrics["baselines"]["degree"]["tail"]
    assert figures["n"] == degree["n"] == 24
    if label(model) == "degree":
        assert figures == degree
    else:
        assert figures["mrr"] > 1.5 * degree["mrr"]
    assert figures["mrr_interval"][0] <= figures["mrr"] <= figures["mrr_interval"][1]
    assert figures["hits@1"] <= figures["hits@3"] <= figures["hits@10"]


def test_predict_tails(model: LinkModel, kg: KnowledgeGraph) -> None:
    by_name = model.predict(head="drug 0-3", top=15)
    assert by_name.equals(model.predict(head="drugbank:DB03", top=15))
    assert by_name.columns == [
        "head", "head_name", "tail", "tail_name", "relation", "rank", "score", "probability",
        "known", "status", "sources", "explanation", "model", "graph",
    ]  # fmt: skip
    assert set(by_name["model"]) == {model.name}
    assert set(by_name["graph"]) == {kg.checksum()}
    assert by_name["rank"].to_list() == list(range(1, 16))
    assert by_name["score"].is_sorted(descending=True)
    assert by_name["probability"].is_sorted(descending=True)
    assert by_name["probability"].is_between(0, 1).all()
    assert set(by_name["head"]) == {"drugbank:DB03"}
    assert set(by_name["relation"]) == {"TARGETS"}
    names = dict(kg.nodes.select("id", "name").iter_rows())
    assert by_name["tail_name"].to_list() == [names[tail] for tail in by_name["tail"]]


def test_new_and_known_pairs_are_listed_apart(model: LinkModel, kg: KnowledgeGraph) -> None:
    edges = kg.edges.filter(relation="TARGETS")
    everything = len(model.task.tails)
    for head in ("drugbank:DB00", "drugbank:DB24"):
        own = set(edges.filter(subject=head)["object"])
        new = model.predict(head=head, top=everything)
        scored = model.score([(head, tail) for tail in model.task.tails])
        ranked = set(scored.filter(pl.col("note").is_null())["tail"])
        assert set(new["tail"]) == ranked - own
        if label(model) != "ranker":
            assert ranked == set(model.task.tails)
        assert not new["known"].any()
        known = model.predict(head=head, top=everything, known=True)
        assert set(known["tail"]) == own
        assert known["known"].all()
        ranked = known.drop_nulls("rank")
        assert ranked["score"].is_sorted(descending=True)
        for row in ranked.iter_rows(named=True):
            assert row["rank"] == model.explain(head, row["tail"]).rank
        assert new["probability"].null_count() == 0
        assert model.predict(head=head, top=2, known=True).equals(known.head(2))


def test_a_known_pair_has_no_probability(model: LinkModel, kg: KnowledgeGraph) -> None:
    """It would say that a source misses what a source records."""
    pairs = kg.edges.filter(relation="TARGETS").select("subject", "object").head(30).rows()
    new = model.predict(head="drugbank:DB00", top=2).select("head", "tail").rows()
    scored = model.score([*pairs, *new])
    assert scored["known"].to_list() == [True] * len(pairs) + [False] * len(new)
    stated = scored["probability"].is_not_null()
    assert stated.to_list() == scored["status"].eq("new").to_list()
    ranked = scored.filter(known=True).drop_nulls("rank")
    assert ranked.height > 0
    assert ranked["score"].null_count() == 0
    for query in ({"head": pairs[0][0]}, {"tail": pairs[0][1]}):
        assert model.predict(**query, known=True)["probability"].unique().to_list() == [None]
    explanation = model.explain(*ranked.select("head", "tail").row(0))
    assert (explanation.probability, explanation.head_probability) == (None, None)
    assert "probability" not in str(explanation).splitlines()[0]
    assert explanation.rank is not None
    assert "probability" in str(model.explain(*new[0])).splitlines()[0]


def test_who_records_a_pair_is_said(model: LinkModel) -> None:
    known = model.predict(head="drugbank:DB00", known=True)
    assert set(known["status"]) == {"known"}
    assert all(sources.to_list() for sources in known["sources"])
    new = model.predict(head="drugbank:DB00", top=len(model.task.tails))
    assert set(new["status"]) == {"new"}
    assert not any(sources.to_list() for sources in new["sources"])


def test_answers_know_the_edges_that_figures_were_measured_on(
    model: LinkModel, kg: KnowledgeGraph
) -> None:
    """But for a network of trained vectors, which would have to be trained again."""
    assert model.refitted == (model.settings["model"] != "network")
    assert model.refitted == ("refitted" in model.card())
    held_back = train_links(kg, **MODELS[label(model)], refit=False)
    assert held_back.metrics == model.metrics
    heads = torch.arange(len(model.task.heads))
    judged = model.judged.score_tails(heads)
    assert torch.equal(judged, held_back.scorer.score_tails(heads))
    assert torch.equal(judged, model.scorer.score_tails(heads)) != model.refitted


def test_edges_that_it_has_not_seen_are_ranked_by_what_answers(
    model: LinkModel, kg: KnowledgeGraph
) -> None:
    test = kg.edges.filter(pl.col("id").is_in(model.task.held_back["test"]))
    numbers = model.task.test
    assert model.measured_by(numbers) == (model.judged, model.task)
    new = model.predict(head="drugbank:DB00", top=1)
    unseen = new.select(subject="head", object="tail")
    heads, tails = model.node_numbers
    pair = np.array([[heads["drugbank:DB00"], tails[unseen["object"][0]]]])
    assert model.measured_by(pair) == (model.scorer, model.fitted_task)
    assert evaluate_links(model, unseen, kg)["mrr"] == 1
    mixed = pl.concat([unseen, test.select("subject", "object")])
    assert model.measured_by(np.concatenate([pair, numbers]))[0] is model.judged
    assert evaluate_links(model, mixed, kg)["n"] == mixed.height


def test_it_is_shown_in_one_line(model: LinkModel) -> None:
    mrr = model.metrics["test"]["tail"]["mrr"]
    heads, tails = len(model.task.heads), len(model.task.tails)
    assert repr(model) == (
        f"LinkModel({model.name}: TARGETS, {heads} Drug × {tails} Target nodes, test MRR {mrr:.3f})"
    )


def test_predict_heads(model: LinkModel) -> None:
    rows = model.predict(tail="GENE10", top=5)
    assert set(rows["tail"]) == {"NCBIGene:10"}
    assert rows["head"].n_unique() == 5
    assert rows["score"].is_sorted(descending=True)


def test_several_queries_are_answered_one_after_the_other(model: LinkModel) -> None:
    heads = ["drug 0-3", "drugbank:DB24"]
    together = model.predict(heads=heads, top=4)
    assert together.equals(pl.concat([model.predict(head=head, top=4) for head in heads]))
    tails = ["GENE10", "NCBIGene:21"]
    of_tails = model.predict(tails=tails, top=3, known=True)
    assert of_tails.equals(pl.concat([model.predict(tail=t, top=3, known=True) for t in tails]))
    assert model.predict(heads=[]).schema == together.schema
    with pytest.raises(MissingError, match="give one of head and tails to predict the other ends"):
        model.predict(head="drug 0-3", tails=tails)
    for known in (False, True):
        for top in (0, "3"):
            with pytest.raises(DataError, match=f"is a whole number, at least 1, not {top!r}"):
                model.predict(head="drug 0-3", top=top, known=known)  # type: ignore[arg-type]
    with pytest.raises(MissingError, match=r"are lists: \['drug 0-3'\]"):
        model.predict(heads="drug 0-3")


def test_given_pairs_are_scored_as_predict_scores_them(model: LinkModel) -> None:
    listed = pl.concat(
        [model.predict(heads=["drug 0-3", "drug 2-4"], top=4, known=known) for known in (0, 1)]
    ).drop("explanation")
    pairs = listed.select("head", "tail")
    scored = model.score(pairs)
    assert scored.drop("note").equals(listed)
    # What isn't listed with a rank has none here, and says why.
    assert scored["note"].is_null().equals(listed["rank"].is_not_null())
    names = list(listed.select("head_name", "tail_name").iter_rows())
    assert model.score(names).equals(scored)


def test_given_pairs_that_can_t_be_scored_say_why(model: LinkModel) -> None:
    new = model.predict(head="drug 0-3", top=1)["tail"][0]
    rows = model.score([("drug 0-3", new), ("drug 9-9", "GENE99"), ("drug 0-3", "drug 0-3")])
    assert rows["rank"].to_list() == [1, None, None]
    assert rows.select("head", "tail").row(1) == ("drug 9-9", "GENE99")
    assert rows["head_name"].to_list() == ["drug 0-3", None, "drug 0-3"]
    assert rows["status"].to_list() == ["new", None, None]
    first, second, third = rows["note"]
    assert first is None
    assert "no Drug 'drug 9-9'" in second
    assert "no Target 'GENE99'" in second
    assert "no Target 'drug 0-3'" in third
    assert model.score([]).schema == rows.schema
    with pytest.raises(DataError, match="no tail among head, gene"):
        model.score(pl.DataFrame({"head": ["drug 0-3"], "gene": [new]}))


def test_explain_gives_the_ranks_of_predict(model: LinkModel) -> None:
    """In both directions, ties included: degree scores most of these genes alike."""
    head, everything = "drugbank:DB03", len(model.task.tails)
    rows = model.predict(head=head, top=everything)
    for place in (0, 7, rows.height // 2, rows.height - 1):
        row = rows.row(place, named=True)
        explanation = model.explain(head, row["tail"])
        assert explanation.rank == row["rank"]
        assert explanation.probability == pytest.approx(row["probability"])
        heads = model.predict(tail=row["tail"], top=len(model.task.heads))
        row_of_head = heads.row(by_predicate=pl.col("head") == head, named=True)
        assert explanation.head_rank == row_of_head["rank"]
        assert explanation.head_probability == pytest.approx(row_of_head["probability"])


def test_predictions_fit_the_graph(model: LinkModel, kg: KnowledgeGraph) -> None:
    rows = model.predictions(["drugbank:DB00", "drug 1-1"], top=4, date="2026-11-20")
    assert dict(rows.schema) == dict(PREDICTIONS)
    assert rows.height == 8
    assert set(rows["model"]) == {model.name}
    assert set(rows["direction"]) == {"tail"}
    assert rows["base_rate"].is_between(0, 1, closed="none").all()
    assert kg.with_predictions(rows).predictions.height == 8
    heads = model.predictions(["GENE10"], top=3, date="2026-11-20", direction="head")
    assert set(heads["tail"]) == {"NCBIGene:10"}
    assert set(heads["direction"]) == {"head"}
    assert model.predictions([], date="2026-11-20").is_empty()


def test_predictions_change_nothing_that_is_learned(model: LinkModel, kg: KnowledgeGraph) -> None:
    rows = model.predictions(model.task.heads, top=4, date="2026-11-20")
    again = train_links(kg.with_predictions(rows), **MODELS[label(model)])
    assert again.name == model.name
    assert again.predict(head="drug 0-0").equals(model.predict(head="drug 0-0"))


def test_save_and_load(model: LinkModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    kg.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    loaded = load_link_model(tmp_path / "model")
    assert loaded.name == model.name
    assert loaded.metrics == model.metrics
    for query in ({"head": "drug 2-2"}, {"tail": "GENE21"}):
        assert loaded.predict(**query).equals(model.predict(**query))
    head, tail = "drugbank:DB22", "NCBIGene:21"
    assert loaded.explain(head, tail) == model.explain(head, tail)
    test = kg.edges.filter(pl.col("id").is_in(model.task.held_back["test"]))
    assert evaluate_links(loaded, test, kg) == model.metrics["test"]["tail"]
    assert "| degree |" in (tmp_path / "model" / "CARD.md").read_text()


def test_other_graph_is_noticed(model: LinkModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    smaller = kg.without_edges(kg.edges.filter(relation="TREATS")["id"].head(1))
    smaller.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    with pytest.raises(ModelError, match="no longer the one"):
        load_link_model(tmp_path / "model")
    with pytest.warns(UserWarning, match="not the one that the model was trained on"):
        loaded = load_link_model(tmp_path / "model", smaller)
    assert loaded.predict(head="drug 2-2").height == 20
    assert loaded.explain("drug 2-2", "GENE21").attribution == ()
    model.save(tmp_path / "model", graph_path=tmp_path / "nowhere")
    with pytest.raises(ModelError, match="name the graph"):
        load_link_model(tmp_path / "model")


def test_unseen_and_unknown_entities(model: LinkModel, kg: KnowledgeGraph) -> None:
    with pytest.raises(MissingError, match="no Drug 'nothing'"):
        model.predict(head="nothing")
    larger = KnowledgeGraph.build(
        pl.concat(
            [
                kg.nodes.select("id", "kind", "name"),
                pl.DataFrame({"id": ["drugbank:NEW"], "kind": ["Drug"], "name": ["novel"]}),
            ]
        ),
        kg.evidence.select("subject", "relation", "object", "source"),
        kg.sources,
    )
    with_new = LinkModel(
        model.scorer, model.task, model.settings, model.seed, model.metrics, model.calibrations,
        model.stated, larger, model.record,
    )  # fmt: skip
    with pytest.raises(MissingError, match="has not seen drugbank:NEW"):
        with_new.predict(head="novel")
    with pytest.raises(MissingError, match="has not seen drugbank:NEW"):
        with_new.explain("novel", "GENE10")
    with pytest.raises(MissingError, match="give a head, a tail, heads or tails"):
        model.predict()


def test_evaluate(model: LinkModel, kg: KnowledgeGraph) -> None:
    test = kg.edges.filter(pl.col("id").is_in(model.task.held_back["test"]))
    for direction in ("tail", "head"):
        figures = evaluate_links(model, test, kg, direction=direction)
        assert figures == model.metrics["test"][direction]
    few = sorted(set(test["object"]) | {"NCBIGene:900", "NCBIGene:901"})
    among = evaluate_links(model, test, kg, candidates=few)
    assert among["candidates"] == len(few)
    assert among["mrr"] >= model.metrics["test"]["tail"]["mrr"]
    with pytest.raises(MissingError, match="has not seen 1 ends"):
        evaluate_links(model, pl.DataFrame({"subject": ["drugbank:X"], "object": few[:1]}), kg)
