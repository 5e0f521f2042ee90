"""Electrocardiograms read from files: WFDB, EDF and CSV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..recording import Examination, Recording
from ..recording import read_recording as read
from .features import RATE

ELECTROCARDIOGRAM = Examination(
    name="electrocardiogram",
    channel="lead",
    rate=RATE,
    rates=(50.0, 10_000.0),
    shortest=5.0,  # in less there is no rhythm
    longest=48 * 3600.0,  # a Holter recording of two days
    unit=1e-3,
    least=0.02,
    others=("annotation", "resp", "eeg", "eog", "emg"),
)


def read_recording(path: Path | str, rate: float | None = None) -> Recording:
    """Read an electrocardiogram in mV; see `signals.recording.read_recording`."""
    recording = read(path, ELECTROCARDIOGRAM, rate)
    if len(recording.channels) > 1:
        return recording
    return replace(recording, remarks=(*recording.remarks, "has one lead, which is read as both"))
