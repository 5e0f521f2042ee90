from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from medkg.core.statistics import (
    Bootstrap,
    bootstrap_interval,
    clopper_pearson_of_all,
    difference_with_interval,
    drawn_counts,
    draws_one_by_one,
    percentile_bounds,
    wilson_interval,
    with_interval,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(groups=st.integers(1, 40), seed=SEEDS)
def test_each_draw_takes_as_many_groups_as_there_are(groups: int, seed: int) -> None:
    counts = drawn_counts(groups, seed, 20)
    assert counts.shape == (20, groups)
    assert (counts.sum(1) == groups).all()
    assert (counts == drawn_counts(groups, seed, 20)).all()


def test_without_groups_there_are_no_draws() -> None:
    assert drawn_counts(0, 0).shape == (0, 0)
    assert draws_one_by_one(0, np.random.default_rng(0), 5).shape == (5, 0)


@given(groups=st.integers(1, 40), seed=SEEDS)
def test_draws_one_by_one_count_the_numbers_drawn(groups: int, seed: int) -> None:
    values = np.arange(groups) ** 2
    chosen = np.random.default_rng(seed).integers(0, groups, size=(20, groups))
    counts = draws_one_by_one(groups, np.random.default_rng(seed), 20)
    assert (counts @ values == values[chosen].sum(1)).all()


@given(data=st.data())
def test_means_are_those_of_the_rows_that_were_drawn(data: st.DataObject) -> None:
    groups = np.array(data.draw(st.lists(st.integers(-3, 9), min_size=1, max_size=12)))
    number = st.floats(-5, 5)
    values = np.array(data.draw(st.lists(number, min_size=len(groups), max_size=len(groups))))
    bootstrap = Bootstrap.over(groups, data.draw(SEEDS), 6)
    means, group_means = bootstrap.means(values), bootstrap.group_means(values)
    for draw, counts in enumerate(bootstrap.counts):
        drawn = [name for name, n in enumerate(counts) for _ in range(n)]
        rows = [values[bootstrap.groups == name] for name in drawn]
        assert means[draw] == pytest.approx(np.concatenate(rows).mean(), abs=1e-9)
        own = np.mean([part.mean() for part in rows])
        assert group_means[draw] == pytest.approx(own, abs=1e-9)


def test_percentile_bounds_hold_the_middle() -> None:
    assert percentile_bounds(np.linspace(-1, 1, 1001)) == pytest.approx((-0.95, 0.95))


def test_an_interval_of_differences_is_of_what_was_drawn() -> None:
    assert bootstrap_interval(np.zeros(100)) == [0, 0]
    assert bootstrap_interval(np.linspace(-1, 1, 1001), 4) == pytest.approx([-0.95, 0.95])


@pytest.mark.parametrize("n", [1, 2, 5, 100])
def test_where_all_groups_have_0_or_1_the_bound_is_the_exact_one(n: int) -> None:
    for succeeded in (False, True):
        exact = binomtest(n * succeeded, n).proportion_ci(method="exact")
        bounds = clopper_pearson_of_all(n, succeeded=succeeded)
        assert bounds == pytest.approx((exact.low, exact.high))
        drawn = np.full(10, float(succeeded))
        assert bootstrap_interval(drawn, n) == [round(bound, 4) for bound in bounds]
    assert bootstrap_interval(np.full(10, 0.5), n) == [0.5, 0.5]


@given(n=st.integers(1, 10_000), data=st.data())
def test_wilsons_interval_is_scipys(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    # 1.96 standard deviations here, 1.95996… there.
    assert wilson_interval(successes / n, n) == pytest.approx(
        (expected.low, expected.high), abs=2e-5
    )


def test_wilsons_interval_holds_the_share() -> None:
    low, high = wilson_interval(0.5, 100)  # by hand: .404 to .596
    assert (low, high) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    low, high = wilson_interval(0.0, 20)
    assert low == 0
    assert high == pytest.approx(0.1611, abs=1e-4)


def test_a_figure_has_its_interval_beside_it() -> None:
    drawn = np.linspace(0, 1, 1001)
    assert with_interval("mrr", 0.123456, drawn) == {
        "mrr": 0.1235,
        "mrr_interval": [0.025, 0.975],
    }


def test_a_difference_says_how_often_it_is_ahead() -> None:
    drawn = np.array([-1.0, 0.0, 1.0, 2.0])
    row = difference_with_interval("mrr", 0.5, drawn)
    assert row["mrr_ahead"] == 0.5
    same = difference_with_interval("mrr", 0.0, np.zeros(10))
    assert (same["mrr_interval"], same["mrr_ahead"]) == ([0, 0], 0)
