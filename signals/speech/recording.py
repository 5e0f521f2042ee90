"""Recordings of speech: WAV files as 16,000 samples a second of one channel."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import resample_poly

from ...core.errors import DataError
from ...core.input_files import require_regular

RATE = 16_000  # samples a second that recognisers read
_SLOWEST, _FASTEST = 4_000, 200_000
_SHORTEST, _LONGEST = 0.2, 4 * 3600  # seconds
_SILENT = 1e-3  # of full scale: the loudest tenth of a second of a recording without speech


# What scipy raises of files that are no WAV, cut off, or damaged.
_DAMAGED = (
    ValueError, EOFError, OSError, MemoryError, ZeroDivisionError, UnboundLocalError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """A recording.

    Attributes:
        samples: (n,) between -1 and 1, `RATE` a second.
        remarks: what was changed in reading.
    """

    samples: NDArray[np.float32]
    remarks: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE


def read_recording(path: Path) -> Speech:
    """Read a WAV file.

    Raises:
        DataError: it can't be read, is too short, too long or of an unusual rate, or is silent.
    """
    require_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that are no sound
            rate, raw = wavfile.read(path)
    except _DAMAGED as error:
        raise DataError(
            f"can't be read as WAV ({error}); other forms: convert it", path=path
        ) from None
    if not _SLOWEST <= rate <= _FASTEST:
        problem = f"has {rate:,} samples a second; {_SLOWEST:,} to {_FASTEST:,} are read"
        raise DataError(problem, path=path)
    seconds = len(raw) / rate
    if not _SHORTEST <= seconds <= _LONGEST:
        problem = f"is {seconds:,.1f} s long; {_SHORTEST} s to {_LONGEST / 3600:.0f} h are read"
        raise DataError(problem, path=path)
    remarks = []
    samples = _scaled(raw)
    if samples.ndim == 2:
        if samples.shape[1] > 1:
            remarks.append(f"{samples.shape[1]} channels are read as their mean")
        samples = samples.mean(1)
    if not np.isfinite(samples).all():
        raise DataError("has samples that are no numbers", path=path)
    if rate != RATE:
        remarks.append(f"resampled from {rate:,} to {RATE:,} samples a second")
        common = gcd(rate, RATE)
        samples = resample_poly(samples, RATE // common, rate // common)
    _check_loud(samples, path)
    return Speech(np.clip(samples, -1, 1).astype(np.float32), tuple(remarks))


def _scaled(raw: NDArray[Any]) -> NDArray[np.float64]:
    """Samples between -1 and 1, of whole numbers by their full scale."""
    samples = np.asarray(raw, dtype=np.float64)
    if raw.dtype == np.uint8:
        samples = samples / 128 - 1
    elif raw.dtype.kind == "i":
        samples = samples / 2.0 ** (8 * raw.dtype.itemsize - 1)
    return samples


def _check_loud(samples: NDArray[np.float64], path: Path) -> None:
    window = RATE // 10
    parts = samples[: len(samples) // window * window].reshape(-1, window)
    loudest = float(parts.std(1).max()) if len(parts) else 0.0
    if loudest < _SILENT:
        raise DataError("has no speech: it is silent", path=path)
