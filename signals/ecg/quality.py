"""Where beats stand out of an electrocardiogram, and where it is noise, mains hum or nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis

from .beats import QRS_BAND, in_band
from .features import RATE, Floats

WINDOW = 10  # seconds that are judged together
# QRS complexes are tall and rare, so that the kurtosis of the band they lie in is high: of 3,869
# windows of MIT-BIH's DS1 (its beats put together) the least is 6.0, and noise of any colour has 3,
# at most 4.2 (benchmarks/ecg_quality.py). Wide complexes reach below that band. Source of the
# measure: Li, Mark & Clifford, Robust heart rate estimation from multiple asynchronous noisy
# sources, Physiological Measurement 2008, which takes 5, too.
LEAST = 5.0
_BANDS = (QRS_BAND, (1, 20))  # Hz
_STILL = 1e-3  # mV: the end of what the filter makes of the last beat is no beat
_FILTERS_EDGE = RATE  # samples at each end that the filter makes of what begins and ends there


def windows_with_beats(leads: Floats) -> NDArray[np.bool_]:
    """(leads, windows): whether beats stand out, in one window of `WINDOW` seconds after another.

    What is left over at the end belongs to the last window.

    Args:
        leads: (leads, samples) at `RATE` samples a second.
    """
    return kurtosis_of_windows(leads) >= LEAST


def kurtosis_of_windows(leads: Floats) -> NDArray[np.float64]:
    """(leads, windows): the higher kurtosis of the two bands; 0 where nothing moves."""
    edge = _FILTERS_EDGE
    n, number = leads.shape[1], max(1, leads.shape[1] // (WINDOW * RATE))
    begins = [max(edge, i * WINDOW * RATE) for i in range(number)]
    ends = [*begins[1:], max(begins[-1] + 1, n - edge)]
    highest = np.zeros((len(leads), number))
    for band in _BANDS:
        filtered = in_band(leads, band)
        for i, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            window = filtered[:, begin:end]
            moves = window.std(axis=-1) > _STILL
            own = np.nan_to_num(kurtosis(window, axis=-1, fisher=False))
            highest[:, i] = np.maximum(highest[:, i], np.where(moves, own, 0))
    return highest


def samples_with_beats(windows: NDArray[np.bool_], n_samples: int) -> NDArray[np.bool_]:
    """(samples,): whether they lie in a window in which beats stand out in some lead.

    Args:
        windows: see `windows_with_beats`.
    """
    last = windows.shape[1] - 1
    which = np.minimum(np.arange(n_samples) // (WINDOW * RATE), last)
    return np.asarray(windows.any(axis=0)[which])
