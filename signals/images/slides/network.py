"""The network that classifies slides by attention over their tiles, and its training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ....core.progress import track
from ....core.threads import one_thread
from ..network import ResidualBlock, log_odds_of
from .tiles import Tiles

_WIDTHS, _ATTENTION = (16, 32, 64), 32
_EPOCHS, _BATCH, _RATE, _DECAY = 20, 8, 2e-3, 0.02
_LEAST_STEPS = 100  # few slides are learnt from more often
_TILES = 24  # of a slide are learnt from at a time, others each time
_AT_ONCE = 64  # tiles


class SlideNetwork(nn.Module):
    """Residual features of tiles, their mean weighted by gated attention, and classes from it.

    Source: Ilse et al., Attention-based Deep Multiple Instance Learning, ICML 2018.
    """

    def __init__(self, n_classes: int):
        super().__init__()
        blocks = [
            ResidualBlock(a, b, 2)
            for a, b in zip(_WIDTHS, (*_WIDTHS[1:], _WIDTHS[-1]), strict=True)
        ]
        first = nn.Conv2d(3, _WIDTHS[0], 3, 2, 1, bias=False)
        self.body = nn.Sequential(first, nn.BatchNorm2d(_WIDTHS[0]), nn.ReLU(), *blocks)
        self.signal = nn.Linear(_WIDTHS[-1], _ATTENTION)
        self.gate = nn.Linear(_WIDTHS[-1], _ATTENTION)
        self.weight = nn.Linear(_ATTENTION, 1)
        self.outer = nn.Linear(_WIDTHS[-1], n_classes)

    def features(self, tiles: Tensor) -> Tensor:
        """(n, 64) of (n, side, side, 3) tiles of 8 bits."""
        x = tiles.permute(0, 3, 1, 2).float() / 127.5 - 1
        features: Tensor = self.body(x).mean((2, 3))
        return features

    def attention(self, features: Tensor) -> Tensor:
        """(n,) weights of a slide's tiles; their sum is 1."""
        gated = torch.tanh(self.signal(features)) * torch.sigmoid(self.gate(features))
        weights: Tensor = torch.softmax(self.weight(gated)[:, 0], 0)
        return weights

    def logits(self, features: Tensor) -> Tensor:
        """(classes,) of a slide by the features of its tiles."""
        logits: Tensor = self.outer(self.attention(features) @ features)
        return logits


@one_thread()
def train_network(
    slides: Sequence[Tiles], labels: NDArray[np.int64], n_classes: int, seed: int
) -> SlideNetwork:
    """Train a network on the tiles of slides; the same seed gives the same one."""
    torch.manual_seed(seed)
    network = SlideNetwork(n_classes)
    tiles = [torch.from_numpy(each) for each in slides]
    y = torch.from_numpy(labels)
    n_batches = max(1, len(y) // _BATCH)
    epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, epochs * n_batches)
    network.train()
    for _ in track(range(epochs), "Epochs"):
        for rows in torch.randperm(len(y))[: n_batches * _BATCH].chunk(n_batches):
            parts = [_some(tiles[row]) for row in rows.tolist()]
            features = network.features(torch.cat(parts))
            by_slide = torch.split(features, [len(part) for part in parts])
            logits = torch.stack([network.logits(each) for each in by_slide])
            loss = functional.cross_entropy(logits, y[rows])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rate.step()
    network.eval()
    return network


def _some(tiles: Tensor) -> Tensor:
    """Some of a slide's tiles, all turned and mirrored alike: tissue has no way up."""
    some = tiles[torch.randperm(len(tiles))[:_TILES]]
    some = torch.rot90(some, int(torch.randint(4, (1,))), (1, 2))
    return some.flip(2) if torch.rand(1) < 0.5 else some


@one_thread()
@torch.no_grad()
def judge_slide(
    network: SlideNetwork, tiles: Tiles
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(classes,) log-odds of each class, and (n,) the attention to each tile."""
    parts = torch.split(torch.from_numpy(tiles), _AT_ONCE)
    features = torch.cat([network.features(part) for part in parts])
    odds = log_odds_of(network.logits(features).double()[None])[0]
    return np.asarray(odds.numpy()), np.asarray(network.attention(features).double().numpy())
