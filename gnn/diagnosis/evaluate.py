"""How well a diagnosis model ranks the diagnoses of published cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graph.errors import DataError
from ...graph.kg import KnowledgeGraph
from .cases import Case, cases_of
from .knowledge import Floats, Integers
from .model import PART, DiagnosisModel

TOP = (1, 3, 10)


def evaluate_diagnosis(
    model: DiagnosisModel, cases: KnowledgeGraph, *, use_excluded: bool = False, seed: int = 0
) -> dict[str, Any]:
    """How a model ranks the diagnosis of published cases.

    A case whose diagnosis the model doesn't know, or that has no phenotype which it knows, counts
    as missed. Cases without a diagnosis are left out.

    Args:
        cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE.
        use_excluded: use LACKS_PHENOTYPE too. In published collections what is excluded gives the
            publication away, so headline figures leave it out.

    Returns:
        `n`, `publications`, `known` (cases whose diagnosis the model knows); micro (mean over
        cases) and macro (mean over publications) `top_1`, `top_3`, `top_10` and `mrr`, each with
        a 95 % interval by bootstrap over publications; accuracy, precision, recall and F1 of the
        first rank, the latter three as means over the diseases.
    """
    diagnosed = [case for case in cases_of(cases) if case.diseases]
    if not diagnosed:
        raise DataError("no case has a diagnosis (HAS_DISEASE), so nothing can be evaluated")
    rows = model.knowledge.disease_rows
    answers = np.array([_answer(case, rows) for case in diagnosed])
    ranks = np.full(len(diagnosed), np.inf)
    first = np.full(len(diagnosed), -2)  # no disease at all
    for start in range(0, len(diagnosed), PART):
        part = slice(start, start + PART)
        present = [model.knowledge.columns_of(case.present) for case in diagnosed[part]]
        if use_excluded:
            excluded = [model.knowledge.columns_of(case.excluded) for case in diagnosed[part]]
            scores = model.log_probabilities(present, excluded)
        else:
            scores = model.scores(present)
        usable = np.array([len(columns) > 0 for columns in present])
        first[part] = np.where(usable, first_of(scores, seed), -2)
        ranks[part] = np.where(usable, ranks_of(scores, answers[part]), np.inf)
    publications = np.unique([case.publication for case in diagnosed], return_inverse=True)[1]
    return {
        "known": int((answers >= 0).sum()),
        **figures_of(ranks, first, answers, publications, seed=seed),
    }


def _answer(case: Case, rows: Mapping[str, int]) -> int:
    """The row of the case's first diagnosis that is known, or -1."""
    return next((rows[disease] for disease in case.diseases if disease in rows), -1)


def ranks_of(scores: Floats, answers: Integers) -> NDArray[np.float64]:
    """The rank of each patient's disease, of equal scores the mean; infinite where unknown (-1)."""
    own = np.take_along_axis(scores, np.maximum(answers, 0)[:, None], axis=1)
    ranks = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return np.where(answers >= 0, ranks, np.inf)


def first_of(scores: Floats, seed: int) -> Integers:
    """The row of each patient's highest score, of equal ones any: not the first, since identifiers
    that sort first are more often a case's diagnosis."""
    rng = np.random.default_rng(seed)
    highest = scores.max(axis=1, keepdims=True)
    return np.array([rng.choice(np.flatnonzero(row)) for row in scores == highest])


def figures_of(
    ranks: NDArray[np.float64],
    first: Integers,
    answers: Integers,
    groups: Integers,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Any]:
    """Figures of ranked patients; `groups` are drawn together in the bootstrap."""
    values = {**{f"top_{k}": (ranks <= k).astype(float) for k in TOP}, "mrr": 1 / ranks}
    sizes = np.bincount(groups)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=draws)
    result: dict[str, Any] = {"n": len(ranks), "publications": len(sizes)}
    for name, value in values.items():
        sums = np.bincount(groups, weights=value)
        result[name] = _round(value.mean())
        result[f"{name}_interval"] = _interval(counts @ sums / (counts @ sizes))
        result[f"macro_{name}"] = _round((sums / sizes).mean())
        result[f"macro_{name}_interval"] = _interval(counts @ (sums / sizes) / len(sizes))
    return {**result, **_of_first_rank(first, answers)}


def _of_first_rank(first: Integers, answers: Integers) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as means over the diseases that are a patient's or
    were put first; a disease that was never put first has a precision of 0."""
    diseases = np.union1d(first, answers)
    right = np.array([((first == d) & (answers == d)).sum() for d in diseases])
    put_first = np.array([(first == d).sum() for d in diseases])
    given = np.array([(answers == d).sum() for d in diseases])
    precision = right / np.maximum(put_first, 1)
    recall = right / np.maximum(given, 1)
    f1 = 2 * right / np.maximum(put_first + given, 1)
    return {
        "accuracy": _round((first == answers).mean()),
        "precision": _round(precision.mean()),
        "recall": _round(recall.mean()),
        "f1": _round(f1.mean()),
    }


def _interval(values: NDArray[np.float64]) -> list[float]:
    return [_round(value) for value in np.quantile(values, [0.025, 0.975])]


def _round(value: float) -> float:
    return round(float(value), 4)
