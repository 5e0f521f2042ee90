"""R peaks and beats of made signals, and rate and rhythm by rule."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.signals.ecg.beats import cut_beats, r_peaks
from medkg.signals.ecg.features import LENGTH, R_PEAK, RATE
from medkg.signals.ecg.rate import rhythm_of

from .made import regular, signal


def leads(times: list[float], seconds: float = 30, **more: object) -> np.ndarray:
    return signal(times, seconds, RATE, **more).T.astype(np.float32)  # type: ignore[arg-type]


@pytest.mark.parametrize("gap", [0.35, 0.8, 1.4])
@pytest.mark.parametrize("noise", [0.01, 0.08])
def test_every_beat_has_its_peak_and_nothing_else(gap: float, noise: float) -> None:
    times = regular(30, gap)
    peaks = r_peaks(leads(times, noise=noise)) / RATE
    assert len(peaks) == len(times)
    assert peaks == pytest.approx(times, abs=0.03)


def test_small_beats_after_large_ones_are_seen() -> None:
    times = regular(30, 0.9)
    samples = leads(times)
    samples[:, 15 * RATE :] *= 0.4
    assert len(r_peaks(samples)) == len(times)


def test_peaks_of_a_lead_upside_down_are_the_same() -> None:
    samples = leads(regular(30, 0.8))
    assert r_peaks(-samples) == pytest.approx(r_peaks(samples), abs=2)


def test_beats_are_about_their_peaks_with_the_intervals_beside_them() -> None:
    times = [1.0, 1.9, 2.6, 3.7, 4.5, 5.5, 6.4, 7.3]
    samples = leads(times, 9)
    beats = cut_beats(samples, r_peaks(samples))
    assert beats.times == pytest.approx(times[1:-1], abs=0.02)
    assert beats.forms.shape == (6, 2, LENGTH)
    assert np.abs(beats.forms[:, 0]).argmax(1) == pytest.approx(R_PEAK, abs=3)
    assert beats.intervals[1] == pytest.approx([0.7, 1.1], abs=0.02)


def test_one_lead_is_read_as_both() -> None:
    samples = leads(regular(10, 0.8), 10)[:1]
    beats = cut_beats(samples, r_peaks(samples))
    assert (beats.forms[:, 0] == beats.forms[:, 1]).all()


@pytest.mark.parametrize(
    ("gap", "labels"), [(0.5, ("fast",)), (0.8, ()), (1.3, ("slow",)), (0.62, ()), (0.98, ())]
)
def test_the_rate_is_judged_by_the_median_interval(gap: float, labels: tuple[str, ...]) -> None:
    samples = leads(regular(30, gap))
    rhythm = rhythm_of(cut_beats(samples, r_peaks(samples)))
    assert rhythm.labels == labels
    assert rhythm.rate == pytest.approx(60 / gap, rel=0.02)


def test_irregular_intervals_are_said_and_one_early_beat_is_not() -> None:
    rng = np.random.default_rng(1)
    gaps = 0.8 * np.exp(0.2 * rng.standard_normal(35))
    irregular = leads([float(t) for t in np.cumsum(gaps)][:-2])
    assert "irregular" in rhythm_of(cut_beats(irregular, r_peaks(irregular))).labels
    times = regular(30, 0.8)
    times[10] -= 0.25
    early = leads(times)
    assert rhythm_of(cut_beats(early, r_peaks(early))).labels == ()


@pytest.mark.parametrize("noise", [0.01, 0.08])
def test_a_pause_is_said_and_noise_in_it_is_no_beat(noise: float) -> None:
    times = [t for t in regular(40, 0.8) if not 15 < t < 19]
    samples = leads(times, 40, noise=noise)
    peaks = r_peaks(samples)
    assert len(peaks) == len(times)
    pause = rhythm_of(cut_beats(samples, peaks)).pause
    before, after = max(t for t in times if t < 15), min(t for t in times if t > 19)
    assert pause == pytest.approx((before, after), abs=0.05)
    steady = leads(regular(40, 1.4), 40, noise=noise)
    assert rhythm_of(cut_beats(steady, r_peaks(steady))).pause is None


@pytest.mark.parametrize("share", [0.15, 0.2])
def test_a_span_of_small_beats_is_no_pause(share: float) -> None:
    times = regular(60, 0.8)
    samples = leads(times, 60)
    samples[:, 20 * RATE : 32 * RATE] *= share
    peaks = r_peaks(samples)
    assert len(peaks) >= len(times) - 4  # of those beside the large ones
    assert rhythm_of(cut_beats(samples, peaks)).pause is None


@pytest.mark.parametrize(
    ("age", "labels"),
    [(None, ("fast",)), (40.0, ("fast",)), (17.0, ("fast",)), (3.5, ()), (0.1, ()), (0, ())],
)
def test_the_rate_is_judged_by_age(age: float | None, labels: tuple[str, ...]) -> None:
    samples = leads(regular(30, 0.48))  # 125 a minute
    assert rhythm_of(cut_beats(samples, r_peaks(samples)), age).labels == labels


def test_a_newborn_may_be_slow_at_an_adults_rate_and_a_childs_breath_is_no_irregularity() -> None:
    samples = leads(regular(30, 0.8))  # 75 a minute
    assert rhythm_of(cut_beats(samples, r_peaks(samples)), 0.1).labels == ("slow",)
    gaps = 0.75 + 0.12 * np.sin(np.arange(36) * 2.1)
    breathing = leads([float(t) for t in np.cumsum(gaps) if t < 29])
    beats = cut_beats(breathing, r_peaks(breathing))
    assert rhythm_of(beats).labels == ("irregular",)
    assert rhythm_of(beats, 7).labels == ()
