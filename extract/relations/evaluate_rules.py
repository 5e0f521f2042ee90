"""Evaluate the rules for Disease–HAS_SYMPTOM–Symptom on annotated sentences of MACCROBAT."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import polars as pl

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .. import sentences as _sentences  # noqa: F401 (likewise)
from ..context import context as _context
from ..context.context import relation_context
from ..corpora.brat import read_brat
from ..corpora.document import Document, flat_mentions
from ..corpora.files import read_text
from ..mentions.recogniser import PredictedMention, set_mentions
from ..tokens import blank
from .candidates import relation_candidates
from .evaluate import score
from .rules import symptom_rule
from .symptoms import SYMPTOM_THRESHOLD

LABELS = Path(__file__).parent.parent / "data" / "maccrobat_has_symptom.tsv"


def evaluate_symptoms(corpus: Path, part: str = "test") -> pl.DataFrame:
    """Score the rules, with the context's negation, on the pairs of `maccrobat_has_symptom.tsv`.

    Args:
        corpus: MACCROBAT's archive or folder.
        part: "dev", on which the rules were written, or "test".

    Returns:
        A row for the rules and one for "all pairs": method, precision, recall, f1, low, high (95 %
        bootstrap interval of F1 over documents), true, documents.

    Raises:
        DataError: the corpus can't be read or lacks a document.
    """
    documents = {document.id: document for document in read_brat(corpus, Quarantine())}
    rows = csv.DictReader(read_text(LABELS).splitlines(), delimiter="\t")
    counts: dict[str, list[int]] = {}
    for row in rows:
        if row["split"] != part:
            continue
        if row["document"] not in documents:
            raise DataError(f"lacks the document {row['document']}", path=corpus)
        numbers = {name: int(value) for name, value in row.items() if name not in _TEXT_COLUMNS}
        predicted = _is_asserted(documents[row["document"]], numbers)
        count = counts.setdefault(row["document"], [0, 0, 0, 0])
        count[0] += predicted and numbers["label"] == 1
        count[1] += predicted
        count[2] += numbers["label"]
        count[3] += 1
    scores = {
        "rules": score((right, predicted, true) for right, predicted, true, _ in counts.values()),
        "all pairs": score((true, every, true) for _, _, true, every in counts.values()),
    }
    return pl.DataFrame([{"method": name, **asdict(s)} for name, s in scores.items()])


_TEXT_COLUMNS = ("document", "split")


def _is_asserted(document: Document, row: dict[str, int]) -> bool:
    """Whether rules and context assert that the symptom is the disease's."""
    start, end = row["sentence_start"], row["sentence_end"]
    pair = [
        PredictedMention(row["disease_start"] - start, row["disease_end"] - start, "Disease", 1.0),
        PredictedMention(row["symptom_start"] - start, row["symptom_end"] - start, "Symptom", 1.0),
    ]
    others = [
        PredictedMention(m.start - start, m.end - start, m.kind, 1.0)
        for m in flat_mentions(document, "brat")
        if start <= m.start and m.end <= end
    ]
    disjoint = [o for o in others if all(o.end <= p.start or p.end <= o.start for p in pair)]
    doc = blank().make_doc(document.text[start:end])
    # The annotation's sentence is the sentence.
    for token in doc:
        token.is_sent_start = token.i == 0
    set_mentions(doc, [*pair, *disjoint])
    doc = _context.Context()(doc)
    head, tail, *_ = doc.spans["mentions"]
    for first, second, marked, _ in relation_candidates(doc):
        if first == head and second == tail:
            negated = relation_context(head, tail)["polarity"] == "negated"
            rule = symptom_rule(marked)
            return rule is not None and rule.precision >= SYMPTOM_THRESHOLD and not negated
    return False
