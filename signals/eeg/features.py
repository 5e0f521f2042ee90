"""Band powers, and numbers that describe each epoch of each channel.

What is usual is the median of the channel over its recording, so that electrodes, heads and
amplifiers count for little, and a channel is compared with itself. No label is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt, welch

RATE = 128  # samples a second
EPOCH, STEP = 4, 2  # seconds of an epoch, and from one's begin to the next one's
BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
_EDGES = 0.5, 45.0  # Hz: between drift and the mains' 50 and 60
_SEGMENT = 2  # seconds of a spectrum, so that it has a line every half hertz
_AT_ONCE = 2**22  # samples whose features are computed together
_LEAST = 1e-3  # µV, µV² and Hz: what is less counts as so much
_LAGS = slice(RATE // 6, RATE // 2 + 1)  # of rhythms of 2 to 6 Hz
Floats = NDArray[np.float32]


def epoch_starts(n_samples: int) -> NDArray[np.float64]:
    """(epochs,) seconds at which the whole epochs of a recording begin."""
    n_epochs = max(0, (n_samples - EPOCH * RATE) // (STEP * RATE) + 1)
    return np.arange(n_epochs) * float(STEP)


def band_powers(channels: Floats) -> Floats:
    """(epochs, channels, bands) µV² of `BANDS` by Welch's method.

    Args:
        channels: (channels, samples) in µV at `RATE` samples a second.

    Source: Welch, The Use of Fast Fourier Transform for the Estimation of Power Spectra, IEEE
    Transactions on Audio and Electroacoustics 1967.
    """
    return np.concatenate([_powers(_spectra(part)) for part in _epochs(channels)])


def epoch_features(channels: Floats) -> Floats:
    """(epochs, channels, features): band powers and form, also relative to what is usual.

    Args:
        channels: as of `band_powers`.

    Each feature is there as it is, less its median over the recording, and the latter's mean and
    maximum over channels, since what is seen may be in one channel or in all.
    """
    band = butter(2, _EDGES, "bandpass", fs=RATE, output="sos")
    filtered = sosfiltfilt(band, channels, axis=-1).astype(np.float32)
    own = np.concatenate([_own_features(part) for part in _epochs(filtered)])
    relative = own - np.median(own, 0)
    together = [
        np.broadcast_to(pool(relative, axis=1, keepdims=True), own.shape)
        for pool in (np.mean, np.max)
    ]
    return np.concatenate([own, relative, *together], -1, dtype=np.float32)


def n_features() -> int:
    """How many features `epoch_features` gives of an epoch of a channel."""
    return epoch_features(np.zeros((1, EPOCH * RATE), np.float32)).shape[-1]


def departures(features: Floats) -> Floats:
    """(epochs, channels): how far band powers are from what is usual of the channel.

    Root mean square over bands, in natural logarithms.

    Args:
        features: of `epoch_features`.
    """
    n_own = features.shape[-1] // 4
    powers = features[..., n_own : n_own + len(BANDS)]
    return np.asarray(np.sqrt((powers**2).mean(-1)))


def _epochs(channels: Floats) -> Iterator[Floats]:
    """(epochs, channels, samples) of some epochs after another."""
    n_epochs = len(epoch_starts(channels.shape[-1]))
    windows = sliding_window_view(channels, EPOCH * RATE, axis=-1)[:, :: STEP * RATE]
    size = max(1, _AT_ONCE // (len(channels) * EPOCH * RATE))
    edges = [*range(0, n_epochs, size), n_epochs]
    return (windows[:, a:b].transpose(1, 0, 2) for a, b in pairwise(edges))


def _spectra(epochs: Floats) -> Floats:
    """(…, lines) µV²/Hz, a line every half hertz."""
    _, density = welch(epochs, RATE, nperseg=_SEGMENT * RATE, axis=-1)
    return np.asarray(density, np.float32)


def _powers(spectra: Floats) -> Floats:
    lines = [
        spectra[..., round(low * _SEGMENT) : round(high * _SEGMENT)].sum(-1) / _SEGMENT
        for low, high in BANDS.values()
    ]
    return np.stack(lines, -1)


def _own_features(epochs: Floats) -> Floats:
    """(epochs, channels, features) of each epoch alone, mostly logarithms."""
    spectra = _spectra(epochs)
    powers = _powers(spectra)
    whole = powers.sum(-1, keepdims=True)
    low, high = (round(edge * _SEGMENT) for edge in (1.0, 30.0))
    peak = spectra[..., low:high].argmax(-1)[..., None] + low
    near = np.clip(peak + np.arange(-2, 3), 0, spectra.shape[-1] - 1)
    at_peak = np.take_along_axis(spectra, near, -1).sum(-1, keepdims=True) / _SEGMENT
    columns = [_log(powers), _log(powers) - _log(whole), _log(at_peak) - _log(whole)]
    columns.append(_log(peak / _SEGMENT))
    return np.concatenate([*columns, _form(epochs), _rhythm(epochs)], -1)


def _form(epochs: Floats) -> Floats:
    """Amplitude, how far it moves, Hjorth's mobility and complexity, and how sharp spikes are.

    Source: Hjorth, EEG Analysis Based on Time Domain Properties, Electroencephalography and
    Clinical Neurophysiology 1970.
    """
    slope = np.diff(epochs)
    turn = np.diff(slope)
    spread, of_slope, of_turn = (x.std(-1) for x in (epochs, slope, turn))
    middle = np.median(np.abs(turn), -1)
    centred = epochs - epochs.mean(-1, keepdims=True)
    fourth = (centred**4).mean(-1) / np.maximum(spread, _LEAST) ** 4
    columns = [
        _log(spread),
        _log(np.abs(slope).mean(-1)),
        _log(np.ptp(epochs, axis=-1)) - _log(spread),
        _log(of_slope) - _log(spread),
        _log(of_turn) + _log(spread) - 2 * _log(of_slope),
        _log(np.abs(turn).max(-1)) - _log(middle),
        _log(fourth),
    ]
    return np.stack(columns, -1)


def _rhythm(epochs: Floats) -> Floats:
    """The highest autocorrelation at lags of 2 to 6 Hz, and its frequency."""
    n = epochs.shape[-1]
    spectrum = np.fft.rfft(epochs, 2 * n, axis=-1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=-1)[..., : n // 2]
    shares = correlation / np.maximum(correlation[..., :1], _LEAST)
    best = shares[..., _LAGS].argmax(-1)
    highest = shares[..., _LAGS].max(-1)
    return np.stack([highest, _log(RATE / (best + _LAGS.start))], -1, dtype=np.float32)


def _log(x: NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(np.log(np.maximum(x, _LEAST)), np.float32)
