"""Training the U-Net that tells nuclei from the rest, and what it says of pictures."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ....core.progress import track
from ....core.threads import one_thread
from ..corpus import COLOURFUL
from ..picture import Colours, Grey
from ..unet import STEP, UNet

CHANNELS = 4  # red, green, blue, and the root of the brightness, in which what is dim is seen
_EPOCHS, _BATCH, _RATE, _DECAY = 30, 8, 5e-3, 0.02
# Of a kind that is rare among the pictures (stained, unstained) they are drawn more often, up to
# this share of all and so many times as often as others.
_SHARE, _OFTENER = 0.12, 8.0
_LEAST_STEPS = 200  # few pictures are learnt from more often
_INVERTED, _MIXED = 0.3, 0.5  # shares of pictures with light and dark, or with colours, exchanged
_PART = 0.75  # of a picture's side is learnt from at a time, another part each time
_ZOOM, _SHIFT, _GAMMA = 0.2, 0.25, 0.3  # at most: logarithm, share of half a side, logarithm
_BRIGHT = 0.5  # mean brightness from which the ground is light
_SMOOTH = 20.0  # pixels that are added to both sides of Dice's ratio: few nuclei, or none
_AT_ONCE = 32


@one_thread()
def train_network(pixels: Colours, masks: NDArray[np.bool_], seed: int) -> UNet:
    """Train a network; the same seed gives the same one.

    The loss is cross-entropy and one less Dice's ratio of each picture. Pictures are drawn with
    replacement, those of rare kinds more often.

    Args:
        pixels: (n, side, side, 3), 0–1.
        masks: (n, side, side): where nuclei are.
    """
    torch.manual_seed(seed)
    network = UNet(CHANNELS, 1)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    y = torch.from_numpy(masks).float()
    n_batches = max(1, len(y) // _BATCH)
    epochs = max(_EPOCHS, math.ceil(_LEAST_STEPS / n_batches))
    often = _how_often(pixels)
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, epochs * n_batches, pct_start=0.2)
    network.train()
    for _ in track(range(epochs), "Epochs"):
        for rows in torch.multinomial(often, n_batches * _BATCH, replacement=True).chunk(n_batches):
            pictures, true = _varied(x[rows], y[rows])
            logits = network(_inputs(pictures))[:, 0]
            loss = functional.binary_cross_entropy_with_logits(logits, true)
            loss = loss + (1 - _soft_dice(torch.sigmoid(logits), true)).mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rate.step()
    network.eval()
    return network


def _how_often(pixels: Colours) -> Tensor:
    """(n,) how many times as often each picture is drawn as one of a frequent kind."""
    kinds = kinds_of(pixels)
    numbers = np.bincount(kinds)
    often = np.clip(_SHARE * len(kinds) / numbers[kinds], 1, _OFTENER)
    return torch.from_numpy(often)


def kinds_of(pixels: Colours) -> NDArray[np.int64]:
    """(n,) the kind of each of some pictures: 0 dark, 1 bright, 2 dark in colours, 3 bright in
    colours. In microscopy these are fluorescence, unstained cells, and stained ones."""
    bright = pixels.mean((1, 2, 3)) > _BRIGHT
    colourful = np.ptp(pixels, axis=-1).mean((1, 2)) > COLOURFUL
    return np.asarray(bright + 2 * colourful, np.int64)


def _soft_dice(probabilities: Tensor, true: Tensor) -> Tensor:
    """(n,) Dice's ratio of probabilities (n, side, side) and masks."""
    both = (probabilities * true).sum((1, 2))
    return (2 * both + _SMOOTH) / (probabilities.sum((1, 2)) + true.sum((1, 2)) + _SMOOTH)


def _varied(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Parts of pictures (n, 3, side, side) and masks: turned, mirrored, zoomed, and of other
    colours, the light made dark in some and the dark light."""
    n, side = len(x), x.shape[-1]
    part = max(STEP, int(_PART * side) // STEP * STEP)
    turns = torch.randint(0, 4, (n,)).tolist()
    both = torch.cat([x, y[:, None]], 1)
    both = torch.stack([torch.rot90(each, k, (1, 2)) for each, k in zip(both, turns, strict=True)])
    mirrored = torch.rand(n) < 0.5
    both[mirrored] = both[mirrored].flip(3)
    zoom = torch.exp((torch.rand(n) * 2 - 1) * _ZOOM) * (part / side)
    moves = torch.zeros(n, 2, 3)
    moves[:, 0, 0] = moves[:, 1, 1] = zoom
    moves[:, :, 2] = (torch.rand(n, 2) * 2 - 1) * _SHIFT
    grid = functional.affine_grid(moves, [n, 4, part, part], False)
    both = functional.grid_sample(both, grid, padding_mode="reflection", align_corners=False)
    x, y = both[:, :3].clamp(0, 1), both[:, 3].clamp(0, 1)
    inverted, mixed = torch.rand(n) < _INVERTED, torch.rand(n) < _MIXED
    x[inverted] = 1 - x[inverted]
    x[mixed] = x[mixed][:, torch.randperm(3)]
    return x ** torch.exp((torch.rand(n, 1, 1, 1) * 2 - 1) * _GAMMA), y


def _inputs(x: Tensor) -> Tensor:
    """(n, 3, height, width), 0–1 → (n, 4, height, width), standardised by each picture's own."""

    def standardised(part: Tensor) -> Tensor:
        mean, spread = part.mean((1, 2, 3), keepdim=True), part.std((1, 2, 3), keepdim=True)
        return (part - mean) / (spread + 1e-2)

    root = x.mean(1, keepdim=True).clamp(min=0).sqrt()
    return torch.cat([standardised(x), standardised(root)], 1)


@one_thread()
@torch.no_grad()
def probabilities_of(network: UNet, pixels: Colours) -> Grey:
    """(n, height, width): that a pixel of (n, height, width, 3) pictures is of a nucleus.

    The mean over the picture turned by four right angles, and their mirrors.
    """
    means = []
    for start in range(0, len(pixels), _AT_ONCE):
        x = torch.from_numpy(pixels[start : start + _AT_ONCE]).permute(0, 3, 1, 2)
        height, width = x.shape[2:]
        padding = (0, -width % STEP, 0, -height % STEP)
        x = functional.pad(_inputs(x), padding, mode="replicate")
        total = torch.zeros(len(x), *x.shape[2:])
        for turn in range(4):
            for mirror in (False, True):
                seen = torch.rot90(x, turn, (2, 3))
                logits = network(seen.flip(3) if mirror else seen)
                logits = logits.flip(3) if mirror else logits
                total += torch.sigmoid(torch.rot90(logits, -turn, (2, 3)))[:, 0]
        means.append((total / 8)[:, :height, :width])
    return np.asarray(torch.cat(means).numpy())
