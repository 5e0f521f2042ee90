"""Document-level classification of CAUSES: which drugs of a document cause which conditions.

BC5CDR relates the concepts of whole documents, and a quarter of its relations never stand in one
sentence. Every drug with every condition of a document is a candidate; the mean of boosted trees
(Friedman 2001) and a logistic regression decides. Its features are the probabilities of sentences
that name both, those of each concept alone by the words around all of its mentions ("-induced",
"toxicity"), and where and how often the two are mentioned.
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
from .pairs import Entity, placeholder, sentences_with_mentions, stem

# Probabilities that the sentences give to a drug and a condition, by these two.
SentenceProbabilities = Mapping[tuple[str, str], Sequence[float]]
_NO_SENTENCE = -6.0  # in place of a logit where no sentence names both
NUM_FEATURES = 37  # of a drug and a condition, see `candidate_features`


@dataclass(frozen=True)
class PassageMention:
    """A mention in its document; `concepts` are the identifiers of what it may mean."""

    sentence: int
    entity: Entity
    concepts: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """A document as words of sentences, and its drugs and conditions."""

    id: str
    sentences: tuple[tuple[str, ...], ...]
    mentions: tuple[PassageMention, ...]

    @cached_property
    def drugs(self) -> dict[str, list[int]]:
        """Each drug's mentions."""
        return self._concepts("Drug")

    @cached_property
    def conditions(self) -> dict[str, list[int]]:
        """Each disease's or symptom's mentions."""
        return self._concepts("Disease", "Symptom")

    def _concepts(self, *kinds: str) -> dict[str, list[int]]:
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


def cdr_passages(documents: Iterable[Document]) -> list[Passage]:
    """Documents of BC5CDR with its own mentions and identifiers."""
    passages = []
    for document in documents:
        mentions = [m for m in flat_mentions(document, "pubtator") if m.identifier]
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


class BoostedTrees(nn.Module):
    """Boosted trees for two classes; rows of features → logits of the second."""

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


class LinearScorer(nn.Module):
    """Logistic regression for two classes; rows of features → logits of the second."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(NUM_FEATURES))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, shape (rows)."""
        return rows @ self.weights + self.bias


class TreeLinearEnsemble(nn.Module):
    """The mean of boosted trees and logistic regression; rows of features → probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.trees = BoostedTrees()
        self.line = LinearScorer()

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape (rows)."""
        both = [self.trees(rows).sigmoid(), self.line(rows).sigmoid()]
        return torch.stack(both).mean(0)


class DocumentClassifier(nn.Module):
    """Classifies a document's drugs and conditions, first each alone, then the two together."""

    def __init__(self) -> None:
        super().__init__()
        self.drugs = HashedLinear(2)
        self.conditions = HashedLinear(2)
        self.decide = TreeLinearEnsemble()

    @torch.inference_mode()
    def predict(
        self, passages: Sequence[Passage], probabilities: Sequence[SentenceProbabilities]
    ) -> list[dict[tuple[str, str], float]]:
        """For each document, of every drug with every condition, how probably it causes it."""
        predictions: list[dict[tuple[str, str], float]] = []
        for passage, sentences in zip(passages, probabilities, strict=True):
            if not passage.drugs or not passage.conditions:
                predictions.append({})
                continue
            keys, features = candidate_features(
                passage,
                sentences,
                self._alone(self.drugs, passage, passage.drugs),
                self._alone(self.conditions, passage, passage.conditions),
            )
            rows = torch.from_numpy(features).to(self.decide.line.bias.device)
            predictions.append(dict(zip(keys, self.decide(rows).tolist(), strict=True)))
        return predictions

    @staticmethod
    def _alone(
        linear: HashedLinear, passage: Passage, concepts: Mapping[str, Sequence[int]]
    ) -> dict[str, float]:
        """How probably each concept causes, or is caused by, another of the passage."""
        rows = [words for _, words in concept_features(passage, concepts)]
        return dict(zip(concepts, linear(rows).softmax(1)[:, 1].tolist(), strict=True))


def concept_features(
    passage: Passage, concepts: Mapping[str, Sequence[int]]
) -> list[tuple[str, set[str]]]:
    """Of each concept the words around all of its mentions, their names and their number."""
    rows = []
    blinded = _blinded(passage)
    for concept, mentions in concepts.items():
        features = {f"{min(len(mentions), 6)} mentions"}
        for mention in mentions:
            features |= _context(passage, mention, *blinded[mention])
        rows.append((concept, features))
    return rows


def _blinded(passage: Passage) -> dict[int, tuple[list[str], int]]:
    """For each mention its sentence with a placeholder for every mention, and its own place."""
    by_sentence: dict[int, list[int]] = defaultdict(list)
    for number, mention in enumerate(passage.mentions):
        by_sentence[mention.sentence].append(number)
    blinded = {}
    for sentence, numbers in by_sentence.items():
        taken: dict[int, int] = {}
        for number in numbers:
            entity = passage.mentions[number].entity
            for place in range(entity.start, entity.end):
                taken.setdefault(place, number)
        words: list[str] = []
        place_of: dict[int, int] = {}
        for place, word in enumerate(passage.sentences[sentence]):
            owner = taken.get(place)
            if owner is None:
                words.append(word.lower())
            elif owner not in place_of:
                place_of[owner] = len(words)
                words.append(placeholder("", passage.mentions[owner].entity.kind))
        for number in numbers:
            # One that lies inside another stands where that does.
            owner = taken[passage.mentions[number].entity.start]
            blinded[number] = (words, place_of[owner])
    return blinded


def _context(passage: Passage, mention: int, words: list[str], place: int) -> set[str]:
    a, b, c, _, d, e, f = ["", "", "", *words, "", "", ""][place : place + 7]
    features = {f"- {c}", f"-- {b}", f"- {b} {c}", f"- {a} {b} {c}"}
    features |= {f"+ {d}", f"++ {e}", f"+ {d} {e}", f"+ {d} {e} {f}"}
    features |= {f"before {stem(word)}" for word in words[max(0, place - 6) : place]}
    features |= {f"after {stem(word)}" for word in words[place + 1 : place + 7]}
    features |= {f"some {stem(word)}" for word in words if len(word) > 3}
    if passage.mentions[mention].sentence == 0:
        features |= {f"title {feature}" for feature in features} | {"title"}
    name = passage.name(mention)
    features |= {f"word {word}" for word in name} | {f"name {' '.join(name)}"}
    return features | {f"last {name[-1]}", f"ends {name[-1][-4:]}"}


def candidate_features(
    passage: Passage,
    sentences: SentenceProbabilities,
    drugs: Mapping[str, float],
    conditions: Mapping[str, float],
) -> tuple[list[tuple[str, str]], npt.NDArray[np.float32]]:
    """Every drug with every condition, and the features of the two, shape (pairs, NUM_FEATURES).

    Args:
        sentences: what the sentences give to the two.
        drugs: how probably each drug causes some condition of the document.
        conditions: how probably each condition is caused by some drug of the document.
    """
    features = _PassageFeatures(passage, sentences, drugs, conditions)
    keys = list(features.best)
    return keys, np.array([features.row(*key) for key in keys], dtype=np.float32)


class _PassageFeatures:
    """Features of a passage's drugs with its conditions; for the arguments `candidate_features`.

    Attributes:
        best: of each drug and condition the probability that their likeliest sentence gives.
    """

    def __init__(
        self,
        passage: Passage,
        sentences: SentenceProbabilities,
        drugs: Mapping[str, float],
        conditions: Mapping[str, float],
    ) -> None:
        self.passage, self.sentences = passage, sentences
        self.drugs, self.conditions = drugs, conditions
        self.best = {
            (drug, condition): max(sentences.get((drug, condition), (0.0,)))
            for drug in passage.drugs
            for condition in passage.conditions
        }
        self._names = {
            condition: {frozenset(passage.name(mention)) for mention in mentions}
            for condition, mentions in passage.conditions.items()
        }
        self._drug_ranks = _ranks({d: len(mentions) for d, mentions in passage.drugs.items()})
        self._condition_ranks = _ranks({c: len(m) for c, m in passage.conditions.items()})
        self._likely_ranks = _ranks(drugs)
        self._drug_mentions = sum(map(len, passage.drugs.values()))
        self._condition_mentions = sum(map(len, passage.conditions.values()))

    def row(self, drug: str, condition: str) -> list[float]:
        """The features of a drug and a condition; the weights depend on their order."""
        return [
            *self._of_sentences(drug, condition),
            *self._of_concepts(drug, condition),
            *self._of_frequencies(drug, condition),
            *self._of_positions(drug, condition),
            *self._of_competitors(drug, condition),
        ]

    def _of_sentences(self, drug: str, condition: str) -> list[float]:
        """What the sentences that name both say."""
        scores = sorted(self.sentences.get((drug, condition), ()), reverse=True)
        return [
            _logit(scores[0]) if scores else _NO_SENTENCE,
            _logit(scores[1]) if len(scores) > 1 else _NO_SENTENCE,
            sum(scores),
            float(1 - np.prod([1 - score for score in scores])),
            sum(scores) / max(1, len(scores)),
            scores[-1] if scores else 0.0,
            len(scores),
        ]

    def _of_concepts(self, drug: str, condition: str) -> list[float]:
        """What is said of each alone, and whether the title, the first sentence, names them."""
        drug_logit, condition_logit = _logit(self.drugs[drug]), _logit(self.conditions[condition])
        drug_in_title = 0 in self._lines(self.passage.drugs[drug])
        condition_in_title = 0 in self._lines(self.passage.conditions[condition])
        return [
            drug_logit,
            condition_logit,
            drug_logit + condition_logit,
            drug_in_title,
            condition_in_title,
            drug_in_title and condition_in_title,
        ]

    def _of_frequencies(self, drug: str, condition: str) -> list[float]:
        """How often they are mentioned, beside the other drugs and conditions."""
        drug_mentions = len(self.passage.drugs[drug])
        condition_mentions = len(self.passage.conditions[condition])
        return [
            drug_mentions,
            condition_mentions,
            self._drug_ranks[drug],
            self._condition_ranks[condition],
            self._likely_ranks[drug],
            drug_mentions / self._drug_mentions,
            condition_mentions / self._condition_mentions,
            len(self.passage.drugs),
            len(self.passage.conditions),
        ]

    def _of_positions(self, drug: str, condition: str) -> list[float]:
        """Where they stand, and how far from each other, in sentences and words."""
        drug_mentions = self.passage.drugs[drug]
        condition_mentions = self.passage.conditions[condition]
        drug_lines, condition_lines = self._lines(drug_mentions), self._lines(condition_mentions)
        places = self.passage.places
        distances = [abs(places[m] - places[n]) for m in drug_mentions for n in condition_mentions]
        return [
            min(abs(line - other) for line in drug_lines for other in condition_lines),
            min(200, *distances),
            drug_lines[0],
            condition_lines[0],
            drug_lines[-1] / len(self.passage.sentences),
            condition_lines[-1] / len(self.passage.sentences),
        ]

    def _of_competitors(self, drug: str, condition: str) -> list[float]:
        """What else may cause the condition, and what else the drug may cause."""
        best = self.best
        other_drugs = [d for d in self.passage.drugs if d != drug]
        other_conditions = [c for c in self.passage.conditions if c != condition]
        # "tonic seizures" beside "seizures": mostly the more special one is meant.
        names = self._names
        narrower = [
            c for c in other_conditions if any(n < m for n in names[condition] for m in names[c])
        ]
        broader = [
            c for c in other_conditions if any(m < n for n in names[condition] for m in names[c])
        ]
        return [
            max(best[d, condition] for d in self.passage.drugs),
            max(best[drug, c] for c in self.passage.conditions),
            max((best[d, condition] for d in other_drugs), default=0.0),
            max((best[drug, c] for c in other_conditions), default=0.0),
            max((best[drug, c] for c in narrower), default=-1.0),
            max((best[drug, c] for c in broader), default=-1.0),
            max((self.conditions[c] for c in narrower), default=-1.0),
            max((self.drugs[d] for d in other_drugs), default=0.0),
            max((self.conditions[c] for c in other_conditions), default=0.0),
        ]

    def _lines(self, mentions: Iterable[int]) -> list[int]:
        """The sentences of mentions."""
        return [self.passage.mentions[mention].sentence for mention in mentions]


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    """The rank of each name, the highest value first, from 0."""
    ordered = sorted(values, key=lambda name: -values[name])
    return {name: rank for rank, name in enumerate(ordered)}


def _logit(probability: float) -> float:
    kept = min(max(probability, 1e-4), 1 - 1e-4)
    return log(kept / (1 - kept))
