"""Cumulative hazards over a grid of times, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError

Floats = NDArray[np.float64]
INTERVALS = 20


@dataclass(frozen=True)
class Curves:
    """The risk over time after each of n visits.

    Attributes:
        edges: (k,) times after a visit, the first of them 0.
        hazards: (n, k) the cumulative hazard at each; the hazard is constant in between, and 0
            after the last.
    """

    edges: Floats
    hazards: Floats

    def __len__(self) -> int:
        return len(self.hazards)

    def of(self, rows: NDArray[np.int64]) -> Curves:
        """Those of some visits."""
        return Curves(self.edges, self.hazards[rows])

    def at(self, times: Floats) -> Floats:
        """(n, m): the cumulative hazard of every visit at each of m times after it."""
        place = np.clip(np.searchsorted(self.edges, times, side="left"), 1, len(self.edges) - 1)
        low, high = self.edges[place - 1], self.edges[place]
        share = np.clip((times - low) / (high - low), 0, 1)
        return np.asarray(self.hazards[:, place - 1] * (1 - share) + self.hazards[:, place] * share)

    def at_own(self, times: Floats) -> Floats:
        """(n,): the cumulative hazard of each visit at its own time after it."""
        place = np.clip(np.searchsorted(self.edges, times, side="left"), 1, len(self.edges) - 1)
        low, high = self.edges[place - 1], self.edges[place]
        share = np.clip((times - low) / (high - low), 0, 1)
        rows = np.arange(len(times))
        before, after = self.hazards[rows, place - 1], self.hazards[rows, place]
        return np.asarray(before * (1 - share) + after * share)

    def risk(self, horizon: float) -> Floats:
        """(n,): the probability of the event within a time after each visit."""
        return np.asarray(1 - np.exp(-self.at(np.array([horizon]))[:, 0]))

    def since(self, elapsed: Floats, edges: Floats) -> Curves:
        """The curves after a time since each visit in which nothing happened.

        Args:
            elapsed: (n,) that time; edges: (m,) times after it, of the curves that are given.
        """
        start = self.at_own(elapsed)
        later = np.stack([self.at_own(elapsed + edge) for edge in edges], 1)
        return Curves(edges, later - start[:, None])


def check_horizon(horizon: float, longest: float) -> None:
    """Raise `DataError` where a horizon is no time up to the last event, `longest`."""
    if not 0 < horizon <= longest:
        problem = f"a horizon of {horizon:g}: give a time above 0, up to {longest:g}"
        raise DataError(f"{problem}, after which no event was seen in training")


def grid_of(remaining: Floats, events: NDArray[np.bool_]) -> Floats:
    """(k,) edges from 0 to the last event, between which there are about equally many events."""
    times = remaining[events]
    inner = np.quantile(times, np.linspace(0, 1, INTERVALS + 1)[1:])
    return np.asarray(np.unique(np.append(0.0, inner)))
