"""The network that restores pictures: what they have too much of, or lack."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ....core.progress import track
from ....core.threads import one_thread
from ..picture import Grey

PATCH = 28  # pixels of the side of what is learnt from at a time
TASKS = ("noise", "size")
ROUNDS = 5
_WIDTH, _BLOCKS = 32, 4
_EPOCHS, _BATCH, _RATE = 4, 16, 2e-3  # epochs of a round
_LEAST_STEPS = 200  # of a round: few pictures are learnt from more often
_TILE = 512  # pixels that are restored at once
_AT_ONCE = 1_000  # pictures: of many the network's features fill gigabytes
_MARGIN = 24  # about a tile: a pixel is restored by those within 20 of it


class RestorationNetwork(nn.Module):
    """(n, height, width) → what to add to each pixel; height and width are even.

    Residual convolutions at half of the resolution, without batch normalisation, which blurs
    values.

    Source: Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR
    Workshops 2017; pixels are unshuffled as by Shi et al., CVPR 2016.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inner = _convolution(4, _WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(_convolution(_WIDTH, _WIDTH), nn.ReLU(), _convolution(_WIDTH, _WIDTH))
            for _ in range(_BLOCKS)
        )
        self.outer = _convolution(_WIDTH, 4)

    def forward(self, pixels: Tensor) -> Tensor:
        """What to add to each pixel."""
        x = self.inner(functional.pixel_unshuffle(pixels[:, None], 2))
        for block in self.blocks:
            x = x + block(x) / 2
        return functional.pixel_shuffle(self.outer(x), 2)[:, 0]


def _convolution(n_in: int, n_out: int) -> nn.Conv2d:
    # A picture goes on beyond its edge as it does within, and not in black.
    return nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="reflect")


def with_noise(pixels: Grey, noise: float, rng: np.random.Generator) -> Grey:
    """Pictures with Gaussian noise of a standard deviation, within 0–1."""
    drawn = np.float32(noise) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(pixels + drawn, 0, 1)


def halved(pixels: Grey) -> Grey:
    """(n, height, width) → (n, height / 2, width / 2): means over 2 × 2 pixels."""
    n, height, width = pixels.shape
    return np.asarray(pixels.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4)))


def enlarged(pixels: Grey) -> Grey:
    """(n, height, width) → (n, 2 · height, 2 · width), by bicubic interpolation."""
    x = functional.interpolate(torch.from_numpy(pixels)[:, None], scale_factor=2.0, mode="bicubic")
    return np.asarray(x[:, 0].clamp(0, 1).numpy())


def first_weights(seed: int) -> dict[str, Tensor]:
    """The weights before the first round."""
    torch.manual_seed(seed)
    return RestorationNetwork().state_dict()


@one_thread()
def train_round(
    weights: Mapping[str, Tensor], patches: Grey, noise: float | None, seed: int, number: int
) -> dict[str, Tensor]:
    """Train for one of `ROUNDS`; the same seed and number give the same weights.

    Args:
        weights: of the round before, or `first_weights`.
        patches: (n, `PATCH`, `PATCH`), 0–1, as they should be.
        noise: standard deviation of what is put on them; None: they are at half of their size.
        number: of the round, from 0: later ones take smaller steps.
    """
    rng = np.random.default_rng((seed, number))
    network = network_of(weights).train()
    optimiser = torch.optim.Adam(network.parameters(), _RATE)
    rough = enlarged(halved(patches)) if noise is None else patches
    n_steps = max(_LEAST_STEPS, _EPOCHS * len(patches) // _BATCH)
    for step in track(range(n_steps), f"Round {number + 1} of {ROUNDS}"):
        # From the full rate to none over all rounds, along half of a cosine.
        done = (number + step / n_steps) / ROUNDS
        optimiser.param_groups[0]["lr"] = _RATE * (1 + np.cos(np.pi * done)) / 2
        rows = rng.integers(len(patches), size=_BATCH)
        true = patches[rows]
        given = rough[rows] if noise is None else with_noise(true, noise, rng)
        x, y = torch.from_numpy(given), torch.from_numpy(true)
        if rng.random() < 0.5:
            x, y = x.flip(2), y.flip(2)
        loss = (x + network(x) - y).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return network.state_dict()


def network_of(weights: Mapping[str, Tensor]) -> RestorationNetwork:
    """The network, for use.

    Raises:
        RuntimeError: the weights are not its.
    """
    network = RestorationNetwork()
    network.load_state_dict(weights)
    return network.eval()


@one_thread()
@torch.no_grad()
def restored(network: RestorationNetwork, pixels: Grey) -> Grey:
    """(n, height, width) pictures with what the network adds to them, 0–1.

    A picture may be large: it is restored in tiles, which overlap.
    """
    if len(pixels) > _AT_ONCE:
        parts = [pixels[n : n + _AT_ONCE] for n in range(0, len(pixels), _AT_ONCE)]
        return np.concatenate([restored(network, part) for part in parts])
    height, width = pixels.shape[1:]
    even = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="reflect")
    whole = np.empty_like(pixels)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            first, start = max(0, top - _MARGIN), max(0, left - _MARGIN)
            tile = even[:, first : top + _TILE + _MARGIN, start : left + _TILE + _MARGIN]
            given = torch.from_numpy(np.ascontiguousarray(tile))
            made = (given + network(given)).clamp(0, 1).numpy()
            bottom, right = min(top + _TILE, height), min(left + _TILE, width)
            own = made[:, top - first : bottom - first, left - start : right - start]
            whole[:, top:bottom, left:right] = own
    return whole
