"""How long a diagnosis takes: loading the model, one patient, and a folder of patients.

    medkg train diagnosis graphs/hpo --out models/diagnosis
    python benchmarks/diagnosis_speed.py models/diagnosis [--rounds 5] [--json FILE]

The patients are the textbook pictures (`benchmarks/data/textbook_rare.tsv`, `…_common.tsv`) as
lists. Import and loading are timed in processes of their own, loading a second time in the same
one; a patient is timed alone, without and with sex and age, and as one of all in one call, as in a
folder. The first round is left out of the figures: it fills caches that every later patient of a
session finds full. Prints Markdown: median, and 90th percentile, over the rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

import medkg
from medkg.core.errors import MissingError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis import PatientFindings, diagnose_patients, typed_phenotypes
from medkg.mining.diagnosis.circumstances import USUAL, Circumstances
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.phenotypes import Phenotypes

DATA = Path(__file__).with_name("data")
_LOADING = """
import sys, time
start = time.perf_counter()
import medkg
import medkg.mining.diagnosis.model
imported = time.perf_counter()
medkg.load_model(sys.argv[1])
loaded = time.perf_counter()
medkg.load_model(sys.argv[1])
print(imported - start, loaded - imported, time.perf_counter() - loaded)
"""


def seconds_of(
    model: DiagnosisModel, patients: list[PatientFindings], known: Circumstances
) -> float:
    """The seconds that one call for these patients takes."""
    start = time.perf_counter()
    diagnose_patients(model, patients, Quarantine(), circumstances=known)
    return time.perf_counter() - start


def pictured(model: DiagnosisModel) -> list[PatientFindings]:
    """The textbook pictures as patients with their findings, those of unknown names left out."""
    look = Phenotypes(model.kg)
    patients = []
    for name in ("rare", "common"):
        table = pl.read_csv(DATA / f"textbook_{name}.tsv", separator="\t")
        for disease, findings in table.select("disease", "findings").iter_rows():
            (texts, _), _ = typed_phenotypes(model.kg, (findings.split("; "), []))
            present = []
            for text in texts:
                try:
                    present.append(look.one(text)[0])
                except MissingError:
                    continue  # textbook.py counts these
            patients.append(PatientFindings(disease, look.clean(present, [])))
    return patients


def measure(model: DiagnosisModel, rounds: int) -> dict[str, list[float]]:
    """Each way's times in seconds, per patient."""
    patients = pictured(model)
    alone: dict[str, Circumstances] = {
        "one patient": USUAL,
        "one patient, with sex and age": Circumstances(sex="male", age=30),
    }
    times: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        in_turn = {
            way: [seconds_of(model, [one], known) for one in patients]
            for way, known in alone.items()
        }
        all_at_once = seconds_of(model, patients, USUAL)
        in_turn[f"each of {len(patients)} in one call"] = [all_at_once / len(patients)]
        if turn:
            for way, seconds in in_turn.items():
                times.setdefault(way, []).extend(seconds)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="a folder written by `medkg train diagnosis`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the times here, in seconds")
    arguments = parser.parse_args()
    ways = ("import, PyTorch with it", "load", "load again in the same process")
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(arguments.rounds + 1):
        command = [sys.executable, "-c", _LOADING, str(arguments.model)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for way, seconds in zip(ways, printed.split(), strict=True):
            times[way].append(float(seconds))
    times = {way: seconds[1:] for way, seconds in times.items()}
    model = medkg.load_model(arguments.model)
    assert isinstance(model, DiagnosisModel)
    times |= measure(model, arguments.rounds)
    print("| | median | 90 % of them within |\n|---|---|---|")
    for way, seconds in times.items():
        middle, most = np.quantile(seconds, (0.5, 0.9))
        unit = (1000, "ms") if middle < 1 else (1, "s")
        print(f"| {way} | {middle * unit[0]:.3g} {unit[1]} | {most * unit[0]:.3g} {unit[1]} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main()
