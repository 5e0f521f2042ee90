"""Figures of the model that outlines nuclei, and the model that ships.

    python benchmarks/segmentation.py DATA OUT --seeds 0 1 2    docs/benchmarks/segmentation.md
    python benchmarks/segmentation.py DATA OUT --ship           signals/images/segmentation/model

DATA is the folder of the nuclei of the Data Science Bowl 2018 (`nuclei-dsb2018`) with its npz file.
OUT keeps the networks of the folds, so that the same command goes on if it was cut off. Kinds of
pictures are told by colour and brightness, since the data don't name them.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from medkg.core.checkpoint import Stages
from medkg.signals.images.segmentation.corpus import Corpus, read_corpus
from medkg.signals.images.segmentation.model import Segmenter
from medkg.signals.images.segmentation.network import CHANNELS, kinds_of, train_network
from medkg.signals.images.segmentation.nuclei import Mask
from medkg.signals.images.segmentation.train import (
    card_of,
    dice_of,
    figures_of,
    fold_masks,
    otsu_masks,
)
from medkg.signals.images.unet import UNet

SHIPS = Path(__file__).resolve().parents[1] / "signals/images/segmentation/model"
OF_DATA = """\
- Data: nuclei of the Data Science Bowl 2018 (Caicedo et al., Nature Methods 2019; image set
  BBBC038v1 of the Broad Bioimage Benchmark Collection), CC0, brought to 128 × 128 pixels: most
  fluorescence, some stained tissue, few unstained. Weights: Apache-2.0.
"""


def main() -> None:
    """Print the table; write the model that ships where that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--ship", action="store_true", help="of the one seed")
    arguments = parser.parse_args()
    if arguments.ship and len(arguments.seeds) > 1:
        parser.error("one seed ships")
    corpus = read_corpus(arguments.data)
    kind = kinds_of(corpus.pixels)
    kinds = {
        "dark (fluorescence)": kind == 0,
        "colours (stained)": kind >= 2,
        "bright, without colours": kind == 1,
    }
    print("| five folds | Dice | IoU | " + " | ".join(kinds) + " | count off | median | counted |")
    print("|---" * 9 + "|")
    for seed in arguments.seeds:
        stages = Stages(
            arguments.out / str(seed), lambda s=seed: [corpus.checksum, corpus.pixels.shape, s]
        )
        began = time.process_time()
        masks = fold_masks(corpus, seed, stages)
        spent = time.process_time() - began
        print(row(f"U-Net, seed {seed}", corpus, masks, kinds), flush=True)
        print(f"seed {seed}: {spent:.0f} CPU seconds for five folds", file=sys.stderr)
        if arguments.ship:
            ship(corpus, masks, seed, stages)
    print(row("Otsu's threshold", corpus, otsu_masks(corpus.pixels), kinds))
    print(row("the true masks, parted alike", corpus, corpus.masks, kinds))
    sizes = ", ".join(f"{int(rows.sum())} {name}" for name, rows in kinds.items())
    print(f"\n{len(corpus.masks)} pictures: {sizes}.")


def row(name: str, corpus: Corpus, masks: Mask, kinds: dict[str, np.ndarray]) -> str:
    """A row of the table."""
    figures, dice = figures_of(corpus, masks), dice_of(masks, corpus.masks)
    values = [figures["dice"], figures["iou"], *(dice[rows].mean() for rows in kinds.values())]
    cells = " | ".join(f"{value:.3f}" for value in values)
    off, median = figures["count_error"], figures["count_error_median"]
    return f"| {name} | {cells} | {off:.1f} | {median:.0f} | {figures['counts_ratio']:.2f} |"


def ship(corpus: Corpus, masks: Mask, seed: int, stages: Stages) -> None:
    """Train on all pictures and write the model that ships, its card with the data's terms."""

    def fitted() -> dict[str, object]:
        return train_network(corpus.pixels, corpus.masks, seed).state_dict()

    network = UNet(CHANNELS, 1)
    network.load_state_dict(stages.get("all", partial(fitted)))
    config = {
        "version": "1",
        "side": corpus.pixels.shape[1],
        "seed": seed,
        "corpus": corpus.checksum,
        "pictures": len(corpus.masks),
        "figures": figures_of(corpus, masks),
    }
    Segmenter(network, config).save(SHIPS, card_of(config) + OF_DATA)


if __name__ == "__main__":
    main()
