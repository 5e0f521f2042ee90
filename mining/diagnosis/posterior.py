"""Probabilities of the diseases of a patient: with circumstances, as odds, and the highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from ...graph.kg import KnowledgeGraph
from .circumstances import Factors
from .knowledge import Floats, Integers, Knowledge


class ProbabilityModel(Protocol):
    """A model that gives diseases probabilities: what explanations and questions are made from."""

    @property
    def kg(self) -> KnowledgeGraph:
        """The graph whose diseases and phenotypes it knows."""

    @property
    def knowledge(self) -> Knowledge:
        """The graph's diseases and phenotypes as matrices."""

    @property
    def names(self) -> dict[str, str]:
        """The names of the graph's nodes."""

    def log_probabilities(
        self,
        patients: Sequence[Integers],
        excluded: Sequence[Integers] | None = None,
        *,
        scores: Floats | None = None,
    ) -> Floats:
        """Logarithms of the probabilities of the diseases, patients × diseases."""


def posterior(
    model: ProbabilityModel,
    present: Sequence[Integers],
    excluded: Sequence[Integers],
    factors: Factors | None,
    scores: Floats | None = None,
) -> Floats:
    """Logarithms of the probabilities with the circumstances, patients × diseases.

    Args:
        scores: of `model.scores`, where they are known already.
    """
    logs = model.log_probabilities(present, excluded, scores=scores)
    if factors is None:
        return logs
    logs = logs + factors.log_factors(model.knowledge, present)
    return np.asarray(log_softmax(logs, axis=1), dtype=np.float32)


def most_probable(logs: Floats, top: int) -> Integers:
    """The rows of the most probable diseases; of equally probable ones the first.

    Args:
        logs: (diseases,).
    """
    return np.asarray(np.lexsort((np.arange(len(logs)), -logs))[:top])


def log_odds(logs: NDArray[np.floating[Any]], rows: Integers) -> NDArray[np.float64]:
    """log p / (1 - p) of some diseases, patients × rows.

    Args:
        logs: log-probabilities of all diseases, patients × diseases.
    """
    exact = logs.astype(np.float64)
    odds = np.empty((len(exact), len(rows)))
    for place, row in enumerate(rows):
        odds[:, place] = exact[:, row] - logsumexp(np.delete(exact, row, axis=1), axis=1)
    return odds
