"""Electrocardiograms read from files: WFDB, EDF and CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from ..leads import CHEST_LEAD, LEADS, LIMB_LEAD_II
from ..recording import OTHER_SIGNALS, Examination, Recording
from ..recording import read_recording as read
from .features import RATE
from .quality import samples_with_beats, windows_with_beats

ELECTROCARDIOGRAM = Examination(
    name="electrocardiogram",
    channel="lead",
    rate=RATE,
    rates=(50.0, 10_000.0),
    shortest=5.0,  # in less there is no rhythm
    longest=48 * 3600.0,  # a Holter recording of two days
    unit=1e-3,
    symbol="mV",
    least=0.02,
    most=20.0,
    others=re.compile(f"{OTHER_SIGNALS}|eeg", re.IGNORECASE),
    own=LEADS,
)


def read_recording(path: Path | str, rate: float | None = None) -> Recording:
    """Read an electrocardiogram in mV; see `signals.recording.read_recording`.

    Leads and spans in which no beats stand out from the rest (`quality`) are left out; the spans
    count as missing.

    Raises:
        DataError: as there; or no beats stand out anywhere.
    """
    recording = read(path, ELECTROCARDIOGRAM, rate)
    windows = windows_with_beats(recording.channels)
    if not windows.any():
        raise DataError(
            "no beats stand out in it: it is noise, or no electrocardiogram (nor is ventricular"
            " flutter or fibrillation read)",
            path=path,
        )
    number = windows.sum(axis=1)
    kept = number >= number.max() / 2
    n_windows = windows.shape[1]
    remarks = [
        f"lead {name} is left out: no beats stand out in {n_windows - n_with} of {n_windows} spans"
        for name, keep, n_with in zip(recording.names, kept, number, strict=True)
        if not keep
    ]
    readable = samples_with_beats(windows[kept], recording.channels.shape[1])
    if not readable.all():
        remarks.append(f"{1 - readable.mean():.1%} is not read: no beats stand out there")
    if kept.sum() == 1:
        remarks.append("has one lead, which is read as both")
    order = np.flatnonzero(kept)
    order = order[_as_learnt([recording.names[i] for i in order])]
    return replace(
        recording,
        channels=recording.channels[order],
        names=tuple(recording.names[i] for i in order),
        missing=recording.missing[order] | ~readable,
        remarks=(*recording.remarks, *remarks),
    )


def _as_learnt(names: Sequence[str]) -> list[int]:
    """The leads' places, those first that the model learnt from: limb lead II and a chest lead."""
    places = list(range(len(names)))
    first = next((i for i in places if LIMB_LEAD_II.search(names[i])), 0)
    others = [i for i in places if i != first]
    second = next((i for i in others if CHEST_LEAD.search(names[i])), None)
    return [first, *([] if second is None else [second]), *(i for i in others if i != second)]
