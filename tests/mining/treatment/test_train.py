"""Training of treatment models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import medkg.mining.treatment.train as training
from medkg.core.errors import DataError, ModelError
from medkg.mining.links.load import load_link_model
from medkg.mining.treatment.train import train_treatment
from tests.mining.treatment.pharmacy import pharmacy


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


@pytest.mark.parametrize("model", ["content", "collaborative"])
def test_the_same_seed_gives_the_same_model(model: str) -> None:
    kg = pharmacy()
    first, again = (train_treatment(kg, model=model, seed=3) for _ in range(2))
    everything = np.arange(len(first.task.tails))
    assert first.metrics == again.metrics
    assert np.array_equal(first.scores(everything), again.scores(everything))
    assert first.name == again.name
    other = train_treatment(kg, model=model, seed=1)
    assert other.name != first.name
    assert other.task.held_back != first.task.held_back


def test_an_interrupted_training_goes_on_with_its_link_predictor(
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
    kept = tmp_path / "model.checkpoint" / "links"
    trained = load_link_model(kept, kg)
    with monkeypatch.context() as patched:
        patched.setattr(training, "train_links", killed)  # it isn't trained again
        model = train_treatment(kg, out=tmp_path / "model")
    assert not kept.exists()
    everything = torch.arange(len(model.task.tails))
    scores = [m.score_heads(everything) for m in (trained.scorer, model.members["links"])]
    assert torch.equal(*scores)
    assert model.task.held_back == trained.task.held_back


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
    treats = kg.edges.filter(relation="TREATS")["id"]
    with pytest.raises(DataError, match=r"no TREATS edge is left for test; .*medkg split"):
        train_treatment(kg, split={"valid": treats[:6].to_list()})
