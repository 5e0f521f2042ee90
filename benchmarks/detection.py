"""Nuclei as things of their own by Mask R-CNN, beside the U-Net and Otsu's threshold, parted.

    python benchmarks/detection.py DATA --seeds 0 1 2    docs/benchmarks/segmentation.md

DATA is the folder of the nuclei of the Data Science Bowl 2018 (`nuclei-dsb2018`) with its npz file.
Of five folds of its pictures those that are named are measured on, the others learnt from. The
masks say where nuclei are and not which is which, so that what is true is parted by the same
watershed as what the U-Net and the threshold say.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from medkg.signals.images.detection.figures import figures_of
from medkg.signals.images.detection.model import LEAST
from medkg.signals.images.detection.network import Seen, things_in, train_network
from medkg.signals.images.detection.train import numbered, seen_of
from medkg.signals.images.segmentation.corpus import folds_of, read_corpus
from medkg.signals.images.segmentation.model import THRESHOLD
from medkg.signals.images.segmentation.network import probabilities_of
from medkg.signals.images.segmentation.network import train_network as train_unet
from medkg.signals.images.segmentation.nuclei import Labels, otsu_mask, part_nuclei

FIGURES = ("ap", "precision", "recall", "f1", "dice")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data)
    numbers = numbered(corpus)
    print("| fold, by | " + " | ".join(FIGURES) + " | CPU seconds |\n" + "|---" * 7 + "|")
    for fold in arguments.folds:
        learnt, judged = folds_of(corpus)[fold]
        pictures, true = corpus.pixels[judged], list(numbers[judged])
        began = time.process_time()
        parted = [seen_of(part_nuclei(otsu_mask(picture))) for picture in pictures]
        print_row(f"{fold}, Otsu's threshold", parted, true, began)
        for seed in arguments.seeds:
            began = time.process_time()
            unet = train_unet(corpus.pixels[learnt], corpus.masks[learnt], seed)
            masks = probabilities_of(unet, pictures) > THRESHOLD
            by_unet = [seen_of(part_nuclei(mask)) for mask in masks]
            print_row(f"{fold}, U-Net, seed {seed}", by_unet, true, began)
            began = time.process_time()
            network = train_network(corpus.pixels[learnt], numbers[learnt], seed)
            seen = [things_in(network, picture, LEAST) for picture in pictures]
            print_row(f"{fold}, Mask R-CNN, seed {seed}", seen, true, began, ranked=True)
    n_things = sum(int(each.max()) for each in numbers)
    print(f"\n{len(numbers)} pictures with {n_things:,} nuclei, parted.")


def print_row(
    name: str, seen: list[Seen], true: list[Labels], began: float, *, ranked: bool = False
) -> None:
    """Print a row of the table; only things with scores have an average precision."""
    figures = figures_of(seen, true)
    cells = [f"{figures[n]:.3f}" if ranked or n != "ap" else "–" for n in FIGURES]
    spent = time.process_time() - began
    print(f"| {name} | {' | '.join(cells)} | {spent:.0f} |", flush=True)


if __name__ == "__main__":
    main()
