"""Training the classifier of pictures on made films, and reading pictures with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.examinations import image_findings
from medkg.signals.images import network, train
from medkg.signals.images.corpus import read_corpus
from medkg.signals.images.model import DEFAULT, ImageClassifier
from medkg.signals.images.region import region_of
from medkg.signals.images.train import evaluate_image_model, evaluate_images, train_images

from .made import film, write_dicom, write_png
from .test_volume import write_volume

CODES = '[spot]\ncode = "HP:0032177"\nname = "Pulmonary nodule"\n'
SPOT = (0.3, 0.72)  # in the lower left of the picture


def spot(rng: np.random.Generator) -> tuple[float, float]:
    """A place in the dark fields of a film."""
    return float(rng.choice([0.3, 0.7])), float(rng.uniform(0.25, 0.75))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of films with a spot and without."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(0)
    for name in ("normal", "spot"):
        (folder / name).mkdir()
        for number in range(80):
            pixels = film(rng, spot=spot(rng) if name == "spot" else None)
            write_png(folder / name / f"{number}.png", pixels)
    return folder


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "films"
    quarantine = Quarantine()
    (data / "spot" / "cut.png").write_bytes(b"\x89PNG")
    figures = train_images(data, out, procedure="chest film", side=16, quarantine=quarantine)
    (data / "spot" / "cut.png").unlink()
    assert len(quarantine) == 1
    assert figures["pictures"] == 160
    assert figures["classes"]["spot"]["auc"] > 0.9
    assert not out.with_name("films.checkpoint").exists()
    return out


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("codes") / "codes.toml"
    file.write_text(CODES)
    return file


def test_what_is_seen_is_a_finding_with_its_place(model: Path, codes: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    write_png(tmp_path / "ill.png", film(rng, side=64, spot=SPOT))
    write_dicom(tmp_path / "well.dcm", film(rng, side=64).astype(np.uint16) * 16)
    (tmp_path / "notes.txt").write_text("no picture")
    ill, well = image_findings(tmp_path, model=model, codes=codes)
    assert (ill.present, well.present) == (True, False)
    assert ill.probability > 0.5 > well.probability
    assert ill.region.startswith("lower left of the picture")
    assert (ill.procedure, ill.code, well.date) == ("chest film", "HP:0032177", "2024-05-03")
    kg = medkg.read_images(tmp_path, "ann", model=model, codes=codes)
    edges = kg.edges.filter(relation="HAS_PHENOTYPE")
    assert edges.select("subject", "object").rows() == [("patient:ann", "HP:0032177")]
    evidence = kg.evidence.filter(relation="HAS_PHENOTYPE")
    assert sorted(evidence["certainty"]) == ["certain", "hypothetical"]
    assert "Doe" not in str(kg.nodes.to_dicts()) + str(kg.evidence.to_dicts())


def test_what_can_not_be_judged_is_set_aside(model: Path, codes: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    write_png(tmp_path / "a.png", film(rng))
    write_png(tmp_path / "noise.png", rng.integers(0, 255, (64, 64)).astype(np.uint8))
    write_png(tmp_path / "photo.png", rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
    write_png(tmp_path / "black.png", np.zeros((64, 64), np.uint8))
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    quarantine = Quarantine()
    findings = image_findings(tmp_path, model=model, codes=codes, quarantine=quarantine)
    assert [Path(finding.file).name for finding in findings] == ["a.png"]
    reasons = {Path(str(row.path)).name: row.reason for row in quarantine.rows}
    assert reasons.keys() == {"noise.png", "photo.png", "black.png", "cut.jpg"}
    assert "unlike what the model learnt from" in reasons["noise.png"]
    assert "colours" in reasons["photo.png"]
    with pytest.raises(DataError, match="constant"):
        medkg.read_images(tmp_path / "black.png", "ann", model=model, codes=codes)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture"):
        medkg.read_images(tmp_path / "empty", "ann", model=model, codes=codes)


def test_the_finding_of_a_volume_is_that_of_its_strongest_slice(
    model: Path, codes: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(7)
    films = [film(rng, side=64, spot=SPOT if n == 5 else None) for n in range(10)]
    # As slices of a patient: right and left, front and back exchanged with columns and rows.
    voxels = np.stack([pixels.T[::-1, ::-1] for pixels in films], -1).astype(np.int16)
    file = write_volume(tmp_path / "chest.nii.gz", voxels)
    remarks: list[str] = []
    [finding] = image_findings(file, model=model, codes=codes, remarks=remarks)
    assert finding.present
    assert finding.region.startswith("slice 6 of 10 from the feet, lower left of the picture")
    assert remarks == ["chest.nii.gz: is a volume, of which 9 axial slices of 10 are read"]
    noise = rng.integers(0, 255, (64, 64, 5)).astype(np.int16)
    quarantine = Quarantine()
    both = [file, write_volume(tmp_path / "noise.nii", noise)]
    assert len(image_findings(both, model=model, codes=codes, quarantine=quarantine)) == 1
    assert "unlike" in quarantine.rows[0].reason


def test_a_class_needs_a_code(model: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", film(np.random.default_rng(3)))
    with pytest.raises(DataError, match=r"spot have no code.*--codes"):
        medkg.read_images(tmp_path / "a.png", "ann", model=model)


def test_a_training_that_was_cut_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 1)
    monkeypatch.setattr(network, "_LEAST_STEPS", 2)
    train_images(data, tmp_path / "uncut", procedure="chest film", side=16)
    original, calls = train.train_network, list[int]()

    def counted(*given: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*given, **options)  # type: ignore[arg-type]  # what it is given

    monkeypatch.setattr(train, "train_network", counted)
    out = tmp_path / "films"
    with pytest.raises(KeyboardInterrupt):
        train_images(data, out, procedure="chest film", side=16)
    assert not out.exists()
    train_images(data, out, procedure="chest film", side=16)
    assert len(calls) == 3 + 4  # five folds and the whole; two were there
    uncut = tmp_path / "uncut" / "weights.safetensors"
    assert (out / "weights.safetensors").read_bytes() == uncut.read_bytes()


def test_a_damaged_model_is_named(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError):
        ImageClassifier.open(broken)


def test_pictures_of_medmnist_s_form(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    pixels = np.stack([film(rng, spot=spot(rng) if n % 2 else None) for n in range(30)])
    labels = (np.arange(30) % 2)[:, None].astype(np.uint8)
    file = tmp_path / "films.npz"
    np.savez(file, val_images=pixels, val_labels=labels, train_images=pixels, train_labels=labels)
    judged = evaluate_image_model(file, model)
    assert judged["classes"]["spot"]["auc"] > 0.9
    assert 0 <= judged["unlike"] <= 1
    assert read_corpus(file, labels=["normal", "spot"]).classes == ("normal", "spot")
    with pytest.raises(DataError, match="part test"):
        evaluate_image_model(file, model, part="test")
    np.savez(file, val_images=pixels, val_labels=np.repeat(labels, 2, axis=1))
    with pytest.raises(DataError, match="several labels"):
        read_corpus(file, part="val")


def test_few_pictures_of_a_class_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("normal", "spot"):
        (tmp_path / name).mkdir()
        for number in range(4):
            write_png(tmp_path / name / f"{number}.png", film(rng))
    with pytest.raises(DataError, match="too few"):
        evaluate_images(tmp_path, side=16)


def test_the_commands(model: Path, codes: Path, data: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    write_png(tmp_path / "ill.png", film(np.random.default_rng(6), spot=SPOT))
    options = ["--patient", "ann", "--out", str(tmp_path / "kg"), "--codes", str(codes)]
    arguments = ["signals", "images", str(tmp_path / "ill.png"), "--model", str(model), *options]
    done = runner.invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["present"]
    assert (tmp_path / "kg" / "graph.json").is_file()
    done = runner.invoke(app, ["evaluate", "images", str(data), "--model", str(model), "--json"])
    assert done.exit_code == 0, done.output
    [figures] = [each for each in json.loads(done.stdout).values() if "classes" in each]
    assert figures["classes"]["spot"]["balanced_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (slice(0, 2), slice(0, 2), "upper left of the picture (x 0.25–0.35, y 0.00–0.20)"),
        (slice(4, 6), slice(4, 6), "middle of the picture (x 0.45–0.55, y 0.40–0.60)"),
        (slice(8, 10), slice(4, 6), "lower middle of the picture (x 0.45–0.55, y 0.80–1.00)"),
    ],
)
def test_a_place_in_words(rows: slice, columns: slice, words: str) -> None:
    heat = np.zeros((10, 10), np.float32)
    heat[rows, columns] = 1.0
    assert region_of(heat, 100, 200) == words
    assert region_of(np.zeros((10, 10), np.float32), 100, 200) == "no place of the picture"


def test_the_model_that_ships_says_what_it_is() -> None:
    shipped = ImageClassifier.open()
    assert shipped.classes == ("normal", "pneumonia")
    assert shipped.config["procedure"] == "chest radiograph"
    assert "no medical device" in (DEFAULT / "CARD.md").read_text(encoding="utf-8")
    assert sum(file.stat().st_size for file in DEFAULT.iterdir()) < 1_000_000


def test_a_picture_of_another_modality_is_no_radiograph(tmp_path: Path) -> None:
    pixels = film(np.random.default_rng(1), side=64).astype(np.uint16) * 16
    write_dicom(tmp_path / "radiograph.dcm", pixels)
    write_dicom(tmp_path / "dental.dcm", pixels, Modality="PX")
    write_dicom(tmp_path / "slice.dcm", pixels, Modality="CT")
    quarantine = Quarantine()
    findings = image_findings(tmp_path, quarantine=quarantine)
    assert {Path(finding.file).name for finding in findings} == {"radiograph.dcm", "dental.dcm"}
    remarks = {remark for finding in findings for remark in finding.remarks}
    assert remarks == {"DICOM of modality DX", "DICOM of modality PX"}
    (reason,) = quarantine.counts()
    assert "is of DICOM's modality CT, and the model is of a chest radiograph" in reason
