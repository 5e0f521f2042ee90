"""Fitting of the linear models of relations and of the classifier of documents for CAUSES."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from .document_level import (
    BoostedTrees,
    HashedLinear,
    LinearScorer,
    Passage,
    TreeLinearEnsemble,
    candidate_features,
    cdr_passages,
    concept_features,
)
from .model import RelationModel
from .training_pairs import LabelledPair

_FOLDS = 5
_CAUSES_STRENGTH = 3.0  # scikit-learn's C of the regressions for "causes"
Fact = tuple[str, str, str]


@dataclass(frozen=True)
class DocumentFit:
    """Predictions for the training documents by models that were not fitted on them.

    Attributes:
        predictions: by document, of each drug and condition the probability.
        sentences: by document, drug and condition the probabilities of their sentences.
        true: the relations.
    """

    predictions: dict[str, dict[tuple[str, str], float]]
    sentences: dict[Fact, list[float]]
    true: set[Fact]


def fit_linear(linear: nn.Module, training: Sequence[LabelledPair], strength: float = 10.0) -> None:
    """Fit a task's linear model by logistic regression; `strength` is scikit-learn's C."""
    assert isinstance(linear, HashedLinear)
    rows = _matrix([labelled.pair.features_of(labelled.task) for labelled in training])
    _keep(linear, _regression(rows, [labelled.fine_label for labelled in training], strength))


def _matrix(rows: Sequence[Sequence[str] | set[str]]) -> csr_matrix:
    """Hashed features as a sparse matrix, weighed as `HashedLinear` weighs them."""
    places = [HashedLinear.hashed(row) for row in rows]
    starts = np.cumsum([0, *(len(row) for row in places)])
    values = np.array([len(row) ** -0.5 for row in places for _ in row])
    columns = np.array([place for row in places for place in row])
    return csr_matrix((values, columns, starts), shape=(len(places), HashedLinear.SIZE))


def _regression(rows: csr_matrix, labels: Sequence[int], strength: float) -> LogisticRegression:
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
    model: RelationModel, pairs: Sequence[LabelledPair], documents: Sequence[Document], seed: int
) -> DocumentFit:
    """Fit the linear model of "causes" and `model.documents` on BC5CDR's documents.

    Each stage learns from the predictions of the stage before by cross-fitting, on documents that
    it was not fitted on (five folds over documents).

    Args:
        pairs: of sentences; those of other corpora teach in every fold.
        documents: the documents of the pairs.
        seed: of the trees' sampling.
    """
    passages = cdr_passages(documents)
    folds = _document_folds(passages)
    true = {(d.id, r.head, r.tail) for d in documents for r in d.relations if r.kind == "CID"}
    linear = model.linear["causes"]
    assert isinstance(linear, HashedLinear)
    sentences = _fit_sentences(linear, pairs, folds)
    drugs = _fit_concepts(
        model.documents.drugs,
        {passage.id: concept_features(passage, passage.drugs) for passage in passages},
        folds,
        {(document, drug) for document, drug, _ in true},
    )
    conditions = _fit_concepts(
        model.documents.conditions,
        {passage.id: concept_features(passage, passage.conditions) for passage in passages},
        folds,
        {(document, condition) for document, _, condition in true},
    )
    keys: list[Fact] = []
    matrices = []
    for passage in passages:
        if passage.drugs and passage.conditions:
            of_passage = {key[1:]: ps for key, ps in sentences.items() if key[0] == passage.id}
            pairs_of_passage, matrix = candidate_features(
                passage, of_passage, drugs[passage.id], conditions[passage.id]
            )
            keys += [(passage.id, *key) for key in pairs_of_passage]
            matrices.append(matrix)
    probabilities = _fit_ensemble(
        model.documents.decide,
        np.concatenate(matrices),
        np.array([int(key in true) for key in keys]),
        np.array([folds[document] for document, _, _ in keys]),
        seed,
    )
    predictions: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for (document, drug, condition), p in zip(keys, probabilities.tolist(), strict=True):
        predictions[document][drug, condition] = p
    return DocumentFit(dict(predictions), sentences, true)


def _document_folds(passages: Sequence[Passage]) -> dict[str, int]:
    """The fold of each document, at random, the same each time."""
    names = sorted(passage.id for passage in passages)
    random.Random(0).shuffle(names)
    return {name: number % _FOLDS for number, name in enumerate(names)}


def _fit_sentences(
    linear: HashedLinear, pairs: Sequence[LabelledPair], folds: Mapping[str, int]
) -> dict[Fact, list[float]]:
    """Fit the model of sentences; by fact its probabilities for documents not fitted on."""
    rows = _matrix([pair.pair.features_of(pair.task) for pair in pairs])
    labels = np.array([pair.label for pair in pairs])
    fold_of = np.array([folds.get(pair.document, -1) for pair in pairs])
    probabilities = _out_of_fold(rows, labels, fold_of)
    _keep(linear, _regression(rows, labels.tolist(), _CAUSES_STRENGTH))
    sentences: dict[Fact, list[float]] = defaultdict(list)
    for pair, probability, fold in zip(pairs, probabilities.tolist(), fold_of, strict=True):
        if fold >= 0:
            sentences[pair.key].append(probability)
    return dict(sentences)


def _fit_ensemble(
    ensemble: TreeLinearEnsemble,
    features: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    fold_of: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.float64]:
    """Fit trees and logistic regression; the probabilities of rows by fits on the other folds."""
    probabilities = np.zeros(len(labels))
    for fold in range(_FOLDS):
        inside, outside = fold_of != fold, fold_of == fold
        of_fold = TreeLinearEnsemble()
        _fit_trees(of_fold.trees, features[inside], labels[inside], seed)
        _fit_line(of_fold.line, features[inside], labels[inside])
        rows = torch.from_numpy(features[outside])
        probabilities[outside] = of_fold(rows).detach().numpy()
    _fit_trees(ensemble.trees, features, labels, seed)
    _fit_line(ensemble.line, features, labels)
    return probabilities


def _fit_concepts(
    linear: HashedLinear,
    features: Mapping[str, Sequence[tuple[str, set[str]]]],
    folds: Mapping[str, int],
    true: set[tuple[str, str]],
) -> dict[str, dict[str, float]]:
    """Fit a model of concepts alone; its probabilities for documents that it was not fitted on.

    Args:
        features: of each document its concepts with their features.
        true: documents and their concepts that some relation joins.
    """
    keys = [(document, name) for document, concepts in features.items() for name, _ in concepts]
    rows = _matrix([words for concepts in features.values() for _, words in concepts])
    labels = np.array([int(key in true) for key in keys])
    fold_of = np.array([folds[document] for document, _ in keys])
    probabilities = _out_of_fold(rows, labels, fold_of)
    _keep(linear, _regression(rows, labels.tolist(), _CAUSES_STRENGTH))
    by_document: dict[str, dict[str, float]] = defaultdict(dict)
    for (document, name), probability in zip(keys, probabilities.tolist(), strict=True):
        by_document[document][name] = probability
    return by_document


def _out_of_fold(
    rows: csr_matrix, labels: npt.NDArray[np.int64], fold_of: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The probability of label 1 by a regression on the other folds; fold -1 is in none."""
    probabilities = np.zeros(len(labels))
    for fold in range(_FOLDS):
        inside, outside = fold_of != fold, fold_of == fold
        if outside.any():
            regression = _regression(rows[inside], labels[inside].tolist(), _CAUSES_STRENGTH)
            probabilities[outside] = regression.predict_proba(rows[outside])[:, 1]
    return probabilities


def _fit_line(
    line: LinearScorer, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> None:
    scaler = StandardScaler().fit(rows)
    regression = LogisticRegression(max_iter=3000).fit(scaler.transform(rows), labels)
    weights = regression.coef_[0] / scaler.scale_
    with torch.no_grad():
        line.weights.copy_(torch.from_numpy(weights))
        line.bias.fill_(float(regression.intercept_[0] - weights @ scaler.mean_))


def _fit_trees(
    trees: BoostedTrees, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], seed: int
) -> None:
    boosting = GradientBoostingClassifier(
        n_estimators=BoostedTrees.TREES,
        learning_rate=0.04,
        max_depth=BoostedTrees.DEPTH,
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
        index = np.arange(nodes.node_count)
        values = np.where(leaf, boosting.learning_rate * nodes.value[:, 0, 0], 0.0)
        for name, column in (
            ("feature", np.where(leaf, 0, nodes.feature)),
            ("threshold", np.where(leaf, 0.0, nodes.threshold)),
            ("left", np.where(leaf, index, nodes.children_left)),
            ("right", np.where(leaf, index, nodes.children_right)),
            ("value", values),
        ):
            buffer = getattr(trees, name)
            buffer[number, : len(column)] = torch.from_numpy(np.asarray(column)).float()
