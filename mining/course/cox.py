"""Cox's proportional hazards over the last visit: the baseline of every report."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import torch
from lifelines import CoxPHFitter
from numpy.typing import NDArray
from torch import Tensor, nn

from .curves import Floats
from .encoding import Features

# Half the sum of squared coefficients, times one of these, is taken from the mean log likelihood.
PENALTIES = (0.001, 0.01, 0.1)
_FOLDS = 3
_VARYING = 1e-6  # the deviation below which a feature is a constant


class Cox(nn.Module):
    """Coefficients and cumulative baseline hazard of Cox's model, as a module that is saved."""

    coefficients: Tensor
    baseline: Tensor

    def __init__(self, n_features: int, n_edges: int):
        super().__init__()
        self.register_buffer("coefficients", torch.zeros(n_features, dtype=torch.float64))
        self.register_buffer("baseline", torch.zeros(n_edges, dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        """(n, edges): cumulative hazards of (n, features), which are of one visit each."""
        ratios = (features.double() @ self.coefficients).clamp(-30, 30).exp()
        return ratios[:, None] * self.baseline


def fit_cox(
    features: Features,
    numbers: NDArray[np.int64],
    remaining: Floats,
    events: NDArray[np.bool_],
    edges: Floats,
    seed: int,
) -> Cox:
    """Fit Cox's model with Efron's handling of ties and Breslow's baseline, by lifelines.

    How strongly coefficients are held small is chosen by folds of the patients.

    Args:
        features: (n, features); numbers, remaining, events: (n,), of visits in order of patients.
        edges: (k,) of the grid on which the baseline is kept.
    """
    varying = np.flatnonzero(features.std(0) > _VARYING)
    frame = pd.DataFrame(features[:, varying].astype(float), columns=[str(k) for k in varying])
    frame["remaining"], frame["event"] = remaining, events
    fitter = _fitted(frame, _best_penalty(frame, numbers, seed))
    cox = Cox(features.shape[1], len(edges))
    coefficients = fitter.params_.to_numpy()
    cox.coefficients[varying] = torch.from_numpy(coefficients.copy())
    # lifelines' baseline is of a patient of mean features, ours of one whose features are zeros.
    shift = np.exp(-(frame.iloc[:, :-2].to_numpy().mean(0) @ coefficients))
    steps = fitter.baseline_cumulative_hazard_.iloc[:, 0]
    place = np.searchsorted(steps.index.to_numpy(), edges, side="right")
    cox.baseline.copy_(torch.from_numpy(np.append(0, steps.to_numpy())[place] * shift))
    return cox


def _fitted(frame: pd.DataFrame, penalty: float) -> CoxPHFitter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on features that nearly separate; the penalty holds them
        return CoxPHFitter(penalizer=penalty).fit(frame, "remaining", "event")


def _best_penalty(frame: pd.DataFrame, numbers: NDArray[np.int64], seed: int) -> float:
    """The penalty with the highest partial likelihood of patients that were not fitted on."""
    folds = np.random.default_rng(seed).permutation(numbers[-1] + 1) % _FOLDS
    totals = dict.fromkeys(PENALTIES, 0.0)
    for fold in range(_FOLDS):
        held = folds[numbers] == fold
        if not frame["event"][held].any() or not frame["event"][~held].any():
            continue
        varying = frame.columns[frame[~held].std() > _VARYING]
        for penalty in PENALTIES:
            fitter = _fitted(frame.loc[~held, varying], penalty)
            totals[penalty] += fitter.score(frame.loc[held, varying], "log_likelihood") * held.sum()
    return max(PENALTIES, key=lambda penalty: totals[penalty])
