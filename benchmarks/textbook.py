"""Textbook pictures of diseases, rare and common: is the disease that they picture ranked first?

    medkg train diagnosis graphs/hpo --out models/diagnosis
    python benchmarks/textbook.py models/diagnosis [--pictures rare,common]
        [--no-prevalence] [--json FILE]

The pictures (`benchmarks/data/textbook_*.tsv`) were written for this project, by what standard
texts call classic and before anything was changed by them: each as a list of findings, in the words
that people type, and as a note. `accepted` are the identifiers that count as the disease, its
subtypes included. Eight sets are notes alone: of `plain` (20 rare, 19 common diseases) the misses
were mended; `fresh` (15 and 9) was written after that and first read when it was measured, and its
misses were seen. `blind` and `unseen` (25 and 15 each) are by somebody who knew neither the reader
nor its lay names; the misses of `blind` were mended, and of `unseen` two were. What reads words
that no name has (`train_phrases.py`) learned from these four, but not from `later` (25 and 15),
which was written afterwards and from which nothing was learned. `comorbid` and `comorbid_later` (21
common and 9 rare diseases each) are of patients who have other conditions already, by somebody who
knew nothing of the reader; the misses of the first were mended, of the second they were seen.
`styles` (26 and 14) has ten notes each of an emergency's shorthand, of laypeople, of results in
tables and of letters, by another who knew nothing of the reader; it was only measured.

Prints Markdown: the share first, among three and ten; the mean probability of the first, and its
expected calibration error in five bins; how many pictures have a rare disease that isn't theirs at
more than .2 (rare: of fewer than 50 of 100,000, as the European Union defines it); the median size
of the 90 % sets, and how many have at most ten diseases; and each miss, with what came first. The
last line is the calibration error over all the pictures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import polars as pl

import medkg
from medkg.core.calibration import quality
from medkg.core.errors import MissingError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis import (
    PatientFindings,
    diagnose_patients,
    findings_in_text,
    typed_phenotypes,
)
from medkg.extract.demographics import demographics
from medkg.mining.diagnosis.circumstances import USUAL, Circumstances
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.phenotypes import Findings, Phenotypes
from medkg.mining.diagnosis.prevalence import prevalences

DATA = Path(__file__).with_name("data")
TOP = (1, 3, 10)
SURE = 0.2  # a probability from which on a wrong answer misleads
SMALL = 10  # diseases: the largest set that is listed
RARE = 50  # of 100,000 people


class Outcome(TypedDict):
    """How a picture was answered; `rank` is None where the disease is no candidate.

    `not_known` are the findings of a list that name no phenotype; `rare` the rare diseases that are
    another and more probable than .2; `in_set` is how many diseases the 90 % set has, None where
    the model gives none.
    """

    disease: str
    rank: int | None
    probability: float
    first: str
    first_probability: float
    not_known: list[str]
    rare: list[str]
    in_set: int | None


def listed(
    model: DiagnosisModel,
    pictures: Sequence[Mapping[str, str]],
    circumstances: Circumstances | None,
) -> list[Outcome]:
    """The outcomes of the pictures as lists."""
    look = Phenotypes(model.kg)
    findings, not_known = {}, {}
    for picture in pictures:
        present: list[str] = []
        missing: list[str] = []
        (texts, _), _ = typed_phenotypes(model.kg, (picture["findings"].split("; "), []))
        for text in texts:
            try:
                present.append(look.one(text)[0])
            except MissingError:
                missing.append(text)
        findings[picture["disease"]] = look.clean(present, [])
        not_known[picture["disease"]] = missing
    known = {} if circumstances is None else dict.fromkeys(findings, circumstances)
    return outcomes(model, pictures, findings, not_known, known)


def noted(
    model: DiagnosisModel,
    pictures: Sequence[Mapping[str, str]],
    circumstances: Circumstances | None,
) -> list[Outcome]:
    """The outcomes of the pictures as notes."""
    findings, known = read_notes(model, pictures, circumstances)
    return outcomes(model, pictures, findings, {}, known)


def read_notes(
    model: DiagnosisModel,
    pictures: Sequence[Mapping[str, str]],
    circumstances: Circumstances | None,
) -> tuple[dict[str, Findings], dict[str, Circumstances]]:
    """By disease the findings of each picture's note, and what is known beside them."""
    look = Phenotypes(model.kg)
    with tempfile.TemporaryDirectory() as name:
        for number, picture in enumerate(pictures):
            (Path(name) / f"{number}.txt").write_text(picture["note"], encoding="utf-8")
        texts = medkg.annotate([name], terminology=model.kg, texts="notes")
    findings, known = {}, {}
    for text in texts:
        rows = findings_in_text(text, model.kg)
        lists = (rows.filter(keep=keep)["phenotype"].to_list() for keep in ("yes", "no"))
        likely = list(rows.filter(keep="maybe").select("phenotype", "probability").iter_rows())
        picture = pictures[int(text.id.partition(":")[2])]
        findings[picture["disease"]] = look.clean(*lists, uncertain=likely)
        if circumstances is not None:
            stated = demographics(text.text)
            known[picture["disease"]] = replace(circumstances, sex=stated.sex, age=stated.age)
    return findings, known


def outcomes(
    model: DiagnosisModel,
    pictures: Sequence[Mapping[str, str]],
    findings: Mapping[str, Findings],
    not_known: Mapping[str, Sequence[str]],
    known: Mapping[str, Circumstances],
) -> list[Outcome]:
    """Rank the diseases of all pictures, each with what is known beside its phenotypes."""
    patients = [
        PatientFindings(p["disease"], findings[p["disease"]], tuple(p["accepted"].split(";")))
        for p in pictures
        if p["disease"] in findings
    ]
    results = {
        result["patient"]: result
        for patient in patients
        for result in diagnose_patients(
            model, [patient], Quarantine(), top=200, circumstances=known.get(patient.id)
        )
    }
    per_100000 = prevalences(model.kg, model.knowledge)
    rows: list[Outcome] = []
    for picture in pictures:
        result = results.get(picture["disease"])
        accepted = set(picture["accepted"].split(";"))
        ranked: Sequence[Any] = [] if result is None else result["diagnoses"]
        own = [row for row in ranked if accepted & {row["disease"], *row.get("identifiers", ())}]
        rows.append(
            {
                "disease": picture["disease"],
                "rank": own[0]["rank"] if own else result and result["known_rank"],
                "probability": own[0]["probability"] if own else 0.0,
                "first": ranked[0]["name"] if ranked else "no finding read",
                "first_probability": ranked[0]["probability"] if ranked else 0.0,
                "not_known": list(not_known.get(picture["disease"], ())),
                "rare": [
                    row["name"]
                    for row in ranked
                    if row["probability"] > SURE
                    and per_100000[model.knowledge.disease_rows[row["disease"]]] < RARE
                    and row not in own
                ],
                "in_set": result["open_set"]["size"] if result and result["open_set"] else None,
            }
        )
    return rows


def print_outcomes(title: str, rows: Sequence[Outcome]) -> None:
    """Print the shares, and every picture whose disease is not first."""
    shares = [sum((row["rank"] or 10**9) <= k for row in rows) / len(rows) for k in TOP]
    mean = sum(row["first_probability"] for row in rows) / len(rows)
    cells = " | ".join(f"{share:.2f}" for share in shares)
    rare = sum(bool(row["rare"]) for row in rows)
    print(
        f"| {title} | {len(rows)} | {cells} | {mean:.2f} | {calibration(rows):.2f} | {rare} |"
        f" {set_sizes(rows)} |"
    )
    for row in rows:
        if row["rank"] == 1 and not row["not_known"]:
            continue
        rank = "no candidate" if row["rank"] is None else f"{row['rank']}"
        not_known = f"; not read: {', '.join(row['not_known'])}" if row["not_known"] else ""
        print(
            f"|   {row['disease']} | {rank} ({row['probability']:.2f}) | first:"
            f" {row['first']} ({row['first_probability']:.2f}){not_known} | | | | | | |"
        )


def set_sizes(rows: Sequence[Outcome]) -> str:
    """The median size of the 90 % sets, and how many hold at most ten diseases."""
    sizes = [row["in_set"] for row in rows if row["in_set"] is not None]
    if not sizes:
        return ""
    return f"{np.median(sizes):,.0f}, {sum(size <= SMALL for size in sizes)}"


def calibration(rows: Sequence[Outcome]) -> float:
    """The expected calibration error of the probabilities of the first diseases."""
    probabilities = np.array([row["first_probability"] for row in rows])
    right = np.array([row["rank"] == 1 for row in rows])
    return quality(probabilities, right, bins=5)["ece"]


def main() -> None:
    """Rank, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", default="rare,common")
    parser.add_argument("--no-prevalence", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = medkg.load_model(args.model)
    assert isinstance(model, DiagnosisModel)
    everything: dict[str, list[Outcome]] = {}
    print(
        "| pictures | n | first | among 3 | among 10 | mean probability of the first | ECE | rare |"
        " median set, of at most 10 |"
    )
    print("|---" * 9 + "|")
    for kind in args.pictures.split(","):
        table = pl.read_csv(DATA / f"textbook_{kind}.tsv", separator="\t")
        pictures: list[dict[str, str]] = table.to_dicts()
        for form, answer in (("lists", listed), ("notes", noted)):
            if form == "lists" and "findings" not in table.columns:
                continue
            rows = answer(model, pictures, None if args.no_prevalence else USUAL)
            print_outcomes(f"{kind}, {form}", rows)
            everything[f"{kind} {form}"] = rows
    together = [row for rows in everything.values() for row in rows]
    print(f"| all | {len(together)} | | | | | {calibration(together):.2f} | | |")
    if args.json is not None:
        args.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
