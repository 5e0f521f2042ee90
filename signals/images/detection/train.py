"""Training the model that looks for things of one kind, measured by folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection import MaskRCNN

from ....core import calibration
from ....core.atomic import check_replaceable
from ....core.checkpoint import Stages, remove_checkpoints
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.progress import track
from ....core.quarantine import Quarantine
from ...classifier import log_odds
from ..figures import operating_point
from ..segmentation.corpus import FOLDS, Corpus, folds_of, read_corpus
from ..segmentation.nuclei import Labels, otsu_mask, part_nuclei
from .figures import figures_of
from .model import LEAST, THRESHOLD, Detector
from .network import Seen, mask_rcnn, things_in, train_network

Figures = dict[str, Any]


@explained_imports()
def train_detection(
    path: Path | str,
    out: Path | str,
    *,
    label: str,
    procedure: str,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the model on all pictures, with figures of folds.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path, side, quarantine: see `segmentation.corpus.read_corpus`. Where a mask doesn't number
            its things, those that touch are parted by a watershed.
        out: model folder to write.
        label: what the things are, as codes have it.
        procedure: the kind of examination, such as "chest radiograph".

    Returns:
        The figures by folds, see `figures.figures_of`.

    Raises:
        DataError: there are no pictures, fewer than folds, or none shows a thing; label or
            procedure is empty; `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    if not label.strip() or not procedure.strip():
        raise DataError('name what is looked for, and in what: --label nodule --procedure "CT"')
    corpus = read_corpus(path, side=side, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, corpus.pixels.shape, seed])
    numbers = numbered(corpus)
    seen = fold_things(corpus, numbers, seed, stages)
    figures = figures_of(seen, list(numbers))
    everything = np.arange(len(numbers))
    network = _network(stages.get("all", partial(_fitted, corpus, numbers, everything, seed)))
    fitted, threshold = calibrate(seen, numbers)
    config = {
        "version": "1",
        "label": label.strip(),
        "procedure": procedure.strip(),
        "side": corpus.pixels.shape[1],
        "threshold": threshold,
        "seed": seed,
        "corpus": corpus.checksum,
        "figures": figures,
    }
    Detector(network, fitted, config).save(out, card_of(config, calibrated=fitted is not None))
    remove_checkpoints(kept)
    return figures


@explained_imports()
def evaluate_detection(
    path: Path | str,
    *,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of `train_detection`, by folds, and as `otsu` of a threshold and a watershed.

    Raises:
        DataError: there are no pictures, fewer than folds, or none shows a thing.
    """
    corpus = read_corpus(path, side=side, quarantine=quarantine)
    numbers = numbered(corpus)
    figures = figures_of(fold_things(corpus, numbers, seed, Stages(None)), list(numbers))
    otsu = [seen_of(part_nuclei(otsu_mask(picture))) for picture in corpus.pixels]
    return {**figures, "otsu": figures_of(otsu, list(numbers))}


def numbered(corpus: Corpus) -> Labels:
    """(n, side, side): the number of the thing that a pixel is of; 0 of none.

    Raises:
        DataError: no picture shows a thing.
    """
    if not corpus.numbers.any():
        raise DataError("no mask shows a thing: all are black")
    return np.stack([_numbered(each) for each in corpus.numbers])


def _numbered(mask: Labels) -> Labels:
    """The things of a mask from 1 on; those of a mask of one value are parted."""
    values = np.unique(mask[mask > 0])
    if len(values) < 2:
        return part_nuclei(mask > 0)
    return np.where(mask > 0, np.searchsorted(values, mask) + 1, 0).astype(np.int32)


def seen_of(labels: Labels) -> Seen:
    """Things without scores, as those of a segmentation, as if all were sure; without boxes."""
    n = int(labels.max())
    return Seen(np.zeros((n, 4), np.float32), np.ones(n, np.float32), labels)


def fold_things(corpus: Corpus, numbers: Labels, seed: int, stages: Stages) -> list[Seen]:
    """What is seen in each picture by a network that has not seen it.

    Raises:
        DataError: there are fewer pictures than folds.
    """
    seen: dict[int, Seen] = {}
    for number, (learnt, unseen) in enumerate(track(folds_of(corpus), "Folds")):
        fit = partial(_fitted, corpus, numbers, learnt, seed)
        network = _network(stages.get(f"fold-{number}", fit))
        seen |= {row: things_in(network, corpus.pixels[row], LEAST) for row in unseen}
    return [seen[row] for row in range(len(numbers))]


def calibrate(
    seen: Sequence[Seen], numbers: Labels
) -> tuple[calibration.Calibration | None, float]:
    """The calibration of the surest score of a picture, and the probability that is a finding.

    None, and `THRESHOLD`, where fewer pictures than folds show a thing, or fewer show none.
    """
    shows = (numbers > 0).any((1, 2))
    if min(shows.sum(), (~shows).sum()) < FOLDS:
        return None, THRESHOLD
    odds = log_odds(np.array([float(each.scores.max(initial=0.0)) for each in seen]))
    ranks = np.ones(len(odds))
    fitted = calibration.fit(odds, ranks, shows)
    return fitted, operating_point(fitted.probability(odds, ranks), shows)


def _fitted(
    corpus: Corpus, numbers: Labels, rows: NDArray[np.int64], seed: int
) -> Mapping[str, torch.Tensor]:
    weights: Mapping[str, torch.Tensor] = train_network(
        corpus.pixels[rows], numbers[rows], seed
    ).state_dict()
    return weights


def _network(weights: Mapping[str, torch.Tensor]) -> MaskRCNN:
    network = mask_rcnn()
    network.load_state_dict(weights)
    return network.eval()


def card_of(config: Mapping[str, Any], *, calibrated: bool) -> str:
    """The model card, Markdown."""
    figures, side = config["figures"], config["side"]
    sure = (
        "The probability of a finding is calibrated on pictures that were not learnt from."
        if calibrated
        else "The probability of a finding is the surest thing's score, and is not calibrated:"
        " too few pictures show a thing, or show none."
    )
    return f"""# {config["label"]}: {config["procedure"]}

Looks for things of one kind ({config["label"]}) in pictures of {side} × {side} pixels, each with
its box, mask and score, by Mask R-CNN over a small residual network.

- Made by `medkg train detection DATA --label {config["label"]} --procedure … --out MODEL --seed
  {config["seed"]}`.
- Trained on {figures["pictures"]:,} pictures with {figures["things"]:,} things (checksum
  {config["corpus"][:16]}).
- By {FOLDS} folds, the same picture never on both sides: average precision {figures["ap"]:.3f},
  precision {figures["precision"]:.3f} and recall {figures["recall"]:.3f} at a score of a half,
  where masks share half of their union; Dice of all pixels {figures["dice"]:.3f}.
- {sure}
- Limits: pictures of one source; patients are not known, so that several pictures of one may be on
  both sides of a fold. It is no medical device.
"""
