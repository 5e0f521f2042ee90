"""Training the classifier of pictures, measured by folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core import calibration
from ...core.atomic import check_replaceable
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.model_folder import CONFIG
from ...core.progress import track
from ...core.quarantine import Quarantine
from .backbone import Backbone, described_network
from .corpus import FOLDS, Corpus, folds_of, read_corpus
from .figures import figures_of, operating_point
from .model import ImageClassifier
from .network import PictureNetwork, class_log_odds, train_network
from .usual import fit_usual

Odds = NDArray[np.float64]
Figures = dict[str, Any]


@explained_imports()
def train_images(
    path: Path | str,
    out: Path | str,
    *,
    procedure: str,
    labels: Sequence[str] | None = None,
    side: int | None = None,
    backbone: Backbone | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the classifier on all pictures, with figures of folds.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path, labels, side, quarantine: see `corpus.read_corpus`.
        out: model folder to write.
        procedure: the kind of examination, such as "chest radiograph".
        backbone: a network in the place of medkg's own.

    Returns:
        The figures by folds, see `fold_figures`.

    Raises:
        DataError: there are no pictures, a class has fewer than folds, or `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    if not procedure.strip():
        raise DataError('--procedure names the examination, such as "chest radiograph"')
    corpus = read_corpus(path, labels=labels, side=side, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    made_of = backbone.fingerprint() if backbone else []
    stages = Stages(kept, lambda: [corpus.checksum, corpus.pixels.shape, seed, *made_of])
    odds = fold_odds(corpus, seed, stages, backbone)
    everything = np.arange(len(corpus.labels))
    fit = partial(_fitted, corpus, everything, seed, backbone)
    network = _network(corpus, stages.get("all", fit), backbone)
    figures = fold_figures(corpus, odds)
    calibrations, thresholds = calibrate(corpus, odds, everything)
    config = {
        "version": "1",
        "procedure": procedure.strip(),
        "classes": list(corpus.classes),
        "side": corpus.pixels.shape[1],
        "colour": corpus.colour,
        "seed": seed,
        "corpus": corpus.checksum,
        "figures": figures,
    }
    if backbone is not None:
        config["backbone"] = backbone.description()
    classifier = ImageClassifier(
        network, fit_usual(corpus.pixels), calibrations, thresholds, config
    )
    classifier.save(out, card_of(corpus, config))
    remove_checkpoints(kept)
    return figures


@explained_imports()
def evaluate_images(
    path: Path | str,
    *,
    labels: Sequence[str] | None = None,
    side: int | None = None,
    backbone: Backbone | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of `train_images`, by folds, beside baselines, without a model to keep.

    Raises:
        DataError: there are no pictures, or a class has fewer than folds.
    """
    corpus = read_corpus(path, labels=labels, side=side, quarantine=quarantine)
    figures = fold_figures(corpus, fold_odds(corpus, seed, Stages(None), backbone))
    return {**figures, "logistic regression": fold_figures(corpus, logistic_odds(corpus))}


@explained_imports()
def evaluate_image_model(
    path: Path | str,
    model: Path | str | None,
    *,
    part: str = "val",
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of a trained model on pictures that it has not learnt from.

    Args:
        path, part, quarantine: see `corpus.read_corpus`; its classes are the model's.
        model: its folder; None: the model that ships.

    Returns:
        As `fold_figures`, and `unlike`: the share of pictures that the model would set aside. They
        are measured with the others.

    Raises:
        DataError: there are no pictures, or of other classes.
    """
    classifier = ImageClassifier.open(model)
    names, side = classifier.classes, int(classifier.config["side"])
    corpus = read_corpus(path, part=part, labels=names, side=side, quarantine=quarantine)
    if set(corpus.classes) != set(names):
        raise DataError(
            f"has the classes {', '.join(corpus.classes)}; the model's are {', '.join(names)}",
            path=path,
        )
    true = {name: corpus.labels == corpus.classes.index(name) for name in names[1:]}
    probabilities = classifier.probabilities(corpus.pixels)
    present = {name: p >= classifier.thresholds[name] for name, p in probabilities.items()}
    distances = classifier.usual.distances(corpus.pixels).numpy()
    unlike = float((distances > classifier.usual.furthest).mean())
    return {**_summary(corpus, figures_of(true, probabilities, present)), "unlike": unlike}


def fold_odds(corpus: Corpus, seed: int, stages: Stages, backbone: Backbone | None = None) -> Odds:
    """(n, classes): log-odds of each picture's classes by a network that has not seen it.

    Raises:
        DataError: a class has fewer pictures than there are folds, or the backbone can't be made.
    """
    odds = np.zeros((len(corpus.labels), len(corpus.classes)))
    for number, (seen, unseen) in enumerate(track(folds_of(corpus), "Folds")):
        tensors = stages.get(f"fold-{number}", partial(_fitted, corpus, seen, seed, backbone))
        network = _network(corpus, tensors, backbone)
        odds[unseen] = class_log_odds(network, corpus.pixels[unseen])
    return odds


def logistic_odds(corpus: Corpus) -> Odds:
    """(n, classes): log-odds by logistic regression on pixels, by folds: the baseline."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    odds = np.zeros((len(corpus.labels), len(corpus.classes)))
    flat = corpus.pixels.reshape(len(corpus.pixels), -1)
    for seen, unseen in folds_of(corpus):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
        model.fit(flat[seen], corpus.labels[seen])
        shares = np.clip(model.predict_proba(flat[unseen]), 1e-9, 1 - 1e-9)
        odds[unseen] = np.log(shares / (1 - shares))
    return odds


def calibrate(
    corpus: Corpus, odds: Odds, rows: NDArray[np.int64]
) -> tuple[dict[str, calibration.Calibration], dict[str, float]]:
    """By class but the first, the calibration and operating point of the log-odds of some rows."""
    calibrations, thresholds = {}, {}
    ranks = np.ones(len(rows))
    for k, name in enumerate(corpus.classes):
        if k:
            true = corpus.labels[rows] == k
            calibrations[name] = fitted = calibration.fit(odds[rows, k], ranks, true)
            thresholds[name] = operating_point(fitted.probability(odds[rows, k], ranks), true)
    return calibrations, thresholds


def fold_figures(corpus: Corpus, odds: Odds) -> Figures:
    """The figures of log-odds by folds, each fold calibrated, and its operating point chosen, on
    the others.

    Returns:
        `pictures`, `majority` (the share of the most frequent class), and `classes`: of each but
        the first, see `figures.figures_of`.
    """
    names = corpus.classes[1:]
    probabilities = {name: np.zeros(len(odds)) for name in names}
    present = {name: np.zeros(len(odds), bool) for name in names}
    for seen, unseen in folds_of(corpus):
        calibrations, thresholds = calibrate(corpus, odds, seen)
        for k, name in enumerate(names, 1):
            p = calibrations[name].probability(odds[unseen, k], np.ones(len(unseen)))
            probabilities[name][unseen] = p
            present[name][unseen] = p >= thresholds[name]
    true = {name: corpus.labels == k for k, name in enumerate(names, 1)}
    return _summary(corpus, figures_of(true, probabilities, present))


def _summary(corpus: Corpus, classes: Mapping[str, Any]) -> Figures:
    n = len(corpus.labels)
    majority = float(np.bincount(corpus.labels).max() / n)
    return {"pictures": n, "majority": majority, "classes": dict(classes)}


def _fitted(
    corpus: Corpus, rows: NDArray[np.int64], seed: int, backbone: Backbone | None
) -> Mapping[str, torch.Tensor]:
    make = partial(_first_network, corpus, backbone)
    trained = backbone is not None and backbone.trained
    pixels, labels = corpus.pixels[rows], corpus.labels[rows]
    return train_network(pixels, labels, make, seed, trained=trained).state_dict()


def _first_network(corpus: Corpus, backbone: Backbone | None) -> PictureNetwork:
    n_classes = len(corpus.classes)
    if backbone is None:
        return PictureNetwork(n_classes)
    return backbone.network(n_classes, corpus.pixels.shape[1])


def _network(
    corpus: Corpus, weights: Mapping[str, torch.Tensor], backbone: Backbone | None
) -> PictureNetwork:
    # A trained backbone isn't loaded once more, since its weights are replaced.
    description = None if backbone is None else backbone.description()
    network = described_network(description, len(corpus.classes), corpus.pixels.shape[1])
    network.load_state_dict(weights)
    return network.eval()


def card_of(corpus: Corpus, config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    figures = config["figures"]
    rows = "\n".join(
        f"| {name} | {row['pictures']:,} | {row['auc']:.3f} | {row['balanced_accuracy']:.3f} |"
        f" {row['sensitivity']:.3f} | {row['specificity']:.3f} | {row['ece']:.3f} |"
        for name, row in figures["classes"].items()
    )
    counts = np.bincount(corpus.labels, minlength=len(corpus.classes))
    parts = ", ".join(f"{n:,} {name}" for n, name in zip(counts, corpus.classes, strict=True))
    side = corpus.pixels.shape[1]
    backbone = config.get("backbone")
    network = f"{backbone['name']} of {backbone['library']}" if backbone else "A residual network"
    return f"""# Pictures: {config["procedure"]}

Classifies pictures of one kind ({config["procedure"]}), read in grey as {side} × {side} pixels:
{", ".join(corpus.classes)}. {network}, calibrated by Platt's scaling.

- Made by `medkg train images DATA --out MODEL --seed {config["seed"]}`.
- Trained on {len(corpus.labels):,} pictures ({parts}; checksum {corpus.checksum[:16]}).
- By {FOLDS} folds, the same picture never on both sides, calibration and operating point of a fold
  from the others. The most frequent class has {figures["majority"]:.3f} of the pictures.

| class | pictures | AUC | balanced accuracy | sensitivity | specificity | ECE |
|---|---|---|---|---|---|---|
{rows}

- Limits: pictures of one source. Those unlike it are set aside by how they look as a whole, which
  doesn't notice everything. Patients are not known, so that several pictures of one may be on both
  sides of a fold. It is no medical device.
"""
