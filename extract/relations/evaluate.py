"""Precision, recall and F1 of relations, with bootstrap intervals over documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from ...core.calibration import expected_calibration_error, reliability_bins
from ...core.errors import DataError
from ...core.quarantine import Quarantine
from ...core.statistics import bootstrap_interval, draws_one_by_one
from ..corpora.document import Document
from ..corpora.readers import READERS, format_of, read_annotated
from ..training_overlap import documents_trained_on
from .evaluate_associations import annotated_associations, predicted_associations
from .evaluate_facts import (
    RELATIONS,
    Fact,
    annotated_facts,
    fact_probabilities,
    predicted_facts,
)
from .model import SHIPPED, TOWER_TASKS, RelationModel
from .pairs import TASKS, EntityPair
from .passages import document_passages
from .training_pairs import CHEMPROT, LabelledPair, cdr_pairs, chemprot_pairs, roam_pairs

# The corpus that annotates each task, by its format.
FORMATS = {"targets": "chemprot", "causes": "pubtator", "treats": "roam"}
# Forms in which anybody may annotate the relations that `extract` finds, under medkg's names.
OWN_FORMATS = ("brat", "jsonl", "pubtator")
ASSOCIATIONS = "euadr"


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
    """Score from each document's counts (right, predicted, true)."""
    rows = np.array(list(counts), dtype=np.int64).reshape(-1, 3)
    right, predicted, true = (int(n) for n in rows.sum(0))
    sums = draws_one_by_one(len(rows), np.random.default_rng(seed)) @ rows
    f1s = 2 * sums[:, 0] / np.maximum(1, sums[:, 1] + sums[:, 2])
    low, high = bootstrap_interval(f1s)
    return Score(
        round(right / max(1, predicted), 4),
        round(right / max(1, true), 4),
        round(2 * right / max(1, predicted + true), 4),
        low,
        high,
        true,
        len(rows),
    )


def chosen_labels(probabilities: torch.Tensor, threshold: float) -> torch.Tensor:
    """The label of each row: the likeliest relation where some relation reaches the threshold."""
    some, which = probabilities[:, 1:].sum(1), probabilities[:, 1:].argmax(1) + 1
    return torch.where(some >= threshold, which, 0)


def document_causes(
    model: RelationModel, documents: Sequence[Document]
) -> dict[tuple[str, str, str], float]:
    """Of each document, drug and condition of BC5CDR the probability that the drug causes it."""
    by_document: dict[str, list[tuple[str, str, EntityPair]]] = {d.id: [] for d in documents}
    for labelled in cdr_pairs(documents):
        name, drug, condition = labelled.key
        by_document[name].append((drug, condition, labelled.pair))
    rows = model.predict_causes(
        document_passages(documents, "pubtator"), list(by_document.values())
    )
    return {
        (document.id, *key): probability
        for document, row in zip(documents, rows, strict=True)
        for key, probability in row.items()
    }


def calibration_error(probabilities: Sequence[float], true: Sequence[bool]) -> float:
    """Expected calibration error over ten bins of equally many predictions."""
    bins = reliability_bins(np.array(probabilities), np.array(true, dtype=bool))
    return round(expected_calibration_error(bins), 4)


def task_calibration(model: RelationModel, task: str, documents: Sequence[Document]) -> float:
    """How far the probabilities of some relation are off on a corpus, see `calibration_error`."""
    if task == "causes":
        true = gold_facts(task, documents)
        rows = document_causes(model, documents)
        return calibration_error(list(rows.values()), [(*key, "causes") in true for key in rows])
    pairs = labelled_pairs(task, documents)
    some = 1 - model.predict([x.pair for x in pairs], [task])[task][:, 0]
    return calibration_error(some.tolist(), [x.label > 0 for x in pairs])


def evaluate_relations(
    model: Path | None,
    corpus: Path,
    format: str | None = None,
    *,
    labels: Mapping[str, str | None] | None = None,
    quarantine: Quarantine | None = None,
) -> pl.DataFrame:
    """Score a model on a corpus of relations, with the corpus' own mentions.

    Args:
        model: the model's folder; None: the shipped one.
        corpus: the file (brat: folder or archive) to score on.
        format: chemprot, roam, pubtator (BC5CDR's chemical-induced diseases), euadr, or, for
            relations under medkg's names (see `evaluate_facts`), brat, jsonl, pubtator; None: told
            from the file.
        labels: kinds of the labels of a corpus of one's own, as in `read_annotated`.
        quarantine: takes the annotations that can't be used.

    Returns:
        A row for the model and one for each baseline, of every relation: relation, method,
        precision, recall, f1, low, high (95 % bootstrap interval of F1 over documents), true,
        documents, trained_on (on how many of these the model, for TARGETS its towers' recogniser
        too, says it was trained; null: neither says).

    Raises:
        DataError: the corpus can't be read, or has no relations of these kinds.
        ModelError: the model can't be loaded.
    """
    corpus_format = format or format_of(corpus)
    known = sorted({*FORMATS.values(), *OWN_FORMATS, ASSOCIATIONS})
    if corpus_format not in known:
        raise DataError(
            f"no relations in {corpus_format!r}; one of {', '.join(known)}", path=corpus
        )
    quarantine = Quarantine() if quarantine is None else quarantine
    loaded = RelationModel.load(model)
    documents, scores = _score_corpus(loaded, corpus, corpus_format, labels or {}, quarantine)
    if not scores:
        raise DataError(_no_relation(corpus_format, documents), path=corpus)
    folders = [model or SHIPPED]
    # The towers, which some tasks have, read with a recogniser that was trained on its own texts.
    tower_folders = [*folders, *([loaded.recogniser] if loaded.recogniser else [])]
    read_by = {name: tower_folders if name.lower() in TOWER_TASKS else folders for name in scores}
    trained_on = {name: documents_trained_on(read_by[name], documents) for name in scores}
    return pl.DataFrame(
        [
            {
                "relation": relation,
                "method": method,
                **asdict(score),
                "trained_on": trained_on[relation],
            }
            for relation, methods in scores.items()
            for method, score in methods.items()
        ],
        schema_overrides={"trained_on": pl.Int64},
    )


def _score_corpus(
    model: RelationModel,
    corpus: Path,
    corpus_format: str,
    labels: Mapping[str, str | None],
    quarantine: Quarantine,
) -> tuple[Sequence[Document], dict[str, dict[str, Score]]]:
    """A corpus' documents, and the scores of each relation that they state, by method.

    Scored by the corpus' own guideline where the format has one and its relations are there; else
    under medkg's names. The scores are empty where no relation can be scored.
    """
    task = next((task for task, name in FORMATS.items() if name == corpus_format), None)
    set_aside = Quarantine()
    documents: Sequence[Document] = ()
    scores: dict[str, dict[str, Score]] = {}
    if corpus_format == ASSOCIATIONS:
        documents = read_annotated(corpus, set_aside, corpus_format=corpus_format, labels=labels)
        scores = score_associations(model, documents)
    if task is not None:
        documents = READERS[corpus_format](corpus, set_aside)
        if gold_facts(task, documents):
            scores = {task: score_task(model, task, documents)}
    if not scores and corpus_format in OWN_FORMATS:
        set_aside = Quarantine()
        documents = read_annotated(corpus, set_aside, corpus_format=corpus_format, labels=labels)
        scores = score_facts(model, documents, annotated_facts(documents, set_aside, corpus))
    quarantine.extend(set_aside)
    return documents, scores


def score_facts(
    model: RelationModel, documents: Sequence[Document], gold: set[Fact]
) -> dict[str, dict[str, Score]]:
    """Scores of each relation that is annotated under medkg's names, by method."""
    predicted = predicted_facts(model, documents, gold) if gold else {}
    names = [document.id for document in documents]
    scores: dict[str, dict[str, Score]] = {}
    for relation in RELATIONS:
        if true := _of(relation, gold):
            scores[relation] = {
                method: compare(_of(relation, facts), true, names)
                for method, facts in predicted.items()
            }
    return scores


def score_associations(
    model: RelationModel, documents: Sequence[Document]
) -> dict[str, dict[str, Score]]:
    """Scores on EU-ADR's pairs, by what the association may be and by method."""
    annotated = annotated_associations(documents)
    names = [document.id for document in documents]
    return {
        name: {
            method: compare({*pairs}, {*annotated[name].true}, names)
            for method, pairs in methods.items()
        }
        for name, methods in predicted_associations(model, documents, annotated).items()
    }


def facts_calibration(
    model: RelationModel, documents: Sequence[Document], gold: set[Fact]
) -> dict[str, float]:
    """How far the probabilities of each relation of documents are off, see `calibration_error`."""
    errors = {}
    for relation, rows in fact_probabilities(model, documents).items():
        true = [(name, relation, *ends) in gold for name, *ends in rows]
        errors[relation] = calibration_error(list(rows.values()), true)
    return errors


def _of(relation: str, facts: set[Fact]) -> set[tuple[str, ...]]:
    return {fact for fact in facts if fact[1].partition("-")[0] == relation}


def _no_relation(corpus_format: str, documents: Sequence[Document]) -> str:
    """That a corpus holds no relation which could be scored, and what it holds in their place."""
    names = Counter(relation.kind for document in documents for relation in document.relations)
    relations = ", ".join(f"{name} ({n})" for name, n in names.most_common(5)) or "none"
    own = f"{', '.join(RELATIONS)} between mentions of kinds that these join"
    wanted = {
        "euadr": "PA or SA",
        "chemprot": ", ".join(CHEMPROT),
        "roam": "TREATS",
        "pubtator": f"CID, or {own}",
    }
    return f"holds no relation to score ({wanted.get(corpus_format, own)}); it holds {relations}"


def labelled_pairs(task: str, documents: Sequence[Document]) -> list[LabelledPair]:
    """The pairs of the corpus that annotates this task."""
    return {"targets": chemprot_pairs, "causes": cdr_pairs, "treats": roam_pairs}[task](documents)


def gold_facts(task: str, documents: Sequence[Document]) -> set[tuple[str, ...]]:
    """The annotated relations, in one sentence or not: (document, head, tail, label).

    ChemProt: its five evaluated groups; BC5CDR: chemical-induced diseases; Roam: treated
    afflictions.
    """
    labels = {"targets": CHEMPROT, "causes": {"CID": "causes"}, "treats": {"TREATS": "treats"}}[
        task
    ]
    return {
        (document.id, relation.head, relation.tail, labels[relation.kind])
        for document in documents
        for relation in document.relations
        if relation.kind in labels
    }


def compare(
    predicted: set[tuple[str, ...]], true: set[tuple[str, ...]], documents: Iterable[str]
) -> Score:
    """Score predicted facts, the first element of each its document."""
    counts = {document: [0, 0, 0] for document in documents}
    for fact in predicted:
        counts[fact[0]][0] += fact in true
        counts[fact[0]][1] += 1
    for fact in true:
        counts[fact[0]][2] += 1
    return score(
        (right, predicted_count, true_count)
        for right, predicted_count, true_count in counts.values()
    )


def score_task(model: RelationModel, task: str, documents: Sequence[Document]) -> dict[str, Score]:
    """The model's score on gold mentions, and those of the baselines beside it.

    BC5CDR counts concepts of a document once, ChemProt mentions, Roam afflictions (TREATS only).
    Baselines: the logistic regression over words of one sentence; every pair of a sentence, with
    the commonest label; for BC5CDR also every chemical with every disease of the document.
    """
    names = [document.id for document in documents]
    true = gold_facts(task, documents)
    pairs = labelled_pairs(task, documents)
    labels = TASKS[task]
    wanted = {"treats"} if task == "treats" else set(labels[1:])

    def facts(chosen: torch.Tensor) -> set[tuple[str, ...]]:
        named = [(*x.key, labels[n]) for x, n in zip(pairs, chosen.tolist(), strict=True)]
        return {fact for fact in named if fact[-1] in wanted}

    linear = model.predict_linear([x.pair for x in pairs], task)
    alone = facts(chosen_labels(linear, model.linear_thresholds[task]))
    predicted: set[tuple[str, ...]]
    if task == "causes":
        predicted = {
            (*key, "causes")
            for key, probability in document_causes(model, documents).items()
            if probability >= model.thresholds["causes"]
        }
    else:
        probabilities = model.predict([x.pair for x in pairs], [task])[task]
        predicted = facts(chosen_labels(probabilities, model.thresholds[task]))
    common = {"targets": "inhibitor", "causes": "causes", "treats": "treats"}[task]
    every: set[tuple[str, ...]] = {(*x.key, common) for x in pairs}
    results = {
        "model": compare(predicted, true, names),
        "logistic regression": compare(alone, true, names),
        "all pairs of a sentence": compare(every, true, names),
    }
    if task == "causes":
        everything = {fact for document in documents for fact in _all_pairs(document)}
        results["all pairs of a document"] = compare(everything, true, names)
    return results


def _all_pairs(document: Document) -> set[tuple[str, ...]]:
    ids = {
        kind: {
            identifier
            for mention in document.mentions
            if mention.kind == kind
            for identifier in (mention.identifier or "").split("|")
            if identifier
        }
        for kind in ("Chemical", "Disease")
    }
    return {
        (document.id, head, tail, "causes") for head in ids["Chemical"] for tail in ids["Disease"]
    }
