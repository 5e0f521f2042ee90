"""The targets of one molecule, and the ligands that they rest on."""

from __future__ import annotations

import json
import re
from copy import copy
from pathlib import Path

import polars as pl
import pytest
from rdkit import Chem
from typer.testing import CliRunner

from medkg.cli import app
from medkg.cli.show_predictions import _print_facts
from medkg.core import calibration
from medkg.core.errors import DataError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.missing_pairs import MissingPairs
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links
from medkg.mining.molecules.nearest_ligands import UNLIKE, structure_ranker_of
from medkg.mining.molecules.targets import targets_of
from tests.mining.conftest import GROUPS, SCAFFOLDS


def test_a_molecule_that_no_graph_holds_gets_targets_with_the_ligands_they_rest_on(
    structure_model: LinkModel,
) -> None:
    predicted = targets_of(structure_model, SCAFFOLDS[0].format("CCC"), top=5)
    assert predicted.same_nodes == []
    assert set(predicted.rows["tail"][:2]) == {"NCBIGene:00", "NCBIGene:01"}
    assert predicted.rows["rank"].to_list() == [1, 2, 3, 4, 5]
    assert not predicted.rows["known"].any()
    first = predicted.rows["ligands"][0]
    assert re.match(r"drug 0-\d+ 0\.\d\d \(made\); drug 0-", first)
    assert predicted.rows["probability"].is_sorted(descending=True)
    assert set(predicted.rows["model"]) == {structure_model.name}
    assert set(predicted.rows["graph"]) == {structure_model.record["checksum"]}


def test_a_drug_of_the_graph_is_known_again_from_any_form(structure_model: LinkModel) -> None:
    drug = SCAFFOLDS[3].format("N")
    inchi = Chem.MolToInchi(Chem.MolFromSmiles(drug))
    for text in (drug, f"{drug}.Cl", inchi):
        predicted = targets_of(structure_model, text, known=True)
        assert predicted.same_nodes == [("drugbank:DB03002", "drug 3-2")]
        assert predicted.rows["known"].all()
        assert predicted.rows["rank"].to_list() == [1]
        assert predicted.rows["tail"].to_list() == ["NCBIGene:30"]
        assert predicted.rows["probability"].to_list() == [None]


def test_only_what_handles_drugs_is_ranked(structure_model: LinkModel) -> None:
    text = SCAFFOLDS[0].format("CCC")
    with pytest.raises(DataError, match="property adme"):
        targets_of(structure_model, text, adme=True)
    handling = pl.col("id").is_in(["NCBIGene:10", "NCBIGene:01"])
    role = pl.when(handling).then(pl.lit('{"adme": "enzyme"}')).otherwise(pl.col("properties"))
    model = copy(structure_model)
    model.graph = model.graph.with_frames(
        nodes=structure_model.graph.nodes.with_columns(properties=role)
    )
    predicted = targets_of(model, text, adme=True)
    assert predicted.rows["tail"].to_list() == ["NCBIGene:01", "NCBIGene:10"]
    assert predicted.rows["rank"].to_list() == [1, 2]
    both = targets_of(model, SCAFFOLDS[0].format("O"), adme=True, known=True)
    assert set(both.rows["tail"]) <= {"NCBIGene:01", "NCBIGene:10"}


def test_side_effects_of_a_molecule_are_ranked_as_targets_are(
    molecule_graph: KnowledgeGraph,
) -> None:
    is_target = pl.col("kind") == "Target"
    effects = molecule_graph.nodes.with_columns(
        kind=pl.when(is_target).then(pl.lit("Symptom")).otherwise("kind")
    )
    pairs = molecule_graph.evidence.filter(relation="TARGETS").select("subject", "object")
    causes = pairs.with_columns(relation=pl.lit("CAUSES"), source=pl.lit("made"))
    graph = KnowledgeGraph.build(effects, causes, molecule_graph.sources)
    model = train_links(graph, "CAUSES", model="structure")
    predicted = targets_of(model, SCAFFOLDS[0].format("CCC"), top=5)
    assert set(predicted.rows["tail"][:2]) == {"NCBIGene:00", "NCBIGene:01"}
    with pytest.raises(DataError, match="property adme"):
        targets_of(model, SCAFFOLDS[0].format("CCC"), adme=True)


def test_known_pairs_are_listed_apart_as_they_are_for_a_head(
    structure_model: LinkModel,
) -> None:
    task = structure_model.task
    head, tail = (int(n) for n in task.train[0])
    s, g = int(task.heads[head][-5:-3]), int(task.heads[head][-3:])
    text = SCAFFOLDS[s].format(GROUPS[g])
    predicted = targets_of(structure_model, text, top=1000)
    by_head = structure_model.predict(head=task.heads[head], top=1000)
    assert predicted.rows["tail"].to_list() == by_head["tail"].to_list()
    assert predicted.rows["known"].to_list() == by_head["known"].to_list()
    assert predicted.known == len(task.tails) - predicted.rows.height > 0
    known = targets_of(structure_model, text, known=True)
    assert known.known == known.rows.height == predicted.known
    assert set(known.rows["tail"]) == set(task.tails) - set(predicted.rows["tail"])
    assert task.tails[tail] in set(known.rows["tail"])


def test_the_command_says_what_it_leaves_out_and_how_far_it_was_judged(
    structure_model: LinkModel,
    molecule_graph: KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    molecule_graph.save(tmp_path / "kg")
    structure_model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    head = structure_model.task.heads[int(structure_model.task.train[0, 0])]
    text = SCAFFOLDS[int(head[-5:-3])].format(GROUPS[int(head[-3:])])

    def output(*more: str) -> str:
        arguments = ["predict", str(tmp_path / "model"), "--smiles", text, *more]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return " ".join(result.stdout.split())

    assert "known pairs are left out, see --known" in output()
    assert f"by {structure_model.name}, trained on the graph" in output()
    assert "left out" not in output("--known")
    assert "Known pairs have no probability" in output("--known")
    assert "was not judged there" not in output()
    monkeypatch.setattr(calibration, "CALIBRATED_CANDIDATES", 10)
    assert "first 10 targets" in output("--top", "11")
    assert "was not judged there" in output("--top", "11")


def test_where_a_structure_could_be_ranked_the_command_says_so(
    structure_model: LinkModel, capsys: pytest.CaptureFixture[str]
) -> None:
    head = structure_model.task.heads[0]
    _print_facts(structure_model, head)
    printed = " ".join(capsys.readouterr().out.split())
    edges = structure_model.graph.edges.filter(subject=head).height
    assert edges > 0
    assert (
        f"the graph holds {edges} edges and a structure of {structure_model.names[head]}" in printed
    )
    assert "medkg predict MODEL --smiles SMILES" in printed


def test_ligands_that_a_molecule_is_not_like_are_not_named(structure_model: LinkModel) -> None:
    sodium = targets_of(structure_model, "[Na+]", top=1000).rows
    assert set(sodium["ligands"]) == {None}
    rows = targets_of(structure_model, SCAFFOLDS[0].format("CCC"), top=1000).rows
    without = rows.filter(pl.col("tail").str.starts_with("NCBIGene:9"))  # that have no ligand
    assert set(without["ligands"]) == {None}
    assert not rows["ligands"].str.contains(" 0.00 ").any()


def test_every_target_has_a_probability_that_follows_the_order(structure_model: LinkModel) -> None:
    rows = targets_of(structure_model, SCAFFOLDS[0].format("CCC"), top=1000).rows
    assert rows.height == len(structure_model.task.tails)
    assert rows["probability"].is_sorted(descending=True)
    assert rows["probability"].is_between(0, 1).all()


def test_what_is_no_molecule_and_a_model_without_structures_say_so(
    structure_model: LinkModel, molecule_graph: KnowledgeGraph
) -> None:
    with pytest.raises(DataError, match="'aspirin' can't be read: no SMILES"):
        targets_of(structure_model, "aspirin")
    degree = train_links(molecule_graph, model="degree")
    with pytest.raises(ModelError, match="--model structure"):
        targets_of(degree, "CCO")


def printed(folder: Path, text: str, *more: str) -> str:
    result = CliRunner().invoke(app, ["predict", str(folder), "--smiles", text, *more])
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_a_molecule_unlike_all_known_ones_is_said_to_be(
    structure_model: LinkModel, molecule_graph: KnowledgeGraph, tmp_path: Path
) -> None:
    molecule_graph.save(tmp_path / "kg")
    structure_model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    strange = "C1CC2CC1C3(C2)OOC4(CCCCC4)O3"
    predicted = targets_of(structure_model, strange)
    assert 0 < predicted.nearest_similarity < UNLIKE
    sentence = f"{predicted.nearest_name}, has a similarity of {predicted.nearest_similarity:.2f}"
    assert sentence in printed(tmp_path / "model", strange)
    fields = json.loads(printed(tmp_path / "model", strange, "--json"))
    assert fields["nearest_similarity"] == predicted.nearest_similarity
    assert fields["nearest_name"] == predicted.nearest_name
    like = SCAFFOLDS[0].format("CCC")
    near = targets_of(structure_model, like)
    assert near.nearest_similarity > UNLIKE
    assert near.nearest_name.startswith("drug 0-")
    assert "is unlike" not in printed(tmp_path / "model", like)
    # Nothing of it is known, and the answer says why.
    nothing = printed(tmp_path / "model", strange, "--known")
    assert nothing.endswith(": none the graph doesn't hold it")


def test_a_probability_is_stated_of_what_is_missing(structure_model: LinkModel) -> None:
    """Of a molecule of the graph of what no source records; of another of what they record, too."""
    estimate = MissingPairs(
        source="a", others=["b"], in_source=9, in_others=9, in_both=5, missing=36, interval=[18, 45]
    )
    assert structure_model.known_pairs.nnz == 90
    model = copy(structure_model)
    model.metrics = {**model.metrics, "missing": estimate}
    fitted = structure_ranker_of(model).calibration.base_rate
    new, held = SCAFFOLDS[0].format("CCC"), SCAFFOLDS[3].format("N")
    for text, rate, words in (
        (new, 1.4 * fitted, "one that a source records, or one of those that none does, some"
         " 0.4 (0.2 to 0.5) to each recorded one, as far as a and b tell"),
        (held, 0.4 * fitted, "one of some 36 (18 to 45) that no source records"),
    ):  # fmt: skip
        predicted, before = (targets_of(m, text) for m in (model, structure_model))
        assert predicted.probability.calibration.base_rate == pytest.approx(min(rate, 0.9))
        assert words in predicted.probability.meaning
        assert before.probability.meaning == "that a source records the pair"
        assert before.probability.calibration.base_rate == fitted
        assert predicted.rows["tail"].equals(before.rows["tail"])
        moved = (predicted.rows["probability"] - before.rows["probability"]).sign().unique()
        assert moved.to_list() == [(rate > fitted) - (rate < fitted)]
