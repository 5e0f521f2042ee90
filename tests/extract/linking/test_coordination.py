"""Names that share a word, and the findings that a mention joins."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.extract.linking.coordination import names_of_one_beginning, names_of_one_head
from medkg.graph.frames import NODES, conform

from ..made_graph import graph
from ..marked import marked, pipeline

NAMED = [
    ("HP:0002240", "Symptom", "Hepatomegaly", ["Big liver"]),
    ("HP:0001744", "Symptom", "Splenomegaly", ["Big spleen"]),
    ("DOID:1612", "Disease", "breast cancer", []),
    ("DOID:2394", "Disease", "ovarian cancer", []),
    ("DOID:1", "Disease", "hand cancer", []),
    ("DOID:2", "Disease", "foot cancer", []),
    ("DOID:3", "Disease", "hand and foot cancer", []),
    ("HGNC:403", "Target", "ALDH3A2", ["FALDH"]),
]


def read(text: str) -> list[tuple[str, str | None]]:
    """The mentions of a marked text with their nodes, which have these names."""
    nodes = pl.DataFrame(NAMED, schema=["id", "kind", "name", "synonyms"], orient="row")
    kg = graph()
    kg = kg.with_frames(nodes=pl.concat([kg.nodes, conform(nodes, NODES)]))
    nlp = pipeline("medkg_sentences", "medkg_context", "medkg_linker")
    nlp.get_pipe("medkg_linker").use(kg)
    doc = marked(nlp, text)
    return [(mention.text, mention._.identifier) for mention in doc.spans["mentions"]]


def test_names_share_their_last_word_or_their_first() -> None:
    text = "prostate, lung and colon cancers"
    names = names_of_one_head(text)
    assert [x.name for x in names] == ["prostate cancers", "lung cancers", "colon cancers"]
    assert [text[x.start : x.end] for x in names] == ["prostate", "lung", "colon cancers"]
    text = "weakness of arms or legs"
    names = names_of_one_beginning(text)
    assert [x.name for x in names] == ["weakness of arms", "weakness of legs"]
    assert [text[x.start : x.end] for x in names] == ["weakness of arms", "legs"]
    assert names_of_one_head("nausea and vomiting") == ()
    assert names_of_one_head("colon cancer") == names_of_one_beginning("colon cancer") == ()


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("[Breast and ovarian cancer|Disease] ran in the family.",
         [("Breast", "DOID:1612"), ("ovarian cancer", "DOID:2394")]),
        ("He had [type 1 and type 2 diabetes mellitus|Disease].",
         [("type 1", "DOID:9744"), ("type 2 diabetes mellitus", "DOID:9352")]),
        ("She has a [big liver and spleen|Symptom].",
         [("big liver", "HP:0002240"), ("spleen", "HP:0001744")]),
        ("She has a [big liver|Symptom] and spleen.",
         [("big liver", "HP:0002240"), ("spleen", "HP:0001744")]),
    ],
)  # fmt: skip
def test_a_coordination_is_several_findings(text: str, findings: list[tuple[str, str]]) -> None:
    assert read(text) == findings


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("[hand and foot cancer|Disease] is a name", [("hand and foot cancer", "DOID:3")]),
        ("[hand and teapot cancer|Disease]", [("hand and teapot cancer", "DOID:1")]),
        ("a [big liver|Symptom] and kidneys", [("big liver", "HP:0002240")]),
        ("a [big liver|Symptom]. And spleen", [("big liver", "HP:0002240")]),
        ("a [big liver|Symptom] and [fever|Symptom]",
         [("big liver", "HP:0002240"), ("fever", "HP:0001945")]),
    ],
)  # fmt: skip
def test_what_is_one_finding_stays_one(text: str, findings: list[tuple[str, str | None]]) -> None:
    assert read(text) == findings


def test_the_parts_have_the_context_of_the_whole() -> None:
    nodes = pl.DataFrame(NAMED, schema=["id", "kind", "name", "synonyms"], orient="row")
    nlp = pipeline("medkg_sentences", "medkg_context", "medkg_linker")
    nlp.get_pipe("medkg_linker").use(graph().with_frames(nodes=conform(nodes, NODES)))
    doc = marked(nlp, "No [breast and ovarian cancer|Disease].", note=True)
    assert [mention._.polarity for mention in doc.spans["mentions"]] == ["negated", "negated"]


def test_the_parts_of_a_reaction_are_reactions() -> None:
    nodes = pl.DataFrame(NAMED, schema=["id", "kind", "name", "synonyms"], orient="row")
    nlp = pipeline("medkg_sentences", "medkg_context", "medkg_linker")
    nlp.get_pipe("medkg_linker").use(graph().with_frames(nodes=conform(nodes, NODES)))
    text = "Allergies: [penicillin|Drug] - [big liver and spleen|Symptom]."
    doc = marked(nlp, text, note=True)
    drug, *conditions = doc.spans["mentions"]
    assert len(conditions) == 2
    assert {(drug.start, condition.start) for condition in conditions} <= doc._.reactions


def test_what_is_spelled_out_has_the_link_of_its_short_form() -> None:
    text = (
        "[Fatty aldehyde dehydrogenase|Target] ([FALDH|Target]) is an enzyme, and [fatty aldehyde "
        "dehydrogenase|Target] is none of [alcohol dehydrogenase|Target]."
    )
    assert read(text) == [
        ("Fatty aldehyde dehydrogenase", "HGNC:403"),
        ("FALDH", "HGNC:403"),
        ("fatty aldehyde dehydrogenase", "HGNC:403"),
        ("alcohol dehydrogenase", None),
    ]


def test_a_short_form_of_another_kind_gives_no_link() -> None:
    assert read("[Fatty aldehyde distress|Disease] ([FALDH|Target]) is rare.")[0][1] is None
