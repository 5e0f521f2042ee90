"""Electroencephalograms read from files: EDF, BDF, WFDB and CSV."""

from __future__ import annotations

import re
from pathlib import Path

from ..leads import LEADS
from ..recording import OTHER_SIGNALS, Examination, Recording
from ..recording import read_recording as read
from .features import RATE

ELECTROENCEPHALOGRAM = Examination(
    name="electroencephalogram",
    channel="channel",
    rate=RATE,
    rates=(100.0, 20_000.0),  # with fewer there is no gamma band
    shortest=20.0,  # in less nothing is usual of a channel
    longest=6 * 3600.0,
    unit=1e-6,
    symbol="µV",
    least=1.0,
    most=5_000.0,
    others=re.compile(f"{OTHER_SIGNALS}|{LEADS.pattern}", re.IGNORECASE),
)


def read_recording(path: Path | str, rate: float | None = None) -> Recording:
    """Read an electroencephalogram in µV; see `signals.recording.read_recording`."""
    return read(path, ELECTROENCEPHALOGRAM, rate)
