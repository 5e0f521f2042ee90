"""Risk of an event over time by folds of patients: docs/benchmarks/course.md.

    python benchmarks/course.py DATA --table pbc2 --seeds 0 1 2

DATA is the folder of support2.csv and pbc2.csv. No patient is on both sides; a seed is of the folds
and of the networks. Beside each model is its difference from Cox's on the same draws of patients.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from medkg.core.quarantine import Quarantine
from medkg.mining.course.columns import read_columns
from medkg.mining.course.model import MODELS
from medkg.mining.course.train import figures_at, fold_curves
from medkg.mining.course.visits import read_visits

# By table: its file, the landmarks, and the horizon (days, years).
TABLES: dict[str, tuple[str, list[float], float]] = {
    "support": ("support2.csv", [], 365.0),
    "pbc2": ("pbc2.csv", [1.0, 3.0, 5.0], 2.0),
}
FIGURES = {"c": 3, "auc": 3, "ibs": 4}  # with how many digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--table", choices=TABLES, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    file, landmarks, horizon = TABLES[arguments.table]
    columns = read_columns(arguments.table)
    visits = read_visits(arguments.data / file, columns, Quarantine())
    print(
        "| landmark | seed | model | C | − Cox | AUC | − Cox | IBS | − Cox | calibration error |\n|"
        + "---|" * 10
    )
    models = list(dict.fromkeys(("cox", *MODELS)))
    for seed in arguments.seeds:
        curves = fold_curves(visits, models, seed)
        for part in figures_at(visits, curves, landmarks, horizon, seed):
            for name in models:
                print_row(part, seed, name)


def print_row(part: dict[str, Any], seed: int, name: str) -> None:
    row, lead = part["models"][name], part["against_cox"].get(name)
    cells = ["the visit" if part["at"] is None else f"{part['at']:g}", str(seed), name]
    for figure, digits in FIGURES.items():
        cells.append(f"{row[figure]:.{digits}f}")
        cells.append("")
        if lead is not None:
            low, high = lead[f"{figure}_interval"]
            cells[-1] = f"{lead[figure]:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
    print(f"| {' | '.join(cells)} | {row['calibration_error']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
