"""The readout: from the channels of a patient and each disease to one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.progress import progress
from .knowledge import Floats

_BATCH = 64


class Readout(nn.Module):
    """A linear layer and a small perceptron side by side, the same for every disease.

    Args:
        size: number of channels.
        hidden: width of the perceptron's two hidden layers.
    """

    def __init__(self, size: int, hidden: int = 32):
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.linear = nn.Linear(size, 1)
        self.layers = nn.Sequential(
            nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, channels: Tensor) -> Tensor:
        """Scores (…,) of channels (…, size)."""
        # What lies further out than anything it learnt from says no more than what lies far out.
        standard = ((channels - self.mean) / self.scale).clamp(-10, 10)
        score = self.linear(standard) + self.layers(standard.clamp(-5, 5))
        return score.squeeze(-1)  # type: ignore[no-any-return]  # nn.Module's call is untyped


@dataclass(frozen=True)
class Example:
    """A patient with some candidates.

    Attributes:
        channels: candidates × channels; the first is the patient's disease.
        weight: how much the patient counts.
    """

    channels: Floats
    weight: float


def train_readout(
    examples: Sequence[Example], *, epochs: int = 10, seed: int = 0, note: str = ""
) -> Readout:
    """A readout that tells the patients' diseases from the other candidates (cross-entropy).

    AdamW with a one-cycle schedule (Smith and Topin 2019, https://arxiv.org/abs/1708.07120).
    """
    rng = np.random.default_rng(seed)
    everything = np.concatenate([example.channels for example in examples])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        readout = Readout(everything.shape[1])
    readout.mean.copy_(torch.from_numpy(everything.mean(axis=0)))
    # A channel that is the same for all says nothing, whatever it will be for others.
    spread = everything.std(axis=0)
    readout.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, np.inf)))
    del everything
    batches = max(1, len(examples) // _BATCH)
    optimiser = torch.optim.AdamW(readout.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=epochs * batches + 1, pct_start=0.1
    )
    with progress(f"readout {note}".strip(), epochs * batches) as advance:
        for _ in range(epochs):
            for batch in np.array_split(rng.permutation(len(examples)), batches):
                chosen = [examples[at] for at in batch]
                channels, there, weight = _padded(chosen)
                scores = readout(channels).masked_fill(~there, -1e9)
                lost = scores.logsumexp(dim=1) - scores[:, 0]
                loss = (lost * weight).sum() / weight.sum()
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                schedule.step()
                advance(note=f"loss {loss.item():.3f}")
    readout.eval()
    return readout


def _padded(examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Channels (patients × candidates × channels), which candidates there are, and weights."""
    longest = max(len(example.channels) for example in examples)
    channels = np.zeros((len(examples), longest, examples[0].channels.shape[1]), np.float32)
    there: NDArray[np.bool_] = np.zeros((len(examples), longest), dtype=bool)
    for row, example in enumerate(examples):
        channels[row, : len(example.channels)] = example.channels
        there[row, : len(example.channels)] = True
    weights = torch.tensor([example.weight for example in examples], dtype=torch.float32)
    return torch.from_numpy(channels), torch.from_numpy(there), weights


@torch.no_grad()
def score(readouts: Sequence[Readout], channels: Floats) -> Floats:
    """The mean of the readouts' scores: (…,) of channels (…, size)."""
    given = torch.from_numpy(channels)
    total = sum(readout(given) for readout in readouts) / len(readouts)
    assert isinstance(total, Tensor)
    return np.asarray(total.numpy())
