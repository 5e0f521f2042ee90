"""Passages: documents as words of sentences with their mentions, as relation models see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from ..corpora.document import Document, flat_mentions
from .pairs import Entity, placeholder, sentences_with_mentions


@dataclass(frozen=True)
class PassageMention:
    """A mention in its document; `concepts` are the identifiers of what it may mean."""

    sentence: int
    entity: Entity
    concepts: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """A document as words of sentences, and its mentions.

    Attributes:
        feature_places: where a concept's hashed features lie, by its mentions; the classifiers of
            documents fill it, so that a concept's features are made once for all relations.
    """

    id: str
    sentences: tuple[tuple[str, ...], ...]
    mentions: tuple[PassageMention, ...]
    feature_places: dict[tuple[int, ...], list[int]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def concepts(self, kinds: Sequence[str]) -> dict[str, list[int]]:
        """Each concept of some kinds, with the numbers of its mentions."""
        mentions: dict[str, list[int]] = defaultdict(list)
        for number, mention in enumerate(self.mentions):
            if mention.entity.kind in kinds:
                for concept in mention.concepts:
                    mentions[concept].append(number)
        return dict(mentions)

    def name(self, mention: int) -> tuple[str, ...]:
        """The words of a mention, in lower case."""
        sentence, entity = self.mentions[mention].sentence, self.mentions[mention].entity
        words = self.sentences[sentence][entity.start : entity.end]
        return tuple(word.lower() for word in words)

    @cached_property
    def places(self) -> list[int]:
        """The first word of every mention, counted from the start of the document."""
        starts = [0, *accumulate(len(words) for words in self.sentences)]
        return [starts[m.sentence] + m.entity.start for m in self.mentions]

    @cached_property
    def blinded(self) -> dict[int, tuple[list[str], int]]:
        """For each mention its sentence with a placeholder for every mention, and its own place."""
        by_sentence: dict[int, list[int]] = defaultdict(list)
        for number, mention in enumerate(self.mentions):
            by_sentence[mention.sentence].append(number)
        blinded = {}
        for sentence, numbers in by_sentence.items():
            taken: dict[int, int] = {}
            for number in numbers:
                entity = self.mentions[number].entity
                for place in range(entity.start, entity.end):
                    taken.setdefault(place, number)
            words: list[str] = []
            place_of: dict[int, int] = {}
            for place, word in enumerate(self.sentences[sentence]):
                owner = taken.get(place)
                if owner is None:
                    words.append(word.lower())
                elif owner not in place_of:
                    place_of[owner] = len(words)
                    words.append(placeholder("", self.mentions[owner].entity.kind))
            for number in numbers:
                # One that lies inside another stands where that does.
                owner = taken[self.mentions[number].entity.start]
                blinded[number] = (words, place_of[owner])
        return blinded


def document_passages(documents: Iterable[Document], corpus_format: str) -> list[Passage]:
    """Annotated documents with their own mentions and identifiers."""
    passages = []
    for document in documents:
        mentions = [m for m in flat_mentions(document, corpus_format) if m.identifier]
        spans = [(m.start, m.end, m.kind) for m in mentions]
        sentences = list(sentences_with_mentions(document.text, spans))
        placed = [
            PassageMention(number, entity, tuple((mentions[index].identifier or "").split("|")))
            for number, (_, entities) in enumerate(sentences)
            for index, entity in entities
        ]
        words = tuple(words for words, _ in sentences)
        passages.append(Passage(document.id, words, tuple(placed)))
    return passages
