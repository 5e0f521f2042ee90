"""Annotated beats to train and measure on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.atomic import sha256
from ...core.errors import DataError
from .features import LENGTH, Floats, beat_features

CLASSES = ("N", "S", "V", "F", "Q")  # of AAMI EC57
_FILE = "DS1_beats.npz"
_PER_MILLIVOLT = 200.0


@dataclass(frozen=True)
class Corpus:
    """Beats with their classes, those of a record together and in order.

    Attributes:
        forms: (n, 2, `LENGTH`) in mV; `intervals`: (n, 2) seconds before and after.
        labels: (n,) numbers of `CLASSES`.
        records: (n,) number of the record, one of a patient.
        features: (n, features), see `beat_features`.
        checksum: of the file.
    """

    forms: Floats
    intervals: Floats
    labels: NDArray[np.int64]
    records: NDArray[np.int64]
    features: Floats
    checksum: str

    def of_each_record(self) -> Iterator[tuple[int, slice]]:
        """The number of each record, and its beats."""
        for record in np.unique(self.records):
            rows = np.flatnonzero(self.records == record)
            yield int(record), slice(int(rows[0]), int(rows[-1]) + 1)


def read_corpus(path: Path | str) -> Corpus:
    """Read annotated beats: `DS1_beats.npz` (`dx`, `y`, `record`, `rr`), or the folder it is in.

    Raises:
        DataError: there is no such file, or it lacks something.
    """
    path = Path(path)
    file = path / _FILE if path.is_dir() else path
    if not file.is_file():
        raise DataError("there is no such file: training needs annotated beats", path=file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            steps, labels, records, intervals = (arrays[n] for n in ("dx", "y", "record", "rr"))
    except (ValueError, KeyError, OSError) as error:
        raise DataError(f"holds no annotated beats ({error})", path=file) from error
    if steps.shape[1:] != (2, LENGTH) or not len(labels) == len(records) == len(steps):
        raise DataError(f"its beats are not of 2 leads and {LENGTH} samples", path=file)
    forms = (np.cumsum(steps, -1, dtype=np.int32) / _PER_MILLIVOLT).astype(np.float32)
    corpus = Corpus(
        forms,
        intervals[:, :2].astype(np.float32),
        labels.astype(np.int64),
        records.astype(np.int64),
        np.zeros((0, 0), np.float32),
        sha256(file),
    )
    features = [
        beat_features(forms[rows], corpus.intervals[rows]) for _, rows in corpus.of_each_record()
    ]
    return Corpus(**{**corpus.__dict__, "features": np.concatenate(features)})
