"""Fine-tuning a Hugging Face encoder, with a small random BERT that the test writes."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from medkg.core.errors import DataError, ModelError
from medkg.extract.mentions.network import NerModel
from medkg.extract.mentions.train import train_ner
from medkg.extract.mentions.transformer import TransformerEncoder
from medkg.extract.tokens import blank, words_of

from ..made_corpus import DISEASES, DRUGS, PATTERNS, write_corpus

TEXT = "Lumirol relieved night palsy in 7 patients. The cause of ague was Zapomycin, not salt."
MENTIONS = ["Lumirol", "night palsy", "ague", "Zapomycin"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the hub has for BioBERT: cased vocabulary, config, weights, nothing more."""
    folder = tmp_path_factory.mktemp("bert")
    characters = string.ascii_letters + string.digits
    words = {w for name in DRUGS + DISEASES for w in name.split()}
    words |= set(re.findall(r"[A-Za-z]+", " ".join([TEXT, *PATTERNS])))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,:;()-", *characters]
    pieces += [f"##{c}" for c in characters] + sorted(words)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)  # with more, such small matrices wait for threads
    folder = tmp_path_factory.mktemp("fine-tuned")
    corpora = write_corpus(folder / "corpora", train=120)
    figures = train_ner(
        corpora, folder / "model", model=str(bert), epochs=12, learning_rate=3e-3, device="cpu"
    )
    assert figures["made"]["micro"]["f1"] > 0.95
    return folder / "model"


def test_fine_tuned_model_predicts_exact_offsets(trained: Path) -> None:
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert config["encoder"] == "transformer"
    assert {file.suffix for file in trained.rglob("*") if file.is_file()} <= {
        ".json",
        ".md",
        ".safetensors",
        ".txt",
    }
    (mentions,) = NerModel.load(trained).predict([TEXT])
    assert [TEXT[f.start : f.end] for f in mentions] == MENTIONS


def test_texts_longer_than_the_encoder_reads(trained: Path) -> None:
    text = " ".join([TEXT] * 30)
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(trained)})
    doc = nlp(text)
    assert [span.text for span in doc.spans["mentions"]] == MENTIONS * 30


def test_every_token_has_a_state_and_none_depends_on_the_batch(trained: Path) -> None:
    encoder = NerModel.load(trained).encoder
    texts = [words_of(text) for text in (TEXT * 5, "Lumirol", TEXT)]
    with torch.inference_mode():
        states = encoder(texts)
        for row, text in enumerate(texts):
            assert (states[row, : len(text)].abs().sum(1) > 0).all()
            assert (states[row, len(text) :] == 0).all()
            alone = encoder([text])[0, : len(text)]
            assert torch.allclose(states[row, : len(text)], alone, atol=1e-4)


def test_a_cased_vocabulary_is_read_cased(bert: Path, tmp_path: Path) -> None:
    assert not (bert / "tokenizer_config.json").exists()
    tokenizer = TransformerEncoder.from_pretrained(str(bert)).tokenizer
    assert tokenizer.tokenize("Lumirol") == ["Lumirol"]
    lower = tmp_path / "lower"
    lower.mkdir()
    for file in bert.iterdir():
        (lower / file.name).write_bytes(file.read_bytes())
    pieces = [p for p in (bert / "vocab.txt").read_text().split("\n") if p == p.lower() or "[" in p]
    (lower / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    BertTokenizerFast(str(lower / "vocab.txt"), do_lower_case=True).save_pretrained(lower)
    tokenizer = TransformerEncoder.from_pretrained(str(lower)).tokenizer
    assert tokenizer.tokenize("Salt") == ["salt"]


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    corpora = write_corpus(tmp_path / "corpora", train=2, development=1)
    with pytest.raises(ModelError, match="is no encoder that transformers can load"):
        train_ner(corpora, tmp_path / "model", model=str(tmp_path / "nothing"))
    assert not (tmp_path / "model").exists()
    with pytest.raises(DataError, match="is not there"):
        train_ner(tmp_path / "nowhere", tmp_path / "model", model=str(tmp_path / "nothing"))
