"""Heads that a trained recogniser gets for further corpora, its encoder as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from medkg.core.errors import ModelError
from medkg.extract.mentions.card import FiguresByCorpus
from medkg.extract.mentions.evaluate import evaluate_ner
from medkg.extract.mentions.network import SHIPPED, NerModel
from medkg.extract.mentions.train import train_ner

from ..made_corpus import write_corpus

OWN = "The cause of ague was Zapomycin, not salt. Lumirol relieved night palsy in 7 patients."
ABSTRACT = "Naloxone reverses the antihypertensive effect of clonidine in rats with hypertension."


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora"), train=60) / "made"


@pytest.fixture(scope="module")
def trained(
    corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, FiguresByCorpus]:
    out = tmp_path_factory.mktemp("models") / "mine"
    return out, train_ner(corpora, out, model="default")


def config_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def test_a_few_dozen_documents_are_enough(trained: tuple[Path, FiguresByCorpus]) -> None:
    out, figures = trained
    assert figures["made"]["micro"]["f1"] > 0.9
    (prediction,) = NerModel.load(out).predict_heads([OWN])
    assert prediction.likeness["made"] > 0.5
    mentions = {(OWN[m.start : m.end], m.kind) for m in prediction.mentions["made"]}
    assert mentions >= {("Zapomycin", "Drug"), ("ague", "Disease"), ("night palsy", "Disease")}
    joined = {(OWN[m.start : m.end], m.kind) for m in NerModel.load(out).predict([OWN])[0]}
    assert joined >= {("Zapomycin", "Drug"), ("night palsy", "Disease")}


def test_all_else_is_as_before(trained: tuple[Path, FiguresByCorpus]) -> None:
    before, after = NerModel.load(), NerModel.load(trained[0])
    new = {"scores.made.weight", "scores.made.bias", "crfs.made.transitions"}
    likeness = {"centres", "covariance"}
    changed = after.state_dict()
    for name, tensor in before.state_dict().items():
        if name not in likeness:
            assert torch.equal(tensor, changed[name]), name
    assert changed.keys() - before.state_dict().keys() == new
    assert torch.equal(after.centres[:-1], before.centres)
    (old,), (now,) = before.predict_heads([ABSTRACT]), after.predict_heads([ABSTRACT])
    assert {name: now.mentions[name] for name in old.mentions} == old.mentions
    assert now.likeness["made"] < 0.1


def test_what_it_is_stands_in_config_and_card(trained: tuple[Path, FiguresByCorpus]) -> None:
    out, figures = trained
    base, config = config_of(SHIPPED), config_of(out)
    assert config["heads"] == {**base["heads"], "made": ["Disease", "Drug"]}
    assert config["training"] == base["training"]
    assert config["added"]["made"]["base"] == base["sha256"]
    assert config["development"] == {**base["development"], **figures}
    assert config["development_joined"].keys() == {"made"}
    assert config["held_out"].keys() == base["held_out"].keys()
    card = (out / "CARD.md").read_text(encoding="utf-8")
    assert "made, 20 epochs, seed 0" in card
    assert "| made | micro |" in card
    assert str(out) not in card + json.dumps(config)


def test_what_it_was_trained_on_is_known(
    corpora: Path, trained: tuple[Path, FiguresByCorpus], shared_data: Path
) -> None:
    (train,) = corpora.glob("train.*")
    row = evaluate_ner([trained[0]], train, "pubtator", head="made").row(-1, named=True)
    assert row["trained_on"] == row["documents"] > 0
    abstracts = shared_data / "corpora" / "ncbi_disease" / "NCBIdevelopset_corpus.txt.xz"
    row = evaluate_ner([trained[0]], abstracts, "ncbi", head="ncbi").row(-1, named=True)
    assert row["trained_on"] == row["documents"] == 100


def test_a_head_of_the_same_name_is_trained_anew(
    corpora: Path, trained: tuple[Path, FiguresByCorpus], tmp_path: Path
) -> None:
    out, first = trained
    again = train_ner(corpora, tmp_path / "again", model=str(out), seed=0)
    config = config_of(tmp_path / "again")
    assert list(config["heads"]) == list(config_of(out)["heads"])
    assert again == first
    assert config["licence"] == config_of(out)["licence"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora": 4}, "LoRA is for Hugging Face encoders"),
        ({"learning_rate": 1e-3}, "has no learning rate to set"),
        ({"teachers": 1}, "teachers are for the bilstm"),
        ({"sibling": SHIPPED}, "a sibling is for the bilstm"),
    ],
)
def test_options_of_others_are_refused(
    corpora: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        train_ner(corpora, tmp_path / "out", model="default", **options)


def test_a_model_without_a_network_gets_none(corpora: Path, tmp_path: Path) -> None:
    train_ner(corpora, tmp_path / "crf", model="crf", epochs=5)
    with pytest.raises(ModelError, match="without a network"):
        train_ner(corpora, tmp_path / "out", model=str(tmp_path / "crf"))
    assert not (tmp_path / "out").exists()
