"""Relations: what the model sees, learning, saving, damage, and the component."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.model_folder import write_config
from medkg.core.quarantine import Quarantine
from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.context.context import Context
from medkg.extract.corpora.chemprot import read_chemprot
from medkg.extract.mentions.bilstm import LAYERS
from medkg.extract.mentions.network import SHIPPED as RECOGNISER
from medkg.extract.mentions.train import train_ner
from medkg.extract.relations.candidates import passages, relation_candidates
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.document_features import CDR, Candidates, candidate_features
from medkg.extract.relations.document_level import BoostedTrees, LinearScorer, TreeLinearEnsemble
from medkg.extract.relations.evaluate import calibration_error, evaluate_relations, score
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.networks import (
    PairTowers,
    _cut,
    recogniser_checksum,
    sentence_encoder,
)
from medkg.extract.relations.pairs import TASKS, Entity, EntityPair
from medkg.extract.relations.passages import Passage, PassageMention
from medkg.extract.relations.rules import (
    Rule,
    drug_rule,
    drug_rules,
    symptom_rule,
    symptom_rules,
    target_rules,
)
from medkg.extract.relations.train import train_relations
from medkg.extract.relations.train_documents import _LINE_STRENGTH, _fit_line, _fit_trees
from tests.extract.mentions.test_transformer import bert as bert  # a fixture

from ..made_corpus import write_corpus
from ..marked import marked, pipeline
from ..relation_corpora import write_relation_corpora

ENCODER = sentence_encoder(RECOGNISER, recogniser_checksum(RECOGNISER))
WORDS = ("We", "gave", "new", "aspirin", "and", "ibuprofen", "for", "the", "bad", "pain", ".")
# For word vectors; the sentences' own words are enough.
TEXTS = ["induced strongly inhibits activates ignores relief suffer studies indicated"] * 9
ASPIRIN, IBUPROFEN = Entity(3, 4, "Drug"), Entity(5, 6, "Drug")
HEADACHE = Entity(8, 10, "Disease")


def test_blinding_puts_one_word_for_each_mention() -> None:
    words, head, tail, _ = EntityPair(WORDS, ASPIRIN, HEADACHE, (IBUPROFEN,)).blinded
    assert " ".join(words) == "We gave new <head drug> and <drug> for the <tail condition> ."
    assert (head, tail) == (3, 8)


def test_blinding_keeps_the_pair_s_own_of_mentions_that_overlap() -> None:
    words, head, tail, _ = EntityPair(WORDS, ASPIRIN, HEADACHE, (Entity(2, 4, "Drug"),)).blinded
    assert words[2:4] == ["new", "<head drug>"]
    assert (words[head], words[tail]) == ("<head drug>", "<tail condition>")


def test_features_tell_what_stands_between_and_in_which_order() -> None:
    forth = EntityPair(WORDS, ASPIRIN, HEADACHE, (IBUPROFEN,)).features_of("causes")
    assert {"between for", "head first the", "head first for the", "head + and"} <= set(forth)
    assert "1 mentions between" in forth
    back = EntityPair(WORDS, HEADACHE, ASPIRIN, (IBUPROFEN,)).features_of("causes")
    assert "tail first the" in back
    assert "head first the" not in back


def test_features_tell_the_names_and_the_beginnings_of_words() -> None:
    words = ("Aspirin", "inhibited", "the", "synthase", "COX", "2", ".")
    pair = EntityPair(words, Entity(0, 1, "Drug"), Entity(4, 6, "Target"))
    features = set(pair.features_of("causes"))
    assert {"head word aspirin", "tail cox 2", "stem head first inhib"} <= features
    assert "names aspirin | cox 2" in features
    other = EntityPair(("Aspirin", "inhibits", *words[2:]), pair.head, pair.tail)
    assert "stem head first inhib" in other.features_of("causes")


def test_a_long_sentence_is_cut_around_the_pair() -> None:
    words = ("far",) * 200 + WORDS + ("away",) * 200
    pair = EntityPair(words, Entity(203, 204, "Drug"), Entity(208, 210, "Disease"))
    kept, head, tail, _ = pair.blinded
    assert len(kept) < 80
    assert (kept[head], kept[tail]) == ("<head drug>", "<tail condition>")
    kept, head, tail = pair.marked()
    assert len(kept) < 90
    assert (kept[head : head + 6], kept[tail]) == (["@", "*", "drug", "*", "aspirin", "@"], "#")


def test_a_distant_pair_keeps_its_positions_inside() -> None:
    pair = EntityPair(("x",) * 400, Entity(2, 3, "Drug"), Entity(390, 391, "Disease"))
    words, head, tail, _ = pair.blinded
    assert max(head, tail) < len(words)


@pytest.mark.parametrize("far", [0, 20, 200])
def test_words_stand_for_those_at_their_places(far: int) -> None:
    sentence = tuple(f"far{n}" for n in range(far)) + WORDS + tuple(f"on{n}" for n in range(far))
    aspirin, ibuprofen = Entity(far + 3, far + 4, "Drug"), Entity(far + 5, far + 6, "Drug")
    pair = EntityPair(sentence, aspirin, Entity(far + 8, far + 10, "Disease"), (ibuprofen,))
    row = PairTowers([], 0).prepare([pair])[0]
    for words, head, tail, places in (pair.blinded, _cut(pair)):
        assert len(words) == len(places)
        stand_for = [sentence[place] for place in places]
        assert [a for a, b in zip(stand_for, words, strict=True) if a != b] == [
            *("aspirin", "ibuprofen", "pain"),
        ]
        assert (stand_for[head], stand_for[tail]) == ("aspirin", "pain")
    assert row.places == _cut(pair).places
    assert len(row.states) == len(sentence)


def test_sentences_are_read_alone_as_together() -> None:
    sentences = [WORDS, WORDS[:3], ("Fever", "."), WORDS[:3]]
    together = ENCODER.encode(sentences)
    assert [states.shape for states in together] == [(len(s), LAYERS) for s in sentences]
    for sentence, states in zip(sentences, together, strict=True):
        assert torch.allclose(states, ENCODER.encode([sentence])[0], atol=2e-3)
    assert not torch.allclose(together[0][0], together[0][1], atol=0.1)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_relation_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """What documents say is learned by few trees, where no test asks how well."""
    monkeypatch.setattr(BoostedTrees, "TREES", 12)


@pytest.fixture(scope="module")
def trained(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("relations") / "model"
    train_relations(corpora, out, epochs=30, raw_text=TEXTS)
    return out


def test_it_learns_the_corpora_and_beats_the_baseline(corpora: Path, trained: Path) -> None:
    for file, corpus_format in (
        ("bc5cdr/CDR_DevelopmentSet.PubTator.txt", "pubtator"),
        ("chemprot/chemprot_development_abstracts.tsv", "chemprot"),
        ("roam/training.json", "roam"),
    ):
        table = evaluate_relations(trained, corpora / file, corpus_format)
        f1 = dict(table.select("method", "f1").iter_rows())
        assert f1["model"] > 0.9
        assert f1["model"] > f1["all pairs of a sentence"]


def test_texts_are_read_with_a_model_of_one_s_own(trained: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("We gave her aspirin. Aspirin caused headache in two women.")
    folders = {"own": trained, "default": None}
    graphs = {
        name: medkg.read_texts(note, relations_model=folder, texts="papers")
        for name, folder in folders.items()
    }
    stated = {
        name: kg.evidence.filter(relation="CAUSES")["probability"].to_list()
        for name, kg in graphs.items()
    }
    assert stated["own"] != stated["default"]
    shown = medkg.annotate(note, relations_model=trained, texts="papers")[0].relations
    assert shown != medkg.annotate(note, texts="papers")[0].relations
    out = tmp_path / "graph"
    arguments = ["extract", str(note), "--papers", "--out", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--relations-model", str(trained)])
    assert done.exit_code == 0, done.output
    assert medkg.open(out).checksum() == graphs["own"].checksum()


@pytest.mark.usefixtures("few_trees")
def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    corpora = write_relation_corpora(tmp_path, documents=8)
    for name in "ab":
        train_relations(corpora, tmp_path / name, epochs=1, seed=4, raw_text=TEXTS)
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() == (
        tmp_path / "b" / "weights.safetensors"
    ).read_bytes()


def test_a_saved_model_predicts_the_same(trained: Path) -> None:
    pairs = [
        EntityPair(WORDS, ASPIRIN, HEADACHE, (IBUPROFEN,)),
        EntityPair(WORDS, IBUPROFEN, HEADACHE),
    ]
    model = RelationModel.load(trained)
    first = model.predict(pairs, list(TASKS))
    alone = [model.predict([pair], list(TASKS)) for pair in pairs]
    for task in TASKS:
        assert torch.allclose(first[task].sum(1), torch.ones(2))
        together = torch.cat([one[task] for one in alone])
        assert torch.allclose(first[task], together, atol=1e-5)


def test_no_pairs_give_no_rows(trained: Path) -> None:
    assert RelationModel.load(trained).predict([], ["causes"])["causes"].shape == (0, 2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "holds no model"),
        (lambda f: (f / "config.json").write_text("{"), "damaged"),
        (
            lambda f: (f / "config.json").write_text('{"kind": "x"}'),
            "is a model for x, not for medkg_rel",
        ),
        (lambda f: (f / "weights.safetensors").write_bytes(b"no"), "checksum differs"),
        (lambda f: (f / "words.json").unlink(), "missing"),
        (
            lambda f: (f / "config.json").write_text(
                json.dumps({**json.loads((f / "config.json").read_text()), "sha256": None})
            ),
            "is damaged",
        ),
    ],
)
def test_a_damaged_model_says_what_is_wrong(
    trained: Path, tmp_path: Path, damage: object, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    assert callable(damage)
    damage(folder)
    with pytest.raises(ModelError, match=message):
        RelationModel.load(folder)


def test_another_model_version_is_refused(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_version": 99}))
    with pytest.raises(ModelError, match="model version 99"):
        RelationModel.load(folder)


def test_a_model_of_another_recogniser_is_refused(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "model")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    write_config(copy, {**config, "recogniser": "0" * 64})
    with pytest.raises(ModelError, match=r"another recogniser.*train it again"):
        RelationModel.load(copy)


@pytest.mark.usefixtures("few_trees")
def test_towers_that_read_with_another_recogniser_take_it_along(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    reading, corpora = tmp_path / "ner", write_relation_corpora(tmp_path / "c", documents=8)
    train_ner(write_corpus(tmp_path / "mentions"), reading, epochs=1, raw_text=[])
    out = tmp_path / "model"
    train_relations(corpora, out, epochs=1, raw_text=TEXTS, recogniser=reading)
    shutil.rmtree(reading)
    model = RelationModel.load(out)
    assert model.recogniser == out / "recogniser"
    pair = EntityPair(WORDS, ASPIRIN, Entity(8, 10, "Target"))
    predicted = model.predict([pair], ["targets"])["targets"]
    component = RelationsComponent(model)
    component.to_disk(tmp_path / "saved")
    shutil.rmtree(out)
    component.from_disk(tmp_path / "saved")
    assert torch.equal(component.model.predict([pair], ["targets"])["targets"], predicted)

    shutil.rmtree(tmp_path / "saved" / "recogniser")
    with pytest.raises(ModelError, match="is missing"):
        RelationModel.load(tmp_path / "saved")
    with pytest.raises(ModelError, match="holds no model"):
        train_relations(corpora, tmp_path / "no", recogniser=tmp_path / "nowhere")
    config = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert config["reader_seen"] == 0
    with pytest.raises(ModelError, match="in the recogniser's place"):
        train_relations(corpora, tmp_path / "no", recogniser=tmp_path, encoder="any")


@pytest.mark.usefixtures("few_trees")
def test_figures_of_what_the_recogniser_saw_are_called_too_good(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    corpora, reading = write_relation_corpora(tmp_path / "c", documents=8), tmp_path / "ner"
    # A corpus whose training part is the development part of another.
    development = read_chemprot(
        corpora / "chemprot" / "chemprot_development_abstracts.tsv", Quarantine()
    )
    (tmp_path / "seen").mkdir()
    for name, texts in (("train", [d.text for d in development]), ("dev", ["Lumirol helped."])):
        rows = [{"text": text, "label": [[0, 6, "Drug"]]} for text in texts]
        file = tmp_path / "seen" / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train_ner(tmp_path / "seen", reading, epochs=1, raw_text=[])
    out = tmp_path / "model"
    train_relations(corpora, out, epochs=1, raw_text=TEXTS, recogniser=reading)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert config["reader_seen"] == len(development)
    assert f"trained on {len(development)} of the documents" in (out / "CARD.md").read_text("utf-8")
    table = evaluate_relations(out, corpora / "chemprot" / "chemprot_development_abstracts.tsv")
    assert table["trained_on"].to_list() == [len(development)] * table.height
    with pytest.raises(ModelError, match="its recogniser was trained on documents"):
        train_relations(corpora, tmp_path / "no", epochs=1, raw_text=TEXTS, sibling=out)


@pytest.mark.usefixtures("few_trees")
def test_a_model_that_held_nothing_back_states_its_sibling_s_figures(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    corpora = write_relation_corpora(tmp_path / "corpora", documents=16)
    sibling, out = tmp_path / "sibling", tmp_path / "model"
    figures = train_relations(corpora, sibling, epochs=1, raw_text=TEXTS)
    assert train_relations(corpora, out, epochs=1, raw_text=TEXTS, sibling=sibling) == figures
    theirs, ours = (json.loads((f / "config.json").read_text("utf-8")) for f in (sibling, out))
    assert (ours["calibration"], ours["sibling"]) == (theirs["calibration"], theirs["sha256"])
    assert all(ours["pairs"][task] > theirs["pairs"][task] for task in TASKS)
    assert "those of its sibling" in (out / "CARD.md").read_text(encoding="utf-8")
    for model, seen in ((sibling, 0), (out, 4)):
        table = evaluate_relations(model, corpora / "bc5cdr" / "CDR_DevelopmentSet.PubTator.txt")
        assert table.select("trained_on", "documents").unique().rows() == [(seen, 4)]
    with pytest.raises(ModelError, match="is no sibling, its epochs being 1 and here 2"):
        train_relations(corpora, tmp_path / "no", epochs=2, raw_text=TEXTS, sibling=sibling)


def test_a_corpus_without_relations_is_refused(trained: Path, corpora: Path) -> None:
    with pytest.raises(DataError, match="no relations in 'bc2gm'"):
        evaluate_relations(trained, corpora, "bc2gm")


@pytest.mark.usefixtures("few_trees")
def test_a_transformer_takes_the_encoder_s_place(corpora: Path, bert: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    small = write_relation_corpora(tmp_path / "small", documents=8)
    train_relations(small, tmp_path / "model", encoder=str(bert), epochs=1, device="cpu")
    model = RelationModel.load(tmp_path / "model")
    pairs = [EntityPair(WORDS, ASPIRIN, HEADACHE), EntityPair(WORDS, IBUPROFEN, HEADACHE)]
    first = model.predict(pairs, list(TASKS))
    assert {task: tuple(rows.shape) for task, rows in first.items()} == {
        task: (2, len(labels)) for task, labels in TASKS.items()
    }
    again = RelationModel.load(tmp_path / "model").predict(pairs, ["treats"])["treats"]
    assert torch.equal(first["treats"], again)


def test_the_component_finds_relations_with_their_context(trained: Path) -> None:
    nlp = pipeline("medkg_sentences", "medkg_context")
    component = RelationsComponent(RelationModel.load(trained))
    texts = [
        "We saw [lumirol|Drug] induced [ague|Disease] once.",
        "Here [lumirol|Drug] strongly inhibits [ABC1|Target] in cells. [XYZ2|Target] is another.",
        "Here [lumirol|Drug] strongly inhibits [ABC1|Target] in cells of her mother.",
        "[Ague|Disease] is characterised by [fever|Symptom].",
        "[Fever|Symptom] only.",
        "",
    ]
    docs = list(component.pipe([marked(nlp, text) for text in texts]))
    relations = [
        [(r.head.text, r.relation, r.tail.text, dict(r.qualifiers)) for r in doc._.relations]
        for doc in docs
    ]
    assert relations == [
        [("lumirol", "CAUSES", "ague", {})],
        [("lumirol", "TARGETS", "ABC1", {"action": "inhibitor"})],
        [("lumirol", "TARGETS", "ABC1", {"action": "inhibitor"})],
        [("Ague", "HAS_SYMPTOM", "fever", {})],
        [],
        [],
    ]
    assert all(0.5 <= r.probability <= 1 for doc in docs for r in doc._.relations)
    denied = component(marked(nlp, "We saw no [lumirol|Drug] induced [ague|Disease] once."))
    assert [r.context["polarity"] for r in denied._.relations] in ([], ["negated"])


def test_causes_reach_across_sentences_from_the_nearest_mentions(
    trained: Path,
) -> None:
    model = RelationModel.load(trained)
    model.thresholds |= {"CAUSES": 0.0, "TREATS": 1.1}
    nlp = pipeline("medkg_sentences", "medkg_context")
    text = "[Lumirol|Drug] was given. They had [lumirol|Drug]. Then [ague|Disease] came."
    component = RelationsComponent(model, threshold=0.0)
    (relation,) = component(marked(nlp, text))._.relations
    assert (relation.head.text, relation.relation, relation.tail.text) == (
        "lumirol",
        "CAUSES",
        "ague",
    )
    assert relation.head.sent.start < relation.tail.sent.start
    model.thresholds["CAUSES"] = 1.1
    assert RelationsComponent(model, threshold=0.0)(marked(nlp, text))._.relations == ()


def test_what_is_over_is_not_treated_and_an_allergy_s_reaction_is_the_drug_s(
    trained: Path,
) -> None:
    component = RelationsComponent(RelationModel.load(trained))
    nlp = pipeline("medkg_sentences", "medkg_context")

    def read(text: str) -> list[tuple[str, str, str, str]]:
        doc = marked(nlp, text)
        doc._.note = True
        return [
            (r.head.text, r.relation, r.tail.text, r.context["temporality"])
            for r in component(doc)._.relations
        ]

    assert read("[Ague|Disease] (resolved), on [lumirol|Drug].") == []
    assert read("Allergies:\n[Lumirol|Drug] - [ague|Disease]") == [
        ("Lumirol", "CAUSES", "ague", "current")
    ]


def test_in_notes_secondary_to_may_be_short(trained: Path) -> None:
    (rule,) = [rule for rule in drug_rules() if rule.name == "attributed"]
    doc = marked(pipeline("medkg_sentences"), "[Ague|Disease] 2/2 [lumirol|Drug].")
    doc._.note = True
    doc = Context()(doc)
    (relation,) = RelationsComponent(RelationModel.load(trained))(doc)._.relations
    assert (relation.relation, relation.probability) == ("CAUSES", rule.precision)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[rash|Symptom] consistent with [lupus|Disease]", "consistent"),
        ("[lupus|Disease] presenting with [rash|Symptom] and [fever|Symptom]", "presenting with"),
        ("[rash|Symptom] due to [lupus|Disease]", "due to"),
        ("A history of [lupus|Disease] presented with [rash|Symptom]", "history"),
        ("[rash|Symptom], but no sign of [lupus|Disease]", None),
        ("[headache|Symptom] is a symptom of [migraine|Disease]", "is a symptom of"),
        ("[headache|Disease] is a common symptom of [migraine|Symptom]", "the other way round"),
        ("[lupus|Disease] and [rash|Symptom]", None),
        ("Stopped in [pain|Symptom] because of the risk of [gout|Disease]", None),
        ("In [lupus|Disease], [rash|Symptom] and [fever|Symptom] are common", "common in"),
        ("[rash|Symptom] and [fever|Symptom] point to [lupus|Disease]", "suggesting"),
        ("Patients with [lupus|Disease] complained of [rash|Symptom]", "patients with"),
        ("[lupus|Disease]: [fever|Symptom], [rash|Symptom]", "listed after a colon"),
        ("[lupus|Disease] was accompanied by [rash|Symptom]", "associated with"),
    ],
)
def test_rules_for_symptoms(text: str, rule: str | None) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    pair = next(relation_candidates(doc))[2]
    matched = symptom_rule(pair)
    assert (matched.name if matched else None) == rule


def test_each_symptom_of_a_list_is_one() -> None:
    text = "[lupus|Disease] may often be with [pain|Symptom], [fever|Symptom] and [rash|Symptom]"
    doc = marked(pipeline("medkg_sentences"), text)
    rules = [symptom_rule(pair) for _, _, pair, *_ in relation_candidates(doc)]
    assert [rule and rule.name for rule in rules] == ["D may cause"] * 3


def test_a_name_has_neither_its_short_form_nor_itself_as_a_symptom(trained: Path) -> None:
    nlp = pipeline("medkg_sentences", "medkg_context")
    component = RelationsComponent(RelationModel.load(trained))
    doc = marked(nlp, "[Blue marsh palsy|Disease] ([BMP|Symptom]) is rare.")
    assert component(doc)._.relations == ()
    doc = marked(nlp, "[Familial blue marsh palsy|Disease] ([BMP|Symptom]) is rare.")
    assert component(doc)._.relations == ()
    doc = marked(nlp, "[Palsy|Disease] with [palsy of the arm|Symptom].")
    assert len(component(doc)._.relations) == 1
    for mention in doc.spans["mentions"]:
        mention._.identifier = "X:1"
    assert component(doc)._.relations == ()


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("He takes [metformin|Drug] 500 mg b.i.d. for type 2 [diabetes|Disease].", "TREATS"),
        ("[Gout|Disease], treated with [allopurinol|Drug].", "TREATS"),
        ("[Infliximab|Drug] induced remission of [colitis|Disease].", "TREATS"),
        ("[Lisinopril|Drug] was stopped because of [cough|Symptom].", "CAUSES"),
        ("A [rash|Symptom] appeared after starting [lamotrigine|Drug].", "CAUSES"),
        ("[Amiodarone|Drug]-induced [hypothyroidism|Disease].", "CAUSES"),
        ("On [simvastatin|Drug] she noticed [muscle pain|Symptom].", "CAUSES"),
        ("[Valproate|Drug] is contraindicated in [cirrhosis|Disease].", "CONTRAINDICATED_FOR"),
        ("[Cough|Symptom] on [lisinopril|Drug].", "CAUSES"),
        ("He took [amoxicillin|Drug] but stopped it because of [diarrhea|Symptom].", "CAUSES"),
        ("[Albuterol|Drug] 2 puffs prn [asthma|Disease].", "TREATS"),
        ("Gets [hives|Symptom] with [amoxicillin|Drug].", "CAUSES"),
        ("[Depression|Symptom] on [sertraline|Drug] 100 mg daily.", None),
        ("No [cough|Symptom] on [lisinopril|Drug].", "CAUSES"),
        ("[Metformin|Drug] held due to [AKI|Disease].", None),
        ("[Folate|Drug] prevents [methotrexate|Drug]-induced [mucositis|Disease].", "TREATS"),
        ("[Levothyroxine|Drug] corrected the [hypothyroidism|Disease].", "TREATS"),
        ("[Indomethacin|Drug] caused fever in a patient with [cirrhosis|Disease].", "NONE"),
        ("[Carboplatin|Drug] was stopped because of [renal impairment|Disease].", "NONE"),
        ("[Gentamicin|Drug] stopped because of acute [kidney failure|Disease].", "CAUSES"),
        ("[PE|Disease] on CTA, started on [heparin|Drug].", "TREATS"),
        ("D/C'd [lisinopril|Drug] for [cough|Symptom].", "CAUSES"),
        ("No [seizures|Symptom]; continue [levetiracetam|Drug].", "NONE"),
        ("[Gout|Disease]; continue [allopurinol|Drug].", "TREATS"),
        ("[Gout|Disease] - well controlled, continue [allopurinol|Drug].", "TREATS"),
        ("[Gout|Disease]: stable on home [allopurinol|Drug].", "TREATS"),
        ("[Gout|Disease]: [aspirin|Drug] avoided", None),
        ("[Gout|Symptom]: continue [allopurinol|Drug].", None),
        ("[Warfarin|Drug] and [epistaxis|Symptom].", None),
        ("She has [asthma|Disease] and takes [aspirin|Drug].", None),
        ("[Warfarin|Drug] was given and she had a [nosebleed|Symptom].", None),
        ("[Gout|Disease] ([asthma|Disease]) treated with [allopurinol|Drug].", "TREATS"),
        ("[Gout|Disease] (on [allopurinol|Drug])", "TREATS"),
        ("[Pneumonia|Disease] (resolved) on [metformin|Drug].", "NONE"),
        ("[Pneumonia|Disease], now resolved, on [metformin|Drug].", "NONE"),
        ("[Pneumonia|Disease] (resolved on [amoxicillin|Drug])", "TREATS"),
        ("On [warfarin|Drug], presents with [cough|Symptom].", None),
        ("[Gout|Disease] secondary to [thiazides|Drug], asthma", "CAUSES"),
        ("Man with [gout|Disease], developed hives after starting [aspirin|Drug].", "NONE"),
        ("Man with gout developed [hives|Symptom] after starting [aspirin|Drug].", "CAUSES"),
        ("Man with [hives|Symptom] after starting [aspirin|Drug].", "CAUSES"),
        ("[Rash|Symptom] due to heat, cough due to [lisinopril|Drug]", None),
        ("[Rash|Symptom] due to his [penicillin|Drug], cough due to heat", "CAUSES"),
    ],
)
def test_rules_for_drugs(text: str, relation: str | None) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    pair = next(relation_candidates(doc))[2]
    matched = drug_rule(pair)
    assert (matched.relation if matched else None) == relation


def test_a_symptom_that_is_a_disease_too_may_be_treated() -> None:
    doc = marked(pipeline("medkg_sentences"), "[Asthma|Symptom]: continue [albuterol|Drug].")
    pair = next(relation_candidates(doc))[2]
    assert drug_rule(pair) is None
    rule = drug_rule(pair, is_disease=True)
    assert rule is not None
    assert rule.relation == "TREATS"
    doc = marked(pipeline("medkg_sentences"), "[DVT|Disease] on [apixaban|Drug].")
    pair = next(relation_candidates(doc))[2]
    assert drug_rule(pair, is_disease=True) == drug_rule(pair)


@pytest.mark.parametrize(
    ("text", "treated"),
    [
        ("[Gout|Disease] in 2015, [depression|Symptom] treated with [sertraline|Drug].",
         ["depression"]),
        ("[Gout|Disease], [asthma|Disease] and [rash|Symptom] treated with [prednisone|Drug].",
         ["gout", "asthma", "rash"]),
    ],
)  # fmt: skip
def test_of_a_list_what_stands_before_its_drug_is_treated(text: str, treated: list[str]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    conditions = [
        tail.text.lower()
        for head, tail, pair, _ in relation_candidates(doc)
        if head.label_ == "Drug" and (rule := drug_rule(pair)) and rule.relation == "TREATS"
    ]
    assert conditions == treated


@pytest.mark.parametrize(
    ("text", "treat"),
    [
        ("[Aspirin|Drug] 81 mg and [statin|Drug] 5 mg for [angina|Disease].",
         [("aspirin", "angina"), ("statin", "angina")]),
        ("[Folate|Drug] 5 mg od, [codeine|Drug] 1 g for [pain|Disease].", [("codeine", "pain")]),
        ("[Folate|Drug] 5 mg, [codeine|Drug] stopped due to [nausea|Disease].", []),
        ("[Codeine|Drug] prn, [statin|Drug] for [angina|Disease].", [("statin", "angina")]),
        ("[Metformin|Drug] for [diabetes|Disease], [statin|Drug] for [angina|Disease].",
         [("metformin", "diabetes"), ("statin", "angina")]),
    ],
)  # fmt: skip
def test_of_a_list_each_drug_treats_its_own(text: str, treat: list[tuple[str, str]]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    pairs = {
        (head.text.lower(), tail.text.lower())
        for head, tail, pair, _ in relation_candidates(doc)
        if head.label_ == "Drug" and (rule := drug_rule(pair)) and rule.relation == "TREATS"
    }
    assert pairs == set(treat)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A man with [gout|Disease] presents with [rash|Symptom].", False),
        ("She had [lupus|Disease] presenting with [rash|Symptom].", True),
        ("[Lupus|Disease] presented with [rash|Symptom].", True),
    ],
)
def test_who_has_a_disease_and_comes_doesn_t_show_its_symptom_in_a_note(
    text: str, shown: bool
) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    pair = next(relation_candidates(doc))[2]
    assert symptom_rule(pair) is not None
    assert (symptom_rule(pair, note=True) is not None) == shown


@pytest.mark.parametrize("rules", [symptom_rules(), drug_rules(), target_rules()])
def test_every_rule_s_precision_is_a_probability(rules: tuple[Rule, ...]) -> None:
    assert all(0 <= rule.precision < 1 for rule in rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_trees_are_those_that_were_fitted() -> None:
    rows, labels = make_classification(300, 8, random_state=1)
    rows = rows.astype(np.float32)
    trees = BoostedTrees()
    _fit_trees(trees, rows, labels, seed=2)
    fitted = GradientBoostingClassifier(
        n_estimators=BoostedTrees.TREES,
        learning_rate=0.04,
        max_depth=BoostedTrees.DEPTH,
        subsample=0.5,
        max_features=0.25,
        min_samples_leaf=15,
        random_state=2,
    ).fit(rows, labels)
    assert trees(torch.from_numpy(rows)).sigmoid().numpy() == pytest.approx(
        fitted.predict_proba(rows)[:, 1], abs=1e-4
    )


def test_the_line_is_a_regression_on_scaled_numbers_and_half_of_what_is_decided() -> None:
    rows, labels = make_classification(300, CDR.num_features, random_state=1)
    rows = (rows * 50 + 7).astype(np.float32)
    line = LinearScorer(CDR.num_features)
    _fit_line(line, rows, labels)
    fitted = LogisticRegression(C=_LINE_STRENGTH, max_iter=3000).fit(
        scale(rows.astype(float)), labels
    )
    chances = fitted.predict_proba(scale(rows.astype(float)))[:, 1]
    numbers = torch.from_numpy(rows)
    assert line(numbers).sigmoid().detach().numpy() == pytest.approx(chances, abs=1e-3)
    both = TreeLinearEnsemble(CDR.num_features)
    both.line.load_state_dict(line.state_dict())
    both.trees.start.fill_(100.0)  # type: ignore[operator]  # a buffer
    assert both(numbers).detach().numpy() == pytest.approx((1 + chances) / 2, abs=1e-3)


def test_every_drug_of_a_document_meets_every_condition() -> None:
    def drug(sentence: int, place: int, name: str) -> PassageMention:
        return PassageMention(sentence, Entity(place, place + 1, "Drug"), (name,))

    def condition(sentence: int, first: int, last: int, name: str) -> PassageMention:
        return PassageMention(sentence, Entity(first, last, "Disease"), (name,))

    passage = Passage(
        "1",
        (("Aspirin", "and", "seizures"), ("Warfarin", "gave", "tonic", "seizures")),
        (drug(0, 0, "A"), condition(0, 2, 3, "S"), drug(1, 0, "W"), condition(1, 2, 4, "T")),
    )
    probabilities = {("A", "S"): [[0.2]], ("W", "T"): [[0.9]]}
    alone = {"A": 0.1, "W": 0.8}, {"S": 0.3, "T": 0.7}
    keys, numbers = candidate_features(Candidates.of(passage, CDR), CDR, probabilities, *alone)
    assert keys == [("A", "S"), ("A", "T"), ("W", "S"), ("W", "T")]
    assert len(numbers) == 4
    # Where "seizures" stands beside "tonic seizures", what is said of the second is known.
    special, general = numbers[2][32], numbers[3][33]
    assert special == pytest.approx(0.9)
    assert general == pytest.approx(0.0)


def test_documents_are_read_in_parts_with_one_title() -> None:
    doc = marked(pipeline("medkg_sentences"), "[Gout|Disease] and [aspirin|Drug]. " * 45)
    parts = list(passages(doc))
    assert [len(part.mentions) for part in parts] == [40, 40, 10]
    assert [part.passage.mentions[0].sentence for part in parts] == [0, 1, 1]
    head, tail = parts[1].nearest(
        *(next(iter(parts[1].passage.concepts([kind]))) for kind in ("Drug", "Disease"))
    )
    assert head.sent == tail.sent


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    # Two predictions in each of the ten bins.
    assert calibration_error([0.5] * 20, [True, False] * 10) == 0
    assert calibration_error([0.9] * 20, [True, False] * 10) == 0.4
    assert calibration_error([0.1] * 10 + [0.9] * 10, [False] * 10 + [True] * 10) == 0.1


def test_scores_and_their_interval() -> None:
    # 6 right of 8 found, 10 true: P .75, R .6, F1 12/18.
    result = score([(3, 4, 5)] * 2)
    assert (result.precision, result.recall, result.f1) == (0.75, 0.6, 0.6667)
    assert (result.low, result.high) == (0.6667, 0.6667)
    spread = score([(5, 5, 5), (0, 5, 5), (2, 5, 5)])
    assert spread.low < spread.f1 < spread.high
    assert score([]).f1 == 0
