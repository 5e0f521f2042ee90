"""Fit "none of these" and the sets of a clinic's patients, on notes whose misses were not mended.

    medkg train diagnosis graphs/all --out models/diagnosis
    python benchmarks/fit_clinic.py models/diagnosis [--write]

The notes are the five sets of `textbook.py` that were measured and, but for two misses of `unseen`,
not mended for; what reads words that no name has learned from `unseen`. Prints Markdown: for each
set, by a fit on the four others without notes of the same diseases, how often the 80, 90 and 95 %
sets hold the disease, their median size, how many have at most ten diseases and how many hold "none
of these"; and with the disease taken out of the candidates how many of the 90 % sets hold "none of
these"; P(none) of the patients as they are, and without their disease, with the AUROC between the
two. `--write` fits all five sets and writes what comes with medkg
(`mining/diagnosis/data/clinic.json`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from textbook import DATA, SMALL, read_notes

import medkg
from medkg.diagnosis.ranking import RankedPatients
from medkg.mining.diagnosis.circumstances import USUAL
from medkg.mining.diagnosis.clinic import (
    fit_clinic_open_set,
    one_row_each,
    write_clinic_open_set,
)
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.knowledge import Floats, Integers
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import NONE, auroc, coverage_of
from medkg.mining.diagnosis.posterior import factors_for

NOT_MENDED_FOR = ("unseen", "later", "comorbid_later", "styles", "long_later")
COVERAGES = (0.8, 0.9, 0.95)


@dataclass(frozen=True)
class RankedNotes:
    """Notes of patients whose disease is known.

    Attributes:
        logs: logarithms of the probabilities by all that is known, patients × diseases.
        truth_rows: of each patient the rows that count as the disease.
        patients: columns of what is to be explained.
    """

    logs: Floats
    truth_rows: Sequence[Integers]
    patients: Sequence[Integers]

    def evidence(self, model: DiagnosisModel) -> PatientEvidence:
        """The findings beside what the model's graph states."""
        return PatientEvidence(model.knowledge.as_stated, self.patients)

    def without(self, other: RankedNotes) -> RankedNotes:
        """Those of diseases that others aren't of."""
        theirs = {int(row) for rows in other.truth_rows for row in rows}
        kept = [n for n, rows in enumerate(self.truth_rows) if theirs.isdisjoint(rows.tolist())]
        return RankedNotes(
            self.logs[kept], [self.truth_rows[n] for n in kept], [self.patients[n] for n in kept]
        )

    @classmethod
    def together(cls, parts: Sequence[RankedNotes]) -> RankedNotes:
        """The notes of several sets."""
        return cls(
            np.concatenate([part.logs for part in parts]),
            [rows for part in parts for rows in part.truth_rows],
            [patient for part in parts for patient in part.patients],
        )


def ranked_notes(model: DiagnosisModel, pictures: Sequence[Mapping[str, str]]) -> RankedNotes:
    """Rank the diseases of notes in which anything is found and whose disease is a candidate."""
    knowledge = model.knowledge
    findings, known = read_notes(model, pictures, USUAL)
    logs, truth_rows, patients = [], [], []
    for picture in pictures:
        own = findings.get(picture["disease"])
        accepted = picture["accepted"].split(";")
        rows = [knowledge.disease_rows[each] for each in accepted if each in knowledge.disease_rows]
        if own is None or not rows or not len(knowledge.columns_of(own.present)):
            continue
        factors = factors_for(model, known[picture["disease"]])
        ranked = RankedPatients.of(model, [own], factors)
        logs.append(ranked.logs[0].astype(np.float32))
        truth_rows.append(np.unique(rows))
        patients.append(ranked.explained[0])
    return RankedNotes(np.array(logs), truth_rows, patients)


def print_measured(model: DiagnosisModel, name: str, own: RankedNotes, rest: RankedNotes) -> None:
    """Print a row on some notes, by the fit of the rest."""
    fitted = fit_clinic_open_set(rest.logs, rest.truth_rows, rest.evidence(model))
    evidence, numbers = own.evidence(model), np.arange(len(own.truth_rows))
    cells = []
    for coverage in COVERAGES:
        sets = fitted.sets(own.logs, evidence, coverage)
        covered = coverage_of(sets, own.truth_rows, numbers, coverage)
        small = sum((members != NONE).sum() <= SMALL for members in sets)
        cells.append(
            f"{covered['covered']:.2f} | {covered['size_median']:g}, {small} |"
            f" {covered['with_none']:.2f}"
        )
    merged, rows = one_row_each(own.logs, own.truth_rows)
    present = fitted.none_of_these(own.logs, evidence)
    removed = fitted.none_of_these(merged, evidence, rows)
    merged[numbers, rows] = -np.inf
    without = [NONE in members for members in fitted.sets(merged, evidence, 0.9)]
    cells.append(
        f"{np.mean(without):.2f} | {present.mean():.2f} | {removed.mean():.2f} |"
        f" {auroc(present, removed):.2f}"
    )
    print(f"| {name} | {len(numbers)} | {' | '.join(cells)} |")


def main() -> None:
    """Measure, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    model = medkg.load_model(args.model)
    assert isinstance(model, DiagnosisModel)
    notes = {
        kind: ranked_notes(
            model, pl.read_csv(DATA / f"textbook_{kind}.tsv", separator="\t").to_dicts()
        )
        for kind in NOT_MENDED_FOR
    }
    columns = "".join(
        f" {coverage:.0%}: held | median, of at most {SMALL} | with none |"
        for coverage in COVERAGES
    )
    print(f"| notes | n |{columns} without: with none | P(none) | without | AUROC |")
    print("|---" * (6 + 3 * len(COVERAGES)) + "|")
    for kind, own in notes.items():
        rest = RankedNotes.together([part for name, part in notes.items() if name != kind])
        rest = rest.without(own)
        print_measured(model, kind, own, rest)
    everything = RankedNotes.together(list(notes.values()))
    if args.write:
        fitted = fit_clinic_open_set(
            everything.logs, everything.truth_rows, everything.evidence(model)
        )
        write_clinic_open_set(fitted)
        print(f"\nwritten: {fitted.figures}, temperature {fitted.temperature:.2f}")


if __name__ == "__main__":
    main()
