"""What is annotated in an electroencephalogram, and where it lies in epochs."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.input_files import read_whole
from .features import EPOCH, STEP

BACKGROUND = "background"  # the class of epochs with no event
_LABELS = ("trial_type", "eventtype")
_MOST_TABLE = 50_000_000  # bytes
_UNKNOWN = "n/a"  # a duration in BIDS: read as a mark without one, as EDF+'s are
_SHARE = 0.5  # of an epoch, or of a shorter event, from which the epoch is of the event's class


class Event(NamedTuple):
    """What is annotated: its label, and the seconds at which it begins and ends."""

    label: str
    start: float
    end: float


class Span(NamedTuple):
    """Epochs after another that are of a class: the first, and the one after the last."""

    first: int
    end: int

    @property
    def seconds(self) -> tuple[float, float]:
        """Begin and end: the middle halves of its epochs, since an event fills half of one."""
        margin = (EPOCH - STEP) / 2
        return self.first * STEP + margin, (self.end - 1) * STEP + EPOCH - margin


def read_events(path: Path) -> list[Event]:
    """The events of a recording: of a table beside it, else its own annotations (EDF+, BDF+).

    The table of `NAME.edf` is `NAME_events.tsv`, that of BIDS's `NAME_eeg.edf`, too; it has the
    columns `onset` and `duration` in seconds, and `trial_type` (BIDS) or `eventType` (SzCORE).

    Raises:
        DataError: there are no annotations, or they can't be read.
    """
    table = path.with_name(f"{path.stem.removesuffix('_eeg')}_events.tsv")
    if table.is_file():
        return _of_table(table)
    events = _of_edf(path) if path.suffix.lower() in (".edf", ".bdf") else []
    if not events:
        raise DataError(
            f"has no annotations: neither its own nor those of a table {table.name}, which a"
            " recording without events has too, with its line of names alone",
            path=path,
        )
    return events


def _of_table(path: Path) -> list[Event]:
    try:
        lines = read_whole(path, _MOST_TABLE).decode("utf-8-sig").splitlines()
        rows = list(csv.reader(lines, delimiter="\t"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"is no table with tabs, in UTF-8 ({error})", path=path) from error
    names = [name.strip().lower() for name in (rows or [[]])[0]]
    label = next((name for name in _LABELS if name in names), None)
    if label is None or not {"onset", "duration"} <= set(names):
        raise DataError("needs the columns onset, duration and trial_type or eventType", path=path)
    events = []
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        cells = dict(zip(names, row, strict=False))
        try:
            start = float(cells["onset"])
            length = cells["duration"].strip().lower()
            duration = 0.0 if length == _UNKNOWN else float(length)
        except (KeyError, ValueError) as error:
            raise DataError(
                f"line {number} has no seconds in onset and duration", path=path
            ) from error
        if not (math.isfinite(start) and 0 <= duration < math.inf):
            raise DataError(f"line {number} has no such seconds", path=path)
        events.append(Event(cells.get(label, "").strip(), start, start + duration))
    return events


def _of_edf(path: Path) -> list[Event]:
    import pyedflib

    try:
        with pyedflib.EdfReader(str(path)) as file:
            onsets, durations, labels = file.readAnnotations()
    except Exception as error:  # pyedflib raises OSError, ValueError, UnicodeDecodeError, …
        raise DataError(f"can't be read as EDF ({type(error).__name__})", path=path) from error
    return [
        Event(str(label).strip(), float(start), float(start) + max(0.0, float(duration)))
        for start, duration, label in zip(onsets, durations, labels, strict=True)
    ]


def epoch_labels(
    events: Iterable[Event], classes: Sequence[str], n_epochs: int
) -> NDArray[np.int64]:
    """(epochs,) numbers of `classes`: that of an event which fills half of the epoch.

    Of an event shorter than an epoch, half of it suffices. Of several events, the one of the later
    class counts.
    """
    starts = np.arange(n_epochs) * float(STEP)
    labels = np.zeros(n_epochs, np.int64)
    for event in events:
        if event.label in classes:
            inside = np.minimum(event.end, starts + EPOCH) - np.maximum(event.start, starts)
            # A mark without a duration is in each epoch that it lies in.
            here = inside >= _SHARE * min(EPOCH, event.end - event.start)
            labels[here] = np.maximum(labels[here], classes.index(event.label))
    return labels


def spans_of(chosen: NDArray[np.bool_]) -> list[Span]:
    """The runs of epochs that are chosen."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [Span(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
