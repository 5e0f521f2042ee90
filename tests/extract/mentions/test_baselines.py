"""The CRF and spaCy's CNN, trained, saved, opened and scored as the default recogniser is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import spacy

from medkg.core.errors import ModelError
from medkg.extract.corpora.labels import kind_of, split_tag, tagged_spans
from medkg.extract.mentions.evaluate import evaluate_ner
from medkg.extract.mentions.network import NerModel, load_recogniser
from medkg.extract.mentions.recogniser import Recogniser
from medkg.extract.mentions.spacy_ner import SpacyNer
from medkg.extract.mentions.train import train_ner
from medkg.extract.tokens import blank

from ..made_corpus import write_corpus

EPOCHS = {"crf": 50, "spacy": 6}
TEXT = "Lumirol relieved night palsy in 7 patients. The cause of ague was Zapomycin, not salt."
MENTIONS = [
    ("Lumirol", "Drug"),
    ("night palsy", "Disease"),
    ("ague", "Disease"),
    ("Zapomycin", "Drug"),
]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora"), train=60)


@pytest.fixture(scope="module", params=["crf", "spacy"])
def trained(
    request: pytest.FixtureRequest, corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("models") / request.param
    return out, train_ner(corpora, out, model=request.param, epochs=EPOCHS[request.param])


def strings(model: Recogniser, text: str) -> list[tuple[str, str]]:
    return [(text[f.start : f.end], f.kind) for f in model.predict([text])[0]]


def test_a_baseline_learns_is_saved_and_opened(trained: tuple[Path, dict[str, Any]]) -> None:
    out, figures = trained
    assert figures["made"]["micro"]["f1"] > 0.95
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert (config["encoder"], config["heads"]) == (out.name, {"made": ["Disease", "Drug"]})
    assert not [f for f in out.rglob("*") if f.suffix in (".pkl", ".pickle", ".pt", ".bin.gz")]
    model = load_recogniser(out)
    assert strings(model, TEXT) == MENTIONS
    assert all(0 < f.probability <= 1 for f in model.predict([TEXT])[0])
    assert model.predict(["", " \n", "x" * 3000])[0] == []
    with pytest.raises(ModelError, match="without a network"):
        NerModel.load(out)


def test_scores_stand_beside_the_default_s(
    corpora: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    out, figures = trained
    frame = evaluate_ner([out, "default"], corpora / "made" / "development.pubtator.txt")
    assert frame["model"].unique(maintain_order=True).to_list() == [str(out), "default"]
    mine = frame.filter(model=str(out), kind="micro").row(0, named=True)
    assert mine["f1"] == pytest.approx(figures["made"]["micro"]["f1"])
    card = (out / "CARD.md").read_text(encoding="utf-8")
    assert f"{100 * mine['f1']:.1f}" in card
    assert {"crf": "CRFsuite", "spacy": "spaCy's CNN"}[out.name] in card


def test_a_baseline_is_a_component(trained: tuple[Path, dict[str, Any]]) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(trained[0])})
    docs = list(nlp.pipe(["\n " + TEXT, "", TEXT]))
    assert [[(s.text, s.label_) for s in d.spans["mentions"]] for d in docs] == [
        MENTIONS,
        [],
        MENTIONS,
    ]


@pytest.mark.parametrize("model", ["crf", "spacy"])
def test_the_same_seed_gives_the_same_model(tmp_path: Path, model: str) -> None:
    corpora = write_corpus(tmp_path / "corpora", train=4, development=2)
    figures = [train_ner(corpora, tmp_path / n, model=model, epochs=2) for n in ("a", "b")]
    assert figures[0] == figures[1]
    for file in (tmp_path / "a" / "made").rglob("model"):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_a_damaged_baseline_is_named(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, _ = trained
    folder = tmp_path / "copy"
    for file in out.rglob("*"):
        if file.is_file():
            copy = folder / file.relative_to(out)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    large = max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    large.write_bytes(large.read_bytes()[:-10])
    with pytest.raises(ModelError, match=f"{large.name}: is damaged"):
        load_recogniser(folder)


def test_what_a_model_can_not_have_is_said(corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="crf: LoRA is for Hugging Face encoders"):
        train_ner(corpora, tmp_path / "out", model="crf", lora=4)
    with pytest.raises(ModelError, match="spacy: has no learning rate"):
        train_ner(corpora, tmp_path / "out", model="spacy", learning_rate=0.1)


def test_a_model_without_kinds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORGANISM", "pattern": "mice"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "organisms")
    with pytest.raises(ModelError, match=r"none of its labels is a kind of medkg's \(ORGANISM\)"):
        SpacyNer.open(str(tmp_path / "organisms"))
    with pytest.raises(ModelError, match="nothing: is neither a folder of medkg train ner"):
        load_recogniser("nothing")
    # A slip in a path is none of the hub's names.
    with pytest.raises(ModelError, match="organism: is neither a folder of medkg train ner"):
        load_recogniser(str(tmp_path / "organism"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="organisms/ner: is neither a folder of medkg train ner"):
        load_recogniser("organisms/ner")


def test_labels_and_tags() -> None:
    assert [kind_of(name) for name in ("Gene-Y", "sign or symptom", "drug", "ORGANISM", "")] == [
        *("Target", "Symptom", "Drug", None, None)
    ]
    tags = ["B-Drug", "I_Drug", "L-Drug", "U-Drug", "Drug", "O", "S", "E-", "B-cell line", "B cell"]
    assert [split_tag(tag) for tag in tags] == [
        *[("B", "Drug"), ("I", "Drug"), ("I", "Drug"), ("B", "Drug"), ("", "Drug"), ("O", "")],
        *[("B", ""), ("I", ""), ("B", "cell line"), ("", "B cell")],
    ]
    split_tags = [("I", "a"), ("I", "b"), ("", "b"), ("B", "b"), ("O", ""), ("", "b"), ("", "b")]
    assert tagged_spans(split_tags) == [(0, 1, "a"), (1, 3, "b"), (3, 4, "b"), (5, 7, "b")]
