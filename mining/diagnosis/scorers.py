"""The models by name: what each scores patients with, from nothing or from its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ModelError
from ...gnn.phenotype_network import Network
from .classifiers import Logistic, Perceptron
from .knowledge import Floats, Integers, Knowledge
from .networks import network_of
from .ranker import DiagnosisRanker
from .similarity import (
    ConditionalScorer,
    lin,
    naive_bayes,
    nearest,
    phrank,
    resnik,
)
from .support_vectors import KERNELS, SupportVectorMachine

_FUNCTIONS: dict[str, Callable[[Knowledge, Sequence[Integers]], Floats]] = {
    "nearest": nearest,
    "naive_bayes": naive_bayes,
    "resnik": resnik,
    "lin": lin,
    "phrank": phrank,
}
BASELINES = {"resnik": resnik, "naive_bayes": naive_bayes}
UNTRAINED = ("conditional", *_FUNCTIONS)
MODELS = ("ranker", "gnn", "mlp", "logistic", *KERNELS, *UNTRAINED)
BY_OUTPUT = ("mlp", "logistic", *KERNELS)  # with an output for each disease


class DiagnosisScorer(Protocol):
    """What ranks diseases."""

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases; patients are columns of the knowledge."""

    def state(self) -> dict[str, Tensor]:
        """Weights by name."""


class UntrainedScorer:
    """A scorer without weights."""

    def __init__(self, name: str, knowledge: Knowledge):
        self._scores: Callable[[Sequence[Integers]], Floats] = (
            ConditionalScorer(knowledge)
            if name == "conditional"
            else partial(_FUNCTIONS[name], knowledge)
        )

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases."""
        return self._scores(patients)

    def state(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}


class NetworkScorer:
    """The graph neural network alone."""

    def __init__(self, knowledge: Knowledge, network: Network):
        self._rows, self._network = knowledge.patient_rows, network

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases."""
        return self._network.scores(patients, self._rows)

    def state(self) -> dict[str, Tensor]:
        """The network's weights."""
        return dict(self._network.state_dict())


def scorer_of(name: str, knowledge: Knowledge, state: Mapping[str, Tensor]) -> DiagnosisScorer:
    """The scorer of these weights."""
    weights = dict(state)
    if name == "ranker":
        return DiagnosisRanker.of_state(knowledge, weights)
    if name == "gnn":
        return NetworkScorer(knowledge, network_of(knowledge, weights))
    if name == "mlp":
        network = Perceptron(knowledge)
        network.load_state_dict(weights)
        return network.eval()
    if name == "logistic":
        return Logistic(knowledge, **weights)
    if name in KERNELS:
        return SupportVectorMachine(knowledge, KERNELS[name], **weights)
    return UntrainedScorer(name, knowledge)


def carried_over(
    name: str, state: Mapping[str, Tensor], old: Knowledge, new: Knowledge
) -> dict[str, Tensor]:
    """The weights for another knowledge; a new phenotype has its ancestors' vectors only.

    Raises:
        ModelError: the model has an output for each disease.
    """
    if name in BY_OUTPUT:
        raise ModelError(
            f"{name} knows only the graph that it was trained on; give that one, or train anew"
        )
    places = np.array([old.phenotype_columns.get(id_, -1) for id_ in new.phenotypes])
    weights = dict(state)
    for key, tensor in state.items():
        if key in ("vectors", "weight"):
            moved = torch.zeros(len(places), *tensor.shape[1:])
            moved[places >= 0] = tensor[places[places >= 0]]
            weights[key] = moved
    return weights
