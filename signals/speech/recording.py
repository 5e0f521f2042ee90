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
_SHORTEST, _LONGEST = 0.2, 2 * 3600  # seconds
_BLOCK = 1 << 20  # samples that are resampled at once
_REACH = 11  # the filter of `resample_poly` reaches 10 samples, of the slower rate, to either side
_MOST_WHOLE = 512 << 20  # bytes of a file of 24 bits, which is read whole
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
    """Read a WAV file, a block at a time: the longest, of 2 h, takes about 1 GB of memory.

    Raises:
        DataError: it can't be read, is cut off, too short, too long or of an unusual rate, or is
            silent.
    """
    require_regular(path)
    rate, raw = _opened(path)
    if not _SLOWEST <= rate <= _FASTEST:
        problem = f"has {rate:,} samples a second; {_SLOWEST:,} to {_FASTEST:,} are read"
        raise DataError(problem, path=path)
    seconds = len(raw) / rate
    if not _SHORTEST <= seconds <= _LONGEST:
        problem = f"is {seconds:,.1f} s long; {_SHORTEST} s to {_LONGEST / 3600:.0f} h are read"
        raise DataError(problem, path=path)
    remarks = []
    if raw.ndim == 2 and raw.shape[1] > 1:
        remarks.append(f"{raw.shape[1]} channels are read as their mean")
    if rate != RATE:
        remarks.append(f"resampled from {rate:,} to {RATE:,} samples a second")
    samples = _resampled(raw, rate)
    if not np.isfinite(samples).all():
        raise DataError("has samples that are no numbers", path=path)
    _check_loud(samples, path)
    return Speech(np.clip(samples, -1, 1, out=samples), tuple(remarks))


def _opened(path: Path) -> tuple[int, NDArray[Any]]:
    """Samples a second, and the samples, (n,) or (n, channels), left in the file where possible."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)  # of what is cut off
            warnings.filterwarnings("ignore", "Chunk .* not understood", wavfile.WavFileWarning)
            opened: tuple[int, NDArray[Any]]
            try:
                opened = wavfile.read(path, mmap=True)
            except ValueError:  # of 24 bits, which can't be left in the file, or damaged
                if path.stat().st_size > _MOST_WHOLE:
                    raise
                opened = wavfile.read(path)
            return opened
    except wavfile.WavFileWarning:
        raise DataError("is cut off: its header says that it is longer", path=path) from None
    except _DAMAGED as error:
        problem = f"can't be read as WAV ({error}): it is cut off, or of another form: convert it"
        if path.stat().st_size > _MOST_WHOLE:
            problem += f" to 16 bits; of 24 bits, up to {_MOST_WHOLE >> 20} MB are read"
        raise DataError(problem, path=path) from None


def _resampled(raw: NDArray[Any], rate: int) -> NDArray[np.float32]:
    """The mean of channels at `RATE`, between -1 and 1, whole numbers by their full scale.

    Each block is resampled with as many samples on either side as the filter of `resample_poly`
    reaches, so that blocks leave no trace.
    """
    up, down = RATE // gcd(rate, RATE), rate // gcd(rate, RATE)
    margin = _REACH * down
    block = -(-_BLOCK // down) * down  # so that each begins at a whole sample of `RATE`
    samples = np.empty(-(-len(raw) * up // down), np.float32)
    for start in range(0, len(raw), block):
        first = max(0, start - margin)
        part = _scaled(raw[first : start + block + margin])
        begin = start * up // down
        kept = samples[begin : begin + block * up // down]
        skipped = (start - first) * up // down
        kept[:] = resample_poly(part, up, down)[skipped : skipped + len(kept)]
    return samples


def _scaled(raw: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of channels, between -1 and 1, of whole numbers by their full scale."""
    samples = raw.mean(1, dtype=np.float32) if raw.ndim == 2 else raw.astype(np.float32)
    if raw.dtype == np.uint8:
        samples = samples / 128 - 1
    elif raw.dtype.kind == "i":
        samples = samples / 2.0 ** (8 * raw.dtype.itemsize - 1)
    return samples


def _check_loud(samples: NDArray[np.float32], path: Path) -> None:
    window = RATE // 10
    parts = samples[: len(samples) // window * window].reshape(-1, window)
    loudest = float(parts.std(1).max()) if len(parts) else 0.0
    if loudest < _SILENT:
        raise DataError("has no speech: it is silent", path=path)
