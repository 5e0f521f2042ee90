"""Features of candidate pairs, from the known pairs and the similarities of nodes.

`PairFeatures` is made anew from the pairs that are known in each fold, so that no feature of a
held-back pair was learned from that pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.ranking import pair_matrix
from ...core.sparse import (
    idf_weighted,
    l2_normalised_rows,
    largest_entries,
    matrix_from_tensors,
    matrix_tensors,
    without,
)
from ...core.tensors import without_prefix
from ...gnn.candidate_network import CandidateTable, TailSimilarities
from .learned_similarities import NodePairs, learn_similarity, learn_similarity_with_shared
from .similarities import NEAREST_HEADS, EndFeatures, nearest_rows

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Names of similarities from known pairs, as saved models have them.
SHARED = "shared"  # known pairs in common
LEARNED, LEARNED_SHARED = "learned", "learned with shared"
# Those of tails that the networks' messages are passed by.
MESSAGE_SIMILARITIES = (SHARED, LEARNED)

# Names, or beginnings of names, of candidate features.
_ALL_SIMILAR_HEADS = "similar heads by all similarities"
_TO_KNOWN_TAILS, _TO_FIRST_TAILS = "similarity to known tails by", "similarity to first tails by"

_POWER = 3  # of similarities of heads, so that the nearest count most
_STEEP_POWER = 5
_FIRST_TAILS = 60  # by similar heads, whose similar tails count, too
_CANDIDATES = 300  # of each head, the first by all features
_CANDIDATES_BY_ONE = 15  # the first by each feature of similarity to tails
_FURTHER = 3_000  # tails of each head that come after its candidates, the first by all features
_CELLS = 1_200_000  # of a block of heads × tails
_RIDGE = (3.0, 30.0)  # regularisation strengths of the linear model of tails
_RIDGE_TAILS = 6_000  # in the linear model: those with the most known pairs


class FurtherPairs(NamedTuple):
    """Pairs that features speak for, but too little to make them candidates.

    Attributes:
        heads, tails: (pairs,), numbers of nodes.
        places: (pairs,), by all features together among the head's further pairs, from 0.
    """

    heads: Integers
    tails: Integers
    places: Integers


class PairFeatures:
    """The known pairs of a relation, and the features that they give other pairs.

    The features of a pair (head, tail):
    - by each similarity of heads, from the similarities of the head to the tail's known heads:
      their sum (cubed, so that the nearest count most) and their largest;
    - by each similarity of tails, those of the tail to the head's known tails, and to the first
      tails by all similarities of heads;
    - a linear model of the tails that are known together (Steck, Embarrassingly Shallow
      Autoencoders for Sparse Data, WWW 2019).

    Two similarities of heads and one of tails are learned; see `learned_similarities`.

    Args:
        pairs: (heads, tails), 1 where known; no node with itself.
        head_similarities, tail_similarities: by name, the learned ones included.
        head_numbers, tail_numbers: see `similarities.EndFeatures`.
    """

    def __init__(
        self,
        pairs: sparse.csr_matrix,
        head_similarities: Mapping[str, sparse.csr_matrix],
        tail_similarities: Mapping[str, sparse.csr_matrix],
        head_numbers: Floats,
        tail_numbers: Floats,
    ):
        self.head_similarities, self.tail_similarities = head_similarities, tail_similarities
        self._head_numbers, self._tail_numbers = head_numbers, tail_numbers
        self._set_pairs(pairs)

    @classmethod
    def learn(
        cls,
        pairs: sparse.csr_matrix,
        heads: EndFeatures,
        tails: EndFeatures,
        head_pairs: NodePairs,
        tail_pairs: NodePairs,
        seed: int,
    ) -> PairFeatures:
        """Learn similarities from known pairs; `head_pairs`, `tail_pairs` are of the two ends."""
        pairs = pairs.astype(np.float32).tocsr()
        transposed = pairs.T.tocsr()
        head_similarities = {
            **heads.similarities,
            SHARED: nearest_rows(l2_normalised_rows(idf_weighted(pairs)), NEAREST_HEADS),
            LEARNED: learn_similarity(pairs, head_pairs, seed),
            LEARNED_SHARED: learn_similarity_with_shared(pairs, head_pairs, seed),
        }
        tail_similarities = {
            **tails.similarities,
            SHARED: nearest_rows(l2_normalised_rows(idf_weighted(transposed)), NEAREST_HEADS),
            LEARNED: learn_similarity(transposed, tail_pairs, seed),
        }
        return cls(pairs, head_similarities, tail_similarities, heads.numbers, tails.numbers)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("pairs", self.pairs),
            "head_numbers": torch.from_numpy(self._head_numbers),
            "tail_numbers": torch.from_numpy(self._tail_numbers),
            **_similarity_tensors("heads", self.head_similarities),
            **_similarity_tensors("tails", self.tail_similarities),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PairFeatures:
        """The features that gave these `tensors`."""
        return cls(
            matrix_from_tensors("pairs", tensors),
            _similarities_from_tensors("heads", tensors),
            _similarities_from_tensors("tails", tensors),
            tensors["head_numbers"].numpy(),
            tensors["tail_numbers"].numpy(),
        )

    def without(self, removed: Sequence[tuple[int, int]]) -> PairFeatures:
        """The same without some known pairs; what was learned from them stays as it was."""
        gone = np.array(removed, dtype=np.int64).reshape(-1, 2)
        rest = copy(self)
        rest._linear_model, rest._head_maxima = self._linear_model, self._head_maxima
        rest._set_pairs(without(self.pairs, pair_matrix(gone, self.pairs.shape)))
        for derived in ("_tail_features", "_head_features"):
            rest.__dict__.pop(derived, None)
        return rest

    def _set_pairs(self, pairs: sparse.csr_matrix) -> None:
        """Take the known pairs, and all that follows from them alone."""
        self.pairs, self._transposed = pairs, pairs.T.tocsr()
        self.degrees = np.diff(self._transposed.indptr).astype(np.float32)  # of the tails
        # In the order of their known heads in `_transposed`, so that these are runs of its indices.
        self._tails_with_heads = np.flatnonzero(self.degrees)

    @cached_property
    def _linear_model(self) -> tuple[Integers, list[Floats]]:
        """The tails in the linear model, and its weights for each strength of regularisation."""
        most_known = np.argsort(-self.degrees, kind="stable")[:_RIDGE_TAILS]
        tails = np.sort(most_known[self.degrees[most_known] > 0])
        return tails, [_ridge_weights(self.pairs[:, tails], strength) for strength in _RIDGE]

    @property
    def message_similarities(self) -> TailSimilarities:
        """The similarities of tails that the networks' messages are passed by."""
        return {name: self.tail_similarities[name] for name in MESSAGE_SIMILARITIES}

    def tables(self, heads: Integers, left_out: sparse.csr_matrix) -> Iterator[CandidateTable]:
        """The candidates of heads, in blocks of heads.

        Args:
            left_out: (heads, tails): pairs that are no candidates.
        """
        for table, _ in self.blocks(heads, left_out):
            yield table

    def blocks(
        self, heads: Integers, left_out: sparse.csr_matrix
    ) -> Iterator[tuple[CandidateTable, FurtherPairs]]:
        """The same, and the pairs that come after the candidates."""
        size = int(np.clip(_CELLS // self.pairs.shape[1], 1, 64))
        for start in range(0, len(heads), size):
            yield self._block(heads[start : start + size], left_out)

    def _block(
        self, heads: Integers, left_out: sparse.csr_matrix
    ) -> tuple[CandidateTable, FurtherPairs]:
        """Each feature of the candidates as it is, as a share of the head's largest, and as a rank
        among the head's candidates; then the features of tail and head."""
        features = self._pair_features(heads)
        not_new = left_out[heads].toarray() > 0
        chosen, by_all = _candidates(features, not_new)
        rows, tails = np.nonzero(chosen)
        values = np.stack([feature[rows, tails] for feature in features.values()], 1)
        ends = np.cumsum(chosen.sum(1))
        shares, ranks = np.empty_like(values), np.empty_like(values)
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            if start < end:
                of_head = values[start:end]
                shares[start:end] = of_head / np.maximum(of_head.max(0), 1e-6)
                ranks[start:end] = (-of_head).argsort(0, kind="stable").argsort(0, kind="stable")
        of_ends = (self._tail_features[tails], self._head_features[heads[rows]])
        table = np.concatenate([values, shares, ranks, *of_ends], axis=1, dtype=np.float32)
        further = _further(heads, np.where(chosen | not_new, 0, by_all))
        return CandidateTable(heads[rows], tails.astype(np.int64), table), further

    @property
    def column_names(self) -> list[str]:
        """What the columns of `tables` are of, by name: a feature of pairs, or one of an end."""
        of_pairs = list(self._pair_features(np.arange(1)))
        of_tail = ["of the tail"] * self._tail_features.shape[1]
        return [*of_pairs * 3, *of_tail, *["of the head"] * self._head_features.shape[1]]

    @cached_property
    def _tail_features(self) -> Floats:
        """Of each tail: its degree, the degrees of similar tails, and its numbers."""
        of_similar = [np.log1p(s @ self.degrees) for s in self.tail_similarities.values()]
        features = [np.log1p(self.degrees), *of_similar, *self._tail_numbers.T]
        return np.asarray(np.stack(features, 1), dtype=np.float32)

    @cached_property
    def _head_features(self) -> Floats:
        """Of each head: its degree, its numbers, and its similarities to the most similar heads."""
        degrees = np.diff(self.pairs.indptr)
        features = [np.log1p(degrees), *self._head_numbers.T, *self._head_maxima]
        return np.asarray(np.stack(features, 1), dtype=np.float32)

    @cached_property
    def _head_maxima(self) -> list[Floats]:
        """The similarity of each head to the most similar one, by each similarity."""
        return [s.max(1).toarray().ravel() for s in self.head_similarities.values()]

    # Features of pairs

    def _pair_features(self, heads: Integers) -> dict[str, Floats]:
        """Each feature of these heads' pairs with all tails by name, (heads, tails)."""
        features: dict[str, Floats] = {}
        n_tails = self.pairs.shape[1]
        known = self.pairs[heads]
        by_all = np.zeros((len(heads), n_tails), dtype=np.float32)
        for name, similarity in self.head_similarities.items():
            rows = similarity[heads]
            dense = rows.toarray()
            total = (rows.power(_POWER) @ self.pairs).toarray()
            features[f"similar heads by {name}, sum"] = total
            features[f"similar heads by {name}, largest"] = self._largest_of_heads(dense)
            learned = name in (LEARNED, LEARNED_SHARED)
            by_all += (2 if learned or name == SHARED else 1) * _by_largest(total)
            if learned:
                steep = (rows.power(_STEEP_POWER) @ self.pairs).toarray()
                features[f"similar heads by {name}, steep sum"] = steep
                plain = (rows @ self.pairs).toarray()
                features[f"similar heads by {name}, excess"] = self._excess(dense, plain)
        tails, by_strength = self._linear_model
        for strength, weights in zip(_RIDGE, by_strength, strict=True):
            predicted = np.zeros((len(heads), n_tails), dtype=np.float32)
            predicted[:, tails] = known[:, tails] @ weights
            features[f"tails known together, {strength:g}"] = predicted
            by_all += _by_largest(np.maximum(predicted, 0))
        features[_ALL_SIMILAR_HEADS] = by_all
        first = _first(by_all, _FIRST_TAILS)
        nearest = _first(features[f"similar heads by {LEARNED}, steep sum"], _FIRST_TAILS)
        for name, similarity in self.tail_similarities.items():
            features[f"{_TO_KNOWN_TAILS} {name}, sum"] = (known @ similarity).toarray()
            features[f"{_TO_KNOWN_TAILS} {name}, largest"] = _largest_of_tails(known, similarity)
            features[f"{_TO_FIRST_TAILS} {name}"] = (first @ similarity).toarray()
            features[f"similarity to nearest heads' tails by {name}"] = (
                nearest @ similarity
            ).toarray()
        return features

    def _largest_of_heads(self, similarity: Floats) -> Floats:
        """Of similarities (n, heads) the largest among each tail's known heads, (n, tails)."""
        largest = np.zeros((len(similarity), self.pairs.shape[1]), dtype=np.float32)
        if len(self._tails_with_heads):
            runs = self._transposed.indptr[self._tails_with_heads]
            of_known = similarity[:, self._transposed.indices]
            largest[:, self._tails_with_heads] = np.maximum.reduceat(of_known, runs, axis=1)
        return largest

    def _excess(self, similarity: Floats, total: Floats) -> Floats:
        """By how many standard deviations the sum of similarities is above that of as many random
        heads."""
        mean, spread = similarity.mean(1, keepdims=True), similarity.std(1, keepdims=True) + 1e-6
        above = total - self.degrees * mean
        scale = spread * np.sqrt(np.maximum(self.degrees, 1))
        return np.where(self.degrees > 0, above / scale, 0)


def _similarity_tensors(
    end: str, similarities: Mapping[str, sparse.csr_matrix]
) -> dict[str, Tensor]:
    """Similarities by their place, for tables have columns in that order, and name."""
    tensors: dict[str, Tensor] = {}
    for place, (name, matrix) in enumerate(similarities.items()):
        tensors |= matrix_tensors(f"{end}.{place:03}.{name}", matrix)
    return tensors


def _similarities_from_tensors(
    end: str, tensors: Mapping[str, Tensor]
) -> dict[str, sparse.csr_matrix]:
    own = without_prefix(end, tensors)
    return {
        matrix.partition(".")[2]: matrix_from_tensors(matrix, own)
        for matrix in sorted({name.rpartition(".")[0] for name in own})
    }


def _largest_of_tails(known: sparse.csr_matrix, similarity: sparse.csr_matrix) -> Floats:
    """The largest similarity of each tail to a head's known tails, (heads, tails)."""
    largest = np.zeros(known.shape, dtype=np.float32)
    for row in range(known.shape[0]):
        tails = known.indices[known.indptr[row] : known.indptr[row + 1]]
        of_known = similarity[tails]
        np.maximum.at(largest[row], of_known.indices, of_known.data)
    return largest


def _candidates(
    features: Mapping[str, Floats], left_out: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Floats]:
    """Which tails are candidates of each head: the first by all features, and by single ones; and
    what all features are together, (heads, tails)."""
    to_tails = [name for name in features if name.startswith((_TO_KNOWN_TAILS, _TO_FIRST_TAILS))]
    by_tails = sum(_by_largest(features[name]) for name in to_tails) / len(to_tails)
    by_all: Floats = features[_ALL_SIMILAR_HEADS] + by_tails
    chosen = np.zeros(left_out.shape, dtype=bool)
    single = [name for name in to_tails if not name.endswith("largest")]
    for feature, most in (
        (by_all, _CANDIDATES),
        *((features[name], _CANDIDATES_BY_ONE) for name in single),
    ):
        feature = np.where(left_out, -np.inf, feature)
        most = min(most, feature.shape[1])
        first = np.argpartition(-feature, most - 1, axis=1)[:, :most]
        # Most features of most pairs are 0, and of equal ones none is better than another.
        positive = np.take_along_axis(feature, first, 1) > 0
        np.put_along_axis(chosen, first, np.take_along_axis(chosen, first, 1) | positive, axis=1)
    return chosen & ~left_out, by_all


def _further(heads: Integers, by_all: Floats) -> FurtherPairs:
    """The first tails of each head, by what is above 0."""
    first = np.argsort(-by_all, axis=1, kind="stable")[:, :_FURTHER]
    rows, places = np.nonzero(np.take_along_axis(by_all, first, 1) > 0)
    return FurtherPairs(heads[rows], first[rows, places].astype(np.int64), places.astype(np.int64))


def _by_largest(feature: Floats) -> Floats:
    """Each row divided by its largest entry."""
    shares: Floats = feature / np.maximum(feature.max(1, keepdims=True), 1e-6)
    return shares


def _first(feature: Floats, most: int) -> sparse.csr_matrix:
    """The largest entries of each row."""
    return largest_entries(sparse.csr_matrix(feature), most)


def _ridge_weights(known: sparse.csr_matrix, strength: float) -> Floats:
    """Weights (tails, tails) without a diagonal, so that a tail is predicted from the other tails
    of a head: B = -P / diag(P), P = (XᵀX + strength · I)⁻¹."""
    gram = (known.T @ known).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += strength
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return np.asarray(weights, dtype=np.float32)
