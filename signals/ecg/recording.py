"""Electrocardiograms read from files: WFDB, EDF and CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ...core.atomic import sha256
from ...core.errors import DataError
from ...core.extras import explained_imports
from .features import RATE

LONGEST = 48 * 3600  # seconds: a Holter recording of two days
SHORTEST = 5.0  # seconds: in less there is no rhythm
_RATES = (50.0, 10_000.0)  # samples a second that a recording may have
_LEAST_MOVEMENT = 0.02  # mV: a lead that never moves by so much is no lead
_MICROVOLTS, _VOLTS = ("uv", "µv", "μv"), ("v",)


@dataclass(frozen=True)
class Recording:
    """An electrocardiogram, at the rate that the models read.

    Attributes:
        leads: (leads, samples) in mV, at `RATE` samples a second.
        names: of the leads, as the file has them.
        file: the file's name; `checksum`: its SHA-256.
        date: of the recording, ISO 8601, where the file has it.
        device: that recorded it, where the file has it.
        remarks: what was changed in reading, for the user.
    """

    leads: NDArray[np.float32]
    names: tuple[str, ...]
    file: str
    checksum: str
    date: str = ""
    device: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Raw:
    """What a file holds: (samples, leads) in mV at its own rate."""

    samples: NDArray[np.float64]
    names: tuple[str, ...]
    rate: float
    date: str = ""
    device: str = ""


@explained_imports()
def read_recording(path: Path | str, rate: float | None = None) -> Recording:
    """Read an electrocardiogram.

    Args:
        path: a WFDB header (`.hea`), an EDF or BDF file, or a CSV file: a line of names of leads,
            then a line of millivolts for each sample; a column `time` (seconds) gives the rate.
        rate: samples a second of a CSV file without such a column.

    Raises:
        DataError: the file can't be read, is too short or too long, or no lead moves.
        MissingExtraError: the library for its format is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", path=path)
    readers = {".hea": _read_wfdb, ".edf": _read_edf, ".bdf": _read_edf}
    if (suffix := path.suffix.lower()) in readers:
        raw = readers[suffix](path)
    elif suffix == ".csv":
        raw = _read_csv(path, rate)
    else:
        raise DataError(
            "is no electrocardiogram that can be read: .hea, .edf, .bdf, .csv", path=path
        )
    return _checked(raw, path)


def _read_wfdb(path: Path) -> _Raw:
    import wfdb

    try:
        record = wfdb.rdrecord(str(path.with_suffix("").absolute()))
    except Exception as error:  # wfdb raises whatever its parser stumbles on
        raise DataError(f"can't be read as WFDB ({type(error).__name__})", path=path) from error
    if record.p_signal is None:
        raise DataError("the WFDB record has no signal", path=path)
    factors = [_to_millivolts(unit) for unit in record.units]
    date = record.base_datetime.isoformat() if record.base_datetime else ""
    return _Raw(record.p_signal * factors, tuple(record.sig_name), float(record.fs), date)


def _read_edf(path: Path) -> _Raw:
    import pyedflib

    try:
        with pyedflib.EdfReader(str(path)) as file:
            names, rates = file.getSignalLabels(), file.getSampleFrequencies()
            wanted = [i for i, name in enumerate(names) if _is_lead(name) and rates[i]]
            rate = max((float(rates[i]) for i in wanted), default=0.0)
            wanted = [i for i in wanted if float(rates[i]) == rate]
            columns = [
                file.readSignal(i) * _to_millivolts(file.getPhysicalDimension(i)) for i in wanted
            ]
            date, device = file.getStartdatetime().isoformat(), file.getEquipment()
    except Exception as error:  # pyedflib raises OSError, ValueError, UnicodeDecodeError, …
        raise DataError(f"can't be read as EDF ({type(error).__name__})", path=path) from error
    samples = np.stack(columns, 1) if columns else np.zeros((0, 0))
    return _Raw(samples, tuple(names[i] for i in wanted), rate, date, device)


def _is_lead(name: str) -> bool:
    """Whether a signal of EDF is of the heart: not annotations, breathing, or the brain."""
    return not any(word in name.lower() for word in ("annotation", "resp", "eeg", "eog", "emg"))


def _read_csv(path: Path, rate: float | None) -> _Raw:
    import polars as pl

    try:
        frame = pl.read_csv(path, infer_schema_length=None)
        frame = frame.cast(pl.Float64)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DataError(
            "is not a table of a line of names and lines of numbers, with commas", path=path
        ) from error
    if (time := next((c for c in frame.columns if c.lower() == "time"), None)) is not None:
        seconds = frame[time].to_numpy()
        steps = np.diff(seconds)
        if len(steps) < 2 or not (steps > 0).all() or steps.max() > 2 * np.median(steps):
            raise DataError(
                "the column time doesn't rise in even steps; give seconds of every sample",
                path=path,
            )
        rate, frame = len(steps) / float(seconds[-1] - seconds[0]), frame.drop(time)
    if rate is None:
        raise DataError(
            "a CSV file has no sampling rate: give it (--rate), or a column time of seconds",
            path=path,
        )
    return _Raw(frame.to_numpy().astype(float), tuple(frame.columns), rate)


def _to_millivolts(unit: str) -> float:
    name = unit.strip().lower()
    return 1e-3 if name in _MICROVOLTS else 1e3 if name in _VOLTS else 1.0


def _checked(raw: _Raw, path: Path) -> Recording:
    """The recording at the models' rate, without leads that carry nothing.

    Raises:
        DataError: what is left is no electrocardiogram.
    """
    low, high = _RATES
    if not low <= raw.rate <= high:
        raise DataError(
            f"{raw.rate:g} samples a second; {low:g} to {high:g} can be read", path=path
        )
    seconds = len(raw.samples) / raw.rate
    if seconds < SHORTEST or seconds > LONGEST:
        raise DataError(
            f"is {seconds:.1f} s long; from {SHORTEST:g} s to {LONGEST // 3600} h can be read",
            path=path,
        )
    remarks, leads, names = [], [], []
    for name, lead in zip(raw.names, raw.samples.T, strict=True):
        gaps = ~np.isfinite(lead)
        moves = np.ptp(lead[~gaps]) if not gaps.all() else 0.0
        if moves < _LEAST_MOVEMENT or gaps.mean() > 0.5:
            remarks.append(f"lead {name} is left out: it is constant or mostly missing")
            continue
        if gaps.any():
            remarks.append(f"lead {name}: {gaps.mean():.1%} is missing, and drawn as a line")
            lead = np.interp(np.arange(len(lead)), np.flatnonzero(~gaps), lead[~gaps])
        leads.append(lead)
        names.append(name)
    if not leads:
        raise DataError("no lead carries a signal (each is constant or missing)", path=path)
    samples = np.stack(leads)
    if abs(raw.rate - RATE) > 1e-3 * RATE:
        remarks.append(f"resampled from {raw.rate:g} to {RATE} samples a second")
        samples = _resampled(samples, raw.rate)
    return Recording(
        samples.astype(np.float32),
        tuple(names),
        path.name,
        sha256(path),
        raw.date,
        raw.device,
        tuple(remarks),
    )


def _resampled(samples: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Of (leads, samples) at a rate to `RATE`, by a polyphase filter."""
    from fractions import Fraction

    share = Fraction(RATE / rate).limit_denominator(1000)
    return np.asarray(resample_poly(samples, share.numerator, share.denominator, axis=-1))
