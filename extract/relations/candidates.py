"""Relation candidates: pairs of mentions of a document that a relation may join."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spacy.tokens import Doc, Span

from ...graph.identifiers import name_key_of
from ..sentences import sentence_of
from ..short_forms import words_of
from .pairs import Entity, EntityPair
from .passages import Passage, PassageMention
from .resumed import Subject

# Words between two mentions that may be related, and words kept around them.
_MAX_DISTANCE = 80
_WINDOW = 60
# In a crowded sentence a mention is paired with so many others. Of 6,015 pairs of 294 abstracts and
# notes 8 would lose none, 6 three.
_NEAREST = 10
if not Doc.has_extension("pairs_left_out"):
    Doc.set_extension("pairs_left_out", default=0)
# The longest sentence of 3,689 abstracts has 322 words. The windows in a longer one than this begin
# and end at multiples of so many words.
_LONG_SENTENCE = 350
_GRID = 40
# Sentences that are read together for what a document states: an abstract's, as in the corpora;
# fewer where they have more mentions than this. A very long sentence counts as several of so many
# words.
_PASSAGE_SENTENCES = 20
_PASSAGE_MENTIONS = 120
_PASSAGE_KINDS = ("Drug", "Disease", "Symptom", "Target")
_PIECE = 120


class RelationCandidate(NamedTuple):
    """Two mentions of a sentence, what they mean (`concept`), and the two as models see them."""

    head: Span
    tail: Span
    pair: EntityPair
    concepts: tuple[str, str]

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
        return self.head.label_ in ("Disease", "Symptom") and self.tail.label_ == "Target"


def concept(mention: Span) -> str:
    """What a mention means, its name where it has no identifier."""
    return str(mention._.identifier or f"name {name_key_of(mention.text)}")


def may_be(mention: Span, kind: str) -> bool:
    """Whether a mention, or a node of the same name as its own, is of this kind."""
    twin = mention._.twin
    return bool(mention.label_ == kind or (twin is not None and twin.kind == kind))


def sentence_entities(doc: Doc) -> Iterator[tuple[tuple[str, ...], list[tuple[Span, Entity]]]]:
    """Each sentence's words (`words_of`), and its mentions as words of them, in their order.

    A sentence that goes on about one before ("It is characterised by …") has a mention of that.
    """
    by_sentence: dict[int, list[Span]] = defaultdict(list)
    for mention in doc.spans.get("mentions", []):
        by_sentence[sentence_of(mention).start].append(mention)
    subject = Subject()
    for sentence in doc.sents:
        words, mentions = _entities_of(sentence, by_sentence.get(sentence.start, ()))
        mentions.sort(key=lambda one: one[1].start)
        yield subject.put_into(sentence, words, mentions)


def _entities_of(
    sentence: Span, mentions: Iterable[Span]
) -> tuple[tuple[str, ...], list[tuple[Span, Entity]]]:
    """A sentence's words, and its mentions as words of them."""
    places, words = words_of(sentence)
    index = {place: n for n, place in enumerate(places)}
    entities = [
        (m, Entity(index[m.start], index[m.end - 1] + 1, m._.read_as or m.label_))
        for m in mentions
        if m.start in index and m.end - 1 in index
    ]
    return tuple(words), entities


def drug_pairs(doc: Doc) -> Iterator[RelationCandidate]:
    """Two drugs of a sentence, the first before the second, each with the nearest behind it."""
    by_sentence: dict[int, list[Span]] = defaultdict(list)
    for mention in doc.spans.get("mentions", []):
        by_sentence[sentence_of(mention).start].append(mention)
    for mentions in by_sentence.values():
        if sum(mention.label_ == "Drug" for mention in mentions) < 2:
            continue
        words, placed = _entities_of(sentence_of(mentions[0]), mentions)
        placed.sort(key=lambda one: one[1].start)
        windows = _Windows(words, [entity for _, entity in placed])
        drugs = [n for n, (mention, _) in enumerate(placed) if mention.label_ == "Drug"]
        for number, one in enumerate(drugs):
            for other in drugs[number + 1 : number + 1 + _NEAREST]:
                (head, first), (tail, second) = placed[one], placed[other]
                near = 0 <= second.start - first.end <= _MAX_DISTANCE
                concepts = concept(head), concept(tail)
                if near and concepts[0] != concepts[1]:
                    pair = windows.pair(one, other, symptom=False)
                    yield RelationCandidate(head, tail, pair, concepts)


def relation_candidates(doc: Doc) -> Iterator[RelationCandidate]:
    """Pairs of mentions of one sentence whose kinds a relation may join.

    They have the words around them. In a crowded sentence a pair counts only if one of the two is
    among the `_NEAREST` mentions that may have this relation with the other, so that the pairs are
    no more than so many times the mentions. When all are given, `doc._.pairs_left_out` is how many
    don't count.
    """
    left_out = 0
    for words, mentions in sentence_entities(doc):
        entities = [entity for _, entity in mentions]
        pairs, too_many = _pairs([mention for mention, _ in mentions], entities)
        left_out += too_many
        windows = _Windows(words, entities)
        concepts = [concept(mention) for mention, _ in mentions] if pairs else []
        for one, other in pairs:
            (head, _), (tail, _) = mentions[one], mentions[other]
            # Kinds as what the relation takes them, where a name is of both.
            symptom = head.label_ != "Drug" and tail.label_ != "Target"
            pair = windows.pair(one, other, symptom=symptom)
            yield RelationCandidate(head, tail, pair, (concepts[one], concepts[other]))
    doc._.pairs_left_out = left_out


class _Windows:
    """The words around pairs of a sentence's mentions: some texts have no full stop for pages.

    In a very long sentence windows begin and end at multiples of some words, so that pairs share
    them and what models compute for each.
    """

    def __init__(self, words: tuple[str, ...], entities: Sequence[Entity]) -> None:
        self._words, self._entities = words, entities
        self._starts = [entity.start for entity in entities]
        self._grid = _GRID if len(words) > _LONG_SENTENCE else 1
        self._kept: dict[tuple[int, int], tuple[tuple[str, ...], dict[int, Entity]]] = {}

    def pair(self, head: int, tail: int, *, symptom: bool) -> EntityPair:
        """The pair of two mentions, given by their numbers, with the words around it.

        Args:
            head: the number of the one.
            tail: that of the other.
            symptom: the pair is a disease and its symptom, whatever else the names may mean.
        """
        ends = self._entities[head], self._entities[tail]
        start = max(0, min(end.start for end in ends) - _WINDOW)
        end = max(end.end for end in ends) + _WINDOW
        words, entities = self._window(start - start % self._grid, end + -end % self._grid)
        first, second = entities[head], entities[tail]
        others = tuple([e for e in entities.values() if e != first and e != second])
        if symptom:
            first, second = first._replace(kind="Disease"), second._replace(kind="Symptom")
        return EntityPair(words, first, second, others)

    def _window(self, start: int, end: int) -> tuple[tuple[str, ...], dict[int, Entity]]:
        """The words of [start, end), and the mentions in them by their numbers."""
        end = min(end, len(self._words))
        if (start, end) not in self._kept:
            inside = range(bisect_left(self._starts, start), bisect_left(self._starts, end))
            moved = {
                number: Entity(entity.start - start, entity.end - start, entity.kind)
                for number in inside
                if (entity := self._entities[number]).end <= end
            }
            self._kept[start, end] = self._words[start:end], moved
        return self._kept[start, end]


def _pairs(
    mentions: Sequence[Span], entities: Sequence[Entity]
) -> tuple[list[tuple[int, int]], int]:
    """Heads and tails of a sentence, by the mentions' numbers, and how many there are too many."""
    reachable: set[tuple[int, int]] = set()
    near: set[tuple[int, int]] = set()
    longest = max((entity.end - entity.start for entity in entities), default=0)
    for heads, tails in _joined_kinds(mentions):
        starts = [entities[tail].start for tail in tails]
        heads_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for head in heads:
            first = entities[head]
            # Only what is in reach is looked at: some texts have no full stop for pages.
            least = bisect_left(starts, first.start - _MAX_DISTANCE - longest)
            most = bisect_right(starts, first.end + _MAX_DISTANCE)
            tails_of = []
            for tail in tails[least:most]:
                second = entities[tail]
                distance = max(first.start, second.start) - min(first.end, second.end)
                if head != tail and 0 <= distance <= _MAX_DISTANCE:
                    tails_of.append((distance, tail))
                    heads_of[tail].append((distance, head))
            reachable.update((head, tail) for _, tail in tails_of)
            near.update((head, tail) for _, tail in sorted(tails_of)[:_NEAREST])
        for tail, heads_near in heads_of.items():
            near.update((head, tail) for _, head in sorted(heads_near)[:_NEAREST])
    return sorted(near), len(reachable) - len(near)


def _joined_kinds(mentions: Sequence[Span]) -> Iterator[tuple[list[int], list[int]]]:
    """For each sort of relation the mentions that may be its head, and those that may be its tail.

    A drug acts on targets and on conditions, a condition has genes, and a disease symptoms.
    """
    labels = [mention.label_ for mention in mentions]
    drugs = [n for n, label in enumerate(labels) if label == "Drug"]
    targets = [n for n, label in enumerate(labels) if label == "Target"]
    conditions = [n for n, label in enumerate(labels) if label in ("Disease", "Symptom")]
    yield drugs, targets
    yield drugs, conditions
    yield conditions, targets
    diseases = [n for n, label in enumerate(labels) if label == "Disease"]
    yield diseases, [n for n, mention in enumerate(mentions) if may_be(mention, "Symptom")]


@dataclass(frozen=True)
class DocumentPassage:
    """Some sentences of a document as a passage, and the spans of the passage's mentions."""

    doc: Doc
    passage: Passage
    mentions: tuple[Span, ...]

    def nearest(self, head: str, tail: str) -> tuple[Span, Span]:
        """The mentions of two concepts that stand closest."""
        heads, tails = (
            [
                mention
                for mention, placed in zip(self.mentions, self.passage.mentions, strict=True)
                if end in placed.concepts
            ]
            for end in (head, tail)
        )
        pairs = [(one, other) for one in heads for other in tails]
        return min(pairs, key=lambda pair: abs(pair[0].start - pair[1].start))


def passages(doc: Doc) -> Iterator[DocumentPassage]:
    """The document in passages of an abstract's length; the first sentence of all is a title."""
    title: list[_Piece] = []  # empty, in later passages
    sentences: list[_Piece] = []
    number = 0
    for piece in _pieces(doc):
        full = number + len(piece.mentions) > _PASSAGE_MENTIONS
        if len(sentences) == _PASSAGE_SENTENCES or (sentences and full):
            yield _passage(doc, [*title, *sentences])
            title, sentences, number = [_Piece((), [])], [], 0
        sentences.append(piece)
        number += len(piece.mentions)
    if sentences:
        yield _passage(doc, [*title, *sentences])


class _Piece(NamedTuple):
    """A sentence, or a part of a very long one: its words, its drugs, conditions and targets."""

    words: tuple[str, ...]
    mentions: list[tuple[Span, Entity]]


def _pieces(doc: Doc) -> Iterator[_Piece]:
    for words, entities in sentence_entities(doc):
        mentions = [m for m in entities if m[0].label_ in _PASSAGE_KINDS]
        if len(words) <= _LONG_SENTENCE:
            yield _Piece(words, mentions)
            continue
        at: dict[int, list[tuple[Span, Entity]]] = defaultdict(list)
        for mention, (start, end, kind) in mentions:
            first = start - start % _PIECE
            at[first].append((mention, Entity(start - first, end - first, kind)))
        for first in range(0, len(words), _PIECE):
            yield _Piece(words[first : first + _PIECE], at[first])


def _passage(doc: Doc, sentences: Sequence[_Piece]) -> DocumentPassage:
    placed = [
        (mention, PassageMention(number, entity, (concept(mention),)))
        for number, (_, mentions) in enumerate(sentences)
        for mention, entity in mentions
    ]
    words = tuple(words for words, _ in sentences)
    passage = Passage("", words, tuple(place for _, place in placed))
    return DocumentPassage(doc, passage, tuple(mention for mention, _ in placed))
