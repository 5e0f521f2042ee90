"""Networks that give hazards after a visit: over the last state, or over all visits until then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...core.threads import one_thread
from .curves import Floats
from .encoding import Features

MEMBERS = 5  # networks, each of which stops by another fifth of the patients
_EPOCHS, _PATIENCE = 100, 8
_BATCH, _STEPS = 256, 20  # visits in a step at most; steps in an epoch at least
_RATE, _DECAY = 3e-3, 1e-2
_WIDTH = {"hazard": 64, "gru": 24}
_DROPOUT = {"hazard": 0.3, "gru": 0.3}


class HazardNetwork(nn.Module):
    """(patients, visits, features) → (patients, visits, intervals): the hazard of each interval.

    A linear part that is the same for all intervals, as Cox has it, and what a network adds to it:
    a perceptron over the visit, or a GRU over all visits until it. What is given is the integral of
    the hazard over the interval, constant within it.

    Source: the likelihood is that of Kvamme and Borgan, Continuous and Discrete-Time Survival
    Prediction with Neural Networks, Lifetime Data Analysis 2021.
    """

    def __init__(self, kind: str, n_features: int, n_intervals: int):
        super().__init__()
        width = _WIDTH[kind]
        self.base = nn.Parameter(torch.zeros(n_intervals))
        self.linear = nn.Linear(n_features, 1, bias=False)
        self.gru = nn.GRU(n_features, width, batch_first=True) if kind == "gru" else None
        self.inner = nn.Linear(width if kind == "gru" else n_features, width)
        self.outer = nn.Linear(width, n_intervals)
        self.dropout = nn.Dropout(_DROPOUT[kind])
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """The integrated hazard of each interval after each visit."""
        state = features if self.gru is None else self.dropout(self.gru(features)[0])
        hidden = self.dropout(functional.gelu(self.inner(state)))
        logits = self.base + self.linear(features) + self.outer(hidden)
        return functional.softplus(logits)


class Sequences:
    """Visits of patients as batches of equal length, padded with zeros at the end.

    Args:
        numbers: (n,) the number of each visit's patient, rising from 0.
        rows: arrays of n rows that are batched.
    """

    def __init__(self, numbers: NDArray[np.int64], *rows: Tensor):
        self.starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        self.lengths = np.diff(np.append(self.starts, len(numbers)))
        self._rows = rows

    def batch(self, patients: NDArray[np.int64]) -> tuple[Tensor, list[Tensor]]:
        """Of some patients: which cells are visits (patients, visits), and the arrays' rows."""
        lengths = torch.from_numpy(self.lengths[patients])
        steps = torch.arange(int(lengths.max()))
        mask = steps < lengths[:, None]
        index = torch.from_numpy(self.starts[patients])[:, None] + steps
        index = torch.where(mask, index, 0)
        return mask, [array[index] * mask[..., None] for array in self._rows]

    def parts(self, patients: NDArray[np.int64], visits: int) -> Iterator[NDArray[np.int64]]:
        """Some patients divided into parts of about so many visits."""
        ends = np.cumsum(self.lengths[patients])
        yield from (
            p for p in np.split(patients, np.flatnonzero(np.diff(ends // visits)) + 1) if len(p)
        )


def exposures_of(
    remaining: Floats, events: NDArray[np.bool_], edges: Floats
) -> tuple[Tensor, Tensor]:
    """(n, intervals) each: the share of each interval under observation, and where the event is."""
    low, high = edges[:-1], edges[1:]
    exposure = np.clip((remaining[:, None] - low) / (high - low), 0, 1)
    inside = (remaining[:, None] > low) & (remaining[:, None] <= high) & events[:, None]
    return torch.from_numpy(exposure).float(), torch.from_numpy(inside).float()


def _loss(
    network: HazardNetwork, sequences: Sequences, patients: NDArray[np.int64]
) -> tuple[Tensor, int]:
    """The negative log likelihood, summed over the visits of some patients, and their number."""
    mask, (x, exposure, event) = sequences.batch(patients)
    hazards = network(x)
    losses = hazards * exposure - event * torch.log(hazards + 1e-8)
    return losses.sum(), int(mask.sum())


@one_thread()
def fit_networks(
    kind: str,
    features: Features,
    numbers: NDArray[np.int64],
    remaining: Floats,
    events: NDArray[np.bool_],
    edges: Floats,
    seed: int,
) -> list[HazardNetwork]:
    """Train networks of a kind; the same seed gives the same ones.

    Args:
        kind: `hazard` (over the last visit) or `gru` (over all until then).
        features: (n, features); numbers, remaining, events: (n,), of visits in order of patients.
        edges: (k,) of the grid.
    """
    exposure, event = exposures_of(remaining, events, edges)
    sequences = Sequences(numbers, torch.from_numpy(features), exposure, event)
    rng = np.random.default_rng(seed)
    fifths = np.array_split(rng.permutation(len(sequences.starts)), MEMBERS)
    rates = (event.sum(0) / exposure.sum(0).clamp(min=1)).clamp(1e-5, 10)
    networks = []
    for member, held in enumerate(fifths):
        torch.manual_seed(seed * MEMBERS + member)
        network = HazardNetwork(kind, features.shape[1], len(edges) - 1)
        with torch.no_grad():
            network.base.copy_(torch.log(torch.expm1(rates)))
        seen = np.concatenate([part for k, part in enumerate(fifths) if k != member])
        networks.append(_trained(network, sequences, seen, held, rng))
    return networks


def _trained(
    network: HazardNetwork,
    sequences: Sequences,
    seen: NDArray[np.int64],
    held: NDArray[np.int64],
    rng: np.random.Generator,
) -> HazardNetwork:
    """A network trained on some patients until it no longer gets better on those held back."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    best, best_state, waited = np.inf, network.state_dict(), 0
    visits = int(min(_BATCH, max(1, sequences.lengths[seen].sum() // _STEPS)))
    for _ in range(_EPOCHS):
        network.train()
        for part in sequences.parts(rng.permutation(seen), visits):
            total, n = _loss(network, sequences, part)
            optimiser.zero_grad()
            (total / n).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        network.eval()
        with torch.no_grad():
            total, n = _loss(network, sequences, held)
        if float(total) < best - 1e-4 * n:
            best, waited = float(total), 0
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
        elif (waited := waited + 1) == _PATIENCE:
            break
    network.load_state_dict(best_state)
    return network.eval()


@one_thread()
def cumulative_hazards(
    networks: list[HazardNetwork], features: Features, numbers: NDArray[np.int64]
) -> Floats:
    """(n, k): the mean of the networks' cumulative hazards at the edges, after each visit."""
    sequences = Sequences(numbers, torch.from_numpy(features))
    patients = np.arange(len(sequences.starts))
    rows = []
    with torch.no_grad():
        for part in sequences.parts(patients, 20_000):
            mask, (x,) = sequences.batch(part)
            hazards = torch.stack([network(x) for network in networks]).mean(0)
            rows.append(hazards[mask].double().numpy())
    steps = np.concatenate(rows).cumsum(1)
    return np.concatenate([np.zeros((len(steps), 1)), steps], 1)
