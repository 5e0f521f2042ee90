"""The default link model: everything that a graph says of a pair, put in order.

Features of candidate pairs come from many similarities between nodes (`similarities`,
`pair_features`). Gradient boosting and a graph neural network (`pair_network`) are trained on
training pairs that are held back fold by fold; their scores are averaged, with a weight chosen on
the validation pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.errors import DataError
from ...core.model_folder import named, part_named
from ...core.progress import progress
from ...core.ranking import filtered_ranks, pair_matrix
from ...core.sparse import (
    entries_at,
    matrix_from_tensors,
    matrix_tensors,
    without,
)
from ...graph.kg import KnowledgeGraph
from .boosters import booster_from_tensor, booster_tensor
from .pair_features import (
    CandidateTable,
    Floats,
    Integers,
    LearnedSimilarities,
    NodePairs,
    PairFeatures,
)
from .pair_network import (
    Examples,
    PairGraph,
    PairNetwork,
    restored,
    train_pair_network,
    vectors_of,
)
from .similarities import end_features
from .task import LinkTask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from ..molecules.fingerprints import NodeMolecules
    from ..molecules.structure_ranker import StructureRanker

_FOLDS = 5
_WHOLE_HEADS = 0.1  # of heads, held back with all their pairs in a fold, as a new head would be
_MOST_HEADS = 4_000  # of a fold, that a ranker learns from
_FALSE = 0.4  # of the candidates that are not true, those that are learned from
_ORDERS = 3  # boosters that order candidates; their scores are added
_WEIGHTS = (0.0, 0.15, 0.3, 0.5, 0.7)  # of the network, tried on validation
_QUANTILES = 64
_LOWEST = -30.0  # the log-odds of what is no candidate: below every candidate's
_STEP = 1e-5  # between candidates that the level's booster can't tell apart
_ROUNDS = 250
_BOOSTING = {
    "learning_rate": 0.04,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.15,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


class LinkRanker:
    """Scores of the candidates of every head of the training graph, and what made them: judges, and
    what is known from all training pairs, which they judge by.

    A score is a log-odds. Its order among a head's candidates is that of boosters and network; its
    level is that of a booster that tells true pairs from others across heads. A pair that was
    trained on has the level that it got with the pairs known in the fold that held it back. Tails
    that are no candidate come after all that are, those with most known pairs first.
    """

    def __init__(
        self,
        scores: sparse.csr_matrix,
        rest: Floats,
        base_models: BaseModels,
        network_weight: float,
        pair_features: PairFeatures,
        structure: StructureRanker | None = None,
    ):
        self._scores, self._rest = scores, rest
        self._columns = scores.tocsc()
        self.base_models, self.network_weight = base_models, network_weight
        self.pair_features = pair_features
        self.structure = structure

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return _dense(self._scores[heads.numpy()], self._rest)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        return _dense(self._columns[:, tails.numpy()].T, self._rest[tails.numpy(), None])

    def is_candidate(self, head: int, tail: int) -> bool:
        """Whether a pair was judged; of a trained one, in the fold that held it back."""
        begin, end = self._scores.indptr[head : head + 2]
        return bool(np.any(self._scores.indices[begin:end] == tail))

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("scores", self._scores),
            "rest": torch.from_numpy(self._rest),
            "network_weight": torch.tensor(self.network_weight, dtype=torch.float64),
            **named("judges", self.base_models.tensors()),
            **named("known", self.pair_features.tensors()),
            **(named("structure", self.structure.tensors()) if self.structure else {}),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> LinkRanker:
        """The scorer that gave these `tensors`."""
        structure = part_named("structure", tensors)
        return cls(
            matrix_from_tensors("scores", tensors),
            tensors["rest"].numpy(),
            BaseModels.from_tensors(part_named("judges", tensors)),
            float(tensors["network_weight"]),
            PairFeatures.from_tensors(part_named("known", tensors)),
            _structure_from(structure) if structure else None,
        )


class BaseScores(NamedTuple):
    """What the judges say of the rows of a table.

    Attributes:
        boosted, networked: within a head, with mean 0 and spread 1.
        level: log-odds.
    """

    heads: Integers
    tails: Integers
    boosted: NDArray[np.float64]
    networked: NDArray[np.float64]
    level: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> BaseScores:
        """Some of the rows."""
        return BaseScores._make(column[chosen] for column in self)

    def scores(self, network_weight: float) -> NDArray[np.float64]:
        """Log-odds: the levels of a head's candidates, dealt out in the order of the average."""
        blend = (1 - network_weight) * self.boosted + network_weight * self.networked
        by_blend = np.lexsort((-blend, self.heads))
        by_level = np.lexsort((-self.level, self.heads))
        first = np.searchsorted(self.heads[by_blend], self.heads[by_blend])
        scores = np.empty(len(blend))
        scores[by_blend] = self.level[by_level] - _STEP * (np.arange(len(blend)) - first)
        return scores


class BaseModels:
    """What was learned: boosters and network, and the scale of what they read."""

    def __init__(
        self,
        quantiles: NDArray[np.float64],
        orders: Sequence[lightgbm.Booster],
        level: lightgbm.Booster,
        network: PairNetwork,
    ):
        self.quantiles, self.orders, self.level = quantiles, orders, level
        self.network = network

    def boosted(self, table: CandidateTable) -> NDArray[np.float64]:
        """What the boosters say of the rows (values scaled), with mean 0 and spread 1 within a
        head."""
        said = np.sum([order.predict(table.values) for order in self.orders], axis=0)
        return _within_heads(table.heads, said)

    def scaled(self, table: CandidateTable) -> CandidateTable:
        """The table as boosters and network read it."""
        return table._replace(values=_scaled(table.values, self.quantiles))

    def judge(self, tables: Iterator[CandidateTable], messages: PairGraph) -> BaseScores:
        """Of the rows of tables, one after the other; a head's rows are in one of them."""
        vectors = vectors_of(self.network, messages)
        parts = []
        for table in map(self.scaled, tables):
            with torch.no_grad():
                networked = self.network(table, *vectors).double().numpy()
            parts.append(
                BaseScores(
                    table.heads,
                    table.tails,
                    self.boosted(table),
                    _within_heads(table.heads, networked),
                    np.asarray(self.level.predict(table.values, raw_score=True)),
                )
            )
        return BaseScores(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs; a booster as the bytes of LightGBM's text."""
        boosters = {f"order{n}": order for n, order in enumerate(self.orders)}
        return {
            "quantiles": torch.from_numpy(self.quantiles),
            **{name: booster_tensor(b) for name, b in {**boosters, "level": self.level}.items()},
            **named("network", self.network.state_dict()),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> BaseModels:
        """The judges that gave these `tensors`."""
        return cls(
            tensors["quantiles"].numpy(),
            [booster_from_tensor(tensors[f"order{n}"]) for n in range(_ORDERS)],
            booster_from_tensor(tensors["level"]),
            restored(part_named("network", tensors)),
        )


class FeatureBuilder:
    """A graph as the ranker sees it: what its judges are asked with.

    Args:
        kg: the graph; read for names and structures alone.
        data: its edges.
    """

    def __init__(self, kg: KnowledgeGraph, data: HeteroData, task: LinkTask, seed: int):
        head_kind, _, tail_kind = task.edge_type
        self._heads = end_features(kg, data, head_kind, task.edge_type, heads=True)
        self._tails = end_features(kg, data, tail_kind, task.edge_type, heads=False)
        self._head_pairs, self._tail_pairs = NodePairs(self._heads), NodePairs(self._tails)
        self._seed = seed

    @property
    def molecules(self) -> NodeMolecules | None:
        """The heads' molecules; None where none has a structure."""
        return self._heads.molecules

    def known(self, pairs: sparse.csr_matrix) -> PairFeatures:
        """What these known pairs say of others."""
        sides = self._heads, self._tails, self._head_pairs, self._tail_pairs
        return PairFeatures.learn(pairs, *sides, self._seed)

    def messages(self, learned: LearnedSimilarities) -> PairGraph:
        """What the network's messages go over."""
        return PairGraph(learned, self._heads, self._tails)


def fit_ranker(
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    *,
    seed: int,
    checkpoint: Path | None = None,
) -> tuple[LinkRanker, dict[str, Any]]:
    """Train the default model.

    Args:
        data: the training graph: no validation or test edge is in it.
        checkpoint: a folder that finished stages are kept in, so that training goes on after a
            kill; the caller removes it.

    Returns:
        The model, and the course of training: the network's weight, and the validation MRR by
        weights of the network.

    Raises:
        DataError: of the training edges none is a candidate, so that there is nothing to learn.
    """
    # Names and structures count as much as edges do.
    stages = Stages(checkpoint, lambda: [kg.checksum(), task.edge_type, task.held_back, seed])
    view = FeatureBuilder(kg, data, task, seed)
    left_out = task.matrix("train")
    trained = without_loops(left_out)
    folds = []
    with progress("Holding pairs back in turn", _FOLDS + 1) as step:
        for number, held_back in enumerate(_held_back(task, trained, seed)):
            make = partial(_fold, view, task, held_back, seed + number)
            made = stages.get(f"fold{number}", make)
            folds.append(_Fold.from_tensors(made))
            step(1)
        whole = view.known(trained)
        step(1)
    if not any(fold.true.any() for fold in folds) or all(fold.true.all() for fold in folds):
        raise DataError(
            "no training edge is among the candidates that the rest of the graph suggests; load"
            " more of what joins or describes the relation's ends, or train another model"
        )
    quantiles = _quantiles([fold.table.values for fold in folds], seed)
    # One array, that the folds' tables are parts of: it is the most that training holds.
    values = np.empty((sum(len(f.true) for f in folds), quantiles.shape[1]), dtype=np.float32)
    examples, start = [], 0
    while folds:
        fold = folds.pop(0)
        part = values[start : start + len(fold.true)]
        part[:] = _scaled(fold.table.values, quantiles)
        table = fold.table._replace(values=part)
        examples.append(Examples(view.messages(fold.learned), table, fold.true))
        start += len(fold.true)
    judges = _judges(stages, examples, values, quantiles, seed)

    everyone = np.arange(len(task.heads))
    messages = view.messages(whole.learned)
    judged = judges.judge(whole.tables(everyone, left_out), messages)
    weight, course = _network_weight(judged, task)
    parts = [(judged.heads, judged.tails, judged.scores(weight))]
    for one in examples:
        table = one.table.where(one.true)
        level = np.asarray(judges.level.predict(table.values, raw_score=True))
        parts.append((table.heads, table.tails, level))
    rows, columns, dealt = (np.concatenate(column) for column in zip(*parts, strict=True))
    scores = _first_of_each(rows, columns, dealt, trained.shape)
    structure = _structure_of(kg, task, view.molecules, trained, seed)
    return LinkRanker(scores, _rest(whole.degrees), judges, weight, whole, structure), course


class _Fold(NamedTuple):
    """Candidates of the heads whose pairs were held back, from what was known without them."""

    table: CandidateTable
    true: NDArray[np.bool_]
    learned: LearnedSimilarities

    def tensors(self) -> dict[str, Tensor]:
        return {
            "heads": torch.from_numpy(self.table.heads),
            "tails": torch.from_numpy(self.table.tails),
            "values": torch.from_numpy(self.table.values),
            "true": torch.from_numpy(self.true),
            **matrix_tensors("pairs", self.learned.pairs),
            **matrix_tensors("heads_alike", self.learned.heads),
            **matrix_tensors("tails_alike", self.learned.tails),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> _Fold:
        return cls(
            CandidateTable(*(tensors[name].numpy() for name in ("heads", "tails", "values"))),
            tensors["true"].numpy(),
            LearnedSimilarities(
                *(
                    matrix_from_tensors(name, tensors)
                    for name in ("pairs", "heads_alike", "tails_alike")
                )
            ),
        )


def _held_back(task: LinkTask, trained: sparse.csr_matrix, seed: int) -> Iterator[Integers]:
    """The training pairs (n, 2) that each fold holds back, at least one.

    Where the validation heads have no training pairs, all pairs of a head are held back together;
    else each pair by chance, and all pairs of one head in ten.
    """
    chance = np.random.default_rng(seed)
    pairs = np.stack(trained.nonzero(), 1).astype(np.int64)
    if task.symmetric:
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    seen = np.diff(trained.indptr) > 0
    new_heads = not seen[task.valid[:, 0]].mean() > 0.5
    fold_of = chance.integers(0, _FOLDS, len(pairs))
    by_head = chance.integers(0, _FOLDS, trained.shape[0])
    whole = chance.random(trained.shape[0]) < (1.0 if new_heads else _WHOLE_HEADS)
    fold_of = np.where(whole[pairs[:, 0]], by_head[pairs[:, 0]], fold_of)
    for fold in np.unique(fold_of):  # of few pairs some fold may get none
        yield pairs[fold_of == fold]


def _fold(
    view: FeatureBuilder, task: LinkTask, held_back: Integers, seed: int
) -> dict[str, Tensor]:
    chance = np.random.default_rng(seed)
    trained = without_loops(task.matrix("train"))
    true = pair_matrix(held_back, trained.shape)
    if task.symmetric:
        true = true.maximum(true.T).tocsr()
    rest = without(trained, true)
    known = view.known(rest)
    heads = np.flatnonzero(np.diff(true.indptr))
    if len(heads) > _MOST_HEADS:
        heads = np.sort(chance.choice(heads, _MOST_HEADS, replace=False))
    kept, labels = [], []
    for table in known.tables(heads, rest + task.loops()):
        label = entries_at(true, table.heads, table.tails) > 0
        chosen = label | (chance.random(len(label)) < _FALSE)
        kept.append(table.where(chosen))
        labels.append(label[chosen])
    table = CandidateTable(*(np.concatenate(column) for column in zip(*kept, strict=True)))
    return _Fold(table, np.concatenate(labels), known.learned).tensors()


def _judges(
    stages: Stages,
    examples: Sequence[Examples],
    values: Floats,
    quantiles: NDArray[np.float64],
    seed: int,
) -> BaseModels:
    true = np.concatenate([one.true for one in examples])
    # A head is another query in another fold.
    width = examples[0].known.pairs.shape[0]
    queries = np.concatenate([n * width + one.table.heads for n, one in enumerate(examples)])
    orders = []
    with progress("Boosting", _ORDERS + 1) as step:
        for number in range(_ORDERS):
            make = partial(_order, values, true, queries, seed + number)
            orders.append(booster_from_tensor(stages.get(f"order{number}", make)["booster"]))
            step(1)
        learned = stages.get("level", partial(_level, values, true, seed))
        level = booster_from_tensor(learned["booster"])
        step(1)
    weights = stages.get("network", lambda: train_pair_network(examples, seed).state_dict())
    return BaseModels(quantiles, orders, level, restored(weights))


def _order(
    values: Floats, true: NDArray[np.bool_], queries: Integers, seed: int
) -> dict[str, Tensor]:
    """Boosting of the order within a head's candidates.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, 2010.
    """
    starts = np.flatnonzero(np.diff(queries, prepend=-1))
    sizes = np.diff(np.append(starts, len(queries)))
    data = lightgbm.Dataset(values, true.astype(np.int64), group=sizes)
    objective = {"objective": "lambdarank", "lambdarank_truncation_level": 60, "seed": seed}
    return {"booster": booster_tensor(lightgbm.train({**_BOOSTING, **objective}, data, _ROUNDS))}


def _level(values: Floats, true: NDArray[np.bool_], seed: int) -> dict[str, Tensor]:
    """Boosting of whether a candidate is true, across heads."""
    data = lightgbm.Dataset(values, true.astype(np.int64))
    objective = {"objective": "binary", "seed": seed}
    return {"booster": booster_tensor(lightgbm.train({**_BOOSTING, **objective}, data, _ROUNDS))}


def _network_weight(judged: BaseScores, task: LinkTask) -> tuple[float, dict[str, Any]]:
    """The network's weight with the best validation MRR."""
    queries, answers = task.valid.T
    known = task.matrix("train", "valid")
    judged = judged.where(np.isin(judged.heads, queries))
    last = np.full(known.shape[1], _LOWEST, dtype=np.float32)
    figures = {}
    for weight in _WEIGHTS:
        scores = _first_of_each(judged.heads, judged.tails, judged.scores(weight), known.shape)

        def score(heads: Tensor, scores: sparse.csr_matrix = scores) -> Tensor:
            return _dense(scores[heads.numpy()], last)

        figures[weight] = float((1 / filtered_ranks(score, queries, answers, known)).mean())
    best = max(figures, key=lambda weight: figures[weight])
    return best, {
        "network_weight": best,
        "valid_mrr_by_weight": {str(weight): round(mrr, 4) for weight, mrr in figures.items()},
    }


def _dense(scores: sparse.csr_matrix, rest: Floats) -> Tensor:
    """Sparse scores with those of `rest`, (columns,) or (rows, 1), where there is none."""
    found = scores.tocoo()
    dense = np.empty(scores.shape, dtype=np.float32)
    dense[:] = rest
    dense[found.row, found.col] = found.data
    return torch.from_numpy(dense)


def _first_of_each(
    rows: Integers, columns: Integers, values: NDArray[np.float64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """The sparse matrix of these scores; of several for one pair, the first."""
    _, first = np.unique(rows * shape[1] + columns, return_index=True)
    scores = np.maximum(values[first], _LOWEST + 2).astype(np.float32)
    return sparse.csr_matrix((scores, (rows[first], columns[first])), shape=shape)


def _rest(degrees: Floats) -> Floats:
    rest: Floats = (_LOWEST + degrees / (degrees.max() + 1)).astype(np.float32)
    return rest


def without_loops(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Pairs (heads, tails) without those of a node with itself, where both ends are one kind."""
    pairs = matrix.tocoo()
    kept = pairs.row != pairs.col if matrix.shape[0] == matrix.shape[1] else slice(None)
    return pair_matrix(np.stack([pairs.row[kept], pairs.col[kept]], 1), matrix.shape)


def _within_heads(heads: Integers, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores with mean 0 and spread 1 within each head."""
    number = np.unique(heads, return_inverse=True)[1]
    counts = np.bincount(number)
    mean = np.bincount(number, scores) / counts
    spread = np.sqrt(np.maximum(np.bincount(number, scores**2) / counts - mean**2, 0)) + 1e-9
    return np.asarray((scores - mean[number]) / spread[number])


def _quantiles(values: Sequence[Floats], seed: int) -> NDArray[np.float64]:
    """Of each column, (65, columns)."""
    chance = np.random.default_rng(seed)
    rows = [part[chance.random(len(part)) < 100_000 / sum(map(len, values))] for part in values]
    shares = np.linspace(0, 1, _QUANTILES + 1)
    return np.asarray(np.quantile(np.concatenate(rows), shares, axis=0), dtype=np.float64)


def _scaled(values: Floats, quantiles: NDArray[np.float64]) -> Floats:
    """Columns by their place among the quantiles, from -1 to 1."""
    out = np.zeros_like(values)
    shares = np.linspace(-1, 1, len(quantiles))
    for column in range(values.shape[1]):
        marks, first = np.unique(quantiles[:, column], return_index=True)
        if len(marks) > 1:
            out[:, column] = np.interp(values[:, column], marks, shares[first])
    return out


def _structure_of(
    kg: KnowledgeGraph,
    task: LinkTask,
    molecules: NodeMolecules | None,
    known: sparse.csr_matrix,
    seed: int,
) -> StructureRanker | None:
    """The part that answers for molecules, if enough of the heads have a structure."""
    if molecules is None:
        return None
    from ..molecules.structure_ranker import (
        LEAST_MOLECULES,
        StructureRanker,
        with_known_tails,
    )
    from ..molecules.target_knowledge import target_knowledge

    if len(with_known_tails(molecules, known)) < LEAST_MOLECULES:
        return None
    knowledge = target_knowledge(kg, task.edge_type, task.tails, task.excluded)
    return StructureRanker.fit(molecules, known, knowledge, seed=seed)


def _structure_from(tensors: Mapping[str, Tensor]) -> StructureRanker:
    from ..molecules.structure_ranker import StructureRanker

    return StructureRanker.from_tensors(tensors)
