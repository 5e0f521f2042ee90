"""Relation candidates: pairs of mentions of a document that a relation may join."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from spacy.tokens import Doc, Span

from ...graph.identifiers import name_key_of
from ..sentences import sentence_of
from ..short_forms import words_of
from .document_level import Passage, PassageMention
from .pairs import Entity, EntityPair

# Words between two mentions that may be related, and words kept around them.
_MAX_DISTANCE = 80
_WINDOW = 60
# Sentences that are read together for what causes what: an abstract's, as in BC5CDR.
_PASSAGE_SENTENCES = 20


class RelationCandidate(NamedTuple):
    """Two mentions of a sentence, and the same as the models see them."""

    head: Span
    tail: Span
    pair: EntityPair

    @property
    def is_drug_condition(self) -> bool:
        """Whether they are a drug and a condition that it may cause or treat."""
        return self.head.label_ == "Drug" and self.tail.label_ in ("Disease", "Symptom")

    @property
    def is_drug_target(self) -> bool:
        """Whether they are a drug and a protein or gene that it may act on."""
        return (self.head.label_, self.tail.label_) == ("Drug", "Target")

    @property
    def is_condition_target(self) -> bool:
        """Whether they are a condition and a gene that it may be associated with."""
        return _is_condition_target(self.head, self.tail)

    @property
    def concepts(self) -> tuple[str, str]:
        """What the two mean, see `concept`."""
        return concept(self.head), concept(self.tail)


def concept(mention: Span) -> str:
    """What a mention means, its name where it has no identifier."""
    return str(mention._.identifier or f"name {name_key_of(mention.text)}")


def may_be(mention: Span, kind: str) -> bool:
    """Whether a mention, or a node of the same name as its own, is of this kind."""
    twin = mention._.twin
    return bool(mention.label_ == kind or (twin is not None and twin.kind == kind))


def _is_condition_target(head: Span, tail: Span) -> bool:
    return head.label_ in ("Disease", "Symptom") and tail.label_ == "Target"


def _may_be_related(head: Span, tail: Span) -> bool:
    if head.label_ == "Drug":
        return tail.label_ in ("Target", "Disease", "Symptom")
    if _is_condition_target(head, tail):
        return True
    return head is not tail and may_be(head, "Disease") and may_be(tail, "Symptom")


def sentence_entities(doc: Doc) -> Iterator[tuple[tuple[str, ...], list[tuple[Span, Entity]]]]:
    """Each sentence's words (`words_of`), and its mentions as words of them."""
    by_sentence: dict[int, list[Span]] = defaultdict(list)
    for mention in doc.spans.get("mentions", []):
        by_sentence[sentence_of(mention).start].append(mention)
    for sentence in doc.sents:
        places, words = words_of(sentence)
        index = {place: n for n, place in enumerate(places)}
        entities = [
            (m, Entity(index[m.start], index[m.end - 1] + 1, m.label_))
            for m in by_sentence.get(sentence.start, [])
            if m.start in index and m.end - 1 in index
        ]
        yield tuple(words), entities


def relation_candidates(doc: Doc) -> Iterator[RelationCandidate]:
    """Pairs of mentions of one sentence whose kinds a relation may join."""
    for words, entities in sentence_entities(doc):
        entities.sort(key=lambda one: one[1].start)
        starts = [entity.start for _, entity in entities]
        longest = max((entity.end - entity.start for _, entity in entities), default=0)
        for head, first in entities:
            # Only what is in reach is looked at: some texts have no full stop for pages.
            least = bisect_left(starts, first.start - _MAX_DISTANCE - longest)
            for tail, second in entities[least : bisect_right(starts, first.end + _MAX_DISTANCE)]:
                if not _may_be_related(head, tail):
                    continue
                distance = max(first.start, second.start) - min(first.end, second.end)
                if not 0 <= distance <= _MAX_DISTANCE:
                    continue
                if head.label_ != "Drug" and tail.label_ != "Target":
                    # As what the relation takes them, where a name is of both kinds.
                    pair = replace(first, kind="Disease"), replace(second, kind="Symptom")
                else:
                    pair = first, second
                around = slice(
                    bisect_left(starts, min(first.start, second.start) - _WINDOW),
                    bisect_right(starts, max(first.end, second.end) + _WINDOW),
                )
                others = [e for _, e in entities[around] if e not in (first, second)]
                yield RelationCandidate(head, tail, _window(words, *pair, others))


def _window(
    words: tuple[str, ...], head: Entity, tail: Entity, others: Sequence[Entity]
) -> EntityPair:
    """The pair with the words around it: some texts have no full stop for pages."""
    start = max(0, min(head.start, tail.start) - _WINDOW)
    end = max(head.end, tail.end) + _WINDOW
    moved = [
        replace(entity, start=entity.start - start, end=entity.end - start)
        for entity in (head, tail, *others)
        if start <= entity.start and entity.end <= end
    ]
    return EntityPair(words[start:end], moved[0], moved[1], tuple(moved[2:]))


@dataclass(frozen=True)
class DocumentPassage:
    """Some sentences of a document as a passage, and the spans of the passage's mentions."""

    doc: Doc
    passage: Passage
    mentions: tuple[Span, ...]

    def nearest(self, drug: str, condition: str) -> tuple[Span, Span]:
        """The mentions of the two that stand closest."""
        drugs = [self.mentions[n] for n in self.passage.drugs[drug]]
        conditions = [self.mentions[n] for n in self.passage.conditions[condition]]
        pairs = [(head, tail) for head in drugs for tail in conditions]
        return min(pairs, key=lambda pair: abs(pair[0].start - pair[1].start))


def passages(doc: Doc) -> Iterator[DocumentPassage]:
    """The document in passages of an abstract's length; the first sentence of all is a title."""
    sentences = list(sentence_entities(doc))
    for first in range(0, len(sentences), _PASSAGE_SENTENCES):
        chunk = sentences[first : first + _PASSAGE_SENTENCES]
        # No later passage has a title.
        words = [() for _ in range(min(1, first))] + [words for words, _ in chunk]
        placed = [
            (mention, PassageMention(number, entity, (concept(mention),)))
            for number, (_, entities) in enumerate(chunk, start=min(1, first))
            for mention, entity in entities
            if mention.label_ in ("Drug", "Disease", "Symptom")
        ]
        spans, mentions = [m for m, _ in placed], [p for _, p in placed]
        yield DocumentPassage(doc, Passage("", tuple(words), tuple(mentions)), tuple(spans))
