"""The graph neural network of phenotypes, made, trained and read back for a knowledge."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ...gnn.phenotype_network import Network, fit
from .knowledge import Integers, Knowledge
from .simulated_patients import simulate

_EPOCHS = 6


def network_of(knowledge: Knowledge, state: dict[str, Tensor]) -> Network:
    """The network of these weights."""
    network = new_network(knowledge, dim=state["vectors"].shape[1])
    network.load_state_dict(state)
    network.eval()
    return network


def new_network(knowledge: Knowledge, *, dim: int = 128, seed: int = 0) -> Network:
    """An untrained network over the stated phenotypes and the known patients."""
    return Network(knowledge.as_stated, knowledge.patients_closed, dim=dim, seed=seed)


def train_network(
    knowledge: Knowledge,
    known: Integers,
    *,
    simulated: int,
    seed: int,
    device: str,
    epochs: int = _EPOCHS,
    label: str = "network",
) -> Network:
    """A network trained on simulated patients and on known ones.

    Args:
        known: numbers of the known patients to train on.
        simulated: number of simulated patients an epoch.
    """
    network = new_network(knowledge, seed=seed).to(device)
    rng = np.random.default_rng([seed, len(known)])
    patients = simulate(knowledge.as_stated, simulated * epochs, rng)
    rows, publications = knowledge.patient_rows, knowledge.publication_numbers
    fit(network, patients, known, rows, publications, epochs=epochs, seed=seed, label=label)
    return network.cpu()
