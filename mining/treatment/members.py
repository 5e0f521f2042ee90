"""The members of a treatment model, and how their orders become one."""

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

MEMBERS = ("popularity", "content", "collaborative", "links")
HYBRID = "hybrid"
_STEPS = 10  # a weight is a tenth, two tenths, …
_MOST_DISEASES = 300  # of validation, that weights are chosen on
_FIRST = 10  # hypotheses of a disease that say how strong its evidence is
_FAR = 3.0  # standard deviations beyond which a score is as good as any


class Member(Protocol):
    """What ranks drugs for a disease."""

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these diseases with all drugs, (n,) → (n, drugs)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What to save."""
        ...


def raw_scores(members: Mapping[str, Member], diseases: Ints) -> dict[str, Floats]:
    """The members' own scores of diseases with all drugs, each (n, drugs)."""
    asked = torch.from_numpy(diseases)
    return {name: member.score_heads(asked).double().numpy() for name, member in members.items()}


def blend(raw: Mapping[str, Floats], weights: Mapping[str, float], trained: Floats) -> Floats:
    """The members' orders as one: -Σ weight · log(rank), (n, drugs).

    A rank is that among the drugs which were not trained on for the disease, ties at their mean
    rank; a drug that was is ranked as if it were put among them. The weighted geometric mean of
    ranks needs no common scale of the members' scores.

    Args:
        raw: see `raw_scores`.
        trained: (n, drugs): not 0 where the pair was trained on.
    """
    total = np.zeros(trained.shape)
    for name, weight in weights.items():
        if weight:
            total -= weight * np.log(_ranks(raw[name], trained))
    return total


def _ranks(scores: Floats, trained: Floats) -> Floats:
    ranks = np.empty(scores.shape)
    for row, (own, seen) in enumerate(zip(scores, trained > 0, strict=True)):
        # An unseen one is among its own rivals, and ties with itself.
        ranks[row] = ranks_among(own, own[~seen]) - np.where(seen, 0, 0.5)
    return ranks


def choose_weights(
    members: Mapping[str, Member], trained: sparse.csr_matrix, valid: sparse.csr_matrix, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The weights, in tenths that add up to 1, with the highest mean of 1 / log2(1 + rank) of the
    validation pairs among the drugs that are not known for their disease.

    Args:
        trained, valid: (drugs, diseases).

    Returns:
        The weights, and that figure for the hybrid and for each member alone.
    """
    diseases = np.flatnonzero(np.asarray(valid.sum(0)).ravel())
    chosen = np.random.default_rng(seed).permutation(len(diseases))[:_MOST_DISEASES]
    diseases = diseases[np.sort(chosen)].astype(np.int64)
    seen = trained[:, diseases].T.toarray()
    true = valid[:, diseases].T.toarray() > 0
    raw = raw_scores(members, diseases)
    orders = np.stack([blend(raw, {name: 1.0}, seen) for name in members])
    queries, answers = true.nonzero()
    # Of the known drugs none competes with another.
    competing = ~true & ~(seen > 0)
    rivals = [orders[:, query][:, competing[query]] for query in range(len(diseases))]

    def figure(weights: Floats) -> float:
        gained = 0.0
        for query, answer in zip(queries, answers, strict=True):
            own = float(weights @ orders[:, query, answer])
            others = weights @ rivals[query]
            gained += 1 / np.log2(1 + rank_among(own, others))
        return float(gained / len(queries))

    tried = {weights: figure(np.array(weights) / _STEPS) for weights in _tenths(len(members))}
    best = max(tried, key=lambda weights: (tried[weights], [-w for w in weights]))
    alone = {
        name: tried[tuple(_STEPS * (n == place) for n in range(len(members)))]
        for place, name in enumerate(members)
    }
    figures = {HYBRID: tried[best], **alone}
    return (
        {name: weight / _STEPS for name, weight in zip(members, best, strict=True)},
        {name: round(value, 4) for name, value in figures.items()},
    )


def _tenths(n: int) -> Iterator[tuple[int, ...]]:
    """All ways to deal `_STEPS` to n."""
    for weights in itertools.product(range(_STEPS + 1), repeat=n):
        if sum(weights) == _STEPS:
            yield weights


def levels(
    raw: Mapping[str, Floats],
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
        strength += weight * np.clip((raw[name] - mean) / spread, -_FAR, _FAR)
    order = np.argsort(-np.where(trained > 0, -np.inf, blended), axis=1, kind="stable")
    first = order[:, :_FIRST]
    return np.asarray(np.take_along_axis(strength, first, 1).mean(1))
