"""What each part of the ranker adds: how the validation pairs rank without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from ...core.boosters import booster_from_tensor
from ...core.checkpoint import Stages
from ...core.progress import progress
from ...core.ranking import filtered_ranks
from ...core.statistics import Bootstrap, bootstrap_interval
from ...gnn.candidate_network import (
    CandidateNetwork,
    CandidateTable,
    TrainingCandidates,
    network_scores,
    train_candidate_networks,
)
from .base_models import (
    NETWORK_WEIGHTS,
    NETWORKS,
    BaseModels,
    BaseScores,
    blended,
    ordering_queries,
    standardised_within_heads,
    train_ordering,
)
from .candidate_scores import NOT_CANDIDATE, candidate_scores, filled_scores
from .card import AblationRow
from .pair_features import PairFeatures
from .scorers import LinkScorer
from .task import LinkTask

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MODEL, NETWORKS_ALONE, BOOSTER = "the model", "the networks alone", "one booster alone"
# What the names of a group's features hold; a feature may be in several groups.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "similar heads": ("similar heads by",),
    "tails known together": ("tails known together",),
    "similarity to known tails": ("similarity to known tails by",),
    "similarity to the tails of similar heads": (
        "similarity to first tails by",
        "similarity to nearest heads' tails by",
    ),
    "what is learned of similarity": ("by learned",),
    "molecular structures": ("by Morgan", "by paths"),
    "features of one end": ("of the head", "of the tail"),
}


class TrainedRanker(NamedTuple):
    """What was trained, and what it was trained on.

    Attributes:
        examples, values: the folds' candidates, and their features in one array.
        features: of all training pairs.
        scores: of the candidates by these.
    """

    examples: Sequence[TrainingCandidates]
    values: Floats
    base_models: BaseModels
    features: PairFeatures
    scores: BaseScores


def ablate(
    ranker: TrainedRanker,
    task: LinkTask,
    neighbours: LinkScorer,
    stages: Stages,
    *,
    seed: int,
    device: torch.device,
) -> list[AblationRow]:
    """Rank the validation pairs without the networks, their messages, and each group of features.

    What is left is trained anew; of boosters one, as the ordering boosters are alike. The networks'
    weight is chosen on these pairs for each variant, as it is for the model.

    Args:
        neighbours: that the model is compared with, too.
        stages: keeps what is trained.
    """
    silent = [fold._replace(similarities={}) for fold in ranker.examples]
    groups = _columns_by_group(ranker.features.column_names)
    boosters: dict[str, tuple[lightgbm.Booster, NDArray[np.int64]]] = {}
    with progress("Training without each part", 1 + len(groups)) as step:
        networks = train_candidate_networks(
            silent, NETWORKS, seed=seed, device=device, stages=stages, name="silent"
        )
        step(1)
        for number, (group, columns) in enumerate(groups.items()):
            boosters[group] = _booster(stages, f"without{number}", ranker, columns, seed), columns
            step(1)
    validation = _Validation(task, seed)
    scores = validation.of_candidates(ranker.scores)
    of_variants = _scores_of_variants(ranker, validation, networks, boosters)
    alone = of_variants.pop(f"{NETWORKS_ALONE}, without messages")
    ranks = {
        MODEL: validation.ranks_of_blend(scores, scores.networked),
        "without the networks": validation.ranks(scores, scores.boosted),
        "without the networks' messages": validation.ranks_of_blend(scores, alone),
        NETWORKS_ALONE: validation.ranks(scores, scores.networked),
        f"{NETWORKS_ALONE}, without messages": validation.ranks(scores, alone),
        **{name: validation.ranks(scores, values) for name, values in of_variants.items()},
        "nearest neighbours": validation.ranks_by(neighbours.score_tails),
    }
    return [validation.row(name, ranks) for name in ranks]


def _columns_by_group(names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The columns that are left without each group of features that there is."""
    columns = {}
    for group, parts in _GROUPS.items():
        has = np.array([any(part in name for part in parts) for name in names])
        if has.any():
            columns[group] = np.flatnonzero(~has)
    return columns


def _booster(
    stages: Stages, name: str, ranker: TrainedRanker, columns: NDArray[np.int64], seed: int
) -> lightgbm.Booster:
    """A booster of the order by these columns alone."""
    labels = np.concatenate([fold.labels for fold in ranker.examples])
    queries = ordering_queries(ranker.examples)

    def train() -> dict[str, torch.Tensor]:
        return train_ordering(ranker.values[:, columns], labels, queries, seed)

    return booster_from_tensor(stages.get(name, train)["booster"])


def _scores_of_variants(
    ranker: TrainedRanker,
    validation: _Validation,
    networks: Sequence[CandidateNetwork],
    boosters: Mapping[str, tuple[lightgbm.Booster, NDArray[np.int64]]],
) -> dict[str, Doubles]:
    """The scores of the validation heads' candidates by each variant, (rows,)."""
    scores: dict[str, list[Doubles]] = {}

    def add(name: str, heads: NDArray[np.int64], values: Doubles) -> None:
        scores.setdefault(name, []).append(standardised_within_heads(heads, values))

    for table in validation.tables(ranker.features):
        scaled = ranker.base_models.scaled(table)
        by_networks = network_scores(networks, scaled, {})
        add(f"{NETWORKS_ALONE}, without messages", table.heads, by_networks)
        add(BOOSTER, table.heads, np.asarray(ranker.base_models.ordering[0].predict(scaled.values)))
        for group, (booster, columns) in boosters.items():
            by_rest = np.asarray(booster.predict(scaled.values[:, columns]))
            add(f"{BOOSTER}, without {group}", table.heads, by_rest)
    return {name: np.concatenate(values) for name, values in scores.items()}


class _Validation:
    """The validation pairs, ranked by whatever scores the candidates of their heads."""

    def __init__(self, task: LinkTask, seed: int):
        self._queries, self._answers = task.valid.T
        self._left_out, self._known = task.matrix("train"), task.matrix("train", "valid")
        self._bootstrap = Bootstrap.over(self._queries, seed)

    def tables(self, features: PairFeatures) -> Iterator[CandidateTable]:
        return features.tables(np.unique(self._queries), self._left_out)

    def of_candidates(self, scores: BaseScores) -> BaseScores:
        """The scores of these heads' candidates."""
        return scores.where(np.isin(scores.heads, self._queries))

    def ranks_by(self, score: Callable[[torch.Tensor], torch.Tensor]) -> Doubles:
        """The rank of each pair's tail, (pairs,)."""
        return filtered_ranks(score, self._queries, self._answers, self._known)

    def ranks(self, candidates: BaseScores, values: Doubles) -> Doubles:
        """The same by scores of the candidates, (rows,); all other tails are last."""
        shape = self._known.shape
        scores = candidate_scores(candidates.heads, candidates.tails, values, shape)
        others = np.full(shape[1], NOT_CANDIDATE, dtype=np.float32)
        return self.ranks_by(lambda heads: filled_scores(scores[heads.numpy()], others))

    def ranks_of_blend(self, candidates: BaseScores, networked: Doubles) -> Doubles:
        """The same by boosters and networks, with the weight that ranks these pairs best."""
        blends = [
            self.ranks(candidates, blended(candidates.boosted, networked, weight))
            for weight in NETWORK_WEIGHTS
        ]
        return max(blends, key=lambda ranks: float((1 / ranks).mean()))

    def row(self, name: str, ranks: Mapping[str, Doubles]) -> AblationRow:
        """A variant, from the ranks of all."""
        compared_with, own = _compared_with(name), 1 / ranks[name]
        row: AblationRow = {
            "variant": name,
            "compared_with": compared_with,
            "mrr": round(float(own.mean()), 4),
            "hits_at_10": round(float((ranks[name] <= 10).mean()), 4),
        }
        if compared_with:
            lost = 1 / ranks[compared_with] - own
            row["lost"] = round(float(lost.mean()), 4)
            row["lost_interval"] = bootstrap_interval(self._bootstrap.means(lost))
        return row


def _compared_with(variant: str) -> str:
    """What a variant is compared with: what it is a part of, else the model."""
    part_of, comma, _ = variant.partition(", ")
    if comma:
        return part_of
    return "" if variant == MODEL else MODEL
