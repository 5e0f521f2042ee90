"""Training the model that outlines nuclei, measured by folds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....core.atomic import check_replaceable
from ....core.checkpoint import Stages, remove_checkpoints
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.progress import track
from ....core.quarantine import Quarantine
from ..picture import Colours
from ..unet import UNet
from .corpus import FOLDS, Corpus, folds_of, read_corpus
from .model import THRESHOLD, Segmenter
from .network import CHANNELS, probabilities_of, train_network
from .nuclei import Mask, otsu_mask, part_nuclei

Figures = dict[str, Any]


@explained_imports()
def train_segmentation(
    path: Path | str,
    out: Path | str,
    *,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the model on all pictures, with figures of folds.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path, side, quarantine: see `corpus.read_corpus`.
        out: model folder to write.

    Returns:
        The figures by folds, see `figures_of`.

    Raises:
        DataError: there are no pictures, fewer than folds, a side is asked for of an npz file, or
            `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    corpus = read_corpus(path, side=side, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, corpus.pixels.shape, seed])
    figures = figures_of(corpus, fold_masks(corpus, seed, stages))
    everything = np.arange(len(corpus.masks))
    network = _network(stages.get("all", partial(_fitted, corpus, everything, seed)))
    config = {
        "version": "1",
        "side": corpus.pixels.shape[1],
        "seed": seed,
        "corpus": corpus.checksum,
        "pictures": len(corpus.masks),
        "figures": figures,
    }
    Segmenter(network, config).save(out, card_of(config))
    remove_checkpoints(kept)
    return figures


@explained_imports()
def evaluate_segmentation(
    path: Path | str,
    *,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of `train_segmentation`, by folds, and of Otsu's threshold as `otsu`.

    Raises:
        DataError: there are no pictures, or fewer than folds.
    """
    corpus = read_corpus(path, side=side, quarantine=quarantine)
    figures = figures_of(corpus, fold_masks(corpus, seed, Stages(None)))
    return {**figures, "otsu": figures_of(corpus, otsu_masks(corpus.pixels))}


@explained_imports()
def evaluate_segmentation_model(
    path: Path | str,
    model: Path | str | None,
    *,
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of a trained model, and of Otsu's threshold, on pictures it hasn't learnt from.

    Args:
        path, quarantine: see `corpus.read_corpus`.
        model: its folder; None: the model that ships.

    Raises:
        DataError: there are no pictures.
    """
    segmenter = Segmenter.open(model)
    corpus = read_corpus(path, default=int(segmenter.config["side"]), quarantine=quarantine)
    masks = probabilities_of(segmenter.network, corpus.pixels) > THRESHOLD
    otsu = figures_of(corpus, otsu_masks(corpus.pixels))
    return {**figures_of(corpus, masks), "otsu": otsu}


def fold_masks(corpus: Corpus, seed: int, stages: Stages) -> Mask:
    """(n, side, side): each picture's nuclei by a network that has not seen it.

    Raises:
        DataError: there are fewer pictures than folds.
    """
    masks = np.zeros_like(corpus.masks)
    for number, (seen, unseen) in enumerate(track(folds_of(corpus), "Folds")):
        network = _network(stages.get(f"fold-{number}", partial(_fitted, corpus, seen, seed)))
        masks[unseen] = probabilities_of(network, corpus.pixels[unseen]) > THRESHOLD
    return masks


def otsu_masks(pixels: Colours) -> Mask:
    """(n, side, side) by Otsu's threshold: the baseline."""
    return np.stack([otsu_mask(picture) for picture in pixels])


def dice_of(masks: Mask, true: Mask) -> NDArray[np.float64]:
    """(n,) Dice's ratio of each picture's masks, (n, height, width); 1 where both are empty."""
    sizes = masks.sum((1, 2)) + true.sum((1, 2))
    both = 2.0 * (masks & true).sum((1, 2))
    return np.where(sizes > 0, both / np.maximum(sizes, 1), 1.0)


def figures_of(corpus: Corpus, masks: Mask) -> Figures:
    """How masks agree with the corpus's, and counts of nuclei with those that are stated.

    Returns:
        `pictures`; `dice` and `iou`, each the mean over pictures; where numbers of nuclei are
        stated, `counted` pictures, `count_error` (the mean of how far the count is from them),
        `count_error_median`, and `counts_ratio` (all nuclei that were counted to all there are).
    """
    dice = dice_of(masks, corpus.masks)
    figures: Figures = {
        "pictures": len(dice),
        "dice": float(dice.mean()),
        "iou": float((dice / (2 - dice)).mean()),
    }
    known = corpus.counts >= 0
    if known.any():
        counts = np.array([part_nuclei(mask).max() for mask in masks[known]])
        away = np.abs(counts - corpus.counts[known])
        figures |= {
            "counted": int(known.sum()),
            "count_error": float(away.mean()),
            "count_error_median": float(np.median(away)),
            "counts_ratio": float(counts.sum() / max(1, corpus.counts[known].sum())),
        }
    return figures


def _fitted(corpus: Corpus, rows: NDArray[np.int64], seed: int) -> Mapping[str, torch.Tensor]:
    return train_network(corpus.pixels[rows], corpus.masks[rows], seed).state_dict()


def _network(weights: Mapping[str, torch.Tensor]) -> UNet:
    network = UNet(CHANNELS, 1)
    network.load_state_dict(weights)
    return network.eval()


def card_of(config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    figures = config["figures"]
    counts = ""
    if "counted" in figures:
        counts = (
            f"- The number of nuclei is off by {figures['count_error']:.1f} in the mean (median"
            f" {figures['count_error_median']:.0f}); {figures['counts_ratio']:.2f} of all are"
            " counted.\n"
        )
    side = config["side"]
    return f"""# Nuclei in pictures of microscopes

Tells pixels of nuclei from the rest in pictures of {side} × {side} pixels, by a U-Net. A watershed
parts nuclei that touch.

- Made by `medkg train segmentation DATA --out MODEL --seed {config["seed"]}`.
- Trained on {config["pictures"]:,} pictures (checksum {config["corpus"][:16]}).
- By {FOLDS} folds, the same picture never on both sides: Dice {figures["dice"]:.3f}, IoU
  {figures["iou"]:.3f}, each the mean over pictures.
{counts}- Limits: nuclei of other sizes, stains and microscopes than those of the training pictures
  may be missed. It measures, and doesn't say what is normal. It is no medical device.
"""
