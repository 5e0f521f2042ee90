"""Rate and rhythm by rule, from R peaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .beats import Beats

FAST, SLOW = 100.0, 60.0  # beats a minute: an adult's rate at rest is between
IRREGULAR = 0.08  # the median change from one interval to the next, as a share of it
PAUSE = 3.0  # seconds without a beat; longer ones are no athlete's or sleeper's
ADULT = 18.0  # years
_FEWEST = 8  # intervals from which a rhythm can be judged
# Up to an age in years, the 1st and 99th centile of a healthy child's rate. Source: Fleming et al.,
# Normal ranges of heart rate and respiratory rate in children, Lancet 2011, table of heart rates.
_CHILDREN = (
    (0.25, 107, 181),
    (0.5, 104, 175),
    (0.75, 98, 168),
    (1, 93, 161),
    (1.5, 88, 156),
    (2, 82, 149),
    (3, 76, 142),
    (4, 70, 136),
    (6, 65, 131),
    (8, 59, 123),
    (12, 52, 115),
    (15, 47, 108),
    (ADULT, 43, 104),
)


class Rhythm(NamedTuple):
    """What R peaks tell.

    Attributes:
        rate: beats a minute, of the median interval.
        change: the median change from one interval to the next, in logarithms.
        labels: of `codes.toml`: fast or slow, irregular.
        pause: seconds from the recording's begin on, of the longest one; None where there is none.
    """

    rate: float
    change: float
    labels: tuple[str, ...]
    pause: tuple[float, float] | None


def rhythm_of(beats: Beats, age: float | None = None) -> Rhythm:
    """Rate and regularity of a recording.

    Some ectopic beats change few intervals, so that medians don't see them. More than half of all
    intervals change by `IRREGULAR` in atrial fibrillation, and where every second or third beat is
    ectopic (docs/benchmarks/ecg.md lists the records of MIT-BIH). A child's rhythm follows its
    breath, so that it isn't judged by the same rule.

    Args:
        age: of the patient, in years; None: an adult.
    """
    intervals = beats.intervals[:, 0]
    rate = 60 / float(np.median(intervals))
    change = float(np.median(np.abs(np.diff(np.log(intervals))))) if len(intervals) > 1 else 0.0
    slow, fast = usual_rates(age)
    labels = ["fast"] if rate > fast else ["slow"] if rate < slow else []
    is_adult = age is None or age >= ADULT
    if is_adult and change > IRREGULAR and len(intervals) >= _FEWEST:
        labels.append("irregular")
    return Rhythm(rate, change, tuple(labels), _pause(beats))


def usual_rates(age: float | None) -> tuple[float, float]:
    """The lowest and the highest usual rate at rest, beats a minute.

    Args:
        age: in years; None: an adult.
    """
    if age is not None:
        for below, slow, fast in _CHILDREN:
            if age < below:
                return slow, fast
    return SLOW, FAST


def _pause(beats: Beats) -> tuple[float, float] | None:
    """The longest time without a beat, on either side of one; None where it is short."""
    ends = np.concatenate([beats.times, beats.times + beats.intervals[:, 1]])
    lengths = np.concatenate([beats.intervals[:, 0], beats.intervals[:, 1]])
    longest = int(lengths.argmax())
    if lengths[longest] < PAUSE:
        return None
    return float(ends[longest] - lengths[longest]), float(ends[longest])
