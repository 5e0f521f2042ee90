"""Pictures brought to twice their size by a small U-Net, beside bicubic: docs/benchmarks/images.md.

    python benchmarks/super_resolution.py DATA [--seeds 0 1 2]

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). Its pictures are brought to half
of their sides (means over 2 × 2 pixels), and back. The U-Net learns on the training part what
bicubic lacks; all is measured on the validation part: PSNR, the mean over pictures, and the AUC of
the classifier that ships.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from denoising import CLASSES, residual, trained
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from medkg.core.statistics import Bootstrap, percentile_bounds
from medkg.core.threads import one_thread
from medkg.signals.images.corpus import read_corpus
from medkg.signals.images.model import ImageClassifier
from medkg.signals.images.picture import Grey
from medkg.signals.images.unet import UNet

RATE = 3e-3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    learnt = read_corpus(arguments.data, labels=CLASSES).pixels
    validation = read_corpus(arguments.data, part="val", labels=CLASSES)
    judged, ill = validation.pixels, validation.labels == 1
    small = halved(judged)
    classifier = ImageClassifier.open()
    bicubic = enlarged(small)
    baseline = psnr_of(bicubic, judged)

    def row(name: str, pixels: Grey) -> None:
        values = psnr_of(pixels, judged)
        low, high = percentile_bounds(
            Bootstrap.over(np.arange(len(values)), 0, 1000).means(values - baseline)
        )
        auc = f"{roc_auc_score(ill, classifier.probabilities(pixels)[CLASSES[1]]):.3f}"
        gain = f"{(values - baseline).mean():+.2f} ({low:+.2f} to {high:+.2f})"
        print(f"| {name} | {values.mean():.2f} | {gain} | {auc} |", flush=True)

    print(
        "| way back | PSNR, dB | less bicubic (95 %) | AUC of the classifier |\n|---|---|---|---|"
    )
    clean = roc_auc_score(ill, classifier.probabilities(judged)[CLASSES[1]])
    print(f"| none was needed: the pictures themselves | – | – | {clean:.3f} |")
    row("nearest", np.repeat(np.repeat(small, 2, 1), 2, 2))
    row("bicubic", bicubic)
    for seed in arguments.seeds:
        began = time.process_time()
        network = train(learnt, seed)
        row(f"U-Net, seed {seed}", restored(network, small))
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU seconds", flush=True)


def halved(pixels: Grey) -> Grey:
    """Means over 2 × 2 pixels of (n, side, side)."""
    n, side, _ = pixels.shape
    return np.asarray(pixels.reshape(n, side // 2, 2, side // 2, 2).mean((2, 4)))


def enlarged(pixels: Grey) -> Grey:
    """Twice the size, by bicubic interpolation."""
    x = torch.from_numpy(pixels)[:, None]
    larger = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bicubic")
    return np.asarray(larger[:, 0].clamp(0, 1).numpy())


def psnr_of(pixels: Grey, true: Grey) -> np.ndarray:
    """(n,): the peak signal-to-noise ratio of each picture, in dB."""
    error = np.square(pixels.astype(float) - true).mean((1, 2))
    return np.asarray(-10 * np.log10(error.clip(1e-7)))


def train(pixels: Grey, seed: int) -> UNet:
    """A network that says what bicubic interpolation lacks."""
    rough = enlarged(halved(pixels))

    def pair(rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x, true = torch.from_numpy(rough[rows]), torch.from_numpy(pixels[rows])
        return (x.flip(2), true.flip(2)) if rng.random() < 0.5 else (x, true)

    return trained(pair, len(pixels), seed, rate=RATE, sign=1)


@one_thread()
@torch.no_grad()
def restored(network: UNet, small: Grey) -> Grey:
    """Twice the size, with what the network says that bicubic interpolation lacks."""
    x = torch.from_numpy(enlarged(small))
    return np.asarray((x + residual(network, x)).clamp(0, 1).numpy())


if __name__ == "__main__":
    main()
