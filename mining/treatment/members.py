"""The members of a treatment model, and how their rankings are blended into one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.ranking import rank_among, ranks_among

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POPULARITY, CONTENT, COLLABORATIVE, LINKS = "popularity", "content", "collaborative", "links"
MEMBERS = (POPULARITY, CONTENT, COLLABORATIVE, LINKS)
HYBRID = "hybrid"
_STEPS = 10  # of the grid of weights: 0, 0.1, 0.2, …, 1
_MOST_DISEASES = 300  # with validation pairs, that weights are chosen on
_FIRST = 10  # hypotheses of a disease that say how strong its evidence is
_CLIP = 3.0  # standard deviations beyond which a score is clipped


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


def blend_ranks(
    scores: Mapping[str, Floats], weights: Mapping[str, float], trained: Floats
) -> Floats:
    """The members' rankings as one: -Σ weight · log(rank), (n, drugs).

    A rank is that among the drugs which were not trained on for the disease, ties at their mean
    rank; a drug that was is ranked as if it were put among them. The weighted geometric mean of
    ranks needs no common scale of the members' scores.

    Args:
        scores: see `member_scores`.
        trained: (n, drugs): not 0 where the pair was trained on.
    """
    total = np.zeros(trained.shape)
    for name, weight in weights.items():
        if weight:
            total -= weight * np.log(_ranks(scores[name], trained))
    return total


def _ranks(scores: Floats, trained: Floats) -> Floats:
    ranks = np.empty(scores.shape)
    for row, (own, seen) in enumerate(zip(scores, trained > 0, strict=True)):
        # An unseen one is among its own rivals, and ties with itself.
        ranks[row] = ranks_among(own, own[~seen]) - np.where(seen, 0, 0.5)
    return ranks


def choose_weights(
    members: Mapping[str, TreatmentMember],
    trained: sparse.csr_matrix,
    valid: sparse.csr_matrix,
    seed: int,
) -> tuple[dict[str, float], dict[str, float]]:
    """The weights, in tenths that add up to 1, with the highest mean of 1 / log2(1 + rank) of the
    validation pairs among the drugs that are not known for their disease.

    Args:
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
    rankings = np.stack([blend_ranks(scores, {name: 1.0}, seen) for name in members])
    queries, answers = true.nonzero()
    # Of the known drugs none competes with another.
    competing = ~true & ~(seen > 0)
    rivals = [rankings[:, query][:, competing[query]] for query in range(len(diseases))]

    def gain(weights: Floats) -> float:
        total = 0.0
        for query, answer in zip(queries, answers, strict=True):
            own = float(weights @ rankings[:, query, answer])
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


def evidence_strength(
    scores: Mapping[str, Floats],
    weights: Mapping[str, float],
    scales: Mapping[str, tuple[float, float]],
    blended: Floats,
    trained: Floats,
) -> Floats:
    """How strong the evidence for a disease's first ten hypotheses is, (n,): the mean over them of
    Σ weight · z, where z is a member's score in standard deviations (`scales`: mean and standard
    deviation), at most 3 either way.

    Ranks alone know nothing of it: every disease has a first.
    """
    strength = np.zeros(blended.shape)
    for name, weight in weights.items():
        mean, spread = scales[name]
        strength += weight * np.clip((scores[name] - mean) / spread, -_CLIP, _CLIP)
    order = np.argsort(-np.where(trained > 0, -np.inf, blended), axis=1, kind="stable")
    first = order[:, :_FIRST]
    return np.asarray(np.take_along_axis(strength, first, 1).mean(1))
