"""Scores of the values of tests and the doses of drugs on MACCROBAT, given its mentions."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import polars as pl

from ...core.quarantine import Quarantine
from ..corpora.brat import read_brat
from ..corpora.document import Document, flat_mentions
from ..corpora.splits import split_documents
from ..mentions.recogniser import PredictedMention, set_mentions
from ..relations.evaluate import score
from ..sentences import Sentences
from ..tokens import blank
from .doses import dosage
from .values import interpretations, measurement

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def evaluate_values(corpus: Path, part: str = "dev") -> pl.DataFrame:
    """Score which value goes with which test, and which dose with which drug.

    True are the mentions of a Diagnostic_procedure that a Lab_value modifies, and of a Medication
    that a Dosage modifies, with a number in it ("number", "dose"), or for Lab_value with a word
    for high, low, normal, abnormal, positive, negative ("interpretation"). Predicted are those for
    which the rules give one; right where its number, or its interpretation, is in such a modifier.

    Args:
        corpus: MACCROBAT's archive or folder.
        part: "dev" are the 32 documents that `readers.load_corpora` holds out, "train" the others.

    Returns:
        A row per part: what, precision, recall, f1, low, high (95 % bootstrap interval of F1 over
        documents), true, documents.

    Raises:
        DataError: the corpus can't be read.
    """
    train, dev = split_documents(read_brat(corpus, Quarantine()), 32)
    counts = defaultdict(list)
    for document in dev if part == "dev" else train:
        for what, row in _count(document).items():
            counts[what].append(row)
    return pl.DataFrame([{"what": what, **asdict(score(rows))} for what, rows in counts.items()])


def _count(document: Document) -> dict[str, tuple[int, int, int]]:
    """For each kind of value the document's (right, predicted, true)."""
    by_key = {mention.key: mention for mention in document.mentions}
    modifiers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for relation in document.relations:
        head = by_key[relation.head]
        if relation.kind == "MODIFY" and head.kind in ("Lab_value", "Dosage"):
            modifiers[relation.tail, head.kind].append(document.text[head.start : head.end])
    doc = Sentences()(blank().make_doc(document.text))
    given = flat_mentions(document, "brat")
    set_mentions(doc, [PredictedMention(m.start, m.end, m.kind, 1.0) for m in given])
    rows = {"number": [0, 0, 0], "interpretation": [0, 0, 0], "dose": [0, 0, 0]}
    for mention, span in zip(given, doc.spans["mentions"], strict=True):
        kind = by_key[mention.key].kind
        if kind == "Diagnostic_procedure":
            values, result = modifiers[mention.key or "", "Lab_value"], measurement(span)
            _add(rows["number"], _numbers(str(result.get("value", ""))), _numbers(" ".join(values)))
            flags = {str(result["interpretation"])} if "interpretation" in result else set()
            _add(rows["interpretation"], flags, interpretations(" ".join(values)))
        elif kind == "Medication":
            doses = " ".join(modifiers[mention.key or "", "Dosage"])
            _add(rows["dose"], _numbers(dosage(span).get("dose", "")), _numbers(doses))
    return {what: (row[0], row[1], row[2]) for what, row in rows.items()}


def _numbers(text: str) -> set[str]:
    return {number[0].replace(",", "").removesuffix(".0") for number in _NUMBER.finditer(text)}


def _add(row: list[int], predicted: set[str], true: set[str]) -> None:
    row[0] += bool(predicted) and predicted <= true
    row[1] += bool(predicted)
    row[2] += bool(true)
