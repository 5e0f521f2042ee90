"""The base models of the link ranker: boosters and graph neural networks over pair features.

Two kinds of boosters are trained: some order the candidates of a head, one gives log-odds that
compare across heads. The networks order, too; they are alike but for their seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.boosters import booster_from_tensor, booster_tensor
from ...core.checkpoint import Stages
from ...core.progress import progress
from ...core.tensors import with_prefix, without_prefix
from ...gnn.candidate_network import (
    CandidateNetwork,
    CandidateTable,
    TailSimilarities,
    TrainingCandidates,
    candidate_network_from_tensors,
    network_scores,
    train_candidate_networks,
)

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

NETWORK_WEIGHTS = (0.0, 0.15, 0.3, 0.5, 0.7)  # beside the boosters, tried on the validation pairs
_ORDERING_BOOSTERS = 3  # their scores are added
NETWORKS = 3  # theirs, too
_QUANTILES = 64
_QUANTILE_ROWS = 100_000  # that the quantiles of features are estimated from, about
_STEP = 1e-5  # of log-odds, between candidates that the booster of log-odds does not order
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


class BaseScores(NamedTuple):
    """Scores of the rows of a candidate table by each base model.

    Attributes:
        heads, tails: (rows,), numbers of nodes.
        boosted, networked: (rows,), of boosters and networks, with mean 0 and standard deviation 1
            within a head.
        log_odds: (rows,).
    """

    heads: Integers
    tails: Integers
    boosted: Doubles
    networked: Doubles
    log_odds: Doubles

    def where(self, mask: NDArray[np.bool_]) -> BaseScores:
        """The rows that a mask (rows,) selects."""
        return BaseScores._make(column[mask] for column in self)

    def blend(self, network_weight: float) -> Doubles:
        """The weighted mean of boosters and networks, by which candidates are ordered, (rows,)."""
        return blended(self.boosted, self.networked, network_weight)

    def scores(self, network_weight: float) -> Doubles:
        """The log-odds of a head's candidates, dealt out in the order of the weighted mean of
        boosters and networks, (rows,)."""
        blend = self.blend(network_weight)
        by_blend = np.lexsort((-blend, self.heads))
        by_log_odds = np.lexsort((-self.log_odds, self.heads))
        first = np.searchsorted(self.heads[by_blend], self.heads[by_blend])
        scores = np.empty(len(blend))
        scores[by_blend] = self.log_odds[by_log_odds] - _STEP * (np.arange(len(blend)) - first)
        return scores


def blended(boosted: Doubles, networked: Doubles, network_weight: float) -> Doubles:
    """The weighted mean of boosters' and networks' scores."""
    return (1 - network_weight) * boosted + network_weight * networked


class BaseModels:
    """The trained base models, and the scale of the features that they read.

    Args:
        quantiles: of each feature, (65, features).
        ordering: boosters of the order within a head's candidates.
        classifier: the booster of log-odds.
        networks: of the same order.
    """

    def __init__(
        self,
        quantiles: Doubles,
        ordering: Sequence[lightgbm.Booster],
        classifier: lightgbm.Booster,
        networks: Sequence[CandidateNetwork],
    ):
        self.quantiles, self.ordering, self.classifier = quantiles, ordering, classifier
        self.networks = networks

    def scaled(self, table: CandidateTable) -> CandidateTable:
        """The table as boosters and networks read it."""
        return table._replace(values=scaled_by_quantiles(table.values, self.quantiles))

    def boosted(self, table: CandidateTable) -> Doubles:
        """The ordering boosters' scores of a scaled table, with mean 0 and standard deviation 1
        within a head, (rows,)."""
        total = np.sum([booster.predict(table.values) for booster in self.ordering], axis=0)
        return standardised_within_heads(table.heads, total)

    def log_odds(self, table: CandidateTable) -> Doubles:
        """The log-odds of the rows of a scaled table, (rows,)."""
        return np.asarray(self.classifier.predict(table.values, raw_score=True))

    def networked(self, table: CandidateTable, similarities: TailSimilarities) -> Doubles:
        """The networks' scores of a scaled table, with mean 0 and standard deviation 1 within a
        head, (rows,)."""
        scores = network_scores(self.networks, table, similarities)
        return standardised_within_heads(table.heads, scores)

    def scores(
        self, tables: Iterator[CandidateTable], similarities: TailSimilarities
    ) -> BaseScores:
        """Score the rows of tables, one after the other; all rows of a head are in one of them.

        Args:
            similarities: that the networks' messages are passed by.
        """
        blocks = [
            BaseScores(
                table.heads,
                table.tails,
                self.boosted(table),
                self.networked(table, similarities),
                self.log_odds(table),
            )
            for table in map(self.scaled, tables)
        ]
        return BaseScores(*(np.concatenate(column) for column in zip(*blocks, strict=True)))

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs; a booster as the bytes of LightGBM's text."""
        boosters = {f"order{n}": booster for n, booster in enumerate(self.ordering)}
        boosters["classifier"] = self.classifier
        tensors = {
            "quantiles": torch.from_numpy(self.quantiles),
            **{name: booster_tensor(booster) for name, booster in boosters.items()},
        }
        for number, network in enumerate(self.networks):
            tensors |= with_prefix(f"network{number}", network.state_dict())
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> BaseModels:
        """The models that gave these `tensors`."""
        return cls(
            tensors["quantiles"].numpy(),
            [booster_from_tensor(tensors[f"order{n}"]) for n in range(_ORDERING_BOOSTERS)],
            booster_from_tensor(tensors["classifier"]),
            [
                candidate_network_from_tensors(without_prefix(f"network{n}", tensors))
                for n in range(NETWORKS)
            ],
        )


def train_base_models(
    stages: Stages,
    folds: Sequence[TrainingCandidates],
    values: Floats,
    quantiles: Doubles,
    *,
    seed: int,
    device: torch.device,
) -> BaseModels:
    """Train boosters and networks.

    Args:
        stages: keeps what is finished, so that training goes on after a kill.
        folds: candidates with scaled features.
        values: the features of all folds, (rows, features).
        quantiles: that they were scaled by.
        device: where the networks are trained.
    """
    labels = np.concatenate([fold.labels for fold in folds])
    queries = ordering_queries(folds)
    ordering = []
    with progress("Boosting", _ORDERING_BOOSTERS + 1) as step:
        for number in range(_ORDERING_BOOSTERS):
            train = partial(train_ordering, values, labels, queries, seed + number)
            ordering.append(booster_from_tensor(stages.get(f"order{number}", train)["booster"]))
            step(1)
        trained = stages.get("classifier", partial(_train_classifier, values, labels, seed))
        classifier = booster_from_tensor(trained["booster"])
        step(1)
    networks = train_candidate_networks(folds, NETWORKS, seed=seed, device=device, stages=stages)
    return BaseModels(quantiles, ordering, classifier, networks)


def ordering_queries(folds: Sequence[TrainingCandidates]) -> Integers:
    """The number of each candidate's query, (rows,): a head is another one in another fold."""
    n_heads = 1 + max(int(fold.table.heads.max(initial=0)) for fold in folds)
    return np.concatenate([n * n_heads + fold.table.heads for n, fold in enumerate(folds)])


def train_ordering(
    values: Floats, labels: NDArray[np.bool_], queries: Integers, seed: int
) -> dict[str, Tensor]:
    """Boosting of the order within a query's candidates.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, 2010.
    """
    starts = np.flatnonzero(np.diff(queries, prepend=-1))
    sizes = np.diff(np.append(starts, len(queries)))
    data = lightgbm.Dataset(values, labels.astype(np.int64), group=sizes)
    objective = {"objective": "lambdarank", "lambdarank_truncation_level": 60, "seed": seed}
    return {"booster": booster_tensor(lightgbm.train({**_BOOSTING, **objective}, data, _ROUNDS))}


def _train_classifier(values: Floats, labels: NDArray[np.bool_], seed: int) -> dict[str, Tensor]:
    """Boosting of whether a candidate is true, across heads."""
    data = lightgbm.Dataset(values, labels.astype(np.int64))
    objective = {"objective": "binary", "seed": seed}
    return {"booster": booster_tensor(lightgbm.train({**_BOOSTING, **objective}, data, _ROUNDS))}


def feature_quantiles(values: Sequence[Floats], seed: int) -> Doubles:
    """Quantiles of each feature over the rows of some tables, (65, features)."""
    rng = np.random.default_rng(seed)
    share = _QUANTILE_ROWS / sum(map(len, values))
    rows = [table[rng.random(len(table)) < share] for table in values]
    shares = np.linspace(0, 1, _QUANTILES + 1)
    return np.asarray(np.quantile(np.concatenate(rows), shares, axis=0), dtype=np.float64)


def scaled_by_quantiles(values: Floats, quantiles: Doubles) -> Floats:
    """Features by their place among their quantiles, from -1 to 1; 0 for one that is constant."""
    scaled = np.zeros_like(values)
    shares = np.linspace(-1, 1, len(quantiles))
    for column in range(values.shape[1]):
        knots, first = np.unique(quantiles[:, column], return_index=True)
        if len(knots) > 1:
            scaled[:, column] = np.interp(values[:, column], knots, shares[first])
    return scaled


def standardised_within_heads(heads: Integers, scores: Doubles) -> Doubles:
    """Scores with mean 0 and standard deviation 1 within each head."""
    number = np.unique(heads, return_inverse=True)[1]
    counts = np.bincount(number)
    mean = np.bincount(number, scores) / counts
    deviation = np.sqrt(np.maximum(np.bincount(number, scores**2) / counts - mean**2, 0)) + 1e-9
    return np.asarray((scores - mean[number]) / deviation[number])
