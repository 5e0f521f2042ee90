"""Training of the link ranker, by cross-fitting: each fold's pairs are held back in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.errors import DataError
from ...core.progress import progress
from ...core.ranking import filtered_ranks, pair_matrix
from ...core.sparse import (
    entries_at,
    matrix_from_tensors,
    matrix_tensors,
    without,
)
from ...gnn.candidate_network import CandidateTable, TailSimilarities, TrainingCandidates
from ...graph.kg import KnowledgeGraph
from .ablation import TrainedRanker, ablate
from .base_models import (
    NETWORK_WEIGHTS,
    BaseModels,
    BaseScores,
    feature_quantiles,
    scaled_by_quantiles,
    train_base_models,
)
from .baselines import Neighbours
from .candidate_scores import (
    NOT_CANDIDATE,
    candidate_scores,
    filled_scores,
    further_scores,
    other_tail_scores,
)
from .card import AblationRow
from .learned_similarities import NodePairs
from .pair_features import MESSAGE_SIMILARITIES, FurtherPairs, PairFeatures
from .ranker import LinkRanker
from .scorers import FittedScorer
from .similarities import end_features
from .task import LinkTask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from ..molecules.fingerprints import NodeMolecules
    from ..molecules.structure_ranker import StructureRanker

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_FOLDS = 5
_WHOLE_HEADS = 0.1  # of heads, held back with all their pairs in a fold, as a new head would be
_FEW_HEADS = 5_000  # that are all compared with each other
_MOST_HEADS = 4_000  # of a fold, that the base models learn from
_NEGATIVE_SAMPLE_RATE = 0.4  # of the candidates that are not true, those that are learned from


class RankerTraining(TypedDict):
    """The course of training: the networks' weight, and the validation MRR by weights of them.

    Attributes:
        ablation: what each part adds, where that was asked for.
    """

    network_weight: float
    valid_mrr_by_weight: dict[str, float]
    ablation: NotRequired[list[AblationRow]]


class FeatureBuilder:
    """What a graph gives the ranker: features of candidate pairs.

    What a head is compared for are the tails of the others, so that of many heads (of Hetionet's
    18,942 genes 1,000 may be in the pathways of a task) each is compared with those alone that have
    an edge of the relation to train on.

    Args:
        kg: the graph; read for names and structures alone.
        data: its edges.

    Attributes:
        compares_all: whether heads are compared with all others.
    """

    def __init__(self, kg: KnowledgeGraph, data: HeteroData, task: LinkTask, seed: int):
        head_kind, _, tail_kind = task.edge_type
        self.compares_all = len(task.heads) <= _FEW_HEADS
        others = None if self.compares_all else _heads_with_edges(task)
        with progress("Comparing nodes", 4) as step:
            self._heads = end_features(
                kg, data, head_kind, task.edge_type, heads=True, others=others
            )
            step(1)
            self._tails = end_features(kg, data, tail_kind, task.edge_type, heads=False)
            step(1)
            self._head_pairs = NodePairs(self._heads, others)
            self._trained_head_pairs = self._head_pairs.among_others
            step(1)
            self._tail_pairs = NodePairs(self._tails)
            step(1)
        self._seed = seed

    @property
    def molecules(self) -> NodeMolecules | None:
        """The heads' molecules; None where none has a structure."""
        return self._heads.molecules

    def pair_features(self, pairs: sparse.csr_matrix) -> PairFeatures:
        """The features that these known pairs give others."""
        return self._learn(pairs, self._head_pairs)

    def fold_features(self, pairs: sparse.csr_matrix) -> PairFeatures:
        """The same, for heads that have an edge to train on alone, where there are many heads."""
        return self._learn(pairs, self._trained_head_pairs)

    def _learn(self, pairs: sparse.csr_matrix, head_pairs: NodePairs) -> PairFeatures:
        ends = self._heads, self._tails, head_pairs, self._tail_pairs
        return PairFeatures.learn(pairs, *ends, self._seed)


def _heads_with_edges(task: LinkTask) -> NDArray[np.bool_]:
    """Which heads have an edge to train on, (heads,)."""
    return np.diff(without_loops(task.matrix("train")).indptr) > 0


def fit_ranker(
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    *,
    seed: int,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    refit: bool = False,
    with_ablation: bool = False,
) -> FittedScorer:
    """Train the default model.

    Args:
        data: the training graph: no validation or test edge is in it.
        device: where the networks are trained; the CPU if not given.
        checkpoint: a folder of finished stages, to go on from after a kill; the caller removes it.
        refit: let the same base models score by all edges, those held back included, too.
        with_ablation: measure on the validation pairs what each part adds, see `ablate`.

    Raises:
        DataError: of the training edges none is a candidate, so that there is nothing to learn.
    """
    # Names and structures count as much as edges do.
    stages = Stages(checkpoint, lambda: [kg.checksum(), task.edge_type, task.held_back, seed])
    builder = FeatureBuilder(kg, data, task, seed)
    left_out = task.matrix("train")
    trained = without_loops(left_out)
    folds, features = _cross_fit(stages, builder, task, trained, seed)
    quantiles = feature_quantiles([fold.table.values for fold in folds], seed)
    values, examples = _training_candidates(folds, quantiles)
    where = device or torch.device("cpu")
    base_models = train_base_models(stages, examples, values, quantiles, seed=seed, device=where)
    with progress("Scoring candidates", left_out.shape[0]) as step:
        of_whole, further = _scored(base_models, features, left_out, step)
    weight, course = _choose_network_weight(of_whole, task)
    if with_ablation:
        trained_ranker = TrainedRanker(examples, values, base_models, features, of_whole)
        neighbours = Neighbours.fit(data, task.edge_type, left_out)
        course["ablation"] = ablate(
            trained_ranker, task, neighbours, stages, seed=seed, device=where
        )
    scores = _all_scores(of_whole, weight, further, examples, base_models, trained.shape)
    # Of a refitted ranker the structures' part is fitted once, to all edges: nobody judges it here.
    of_structures = task.whole if refit else task
    structure = _fit_structure(kg, of_structures, builder.molecules, seed=seed, device=device)
    others = other_tail_scores(features.degrees)
    ranker = LinkRanker(scores, others, base_models, weight, features, structure)
    if not refit:
        return FittedScorer(ranker, course)
    del of_whole, examples, values, features  # most of the memory
    if not builder.compares_all:  # heads whose edges were all held back count now
        builder = FeatureBuilder(kg, data, task.whole, seed)
    return FittedScorer(ranker.scores_alone(), course, _refitted(ranker, builder, task.whole))


def _refitted(ranker: LinkRanker, builder: FeatureBuilder, whole: LinkTask) -> LinkRanker:
    """The ranker by the features that all known pairs give; its base models stay as they are.

    A known pair keeps the score that it had while it was held back.
    """
    left_out = whole.matrix("train")
    n_heads = len(whole.heads)
    with progress("Refitting to all edges", 2 * n_heads) as step:
        features = builder.pair_features(without_loops(left_out))
        step(n_heads)
        new, further = _scored(ranker.base_models, features, left_out, step)
    columns = [
        *_columns(new, ranker.network_weight, further, n_heads),
        ranker.entries(left_out),
    ]
    heads, tails, scores = (np.concatenate(column) for column in zip(*columns, strict=True))
    return LinkRanker(
        candidate_scores(heads, tails, scores, left_out.shape),
        other_tail_scores(features.degrees),
        ranker.base_models,
        ranker.network_weight,
        features,
        ranker.structure,
    )


def without_loops(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Pairs (heads, tails) without those of a node with itself, where both ends are one kind."""
    pairs = matrix.tocoo()
    kept = pairs.row != pairs.col if matrix.shape[0] == matrix.shape[1] else slice(None)
    return pair_matrix(np.stack([pairs.row[kept], pairs.col[kept]], 1), matrix.shape)


# Folds


class _Fold(NamedTuple):
    """Candidates of the heads whose pairs were held back, by what was known without these."""

    table: CandidateTable
    labels: NDArray[np.bool_]
    similarities: TailSimilarities

    def tensors(self) -> dict[str, Tensor]:
        tensors = {
            "heads": torch.from_numpy(self.table.heads),
            "tails": torch.from_numpy(self.table.tails),
            "values": torch.from_numpy(self.table.values),
            "true": torch.from_numpy(self.labels),
        }
        for name, similarity in self.similarities.items():
            tensors |= matrix_tensors(f"alike.{name}", similarity)
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> _Fold:
        return cls(
            CandidateTable(*(tensors[name].numpy() for name in ("heads", "tails", "values"))),
            tensors["true"].numpy(),
            {name: matrix_from_tensors(f"alike.{name}", tensors) for name in MESSAGE_SIMILARITIES},
        )


def _cross_fit(
    stages: Stages,
    builder: FeatureBuilder,
    task: LinkTask,
    trained: sparse.csr_matrix,
    seed: int,
) -> tuple[list[_Fold], PairFeatures]:
    """The folds' candidates, and the pair features by all training pairs.

    Raises:
        DataError: of the training edges none is a candidate, or there are no others.
    """
    folds = []
    with progress("Holding pairs back in turn", _FOLDS + 1) as step:
        for number, held_back in enumerate(_held_back_pairs(task, trained, seed)):
            make = partial(_fold_tensors, builder, task, held_back, seed + number)
            folds.append(_Fold.from_tensors(stages.get(f"fold{number}", make)))
            step(1)
        features = builder.pair_features(trained)
        step(1)
    if not any(fold.labels.any() for fold in folds) or all(fold.labels.all() for fold in folds):
        raise DataError(
            "no training edge is among the candidates that the rest of the graph suggests; load"
            " more of what joins or describes the relation's ends, or train another model"
        )
    return folds, features


def _held_back_pairs(task: LinkTask, trained: sparse.csr_matrix, seed: int) -> Iterator[Integers]:
    """The training pairs (n, 2) that each fold holds back, at least one.

    Where the validation heads have no training pairs, all pairs of a head are held back together;
    else pairs at random, and all pairs of one head in ten.
    """
    rng = np.random.default_rng(seed)
    pairs = np.stack(trained.nonzero(), 1).astype(np.int64)
    if task.symmetric:
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    fold_of = rng.integers(0, _FOLDS, len(pairs))
    fold_of_head = rng.integers(0, _FOLDS, trained.shape[0])
    whole = rng.random(trained.shape[0]) < (1.0 if task.new_heads else _WHOLE_HEADS)
    fold_of = np.where(whole[pairs[:, 0]], fold_of_head[pairs[:, 0]], fold_of)
    for fold in np.unique(fold_of):  # of few pairs some fold may get none
        yield pairs[fold_of == fold]


def _fold_tensors(
    builder: FeatureBuilder, task: LinkTask, held_back: Integers, seed: int
) -> dict[str, Tensor]:
    """A fold, as it is kept; of the candidates that are not true a sample."""
    rng = np.random.default_rng(seed)
    trained = without_loops(task.matrix("train"))
    true = pair_matrix(held_back, trained.shape)
    if task.symmetric:
        true = true.maximum(true.T).tocsr()
    rest = without(trained, true)
    features = builder.fold_features(rest)
    heads = np.flatnonzero(np.diff(true.indptr))
    if len(heads) > _MOST_HEADS:
        heads = np.sort(rng.choice(heads, _MOST_HEADS, replace=False))
    tables, labels = [], []
    for table in features.tables(heads, rest + task.loops()):
        label = entries_at(true, table.heads, table.tails) > 0
        sampled = label | (rng.random(len(label)) < _NEGATIVE_SAMPLE_RATE)
        tables.append(table.where(sampled))
        labels.append(label[sampled])
    table = CandidateTable(*(np.concatenate(column) for column in zip(*tables, strict=True)))
    return _Fold(table, np.concatenate(labels), features.message_similarities).tensors()


def _training_candidates(
    folds: list[_Fold], quantiles: NDArray[np.float64]
) -> tuple[Floats, list[TrainingCandidates]]:
    """The folds' candidates with scaled features, and the features of all in one array.

    The folds' tables are views of that array, and `folds` is emptied: these are the most that
    training holds in memory.
    """
    values = np.empty((sum(len(f.labels) for f in folds), quantiles.shape[1]), dtype=np.float32)
    examples: list[TrainingCandidates] = []
    start = 0
    while folds:
        fold = folds.pop(0)
        of_fold = values[start : start + len(fold.labels)]
        of_fold[:] = scaled_by_quantiles(fold.table.values, quantiles)
        table = fold.table._replace(values=of_fold)
        examples.append(TrainingCandidates(table, fold.labels, fold.similarities))
        start += len(fold.labels)
    return values, examples


# Scores


def _choose_network_weight(base_scores: BaseScores, task: LinkTask) -> tuple[float, RankerTraining]:
    """The networks' weight with the best validation MRR."""
    queries, answers = task.valid.T
    known = task.matrix("train", "valid")
    base_scores = base_scores.where(np.isin(base_scores.heads, queries))
    others = np.full(known.shape[1], NOT_CANDIDATE, dtype=np.float32)
    mrr = {}
    for weight in NETWORK_WEIGHTS:
        scores = candidate_scores(
            base_scores.heads, base_scores.tails, base_scores.scores(weight), known.shape
        )

        def score(heads: Tensor, scores: sparse.csr_matrix = scores) -> Tensor:
            return filled_scores(scores[heads.numpy()], others)

        mrr[weight] = float((1 / filtered_ranks(score, queries, answers, known)).mean())
    best = max(mrr, key=lambda weight: mrr[weight])
    return best, {
        "network_weight": best,
        "valid_mrr_by_weight": {str(weight): round(value, 4) for weight, value in mrr.items()},
    }


def _scored(
    base_models: BaseModels,
    features: PairFeatures,
    left_out: sparse.csr_matrix,
    step: Callable[..., None],
) -> tuple[BaseScores, FurtherPairs]:
    """The scores of all heads' candidates, and the pairs that come after these.

    `step` is called with the number of heads that are done.
    """
    further = []

    def tables() -> Iterator[CandidateTable]:
        reached = 0
        for table, rest in features.blocks(np.arange(left_out.shape[0]), left_out):
            further.append(rest)
            yield table
            if len(table.heads):
                step(int(table.heads[-1]) + 1 - reached)
                reached = int(table.heads[-1]) + 1

    scores = base_models.scores(tables(), features.message_similarities)
    return scores, FurtherPairs(*(np.concatenate(column) for column in zip(*further, strict=True)))


def _columns(
    base_scores: BaseScores, network_weight: float, further: FurtherPairs, n_heads: int
) -> list[tuple[Integers, Integers, NDArray[np.float64]]]:
    """Heads, tails and scores of the candidates, and of the pairs that come after them."""
    heads, tails, scores = base_scores.heads, base_scores.tails, base_scores.scores(network_weight)
    after = further_scores(heads, scores, further, n_heads)
    return [(heads, tails, scores), (further.heads, further.tails, after)]


def _all_scores(
    of_whole: BaseScores,
    network_weight: float,
    further: FurtherPairs,
    folds: Sequence[TrainingCandidates],
    base_models: BaseModels,
    shape: tuple[int, int],
) -> sparse.csr_matrix:
    """Scores of all candidates and of what comes after them, and log-odds of the training pairs in
    the fold that held them back, (heads, tails)."""
    columns = _columns(of_whole, network_weight, further, shape[0])
    for fold in folds:
        table = fold.table.where(fold.labels)
        columns.append((table.heads, table.tails, base_models.log_odds(table)))
    heads, tails, scores = (np.concatenate(column) for column in zip(*columns, strict=True))
    return candidate_scores(heads, tails, scores, shape)


def _fit_structure(
    kg: KnowledgeGraph,
    task: LinkTask,
    molecules: NodeMolecules | None,
    *,
    seed: int,
    device: torch.device | None,
) -> StructureRanker | None:
    """The scorer of molecules outside the graph, if enough of the heads have a structure."""
    if molecules is None:
        return None
    from ..molecules.affinity_weights import affinity_weights
    from ..molecules.structure_ranker import (
        LEAST_MOLECULES,
        StructureRanker,
        with_known_tails,
    )
    from ..molecules.target_knowledge import target_knowledge

    known = without_loops(task.matrix("train"))
    if len(with_known_tails(molecules, known)) < LEAST_MOLECULES:
        return None
    knowledge = target_knowledge(kg, task.edge_type, task.tails, task.excluded)
    weights = affinity_weights(kg, task.edge_type, known, task.heads, task.tails)
    return StructureRanker.fit(molecules, weights, knowledge, seed=seed, device=device)
