"""The known pairs that a ranker's features of a pair name: of what is most alike at either end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...gnn.data import EdgeType
from .pair_features import LEARNED, LEARNED_SHARED, SHARED, PairFeatures

_LEARNED = (LEARNED, LEARNED_SHARED)
_WAYS = 2  # of being alike that are named
# What is less alike is no reason: of the starter set's known pairs, held back, far fewer have a
# likeness below it than of candidates at random (of the genes' .05 to .1: 3 % and 27 %).
_LEAST = 0.1
# Most molecules have as much in common as this: of the starter set's pairs of drugs a tenth share a
# target, of those less alike by Morgan fingerprints a seventh, of the others three fifths (by paths
# a sixth at most, and a third).
_LEAST_OF = {"Morgan": 0.3, "paths": 0.5}
_WORDS = {"Morgan": "structure", "paths": "structure"}
_TABLE = Path(__file__).parent / "data" / "likeness_words.tsv"


class Way(NamedTuple):
    """A similarity by which two nodes are alike, in words, and how much, from 0 to 1.

    Attributes:
        joined: whether a relation joins the two, which words tell and the number doesn't.
    """

    name: str
    similarity: float
    joined: bool = False

    def __str__(self) -> str:
        return self.name if self.joined else f"{self.name} {self.similarity:.2f}"


class Likeness(NamedTuple):
    """A known pair that speaks for a new one: one end is the same, the other is like it.

    Attributes:
        head, tail: numbers of the known pair.
        of_head: whether the heads are alike, and the tail is the same.
        similarity: of the two that are alike, by all similarities together.
        ways: the similarities in which they are closest, by how few nodes are closer; none that
            is too small to say anything.
    """

    head: int
    tail: int
    of_head: bool
    similarity: float
    ways: tuple[Way, ...]

    def in_words(self, head: str, tail: str, other: str) -> str:
        """The likeness as text, from the names of the new pair and of the node that it is like."""
        ways = ", ".join(map(str, self.ways))
        if self.of_head:
            return f"{head} is like {other} ({ways}), known with {tail}"
        return f"{tail} is like {other} ({ways}), known with {head}"


def likenesses(features: PairFeatures, edge_type: EdgeType, head: int, tail: int) -> list[Likeness]:
    """Of the known heads of a tail the one most like the head, of the known tails of the head the
    one most like the tail; none where nothing is like it, or too little to say anything.

    Args:
        edge_type: of the pairs; its kinds are left out of what the similarities are called.
    """
    known_heads = features.pairs[:, [tail]].nonzero()[0]
    known_tails = features.pairs[[head]].indices
    likest = []
    if nearest := _nearest(
        features.head_similarities, (edge_type[0], edge_type[2]), head, known_heads
    ):
        other, similarity, ways = nearest
        likest.append(Likeness(other, tail, True, similarity, ways))
    if nearest := _nearest(
        features.tail_similarities, (edge_type[2], edge_type[0]), tail, known_tails
    ):
        other, similarity, ways = nearest
        likest.append(Likeness(head, other, False, similarity, ways))
    return likest


def _nearest(
    similarities: Mapping[str, sparse.csr_matrix],
    kinds: tuple[str, str],
    node: int,
    known: NDArray[np.int32],
) -> tuple[int, float, tuple[Way, ...]] | None:
    """The known node that is most like a node, how much, and in what; `kinds` are the node's, and
    that of the other end.

    By all similarities together, each as a share of the largest that the node has; the learned ones
    count twice, as they do where candidates are chosen (`PairFeatures`).
    """
    others = known[known != node]
    alike = np.zeros(len(others))
    shares: dict[str, NDArray[np.float32]] = {}
    for name, similarity in similarities.items():
        row = similarity[[node]].toarray()[0]
        row[node] = 0
        if len(others) and row.max() > 0:
            shares[name] = row
            alike += (2 if name in _LEARNED else 1) * row[others] / row.max()
    if not len(others) or alike.max() <= 0:
        return None
    other = int(others[np.argmax(alike)])
    closer = sorted(
        (int((row > row[other]).sum()), -float(row[other]), name)
        for name, row in shares.items()
        if name not in _LEARNED and row[other] > 0
    )
    ways: dict[str, Way] = {}
    for _, value, name in closer:
        if -value >= _LEAST_OF.get(name, _LEAST):
            way = Way(_in_words(name, *kinds), -value, name.endswith(", joined"))
            ways.setdefault(way.name, way)
    return (other, float(alike.max()), tuple(ways.values())[:_WAYS]) if ways else None


def _in_words(similarity: str, kind: str, predicted: str) -> str:
    """What a similarity of nodes of a kind is called.

    Args:
        predicted: the kind at the other end of the predicted relation.
    """
    if similarity in _WORDS:
        return _WORDS[similarity]
    if similarity == SHARED:
        return f"known {_plural(predicted)}"
    edge_type, _, joined = similarity.partition(", ")
    if edge_type.count(" ") != 2:  # of no relation, such as `similarities.FAMILY`: its name says it
        return similarity
    subject, relation, object_ = edge_type.split()
    other = object_ if subject == kind else subject
    shared, of_joined = _words().get((relation, other), ("", ""))
    plain = relation.lower().replace("_", " ")
    if joined:
        return of_joined or f"one {plain} the other"
    return shared or f"{plain}: {_plural(other)}"


def _plural(kind: str) -> str:
    """A kind of nodes as a plural in lower case: targets, side effects."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower() + "s"


@cache
def _words() -> dict[tuple[str, str], tuple[str, str]]:
    """By relation and kind at its other end, what is shared, and what is said of joined nodes."""
    table = pl.read_csv(_TABLE, separator="\t", comment_prefix="#").fill_null("")
    return {(relation, kind): (shared, joined) for relation, kind, shared, joined in table.rows()}
