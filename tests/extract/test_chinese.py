"""Chinese notes, read whole: sentences, mentions, context, links, and the graph that they give."""

from pathlib import Path

import polars as pl
import pytest

import medkg
from medkg.core.errors import DataError
from medkg.extract.chinese import check_language, sentence_starts
from medkg.extract.mentions.network import NerModel
from medkg.extract.tokens import token_offsets
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

pytest.importorskip("opencc")
pytest.importorskip("pypinyin")

NOTE = "女，34岁。发热、咳嗽3天，伴头痛。无呕吐，否认糖尿病。口服metformin、阿莫西林。父亲有哮喘。"


@pytest.fixture(scope="module")
def terminology() -> KnowledgeGraph:
    return medkg.merge(load("starter", language="zh"), load("common", language="zh"))


@pytest.fixture(scope="module")
def read(terminology: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    note = tmp_path_factory.mktemp("notes") / "a.txt"
    note.write_text(NOTE, encoding="utf-8")
    return medkg.read_texts(note, terminology=terminology, texts="notes")


def _facts(kg: KnowledgeGraph, relation: str) -> set[str]:
    edges = kg.edges.filter(relation=relation, subject="patient:a")
    return set(kg.nodes.filter(pl.col("id").is_in(edges["object"].implode()))["name"])


def test_tokens_are_characters_words_and_numbers() -> None:
    text = "服用metformin 500mg，T38.5℃"
    words = [text[a:b] for a, b in token_offsets(text)]
    assert words[:6] == ["服", "用", "metformin", "500", "mg", "，"]


def test_sentences_end_at_chinese_signs_and_not_in_numbers() -> None:
    text = "体温38.5度。无咳嗽！\n查体：肺（-）；腹软"
    starts = sentence_starts(text)
    assert [text[start] for start in starts] == ["体", "无", "查", "腹"]


def test_what_a_note_states_is_in_the_graph(read: KnowledgeGraph) -> None:
    assert {"Fever", "Cough", "Headache"} <= _facts(read, "HAS_PHENOTYPE")
    assert "Vomiting" in _facts(read, "LACKS_PHENOTYPE")
    assert {"Metformin", "Amoxicillin"} <= _facts(read, "TAKES")


def test_what_is_denied_or_the_familys_is_no_fact(read: KnowledgeGraph) -> None:
    facts = _facts(read, "HAS_DISEASE") | _facts(read, "HAS_PHENOTYPE")
    assert not {name for name in facts if "diabetes" in name.lower() or "sthma" in name}


def test_evidence_holds_the_sentence_and_its_place(read: KnowledgeGraph) -> None:
    rows = read.evidence.filter(relation="HAS_PHENOTYPE", subject="patient:a")
    for sentence, start, end in rows.select("sentence", "start", "end").iter_rows():
        assert NOTE[start:end] == sentence
    assert "发热、咳嗽3天，伴头痛。" in rows["sentence"].to_list()


def test_traditional_characters_are_read(terminology: KnowledgeGraph, tmp_path: Path) -> None:
    note = tmp_path / "a.txt"
    note.write_text("發熱三天，頭痛。無咳嗽。", encoding="utf-8")
    kg = medkg.read_texts(note, terminology=terminology, texts="notes")
    assert {"Fever", "Headache"} <= _facts(kg, "HAS_PHENOTYPE")
    assert "Cough" in _facts(kg, "LACKS_PHENOTYPE")
    assert kg.evidence["sentence"].str.contains("發熱").any()  # as it is written


@pytest.mark.parametrize(
    ("text", "temporalities"),
    [
        ("术前停用阿司匹林1周。术后3天恢复口服阿司匹林。", {"historical", "current"}),
        ("术前停用阿司匹林1周。术后继续予氯吡格雷、阿司匹林口服。", {"historical", "current"}),
        ("口服阿司匹林。术前停用阿司匹林，继续氯吡格雷。", {"historical"}),
    ],
)
def test_a_drug_that_is_given_again_is_taken(
    text: str, temporalities: set[str], terminology: KnowledgeGraph, tmp_path: Path
) -> None:
    note = tmp_path / "a.txt"
    note.write_text(text, encoding="utf-8")
    kg = medkg.read_texts(note, terminology=terminology, texts="notes")
    (aspirin,) = kg.nodes.filter(name="Aspirin")["id"]
    taken = kg.evidence.filter(relation="TAKES", object=aspirin)
    assert set(taken["temporality"]) == temporalities


def test_languages_beside_each_other(terminology: KnowledgeGraph, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(NOTE, encoding="utf-8")
    (tmp_path / "b.txt").write_text("She has a headache. No fever.", encoding="utf-8")
    kg = medkg.read_texts(tmp_path, terminology=terminology, texts="notes")
    english = kg.edges.filter(subject="patient:b")
    assert "Headache" in set(kg.nodes.join(english, left_on="id", right_on="object")["name"])
    assert "Fever" in _facts(kg, "HAS_PHENOTYPE")


def test_the_language_may_be_given(terminology: KnowledgeGraph, tmp_path: Path) -> None:
    note = tmp_path / "a.txt"
    note.write_text("Patient 张三: headache and fever since Monday, 无发热", encoding="utf-8")
    as_chinese, as_english = (
        medkg.annotate(note, terminology=terminology, texts="notes", language=language)[0]
        for language in ("zh", "en")
    )
    contexts = [
        {mention.text: mention.context for mention in annotated.mentions}["发热"]
        for annotated in (as_chinese, as_english)
    ]
    assert contexts == [("negated",), ()]  # a name is found by either, a denial by one
    with pytest.raises(DataError, match="not read in 'fr'; give en or zh"):
        check_language("fr")


def test_the_model_is_small_and_knows_four_kinds() -> None:
    from medkg.extract.chinese import SHIPPED

    model = NerModel.load(SHIPPED)
    assert {kind for kinds in model.kinds.values() for kind in kinds} == {
        "Disease",
        "Symptom",
        "Drug",
        "Procedure",
    }
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 6e6


def test_everyday_names_are_of_phenotypes_and_of_one_each(hpo: KnowledgeGraph) -> None:
    from medkg.core.han import has_han
    from medkg.extract.lay_names import _CHINESE, lay_names

    table = lay_names(_CHINESE)
    symptoms = hpo.nodes.filter(kind="Symptom")
    words = table["words"].explode().to_list()
    assert table["id"].is_in(symptoms["id"].implode()).all()
    assert all(has_han(word) for word in words)
    assert len(set(words)) == len(words)
