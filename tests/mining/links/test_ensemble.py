"""Several trained models as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from medkg.core.errors import ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.ensemble import Ensemble, EnsembleMember, _log_odds
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.ranker import LinkRanker
from medkg.mining.links.train import ensemble_links, evaluate_links, train_links
from medkg.mining.molecules.targets import targets_of
from tests.gnn.graphs import family_graph

pytestmark = pytest.mark.usefixtures("short_training")


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def members(kg: KnowledgeGraph) -> list[LinkModel]:
    return [
        train_links(kg, model="degree"),
        train_links(kg, model="neighbours"),
        train_links(kg, encoder="lookup", dim=16, epochs=40),
    ]


@pytest.fixture(scope="module")
def joined(members: list[LinkModel]) -> LinkModel:
    return ensemble_links(members)


def test_on_validation_it_is_no_worse_than_its_best_member(
    members: list[LinkModel], joined: LinkModel
) -> None:
    alone = [model.metrics["valid"]["mrr"] for model in members]
    assert joined.metrics["valid"]["mrr"] >= max(alone)
    weights = joined.metrics["training"]["weights"]
    assert weights.keys() == {model.name for model in members}
    assert sum(weights.values()) == pytest.approx(1)
    assert joined.name.startswith("links-ensemble-")


def test_scores_are_the_weighted_log_odds(members: list[LinkModel], joined: LinkModel) -> None:
    """Of a candidate they follow from the probability that the member itself predicts."""
    assert isinstance(joined.scorer, Ensemble)
    by_name = joined.metrics["training"]["weights"]
    member = members[1]
    rows = member.predict(head="drug 0-3", top=3)
    alone = Ensemble(joined.scorer.members[1:2], np.ones(1), joined.fitted_task.matrix("train"))
    head = joined.task.heads.index("drugbank:DB03")
    scores = alone.score_tails(torch.tensor([head]))[0]
    for tail, probability in rows.select("tail", "probability").iter_rows():
        odds = float(scores[joined.task.tails.index(tail)])
        assert 1 / (1 + np.exp(-odds)) == pytest.approx(probability, rel=1e-5)
    trained = joined.fitted_task.matrix("train")
    expected = sum(
        by_name[model.name]
        * _log_odds(
            EnsembleMember(model.scorer, model.calibrations), "head", torch.arange(5), trained.T
        )
        for model in members
    )
    joined_scores = joined.scorer.score_heads(torch.arange(5)).numpy()
    assert np.allclose(joined_scores, expected, atol=2e-3)  # the weights that are shown are rounded


def test_equal_scores_keep_being_equal(members: list[LinkModel]) -> None:
    """Genes without a known drug have one degree; the order of nodes must not tell them apart."""
    degree = EnsembleMember(members[0].scorer, members[0].calibrations)
    trained = members[0].task.matrix("train")
    odds = _log_odds(degree, "tail", torch.arange(2), trained)
    bare = np.diff(trained.tocsc().indptr) == 0
    assert bare.sum() >= 40
    assert (odds[:, bare].max(1) == odds[:, bare].min(1)).all()


def test_it_is_saved_and_read(joined: LinkModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    kg.save(tmp_path / "graph")
    joined.save(tmp_path / "model", graph_path=tmp_path / "graph")
    read = load_link_model(tmp_path / "model")
    assert read.name == joined.name
    test = kg.edges.filter(pl.col("id").is_in(joined.task.held_back["test"]))
    assert evaluate_links(read, test, kg) == joined.metrics["test"]["tail"]
    for query in ({"head": "drug 2-2"}, {"tail": "GENE21"}):
        assert read.predict(**query).equals(joined.predict(**query))
    explanation = read.explain("drug 2-2", "GENE21")
    assert explanation == joined.explain("drug 2-2", "GENE21")
    assert explanation.attribution == ()


def test_a_network_s_messages_are_those_that_it_was_trained_on(kg: KnowledgeGraph) -> None:
    """Beside a member that knows the edges held back, a network still doesn't."""
    network = train_links(kg, encoder="rgcn", dim=16, epochs=40)
    joined = ensemble_links([train_links(kg, model="degree"), network])
    alone, together = (model.explain("drug 2-2", "GENE21") for model in (network, joined))
    assert alone.attribution
    assert together.attribution == alone.attribution


def test_a_score_rests_on_what_its_heaviest_member_rests_on(
    members: list[LinkModel], kg: KnowledgeGraph
) -> None:
    ranker = train_links(kg)
    both = ensemble_links([members[0], ranker])
    assert isinstance(both.scorer, Ensemble)
    both.scorer.weights = np.array([0.75, 0.25])
    head, tail = "drug 2-2", "GENE21"
    alone, explanation = ranker.explain(head, tail), both.explain(head, tail)
    assert explanation.attribution == alone.attribution != ()
    assert explanation.attribution_unit == "standard deviations by links-ranker, weight 0.25"
    # Degree ranks every pair; the ranker alone doesn't.
    assert isinstance(ranker.scorer, LinkRanker)
    unranked = next(t for t in range(60) if not ranker.scorer.is_candidate(0, t))
    pair = ranker.task.heads[0], ranker.task.tails[unranked]
    assert both.explain(*pair).rank is not None
    both.scorer.weights = np.array([0.0, 1.0])
    del both.ranks  # by the weights before
    assert both.explain(*pair).rank is None


def test_models_that_were_not_trained_alike_are_refused(
    members: list[LinkModel], kg: KnowledgeGraph
) -> None:
    other = train_links(kg, model="degree", seed=1)
    with pytest.raises(ModelError, match="the edges held back they were trained with differ"):
        ensemble_links([members[1], other])
    with pytest.raises(ModelError, match="two trained models or more"):
        ensemble_links(members[:1])


def test_a_member_answers_for_molecules(
    structure_model: LinkModel, molecule_graph: KnowledgeGraph, joined: LinkModel
) -> None:
    both = ensemble_links([train_links(molecule_graph, model="degree"), structure_model])
    smiles = "CN1CCC(CC1)c1ccc(CCC)cc1"
    rows, of_member = (targets_of(each, smiles).rows for each in (both, structure_model))
    assert rows.drop("model").equals(of_member.drop("model"))
    assert set(rows["model"]) == {both.name}
    with pytest.raises(ModelError, match="for structures train one"):
        targets_of(joined, smiles)
