"""Targets by structure alone: what is like a target's ligands ranks first, and nothing leaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links
from medkg.mining.molecules import structure_ranker
from medkg.mining.molecules.fingerprints import molecule_features
from medkg.mining.molecules.structure_ranker import StructureRanker, StructureScorer
from medkg.mining.molecules.structures import parse
from medkg.mining.molecules.target_knowledge import _family, target_knowledge
from medkg.mining.molecules.target_network import TargetNetwork
from tests.gnn.graphs import family_graph
from tests.mining.conftest import SCAFFOLDS


@pytest.fixture
def kg(molecule_graph: KnowledgeGraph) -> KnowledgeGraph:
    return molecule_graph


@pytest.fixture
def model(structure_model: LinkModel) -> LinkModel:
    return structure_model


def part(model: LinkModel) -> StructureRanker:
    assert isinstance(model.scorer, StructureScorer)
    return model.scorer.structure


def scores_of(model: LinkModel, smiles: str) -> dict[str, float]:
    molecule = parse(smiles).molecule
    scores = part(model).score(molecule_features([molecule]))[0]
    return dict(zip(model.task.tails, scores.tolist(), strict=True))


@pytest.mark.parametrize("scaffold", range(5))
def test_a_new_molecule_gets_the_targets_of_what_it_is_like(
    model: LinkModel, scaffold: int
) -> None:
    scores = scores_of(model, SCAFFOLDS[scaffold].format("CCC"))
    first = sorted(scores, key=lambda tail: -scores[tail])[:2]
    assert set(first) == {f"NCBIGene:{scaffold}0", f"NCBIGene:{scaffold}1"}


def test_a_target_without_ligands_is_told_from_others_by_what_it_interacts_with(
    model: LinkModel,
) -> None:
    scores = scores_of(model, SCAFFOLDS[0].format("CCC"))
    assert scores["NCBIGene:900"] > scores["NCBIGene:901"]
    assert scores["NCBIGene:900"] < scores["NCBIGene:00"]


def test_a_head_without_a_structure_is_not_ranked(kg: KnowledgeGraph) -> None:
    without = ["drugbank:DB00000", "drugbank:DB01001"]
    nodes = kg.nodes.with_columns(
        properties=pl.when(~pl.col("id").is_in(without)).then("properties")
    )
    fewer = KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), kg.sources)
    model = train_links(fewer, model="structure", refit=False)
    targets = kg.edges.filter(relation="TARGETS")
    for head in without:
        assert model.predict(head=head).is_empty()
        known = targets.filter(subject=head)["object"].to_list()
        rows = model.score([(head, tail) for tail in [*known, *model.task.tails[:3]]])
        assert rows["rank"].null_count() == rows["score"].null_count() == rows.height
        assert all("not ranked" in note for note in rows["note"])
        assert model.predict(head=head, known=True)["rank"].null_count() == len(known)
    for tail in model.task.tails[:3]:
        heads = set(model.predict(tail=tail, top=1000)["head"])
        assert heads
        assert heads.isdisjoint(without)


def test_the_card_tells_how_many_test_edges_have_no_structure(kg: KnowledgeGraph) -> None:
    """Every third drug loses its structure."""
    lost = [drug for n, drug in enumerate(sorted(drugs_of(kg))) if n % 3 == 0]
    nodes = kg.nodes.with_columns(properties=pl.when(~pl.col("id").is_in(lost)).then("properties"))
    fewer = KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), kg.sources)
    model = train_links(fewer, model="structure", refit=False)
    tested = [model.task.heads[head] in lost for head in model.task.test[:, 0]]
    assert 0 < sum(tested) < len(tested)
    assert model.metrics["unranked"] == sum(tested)
    sentence = f"Of the {len(tested)} test edges {sum(tested)} are not ranked by the model"
    assert f"{sentence} (their heads have no structure)" in model.card()
    whole = train_links(kg, model="structure", refit=False)
    assert whole.metrics["unranked"] == 0
    assert "not ranked by the model" not in whole.card()


def drugs_of(kg: KnowledgeGraph) -> list[str]:
    return kg.nodes.filter(kind="Drug")["id"].to_list()


def test_scores_of_some_tails_are_those_of_all(model: LinkModel) -> None:
    made = molecule_features([parse(s.format("CCN")).molecule for s in SCAFFOLDS])
    everything = part(model).score(made)
    for tails in (np.array([3]), np.array([0, 4, 12]), np.array([35])):
        np.testing.assert_allclose(part(model).score(made, tails), everything[:, tails], rtol=1e-5)
    assert part(model).score(molecule_features([])).shape == (0, len(model.task.tails))


def test_tensors_give_the_same_scores_back(model: LinkModel) -> None:
    made = molecule_features([parse(s.format("CCN")).molecule for s in SCAFFOLDS])
    again = StructureRanker.from_tensors(part(model).tensors())
    np.testing.assert_array_equal(again.score(made), part(model).score(made))
    assert again.calibration == part(model).calibration


def test_training_twice_gives_the_same(kg: KnowledgeGraph, model: LinkModel) -> None:
    again = train_links(kg, model="structure")
    made = molecule_features([parse(SCAFFOLDS[1].format("CCN")).molecule])
    np.testing.assert_array_equal(part(again).score(made), part(model).score(made))


def test_probabilities_follow_the_scores(model: LinkModel) -> None:
    made = molecule_features([parse(SCAFFOLDS[2].format("CCN")).molecule])
    scores = part(model).score(made)
    log_scores = scores[0].astype(np.float64)
    calibration = part(model).calibration
    probabilities = calibration.probability(log_scores, np.ones(len(log_scores)))
    order = np.argsort(log_scores, kind="stable")
    assert (np.diff(probabilities[order]) >= 0).all()
    assert 0 < probabilities.min() < probabilities.max() < 1


def test_the_held_back_pair_of_a_drug_leaves_no_trace(kg: KnowledgeGraph) -> None:
    """The model is the same whether a pair that is held back is in the graph's other parts."""
    edges = kg.edges.filter(relation="TARGETS")
    drug = edges.filter(subject="drugbank:DB00001")["id"].to_list()
    other = edges.filter(subject="drugbank:DB01003")["id"].to_list()
    made = molecule_features([parse(SCAFFOLDS[0].format("CCN")).molecule])
    with_edges = train_links(kg, model="structure", split={"valid": other, "test": drug})
    ids = set(kg.edges["id"]) - set(drug)
    evidence = kg.evidence.filter(pl.col("edge").is_in(list(ids)))
    without = KnowledgeGraph.build(kg.nodes, evidence, kg.sources)
    alone = train_links(without, model="structure", split={"valid": other, "test": []})
    np.testing.assert_array_equal(part(with_edges).score(made), part(alone).score(made))


def test_families_are_by_the_symbols_letters() -> None:
    families = {s: _family(s) for s in ("HTR2A", "CYP2C19", "SLC6A4", "KIT", "5", "ADRA1D")}
    assert families == {
        "HTR2A": "HTR",
        "CYP2C19": "CYP",
        "SLC6A4": "SLC",
        "KIT": "KIT",
        "5": "5",
        "ADRA1D": "ADRA",
    }


def test_edges_of_the_predicted_relation_are_no_knowledge_about_tails(kg: KnowledgeGraph) -> None:
    tails = kg.nodes.filter(kind="Target")["id"].to_list()
    assert target_knowledge(kg, ("Drug", "TARGETS", "Target"), tails).interactions.nnz == 2
    assert target_knowledge(kg, ("Target", "INTERACTS_WITH", "Target"), tails).interactions.nnz == 0
    edge = kg.edges.filter(relation="INTERACTS_WITH")["id"].to_list()
    assert target_knowledge(kg, ("Drug", "TARGETS", "Target"), tails, edge).interactions.nnz == 0


def test_a_graph_without_structures_says_what_is_missing() -> None:
    with pytest.raises(DataError, match="have a structure"):
        train_links(family_graph(), model="structure")


def test_the_folder_holds_no_pickle(model: LinkModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    names = {file.name for file in (tmp_path / "m").iterdir()}
    assert {name for name in names if not name.endswith(".svg")} == {
        "CARD.md",
        "config.json",
        "vocabulary.json",
        "weights.safetensors",
    }
    card = (tmp_path / "m" / "CARD.md").read_text()
    assert all(f"({name})" in card for name in names if name.endswith(".svg"))
    assert "reliability-tail.svg" in names


def test_its_networks_are_trained_on_the_device_that_is_named(
    kg: KnowledgeGraph, model: LinkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []
    train = structure_ranker.train_target_network

    def recorded(*args: Any, device: torch.device | None, **options: Any) -> TargetNetwork:
        devices.append(device)
        return train(*args, **options)

    monkeypatch.setattr(structure_ranker, "train_target_network", recorded)
    split = model.task.held_back
    again = train_links(kg, model="structure", split=split, device="meta")
    assert devices == [torch.device("meta")] * (structure_ranker.FOLDS + 1)
    everything = torch.arange(len(model.task.heads))
    assert torch.equal(again.scorer.score_tails(everything), model.judged.score_tails(everything))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_learns_the_same_twice(kg: KnowledgeGraph, model: LinkModel) -> None:
    split = model.task.held_back
    one, other = (
        train_links(kg, model="structure", split=split, device="cuda").scorer for _ in range(2)
    )
    everything = torch.arange(len(model.task.heads))
    assert torch.equal(one.score_tails(everything), other.score_tails(everything))
