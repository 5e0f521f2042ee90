"""Training of treatment models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import medkg.gnn.treatment.train as training
from medkg.gnn.treatment.train import train_treatment
from medkg.graph.errors import DataError, ModelError

from .pharmacy import pharmacy


def test_palliation_of_held_back_pairs_is_not_seen() -> None:
    """A source may say of one pair both that a drug treats and that it eases."""
    kg = pharmacy()
    treats = kg.edges.filter(relation="TREATS").sort("id")
    parts = {"valid": treats["id"][:6].to_list(), "test": treats["id"][6:12].to_list()}
    pairs = treats.select("subject", "object").head(12)
    kg = pharmacy(extra=[(drug, "PALLIATES", disease, None) for drug, disease in pairs.iter_rows()])
    model = train_treatment(kg, model="content", split=parts)
    eased = kg.edges.filter(relation="PALLIATES").join(pairs, on=["subject", "object"])
    assert set(eased["id"]) == set(model.task.held_back["removed"])
    assert set(eased["id"]) <= set(model.task.excluded)


def test_the_same_seed_gives_the_same_model_interrupted_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg = pharmacy()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "choose_weights", killed)
        patched.setattr(training, "_factorise", lambda t, *_: (training.Degree.fit(t), {}))
        with pytest.raises(KeyboardInterrupt):
            train_treatment(kg, out=tmp_path / "model")
    kept = tmp_path / "model.checkpoint" / "links" / "weights.safetensors"
    assert kept.is_file()
    with monkeypatch.context() as patched:
        patched.setattr(training, "train_links", killed)  # the link predictor is there
        resumed = train_treatment(kg, out=tmp_path / "model")
    assert not kept.exists()
    at_once = train_treatment(kg)
    everything = np.arange(len(resumed.task.tails))
    assert resumed.metrics == at_once.metrics
    assert np.array_equal(resumed.scores(everything), at_once.scores(everything))
    assert resumed.name == at_once.name
    assert train_treatment(kg, model="content", seed=1).name != at_once.name


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    kg = pharmacy()
    with pytest.raises(ModelError, match="unknown model 'svd'; there are hybrid, popularity"):
        train_treatment(kg, model="svd")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=str(tmp_path)):
        train_treatment(kg, out=tmp_path)
    none = kg.without_edges(kg.edges.filter(relation="TREATS")["id"])
    with pytest.raises(DataError, match="TREATS"):
        train_treatment(none)
