"""Electrocardiograms that tests make: beats of given times, as files of every format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..edf import signal_header


def signal(
    times: Sequence[float],
    seconds: float,
    rate: float = 360,
    *,
    wide: Sequence[float] = (),
    noise: float = 0.01,
) -> NDArray[np.float64]:
    """(samples, 2) in mV: P, QRS and T at each time; those in `wide` as ventricular beats."""
    t = np.arange(round(seconds * rate)) / rate
    lead = np.random.default_rng(0).normal(0, noise, len(t))
    lead += 0.15 * np.sin(2 * np.pi * 0.2 * t)  # the baseline wanders with breathing
    for time in times:
        if time in wide:
            waves = ((0, 0.05, 1.6), (0.12, 0.05, -0.7), (0.3, 0.06, -0.4))
        else:
            waves = ((-0.16, 0.025, 0.15), (0, 0.012, 1.1), (0.03, 0.012, -0.2), (0.28, 0.05, 0.3))
        for shift, width, height in waves:
            lead += height * np.exp(-(((t - time - shift) / width) ** 2))
    return np.stack([lead, 0.6 * lead], 1)


def regular(seconds: float, gap: float) -> list[float]:
    """Times of beats at a steady rate."""
    return [float(time) for time in np.arange(0.7, seconds - 0.8, gap)]


def write_csv(path: Path, samples: NDArray[np.float64], header: str = "II,V1") -> Path:
    np.savetxt(path, samples, "%.5f", ",", header=header, comments="")
    return path


def write_edf(path: Path, samples: NDArray[np.float64], rate: int, device: str = "") -> Path:
    """Two leads in mV as an EDF+ file in µV, recorded on 3 May 2024 from 10 o'clock."""
    import pyedflib

    with pyedflib.EdfWriter(str(path), 2) as writer:
        for i, name in enumerate(("II", "V1")):
            writer.setSignalHeader(i, signal_header(name, rate))
        writer.setEquipment(device)
        writer.setStartdatetime(datetime(2024, 5, 3, 10))
        writer.writeSamples(list(np.ascontiguousarray(samples.T * 1000)))
    return path
