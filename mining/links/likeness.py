"""The known pairs that a ranker's features of a pair name: of what is most alike at either end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...gnn.data import EdgeType
from .pair_features import LEARNED, LEARNED_SHARED, SHARED, PairFeatures

_LEARNED = (LEARNED, LEARNED_SHARED)
_WAYS = 2  # of being alike that are named
_WORDS = {"Morgan": "molecule", "paths": "molecule's paths", SHARED: "known pairs"}


class Way(NamedTuple):
    """A similarity by which two nodes are alike, in words, and how much, from 0 to 1."""

    name: str
    similarity: float

    def __str__(self) -> str:
        return f"{self.name} {self.similarity:.2f}"


class Likeness(NamedTuple):
    """A known pair that speaks for a new one: one end is the same, the other is like it.

    Attributes:
        head, tail: numbers of the known pair.
        of_head: whether the heads are alike, and the tail is the same.
        similarity: of the two that are alike, by all similarities together.
        ways: the similarities in which they are closest, by how few nodes are closer.
    """

    head: int
    tail: int
    of_head: bool
    similarity: float
    ways: tuple[Way, ...]

    def in_words(self, head: str, tail: str, other: str) -> str:
        """The likeness as text, from the names of the new pair and of the node that it is like."""
        ways = f" ({', '.join(map(str, self.ways))})" if self.ways else ""
        if self.of_head:
            return f"{head} is like {other}{ways}, known with {tail}"
        return f"{tail} is like {other}{ways}, known with {head}"


def likenesses(features: PairFeatures, edge_type: EdgeType, head: int, tail: int) -> list[Likeness]:
    """Of the known heads of a tail the one most like the head, of the known tails of the head the
    one most like the tail; none where nothing is like it.

    Args:
        edge_type: of the pairs; its kinds are left out of what the similarities are called.
    """
    known_heads = features.pairs[:, [tail]].nonzero()[0]
    known_tails = features.pairs[[head]].indices
    likest = []
    if nearest := _nearest(features.head_similarities, edge_type[0], head, known_heads):
        other, similarity, ways = nearest
        likest.append(Likeness(other, tail, True, similarity, ways))
    if nearest := _nearest(features.tail_similarities, edge_type[2], tail, known_tails):
        other, similarity, ways = nearest
        likest.append(Likeness(head, other, False, similarity, ways))
    return likest


def _nearest(
    similarities: Mapping[str, sparse.csr_matrix],
    kind: str,
    node: int,
    known: NDArray[np.int32],
) -> tuple[int, float, tuple[Way, ...]] | None:
    """The known node that is most like a node, how much, and in what.

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
    ways = tuple(Way(_in_words(name, kind), -value) for _, value, name in closer[:_WAYS])
    return other, float(alike.max()), ways


def _in_words(similarity: str, kind: str) -> str:
    """What a similarity of nodes of a kind is called: a type of edge by its other end."""
    if similarity in _WORDS:
        return _WORDS[similarity]
    edge_type, _, joined = similarity.partition(", ")
    of_others = " ".join(word for word in edge_type.split() if word != kind)
    return f"{joined} by {of_others}" if joined else of_others
