"""Precision, recall and F1 of relations, with bootstrap intervals over documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .corpora import Document
from .pairs import CHEMPROT, TASKS, Labelled
from .relations import RelationModel


@dataclass(frozen=True)
class Score:
    """Micro precision, recall and F1; `low` and `high` bound F1 at 95 % (bootstrap on documents).

    `true` is the number of relations to be found.
    """

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    true: int
    documents: int


def score(counts: Iterable[tuple[int, int, int]], seed: int = 0) -> Score:
    """From each document's (right, found, true)."""
    rows = np.array(list(counts), dtype=np.int64).reshape(-1, 3)
    right, found, true = (int(n) for n in rows.sum(0))
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, max(1, len(rows)), size=(1000, len(rows)))
    sums = rows[draws].sum(1) if len(rows) else np.zeros((1, 3))
    f1s = 2 * sums[:, 0] / np.maximum(1, sums[:, 1] + sums[:, 2])
    low, high = np.percentile(f1s, [2.5, 97.5])
    return Score(
        round(right / max(1, found), 4),
        round(right / max(1, true), 4),
        round(2 * right / max(1, found + true), 4),
        round(float(low), 4),
        round(float(high), 4),
        true,
        len(rows),
    )


def chosen_labels(model: RelationModel, probabilities: torch.Tensor, task: str) -> torch.Tensor:
    """The label of each row: the likeliest relation where some relation reaches the threshold."""
    some, which = probabilities[:, 1:].sum(1), probabilities[:, 1:].argmax(1) + 1
    return torch.where(some >= model.thresholds[task], which, 0)


def truths(documents: Mapping[str, Sequence[Document]]) -> dict[str, set[tuple[str, ...]]]:
    """What is to be found, in one sentence or not: (document, head, tail, label).

    ChemProt: its five evaluated groups; BC5CDR: chemical-induced diseases; Roam: treated
    afflictions.
    """
    return {
        "targets": {
            (d.id, r.head, r.tail, CHEMPROT[r.kind])
            for d in documents["chemprot"]
            for r in d.relations
            if r.kind in CHEMPROT
        },
        "causes": {
            (d.id, r.head, r.tail, "causes")
            for d in documents["bc5cdr"]
            for r in d.relations
            if r.kind == "CID"
        },
        "treats": {
            (d.id, "", r.tail, "treats")
            for d in documents["roam"]
            for r in d.relations
            if r.kind == "TREATS"
        },
    }


def compare(
    found: set[tuple[str, ...]], true: set[tuple[str, ...]], documents: Iterable[str]
) -> Score:
    """Score of found facts, the first element of each its document."""
    counts = {document: [0, 0, 0] for document in documents}
    for fact in found:
        counts[fact[0]][0] += fact in true
        counts[fact[0]][1] += 1
    for fact in true:
        counts[fact[0]][2] += 1
    return score((r, f, t) for r, f, t in counts.values())


def scores_of(
    model: RelationModel, documents: Mapping[str, Sequence[Document]], pairs: Sequence[Labelled]
) -> dict[str, Score]:
    """The model on gold mentions: each task's score, and those of the baselines beside it.

    BC5CDR counts concepts of a document once, ChemProt mentions, Roam afflictions (TREATS only).
    Baselines: every pair of a sentence, with the commonest label; for BC5CDR also every chemical
    with every disease of the document.
    """
    corpus = {"targets": "chemprot", "causes": "bc5cdr", "treats": "roam"}
    common = {"targets": "inhibitor", "causes": "causes", "treats": "treats"}
    true = truths(documents)
    results = {}
    for task, labels in TASKS.items():
        mine = [labelled for labelled in pairs if labelled.task == task]
        names = [d.id for d in documents[corpus[task]]]
        chosen = chosen_labels(
            model, model.predict([x.pair for x in mine], [task])[task], task
        ).tolist()
        wanted = {"treats"} if task == "treats" else set(labels[1:])
        found: set[tuple[str, ...]] = {
            (*x.about, labels[label])
            for x, label in zip(mine, chosen, strict=True)
            if labels[label] in wanted
        }
        results[task] = compare(found, true[task], names)
        all_: set[tuple[str, ...]] = {(*x.about, common[task]) for x in mine}
        results[f"{task}: all pairs of a sentence"] = compare(all_, true[task], names)
    everything: set[tuple[str, ...]] = set()
    for document in documents["bc5cdr"]:
        ids = {
            kind: {
                i
                for m in document.mentions
                if m.kind == kind and m.identifier
                for i in m.identifier.split("|")
            }
            for kind in ("Chemical", "Disease")
        }
        everything |= {
            (document.id, head, tail, "causes")
            for head in ids["Chemical"]
            for tail in ids["Disease"]
        }
    results["causes: all pairs of a document"] = compare(
        everything, true["causes"], [d.id for d in documents["bc5cdr"]]
    )
    return results
