"""Sentences that go on about what the one before is about, without its name."""

from __future__ import annotations

import pytest

from medkg.extract.relations.candidates import sentence_entities
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.model import RelationModel

from ..marked import marked, pipeline
from .test_paper_relations import read

PICTURE = "[Marfan syndrome|Disease] is a disorder of connective tissue."


def last_sentence(text: str) -> tuple[str, list[str]]:
    """The words of the last sentence as candidates have them, and its mentions."""
    *_, (words, mentions) = sentence_entities(marked(pipeline("medkg_sentences"), text))
    for mention, place in mentions:
        if mention.text in text.split(". ")[-1]:
            assert " ".join(words[place.start : place.end]) == mention.text
    return " ".join(words), [mention.text for mention, _ in mentions]


@pytest.mark.parametrize(
    ("text", "words", "mentions"),
    [
        (f"{PICTURE} It is characterised by [tall stature|Symptom].",
         "it is characterised by tall stature .", ["Marfan syndrome", "tall stature"]),
        (f"{PICTURE} The disorder runs in families. It causes [myopia|Symptom].",
         "it causes myopia .", ["Marfan syndrome", "myopia"]),
        (f"{PICTURE} Common symptoms include [myopia|Symptom].",
         "Common symptoms of it include myopia .", ["Marfan syndrome", "myopia"]),
        (f"{PICTURE} Patients often have [myopia|Symptom].",
         "Patients with it often have myopia .", ["Marfan syndrome", "myopia"]),
        ("[Imatinib|Drug] is taken by mouth. The drug inhibits [KIT|Target].",
         "it inhibits KIT .", ["Imatinib", "KIT"]),
        ("[Imatinib|Drug] is taken by mouth. [Side effects|Symptom] include [oedema|Symptom].",
         "Side effects of it include oedema .", ["Imatinib", "oedema"]),
        ("[CFTR|Target] is a channel. It is mutated in [cystic fibrosis|Disease].",
         "it is mutated in cystic fibrosis .", ["CFTR", "cystic fibrosis"]),
    ],
)  # fmt: skip
def test_a_sentence_that_resumes_its_subject_has_it(
    text: str, words: str, mentions: list[str]
) -> None:
    assert last_sentence(text) == (words, mentions)


@pytest.mark.parametrize(
    "text",
    [
        f"{PICTURE} It is known that [ectopia|Symptom] is rare.",  # "it" stands for nothing
        f"{PICTURE} The drug causes [oedema|Symptom].",  # of another kind
        f"{PICTURE} We saw a man. It was [oedema|Symptom].",  # another sentence between
        "We treated a man with [gout|Disease]. It shows as [tophi|Symptom].",  # no subject
        f"{PICTURE} Patients with [gout|Disease] have [tophi|Symptom].",
        "It is characterised by [tophi|Symptom].",
    ],
)
def test_another_sentence_is_left_as_it_is(text: str) -> None:
    words, mentions = last_sentence(text)
    assert "Marfan syndrome" not in mentions
    assert words.split()[0] == text.split(". ")[-1].split()[0]


def test_a_textbooks_picture_is_read() -> None:
    text = (
        f"{PICTURE} It is characterised by [tall stature|Symptom] and [ectopia lentis|Symptom]. "
        "It is caused by mutations in [FBN1|Target]. It is treated with [losartan|Drug]."
    )
    assert sorted(read(RelationsComponent(RelationModel.load()), text)) == [
        ("Marfan syndrome", "ASSOCIATED_WITH", "FBN1"),
        ("Marfan syndrome", "HAS_SYMPTOM", "ectopia lentis"),
        ("Marfan syndrome", "HAS_SYMPTOM", "tall stature"),
        ("losartan", "TREATS", "Marfan syndrome"),
    ]
