"""Sentences that go on about what the one before is about, without its name."""

from __future__ import annotations

from pathlib import Path

import pytest

import medkg
from medkg.extract.relations.candidates import sentence_entities
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.model import RelationModel

from ..marked import marked, pipeline
from .test_paper_relations import read

PICTURE = "[Marfan syndrome|Disease] is a disorder of connective tissue."


def last_sentence(text: str, *, note: bool = False) -> tuple[str, list[str]]:
    """The words of the last sentence as candidates have them, and its mentions."""
    components = pipeline("medkg_sentences", "medkg_context")
    *_, (words, mentions) = sentence_entities(marked(components, text, note=note))
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
        (f"{PICTURE} It is a disorder that causes [myopia|Symptom].",
         "it is a disorder that causes myopia .", ["Marfan syndrome", "myopia"]),
        (f"{PICTURE} It can cause [myopia|Symptom] if untreated.",
         "it can cause myopia if untreated .", ["Marfan syndrome", "myopia"]),
        ("[Gout|Disease] is treated with [colchicine|Drug]. It is marked by [tophi|Symptom].",
         "it is marked by tophi .", ["Gout", "tophi"]),
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
        f"{PICTURE} It was important to look for [ectopia|Symptom].",
        f"{PICTURE} The drug causes [oedema|Symptom].",  # of another kind
        "[Imatinib|Drug] is old. It is characterised by [oedema|Symptom].",
        f"{PICTURE} The disease [gout|Disease] is treated with [colchicine|Drug].",  # named here
        f"{PICTURE} The disease genes cause [tophi|Symptom].",
        # The drug that was named may be what "it" is.
        "[Asthma|Disease] is treated with [salbutamol|Drug]. It causes [tremor|Symptom].",
        "[Gout|Disease] is bad. It responds to [colchicine|Drug]. It causes [rash|Symptom].",
        "No [gout|Disease] was seen. Symptoms include [chest pain|Symptom].",
        f"{PICTURE}\n\nSymptoms include [chest pain|Symptom].",
        f"{PICTURE} We saw a man. It was [oedema|Symptom].",  # another sentence between
        "We treated a man with [gout|Disease]. It shows as [tophi|Symptom].",  # no subject
        f"{PICTURE} Patients with [gout|Disease] have [tophi|Symptom].",
        "It is characterised by [tophi|Symptom].",
    ],
)
def test_another_sentence_is_left_as_it_is(text: str) -> None:
    words, mentions = last_sentence(text)
    assert "Marfan syndrome" not in mentions
    last = text.replace(".\n\n", ". ").split(". ")[-1]
    assert words.split()[0] == last.split()[0]


def test_a_note_resumes_nothing() -> None:
    words, mentions = last_sentence(f"{PICTURE} It causes [myopia|Symptom].", note=True)
    assert (words, mentions) == ("It causes myopia .", ["myopia"])


def test_the_sentence_that_resumes_is_the_evidence(tmp_path: Path) -> None:
    paper = tmp_path / "gout.txt"
    paper.write_text("Gout is a common disease. It is treated with allopurinol.")
    kg = medkg.read_texts(paper, texts="papers")
    (row,) = kg.evidence.filter(relation="TREATS").iter_rows(named=True)
    assert row["sentence"] == "It is treated with allopurinol."


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
