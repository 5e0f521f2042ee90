"""Fit "none of these" and the sets of a clinic's patients, on notes that nothing was changed for.

    medkg train diagnosis graphs/all --out models/diagnosis
    python benchmarks/fit_clinic.py models/diagnosis [--write]

The notes are the five sets of `textbook.py` that were measured and not mended for (of `unseen` two
misses were mended). Prints Markdown: for each set, by a fit on the four others, how often the 80,
90 and 95 % sets hold the disease, their median size, how many have at most ten diseases and how
many hold "none of these"; P(none) of the patients as they are, and where their disease is taken out
of the candidates, with the AUROC between the two. `--write` fits all five sets and writes what
comes with medkg (`mining/diagnosis/data/clinic.json`).
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
from medkg.mining.diagnosis.clinic import fit_clinic_open_set, write_clinic_open_set
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.knowledge import Floats, Integers
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import NONE, auroc, coverage_of
from medkg.mining.diagnosis.posterior import factors_for

NOT_MENDED_FOR = ("unseen", "later", "comorbid_later", "styles", "long_later")
COVERAGES = (0.8, 0.9, 0.95)
_OUT = -60.0  # the logarithm of a probability that is none


@dataclass(frozen=True)
class RankedNotes:
    """Notes of patients whose disease is known.

    Attributes:
        logs: logarithms of the probabilities by all that is known, patients × diseases.
        truth_rows: the row of each patient's disease.
        patients: columns of what is to be explained.
    """

    logs: Floats
    truth_rows: Integers
    patients: Sequence[Integers]

    def evidence(self, model: DiagnosisModel) -> PatientEvidence:
        """The findings beside what the model's graph states."""
        return PatientEvidence(model.knowledge.as_stated, self.patients)

    @classmethod
    def together(cls, parts: Sequence[RankedNotes]) -> RankedNotes:
        """The notes of several sets."""
        return cls(
            np.concatenate([part.logs for part in parts]),
            np.concatenate([part.truth_rows for part in parts]),
            [patient for part in parts for patient in part.patients],
        )


def ranked_notes(model: DiagnosisModel, pictures: Sequence[Mapping[str, str]]) -> RankedNotes:
    """Rank the diseases of notes in which anything is found and whose disease is a candidate.

    Of the identifiers that count as the disease the most probable is the truth, and the others are
    no candidates, so that "none of these" can be tried without the disease.
    """
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
        of_one = ranked.logs[0].astype(np.float32)
        truth = max(rows, key=lambda row: of_one[row])
        of_one[[row for row in rows if row != truth]] = _OUT
        logs.append(of_one)
        truth_rows.append(truth)
        patients.append(ranked.explained[0])
    return RankedNotes(np.array(logs), np.array(truth_rows), patients)


def print_measured(model: DiagnosisModel, name: str, own: RankedNotes, rest: RankedNotes) -> None:
    """Print a row on some notes, by the fit of the rest."""
    fitted = fit_clinic_open_set(rest.logs, rest.truth_rows, rest.evidence(model))
    evidence, numbers = own.evidence(model), np.arange(len(own.truth_rows))
    cells = []
    for coverage in COVERAGES:
        sets = fitted.sets(own.logs, evidence, coverage)
        covered = coverage_of(sets, [np.array([row]) for row in own.truth_rows], numbers, coverage)
        small = sum((members != NONE).sum() <= SMALL for members in sets)
        cells.append(
            f"{covered['covered']:.2f} | {covered['size_median']:g}, {small} |"
            f" {covered['with_none']:.2f}"
        )
    present = fitted.none_of_these(own.logs, evidence)
    removed = fitted.none_of_these(own.logs, evidence, own.truth_rows)
    cells.append(f"{present.mean():.2f} | {removed.mean():.2f} | {auroc(present, removed):.2f}")
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
    print(f"| notes | n |{columns} P(none) | without the disease | AUROC |")
    print("|---" * (5 + 3 * len(COVERAGES)) + "|")
    for kind, own in notes.items():
        rest = RankedNotes.together([part for name, part in notes.items() if name != kind])
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
