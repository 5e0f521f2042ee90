"""What known pairs and channels of likeness say of a pair: the numbers that a ranker learns from.

`PairFeatures` is made anew from the pairs that are known in each fold, so that nothing that it says
of a held-back pair was learned from that pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.model_folder import part_named
from ...core.ranking import pair_matrix
from ...core.sparse import (
    entries_at,
    largest_entries,
    matrix_from_tensors,
    matrix_tensors,
    rare_first,
    unit_rows,
    without,
)
from .similarities import NEAREST_HEADS, EndFeatures, nearest_rows

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_NEIGHBOURS = "heads alike by all"
_LIKE_KNOWN, _LIKE_FIRST = "like known tails by", "like the first by"
_SHARED = "shared"  # the channel of nodes that share known pairs
_LEARNED, _LEARNED_SHARED = "learned", "learned with shared"
_POWER = 3  # of similarities, so that the nearest count most
_STEEP = 5
_SMOOTHED = 60  # tails that are carried over to tails like them
_CANDIDATES = 300  # the first of each head by all signs that are ranked
_FURTHER = 15  # the first by each way of being like a known tail
_CELLS = 1_200_000  # of a block of heads × tails
_PAIR_CELLS = (
    500_000_000  # pairs of nodes × what is said of each; Hetionet's genes need 160 million
)
_TREES = 100
_LEAF = 200
_UNRELATED = 0.1  # the share of pairs of nodes with nothing in common that similarity learns from
_INNER = 3  # parts of the known pairs that similarity with shared pairs is learned on
_RIDGE = (3.0, 30.0)
_MOST_TAILS = 6_000  # with known pairs, in the ridge regression


class CandidateTable(NamedTuple):
    """Candidates of some heads, row by row: numbers of head and tail, and (rows, columns) of what
    is said of each pair."""

    heads: Integers
    tails: Integers
    values: Floats

    def where(self, chosen: NDArray[np.bool_]) -> CandidateTable:
        """Some of the rows."""
        return CandidateTable(self.heads[chosen], self.tails[chosen], self.values[chosen])


class LearnedSimilarities(NamedTuple):
    """Known pairs (heads, tails), and how alike heads (heads, heads) and tails (tails, tails) are,
    as learned from them and the other channels."""

    pairs: sparse.csr_matrix
    heads: sparse.csr_matrix
    tails: sparse.csr_matrix


class NodePairs:
    """Pairs of nodes of one side that are alike by some channel, and what is said of each; of many
    nodes each one's most alike, so that all is held in 2 GB.

    Attributes:
        rows, columns: numbers of the nodes, rows < columns.
        values: (pairs, n): the similarity by each channel; of the nodes' numbers, how far apart
            they are and the smaller.
    """

    def __init__(self, side: EndFeatures):
        self.n_nodes = n_nodes = len(side.numbers)
        near = sparse.csr_matrix((n_nodes, n_nodes), dtype=np.float32)
        for alike in side.similarities.values():
            near = near.maximum(alike)
        columns = len(side.similarities) + 2 * side.numbers.shape[1]
        most = _PAIR_CELLS // max(1, columns)
        if near.nnz > 2 * most:
            nearest = largest_entries(near, most // n_nodes)
            near = nearest.maximum(nearest.T)
        found = sparse.triu(near, 1).tocoo()
        self.rows, self.columns = found.row.astype(np.int64), found.col.astype(np.int64)
        a, b = side.numbers[self.rows], side.numbers[self.columns]
        self.values = np.concatenate(
            [
                np.stack([*(self.of(alike) for alike in side.similarities.values())], 1)
                if side.similarities
                else np.zeros((len(self.rows), 0), dtype=np.float32),
                np.abs(a - b),
                np.minimum(a, b),
            ],
            axis=1,
        )

    def of(self, matrix: sparse.csr_matrix) -> Floats:
        """The entries of a matrix (nodes, nodes) at these pairs, (pairs,)."""
        return entries_at(matrix, self.rows, self.columns)


class PairFeatures:
    """Known pairs of a relation, and all that follows from them for other pairs.

    A sign is a number that says something for a pair (head, tail):
    - by each channel of heads, the similarities of the head to the tail's known heads: their sum
      (cubed, so that the nearest count most) and their largest;
    - by each channel of tails, those of the tail to the head's known tails, and to the first
      tails by all channels of heads;
    - a linear model of the tails that are known together (Steck, Embarrassingly Shallow
      Autoencoders for Sparse Data, WWW 2019).

    Two channels of heads and one of tails are learned: by gradient boosting over the other
    channels, of how alike the known pairs of two nodes are.

    Args:
        pairs: (heads, tails), 1 where known; no node with itself.
        heads_alike, tails_alike: similarities by channel, those that are learned included.
        head_numbers, tail_numbers: see `similarities.EndFeatures`.
    """

    def __init__(
        self,
        pairs: sparse.csr_matrix,
        heads_alike: Mapping[str, sparse.csr_matrix],
        tails_alike: Mapping[str, sparse.csr_matrix],
        head_numbers: Floats,
        tail_numbers: Floats,
    ):
        self.pairs, self.heads_alike, self.tails_alike = pairs, heads_alike, tails_alike
        self._head_numbers, self._tail_numbers = head_numbers, tail_numbers
        self._count()

    @classmethod
    def learn(
        cls,
        pairs: sparse.csr_matrix,
        head_side: EndFeatures,
        tail_side: EndFeatures,
        head_pairs: NodePairs,
        tail_pairs: NodePairs,
        seed: int,
    ) -> PairFeatures:
        """With likeness learned from these pairs; `head_pairs`, `tail_pairs` are of the sides."""
        pairs = pairs.astype(np.float32).tocsr()
        turned = pairs.T.tocsr()
        heads_alike = {
            **head_side.similarities,
            _SHARED: nearest_rows(unit_rows(rare_first(pairs)), NEAREST_HEADS),
            _LEARNED: _learn(pairs, head_pairs, seed),
            _LEARNED_SHARED: _learn_with_shared(pairs, head_pairs, seed),
        }
        tails_alike = {
            **tail_side.similarities,
            _SHARED: nearest_rows(unit_rows(rare_first(turned)), NEAREST_HEADS),
            _LEARNED: _learn(turned, tail_pairs, seed),
        }
        return cls(pairs, heads_alike, tails_alike, head_side.numbers, tail_side.numbers)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("pairs", self.pairs),
            "head_numbers": torch.from_numpy(self._head_numbers),
            "tail_numbers": torch.from_numpy(self._tail_numbers),
            **_channel_tensors("heads", self.heads_alike),
            **_channel_tensors("tails", self.tails_alike),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PairFeatures:
        """What gave these `tensors`."""
        return cls(
            matrix_from_tensors("pairs", tensors),
            _channels_from("heads", tensors),
            _channels_from("tails", tensors),
            tensors["head_numbers"].numpy(),
            tensors["tail_numbers"].numpy(),
        )

    def without(self, removed: Sequence[tuple[int, int]]) -> PairFeatures:
        """The same without some known pairs; what was learned from them stays as it was."""
        gone = np.array(removed, dtype=np.int64).reshape(-1, 2)
        rest = copy(self)
        rest._together, rest._nearest = self._together, self._nearest
        rest.pairs = without(self.pairs, pair_matrix(gone, self.pairs.shape))
        rest._count()
        for derived in ("_of_tails", "_of_heads"):
            rest.__dict__.pop(derived, None)
        return rest

    def _count(self) -> None:
        """What follows from the known pairs alone."""
        self._turned = self.pairs.T.tocsr()
        self.degrees = np.diff(self._turned.indptr).astype(np.float32)
        # In the order of their known heads in `_turned`, so that these are runs of its indices.
        self._answered = np.flatnonzero(self.degrees)

    @cached_property
    def _together(self) -> tuple[Integers, list[Floats]]:
        """The tails that are foretold by others, and the weights of these."""
        most_known = np.argsort(-self.degrees, kind="stable")[:_MOST_TAILS]
        foretold = np.sort(most_known[self.degrees[most_known] > 0])
        return foretold, [_ridge(self.pairs[:, foretold], strength) for strength in _RIDGE]

    @property
    def learned(self) -> LearnedSimilarities:
        """The known pairs, and who is like whom."""
        return LearnedSimilarities(
            self.pairs, self.heads_alike[_LEARNED], self.tails_alike[_LEARNED]
        )

    def tables(self, heads: Integers, left_out: sparse.csr_matrix) -> Iterator[CandidateTable]:
        """The candidates of heads, in blocks of heads.

        Args:
            left_out: (heads, tails): pairs that are no candidates.
        """
        size = int(np.clip(_CELLS // self.pairs.shape[1], 1, 64))
        for start in range(0, len(heads), size):
            yield self._table(heads[start : start + size], left_out)

    def _table(self, heads: Integers, left_out: sparse.csr_matrix) -> CandidateTable:
        signs = self._signs(heads)
        chosen = _candidates(signs, left_out[heads].toarray() > 0)
        rows, tails = np.nonzero(chosen)
        values = np.stack([sign[rows, tails] for sign in signs.values()], 1)
        ends = np.cumsum(chosen.sum(1))
        shares, places = np.empty_like(values), np.empty_like(values)
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            if start < end:
                part = values[start:end]
                shares[start:end] = part / np.maximum(part.max(0), 1e-6)
                places[start:end] = (-part).argsort(0, kind="stable").argsort(0, kind="stable")
        numbers = (self._of_tails[tails], self._of_heads[heads[rows]])
        said = np.concatenate([values, shares, places, *numbers], axis=1, dtype=np.float32)
        return CandidateTable(heads[rows], tails.astype(np.int64), said)

    @cached_property
    def _of_tails(self) -> Floats:
        around = [np.log1p(alike @ self.degrees) for alike in self.tails_alike.values()]
        parts = [np.log1p(self.degrees), *around, *self._tail_numbers.T]
        return np.asarray(np.stack(parts, 1), dtype=np.float32)

    @cached_property
    def _of_heads(self) -> Floats:
        parts = [np.log1p(np.diff(self.pairs.indptr)), *self._head_numbers.T, *self._nearest]
        return np.asarray(np.stack(parts, 1), dtype=np.float32)

    @cached_property
    def _nearest(self) -> list[Floats]:
        """How alike each head and the one most like it are, by channel."""
        return [alike.max(1).toarray().ravel() for alike in self.heads_alike.values()]

    # Signs

    def _signs(self, heads: Integers) -> dict[str, Floats]:
        """Each sign by name, (heads, tails)."""
        signs: dict[str, Floats] = {}
        n_tails = self.pairs.shape[1]
        known = self.pairs[heads]
        neighbours = np.zeros((len(heads), n_tails), dtype=np.float32)
        for name, alike in self.heads_alike.items():
            near = alike[heads]
            similar = near.toarray()
            total = (near.power(_POWER) @ self.pairs).toarray()
            signs[f"heads alike by {name}, sum"] = total
            signs[f"heads alike by {name}, largest"] = self._largest_of_heads(similar)
            learned = name in (_LEARNED, _LEARNED_SHARED)
            neighbours += (2 if learned or name == _SHARED else 1) * _by_largest(total)
            if learned:
                steep = (near.power(_STEEP) @ self.pairs).toarray()
                signs[f"heads alike by {name}, steep sum"] = steep
                over = (near @ self.pairs).toarray()
                signs[f"heads alike by {name}, excess"] = self._excess(similar, over)
        foretold, by_strength = self._together
        for strength, weights in zip(_RIDGE, by_strength, strict=True):
            together = np.zeros((len(heads), n_tails), dtype=np.float32)
            together[:, foretold] = known[:, foretold] @ weights
            signs[f"tails known together, {strength:g}"] = together
            neighbours += _by_largest(np.maximum(together, 0))
        signs[_NEIGHBOURS] = neighbours
        first = _first(neighbours, _SMOOTHED)
        nearest = _first(signs[f"heads alike by {_LEARNED}, steep sum"], _SMOOTHED)
        for name, alike in self.tails_alike.items():
            signs[f"{_LIKE_KNOWN} {name}, sum"] = (known @ alike).toarray()
            signs[f"{_LIKE_KNOWN} {name}, largest"] = _largest_of_tails(known, alike)
            signs[f"{_LIKE_FIRST} {name}"] = (first @ alike).toarray()
            signs[f"like the nearest by {name}"] = (nearest @ alike).toarray()
        return signs

    def _largest_of_heads(self, similar: Floats) -> Floats:
        """Of similarities (n, heads) the largest of each tail's known heads."""
        largest = np.zeros((len(similar), self.pairs.shape[1]), dtype=np.float32)
        if len(self._answered):
            runs = self._turned.indptr[self._answered]
            of_known = similar[:, self._turned.indices]
            largest[:, self._answered] = np.maximum.reduceat(of_known, runs, axis=1)
        return largest

    def _excess(self, similar: Floats, total: Floats) -> Floats:
        """By how many standard deviations the sum of similarities is above that of as many heads
        by chance."""
        mean, spread = similar.mean(1, keepdims=True), similar.std(1, keepdims=True) + 1e-6
        over = total - self.degrees * mean
        return np.where(self.degrees > 0, over / (spread * np.sqrt(np.maximum(self.degrees, 1))), 0)


def _channel_tensors(end: str, alike: Mapping[str, sparse.csr_matrix]) -> dict[str, Tensor]:
    """The channels by their place, for tables have columns in that order, and name."""
    found: dict[str, Tensor] = {}
    for place, (name, matrix) in enumerate(alike.items()):
        found |= matrix_tensors(f"{end}.{place:03}.{name}", matrix)
    return found


def _channels_from(end: str, tensors: Mapping[str, Tensor]) -> dict[str, sparse.csr_matrix]:
    parts = part_named(end, tensors)
    return {
        part.partition(".")[2]: matrix_from_tensors(part, parts)
        for part in sorted({name.rpartition(".")[0] for name in parts})
    }


def _largest_of_tails(known: sparse.csr_matrix, alike: sparse.csr_matrix) -> Floats:
    largest = np.zeros(known.shape, dtype=np.float32)
    for row in range(known.shape[0]):
        tails = known.indices[known.indptr[row] : known.indptr[row + 1]]
        if len(tails):
            largest[row] = alike[tails].max(0).toarray().ravel()
    return largest


def _candidates(signs: Mapping[str, Floats], left_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The tails that are ranked for each head: the first by all signs, and by single ones."""
    like = [name for name in signs if name.startswith((_LIKE_KNOWN, _LIKE_FIRST))]
    base = signs[_NEIGHBOURS] + sum(_by_largest(signs[name]) for name in like) / len(like)
    chosen = np.zeros(left_out.shape, dtype=bool)
    further = [name for name in like if not name.endswith("largest")]
    for sign, most in ((base, _CANDIDATES), *((signs[name], _FURTHER) for name in further)):
        sign = np.where(left_out, -np.inf, sign)
        most = min(most, sign.shape[1])
        first = np.argpartition(-sign, most - 1, axis=1)[:, :most]
        # Of equal signs none says more than another, and most signs of most pairs are 0.
        found = np.take_along_axis(sign, first, 1) > 0
        np.put_along_axis(chosen, first, np.take_along_axis(chosen, first, 1) | found, axis=1)
    return chosen & ~left_out


def _by_largest(sign: Floats) -> Floats:
    by: Floats = sign / np.maximum(sign.max(1, keepdims=True), 1e-6)
    return by


def _first(sign: Floats, most: int) -> sparse.csr_matrix:
    """The largest entries of each row."""
    return largest_entries(sparse.csr_matrix(sign), most)


# Learned similarity


_Example = tuple[Floats, Floats, NDArray[np.bool_]]  # values, labels, and which may be used


def _likeness(pairs: sparse.csr_matrix, others: sparse.csr_matrix) -> sparse.csr_matrix:
    """The cosine of what the rows of both have, rare columns counting most."""
    weights = np.log((pairs.shape[0] + 1) / (np.asarray(others.sum(0)).ravel() + 1))
    scale = sparse.diags(weights)
    return (unit_rows(pairs @ scale) @ unit_rows(others @ scale).T).tocsr()


def _learn(pairs: sparse.csr_matrix, nodes: NodePairs, seed: int) -> sparse.csr_matrix:
    """How alike the known pairs of two nodes will be, by the channels alone, (nodes, nodes)."""
    label = nodes.of(_likeness(pairs, pairs))
    known = np.diff(pairs.indptr) > 0
    both = known[nodes.rows] & known[nodes.columns]
    return _symmetric(nodes, _boosted([(nodes.values, label, both)], nodes.values, seed))


def _learn_with_shared(pairs: sparse.csr_matrix, nodes: NodePairs, seed: int) -> sparse.csr_matrix:
    """As `_learn`, but by the known pairs too: how alike those in one part of the known pairs will
    be to those in the others, by the channels and by how alike they are in the others."""
    everything = np.concatenate([nodes.values, _shared(pairs, nodes)], 1)
    return _symmetric(nodes, _boosted(_in_parts(pairs, nodes, seed), everything, seed))


def _in_parts(pairs: sparse.csr_matrix, nodes: NodePairs, seed: int) -> Iterator[_Example]:
    chance = np.random.default_rng(seed)
    each = np.stack(pairs.nonzero(), 1).astype(np.int64)
    part_of = chance.integers(0, _INNER, len(each))
    for part in range(_INNER):
        inside = part_of == part
        held_back, rest = (pair_matrix(each[chosen], pairs.shape) for chosen in (inside, ~inside))
        values = np.concatenate([nodes.values, _shared(rest, nodes)], 1)
        ahead = _likeness(held_back, rest)
        asked, known = np.diff(held_back.indptr) > 0, np.diff(rest.indptr) > 0
        for turned, one, other in (
            (ahead, nodes.rows, nodes.columns),
            (ahead.T.tocsr(), nodes.columns, nodes.rows),
        ):
            yield values, nodes.of(turned), asked[one] & known[other]


def _shared(pairs: sparse.csr_matrix, nodes: NodePairs) -> Floats:
    """How alike the known pairs of two nodes are, weighted and not, (pairs of nodes, 2)."""
    plain = unit_rows(pairs)
    return np.stack([nodes.of(_likeness(pairs, pairs)), nodes.of((plain @ plain.T).tocsr())], 1)


def _boosted(examples: Iterable[_Example], asked: Floats, seed: int) -> Floats:
    """Gradient boosting of labels from 0 to 1 by cross-entropy; of examples with label 0 a tenth,
    counting ten times. Gives what it says of the `asked` rows."""
    chance = np.random.default_rng(seed)
    values, labels, weights = [], [], []
    for rows, label, usable in examples:
        chosen = usable & ((label > 0) | (chance.random(len(label)) < _UNRELATED))
        values.append(rows[chosen])
        labels.append(np.clip(label[chosen], 0, 1))
        weights.append(np.where(label[chosen] > 0, 1, 1 / _UNRELATED))
    label = np.concatenate(labels)
    if len(label) < 2 * _LEAF or label.max() == label.min():
        return np.zeros(len(asked), dtype=np.float32)
    data = lightgbm.Dataset(np.concatenate(values), label, weight=np.concatenate(weights))
    booster = lightgbm.train(
        {
            "objective": "cross_entropy",
            "learning_rate": 0.1,
            "num_leaves": 31,
            "min_data_in_leaf": _LEAF,
            "feature_fraction": 0.6,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        },
        data,
        _TREES,
    )
    return np.asarray(booster.predict(asked), dtype=np.float32)


def _symmetric(nodes: NodePairs, values: Floats) -> sparse.csr_matrix:
    shape = (nodes.n_nodes, nodes.n_nodes)
    half = sparse.csr_matrix((values, (nodes.rows, nodes.columns)), shape=shape)
    return largest_entries((half + half.T).tocsr(), NEAREST_HEADS)


def _ridge(known: sparse.csr_matrix, strength: float) -> Floats:
    """Weights (tails, tails) without a diagonal, so that a tail is foretold by the others that a
    head has: B = -P / diag(P), P = (XᵀX + strength · I)⁻¹."""
    together = (known.T @ known).toarray().astype(np.float64)
    together[np.diag_indices_from(together)] += strength
    inverse = np.linalg.inv(together)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return np.asarray(weights, dtype=np.float32)
