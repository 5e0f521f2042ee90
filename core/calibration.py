"""From a score and a rank to a probability, with the base rate that it holds at.

The probability is that a source records the pair (now or in a later release), not that the pair is
true in nature: the models learn from what is recorded, and are measured against it. A calibration
is fitted on pairs that were held out; `Calibration.expecting` moves it to another number of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

CALIBRATED_CANDIDATES = 100  # of every query, the first so many, which the calibration is fitted on


@dataclass(frozen=True)
class Calibration:
    """Platt scaling of score and rank:

        p = 1 / (1 + exp(-(intercept + slope · (score - mean) / scale - decay · log(rank))))

    with slope and decay not negative, so that within a query the order stays the score's.

    Attributes:
        base_rate: the share of true pairs among what it was fitted on: the first
            `CALIBRATED_CANDIDATES` candidates of every query, known pairs left out, true where
            validation held the pair back.

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
        return np.asarray(expit(np.clip(self.log_odds(scores, ranks), -50, 50)))

    def log_odds(
        self, scores: NDArray[np.float64], ranks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The logarithm of probability : 1 - probability of each pair."""
        standard = (scores - self.mean) / self.scale
        return self.intercept + self.slope * standard - self.decay * np.log(ranks)

    def expecting(
        self, expected: float, scores: NDArray[np.float64], ranks: NDArray[np.float64]
    ) -> Calibration:
        """The calibration at another base rate: all log-odds move by one number.

        Args:
            expected: how many of these pairs are true, from one to nine tenths of them.
            scores, ranks: (pairs,): of the first candidates of every query.
        """
        expected = float(np.clip(expected, 1, max(1, 0.9 * len(scores))))
        log_odds = self.log_odds(scores, ranks)
        shift = brentq(lambda shift: expit(log_odds + shift).sum() - expected, -700, 700)
        moved = self.intercept + float(shift)
        return replace(self, intercept=moved, base_rate=expected / len(scores))

    def at_base_rate(self, rate: float) -> Calibration:
        """The calibration where this share of pairs is true, as far as true pairs score as they did
        where it was fitted, and others do: all log-odds move by that of the two base rates.

        Source: Saerens et al., Adjusting the Outputs of a Classifier to New a Priori Probabilities,
        Neural Computation 2002.
        """
        rate = float(np.clip(rate, 1e-9, 0.9))
        shift = float(logit(rate) - logit(self.base_rate))
        return replace(self, intercept=self.intercept + shift, base_rate=rate)

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
    optimum = minimize(loss, np.zeros(3), jac=True, bounds=bounds, method="L-BFGS-B")
    intercept, slope, decay = (float(weight) for weight in optimum.x)
    # Laplace's share: never 0 or 1, for the odds are divided by.
    base_rate = (float(true.sum()) + 1) / (len(true) + 2)
    return Calibration(intercept, slope, decay, mean, scale, base_rate)


class ReliabilityBin(TypedDict):
    """Pairs of about the same probability: their number, mean probability and share of true."""

    n: int
    probability: float
    true: float


def reliability_bins(
    probabilities: NDArray[np.float64], true: NDArray[np.bool_], bins: int = 10
) -> list[ReliabilityBin]:
    """Bins of equally many pairs, from the least probable on; fewer where pairs are fewer."""
    order = np.argsort(probabilities, kind="stable")
    return [
        ReliabilityBin(
            n=len(part),
            probability=float(probabilities[part].mean()),
            true=float(true[part].mean()),
        )
        for part in np.array_split(order, bins)
        if len(part)
    ]


def expected_calibration_error(reliability: Sequence[ReliabilityBin]) -> float:
    """Σ_b n_b / n |mean probability_b - share true_b|; 0 without pairs.

    Over bins of equal mass, since nearly all pairs are improbable.

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015.
    """
    gaps = sum(part["n"] * abs(part["probability"] - part["true"]) for part in reliability)
    return gaps / max(1, sum(part["n"] for part in reliability))


class CalibrationQuality(TypedDict):
    """How good probabilities are.

    Attributes:
        n: pairs; `true`: those that are.
        brier: mean squared error.
        brier_of_base_rate: that of one constant probability, the share of true pairs.
        ece: see `expected_calibration_error`.
        reliability: the bins that it is over.
    """

    n: int
    true: int
    brier: float
    brier_of_base_rate: float
    ece: float
    reliability: list[ReliabilityBin]


def quality(
    probabilities: NDArray[np.float64], true: NDArray[np.bool_], bins: int = 10
) -> CalibrationQuality:
    """How good probabilities are, measured on pairs that they were not fitted on."""
    reliability = [
        ReliabilityBin(
            n=part["n"], probability=round(part["probability"], 6), true=round(part["true"], 6)
        )
        for part in reliability_bins(probabilities, true, bins)
    ]
    rate = float(true.mean())
    return {
        "n": len(true),
        "true": int(true.sum()),
        "brier": round(float(((probabilities - true) ** 2).mean()), 6),
        "brier_of_base_rate": round(rate * (1 - rate), 6),
        "ece": round(expected_calibration_error(reliability), 6),
        "reliability": reliability,
    }
