"""Probabilities of the diseases of a patient: with circumstances, as odds, and the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from ...graph.kg import KnowledgeGraph
from .circumstances import Circumstances, Factors
from .knowledge import Floats, Integers, Knowledge
from .open_set import OpenSet

# Uncertain phenotypes whose states are gone through: these double with each. Of more the ones that
# are nearest to a half; the others are there or not, by 0.5.
_STATES_OF = 6


class ProbabilityModel(Protocol):
    """A model that gives diseases probabilities: what explanations and questions are made from."""

    @property
    def kg(self) -> KnowledgeGraph:
        """The graph whose diseases and phenotypes it knows."""

    @property
    def knowledge(self) -> Knowledge:
        """The graph's diseases and phenotypes as matrices."""

    @property
    def open_set(self) -> OpenSet | None:
        """What its probabilities were fitted by, if on cases."""

    @property
    def names(self) -> dict[str, str]:
        """The names of the graph's nodes."""

    @property
    def namesakes(self) -> Mapping[int, Set[int]]:
        """The phenotypes that have a disease's name, see `namesakes`."""

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
        scores: of `model.scores`, of what is to be explained (`to_explain`), where they are known
            already.
    """
    if factors is None:
        return model.log_probabilities(present, excluded, scores=scores)
    parts = [factors.split(patient) for patient in present]
    # Who has nothing but everyday conditions has the common diseases that show them: the ranker,
    # which takes each finding for a sign of one disease, isn't told of these.
    shown = [findings if len(findings) else conditions for findings, conditions in parts]
    explained, conditions = [each for each, _ in parts], [each for _, each in parts]
    logs = model.log_probabilities(explained, excluded, scores=scores)
    logs = factors.weighed(logs, shown, conditions) + factors.log_factors(model.knowledge, shown)
    return np.asarray(log_softmax(logs, axis=1), dtype=np.float32)


def to_explain(factors: Factors | None, present: Sequence[Integers]) -> Sequence[Integers]:
    """The patients' findings without the everyday conditions beside them (`Factors.split`)."""
    return present if factors is None else [factors.split(patient)[0] for patient in present]


def factors_for(model: ProbabilityModel, circumstances: Circumstances | None) -> Factors | None:
    """What the probabilities of a model are multiplied by for a patient's circumstances.

    Raises:
        MissingError, DataError: see `Factors`.
    """
    if not circumstances:
        return None
    of_published_cases = model.open_set is not None and bool(model.open_set.figures.get("shipped"))
    return Factors(model.kg, model.knowledge, circumstances, of_published_cases=of_published_cases)


def uncertain_posterior(
    model: ProbabilityModel,
    certain: Integers,
    excluded: Integers,
    uncertain: Mapping[int, float],
    factors: Factors | None,
) -> NDArray[np.float64]:
    """Logarithms of the probabilities of the diseases of a patient with uncertain phenotypes.

    Each of these is there, or nothing is known of it; and P(disease) = Σ P(state) P(disease |
    state), which is Jeffrey's rule (The Logic of Decision, 1965, chapter 11).

    Args:
        certain, excluded: columns of the phenotypes that are there, and that aren't.
        uncertain: the probability of each other one, by its column.

    Returns:
        (diseases,).
    """
    columns = sorted(uncertain, key=lambda column: abs(uncertain[column] - 0.5))
    states = [[column for column in columns[_STATES_OF:] if uncertain[column] >= 0.5]]
    weights = np.ones(1)
    for column in columns[:_STATES_OF]:
        states += [[*state, column] for state in states]
        weights = np.concatenate([weights * (1 - uncertain[column]), weights * uncertain[column]])
    # What can't be isn't scored: a probability of 1 leaves half of the states.
    possible = np.flatnonzero(weights)
    present = [np.union1d(certain, states[i]).astype(np.int64) for i in possible]
    logs = posterior(model, present, [excluded] * len(present), factors)
    mixed = logsumexp(logs + np.log(weights[possible])[:, None], axis=0)
    return np.asarray(mixed, dtype=np.float64)


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
