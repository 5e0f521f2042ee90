"""Restoring made pictures: what the network learns, and its commands."""

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
from medkg.signals.images.picture import read_picture
from medkg.signals.images.restoration import network
from medkg.signals.images.restoration.corpus import patches_of, read_corpus
from medkg.signals.images.restoration.model import Restorer
from medkg.signals.images.restoration.network import (
    PATCH,
    enlarged,
    first_weights,
    halved,
    network_of,
    restored,
    train_round,
    with_noise,
)
from medkg.signals.images.restoration.train import filtered, psnr_of, train_restoration

from ..made import film, write_png
from ..test_volume import VOLUME, write_volume
from ..translation.made import discs


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 0)
    monkeypatch.setattr(network, "_LEAST_STEPS", 2)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Ten pictures of 60 × 70 pixels."""
    folder = tmp_path / "films"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(10):
        write_png(folder / f"{number}.png", np.pad(film(rng, 60, (0.3, 0.6)), ((0, 0), (5, 5))))
    return folder


@pytest.mark.slow
def test_it_takes_noise_out_better_than_filters_and_enlarges_better_than_bicubic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 0)
    monkeypatch.setattr(network, "ROUNDS", 2)
    rng = np.random.default_rng(0)
    # Without noise of their own, and with edges as sharp as pixels: what bicubic blurs.
    learnt, true = (
        np.where(discs(rng, n, PATCH) > 0.45, 0.75, 0.15).astype(np.float32) for n in (200, 40)
    )
    noisy = with_noise(true, 0.1, rng)
    filters = max(float(psnr_of(each, true).mean()) for each in filtered(noisy).values())
    bicubic = enlarged(halved(true))
    for noise, given, usual in (
        (0.1, noisy, filters),
        (None, bicubic, float(psnr_of(bicubic, true).mean())),
    ):
        weights = first_weights(0)
        for number in range(2):
            weights = train_round(weights, learnt, noise, 0, number)
        made = restored(network_of(weights), given)
        assert float(psnr_of(made, true).mean()) > usual + 1


def test_tiles_and_the_whole_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = network_of(first_weights(0))
    pixels = np.random.default_rng(0).random((1, 75, 91), dtype=np.float32)
    whole = restored(trained, pixels)
    assert whole.shape == pixels.shape
    monkeypatch.setattr(network, "_TILE", 32)
    assert restored(trained, pixels) == pytest.approx(whole, abs=1e-6)
    # The smallest picture is smaller than the margin about a tile.
    assert restored(trained, pixels[:, :16, :16]).shape == (1, 16, 16)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("noise", [0.1, None])
def test_the_same_seed_gives_the_same_weights(noise: float | None) -> None:
    patches = discs(np.random.default_rng(0), 8, PATCH)
    one, same, other = (
        train_round(first_weights(seed), patches, noise, seed, 0) for seed in (0, 0, 1)
    )
    assert all(torch.equal(weights, same[name]) for name, weights in one.items())
    assert not all(torch.equal(weights, other[name]) for name, weights in one.items())


def test_patches_are_of_the_picture_and_small_pictures_are_set_aside(films: Path) -> None:
    picture = read_picture(films / "0.png")
    patches = patches_of(picture)
    assert patches.shape == (4, PATCH, PATCH)
    assert np.array_equal(patches, patches_of(picture))
    places = np.lib.stride_tricks.sliding_window_view(picture.grey, (PATCH, PATCH))
    assert all((places == patch).all(axis=(-2, -1)).any() for patch in patches)
    write_png(films / "small.png", film(np.random.default_rng(1), 20, (0.3, 0.6)))
    quarantine = Quarantine()
    corpus = read_corpus(films, quarantine=quarantine)
    assert [row.reason for row in quarantine] == [
        "is 20 × 20 pixels; the shorter side has at least 28"
    ]
    assert (len(corpus.learnt), len(corpus.held)) == (32, 8)
    (films / "9.png").unlink()
    with pytest.raises(DataError, match="has 9 files that can be read, and 10 are needed"):
        read_corpus(films)


@pytest.mark.usefixtures("_short")
def test_training_goes_on_and_gives_the_same(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_restoration(films, tmp_path / "whole")
    rounds: list[int] = []

    def cut(*given: object) -> dict[str, torch.Tensor]:
        if given[-1] == 2 and not rounds:
            rounds.append(2)
            raise KeyboardInterrupt
        return train_round(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("medkg.signals.images.restoration.train.train_round", cut)
    with pytest.raises(KeyboardInterrupt):
        train_restoration(films, tmp_path / "cut")
    assert (tmp_path / "cut.checkpoint").is_dir()
    train_restoration(films, tmp_path / "cut")
    files = [tmp_path / name / "weights.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "cut.checkpoint").exists()


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    ("options", "figures", "size"),
    [
        (["--noise", "0.2"], ["patches", "given", "median", "gaussian", "restored"], (70, 60)),
        (["--task", "size"], ["patches", "bicubic", "restored"], (140, 120)),
    ],
)
def test_the_commands(
    films: Path, tmp_path: Path, options: list[str], figures: list[str], size: tuple[int, int]
) -> None:
    run = CliRunner().invoke
    model = str(tmp_path / "model")
    arguments = ["train", "restoration", str(films), "--out", model, *options]
    trained = run(app, [*arguments, "--json"])
    assert trained.exit_code == 0, trained.stderr
    assert list(json.loads(trained.stdout)[model]) == figures
    assert " ".join(options) in (tmp_path / "model" / "CARD.md").read_text()
    table = run(app, arguments)
    assert max(map(len, table.stdout.splitlines())) <= 80
    write_volume(films / "head.nii.gz", VOLUME)
    (films / "cut.png").write_bytes(b"\x89PNG")
    out = str(tmp_path / "made")
    done = run(
        app, ["signals", "restoration", str(films), "--model", model, "--out", out, "--json"]
    )
    assert done.exit_code == 0, done.stderr
    shown = json.loads(done.stdout)
    names = [Path(file).name for file in shown["written"]]
    assert names[0] == "0.png.restored.png"
    assert names[-9:] == [f"head.nii.gz.restored-{n}.png" for n in range(1, 10)]
    assert sum(shown["set_aside"].values()) == 1
    with Image.open(shown["written"][0]) as picture:
        assert picture.size == size
    with pytest.raises(DataError, match="is among the pictures to read"):
        medkg.restore_pictures(films, films / "made", model=model)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"task": "colour"}, "there is no task colour: it is noise or size"),
        ({"task": "size", "noise": 0.1}, "noise goes with the task noise"),
        ({"noise": 0.0}, "its deviation is over 0"),
        ({"noise": float("nan")}, "its deviation is over 0"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    films: Path, tmp_path: Path, options: dict[str, object], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        train_restoration(films, tmp_path / "out", **options)  # type: ignore[arg-type]


def test_another_model_is_refused() -> None:
    from medkg.signals.images.model import DEFAULT

    with pytest.raises(ModelError, match="images"):
        Restorer.open(DEFAULT)
