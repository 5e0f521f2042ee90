"""Figures of the classifier of chest radiographs, and the model that ships.

    python benchmarks/images.py DATA [--seeds 0 1 2]    the tables of docs/benchmarks/images.md
    python benchmarks/images.py DATA --ship             train and write signals/images/model

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). The first table is by five folds
of the training part; the second is the model that ships on the validation part. How many pictures
of the validation part are in the training part, too, is said under it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medkg.core.checkpoint import Stages
from medkg.signals.images.corpus import Corpus, read_corpus
from medkg.signals.images.model import DEFAULT, ImageClassifier
from medkg.signals.images.train import (
    card_of,
    evaluate_image_model,
    fold_figures,
    fold_odds,
    logistic_odds,
    train_images,
)

CLASSES = ("normal", "pneumonia")
PROCEDURE = "chest radiograph"
OF_DATA = """\
- Data: PneumoniaMNIST of MedMNIST v2 (Yang et al., Scientific Data 2023), CC BY 4.0, from the
  chest radiographs of Kermany et al. (Cell 2018): children of one to five years, of one hospital in
  Guangzhou, brought to 28 × 28 pixels. Weights: Apache-2.0; the data's licence asks to name them.
"""
COLUMNS = ("auc", "balanced_accuracy", "sensitivity", "specificity", "ece")


def main() -> None:
    """Print the tables, or write the model that ships."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ship", action="store_true")
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data, labels=CLASSES)
    if arguments.ship:
        return ship(arguments.data, corpus)
    print("| five folds of the training part | AUC | balanced accuracy | sensitivity | specificity"
          " | ECE |\n|---|---|---|---|---|---|")  # fmt: skip
    for seed in arguments.seeds:
        figures = fold_figures(corpus, fold_odds(corpus, seed, Stages(None)))
        print(row(f"residual network, seed {seed}", figures), flush=True)
    print(row("logistic regression on pixels", fold_figures(corpus, logistic_odds(corpus))))
    print("\n| validation part | AUC | balanced accuracy | sensitivity | specificity | ECE |")
    print("|---|---|---|---|---|---|")
    judged = evaluate_image_model(arguments.data, None)
    print(row("the model that ships", judged))
    later = read_corpus(arguments.data, part="val", labels=CLASSES)
    seen = {picture.tobytes() for picture in corpus.pixels}
    both = sum(picture.tobytes() in seen for picture in later.pixels)
    print(
        f"\n{judged['pictures']} pictures, of the most frequent class {judged['majority']:.3f};"
        f" set aside as unlike {judged['unlike']:.3f}; in the training part too: {both}."
        f" Of the training part's {len(corpus.pixels):,}, {len(corpus.pixels) - len(seen)} repeat"
        f" another."
    )
    return None


def ship(data: Path, corpus: Corpus) -> None:
    """Train on the training part and write the model that ships, its card with the data's terms."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        train_images(data, out, procedure=PROCEDURE, labels=CLASSES)
        trained = ImageClassifier.open(out)
    trained.save(DEFAULT, card_of(corpus, trained.config) + OF_DATA)


def row(name: str, figures: Mapping[str, Any]) -> str:
    """A row of a table."""
    values = figures["classes"][CLASSES[1]]
    return f"| {name} | {' | '.join(f'{values[column]:.3f}' for column in COLUMNS)} |"


if __name__ == "__main__":
    main()
