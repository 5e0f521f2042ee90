"""Training the classifier of epochs, measured by folds of patients."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from ...core.atomic import check_replaceable
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.model_folder import CONFIG
from ...core.progress import track
from ...core.quarantine import Quarantine
from ..classifier import Scores, calibrations_of, fit_members, member_tensors, members_of
from .corpus import FOLDS, Annotated, Corpus, read_corpus
from .features import BANDS, Floats
from .figures import corpus_figures
from .model import EpochClassifier, epoch_scores

Rows = NDArray[np.int64]


@explained_imports()
def train_eeg(
    path: Path | str,
    out: Path | str,
    *,
    labels: Sequence[str],
    rate: float | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """Train the classifier of epochs on all recordings, with figures of folds of patients.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        path, labels, rate, quarantine: see `corpus.read_corpus`.
        out: model folder to write.

    Returns:
        The figures by folds of patients (`figures.corpus_figures`).

    Raises:
        DataError: there are too few patients, or `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    corpus = read_corpus(path, labels, rate=rate, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, seed])
    scores = cross_scores(corpus, seed, stages)
    everything = np.arange(len(corpus.recordings))
    network, trees = members_of(stages.get("all", partial(_fitted, corpus, everything, seed)))
    figures = corpus_figures(corpus, scores)
    numbers = {name: k for k, name in enumerate(corpus.classes) if k}
    calibrations = calibrations_of(_labels(corpus.recordings), np.concatenate(scores), numbers)
    config = {
        "version": "1",
        "classes": list(corpus.classes),
        "seed": seed,
        "corpus": corpus.checksum,
        "figures": figures,
    }
    EpochClassifier(network, trees, calibrations, config).save(out, _card(corpus, config))
    remove_checkpoints(kept)
    return figures


@explained_imports()
def evaluate_eeg(
    path: Path | str,
    *,
    labels: Sequence[str],
    rate: float | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """The figures of `train_eeg`, by folds of patients, without a model to keep.

    Returns:
        As `train_eeg`, and `logistic regression`: the same of the baseline, which has each epoch's
        band powers alone.

    Raises:
        DataError: there are too few patients.
    """
    corpus = read_corpus(path, labels, rate=rate, quarantine=quarantine)
    figures = corpus_figures(corpus, cross_scores(corpus, seed, Stages(None)))
    return {**figures, "logistic regression": corpus_figures(corpus, logistic_scores(corpus))}


def cross_scores(corpus: Corpus, seed: int, stages: Stages) -> list[Scores]:
    """Of each recording, (epochs, classes) scores by members that have not seen its patient."""
    scores: dict[int, Scores] = {}
    for number, (seen, unseen) in enumerate(track(_folds(corpus), "Folds of patients")):
        fit = partial(_fitted, corpus, seen, seed)
        members = members_of(stages.get(f"fold-{number}", fit))
        for row in unseen:
            scores[row] = epoch_scores(members, corpus.recordings[row].features)
    return [scores[row] for row in range(len(corpus.recordings))]


def logistic_scores(corpus: Corpus) -> list[Scores]:
    """As `cross_scores`, by logistic regression on an epoch's band powers, the mean of channels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    powers = [r.features[..., : len(BANDS)].mean(1) for r in corpus.recordings]
    scores = [np.zeros((len(r.labels), len(corpus.classes))) for r in corpus.recordings]
    for seen, unseen in _folds(corpus):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        model.fit(np.concatenate([powers[row] for row in seen]), _labels(_some(corpus, seen)))
        for row in unseen:
            scores[row][:, model.classes_] = model.predict_proba(powers[row])
    return scores


def _folds(corpus: Corpus) -> list[tuple[Rows, Rows]]:
    """Recordings seen and not seen, no patient on both sides.

    Raises:
        DataError: a class has so few patients that a fold would be learnt without any.
    """
    rarest = [int(recording.labels.max()) for recording in corpus.recordings]
    # Not more than the most frequent class has recordings.
    number = min(FOLDS, int(np.bincount(rarest).max()))
    folds = StratifiedGroupKFold(number, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # Of fewer patients than folds with an event; what matters is checked below.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        pairs = list(folds.split(rarest, rarest, corpus.patients))
    for seen, _ in pairs:
        learnt = set(_labels(_some(corpus, seen)).tolist())
        if missing := [name for n, name in enumerate(corpus.classes) if n not in learnt]:
            raise DataError(
                f"the patients with {missing[0]} all came into one fold, which would be learnt"
                " without it; annotate it in more patients"
            )
    return pairs


def _some(corpus: Corpus, rows: Rows) -> list[Annotated]:
    return [corpus.recordings[row] for row in rows]


def _labels(recordings: Sequence[Annotated]) -> Rows:
    return np.concatenate([recording.labels for recording in recordings])


def _fitted(corpus: Corpus, rows: Rows, seed: int) -> Mapping[str, torch.Tensor]:
    """The members trained on some recordings, each channel of an epoch being of its class."""
    features: list[Floats] = []
    labels: list[Rows] = []
    for recording in _some(corpus, rows):
        _, n_channels, n_features = recording.features.shape
        features.append(recording.features.reshape(-1, n_features))
        labels.append(np.repeat(recording.labels, n_channels))
    x, y = np.concatenate(features), np.concatenate(labels)
    return member_tensors(*fit_members(x, y, len(corpus.classes), seed))


def _card(corpus: Corpus, config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    figures = config["figures"]
    rows = "\n".join(
        f"| {name} | {row['epochs']:,} | {row['precision']:.3f} | {row['recall']:.3f} |"
        f" {row['f1']:.3f} |"
        + (
            f" {row['events']:,} | {row['seen']:.3f} | {row['false_alarms']:.2f} |"
            if "events" in row
            else " | | |"
        )
        for name, row in figures["classes"].items()
    )
    labels = "".join(f" --label {name}" for name in corpus.classes[1:])
    others = ", ".join(f"{label} ({n:,})" for label, n in figures["background_labels"].items())
    n_patients = len(set(corpus.patients))
    return f"""# Epochs of electroencephalograms

Classifies epochs of four seconds: {", ".join(corpus.classes)}. A residual perceptron and
gradient-boosted trees over band powers and form of each channel, also relative to what is usual in
the recording and over all channels; the mean of both, and of channels.

- Made by `medkg train eeg DATA{labels} --out MODEL --seed {config["seed"]}`.
- Trained on {len(corpus.recordings):,} recordings of {n_patients:,} patients (checksum
  {config["corpus"][:16]}).
- By {FOLDS} folds, no patient on both sides. `{corpus.classes[0]}` for every epoch has
  {figures["majority"]:.3f}, the model {figures["accuracy"]:.3f}.

| class | epochs | precision | recall | F1 | events | seen | false alarms an hour |
|---|---|---|---|---|---|---|---|
{rows}

- Annotations that are background: {others or "none"}.
- Limits: recordings of one source, and its montage. It is no medical device.
"""
