"""Noise taken out of chest radiographs, beside filters, and what it is good for.

    python benchmarks/denoising.py DATA [--seeds 0 1 2]    the table of docs/benchmarks/images.md

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). Gaussian noise is added to its
pictures. What `medkg train restoration` trains learns on the training part; all is measured on the
validation part: PSNR, the mean over pictures, how much more it is than the median filter's with an
interval of the bootstrap, and the AUC of the classifier that ships.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from medkg.core.statistics import Bootstrap, percentile_bounds
from medkg.signals.images.corpus import read_corpus
from medkg.signals.images.model import ImageClassifier
from medkg.signals.images.picture import Grey
from medkg.signals.images.restoration.network import (
    ROUNDS,
    RestorationNetwork,
    first_weights,
    network_of,
    restored,
    train_round,
    with_noise,
)
from medkg.signals.images.restoration.train import NOISE, filtered, psnr_of

CLASSES = ("normal", "pneumonia")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    learnt, clean, ill = parts_of(arguments.data)
    noisy = with_noise(clean, NOISE, np.random.default_rng(0))
    filters = filtered(noisy)
    rows = Rows(clean, ill, psnr_of(filters["median"], clean))
    print("| validation part | PSNR, dB | less the median filter (95 %) | AUC of the classifier |")
    print("|---|---|---|---|")
    rows.print_clean()
    rows.print("with noise", noisy)
    rows.print("median filter, 3 × 3", filters["median"])
    rows.print("Gaussian filter, .7 pixels", filters["gaussian"])
    for seed in arguments.seeds:
        began = time.process_time()
        network = trained(learnt, NOISE, seed)
        rows.print(f"network, seed {seed}", restored(network, noisy))
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU seconds", flush=True)


def parts_of(data: Path) -> tuple[Grey, Grey, NDArray[np.bool_]]:
    """The pictures to learn from, those to measure on, and which of these show pneumonia."""
    judged = read_corpus(data, part="val", labels=CLASSES)
    return read_corpus(data, labels=CLASSES).pixels, judged.pixels, judged.labels == 1


def trained(pixels: Grey, noise: float | None, seed: int) -> RestorationNetwork:
    """What `train restoration` trains of the same patches."""
    weights = first_weights(seed)
    for number in range(ROUNDS):
        weights = train_round(weights, pixels, noise, seed, number)
    return network_of(weights)


class Rows:
    """Prints how near pictures are to the true ones, and what the classifier sees on them.

    Args:
        true: (n, side, side) pictures; `ill`: (n,) which show pneumonia.
        baseline: (n,) PSNR of what others are compared with.
    """

    def __init__(self, true: Grey, ill: NDArray[np.bool_], baseline: NDArray[np.float64]):
        self._true, self._ill, self._baseline = true, ill, baseline
        self._classifier = ImageClassifier.open()

    def print_clean(self) -> None:
        print(f"| the pictures themselves | – | – | {self._auc(self._true):.3f} |")

    def print(self, name: str, pixels: Grey) -> None:
        values = psnr_of(pixels, self._true)
        more = values - self._baseline
        low, high = percentile_bounds(Bootstrap.over(np.arange(len(more)), 0, 1000).means(more))
        gain = f"{more.mean():+.2f} ({low:+.2f} to {high:+.2f})"
        print(f"| {name} | {values.mean():.2f} | {gain} | {self._auc(pixels):.3f} |", flush=True)

    def _auc(self, pixels: Grey) -> float:
        return roc_auc_score(self._ill, self._classifier.probabilities(pixels)[CLASSES[1]])


if __name__ == "__main__":
    main()
