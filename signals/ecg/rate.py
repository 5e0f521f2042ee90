"""Rate and rhythm by rule, from R peaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .beats import Beats

FAST, SLOW = 100.0, 60.0  # beats a minute: an adult's rate at rest is between
IRREGULAR = 0.08  # the median change from one interval to the next, as a share of it
_FEWEST = 8  # intervals from which a rhythm can be judged


class Rhythm(NamedTuple):
    """What R peaks tell.

    Attributes:
        rate: beats a minute, of the median interval.
        change: the median change from one interval to the next, in logarithms.
        labels: of `codes.toml`: fast or slow, irregular.
    """

    rate: float
    change: float
    labels: tuple[str, ...]


def rhythm_of(beats: Beats) -> Rhythm:
    """Rate and regularity of a recording.

    Some ectopic beats change few intervals, so that medians don't see them. More than half of all
    intervals change by `IRREGULAR` in atrial fibrillation, and where every second or third beat is
    ectopic (docs/benchmarks/ecg.md lists the records of MIT-BIH).
    """
    intervals = beats.intervals[:, 0]
    rate = 60 / float(np.median(intervals))
    change = float(np.median(np.abs(np.diff(np.log(intervals))))) if len(intervals) > 1 else 0.0
    labels = ["fast"] if rate > FAST else ["slow"] if rate < SLOW else []
    if change > IRREGULAR and len(intervals) >= _FEWEST:
        labels.append("irregular")
    return Rhythm(rate, change, tuple(labels))
