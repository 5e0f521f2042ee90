"""CycleGAN on made pictures of two kinds: what it learns, and its commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.signals.images.translation import network
from medkg.signals.images.translation.corpus import read_corpus
from medkg.signals.images.translation.model import Translator
from medkg.signals.images.translation.network import (
    first_weights,
    generator_weights,
    generators_of,
    train_round,
    translated,
)
from medkg.signals.images.translation.train import scaled, train_translation

from ..test_volume import VOLUME, write_volume
from .made import as_other, discs, write_kinds

SIDE = 32


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 0)
    monkeypatch.setattr(network, "_LEAST_STEPS", 1)


@pytest.mark.slow
def test_it_learns_what_the_other_kind_looks_like_and_keeps_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 0)
    monkeypatch.setattr(network, "_LEAST_STEPS", 15)
    rng = np.random.default_rng(0)
    first, second = discs(rng, 40, SIDE), as_other(discs(rng, 40, SIDE))
    new = discs(rng, 10, SIDE)
    true = as_other(new)

    def judged(weights: dict[str, torch.Tensor]) -> tuple[float, float]:
        generators = generators_of(generator_weights(weights))
        made = translated(generators["forth"], new)
        again = translated(generators["back"], made)
        return float(np.abs(made - true).mean()), float(np.abs(again - new).mean())

    weights = first_weights(0)
    _, cycle_before = judged(weights)
    for number in range(3):
        weights = train_round(weights, first, second, 0, number)
    away, cycle = judged(weights)
    assert cycle < cycle_before / 3
    assert away < float(np.abs(new - true).mean()) / 4


@pytest.mark.usefixtures("_short")
def test_the_same_seed_gives_the_same_weights() -> None:
    pictures = discs(np.random.default_rng(0), 8, 16)
    one, same, other = (
        train_round(first_weights(seed), pictures, as_other(pictures), seed, 0)
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(weights, same[name]) for name, weights in one.items())
    assert not all(torch.equal(weights, other[name]) for name, weights in one.items())


def test_brightness_is_that_of_the_other_kind() -> None:
    pictures = discs(np.random.default_rng(0), 20)
    other = 0.3 + 0.4 * pictures
    made = scaled(pictures, pictures, other)
    assert made == pytest.approx(other, abs=1e-4)


def test_files_are_parted_and_volumes_are_slices(tmp_path: Path) -> None:
    first, second = write_kinds(tmp_path, 10)
    (second / "cut.png").write_bytes(b"\x89PNG")
    write_volume(second / "head.nii.gz", VOLUME)
    quarantine = Quarantine()
    corpus = read_corpus(first, second, side=SIDE, quarantine=quarantine)
    assert len(quarantine) == 1
    assert (len(corpus.first), len(corpus.held_first)) == (8, 2)
    assert len(corpus.second) + len(corpus.held_second) == 10 + 9
    learnt, held = ({each.tobytes() for each in p} for p in (corpus.first, corpus.held_first))
    assert not learnt & held
    assert corpus.checksum != read_corpus(second, first, side=SIDE).checksum
    with pytest.raises(DataError, match="in steps of 4"):
        read_corpus(first, second, side=30)
    (first / "again.png").write_bytes((first / "00.png").read_bytes())
    quarantine = Quarantine()
    assert read_corpus(first, second, side=SIDE, quarantine=quarantine).checksum == corpus.checksum
    assert sum(row.reason == "the same picture as another file's" for row in quarantine) == 1
    (first / "again.png").unlink()
    (first / "00.png").unlink()
    with pytest.raises(DataError, match="has 9 files that can be read, and 10 are needed"):
        read_corpus(first, second, side=SIDE)


@pytest.mark.usefixtures("_short")
def test_training_goes_on_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write_kinds(tmp_path, 10)
    train_translation(first, second, tmp_path / "whole", side=16)
    rounds: list[int] = []

    def cut(*given: object) -> dict[str, torch.Tensor]:
        if given[-1] == 2 and not rounds:
            rounds.append(2)
            raise KeyboardInterrupt
        return train_round(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("medkg.signals.images.translation.train.train_round", cut)
    with pytest.raises(KeyboardInterrupt):
        train_translation(first, second, tmp_path / "cut", side=16)
    assert (tmp_path / "cut.checkpoint").is_dir()
    train_translation(first, second, tmp_path / "cut", side=16)
    files = [tmp_path / name / "weights.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "cut.checkpoint").exists()


@pytest.mark.usefixtures("_short")
def test_the_commands(tmp_path: Path) -> None:
    first, second = write_kinds(tmp_path, 10)
    run = CliRunner().invoke
    model = str(tmp_path / "models" / "ct-mri")
    arguments = ["train", "translation", str(first), str(second), "--out", model, "--side", "16"]
    trained = run(app, [*arguments, "--json"])
    assert trained.exit_code == 0, trained.stderr
    figures = json.loads(trained.stdout)[model]
    assert figures.keys() == {"ct", "mri"}
    assert (figures["mri"]["pictures"], figures["mri"]["taken_before"]) == (2, 0)
    assert "| mri | 2 |" in (tmp_path / "models" / "ct-mri" / "CARD.md").read_text()
    table = run(app, arguments)
    assert max(map(len, table.stdout.splitlines())) <= 80
    pictures = tmp_path / "new"
    pictures.mkdir()
    Image.open(first / "00.png").save(pictures / "a.png")
    write_volume(pictures / "head.nii.gz", VOLUME)
    (pictures / "cut.png").write_bytes(b"\x89PNG")
    out = str(tmp_path / "made")
    read = ["signals", "translation", str(pictures), "--model", model, "--to", "mri", "--out", out]
    done = run(app, [*read, "--json"])
    assert done.exit_code == 0, done.stderr
    shown = json.loads(done.stdout)
    names = [Path(file).name for file in shown["written"]]
    assert names == ["a.png.mri.png", *(f"head.nii.gz.mri-{n}.png" for n in range(1, 10))]
    assert sum(shown["set_aside"].values()) == 1
    with Image.open(shown["written"][0]) as picture:
        assert picture.size == (16, 16)
    with pytest.raises(DataError, match="translates to ct and mri, not to pet"):
        medkg.translate_pictures(pictures / "a.png", out, model=model, to="pet")
    with pytest.raises(DataError, match="is among the pictures to read"):
        medkg.translate_pictures(pictures, pictures / "made", model=model, to="ct")


def test_what_cannot_be_trained_or_opened_is_refused(tmp_path: Path) -> None:
    from medkg.signals.images.model import DEFAULT

    with pytest.raises(ModelError, match="images"):
        Translator.open(DEFAULT)
    first, _ = write_kinds(tmp_path, 10)
    with pytest.raises(DataError, match="both folders are called ct"):
        train_translation(first, first, tmp_path / "out")
    with pytest.raises(DataError, match="no such folder"):
        train_translation(first, tmp_path / "none", tmp_path / "out")
