"""Probabilities: right on average, ordered as the scores, and honest about their base rate."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.core.calibration import (
    Calibration,
    expected_calibration_error,
    fit,
    quality,
    reliability_bins,
)


def made(seed: int, queries: int = 400, first: int = 50):  # type: ignore[no-untyped-def]
    """Scores with a known chance of being true that falls with rank and rises with score."""
    generator = np.random.default_rng(seed)
    scores = -np.sort(-generator.normal(size=(queries, first)), axis=1)
    ranks = np.broadcast_to(np.arange(1.0, first + 1), scores.shape)
    chance = 1 / (1 + np.exp(-(-2.5 + 0.8 * scores - 0.7 * np.log(ranks))))
    true = generator.random(scores.shape) < chance
    return scores.ravel(), ranks.ravel(), true.ravel(), chance.ravel()


def test_recovers_the_chances() -> None:
    calibration = fit(*made(0)[:3])
    scores, ranks, _, chance = made(1)
    probabilities = calibration.probability(scores, ranks)
    assert np.abs(probabilities - chance).max() < 0.08
    assert probabilities.mean() == pytest.approx(chance.mean(), rel=0.1)


def test_quality_of_good_and_bad_probabilities() -> None:
    scores, ranks, true, chance = made(1)
    good = quality(fit(*made(0)[:3]).probability(scores, ranks), true)
    bad = quality(np.sqrt(chance), true)
    assert good["n"] == len(true)
    assert good["true"] == true.sum()
    assert good["ece"] < 0.01 < bad["ece"]
    assert good["brier"] < good["brier_of_base_rate"] < bad["brier"]
    by_hand = quality(np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, False, True, False]), bins=2)
    assert by_hand["ece"] == pytest.approx((0.2 + 0.3) / 2)
    assert by_hand["brier"] == pytest.approx((0.04 + 0.04 + 0.04 + 0.64) / 4)
    assert by_hand["reliability"] == [
        {"n": 2, "probability": 0.2, "true": 0.0},
        {"n": 2, "probability": 0.8, "true": 0.5},
    ]


def test_order_stays_even_where_the_data_would_turn_it() -> None:
    scores, ranks, true, _ = made(2)
    calibration = fit(-scores, ranks, true)
    assert calibration.slope >= 0
    assert calibration.decay >= 0
    few = np.array([3.0, 2.0, 1.0])
    probabilities = calibration.probability(few, np.arange(1.0, 4))
    assert np.all(np.diff(probabilities) <= 0)


@pytest.mark.parametrize("label", [False, True])
def test_one_class_alone(label: bool) -> None:
    calibration = fit(np.arange(20.0), np.arange(1.0, 21), np.full(20, label))
    probabilities = calibration.probability(np.arange(20.0), np.arange(1.0, 21))
    assert np.all((probabilities > 0) & (probabilities < 1))
    assert 0 < calibration.base_rate < 1
    assert (probabilities.mean() > 0.5) == label


def test_equal_scores_are_no_obstacle() -> None:
    calibration = fit(np.zeros(20), np.arange(1.0, 21), np.arange(20) < 3)
    assert np.isfinite(calibration.probability(np.zeros(3), np.array([1.0, 10, 100]))).all()


def test_numbers_round_trip() -> None:
    calibration = fit(*made(0)[:3])
    assert Calibration.from_dict(calibration.to_dict()) == calibration


def test_expected_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    probabilities = np.array([0.1, 0.3, 0.9])
    bins = reliability_bins(probabilities, np.array([False, True, True]), bins=2)
    assert [part["n"] for part in bins] == [2, 1]
    assert expected_calibration_error(bins) == pytest.approx((2 * 0.3 + 0.1) / 3)
    assert len(reliability_bins(probabilities, np.array([True] * 3))) == 3
    assert expected_calibration_error([]) == 0


def test_another_number_of_true_pairs_moves_all_log_odds_alike() -> None:
    generator = np.random.default_rng(0)
    scores, ranks = generator.normal(size=500), generator.integers(1, 101, 500).astype(float)
    fitted = fit(scores, ranks, generator.random(500) < 0.1)
    for expected in (1.0, 20.0, 400.0):
        moved = fitted.expecting(expected, scores, ranks)
        assert moved.probability(scores, ranks).sum() == pytest.approx(expected)
        assert moved.base_rate == pytest.approx(expected / 500)
        shift = moved.log_odds(scores, ranks) - fitted.log_odds(scores, ranks)
        np.testing.assert_allclose(shift, shift[0])


@pytest.mark.parametrize(("expected", "taken"), [(0.0, 1.0), (5000.0, 450.0)])
def test_expects_some_and_not_all(expected: float, taken: float) -> None:
    scores, ranks = np.linspace(0, 1, 500), np.ones(500)
    moved = fit(scores, ranks, scores > 0.9).expecting(expected, scores, ranks)
    assert moved.probability(scores, ranks).sum() == pytest.approx(taken)


def test_a_base_rate_moves_all_odds_by_its_own() -> None:
    calibration = Calibration(-2.0, 1.0, 0.0, 0.0, 1.0, 0.1)
    moved = calibration.at_base_rate(0.25)
    scores = np.linspace(-3, 5, 9)
    before, after = (c.probability(scores, np.ones(9)) for c in (calibration, moved))
    ratio = (after / (1 - after)) / (before / (1 - before))
    assert ratio == pytest.approx(np.full(9, (0.25 / 0.75) / (0.1 / 0.9)))
    assert moved.base_rate == 0.25
    assert calibration.at_base_rate(7.0).base_rate == 0.9  # there is no more than all
