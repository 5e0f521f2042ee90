"""Similarities of nodes that are learned from the known pairs: how much two nodes will share.

Gradient boosting over the other similarities of two nodes predicts how similar their known pairs
are. It is fitted anew in each fold, without the pairs that the fold holds back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import entries_at, l2_normalised_rows, largest_entries
from .similarities import NEAREST_HEADS, EndFeatures, Mask, columns_of

Floats = NDArray[np.float32]

# Pairs of nodes × their features, so that all is held in 2 GB; Hetionet's genes need 160 million.
_CELLS = 500_000_000
_TREES = 100
_LEAF = 200  # examples in a leaf, at the least
_NEGATIVE_SAMPLE_RATE = 0.1  # of pairs of nodes that share nothing, those that are learned from
_INNER_FOLDS = 3  # of the known pairs, for the similarity that sees shared known pairs


class _Examples(NamedTuple):
    """Features of pairs of nodes (pairs, features), labels from 0 to 1, and which may be used."""

    features: Floats
    labels: Floats
    usable: NDArray[np.bool_]


class NodePairs:
    """Pairs of nodes of one end that have some similarity, and their features; of many nodes each
    one's most similar.

    Args:
        others: (nodes,), those that each node was compared with (see `end_features`); all if not
            given. One of each pair is among them.

    Attributes:
        rows, columns: (pairs,), numbers of the nodes, rows < columns.
        values: (pairs, features): each similarity; of the nodes' numeric features the absolute
            difference and the smaller.
    """

    def __init__(self, end: EndFeatures, others: Mask | None = None):
        self.n_nodes, self.others = len(end.numbers), others
        n_nodes = self.n_nodes
        highest = sparse.csr_matrix((n_nodes, n_nodes), dtype=np.float32)
        for similarity in end.similarities.values():
            highest = highest.maximum(similarity)
        n_features = len(end.similarities) + 2 * end.numbers.shape[1]
        most = _CELLS // max(1, n_features)
        if highest.nnz > 2 * most:
            highest = largest_entries(highest, most // n_nodes)
        pairs = sparse.triu(highest.maximum(highest.T), 1).tocoo()
        self.rows, self.columns = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        of_row, of_column = end.numbers[self.rows], end.numbers[self.columns]
        similarities = [self._largest_of(matrix) for matrix in end.similarities.values()]
        self.values = np.concatenate(
            [
                np.stack(similarities, 1)
                if similarities
                else np.zeros((len(self.rows), 0), dtype=np.float32),
                np.abs(of_row - of_column),
                np.minimum(of_row, of_column),
            ],
            axis=1,
        )

    def _largest_of(self, matrix: sparse.csr_matrix) -> Floats:
        """The entries of a similarity at these pairs, from whichever end was compared, (pairs,)."""
        if self.others is None:
            return self.entries_of(matrix)
        return np.maximum(self.entries_of(matrix), self.entries_of(matrix.T.tocsr()))

    def entries_of(self, matrix: sparse.csr_matrix) -> Floats:
        """The entries of a matrix (nodes, nodes) at these pairs, (pairs,)."""
        return entries_at(matrix, self.rows, self.columns)

    @property
    def among_others(self) -> NodePairs:
        """The pairs both of whose nodes are among `others`; all, where there are none."""
        if self.others is None:
            return self
        kept = self.others[self.rows] & self.others[self.columns]
        part = copy(self)
        part.rows, part.columns = self.rows[kept], self.columns[kept]
        part.values = self.values[kept]
        return part


def learn_similarity(pairs: sparse.csr_matrix, nodes: NodePairs, seed: int) -> sparse.csr_matrix:
    """How similar the known pairs of two nodes will be, by the other similarities alone.

    Args:
        pairs: the known pairs, (nodes, nodes of the other end).

    Returns:
        (nodes, nodes), the largest of each row.
    """
    labels = nodes.entries_of(_profile_similarity(pairs, pairs))
    has_known = np.diff(pairs.indptr) > 0
    usable = has_known[nodes.rows] & has_known[nodes.columns]
    examples = [_Examples(nodes.values, labels, usable)]
    return _symmetric(nodes, _boosted(examples, nodes.values, seed))


def learn_similarity_with_shared(
    pairs: sparse.csr_matrix, nodes: NodePairs, seed: int
) -> sparse.csr_matrix:
    """As `learn_similarity`, by the known pairs too: how similar those in one part of the known
    pairs will be to those in the others, by the other similarities and by the shared known pairs
    in the others."""
    features = np.concatenate([nodes.values, _shared_features(pairs, nodes)], 1)
    return _symmetric(nodes, _boosted(_inner_folds(pairs, nodes, seed), features, seed))


def _inner_folds(pairs: sparse.csr_matrix, nodes: NodePairs, seed: int) -> Iterator[_Examples]:
    rng = np.random.default_rng(seed)
    entries = np.stack(pairs.nonzero(), 1).astype(np.int64)
    fold_of = rng.integers(0, _INNER_FOLDS, len(entries))
    for fold in range(_INNER_FOLDS):
        inside = fold_of == fold
        held_back, rest = (pair_matrix(entries[mask], pairs.shape) for mask in (inside, ~inside))
        features = np.concatenate([nodes.values, _shared_features(rest, nodes)], 1)
        to_rest = _profile_similarity(held_back, rest)
        in_fold, in_rest = np.diff(held_back.indptr) > 0, np.diff(rest.indptr) > 0
        for labels, one, other in (
            (to_rest, nodes.rows, nodes.columns),
            (to_rest.T.tocsr(), nodes.columns, nodes.rows),
        ):
            yield _Examples(features, nodes.entries_of(labels), in_fold[one] & in_rest[other])


def _shared_features(pairs: sparse.csr_matrix, nodes: NodePairs) -> Floats:
    """How similar the known pairs of two nodes are, idf-weighted and not, (pairs of nodes, 2)."""
    plain = l2_normalised_rows(pairs)
    weighted = _profile_similarity(pairs, pairs)
    cosines = (plain @ plain.T).tocsr()
    return np.stack([nodes.entries_of(weighted), nodes.entries_of(cosines)], 1)


def _profile_similarity(
    profiles: sparse.csr_matrix, others: sparse.csr_matrix
) -> sparse.csr_matrix:
    """Cosines of the rows of two matrices, with idf weights of the columns of `others`."""
    idf = np.log((profiles.shape[0] + 1) / (np.asarray(others.sum(0)).ravel() + 1))
    weights = sparse.diags(idf)
    return (l2_normalised_rows(profiles @ weights) @ l2_normalised_rows(others @ weights).T).tocsr()


def _boosted(examples: Iterable[_Examples], features: Floats, seed: int) -> Floats:
    """Fit gradient boosting by cross-entropy, and predict labels for the rows of `features`.

    Of examples with label 0 a tenth is drawn, which count ten times. Too few examples, or labels
    that are all the same, give 0.
    """
    rng = np.random.default_rng(seed)
    values, labels, weights = [], [], []
    for part in examples:
        drawn = rng.random(len(part.labels)) < _NEGATIVE_SAMPLE_RATE
        chosen = part.usable & ((part.labels > 0) | drawn)
        values.append(part.features[chosen])
        labels.append(np.clip(part.labels[chosen], 0, 1))
        weights.append(np.where(part.labels[chosen] > 0, 1, 1 / _NEGATIVE_SAMPLE_RATE))
    label = np.concatenate(labels)
    if len(label) < 2 * _LEAF or label.max() == label.min():
        return np.zeros(len(features), dtype=np.float32)
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
    return np.asarray(booster.predict(features), dtype=np.float32)


def _symmetric(nodes: NodePairs, values: Floats) -> sparse.csr_matrix:
    """Values of pairs of nodes as a matrix (nodes, nodes), both ways, the largest of each row.

    Of the columns those alone that each node was compared with.
    """
    shape = (nodes.n_nodes, nodes.n_nodes)
    half = sparse.csr_matrix((values, (nodes.rows, nodes.columns)), shape=shape)
    both_ways = columns_of(nodes.others, (half + half.T).tocsr())
    return largest_entries(both_ways, NEAREST_HEADS)
