"""The scoring head: from the features of a patient and each disease to one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.progress import progress
from .knowledge import Floats

_BATCH = 64


class ScoringHead(nn.Module):
    """The sum of a linear layer and a small multilayer perceptron, the same for every disease.

    Args:
        size: number of features.
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

    def forward(self, features: Tensor) -> Tensor:
        """Scores (…,) of features (…, size)."""
        # Beyond the range of the training data the score is constant.
        standard = ((features - self.mean) / self.scale).clamp(-10, 10)
        score = self.linear(standard) + self.layers(standard.clamp(-5, 5))
        return score.squeeze(-1)  # type: ignore[no-any-return]  # nn.Module's call is untyped


def head_of(state: Mapping[str, Tensor]) -> ScoringHead:
    """The head of these weights."""
    head = ScoringHead(len(state["mean"]))
    head.load_state_dict(state)
    return head.eval()


@dataclass(frozen=True)
class TrainingPatient:
    """A patient with some candidates.

    Attributes:
        features: candidates × features; the first is the patient's disease.
        weight: how much the patient counts.
    """

    features: Floats
    weight: float


def train_scoring_head(
    examples: Sequence[TrainingPatient], *, epochs: int = 10, seed: int = 0, note: str = ""
) -> ScoringHead:
    """A scoring head trained to rank the patients' diseases before the other candidates.

    Cross-entropy over the candidates of each patient; AdamW with a one-cycle schedule (Smith and
    Topin 2019, https://arxiv.org/abs/1708.07120).
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([example.features for example in examples])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = ScoringHead(rows.shape[1])
    head.mean.copy_(torch.from_numpy(rows.mean(axis=0)))
    # A feature that is constant in training gets no weight, whatever it will be later.
    spread = rows.std(axis=0)
    head.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, np.inf)))
    del rows
    batches = max(1, len(examples) // _BATCH)
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=epochs * batches + 1, pct_start=0.1
    )
    with progress(f"scoring head {note}".strip(), epochs * batches) as advance:
        for _ in range(epochs):
            for batch in np.array_split(rng.permutation(len(examples)), batches):
                chosen = [examples[at] for at in batch]
                features, present, weight = _padded(chosen)
                scores = head(features).masked_fill(~present, -1e9)
                losses = scores.logsumexp(dim=1) - scores[:, 0]
                loss = (losses * weight).sum() / weight.sum()
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                schedule.step()
                advance(note=f"loss {loss.item():.3f}")
    head.eval()
    return head


def _padded(examples: Sequence[TrainingPatient]) -> tuple[Tensor, Tensor, Tensor]:
    """Features (patients × candidates × features), which candidates are no padding, and weights."""
    longest = max(len(example.features) for example in examples)
    features = np.zeros((len(examples), longest, examples[0].features.shape[1]), np.float32)
    present: NDArray[np.bool_] = np.zeros((len(examples), longest), dtype=bool)
    for row, example in enumerate(examples):
        features[row, : len(example.features)] = example.features
        present[row, : len(example.features)] = True
    weights = torch.tensor([example.weight for example in examples], dtype=torch.float32)
    return torch.from_numpy(features), torch.from_numpy(present), weights


@torch.no_grad()
def score(heads: Sequence[ScoringHead], features: Floats) -> Floats:
    """The mean of the heads' scores: (…,) of features (…, size)."""
    inputs = torch.from_numpy(features)
    total = sum(head(inputs) for head in heads) / len(heads)
    assert isinstance(total, Tensor)
    return np.asarray(total.numpy())
