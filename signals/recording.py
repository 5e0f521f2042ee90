"""Electrical recordings of the body read from files: WFDB, EDF, BDF and CSV."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ..core.atomic import sha256
from ..core.errors import DataError
from ..core.extras import explained_imports
from ..core.text import delimiter_of

if TYPE_CHECKING:
    import polars as pl

MOST_SAMPLES = 500_000_000  # of all channels: as numbers 4 GB
_CONSTANT = 2.0  # seconds: a channel that is on a body never has one value for so long
_LONGEST_HEADER = 1 << 16  # characters
_DRAWN = 0.05  # seconds: over what is missing for less a line may be drawn and read
# Signals that no electrode gives, in files that have them beside those of electrodes.
OTHER_SIGNALS = (
    "annotation|resp|spo2|sao2|pleth|pulse|abp|pressure|eog|emg"
    "|trig|status|marker|stim|photic|event"
)
_VOLTS = {"nv": 1e-9, "uv": 1e-6, "µv": 1e-6, "μv": 1e-6, "mv": 1e-3, "v": 1.0}


@dataclass(frozen=True)
class Examination:
    """How a kind of recording is read.

    Attributes:
        name: such as "electrocardiogram".
        channel: what one of its signals is called.
        rate: samples a second that the models read.
        rates: that a file may have.
        shortest, longest: seconds of a recording.
        unit: volts of one unit of what is read; `symbol` is how it is written.
        least: units by which a channel moves that carries a signal.
        most: units from its median within which 95 % of a channel lie.
        others: what names of signals that are not of this examination have.
        own: what usual names of its signals have; where a file has some, the others are none.
        suffixes: of its files.
    """

    name: str
    channel: str
    rate: int
    rates: tuple[float, float]
    shortest: float
    longest: float
    unit: float
    symbol: str
    least: float
    most: float
    others: re.Pattern[str]
    own: re.Pattern[str] | None = None
    suffixes: tuple[str, ...] = (".hea", ".edf", ".bdf", ".csv")


@dataclass(frozen=True)
class Recording:
    """A recording, at the rate that the models read.

    Attributes:
        channels: (channels, samples) in its `Examination`'s unit, at its rate.
        names: of the channels, as the file has them.
        missing: (channels, samples) where there is no value (a line is drawn there), or one and the
            same for seconds.
        file: as it was named to the reader.
        checksum: SHA-256 of the file; of WFDB, of those of the header and of the signals' files.
        date: of the recording, ISO 8601, where the file has it.
        device: that recorded it, where the file has it.
        remarks: what was changed in reading, for the user.
    """

    channels: NDArray[np.float32]
    names: tuple[str, ...]
    missing: NDArray[np.bool_]
    file: str
    checksum: str
    date: str = ""
    device: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Raw:
    """What a file holds: (samples, channels) in the examination's unit, at its own rate."""

    samples: NDArray[np.float64]
    names: tuple[str, ...]
    rate: float
    date: str = ""
    device: str = ""
    signal_files: tuple[Path, ...] = ()  # beside the one that is named
    others: tuple[str, ...] = ()  # signals that were not read, by their names


@explained_imports()
def read_recording(path: Path | str, examination: Examination, rate: float | None) -> Recording:
    """Read a recording.

    Args:
        path: a WFDB header (`.hea`), an EDF or BDF file, or a CSV file: a line of names of
            channels, then a line of numbers for each sample; a column `time` (seconds) gives the
            rate.
        rate: samples a second of a CSV file without such a column.

    Raises:
        DataError: the file can't be read, is too short or too long, no channel moves, or most do
            by so much that their numbers are of another unit.
        MissingExtraError: the library for its format is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", path=path)
    readers = {".hea": _read_wfdb, ".edf": _read_edf, ".bdf": _read_edf}
    if (suffix := path.suffix.lower()) in readers:
        raw = readers[suffix](path, examination)
    elif suffix == ".csv":
        raw = _read_csv(path, rate)
    else:
        raise DataError(
            f"is no {examination.name} that can be read: {', '.join(examination.suffixes)}",
            path=path,
        )
    return _checked(raw, path, examination)


def _read_wfdb(path: Path, examination: Examination) -> _Raw:
    import wfdb

    name = path.with_suffix("").absolute()
    try:
        record = wfdb.rdrecord(str(name))
        files = _wfdb_signal_files(name)
    except Exception as error:  # wfdb raises whatever its parser stumbles on
        raise DataError(f"can't be read as WFDB: {_reason(error, path)}", path=path) from error
    if record.p_signal is None:
        raise DataError("the WFDB record has no signal", path=path)
    factors = [_factor(unit, examination) for unit in record.units]
    date = record.base_datetime.isoformat() if record.base_datetime else ""
    rate, samples = float(record.fs), record.p_signal * factors
    return _Raw(samples, tuple(record.sig_name), rate, date, signal_files=files)


def _wfdb_signal_files(name: Path) -> tuple[Path, ...]:
    """The files of a record's signals, and of its segments with their headers."""
    import wfdb

    header = wfdb.rdheader(str(name))
    if segments := getattr(header, "seg_name", None):
        inner = [name.with_name(each) for each in segments if each != "~"]  # "~" is a gap
        headers = [each.with_name(f"{each.name}.hea") for each in inner]
        return tuple(headers) + tuple(file for each in inner for file in _wfdb_signal_files(each))
    names = dict.fromkeys(header.file_name or ())
    return tuple(name.with_name(each) for each in names if each != "~")


def _read_edf(path: Path, examination: Examination) -> _Raw:
    import pyedflib

    try:
        with pyedflib.EdfReader(str(path)) as file:
            names, rates = file.getSignalLabels(), file.getSampleFrequencies()
            own = _of_examination(names, examination)
            wanted = [i for i, is_own in enumerate(own) if is_own and rates[i]]
            # A polysomnography has breathing, or a microphone, at other rates.
            counts = Counter(float(rates[i]) for i in wanted)
            rate = max(counts, key=lambda each: (counts[each], each), default=0.0)
            wanted = [i for i in wanted if float(rates[i]) == rate]
            n = sum(int(file.getNSamples()[i]) for i in wanted)
            if n > MOST_SAMPLES:
                raise DataError(f"has {n:,} samples; {MOST_SAMPLES:,} can be read", path=path)
            others = tuple(name for name, is_own in zip(names, own, strict=True) if not is_own)
            columns = [
                file.readSignal(i) * _factor(file.getPhysicalDimension(i), examination)
                for i in wanted
            ]
            date, device = file.getStartdatetime().isoformat(), file.getEquipment()
    except DataError:
        raise
    except Exception as error:  # pyedflib raises OSError, ValueError, UnicodeDecodeError, …
        raise DataError(f"can't be read as EDF: {_reason(error, path)}", path=path) from error
    samples = np.stack(columns, 1) if columns else np.zeros((0, 0))
    return _Raw(samples, tuple(names[i] for i in wanted), rate, date, device, others=others)


def _of_examination(names: Sequence[str], examination: Examination) -> list[bool]:
    """Which signals are the examination's by their names: not annotations, triggers, breathing."""
    if examination.own is not None:
        usual = [examination.own.search(name) is not None for name in names]
        if any(usual):
            return usual
    return [not examination.others.search(name) for name in names]


def _reason(error: Exception, path: Path) -> str:
    """What a library says of a file, in one line and without the place where the file lies."""
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return first.replace(f"{path}: ", "").replace(f"{path.parent.absolute()}/", "")


def _read_csv(path: Path, rate: float | None) -> _Raw:
    frame = _numbers(path)
    if (time := next((c for c in frame.columns if c.lower() == "time"), None)) is not None:
        seconds = frame[time].to_numpy()
        steps = np.diff(seconds)
        if len(steps) < 2 or not (steps > 0).all() or steps.max() > 2 * np.median(steps):
            raise DataError(
                "the column time doesn't rise in even steps; give seconds of every sample",
                path=path,
            )
        stated, frame = len(steps) / float(seconds[-1] - seconds[0]), frame.drop(time)
        if rate is not None and abs(rate - stated) > 0.01 * stated:
            raise DataError(
                f"its column time has {stated:.4g} samples a second, and --rate is {rate:g}",
                path=path,
            )
        rate = stated
    if rate is None:
        raise DataError(
            "a CSV file has no sampling rate: give it a column time of seconds, or --rate",
            path=path,
        )
    return _Raw(frame.to_numpy(), tuple(frame.columns), rate)


def _numbers(path: Path) -> pl.DataFrame:
    """The columns of a CSV file, of which each is numbers and missing values.

    Raises:
        DataError: it is empty, no table, or something in it is no number.
    """
    import polars as pl

    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline(_LONGEST_HEADER)
    if not header.strip():
        raise DataError("is empty", path=path)
    semicolons = delimiter_of(header) == ";"
    try:
        frame = pl.read_csv(
            path,
            infer_schema_length=None,
            separator=";" if semicolons else ",",
            decimal_comma=semicolons,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        # What the library says has cells' contents in it.
        raise DataError("is no table of a line of names and lines of numbers", path=path) from error
    for name, values in zip(frame.columns, frame, strict=True):
        if not values.dtype.is_numeric() and values.null_count() < len(values):
            raise DataError(
                f"column {name!r} isn't numbers: a file has a line of names, then lines of numbers",
                path=path,
            )
    return frame.cast(pl.Float64)


def _factor(unit: str, examination: Examination) -> float:
    """What numbers in a unit are multiplied by to be in the examination's, as unknown units are."""
    return _VOLTS.get(unit.strip().lower(), examination.unit) / examination.unit


def _checked(raw: _Raw, path: Path, examination: Examination) -> Recording:
    """The recording at the models' rate, without channels that carry nothing.

    Raises:
        DataError: what is left is no such recording.
    """
    low, high = examination.rates
    if not raw.names:
        raise DataError(f"has no signal of an {examination.name}", path=path)
    if not low <= raw.rate <= high:
        raise DataError(
            f"{raw.rate:g} samples a second; {low:g} to {high:g} can be read", path=path
        )
    seconds = len(raw.samples) / raw.rate
    shortest, longest = examination.shortest, examination.longest
    if seconds < shortest or seconds > longest:
        raise DataError(
            f"is {seconds:.1f} s long; from {shortest:g} s to {longest / 3600:g} h can be read",
            path=path,
        )
    usable = _usable(raw, path, examination)
    remarks, samples, missing = list(usable.remarks), usable.samples, usable.missing
    rate = examination.rate
    if abs(raw.rate - rate) > 1e-3 * rate:
        remarks.append(f"resampled from {raw.rate:g} to {rate} samples a second")
        samples = _resampled(samples, raw.rate, rate)
    places = np.minimum(np.arange(samples.shape[1]) * raw.rate / rate, missing.shape[1] - 1)
    return Recording(
        samples.astype(np.float32),
        usable.names,
        missing[:, places.astype(int)],
        str(path),
        _checksum(path, raw.signal_files),
        raw.date,
        raw.device,
        tuple(remarks),
    )


class _Usable(NamedTuple):
    """The channels that carry something, and what is missing of each: (channels, samples)."""

    samples: NDArray[np.float64]
    names: tuple[str, ...]
    missing: NDArray[np.bool_]
    remarks: tuple[str, ...]


def _usable(raw: _Raw, path: Path, examination: Examination) -> _Usable:
    """The channels that carry something of the examination, and why others are left out.

    Raises:
        DataError: none does, or most are in another unit.
    """
    remarks, signals, names, missing, too_large = [], [], [], [], []
    others = list(raw.others)
    word = examination.channel
    still = f"moves by less than {examination.least:g} {examination.symbol}, or is mostly missing"
    own = _of_examination(raw.names, examination)
    if not any(own):
        raise DataError(f"by their names no {word} is an {examination.name}'s", path=path)
    for name, signal, is_own in zip(raw.names, raw.samples.T, own, strict=True):
        if not is_own:
            others.append(name)
            continue
        gaps = ~np.isfinite(signal)
        moves = np.ptp(signal[~gaps]) if not gaps.all() else 0.0
        still_runs = _runs(np.diff(signal, prepend=np.nan) == 0, _CONSTANT * raw.rate)
        if moves < examination.least or (gaps | still_runs).mean() > 0.5:
            remarks.append(f"{word} {name} is left out: it {still}")
            continue
        if (swing := _swing(signal[~gaps])) > examination.most:
            too_large.append(f"{word} {name} swings by {swing:,.0f} {examination.symbol}")
            continue
        if still_runs.any():
            remarks.append(
                f"{word} {name}: {still_runs.mean():.1%} isn't read: it has one value for seconds"
            )
        missing.append(_runs(gaps, _DRAWN * raw.rate) | still_runs)
        if gaps.any():
            remarks.append(f"{word} {name}: {gaps.mean():.1%} is missing, and drawn as a line")
            signal = np.interp(np.arange(len(signal)), np.flatnonzero(~gaps), signal[~gaps])
        signals.append(signal)
        names.append(name)
    if len(too_large) > len(signals):
        hint = f" (a CSV file is read in {examination.symbol})" if path.suffix == ".csv" else ""
        raise DataError(
            f"{too_large[0]}, which no {examination.name} does: it is in another unit{hint}",
            path=path,
        )
    remarks += [f"{each}, and is left out: it is none of the body's" for each in too_large]
    no_own = f"is left out: by its name it is no {examination.name}'s"
    remarks += [f"{word} {name} {no_own}" for name in others]
    if not signals:
        raise DataError(f"no {word} carries a signal (each {still})", path=path)
    return _Usable(np.stack(signals), tuple(names), np.stack(missing), tuple(remarks))


def _swing(signal: NDArray[np.float64]) -> float:
    """The distance from the median within which 95 % of a channel lie."""
    return float(np.percentile(np.abs(signal - np.median(signal)), 95))


def _runs(flags: NDArray[np.bool_], fewest: float) -> NDArray[np.bool_]:
    """The flags that stand in runs of at least so many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    kept = np.zeros(len(flags), dtype=bool)
    for begin, end in edges.reshape(-1, 2):
        if end - begin >= fewest:
            kept[begin:end] = True
    return kept


def _checksum(path: Path, signal_files: tuple[Path, ...]) -> str:
    """Of the file that was named, and of those that hold its signals."""
    if not signal_files:
        return sha256(path)
    sums = [sha256(file) for file in (path, *signal_files)]
    return hashlib.sha256(" ".join(sums).encode()).hexdigest()


def _resampled(samples: NDArray[np.float64], rate: float, wanted: int) -> NDArray[np.float64]:
    """Of (channels, samples) at a rate to another one, by a polyphase filter."""
    from fractions import Fraction

    share = Fraction(wanted / rate).limit_denominator(1000)
    return np.asarray(resample_poly(samples, share.numerator, share.denominator, axis=-1))
