"""The residual network that classifies pictures, and its training."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...core.threads import one_thread
from .picture import Grey

_WIDTHS, _BLOCKS = (16, 32, 64), (1, 1, 2)  # channels, and blocks, of each resolution
_DROPOUT = 0.2
_EPOCHS, _BATCH, _RATE, _DECAY, _SMOOTHING = 6, 64, 4e-3, 0.05, 0.02
_FINE_RATE = 3e-4
_LEAST_STEPS = 100  # few pictures are learnt from more often
_TURN, _SCALE, _SHIFT = 8.0, 0.1, 0.12  # at most: degrees, share of the size, share of half a side
_CONTRAST, _BRIGHTNESS = 0.15, 0.1
_AT_ONCE = 256


class ResidualBlock(nn.Module):
    """Two convolutions, and what goes round them (He et al., 2016)."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.around: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            convolution = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
            self.around = nn.Sequential(convolution, nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) → the same, or half as high and wide."""
        return functional.relu(self.around(x) + self.layers(x))


class PictureNetwork(nn.Module):
    """Residual network: (n, side, side) pictures → (n, classes) logits.

    Each picture is standardised by its own mean and deviation, so that brightness and contrast,
    which differ from device to device, count for nothing.

    Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    def __init__(self, n_classes: int, body: nn.Module | None = None, width: int = _WIDTHS[-1]):
        """Args:
        body: (n, 1, side, side) → the last maps, of `width` channels; None: medkg's own.
        """
        super().__init__()
        self.body = _residual_body() if body is None else body
        self.dropout = nn.Dropout(_DROPOUT)
        self.outer = nn.Linear(width, n_classes)

    def maps(self, pictures: Tensor) -> Tensor:
        """(n, channels, h, w): the last feature maps, of medkg's own side / 4 high and wide."""
        x = pictures[:, None]
        mean, spread = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True)
        x = (x - mean) / (spread + 1e-3)
        maps: Tensor = self.body(x.contiguous(memory_format=torch.channels_last))
        return maps

    def forward(self, pictures: Tensor) -> Tensor:
        """The logits of the classes."""
        logits: Tensor = self.outer(self.dropout(self.maps(pictures).mean((2, 3))))
        return logits


def _residual_body() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(1, _WIDTHS[0], 3, 1, 1, bias=False),
        nn.BatchNorm2d(_WIDTHS[0]),
        nn.ReLU(),
    ]
    n_in = _WIDTHS[0]
    for level, (width, blocks) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True)):
        for block in range(blocks):
            layers.append(ResidualBlock(n_in, width, 2 if level and not block else 1))
            n_in = width
    return nn.Sequential(*layers)


@one_thread()
def train_network(
    pixels: Grey,
    labels: NDArray[np.int64],
    make: Callable[[], PictureNetwork],
    seed: int,
    *,
    trained: bool = False,
) -> PictureNetwork:
    """Train a network on (n, side, side) pictures; the same seed gives the same one.

    Args:
        make: gives the network with its first weights.
        trained: whether these are not random, so that they are changed in smaller steps.
    """
    torch.manual_seed(seed)
    network = make()
    most = _FINE_RATE if trained else _RATE
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    x, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    n_batches = max(1, len(y) // _BATCH)
    epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    optimiser = torch.optim.AdamW(network.parameters(), most, weight_decay=_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, most, epochs * n_batches, pct_start=0.25)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(y))[: n_batches * _BATCH].chunk(n_batches):
            logits = network(_varied(x[rows]))
            loss = functional.cross_entropy(logits, y[rows], label_smoothing=_SMOOTHING)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rate.step()
    network.eval()
    return network


def _varied(pictures: Tensor) -> Tensor:
    """Pictures turned, scaled, shifted, mirrored, and of another contrast and brightness."""
    n = len(pictures)
    angle = (torch.rand(n) * 2 - 1) * math.radians(_TURN)
    scale = 1 + (torch.rand(n) * 2 - 1) * _SCALE
    shift = (torch.rand(n, 2) * 2 - 1) * _SHIFT
    side = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    first = torch.stack([cosine * side, -sine, shift[:, 0]], 1)
    second = torch.stack([sine * side, cosine, shift[:, 1]], 1)
    x = pictures[:, None]
    grid = functional.affine_grid(torch.stack([first, second], 1), list(x.shape), False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)[:, 0]
    mean = x.mean((1, 2), keepdim=True)
    contrast = 1 + (torch.rand(n, 1, 1) * 2 - 1) * _CONTRAST
    return (x - mean) * contrast + mean + (torch.rand(n, 1, 1) * 2 - 1) * _BRIGHTNESS


@one_thread()
@torch.no_grad()
def class_log_odds(network: PictureNetwork, pixels: Grey) -> NDArray[np.float64]:
    """(n, classes): log-odds of each class, the mean of those of the picture and its mirror."""
    odds = []
    for start in range(0, len(pixels), _AT_ONCE):
        part = torch.from_numpy(pixels[start : start + _AT_ONCE])
        logits = torch.stack([network(part), network(part.flip(2))]).double()
        odds.append(log_odds_of(logits).mean(0))
    return np.asarray(torch.cat(odds).numpy())


def log_odds_of(logits: Tensor) -> Tensor:
    """(…, classes) logits → log-odds of each class against all the others."""
    others = [
        torch.logsumexp(torch.cat([logits[..., :k], logits[..., k + 1 :]], -1), -1)
        for k in range(logits.shape[-1])
    ]
    return logits - torch.stack(others, -1)


@one_thread()
@torch.no_grad()
def activation_map(network: PictureNetwork, picture: Grey, label: int) -> Grey:
    """(side, side), 0–1: how much each place speaks for a class, relative to the most.

    The last maps, weighted by the gradient of the class's logit less the others' mean, where
    positive. Over mean pooling and one linear layer that gradient is the layer's weights. It is the
    mean of the maps of the picture and its mirror.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017; Zhou et al., CVPR 2016.
    """
    weights = network.outer.weight
    others = (weights.sum(0) - weights[label]) / (len(weights) - 1)
    x = torch.from_numpy(picture)[None]
    maps = network.maps(x) + network.maps(x.flip(2)).flip(3)
    heat = torch.einsum("nchw,c->nhw", maps, weights[label] - others).clamp(min=0)
    size = list(picture.shape)
    heat = functional.interpolate(heat[:, None], size, mode="bilinear", align_corners=False)[0, 0]
    return np.asarray((heat / heat.max().clamp(min=1e-9)).numpy(), np.float32)
