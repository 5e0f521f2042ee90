"""Nuclei: parted and counted, a model of made fields, and pictures read with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.signals.images.segmentation import network, train
from medkg.signals.images.segmentation.corpus import folds_of, read_corpus
from medkg.signals.images.segmentation.model import DEFAULT, Segmenter
from medkg.signals.images.segmentation.nuclei import otsu_mask, part_nuclei
from medkg.signals.images.segmentation.train import (
    dice_of,
    evaluate_segmentation,
    evaluate_segmentation_model,
    train_segmentation,
)

from .made import field, write_fields


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fields(tmp_path_factory.mktemp("nuclei"), 15)


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "nuclei"
    quarantine = Quarantine()
    (data / "images" / "cut.png").write_bytes(b"\x89PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_LEAST_STEPS", 60)
        patch.setattr(network, "_EPOCHS", 1)
        figures = train_segmentation(data, out, side=32, quarantine=quarantine)
    (data / "images" / "cut.png").unlink()
    assert len(quarantine) == 1
    assert (figures["pictures"], figures["counted"]) == (15, 15)
    assert figures["dice"] > 0.8
    assert not out.with_name("nuclei.checkpoint").exists()
    return out


def test_nuclei_that_touch_are_parted() -> None:
    y, x = np.mgrid[0:40, 0:60]
    mask = (np.hypot(x - 20, y - 20) < 9) | (np.hypot(x - 36, y - 20) < 9)
    labels = part_nuclei(mask)
    assert labels.max() == 2
    assert ((labels > 0) == mask).all()
    assert labels[20, 18] != labels[20, 38]
    assert part_nuclei(np.zeros((20, 30), bool)).max() == 0


def test_otsu_finds_nuclei_darker_and_lighter_than_the_rest() -> None:
    rng = np.random.default_rng(1)
    for stained in (False, True):
        picture, mask = field(rng, stained=stained)
        outlined = otsu_mask(picture.astype(np.float32) / 255)
        assert dice_of(outlined[None], mask[None] > 0)[0] > 0.95
    assert not otsu_mask(np.full((20, 20, 3), 0.4, np.float32)).any()


def test_dice_of_empty_masks() -> None:
    none, some = np.zeros((1, 4, 4), bool), np.ones((1, 4, 4), bool)
    assert dice_of(none, none)[0] == 1
    assert dice_of(none, some)[0] == 0
    half = some.copy()
    half[:, :2] = False
    assert dice_of(half, some)[0] == pytest.approx(2 / 3)


def test_a_picture_is_measured_in_its_own_pixels(model: Path, tmp_path: Path) -> None:
    picture, mask = field(np.random.default_rng(2), side=192, nuclei=6)
    more = np.random.default_rng(3).normal(20, 7, (192, 60, 3)).clip(0, 255).astype(np.uint8)
    wide = np.concatenate([picture, more], 1)
    Image.fromarray(wide).save(tmp_path / "a.png")
    [measured] = medkg.measure_nuclei(tmp_path / "a.png", model=model, out=tmp_path / "masks")
    assert (measured.height, measured.width, measured.count) == (192, 252, 6)
    assert np.mean(measured.areas) == pytest.approx((mask > 0).sum() / 6, rel=0.6)  # read coarsely
    with Image.open(measured.mask) as image:
        labels = np.asarray(image)
    assert labels.shape == (192, 252)
    assert len(np.unique(labels)) == 7
    assert sum(measured.areas) == pytest.approx((labels > 0).sum(), rel=0.05)
    assert measured.share == pytest.approx((labels > 0).mean())
    outlined = (labels[:, :192] > 0)[None]
    assert dice_of(outlined, mask[None] > 0)[0] > 0.7


def test_a_field_is_brought_to_the_size_that_the_model_knows(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    fields = [field(rng, nuclei=5)[0] for _ in range(16)]
    rows = [np.concatenate(fields[start : start + 4], 1) for start in range(0, 16, 4)]
    Image.fromarray(np.concatenate(rows)).save(tmp_path / "large.png")
    [measured] = medkg.measure_nuclei(tmp_path / "large.png", model=model, field=64)
    assert measured.count == pytest.approx(80, abs=6)
    with pytest.raises(DataError, match="larger --field"):
        Segmenter.open(model).nuclei_of(np.zeros((2000, 2000, 3), np.float32), 16)
    with pytest.raises(DataError, match="16 pixels"):
        medkg.measure_nuclei(tmp_path / "large.png", model=model, field=3)


def test_what_can_not_be_measured_is_set_aside(model: Path, tmp_path: Path) -> None:
    picture, _ = field(np.random.default_rng(4))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(picture).save(tmp_path / folder / "cells.png")
    Image.fromarray(picture * 0).save(tmp_path / "a" / "black.png")
    (tmp_path / "a" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    quarantine = Quarantine()
    folders = [tmp_path / "a", tmp_path / "b"]
    measured = medkg.measure_nuclei(
        folders, model=model, out=tmp_path / "masks", quarantine=quarantine
    )
    assert [Path(each.file).name for each in measured] == ["cells.png"]
    assert sorted(Path(row.path).name for row in quarantine.rows) == [
        "black.png",
        "cells.png",
        "cut.jpg",
    ]
    assert sorted(file.name for file in (tmp_path / "masks").iterdir()) == ["cells.png.nuclei.png"]
    with pytest.raises(DataError, match="among the pictures"):
        medkg.measure_nuclei(folders, model=model, out=tmp_path / "a" / "masks")
    with pytest.raises(DataError, match="constant"):
        medkg.measure_nuclei(tmp_path / "a" / "black.png", model=model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture"):
        medkg.measure_nuclei(tmp_path / "empty", model=model)


def test_training_goes_on_and_gives_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_LEAST_STEPS", 3)
    monkeypatch.setattr(network, "_EPOCHS", 1)
    whole = tmp_path / "whole"
    train_segmentation(data, whole, side=32)
    original, calls = train.train_network, list[int]()

    def counted(*given: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*given)  # type: ignore[arg-type]  # what it is given

    monkeypatch.setattr(train, "train_network", counted)
    out = tmp_path / "nuclei"
    with pytest.raises(KeyboardInterrupt):
        train_segmentation(data, out, side=32)
    assert not out.exists()
    train_segmentation(data, out, side=32)
    assert len(calls) == 3 + 4  # five folds and the whole; two were there
    weights = "weights.safetensors"
    assert (out / weights).read_bytes() == (whole / weights).read_bytes()


def test_masks_of_an_npz_may_be_packed(data: Path, model: Path, tmp_path: Path) -> None:
    corpus = read_corpus(data, side=32)
    images = (corpus.pixels * 255).round().astype(np.uint8)
    packed = np.packbits(corpus.masks, axis=2)
    np.savez(tmp_path / "data.npz", image=images, mask=packed, nuclei=corpus.counts)
    read = read_corpus(tmp_path)
    assert (read.masks == corpus.masks).all()
    assert read.counts.tolist() == corpus.counts.tolist()
    for path in (tmp_path, tmp_path / "data.npz"):
        with pytest.raises(DataError, match="leave --side out"):
            read_corpus(path, side=32)
    judged = evaluate_segmentation_model(tmp_path, model)
    assert judged["dice"] > 0.8
    assert judged["otsu"]["dice"] > 0.9
    np.savez(tmp_path / "data.npz", image=images, mask=packed[:3])
    with pytest.raises(DataError, match="number and size"):
        read_corpus(tmp_path)
    np.savez(tmp_path / "data.npz", image=images)
    with pytest.raises(DataError, match="no pictures with masks"):
        read_corpus(tmp_path / "data.npz")


def test_a_picture_without_its_mask_is_set_aside(tmp_path: Path) -> None:
    write_fields(tmp_path, 6)
    (tmp_path / "masks" / "01.png").unlink()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "masks" / "02.png")
    quarantine = Quarantine()
    corpus = read_corpus(tmp_path, side=32, quarantine=quarantine)
    assert len(corpus.masks) == 4
    assert corpus.pixels.shape == (4, 32, 32, 3)
    assert "no mask" in quarantine.rows[0].reason
    assert "picture's size" in quarantine.rows[1].reason
    with pytest.raises(DataError, match="too few"):
        evaluate_segmentation(tmp_path, side=32)
    with pytest.raises(DataError, match="no subfolders"):
        read_corpus(tmp_path / "masks")


def test_the_same_picture_is_never_on_both_sides(tmp_path: Path) -> None:
    corpus = read_corpus(write_fields(tmp_path, 10), side=32)
    twice = type(corpus)(
        *(np.concatenate([part, part]) for part in (corpus.pixels, corpus.masks, corpus.counts)),
        groups=np.concatenate([corpus.groups, corpus.groups]),
        checksum="",
    )
    for seen, unseen in folds_of(twice):
        assert not set(twice.groups[seen]) & set(twice.groups[unseen])


def test_the_commands(data: Path, model: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    picture = str(data / "images" / "00.png")
    arguments = ["signals", "segmentation", picture, "--model", str(model)]
    done = runner.invoke(app, [*arguments, "--out", str(tmp_path / "masks"), "--json"])
    assert done.exit_code == 0, done.output
    [row] = json.loads(done.stdout)["pictures"]
    assert row["count"] == len(row["areas"]) > 0
    assert Path(row["mask"]).is_file()
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "00.png" in done.stdout
    judge = ["evaluate", "segmentation", str(data), "--model", str(model)]
    for option in ("--side", "--seed"):
        done = runner.invoke(app, [*judge, option, "32"])
        assert done.exit_code == 2
        assert "are for folds" in " ".join(done.output.split())
    done = runner.invoke(app, [*judge, "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures[str(model)]["dice"] > 0.8
    assert figures["Otsu's threshold"]["dice"] > 0.9


def test_a_damaged_model_is_named(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError):
        Segmenter.open(broken)


def test_the_model_that_ships_says_what_it_is() -> None:
    assert Segmenter.open().config["side"] == 128
    assert "no medical device" in (DEFAULT / "CARD.md").read_text(encoding="utf-8")
    assert sum(file.stat().st_size for file in DEFAULT.iterdir()) < 600_000


def test_pictures_of_a_rare_kind_are_drawn_more_often() -> None:
    """Ninety dark ones, nine bright ones, and one in colours."""
    pixels = np.zeros((100, 4, 4, 3), np.float32)
    pixels[90:99] = 0.9
    pixels[99, ..., 0] = 0.5
    assert np.bincount(network.kinds_of(pixels)).tolist() == [90, 9, 1]
    often = network._how_often(pixels).tolist()
    assert often[0] == 1
    assert often[90] == pytest.approx(12 / 9)
    assert often[99] == 8
