"""Training the classifier of beats, measured by folds of records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ...core import calibration
from ...core.atomic import check_replaceable
from ...core.boosters import booster_from_tensor, booster_tensor
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.model_folder import CONFIG
from ...core.progress import track
from ...core.tensors import with_prefix, without_prefix
from .corpus import CLASSES, Corpus, read_corpus
from .features import Floats, beat_features
from .figures import figures_of
from .model import BeatClassifier, log_odds, member_scores
from .network import BeatNetwork, train_beat_network, train_trees
from .rhythms import fibrillation, premature_beats

FOLDS = 5
_NORMAL, _VENTRICULAR = CLASSES.index("N"), CLASSES.index("V")
_MOST = 800, 1_200  # beats of a record that are made into fibrillation, and into premature beats
_REGULAR = 0.08  # the median change between intervals, in logarithms, below which a rhythm is sinus
_CALIBRATED = ("S", "V")
Members = tuple[BeatNetwork, lightgbm.Booster]


@explained_imports()
def train_ecg(path: Path | str, out: Path | str, *, seed: int = 0) -> dict[str, Any]:
    """Train the classifier of beats on all records, with figures of folds of records.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path: see `corpus.read_corpus`.
        out: model folder to write.

    Returns:
        The figures by folds of records (`figures.figures_of`).

    Raises:
        DataError: there are no beats, fewer records than folds, or `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    corpus = read_corpus(path)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, seed])
    scores = cross_scores(corpus, seed, stages)
    fit = partial(_fitted, corpus, all_records(corpus), seed)
    network, trees = _members(stages.get("all", fit))
    figures = figures_of(corpus.labels, scores)
    config = {"version": "1", "seed": seed, "corpus": corpus.checksum, "figures": figures}
    classifier = BeatClassifier(network, trees, calibrations_of(corpus.labels, scores), config)
    classifier.save(out, card_of(corpus, seed, figures))
    remove_checkpoints(kept)
    return figures


@explained_imports()
def evaluate_ecg(path: Path | str, *, seed: int = 0) -> dict[str, Any]:
    """The figures of `train_ecg`, by folds of records, without a model to keep.

    Raises:
        DataError: there are no beats, or fewer records than folds.
    """
    corpus = read_corpus(path)
    return figures_of(corpus.labels, cross_scores(corpus, seed, Stages(None)))


def all_records(corpus: Corpus) -> NDArray[np.int64]:
    """The numbers of a corpus's records."""
    return np.unique(corpus.records)


def cross_scores(corpus: Corpus, seed: int, stages: Stages) -> NDArray[np.float64]:
    """(n, classes): scores of each beat by members that have not seen its record.

    Raises:
        DataError: there are fewer records than folds.
    """
    if len(all_records(corpus)) < FOLDS:
        raise DataError(f"{len(all_records(corpus))} records are too few: {FOLDS} folds are made")
    scores = np.zeros((len(corpus.labels), len(CLASSES)))
    folds = list(GroupKFold(FOLDS).split(corpus.features, corpus.labels, corpus.records))
    for number, (seen, unseen) in enumerate(track(folds, "Folds of records")):
        fit = partial(_fitted, corpus, np.unique(corpus.records[seen]), seed)
        members = _members(stages.get(f"fold-{number}", fit))
        scores[unseen] = member_scores(*members, corpus.features[unseen])
    return scores


def fit_members(corpus: Corpus, records: NDArray[np.int64], seed: int) -> Members:
    """Network and trees trained on some records, and on rhythms made of their beats."""
    rng = np.random.default_rng(seed)
    rows = np.isin(corpus.records, records)
    features, labels = [corpus.features[rows]], [corpus.labels[rows]]
    for record, part in corpus.of_each_record():
        if record in records:
            for made, made_labels in _made_rhythms(corpus, part, rng):
                features.append(made)
                labels.append(made_labels)
    x, y = np.concatenate(features), np.concatenate(labels)
    return train_beat_network(x, y, seed), train_trees(x, y, seed)


def _made_rhythms(
    corpus: Corpus, part: slice, rng: np.random.Generator
) -> list[tuple[Floats, NDArray[np.int64]]]:
    """Features and classes of a record's beats in the rhythms of `rhythms`."""
    forms, intervals = corpus.forms[part], corpus.intervals[part]
    labels = corpus.labels[part]
    normal = labels == _NORMAL
    rhythms = []
    few = slice(0, _MOST[0])
    beats, gaps = fibrillation(forms[few], intervals[few], rng)
    ventricular = labels[few] == _VENTRICULAR
    gaps[ventricular, 0] *= 0.8  # they come early in fibrillation too
    kept = normal[few] | ventricular
    rhythms.append((beat_features(beats, gaps)[kept], labels[few][kept]))
    change = np.abs(np.diff(np.log(intervals[normal, 0])))
    if len(change) and np.median(change) < _REGULAR:
        many = slice(0, _MOST[1])
        beats, gaps, early = premature_beats(forms[normal][many], intervals[normal][many], rng)
        rhythms.append((beat_features(beats, gaps), early.astype(np.int64)))
    return rhythms


def calibrations_of(
    labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> dict[str, calibration.Calibration]:
    """The calibration of each class of ectopic beats, on scores of unseen records."""
    ranks = np.ones(len(labels))
    return {
        name: calibration.fit(log_odds(scores[:, k]), ranks, labels == k)
        for k, name in enumerate(CLASSES)
        if name in _CALIBRATED
    }


def _fitted(corpus: Corpus, records: NDArray[np.int64], seed: int) -> Mapping[str, torch.Tensor]:
    """What `fit_members` gives, as tensors for a checkpoint."""
    network, trees = fit_members(corpus, records, seed)
    return {**with_prefix("network", network.state_dict()), "trees": booster_tensor(trees)}


def _members(tensors: Mapping[str, torch.Tensor]) -> Members:
    weights = without_prefix("network", tensors)
    network = BeatNetwork(len(weights["middle"]))
    network.load_state_dict(weights)
    return network.eval(), booster_from_tensor(tensors["trees"])


def card_of(corpus: Corpus, seed: int, figures: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    rows = "\n".join(
        f"| {name} | {row['beats']:,} | {row['precision']:.3f} | {row['recall']:.3f} |"
        f" {row['f1']:.3f} |"
        for name, row in figures["classes"].items()
    )
    return f"""# Beats of electrocardiograms

Classifies beats in AAMI's classes: N normal and bundle branch block, S supraventricular ectopic, V
ventricular ectopic, F fusion, Q unknown. A residual perceptron and gradient-boosted trees over
numbers that describe a beat relative to the patient's own rhythm and usual beat; their mean.

- Made by `medkg train ecg DATA --out MODEL --seed {seed}`, from nothing but what follows.
- Trained on {len(corpus.labels):,} beats of {len(all_records(corpus))} records of the MIT-BIH
  Arrhythmia Database (PhysioNet, ODC-BY 1.0; Moody & Mark 2001), and on rhythms made of them.
- By {FOLDS} folds of records, no patient on both sides: accuracy {figures["accuracy"]:.3f};
  N for every beat has {figures["majority"]:.3f}.

| class | beats | precision | recall | F1 |
|---|---|---|---|---|
{rows}

- Licence: Apache-2.0; the data's asks to name it.
- Limits: two leads of Holter recordings, adults of one hospital, 1975–1979. F and Q are hardly
  ever recognised; atrial beats in fibrillation and nodal beats are mostly missed. It is no medical
  device, and no test on patients of today stands behind it.
"""
