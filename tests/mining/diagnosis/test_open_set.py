"""Open sets of patients whose true distribution is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from medkg.core.errors import DataError
from medkg.mining.diagnosis.open_set import (
    NONE,
    OpenSet,
    coverage_of,
    fit_open_set,
    fit_temperature,
)

DISEASES = 40
Drawn = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def drawn(number: int, seed: int, unknown: float = 0.2, heat: float = 1.0) -> Drawn:
    """Scores that are `heat` times the true logits, diseases drawn from them, and phenotypes; of a
    share of `unknown` the disease is taken out of the candidates, and all others score lower."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(number, DISEASES)) * rng.uniform(1, 4, size=(number, 1))
    chances = softmax(logits, axis=1)
    truth = np.array([rng.choice(DISEASES, p=row) for row in chances])
    truth[rng.random(number) < unknown] = NONE
    lacking = truth == NONE
    logits[lacking] = rng.normal(size=(lacking.sum(), DISEASES))
    return logits * heat, truth, rng.integers(1, 20, size=number)


def covered(fitted: OpenSet, patients: Drawn, coverage: float) -> dict[str, Any]:
    scores, truth, phenotypes = patients
    sets = fitted.sets(scores, phenotypes, coverage)
    rows = [np.array([row] if row != NONE else [], dtype=np.int64) for row in truth]
    return coverage_of(sets, rows, np.arange(len(truth)), coverage)


@pytest.fixture(scope="module")
def fitted() -> OpenSet:
    return fit_open_set(*drawn(2000, seed=1))


def test_the_temperature_is_found_again() -> None:
    scores, truth, _ = drawn(3000, seed=0, unknown=0, heat=2.5)
    assert fit_temperature(scores, truth) == pytest.approx(2.5, rel=0.1)


def test_probabilities_sum_to_one_and_keep_the_order(fitted: OpenSet) -> None:
    scores, _, phenotypes = drawn(50, seed=2)
    given = fitted.probabilities(scores, phenotypes)
    assert given.shape == (50, DISEASES + 1)
    assert given.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(np.argsort(given[:, :-1], axis=1), np.argsort(scores, axis=1))
    assert given[:, -1] == pytest.approx(fitted.none_of_these(scores, phenotypes))


def test_none_of_these_is_told_from_the_scores(fitted: OpenSet) -> None:
    scores, truth, phenotypes = drawn(1000, seed=3)
    none = fitted.none_of_these(scores, phenotypes)
    assert none[truth == NONE].mean() > none[truth >= 0].mean() + 0.1
    assert fitted.base_rate == pytest.approx(0.2, abs=0.03)
    assert none.mean() == pytest.approx(0.2, abs=0.1)
    assert fitted.figures["auroc_observed"] > 0.8
    assert 0.5 < fitted.figures["auroc"] < fitted.figures["auroc_observed"]


def test_scores_that_say_nothing_have_an_auroc_of_one_half() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(800, 400))
    truth = rng.integers(400, size=800)
    found = fit_open_set(scores, truth, np.ones(800, dtype=np.int64))
    assert found.figures["auroc"] == pytest.approx(0.5, abs=0.05)
    assert found.figures["auroc_observed"] is None


@pytest.mark.parametrize("coverage", [0.7, 0.8, 0.95])
def test_sets_hold_the_truth_as_often_as_asked(fitted: OpenSet, coverage: float) -> None:
    """On new patients of the same distribution, within three standard errors of both samples."""
    scores, truth, phenotypes = drawn(2000, seed=4)
    found = covered(fitted, (scores, truth, phenotypes), coverage)
    error = 3 * np.sqrt(coverage * (1 - coverage) * 2 / 2000)
    assert found["covered"] == pytest.approx(coverage, abs=error)
    assert found["covered_publications"] == found["covered"]
    assert 0 < found["with_none"] <= 1


def test_no_set_is_empty(fitted: OpenSet) -> None:
    scores, truth, phenotypes = drawn(2000, seed=4)
    found = covered(fitted, (scores, truth, phenotypes), 0.2)
    first = [rows[0] for rows in fitted.sets(scores, phenotypes, 0.2)]
    assert found["covered"] == pytest.approx(np.mean(first == truth), abs=1e-4)
    assert found["covered"] > 0.2


def test_sets_grow_with_coverage_and_hold_the_most_probable(fitted: OpenSet) -> None:
    scores, _, phenotypes = drawn(100, seed=5)
    given = fitted.probabilities(scores, phenotypes)
    narrow, wide = (fitted.sets(scores, phenotypes, coverage) for coverage in (0.6, 0.9))
    for row, few, many in zip(given, narrow, wide, strict=True):
        assert few.tolist() == many[: len(few)].tolist()
        chances = row[many]  # NONE is the last column
        assert np.all(np.diff(chances) <= 0)
        assert chances[0] == row.max()


def test_too_few_cases_for_the_coverage_give_everything() -> None:
    found = fit_open_set(*drawn(60, seed=6))
    scores, _, phenotypes = drawn(3, seed=7)
    assert [len(rows) for rows in found.sets(scores, phenotypes, 0.999)] == [DISEASES + 1] * 3


def test_coverage_is_counted_over_cases_and_groups() -> None:
    rows = [np.array(row, dtype=np.int64) for row in ([0], [5, 0], [1], [])]
    sets = [np.array(found) for found in ([0], [0, NONE, 2], [0], [3])]
    found = coverage_of(sets, rows, np.array([7, 7, 9, 9]), 0.9)
    assert (found["covered"], found["covered_publications"]) == (0.5, 0.5)
    assert found["covered_candidates"] == pytest.approx(2 / 3, abs=1e-3)
    assert (found["size_median"], found["with_none"], found["asked"]) == (1, 0.25, 0.9)
    assert coverage_of([np.array([NONE])], rows[3:], np.array([0]), 0.9)["covered"] == 1


def test_saved_as_json_it_is_the_same(fitted: OpenSet) -> None:
    again = OpenSet.from_dict(json.loads(json.dumps(fitted.to_dict())))
    scores, _, phenotypes = drawn(5, seed=8)
    assert np.array_equal(
        again.probabilities(scores, phenotypes), fitted.probabilities(scores, phenotypes)
    )
    assert again == fitted


def test_log_probabilities_do_as_well_as_logits(fitted: OpenSet) -> None:
    scores, truth, phenotypes = drawn(2000, seed=1)
    logs = log_softmax(scores, axis=1).astype(np.float32)
    found = fit_open_set(logs, truth, phenotypes)
    assert found.temperature == pytest.approx(fitted.temperature, rel=1e-3)


def test_cases_of_one_group_are_never_on_both_sides() -> None:
    """Groups whose scores are copies: were they divided, removal would be learnt by heart."""
    scores, truth, phenotypes = drawn(40, seed=9, unknown=0)
    copies = [np.repeat(part, 5, axis=0) for part in (scores, truth, phenotypes)]
    whole = fit_open_set(*copies, np.repeat(np.arange(40), 5))
    divided = fit_open_set(*copies)
    assert whole.figures["auroc"] < divided.figures["auroc"]
    with pytest.raises(DataError, match="of 4 groups"):
        fit_open_set(*copies, np.repeat(np.arange(4), 50))


def test_bad_input() -> None:
    scores, truth, phenotypes = drawn(30, seed=0, unknown=0)
    with pytest.raises(DataError, match="at least 20"):
        fit_open_set(scores[:10], truth[:10], phenotypes[:10])
    found = fit_open_set(scores, truth, phenotypes)
    with pytest.raises(DataError, match=r"between 0 and 1, not 1\.5"):
        found.sets(scores, phenotypes, 1.5)
