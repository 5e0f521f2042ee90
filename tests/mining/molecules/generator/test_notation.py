"""Molecules written as SELFIES: nearly each text is one, and what comes out is SMILES."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.extras import MissingExtraError
from medkg.mining.molecules.generator.between import interpolate_molecules
from medkg.mining.molecules.generator.figures import evaluate_generator
from medkg.mining.molecules.generator.model import open_generator
from medkg.mining.molecules.generator.notation import Selfies, Smiles, notation_of
from medkg.mining.molecules.generator.tokens import END, canonical_smiles, read_smiles
from medkg.mining.molecules.generator.vocabulary import Vocabulary

Trained = tuple[Path, dict[str, Any]]
DRUGS = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "C[N+](C)(C)CC([O-])=O",
    "NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O",
)


@pytest.fixture(scope="module")
def selfies_lstm(library: Path) -> Trained:
    out = library.parent / "selfies"
    return out, medkg.train_generator(library, out, notation="selfies", epochs=6)


@pytest.mark.parametrize("smiles", DRUGS)
def test_selfies_give_the_same_molecule_again(smiles: str) -> None:
    names = Selfies().split(smiles)
    assert names is not None
    again = Chem.MolFromSmiles(Selfies().joined(names))
    assert Chem.MolToSmiles(again) == Chem.CanonSmiles(smiles)


def test_what_selfies_can_not_write_is_none() -> None:
    assert Selfies().split("O=Cl(=O)(=O)O") is None  # a chlorine of seven bonds
    assert Selfies().split("C1CC") is None
    vocabulary = Vocabulary.of([["[C]"]], Selfies())
    assert vocabulary.encode("CC") == [1, 1]
    assert vocabulary.encode("CO") is None


def test_tokens_in_any_order_are_a_molecule() -> None:
    split = [names for text in DRUGS if (names := Selfies().split(text))]
    vocabulary, rng = Vocabulary.of(split, Selfies()), np.random.default_rng(0)
    texts = []
    for _ in range(100):
        partial, numbers = vocabulary.form.begin(), []
        assert not partial.allowed()[END]
        for _ in range(30):
            numbers.append(int(rng.choice(np.flatnonzero(partial.allowed()))))
            if numbers[-1] == END:
                break
            partial.add(numbers[-1])
        texts.append(vocabulary.decode(numbers))
    assert all(texts)
    assert np.mean([Chem.MolFromSmiles(text) is not None for text in texts]) > 0.95


def test_a_network_of_selfies_writes_smiles(selfies_lstm: Trained) -> None:
    folder, figures = selfies_lstm
    assert figures["valid"] > 0.95
    assert json.loads((folder / "config.json").read_text())["notation"] == "selfies"
    generator = open_generator(folder)
    assert isinstance(generator.vocabulary.notation, Selfies)
    texts = generator.write(50, seed=1)
    assert texts == generator.write(50, seed=1)
    assert not any("[Branch1]" in text or "[Ring1]" in text for text in texts)
    assert "--notation selfies" in (folder / "CARD.md").read_text()
    assert "as SELFIES" in (folder / "CARD.md").read_text()


def test_a_network_of_selfies_is_guided_and_goes_on_from_a_scaffold(selfies_lstm: Trained) -> None:
    ligands = ["C" * n + "Nc1ccncc1" for n in range(2, 14)]
    made = medkg.generate_molecules(selfies_lstm[0], ligands=ligands, keep="c1ccncc1", n=5)
    pyridine = Chem.MolFromSmiles("c1ccncc1")
    assert made.molecules
    assert made.counts["without_scaffold"] < made.counts["written"] / 10
    assert all(Chem.MolFromSmiles(r["smiles"]).HasSubstructMatch(pyridine) for r in made.molecules)


def test_an_ngram_and_a_vae_learn_selfies(library: Path, tmp_path: Path) -> None:
    ngram = medkg.train_generator(library, tmp_path / "ngram", model="ngram", notation="selfies")
    assert ngram["valid"] > 0.9
    report = evaluate_generator(tmp_path / "ngram", library)
    assert report["notation"] == "selfies"
    assert report["baseline"] == report["figures"]
    out = tmp_path / "vae"
    medkg.train_generator(library, out, model="vae", notation="selfies", epochs=2)
    walk = interpolate_molecules(out, "CCc1ccccc1", "CCCCCCCCNC1CCNCC1", steps=2)
    made = [point["smiles"] for point in walk if point["smiles"] is not None]
    assert made
    assert all((m := read_smiles(text)) and canonical_smiles(m) == text for text in made)


def test_training_goes_on_in_the_same_notation(
    lstm: Trained, selfies_lstm: Trained, library: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    with pytest.raises(ModelError, match="writes smiles, and goes on so"):
        medkg.train_generator(library, out, notation="selfies", start=lstm[0])
    with pytest.raises(ModelError, match="writes selfies, and goes on so"):
        medkg.train_generator(library, out, start=selfies_lstm[0])
    start = selfies_lstm[0]
    medkg.train_generator(library, out, notation="selfies", start=start, epochs=1)
    names = open_generator(start).vocabulary.names
    assert open_generator(out).vocabulary.names == names


def test_an_unknown_notation_or_a_missing_library_is_said(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "generator", str(library), "--out", str(tmp_path / "m")]
    refused = CliRunner().invoke(app, [*words, "--notation", "inchi"])
    assert refused.exit_code == 1
    with pytest.raises(DataError, match="take one of smiles, selfies"):
        notation_of("inchi")
    assert isinstance(notation_of("smiles"), Smiles)
    made = CliRunner().invoke(app, [*words, "--notation", "selfies", "--model", "ngram", "--json"])
    assert json.loads(made.stdout)["valid"] > 0.9
    monkeypatch.setattr("medkg.core.extras.find_spec", lambda _module: None)
    with pytest.raises(MissingExtraError, match=r"medkg\[selfies\]"):
        medkg.train_generator(library, tmp_path / "n", notation="selfies")
