"""Recognisers of mentions trained and measured on the public corpora, and what these share.

    python benchmarks/mentions.py overlap DATA
    python benchmarks/mentions.py baseline DATA --model crf|spacy|bilstm --corpus bc5cdr [--seed N]
    python benchmarks/mentions.py folds DATA --model crf|spacy|bilstm [--seed N]

DATA is the folder of corpora (`bc5cdr/`, `ncbi_disease/`, `bc2gm/`, `chemprot/`, `maccrobat/`).
overlap: documents of one corpus' part that occur in another's, by id or text. baseline: a model
trained on one corpus' training part, scored on its development part. folds: five folds of
MACCROBAT by the hash of the documents' ids, a model trained on the other four, Symptom, Disease and
Drug scored together; mean and spread over the folds. Strict spans and kinds, micro F1. One thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, stdev

import polars as pl
import torch

from medkg.extract.corpora.readers import (
    Corpus,
    Document,
    apart,
    document_folds,
    published_corpora,
    without_overlap,
)
from medkg.extract.mentions.evaluate import score
from medkg.extract.mentions.recogniser import THRESHOLD, TrainedRecogniser
from medkg.extract.mentions.train import train_on
from medkg.graph.quarantine import Quarantine

KINDS = ("Disease", "Drug", "Symptom")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["overlap", "baseline", "folds"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="crf")
    parser.add_argument("--corpus", help="of baseline; default: each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="least probability")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(200)
    pl.Config.set_float_precision(3)
    corpora = published_corpora(arguments.data, Quarantine())
    if arguments.what == "overlap":
        print(overlap(corpora))
    elif arguments.what == "folds":
        (maccrobat,) = (c for c in corpora if c.name == "maccrobat")
        folds(maccrobat, arguments.model, arguments.seed, arguments.threshold)
    else:
        for corpus in apart(corpora):
            if arguments.corpus in (None, corpus.name):
                baseline(corpus, arguments.model, arguments.seed, arguments.threshold)


def overlap(corpora: list[Corpus]) -> pl.DataFrame:
    """For every two parts of different corpora, how many documents of one occur in the other."""
    parts = {
        f"{c.name} {part}": documents
        for c in corpora
        for part, documents in (("train", c.train), ("development", c.development))
    }
    rows = []
    for name, documents in parts.items():
        for other, others in parts.items():
            shared = len(documents) - len(without_overlap(documents, others))
            if name != other and shared:
                rows.append(
                    {"of": name, "documents": len(documents), "in": other, "shared": shared}
                )
    return pl.DataFrame(rows)


def baseline(corpus: Corpus, model: str, seed: int, threshold: float) -> None:
    """Train on one corpus and print its scores by kind."""
    trained, seconds = _train(corpus, model, seed)
    scores = score(trained, corpus.development, corpus.format, corpus.name, threshold)
    about = {"corpus": corpus.name, "model": model, "seed": seed, "train_cpu_s": seconds}
    print(pl.DataFrame([{**about, **asdict(row)} for row in scores]), flush=True)


def folds(corpus: Corpus, model: str, seed: int, threshold: float) -> None:
    """Train and score on each fold; print each, then mean and standard deviation."""
    rows = []
    documents: list[Document] = [*corpus.train, *corpus.development]
    for number, (train, held_out) in enumerate(document_folds(documents), start=1):
        trained, seconds = _train(replace(corpus, train=train), model, seed)
        scores = [
            row
            for row in score(trained, held_out, corpus.format, corpus.name, threshold)
            if row.kind in KINDS
        ]
        right = sum(row.recall * row.gold for row in scores)
        gold, found = sum(row.gold for row in scores), sum(row.predicted for row in scores)
        rows.append(
            {
                "fold": str(number),
                "documents": len(held_out),
                "precision": right / max(1, found),
                "recall": right / max(1, gold),
                "f1": 2 * right / max(1, gold + found),
                **{row.kind: row.f1 for row in scores},
                "train_cpu_s": seconds,
            }
        )
        print(rows[-1], flush=True)
    table = pl.DataFrame(rows)
    figures = [name for name, kind in table.schema.items() if kind == pl.Float64]
    for name, figure in (("mean", mean), ("spread", stdev)):
        rows.append({"fold": name, **{column: figure(table[column]) for column in figures}})
    print(pl.DataFrame(rows))


def _train(corpus: Corpus, model: str, seed: int) -> tuple[TrainedRecogniser, float]:
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trained, _ = train_on([corpus], Path(folder) / "checkpoint", model=model, seed=seed)
    return trained, round(time.process_time() - start, 1)


if __name__ == "__main__":
    main()
