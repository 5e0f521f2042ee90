"""Slides: which tiles are read, a model of made tissue, and findings with their tile."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.examinations import slide_findings
from medkg.signals.images.slides import network, tiles
from medkg.signals.images.slides.corpus import read_corpus
from medkg.signals.images.slides.model import SlideClassifier
from medkg.signals.images.slides.tiles import read_slide
from medkg.signals.images.slides.train import train_slides

CODES = '[dense]\ncode = "HP:0002664"\nname = "Neoplasm"\n'
GLASS = 240


def tissue(rng: np.random.Generator, dense: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """(128, 160, 3): speckled tissue on glass, in tiles of 32; that at (row, column) is dark."""
    slide = np.full((128, 160, 3), GLASS, np.uint8)
    slide[:, 32:] = rng.normal((200, 120, 180), 25, (128, 128, 3)).clip(0, 255)
    if dense is not None:
        row, column = dense
        spot = slide[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        spot[:] = rng.normal((60, 20, 110), 25, spot.shape).clip(0, 255)
    return slide


def place(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(4)), int(rng.integers(1, 5))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    rng = np.random.default_rng(0)
    for name in ("normal", "dense"):
        (folder / name).mkdir()
        for number in range(16):
            made = tissue(rng, place(rng) if name == "dense" else None)
            Image.fromarray(made).save(folder / name / f"{number}.tif")
    return folder


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "skin"
    (data / "dense" / "cut.tif").write_bytes(b"II*\0")
    quarantine = Quarantine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_LEAST_STEPS", 40)
        patch.setattr(network, "_EPOCHS", 1)
        figures = train_slides(data, out, procedure="biopsy", side=32, quarantine=quarantine)
    (data / "dense" / "cut.tif").unlink()
    assert len(quarantine) == 1
    assert figures["pictures"] == 32
    assert figures["classes"]["dense"]["auc"] > 0.85
    assert "dense" in figures["baseline"]["classes"]
    assert not out.with_name("skin.checkpoint").exists()
    return out


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("codes") / "codes.toml"
    file.write_text(CODES)
    return file


def test_empty_tiles_and_edges_are_left_out(tmp_path: Path) -> None:
    made = tissue(np.random.default_rng(1))[:, :150]
    Image.fromarray(made).save(tmp_path / "a.png")
    slide = read_slide(tmp_path / "a.png", 32)
    assert slide.tiles.shape == (12, 32, 32, 3)
    assert (slide.tiles[0] == made[:32, 32:64]).all()
    assert slide.places[3] == pytest.approx((32 / 150, 0.25))
    assert slide.share == pytest.approx((32 / 150, 0.25))


def test_many_tiles_are_spread_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "MOST_TILES", 4)
    Image.fromarray(tissue(np.random.default_rng(1))).save(tmp_path / "a.png")
    slide = read_slide(tmp_path / "a.png", 32)
    assert slide.places[:, 1].tolist() == [0, 0.25, 0.5, 0.75]


def test_the_largest_level_that_can_be_read_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Image.fromarray(tissue(np.random.default_rng(1)))
    label = Image.fromarray(np.random.default_rng(2).integers(0, 255, (70, 70, 3), np.uint8))
    levels: list[Any] = [label, whole.resize((80, 64)), whole.resize((40, 32))]
    whole.save(tmp_path / "a.tif", save_all=True, append_images=levels)
    slide = read_slide(tmp_path / "a.tif", 32)
    assert (len(slide.tiles), slide.remark) == (16, "level 1 of 4 is read")
    monkeypatch.setattr(tiles, "MOST_PIXELS", 6_000)
    assert read_slide(tmp_path / "a.tif", 32).remark == "level 3 of 4 is read"
    monkeypatch.setattr(tiles, "MOST_PIXELS", 100)
    with pytest.raises(DataError, match="no smaller level"):
        read_slide(tmp_path / "a.tif", 32)


def test_a_first_level_that_pillow_takes_for_a_bomb_is_passed_over(tmp_path: Path) -> None:
    whole = Image.fromarray(tissue(np.random.default_rng(1)))
    file = tmp_path / "a.tif"
    whole.save(file, save_all=True, append_images=[whole])
    written = bytearray(file.read_bytes())
    (directory,) = struct.unpack_from("<I", written, 4)
    for place in range(directory + 2, len(written), 12):  # the first level's tags
        tag, kind = struct.unpack_from("<HH", written, place)
        if tag in (256, 257):  # its width and height
            of_kind = "<H" if kind == 3 else "<I"
            (pixels,) = struct.unpack_from(of_kind, written, place + 8)
            struct.pack_into(of_kind, written, place + 8, 100 * pixels)
        if tag == 257:
            break
    file.write_bytes(written)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(file)
    slide = read_slide(file, 32)
    assert (len(slide.tiles), slide.remark) == (16, "level 2 of 2 is read")
    assert (slide.tiles[0] == np.asarray(whole)[:32, 32:64]).all()


def test_what_is_no_slide_is_refused(tmp_path: Path) -> None:
    for name, pixels, reason in (
        ("flat.tif", np.full((64, 64, 3), GLASS, np.uint8), "every tile is empty"),
        ("small.png", tissue(np.random.default_rng(1))[:20], "less than a tile"),
        ("notes.txt", None, "no slide"),
        ("cut.tif", None, "cut off"),
    ):
        if pixels is None:
            (tmp_path / name).write_bytes(b"II*\0")
        else:
            Image.fromarray(pixels).save(tmp_path / name)
        with pytest.raises(DataError, match=reason):
            read_slide(tmp_path / name, 32)


def test_what_is_seen_is_a_finding_with_its_tile(model: Path, codes: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    Image.fromarray(tissue(rng, (2, 3))).save(tmp_path / "ill.tif")
    Image.fromarray(tissue(rng)).save(tmp_path / "well.tif")
    (tmp_path / "cut.tif").write_bytes(b"II*\0")
    quarantine = Quarantine()
    ill, well = slide_findings(tmp_path, model=model, codes=codes, quarantine=quarantine)
    assert len(quarantine) == 1
    assert ill.probability > well.probability
    assert ill.region.startswith("the tile at x 0.60–0.80, y 0.50–0.75")
    kg = medkg.read_slides(tmp_path / "ill.tif", "ann", model=model, codes=codes)
    assert "Neoplasm" in kg.nodes["name"].to_list()
    with pytest.raises(DataError, match="dense have no code"):
        medkg.read_slides(tmp_path / "ill.tif", "ann", model=model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no slide"):
        medkg.read_slides(tmp_path / "empty", "ann", model=model, codes=codes)


def test_the_commands(
    data: Path, codes: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_LEAST_STEPS", 2)
    monkeypatch.setattr(network, "_EPOCHS", 1)
    runner, out = CliRunner(), tmp_path / "skin"
    command = ["train", "slides", str(data), "--procedure", "biopsy", "--out", str(out)]
    done = runner.invoke(app, [*command, "--tile", "32", "--json"])
    assert done.exit_code == 0, done.output
    train_slides(data, tmp_path / "again", procedure="biopsy", side=32)
    again = tmp_path / "again" / "weights.safetensors"  # the same seed gives the same model
    assert (out / "weights.safetensors").read_bytes() == again.read_bytes()
    command = ["signals", "slides", str(data / "dense" / "0.tif"), "--model", str(model)]
    options = ["--patient", "ann", "--codes", str(codes), "--out", str(tmp_path / "kg"), "--json"]
    done = runner.invoke(app, [*command, *options])
    assert done.exit_code == 0, done.output
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["code"] == "HP:0002664"


def test_bad_input_of_training(data: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="procedure"):
        train_slides(data, tmp_path / "m", procedure=" ")
    with pytest.raises(DataError, match="32 to 512"):
        read_corpus(data, side=8)
    with pytest.raises(DataError, match="two subfolders"):
        read_corpus(data / "dense")
    with pytest.raises(ModelError):
        SlideClassifier.open(tmp_path)
