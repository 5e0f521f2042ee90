"""Pairs of mentions, and passages, in texts with very many mentions."""

from __future__ import annotations

import pytest
from spacy.tokens import Doc

from medkg.extract.linking import component as _linker  # noqa: F401 (what it sets on spans)
from medkg.extract.relations.candidates import _NEAREST, passages, relation_candidates

from ..marked import marked, pipeline

CONDITIONS = ["[fever|Symptom]", "[gout|Disease]"]


def doc_of(number: int, mentions: list[str], joined: str = " and ") -> Doc:
    text = joined.join(mentions[n % len(mentions)] for n in range(number))
    return marked(pipeline("medkg_sentences"), text)


@pytest.mark.parametrize("mentions", [CONDITIONS, [*CONDITIONS, "[aspirin|Drug]", "[KIT|Target]"]])
def test_pairs_grow_with_the_mentions_and_not_with_their_square(mentions: list[str]) -> None:
    numbers = [len(list(relation_candidates(doc_of(n, mentions)))) for n in (100, 200, 400)]
    assert numbers[2] - numbers[1] == pytest.approx(2 * (numbers[1] - numbers[0]), rel=0.05)
    assert numbers[2] <= 400 * 4 * _NEAREST


def test_pairs_that_are_left_out_are_counted() -> None:
    doc = doc_of(41, ["[gout|Disease]", *["[fever|Symptom]"] * 40])
    assert len(list(relation_candidates(doc))) == 40  # of each fever the one disease
    assert doc._.pairs_left_out == 0
    doc = doc_of(60, CONDITIONS, " ")
    kept = {(head.start, tail.start) for head, tail, *_ in relation_candidates(doc)}
    every = 30 * 30
    assert doc._.pairs_left_out == every - len(kept) > 0
    # What is left out stands further away than what is kept.
    assert max(abs(one - other) for one, other in kept) <= 2 * _NEAREST + 1


def test_pairs_of_a_very_long_sentence_share_their_words() -> None:
    doc = doc_of(400, CONDITIONS)
    pairs = [pair for _, _, pair, _ in relation_candidates(doc)]
    assert len({id(pair.words) for pair in pairs}) < len(pairs) / 20
    assert all(pair.words[pair.head.start] == "gout" for pair in pairs)
    assert all(pair.words[pair.tail.start] == "fever" for pair in pairs)
    # And have as many of them around as in a sentence of usual length.
    assert all(
        len(pair.words) >= max(pair.head.end, pair.tail.end) + 60
        for (head, tail, *_), pair in zip(relation_candidates(doc), pairs, strict=True)
        if max(head.end, tail.end) + 60 <= len(doc)
    )


def test_passages_have_a_bounded_number_of_mentions() -> None:
    mentions = ["[aspirin|Drug]", "[fever|Symptom]"]
    for doc in (doc_of(500, mentions), doc_of(500, mentions, ".\nThen ")):
        parts = list(passages(doc))
        assert sum(len(part.mentions) for part in parts) == 500
        assert max(len(part.mentions) for part in parts) <= 120
        for part in parts:
            for mention, place in zip(part.mentions, part.passage.mentions, strict=True):
                words = part.passage.sentences[place.sentence]
                assert words[place.entity.start] == mention.text
