"""Beats of electrocardiograms in AAMI's classes by folds of records: docs/benchmarks/ecg.md.

    python benchmarks/ecg.py DATA --seeds 0 1 2

DATA is the folder of DS1_beats.npz. No beat of a patient is on both sides. Each seed is of the
network, the trees and the rhythms that are made; the folds are the same. The baselines are every
beat being normal, and logistic regression over the intervals about a beat.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medkg.core.progress import track
from medkg.signals.classifier import calibrations_of, log_odds, member_scores
from medkg.signals.ecg.beats import Beats
from medkg.signals.ecg.corpus import CLASSES, Corpus, read_corpus
from medkg.signals.ecg.rate import IRREGULAR, rhythm_of
from medkg.signals.ecg.train import CALIBRATED, FOLDS, UNIT, fit_records
from medkg.signals.figures import calibration_error, figures_of
from medkg.signals.network import train_trees

Scores = NDArray[np.float64]
N_INTERVALS = 20  # the first features: intervals before, after, and about a beat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data)
    folds = list(GroupKFold(FOLDS).split(corpus.features, corpus.labels, corpus.records))
    print("| model | seed | accuracy | F1 of N | S | V | F | ECE of S | V |\n|" + "---|" * 9)
    normal = np.zeros((len(corpus.labels), len(CLASSES)))
    normal[:, 0] = 1
    print_row(corpus, "every beat is normal", "", normal, folds)
    print_row(corpus, "logistic regression, intervals", "", logistic(corpus, folds), folds)
    for seed in arguments.seeds:
        for name, scores in scores_of(corpus, folds, seed).items():
            print_row(corpus, name, str(seed), scores, folds)
    print_rhythms(corpus)


def logistic(corpus: Corpus, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> Scores:
    scores = np.zeros((len(corpus.labels), len(CLASSES)))
    intervals = corpus.features[:, :N_INTERVALS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seen, unseen in folds:
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
            model.fit(intervals[seen], corpus.labels[seen])
            scores[np.ix_(unseen, model.classes_)] = model.predict_proba(intervals[unseen])
    return scores


def scores_of(
    corpus: Corpus, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]], seed: int
) -> dict[str, Scores]:
    shape = (len(corpus.labels), len(CLASSES))
    scores = {
        name: np.zeros(shape)
        for name in ("trees without made rhythms", "network", "trees", "network and trees")
    }
    for seen, unseen in track(folds, f"Seed {seed}"):
        network, trees = fit_records(corpus, np.unique(corpus.records[seen]), seed)
        x = corpus.features[unseen]
        plain = train_trees(corpus.features[seen], corpus.labels[seen], len(CLASSES), seed)
        scores["trees without made rhythms"][unseen] = plain.predict(x, num_threads=1)
        scores["trees"][unseen] = trees.predict(x, num_threads=1)
        with torch.no_grad():
            scores["network"][unseen] = network(torch.from_numpy(x)).softmax(-1).numpy()
        scores["network and trees"][unseen] = member_scores(network, trees, x)
    return scores


def print_row(
    corpus: Corpus,
    name: str,
    seed: str,
    scores: Scores,
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> None:
    figures = figures_of(corpus.labels, scores, CLASSES, UNIT)
    cells = [f"{figures['accuracy']:.3f}"]
    cells += [f"{figures['classes'][k]['f1']:.3f}" for k in ("N", "S", "V", "F")]
    cells += [f"{error:.3f}" for error in calibration_errors(corpus, scores, folds)]
    print(f"| {name} | {seed} | {' | '.join(cells)} |", flush=True)


def calibration_errors(
    corpus: Corpus, scores: Scores, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> list[float]:
    """Of S and V, each fold calibrated on the scores of the others' records."""
    probabilities = {name: np.zeros(len(scores)) for name in ("S", "V")}
    for seen, unseen in folds:
        for name, fitted in calibrations_of(corpus.labels[seen], scores[seen], CALIBRATED).items():
            logits = log_odds(scores[unseen, CLASSES.index(name)])
            probabilities[name][unseen] = fitted.probability(logits, np.ones(len(unseen)))
    return [
        calibration_error(p, corpus.labels == CLASSES.index(name))
        for name, p in probabilities.items()
    ]


def print_rhythms(corpus: Corpus) -> None:
    """The median change between intervals of each record, by which a rhythm is called irregular."""
    print("\n| record | rate | median change | rule |\n|---|---|---|---|")
    for record, rows in corpus.of_each_record():
        gaps = corpus.intervals[rows]
        rhythm = rhythm_of(Beats(corpus.forms[rows], gaps, np.cumsum(gaps[:, 0], dtype=float)))
        rule = "irregular" if rhythm.change > IRREGULAR else ""
        print(f"| {record} | {rhythm.rate:.0f} | {rhythm.change:.3f} | {rule} |")


if __name__ == "__main__":
    main()
