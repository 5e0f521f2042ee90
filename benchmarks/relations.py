"""Relations, measured on the development parts of public corpora.

    python benchmarks/relations.py DATA [--model DIR]

DATA is the folder of corpora (`bc5cdr/`, `chemprot/`, `roam/`, `maccrobat/`).
Relations: gold mentions, micro F1 with a 95 % bootstrap interval over documents, baselines beside
the model, and the expected calibration error of its probabilities. HAS_SYMPTOM: the test part of
this project's own annotation of MACCROBAT. (Links: `linking.py`.)
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import polars as pl
import torch

from medkg.core.quarantine import Quarantine
from medkg.extract.relations.evaluate import score_task, task_calibration
from medkg.extract.relations.evaluate_rules import evaluate_symptoms
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.pairs import TASKS
from medkg.extract.relations.train import load_training_data


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


def relations(data: Path, folder: Path | None) -> None:
    """The model and the baselines on BC5CDR, ChemProt and Roam."""
    model = RelationModel.load(folder)
    development = load_training_data(data, Quarantine()).development
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
    errors = {task: task_calibration(model, task, development[task]) for task in TASKS}
    print(pl.DataFrame({"relation": list(errors), "calibration_error": list(errors.values())}))


if __name__ == "__main__":
    main()
