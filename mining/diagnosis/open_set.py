"""The open set: that a patient's disease is none of the candidates, and sets that hold it.

Fitted on cases that the model was not trained with, on top of whatever scores it gives. Three
steps, each of few numbers:

- temperature scaling (Guo et al. 2017, https://arxiv.org/abs/1706.04599);
- the probability that the disease is none of the candidates, by logistic regression on how far
  ahead the first disease is and how much of the findings it explains (`explained`): of cases whose
  disease is none or was taken out of the candidates, against those without another disease;
- split conformal prediction with adaptive prediction sets (Romano, Sesia and Candès 2020,
  https://arxiv.org/abs/2006.02544), "none of these" being a candidate like the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from ...core.errors import DataError
from .explained import EXPLAINED, PatientEvidence

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

NONE = -1  # the row that stands for "none of these"
FEATURES = ("probability", "lead", *EXPLAINED)
_BEHIND = 50  # the rank over which the first disease's lead is measured
_FOLDS = 5
_FEWEST_CASES = 20  # whose disease is a candidate, to fit an open set on
_BATCH_SIZE = 500  # patients at a time: × 12,000 diseases are 48 MB
# Where only one candidate has a score, its lead would be infinite.
_HIGHEST_LEAD = 50.0


class OpenSetFigures(TypedDict):
    """How an open set does on the cases that it was fitted on; see `OpenSet`."""

    n: int
    without_candidate: int
    auroc: float | None
    auroc_observed: float | None
    shipped: NotRequired[bool]


class SetCoverage(TypedDict):
    """How often sets hold the truth, and how large they are; see `coverage_of`."""

    nominal: float
    n: int
    covered: float
    covered_publications: float
    covered_candidates: float | None
    size_median: float
    size_mean: float
    with_none: float


@dataclass(frozen=True)
class OpenSet:
    """Probabilities over all candidates and "none of these", from a model's scores.

        P(none | x) = σ(b + Σ_i w_i (f_i(x) - m_i) / s_i)
        P(d | x) = (1 - P(none | x)) softmax(scores / T)_d

    with f, of the disease with the highest score, softmax(scores / T), how far the score is above
    the fiftieth, and what it explains of the findings (`explained.EXPLAINED`).

    Attributes:
        temperature: T.
        weights, means, scales: of the features; w, m, s.
        intercept: b.
        base_rate: how often the disease is no candidate; P(none) holds for cases of which as many
            have none. Where it isn't given to `fit_open_set`, Laplace's share of the cases that it
            was fitted on.
        conformity: of each of these cases, in order, the probability of all that the model puts
            before the truth, by a fit that the case had no part in.
        figures: `n`, `without_candidate`; `auroc` of P(none), the cases without their disease
            against the same without another, by fits that the case had no part in; and
            `auroc_observed`, cases whose disease is no candidate against the others (null
            where there are none). `shipped` where it was fitted on the published cases that the
            readouts which come with medkg learnt from.
    """

    temperature: float
    weights: list[float]
    means: list[float]
    scales: list[float]
    intercept: float
    base_rate: float
    conformity: list[float]
    figures: OpenSetFigures

    def none_of_these(
        self, scores: Floats, evidence: PatientEvidence, without: Integers | None = None
    ) -> NDArray[np.float64]:
        """P(none) of each patient.

        Args:
            scores: patients × diseases, as those that it was fitted on.
            evidence: what is seen of the patients, with what the graph states of the diseases.
            without: for each patient a row that is taken to be no candidate.
        """
        features = _features(scores, evidence, self.temperature, without)
        standard = (features - np.array(self.means)) / np.array(self.scales)
        return np.asarray(expit(self.intercept + standard @ np.array(self.weights)))

    def probabilities(self, scores: Floats, evidence: PatientEvidence) -> NDArray[np.float64]:
        """Patients × (diseases + 1), with "none of these" as the last column; rows sum to 1."""
        none = self.none_of_these(scores, evidence)[:, None]
        among = np.exp(log_softmax(scores.astype(np.float64) / self.temperature, axis=1))
        return np.hstack([(1 - none) * among, none])

    def sets(
        self, scores: Floats, evidence: PatientEvidence, coverage: float = 0.9
    ) -> list[Integers]:
        """For each patient the rows of the diseases, the most probable first, that hold the true
        one with the probability `coverage`; -1 is "none of these", which is true of a patient whose
        disease is no candidate.

        That is so on average over patients like those of the fit (exchangeable with them). Later
        cases are not quite, so measure the coverage on some (`coverage_of`). No set is empty, so
        that where the first is right more often than `coverage`, so are the sets.

        Raises:
            DataError: the coverage is not between 0 and 1.
        """
        sets = []
        for start in range(0, len(scores), _BATCH_SIZE):
            batch = slice(start, start + _BATCH_SIZE)
            ordered = Ordered.of(self.probabilities(scores[batch], evidence[batch]))
            sets += ordered.sets(self.limit(coverage))
        return sets

    def none_and_sets(
        self, scores: Floats, evidence: PatientEvidence, logs: Floats, coverage: float = 0.9
    ) -> tuple[NDArray[np.float64], list[Integers]]:
        """P(none) by the phenotypes seen, and sets of patients of whom more is known, in its order.

        Conformity was measured on probabilities by the phenotypes seen alone, so that a set of
        others, to the same limit, would hold the truth as often as it happens to (for those of a
        clinic see `clinic`). Members are therefore all of `sets`, and with them the first of the
        other order until they are together as probable as the coverage: as often right, and never
        without who comes first.

        Args:
            logs: logarithms of the probabilities by all that is known, patients × diseases.
        """
        sets = []
        none_of_each = [np.empty(0)]
        for start in range(0, len(scores), _BATCH_SIZE):
            batch = slice(start, start + _BATCH_SIZE)
            probabilities = self.probabilities(scores[batch], evidence[batch])
            conformal = Ordered.of(probabilities).sets(self.limit(coverage))
            none = probabilities[:, -1:]
            none_of_each.append(none[:, 0])
            ordered = Ordered.of(np.hstack([(1 - none) * np.exp(logs[batch]), none]))
            first = ordered.sets(coverage)
            everything = ordered.sets(np.inf)
            sets += [
                rows[np.isin(rows, np.union1d(*members))]
                for rows, *members in zip(everything, conformal, first, strict=True)
            ]
        return np.concatenate(none_of_each), sets

    def limit(self, coverage: float) -> float:
        """How probable may be what comes before a candidate for it to be in the set: of the n
        cases' conformity the ⌈(n + 1) coverage⌉-th smallest; infinity where there are fewer."""
        if not 0 < coverage < 1:
            raise DataError(f"coverage is between 0 and 1, not {coverage}")
        place = int(np.ceil((len(self.conformity) + 1) * coverage))
        return self.conformity[place - 1] if place <= len(self.conformity) else np.inf

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OpenSet:
        """The open set of these values.

        Raises:
            ValueError: it is of an earlier release, which had other features.
        """
        if len(values["weights"]) != len(FEATURES):
            raise ValueError("its none of these is of an earlier release of medkg")
        return cls(**values)


@dataclass(frozen=True)
class Ordered:
    """Patients' candidates, the most probable first.

    Attributes:
        order: patients × candidates, columns of the probabilities; the last is "none of these".
        before: the probability of all that comes before each.
    """

    order: Integers
    before: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: NDArray[np.float64]) -> Ordered:
        """Of what `OpenSet.probabilities` gives."""
        order = np.argsort(-probabilities, axis=1, kind="stable")
        ordered = np.take_along_axis(probabilities, order, axis=1)
        return cls(order, np.cumsum(ordered, axis=1) - ordered)

    def sets(self, limit: float) -> list[Integers]:
        """The rows of those before which the candidates are no more probable than the limit."""
        sizes = (self.before <= limit).sum(axis=1)  # at least 1: nothing is before the first
        rows = np.where(self.order == self.order.shape[1] - 1, NONE, self.order)
        return [row[:size] for row, size in zip(rows, sizes, strict=True)]


def fit_open_set(
    scores: Floats,
    truth_rows: Integers,
    evidence: PatientEvidence,
    groups: Integers | None = None,
    *,
    base_rate: float | None = None,
    seed: int = 0,
) -> OpenSet:
    """Fit temperature, "none of these" and conformal scores on cases that the model hasn't seen.

    Args:
        scores: patients × diseases: scores, logits or log-probabilities.
        truth_rows: the row of each patient's disease, -1 where it is no candidate.
        evidence: what is seen of the patients, with what the graph states of the diseases.
        groups: cases of one group (a publication) are never fitted and measured on at once, and
            count for "none of these" as one case; by default each is a group of its own.
        base_rate: how often the disease will be no candidate, where the cases don't say it: what a
            graph states was written in part from the very cases that are at hand.
        seed: of the division of the groups into five parts.

    Raises:
        DataError: fewer than 20 cases whose disease is a candidate, or fewer than five groups.
    """
    groups = np.arange(len(scores)) if groups is None else np.unique(groups, return_inverse=True)[1]
    known = truth_rows >= 0
    known_groups = np.unique(groups[known])
    if not enough(truth_rows, groups) or scores.shape[1] < 2:
        raise DataError(
            f"{int(known.sum())} cases of {len(known_groups)} groups have a disease that is a"
            f" candidate (of {scores.shape[1]}); an open set is fitted on at least"
            f" {_FEWEST_CASES}, of {_FOLDS} groups, and on two candidates"
        )
    rng = np.random.default_rng(seed)
    folds = _folds(groups, known_groups, rng)
    conformity = np.empty(len(scores))
    present, removed = np.empty(len(scores)), np.full(len(scores), np.nan)
    for fold in range(_FOLDS):
        rest, own = folds != fold, np.flatnonzero(folds == fold)
        fitted = _fit(scores[rest], truth_rows[rest], evidence[rest], groups[rest], base_rate, rng)
        conformity[own] = _conformity(fitted, scores[own], truth_rows[own], evidence[own])
        present[own] = fitted.none_of_these(scores[own], evidence[own])
        own = own[known[own]]
        others = _others(truth_rows[own], scores.shape[1], rng)
        present[own] = fitted.none_of_these(scores[own], evidence[own], others)
        removed[own] = fitted.none_of_these(scores[own], evidence[own], truth_rows[own])
    figures: OpenSetFigures = {
        "n": len(scores),
        "without_candidate": int((~known).sum()),
        "auroc": auroc(present[known], removed[known]),
        "auroc_observed": auroc(present[known], present[~known]),
    }
    fitted = _fit(scores, truth_rows, evidence, groups, base_rate, rng)
    return replace(fitted, conformity=np.sort(conformity).tolist(), figures=figures)


def _folds(groups: Integers, known_groups: Integers, rng: np.random.Generator) -> Integers:
    """The fold of each case, groups whole.

    Args:
        known_groups: groups with a case whose disease is a candidate; they are dealt out first, so
            that no fold is without one.
    """
    order = rng.permutation(groups.max() + 1)
    fold_of_group = np.empty(len(order), dtype=np.int64)
    fold_of_group[order[np.argsort(~np.isin(order, known_groups), kind="stable")]] = (
        np.arange(len(order)) % _FOLDS
    )
    return fold_of_group[groups]


def enough(truth_rows: Integers, groups: Integers) -> bool:
    """Whether an open set can be fitted on cases: 20 of five groups whose disease is a candidate
    (-1 where it is none)."""
    known = truth_rows >= 0
    return int(known.sum()) >= _FEWEST_CASES and len(np.unique(groups[known])) >= _FOLDS


def coverage_of(
    sets: Sequence[Integers], truth_rows: Sequence[Integers], groups: Integers, coverage: float
) -> SetCoverage:
    """How often sets hold the truth, and how large they are, on cases of another time.

    Args:
        sets: of `OpenSet.sets`.
        truth_rows: the rows of each patient's diseases, of which one is enough; where none is a
            candidate, "none of these" is the truth.
        groups: number of each patient's publication.
        coverage: the nominal coverage, which the sets were made for.

    Returns:
        `nominal`, `n`, `covered` (share of cases whose truth is in their set),
        `covered_publications` (mean over publications), `covered_candidates` (share of those whose
        disease is a candidate), `size_median`, `size_mean` (diseases in a set), `with_none` (share
        of sets that hold "none of these").
    """
    covered = np.array(
        [
            bool(np.isin(rows if len(rows) else NONE, members).any())
            for rows, members in zip(truth_rows, sets, strict=True)
        ]
    )
    known = np.array([len(rows) > 0 for rows in truth_rows])
    sizes = np.array([(members != NONE).sum() for members in sets])
    number = np.unique(groups, return_inverse=True)[1]
    by_group = np.bincount(number, weights=covered) / np.bincount(number)
    return {
        "nominal": coverage,
        "n": len(covered),
        "covered": round(float(covered.mean()), 4),
        "covered_publications": round(float(by_group.mean()), 4),
        "covered_candidates": round(float(covered[known].mean()), 4) if known.any() else None,
        "size_median": float(np.median(sizes)),
        "size_mean": round(float(sizes.mean()), 1),
        "with_none": round(float(np.mean([NONE in members for members in sets])), 4),
    }


def _fit(
    scores: Floats,
    truth_rows: Integers,
    evidence: PatientEvidence,
    groups: Integers,
    base_rate: float | None,
    rng: np.random.Generator,
) -> OpenSet:
    """Temperature and "none of these" alone; conformity and figures are still to be measured."""
    from sklearn.linear_model import LogisticRegression

    known = truth_rows >= 0
    own, rows, seen = scores[known], truth_rows[known], evidence[known]
    temperature = fit_temperature(own, rows)
    others = _others(rows, scores.shape[1], rng)
    # A candidate is taken out either way, so that their number is no feature.
    feature_sets = [
        _features(own, seen, temperature, others),
        _features(own, seen, temperature, rows),
        _features(scores[~known], evidence[~known], temperature),
    ]
    features = np.vstack(feature_sets)
    labels = np.repeat([False, True, True], [len(rows) for rows in feature_sets])
    means, scales = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    regression = LogisticRegression(class_weight="balanced", max_iter=1000)
    weights = 1 / np.bincount(groups)[groups]
    regression.fit(
        (features - means) / scales,
        labels,
        sample_weight=np.concatenate([weights[known], weights[known], weights[~known]]),
    )
    # Fitted as if half had none; moved to how many have (prior shift).
    if base_rate is None:
        base_rate = (int((~known).sum()) + 1) / (len(known) + 2)
    return OpenSet(
        temperature=temperature,
        weights=regression.coef_[0].tolist(),
        means=means.tolist(),
        scales=scales.tolist(),
        intercept=float(regression.intercept_[0] + logit(base_rate)),
        base_rate=base_rate,
        conformity=[],
        figures={"n": 0, "without_candidate": 0, "auroc": None, "auroc_observed": None},
    )


def fit_temperature(scores: Floats, truth_rows: Integers) -> float:
    """The temperature T at which softmax(scores / T) gives the truth the highest likelihood.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599.
    """
    batches = [slice(start, start + _BATCH_SIZE) for start in range(0, len(scores), _BATCH_SIZE)]
    highest = scores.max(axis=1)
    own = np.take_along_axis(scores, truth_rows[:, None], axis=1)[:, 0] - highest

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature).astype(scores.dtype)
        sums = [
            np.exp((scores[part] - highest[part, None]) / temperature).sum(axis=1)
            for part in batches
        ]
        return float((np.log(np.concatenate(sums)) - own / temperature).mean())

    minimum = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 0.01})
    return float(np.exp(minimum.x))


def _features(
    scores: Floats, evidence: PatientEvidence, temperature: float, without: Integers | None = None
) -> NDArray[np.float64]:
    """Patients × `FEATURES`; `without`: a row for each patient that is no candidate."""
    features = []
    # Of few candidates the last that is left where one is taken out, so that both ways compare.
    behind = max(min(_BEHIND, scores.shape[1] - 1) - 1, 1)
    for start in range(0, len(scores), _BATCH_SIZE):
        batch = scores[start : start + _BATCH_SIZE].astype(np.float64)
        if without is not None:
            batch[np.arange(len(batch)), without[start : start + _BATCH_SIZE]] = -np.inf
        first, highest = batch.argmax(axis=1), batch.max(axis=1)
        lead = highest + np.partition(-batch, behind, axis=1)[:, behind]
        of_scores = [
            softmax(batch / temperature, axis=1).max(axis=1),
            np.minimum(lead, _HIGHEST_LEAD),
        ]
        explained = evidence[start : start + _BATCH_SIZE].explained(first)
        features.append(np.hstack([np.stack(of_scores, axis=1), explained]))
    return np.concatenate([np.empty((0, len(FEATURES))), *features])


def _others(rows: Integers, size: int, rng: np.random.Generator) -> Integers:
    """For each patient a random disease that is not theirs."""
    return np.asarray((rows + rng.integers(1, size, size=len(rows))) % size)


def _conformity(
    fitted: OpenSet, scores: Floats, truth_rows: Integers, evidence: PatientEvidence
) -> NDArray[np.float64]:
    """The probability of all that comes before the truth in each patient's list."""
    truth = np.where(truth_rows >= 0, truth_rows, scores.shape[1])
    conformity = []
    for start in range(0, len(scores), _BATCH_SIZE):
        batch = slice(start, start + _BATCH_SIZE)
        ordered = Ordered.of(fitted.probabilities(scores[batch], evidence[batch]))
        conformity.append(ordered.before[ordered.order == truth[batch, None]])
    return np.concatenate([np.empty(0), *conformity])


def auroc(low: Floats, high: Floats) -> float | None:
    """How often one of `high` is above one of `low`; none where one of them is empty."""
    from sklearn.metrics import roc_auc_score  # takes a second, and only fitting needs it

    if not len(low) or not len(high):
        return None
    labels = np.repeat([0, 1], [len(low), len(high)])
    return round(float(roc_auc_score(labels, np.concatenate([low, high]))), 4)
