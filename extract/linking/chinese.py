"""Chinese mentions and names of nodes: equal, or alike in characters and in how they sound.

A mention is looked up as it is, then with everyday words as the ones of names ("肚子疼" as "腹痛",
`data/variants_zh.tsv`). Where no node has that name, nodes are scored by the cosine of single
characters and pairs of them, weighed by how rare they are, joined by that of the pairs of syllables
(pinyin), so that a character miswritten by its sound costs little.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import polars as pl

from ...core.han import has_han, pinyin, simplified
from ...graph.kg import KnowledgeGraph
from ..tables import table_rows
from .links import KINDS, EntityLink, EntityLinker, LinkQuery

_MOST = 10  # candidates of a mention
_SOUND = 0.3  # of a likeness, the share of how names sound
_SIGNS = re.compile(r"[\W_]+")
_OWN_KIND, _OTHER_KIND = 1.0, 0.99

_Weights = Mapping[str, float]


@cache
def _variants() -> tuple[re.Pattern[str], dict[str, str]]:
    """Everyday words, the longest first, and what names say for them."""
    words = dict(table_rows("variants_zh.tsv"))
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first))), words


def key_of(name: str) -> str:
    """A Chinese name without signs and blanks, in simplified characters."""
    return _SIGNS.sub("", simplified(name)).lower()


def formal(key: str) -> str:
    """A key with everyday words as names have them."""
    pattern, words = _variants()
    return pattern.sub(lambda match: words[match[0]], key)


class ChineseNames:
    """The Chinese names of a graph's nodes of some kinds."""

    def __init__(self, nodes: pl.DataFrame) -> None:
        names = pl.concat(
            [
                nodes.select("id", "kind", name="synonyms").explode("name"),
                nodes.select("id", "kind", "name"),
            ]
        ).drop_nulls()
        rows = [row for row in names.iter_rows() if has_han(row[2])]
        self._rows = sorted(set(rows), key=lambda row: (len(row[2]), row))
        self._exact: dict[str, list[int]] = defaultdict(list)
        for number, (_, _, name) in enumerate(self._rows):
            for key in dict.fromkeys((key_of(name), formal(key_of(name)))):
                self._exact[key].append(number)
        self._characters = _Likeness(_pieces(formal(key_of(name))) for *_, name in self._rows)
        self._sounds = _Likeness(_pairs(pinyin(formal(key_of(name)))) for *_, name in self._rows)

    def candidates(self, text: str) -> list[tuple[float, str, str, str]]:
        """Score, identifier, kind and name of the nodes that a text may mean, the best first."""
        key = key_of(text)
        for exact in (key, formal(key)):
            if numbers := self._exact.get(exact):
                return [(1.0, *self._rows[number]) for number in numbers]
        scores = self._characters.of(_pieces(formal(key)))
        for number, score in self._sounds.of(_pairs(pinyin(formal(key)))).items():
            scores[number] = (1 - _SOUND) * scores.get(number, 0.0) + _SOUND * score
        best = sorted(scores, key=lambda number: (-round(scores[number], 9), number))
        return [(scores[number], *self._rows[number]) for number in best[: 4 * _MOST]]


class _Likeness:
    """Cosines of lists of pieces, each weighed by its inverse frequency."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        counted = [Counter(pieces) for pieces in texts]
        frequency = Counter(piece for pieces in counted for piece in pieces)
        self._idf = {p: math.log((1 + len(counted)) / (1 + n)) + 1 for p, n in frequency.items()}
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, pieces in enumerate(counted):
            for piece, weight in self._unit(pieces).items():
                self._postings[piece].append((number, weight))

    def of(self, pieces: Sequence[str]) -> dict[int, float]:
        """The cosine with each text that shares a piece, by the text's number."""
        scores: dict[int, float] = defaultdict(float)
        for piece, weight in self._unit(Counter(pieces)).items():
            for number, other in self._postings.get(piece, ()):
                scores[number] += weight * other
        return scores

    def _unit(self, pieces: Mapping[str, int]) -> _Weights:
        rare = math.log(1 + len(self._idf)) + 1
        weights = {piece: n * self._idf.get(piece, rare) for piece, n in pieces.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {piece: weight / length for piece, weight in weights.items()}


def _pieces(key: str) -> list[str]:
    """Characters and pairs of characters."""
    return [*key, *(key[n : n + 2] for n in range(len(key) - 1))]


def _pairs(syllables: Sequence[str]) -> list[str]:
    """Pairs of syllables; of one syllable itself."""
    if len(syllables) == 1:
        return list(syllables)
    return [f"{syllables[n]} {syllables[n + 1]}" for n in range(len(syllables) - 1)]


class LinkerByScript:
    """A linker that looks Chinese mentions up among Chinese names, and leaves the rest to another.

    Attributes:
        threshold: the other's least score of a link.
    """

    def __init__(self, terminology: KnowledgeGraph, other: EntityLinker) -> None:
        self.threshold = other.threshold
        self._other = other
        self._terminology = terminology
        self._names: dict[tuple[str, ...], ChineseNames] = {}

    def in_document(self, mentions: Sequence[LinkQuery]) -> list[list[EntityLink]]:
        """For each mention of a document the nodes that it may mean, the best first."""
        others = [mention for mention in mentions if not has_han(mention.text)]
        linked = dict(zip(others, self._other.in_document(others), strict=True))
        return [
            self._chinese(mention) if has_han(mention.text) else linked[mention]
            for mention in mentions
        ]

    def _chinese(self, mention: LinkQuery) -> list[EntityLink]:
        links: dict[str, EntityLink] = {}
        for score, identifier, kind, name in self._of_kind(mention.kind).candidates(mention.text):
            score *= _OWN_KIND if kind == mention.kind else _OTHER_KIND
            if identifier not in links or links[identifier].score < score:
                links[identifier] = EntityLink(identifier, kind, name, score)
        return sorted(links.values(), key=lambda link: -round(link.score, 9))[:_MOST]

    def _of_kind(self, kind: str) -> ChineseNames:
        kinds = tuple(sorted(KINDS.get(kind, ())))
        if kinds not in self._names:
            nodes = self._terminology.nodes.filter(pl.col("kind").is_in(list(kinds)))
            self._names[kinds] = ChineseNames(nodes)
        return self._names[kinds]
