"""An adversarial autoencoder of molecules: what its adversaries learn, what its latents tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import medkg
from medkg.core.errors import ModelError
from medkg.mining.molecules.generator.adversarial import AdversarialNetwork
from medkg.mining.molecules.generator.between import interpolate_molecules
from medkg.mining.molecules.generator.model import open_generator

from .conftest import LIBRARY

Trained = tuple[Path, dict[str, Any]]
FIRST, SECOND = "CCc1ccccc1", "CCCCCCCCNC1CCNCC1"


@pytest.fixture(scope="module")
def aae(library: Path, lstm: Trained) -> Trained:
    """The folder of an autoencoder whose decoder began as the network, and its figures."""
    out = library.parent / "aae"
    return out, medkg.train_generator(library, out, model="aae", start=lstm[0], epochs=15)


def test_it_is_kept_and_writes_molecules(aae: Trained) -> None:
    folder, figures = aae
    assert figures["valid"] > 0.5
    generator = open_generator(folder)
    assert generator.name == "aae"
    assert isinstance(generator.writer, AdversarialNetwork)
    texts = generator.write(50, seed=1)
    assert texts == generator.write(50, seed=1)
    assert texts != generator.write(50, seed=2)
    assert "--model aae --epochs 15 --from START" in (folder / "CARD.md").read_text()


def test_a_molecule_is_likelier_at_its_own_latents(aae: Trained) -> None:
    generator = open_generator(aae[0])
    network = generator.writer
    assert isinstance(network, AdversarialNetwork)
    codes = [code for text in LIBRARY[:100] if (code := generator.vocabulary.encode(text))]
    with torch.no_grad():
        latents = network.means(codes)
        own, another = (
            network.written_loss(codes, *network.decoder_input(of)).item()
            for of in (latents, latents.flip(0))
        )
    assert own < another - 1


def test_each_adversary_learns_from_its_own_loss_alone() -> None:
    torch.manual_seed(0)
    network, texts = AdversarialNetwork(5), [[1, 2, 3], [2, 4], [3, 3, 3]]
    # With a discriminator that takes each text for real, the encoder has only to write it.
    with torch.no_grad():
        for weights in network.discriminator.parameters():
            weights.zero_()
    torch.manual_seed(1)
    network.loss(texts).backward()  # type: ignore[no-untyped-call]
    with_adversary = network.posterior.weight.grad
    assert with_adversary is not None
    torch.manual_seed(1)
    network.zero_grad()
    latents = network.noisy(*network.encode(texts))
    network.written_loss(texts, *network.decoder_input(latents)).backward()  # type: ignore[no-untyped-call]
    assert network.posterior.weight.grad is not None
    assert torch.allclose(with_adversary, network.posterior.weight.grad)
    # The last bias sees as many latents as draws of the prior, half of each taken for real; the
    # encoder's loss, which would pull it up, gives it no gradient.
    torch.manual_seed(1)
    network.zero_grad()
    network.loss(texts).backward()  # type: ignore[no-untyped-call]
    bias = list(network.discriminator.parameters())[-1]
    assert bias.grad is not None
    assert bias.grad.item() == pytest.approx(0, abs=1e-6)


def test_a_seed_gives_the_same_adversaries(library: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.smi"
    small.write_text("".join(library.read_text().splitlines(keepends=True)[:100]))
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        medkg.train_generator(small, tmp_path / name, model="aae", epochs=1, seed=seed)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_it_is_walked_in_and_guided(aae: Trained) -> None:
    walk = interpolate_molecules(aae[0], FIRST, SECOND, steps=5)
    made = [point for point in walk if point["smiles"] is not None]
    assert len(made) >= 3
    towards = [point["to_second"] - point["to_first"] for point in made]  # type: ignore[operator]
    assert towards[-1] > towards[0]
    assert walk == interpolate_molecules(aae[0], FIRST, SECOND, steps=5)
    ligands = ["C" * n + "Nc1ccncc1" for n in range(2, 14)]
    guided = medkg.generate_molecules(aae[0], ligands=ligands, n=3)
    assert guided.molecules
    assert guided.record["model"] == "aae"


def test_it_goes_on_as_what_it_is(aae: Trained, library: Path, tmp_path: Path) -> None:
    for model in ("lstm", "vae"):
        with pytest.raises(ModelError, match="goes on as aae"):
            medkg.train_generator(library, tmp_path / "m", model=model, start=aae[0])
    medkg.train_generator(library, tmp_path / "m", model="aae", start=aae[0], epochs=1)
    assert open_generator(tmp_path / "m").config["start"]["epochs"] == 15
