"""Token-classification models of Hugging Face, and LoRA, with small random BERTs made here."""

from __future__ import annotations

import re
import string
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertModel,
    BertTokenizerFast,
    RobertaConfig,
    RobertaForTokenClassification,
    RobertaTokenizerFast,
)

from medkg.core.errors import ModelError
from medkg.extract.mentions.classifier import TokenClassifier
from medkg.extract.mentions.evaluate import evaluate_ner
from medkg.extract.mentions.network import NerModel, load_recogniser
from medkg.extract.mentions.train import train_ner
from medkg.extract.mentions.transformer import TransformerEncoder
from medkg.extract.tokens import blank

from ..made_corpus import DISEASES, DRUGS, PATTERNS, write_corpus

TEXT = "Lumirol relieved night palsy in 7 patients. The cause of ague was Zapomycin, not salt."
MENTIONS = [
    ("Lumirol", "Drug"),
    ("night palsy", "Disease"),
    ("ague", "Disease"),
    ("Zapomycin", "Drug"),
]
LABELS = ["O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease", "B-Species"]


def write_tokenizer(folder: Path) -> int:
    """Whole words of the patterns and of half the names; the other names fall into pieces."""
    characters = string.ascii_letters + string.digits
    words = set(re.findall(r"[A-Za-z]+", " ".join([*PATTERNS, *DISEASES, *DRUGS[:3]])))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,:;()-", *characters]
    pieces += [f"##{c}" for c in characters] + sorted(words)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    return len(pieces)


def config(vocabulary: int, **more: Any) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        **more,
    )


def tag(words: list[str]) -> list[int]:
    """The right labels of a made sentence's words, number by number."""
    names = {tuple(re.findall(r"\w+|[^\w\s]", n)): 1 for n in DRUGS}
    names |= {tuple(re.findall(r"\w+|[^\w\s]", n)): 3 for n in DISEASES}
    labels = [0] * len(words)
    for place in range(len(words)):
        for name, label in names.items():
            if tuple(words[place : place + len(name)]) == name:
                labels[place : place + len(name)] = [label] + [label + 1] * (len(name) - 1)
    return labels


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As somebody would have fine-tuned and saved one, labels on first pieces."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("hub") / "somebody-ner"
    size = write_tokenizer(folder)
    torch.manual_seed(0)
    network = BertForTokenClassification(
        config(
            size, id2label=dict(enumerate(LABELS)), label2id={n: i for i, n in enumerate(LABELS)}
        )
    )
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    sentences = [
        pattern.format(drug=drug, disease=disease, n=7)
        for pattern in PATTERNS
        for drug in DRUGS
        for disease in DISEASES
    ]
    words = [re.findall(r"\w+|[^\w\s]", sentence) for sentence in sentences]
    encoded = tokenizer(words, is_split_into_words=True, padding=True, return_tensors="pt")
    gold = torch.full(encoded["input_ids"].shape, -100)
    for row, text in enumerate(words):
        seen: set[int] = set()
        for place, word in enumerate(encoded.word_ids(row)):
            if word is not None and word not in seen:
                seen.add(word)
                gold[row, place] = tag(text)[word]
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(25):
        for part in torch.randperm(len(words)).split(16):
            loss = network(**{k: v[part] for k, v in encoded.items()}, labels=gold[part]).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.save_pretrained(folder)
    return folder


def test_a_fine_tuned_model_is_used_as_it_is(classifier: Path) -> None:
    model = load_recogniser(classifier)
    assert isinstance(model, TokenClassifier)
    assert model.kinds == {"somebody-ner": ["Disease", "Drug"]}
    (mentions,) = model.predict([TEXT])
    assert [(TEXT[f.start : f.end], f.kind) for f in mentions] == MENTIONS
    assert all(0.5 < f.probability <= 1 for f in mentions)
    assert model.predict(["", " \n"]) == [[], []]
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(classifier)})
    doc = nlp("\n " + TEXT)
    assert [(span.text, span.label_) for span in doc.spans["mentions"]] == MENTIONS


def test_long_texts_are_read_in_windows_and_alike_in_a_batch(classifier: Path) -> None:
    model = load_recogniser(classifier)
    long = " ".join([TEXT] * 30)
    batch = model.predict([TEXT, long, "We gave water.", TEXT])
    assert [long[f.start : f.end] for f in batch[1]] == [name for name, _ in MENTIONS] * 30
    for text, mentions in zip([TEXT, long], batch[:2], strict=True):
        (alone,) = model.predict([text])
        assert [(f.start, f.end, f.kind) for f in alone] == [
            (f.start, f.end, f.kind) for f in mentions
        ]
        assert [f.probability for f in alone] == pytest.approx(
            [f.probability for f in mentions], abs=1e-4
        )


def test_the_probability_is_the_softmax_of_the_kind(classifier: Path) -> None:
    model = TokenClassifier.open(str(classifier))
    network = BertForTokenClassification.from_pretrained(classifier).eval()
    tokenizer = BertTokenizerFast.from_pretrained(classifier)
    encoded = tokenizer("Lumirol relieved night palsy.", return_tensors="pt")
    with torch.inference_mode():
        p = network(**encoded).logits[0].softmax(dim=1)
    words = encoded.word_ids()
    first = {word: place for place, word in reversed(list(enumerate(words))) if word is not None}
    drug, palsy = model.predict(["Lumirol relieved night palsy."], threshold=0)[0]
    assert drug.probability == pytest.approx(float(p[first[0], 1:3].sum()), abs=1e-5)
    disease = [float(p[first[word], 3:5].sum()) for word in (2, 3)]
    assert palsy.probability == pytest.approx(min(disease), abs=1e-5)


def test_it_is_scored_beside_others(classifier: Path, tmp_path: Path) -> None:
    corpora = write_corpus(tmp_path, train=2, development=8)
    frame = evaluate_ner([classifier], corpora / "made" / "development.pubtator.txt")
    assert set(frame["head"]) == {"joined"}
    assert frame.filter(kind="micro")["f1"].item() > 0.8


def test_plain_labels_and_models_without_kinds(tmp_path: Path) -> None:
    size = write_tokenizer(tmp_path / "plain")
    plain = config(size, id2label={0: "O", 1: "CHEMICAL", 2: "GENE"})
    BertForTokenClassification(plain).save_pretrained(tmp_path / "plain")
    assert load_recogniser(tmp_path / "plain").kinds == {"plain": ["Drug", "Target"]}
    write_tokenizer(tmp_path / "none")
    BertForTokenClassification(config(size)).save_pretrained(tmp_path / "none")
    with pytest.raises(ModelError, match=r"none of its labels is a kind .* \(LABEL_0, LABEL_1\)"):
        load_recogniser(tmp_path / "none")


def test_byte_level_pieces_give_exact_offsets(tmp_path: Path) -> None:
    text = f"{TEXT} 😀 naïve β-blockers\n\n next\n"
    pieces = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces.train_from_iterator([text] * 3, vocab_size=400, special_tokens=special)
    pieces.save_model(str(tmp_path))
    files = (str(tmp_path / name) for name in ("vocab.json", "merges.txt"))
    tokenizer = RobertaTokenizerFast(*files)
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(1)  # weights that find a mention in nearly every word
    roberta = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        id2label={0: "O", 1: "B-DRUG", 2: "I-DRUG"},
    )
    RobertaForTokenClassification(roberta).save_pretrained(tmp_path)
    for given in (text, text * 5, "\n\n", "😀"):
        mentions = load_recogniser(tmp_path).predict([given], threshold=0)[0]
        strings = [given[f.start : f.end] for f in mentions]
        assert strings == [string.strip() for string in strings]
        assert all(strings)
        assert all(a.end <= b.start for a, b in pairwise(mentions))
        if given.startswith(text):
            assert len(mentions) > 5


def test_what_is_no_classifier_is_named(tmp_path: Path) -> None:
    size = write_tokenizer(tmp_path / "encoder")
    BertModel(config(size)).save_pretrained(tmp_path / "encoder")
    with pytest.raises(ModelError, match="encoder that nobody has fine-tuned"):
        load_recogniser(tmp_path / "encoder")
    (tmp_path / "encoder" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="is no token-classification model"):
        load_recogniser(tmp_path / "encoder")


def test_lora_trains_few_weights_and_leaves_a_plain_encoder(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    bert = tmp_path / "bert"
    size = write_tokenizer(bert)
    torch.manual_seed(0)
    BertModel(config(size)).save_pretrained(bert)
    encoder = TransformerEncoder.from_pretrained(str(bert))
    whole = sum(weights.numel() for weights in encoder.parameters())
    before = {name: value.clone() for name, value in encoder.encoder.state_dict().items()}
    encoder.add_lora(2)
    trained = [n for n, weights in encoder.named_parameters() if weights.requires_grad]
    few = sum(w.numel() for w in encoder.parameters() if w.requires_grad)
    assert trained
    assert all("lora_" in name for name in trained)
    assert few < whole / 5
    with torch.no_grad():
        for name, weights in encoder.named_parameters():
            if "lora_B" in name:  # which begins at zero
                weights.normal_(std=0.2)
    texts = [["Lumirol", "relieved", "ague", "."]]
    encoder.eval()
    added = encoder(texts)
    encoder.merge_lora()
    assert set(encoder.encoder.state_dict()) == set(before)
    assert torch.allclose(encoder(texts), added, atol=1e-4)
    assert not torch.allclose(TransformerEncoder.from_pretrained(str(bert)).eval()(texts), added)


def test_training_with_lora_writes_a_plain_model(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    bert = tmp_path / "bert"
    torch.manual_seed(0)
    BertModel(config(write_tokenizer(bert))).save_pretrained(bert)
    corpora, out = write_corpus(tmp_path / "corpora", train=8, development=4), tmp_path / "model"
    train_ner(corpora, out, model=str(bert), lora=8, epochs=2, learning_rate=1e-2, device="cpu")
    assert "lora 8" in (out / "CARD.md").read_text(encoding="utf-8")
    model, start = NerModel.load(out), TransformerEncoder.from_pretrained(str(bert))
    assert isinstance(model.encoder, TransformerEncoder)
    after, before = model.encoder.encoder.state_dict(), start.encoder.state_dict()
    # The additions are in the layers' weights; the embeddings are as they were.
    embeddings = "embeddings.word_embeddings.weight"
    query = "encoder.layer.0.attention.self.query.weight"
    assert torch.allclose(after[embeddings], before[embeddings], atol=1e-3)
    assert not torch.allclose(after[query], before[query], atol=1e-3)
