"""Training the classifier of beats, measured by folds of records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ...core.atomic import check_replaceable
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.model_folder import CONFIG
from ...core.progress import track
from ..classifier import (
    Members,
    calibrations_of,
    fit_members,
    member_scores,
    member_tensors,
    members_of,
)
from ..figures import figures_of
from .corpus import CLASSES, Corpus, read_corpus
from .features import Floats, beat_features
from .model import BeatClassifier
from .rhythms import fibrillation, premature_beats

FOLDS = 5
_NORMAL, _VENTRICULAR = CLASSES.index("N"), CLASSES.index("V")
_MOST = 800, 1_200  # beats of a record that are made into fibrillation, and into premature beats
_REGULAR = 0.08  # the median change between intervals, in logarithms, below which a rhythm is sinus
CALIBRATED = {name: CLASSES.index(name) for name in ("S", "V")}
UNIT = "beats"


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
    network, trees = members_of(stages.get("all", fit))
    figures = figures_of(corpus.labels, scores, CLASSES, UNIT)
    config = {"version": "1", "seed": seed, "corpus": corpus.checksum, "figures": figures}
    calibrations = calibrations_of(corpus.labels, scores, CALIBRATED)
    classifier = BeatClassifier(network, trees, calibrations, config)
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
    return figures_of(corpus.labels, cross_scores(corpus, seed, Stages(None)), CLASSES, UNIT)


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
        members = members_of(stages.get(f"fold-{number}", fit))
        scores[unseen] = member_scores(*members, corpus.features[unseen])
    return scores


def fit_records(corpus: Corpus, records: NDArray[np.int64], seed: int) -> Members:
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
    return fit_members(x, y, len(CLASSES), seed)


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


def _fitted(corpus: Corpus, records: NDArray[np.int64], seed: int) -> Mapping[str, torch.Tensor]:
    """What `fit_records` gives, as tensors for a checkpoint."""
    return member_tensors(*fit_records(corpus, records, seed))


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
