"""Fitting of the classifiers of documents, on corpora that relate concepts of whole documents.

Each stage learns from the predictions of the stage before by cross-fitting, on documents that it
was not fitted on (five folds over documents).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ..corpora.document import Document
from .document_features import (
    FACTS,
    Candidates,
    SentenceScores,
    candidate_features,
    concept_features,
    fact_rows,
    scores_of,
)
from .document_level import (
    BoostedTrees,
    DocumentClassifier,
    HashedLinear,
    LinearScorer,
    TreeLinearEnsemble,
)
from .facts import SORTS, read_sentences
from .model import RelationModel
from .passages import Passage, document_passages
from .train_linear import feature_matrix, keep_regression, regression_of
from .training_pairs import LabelledPair, concept_pairs

_FOLDS = 5
_STRENGTH = 3.0  # scikit-learn's C of the regressions over words
_LINE_STRENGTH = 0.1  # and of those over features of documents
_LEAST_SCALE = 1e-3  # by which such a feature is divided
Fact = tuple[str, str, str]  # document, head, tail


@dataclass(frozen=True)
class DocumentFit:
    """Predictions for the training documents by models that were not fitted on them.

    Attributes:
        predictions: by document, of each head and tail the probability.
        sentences: by document, head and tail the probabilities of their sentences.
        true: the relations.
    """

    predictions: dict[str, dict[tuple[str, str], float]]
    sentences: dict[Fact, list[float]]
    true: set[Fact]


@dataclass(frozen=True)
class _Examples:
    """Pairs of sentences to fit on, a row for each.

    Attributes:
        features: of the linear model of sentences.
        labels: 1 where the document relates the two.
        keys: document, head and tail; of documents that aren't to be classified they only teach.
        others: what other models give, shape (pairs, others).
    """

    features: Sequence[Sequence[str]]
    labels: npt.NDArray[np.int64]
    keys: Sequence[Fact]
    others: npt.NDArray[np.float64]


def fit_cdr(
    model: RelationModel, pairs: Sequence[LabelledPair], documents: Sequence[Document], seed: int
) -> DocumentFit:
    """Fit the linear model of "causes" and `model.cdr` on BC5CDR's documents.

    Args:
        model: gets the fitted weights.
        pairs: of sentences; those of other corpora teach in every fold.
        documents: the documents of the pairs.
        seed: of the trees' sampling.
    """
    true = {(d.id, r.head, r.tail) for d in documents for r in d.relations if r.kind == "CID"}
    examples = _Examples(
        [pair.pair.features_of(pair.task) for pair in pairs],
        np.array([pair.label for pair in pairs]),
        [pair.key for pair in pairs],
        np.zeros((len(pairs), 0)),
    )
    linear = model.linear["causes"]
    assert isinstance(linear, HashedLinear)
    passages = document_passages(documents, "pubtator")
    return _fit_classifier(model.cdr, linear, passages, examples, true, seed)


def fit_facts(
    model: RelationModel, documents: Sequence[Document], cdr: DocumentFit, seed: int
) -> dict[str, DocumentFit]:
    """Fit the models of each relation of `FACTS` on documents that hold all of them.

    Args:
        model: its other models are fitted; it gets the fitted weights.
        documents: with this project's kinds and names of relations.
        cdr: the fit of BC5CDR's classifier, which may have seen some of the documents.
        seed: of the trees' sampling.
    """
    passages = document_passages(documents, "medkg")
    fits = {}
    for sort, relations in SORTS.items():
        task = FACTS[relations[0]]
        pairs = concept_pairs(documents, task.heads, task.tails)
        flat = [pair for of_document in pairs for *_, pair in of_document]
        reading = read_sentences(model, flat, sort)
        keys = [
            (document.id, head, tail)
            for document, of_document in zip(documents, pairs, strict=True)
            for head, tail, _ in of_document
        ]
        features = [sorted(pair.word_features()) for pair in flat]
        of_cdr = None
        if task.has_cdr:
            causes = reading.labels["causes"][:, 1]
            scores = scores_of(fact_rows(pairs), causes[:, None])
            of_cdr = _unseen(passages, model.cdr, scores, cdr)
        for relation in relations:
            true = {
                (d.id, r.head, r.tail) for d in documents for r in d.relations if r.kind == relation
            }
            labels = np.array([int(key in true) for key in keys])
            examples = _Examples(features, labels, keys, reading.others)
            classifier, linear = model.documents[relation], model.sentences[relation]
            assert isinstance(classifier, DocumentClassifier)
            assert isinstance(linear, HashedLinear)
            fits[relation] = _fit_classifier(
                classifier, linear, passages, examples, true, seed, of_cdr
            )
    return fits


def _unseen(
    passages: Sequence[Passage],
    classifier: DocumentClassifier,
    scores: Sequence[SentenceScores],
    fit: DocumentFit,
) -> dict[str, dict[tuple[str, str], float]]:
    """By document what a classifier gives; of documents that it was fitted on, by cross-fitting."""
    candidates = [Candidates.of(passage, classifier.task) for passage in passages]
    predictions = classifier.predict(candidates, scores)
    return {
        passage.id: {**of_document, **_common(fit.predictions.get(passage.id, {}), of_document)}
        for passage, of_document in zip(passages, predictions, strict=True)
    }


def _common(
    values: Mapping[tuple[str, str], float], keys: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    return {key: value for key, value in values.items() if key in keys}


def _fit_classifier(
    classifier: DocumentClassifier,
    linear: HashedLinear,
    passages: Sequence[Passage],
    examples: _Examples,
    true: set[Fact],
    seed: int,
    cdr: Mapping[str, Mapping[tuple[str, str], float]] | None = None,
) -> DocumentFit:
    """Fit the model of sentences, of concepts alone, and of heads with tails."""
    folds = _document_folds(passages)
    stated = _fit_sentences(linear, examples, folds)
    sentences: dict[str, dict[tuple[str, str], list[list[float]]]] = {}
    for (document, *ends), p, others in zip(
        examples.keys, stated.tolist(), examples.others.tolist(), strict=True
    ):
        of_document = sentences.setdefault(document, {})
        of_document.setdefault((ends[0], ends[1]), []).append([p, *others])
    candidates = {passage.id: Candidates.of(passage, classifier.task) for passage in passages}
    heads = _fit_concepts(
        classifier.heads,
        {name: concept_features(each.passage, each.heads) for name, each in candidates.items()},
        folds,
        {(document, head) for document, head, _ in true},
    )
    tails = _fit_concepts(
        classifier.tails,
        {name: concept_features(each.passage, each.tails) for name, each in candidates.items()},
        folds,
        {(document, tail) for document, _, tail in true},
    )
    keys: list[Fact] = []
    matrices = []
    for name, each in candidates.items():
        if each.heads and each.tails:
            of_cdr = None if cdr is None else cdr[name]
            of_passage, matrix = candidate_features(
                each, classifier.task, sentences.get(name, {}), heads[name], tails[name], of_cdr
            )
            keys += [(name, *key) for key in of_passage]
            matrices.append(matrix)
    probabilities = _fit_ensemble(
        classifier.decide,
        np.concatenate(matrices),
        np.array([int(key in true) for key in keys]),
        np.array([folds[document] for document, _, _ in keys]),
        seed,
    )
    predictions: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for (document, head, tail), p in zip(keys, probabilities.tolist(), strict=True):
        predictions[document][head, tail] = p
    return DocumentFit(dict(predictions), dict(_by_fact(sentences, folds)), true)


def _by_fact(
    sentences: Mapping[str, Mapping[tuple[str, str], Sequence[Sequence[float]]]],
    documents: Mapping[str, int],
) -> Iterator[tuple[Fact, list[float]]]:
    """The linear model's probabilities of each fact of some documents."""
    for document in documents:
        for (head, tail), rows in sentences.get(document, {}).items():
            yield (document, head, tail), [row[0] for row in rows]


def _document_folds(passages: Sequence[Passage]) -> dict[str, int]:
    """The fold of each document, at random, the same each time."""
    names = sorted(passage.id for passage in passages)
    random.Random(0).shuffle(names)
    return {name: number % _FOLDS for number, name in enumerate(names)}


def _fit_sentences(
    linear: HashedLinear, examples: _Examples, folds: Mapping[str, int]
) -> npt.NDArray[np.float64]:
    """Fit the model of sentences; its probabilities for documents that it was not fitted on."""
    rows = feature_matrix(examples.features)
    fold_of = np.array([folds.get(document, -1) for document, _, _ in examples.keys])
    probabilities = _out_of_fold(rows, examples.labels, fold_of)
    keep_regression(linear, regression_of(rows, examples.labels.tolist(), _STRENGTH))
    return probabilities


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
        of_fold = TreeLinearEnsemble(features.shape[1])
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
    rows = feature_matrix([words for concepts in features.values() for _, words in concepts])
    labels = np.array([int(key in true) for key in keys])
    fold_of = np.array([folds[document] for document, _ in keys])
    probabilities = _out_of_fold(rows, labels, fold_of)
    keep_regression(linear, regression_of(rows, labels.tolist(), _STRENGTH))
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
            regression = regression_of(rows[inside], labels[inside].tolist(), _STRENGTH)
            probabilities[outside] = regression.predict_proba(rows[outside])[:, 1]
    return probabilities


def _fit_line(
    line: LinearScorer, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> None:
    scaler = StandardScaler().fit(rows)
    # What hardly varies stays small: its weight would be more than half precision holds.
    scaler.scale_ = np.maximum(scaler.scale_, _LEAST_SCALE)
    regression = LogisticRegression(C=_LINE_STRENGTH, max_iter=3000)
    weights = regression.fit(scaler.transform(rows), labels).coef_[0] / scaler.scale_
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
