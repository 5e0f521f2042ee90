"""A variational autoencoder of molecules: its training, its folder, and walks in its latents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.mining.molecules.generator.between import interpolate_molecules
from medkg.mining.molecules.generator.model import open_generator
from medkg.mining.molecules.generator.tokens import read_smiles
from medkg.mining.molecules.generator.variational import VariationalNetwork

from .conftest import LIBRARY

Trained = tuple[Path, dict[str, Any]]
FIRST, SECOND = "CCc1ccccc1", "CCCCCCCCNC1CCNCC1"


@pytest.fixture(scope="module")
def vae(library: Path, lstm: Trained) -> tuple[Path, dict[str, Any]]:
    """The folder of an autoencoder whose decoder began as the network, and its figures."""
    out = library.parent / "vae"
    return out, medkg.train_generator(library, out, model="vae", start=lstm[0], epochs=20)


def network_of(folder: Path) -> VariationalNetwork:
    writer = open_generator(folder).writer
    assert isinstance(writer, VariationalNetwork)
    return writer


def test_it_writes_molecules(vae: Trained) -> None:
    folder, figures = vae
    assert figures["valid"] > 0.5
    generator = open_generator(folder)
    assert generator.name == "vae"
    texts = generator.write(50, seed=1)
    assert texts == generator.write(50, seed=1)
    assert texts != generator.write(50, seed=2)
    assert np.mean([read_smiles(text) is not None for text in texts]) > 0.5
    card = (folder / "CARD.md").read_text()
    assert "--model vae --epochs 20 --from START --seed 0" in card
    assert "START had read made.smi" in card


def test_latents_tell_molecules_apart(vae: Trained) -> None:
    network, generator = network_of(vae[0]), open_generator(vae[0])
    codes = [code for text in LIBRARY[:100] if (code := generator.vocabulary.encode(text))]
    with torch.no_grad():
        state, added = network.decoder_input(network.means(codes))
        own = network.written_loss(codes, state, added).item()
        mixed = (state[0].flip(1), state[1].flip(1)), added.flip(0)
        of_others = network.written_loss(codes, *mixed).item()
    assert own < of_others - 1


def test_new_latents_are_drawn_like_those_of_the_library(vae: Trained) -> None:
    network, generator = network_of(vae[0]), open_generator(vae[0])
    codes = [code for text in LIBRARY if (code := generator.vocabulary.encode(text))]
    means = network.means(codes)
    mean = network.shares @ network.centres
    assert torch.allclose(mean, means.mean(0), atol=0.3)
    squares = network.deviations.square() + network.centres.square()
    variance = network.shares @ squares - mean.square()
    assert bool((variance >= 0.8 * means.var(0)).all())


def test_a_seed_gives_the_same_autoencoder(library: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.smi"
    small.write_text("".join(library.read_text().splitlines(keepends=True)[:100]))
    for name in "ab":
        medkg.train_generator(small, tmp_path / name, model="vae", epochs=1)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_a_walk_goes_from_one_molecule_to_the_other(vae: Trained) -> None:
    walk = interpolate_molecules(vae[0], FIRST, SECOND, steps=5)
    assert [point["at"] for point in walk] == [0.1667, 0.3333, 0.5, 0.6667, 0.8333]
    made = [point for point in walk if point["smiles"] is not None]
    assert len(made) >= 3
    assert not {FIRST, SECOND} & {point["smiles"] for point in made}
    towards = [point["to_second"] - point["to_first"] for point in made]  # type: ignore[operator]
    assert towards[-1] > towards[0]
    assert walk == interpolate_molecules(vae[0], FIRST, SECOND, steps=5)


def test_a_vae_is_guided_as_a_network_is(vae: Trained) -> None:
    ligands = ["C" * n + "Nc1ccncc1" for n in range(2, 14)]
    made = medkg.generate_molecules(vae[0], ligands=ligands, n=3)
    assert made.molecules
    assert made.record["model"] == "vae"
    again = medkg.generate_molecules(vae[0], ligands=ligands, n=3)
    assert again.molecules == made.molecules


def test_what_can_not_be_walked_is_refused(vae: Trained, lstm: Trained, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no latents to walk in"):
        interpolate_molecules(lstm[0], FIRST, SECOND)
    with pytest.raises(ModelError, match="can't read"):
        interpolate_molecules(vae[0], "CCBr", SECOND)
    with pytest.raises(DataError, match="a drug's name needs a graph"):
        interpolate_molecules(vae[0], "aspirin", SECOND)
    with pytest.raises(MissingError):
        interpolate_molecules(vae[0], "no such drug", SECOND, kg=medkg.load("starter"))
    with pytest.raises(DataError, match="ask for 1 or more"):
        interpolate_molecules(vae[0], FIRST, SECOND, steps=0)
    with pytest.raises(ModelError, match="goes on as vae"):
        medkg.train_generator(lstm[0].parent / "made.smi", tmp_path / "m", start=vae[0])


def test_the_command_walks(vae: Trained, tmp_path: Path) -> None:
    out = tmp_path / "walk.csv"
    words = ["generate", str(vae[0]), "--between", FIRST, SECOND, "-n", "3"]
    result = CliRunner().invoke(app, [*words, "--json", "--out", str(out)])
    assert result.exit_code == 0, result.output
    points = json.loads(result.stdout)
    assert [point["at"] for point in points] == [0.25, 0.5, 0.75]
    assert len(out.read_text().splitlines()) == 4
    assert "These are ideas" in CliRunner().invoke(app, words).stdout
    assert CliRunner().invoke(app, ["generate", *words[2:]]).exit_code == 2
    assert CliRunner().invoke(app, [*words, "--like", "CCO"]).exit_code == 2
