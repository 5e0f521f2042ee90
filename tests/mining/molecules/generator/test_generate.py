"""New molecules like known ligands: guided, filtered, ranked."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFMCS
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.model import LinkModel
from medkg.mining.molecules.generator import generate as generation
from medkg.mining.molecules.generator.guide import tuned
from medkg.mining.molecules.generator.lead import beginnings_of_changes
from medkg.mining.molecules.generator.ligands import (
    ligands_of_smiles,
    ligands_of_target,
    read_molecule,
)
from medkg.mining.molecules.generator.model import SHIPPED, open_generator
from medkg.mining.molecules.generator.page import page
from medkg.mining.molecules.generator.tokens import canonical_smiles, read_smiles

Trained = tuple[Path, dict[str, Any]]
LIGANDS = ["C" * n + "Nc1ccncc1" for n in range(2, 14)]


@pytest.fixture(scope="module")
def made(lstm: Trained) -> generation.Generation:
    return medkg.generate_molecules(lstm[0], ligands=LIGANDS, n=10)


def test_molecules_are_new_and_like_the_ligands(made: generation.Generation) -> None:
    known = {canonical_smiles(Chem.MolFromSmiles(text)) for text in LIGANDS}
    smiles = [row["smiles"] for row in made.molecules]
    assert 1 <= len(smiles) <= 10
    assert len(set(smiles)) == len(smiles)
    assert not known & set(smiles)
    similarities = [row["similarity"] for row in made.molecules]
    assert similarities == sorted(similarities, reverse=True)
    assert {row["nearest"] for row in made.molecules} <= set(LIGANDS)
    for row in made.molecules:
        assert row["qed"] >= generation.LEAST_QED
        assert row["sa"] <= generation.MOST_SA
        assert not row["alerts"]


def test_each_text_is_counted_once(made: generation.Generation) -> None:
    counts = dict(made.counts)
    written = counts.pop("written")
    assert written == sum(counts.values())
    assert counts["known"] + counts["repeated"] > 0
    assert made.ligands == len(LIGANDS)


def test_a_seed_gives_the_same_molecules(lstm: Trained, made: generation.Generation) -> None:
    assert medkg.generate_molecules(lstm[0], ligands=LIGANDS, n=10) == made
    assert medkg.generate_molecules(lstm[0], ligands=LIGANDS, n=10, seed=1) != made


def test_guiding_makes_the_ligands_likelier(lstm: Trained) -> None:
    generator = open_generator(lstm[0])
    guided = tuned(generator, LIGANDS)
    share = [
        np.mean(["c1ccncc1" in text for text in model.write(200)]) for model in (generator, guided)
    ]
    assert share[1] > share[0] + 0.2


def test_a_scaffold_is_kept(lstm: Trained) -> None:
    kept = medkg.generate_molecules(lstm[0], ligands=LIGANDS, n=5, keep="c1ccncc1")
    pyridine = Chem.MolFromSmiles("c1ccncc1")
    assert kept.molecules
    assert all(Chem.MolFromSmiles(r["smiles"]).HasSubstructMatch(pyridine) for r in kept.molecules)


def test_a_lead_is_changed_at_one_place(lstm: Trained) -> None:
    lead = "CCCCNc1ccncc1"
    made = medkg.generate_molecules(lstm[0], like=lead, n=10)
    assert made.molecules
    assert made.ligands == 0
    assert {row["nearest"] for row in made.molecules} == {lead}
    whole = Chem.MolFromSmiles(lead)
    for row in made.molecules:
        new = Chem.MolFromSmiles(row["smiles"])
        shared = rdFMCS.FindMCS([whole, new]).numAtoms
        assert shared >= whole.GetNumAtoms() / 2, row["smiles"]
    kept = medkg.generate_molecules(lstm[0], like=lead, keep="Nc1ccncc1", n=5)
    amine = read_molecule("Nc1ccncc1")
    assert all(Chem.MolFromSmiles(r["smiles"]).HasSubstructMatch(amine) for r in kept.molecules)


def test_what_is_kept_of_a_lead_ends_where_it_was_cut() -> None:
    begun = beginnings_of_changes(Chem.MolFromSmiles("CCOc1ccccc1"))
    kept = {canonical_smiles(Chem.MolFromSmiles(text)) for text in begun}
    assert kept == {"CCOc1ccccc1", "COc1ccccc1", "Oc1ccccc1", "c1ccccc1"}
    grown = {canonical_smiles(Chem.MolFromSmiles(text + "F")) for text in begun}
    assert {"FCCOc1ccccc1", "FCOc1ccccc1", "FOc1ccccc1", "Fc1ccccc1"} <= grown
    benzene = Chem.MolFromSmiles("COc1ccccc1")
    assert len(beginnings_of_changes(Chem.MolFromSmiles("CCOc1ccccc1"), benzene)) < len(begun)


def test_a_link_model_ranks(lstm: Trained, structure_model: LinkModel) -> None:
    scores = generation.target_scores(structure_model, "OPRM1")
    guide = generation.Guide(ligands_of_smiles(LIGANDS), scores=scores)
    made = generation.generate(open_generator(lstm[0]), guide, 5)
    scored = [row["score"] for row in made.molecules]
    assert scored
    assert None not in scored
    assert scored == sorted(scored, reverse=True)
    text = page(made, "For <OPRM1>")
    assert text.count("<svg") == len(made.molecules)
    assert "For &lt;OPRM1&gt;" in text
    assert "<script" not in text


def test_what_falls_out_is_counted_where_it_does() -> None:
    sieve = generation._Sieve({"CCO"}, None)
    rhodanine = "O=C1NC(=S)SC1=Cc1ccc(O)cc1"
    for text in ("C1CC", "OCC", "OCC", rhodanine, "C" * 30, "CC(=O)Nc1ccccc1", "CC(=O)Nc1ccccc1"):
        sieve.passed(text)
    fell = {name: count for name, count in sieve.counts.items() if count}
    assert fell == {
        "written": 7, "invalid": 1, "known": 1, "repeated": 2, "alerts": 1, "undruglike": 1,
    }  # fmt: skip


def test_diverse_ones_are_far_from_each_other() -> None:
    same = np.array([[1, 0.9, 0.1], [0.9, 1, 0.1], [0.1, 0.1, 1]], dtype=np.float32)
    assert generation._diverse(same, 2, 0) == [0, 2]
    assert generation._diverse(same, 5, 0) == [0, 1, 2]


def test_a_targets_drugs_are_the_ligands(molecule_graph: KnowledgeGraph) -> None:
    ligands = ligands_of_target(molecule_graph, "OPRM1")
    assert len(ligands.names) >= 12
    assert ligands.similarity(generation.morgan_fingerprints(ligands.molecules)).max(1).min() == 1
    with pytest.raises(MissingError):
        ligands_of_target(molecule_graph, "no such target")


def test_what_can_not_guide_is_refused(lstm: Trained, ngram: Trained) -> None:
    with pytest.raises(DataError, match="give ligands, or a graph and a target"):
        medkg.generate_molecules(lstm[0])
    with pytest.raises(DataError, match="can't be read"):
        medkg.generate_molecules(lstm[0], ligands=["C1CC"])
    with pytest.raises(ModelError, match="an atom new to it"):
        medkg.generate_molecules(lstm[0], ligands=["CBr"])
    with pytest.raises(ModelError, match="ngram can't be guided"):
        medkg.generate_molecules(ngram[0], ligands=LIGANDS)
    with pytest.raises(DataError, match="a link model ranks for a target"):
        medkg.generate_molecules(lstm[0], ligands=LIGANDS, links=object())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="a drug's name needs a graph"):
        medkg.generate_molecules(lstm[0], like="aspirin")
    with pytest.raises(DataError, match="does not hold what is to be kept"):
        medkg.generate_molecules(lstm[0], like="CCNc1ccccc1", keep="C1CCNCC1")
    with pytest.raises(DataError, match="ask for 1 or more"):
        medkg.generate_molecules(lstm[0], ligands=LIGANDS, n=0)


def test_the_command_writes_a_table(lstm: Trained, tmp_path: Path) -> None:
    ligands, out = tmp_path / "known.csv", tmp_path / "new.csv"
    rows = "".join(f"lig{n},{text}\n" for n, text in enumerate(LIGANDS))
    ligands.write_text("name,smiles\n" + rows + "bad,C1CC\n")
    words = ["generate", str(lstm[0]), "--ligands", str(ligands), "-n", "3", "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--json"])
    report = json.loads(result.stdout)
    assert sum(report["set_aside"].values()) == 1
    with out.open() as file:
        table = list(csv.DictReader(file))
    assert [row["smiles"] for row in table] == [row["smiles"] for row in report["molecules"]]
    assert table[0]["nearest"].startswith("lig")
    shown = CliRunner().invoke(app, words)
    assert "These are ideas" in shown.stdout
    refused = CliRunner().invoke(app, ["generate", str(lstm[0])])
    assert refused.exit_code == 2
    # A graph that would guide nothing is not even opened.
    refused = CliRunner().invoke(app, [*words, "--graph", str(tmp_path / "graph")])
    assert refused.exit_code == 2
    assert "goes with" in refused.output


def test_the_model_that_ships_writes_molecules() -> None:
    texts = open_generator(SHIPPED).write(200)
    assert np.mean([read_smiles(text) is not None for text in texts]) > 0.85
    made = medkg.generate_molecules(like="CC(=O)Nc1ccc(O)cc1", n=3)
    assert len(made.molecules) == 3


def test_the_command_changes_a_molecule_and_draws_it(tmp_path: Path) -> None:
    out = tmp_path / "new.html"
    words = ["generate", "--like", "CC(=O)Nc1ccc(O)cc1", "-n", "2", "--page", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "with pictures" in result.stdout
    assert out.read_text().count("<svg") == 2
    unknown = CliRunner().invoke(app, ["generate", "--target", "no such target"])
    assert unknown.exit_code == 1  # of the starter set, which names it
