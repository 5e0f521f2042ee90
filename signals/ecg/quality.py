"""Where beats stand out of an electrocardiogram, and where it is noise, mains hum or nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis

from .beats import QRS_BAND, in_band
from .features import RATE, Floats

WINDOW = 10  # seconds that are judged together
# QRS complexes are tall and rare, so that the kurtosis of the band they lie in is high: of 3,869
# windows of MIT-BIH's DS1 (its beats put together) the least is 6.0, and noise of any colour has
# 3 (the median; benchmarks/ecg_quality.py). Wide complexes reach below that band. Source of the
# measure: Li, Mark & Clifford, Robust heart rate estimation from multiple asynchronous noisy
# sources, Physiological Measurement 2008, which takes 5, too.
LEAST_KURTOSIS = 5.0
# Fast or wide complexes are not rare, but one is like the next: DS1's normal beats 150 to 240 a
# minute have .81 and more, ten seconds of noise at most .41.
LEAST_LIKENESS = 0.75
_BANDS = (QRS_BAND, (1, 20))  # Hz
_INTERVALS = 0.2, 1.5  # seconds from one beat to the next: 300 to 40 a minute
# A sine is as unlike itself half a period on as it is like itself a period on; beats never are.
_MOST_UNLIKE = 0.9
_STILL = 1e-3  # mV: the end of what the filter makes of the last beat is no beat
_FILTERS_EDGE = RATE  # samples at each end that the filter makes of what begins and ends there


class Measures(NamedTuple):
    """Of each lead and window, (leads, windows), the higher value of the two bands.

    Attributes:
        kurtosis: high where complexes are tall and rare.
        likeness: of a window to itself an interval later, -1 to 1; 0 of a sine.
    """

    kurtosis: NDArray[np.float64]
    likeness: NDArray[np.float64]


def windows_with_beats(leads: Floats) -> NDArray[np.bool_]:
    """(leads, windows): whether beats stand out, in one window of `WINDOW` seconds after another.

    What is left over at the end belongs to the last window.

    Args:
        leads: (leads, samples) at `RATE` samples a second.
    """
    measures = measures_of_windows(leads)
    return (measures.kurtosis >= LEAST_KURTOSIS) | (measures.likeness >= LEAST_LIKENESS)


def measures_of_windows(leads: Floats) -> Measures:
    """Both measures of each window; 0 where nothing moves."""
    edge = _FILTERS_EDGE
    n, number = leads.shape[1], max(1, leads.shape[1] // (WINDOW * RATE))
    begins = [max(edge, i * WINDOW * RATE) for i in range(number)]
    ends = [*begins[1:], max(begins[-1] + 1, n - edge)]
    measures = Measures(np.zeros((len(leads), number)), np.zeros((len(leads), number)))
    for band in _BANDS:
        filtered = in_band(leads, band)
        for i, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            window = filtered[:, begin:end]
            moves = window.std(axis=-1) > _STILL
            values = np.nan_to_num(kurtosis(window, axis=-1, fisher=False)), _likeness(window)
            for highest, own in zip(measures, values, strict=True):
                highest[:, i] = np.maximum(highest[:, i], np.where(moves, own, 0))
    return measures


def _likeness(window: NDArray[np.float64]) -> NDArray[np.float64]:
    """(leads,): the highest autocorrelation at an interval between beats."""
    shortest, longest = (int(seconds * RATE) for seconds in _INTERVALS)
    n = window.shape[1]
    if n <= longest:
        return np.zeros(len(window))
    spectrum = np.fft.rfft(window - window.mean(axis=-1, keepdims=True), 2 * n)
    # Fewer pairs of samples are further apart.
    sums = np.fft.irfft(np.abs(spectrum) ** 2)[:, :longest] * n / (n - np.arange(longest))
    correlation = sums / np.maximum(sums[:, :1], np.finfo(float).tiny)
    like = correlation[:, shortest:].max(axis=-1)
    return np.where(-correlation.min(axis=-1) < _MOST_UNLIKE * like, like, 0.0)


def samples_with_beats(windows: NDArray[np.bool_], n_samples: int) -> NDArray[np.bool_]:
    """(samples,): whether they lie in a window in which beats stand out in some lead.

    Args:
        windows: see `windows_with_beats`.
    """
    last = windows.shape[1] - 1
    which = np.minimum(np.arange(n_samples) // (WINDOW * RATE), last)
    return np.asarray(windows.any(axis=0)[which])
