"""How many questions are saved by asking what is expected to tell most.

    medkg train diagnosis graphs/hpo-2021-10 --model naive_bayes --out models/diagnosis
    python benchmarks/ask.py models/diagnosis --cases phenopackets.tar.xz [--patients 60] [--seed 0]

A dialogue begins with three phenotypes of a patient; a question is asked at a time, and the model
takes its answer. The question is chosen

- by expected information gain, weighed by how likely a phenotype is written down (`medkg diagnose
  --ask`), and by the gain alone;
- as the phenotype that is most probable by the list as it stands (the most frequent ones of the
  probable diseases);
- as the most frequent phenotype of all diseases.

None of them asks for what follows from what is known. The patients:

- simulated: a disease drawn uniformly, of whose phenotypes each is there with its annotated
  frequency, and one in ten beside is of any disease. They answer yes or no. They are drawn from
  what the questions are chosen by, so this shows what is to be had, not what a patient will answer.
- published: one case of each publication with a PMID above 34,600,000, later than any that HPO's
  annotations of 2021-10 cite, if the model knows its disease. Three of the observed phenotypes are
  given; of others the answer is yes where the case states it or one below it, no where it states
  that it or one above it was excluded, else it is not known. What was excluded tells the
  publication's disease to some degree, so these are not comparable with figures of diagnosis.

Prints Markdown: the share of patients whose disease is first, and among the first ten, after so
many questions; the mean number of questions until it is first (20 where it never is), what the gain
saves of these, with a 95 % interval by bootstrap over patients; and how many of the questions could
be answered.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import medkg
from medkg.cases import open_cases
from medkg.core.progress import track
from medkg.core.quarantine import Quarantine
from medkg.core.ranking import best_rank
from medkg.core.statistics import draws_one_by_one, percentile_bounds
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.ask import (
    askable,
    information_gain,
    most_probable_diseases,
    probabilities,
    recorded,
)
from medkg.mining.diagnosis.cases import cases_of
from medkg.mining.diagnosis.knowledge import Floats, Integers, Knowledge
from medkg.mining.diagnosis.model import DiagnosisModel

QUESTIONS = 20
SHOWN = (0, 5, 10, 20)
GIVEN_PHENOTYPES = 3
LATER_THAN = 34_600_000


@dataclass
class Patient:
    """The phenotypes given at first, the rest that can be answered, and the row of the disease."""

    given: Integers
    yes: Integers
    no: Integers | None  # None: all that isn't yes
    disease: int
    present: list[int] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)

    def begin(self) -> None:
        """Forget all answers."""
        self.present, self.excluded, self.unknown = self.given.tolist(), [], []

    def answer(self, column: int) -> None:
        """Note the answer to a question."""
        if column in self.yes:
            self.present.append(column)
        elif self.no is None or column in self.no:
            self.excluded.append(column)
        else:
            self.unknown.append(column)


def simulated(knowledge: Knowledge, number: int, rng: np.random.Generator) -> list[Patient]:
    """Patients whose phenotypes are there with their annotated frequencies."""
    usual = np.asarray(knowledge.annotated.sum(axis=0)).ravel()
    usual /= usual.sum()
    patients: list[Patient] = []
    while len(patients) < number:
        disease = int(rng.integers(len(knowledge.diseases)))
        begin, end = knowledge.annotated.indptr[disease : disease + 2]
        stated = knowledge.annotated.indices[begin:end]
        shown = stated[rng.random(end - begin) < knowledge.annotated.data[begin:end]]
        beside = rng.choice(len(usual), size=rng.binomial(len(shown), 0.1), p=usual)
        whole = np.union1d(shown, beside).astype(np.int64)
        if len(whole) > GIVEN_PHENOTYPES:
            given = np.sort(rng.choice(whole, GIVEN_PHENOTYPES, replace=False))
            yes = knowledge.with_ancestors([whole]).indices
            patients.append(Patient(given, yes, None, disease))
    return patients


def published(
    knowledge: Knowledge, cases: KnowledgeGraph, number: int, rng: np.random.Generator
) -> list[Patient]:
    """One case of each later publication."""
    by_publication: dict[str, list[Patient]] = {}
    for case in cases_of(cases):
        pmid = re.fullmatch(r"PMID:(\d+)", case.publication)
        rows = [knowledge.disease_rows[d] for d in case.diseases if d in knowledge.disease_rows]
        seen = knowledge.columns_of(case.present)
        if pmid is None or int(pmid[1]) <= LATER_THAN or not rows or len(seen) <= GIVEN_PHENOTYPES:
            continue
        denied = np.zeros(len(knowledge.phenotypes), dtype=np.float32)
        denied[knowledge.columns_of(case.excluded)] = 1
        by_publication.setdefault(case.publication, []).append(
            Patient(
                np.sort(rng.choice(seen, GIVEN_PHENOTYPES, replace=False)),
                knowledge.with_ancestors([seen]).indices,
                np.flatnonzero(knowledge.closure @ denied),
                rows[0],
            )
        )
    patients = [of[int(rng.integers(len(of)))] for _, of in sorted(by_publication.items())]
    return patients[:number]


Choice = Callable[[Knowledge, Floats, Integers, Integers, Integers], int | None]


def by_weighed_gain(
    knowledge: Knowledge, logs: Floats, present: Integers, excluded: Integers, unknown: Integers
) -> int | None:
    """The question of the greatest expected information gain × how likely it can be answered."""
    columns, gain = _gains(knowledge, logs, present, excluded, unknown)
    return int(columns[np.argmax(gain * recorded(knowledge, columns))]) if len(columns) else None


def by_gain(
    knowledge: Knowledge, logs: Floats, present: Integers, excluded: Integers, unknown: Integers
) -> int | None:
    """The question of the greatest expected information gain."""
    columns, gain = _gains(knowledge, logs, present, excluded, unknown)
    return int(columns[np.argmax(gain)]) if len(columns) else None


def _gains(
    knowledge: Knowledge, logs: Floats, present: Integers, excluded: Integers, unknown: Integers
) -> tuple[Integers, Floats]:
    rows, weights = most_probable_diseases(logs)
    columns = askable(knowledge, rows, present, excluded, unknown)
    shown = probabilities(knowledge, rows, columns, present)
    return columns, np.asarray(information_gain(weights, shown), dtype=np.float32)


def by_list(
    knowledge: Knowledge, logs: Floats, present: Integers, excluded: Integers, unknown: Integers
) -> int | None:
    """The phenotype that is most probable by the list."""
    rows, weights = most_probable_diseases(logs)
    columns = askable(knowledge, rows, present, excluded, unknown)
    if not len(columns):
        return None
    return int(columns[np.argmax(weights @ probabilities(knowledge, rows, columns, present))])


def by_frequency(
    knowledge: Knowledge, logs: Floats, present: Integers, excluded: Integers, unknown: Integers
) -> int | None:
    """The most frequent phenotype of all diseases."""
    columns = askable(knowledge, np.arange(len(logs)), present, excluded, unknown)
    usual = np.asarray(knowledge.frequency.mean(axis=0)).ravel()
    return int(columns[np.argmax(usual[columns])])


CHOICES: dict[str, Choice] = {
    "weighed gain": by_weighed_gain,
    "information gain": by_gain,
    "most frequent of the list": by_list,
    "most frequent of all": by_frequency,
}


def dialogues(
    model: DiagnosisModel, patients: list[Patient], choose: Choice, name: str
) -> tuple[Floats, float]:
    """The rank of each patient's disease after 0, 1, … questions (patients × questions), and the
    share of the questions that could be answered."""
    knowledge = model.knowledge
    for patient in patients:
        patient.begin()
    ranks = np.empty((len(patients), QUESTIONS + 1), dtype=np.float32)
    for step in track(range(QUESTIONS + 1), name, QUESTIONS + 1):
        known = [
            tuple(np.array(sorted(part), dtype=np.int64) for part in parts)
            for parts in ((p.present, p.excluded, p.unknown) for p in patients)
        ]
        logs = model.log_probabilities([k[0] for k in known], [k[1] for k in known])
        for number, (patient, own) in enumerate(zip(patients, logs, strict=True)):
            ranks[number, step] = best_rank(own, [patient.disease])
            column = choose(knowledge, own, *known[number]) if step < QUESTIONS else None
            if column is not None:
                patient.answer(column)
    unknown = sum(len(patient.unknown) for patient in patients)
    questions = unknown + sum(
        len(patient.present) + len(patient.excluded) - GIVEN_PHENOTYPES for patient in patients
    )
    return ranks, 1 - unknown / questions


def needed(ranks: Floats) -> Integers:
    """Questions until the disease is first for the first time."""
    within = ranks <= 1
    return np.where(within.any(axis=1), within.argmax(axis=1), QUESTIONS)


def report(model: DiagnosisModel, patients: list[Patient], title: str, seed: int) -> None:
    """Print the table of some patients."""
    rng = np.random.default_rng(seed)
    outcomes = {name: dialogues(model, patients, choose, name) for name, choose in CHOICES.items()}
    counts = {name: needed(ranks) for name, (ranks, _) in outcomes.items()}
    head = " | ".join(f"{n} questions: first / ten" for n in SHOWN)
    print(f"\n{title}: {len(patients)}, model {model.name}\n")
    print(f"| question by | {head} | until first | saved by the gain | answered |")
    print("|---" * (len(SHOWN) + 4) + "|")
    for name, (ranks, answered) in outcomes.items():
        shares = [
            f"{(ranks[:, n] <= 1).mean():.2f} / {(ranks[:, n] <= 10).mean():.2f}" for n in SHOWN
        ]
        saved = counts[name] - counts["information gain"]
        counts_drawn = draws_one_by_one(len(saved), rng, 2000)
        low, high = percentile_bounds(counts_drawn @ saved / len(saved))
        difference = (
            "" if name == "information gain" else f"{saved.mean():.1f} ({low:.1f} to {high:.1f})"
        )
        cells = [name, *shares, f"{counts[name].mean():.1f}", difference, f"{answered:.0%}"]
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    """Run the dialogues and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--cases", type=Path, help="phenopackets, or a graph folder of patients")
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = medkg.load_model(args.model)
    assert isinstance(model, DiagnosisModel)
    rng = np.random.default_rng(args.seed)
    report(model, simulated(model.knowledge, args.patients, rng), "Simulated patients", args.seed)
    if args.cases is not None:
        cases = open_cases(args.cases, Quarantine())
        patients = published(model.knowledge, cases, args.patients, rng)
        report(model, patients, "Published cases, one of each publication", args.seed)


if __name__ == "__main__":
    main()
