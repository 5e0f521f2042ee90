"""Targets by structure alone: what is like a target's ligands ranks first, and nothing leaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkg.gnn.links import structure
from medkg.gnn.links.model import LinkModel, load_model
from medkg.gnn.links.molecules import features, parse
from medkg.gnn.links.structure import ByStructure, Structure, tail_side
from medkg.gnn.links.train import train_links
from medkg.graph.errors import DataError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

from ..graphs import family_graph

# Five scaffolds, each with what may hang on it: drugs of a scaffold share targets.
SCAFFOLDS = (
    "c1ccc2c(c1)[nH]cc2CC{}",
    "O=C1CN=C(c2ccccc2)c2cc({})ccc2N1",
    "CN1CCC(CC1)c1ccc({})cc1",
    "O=S(=O)(N)c1ccc({})cc1",
    "C1CCC2C(C1)CCC1C2CCC2CC({})CCC12",
)
GROUPS = ("C", "CC", "N", "NC", "O", "OC", "Cl", "F", "CO", "C(=O)O", "C(=O)N", "CN")
SYMBOLS = ("HTR1A", "GABRA1", "OPRM1", "CA2", "AR")


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """60 drugs on five scaffolds; each has its scaffold's target, every second a sibling of it."""
    nodes: list[tuple[str, str, str, str | None]] = []
    rows = []
    for s, (scaffold, symbol) in enumerate(zip(SCAFFOLDS, SYMBOLS, strict=True)):
        nodes.append((f"NCBIGene:{s}0", "Target", symbol, None))
        nodes.append((f"NCBIGene:{s}1", "Target", symbol[:-1] + "9", None))
        for g, group in enumerate(GROUPS):
            drug = f"drugbank:DB{s:02}{g:03}"
            smiles = json.dumps({"smiles": scaffold.format(group)})
            nodes.append((drug, "Drug", f"drug {s}-{g}", smiles))
            rows.append((drug, "TARGETS", f"NCBIGene:{s}0"))
            if g % 2:
                rows.append((drug, "TARGETS", f"NCBIGene:{s}1"))
    nodes += [(f"NCBIGene:9{n:02}", "Target", f"LONELY{n}X", None) for n in range(30)]
    rows.append(("NCBIGene:900", "INTERACTS_WITH", "NCBIGene:00"))
    columns = ["id", "kind", "name", "properties"]
    frame = pl.DataFrame(nodes, schema=columns, orient="row", infer_schema_length=None)
    evidence = pl.DataFrame(
        rows, schema=["subject", "relation", "object"], orient="row"
    ).with_columns(source=pl.lit("made"))
    return KnowledgeGraph.build(frame, evidence, [Source("made", "1", "CC0-1.0")])


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> LinkModel:
    path = tmp_path_factory.mktemp("structure")
    kg.save(path / "kg")
    train_links(kg, model="structure", out=path / "model", graph_path=path / "kg")
    return load_model(path / "model")


def part(model: LinkModel) -> Structure:
    assert isinstance(model.scorer, ByStructure)
    return model.scorer.structure


def scores_of(model: LinkModel, smiles: str) -> dict[str, float]:
    molecule = parse(smiles).molecule
    scores = part(model).score(features([molecule]))[0]
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


def test_scores_of_some_tails_are_those_of_all(model: LinkModel) -> None:
    made = features([parse(s.format("CCN")).molecule for s in SCAFFOLDS])
    everything = part(model).score(made)
    for tails in (np.array([3]), np.array([0, 4, 12]), np.array([35])):
        np.testing.assert_allclose(part(model).score(made, tails), everything[:, tails], rtol=1e-5)
    assert part(model).score(features([])).shape == (0, len(model.task.tails))


def test_tensors_give_the_same_scores_back(model: LinkModel) -> None:
    made = features([parse(s.format("CCN")).molecule for s in SCAFFOLDS])
    again = Structure.from_tensors(part(model).tensors())
    np.testing.assert_array_equal(again.score(made), part(model).score(made))
    assert again.calibration == part(model).calibration


def test_training_twice_gives_the_same(kg: KnowledgeGraph, model: LinkModel) -> None:
    again = train_links(kg, model="structure")
    made = features([parse(SCAFFOLDS[1].format("CCN")).molecule])
    np.testing.assert_array_equal(part(again).score(made), part(model).score(made))


def test_probabilities_follow_the_scores(model: LinkModel) -> None:
    made = features([parse(SCAFFOLDS[2].format("CCN")).molecule])
    scores = part(model).score(made)
    probabilities = part(model).probability(scores)
    assert probabilities.shape == scores.shape
    order = np.argsort(scores[0], kind="stable")
    assert (np.diff(probabilities[0][order]) >= 0).all()
    assert 0 < probabilities.min() < probabilities.max() < 1


def test_the_held_back_pair_of_a_drug_leaves_no_trace(kg: KnowledgeGraph) -> None:
    """The model is the same whether a pair that is held back is in the graph's other parts."""
    edges = kg.edges.filter(relation="TARGETS")
    drug = edges.filter(subject="drugbank:DB00001")["id"].to_list()
    other = edges.filter(subject="drugbank:DB01003")["id"].to_list()
    made = features([parse(SCAFFOLDS[0].format("CCN")).molecule])
    with_edges = train_links(kg, model="structure", split={"valid": other, "test": drug})
    ids = set(kg.edges["id"]) - set(drug)
    evidence = kg.evidence.filter(pl.col("edge").is_in(list(ids)))
    without = KnowledgeGraph.build(kg.nodes, evidence, kg.sources)
    alone = train_links(without, model="structure", split={"valid": other, "test": []})
    np.testing.assert_array_equal(part(with_edges).score(made), part(alone).score(made))


def test_families_are_by_the_symbols_letters() -> None:
    found = {s: structure._family(s) for s in ("HTR2A", "CYP2C19", "SLC6A4", "KIT", "5", "ADRA1D")}
    assert found == {
        "HTR2A": "HTR",
        "CYP2C19": "CYP",
        "SLC6A4": "SLC",
        "KIT": "KIT",
        "5": "5",
        "ADRA1D": "ADRA",
    }


def test_edges_of_the_predicted_relation_are_no_knowledge_about_tails(kg: KnowledgeGraph) -> None:
    tails = kg.nodes.filter(kind="Target")["id"].to_list()
    assert tail_side(kg, ("Drug", "TARGETS", "Target"), tails).joined.nnz == 2
    assert tail_side(kg, ("Target", "INTERACTS_WITH", "Target"), tails).joined.nnz == 0
    edge = kg.edges.filter(relation="INTERACTS_WITH")["id"].to_list()
    assert tail_side(kg, ("Drug", "TARGETS", "Target"), tails, edge).joined.nnz == 0


def test_a_graph_without_structures_says_what_is_missing() -> None:
    with pytest.raises(DataError, match="have a structure"):
        train_links(family_graph(), model="structure")


def test_the_folder_holds_no_pickle(model: LinkModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    names = {file.name for file in (tmp_path / "m").iterdir()}
    assert names == {"CARD.md", "config.json", "vocabulary.json", "weights.safetensors"}
