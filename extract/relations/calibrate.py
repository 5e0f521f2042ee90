"""Calibration of the relation model: temperatures (Guo et al. 2017) and thresholds by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from .model import RelationModel, mean_with_best_sentence, scale_logits
from .train_documents import DocumentFit, Fact
from .training_pairs import LabelledPair

# Thresholds that are tried, from .2 to .8.
_GRID = [0.2 + 0.025 * step for step in range(25)]


def calibrate(
    model: RelationModel,
    rows: Sequence[LabelledPair],
    cdr: DocumentFit,
    facts: Mapping[str, DocumentFit],
) -> None:
    """Set the temperature of each task, the one of least log loss, and its thresholds.

    The threshold of a task on sentences is that of the best F1 to be expected if the probabilities
    are right: a tenth of the documents has too few relations for the best threshold on their labels
    to be more than luck. Those of "causes" and of the relations of documents are the best on the
    labels of all documents.

    Args:
        rows: pairs that the models were not fitted on.
        cdr: predictions for "causes" on documents that the models were not fitted on.
        facts: of each relation of documents the same.
    """
    for task in ("targets", "treats"):
        of_task = [row for row in rows if row.task == task]
        if of_task:
            _calibrate_pairs(model, task, of_task)
    _calibrate_causes(model, [row for row in rows if row.task == "causes"], cdr)
    for relation, fit in facts.items():
        _calibrate_facts(model, relation, fit.predictions, fit.true)


def task_probabilities(
    model: RelationModel, rows: Sequence[LabelledPair], task: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """The model's probabilities before calibration, shape (pairs, labels), and the true labels."""
    labels = torch.tensor([row.label for row in rows], dtype=torch.long)
    pairs = [row.pair for row in rows]
    return model.predict(pairs, [task], calibrated=False)[task], labels


def _calibrate_pairs(model: RelationModel, task: str, rows: Sequence[LabelledPair]) -> None:
    raw, labels = task_probabilities(model, rows, task)
    model.temperatures[task] = _temperature(raw, labels)
    calibrated = scale_logits(raw, model.temperatures[task])
    model.thresholds[task] = _expected_threshold(calibrated)
    linear = model.predict_linear([row.pair for row in rows], task)
    keys = [row.key for row in rows]
    model.linear_thresholds[task] = _best_threshold(linear, labels, keys)


def _calibrate_causes(
    model: RelationModel, rows: Sequence[LabelledPair], documents: DocumentFit
) -> None:
    predictions = dict(documents.predictions)
    if "causes" in model.layers:
        of_documents = [row for row in rows if row.document in predictions]
        probabilities, _ = task_probabilities(model, of_documents, "causes")
        best: dict[str, dict[tuple[str, str], float]] = {}
        for row, probability in zip(of_documents, probabilities[:, 1].tolist(), strict=True):
            _, head, tail = row.key
            of_document = best.setdefault(row.document, {})
            of_document[head, tail] = max(probability, of_document.get((head, tail), 0.0))
        predictions = {
            name: mean_with_best_sentence(predictions[name], of_document)
            for name, of_document in best.items()
        }
    if not predictions:
        return
    keys, labels = _calibrate_facts(model, "causes", predictions, documents.true)
    linear = _two_labels([max(documents.sentences.get(key, [0.0])) for key in keys])
    model.linear_thresholds["causes"] = _best_threshold(linear, labels, keys)


def _calibrate_facts(
    model: RelationModel,
    name: str,
    predictions: Mapping[str, Mapping[tuple[str, str], float]],
    true: set[Fact],
) -> tuple[list[Fact], torch.Tensor]:
    """Set the temperature and the threshold of a relation of documents; its facts and labels."""
    keys = [(name, *key) for name, of_document in predictions.items() for key in of_document]
    raw = _two_labels([p for of_document in predictions.values() for p in of_document.values()])
    labels = torch.tensor([int(key in true) for key in keys])
    model.temperatures[name] = _temperature(raw, labels)
    calibrated = scale_logits(raw, model.temperatures[name])
    model.thresholds[name] = _best_threshold(calibrated, labels, keys)
    return keys, labels


def _two_labels(positive: Sequence[float]) -> torch.Tensor:
    """Probabilities of the second of two labels as those of both, shape (rows, 2)."""
    column = torch.tensor(positive)
    return torch.stack([1 - column, column], dim=1)


def _temperature(raw: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature, from .5 to 4, that gives the least log loss."""
    logits = raw.clamp_min(1e-9).log()
    grid = [0.5 + 0.1 * step for step in range(36)]
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in grid]
    return round(grid[losses.index(min(losses))], 2)


def _expected_threshold(probabilities: torch.Tensor) -> float:
    """The threshold of the best F1 to be expected if the probabilities are right."""
    some, top = probabilities[:, 1:].sum(1), probabilities[:, 1:].max(1).values
    f1s = [
        2 * float(top[some >= t].sum()) / (int((some >= t).sum()) + float(some.sum()))
        for t in _GRID
    ]
    return round(_GRID[f1s.index(max(f1s))], 3)


def _best_threshold(
    probabilities: torch.Tensor, labels: torch.Tensor, keys: Sequence[tuple[str, ...]]
) -> float:
    """The probability of some relation from which on F1 is best.

    Args:
        keys: what each row is about; rows of one key and label count once, as when they are scored.
    """
    some, which = probabilities[:, 1:].sum(1), probabilities[:, 1:].argmax(1) + 1
    true = {(*key, int(label)) for key, label in zip(keys, labels, strict=True) if label}
    f1s = []
    for threshold in _GRID:
        chosen = torch.where(some >= threshold, which, 0).tolist()
        predicted = {(*key, label) for key, label in zip(keys, chosen, strict=True) if label}
        f1s.append(2 * len(predicted & true) / max(1, len(predicted) + len(true)))
    # The mean of three neighbours, since the best of few documents is mostly luck.
    windows = [f1s[max(0, n - 1) : n + 2] for n in range(len(_GRID))]
    smooth = [sum(window) / len(window) for window in windows]
    best = max(range(len(_GRID)), key=lambda n: (smooth[n], -abs(_GRID[n] - 0.5)))
    return round(_GRID[best], 3)
