"""The members of a treatment model, and how their scores are blended into one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.ranking import rank_among

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POPULARITY, CONTENT, COLLABORATIVE, LINKS = "popularity", "content", "collaborative", "links"
MEMBERS = (POPULARITY, CONTENT, COLLABORATIVE, LINKS)
HYBRID = "hybrid"
_STEPS = 10  # of the grid of weights: 0, 0.1, 0.2, …, 1
_MOST_DISEASES = 300  # that rarities are taken from; and, with validation pairs, weights chosen on
_POINTS = 1000  # of the scores whose rarity is kept


class TreatmentMember(Protocol):
    """A scorer that ranks drugs for diseases."""

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these diseases with all drugs, (n,) → (n, drugs)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Its parameters, to save."""
        ...


def member_scores(members: Mapping[str, TreatmentMember], diseases: Ints) -> dict[str, Floats]:
    """The members' own scores of diseases with all drugs, each (n, drugs)."""
    tails = torch.from_numpy(diseases)
    return {name: member.score_heads(tails).double().numpy() for name, member in members.items()}


@dataclass(frozen=True)
class ScoreRarity:
    """How rare a member's scores are among those of all pairs that training doesn't know.

    Members' scores have no common scale, and ranks within a disease say nothing of other diseases,
    each of which has a first drug. How rare a score is can be compared over both.

    Attributes:
        scores: some of the member's, ascending, (k,).
        rarities: of these: -log of the share of pairs that score higher, or as high and come before
            the middle of their equals, (k,).
    """

    scores: Floats
    rarities: Floats

    @classmethod
    def fit(cls, scores: Floats) -> ScoreRarity:
        """Of these scores, (n,)."""
        values, counts = np.unique(scores, return_counts=True)
        higher = len(scores) - np.cumsum(counts)
        rarities = -np.log((higher + counts / 2) / len(scores))
        steps = np.linspace(rarities[0], rarities[-1], _POINTS)
        chosen = np.unique(np.searchsorted(rarities, steps).clip(max=len(values) - 1))
        return cls(values[chosen], rarities[chosen])

    def of(self, scores: Floats) -> Floats:
        """The rarity of scores, of the same shape; higher than all is as rare as the highest."""
        return np.asarray(np.interp(scores, self.scores, self.rarities))

    def tensors(self) -> dict[str, Tensor]:
        """What to save."""
        return {
            "scores": torch.from_numpy(self.scores),
            "rarities": torch.from_numpy(self.rarities),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> ScoreRarity:
        """That of `tensors`."""
        return cls(tensors["scores"].numpy(), tensors["rarities"].numpy())


def fit_rarities(
    members: Mapping[str, TreatmentMember], trained: sparse.csr_matrix, seed: int
) -> dict[str, ScoreRarity]:
    """How rare each member's scores are, by the pairs (drugs, diseases) not trained on."""
    n_diseases = trained.shape[1]
    chosen = np.random.default_rng(seed).permutation(n_diseases)[:_MOST_DISEASES].astype(np.int64)
    free = trained[:, chosen].T.toarray() == 0
    scores = member_scores(members, chosen)
    return {name: ScoreRarity.fit(of_member[free]) for name, of_member in scores.items()}


def blend(values: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """The members' opinions as one: Σ weight · rarity, (n, drugs).

    Args:
        values: the rarity of each member's scores, (n, drugs), see `ScoreRarity`.
    """
    return np.asarray(sum(weight * values[name] for name, weight in weights.items()))


def choose_weights(
    members: Mapping[str, TreatmentMember],
    rarities: Mapping[str, ScoreRarity],
    trained: sparse.csr_matrix,
    valid: sparse.csr_matrix,
    seed: int,
) -> tuple[dict[str, float], dict[str, float]]:
    """The weights, in tenths that add up to 1, with the highest mean of 1 / log2(1 + rank) of the
    validation pairs among the drugs that are not known for their disease.

    Args:
        rarities: of the members' scores.
        trained, valid: (drugs, diseases).

    Returns:
        The weights, and that mean for the hybrid and for each member alone.
    """
    diseases = np.flatnonzero(np.asarray(valid.sum(0)).ravel())
    chosen = np.random.default_rng(seed).permutation(len(diseases))[:_MOST_DISEASES]
    diseases = diseases[np.sort(chosen)].astype(np.int64)
    seen = trained[:, diseases].T.toarray()
    true = valid[:, diseases].T.toarray() > 0
    scores = member_scores(members, diseases)
    values = np.stack([rarities[name].of(scores[name]) for name in members])
    queries, answers = true.nonzero()
    # Of the known drugs none competes with another.
    competing = ~true & ~(seen > 0)
    rivals = [values[:, query][:, competing[query]] for query in range(len(diseases))]

    def gain(weights: Floats) -> float:
        total = 0.0
        for query, answer in zip(queries, answers, strict=True):
            own = float(weights @ values[:, query, answer])
            others = weights @ rivals[query]
            total += 1 / np.log2(1 + rank_among(own, others))
        return float(total / len(queries))

    grid = {weights: gain(np.array(weights) / _STEPS) for weights in _weight_grid(len(members))}
    best = max(grid, key=lambda weights: (grid[weights], [-w for w in weights]))
    alone = {
        name: grid[tuple(_STEPS * (n == place) for n in range(len(members)))]
        for place, name in enumerate(members)
    }
    figures = {HYBRID: grid[best], **alone}
    return (
        {name: weight / _STEPS for name, weight in zip(members, best, strict=True)},
        {name: round(value, 4) for name, value in figures.items()},
    )


def _weight_grid(n: int) -> Iterator[tuple[int, ...]]:
    """All ways to distribute `_STEPS` over n members."""
    for weights in itertools.product(range(_STEPS + 1), repeat=n):
        if sum(weights) == _STEPS:
            yield weights
