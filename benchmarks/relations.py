"""Relations and linking, measured on the development parts of public corpora.

    python benchmarks/relations.py DATA [--model DIR]

DATA is the folder of corpora (`bc5cdr/`, `chemprot/`, `roam/`, `ncbi_disease/`, `maccrobat/`).
Relations: gold mentions, micro F1 with a 95 % bootstrap interval over documents, baselines beside
the model. HAS_SYMPTOM: the test part of this project's own annotation of MACCROBAT. Linking: gold
mentions, names from the training part of the same corpus.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import polars as pl
import torch

from medkg.extract.evaluate_relations import score_task
from medkg.extract.evaluate_symptoms import evaluate_symptoms
from medkg.extract.evaluate_text import evaluate_linking
from medkg.extract.pairs import TASKS
from medkg.extract.relations import RelationModel
from medkg.extract.train_relations import load_parts
from medkg.graph.quarantine import Quarantine


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, help="a trained model; default: the shipped one")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_fmt_str_lengths(40)
    pl.Config.set_tbl_width_chars(200)
    relations(arguments.data, arguments.model)
    print(evaluate_symptoms(next((arguments.data / "maccrobat").glob("maccrobat.tar*")), "test"))
    linking(arguments.data)


def relations(data: Path, folder: Path | None) -> None:
    """The model and the baselines on BC5CDR, ChemProt and Roam."""
    model = RelationModel.load(folder)
    development = load_parts(data, Quarantine()).development
    rows = []
    for task in TASKS:
        start = time.process_time()
        scores = score_task(model, task, development[task])
        seconds = round(time.process_time() - start, 1)
        rows += [
            {"relation": task, "method": method, **asdict(score), "cpu_s": seconds}
            for method, score in scores.items()
        ]
    print(pl.DataFrame(rows))


def linking(data: Path) -> None:
    """The linker on BC5CDR and NCBI disease."""
    tables = [
        evaluate_linking(_file(data / train), _file(data / development), corpus_format)
        .insert_column(0, pl.lit(name).alias("corpus"))
        for name, corpus_format, train, development in (
            (
                "bc5cdr",
                "pubtator",
                "bc5cdr/CDR_TrainingSet.PubTator.txt",
                "bc5cdr/CDR_DevelopmentSet.PubTator.txt",
            ),
            (
                "ncbi",
                "ncbi",
                "ncbi_disease/NCBItrainset_corpus.txt",
                "ncbi_disease/NCBIdevelopset_corpus.txt",
            ),
        )
    ]  # fmt: skip
    print(pl.concat(tables))


def _file(path: Path) -> Path:
    return path if path.is_file() else path.with_name(path.name + ".xz")


if __name__ == "__main__":
    main()
