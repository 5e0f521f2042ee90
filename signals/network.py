"""The residual network over the features of parts of a recording, and the trees beside it."""

from __future__ import annotations

import math

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..core.threads import one_thread

Floats = NDArray[np.float32]
_WIDTH = 96
_DROPOUT = 0.2
_EPOCHS, _BATCH, _RATE = 4, 256, 2e-3
_LEAST_STEPS = 100  # few rows are learnt from more often
_FURTHEST = 4.0  # standard deviations from the median: a value beyond is an artefact
_TREES = {
    "objective": "multiclass",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_child_samples": 40,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.4,
    "reg_lambda": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "verbose": -1,
}
_ROUNDS = 80


class FeatureNetwork(nn.Module):
    """Residual perceptron: (n, features) → (n, classes) logits.

    Features are standardised by the median and deviation of those it was trained on.
    """

    middle: Tensor
    spread: Tensor

    def __init__(self, n_features: int, n_classes: int):
        super().__init__()
        self.register_buffer("middle", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))
        self.inner = nn.Linear(n_features, _WIDTH)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(_WIDTH), nn.Dropout(_DROPOUT), nn.Linear(_WIDTH, _WIDTH))
            for _ in range(2)
        )
        self.outer = nn.Linear(_WIDTH, n_classes)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, features: Tensor) -> Tensor:
        """The logits of the classes."""
        x = ((features - self.middle) / self.spread).clamp(-_FURTHEST, _FURTHEST)
        hidden = functional.gelu(self.inner(self.dropout(x)))
        for layer in self.layers:
            hidden = hidden + functional.gelu(layer(hidden))
        logits: Tensor = self.outer(hidden)
        return logits


def class_weights(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """A weight of each class: less than proportional to how rare it is; 1 for the mean row."""
    weights = 1 / np.sqrt(np.bincount(labels, minlength=n_classes) + 50)
    return np.asarray(weights / weights[labels].mean(), np.float32)


@one_thread()
def train_network(
    features: Floats, labels: NDArray[np.int64], n_classes: int, seed: int
) -> FeatureNetwork:
    """Train a network on (n, features) and (n,) classes; the same seed gives the same one."""
    torch.manual_seed(seed)
    network = FeatureNetwork(features.shape[1], n_classes)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    network.middle.copy_(torch.from_numpy(np.median(features, 0)))
    network.spread.copy_(torch.from_numpy(features.std(0) + 1e-3))
    weights = torch.from_numpy(class_weights(labels, n_classes))
    n_batches = max(1, len(y) // _BATCH)
    epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, epochs * n_batches)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(y))
        for rows in order[: n_batches * _BATCH].chunk(n_batches):
            logits = network(x[rows])
            loss = functional.cross_entropy(logits, y[rows], weights, label_smoothing=0.02)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rate.step()
    return network.eval()


def train_trees(
    features: Floats, labels: NDArray[np.int64], n_classes: int, seed: int
) -> lightgbm.Booster:
    """Gradient-boosted trees on the same features, classes and weights."""
    weights = class_weights(labels, n_classes)[labels]
    data = lightgbm.Dataset(features, labels, weight=weights)
    settings = {**_TREES, "num_class": n_classes, "seed": seed}
    return lightgbm.train(settings, data, num_boost_round=_ROUNDS)
