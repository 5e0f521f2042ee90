"""The model of phrases as a folder, and what ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import ModelError
from medkg.extract.phrases.candidates import FEATURES
from medkg.extract.phrases.model import SHIPPED, PhraseModel, shipped_model
from medkg.extract.phrases.train import train_model
from tests.extract.phrases.made_phrases import made_vectors

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(400, len(FEATURES))).astype(np.float32)
IS_RIGHT = ROWS[:, 0] > 0.3


@pytest.fixture(scope="module")
def model() -> PhraseModel:
    weights = np.ones(len(ROWS), dtype=np.float32)
    return train_model(made_vectors(), ROWS, IS_RIGHT, weights, members=2, epochs=200)


def test_it_learns_what_is_right(model: PhraseModel) -> None:
    likely = model.probabilities(ROWS)
    assert likely.shape == (len(ROWS),)
    assert ((likely > 0.5) == IS_RIGHT).mean() > 0.9


def test_rows_of_no_weight_teach_nothing() -> None:
    weights = np.where(ROWS[:, 1] > 0, 1, 0).astype(np.float32)
    wrong_elsewhere = np.where(weights > 0, IS_RIGHT, ~IS_RIGHT)
    model = train_model(made_vectors(), ROWS, wrong_elsewhere, weights, members=1, epochs=200)
    assert ((model.probabilities(ROWS) > 0.5) == IS_RIGHT).mean() > 0.8


def test_a_folder_gives_back_what_was_saved(model: PhraseModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model", {"notes": 3}, "# Card\n")
    again = PhraseModel.open(tmp_path / "model")
    assert again.vectors.rows == dict(model.vectors.rows)
    np.testing.assert_array_equal(again.vectors.vectors[0], 0)
    largest = np.abs(model.vectors.vectors).max(axis=1, keepdims=True)
    error = np.abs(again.vectors.vectors - model.vectors.vectors)
    assert (error <= largest * (1 / 254 + 1e-3) + 1e-6).all()
    np.testing.assert_allclose(again.probabilities(ROWS), model.probabilities(ROWS), atol=1e-6)
    model.save(tmp_path / "twin", {"notes": 3}, "# Card\n")
    files = ("weights.safetensors", "words.json", "CARD.md")
    assert all(
        (tmp_path / "model" / n).read_bytes() == (tmp_path / "twin" / n).read_bytes() for n in files
    )


def test_other_features_and_damage_are_refused(model: PhraseModel, tmp_path: Path) -> None:
    model.save(tmp_path / "damaged", {}, "# Card\n")
    (tmp_path / "damaged" / "words.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError):
        PhraseModel.open(tmp_path / "damaged")
    with pytest.raises(ModelError, match="holds no model"):
        PhraseModel.open(tmp_path / "none")
    from medkg.core.model_folder import given_config, save_files

    config = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    other = {**given_config(config), "features": ["likeness"]}
    other = {k: v for k, v in other.items() if k not in ("kind", "model_version")}
    save_files(tmp_path / "other", "phrases", other, "# Card\n", lambda folder: None)
    with pytest.raises(ModelError, match="other features"):
        PhraseModel.open(tmp_path / "other")


def test_what_ships_is_small_and_knows_plain_words() -> None:
    model = shipped_model()
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 1_500_000
    phrases = ["gets up to pee five times a night", "wakes at night to urinate", "hands burn"]
    rows = model.vectors.rows_of([phrase.split() for phrase in phrases])
    up, wakes, burn = model.vectors.encode(rows)
    assert up @ wakes > 0.6 > up @ burn
