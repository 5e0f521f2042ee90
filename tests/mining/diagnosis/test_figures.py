"""Figures of ranked patients, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.core.statistics import Bootstrap
from medkg.mining.diagnosis.figures import (
    PAIRED_FIGURES,
    best_ranks,
    figures_of,
    finite_rank,
    first_of,
    means_with_intervals,
    paired_difference,
    ranks_of,
    rounded,
    top_k_hits,
)


def test_the_best_of_several_ranks() -> None:
    scores = np.array([[5.0, 3, 3, 3, 1]] * 5)
    rows = [np.array(row, dtype=np.int64) for row in ([0], [4, 0], [1], [1, 3], [])]
    # One of three that are equal is expected at place 2 of them, the first of two at 4/3.
    assert best_ranks(scores, rows).tolist() == [1, 1, 3, 1 + 4 / 3, np.inf]


def test_ties_are_as_if_in_random_order() -> None:
    rng = np.random.default_rng(0)
    drawn = [min(rng.permutation(7)[:3]) + 1 for _ in range(20_000)]
    ranks = best_ranks(np.zeros((1, 7)), [np.array([1, 2, 5])])
    assert ranks[0] == pytest.approx(np.mean(drawn), abs=0.03)


def test_figures_by_hand() -> None:
    ranks = np.array([1, 2, 4, np.inf, 60, 1])
    figures = figures_of(
        ranks,
        first=np.array([0, 5, 5, 5, -2, 1]),
        answers=np.array([0, 1, 2, -10, 3, 1]),
        groups=np.array([7, 7, 7, 7, 8, 9]),
        series=np.array([1, 1, 4, 1, 60, 1]),
    )
    assert (figures["n"], figures["publications"], figures["known"]) == (6, 3, 5)
    assert figures["top_1"] == pytest.approx(2 / 6, abs=1e-4)
    assert figures["macro_top_1"] == pytest.approx((1 / 4 + 0 + 1) / 3, abs=1e-4)
    assert figures["top_50"] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 60 + 1) / 6, abs=1e-4)
    assert figures["series_top_1"] == pytest.approx(4 / 6, abs=1e-4)
    # Of the publications the medians are 3, 60 and 1.
    assert (figures["median_rank"], figures["macro_median_rank"]) == (3, 3)
    assert figures["accuracy"] == figures["recall_micro"] == pytest.approx(2 / 6, abs=1e-4)
    assert figures["precision_micro"] == pytest.approx(2 / 5, abs=1e-4)
    assert figures["f1_micro"] == pytest.approx(2 * 2 / (5 + 6), abs=1e-4)
    # Diseases 0, 1, 2, 3, 5 and the one that is no candidate.
    assert figures["precision"] == pytest.approx((1 + 1) / 6, abs=1e-4)
    assert figures["recall"] == pytest.approx((1 + 1 / 2) / 6, abs=1e-4)
    none_found = figures_of(np.full(2, np.inf), np.zeros(2), np.full(2, -10), np.zeros(2))
    assert none_found["median_rank"] is None


def test_the_interval_is_by_publication() -> None:
    """Of many cases in two publications, one found and one missed, nothing is known but that."""
    ranks = np.repeat([1.0, 100.0], 500)
    figures = figures_of(ranks, np.zeros(1000), np.zeros(1000), np.repeat([0, 1], 500))
    assert figures["top_1_interval"] == [0, 1]
    of_many = figures_of(ranks, np.zeros(1000), np.zeros(1000), np.arange(1000))
    low, high = of_many["top_1_interval"]
    assert (low, high) == pytest.approx((0.469, 0.531), abs=0.01)


def test_a_paired_difference_is_narrower_than_either() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.integers(1, 30, size=400).astype(float)
    ours = np.maximum(theirs - 1, 1)  # always one place better
    groups = np.repeat(np.arange(40), 10)
    difference = paired_difference(ours, theirs, groups)
    assert difference["top_3"] == pytest.approx((ours <= 3).mean() - (theirs <= 3).mean(), abs=1e-4)
    low, high = difference["top_3_interval"]
    alone = figures_of(ours, ours, ours, groups)["top_3_interval"]
    assert 0 < low <= difference["top_3"] <= high
    assert high - low < alone[1] - alone[0]
    nothing = paired_difference(ours, ours, groups)
    assert nothing["macro_mrr_interval"] == [0, 0]


def test_a_rank_of_k_is_among_the_first_k() -> None:
    ranks = np.array([1, 1.5, 3, 3.5, 10, 10.5, 50, 51, np.inf])
    hits = {name: value.tolist() for name, value in top_k_hits(ranks).items()}
    assert hits == {
        "top_1": [1, 0, 0, 0, 0, 0, 0, 0, 0],
        "top_3": [1, 1, 1, 0, 0, 0, 0, 0, 0],
        "top_10": [1, 1, 1, 1, 1, 0, 0, 0, 0],
        "top_50": [1, 1, 1, 1, 1, 1, 1, 0, 0],
    }


def test_an_answer_that_is_no_candidate_has_no_rank() -> None:
    scores = np.array([[3, 2, 2], [1, 5, 0]], dtype=np.float32)
    assert ranks_of(scores, np.array([2, -1])).tolist() == [2.5, np.inf]
    assert ranks_of(scores, np.array([0, 0])).tolist() == [1, 2]


def test_of_equal_highest_scores_any_is_first() -> None:
    scores = np.tile(np.array([1, 7, 7, 0, 7], dtype=np.float32), (300, 1))
    first = first_of(scores, seed=0)
    counts = np.bincount(first, minlength=5)
    assert (counts[0], counts[3]) == (0, 0)
    assert counts[[1, 2, 4]].min() > 60
    assert np.array_equal(first, first_of(scores, seed=0))
    assert not np.array_equal(first, first_of(scores, seed=1))


def test_means_over_patients_and_over_publications() -> None:
    """Three patients of one publication and one of another."""
    bootstrap = Bootstrap.over(np.array([4, 4, 4, 9]), 0, 500)
    means = means_with_intervals(bootstrap, "top_1", np.array([1.0, 1, 0, 0]))
    assert means["top_1"] == 0.5
    assert means["macro_top_1"] == round(2 / 6, 4)
    assert means["top_1_interval"] == [0, round(2 / 3, 4)]
    assert means["macro_top_1_interval"] == [0, round(2 / 3, 4)]
    # Where all are 0, a share may still be above it by chance, but a difference isn't known to.
    none = np.zeros(4)
    share = means_with_intervals(bootstrap, "top_1", none)
    assert share["macro_top_1_interval"][1] == pytest.approx(1 - 0.025 ** (1 / 2), abs=1e-4)
    paired = means_with_intervals(bootstrap, "top_1", none, difference=True)
    assert (paired["top_1_interval"], paired["macro_top_1_interval"]) == ([0, 0], [0, 0])


def test_a_paired_difference_by_hand() -> None:
    ours, theirs = np.array([1, 2, 11]), np.array([2, 1, 4])
    difference = paired_difference(ours, theirs, np.array([0, 0, 1]), draws=50)
    assert {name for name in difference if not name.endswith("_interval")} == {
        f"{over}{figure}" for over in ("", "macro_") for figure in PAIRED_FIGURES
    }
    assert (difference["top_1"], difference["top_3"]) == (0, 0)
    assert difference["top_10"] == round(-1 / 3, 4)
    assert difference["macro_top_10"] == -0.5
    assert difference["mrr"] == round((0.5 - 0.5 + 1 / 11 - 1 / 4) / 3, 4)


def test_the_seed_and_the_number_of_draws_count() -> None:
    ranks = np.arange(1, 31).astype(float)
    groups = np.arange(30) // 3

    def interval(**how: int) -> list[float]:
        bounds: list[float] = figures_of(ranks, groups, groups, groups, **how)["mrr_interval"]
        return bounds

    assert interval() == interval(seed=0, draws=1000)
    assert interval(seed=1) != interval(seed=0)
    assert interval(draws=10) != interval()


def test_series_are_figures_only_where_they_are_ranked() -> None:
    ranks, ones = np.array([4.0, 1]), np.ones(2)
    zeros = np.zeros(2, dtype=np.int64)
    assert "series_top_1" not in figures_of(ranks, zeros, zeros, zeros)
    assert figures_of(ranks, zeros, zeros, zeros, series=ones)["series_top_1"] == 1
    assert "series_mrr" not in figures_of(ranks, zeros, zeros, zeros, series=ones)


def test_nobody_put_first() -> None:
    figures = figures_of(
        np.full(2, np.inf), np.full(2, -2), np.array([3, 4]), np.zeros(2, dtype=np.int64)
    )
    names = ("accuracy", "precision", "recall", "f1", "precision_micro", "f1_micro")
    assert [figures[name] for name in names] == [0] * 6
    assert figures["known"] == 2


def test_a_figure_has_four_places() -> None:
    assert (rounded(1 / 3), rounded(np.float64(2 / 3))) == (0.3333, 0.6667)
    assert (finite_rank(np.inf), finite_rank(2.5)) == (None, 2.5)


def test_precision_recall_and_f1_of_the_first_rank_by_hand() -> None:
    """Disease 0 is put first once, rightly; 1 once, wrongly, for 2; the last case has no first."""
    first, answers = np.array([0, 1, -2]), np.array([0, 2, 2])
    figures = figures_of(np.array([1.0, 2, np.inf]), first, answers, np.zeros(3, dtype=np.int64))
    assert figures["accuracy"] == rounded(1 / 3)
    assert figures["precision"] == figures["recall"] == figures["f1"] == rounded(1 / 3)
    assert figures["precision_micro"] == 0.5
    assert figures["recall_micro"] == rounded(1 / 3)
    assert figures["f1_micro"] == rounded(2 * 1 / (2 + 3))
    unequal = figures_of(
        np.ones(3), np.array([0, 0, 1]), np.array([0, 1, 1]), np.zeros(3, dtype=np.int64)
    )
    # Of 0: put first twice, right once, a patient's once. Of 1: once, once, twice.
    assert unequal["precision"] == rounded((1 / 2 + 1) / 2)
    assert unequal["recall"] == rounded((1 + 1 / 2) / 2)
    assert unequal["f1"] == rounded((2 / 3 + 2 / 3) / 2)
