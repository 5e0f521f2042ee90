"""Training the classifier of slides, measured by folds."""

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
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.progress import track
from ....core.quarantine import Quarantine
from ..corpus import FOLDS, folds_of
from ..train import Figures, Odds, calibrate, fold_figures, logistic_odds
from .corpus import SlideCorpus, read_corpus
from .model import SlideClassifier
from .network import SlideNetwork, judge_slide, train_network


@explained_imports()
def train_slides(
    path: Path | str,
    out: Path | str,
    *,
    procedure: str,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the classifier on all slides, with figures of folds.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path, side, quarantine: see `corpus.read_corpus`.
        out: model folder to write.
        procedure: the kind of examination, such as "skin biopsy".

    Returns:
        As `signals.images.train.fold_figures`, and `baseline`: the same of logistic regression on
        the slides' mean tiles.

    Raises:
        DataError: there are no slides, a class has fewer than folds, or `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    if not procedure.strip():
        raise DataError('--procedure names the examination, such as "skin biopsy"')
    corpus = read_corpus(path, side=side, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.means.checksum, corpus.side, seed])
    odds = _fold_odds(corpus, seed, stages)
    everything = np.arange(len(corpus.tiles))
    network = _network(corpus, stages.get("all", partial(_fitted, corpus, everything, seed)))
    figures = fold_figures(corpus.means, odds)
    figures["baseline"] = fold_figures(corpus.means, logistic_odds(corpus.means))
    calibrations, thresholds = calibrate(corpus.means, odds, everything)
    config = {
        "version": "1",
        "procedure": procedure.strip(),
        "classes": list(corpus.means.classes),
        "tile": corpus.side,
        "seed": seed,
        "corpus": corpus.means.checksum,
        "figures": figures,
    }
    SlideClassifier(network, calibrations, thresholds, config).save(out, _card(config))
    remove_checkpoints(kept)
    return figures


def _fold_odds(corpus: SlideCorpus, seed: int, stages: Stages) -> Odds:
    """(n, classes): log-odds of each slide's classes by a network that has not seen it."""
    odds = np.zeros((len(corpus.tiles), len(corpus.means.classes)))
    for number, (seen, unseen) in enumerate(track(folds_of(corpus.means), "Folds")):
        network = _network(
            corpus, stages.get(f"fold-{number}", partial(_fitted, corpus, seen, seed))
        )
        for row in unseen:
            odds[row], _ = judge_slide(network, corpus.tiles[row])
    return odds


def _fitted(corpus: SlideCorpus, rows: NDArray[np.int64], seed: int) -> Mapping[str, torch.Tensor]:
    tiles, labels = [corpus.tiles[row] for row in rows], corpus.means.labels[rows]
    return train_network(tiles, labels, len(corpus.means.classes), seed).state_dict()


def _network(corpus: SlideCorpus, weights: Mapping[str, torch.Tensor]) -> SlideNetwork:
    network = SlideNetwork(len(corpus.means.classes))
    network.load_state_dict(weights)
    return network.eval()


def _card(config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    figures = config["figures"]
    rows = "\n".join(
        f"| {by} | {name} | {row['pictures']:,} | {row['auc']:.3f} |"
        f" {row['balanced_accuracy']:.3f} |"
        for by, judged in (("attention", figures), ("logistic", figures["baseline"]))
        for name, row in judged["classes"].items()
    )
    return f"""# Slides: {config["procedure"]}

Classifies slides of one kind ({config["procedure"]}) by tiles of {config["tile"]} pixels:
{", ".join(config["classes"])}. A residual network of tiles with gated attention over a slide's.

- Made by `medkg train slides DATA --out MODEL --seed {config["seed"]}`.
- Trained on {figures["pictures"]:,} slides (checksum {config["corpus"][:16]}).
- By {FOLDS} folds, beside logistic regression on the mean of a slide's tiles:

| by | class | slides | AUC | balanced accuracy |
|---|---|---|---|---|
{rows}

- Limits: slides of one source and one magnification. Patients are not known, so that several slides
  of one may be on both sides of a fold. It is no medical device.
"""
