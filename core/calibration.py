"""From a score and a rank to a probability, with the base rate that it holds at.

The probability is that the source records the pair (now or in a later release), not that the pair
is true in nature: the models learn from what is recorded, and are measured against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

FIRST = 100  # candidates a query that the calibration is fitted on


@dataclass(frozen=True)
class Calibration:
    """Platt scaling of score and rank:

        p = 1 / (1 + exp(-(intercept + slope · (score - mean) / scale - decay · log(rank))))

    with slope and decay not negative, so that within a query the order stays the score's.

    Attributes:
        base_rate: the share of true pairs among what it was fitted on: the first `FIRST` candidates
            of every query, known pairs left out, true where validation held the pair back.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """

    intercept: float
    slope: float
    decay: float
    mean: float
    scale: float
    base_rate: float

    def probability(
        self, scores: NDArray[np.float64], ranks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The probability of each pair, at the base rate."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.log_odds(scores, ranks), -50, 50))))

    def log_odds(
        self, scores: NDArray[np.float64], ranks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The logarithm of probability : 1 - probability of each pair."""
        standard = (scores - self.mean) / self.scale
        return self.intercept + self.slope * standard - self.decay * np.log(ranks)

    def at_base_rate(
        self, probabilities: NDArray[np.float64], base_rate: float
    ) -> NDArray[np.float64]:
        """The probabilities where another share of the candidates is true (prior shift).

        The odds are multiplied by the ratio of the odds of the two base rates.
        """
        factor = base_rate / (1 - base_rate) * (1 - self.base_rate) / self.base_rate
        odds = probabilities / (1 - probabilities) * factor
        return np.asarray(odds / (1 + odds))

    def to_dict(self) -> dict[str, float]:
        """The numbers by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Calibration:
        """The calibration of these numbers."""
        return cls(**values)


def fit(
    scores: NDArray[np.float64], ranks: NDArray[np.float64], true: NDArray[np.bool_]
) -> Calibration:
    """The calibration with the least log loss, with one imagined pair of each class at the mean
    score and rank, so that it stands where no pair, or every pair, is true.

    Args:
        scores, ranks, true: (pairs,): of the first candidates of every query.
    """
    mean, scale = float(scores.mean()), float(scores.std()) or 1.0
    standard = np.append((scores - mean) / scale, [0.0, 0.0])
    log_ranks = np.append(np.log(ranks), [np.log(ranks).mean()] * 2)
    labels = np.append(true.astype(float), [0.0, 1.0])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        intercept, slope, decay = weights
        logits = intercept + slope * standard - decay * log_ranks
        error = 1 / (1 + np.exp(-logits)) - labels
        total = (np.logaddexp(0, logits) - labels * logits).mean()
        gradient = [error.mean(), (error * standard).mean(), -(error * log_ranks).mean()]
        return float(total), np.array(gradient)

    bounds = [(None, None), (0, None), (0, None)]
    found = minimize(loss, np.zeros(3), jac=True, bounds=bounds, method="L-BFGS-B")
    intercept, slope, decay = (float(weight) for weight in found.x)
    # Laplace's share: never 0 or 1, for the odds are divided by.
    base_rate = (float(true.sum()) + 1) / (len(true) + 2)
    return Calibration(intercept, slope, decay, mean, scale, base_rate)


def quality(
    probabilities: NDArray[np.float64], true: NDArray[np.bool_], bins: int = 10
) -> dict[str, Any]:
    """How good probabilities are, measured on pairs that they were not fitted on.

    Returns:
        `n`, `true` (pairs that are), `brier` (mean squared error), `brier_of_base_rate` (of one
        constant probability, the share of true pairs), and `ece`: the expected calibration error
        over `bins` bins of equally many pairs, Σ_b n_b / n |mean probability_b - share true_b|
        (Naeini et al., AAAI 2015; equal-mass bins since nearly all pairs are improbable); and
        `reliability`, these bins from the least probable on: `n`, `probability` (mean), `true`
        (share).
    """
    order = np.argsort(probabilities, kind="stable")
    reliability = [
        {
            "n": len(part),
            "probability": round(float(probabilities[part].mean()), 6),
            "true": round(float(true[part].mean()), 6),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]
    error = sum(bin["n"] * abs(bin["probability"] - bin["true"]) for bin in reliability)
    rate = float(true.mean())
    return {
        "n": len(true),
        "true": int(true.sum()),
        "brier": round(float(((probabilities - true) ** 2).mean()), 6),
        "brier_of_base_rate": round(rate * (1 - rate), 6),
        "ece": round(error / len(true), 6),
        "reliability": reliability,
    }
