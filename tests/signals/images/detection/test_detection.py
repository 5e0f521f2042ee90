"""Mask R-CNN: what it is told of masks, how it is measured, and a model of made fields."""

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
from medkg.examinations import detection_findings
from medkg.signals.images.detection import network
from medkg.signals.images.detection.figures import average_precision, figures_of, hits_of
from medkg.signals.images.detection.model import Detector
from medkg.signals.images.detection.network import Seen, target_of, things_in, train_network
from medkg.signals.images.detection.read import region_of
from medkg.signals.images.detection.train import calibrate, numbered, seen_of, train_detection
from medkg.signals.images.segmentation.corpus import read_corpus

from ..segmentation.made import field, write_fields

CODES = '[nucleus]\ncode = "HP:0002664"\nname = "Neoplasm"\n'


def write_empty(folder: Path, numbers: range) -> None:
    """Fields without a nucleus, and their black masks."""
    rng = np.random.default_rng(5)
    for number in numbers:
        picture, mask = field(rng, nuclei=0)
        Image.fromarray(picture).save(folder / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:02d}.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fields(tmp_path_factory.mktemp("fields"), 10)
    write_empty(folder, range(10, 16))
    return folder


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 1)
    monkeypatch.setattr(network, "_LEAST_STEPS", 2)


def labels_of(*boxes: tuple[int, int, int, int], side: int = 40) -> np.ndarray:
    """Things that fill boxes of left, top, right and bottom."""
    labels = np.zeros((side, side), np.int32)
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number
    return labels


def test_a_target_has_the_box_and_mask_of_each_thing_but_the_smallest() -> None:
    boxes = [(3, 10, 12, 14), (20, 20, 40, 40), (0, 0, 2, 2)]
    target = target_of(torch.from_numpy(labels_of(*boxes)).long())
    assert target["boxes"].tolist() == [list(box) for box in boxes[:2]]
    assert target["masks"].flatten(1).sum(1).tolist() == [36, 400]
    assert target["labels"].tolist() == [1, 1]
    nothing = target_of(torch.zeros(20, 20, dtype=torch.int64))
    assert nothing["boxes"].shape == (0, 4)
    assert nothing["masks"].shape == (0, 20, 20)


def test_a_thing_is_seen_once_and_by_half_of_the_union() -> None:
    true = labels_of((0, 0, 10, 10), (20, 20, 30, 30))
    seen = labels_of((0, 0, 10, 8), (20, 20, 30, 24), (21, 24, 30, 30))
    assert hits_of(seen, true).tolist() == [True, False, True]
    twice = labels_of((0, 0, 10, 5), (0, 5, 10, 10))
    assert hits_of(twice, true).tolist() == [True, False]  # each is half of the same thing
    assert hits_of(seen, np.zeros_like(true)).tolist() == [False] * 3
    assert hits_of(np.zeros_like(true), true).tolist() == []


def test_average_precision_counts_what_was_missed_and_what_is_surer_and_wrong() -> None:
    scores = np.array([0.9, 0.8, 0.7])
    assert average_precision(scores, np.array([True, True, False]), 2) == 1
    assert average_precision(scores, np.array([True, True, False]), 4) == 0.5
    assert average_precision(scores, np.array([False, True, True]), 2) == pytest.approx(2 / 3)
    assert average_precision(scores[:0], np.zeros(0, bool), 2) == 0


def test_figures_are_of_what_has_a_score_of_a_half() -> None:
    true = labels_of((0, 0, 10, 10), (20, 20, 30, 30))
    whole = figures_of([seen_of(true)], [true])
    assert (whole["precision"], whole["recall"], whole["ap"], whole["dice"]) == (1, 1, 1, 1)
    unsure = Seen(np.zeros((2, 4), np.float32), np.array([0.9, 0.3], np.float32), true)
    figures = figures_of([unsure], [true])
    assert (figures["precision"], figures["recall"], figures["ap"]) == (1, 0.5, 1)
    assert figures["dice"] == pytest.approx(2 / 3)


def test_masks_of_one_value_are_parted_and_others_keep_their_things(data: Path) -> None:
    corpus = read_corpus(data, side=32)
    numbers = numbered(corpus)
    assert [int(each.max()) for each in numbers] == corpus.counts.clip(0).tolist()
    assert ((numbers > 0) == corpus.masks).all()
    y, x = np.mgrid[0:32, 0:32]
    touching = (np.hypot(x - 9, y - 16) < 6) | (np.hypot(x - 19, y - 16) < 6)
    black_and_white = np.where(touching, 255, 0).astype(np.int32)[None]
    plain = type(corpus)(corpus.pixels[:1], black_and_white, corpus.counts, corpus.groups, "")
    assert numbered(plain).max() == 2
    with pytest.raises(DataError, match="no mask shows a thing"):
        numbered(type(corpus)(corpus.pixels, corpus.numbers * 0, corpus.counts, corpus.groups, ""))


def test_presence_is_calibrated_where_some_pictures_show_nothing() -> None:
    true = np.stack([labels_of((0, 0, 10, 10)) * (number % 2) for number in range(20)])
    rng = np.random.default_rng(0)
    seen = []
    for number in range(20):
        score = rng.uniform(0.3, 0.6) + 0.2 * (number % 2)
        one = labels_of((0, 0, 10, 10))
        seen.append(Seen(np.zeros((1, 4), np.float32), np.array([score], np.float32), one))
    fitted, threshold = calibrate(seen, true)
    assert fitted is not None
    odds = np.log(np.array([0.35, 0.75]) / (1 - np.array([0.35, 0.75])))
    low, high = fitted.probability(odds, np.ones(2))
    assert low < threshold < high
    assert calibrate(seen, true * 0 + labels_of((0, 0, 9, 9))) == (None, 0.5)


def test_a_region_names_the_surest_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    labels = labels_of((0, 0, 10, 10), (20, 20, 30, 30))
    both = region_of(Seen(boxes, np.array([0.9, 0.7], np.float32), labels))
    assert both == (
        "upper left of the picture (x 0.00–0.25, y 0.00–0.25); middle of the picture"
        " (x 0.50–0.75, y 0.50–0.75); 2 such places; 12.5 % of the picture"
    )
    one = region_of(Seen(boxes, np.array([0.9, 0.2], np.float32), labels))
    assert one == "upper left of the picture (x 0.00–0.25, y 0.00–0.25); 6.2 % of the picture"
    nothing = Seen(boxes[:0], np.zeros(0, np.float32), labels * 0)
    assert region_of(nothing) == "no place of the picture"


@pytest.mark.slow
def test_nuclei_that_were_not_learnt_from_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 1)
    monkeypatch.setattr(network, "_LEAST_STEPS", 40)
    rng = np.random.default_rng(3)
    made = [field(rng, 64, int(rng.integers(2, 6))) for _ in range(50)]
    pixels = np.stack([picture for picture, _ in made]).astype(np.float32) / 255
    numbers = np.stack([mask for _, mask in made]).astype(np.int32)
    trained = train_network(pixels[:40], numbers[:40], 0)
    seen = [things_in(trained, picture, 0.05) for picture in pixels[40:]]
    figures = figures_of(seen, list(numbers[40:]))
    assert figures["ap"] > 0.9
    assert figures["dice"] > 0.8
    wide = things_in(trained, np.concatenate([pixels[40], pixels[41]], 1), 0.05)
    assert wide.labels.shape == (64, 128)
    assert hits_of(wide.labels, np.concatenate([numbers[40], numbers[40] * 0], 1)).any()
    assert wide.boxes[:, 2].max() > 64


@pytest.mark.usefixtures("_short")
def test_the_same_seed_gives_the_same_network(data: Path) -> None:
    corpus = read_corpus(data, side=32)
    pixels, numbers = corpus.pixels[8:12], numbered(corpus)[8:12]
    one, same, other = (train_network(pixels, numbers, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(weights, same[name]) for name, weights in one.items())
    assert not all(torch.equal(weights, other[name]) for name, weights in one.items())


@pytest.mark.slow
@pytest.mark.usefixtures("_short")
def test_the_commands(data: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    out = str(tmp_path / "nuclei")
    train_it = ["train", "detection", str(data), "--label", "nucleus", "--procedure", "smear"]
    trained = run(app, [*train_it, "--out", out, "--side", "32", "--json"])
    assert trained.exit_code == 0, trained.stderr
    figures = json.loads(trained.stdout)[f"{out}, by folds"]
    assert figures["pictures"] == 16
    assert not Path(f"{out}.checkpoint").exists()
    judged = run(app, ["evaluate", "detection", str(data), "--side", "32", "--json"])
    both = json.loads(judged.stdout)
    assert both["Mask R-CNN, by folds"] == figures
    assert both["Otsu's threshold"]["recall"] > 0.8
    table = run(app, ["evaluate", "detection", str(data), "--side", "32"])
    assert max(map(len, table.stdout.splitlines())) <= 80
    codes = tmp_path / "own.toml"
    codes.write_text(CODES)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(field(np.random.default_rng(7), 80)[0]).save(pictures / "a.png")
    (pictures / "cut.png").write_bytes(b"\x89PNG")
    read = ["signals", "detection", str(pictures), "--model", out, "--patient", "ann"]
    given = ["--codes", str(codes), "--masks", str(tmp_path / "masks")]
    done = run(app, [*read, "--out", str(tmp_path / "graph"), *given, "--json"])
    assert done.exit_code == 0, done.stderr
    shown = json.loads(done.stdout)
    [finding] = shown["findings"]
    assert (finding["code"], finding["procedure"]) == ("HP:0002664", "smear")
    assert sum(shown["set_aside"].values()) == 1
    with Image.open(tmp_path / "masks" / "a.png.things.png") as mask:
        assert mask.size == (80, 80)
    with pytest.raises(DataError, match="classes nucleus have no code"):
        medkg.read_detections(pictures / "a.png", "ann", model=out)
    with pytest.raises(DataError, match="give a larger --field"):
        detection_findings(enormous(tmp_path), model=out, codes=codes, field=16)
    with pytest.raises(DataError, match="--field is 16 pixels or more"):
        detection_findings(pictures, model=out, codes=codes, field=3, quarantine=Quarantine())


def enormous(folder: Path) -> Path:
    """A picture that has over a million pixels where 16 of its pixels are read as 32."""
    file = folder / "large.png"
    Image.fromarray(field(np.random.default_rng(8), 600)[0]).save(file)
    return file


def test_a_model_of_another_kind_is_refused(data: Path, tmp_path: Path) -> None:
    from medkg.signals.images.segmentation.model import DEFAULT

    with pytest.raises(ModelError, match="segmentation"):
        Detector.open(DEFAULT)
    with pytest.raises(DataError, match="name what is looked for"):
        train_detection(data, tmp_path / "out", label=" ", procedure="smear")
