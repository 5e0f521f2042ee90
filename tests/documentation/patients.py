"""Examinations, tables and wards of patients that the pages take for granted, all made."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

from ..extract.sentiment import test_sentiment as sentiment
from ..mining.course.made import visits
from ..signals.ecg import made as ecg
from ..signals.ecg.test_train import with_early_beats
from ..signals.eeg import made as eeg
from ..signals.images import made as images
from ..signals.images.segmentation import made as segmentation
from ..signals.images.slides.test_slides import tissue
from ..signals.images.translation import made as translation
from .workplace import Maker, Shelf, written

_CODES = '[effusion]\ncode = "HP:0002202"\nname = "Pleural effusion"\n'
_ECG_RATE = 180


def _ecg_edf(path: Path) -> None:
    """Twelve seconds of a fast heart, two leads."""
    ecg.write_edf(path, ecg.signal(ecg.regular(12, 0.5), 12, _ECG_RATE), _ECG_RATE)


def _holter(_: Shelf, path: Path) -> None:
    path.mkdir()
    _ecg_edf(path / "night.edf")


def _ecg_records(_: Shelf, path: Path) -> None:
    """Made records in the form of the published beats."""
    from medkg.signals.ecg.beats import cut_beats, r_peaks

    path.mkdir(parents=True)
    parts: dict[str, list[NDArray[Any]]] = {"dx": [], "y": [], "record": [], "rr": []}
    for record in range(6):
        times, early = with_early_beats(60, 0.75 + 0.04 * record, 0.7)
        wide = sorted(early) if record % 2 else []
        samples = ecg.signal(times, 60, _ECG_RATE, wide=wide).T.astype(np.float32)
        beats = cut_beats(samples, r_peaks(samples))
        is_early = np.array([min(abs(t - e) for e in early) < 0.05 for t in beats.times])
        raw = np.round(beats.forms * 200).astype(np.int16)
        parts["dx"].append(np.diff(raw, axis=-1, prepend=0).astype(np.int16))
        parts["y"].append(np.where(is_early, 2 if record % 2 else 1, 0))
        parts["record"].append(np.full(len(beats.times), record))
        parts["rr"].append(beats.intervals)
    np.savez(path / "DS1_beats.npz", **{name: np.concatenate(part) for name, part in parts.items()})


def _eeg_night(_: Shelf, path: Path) -> None:
    rng = np.random.default_rng(1)
    spans = eeg.spans_in(90, rng)
    eeg.write_edf(path, eeg.with_bursts(eeg.background(90, rng), spans, rng))


def _films(_: Shelf, path: Path) -> None:
    """A folder of made films for each class."""
    rng = np.random.default_rng(0)
    for name in ("normal", "effusion"):
        (path / name).mkdir(parents=True)
        for number in range(10):
            spot = (float(rng.choice([0.3, 0.7])), float(rng.uniform(0.25, 0.75)))
            pixels = images.film(rng, spot=spot if name == "effusion" else None)
            images.write_png(path / name / f"{number}.png", pixels)


def _series(_: Shelf, path: Path) -> None:
    path.mkdir()
    rng = np.random.default_rng(1)
    pixels = images.film(rng, side=64).astype(np.uint16) * 16
    images.write_dicom(path / "1.dcm", pixels)


def _resnet18(_: Shelf, path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import get_model

    save_file(get_model("resnet18", weights=None).state_dict(), path)


def _vit(_: Shelf, path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    ViTModel(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=224,
            patch_size=56,
        )
    ).save_pretrained(path)


def _slides(_: Shelf, path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("normal", "effusion"):
        (path / name).mkdir(parents=True)
        for number in range(8):
            dense = (int(rng.integers(4)), int(rng.integers(1, 5))) if name != "normal" else None
            Image.fromarray(tissue(rng, dense)).save(path / name / f"{number}.tif")


def _slide(_: Shelf, path: Path) -> None:
    Image.fromarray(tissue(np.random.default_rng(1), (1, 2))).save(path, format="TIFF")


def _kind(path: Path, draw: Callable[[np.random.Generator, int], NDArray[np.float32]]) -> None:
    """A folder of ten pictures of a kind."""
    path.mkdir()
    for number, picture in enumerate(draw(np.random.default_rng(0), 10)):
        images.write_png(path / f"{number}.png", (255 * picture).astype(np.uint8))


def _cells(nuclei: int, side: int = 64) -> Maker:
    def make(_: Shelf, path: Path) -> None:
        picture, _mask = segmentation.field(np.random.default_rng(2), side=side, nuclei=nuclei)
        Image.fromarray(picture).save(path)

    return make


def _fields(_: Shelf, path: Path) -> None:
    path.mkdir()
    for number in range(2):
        picture, _mask = segmentation.field(np.random.default_rng(number))
        Image.fromarray(picture).save(path / f"{number}.png")


def _visit(_: Shelf, path: Path) -> None:
    """Synthetic speech."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("NOT RUN: commands on recordings; install espeak-ng")
    text = "She has a fever. No pain, no cough."
    subprocess.run(["espeak-ng", "-w", str(path), text], check=True)


def _recordings(shelf: Shelf, path: Path) -> None:
    path.mkdir()
    shutil.copy(shelf.get("visit.wav"), path / "second.wav")


def _visits(patients: int, seed: int) -> Maker:
    def make(_: Shelf, path: Path) -> None:
        table = visits(patients, seed)
        names = {each: str(number) for number, each in enumerate(table["patient"].unique().sort())}
        table.with_columns(pl.col("patient").replace(names)).write_csv(path)

    return make


def _bundle(_: Shelf, path: Path) -> None:
    """A FHIR bundle with one patient's glucose."""
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/ann"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "valueQuantity": {"value": 250, "unit": "mg/dL"},
        "effectiveDateTime": "2024-05-03",
    }
    entries = [{"resource": {"resourceType": "Patient", "id": "ann"}}, {"resource": observation}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    path.write_text(json.dumps(bundle), encoding="utf-8")


_WARD = {
    "Disease": {"MONDO:1": "asthma"},
    "Symptom": {"HP:1": "cough", "HP:2": "dyspnea", "HP:3": "chronic cough"},
    "Drug": {"RX:1": "salmeterol", "RX:2": "theophylline", "RX:3": "budesonide"},
}


def _ward(_: Shelf, path: Path) -> None:
    """Patients of whom four in five have asthma and one of two drugs, some a third drug too."""
    rng = np.random.default_rng(0)
    nodes = [(id_, kind, name) for kind, own in _WARD.items() for id_, name in own.items()]
    rows = []
    for number in range(300):
        patient = f"patient:{number:03}"
        nodes.append((patient, "Patient", patient))
        start = f"20{18 + number % 4}-03-01"
        if number % 5:
            rows.append((patient, "HAS_DISEASE", "MONDO:1", start))
        drugs = ["RX:1" if rng.random() < 0.5 else "RX:2"] + ["RX:3"] * (rng.random() < 0.5)
        rows += [(patient, "TAKES", drug, start[:5] + "04-01") for drug in drugs]
        for symptom, share, day in (("HP:1", 0.4, "08"), ("HP:2", 0.5, "01"), ("HP:3", 0.3, "01")):
            if rng.random() < share:
                rows.append((patient, "HAS_PHENOTYPE", symptom, f"{start[:5]}{day}-09"))
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object", "date"], orient="row")
    KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        evidence.with_columns(source=pl.lit("ward")),
        [Source("ward", "1", "CC0-1.0")],
    ).save(path)


RESULTS = "patient,test,value,unit\nann,glucose,20,mmol/L\nann,sodium,118,mmol/L\n"
PATIENTS: dict[str, Maker] = {
    "rest.edf": lambda _, path: _ecg_edf(path),
    "holter": _holter,
    "data/ecg-mitbih": _ecg_records,
    "recordings": lambda _, path: eeg.write_corpus(path, n_patients=6, seconds=90),
    "night.edf": _eeg_night,
    "patient:models/eeg": lambda shelf, path: shelf.run(
        "train eeg {data} --label spike_wave --out {out}", data=shelf.get("recordings"), out=path
    ),
    "chest.png": lambda _, path: images.write_png(path, images.film(np.random.default_rng(3))),
    "series": _series,
    "films": _films,
    "images:others": _films,
    "own.toml": written(_CODES),
    "resnet18.safetensors": _resnet18,
    "models/vit": _vit,
    "slides": _slides,
    "biopsy.svs": _slide,
    "cells": lambda _, path: segmentation.write_fields(path, 12),
    "segmentation:others": lambda _, path: segmentation.write_fields(path, 6),
    "nodules": lambda _, path: segmentation.write_fields(path, 12),
    "detection:own.toml": written('[nodule]\ncode = "HP:0033608"\nname = "Pulmonary nodule"\n'),
    "ct": lambda _, path: _kind(path, translation.discs),
    "mri": lambda _, path: _kind(path, lambda *n: translation.as_other(translation.discs(*n))),
    "head.png": lambda _, path: images.write_png(path, images.film(np.random.default_rng(4))),
    "smear.png": _cells(5),
    "large.png": _cells(6, 700),
    "fields": _fields,
    "results.csv": written(RESULTS),
    "bundle.json": _bundle,
    "note.txt": written("She has a fever and joint pain. No cough.\n"),
    "visit.wav": _visit,
    "speech:recordings": _recordings,
    "visits.csv": _visits(60, 0),
    "course:others.csv": _visits(40, 1),
    "reviews.tsv": lambda _, path: sentiment.made(path),
    "reviews:others.csv": written("comments\nIt helped me.\nI felt sick all day.\n"),
    "graphs/ward": _ward,
    "cohorts:embedded:server": _ward,
}
