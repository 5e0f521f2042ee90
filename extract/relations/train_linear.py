"""Fitting of the linear models of relations: logistic regression over hashed features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import nn

from .document_level import HashedLinear
from .training_pairs import LabelledPair


def fit_linear(linear: nn.Module, training: Sequence[LabelledPair], strength: float = 10.0) -> None:
    """Fit a task's linear model by logistic regression; `strength` is scikit-learn's C."""
    assert isinstance(linear, HashedLinear)
    rows = feature_matrix([labelled.pair.features_of(labelled.task) for labelled in training])
    keep_regression(
        linear, regression_of(rows, [labelled.fine_label for labelled in training], strength)
    )


def feature_matrix(rows: Sequence[Sequence[str] | set[str]]) -> csr_matrix:
    """Hashed features as a sparse matrix, weighed as `HashedLinear` weighs them."""
    places = [HashedLinear.hashed(row) for row in rows]
    starts = np.cumsum([0, *(len(row) for row in places)])
    values = np.array([len(row) ** -0.5 for row in places for _ in row])
    columns = np.array([place for row in places for place in row])
    return csr_matrix((values, columns, starts), shape=(len(places), HashedLinear.SIZE))


def regression_of(rows: csr_matrix, labels: Sequence[int], strength: float) -> LogisticRegression:
    """Logistic regression on sparse rows; features that none of them has weigh nothing."""
    # Of the hashed features few occur, and the time goes with the number of weights.
    used = np.unique(rows.indices)
    regression = LogisticRegression(C=strength, max_iter=100)
    with warnings.catch_warnings():
        # A hundred steps are near enough; the thresholds are chosen for what came out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(rows[:, used], labels)
    weights = np.zeros((len(regression.coef_), rows.shape[1]))
    weights[:, used] = regression.coef_
    regression.coef_, regression.n_features_in_ = weights, rows.shape[1]
    return regression


def keep_regression(linear: HashedLinear, regression: LogisticRegression) -> None:
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
