"""Targets of a molecule by its structure alone: an answer for compounds that no graph holds.

Candidates come from the known ligands of each target and of related ones (`ligand_features`) and
from a network from fingerprints to targets (`target_network`). Gradient-boosted trees rank them;
they learn how far each feature can be trusted by cross-fitting, from drugs of which nothing but the
structure was used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import NamedTuple

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core import calibration
from ...core.boosters import booster_from_tensor, booster_tensor
from ...core.calibration import CALIBRATED_CANDIDATES, Calibration
from ...core.errors import DataError
from ...core.progress import progress
from ...core.sparse import entries_at, matrix_from_tensors, matrix_tensors
from ...core.tensors import with_prefix, without_prefix
from ...gnn.data import EdgeType, vocabulary
from ...graph.kg import KnowledgeGraph
from .affinity_weights import affinity_weights
from .fingerprints import MoleculeFeatures, NodeMolecules, molecules_of
from .ligand_features import LigandIndex, QueryMolecules
from .target_knowledge import TargetKnowledge, target_knowledge
from .target_network import TargetNetwork, train_target_network

FOLDS = 8  # of molecules, for cross-fitting
LEAST_MOLECULES = 2 * FOLDS  # with known tails, to train on
_BATCH = 512  # molecules scored at a time
# Log odds of candidates are above the floor; the scores of all else follow below it:
_FLOOR = -20.0
_UNREACHABLE = _FLOOR - 2  # tails that have no ligands, nor has their family
_NO_STRUCTURE = _FLOOR - 3  # heads whose structure is not known

_TREES: Mapping[str, str | float | bool] = {
    "objective": "cross_entropy",  # which takes what a pair counts for a label
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
_ROUNDS = 120


class _LabelledPairs(NamedTuple):
    """Training pairs of the trees.

    Attributes:
        table: (pairs, features).
        labels: (pairs,): what the pair counts if it is known, else 0.
        molecules: (pairs,): the number of each pair's molecule.
    """

    table: NDArray[np.float32]
    labels: NDArray[np.float32]
    molecules: NDArray[np.int64]


class StructureRanker:
    """Scores of molecules with all tails, by structure alone.

    `score` gives log odds for a molecule's candidates, the `ligand_features.CANDIDATES` tails that
    ligands and network put first; all else follows below, by ligands and network where the tail or
    its family has ligands, otherwise by the ligands of what it interacts or shares pathways with.

    Attributes:
        ligands: features of the molecules with known tails.
        heads: (ligands,): their numbers among the `n_heads` heads.
        known: (ligands, tails): what each known pair counts, 0 to 1.
        calibration: from a score to the probability that the source records the pair, fitted on
            drugs that the scores were made without.
    """

    def __init__(
        self,
        heads: NDArray[np.int64],
        n_heads: int,
        index: LigandIndex,
        network: TargetNetwork,
        trees: lightgbm.Booster,
        calibration: Calibration,
    ):
        self.heads, self.n_heads = heads, n_heads
        self.ligands, self.known = index.ligands, index.all_known
        self.calibration = calibration
        self._index, self._network, self._trees = index, network, trees

    @classmethod
    def fit(
        cls,
        molecules: NodeMolecules,
        known: sparse.csr_matrix,
        knowledge: TargetKnowledge,
        *,
        seed: int = 0,
        device: torch.device | None = None,
    ) -> StructureRanker:
        """Train on the heads' molecules, `LEAST_MOLECULES` or more with known tails.

        Whatever the trees learn from is computed without a fold of the molecules: ligands, network,
        and every count. (To leave out a single molecule would give its targets away: they are those
        with one ligand less.) So is the score that the calibration is fitted on.

        Args:
            known: (heads, tails): what each training pair counts, see `affinity_weights`; 1 for all
                where nothing was measured.
            device: where the networks are trained; the CPU if not given.
        """
        having = with_known_tails(molecules, known)
        ligands, heads = molecules.features.rows(having), molecules.nodes[having]
        n_heads, known = known.shape[0], known[heads].tocsr()
        folds = np.random.default_rng(seed).permutation(len(having)) % FOLDS
        fit_features = partial(_fit_features, knowledge=knowledge, seed=seed, device=device)
        with progress("Learning from structures", FOLDS + 3) as step:
            pairs = _cross_fitted_pairs(ligands, known, folds, fit_features, step)
            index, network = fit_features(ligands, known)
            step(1)
            fitted = _calibrate(pairs, folds[pairs.molecules], seed)
            step(1)
            trees = _boost(pairs.table, pairs.labels, seed)
            step(1)
        return cls(heads, n_heads, index, network, trees, fitted)

    def score(
        self, molecules: MoleculeFeatures, tails: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Scores with all tails, or with some, (molecules, tails)."""
        tails = np.arange(self.known.shape[1]) if tails is None else tails
        count = molecules.morgan.shape[0]
        batches = [
            self._score(molecules.rows(np.arange(start, min(start + _BATCH, count))), tails)
            for start in range(0, count, _BATCH)
        ]
        return np.concatenate(batches) if batches else np.empty((0, len(tails)), dtype=np.float32)

    def _score(self, molecules: MoleculeFeatures, tails: NDArray[np.int64]) -> NDArray[np.float32]:
        queries = QueryMolecules(self._index, molecules, self._network)
        places = np.full(self.known.shape[1], -1)
        places[self._index.reachable] = np.arange(len(self._index.reachable))
        column_of = places[tails]
        inside, outside = np.flatnonzero(column_of >= 0), np.flatnonzero(column_of < 0)
        scores = np.empty((len(queries.candidate_scores), len(tails)))
        scores[:, outside] = _UNREACHABLE + queries.indirect_scores(tails[outside])
        first_stage = queries.candidate_scores[:, column_of[inside]]
        scores[:, inside] = _FLOOR + 1 / (1 + np.exp(-first_stage / 8))
        rows, columns = np.nonzero(queries.is_candidate(column_of[inside]))
        if len(rows):
            # Only molecules with a candidate among these tails: few where there is one tail.
            chosen, place = np.unique(rows, return_inverse=True)
            table = queries.only(chosen).table(place, column_of[inside[columns]])
            log_odds = self._trees.predict(table, raw_score=True, num_threads=1)
            scores[rows, inside[columns]] = np.maximum(log_odds, _FLOOR + 1)
        return scores.astype(np.float32)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        knowledge = self._index.knowledge
        calibration_values = np.array(list(self.calibration.to_dict().values()))
        return {
            **self.ligands.tensors(),
            **matrix_tensors("known", self.known),
            **matrix_tensors("groups", knowledge.pathways),
            **matrix_tensors("joined", knowledge.interactions),
            "heads": torch.from_numpy(self.heads),
            "n_heads": torch.tensor(self.n_heads),
            "families": torch.from_numpy(knowledge.families),
            "stems": torch.from_numpy(knowledge.prefixes),
            "calibration": torch.from_numpy(calibration_values),
            "trees": booster_tensor(self._trees),
            **{f"tower.{n}": torch.from_numpy(w) for n, w in self._network._asdict().items()},
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> StructureRanker:
        """The ranker that gave these `tensors`."""
        ligands = MoleculeFeatures.from_tensors(tensors)
        knowledge = TargetKnowledge(
            tensors["families"].numpy(),
            tensors["stems"].numpy(),
            matrix_from_tensors("groups", tensors),
            matrix_from_tensors("joined", tensors),
        )
        network = TargetNetwork(
            *(tensors[f"tower.{name}"].numpy() for name in TargetNetwork._fields)
        )
        trees = booster_from_tensor(tensors["trees"])
        fitted = Calibration(*tensors["calibration"].tolist())
        index = LigandIndex(ligands, matrix_from_tensors("known", tensors), knowledge)
        heads, n_heads = tensors["heads"].numpy(), int(tensors["n_heads"])
        return cls(heads, n_heads, index, network, trees, fitted)


def with_known_tails(molecules: NodeMolecules, known: sparse.csr_matrix) -> NDArray[np.int64]:
    """Which of the molecules have a known tail, of pairs (heads, tails)."""
    return np.flatnonzero(np.diff(known.indptr)[molecules.nodes])


def _fit_features(
    ligands: MoleculeFeatures,
    known: sparse.csr_matrix,
    *,
    knowledge: TargetKnowledge,
    seed: int,
    device: torch.device | None,
) -> tuple[LigandIndex, TargetNetwork]:
    """What the features of pairs are computed from."""
    index = LigandIndex(ligands, known, knowledge)
    families = knowledge.families[index.reachable]
    network = train_target_network(ligands, index.weights, families, seed=seed, device=device)
    return index, network


def _cross_fitted_pairs(
    ligands: MoleculeFeatures,
    known: sparse.csr_matrix,
    folds: NDArray[np.int64],
    fit_features: Callable[
        [MoleculeFeatures, sparse.csr_matrix], tuple[LigandIndex, TargetNetwork]
    ],
    step: Callable[..., None],
) -> _LabelledPairs:
    """The candidates of each fold's molecules, as models of the other folds see them."""
    tables, labels, molecules = [], [], []
    for fold in range(FOLDS):
        rest, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        index, network = fit_features(ligands.rows(rest), known[rest])
        for rows in _batches(held_out):
            queries = QueryMolecules(index, ligands.rows(rows), network)
            molecule, column = np.nonzero(queries.is_candidate())
            tables.append(queries.table(molecule, column))
            labels.append(entries_at(known, rows[molecule], index.reachable[column]))
            molecules.append(rows[molecule])
        step(1)
    return _LabelledPairs(np.concatenate(tables), np.concatenate(labels), np.concatenate(molecules))


def _batches(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    yield from np.split(rows, range(_BATCH, len(rows), _BATCH))


def _calibrate(pairs: _LabelledPairs, fold_of: NDArray[np.int64], seed: int) -> Calibration:
    """The calibration on each molecule's first candidates, by trees that did not see its fold."""
    scores = np.empty(len(pairs.labels))
    for fold in range(FOLDS):
        held_out = fold_of == fold
        trees = _boost(pairs.table[~held_out], pairs.labels[~held_out], seed)
        scores[held_out] = trees.predict(pairs.table[held_out], raw_score=True)
    order = np.lexsort((-scores, pairs.molecules))
    chosen = order[_places(pairs.molecules[order]) < CALIBRATED_CANDIDATES]
    return calibration.fit(scores[chosen], np.ones(len(chosen)), pairs.labels[chosen] > 0)


def _boost(table: NDArray[np.float32], label: NDArray[np.float32], seed: int) -> lightgbm.Booster:
    data = lightgbm.Dataset(table, label)
    return lightgbm.train({**_TREES, "seed": seed}, data, num_boost_round=_ROUNDS)


def _places(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row within its group, from 0; the groups' rows are adjacent."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    sizes = np.diff(np.r_[starts, len(groups)])
    return np.arange(len(groups)) - np.repeat(starts, sizes)


class StructureScorer:
    """The scorer of a link model that ranks by the heads' structures alone.

    A head without one gets the same score with every tail, below all others.
    """

    def __init__(self, structure: StructureRanker, molecules: NodeMolecules):
        self.structure, self._molecules = structure, molecules

    @classmethod
    def fit(
        cls,
        kg: KnowledgeGraph,
        edge_type: EdgeType,
        known: sparse.csr_matrix,
        *,
        exclude_edges: Iterable[str] = (),
        seed: int = 0,
        device: torch.device | None = None,
    ) -> StructureScorer:
        """Train on a graph and the training pairs, (heads, tails); see `target_knowledge`.

        Args:
            known: the training pairs.
            exclude_edges: ids of edges of which nothing is learned.
            device: where the networks are trained; the CPU if not given.

        Raises:
            DataError: too few heads have a structure.
        """
        nodes = vocabulary(kg)
        molecules = molecules_of(kg, edge_type[0], nodes[edge_type[0]])
        if (having := len(with_known_tails(molecules, known))) < LEAST_MOLECULES:
            raise DataError(
                f"{having} nodes {edge_type[0]} with edges {edge_type[1]} to train on have a"
                f" structure (property smiles or inchi); at least {LEAST_MOLECULES} are needed"
            )
        knowledge = target_knowledge(kg, edge_type, nodes[edge_type[2]], exclude_edges)
        weights = affinity_weights(kg, edge_type, known, nodes[edge_type[0]], nodes[edge_type[2]])
        ranker = StructureRanker.fit(molecules, weights, knowledge, seed=seed, device=device)
        return cls(ranker, molecules)

    def is_candidate(self, head: int, tail: int) -> bool:  # noqa: ARG002  # any tail is one then
        """Whether the head has a structure."""
        return bool(self._row_of[head] >= 0)

    def candidates(self, direction: str, query: int) -> NDArray[np.int64]:
        """All tails of a head with a structure (direction `tail`), or the heads that have one."""
        if direction == "head":
            return np.sort(self._molecules.nodes)
        return np.arange(self.structure.known.shape[1] if self._row_of[query] >= 0 else 0)

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        rows, molecules = self._row_of[heads.numpy()], self._molecules.features
        n_tails = self.structure.known.shape[1]
        scores = np.full((len(rows), n_tails), _NO_STRUCTURE, dtype=np.float32)
        has_structure = rows >= 0
        scores[has_structure] = self.structure.score(molecules.rows(rows[has_structure]))
        return torch.from_numpy(scores)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        scores = np.full((len(tails), self.structure.n_heads), _NO_STRUCTURE, dtype=np.float32)
        by_molecule = self.structure.score(self._molecules.features, tails.numpy())
        scores[:, self._molecules.nodes] = by_molecule.T
        return torch.from_numpy(scores)

    @cached_property
    def _row_of(self) -> NDArray[np.int64]:
        """(heads,): each head's row among the molecules; -1 for none."""
        row_of = np.full(self.structure.n_heads, -1)
        row_of[self._molecules.nodes] = np.arange(len(self._molecules.nodes))
        return row_of

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        features, heads = self._molecules
        return {
            **with_prefix("molecules", features.tensors()),
            "molecules.heads": torch.from_numpy(heads),
            **with_prefix("structure", self.structure.tensors()),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> StructureScorer:
        """The scorer that gave these `tensors`."""
        features = MoleculeFeatures.from_tensors(without_prefix("molecules", tensors))
        return cls(
            StructureRanker.from_tensors(without_prefix("structure", tensors)),
            NodeMolecules(features, tensors["molecules.heads"].numpy()),
        )
