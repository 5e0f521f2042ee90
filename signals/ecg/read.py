"""Electrocardiograms to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.progress import track
from ...core.quarantine import Quarantine
from ..codes import Code, read_codes
from ..files import files_under
from ..finding import Finding
from ..recording import Recording
from .beats import Beats, cut_beats, r_peaks
from .corpus import CLASSES
from .features import beat_features
from .model import BeatClassifier
from .rate import rhythm_of
from .recording import ELECTROCARDIOGRAM, read_recording

RULE = "medkg ECG rule 1"
_CODES = Path(__file__).parent / "codes.toml"
_FEWEST = 5  # beats below which nothing is the patient's usual beat
_LEAST = 0.05  # probability of the surest beat below which nothing is written


@explained_imports()
def read_electrocardiograms(
    paths: Sequence[Path | str],
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Finding], int]:
    """The findings of electrocardiograms, and the number of files that were read.

    A file that can't be read is set aside.

    Args:
        paths: files, see `recording.read_recording`, or folders of them.
        model: a folder of `medkg train ecg`; by default the model that ships.
        codes: a user's own `codes.toml`, which goes before the one that ships.
        rate: samples a second of CSV files without a column of time.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.
    """
    classifier = BeatClassifier.open(model)
    table = read_codes(_CODES, codes)
    findings: list[Finding] = []
    n_read = 0
    for path in track(files_under(paths, ELECTROCARDIOGRAM.suffixes), "Electrocardiograms"):
        try:
            recording = read_recording(path, rate)
            findings += findings_of(recording, classifier, table)
        except DataError as error:
            reason = str(error).removeprefix(f"{path}: ")
            quarantine.add(reason, path=path)
            continue
        n_read += 1
        if remarks is not None:
            remarks += [f"{path.name}: {remark}" for remark in recording.remarks]
            if len(recording.channels) == 1:
                remarks.append(f"{path.name}: has one lead, which is read as both")
    return findings, n_read


def findings_of(
    recording: Recording, classifier: BeatClassifier, codes: Mapping[str, Code]
) -> list[Finding]:
    """The findings of one recording: ectopic beats by the model, rate and rhythm by rule.

    Raises:
        DataError: too few beats can be seen in it.
    """
    beats = cut_beats(recording.channels, r_peaks(recording.channels))
    if len(beats.times) < _FEWEST:
        raise DataError(f"{len(beats.times)} whole beats can be seen; {_FEWEST} are needed")
    whole = f"{beats.times[0]:.1f}–{beats.times[-1]:.1f} s, {len(beats.times):,} beats"
    rhythm = rhythm_of(beats)
    region = f"{whole}, {rhythm.rate:.0f} a minute, median change {100 * rhythm.change:.0f} %"
    findings = [
        _finding(recording, codes[label], 1.0, True, RULE, region) for label in rhythm.labels
    ]
    scores = classifier.scores(beat_features(beats.forms, beats.intervals))
    source = f"medkg ECG beats {classifier.config['version']}"
    for name in classifier.calibrations:
        probabilities = classifier.calibrated(scores, name)
        named = scores.argmax(1) == CLASSES.index(name)
        surest = float(probabilities.max())
        if named.any() or surest >= _LEAST:
            region = _region(beats, named if named.any() else probabilities == surest)
            findings.append(
                _finding(recording, codes[name], surest, bool(named.any()), source, region)
            )
    return findings


def _region(beats: Beats, chosen: NDArray[np.bool_]) -> str:
    times = beats.times[chosen]
    return f"{times[0]:.1f}–{times[-1]:.1f} s, {len(times):,} of {len(beats.times):,} beats"


def _finding(
    recording: Recording, code: Code, probability: float, present: bool, source: str, region: str
) -> Finding:
    return Finding(
        code=code.code,
        name=code.name,
        probability=probability,
        present=present,
        procedure=ELECTROCARDIOGRAM.name,
        source=source,
        region=region,
        file=recording.file,
        checksum=recording.checksum,
        device=recording.device,
        date=recording.date,
    )
