"""Pairs of mentions in a sentence, as the relation models see them, and as corpora label them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from ..corpora.document import Document, flat_mentions
from ..mentions.names import shipped_names
from ..sentences import sentence_starts
from ..tokens import token_offsets

# What the model decides about a pair of kinds; the first label of each says "nothing".
TASKS: dict[str, tuple[str, ...]] = {
    "targets": ("none", "activator", "inhibitor", "agonist", "antagonist", "substrate"),
    "causes": ("none", "causes"),
    "treats": ("none", "treats", "prevents", "contraindicated"),
}
# ChemProt's groups that are evaluated. Group 9 joins substrates and products.
CHEMPROT = {
    "CPR:3": "activator",
    "CPR:4": "inhibitor",
    "CPR:5": "agonist",
    "CPR:6": "antagonist",
    "CPR:9": "substrate",
}
# ChemProt's other groups part the pairs that are labelled "none": a model learns them too, and what
# it gives them counts as none (`Labelled.fine`).
FINE: dict[str, tuple[str, ...]] = {
    **TASKS,
    "targets": (*TASKS["targets"], "CPR:1", "CPR:2", "CPR:7", "CPR:8", "CPR:10"),
}
_ROAM = {"TREATS": "treats", "PREVENTS": "prevents", "CONTRAINDICATED_FOR": "contraindicated"}
# Words of a sentence kept on each side of a pair, and in all.
_AROUND = 30
_MOST = 120


@dataclass(frozen=True)
class Entity:
    """A mention as tokens start to end of its sentence, with its kind."""

    start: int
    end: int
    kind: str


class Blinded(NamedTuple):
    """A sentence with placeholders for its mentions.

    `head` and `tail` count in `words`; `places` are the sentence's words that these stand for, of a
    mention the last.
    """

    words: list[str]
    head: int
    tail: int
    places: list[int]


@dataclass(frozen=True)
class Pair:
    """Two mentions of a sentence, and the others in it."""

    words: tuple[str, ...]
    head: Entity
    tail: Entity
    others: tuple[Entity, ...] = ()

    def blinded(self) -> Blinded:
        """Words with every mention as one placeholder of its kind, and where head and tail stand.

        Head and tail have placeholders of their own. A disease and a symptom have the same one,
        since the corpora of the relations call both diseases. Of mentions that overlap the pair's
        own stay. Far words are cut off.
        """
        taken = dict.fromkeys(range(self.head.start, self.head.end), self.head)
        taken.update(dict.fromkeys(range(self.tail.start, self.tail.end), self.tail))
        for other in self.others:
            span = range(other.start, other.end)
            if not any(place in taken for place in span):
                taken.update(dict.fromkeys(span, other))
        words: list[str] = []
        places: list[int] = []
        head = tail = 0
        for position, word in enumerate(self.words):
            entity = taken.get(position)
            if entity is None:
                words.append(word)
                places.append(position)
            elif position == entity.start:
                if entity is self.head:
                    head = len(words)
                if entity is self.tail:
                    tail = len(words)
                role = {self.head: "head ", self.tail: "tail "}.get(entity, "")
                words.append(placeholder(role, entity.kind))
                places.append(entity.end - 1)
        first = max(0, min(head, tail) - _AROUND)
        last = min(len(words), max(head, tail) + _AROUND + 1, first + _MOST)
        head, tail = min(head - first, _MOST - 1), min(tail - first, _MOST - 1)
        return Blinded(words[first:last], head, tail, places[first:last])

    def features(self, *, names: bool = True) -> list[str]:
        """What a linear model sees.

        Words, beginnings of words and pairs of them by where they stand to head and tail; with
        `names` also the two names.
        """
        blinded = self.blinded()
        head, tail = blinded.head, blinded.tail
        words = [word.lower() for word in blinded.words]
        first, last = min(head, tail), max(head, tail)
        order = "head first " if head < tail else "tail first "
        between = words[first + 1 : last]
        found = {order, f"{order}{min(len(between), 20) // 2} apart"}
        found.add(f"{sum(word.startswith('<') for word in between)} mentions between")
        for word, following in pairwise([*between, ""]):
            found |= {f"between {word}", f"{order}{word}", f"{order}{word} {following}"}
        if len(between) <= 4:
            found.add(f"{order}= {' '.join(between)}")
        for distance, word in enumerate(reversed(words[max(0, first - 4) : first])):
            found |= {f"before {word}", f"{order}before {distance} {word}"}
        for distance, word in enumerate(words[last + 1 : last + 5]):
            found |= {f"after {word}", f"{order}after {distance} {word}"}
        for role, place in (("head", head), ("tail", tail)):
            near = ["", "", *words, "", ""][place : place + 5]
            found |= {f"{role} + {near[3]}", f"{role} + {near[3]} {near[4]}"}
            found |= {f"{role} - {near[1]}", f"{role} - {near[0]} {near[1]}"}
        found |= {f"some {word}" for word in words}
        found |= _stem_features(words, first, last, order)
        if names:
            found |= self._name_features([word for word in between if _tells(word)])
        return sorted(found)

    def features_of(self, task: str) -> list[str]:
        """What the linear model of a task sees: of TREATS no names, Roam hardly has any."""
        return self.features(names=task != "treats")

    def _name_features(self, between: Sequence[str]) -> set[str]:
        """The names of head and tail, whole and in parts; a name's end with words between."""
        names = [name_words(self, entity) for entity in (self.head, self.tail)]
        found = {f"names {' '.join(names[0])} | {' '.join(names[1])}"}
        for role, name in zip(("head", "tail"), names, strict=True):
            found |= {f"{role} word {word}" for word in name}
            found |= {
                f"{role} {' '.join(name)}",
                f"{role} first {name[0]}",
                f"{role} last {name[-1]}",
            }
            found |= {f"{role} begins {name[0][:3]}", f"{role} ends {name[-1][-4:]}"}
        end = names[1][-1][-3:]
        return found | {f"tail {end} {stem(word)}" for word in between} | {f"tail end {end}"}

    def marked(self) -> tuple[list[str], int, int]:
        """Words with typed markers around head and tail, and where the two markers stand.

        `@ * drug * aspirin @ … # ^ disease ^ fever #`, the form that Zhou and Chen (2021) found
        best for encoders whose vocabulary is fixed.
        """
        before: dict[int, list[str]] = {}
        after: dict[int, list[str]] = {}
        for entity, sign, inner in ((self.head, "@", "*"), (self.tail, "#", "^")):
            before.setdefault(entity.start, []).extend([sign, inner, entity.kind.lower(), inner])
            after.setdefault(entity.end - 1, []).append(sign)
        words: list[str] = []
        starts: dict[int, int] = {}
        first = max(0, min(self.head.start, self.tail.start) - _AROUND)
        last = max(self.head.end, self.tail.end) + _AROUND
        for position, word in enumerate(self.words[:last]):
            if position < first:
                continue
            if position in before:
                starts[position] = len(words)
                words.extend(before[position])
            words.append(word)
            words.extend(after.get(position, ()))
        return words, starts[self.head.start], starts[self.tail.start]


def placeholder(role: str, kind: str) -> str:
    """The word that stands for a mention of this kind; `role` is "head ", "tail " or ""."""
    return f"<{role}{'condition' if kind in ('Disease', 'Symptom') else kind.lower()}>"


def name_words(pair: Pair, entity: Entity) -> list[str]:
    """The words of a mention, in lower case."""
    return [word.lower() for word in pair.words[entity.start : entity.end]]


def stem(word: str) -> str:
    """The beginning of a word, which its forms share; of a placeholder all."""
    return word if word.startswith("<") else word.lower()[:5]


def _tells(word: str) -> bool:
    return len(word) > 3 and word.isalpha()


def _stem_features(words: list[str], first: int, last: int, order: str) -> set[str]:
    between = [stem(w) for w in words[first + 1 : last] if _tells(w) or w.startswith("<")]
    before = words[max(0, first - 6) : first]
    after = words[last + 1 : last + 6]
    found = {f"stem {order}{a}" for a in between}
    for place, a in enumerate(between):
        found |= {f"stems {order}{a} {b}" for b in between[place + 1 : place + 4]}
    found |= {f"stem before {order}{stem(w)}" for w in before[-5:]}
    found |= {f"stem after {order}{stem(w)}" for w in after}
    for a in [stem(w) for w in before if _tells(w)][-3:]:
        found |= {f"stems before {order}{a} {b}" for b in between[:3]}
    if len(between) <= 5:
        found.add(f"stems {order}= {' '.join(between)}")
    return found


@dataclass(frozen=True)
class Labelled:
    """A pair with its label for a task, and what it is about: document, head and tail.

    `fine` is its label among `FINE`.
    """

    pair: Pair
    task: str
    label: int
    about: tuple[str, str, str]
    fine: int


def sentences_with_mentions(
    text: str, spans: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[tuple[str, ...], list[tuple[int, Entity]]]]:
    """Each sentence's words and its mentions, as (index in `spans`, entity in tokens)."""
    offsets = token_offsets(text)
    starts, ends = [a for a, _ in offsets], [b for _, b in offsets]
    borders = [*sentence_starts(text), len(text) + 1]
    for begin, end in pairwise(borders):
        first, last = bisect.bisect_left(starts, begin), bisect.bisect_left(starts, end)
        entities = []
        for index, (start, stop, kind) in enumerate(spans):
            if begin <= start < end:
                left = bisect.bisect_right(starts, start) - 1 - first
                right = min(bisect.bisect_left(ends, stop) + 1, last) - first
                if 0 <= left < right:
                    entities.append((index, Entity(left, right, kind)))
        yield tuple(text[a:b] for a, b in offsets[first:last]), entities


def _pairs(
    words: tuple[str, ...], entities: list[tuple[int, Entity]], head: str, tail: str
) -> Iterator[tuple[int, int, Pair]]:
    for i, first in entities:
        for j, second in entities:
            apart = first.end <= second.start or second.end <= first.start
            if first.kind == head and second.kind == tail and apart:
                others = tuple(e for k, e in entities if k not in (i, j))
                yield i, j, Pair(words, first, second, others)


def chemprot_pairs(documents: Iterable[Document]) -> list[Labelled]:
    """Every chemical and protein of a sentence, labelled with ChemProt's relation, if any."""
    found: list[Labelled] = []
    for document in documents:
        # Of a pair in several groups the evaluated one counts.
        labels = {
            (r.head, r.tail): FINE["targets"].index(CHEMPROT.get(r.kind, r.kind))
            for r in sorted(document.relations, key=lambda r: r.kind in CHEMPROT)
            if r.kind in CHEMPROT or r.kind in FINE["targets"]
        }
        kinds = {"CHEMICAL": "Drug"}
        spans = [(m.start, m.end, kinds.get(m.kind, "Target")) for m in document.mentions]
        keys = [mention.key or "" for mention in document.mentions]
        for words, entities in sentences_with_mentions(document.text, spans):
            for i, j, pair in _pairs(words, entities, "Drug", "Target"):
                fine = labels.get((keys[i], keys[j]), 0)
                label = fine if fine < len(TASKS["targets"]) else 0
                about = (document.id, keys[i], keys[j])
                found.append(Labelled(pair, "targets", label, about, fine))
    return found


def cdr_pairs(documents: Iterable[Document]) -> list[Labelled]:
    """Every chemical and disease of a sentence; positive where the document's relations hold them.

    BC5CDR relates concepts of whole documents, so a sentence's label is what its document says of
    the two (distant within the document).
    """
    found: list[Labelled] = []
    for document in documents:
        mentions = [m for m in flat_mentions(document, "pubtator") if m.identifier]
        truth = {(r.head, r.tail) for r in document.relations if r.kind == "CID"}
        spans = [(m.start, m.end, m.kind) for m in mentions]
        for words, entities in sentences_with_mentions(document.text, spans):
            for i, j, pair in _pairs(words, entities, "Drug", "Disease"):
                ids = [
                    (head, tail)
                    for head in (mentions[i].identifier or "").split("|")
                    for tail in (mentions[j].identifier or "").split("|")
                ]
                label = int(any(both in truth for both in ids))
                found.extend(
                    Labelled(pair, "causes", label, (document.id, head, tail), label)
                    for head, tail in ids
                )
    return found


@cache
def _drug_words() -> frozenset[str]:
    """Single words that name drugs: Hetionet's compounds."""
    names = [name for kind, name in shipped_names() if kind == "drug"]
    return frozenset(name.lower() for name in names if len(name) > 4 and name.isalpha())


def roam_pairs(documents: Iterable[Document]) -> list[Labelled]:
    """Every affliction of a label's sentence with the drug that the label is of.

    Roam does not say where the drug stands. The head is the first word of the sentence that names
    a drug; where none does, a word for it is put before the sentence.
    """
    drugs = _drug_words()
    found: list[Labelled] = []
    for document in documents:
        labels = {relation.tail: relation.kind for relation in document.relations}
        spans = [(m.start, m.end, "Disease") for m in document.mentions]
        offsets = token_offsets(document.text)
        words = tuple(document.text[a:b] for a, b in offsets)
        tails = []
        for start, end, kind in spans:
            inside = [n for n, (a, b) in enumerate(offsets) if a < end and b > start]
            tails.append(Entity(inside[0], inside[-1] + 1, kind))
        covered = {place for tail in tails for place in range(tail.start, tail.end)}
        named = next(
            (n for n, w in enumerate(words) if w.lower() in drugs and n not in covered), None
        )
        shift = 0 if named is not None else 2
        all_words = words if named is not None else ("drug", ":", *words)
        head = Entity(named or 0, (named or 0) + 1, "Drug")
        moved = [Entity(t.start + shift, t.end + shift, t.kind) for t in tails]
        for mention, tail in zip(document.mentions, moved, strict=True):
            name = _ROAM.get(labels.get(mention.key or "", ""), "none")
            label = TASKS["treats"].index(name)
            found.append(
                Labelled(
                    Pair(all_words, head, tail, tuple(t for t in moved if t is not tail)),
                    "treats",
                    label,
                    (document.id, "", mention.key or ""),
                    label,
                )
            )
    return found
