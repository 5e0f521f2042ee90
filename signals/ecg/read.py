"""Electrocardiograms to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.quarantine import Quarantine
from ...graph.units import OLDEST
from ..codes import Code, read_codes
from ..finding import Finding
from ..read_recordings import finding_in, read_recordings
from ..recording import Recording
from .beats import Beats, cut_beats, r_peaks
from .features import RATE, beat_features
from .model import BeatClassifier
from .rate import Rhythm, rhythm_of
from .recording import ELECTROCARDIOGRAM, read_recording

RULE = "medkg ECG rule 2"
_CODES = Path(__file__).parent / "codes.toml"
_PRESENT = 0.5  # probability of a beat from which its class is a finding
_FEWEST = 5  # beats below which nothing is the patient's usual beat
_RARE = 30, 220  # beats a minute, outside of which a wrong sampling rate is as likely
_NEAR_MISSING = 0.2  # seconds beside what is missing, in which a line that begins looks like a beat


@explained_imports()
def read_electrocardiograms(
    paths: Sequence[Path | str],
    *,
    model: Path | str | None = None,
    codes: Path | str | None = None,
    rate: float | None = None,
    age: float | None = None,
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
        age: of the patient, in years; None: an adult.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.
    """
    classifier = BeatClassifier.open(model)
    table = read_codes(_CODES, codes)
    if age is not None and not 0 <= age <= OLDEST:
        raise DataError(f"an age of {age:g} years: give one from 0 to {OLDEST:g}")
    return read_recordings(
        paths,
        ELECTROCARDIOGRAM,
        partial(read_recording, rate=rate),
        partial(findings_of, classifier=classifier, codes=table, age=age, remarks=remarks),
        quarantine=quarantine,
        remarks=remarks,
    )


def findings_of(
    recording: Recording,
    classifier: BeatClassifier,
    codes: Mapping[str, Code],
    age: float | None = None,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """The findings of one recording: ectopic beats by the model, rate and rhythm by rule.

    Args:
        age: of the patient, in years; None: an adult.
        remarks: gets a word on a rate that few hearts have.

    Raises:
        DataError: too few beats can be seen in it.
    """
    near = int(_NEAR_MISSING * RATE)
    channels = recording.channels[:2]  # that the classifier reads
    unreadable = maximum_filter1d(recording.missing[:2].any(axis=0), 2 * near + 1)
    beats = cut_beats(channels, r_peaks(channels), unreadable)
    if len(beats.times) < _FEWEST:
        raise DataError(f"{len(beats.times)} whole beats can be seen; {_FEWEST} are needed")
    leads = " and ".join(recording.names[:2])
    rhythm = rhythm_of(beats, age)
    if remarks is not None and not _RARE[0] <= rhythm.rate <= _RARE[1]:
        remarks.append(
            f"{Path(recording.file).name}: {rhythm.rate:.0f} beats a minute are rare; see that the"
            " sampling rate is right"
        )
    of_file = partial(finding_in, recording, ELECTROCARDIOGRAM)
    findings = [
        of_file(
            codes[label],
            probability=1.0,
            present=True,
            source=RULE,
            region=region,
            predicted=False,
        )
        for label, region in _regions_of_rhythm(beats, rhythm, leads).items()
    ]
    scores = classifier.scores(beat_features(beats.forms, beats.intervals))
    source = f"medkg ECG beats {classifier.config['version']}"
    for name in classifier.calibrations:
        probabilities = classifier.calibrated(scores, name)
        surest = float(probabilities.max())
        findings.append(
            of_file(
                codes[name],
                probability=surest,
                present=surest >= _PRESENT,
                source=source,
                region=_region(beats, probabilities >= min(surest, _PRESENT), leads),
            )
        )
    return findings


def _regions_of_rhythm(beats: Beats, rhythm: Rhythm, leads: str) -> dict[str, str]:
    """By label, what a rhythm shows and where."""
    whole = f"{beats.times[0]:.1f}–{beats.times[-1]:.1f} s in {leads}, {len(beats.times):,} beats"
    rhythmic = f"{rhythm.rate:.0f} a minute, median change {100 * rhythm.change:.0f} %"
    regions = dict.fromkeys(rhythm.labels, f"{whole}, {rhythmic}")
    if rhythm.pause is not None:
        begin, end = rhythm.pause
        regions["pause"] = f"{begin:.1f}–{end:.1f} s in {leads}, {end - begin:.1f} s without a beat"
    return regions


def _region(beats: Beats, chosen: NDArray[np.bool_], leads: str) -> str:
    times = beats.times[chosen]
    among = f"{len(times):,} of {len(beats.times):,} beats"
    return f"{times[0]:.1f}–{times[-1]:.1f} s in {leads}, {among}"
