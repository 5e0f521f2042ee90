"""Features of pairs of a molecule and a target, from the target's known ligands.

How similar the molecule is to each target's ligands (Tanimoto), and to those of targets of the same
family, of the same pathways, that it interacts with, that share ligands; and what a network from
fingerprints to targets predicts.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .fingerprints import MoleculeFeatures, TanimotoIndex
from .target_knowledge import TargetKnowledge
from .target_network import TargetNetwork

CANDIDATES = 150  # targets a molecule that the trees rank
_FEW_COLUMNS = 10  # below it each is compared with the rest sooner than all are ordered
_FEW_PAIRS = 4  # of one molecule: the same
_SHARPNESS = 8  # power of the similarity, that makes the nearest ligands count most
_NEAREST = 5  # ligands whose similarities describe a molecule
_LARGEST_FAMILY = 100  # targets; symbols such as `LOC102723475` and `RP11-…` form no family

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class LigandIndex:
    """The ligands of the targets in reach, ready for molecules to be compared with.

    Attributes:
        ligands: features of the molecules with known targets.
        all_known: (ligands, tails): what each known pair counts, 0 to 1.
        reachable: the tails that have ligands, or a family of which one has.
        known: (ligands, reachable), 0/1.
        weights: the same by what each pair counts; `ligands_of` is its transpose.
        morgan, paths: the ligands' fingerprints, to compare others with.
        targets_per_ligand, ligands_per_target: row and column sums of `known`.
        families, prefixes: (reachable, families), 0/1.
        pathways, interactions: see `TargetKnowledge`; rows (and columns) of the reachable only.
        mean_descriptors: (reachable, descriptors), over each target's ligands; NaN without any.
    """

    def __init__(
        self, ligands: MoleculeFeatures, known: sparse.csr_matrix, knowledge: TargetKnowledge
    ):
        reachable = _reachable_tails(known, knowledge)
        self.ligands, self.all_known = ligands, known
        self.knowledge, self.reachable = knowledge, reachable
        self.weights = known[:, reachable].tocsr()
        self.ligands_of = self.weights.T.tocsr()
        self.known = (self.weights > 0).astype(np.float32).tocsr()
        self.morgan, self.paths = TanimotoIndex.of(ligands.morgan), TanimotoIndex.of(ligands.paths)
        self.targets_per_ligand = np.asarray(self.known.sum(1)).ravel()
        self.ligands_per_target = np.asarray(self.known.sum(0)).ravel()
        self.families = _membership(knowledge.families[reachable])
        self.prefixes = _membership(knowledge.prefixes[reachable])
        self.pathways = knowledge.pathways[reachable].tocsr()
        self.interactions = knowledge.interactions[reachable][:, reachable].tocsr()
        with np.errstate(invalid="ignore"):
            self.mean_descriptors = (
                self.known.T @ ligands.descriptors / self.ligands_per_target[:, None]
            )


def _reachable_tails(known: sparse.csr_matrix, knowledge: TargetKnowledge) -> Ints:
    """Tails that have ligands, or a family of which one has."""
    has_ligands = np.asarray(known.sum(0)).ravel() > 0
    family = np.zeros(int(knowledge.families.max(initial=0)) + 1, dtype=bool)
    family[knowledge.families[has_ligands]] = True
    family &= np.bincount(knowledge.families, minlength=len(family)) < _LARGEST_FAMILY
    return np.flatnonzero(has_ligands | family[knowledge.families])


def _membership(groups: Ints) -> sparse.csr_matrix:
    """(members, groups), 0/1, in canonical form."""
    columns = np.unique(groups, return_inverse=True)[1]
    ones = np.ones(len(columns), dtype=np.float32)
    return sparse.csr_matrix((ones, (np.arange(len(columns)), columns)))


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a molecule and a reachable tail.

    Attributes:
        rows, columns: (pairs,): molecule, and place among the reachable tails.
        tails: the distinct columns (screening asks for one); arrays over them are computed once.
        of_tails: (pairs,) each: indices into arrays (molecules, tails).
    """

    rows: Ints
    columns: Ints
    tails: Ints
    of_tails: tuple[Ints, Ints]

    @classmethod
    def of(cls, rows: Ints, columns: Ints) -> _Pairs:
        tails, places = np.unique(columns, return_inverse=True)
        return cls(rows, columns, tails, (rows, places))

    @property
    def of_all(self) -> tuple[Ints, Ints]:
        """Indices into arrays (molecules, reachable)."""
        return self.rows, self.columns


class QueryMolecules:
    """Query molecules compared with all ligands: candidates, and features of pairs.

    Attributes:
        similarity: (molecules, ligands): mean Tanimoto of both fingerprints.
        ligand_scores: (molecules, reachable): Σ weight · similarity⁸ over each target's ligands.
        family_scores: the same over the ligands of the other targets of the family.
        log_probabilities: (molecules, reachable): the network's.
        candidate_scores: (molecules, reachable): what candidates are chosen by.
    """

    _PER_MOLECULE = (
        "log_probabilities",
        "morgan_similarity",
        "path_similarity",
        "similarity",
        "weights",
        "ligand_scores",
        "family_scores",
        "candidate_scores",
    )

    def __init__(self, index: LigandIndex, molecules: MoleculeFeatures, network: TargetNetwork):
        self.index, self.molecules = index, molecules
        self.log_probabilities = network.log_probabilities(molecules, len(index.reachable))
        self.morgan_similarity = index.morgan.similarity(molecules.morgan)
        self.path_similarity = index.paths.similarity(molecules.paths)
        self.similarity = (self.morgan_similarity + self.path_similarity) / 2
        self.weights = _even_power(self.similarity, _SHARPNESS)
        self.ligand_scores = np.asarray((index.ligands_of @ self.weights.T).T, dtype=np.float32)
        by_family = index.families @ (index.families.T @ self.ligand_scores.T)
        family = np.asarray(by_family.T, dtype=np.float32)
        self.family_scores = np.maximum(family - self.ligand_scores, 0)
        self.candidate_scores = (
            np.log(self.ligand_scores + 1e-4)
            + self.log_probabilities / 2
            + np.log(self.family_scores + 1e-6) / 20
        )

    def only(self, chosen: Ints) -> QueryMolecules:
        """Some of the molecules."""
        part = copy(self)
        part.molecules = self.molecules.rows(chosen)
        for name in self._PER_MOLECULE:
            setattr(part, name, getattr(self, name)[chosen])
        return part

    def is_candidate(self, columns: Ints | None = None) -> NDArray[np.bool_]:
        """(molecules, columns): whether among the first `CANDIDATES` of each molecule; of all that
        are reachable if not given."""
        scores = self.candidate_scores
        if columns is not None and len(columns) < _FEW_COLUMNS:
            better = np.zeros((len(scores), len(columns)), dtype=np.int64)
            for place, column in enumerate(columns):
                better[:, place] = (scores > scores[:, [column]]).sum(1)
            return better < CANDIDATES
        most = min(CANDIDATES, scores.shape[1])
        least = -np.partition(-scores, most - 1, axis=1)[:, most - 1 : most]
        candidates = np.asarray(scores >= least)
        return candidates if columns is None else candidates[:, columns]

    def indirect_scores(self, tails: Ints) -> NDArray[np.float64]:
        """Scores (molecules, tails) of any tails, 0–1, by the ligands of what interacts with a tail
        or shares its pathways."""
        knowledge, reachable = self.index.knowledge, self.index.reachable
        scores = _product(
            knowledge.pathways[tails], self.index.pathways.T.tocsr(), self.ligand_scores
        )
        scores += (knowledge.interactions[tails][:, reachable] @ self.ligand_scores.T).T
        return np.asarray(scores / (1 + scores), dtype=np.float64)

    def table(self, rows: Ints, columns: Ints) -> Floats:
        """The features of pairs of a molecule and a reachable tail, (pairs, features).

        `rows` come in order.
        """
        pairs = _Pairs.of(rows, columns)
        best, second, best_of_family = self._best_similarities(pairs.tails)
        few = min(_NEAREST, self.similarity.shape[1])
        nearest = -np.sort(np.partition(-self.similarity, few - 1, axis=1)[:, :few], axis=1)
        features = [
            *self._own_ligand_features(pairs, best, second, nearest),
            best_of_family[pairs.of_tails],
            *self._related_target_features(pairs),
            *self._network_features(pairs),
            *self._molecule_features(pairs, nearest),
        ]
        return np.column_stack(features).astype(np.float32)

    def _own_ligand_features(
        self, pairs: _Pairs, best: Floats, second: Floats, nearest: Floats
    ) -> list[Floats]:
        """How similar the molecule is to the tail's own ligands.

        Args:
            best, second: (molecules, tails): largest similarities to the tail's ligands.
            nearest: (molecules, 5): largest similarities to any ligand.
        """
        rows, at = pairs.rows, pairs.of_tails
        sizes = self.index.ligands_per_target[pairs.columns]
        log_scores = np.log(self.ligand_scores[pairs.of_all] + 1e-6)
        sums = self._ligand_sums(_even_power(self.similarity, 4), pairs.tails)
        return [
            log_scores,
            log_scores - np.log(self.ligand_scores.max(1) + 1e-6)[rows],
            _log_ranks(self.ligand_scores, rows, pairs.columns),
            np.log(sums[at] + 1e-4) - 0.5 * np.log1p(sizes),
            _log_at(self._ligand_sums(_even_power(self.morgan_similarity, 6), pairs.tails), at),
            _log_at(self._ligand_sums(_even_power(self.path_similarity, 6), pairs.tails), at),
            best[at],
            second[at],
            best[at] / np.maximum(nearest[rows, 0], 1e-3),
            *(self._nearest_neighbour_votes(k, pairs.tails)[at] for k in (1, 3, 10)),
            np.log1p(sizes),
        ]

    def _related_target_features(self, pairs: _Pairs) -> list[Floats]:
        """How similar the molecule is to the ligands of related targets."""
        index, tails, at = self.index, pairs.tails, pairs.of_tails
        scores = self.ligand_scores
        return [
            np.log(self.family_scores[pairs.of_all] + 1e-6),
            _log_at(_sums_over_others(index.prefixes, scores, tails), at),
            _log_at(self._sums_by_shared_ligands(scores, tails), at),
            _log_at(_sums_by_shared_pathways(index.pathways, scores, tails), at),
            _log_at(np.asarray((index.interactions[tails] @ scores.T).T), at),
        ]

    def _network_features(self, pairs: _Pairs) -> list[Floats]:
        """What the network predicts for the tail and for related ones."""
        probabilities = np.exp(self.log_probabilities)
        own = self.log_probabilities[pairs.of_all]
        of_family = _sums_over_others(self.index.families, probabilities, pairs.tails)
        return [
            own,
            own - self.log_probabilities.max(1)[pairs.rows],
            _log_ranks(self.log_probabilities, pairs.rows, pairs.columns),
            _log_at(of_family, pairs.of_tails),
            _log_at(self._sums_by_shared_ligands(probabilities, pairs.tails), pairs.of_tails),
        ]

    def _molecule_features(self, pairs: _Pairs, nearest: Floats) -> list[Floats]:
        """The molecule: how near ligands are, how many targets they have, its descriptors, and how
        these differ from those of the tail's ligands."""
        rows, index = pairs.rows, self.index
        descriptors = self.molecules.descriptors[rows]
        targets = self.weights @ index.targets_per_ligand / np.maximum(self.weights.sum(1), 1e-9)
        return [
            nearest[rows, 0],
            nearest[rows, -1],
            targets[rows],
            *descriptors.T,
            *(descriptors - index.mean_descriptors[pairs.columns]).T,
        ]

    def _ligand_sums(self, weights: Floats, tails: Ints) -> Floats:
        """Sums of weights (molecules, ligands) over each tail's ligands, (molecules, tails)."""
        return np.asarray((self.index.ligands_of[tails] @ weights.T).T, dtype=np.float32)

    def _nearest_neighbour_votes(self, k: int, tails: Ints) -> Floats:
        """How many of the `k` most similar ligands have the tail."""
        k = min(k, self.similarity.shape[1])
        nearest = np.argpartition(-self.similarity, k - 1, axis=1)[:, :k]
        votes = np.zeros_like(self.similarity)
        np.put_along_axis(votes, nearest, 1, axis=1)
        return self._ligand_sums(votes, tails)

    def _best_similarities(self, tails: Ints) -> tuple[Floats, ...]:
        """The largest and the second similarity to a tail's ligands, and the largest to those of
        the other tails of its family, (molecules, tails) each."""
        family = self.index.families.indices  # of each tail
        relatives = np.flatnonzero(np.isin(family, family[tails]))  # the tails among them
        ligands_of = self.index.ligands_of[relatives]
        best = np.zeros((len(self.similarity), len(relatives)), dtype=np.float32)
        second = np.zeros_like(best)
        with_ligands = np.flatnonzero(np.diff(ligands_of.indptr))
        best[:, with_ligands], second[:, with_ligands] = _two_largest(
            self.similarity[:, ligands_of.indices], ligands_of.indptr[with_ligands]
        )
        others = _best_of_others(family[relatives], best)
        columns = np.searchsorted(relatives, tails)
        return best[:, columns], second[:, columns], others[:, columns]

    def _sums_by_shared_ligands(self, values: Floats, tails: Ints) -> Floats:
        """Σ over other tails of the cosine between their ligands and the tail's, times value."""
        index = self.index
        sizes = index.ligands_per_target
        scale = 1 / np.sqrt(np.maximum(sizes, 1))
        own = index.known[:, tails].T.tocsr()
        sums = _product(own, index.known, values * scale) * scale[tails]
        return np.asarray(np.maximum(sums - values[:, tails] * (sizes[tails] > 0), 0))


def _log_at(values: Floats, at: tuple[Ints, Ints]) -> Floats:
    return np.asarray(np.log(values[at] + 1e-6))


def _even_power(values: Floats, exponent: int) -> Floats:
    """An even power by products, which is many times faster than by logarithms."""
    squares = values * values
    if exponent == 6:
        return np.asarray(squares * squares * squares)
    return _even_power(squares, exponent // 2) if exponent > 2 else squares


def _product(queries: sparse.csr_matrix, others: sparse.csr_matrix, values: Floats) -> Floats:
    """`queries` (tails, groups) times `others` (groups, tails) times values: (molecules, tails).

    Groups that no query has are left out.
    """
    used = np.unique(queries.indices)
    return np.asarray((queries[:, used] @ (others[used] @ values.T)).T, dtype=np.float32)


def _sums_over_others(membership: sparse.csr_matrix, values: Floats, tails: Ints) -> Floats:
    """Sums over the other tails of each tail's group, (molecules, tails)."""
    sums = _product(membership[tails], membership.T.tocsr(), values)
    return np.maximum(sums - values[:, tails], 0)


def _sums_by_shared_pathways(pathways: sparse.csr_matrix, values: Floats, tails: Ints) -> Floats:
    """Sums over the other tails, weighted by the cosine of their pathways and the tail's."""
    own = pathways[tails]
    squares = np.asarray(own.multiply(own).sum(1), dtype=np.float32).ravel()
    sums = _product(own, pathways.T.tocsr(), values)
    return np.maximum(sums - values[:, tails] * squares, 0)


def _best_of_others(groups: Ints, values: Floats) -> Floats:
    """The largest value among the other tails of each tail's group (tails,)."""
    order, group = np.argsort(groups, kind="stable"), np.sort(groups)
    run = np.unique(group, return_inverse=True)[1]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    sorted_values = values[:, order]
    best, second = (largest[:, run] for largest in _two_largest(sorted_values, starts))
    others = np.empty_like(values)
    others[:, order] = np.where(sorted_values == best, second, best)
    return others


def _two_largest(values: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """The largest and the second value of runs of columns; 0 for the second of a run of one."""
    sizes = np.diff(np.r_[starts, values.shape[1]])
    best = np.maximum.reduceat(values, starts, axis=1)
    is_best = values == np.repeat(best, sizes, axis=1)
    below = np.maximum.reduceat(np.where(is_best, 0, values), starts, axis=1)
    tied = np.add.reduceat(is_best, starts, axis=1, dtype=np.int32) > 1
    return best, np.where(tied, best, below).astype(np.float32)


def _log_ranks(values: Floats, rows: Ints, columns: Ints) -> Floats:
    """log(1 + how many of its row are larger) of each pair; rows come in order."""
    ranks = np.empty(len(rows), dtype=np.float32)
    distinct, starts = np.unique(rows, return_index=True)
    for row, start, end in zip(distinct, starts, [*starts[1:], len(rows)], strict=True):
        pairs = values[row, columns[start:end]]
        if len(pairs) < _FEW_PAIRS:
            ranks[start:end] = [(values[row] > value).sum() for value in pairs]
        else:
            ranks[start:end] = np.searchsorted(np.sort(-values[row]), -pairs)
    return np.asarray(np.log1p(ranks))
