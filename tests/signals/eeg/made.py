"""Electroencephalograms that tests make: a background, spike-wave bursts, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..edf import signal_header

RATE = 128
CHANNELS = ("Fp1", "C3", "O1")
Span = tuple[float, float]


def background(
    seconds: float, rng: np.random.Generator, rate: int = RATE, n_channels: int = len(CHANNELS)
) -> NDArray[np.float64]:
    """(samples, channels) in µV: noise with less power the faster it is, and an alpha rhythm."""
    n = round(seconds * rate)
    spectrum = np.fft.rfft(rng.normal(0, 1, (n, n_channels)), axis=0)
    frequencies = np.fft.rfftfreq(n, 1 / rate)[:, None]
    slow = np.fft.irfft(spectrum / np.maximum(frequencies, 0.5), n, axis=0)
    t = np.arange(n)[:, None] / rate
    alpha = np.sin(2 * np.pi * rng.uniform(9, 11) * t + rng.uniform(0, 6, n_channels))
    return 15 * slow / slow.std(0) + 8 * alpha * (1 + np.sin(2 * np.pi * 0.1 * t))


def spike_wave(t: NDArray[np.float64], frequency: float, height: float) -> NDArray[np.float64]:
    """A spike and a slow wave after it, so many times a second."""
    phase = (t * frequency) % 1
    spike = np.exp(-(((phase - 0.15) / 0.04) ** 2))
    return height * (spike - 0.6 * np.sin(np.pi * phase) ** 2)


def with_bursts(
    samples: NDArray[np.float64],
    spans: Sequence[Span],
    rng: np.random.Generator,
    *,
    focal: bool = False,
) -> NDArray[np.float64]:
    """The same with bursts of 3 Hz, in all channels or only in C3."""
    made = samples.copy()
    t = np.arange(len(samples)) / RATE
    for start, end in spans:
        here = (t >= start) & (t < end)
        burst = spike_wave(t[here], rng.uniform(2.7, 3.3), rng.uniform(90, 150))
        made[here] += burst[:, None] * ([0, 1, 0] if focal else [1, 0.8, 0.7])
    return made


def spans_in(seconds: float, rng: np.random.Generator, gap: float = 30) -> list[Span]:
    """A burst of 6 to 12 s in each stretch of so many seconds."""
    starts = np.arange(8, seconds - 16, gap) + rng.uniform(0, 5)
    return [(float(a), float(a + rng.uniform(6, 12))) for a in starts]


def write_csv(path: Path, samples: NDArray[np.float64], names: Sequence[str] = CHANNELS) -> Path:
    np.savetxt(path, samples, "%.3f", ",", header=",".join(names), comments="")
    return path


def write_edf(
    path: Path,
    samples: NDArray[np.float64],
    events: Sequence[tuple[float, float, str]] = (),
    names: Sequence[str] = CHANNELS,
    rates: Sequence[int] = (RATE,) * len(CHANNELS),
) -> Path:
    """An EDF+ or BDF+ file in µV, with its own annotations; faster signals repeat samples."""
    import pyedflib

    bdf = path.suffix == ".bdf"
    kind = pyedflib.FILETYPE_BDFPLUS if bdf else pyedflib.FILETYPE_EDFPLUS
    with pyedflib.EdfWriter(str(path), len(names), file_type=kind) as writer:
        for i, name in enumerate(names):
            writer.setSignalHeader(i, signal_header(name, rates[i], 24 if bdf else 16))
        writer.setStartdatetime(datetime(2024, 5, 3, 10))
        writer.writeSamples(
            [np.repeat(s, rate // RATE) for s, rate in zip(samples.T, rates, strict=True)]
        )
        for start, duration, label in events:
            writer.writeAnnotation(start, duration, label)
    return path


def write_events(path: Path, events: Sequence[tuple[float, float, str]]) -> Path:
    """A table of BIDS."""
    lines = ["onset\tduration\ttrial_type", *(f"{a}\t{d}\t{label}" for a, d, label in events)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_corpus(folder: Path, *, n_patients: int = 6, seconds: float = 120) -> Path:
    """A folder for each patient: an EDF+ file with its annotations, and a CSV file with a table."""
    rng = np.random.default_rng(0)
    for number in range(n_patients):
        patient = folder / f"p{number}"
        patient.mkdir(parents=True)
        for name in ("a.edf", "b.csv"):
            spans = spans_in(seconds, rng)
            samples = with_bursts(background(seconds, rng), spans, rng, focal=name == "b.csv")
            events = [(a, b - a, "spike_wave") for a, b in spans] + [(1.0, 2.0, "eyes open")]
            if name == "a.edf":
                write_edf(patient / name, samples, events)
            else:
                write_csv(patient / name, samples)
                write_events(patient / "b_events.tsv", events)
    return folder
