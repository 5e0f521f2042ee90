"""Training a generator, its folder, and what it is judged by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.mining.molecules.generator import figures as figures_module
from medkg.mining.molecules.generator.figures import evaluate_generator, figures_of
from medkg.mining.molecules.generator.library_smiles import LibraryParts, library_smiles
from medkg.mining.molecules.generator.model import Generator, open_generator
from medkg.mining.molecules.generator.ngram import ORDER, NgramModel
from medkg.mining.molecules.generator.notation import Smiles
from medkg.mining.molecules.generator.synthetic_accessibility import synthetic_accessibility
from medkg.mining.molecules.generator.tokens import tokens
from medkg.mining.molecules.generator.vocabulary import Vocabulary

Trained = tuple[Path, dict[str, Any]]


def test_tokens_are_atoms_and_joined_give_the_text() -> None:
    text = "C[C@@H](Cl)c1cc[nH]c1Br%12"
    assert tokens(text) == [
        *("C", "[C@@H]", "(", "Cl", ")"),
        *("c", "1", "c", "c", "[nH]", "c", "1", "Br", "%12"),
    ]
    vocabulary = Vocabulary.of([tokens(text)], Smiles())
    assert vocabulary.decode(vocabulary.encode(text) or []) == text
    assert vocabulary.encode("CF") is None


def test_a_network_learns_what_molecules_are(lstm: Trained) -> None:
    _, figures = lstm
    assert figures["valid"] > 0.5
    assert figures["learned"] == 216
    assert figures["written"] == 300
    assert figures["distances"]["weight"] > figures["floor"]["weight"] > 0


def test_figures_count_texts_molecules_and_those_learned() -> None:
    class Writes(Generator):
        def write(self, *_: object, **__: object) -> list[str]:
            return ["CCO", "OCC", "CCN", "C1CC", ""]

    parts = LibraryParts(["CCO", "CCC"], ["CCCC"])
    model = Writes(Vocabulary(["C"], Smiles()), NgramModel.fit(2, [[1]]), {})
    figures = figures_of(model, parts)
    assert figures["valid"] == 3 / 5
    assert figures["unique"] == 2 / 3
    assert figures["novel"] == 1 / 2


def test_figures_compare_neighbours_and_scaffolds() -> None:
    rings = ["Cc1ccccc1", "CCc1ccccc1", "CC1CCNCC1"]
    assert figures_module._nearest_similarity(rings, rings) == 1
    assert figures_module._nearest_similarity(["CCCCO"], rings) < 0.3
    assert figures_module._scaffold_similarity(rings, rings) == 1
    # Counts 2 and 1 of one side, 1 and 1 of the other: 3 / (sqrt 5 · sqrt 2).
    others = ["c1ccccc1", "C1CCNCC1", "CCO"]
    assert figures_module._scaffold_similarity(rings, others) == pytest.approx(0.9487, abs=1e-4)
    assert figures_module._scaffold_similarity(rings, ["C1CCOCC1"]) == 0
    assert figures_module._scaffold_similarity(rings, ["CCO"]) == 0


def test_a_seed_gives_the_same_model(library: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.smi"
    small.write_text("".join(library.read_text().splitlines(keepends=True)[:100]))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        medkg.train_generator(small, tmp_path / name, seed=seed)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]
    written = [open_generator(tmp_path / name).write(20, seed=3) for name in "ab"]
    assert written[0] == written[1]


def test_training_goes_on_from_a_model(lstm: Trained, ngram: Trained, tmp_path: Path) -> None:
    path = tmp_path / "own.smi"
    path.write_text("".join(f"{'C' * n}Nc1ccncc1\n{'C' * n}Sc1ccncc1\n" for n in range(1, 61)))
    fresh = medkg.train_generator(path, tmp_path / "fresh", epochs=3)
    more = medkg.train_generator(path, tmp_path / "more", epochs=3, start=lstm[0])
    assert more["valid"] > fresh["valid"]
    model = open_generator(tmp_path / "more")
    assert model.vocabulary.names == open_generator(lstm[0]).vocabulary.names
    assert model.config["start"]["library"]["name"] == "made.smi"
    assert "START had read made.smi" in (tmp_path / "more" / "CARD.md").read_text()
    with pytest.raises(ModelError, match="only a network can be trained further"):
        medkg.train_generator(path, tmp_path / "m", start=ngram[0])
    with pytest.raises(DataError, match="an ngram is counted anew"):
        medkg.train_generator(path, tmp_path / "m", model="ngram", start=lstm[0])
    strange = tmp_path / "strange.smi"
    strange.write_text("".join(f"{'C' * n}Br\n{'C' * n}F\n" for n in range(1, 61)))
    with pytest.raises(DataError, match="write 0 of the molecules, and 2 are the least"):
        medkg.train_generator(strange, tmp_path / "m", start=lstm[0])


def test_the_baseline_writes_runs_of_the_library(ngram: Trained, library: Path) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        parts = tokens(text)
        return {tuple(parts[n : n + ORDER]) for n in range(len(parts) - ORDER + 1)}

    folder, figures = ngram
    model = open_generator(folder)
    assert model.name == "ngram"
    assert figures["valid"] > 0.5
    learned = set[tuple[str, ...]]().union(*map(runs, library_smiles(library, Quarantine())))
    written = set[tuple[str, ...]]().union(*map(runs, model.write(50)))
    assert written
    assert written <= learned


def test_evaluation_knows_the_library_that_was_learned(
    lstm: Trained, library: Path, tmp_path: Path
) -> None:
    folder, figures = lstm
    report = evaluate_generator(folder, library)
    assert report["trained_on"]
    assert report["figures"]["valid"] == figures["valid"]
    assert report["baseline"]["written"] == report["figures"]["written"]
    other = tmp_path / "other.smi"
    other.write_text("".join(library.read_text().splitlines(keepends=True)[:150]))
    assert not evaluate_generator(folder, other)["trained_on"]


def test_bad_lines_are_set_aside(library: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.smi"
    path.write_text("C1CC broken\n" + library.read_text())
    quarantine = Quarantine()
    medkg.train_generator(path, tmp_path / "model", model="ngram", quarantine=quarantine)
    assert [row.line for row in quarantine.rows] == [1]


def test_what_can_not_be_trained_is_refused(library: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="take one of lstm, vae, aae, ngram"):
        medkg.train_generator(library, tmp_path / "m", model="gan")
    few = tmp_path / "few.smi"
    few.write_text("CCO\nCCN\n")
    with pytest.raises(DataError, match="2 different molecules are too few"):
        medkg.train_generator(few, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_damaged_folder_is_refused(ngram: Trained, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        open_generator(tmp_path)
    for file in ngram[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="is damaged"):
        open_generator(tmp_path)


def test_the_card_says_what_the_model_is(lstm: Trained) -> None:
    card = (lstm[0] / "CARD.md").read_text()
    assert "medkg train generator made.smi --model lstm --epochs 25 --seed 0" in card
    assert f"valid {lstm[1]['valid']:.3f}" in card


def test_rings_of_many_fragments_look_harder_to_make() -> None:
    aspirin, strychnine = "CC(=O)Oc1ccccc1C(=O)O", "O=C1CC2OCC=C3CN4CCC56C4CC3C2C6N1c1ccccc15"
    easy, hard = (synthetic_accessibility(Chem.MolFromSmiles(s)) for s in (aspirin, strychnine))
    assert 1 <= easy < 3 < hard <= 10


def test_commands_train_and_evaluate(library: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "m")
    runner = CliRunner()
    trained = runner.invoke(
        app, ["train", "generator", str(library), "--out", out, "--model", "ngram", "--json"]
    )
    assert json.loads(trained.stdout)["set_aside"] == {}
    result = runner.invoke(app, ["evaluate", "generator", out, str(library)])
    assert result.exit_code == 0
    assert "the library itself" in result.stdout
