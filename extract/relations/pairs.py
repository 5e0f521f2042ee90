"""Entity pairs: two mentions of a sentence, and the features that the relation models see."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from ..sentences import sentence_starts
from ..tokens import token_offsets

# What the model decides about a pair of kinds; the first label of each says "nothing".
TASKS: dict[str, tuple[str, ...]] = {
    "targets": ("none", "activator", "inhibitor", "agonist", "antagonist", "substrate"),
    "causes": ("none", "causes"),
    "treats": ("none", "treats", "prevents", "contraindicated"),
}
# ChemProt's other groups part the pairs that are labelled "none": a model learns them too, and what
# it gives them counts as none (`LabelledPair.fine_label`).
FINE: dict[str, tuple[str, ...]] = {
    **TASKS,
    "targets": (*TASKS["targets"], "CPR:1", "CPR:2", "CPR:7", "CPR:8", "CPR:10"),
}
# Words of a sentence kept on each side of a pair, and in all.
_WINDOW = 30
_MAX_WORDS = 120


class Entity(NamedTuple):
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


class MarkedPair(NamedTuple):
    """A sentence with markers around head and tail; `head` and `tail` count in `words`."""

    words: list[str]
    head: int
    tail: int


@dataclass(frozen=True)
class EntityPair:
    """Two mentions of a sentence, the entities that a relation may join, and the others in it."""

    words: tuple[str, ...]
    head: Entity
    tail: Entity
    others: tuple[Entity, ...] = ()

    @cached_property
    def blinded(self) -> Blinded:
        """The sentence with a placeholder of its kind for every mention (entity blinding).

        Head and tail have placeholders of their own. A disease and a symptom have the same one,
        since the corpora of the relations call both diseases. Of mentions that overlap the pair's
        own stay. Far words are cut off.
        """
        window = _blinded_mentions(self.words, self.mentions)
        if window is None:
            words, head, tail, places = self._blinded_overlapping()
        else:
            words, places, place_of = list(window.words), window.places, window.place_of
            head, tail = place_of[self.head.start], place_of[self.tail.start]
            words[head] = placeholder("head ", self.head.kind)
            words[tail] = placeholder("tail ", self.tail.kind)
        first = max(0, min(head, tail) - _WINDOW)
        last = min(len(words), max(head, tail) + _WINDOW + 1, first + _MAX_WORDS)
        head, tail = min(head - first, _MAX_WORDS - 1), min(tail - first, _MAX_WORDS - 1)
        return Blinded(words[first:last], head, tail, places[first:last])

    @cached_property
    def mentions(self) -> tuple[Entity, ...]:
        """All mentions, in order."""
        return tuple(sorted((self.head, self.tail, *self.others)))

    def _blinded_overlapping(self) -> Blinded:
        """As `blinded`, of any mentions, and with all words."""
        taken = dict.fromkeys(range(self.head.start, self.head.end), self.head)
        taken.update(dict.fromkeys(range(self.tail.start, self.tail.end), self.tail))
        for other in self.others:
            span = range(other.start, other.end)
            if taken.keys().isdisjoint(span):
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
        return Blinded(words, head, tail, places)

    def features_of(self, task: str) -> list[str]:
        """The features of a task's linear model: for TREATS no names, Roam hardly has any."""
        named = self.name_features() if has_names(task) else set()
        return sorted(self.word_features() | named)

    def word_features(self) -> set[str]:
        """Words, beginnings of words and pairs of them by their position to head and tail."""
        blinded = self.blinded
        head, tail = blinded.head, blinded.tail
        words = [word.lower() for word in blinded.words]
        first, last = min(head, tail), max(head, tail)
        order = "head first " if head < tail else "tail first "
        between = words[first + 1 : last]
        features = {order, f"{order}{min(len(between), 20) // 2} apart"}
        features.add(f"{sum(word.startswith('<') for word in between)} mentions between")
        for word, following in pairwise([*between, ""]):
            features |= {f"between {word}", f"{order}{word}", f"{order}{word} {following}"}
        if len(between) <= 4:
            features.add(f"{order}= {' '.join(between)}")
        for distance, word in enumerate(reversed(words[max(0, first - 4) : first])):
            features |= {f"before {word}", f"{order}before {distance} {word}"}
        for distance, word in enumerate(words[last + 1 : last + 5]):
            features |= {f"after {word}", f"{order}after {distance} {word}"}
        for role, place in (("head", head), ("tail", tail)):
            around = ["", "", *words, "", ""][place : place + 5]
            features |= {f"{role} + {around[3]}", f"{role} + {around[3]} {around[4]}"}
            features |= {f"{role} - {around[1]}", f"{role} - {around[0]} {around[1]}"}
        features |= {f"some {word}" for word in words}
        return features | _stem_features(words, first, last, order)

    def name_features(self) -> set[str]:
        """The names of head and tail, whole and in parts; a name's end with words between."""
        words, head, tail, _ = self.blinded
        first, last = min(head, tail), max(head, tail)
        between = [w for word in words[first + 1 : last] if _is_content_word(w := word.lower())]
        names = [name_words(self, entity) for entity in (self.head, self.tail)]
        features = {f"names {' '.join(names[0])} | {' '.join(names[1])}"}
        for role, name in zip(("head", "tail"), names, strict=True):
            features |= {f"{role} word {word}" for word in name}
            features |= {
                f"{role} {' '.join(name)}",
                f"{role} first {name[0]}",
                f"{role} last {name[-1]}",
            }
            features |= {f"{role} begins {name[0][:3]}", f"{role} ends {name[-1][-4:]}"}
        end = names[1][-1][-3:]
        return features | {f"tail {end} {stem(word)}" for word in between} | {f"tail end {end}"}

    def marked(self) -> MarkedPair:
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
        first = max(0, min(self.head.start, self.tail.start) - _WINDOW)
        last = max(self.head.end, self.tail.end) + _WINDOW
        for position, word in enumerate(self.words[:last]):
            if position < first:
                continue
            if position in before:
                starts[position] = len(words)
                words.extend(before[position])
            words.append(word)
            words.extend(after.get(position, ()))
        return MarkedPair(words, starts[self.head.start], starts[self.tail.start])


# A head and a tail by their concepts, and mentions of the two in one sentence.
ConceptPair = tuple[str, str, EntityPair]


class _BlindedWindow(NamedTuple):
    """Words with a placeholder for every mention, their places, and where each mention stands.

    `place_of` is the place in `words` of the mention that starts at a word.
    """

    words: list[str]
    places: list[int]
    place_of: dict[int, int]


@lru_cache(maxsize=64)
def _blinded_mentions(
    words: tuple[str, ...], mentions: tuple[Entity, ...]
) -> _BlindedWindow | None:
    """A window with all mentions blinded alike; None where two overlap, which a pair decides.

    Kept for some windows, since the pairs of a sentence share them.
    """
    if overlap(mentions):
        return None
    blinded: list[str] = []
    places: list[int] = []
    index = {}
    at = 0
    for start, end, kind in mentions:
        blinded += words[at:start]
        places += range(at, start)
        index[start] = len(blinded)
        blinded.append(placeholder("", kind))
        places.append(end - 1)
        at = end
    blinded += words[at:]
    places += range(at, len(words))
    return _BlindedWindow(blinded, places, index)


def overlap(mentions: Sequence[Entity]) -> bool:
    """Whether any two of some mentions in order overlap."""
    return any(one.end > following.start for one, following in pairwise(mentions))


def has_names(task: str) -> bool:
    """Whether the linear model of a task sees the names of head and tail."""
    return task != "treats"


def placeholder(role: str, kind: str) -> str:
    """The word that stands for a mention of this kind; `role` is "head ", "tail " or ""."""
    return f"<{role}{'condition' if kind in ('Disease', 'Symptom') else kind.lower()}>"


def name_words(pair: EntityPair, entity: Entity) -> list[str]:
    """The words of a mention, in lower case."""
    return [word.lower() for word in pair.words[entity.start : entity.end]]


def stem(word: str) -> str:
    """The beginning of a word, which its forms share; of a placeholder all."""
    return word if word.startswith("<") else word.lower()[:5]


def _is_content_word(word: str) -> bool:
    return len(word) > 3 and word.isalpha()


def _stem_features(words: list[str], first: int, last: int, order: str) -> set[str]:
    between = [stem(w) for w in words[first + 1 : last] if _is_content_word(w) or w.startswith("<")]
    before = words[max(0, first - 6) : first]
    after = words[last + 1 : last + 6]
    features = {f"stem {order}{a}" for a in between}
    for place, a in enumerate(between):
        features |= {f"stems {order}{a} {b}" for b in between[place + 1 : place + 4]}
    features |= {f"stem before {order}{stem(w)}" for w in before[-5:]}
    features |= {f"stem after {order}{stem(w)}" for w in after}
    for a in [stem(w) for w in before if _is_content_word(w)][-3:]:
        features |= {f"stems before {order}{a} {b}" for b in between[:3]}
    if len(between) <= 5:
        features.add(f"stems {order}= {' '.join(between)}")
    return features


def sentences_with_mentions(
    text: str, spans: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[tuple[str, ...], list[tuple[int, Entity]]]]:
    """Each sentence's words and its mentions, as (index in `spans`, entity in tokens)."""
    offsets = token_offsets(text)
    starts, ends = [a for a, _ in offsets], [b for _, b in offsets]
    borders = [*sentence_starts(text), len(text) + 1]
    for begin, end in pairwise(borders):
        first, last = bisect_left(starts, begin), bisect_left(starts, end)
        entities = []
        for index, (start, stop, kind) in enumerate(spans):
            if begin <= start < end:
                left = bisect_right(starts, start) - 1 - first
                right = min(bisect_left(ends, stop) + 1, last) - first
                if 0 <= left < right:
                    entities.append((index, Entity(left, right, kind)))
        yield tuple(text[a:b] for a, b in offsets[first:last]), entities
