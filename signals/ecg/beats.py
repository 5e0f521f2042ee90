"""R peaks of a recording, and the beats about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from .features import LENGTH, R_PEAK, RATE, Floats

QRS_BAND = 5, 20  # Hz in which most of a QRS complex lies
_REFRACTORY = 0.2  # seconds in which no second beat can come
_WINDOW = 0.12  # seconds over which the energy of a QRS complex is summed
_NEARBY = 5.0  # seconds: the height of complexes is compared with that of those nearby
_SHARE = 0.12  # of the energy of complexes nearby that a complex has at least
# In a pause nothing nearby is a complex: where the energy is less than this share of what is usual
# over a longer time, a complex has so many times what lies between complexes (noise has 7 at most).
_LONG = 30.0  # seconds
_SHARE_OF_LONG = 0.06
_ABOVE_NOISE = 12.0
_BETWEEN = 20  # percentile of a second's energy


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, in order.

    Attributes:
        forms: (n, 2, `LENGTH`) in mV.
        intervals: (n, 2) seconds to the R peak before and after.
        times: (n,) seconds of the R peaks from the recording's begin on.
    """

    forms: Floats
    intervals: Floats
    times: NDArray[np.float64]


def in_band(leads: Floats, band: tuple[float, float]) -> NDArray[np.float64]:
    """(leads, samples) without what is slower or faster than a band of Hz."""
    return np.asarray(
        sosfiltfilt(butter(2, band, "bandpass", fs=RATE, output="sos"), leads, axis=-1)
    )


def r_peaks(leads: Floats) -> NDArray[np.int64]:
    """The samples of R peaks: band-pass, slope, square, sum, and a threshold that follows.

    Args:
        leads: (leads, samples) at `RATE` samples a second.

    Source: Pan & Tompkins, A Real-Time QRS Detection Algorithm, IEEE Transactions on Biomedical
    Engineering 1985; here over all leads, and with looking ahead, as the recording is whole.
    """
    band = in_band(leads, QRS_BAND)
    spread = np.median(np.abs(band), axis=-1, keepdims=True) + band.std(axis=-1, keepdims=True)
    slopes = np.gradient(band / np.maximum(spread, 1e-6), axis=-1) ** 2
    energy = uniform_filter1d(slopes.sum(0), int(_WINDOW * RATE))
    candidates, _ = find_peaks(energy, distance=int(_REFRACTORY * RATE))
    if not len(candidates):
        return np.zeros(0, np.int64)
    nearby = maximum_filter1d(energy, int(0.8 * RATE))
    usual = _SHARE * uniform_filter1d(nearby, int(_NEARBY * RATE))
    seconds = np.arange(len(energy)) // RATE
    long = median_filter(nearby[::RATE], int(_LONG), mode="reflect")
    between = np.percentile(
        energy[: len(energy) // RATE * RATE].reshape(-1, RATE), _BETWEEN, axis=1
    )
    noise = median_filter(between, int(_NEARBY), mode="nearest")[
        np.minimum(seconds, len(between) - 1)
    ]
    in_pause = np.minimum(_SHARE_OF_LONG * long[seconds], _ABOVE_NOISE * noise)
    peaks = candidates[energy[candidates] > np.maximum(usual, in_pause)[candidates]]
    # The R peak itself is where the first lead is furthest from its baseline.
    reach = int(0.08 * RATE)
    main = np.abs(band[0])
    places = [
        low + int(main[low : p + reach + 1].argmax()) for p in peaks for low in (max(0, p - reach),)
    ]
    return np.unique(np.array(places, np.int64))


def cut_beats(
    leads: Floats, peaks: NDArray[np.int64], unreadable: NDArray[np.bool_] | None = None
) -> Beats:
    """The beats that have another on each side, and whole windows; of one lead it is read twice.

    Args:
        leads: (leads, samples) at `RATE` samples a second.
        peaks: samples of R peaks, see `r_peaks`.
        unreadable: (samples,) where nothing can be read; a beat that lies there, or has none of its
            neighbours in sight, is left out.
    """
    two = leads[[0, min(1, len(leads) - 1)]]
    begin, n = peaks - R_PEAK, two.shape[-1]
    whole = (begin >= 0) & (begin + LENGTH <= n)
    whole[[0, -1]] = False
    if unreadable is not None:
        before = np.concatenate([[0], np.cumsum(unreadable)])
        first = np.minimum(np.roll(peaks, 1), begin).clip(0, n)
        last = np.maximum(np.roll(peaks, -1), begin + LENGTH).clip(0, n)
        whole &= before[last] == before[first]
    gaps = np.diff(peaks) / RATE
    inner = np.flatnonzero(whole)
    forms = np.zeros((0, 2, LENGTH), np.float32)
    if len(inner):
        forms = np.stack([two[:, b : b + LENGTH] for b in begin[inner]])
    intervals = np.stack([gaps[inner - 1], gaps[inner]], 1).astype(np.float32)
    return Beats(forms, intervals, peaks[inner] / RATE)
