"""Fine-tuning an encoder for relations, with the small random BERT of the mentions' tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import ModelError
from medkg.extract.mentions.transformer import TransformerEncoder
from medkg.extract.relations import train_networks
from medkg.extract.relations.document_level import BoostedTrees
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.pairs import Entity, EntityPair
from medkg.extract.relations.train import TRANSFORMER, train_relations
from tests.extract.mentions.test_transformer import bert as bert  # a fixture
from tests.killed import kill_when

from ..relation_corpora import write_relation_corpora

EPOCHS, RATE = 3, 3e-3
FEW_TREES = 12


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    """What documents say is learned by few trees, since nothing here asks how well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoostedTrees, "TREES", FEW_TREES)
        yield


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_relation_corpora(tmp_path_factory.mktemp("corpora"), documents=12)


def train(corpora: Path, out: Path, bert: Path, **more: Any) -> dict[str, Any]:
    torch.set_num_threads(1)
    return train_relations(
        corpora, out, encoder=str(bert), learning_rate=RATE, device="cpu",
        **{"epochs": EPOCHS, **more},
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(corpora: Path, bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fine-tuned") / "model"
    train(corpora, out, bert)
    return out


def test_the_config_and_the_card_say_how(trained: Path) -> None:
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert (config["encoder"], config["epochs"], config["lora"]) == ("transformer", EPOCHS, None)
    assert config["learning_rate"] == RATE
    card = (trained / "CARD.md").read_text(encoding="utf-8")
    assert f"At most {EPOCHS} epochs" in card
    assert "chose the epoch, the temperatures" in card
    assert "recogniser" not in card
    assert not trained.with_name("model.checkpoint").exists()


def test_a_killed_training_goes_on_to_the_same_weights(
    corpora: Path, bert: Path, trained: Path, tmp_path: Path
) -> None:
    out, state = tmp_path / "model", tmp_path / "model.checkpoint" / CHECKPOINT
    program = (
        "from pathlib import Path; import torch; torch.set_num_threads(1); "
        "from medkg.extract.relations.document_level import BoostedTrees; "
        "from medkg.extract.relations.train import train_relations; "
        f"BoostedTrees.TREES = {FEW_TREES}; "
        f"train_relations(Path({str(corpora)!r}), Path({str(out)!r}), encoder={str(bert)!r}, "
        f"learning_rate={RATE}, device='cpu', epochs={EPOCHS})"
    )
    kill_when(state.exists, program)
    assert 1 <= json.loads(state.read_text(encoding="utf-8"))["epoch"] < EPOCHS
    with pytest.raises(ModelError, match="other data or settings"):
        train(corpora, out, bert, epochs=EPOCHS + 1)
    train(corpora, out, bert)
    weights, expected = (load_file(f / "weights.safetensors") for f in (out, trained))
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert not state.exists()


def test_what_is_held_out_stops_it(
    corpora: Path, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = []
    real = train_networks._mean_f1

    def worse_and_worse(*given: Any) -> float:
        assert 0 <= real(*given) <= 1
        scored.append(len(scored))
        return 1 / len(scored)

    monkeypatch.setattr(train_networks, "_mean_f1", worse_and_worse)
    train(corpora, tmp_path / "model", bert, epochs=9)
    assert len(scored) == 1 + TRANSFORMER.patience


def test_lora_is_added_to_the_weights(
    corpora: Path, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    out = tmp_path / "model"
    words = ("Here", "zapomycin", "strongly", "inhibits", "ABC1", "in", "cells", ".")
    pair = EntityPair(words, Entity(1, 2, "Drug"), Entity(4, 5, "Target"))
    fitted = []
    merge = TransformerEncoder.merge_lora

    def fitted_then_merged(encoder: TransformerEncoder) -> None:
        encoder.eval()
        fitted.append(encoder([words]).detach())
        merge(encoder)

    monkeypatch.setattr(TransformerEncoder, "merge_lora", fitted_then_merged)
    save = RelationModel.save

    def saved(model: RelationModel, *given: Any) -> None:
        fitted.append(model.predict([pair], ["targets"])["targets"])
        save(model, *given)

    monkeypatch.setattr(RelationModel, "save", saved)
    train(corpora, out, bert, lora=4, epochs=2)
    assert "LoRA of rank 4" in (out / "CARD.md").read_text(encoding="utf-8")
    assert not any("lora" in name for name in load_file(out / "weights.safetensors"))
    model = RelationModel.load(out, "cpu")
    encoder = model.encoder.encoder
    start = TransformerEncoder.from_pretrained(str(bert))
    assert isinstance(encoder, TransformerEncoder)
    after, before = encoder.encoder.state_dict(), start.encoder.state_dict()
    assert after.keys() == before.keys()
    query = "encoder.layer.0.attention.self.query.weight"
    embeddings = "embeddings.word_embeddings.weight"
    assert torch.allclose(after[embeddings], before[embeddings], atol=1e-3)
    assert not torch.allclose(after[query], before[query], atol=1e-3)
    # Halves of weights are saved, so that the last digits may differ.
    assert torch.allclose(encoder([words]), fitted[0], atol=0.02)
    assert torch.allclose(model.predict([pair], ["targets"])["targets"], fitted[1], atol=0.01)


def test_options_of_an_encoder_want_one(corpora: Path, tmp_path: Path) -> None:
    for given in ({"lora": 4}, {"learning_rate": 1e-4}):
        with pytest.raises(ModelError, match="for a Hugging Face encoder; name one"):
            train_relations(corpora, tmp_path / "model", **given)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="above 0, not -1"):
        train_relations(corpora, tmp_path / "model", encoder="x", learning_rate=-1)
