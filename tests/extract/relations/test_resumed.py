"""Sentences that go on about what the one before is about, without its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import medkg
from medkg.extract.relations.candidates import sentence_entities
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.model import RelationModel

from ..marked import marked, pipeline
from .test_paper_relations import read

PICTURE = "[Marfan syndrome|Disease] is a disorder of connective tissue."

SALBUTAMOL = "[Asthma|Disease] is treated with [salbutamol|Drug]."


def last_sentence(text: str, *, note: bool = False) -> tuple[str, list[str]]:
    """The words of the last sentence as candidates have them, and its mentions."""
    components = pipeline("medkg_sentences", "medkg_context")
    *_, (words, mentions) = sentence_entities(marked(components, text, note=note))
    for mention, place in mentions:
        if mention.text in re.split(r"\.\s+", text)[-1]:
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
        ("[Obesity|Disease] leads to [diabetes|Disease]. It is characterised by [snoring|Symptom].",
         "it is characterised by snoring .", ["Obesity", "snoring"]),
        ("[Gout|Disease] is a common [arthritis|Disease]. It is marked by [tophi|Symptom].",
         "it is marked by tophi .", ["Gout", "tophi"]),
        (f"{PICTURE} It is rare. It causes [myopia|Symptom].",
         "it causes myopia .", ["Marfan syndrome", "myopia"]),
        (f"{SALBUTAMOL} The disease causes [cough|Symptom].",
         "it causes cough .", ["Asthma", "cough"]),
        (f"{SALBUTAMOL} Symptoms include chest block and [cough|Symptom].",
         "Symptoms of it include chest block and cough .", ["Asthma", "cough"]),
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
    ("before", "last"),
    [
        # "It" stands for nothing.
        (PICTURE, "It is known that [ectopia|Symptom] is rare."),
        (PICTURE, "It is not yet clear whether [ectopia|Symptom] is rare."),
        (PICTURE, "It has been shown in several trials that [ectopia|Symptom] is rare."),
        (PICTURE, "It was important to look for [ectopia|Symptom]."),
        (PICTURE, "It is recommended to look for [ectopia|Symptom]."),
        (PICTURE, "It was early [ectopia|Symptom] that caused blindness."),
        # Of another kind.
        (PICTURE, "The drug causes [oedema|Symptom]."),
        ("[Imatinib|Drug] is old.", "It is characterised by [oedema|Symptom]."),
        ("[Imatinib|Drug] inhibits [KIT|Target].", "It is mutated in [gout|Disease]."),
        ("[Levodopa|Drug] is old.", "It presents with [tremor|Symptom]."),
        ("[Levodopa|Drug] is old.", "It is a disease that causes [tremor|Symptom]."),
        # What it is about is named.
        (PICTURE, "The disease [gout|Disease] is treated with [colchicine|Drug]."),
        (PICTURE, "The disease genes cause [tophi|Symptom]."),
        (PICTURE, "The drug interactions cause [tophi|Symptom]."),
        (PICTURE, "Patients with [gout|Disease] have [tophi|Symptom]."),
        # A drug that was named may be meant.
        (SALBUTAMOL, "It causes [tremor|Symptom]."),
        (SALBUTAMOL, "It caused [tremor|Symptom]."),
        (SALBUTAMOL, "It leads to [tremor|Symptom]."),
        (SALBUTAMOL, "It is associated with [tremor|Symptom]."),
        (SALBUTAMOL, "Patients may develop [tremor|Symptom]."),
        ("[Gout|Disease] is bad. It responds to [colchicine|Drug].", "It causes [rash|Symptom]."),
        ("[Gout|Disease] is bad. The drug is [colchicine|Drug].", "It causes [rash|Symptom]."),
        # Another of its kind may be meant.
        ("[Aspirin|Drug] was replaced by [clopidogrel|Drug].", "It inhibits [KIT|Target]."),
        ("[Obesity|Disease] leads to [diabetes|Disease].", "It is treated with [insulin|Drug]."),
        # There is no subject.
        ("We saw a man.", "It causes [tophi|Symptom]."),
        (f"{PICTURE} We saw a man.", "It causes [tophi|Symptom]."),
        ("We treated a man with [gout|Disease].", "It shows as [tophi|Symptom]."),
        ("In [gout|Disease], rest is good.", "It causes [tophi|Symptom]."),
        ("[Morphine|Drug] withdrawal is bad.", "It causes [diarrhoea|Symptom]."),
        ("[Cancer|Disease] patients were seen.", "Symptoms include [nausea|Symptom]."),
        ("No [gout|Disease] was seen.", "Symptoms include [chest pain|Symptom]."),
        ("Suspected [gout|Disease] is common.", "Symptoms include [chest pain|Symptom]."),
        (f"{PICTURE}\n\n", "Symptoms include [chest pain|Symptom]."),
    ],
)
def test_another_sentence_is_left_as_it_is(before: str, last: str) -> None:
    own = re.findall(r"\[([^|]*)\|", last)
    words, mentions = last_sentence(f"{before} {last}" if before[-1] != "\n" else before + last)
    assert mentions == own
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
