"""Findings of notes in words that no name has, through the pipeline."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from medkg.core.errors import ModelError
from medkg.extract.documents import TextDocument
from medkg.extract.phrases.candidates import FEATURES, Candidates
from medkg.extract.phrases.component import LIKELY, PhraseReader, chosen, named_phenotypes
from medkg.extract.pipeline import build_pipeline
from medkg.extract.run import read_documents
from medkg.extract.tokens import blank
from medkg.graph.kg import KnowledgeGraph

NODES = [
    ("HP:0002105", "Hemoptysis"),
    ("HP:0002248", "Hematemesis"),
    ("HP:0001945", "Fever"),
    ("HP:0000017", "Nocturia"),
    ("HP:0000639", "Nystagmus"),
    ("HP:0001513", "Obesity"),
    ("HP:0004324", "Increased body weight"),
    ("HP:0002315", "Headache"),
    ("HP:0010837", "Decreased circulating ceruloplasmin concentration"),
]


def graph() -> KnowledgeGraph:
    nodes = pl.DataFrame(NODES, schema=["id", "name"], orient="row").with_columns(
        kind=pl.lit("Symptom"), synonyms=pl.lit(None, dtype=pl.List(pl.String))
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])


@pytest.fixture(scope="module")
def nlp() -> Language:
    return build_pipeline(graph())


def read(nlp: Language, text: str, *, note: bool = True) -> Doc:
    doc = nlp.make_doc(text)
    doc._.note = note
    for _, component in nlp.pipeline:
        doc = component(doc)
    return doc


def likened(doc: Doc) -> dict[str, str]:
    return {m.text: m._.identifier for m in doc.spans["mentions"] if m._.like}


@pytest.mark.parametrize(
    ("text", "phenotype"),
    [
        ("On Sunday he coughed up a little blood.", "HP:0002105"),
        ("She gets up five times a night to pee.", "HP:0000017"),
        ("His eyes keep jumping from side to side.", "HP:0000639"),
    ],
)
def test_words_like_a_name_are_a_mention_of_it(nlp: Language, text: str, phenotype: str) -> None:
    doc = read(nlp, text)
    assert phenotype in likened(doc).values()
    (mention,) = [m for m in doc.spans["mentions"] if m._.identifier == phenotype]
    assert LIKELY <= mention._.probability < 1
    assert mention._.polarity == "asserted"
    assert mention._.like


def test_what_a_note_denies_is_denied(nlp: Language) -> None:
    doc = read(nlp, "He has never coughed up a little blood.")
    (mention,) = [m for m in doc.spans["mentions"] if m._.like]
    assert mention._.polarity == "negated"


def test_a_paper_and_a_text_without_words_are_left_as_they_are(nlp: Language) -> None:
    paper = read(nlp, "On Sunday he coughed up a little blood.", note=False)
    assert not likened(paper)
    assert not likened(read(nlp, "1, 2; 3 - 4."))


def test_what_has_a_node_already_keeps_it(nlp: Language) -> None:
    doc = read(nlp, "He had a fever and a headache, and gets up five times a night to pee.")
    by_name = {m.text.lower(): m for m in doc.spans["mentions"]}
    assert by_name["fever"]._.identifier == "HP:0001945"
    assert not by_name["fever"]._.like
    assert by_name["headache"]._.identifier == "HP:0002315"
    assert "HP:0000017" in likened(doc).values()


@pytest.mark.parametrize(
    "text",
    [
        "Her eyes do not jump from side to side.",
        "Her eyes don't jump from side to side.",
        "He can get up at night without help.",
        "He sleeps well and gets up at seven.",
        "She walks to school with her brother on most days.",
    ],
)
def test_what_is_well_is_no_finding(nlp: Language, text: str) -> None:
    doc = read(nlp, text)
    assert not [m for m in doc.spans["mentions"] if m._.like and m._.polarity == "asserted"]


def test_drugs_and_examinations_stay_what_they_are(nlp: Language) -> None:
    doc = read(nlp, "Started taking metformin in May, and the MRI was clear. Gets up to pee a lot.")
    kinds = {m.text: m.label_ for m in doc.spans["mentions"]}
    assert kinds["metformin"] == "Drug"
    assert kinds["MRI"] == "Procedure"


def test_what_is_said_of_a_finding_is_none_of_its_own(nlp: Language) -> None:
    doc = read(nlp, "He has a headache on the right side of the chest wall.")
    assert not likened(doc)


def test_a_line_may_be_wrapped(nlp: Language) -> None:
    doc = read(nlp, "Since Easter she gets up five times\na night to pee.")
    (mention,) = [m for m in doc.spans["mentions"] if m._.like]
    assert mention._.identifier == "HP:0000017"


def test_a_test_with_its_result_is_read_by_that(nlp: Language) -> None:
    doc = read(nlp, "Serum ceruloplasmin was low, and she gets up five times a night to pee.")
    (test,) = [m for m in doc.spans["mentions"] if "ceruloplasmin" in m.text]
    assert test.label_ == "Procedure"
    assert not test._.like
    assert test._.results is not None


def test_mentions_of_a_document_are_in_order_and_do_not_overlap(nlp: Language) -> None:
    doc = read(
        nlp, "Fever. He coughed up a little blood, gets up five times a night to pee. Headache."
    )
    mentions = list(doc.spans["mentions"])
    assert [m.start for m in mentions] == sorted(m.start for m in mentions)
    assert all(a.end <= b.start for a, b in pairwise(mentions))


def test_the_graph_says_what_the_words_are_like() -> None:
    text = "On Sunday he coughed up a little blood."
    kg = read_documents([TextDocument("note:a", text, "patient:a")], graph())
    (row,) = kg.evidence.filter(relation="HAS_PHENOTYPE", object="HP:0002105").to_dicts()
    assert '"like": "cough' in row["qualifiers"]
    assert LIKELY <= row["probability"] < 1
    assert row["sentence"] == text


def test_a_chinese_name_is_none_of_an_english_note_s() -> None:
    """Its Latin letters, units and signs would be like those of any text."""
    chinese = "循环L-别异亮氨酸浓度升高"
    nodes = graph().nodes.with_columns(synonyms=pl.lit([chinese, "Raised L"]))
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    names = [
        name
        for _, name, _ in named_phenotypes(
            KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])
        )
    ]
    assert "Raised L" in names
    assert chinese not in names


def test_without_names_it_says_so() -> None:
    doc = blank().make_doc("He coughs.")
    with pytest.raises(ModelError, match="medkg_phrases has no names"):
        PhraseReader()(doc)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(2, 9), st.floats(0, 1)), min_size=1, max_size=30
    )
)
def test_what_is_chosen_is_likely_and_apart(rows: list[tuple[int, int, float]]) -> None:
    start = np.array([row[0] for row in rows], dtype=np.intp)
    end = start + np.array([row[1] for row in rows], dtype=np.intp)
    likely = np.array([row[2] for row in rows], dtype=np.float32)
    none = np.zeros((len(rows), len(FEATURES)), dtype=np.float32)
    picked = chosen(Candidates(start, end, np.arange(len(rows)), none), likely)
    taken: set[int] = set()
    for number in picked:
        assert likely[number] >= LIKELY
        assert taken.isdisjoint(range(start[number], end[number]))
        taken.update(range(start[number], end[number]))
    for number in set(range(len(rows))) - set(picked):
        if likely[number] >= LIKELY:
            assert not taken.isdisjoint(range(start[number], end[number]))
