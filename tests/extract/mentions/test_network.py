"""The mention recogniser: training, resuming, saving, and the spaCy component."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import spacy
import torch
from safetensors.torch import load_file, save_file

from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import DataError, ModelError
from medkg.extract.abbreviations import find_abbreviations
from medkg.extract.corpora.labels import MENTION_KINDS
from medkg.extract.mentions.bilstm import BiLSTMEncoder
from medkg.extract.mentions.evaluate import evaluate_ner, strict_scores
from medkg.extract.mentions.fit import Example, fit_likeness
from medkg.extract.mentions.network import SHIPPED, NerModel
from medkg.extract.mentions.recogniser import (
    PredictedMention,
    TextPrediction,
    clean_mentions,
    join_heads,
    propagate_abbreviations,
)
from medkg.extract.mentions.train import train_ner
from medkg.extract.tokens import blank
from medkg.graph.frames import EVIDENCE, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from tests.killed import kill_when

from ..made_corpus import write_corpus

EPOCHS = 16
TEXT = "Lumirol relieved night palsy in 7 patients. The cause of ague was Zapomycin, not salt."
MENTIONS = [
    ("Lumirol", "Drug"),
    ("night palsy", "Disease"),
    ("ague", "Disease"),
    ("Zapomycin", "Drug"),
]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_corpus(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def trained(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("models") / "ner"
    return out, train_ner(corpora, out, epochs=EPOCHS, raw_text=[])


@pytest.fixture(scope="module")
def shipped() -> NerModel:
    return NerModel.load()


def strings(text: str, mentions: list[PredictedMention]) -> list[tuple[str, str]]:
    return [(text[f.start : f.end], f.kind) for f in mentions]


def test_training_learns_an_easy_corpus(trained: tuple[Path, dict[str, Any]]) -> None:
    out, figures = trained
    assert figures["made"]["micro"]["f1"] > 0.95
    assert set(figures["made"]) == {"Disease", "Drug", "micro"}
    (mentions,) = NerModel.load(out).predict([TEXT])
    assert strings(TEXT, mentions) == MENTIONS
    assert all(0.5 < f.probability <= 1 for f in mentions)
    assert not out.with_name("ner.checkpoint").exists()


def test_scoring_a_saved_model(corpora: Path, trained: tuple[Path, dict[str, Any]]) -> None:
    out, figures = trained
    frame = evaluate_ner([out], corpora / "made" / "development.pubtator.txt")
    assert set(frame["head"]) == {"joined"}
    assert frame["kind"].to_list() == ["Disease", "Drug", "micro"]
    assert frame["f1"].to_list()[-1] == pytest.approx(figures["made"]["micro"]["f1"], abs=0.05)
    beside = evaluate_ner([out, None], corpora / "made" / "development.pubtator.txt", head="bc5cdr")
    # A model with one head is scored by it, whatever it is called.
    assert beside["model"].to_list() == [str(out)] * 3 + ["default"] * 3
    assert beside["head"].to_list() == ["made"] * 3 + ["bc5cdr"] * 3
    with pytest.raises(ModelError, match="no head 'cdr'; it has bc5cdr, "):
        evaluate_ner([None], corpora / "made" / "development.pubtator.txt", head="cdr")
    with pytest.raises(DataError, match="unknown format 'roman'"):
        evaluate_ner([out], corpora / "made" / "development.pubtator.txt", "roman")


def test_a_killed_training_goes_on_where_it_was(
    corpora: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "ner"
    state = tmp_path / "ner.checkpoint" / "network" / CHECKPOINT
    program = (
        "from pathlib import Path; from medkg.extract.mentions.train import train_ner; "
        f"train_ner(Path({str(corpora)!r}), Path({str(out)!r}), epochs={EPOCHS}, raw_text=[])"
    )
    kill_when(state.exists, program)
    assert 1 <= json.loads(state.read_text(encoding="utf-8"))["epoch"] < EPOCHS
    with pytest.raises(ModelError, match="other data or settings"):
        train_ner(corpora, out, epochs=EPOCHS + 1, raw_text=[])
    assert train_ner(corpora, out, epochs=EPOCHS, raw_text=[]) == trained[1]
    weights = load_file(out / "weights.safetensors")
    expected = load_file(trained[0] / "weights.safetensors")
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert not state.exists()


def test_a_model_taught_by_another(corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "ner"
    larger = write_corpus(tmp_path / "corpora", train=120)
    figures = train_ner(larger, out, teachers=1, epochs=EPOCHS // 2, raw_text=["A word."] * 4)
    assert figures["made"]["micro"]["f1"] > 0.9
    training = json.loads((out / "config.json").read_text(encoding="utf-8"))["training"]
    assert training["teachers"] == 1
    assert not out.with_name("ner.checkpoint").exists()
    with pytest.raises(ModelError, match="teachers are for the bilstm"):
        train_ner(corpora, tmp_path / "crf", model="crf", teachers=1)


def test_a_model_taught_by_one_of_another_training(
    corpora: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, (teacher, _) = tmp_path / "ner", trained
    train_ner(corpora, out, taught_by=[teacher], epochs=1, raw_text=[])
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    of_teacher = json.loads((teacher / "config.json").read_text(encoding="utf-8"))
    assert config["training"]["taught_by"] == [of_teacher["sha256"]]
    assert "--taught-by TEACHER" in (out / "CARD.md").read_text(encoding="utf-8")
    alone = tmp_path / "alone"
    train_ner(corpora, alone, epochs=1, raw_text=[])
    weights, untaught = (load_file(path / "weights.safetensors") for path in (out, alone))
    assert any(not torch.equal(weights[name], untaught[name]) for name in weights)
    others = write_corpus(tmp_path / "others", train=4)
    (others / "made").rename(others / "another")
    with pytest.raises(ModelError, match="same corpora: it knows made, and another"):
        train_ner(tmp_path / "others", tmp_path / "no", taught_by=[teacher], raw_text=[])
    swapped = tmp_path / "swapped"
    shutil.copytree(corpora, swapped)
    for part, others_part in (("train", "development"), ("development", "train")):
        file = swapped / "made" / f"{part}.pubtator.txt"
        file.write_bytes((corpora / "made" / f"{others_part}.pubtator.txt").read_bytes())
    with pytest.raises(ModelError, match="a teacher was trained on 60 of the documents"):
        train_ner(swapped, tmp_path / "no", taught_by=[teacher], raw_text=[])


def test_a_model_that_held_nothing_back_states_its_sibling_s_figures(
    corpora: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, figures = trained
    out = tmp_path / "ner"
    whole = {"epochs": EPOCHS, "raw_text": list[str](), "sibling": folder}
    assert train_ner(corpora, out, **whole) == figures
    theirs, ours = (
        json.loads((f / "config.json").read_text(encoding="utf-8")) for f in (folder, out)
    )
    parts = theirs["documents"]["made"]
    assert ours["documents"] == {"made": {"train": sum(parts.values()), "development": 0}}
    assert ours["development_joined"] == theirs["development_joined"]
    assert (theirs["sibling"], ours["sibling"]) == (None, theirs["sha256"])
    card = (out / "CARD.md").read_text(encoding="utf-8")
    assert "those of its sibling" in card
    assert "those of its sibling" not in (folder / "CARD.md").read_text(encoding="utf-8")

    development = corpora / "made" / "development.pubtator.txt"
    table = evaluate_ner([folder, out, None], development)
    assert dict(table.select("model", "trained_on").iter_rows()) == {
        str(folder): 0, str(out): parts["development"], "default": 0,
    }  # fmt: skip
    assert table["documents"].unique().to_list() == [parts["development"]]

    for settings, message in (
        ({"seed": 1}, "is no sibling, its training being .*'seed': 0.* and here .*'seed': 1"),
        ({"epochs": 1}, "its training being"),
        ({"names": [load("starter")]}, "its names from being"),
        ({"sibling": out}, "states a sibling's figures itself"),
        ({"sibling": tmp_path}, "holds no model"),
        ({"model": "crf"}, "a sibling is for the bilstm"),
    ):
        with pytest.raises(ModelError, match=message):
            train_ner(corpora, tmp_path / "no", **{**whole, **settings})
    other = write_corpus(tmp_path / "other", train=30)
    with pytest.raises(ModelError, match="is no sibling, it was trained on other documents"):
        train_ner(other, tmp_path / "no", **whole)
    both = shutil.copytree(corpora, tmp_path / "both")
    shutil.copytree(other / "made", both / "more")
    with pytest.raises(ModelError, match="is no sibling, its heads being"):
        train_ner(both, tmp_path / "no", **whole)
    assert not (tmp_path / "no").exists()


def test_a_model_that_learns_the_names_of_a_graph(corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "ner"
    kg = load("starter")
    figures = train_ner(corpora, out, epochs=EPOCHS, raw_text=["A word or two."] * 4, names=[kg])
    assert figures["made"]["micro"]["f1"] > 0.9
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    kinds = config["training"]["names"]
    assert kinds["Drug"] > 10
    assert set(kinds) <= {*MENTION_KINDS, "other"}
    assert {source["source"] for source in config["names_from"]} == {s.name for s in kg.sources}
    card = (out / "CARD.md").read_text(encoding="utf-8")
    assert "also learnt to tell names" in card
    encoder = NerModel.load(out).encoder
    assert isinstance(encoder, BiLSTMEncoder)
    assert encoder.learnt.features(["warfarin"]).sum() == 1
    with pytest.raises(ModelError, match=r"names\.safetensors: is missing"):
        (out / "names.safetensors").unlink()
        NerModel.load(out)
    assert kg.sources
    assert all(f"{s.name} {s.release} ({s.licence})" in card for s in kg.sources)
    assert "names' sources" in config["licence"]
    with pytest.raises(ModelError, match="names of graphs are for the bilstm"):
        train_ner(corpora, tmp_path / "crf", model="crf", names=[kg])
    nodes = pl.DataFrame({"id": ["patient:1"], "kind": ["Patient"], "name": ["Somebody"]})
    nobody = KnowledgeGraph.build(nodes, empty(EVIDENCE), kg.sources)
    with pytest.raises(DataError, match="none that can be learnt"):
        train_ner(corpora, tmp_path / "nobody", names=[nobody])


def test_a_reading_of_other_settings_is_not_taken_up(
    corpora: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "ner"
    weights = load_file(trained[0] / "weights.safetensors")
    read = {n.removeprefix("encoder."): w.float() for n, w in weights.items() if "encoder." in n}
    for name in ("read-0", "read-0123456789abcdef-0"):
        file = out.with_name("ner.checkpoint") / f"{name}.safetensors"
        file.parent.mkdir(exist_ok=True)
        save_file({name: torch.zeros_like(value) for name, value in read.items()}, file)
    assert train_ner(corpora, out, epochs=EPOCHS, raw_text=[]) == trained[1]
    again = load_file(out / "weights.safetensors")
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_no_corpus_or_no_room_is_an_error(corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no corpus"):
        train_ner(tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="is not there"):
        train_ner(tmp_path / "nowhere", tmp_path / "out")
    for rate in (-1.0, float("nan")):
        with pytest.raises(ModelError, match="learning rate is above 0"):
            train_ner(corpora, tmp_path / "out", learning_rate=rate)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(DataError, match="with other things in it"):
        train_ner(corpora, tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: shutil.rmtree(f), "holds no model"),
        (lambda f: (f / "config.json").write_text("{", encoding="utf-8"), "is damaged"),
        (
            lambda f: (f / "config.json").write_text("{}", encoding="utf-8"),
            "is damaged .'kind'",
        ),
        (
            lambda f: (f / "config.json").write_text('{"kind": "medkg_ner", "model_version": 3}'),
            "is damaged",
        ),
        (lambda f: (f / "weights.safetensors").unlink(), r"weights\.safetensors: is missing"),
        (lambda f: (f / "vocabulary.json").write_text("{}"), "checksum differs"),
        (
            lambda f: (f / "config.json").write_text(
                (f / "config.json")
                .read_text(encoding="utf-8")
                .replace('"model_version": 3', '"model_version": 9')
            ),
            "model version 9.*reads model version 3",
        ),
    ],
)
def test_a_damaged_model_is_named(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, damage: Any, message: str
) -> None:
    folder = tmp_path / "ner"
    shutil.copytree(trained[0], folder)
    damage(folder)
    with pytest.raises(ModelError, match=message):
        NerModel.load(folder)


def test_component_sets_exact_spans(trained: tuple[Path, dict[str, Any]]) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(trained[0])})
    doc = nlp("\n\n  " + TEXT)
    assert [(s.text, s.label_) for s in doc.spans["mentions"]] == MENTIONS
    assert all(0.5 < s._.probability <= 1 for s in doc.spans["mentions"])
    assert len(doc.ents) == 0
    never = blank()
    never.add_pipe("medkg_ner", config={"model": str(trained[0]), "threshold": 1.1})
    assert len(never(TEXT).spans["mentions"]) == 0


def test_component_works_on_another_tokenizer(trained: tuple[Path, dict[str, Any]]) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("medkg_ner", config={"model": str(trained[0])})
    doc = nlp(TEXT)
    assert [(s.text, s.label_) for s in doc.spans["mentions"]] == MENTIONS


def test_pipe_gives_what_single_calls_give(trained: tuple[Path, dict[str, Any]]) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(trained[0])})
    texts = ["", TEXT, " \n", "We gave water.", TEXT * 20, "x" * 3000, "Lumirol 5mg"]
    piped = list(nlp.pipe(texts, batch_size=5))
    assert [doc.text for doc in piped] == texts
    for text, doc in zip(texts, piped, strict=True):
        single = nlp(text)
        batched, alone = list(doc.spans["mentions"]), list(single.spans["mentions"])
        assert [(s.start, s.end, s.label_) for s in batched] == [
            (s.start, s.end, s.label_) for s in alone
        ]
        assert [s._.probability for s in batched] == pytest.approx(
            [s._.probability for s in alone], abs=1e-4
        )


def test_pipeline_survives_the_disk(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_ner", config={"model": str(trained[0])})
    nlp.to_disk(tmp_path / "pipeline")
    doc = spacy.load(tmp_path / "pipeline")(TEXT)
    assert [(s.text, s.label_) for s in doc.spans["mentions"]] == MENTIONS


def test_shipped_model_finds_mentions_of_every_kind(shipped: NerModel) -> None:
    text = (
        "A 54-year-old man with type 2 diabetes mellitus on metformin had chest pain and fever. "
        "Computed tomography was done. Imatinib inhibits the tyrosine kinase ABL1."
    )
    mentions = strings(text, shipped.predict([text])[0])
    assert ("type 2 diabetes mellitus", "Disease") in mentions
    assert ("metformin", "Drug") in mentions
    assert ("Imatinib", "Drug") in mentions
    assert ("ABL1", "Target") in mentions or ("tyrosine kinase ABL1", "Target") in mentions
    assert ("chest pain", "Symptom") in mentions
    assert ("fever", "Symptom") in mentions
    assert ("Computed tomography", "Procedure") in mentions


def test_shipped_model_is_small_documented_and_without_pickle(shipped: NerModel) -> None:
    files = [file for file in SHIPPED.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 20e6
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".md"}
    assert set(shipped.kinds) == {"bc5cdr", "ncbi", "bc2gm", "chemprot", "maccrobat", "biored"}
    card = (SHIPPED / "CARD.md").read_text(encoding="utf-8")
    figures = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))["development"]
    for corpus, rows in figures.items():
        assert corpus in card
        assert f"{100 * rows['micro']['f1']:.1f}" in card


def test_shipped_model_knows_the_documents_of_the_figures_of_its_card(shared_data: Path) -> None:
    development = shared_data / "corpora" / "ncbi_disease" / "NCBIdevelopset_corpus.txt.xz"
    row = evaluate_ner([None], development, "ncbi", head="ncbi").row(-1, named=True)
    assert row["trained_on"] == row["documents"] == 100
    config = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    # Its card states the figures of a model that didn't know them.
    assert config["sibling"]
    assert row["f1"] > config["development"]["ncbi"]["micro"]["f1"] + 0.02


def predicted(start: int, end: int, kind: str, probability: float) -> PredictedMention:
    return PredictedMention(start, end, kind, probability)


KINDS = {"broad": ["Disease", "Drug"], "telling": ["Disease", "Symptom"], "genes": ["Target"]}


def test_combining_takes_the_more_probable_of_two_that_overlap() -> None:
    heads = {
        "broad": [predicted(0, 10, "Drug", 0.6), predicted(20, 25, "Drug", 0.5)],
        "telling": [],
        "genes": [predicted(4, 10, "Target", 0.7), predicted(20, 25, "Target", 0.4)],
    }
    assert join_heads(TextPrediction.undecided(heads), KINDS, "") == [
        predicted(4, 10, "Target", 0.7),
        predicted(20, 25, "Drug", 0.5),
    ]


def test_combining_lets_the_telling_head_say_what_is_a_symptom() -> None:
    heads = {
        "broad": [
            predicted(0, 5, "Disease", 0.9),
            predicted(10, 15, "Disease", 0.9),
            predicted(20, 25, "Disease", 0.9),
        ],
        "telling": [predicted(0, 5, "Symptom", 0.6), predicted(10, 15, "Disease", 0.7)],
        "genes": [],
    }
    assert join_heads(TextPrediction.undecided(heads), KINDS, "") == [
        predicted(0, 5, "Symptom", 0.9),
        predicted(10, 15, "Disease", 0.9),
        predicted(20, 25, "Disease", 0.9),
    ]


def test_combining_keeps_the_whole_name_of_a_finding() -> None:
    heads = {
        "broad": [predicted(0, 10, "Disease", 0.6)],
        "telling": [predicted(6, 10, "Symptom", 0.9), predicted(20, 25, "Disease", 0.9)],
        "genes": [],
    }
    assert join_heads(TextPrediction.undecided(heads), KINDS, "") == [
        predicted(0, 10, "Symptom", 0.6),
        predicted(20, 25, "Disease", 0.9),
    ]


def test_of_the_heads_that_know_a_kind_those_answer_whose_corpora_the_text_is_like() -> None:
    heads = {
        "broad": [predicted(0, 10, "Drug", 0.9)],
        "other": [predicted(20, 25, "Drug", 0.8)],
        "genes": [predicted(30, 35, "Target", 0.7)],
    }
    kinds = {"broad": ["Disease", "Drug"], "other": ["Drug"], "genes": ["Target"]}

    def starts(broad: float, other: float) -> list[int]:
        likeness = {"broad": broad, "other": other, "genes": 1 - broad - other}
        return [m.start for m in join_heads(TextPrediction(heads, likeness), kinds, "")]

    assert starts(0.9, 0.1) == [0, 30]
    assert starts(0.1, 0.9) == [20, 30]
    assert starts(0.5, 0.4) == [0, 20, 30]
    assert starts(0.01, 0.02) == [0, 20, 30]  # like none of theirs


def test_a_head_that_divides_names_answers_for_conditions_with_all_others() -> None:
    heads = {
        "broad": [predicted(0, 10, "Disease", 0.6)],
        "telling": [predicted(6, 10, "Symptom", 0.9), predicted(20, 25, "Symptom", 0.9)],
        "genes": [],
    }
    like_notes = {"broad": 0.01, "telling": 0.98, "genes": 0.01}
    assert join_heads(TextPrediction(heads, like_notes), KINDS, "") == [
        predicted(0, 10, "Symptom", 0.6),
        predicted(20, 25, "Symptom", 0.9),
    ]
    like_abstracts = {"broad": 0.98, "telling": 0.01, "genes": 0.01}
    assert join_heads(TextPrediction(heads, like_abstracts), KINDS, "") == [
        predicted(0, 10, "Symptom", 0.6)
    ]


def test_a_drug_in_a_longer_target_is_none() -> None:
    heads = {
        "broad": [predicted(0, 9, "Drug", 0.9), predicted(30, 39, "Drug", 0.9)],
        "telling": [],
        "genes": [predicted(0, 18, "Target", 0.6), predicted(30, 39, "Target", 0.6)],
    }
    assert join_heads(TextPrediction.undecided(heads), KINDS, "") == [
        predicted(0, 18, "Target", 0.6),
        predicted(30, 39, "Drug", 0.9),
    ]


def test_a_text_is_like_the_corpus_of_its_own_form() -> None:
    model = NerModel.load()
    gene, note = model.predict_heads(
        [
            "Mutation of the yeast GCN4 gene abolishes binding of TATA boxes to protein kinase A.",
            "A 54-year-old woman presented with fever and cough. On examination blood pressure was"
            " 120/80 mmHg. Computed tomography showed a mass in the left upper lobe. She was"
            " discharged after ten days.",
        ]
    )
    assert sum(gene.likeness.values()) == pytest.approx(1)
    assert max(gene.likeness, key=gene.likeness.__getitem__) == "bc2gm"
    assert max(note.likeness, key=note.likeness.__getitem__) == "maccrobat"


def test_likeness_is_learned_from_each_corpus_texts() -> None:
    """With a head for each of two corpora whose texts differ, however few one has."""
    torch.manual_seed(0)
    model = NerModel.load()
    texts = {
        "bc5cdr": ["Aspirin caused ulcers in rats ."],
        "bc2gm": ["GCN4 binds TATA boxes ."] * 9,
    }
    examples = {
        name: [Example(name, text.split(), []) for text in of_corpus]
        for name, of_corpus in texts.items()
    }
    model.centres.zero_()
    undecided = model.predict_heads(["Aspirin caused ulcers in rats ."])[0].likeness
    assert list(undecided.values()) == [pytest.approx(1 / len(model.kinds))] * len(model.kinds)
    fit_likeness(model, examples)
    drug, gene = model.predict_heads(["Aspirin caused ulcers in mice .", "GCN4 binds the TATA box"])
    assert drug.likeness["bc5cdr"] > drug.likeness["bc2gm"]
    assert gene.likeness["bc2gm"] > gene.likeness["bc5cdr"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Potassium was 5.9 mmol/L.", "Procedure"),
        ("Potassium (serum) only 2.1 mEq/l", "Procedure"),
        ("Potassium: 4 %", "Procedure"),
        ("Potassium was given in 5 patients.", "Drug"),
        ("Potassium 5 tablets", "Drug"),
    ],
)
def test_combining_leaves_what_was_measured_to_its_examination(text: str, kind: str) -> None:
    kinds = {"broad": ["Disease", "Drug"], "telling": ["Procedure", "Symptom"]}
    heads = {
        "broad": [predicted(0, 9, "Drug", 0.9)],
        "telling": [predicted(0, 9, "Procedure", 0.6)],
    }
    assert [
        mention.kind for mention in join_heads(TextPrediction.undecided(heads), kinds, text)
    ] == [kind]


def _cleaned(text: str, words: list[str], kind: str) -> list[str]:
    """What is kept of mentions of a kind, where these words first stand in a text."""
    places = [PredictedMention(text.index(w), text.index(w) + len(w), kind, 0.9) for w in words]
    return [text[kept.start : kept.end] for kept in clean_mentions(blank()(text), places)]


def test_the_number_of_the_next_item_is_no_part_of_a_mention() -> None:
    text = "1. lumirol\n2. vitamin B\n12 for a week\n3. zafen\n - tablets"
    words = ["lumirol\n2", "vitamin B\n12 for", "zafen\n -"]
    assert _cleaned(text, words, "Drug") == ["lumirol", "vitamin B\n12 for", "zafen"]


def test_how_probable_it_is_is_no_part_of_a_mention() -> None:
    text = "Lupus unlikely, gout most likely. Unlikely gout, likely."
    words = ["Lupus unlikely", "gout most likely", "Unlikely gout"]
    assert _cleaned(text, words, "Disease") == ["Lupus", "gout", "Unlikely gout"]


def test_allergic_to_something_is_no_mention() -> None:
    text = "Allergic to nuts. Allergy to lumirol, and an allergy. Nut-allergic. Allergic rhinitis."
    doc = blank()(text)
    places = [(0, 8), (18, 25), (45, 52), (58, 66), (68, 85)]
    kept = clean_mentions(
        doc, [PredictedMention(start, end, "Symptom", 0.9) for start, end in places]
    )
    assert [text[f.start : f.end] for f in kept] == ["allergy", "Allergic rhinitis"]


def test_the_name_of_a_kind_is_no_mention() -> None:
    text = "A genetic disorder with chronic disease, Crohn disease, syndromes and Sweet syndrome."
    words = ["genetic disorder", "chronic disease", "Crohn disease", "syndromes", "Sweet syndrome"]
    assert _cleaned(text, words, "Disease") == ["Crohn disease", "Sweet syndrome"]


def test_the_name_of_an_organ_is_no_condition() -> None:
    text = "An enlarged pancreas; pancreas cancer."
    words = ["pancreas", "pancreas cancer"]
    assert _cleaned(text, words, "Disease") == ["pancreas cancer"]


def test_a_note_s_mention_over_the_columns_of_a_table_is_none() -> None:
    text = "Lumirol\tRash\nDry\tcough"
    doc = blank()(text)
    mentions = [PredictedMention(0, 12, "Disease", 0.9), PredictedMention(0, 7, "Drug", 0.9)]
    assert clean_mentions(doc, mentions) == mentions
    doc._.note = True
    assert clean_mentions(doc, mentions) == mentions[1:]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (True, ["gout", "lumirol", "s/p", "fever"]),
        (False, ["H/o gout", "d/c'd lumirol", "s/p", "(-) fever"]),
    ],
)
def test_what_a_note_says_of_a_mention_is_no_part_of_it(note: bool, expected: list[str]) -> None:
    text = "H/o gout, d/c'd lumirol, s/p (-) fever"
    doc = blank()(text)
    doc._.note = note
    places = [
        PredictedMention(0, 8, "Disease", 0.9),
        PredictedMention(10, 23, "Drug", 0.9),
        PredictedMention(25, 28, "Drug", 0.9),
    ]
    places.append(PredictedMention(29, 38, "Symptom", 0.9))
    assert [text[f.start : f.end] for f in clean_mentions(doc, places)] == expected


@pytest.mark.parametrize(("kind", "expected"), [("Procedure", "Lumirectomy"), ("Disease", None)])
def test_the_year_of_an_operation_is_no_part_of_it(kind: str, expected: str | None) -> None:
    text = "Lumirectomy 1980"
    doc = blank()(text)
    doc._.note = True
    (kept,) = clean_mentions(doc, [PredictedMention(0, 16, kind, 0.9)])
    assert text[kept.start : kept.end] == (expected or text)


def test_s_p_is_no_part_of_its_neighbours() -> None:
    text = "gout s/p chole"
    kept = clean_mentions(
        blank()(text),
        [PredictedMention(0, 6, "Disease", 0.9), PredictedMention(7, 14, "Drug", 0.9)],
    )
    assert [text[f.start : f.end] for f in kept] == ["gout", "chole"]


def test_headings_and_how_a_drug_is_taken_are_no_mentions() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    text = (
        "Allergies: none.\nGOUT:\nLumirol 5 mg PO b.i.d. prn. Imipramine (IM) helped; IM went on. "
        "Lumirol 5 mg PO mane. Lumirol prn | new"
    )
    doc = nlp(text)
    kinds = {"Allergies": "Disease", "GOUT": "Disease"}
    words = ["Allergies", "GOUT", "Lumirol", "PO", "b.i.d.", "prn", "IM", "IM", "PO mane", "prn |"]
    places, at = [], 0
    for word in words:
        at = text.index(word, at)
        places.append(PredictedMention(at, at + len(word), kinds.get(word, "Drug"), 0.9))
        at += len(word)
    kept = clean_mentions(doc, places)
    assert [text[f.start : f.end] for f in kept] == ["GOUT", "Lumirol", "IM", "IM"]


def test_no_mention_goes_over_the_lines_of_a_list() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    text = (
        "Meds:\n- Lumirol PO BID\n- Nabaxin 2021\nDry cough with pain that is worse after\nfood\n"
        "1. Pilatin\n2. Norolex\n3. Voxal"
    )
    places = [
        ("PO BID\n- Nabaxin 2021\nDry cough", "Drug"),
        ("worse after\nfood", "Symptom"),
        ("Pilatin\n2. Norolex\n3", "Drug"),
    ]
    mentions = [
        PredictedMention(text.index(w), text.index(w) + len(w), kind, 0.9) for w, kind in places
    ]
    doc = nlp(text)
    doc._.note = True
    kept = clean_mentions(doc, mentions)
    assert [text[f.start : f.end] for f in kept] == [
        "Nabaxin", "Dry cough", "worse after\nfood", "Pilatin", "Norolex"
    ]  # fmt: skip


def test_a_short_form_follows_its_long_form() -> None:
    text = "Blue marsh fever (BMF) is rare. BMF hurts; pre-BMF state."
    before = [
        predicted(0, 16, "Disease", 0.8),
        predicted(32, 35, "Drug", 0.6),
        predicted(43, 56, "Drug", 0.5),
    ]
    after = propagate_abbreviations(before, find_abbreviations(text))
    assert [(text[f.start : f.end], f.kind, f.probability) for f in after] == [
        ("Blue marsh fever", "Disease", 0.8),
        ("BMF", "Disease", 0.8),
        ("BMF", "Disease", 0.8),
        ("pre-BMF state", "Drug", 0.5),
    ]


def test_a_short_form_of_no_mention_is_none() -> None:
    text = "The left wing (LW) and blue marsh fever deficit (BMFD). LW rose, BMFD fell."
    short_forms = find_abbreviations(text)
    assert [a.short for a in short_forms] == ["LW", "BMFD"]
    wing, fever, deficit = (text.rindex(word) for word in ("LW", "marsh fever", "BMFD"))
    before = [
        predicted(fever, fever + 11, "Disease", 0.8),
        predicted(wing, wing + 2, "Disease", 0.6),
        predicted(deficit, deficit + 4, "Disease", 0.6),
    ]
    # A mention inside the long form leaves it open what the short form is.
    assert propagate_abbreviations(before, short_forms) == [before[0], before[2]]


def test_strict_scores_by_hand() -> None:
    gold = [{(0, 5, "Drug"), (6, 9, "Disease")}, {(0, 4, "Drug")}, set()]
    predicted = [{(0, 5, "Drug"), (6, 10, "Disease")}, {(0, 4, "Disease")}, {(1, 2, "Target")}]
    disease, drug, micro = strict_scores(gold, predicted, ["Disease", "Drug"])
    assert (drug.precision, drug.recall, drug.gold, drug.predicted) == (1.0, 0.5, 2, 1)
    assert (disease.f1, disease.predicted) == (0.0, 2)
    assert micro.f1 == pytest.approx(2 / 6)
    assert 0 <= micro.low <= micro.f1 <= micro.high <= 1
    assert np.isfinite(micro.low)
