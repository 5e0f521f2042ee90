"""Relations that no corpus annotates, on this project's own annotation of them.

    python benchmarks/distant.py DATA [--part dev] [--train DIR]

DATA is the folder of corpora (`bc5cdr/`, `maccrobat/`, `ncbi_disease/`, `chemprot/`, `bc2gm/`).
Mentions given; precision, recall, F1 with a 95 % bootstrap interval over documents, for each
relation and stratum, beside taking every pair of a sentence. `--train` first makes the model of
distant supervision anew, as the one that ships was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl
import torch

from medkg.extract.relations.distant import train_distant
from medkg.extract.relations.evaluate import calibration_error
from medkg.extract.relations.evaluate_labels import calibration, evaluate_labels, labelled_sentences


def main() -> None:
    """Train if asked, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", default="test", choices=["dev", "test"])
    parser.add_argument("--train", type=Path, help="a folder for the model, made anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.train:
        development = [
            (pair, label == 1)
            for sentence in labelled_sentences(arguments.data, "dev")
            if sentence.relation == "ASSOCIATED_WITH"
            for pair, _, _, label in sentence.pairs()
        ]
        train_distant(arguments.data, development, arguments.train)
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(200)
    pl.Config.set_fmt_str_lengths(40)
    print(evaluate_labels(arguments.data, arguments.part))
    pairs = calibration(arguments.data, arguments.part)
    error = calibration_error([p for p, _ in pairs], [y for _, y in pairs])
    print(f"calibration error of ASSOCIATED_WITH's probabilities: {error} ({len(pairs)} pairs)")


if __name__ == "__main__":
    main()
