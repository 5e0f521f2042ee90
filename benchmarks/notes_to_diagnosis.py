"""From a note to its diagnosis: reading, context and ranking together.

    medkg train diagnosis graphs/hpo --out models/diagnosis
    python benchmarks/notes_to_diagnosis.py models/diagnosis [--maccrobat FOLDER] [--seed 0]

Two sets of notes, with the disease never named:

- 30 case reports written for this project (`benchmarks/data/case_reports.jsonl`), a rare disease
  each, from what medical textbooks say of it and without a look at its annotations. With each note
  stand the phenotypes that it says the patient has (`present`), lacks (`absent`) and relatives have
  (`family`), as the writer coded them.
- MACCROBAT's case reports (the folder of its .txt and .ann files) whose diagnosis is annotated. The
  rule, applied by this script: a Disease_disorder in a sentence with "diagnos", whose text is a
  name or synonym of one disease that the model knows; of several in a report the last. All its
  names are replaced by "the condition" wherever they stand, so that it can't be read off.

Ranked are the disease for the phenotypes as coded, as they were read, and as they were read with
the context ignored (what is denied, or a relative's, counted as the patient's). Prints Markdown:
top-1, top-3, top-10 with 95 % intervals by bootstrap over notes, the median rank; and precision and
recall of the findings.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import medkg
from medkg.core.quarantine import Quarantine
from medkg.core.statistics import draws_one_by_one, percentile_bounds
from medkg.diagnosis import PatientFindings, diagnose_patients, findings_in_text
from medkg.graph.identifiers import name_key_of
from medkg.mining.diagnosis.circumstances import USUAL
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.phenotypes import Findings, Phenotypes

REPORTS = Path(__file__).with_name("data") / "case_reports.jsonl"
TOP = (1, 3, 10)


def read(
    model: DiagnosisModel, notes: dict[str, str]
) -> tuple[dict[str, pl.DataFrame], dict[str, Findings], dict[str, Findings]]:
    """What is found in each note: the table, the findings, and those with the context ignored."""
    look = Phenotypes(model.kg)
    with tempfile.TemporaryDirectory() as name:
        for note, text in notes.items():
            (Path(name) / f"{note}.txt").write_text(text, encoding="utf-8")
        texts = medkg.annotate([name], terminology=model.kg, texts="notes")
    tables = {text.id.partition(":")[2]: findings_in_text(text, model.kg) for text in texts}
    findings, ignored = {}, {}
    for note, rows in tables.items():
        lists = (rows.filter(keep=keep)["phenotype"].to_list() for keep in ("yes", "no"))
        findings[note] = look.clean(*lists)
        ignored[note] = look.clean(rows.filter(pl.col("phenotype") != "")["phenotype"], [])
    return tables, findings, ignored


def ranks_of(
    model: DiagnosisModel, findings: dict[str, Findings], diagnoses: dict[str, str]
) -> np.ndarray[Any, Any]:
    """The rank of each note's diagnosis; infinite where no phenotype was found in it."""
    patients = [
        PatientFindings(note, findings[note], (diagnosis,))
        for note, diagnosis in diagnoses.items()
        if note in findings
    ]
    results = diagnose_patients(model, patients, Quarantine(), top=1, circumstances=USUAL)
    ranks = {result["patient"]: result["known_rank"] for result in results}
    return np.array([ranks.get(note) or np.inf for note in diagnoses])


def print_ranks(title: str, rows: dict[str, np.ndarray[Any, Any]], seed: int) -> None:
    """Print top-k of several ways to read the same notes."""
    rng = np.random.default_rng(seed)
    print(
        f"\n{title}\n\n| findings | top-1 | top-3 | top-10 | median rank |\n|---|---|---|---|---|"
    )
    for name, ranks in rows.items():
        counts = draws_one_by_one(len(ranks), rng, 2000)
        cells = []
        for k in TOP:
            low, high = percentile_bounds(counts @ (ranks <= k) / len(ranks))
            cells.append(f"{(ranks <= k).mean():.2f} ({low:.2f}-{high:.2f})")
        median = np.median(ranks)
        print(
            f"| {name} | {' | '.join(cells)} | {f'{median:.0f}' if np.isfinite(median) else '-'} |"
        )


def own_reports(model: DiagnosisModel, seed: int) -> None:
    """The reports of this project: ranks, and how well the findings were read."""
    reports = [json.loads(line) for line in REPORTS.read_text(encoding="utf-8").splitlines()]
    diagnoses = {f"report-{r['id']}": r["diagnosis"] for r in reports}
    look = Phenotypes(model.kg)
    coded = {f"report-{r['id']}": look.clean(r["present"], r["absent"]) for r in reports}
    _, recognised, ignored = read(model, {f"report-{r['id']}": r["text"] for r in reports})
    unknown = [d for d in diagnoses.values() if d not in model.knowledge.disease_rows]
    ranks = {"as coded": coded, "as read": recognised, "as read, context ignored": ignored}
    print_ranks(
        f"Case reports of this project: {len(reports)}, model {model.name}"
        + (f" (no candidates: {', '.join(unknown)})" if unknown else ""),
        {name: ranks_of(model, findings, diagnoses) for name, findings in ranks.items()},
        seed,
    )
    print("\n| findings | coded | read | precision | recall |\n|---|---|---|---|---|")
    for part in ("present", "excluded"):
        pairs = [({*getattr(coded[n], part)}, {*getattr(recognised[n], part)}) for n in diagnoses]
        print_agreement(part, pairs)
    # A kind of what was coded, or what it is a kind of, serves the ranking as well.
    pairs = [({*coded[n].present}, {*recognised[n].present}) for n in diagnoses]
    print_agreement("present, or one below or above", pairs, look)
    taken = [
        phenotype
        for report in reports
        for phenotype in set(report["family"]) - set(report["present"])
        if phenotype in recognised[f"report-{report['id']}"].present
    ]
    relatives = sum(len(set(r["family"]) - set(r["present"])) for r in reports)
    print(
        f"\nOf {relatives} phenotypes of relatives alone, {len(taken)} were taken as the patient's."
    )


def print_agreement(
    name: str, pairs: Sequence[tuple[set[str], set[str]]], look: Phenotypes | None = None
) -> None:
    """Print precision and recall of what was read; with `look`, of terms along one line."""

    def met(one: str, others: set[str]) -> bool:
        if look is None:
            return one in others
        return any(one in look.ancestors(o) or o in look.ancestors(one) for o in others)

    coded, recognised = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    right = sum(met(one, coded_) for coded_, recognised_ in pairs for one in recognised_)
    kept = sum(met(one, recognised_) for coded_, recognised_ in pairs for one in coded_)
    print(f"| {name} | {coded} | {recognised} | {right / recognised:.2f} | {kept / coded:.2f} |")


def maccrobat(model: DiagnosisModel, folder: Path, seed: int) -> None:
    """MACCROBAT's reports with an annotated diagnosis, which is hidden."""
    names: dict[str, set[int]] = {}
    known: dict[int, set[str]] = {}
    diseases = model.kg.nodes.filter(kind="Disease").select("id", "name", "synonyms")
    for disease, name, synonyms in diseases.iter_rows():
        row = model.knowledge.disease_rows.get(disease)
        for text in (name, *synonyms) if row is not None else ():
            names.setdefault(name_key_of(text), set()).add(row)
            known.setdefault(row, set()).add(text)
    notes, diagnoses = {}, {}
    for file in sorted(folder.rglob("*.ann")):
        text = file.with_suffix(".txt").read_text(encoding="utf-8")
        diagnosis = _diagnosis(file.read_text(encoding="utf-8"), text, names)
        if diagnosis is not None:
            row, spellings = diagnosis
            notes[file.stem] = _hidden(text, known[row] | spellings)
            diagnoses[file.stem] = model.knowledge.diseases[row]
    _, read_, ignored = read(model, notes)
    total = len(list(folder.rglob("*.ann")))
    print_ranks(
        f"MACCROBAT: {len(notes)} of {total} reports have such a diagnosis, model {model.name}",
        {
            "as read": ranks_of(model, read_, diagnoses),
            "as read, context ignored": ranks_of(model, ignored, diagnoses),
        },
        seed,
    )


def _diagnosis(
    annotations: str, text: str, names: dict[str, set[int]]
) -> tuple[int, set[str]] | None:
    """The row of a report's diagnosis by the rule above, and the words that it has for it."""
    mentions: list[tuple[int, int, str]] = []
    for line in annotations.splitlines():
        fields = line.split("\t")
        if not line.startswith("T") or not fields[1].startswith("Disease_disorder "):
            continue
        if ";" in fields[1]:  # of two pieces
            continue
        start, end = map(int, fields[1].split()[1:])
        key = name_key_of(fields[2])
        rows = names.get(key) or names.get(key.removesuffix("s")) or set()
        begin = max(text.rfind(mark, 0, start) for mark in ".\n") + 1
        stop = min((at for mark in ".\n" if (at := text.find(mark, end)) >= 0), default=len(text))
        if len(rows) == 1 and "diagnos" in text[begin:stop].lower():
            mentions.append((start, next(iter(rows)), fields[2]))
    if not mentions:
        return None
    row = max(mentions)[1]
    return row, {text for _, of, text in mentions if of == row}


def _hidden(text: str, names: set[str]) -> str:
    """The text without a disease's names, longest first."""
    for name in sorted(names, key=len, reverse=True):
        words = r"[\s,-]+".join(map(re.escape, re.findall(r"[^\s,-]+", name)))
        text = re.sub(rf"\b{words}s?\b", "the condition", text, flags=re.IGNORECASE)
    return text


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--maccrobat", type=Path, help="folder of .txt and .ann files")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = medkg.load_model(args.model)
    assert isinstance(model, DiagnosisModel)
    own_reports(model, args.seed)
    if args.maccrobat is not None:
        maccrobat(model, args.maccrobat, args.seed)


if __name__ == "__main__":
    main()
