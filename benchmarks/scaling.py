"""How the time to read a text grows with its length, on shapes that invite a square.

    python benchmarks/scaling.py [--items N …] [--shape NAME …]

Each shape is read whole, with ever more items (what an item is, the shape's name says; of single
characters it is a hundred), as a note and as a paper, by the models that ship, linked to the
default terminology. Printed are the seconds of this process, all and of relations alone, and the
growth from the last but one to the last, as the power of the number of items: 1 is linear, 2
quadratic. A shape that takes more than a minute is not tried with more.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from itertools import count, islice
from math import log

import torch
from spacy.language import Language

import medkg
from medkg.extract.documents import TextDocument
from medkg.extract.formats.markdown import without_markup
from medkg.extract.pipeline import GraphRows, build_pipeline

_SECONDS = 60.0
_ITEMS = (50, 100, 200, 500, 1000)
# Names to make lists of.
_DISEASES = (
    "diabetes mellitus, asthma, pneumonia, hypertension, psoriasis, anemia, epilepsy, migraine,"
    " stroke, osteoporosis, gout, obesity, cirrhosis, schizophrenia, glaucoma, malaria, sepsis"
)
_SYMPTOMS = (
    "fever, headache, cough, nausea, vomiting, fatigue, dizziness, chest pain, dyspnea, diarrhea,"
    " rash, constipation, pruritus, insomnia, back pain, weight loss, syncope, tremor, edema"
)
_DRUGS = (
    "aspirin, metformin, lisinopril, warfarin, ibuprofen, amoxicillin, atorvastatin, omeprazole,"
    " prednisone, methotrexate, furosemide, digoxin, amiodarone, phenytoin, lithium, clozapine"
)
_GENES = "EGFR, BRCA1, TP53, KRAS, ACE, HMGCR, TNF, VEGFA, CYP3A4, ABL1"


def _repeated(unit: str, items: int = 1) -> Callable[[int], str]:
    """A text of a unit that has so many items."""
    return lambda number: unit * (number // items)


def _list(*kinds: str) -> Callable[[int], str]:
    """A list of names in one sentence, of each kind in turn."""

    def text(number: int) -> str:
        chance = random.Random(0)
        names = [kind.split(", ") for kind in kinds]
        return ", ".join(chance.choice(names[n % len(names)]) for n in range(number)) + "."

    return text


def _definitions(number: int) -> str:
    """Abbreviations, each defined once and used once."""
    names = (f"alpha{n} beta gamma (A{n}BG) and A{n}BG. " for n in count())
    return "".join(islice(names, number))


SHAPES: dict[str, Callable[[int], str]] = {
    "problems in one sentence": _list(_DISEASES, _SYMPTOMS),
    "diseases, drugs, symptoms in one sentence": _list(_DISEASES, _DRUGS, _SYMPTOMS),
    "the same and genes": _list(_DISEASES, _DRUGS, _SYMPTOMS, _GENES),
    "two conditions in one sentence": _repeated("fever and headache and ", 2),
    "two drugs, three conditions in one": _repeated(
        "aspirin, fever, diabetes mellitus, metformin, headache, ", 5
    ),
    "tests in one sentence": _repeated("hemoglobin, sodium, potassium and ", 3),
    "a problem a line": _repeated("- diabetes mellitus\n- fever\n- asthma\n", 3),
    "ten words without a full stop": _repeated("the patient was seen and then went home again "),
    "one token": _repeated("a" * 100),
    "one number": _repeated("1" * 100),
    "blanks": _repeated(" " * 100),
    "line breaks": lambda number: "Fever." + "\n" * (100 * number) + "Cough.",
    "headings": _repeated("Allergies:\nPenicillin\n"),
    "abbreviations": _definitions,
    "short forms": _repeated("HTN, DM2, no CP, ", 3),
    "rows of a table": _repeated("| Hb | 9.2 g/dL | low |\n"),
    "nested parentheses": _repeated("((fever "),
    "secondary to": _repeated("anemia 2/2 CKD "),
    "full stops": _repeated(". " * 50),
    "Markdown's comments": lambda number: without_markup("<!-- " * (20 * number)),
}


def seconds(nlp: Language, text: str, patient: str | None) -> tuple[float, float]:
    """The processor's time to read a text, and what relations take of it."""
    start = time.process_time()
    doc = nlp.make_doc(text)
    doc._.note = patient is not None
    relations = 0.0
    for name, component in nlp.pipeline:
        before = time.process_time()
        doc = component(doc)
        if name == "medkg_relations":
            relations = time.process_time() - before
    document = TextDocument(id="note:1", text=text, patient=patient)
    GraphRows(sentences=True).add(document, doc)
    return time.process_time() - start, relations


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=_ITEMS)
    parser.add_argument("--shape", action="append", choices=list(SHAPES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    nlp = build_pipeline(medkg.default_terminology())
    for patient in (None, "patient:1"):  # what is loaded once
        seconds(nlp, "Fever and headache on aspirin, an EGFR inhibitor, for asthma.", patient)
    print(f"| shape | as |{''.join(f' {n} |' for n in arguments.items)} power |")
    print(f"|---|---|{'---:|' * (len(arguments.items) + 1)}")
    for shape in arguments.shape or SHAPES:
        for kind in ("note", "paper"):
            patient = "patient:1" if kind == "note" else None
            taken: list[tuple[float, float]] = []
            for items in arguments.items:
                if not taken or taken[-1][0] < _SECONDS:
                    taken.append(seconds(nlp, SHAPES[shape](items), patient))
            cells = "".join(f" {whole:.2f} ({relations:.2f}) |" for whole, relations in taken)
            print(f"| {shape} | {kind} |{cells}{_power(arguments.items, taken)} |", flush=True)


def _power(items: Sequence[int], taken: Sequence[tuple[float, float]]) -> str:
    """The growth of the last step, where it can be told from the clock's error."""
    if len(taken) < 2 or taken[-1][0] < 0.1:
        return ""
    steps = len(taken)
    return f" {log(taken[-1][0] / taken[-2][0]) / log(items[steps - 1] / items[steps - 2]):.1f}"


if __name__ == "__main__":
    main()
