"""Features of the heads and tails of a document, which one relation may join.

Of each concept alone the words around all of its mentions; of a head and a tail the probabilities
of sentences that name both, those of each alone, and where and how often the two are mentioned.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from math import log

import numpy as np
import numpy.typing as npt

from .pairs import ConceptPair, stem
from .passages import Passage

# By head and tail: of each sentence that names both the relation's probability, and those that
# other models give.
SentenceScores = Mapping[tuple[str, str], Sequence[Sequence[float]]]
# A head and a tail of one sentence, and the row of what the models of sentences give to them.
FactRow = tuple[str, str, int]
_NO_SENTENCE = -6.0  # in place of a logit where no sentence names both
_OWN_FEATURES = 37  # of a head and a tail, without those that other models give
_CONDITIONS = ("Disease", "Symptom")


@dataclass(frozen=True)
class FactTask:
    """A relation that is decided for a document.

    Attributes:
        heads, tails: the kinds that it joins.
        others: how many probabilities of other models of sentences its features have.
        has_cdr: whether what BC5CDR's guideline makes of the two is one of its features.
    """

    heads: tuple[str, ...]
    tails: tuple[str, ...]
    others: int = 0
    has_cdr: bool = False

    @property
    def num_features(self) -> int:
        """The features of a head and a tail, see `candidate_features`."""
        return _OWN_FEATURES + 3 * self.others + self.has_cdr


# Relations as BioRED annotates them, and CAUSES as BC5CDR does: only the most specific condition.
FACTS = {
    "CAUSES": FactTask(("Drug",), _CONDITIONS, 8, has_cdr=True),
    "TREATS": FactTask(("Drug",), _CONDITIONS, 8, has_cdr=True),
    "TARGETS": FactTask(("Drug",), ("Target",), 13),
    "ASSOCIATED_WITH": FactTask(_CONDITIONS, ("Target",), 5),
}
CDR = FactTask(("Drug",), _CONDITIONS)


def fact_rows(pairs: Iterable[Iterable[ConceptPair]]) -> list[list[FactRow]]:
    """Of each document its pairs of concepts, their rows numbered through all documents."""
    rows = count()
    return [[(head, tail, next(rows)) for head, tail, _ in of_document] for of_document in pairs]


def scores_of(
    pairs: Iterable[Iterable[FactRow]], rows: npt.NDArray[np.float64]
) -> list[SentenceScores]:
    """Of each document the rows of its pairs, shape (all pairs, models), by head and tail."""
    documents: list[SentenceScores] = []
    for of_document in pairs:
        grouped: dict[tuple[str, str], list[Sequence[float]]] = defaultdict(list)
        for head, tail, row in of_document:
            grouped[head, tail].append(rows[row].tolist())
        documents.append(dict(grouped))
    return documents


def concept_features(
    passage: Passage, concepts: Mapping[str, Sequence[int]]
) -> list[tuple[str, set[str]]]:
    """Of each concept the words around all of its mentions, their names and their number."""
    rows = []
    for concept, mentions in concepts.items():
        features = {f"{min(len(mentions), 6)} mentions"}
        for mention in mentions:
            features |= _context(passage, mention, *passage.blinded[mention])
        rows.append((concept, features))
    return rows


def _context(passage: Passage, mention: int, words: list[str], place: int) -> set[str]:
    a, b, c, _, d, e, f = ["", "", "", *words, "", "", ""][place : place + 7]
    features = {f"- {c}", f"-- {b}", f"- {b} {c}", f"- {a} {b} {c}"}
    features |= {f"+ {d}", f"++ {e}", f"+ {d} {e}", f"+ {d} {e} {f}"}
    features |= {f"before {stem(word)}" for word in words[max(0, place - 6) : place]}
    features |= {f"after {stem(word)}" for word in words[place + 1 : place + 7]}
    features |= {f"some {stem(word)}" for word in {*words} if len(word) > 3}
    if passage.mentions[mention].sentence == 0:
        features |= {f"title {feature}" for feature in features} | {"title"}
    name = passage.name(mention)
    features |= {f"word {word}" for word in name} | {f"name {' '.join(name)}"}
    return features | {f"last {name[-1]}", f"ends {name[-1][-4:]}"}


@dataclass(frozen=True)
class Candidates:
    """A passage's heads and tails of a relation, each concept with the numbers of its mentions.

    What does not depend on the relation is worked out once for all that join the same kinds.
    """

    passage: Passage
    heads: Mapping[str, Sequence[int]]
    tails: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, passage: Passage, task: FactTask) -> Candidates:
        """The heads and tails that a task joins."""
        return cls(passage, passage.concepts(task.heads), passage.concepts(task.tails))

    @cached_property
    def lines(self) -> dict[str, list[int]]:
        """The sentences of each concept's mentions."""
        mentions = self.passage.mentions
        concepts = {**self.heads, **self.tails}
        return {name: [mentions[n].sentence for n in of] for name, of in concepts.items()}

    @cached_property
    def ranks(self) -> tuple[dict[str, int], dict[str, int]]:
        """The rank of each head, and of each tail, by how often they are mentioned."""
        return (
            _ranks({head: len(mentions) for head, mentions in self.heads.items()}),
            _ranks({tail: len(mentions) for tail, mentions in self.tails.items()}),
        )

    @cached_property
    def num_mentions(self) -> tuple[int, int]:
        """The mentions of all heads, and of all tails."""
        return sum(map(len, self.heads.values())), sum(map(len, self.tails.values()))

    @cached_property
    def special_names(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Of each tail those with a longer name that has its own in it, and the reverse."""
        return _special_names(self.passage, self.tails)

    @cached_property
    def positions(self) -> dict[tuple[str, str], list[float]]:
        """Where each head and tail stand, and how far from each other, in sentences and words."""
        places, number = self.passage.places, len(self.passage.sentences)
        rows = {}
        for head, head_mentions in self.heads.items():
            head_places, head_lines = [places[m] for m in head_mentions], self.lines[head]
            for tail, tail_mentions in self.tails.items():
                tail_lines = self.lines[tail]
                rows[head, tail] = [
                    _distance(head_lines, tail_lines),
                    min(200, _distance(head_places, [places[m] for m in tail_mentions])),
                    head_lines[0],
                    tail_lines[0],
                    head_lines[-1] / number,
                    tail_lines[-1] / number,
                ]
        return rows


def candidate_features(
    candidates: Candidates,
    task: FactTask,
    sentences: SentenceScores,
    heads: Mapping[str, float],
    tails: Mapping[str, float],
    cdr: Mapping[tuple[str, str], float] | None = None,
) -> tuple[list[tuple[str, str]], npt.NDArray[np.float32]]:
    """Every head with every tail, and the features of the two, shape (pairs, `num_features`).

    Args:
        candidates: the heads and tails.
        task: the relation.
        sentences: what the sentences give to the two.
        heads: how probably the relation joins each head to some tail of the document.
        tails: how probably it joins each tail to some head.
        cdr: what BC5CDR's classifier gives to the two, where the task asks for it.
    """
    features = _PassageFeatures(candidates, sentences, heads, tails)
    keys = list(features.best)
    rows = [
        [
            *features.row(*key),
            *_of_others(sentences.get(key, ()), task.others),
            *([] if cdr is None else [_logit(cdr[key])]),
        ]
        for key in keys
    ]
    return keys, np.array(rows, dtype=np.float32)


def _of_others(rows: Sequence[Sequence[float]], number: int) -> list[float]:
    """Of each of the other models the highest, the mean and the lowest probability."""
    if not rows or not number:
        return [0.0] * (3 * number)
    columns = np.array(rows)[:, 1:]
    return [*columns.max(0), *columns.mean(0), *columns.min(0)]


class _PassageFeatures:
    """Features of a passage's heads with its tails; for the arguments `candidate_features`.

    Attributes:
        best: of each head and tail the probability that their likeliest sentence gives.
    """

    def __init__(
        self,
        candidates: Candidates,
        sentences: SentenceScores,
        heads: Mapping[str, float],
        tails: Mapping[str, float],
    ) -> None:
        self.candidates = candidates
        self.sentences = {key: [row[0] for row in rows] for key, rows in sentences.items()}
        self.heads, self.tails = heads, tails
        self.best = {
            (head, tail): max(self.sentences.get((head, tail), (0.0,)))
            for head in heads
            for tail in tails
        }
        self._best_head = {t: _Best.of({h: self.best[h, t] for h in heads}) for t in tails}
        self._best_tail = {h: _Best.of({t: self.best[h, t] for t in tails}) for h in heads}
        self._likeliest_head, self._likeliest_tail = _Best.of(heads), _Best.of(tails)
        self._likely_ranks = _ranks(heads)

    def row(self, head: str, tail: str) -> list[float]:
        """The features of a head and a tail; the weights depend on their order."""
        return [
            *self._of_sentences(head, tail),
            *self._of_concepts(head, tail),
            *self._of_frequencies(head, tail),
            *self.candidates.positions[head, tail],
            *self._of_competitors(head, tail),
        ]

    def _of_sentences(self, head: str, tail: str) -> list[float]:
        """What the sentences that name both say."""
        scores = sorted(self.sentences.get((head, tail), ()), reverse=True)
        return [
            _logit(scores[0]) if scores else _NO_SENTENCE,
            _logit(scores[1]) if len(scores) > 1 else _NO_SENTENCE,
            sum(scores),
            float(1 - np.prod([1 - score for score in scores])),
            sum(scores) / max(1, len(scores)),
            scores[-1] if scores else 0.0,
            len(scores),
        ]

    def _of_concepts(self, head: str, tail: str) -> list[float]:
        """What is said of each alone, and whether the title, the first sentence, names them."""
        head_logit, tail_logit = _logit(self.heads[head]), _logit(self.tails[tail])
        head_in_title = 0 in self.candidates.lines[head]
        tail_in_title = 0 in self.candidates.lines[tail]
        return [
            head_logit,
            tail_logit,
            head_logit + tail_logit,
            head_in_title,
            tail_in_title,
            head_in_title and tail_in_title,
        ]

    def _of_frequencies(self, head: str, tail: str) -> list[float]:
        """How often they are mentioned, beside the other heads and tails."""
        candidates = self.candidates
        head_mentions, tail_mentions = len(candidates.heads[head]), len(candidates.tails[tail])
        head_ranks, tail_ranks = candidates.ranks
        all_head_mentions, all_tail_mentions = candidates.num_mentions
        return [
            head_mentions,
            tail_mentions,
            head_ranks[head],
            tail_ranks[tail],
            self._likely_ranks[head],
            head_mentions / all_head_mentions,
            tail_mentions / all_tail_mentions,
            len(candidates.heads),
            len(candidates.tails),
        ]

    def _of_competitors(self, head: str, tail: str) -> list[float]:
        """What else the relation may join the two to."""
        best = self.best
        # "tonic seizures" beside "seizures": mostly the more special one is meant.
        narrower, broader = (names[tail] for names in self.candidates.special_names)
        return [
            self._best_head[tail].value,
            self._best_tail[head].value,
            self._best_head[tail].without(head),
            self._best_tail[head].without(tail),
            max((best[head, t] for t in narrower), default=-1.0),
            max((best[head, t] for t in broader), default=-1.0),
            max((self.tails[t] for t in narrower), default=-1.0),
            self._likeliest_head.without(head),
            self._likeliest_tail.without(tail),
        ]


@dataclass(frozen=True)
class _Best:
    """Of named values the highest, whose it is, and the next one, 0 where there is none."""

    name: str
    value: float
    next: float

    @classmethod
    def of(cls, values: Mapping[str, float]) -> _Best:
        (name, value), *others = heapq.nlargest(2, values.items(), key=lambda item: item[1])
        return cls(name, value, others[0][1] if others else 0.0)

    def without(self, name: str) -> float:
        """The highest of the others."""
        return self.next if name == self.name else self.value


def _special_names(
    passage: Passage, concepts: Mapping[str, Sequence[int]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Of each concept those that have a name with all words of its own and more, and the reverse.

    In the order of the passage.
    """
    names = {
        concept: {frozenset(passage.name(mention)) for mention in mentions}
        for concept, mentions in concepts.items()
    }
    narrower = {
        concept: [
            other
            for other in names
            if other != concept and any(n < m for n in own for m in names[other])
        ]
        for concept, own in names.items()
    }
    broader = {
        concept: [other for other in names if concept in narrower[other]] for concept in names
    }
    return narrower, broader


def _distance(one: Sequence[int], other: Sequence[int]) -> int:
    """How far the nearest of one list of numbers is from one of the other."""
    ordered = sorted([*((number, True) for number in one), *((number, False) for number in other)])
    return min(b - a for (a, of_one), (b, is_one) in pairwise(ordered) if of_one != is_one)


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    """The rank of each name, the highest value first, from 0."""
    ordered = sorted(values, key=lambda name: -values[name])
    return {name: rank for rank, name in enumerate(ordered)}


def _logit(probability: float) -> float:
    kept = min(max(probability, 1e-4), 1 - 1e-4)
    return log(kept / (1 - kept))
