"""A network from a molecule's fingerprints and descriptors to all targets at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from ...core.threads import one_thread
from .fingerprints import MoleculeFeatures

HIDDEN = 384
INPUT_DROPOUT = 0.1
HIDDEN_DROPOUT = 0.5
EPOCHS = 30
BATCH = 64  # molecules
LEARNING_RATE = 2e-3  # the highest of the one-cycle schedule
WEIGHT_DECAY = 0.1
_INITIAL_SCALE = 0.02  # standard deviation of target vectors before training
# The log-probability of targets that the network has not learned, and the lowest of any.
UNSEEN_LOG_PROBABILITY = -16.0


class TargetNetwork(NamedTuple):
    """The trained network as arrays; it gives a log-probability for each of its `columns`.

    x → h = relu(W₁x + b₁) → h + relu(W₂h + b₂) → log softmax over targets of (V + F)·h + c, where
    F is shared by the targets of a family.
    """

    first: NDArray[np.float32]  # (inputs, hidden)
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]  # (hidden, hidden)
    second_bias: NDArray[np.float32]
    targets: NDArray[np.float32]  # (hidden, columns)
    targets_bias: NDArray[np.float32]
    mean: NDArray[np.float32]  # of the descriptors among the inputs
    scale: NDArray[np.float32]
    columns: NDArray[np.int64]  # numbers of the targets that it has learned

    def log_probabilities(self, molecules: MoleculeFeatures, width: int) -> NDArray[np.float32]:
        """Log-probabilities of the first `width` targets, (molecules, width).

        They sum to one over the targets that the network has learned; the others get
        `UNSEEN_LOG_PROBABILITY`.
        """
        bits = _fingerprint_bits(molecules)
        descriptors = (molecules.descriptors - self.mean) / self.scale
        hidden = bits @ self.first[: bits.shape[1]] + descriptors @ self.first[bits.shape[1] :]
        hidden = np.maximum(hidden + self.first_bias, 0)
        hidden = hidden + np.maximum(hidden @ self.second + self.second_bias, 0)
        logits = hidden @ self.targets + self.targets_bias
        logits -= logits.max(1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        # Contiguous by target, as the sums over its ligands are.
        result = np.full((width, len(logits)), UNSEEN_LOG_PROBABILITY, dtype=np.float32).T
        result[:, self.columns] = np.maximum(logits, UNSEEN_LOG_PROBABILITY)
        return result


def _fingerprint_bits(molecules: MoleculeFeatures) -> sparse.csr_matrix:
    return sparse.hstack([molecules.morgan, molecules.paths], format="csr")


@one_thread()
def train_target_network(
    molecules: MoleculeFeatures,
    known: sparse.csr_matrix,
    families: NDArray[np.int64],
    *,
    seed: int,
    device: torch.device | None = None,
) -> TargetNetwork:
    """Train with a softmax over targets; a molecule counts by how many targets it has.

    Args:
        molecules: the ligands.
        known: (ligands, targets), what each pair counts, 0 to 1.
        families: (targets,): the number of each target's family.
        device: where it is trained; the CPU if not given.
    """
    device = device or torch.device("cpu")
    columns = np.flatnonzero(np.asarray(known.sum(0)).ravel())
    labels = torch.from_numpy(known[:, columns].toarray()).to(device)
    mean = molecules.descriptors.mean(0)
    scale = np.maximum(molecules.descriptors.std(0), 1e-3)
    descriptors = (molecules.descriptors - mean) / scale
    inputs = torch.from_numpy(np.hstack([_fingerprint_bits(molecules).toarray(), descriptors]))
    inputs = inputs.to(device)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        module = _TargetModule(inputs.shape[1], families[columns]).to(device)
        optimiser = torch.optim.AdamW(
            module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )
        steps = EPOCHS * -(-len(inputs) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
        mean_targets = labels.sum(1).mean()
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(inputs), generator=generator).split(BATCH):  # type: ignore[no-untyped-call]
                log_probabilities = torch.log_softmax(module(inputs[batch]), dim=1)
                loss = -(log_probabilities * labels[batch]).sum() / mean_targets / len(batch)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
    return module.as_arrays(mean, scale, columns)


class _TargetModule(nn.Module):
    """The network while it is trained; see `TargetNetwork`."""

    family_of: Tensor

    def __init__(self, inputs: int, families: NDArray[np.int64]):
        super().__init__()
        distinct, family_of = np.unique(families, return_inverse=True)
        self.register_buffer("family_of", torch.from_numpy(family_of))
        self.drop_inputs, self.drop = nn.Dropout(INPUT_DROPOUT), nn.Dropout(HIDDEN_DROPOUT)
        self.first, self.second = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.targets = nn.Parameter(torch.randn(len(families), HIDDEN) * _INITIAL_SCALE)
        self.families = nn.Parameter(torch.randn(len(distinct), HIDDEN) * _INITIAL_SCALE)
        self.bias = nn.Parameter(torch.zeros(len(families)))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.drop(torch.relu(self.first(self.drop_inputs(inputs))))
        hidden = self.drop(hidden + torch.relu(self.second(hidden)))
        logits: Tensor = hidden @ (self.targets + self.families[self.family_of]).T + self.bias
        return logits

    def as_arrays(
        self, mean: NDArray[np.float32], scale: NDArray[np.float32], columns: NDArray[np.int64]
    ) -> TargetNetwork:
        weights = (
            self.first.weight.T,
            self.first.bias,
            self.second.weight.T,
            self.second.bias,
            (self.targets + self.families[self.family_of]).T,
            self.bias,
        )
        arrays = [w.detach().cpu().contiguous().numpy() for w in weights]
        return TargetNetwork._make([*arrays, mean, scale, columns])
