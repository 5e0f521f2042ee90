"""Which drugs of a document cause which of its conditions, across its sentences too.

BC5CDR relates the concepts of whole documents, and a quarter of its relations never stand in one
sentence. Every drug with every condition of a document is a candidate; boosted trees (Friedman
2001) and a logistic regression decide, by the mean of the two, from what the sentences say of
them, what the words around all mentions say of each alone ("-induced", "toxicity"), and where and
how often they stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import log
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..corpora.document import Document, flat_mentions
from .pairs import (
    Entity,
    placeholder,
    sentences_with_mentions,
    stem,
)

# Probabilities that the sentences give to a drug and a condition, by these two.
SentenceScores = Mapping[tuple[str, str], Sequence[float]]
_NEVER = -6.0  # in place of a logit where two never share a sentence
NUMBERS = 37  # that `candidates` tells of a drug and a condition


@dataclass(frozen=True)
class Placed:
    """A mention in its document; `concepts` are the identifiers of what it may mean."""

    sentence: int
    entity: Entity
    concepts: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """A document as words of sentences, and its drugs and conditions."""

    id: str
    sentences: tuple[tuple[str, ...], ...]
    mentions: tuple[Placed, ...]

    @cached_property
    def drugs(self) -> dict[str, list[int]]:
        """Each drug's mentions."""
        return self._concepts("Drug")

    @cached_property
    def conditions(self) -> dict[str, list[int]]:
        """Each disease's or symptom's mentions."""
        return self._concepts("Disease", "Symptom")

    def _concepts(self, *kinds: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, mention in enumerate(self.mentions):
            if mention.entity.kind in kinds:
                for concept in mention.concepts:
                    found[concept].append(place)
        return dict(found)

    def name(self, mention: int) -> tuple[str, ...]:
        """The words of a mention, in lower case."""
        placed = self.mentions[mention]
        words = self.sentences[placed.sentence][placed.entity.start : placed.entity.end]
        return tuple(word.lower() for word in words)

    @cached_property
    def places(self) -> list[int]:
        """The first word of every mention, counted from the start of the document."""
        starts = [0, *accumulate(len(words) for words in self.sentences)]
        return [starts[m.sentence] + m.entity.start for m in self.mentions]


def cdr_passages(documents: Iterable[Document]) -> list[Passage]:
    """Documents of BC5CDR with its own mentions and identifiers."""
    passages = []
    for document in documents:
        mentions = [m for m in flat_mentions(document, "pubtator") if m.identifier]
        spans = [(m.start, m.end, m.kind) for m in mentions]
        sentences = list(sentences_with_mentions(document.text, spans))
        placed = [
            Placed(number, entity, tuple((mentions[index].identifier or "").split("|")))
            for number, (_, entities) in enumerate(sentences)
            for index, entity in entities
        ]
        words = tuple(words for words, _ in sentences)
        passages.append(Passage(document.id, words, tuple(placed)))
    return passages


class HashedLinear(nn.Module):
    """Softmax regression over features given as strings, hashed; rows of features → logits.

    Each of a row's features weighs one over the root of their number.
    """

    SIZE = 1 << 16

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(self.SIZE, labels, mode="sum")
        self.bias = nn.Parameter(torch.zeros(labels))
        nn.init.zeros_(self.weights.weight)

    @classmethod
    def hashed(cls, features: Iterable[str]) -> list[int]:
        """Where features lie."""
        return sorted({crc32(feature.encode()) % cls.SIZE for feature in features})

    def forward(self, rows: Sequence[Iterable[str]]) -> Tensor:
        places = [self.hashed(row) for row in rows]
        weights = torch.tensor([len(row) ** -0.5 for row in places for _ in row])
        starts = torch.tensor([0, *(len(row) for row in places[:-1])]).cumsum(0)
        device = self.bias.device
        ids = torch.tensor([place for row in places for place in row]).to(device)
        logits: Tensor = self.weights(ids, starts.to(device), weights.to(device)) + self.bias
        return logits


class Trees(nn.Module):
    """Boosted trees for two classes; rows of numbers → logits of the second."""

    TREES, DEPTH = 250, 4
    NODES = 2 ** (DEPTH + 1) - 1

    def __init__(self) -> None:
        super().__init__()
        shape = (self.TREES, self.NODES)
        for name in ("feature", "threshold", "left", "right", "value"):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("start", torch.zeros(1))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, shape (rows); a leaf is its own child."""
        feature, left, right = (getattr(self, n).long() for n in ("feature", "left", "right"))
        tree = torch.arange(self.TREES, device=rows.device)
        node = torch.zeros(len(rows), self.TREES, dtype=torch.long, device=rows.device)
        for _ in range(self.DEPTH):
            at_most = rows.gather(1, feature[tree, node]) <= self.threshold[tree, node]  # type: ignore[index]  # a buffer, to mypy a Module or a Tensor
            node = torch.where(at_most, left[tree, node], right[tree, node])
        logits: Tensor = self.value[tree, node].sum(1) + self.start  # type: ignore[index, operator]  # likewise
        return logits


class Line(nn.Module):
    """Logistic regression for two classes; rows of numbers → logits of the second."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(NUMBERS))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, shape (rows)."""
        return rows @ self.weights + self.bias


class TreesAndLine(nn.Module):
    """The mean of what trees and a line say; rows of numbers → probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.trees = Trees()
        self.line = Line()

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape (rows)."""
        both = [self.trees(rows).sigmoid(), self.line(rows).sigmoid()]
        return torch.stack(both).mean(0)


class DocumentCauses(nn.Module):
    """What the words say of each drug and condition alone, and what decides over all."""

    def __init__(self) -> None:
        super().__init__()
        self.drugs = HashedLinear(2)
        self.conditions = HashedLinear(2)
        self.decide = TreesAndLine()

    @torch.inference_mode()
    def predict(
        self, passages: Sequence[Passage], scores: Sequence[SentenceScores]
    ) -> list[dict[tuple[str, str], float]]:
        """For each document, of every drug with every condition, how probably it causes it."""
        found: list[dict[tuple[str, str], float]] = []
        for passage, said in zip(passages, scores, strict=True):
            if not passage.drugs or not passage.conditions:
                found.append({})
                continue
            alone = []
            for linear, concepts in (
                (self.drugs, passage.drugs),
                (self.conditions, passage.conditions),
            ):
                rows = [words for _, words in concept_features(passage, concepts)]
                alone.append(
                    dict(zip(concepts, linear(rows).softmax(1)[:, 1].tolist(), strict=True))
                )
            keys, numbers = candidates(passage, said, *alone)
            chances = self.decide(torch.from_numpy(numbers).to(self.decide.line.bias.device))
            found.append(dict(zip(keys, chances.tolist(), strict=True)))
        return found


def concept_features(
    passage: Passage, concepts: Mapping[str, Sequence[int]]
) -> list[tuple[str, set[str]]]:
    """Of each concept the words around all of its mentions, their names and their number."""
    found = []
    blinded = _blinded(passage)
    for concept, mentions in concepts.items():
        features = {f"{min(len(mentions), 6)} mentions"}
        for mention in mentions:
            features |= _context(passage, mention, *blinded[mention])
        found.append((concept, features))
    return found


def _blinded(passage: Passage) -> dict[int, tuple[list[str], int]]:
    """For each mention its sentence with a placeholder for every mention, and its own place."""
    inside: dict[int, list[int]] = defaultdict(list)
    for number, mention in enumerate(passage.mentions):
        inside[mention.sentence].append(number)
    found = {}
    for sentence, numbers in inside.items():
        taken: dict[int, int] = {}
        for number in numbers:
            entity = passage.mentions[number].entity
            for place in range(entity.start, entity.end):
                taken.setdefault(place, number)
        words: list[str] = []
        standing: dict[int, int] = {}
        for place, word in enumerate(passage.sentences[sentence]):
            owner = taken.get(place)
            if owner is None:
                words.append(word.lower())
            elif owner not in standing:
                standing[owner] = len(words)
                words.append(placeholder("", passage.mentions[owner].entity.kind))
        for number in numbers:
            # One that lies inside another stands where that does.
            owner = taken[passage.mentions[number].entity.start]
            found[number] = (words, standing[owner])
    return found


def _context(passage: Passage, mention: int, words: list[str], place: int) -> set[str]:
    a, b, c, _, d, e, f = ["", "", "", *words, "", "", ""][place : place + 7]
    found = {f"- {c}", f"-- {b}", f"- {b} {c}", f"- {a} {b} {c}"}
    found |= {f"+ {d}", f"++ {e}", f"+ {d} {e}", f"+ {d} {e} {f}"}
    found |= {f"before {stem(word)}" for word in words[max(0, place - 6) : place]}
    found |= {f"after {stem(word)}" for word in words[place + 1 : place + 7]}
    found |= {f"some {stem(word)}" for word in words if len(word) > 3}
    if passage.mentions[mention].sentence == 0:
        found |= {f"title {feature}" for feature in found} | {"title"}
    name = passage.name(mention)
    found |= {f"word {word}" for word in name} | {f"name {' '.join(name)}"}
    return found | {f"last {name[-1]}", f"ends {name[-1][-4:]}"}


def candidates(
    passage: Passage,
    said: SentenceScores,
    drugs: Mapping[str, float],
    conditions: Mapping[str, float],
) -> tuple[list[tuple[str, str]], npt.NDArray[np.float32]]:
    """Every drug with every condition, and what is seen of the two, shape (pairs, NUMBERS).

    Args:
        said: what the sentences give to the two.
        drugs: how probably each drug causes some condition of the document.
        conditions: how probably each condition is caused by some drug of the document.
    """
    best = {
        (drug, condition): max(said.get((drug, condition), (0.0,)))
        for drug in passage.drugs
        for condition in passage.conditions
    }
    names = {
        condition: {frozenset(passage.name(mention)) for mention in mentions}
        for condition, mentions in passage.conditions.items()
    }
    ranks = [
        {name: rank for rank, name in enumerate(sorted(concepts, key=lambda c: -len(concepts[c])))}
        for concepts in (passage.drugs, passage.conditions)
    ]
    likely = {drug: rank for rank, drug in enumerate(sorted(drugs, key=lambda d: -drugs[d]))}
    totals = [sum(map(len, concepts.values())) for concepts in (passage.drugs, passage.conditions)]
    rows = []
    for drug, condition in best:
        here, there = passage.drugs[drug], passage.conditions[condition]
        scores = sorted(said.get((drug, condition), ()), reverse=True)
        others = [d for d in passage.drugs if d != drug]
        beside = [c for c in passage.conditions if c != condition]
        # "tonic seizures" beside "seizures": mostly the more special one is meant.
        special = [c for c in beside if any(n < m for n in names[condition] for m in names[c])]
        general = [c for c in beside if any(m < n for n in names[condition] for m in names[c])]
        lines = [[passage.mentions[m].sentence for m in mentions] for mentions in (here, there)]
        apart = [abs(passage.places[m] - passage.places[n]) for m in here for n in there]
        rows.append(
            [
                _logit(scores[0]) if scores else _NEVER,
                _logit(scores[1]) if len(scores) > 1 else _NEVER,
                sum(scores),
                1 - np.prod([1 - score for score in scores]),
                sum(scores) / max(1, len(scores)),
                scores[-1] if scores else 0.0,
                len(scores),
                _logit(drugs[drug]),
                _logit(conditions[condition]),
                _logit(drugs[drug]) + _logit(conditions[condition]),
                0 in lines[0],
                0 in lines[1],
                0 in lines[0] and 0 in lines[1],
                len(here),
                len(there),
                ranks[0][drug],
                ranks[1][condition],
                likely[drug],
                len(here) / totals[0],
                len(there) / totals[1],
                len(passage.drugs),
                len(passage.conditions),
                min(abs(line - other) for line in lines[0] for other in lines[1]),
                min(200, *apart),
                lines[0][0],
                lines[1][0],
                lines[0][-1] / len(passage.sentences),
                lines[1][-1] / len(passage.sentences),
                max(best[d, condition] for d in passage.drugs),
                max(best[drug, c] for c in passage.conditions),
                max((best[d, condition] for d in others), default=0.0),
                max((best[drug, c] for c in beside), default=0.0),
                max((best[drug, c] for c in special), default=-1.0),
                max((best[drug, c] for c in general), default=-1.0),
                max((conditions[c] for c in special), default=-1.0),
                max((drugs[d] for d in others), default=0.0),
                max((conditions[c] for c in beside), default=0.0),
            ]
        )
    return list(best), np.array(rows, dtype=np.float32)


def _logit(probability: float) -> float:
    kept = min(max(probability, 1e-4), 1 - 1e-4)
    return log(kept / (1 - kept))
