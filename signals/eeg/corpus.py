"""Annotated electroencephalograms to train and measure on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.progress import track
from ...core.quarantine import Quarantine
from ..files import files_under
from .events import BACKGROUND, Event, epoch_labels, read_events
from .features import RATE, Floats, epoch_features
from .recording import ELECTROENCEPHALOGRAM, read_recording

FOLDS = 5  # of patients
_FEWEST = 2  # patients who have what is to be learnt
_NAMED = 8  # labels in a message


@dataclass(frozen=True)
class Annotated:
    """A recording in epochs.

    Attributes:
        features: (epochs, channels, features), see `epoch_features`.
        labels: (epochs,) numbers of the corpus's classes.
        events: of those classes.
        others: how many annotations have each other label, which are background.
        patient: whose it is.
        checksum: of its file.
    """

    features: Floats
    labels: NDArray[np.int64]
    events: tuple[Event, ...]
    patient: str
    checksum: str
    others: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """Annotated recordings.

    Attributes:
        classes: names; the first is `BACKGROUND`.
        checksum: of the recordings, their events and the classes.
    """

    recordings: tuple[Annotated, ...]
    classes: tuple[str, ...]
    checksum: str

    @property
    def patients(self) -> list[str]:
        """Of each recording."""
        return [recording.patient for recording in self.recordings]

    @property
    def background_labels(self) -> dict[str, int]:
        """How many annotations have each label that is no class, the most frequent first."""
        counts: Counter[str] = Counter()
        for recording in self.recordings:
            counts.update(recording.others)
        return dict(counts.most_common())


@explained_imports()
def read_corpus(
    path: Path | str,
    labels: Sequence[str],
    *,
    rate: float | None = None,
    quarantine: Quarantine | None = None,
) -> Corpus:
    """Read a folder of annotated recordings.

    Args:
        path: a folder with a subfolder of recordings for each patient; a recording that lies in
            the folder itself is of a patient of its own. For annotations see `read_events`.
        labels: of the annotations that are classes; all others are background.
        rate: samples a second of CSV files without a column of time.
        quarantine: gets the recordings that can't be read or have no annotations.

    Raises:
        DataError: there are fewer patients than folds, or fewer than two with a class.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError("there is no such folder", path=folder)
    if not labels or len(set(labels)) < len(labels) or BACKGROUND in labels:
        raise DataError("name what is annotated and to be learnt: --label, each once")
    set_aside = Quarantine() if quarantine is None else quarantine
    classes = (BACKGROUND, *labels)
    recordings: list[Annotated] = []
    patients: dict[str, str] = {}
    for file in track(files_under([folder], ELECTROENCEPHALOGRAM.suffixes), "Recordings"):
        try:
            recording = _annotated(file, folder, classes, rate)
            if (owner := patients.setdefault(recording.checksum, recording.patient)) != (
                recording.patient
            ):
                raise DataError(f"is the same recording as one of the patient {owner}", path=file)
            recordings.append(recording)
        except DataError as error:
            set_aside.add(str(error).removeprefix(f"{file}: "), path=file)
    about = [(r.patient, r.checksum, r.events, r.labels.shape) for r in recordings]
    checksum = hashlib.sha256(repr((classes, about)).encode()).hexdigest()
    corpus = Corpus(tuple(recordings), classes, checksum)
    _check(corpus, folder, len(set_aside))
    return corpus


def _annotated(file: Path, folder: Path, classes: tuple[str, ...], rate: float | None) -> Annotated:
    annotated = read_events(file)
    events = tuple(event for event in annotated if event.label in classes)
    others = Counter(event.label for event in annotated if event.label not in classes)
    recording = read_recording(file, rate)
    seconds = recording.channels.shape[1] / RATE
    if late := [event for event in events if event.start > seconds]:
        raise DataError(
            f"an event begins at {late[0].start:g} s, and it is {seconds:.1f} s long", path=file
        )
    features = epoch_features(recording.channels)
    inside = file.relative_to(folder).parts
    return Annotated(
        features,
        epoch_labels(events, classes, len(features)),
        events,
        inside[0] if len(inside) > 1 else file.stem,
        recording.checksum,
        others,
    )


def _check(corpus: Corpus, folder: Path, n_set_aside: int) -> None:
    if (n := len(set(corpus.patients))) < FOLDS:
        raise DataError(
            f"has annotated recordings of {n} patients; {FOLDS} are needed, as folds are made of"
            f" patients ({n_set_aside} recordings can't be used)",
            path=folder,
        )
    for number, name in enumerate(corpus.classes[1:], 1):
        with_it = {r.patient for r in corpus.recordings if (r.labels == number).any()}
        if len(with_it) < _FEWEST:
            labels = list(corpus.background_labels)
            listed = ", ".join(labels[:_NAMED]) + (", …" if len(labels) > _NAMED else "")
            raise DataError(
                f"{name} is annotated in {len(with_it)} patients; {_FEWEST} are needed"
                + (f"; what else is annotated: {listed}" if labels else ""),
                path=folder,
            )
