"""The linear models of relations, and what decides causes for documents (`document_causes`)."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from ..corpora.document import Document
from .document_causes import (
    HashedLinear,
    Line,
    Passage,
    Trees,
    TreesAndLine,
    candidates,
    cdr_passages,
    concept_features,
)
from .model import RelationModel
from .pairs import Labelled

_FOLDS = 5
Fact = tuple[str, str, str]


@dataclass(frozen=True)
class DocumentFit:
    """What models said of the training documents that they were not fitted on.

    `found`: by document, of each drug and condition the probability; `sentences`: by document, drug
    and condition what the sentences say; `true`: the relations.
    """

    found: dict[str, dict[tuple[str, str], float]]
    sentences: dict[Fact, list[float]]
    true: set[Fact]


def fit_linear(linear: nn.Module, training: Sequence[Labelled], strength: float = 10.0) -> None:
    """Fit a task's linear model by logistic regression; `strength` is scikit-learn's C."""
    assert isinstance(linear, HashedLinear)
    rows = _matrix([labelled.pair.features_of(labelled.task) for labelled in training])
    _keep(linear, _regression(rows, [x.fine for x in training], strength))


def _matrix(rows: Sequence[Sequence[str] | set[str]]) -> Any:
    """Hashed features as a sparse matrix, weighed as `HashedLinear` weighs them."""
    places = [HashedLinear.hashed(row) for row in rows]
    starts = np.cumsum([0, *(len(row) for row in places)])
    values = np.array([len(row) ** -0.5 for row in places for _ in row])
    columns = np.array([place for row in places for place in row])
    return csr_matrix((values, columns, starts), shape=(len(places), HashedLinear.SIZE))


def _regression(rows: Any, labels: Sequence[int], strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        # A hundred steps are near enough; the thresholds are chosen for what came out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=100).fit(rows, labels)


def _keep(linear: HashedLinear, regression: LogisticRegression) -> None:
    with torch.no_grad():
        # Labels that the training part lacks keep weights that never win.
        linear.bias.fill_(-30.0)
        classes = regression.classes_.tolist()
        if len(classes) == 2:
            linear.bias[classes[0]] = 0.0
            classes = classes[1:]
        for label, weights, bias in zip(
            classes, regression.coef_, regression.intercept_, strict=True
        ):
            linear.weights.weight[:, label] = torch.from_numpy(weights).float()
            linear.bias[label] = float(bias)


def fit_documents(
    model: RelationModel, pairs: Sequence[Labelled], documents: Sequence[Document], seed: int
) -> DocumentFit:
    """Fit the linear model of "causes" and `model.documents` on BC5CDR's documents.

    Each stage learns from what the stage before says of documents that it was not fitted on (five
    folds over documents).

    Args:
        pairs: of sentences; those of other corpora teach in every fold.
        documents: the documents of the pairs.
        seed: of the trees' sampling.
    """
    passages = cdr_passages(documents)
    names = sorted(passage.id for passage in passages)
    random.Random(0).shuffle(names)
    folds = {name: number % _FOLDS for number, name in enumerate(names)}
    true = {(d.id, r.head, r.tail) for d in documents for r in d.relations if r.kind == "CID"}

    rows = _matrix([labelled.pair.features_of(labelled.task) for labelled in pairs])
    labels = np.array([labelled.label for labelled in pairs])
    where = np.array([folds.get(labelled.about[0], -1) for labelled in pairs])
    said = _out_of_fold(rows, labels, where)
    linear = model.linear["causes"]
    assert isinstance(linear, HashedLinear)
    _keep(linear, _regression(rows, labels.tolist(), 3.0))
    sentences: dict[Fact, list[float]] = defaultdict(list)
    for labelled, score, fold in zip(pairs, said.tolist(), where, strict=True):
        if fold >= 0:
            sentences[labelled.about].append(score)

    drugs = _fit_concepts(
        model.documents.drugs, passages, lambda p: p.drugs, folds, {(d, h) for d, h, _ in true}
    )
    conditions = _fit_concepts(
        model.documents.conditions,
        passages,
        lambda p: p.conditions,
        folds,
        {(d, t) for d, _, t in true},
    )
    keys: list[Fact] = []
    numbers = []
    for passage in passages:
        if passage.drugs and passage.conditions:
            here = {key[1:]: scores for key, scores in sentences.items() if key[0] == passage.id}
            found, values = candidates(passage, here, drugs[passage.id], conditions[passage.id])
            keys += [(passage.id, *key) for key in found]
            numbers.append(values)
    matrix = np.concatenate(numbers)
    labels = np.array([int(key in true) for key in keys])
    where = np.array([folds[key[0]] for key in keys])
    held = np.zeros(len(labels))
    for fold in range(_FOLDS):
        inside, outside = where != fold, where == fold
        decide = TreesAndLine()
        _fit_trees(decide.trees, matrix[inside], labels[inside], seed)
        _fit_line(decide.line, matrix[inside], labels[inside])
        held[outside] = decide(torch.from_numpy(matrix[outside])).detach().numpy()
    _fit_trees(model.documents.decide.trees, matrix, labels, seed)
    _fit_line(model.documents.decide.line, matrix, labels)
    by_document: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for (name, drug, condition), probability in zip(keys, held.tolist(), strict=True):
        by_document[name][drug, condition] = probability
    return DocumentFit(dict(by_document), dict(sentences), true)


def _fit_concepts(
    linear: HashedLinear,
    passages: Sequence[Passage],
    concepts: Callable[[Passage], Mapping[str, Sequence[int]]],
    folds: Mapping[str, int],
    true: set[tuple[str, str]],
) -> dict[str, dict[str, float]]:
    """Fit what the words say of concepts alone; what they say of documents not fitted on."""
    found = [(p.id, *row) for p in passages for row in concept_features(p, concepts(p))]
    rows = _matrix([features for _, _, features in found])
    labels = np.array([int((name, concept) in true) for name, concept, _ in found])
    held = _out_of_fold(rows, labels, np.array([folds[name] for name, _, _ in found]))
    _keep(linear, _regression(rows, labels.tolist(), 3.0))
    results: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, concept, _), probability in zip(found, held.tolist(), strict=True):
        results[name][concept] = probability
    return results


def _out_of_fold(
    rows: Any, labels: npt.NDArray[np.int64], where: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The probability of label 1 by a regression on the other folds; fold -1 is in none."""
    held = np.zeros(len(labels))
    for fold in range(_FOLDS):
        inside, outside = where != fold, where == fold
        if outside.any():
            regression = _regression(rows[inside], labels[inside].tolist(), 3.0)
            held[outside] = regression.predict_proba(rows[outside])[:, 1]
    return held


def _fit_line(line: Line, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
    scaler = StandardScaler().fit(rows)
    regression = LogisticRegression(max_iter=3000).fit(scaler.transform(rows), labels)
    weights = regression.coef_[0] / scaler.scale_
    with torch.no_grad():
        line.weights.copy_(torch.from_numpy(weights))
        line.bias.fill_(float(regression.intercept_[0] - weights @ scaler.mean_))


def _fit_trees(
    trees: Trees, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], seed: int
) -> None:
    boosting = GradientBoostingClassifier(
        n_estimators=Trees.TREES,
        learning_rate=0.04,
        max_depth=Trees.DEPTH,
        subsample=0.5,
        max_features=0.25,
        min_samples_leaf=min(15, 1 + len(rows) // 20),
        random_state=seed,
    ).fit(rows, labels)
    prior = float(labels.mean())
    trees.start.fill_(np.log(prior / (1 - prior)))  # type: ignore[operator]  # a buffer, to mypy a Module or a Tensor
    for number, tree in enumerate(boosting.estimators_[:, 0]):
        nodes = tree.tree_
        leaf = nodes.children_left < 0
        own = np.arange(nodes.node_count)
        values = np.where(leaf, boosting.learning_rate * nodes.value[:, 0, 0], 0.0)
        for name, column in (
            ("feature", np.where(leaf, 0, nodes.feature)),
            ("threshold", np.where(leaf, 0.0, nodes.threshold)),
            ("left", np.where(leaf, own, nodes.children_left)),
            ("right", np.where(leaf, own, nodes.children_right)),
            ("value", values),
        ):
            buffer = getattr(trees, name)
            buffer[number, : len(column)] = torch.from_numpy(np.asarray(column)).float()
