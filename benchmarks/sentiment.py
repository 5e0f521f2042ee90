"""How a patient rates a drug, its effect and its side effects, told from the review.

Druglib's reviews (Gräßer et al. 2018, CC BY 4.0), the training part alone: five folds, in which
reviews with the same text stay together, with three seeds of the folds. Beside medkg's model the
most frequent label, and logistic regression over TF-IDF of all words, without and with weights that
make up for rare labels.

    python benchmarks/sentiment.py [--encoder PATH]

Prints Markdown: macro-F1 as the mean over seeds with the lowest and highest, F1 of each label, and
accuracy.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from medkg.core.quarantine import Quarantine
from medkg.extract.sentiment.reviews import SIGNS
from medkg.extract.sentiment.train import Figures, evaluate_sentiment

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2)


def main() -> None:
    """Train by folds, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", help="A Hugging Face encoder, by name or folder.")
    encoder = parser.parse_args().encoder
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    file = data / "patients" / "drug-reviews" / "drugLibTrain_raw.tsv"
    quarantine = Quarantine()
    figures = [
        evaluate_sentiment(file, encoder=encoder, seed=seed, quarantine=quarantine)
        for seed in SEEDS
    ]
    print(f"{len(quarantine) // len(SEEDS)} rows set aside\n")
    print(f"| aspect | reviews | | macro-F1 | {' | '.join(SIGNS)} | accuracy |")
    print("|---" * (5 + len(SIGNS)) + "|")
    for aspect, own in figures[0].items():
        for name in own["by"]:
            print(f"| {aspect} | {own['reviews']:,} | {name} | {cells(figures, aspect, name)} |")


def cells(figures: list[Figures], aspect: str, name: str) -> str:
    """The figures of one way to tell an aspect, over seeds."""
    scores = [each[aspect]["by"][name] for each in figures]
    macro = np.array([score["macro_f1"] for score in scores])
    spread = f"{macro.mean():.3f} ({macro.min():.3f}–{macro.max():.3f})"
    labels = [f"{np.mean([score['labels'][sign] for score in scores]):.3f}" for sign in SIGNS]
    accuracy = f"{np.mean([score['accuracy'] for score in scores]):.3f}"
    return " | ".join([spread, *labels, accuracy])


if __name__ == "__main__":
    main()
