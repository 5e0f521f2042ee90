"""Whether plain texts are told to be notes or papers by their form, and the weights of the signs.

    python benchmarks/document_forms.py DATA [--fit]

DATA is a folder with `corpora/` and `patients/dialogue/`. Prints, of each set of texts that the
weights were not fitted to, how many are read as notes, how many are in doubt (and read as notes
too), and how many as papers. `--fit` fits the weights anew and writes them into
`extract/data/document_forms.tsv`, whose head says of what.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import tarfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from deidentification import generate
from scipy.optimize import minimize

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.published import published_corpora
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.document_form import form_of, signs, signs_in

HERE = Path(__file__).parent
TABLE = HERE.parent / "extract" / "data" / "document_forms.tsv"
NOTES = HERE.parent / "api" / "data" / "notes"
_FITTED = ("bc5cdr", "ncbi", "chemprot")
_TRAIN = "aci-bench_train_*.csv"
_VALIDATION = "aci-bench_valid_*.csv"
# Of the loss, how many texts the fit counts as, whatever their number, and the least weight.
_TEXTS, _LEAST_WEIGHT = 2000, 0.5

Texts = list[str]


def main() -> None:
    """Print the table; with `--fit`, fit the weights first."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    abstracts = Abstracts(arguments.data / "corpora")
    dialogue = arguments.data / "patients" / "dialogue"
    if arguments.fit:
        write_weights(fitted(abstracts.train, dialogue))
        signs.cache_clear()
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_fmt_str_lengths(60)
    pl.Config.set_tbl_hide_column_data_types(True)
    rows = [shares(*each) for each in held_out(abstracts, dialogue)]
    print(pl.DataFrame(rows))


class Abstracts:
    """The abstracts of the corpora: those of the fit, and others, by corpus."""

    def __init__(self, corpora: Path) -> None:
        aside = Quarantine()
        parts = {each.name: each for each in published_corpora(corpora, aside)}
        training = [each for name in _FITTED for each in parts[name].train]
        known = {each.id for each in training}
        self.train = [each.text for each in training]
        others = {name: parts[name].development for name in _FITTED}
        files = [corpora / "biored" / f"{name}.PubTator.xz" for name in ("Train", "Dev")]
        others["biored"] = [each for file in files for each in read_pubtator(file, aside)]
        self.others = {
            name: [each.text for each in documents if each.id not in known]
            for name, documents in others.items()
        }
        maccrobat = parts["maccrobat"]
        self.cases = [each.text for each in (*maccrobat.train, *maccrobat.development)]


def column(file: Path, name: str) -> Texts:
    """A column of a table."""
    csv.field_size_limit(1 << 24)
    with file.open(encoding="utf-8", newline="") as opened:
        return [row[name] for row in csv.DictReader(opened)]


def columns(folder: Path, pattern: str, name: str) -> Texts:
    """A column of several tables, each text once."""
    return list(
        dict.fromkeys(t for file in sorted(folder.glob(pattern)) for t in column(file, name))
    )


def primock(dialogue: Path) -> Texts:
    """The notes of PriMock57."""
    with tarfile.open(dialogue / "primock57_notes_transcripts.tar.gz") as archive:
        files = [each for each in archive if re.search(r"notes/.*\.json$", each.name)]
        return [json.load(opened)["note"] for f in files if (opened := archive.extractfile(f))]


def written_texts(part: str, form: str) -> Texts:
    """The texts of `document_forms/texts.txt` of one part and form."""
    blocks = (HERE / "document_forms" / "texts.txt").read_text("utf-8").split("\n=== ")[1:]
    split = (block.partition("\n") for block in blocks)
    return [f"{t.strip()}\n" for head, _, t in split if head.endswith(f": {part}, {form}")]


def untitled(abstracts: Iterable[str]) -> Texts:
    """Abstracts without their title."""
    return [rest for each in abstracts if len(rest := each.partition("\n")[2]) > 100]


def wrapped(texts: Iterable[str]) -> Texts:
    """Texts in lines of 78 characters, an empty line between paragraphs."""
    return [
        "\n\n".join(textwrap.fill(line, 78) for line in text.splitlines() if line.strip()) + "\n"
        for text in texts
    ]


def quoting(notes: Iterable[str], abstracts: Iterable[str]) -> Texts:
    """Notes of 40 words or more with two sentences of abstracts somewhere in them."""
    chosen = random.Random(0)
    sentences = [
        sentence
        for text in abstracts
        for sentence in re.split(r"(?<=[.])\s+", text)
        if 40 < len(sentence) < 300
    ]
    made: Texts = []
    for note in notes:
        if len(note.split()) >= 40:
            ends = [match.end() for match in re.finditer(r"[.\n]\s", note)] or [len(note)]
            place = chosen.choice(ends)
            quoted = " ".join(chosen.sample(sentences, 2))
            made.append(f"{note[:place]}{quoted} {note[place:]}")
    return made


def fitted(abstracts: Texts, dialogue: Path) -> list[float]:
    """The weights of the signs, in their order: logistic regression, each sign on its side."""
    mts = column(dialogue / "MTS-Dialog-TrainingSet.csv", "section_text")
    aci = columns(dialogue, _TRAIN, "note")
    notes = mts + 3 * aci + [each.text for each in generate.notes("development", of_each=6)]
    groups = [  # texts, whether they are papers, their share of the loss
        (abstracts, True, 0.4),
        (wrapped(abstracts), True, 0.2),
        (untitled(abstracts), True, 0.4),
        (written_texts("fit", "paper"), True, 0.1),
        (notes, False, 0.5),
        (wrapped(mts), False, 0.1),
        (quoting(notes, abstracts), False, 0.2),
        (written_texts("fit", "note"), False, 0.1),
    ]
    present = np.array([_present(text) for texts, _, _ in groups for text in texts])
    side = np.array([-1.0 if is_paper else 1.0 for texts, is_paper, _ in groups for _ in texts])
    share = np.array([part / len(texts) for texts, _, part in groups for _ in texts])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        wrong = side * (present @ weights)
        slope = share * side / (1 + np.exp(-wrong))
        size = weights * is_penalised
        value = _TEXTS * (share @ np.logaddexp(0, wrong)) + 0.5 * (size @ size)
        return float(value), _TEXTS * (present.T @ slope) + size

    is_penalised = np.array([each.pattern.pattern != r"\A" for each in signs()], dtype=float)
    bounds = [_bounds(each.form, each.pattern.pattern) for each in signs()]
    start = np.zeros(len(bounds))
    return [round(float(w), 1) for w in minimize(loss, start, jac=True, bounds=bounds).x]


def _present(text: str) -> list[float]:
    names = {sign.name for sign in signs_in(text)}
    return [float(sign.name in names) for sign in signs()]


def _bounds(form: str, pattern: str) -> tuple[float | None, float | None]:
    if pattern == r"\A":
        return None, None
    return (_LEAST_WEIGHT, None) if form == "paper" else (None, -_LEAST_WEIGHT)


def write_weights(weights: Iterable[float]) -> None:
    """Write weights into the table, in the order of its rows."""
    head, header, rows = TABLE.read_text("utf-8").partition("name\tform\tweight\tpattern\n")
    lines = []
    for row, weight in zip(rows.splitlines(), weights, strict=True):
        name, form, _, pattern = row.split("\t")
        lines.append(f"{name}\t{form}\t{weight:.1f}\t{pattern}\n")
    TABLE.write_text(head + header + "".join(lines), "utf-8")


def held_out(abstracts: Abstracts, dialogue: Path) -> Iterator[tuple[str, Texts]]:
    """Sets of texts that the weights were not fitted to."""
    others = [text for texts in abstracts.others.values() for text in texts]
    for name, texts in abstracts.others.items():
        yield f"abstracts: {name}", texts
    yield "abstracts: all four", others
    yield "abstracts: all four, lines of 78 characters", wrapped(others)
    yield "abstracts: all four, without title", untitled(others)
    yield "abstracts: medkg's", [f.read_text("utf-8") for f in sorted(NOTES.glob("abstract-*"))]
    yield "abstracts: easily mistaken", written_texts("test", "paper")
    reports = (HERE / "data" / "case_reports.jsonl").read_text("utf-8").splitlines()
    notes = {
        "ACI-Bench": columns(dialogue, _VALIDATION, "note"),
        "MTS-Dialog, sections": column(dialogue / "MTS-Dialog-ValidationSet.csv", "section_text"),
        "PriMock57": primock(dialogue),
        "made for de-identification": [each.text for each in generate.notes("held_out", of_each=1)],
        "medkg's": [f.read_text("utf-8") for f in sorted(NOTES.glob("note-*"))],
        "of textbook cases": [json.loads(line)["text"] for line in reports],
    }
    every = [text for texts in notes.values() for text in texts]
    for name, texts in notes.items():
        yield f"notes: {name}", texts
    yield "notes: all six", every
    yield "notes: all six, quoting abstracts", quoting(every, others)
    yield "notes: easily mistaken", written_texts("test", "note")
    yield "case presentations: MACCROBAT", abstracts.cases


def shares(name: str, texts: Texts) -> dict[str, object]:
    """A row of the table."""
    forms = [form_of(text) for text in texts]
    parts = {form: round(forms.count(form) / len(forms), 3) for form in ("note", "doubt", "paper")}
    return {"texts": name, "number": len(texts), **parts}


if __name__ == "__main__":
    main()
