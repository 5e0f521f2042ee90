"""Electroencephalograms to findings, and to band powers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.quarantine import Quarantine
from ..classifier import Scores
from ..codes import Code, check_codes, read_codes
from ..finding import Finding
from ..read_recordings import finding_in, read_recordings
from ..recording import Recording
from .events import Span, spans_of
from .features import (
    BANDS,
    EPOCH,
    RATE,
    STEP,
    Floats,
    band_powers,
    departures,
    epoch_features,
    epoch_starts,
)
from .model import EpochClassifier, epoch_scores
from .recording import ELECTROENCEPHALOGRAM, read_recording

_CODES = Path(__file__).parent / "codes.toml"
_NAMED = 3  # channels that are named, and the number of the others


@explained_imports()
def read_electroencephalograms(
    paths: Sequence[Path | str],
    *,
    model: Path | str,
    codes: Path | str | None = None,
    rate: float | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Finding], int]:
    """The findings of electroencephalograms, and the number of files that were read.

    A file that can't be read is set aside.

    Args:
        paths: files, see `recording.read_recording`, or folders of them.
        model: a folder of `medkg train eeg`.
        codes: a user's own `codes.toml`, which goes before the one that ships.
        rate: samples a second of CSV files without a column of time.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: the codes lack a class of the model's.
    """
    classifier = EpochClassifier.open(model)
    table = read_codes(_CODES, codes)
    check_codes(classifier.classes, table)
    return read_recordings(
        paths,
        ELECTROENCEPHALOGRAM,
        partial(read_recording, rate=rate),
        partial(findings_of, classifier=classifier, codes=table),
        quarantine=quarantine,
        remarks=remarks,
    )


def findings_of(
    recording: Recording, classifier: EpochClassifier, codes: Mapping[str, Code]
) -> list[Finding]:
    """A finding for each class but the background, of the epochs of which nothing is missing.

    Raises:
        DataError: something is missing of every epoch.
    """
    features = epoch_features(recording.channels)
    scores = epoch_scores((classifier.network, classifier.trees), features)
    missing = recording.missing.any(axis=0)
    whole = ~sliding_window_view(missing, EPOCH * RATE)[:: STEP * RATE].any(axis=1)
    if not whole.any():
        raise DataError(f"has no {EPOCH} s of which nothing is missing")
    findings = []
    for k, name in enumerate(classifier.classes[1:], 1):
        probabilities = classifier.calibrated(scores, name)
        named = whole & (scores.argmax(1) == k)
        surest = float(probabilities[named if named.any() else whole].max())
        chosen = named if named.any() else whole & (probabilities == surest)
        findings.append(
            finding_in(
                recording,
                ELECTROENCEPHALOGRAM,
                codes[name],
                probability=surest,
                present=bool(named.any()),
                source=f"medkg EEG epochs {classifier.config['version']}",
                region=_region(spans_of(chosen), scores[:, k], features, recording.names),
            )
        )
    return findings


def _region(spans: Sequence[Span], scores: Scores, features: Floats, names: Sequence[str]) -> str:
    """The span with most of a class, its channels, and how many spans there are.

    The channels are those whose band powers depart most from what is usual of them, at least half
    as far as the first one's.

    Args:
        scores: (epochs,) of the class.
    """
    first, end = longest = max(spans, key=lambda span: float(scores[span.first : span.end].sum()))
    away = departures(features[first:end]).mean(0)
    order = np.argsort(-away, kind="stable")
    channels = [names[i] for i in order if away[i] >= away[order[0]] / 2]
    listed = ", ".join(channels[:_NAMED])
    if len(channels) > _NAMED:
        listed += f" and {len(channels) - _NAMED} more"
    start, stop = longest.seconds
    among = f"; {len(spans)} such spans" if len(spans) > 1 else ""
    return f"{start:.1f}–{stop:.1f} s in {listed}{among}"


@explained_imports()
def read_band_powers(
    paths: Sequence[Path | str],
    *,
    rate: float | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[pl.DataFrame, int]:
    """The band powers of electroencephalograms, and the number of files that were read.

    Args:
        paths, rate, quarantine, remarks: see `read_electroencephalograms`.

    Returns:
        `file` (as it was named), `start` (seconds), `channel`, and µV² of each band; a row for
        each epoch of each channel.
    """
    tables, n_read = read_recordings(
        paths,
        ELECTROENCEPHALOGRAM,
        partial(read_recording, rate=rate),
        lambda recording: [_powers(recording)],
        quarantine=quarantine,
        remarks=remarks,
    )
    return pl.concat(tables) if tables else pl.DataFrame(), n_read


def _powers(recording: Recording) -> pl.DataFrame:
    starts, n = epoch_starts(recording.channels.shape[1]), len(recording.names)
    powers = band_powers(recording.channels).reshape(-1, len(BANDS))
    columns = {
        "file": [recording.file] * len(powers),
        "start": np.repeat(starts, n),
        "channel": list(recording.names) * len(starts),
    }
    bands = dict(zip(BANDS, powers.T, strict=True))
    return pl.DataFrame({**columns, **bands})
