"""Noise taken out of chest radiographs by a small U-Net, beside filters, and what it is good for.

    python benchmarks/denoising.py DATA [--seeds 0 1 2]    the table of docs/benchmarks/images.md

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). Gaussian noise is added to its
pictures. The U-Net learns on the training part; all is measured on the validation part: PSNR, and
the AUC of the classifier that ships.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score
from torch import Tensor

from medkg.core.threads import one_thread
from medkg.signals.images.corpus import read_corpus
from medkg.signals.images.model import ImageClassifier
from medkg.signals.images.picture import Grey
from medkg.signals.images.unet import STEP, UNet

CLASSES = ("normal", "pneumonia")
NOISE = 0.1  # standard deviation, of 0–1
EPOCHS, BATCH, RATE = 4, 32, 4e-3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    learnt = read_corpus(arguments.data, labels=CLASSES).pixels
    judged = read_corpus(arguments.data, part="val", labels=CLASSES)
    clean, ill = judged.pixels, judged.labels == 1
    rng = np.random.default_rng(0)
    noisy = with_noise(clean, rng)
    classifier = ImageClassifier.open()

    def row(name: str, pixels: Grey) -> None:
        error = float(np.square(pixels.clip(0, 1) - clean).mean((1, 2)).clip(1e-12).mean())
        psnr = f"{-10 * np.log10(error):.1f}" if error > 1e-9 else "–"
        auc = roc_auc_score(ill, classifier.probabilities(pixels)[CLASSES[1]])
        print(f"| {name} | {psnr} | {auc:.3f} |", flush=True)

    print("| validation part | PSNR, dB | AUC of the classifier |\n|---|---|---|")
    row("clean", clean)
    row("with noise", noisy)
    row("median filter, 3 × 3", ndimage.median_filter(noisy, (1, 3, 3)))
    row("Gaussian filter, .7 pixels", ndimage.gaussian_filter(noisy, (0, 0.7, 0.7)))
    for seed in arguments.seeds:
        began = time.process_time()
        network = train(learnt, seed)
        row(f"U-Net, seed {seed}", denoised(network, noisy))
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU seconds", flush=True)


def with_noise(pixels: Grey, rng: np.random.Generator) -> Grey:
    """The pictures with Gaussian noise, within 0–1."""
    noise = NOISE * rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(pixels + noise, 0, 1)


def train(pixels: Grey, seed: int) -> UNet:
    """A network that says what noise is in a picture."""

    def pair(rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(with_noise(pixels[rows], rng)), torch.from_numpy(pixels[rows])

    return trained(pair, len(pixels), seed, rate=RATE, sign=-1)


@one_thread()
def trained(
    pair: Callable[[NDArray[np.int64], np.random.Generator], tuple[Tensor, Tensor]],
    n: int,
    seed: int,
    *,
    rate: float,
    sign: int,
) -> UNet:
    """A network that says what n pictures have too much of (sign -1), or lack (1).

    Args:
        pair: of some rows the pictures as they are given, and as they should be.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = UNet(1, 1)
    n_batches = n // BATCH
    optimiser = torch.optim.AdamW(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, EPOCHS * n_batches)
    network.train()
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(n)[: n_batches * BATCH], n_batches):
            x, true = pair(rows, rng)
            loss = (x + sign * residual(network, x) - true).square().mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return network.eval()


@one_thread()
@torch.no_grad()
def denoised(network: UNet, noisy: Grey) -> Grey:
    """The pictures without what the network says is noise."""
    x = torch.from_numpy(noisy)
    return np.asarray((x - residual(network, x)).clamp(0, 1).numpy())


def residual(network: UNet, x: Tensor) -> Tensor:
    """What a network says of (n, side, side) pictures, padded to what it takes."""
    side = x.shape[-1]
    more = -side % STEP
    padded = torch.nn.functional.pad(x[:, None], (0, more, 0, more), mode="reflect")
    return network(padded)[:, 0, :side, :side]


if __name__ == "__main__":
    main()
