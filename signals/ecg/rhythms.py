"""Rhythms made of a patient's own beats, to be learnt beside those that were recorded.

A few patients of a corpus fibrillate and a few have most of the premature atrial beats, so that a
network learns the patient and not the rhythm. Therefore each patient's sinus beats also appear as
atrial fibrillation (no P wave, irregular) and with premature atrial beats and runs of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .features import LENGTH, R_PEAK, RATE, Floats

_ONSET = 72  # sample of a beat at which its QRS complex begins, at the latest
_P_BEGIN = 45  # 0.25 s before the R peak
_TIME = (np.arange(LENGTH) - R_PEAK) / RATE


def fibrillation(
    beats: Floats, intervals: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Normal beats as in atrial fibrillation: irregular, small waves in the place of P.

    Args:
        beats: (n, 2, `LENGTH`) in mV.
        intervals: (n, 2) seconds, before and after.

    Returns:
        Both anew.
    """
    n = len(beats)
    usual = np.median(intervals[:, 0]) * rng.uniform(0.7, 1.1)
    gaps = np.clip(usual * np.exp(rng.uniform(0.12, 0.28) * rng.standard_normal(n + 1)), 0.3, 2.5)
    changed = beats.copy()
    ramp = np.linspace(0, 1, _ONSET - 30, dtype=np.float32)
    changed[..., 30:_ONSET] = (
        beats[..., 30:31] * (1 - ramp) + beats[..., _ONSET : _ONSET + 1] * ramp
    )
    height = np.ptp(beats, axis=-1).mean(0)
    phase = rng.uniform(0, 1, (n, 1, 1))
    rate = rng.uniform(5, 8, (n, 1, 1))
    waves = np.sin(2 * np.pi * (rate * _TIME + phase))
    changed += rng.uniform(0.01, 0.07) * height[None, :, None] * waves
    return changed.astype(np.float32), _both_sides(gaps)


def premature_beats(
    beats: Floats, intervals: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Normal beats of which some come early, alone or in runs, after another P wave.

    Args:
        beats, intervals: see `fibrillation`.

    Returns:
        Both anew, and which beats are premature atrial ones.
    """
    n = len(beats)
    gaps = np.append(intervals[:, 0], intervals[-1:, 1]).astype(float)
    early = np.zeros(n, bool)
    at = int(rng.integers(5, 25))
    while at < n - 2:
        run = 1 if rng.random() < 0.75 else int(rng.integers(2, 12))
        share = rng.uniform(0.55, 0.88)
        end = min(at + run, n - 2)
        gaps[at:end] *= share * np.exp(0.03 * rng.standard_normal(end - at))
        gaps[end] *= rng.uniform(1.0, 1.35)
        early[at:end] = True
        at = end + int(rng.integers(6, 40))
    gaps = np.clip(gaps, 0.28, 3)
    changed = beats.copy()
    for i in np.flatnonzero(early):
        if i:
            changed[i] = _early(beats[i], beats[i - 1], gaps[i], rng)
    return changed, _both_sides(gaps), early


def _early(beat: Floats, last: Floats, gap: float, rng: np.random.Generator) -> Floats:
    """A beat that begins while the end of the last one is still there."""
    place = np.round((_TIME + gap) * RATE).astype(int) + R_PEAK
    tail = last[:, np.clip(place, 0, LENGTH - 1)]
    own = np.clip((np.arange(LENGTH) - _ONSET + 12) / 12, 0, 1)  # 0 before QRS, 1 within
    wave = beat[:, _P_BEGIN:_ONSET] - np.linspace(beat[:, _P_BEGIN], beat[:, _ONSET - 1], 27).T
    mixed = own * beat + (1 - own) * (tail - tail[:, _ONSET : _ONSET + 1] + beat[:, _ONSET, None])
    shift = int(rng.integers(-6, 4))
    begin = _P_BEGIN + shift
    mixed[:, begin : begin + 27] += (rng.uniform(-0.5, 1.2) * wave)[:, :27]
    return np.asarray(mixed, np.float32)


def _both_sides(gaps: NDArray[np.float64]) -> Floats:
    return np.asarray(np.stack([gaps[:-1], gaps[1:]], 1), np.float32)
