"""Numbers that describe each beat relative to the patient's own rhythm and usual beat.

No label is used: what is usual is the median of the recording that the beat is in. This is how a
network that was trained on other patients adapts to one that it has never seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d

RATE = 180  # samples a second
LENGTH = 216  # samples of a beat: 0.5 s before its R peak and 0.7 s from it on
R_PEAK = 90
STRETCH = 3_000  # beats, about half an hour: what is usual is that of so many
_P = slice(38, 76)  # 0.29–0.08 s before the R peak: P wave
_QRS = slice(72, 112)
_T = slice(112, 190)
_NEAREST = 40  # beats of the most similar form
Floats = NDArray[np.float32]


def stretches(n: int) -> Iterator[slice]:
    """`n` beats in stretches of about equal length, of at most `STRETCH` beats."""
    edges = np.linspace(0, n, max(1, -(-n // STRETCH)) + 1).astype(int)
    return (slice(int(a), int(b)) for a, b in pairwise(edges))


def beat_features(beats: Floats, intervals: Floats) -> Floats:
    """Rhythm, form relative to the patient's usual beat, and rhythm of beats of the same form.

    Args:
        beats: (n, 2, `LENGTH`) in mV, in the order of one recording.
        intervals: (n, 2) seconds from the R peak before and to the one after.

    Returns:
        (n, features), in logarithms of ratios and in units of the usual beat's height.
    """
    rows = [
        np.concatenate(
            [_rhythm(intervals[part]), *_form(beats[part], intervals[part])], 1, dtype=np.float32
        )
        for part in stretches(len(beats))
    ]
    return np.concatenate(rows)


def scaled(beats: Floats) -> Floats:
    """Beats about their own median, in units of the usual height of the recording's beats."""
    centred = beats - np.median(beats, -1, keepdims=True)
    height = np.median(np.ptp(centred, axis=-1), 0)[None, :, None]
    return np.asarray(centred / np.maximum(height, 1e-3), np.float32)


def usual_beat(beats: Floats, intervals: Floats) -> Floats:
    """(2, `LENGTH`): the median of the half of the beats that come when expected."""
    early = np.abs(_prematurity(intervals, 21))
    return np.asarray(np.median(beats[np.argsort(early)[: max(1, len(beats) // 2)]], 0))


def _logs(intervals: Floats) -> tuple[Floats, Floats]:
    before, after = np.log(np.clip(intervals, 0.2, 3)).T
    return before, after


def _running_median(x: Floats, width: int) -> Floats:
    return np.asarray(median_filter(x, width, mode="nearest"))


def _prematurity(intervals: Floats, width: int) -> Floats:
    before, _ = _logs(intervals)
    return before - _running_median(before, width)


def _moved(x: Floats, steps: int) -> Floats:
    """The value of the beat so many places further on; at an end that of the last one."""
    return np.asarray(x[np.clip(np.arange(len(x)) + steps, 0, len(x) - 1)])


def _rhythm(intervals: Floats) -> Floats:
    before, after = _logs(intervals)
    usual = float(np.median(before))
    local = _running_median(before, 21)
    columns = [before, after, before - after, before - usual, after - usual, after - local]
    columns += [before - _running_median(before, width) for width in (7, 21, 61, 181)]
    columns += [_moved(before, steps) - local for steps in (-4, -3, -2, -1, 1, 2, 3)]
    change = np.abs(np.diff(before, prepend=before[0]))
    deviation = np.abs(before - local)
    irregular = _running_median(deviation, 31)
    changes = (change > 0.08).astype(np.float32)
    columns += [_running_median(change, 31), irregular, _running_median(deviation, 101)]
    columns.append(uniform_filter1d(changes, 41, mode="nearest"))
    columns += [np.full_like(before, v) for v in (np.median(deviation), changes.mean())]
    columns += [(before - local) / (irregular + 0.02), before - np.minimum(usual, local)]
    around = sliding_window_view(np.pad(before, 20, mode="edge"), 41)
    columns.append((around < before[:, None]).mean(1))
    columns += [before - np.quantile(around, share, axis=1) for share in (0.1, 0.75)]
    return np.stack(columns, 1)


def _correlation(a: Floats, b: Floats) -> Floats:
    a = a - a.mean(-1, keepdims=True)
    b = b - b.mean(-1, keepdims=True)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(-1) / (norms + 1e-6))


def _without_slope(x: Floats) -> Floats:
    """A part of a beat above the line between its ends."""
    ramp = np.linspace(0, 1, x.shape[-1], dtype=np.float32)
    return np.asarray(x - x[..., :1] - ramp * (x[..., -1:] - x[..., :1]))


def _form(beats: Floats, intervals: Floats) -> list[Floats]:
    x = scaled(beats)
    usual = usual_beat(x, intervals)
    columns = [c for lead in range(2) for c in _lead_form(x[:, lead], usual[lead])]
    qrs, p = x[:, 0, _QRS], x[:, 0, _P]
    likeness = _correlation(qrs, usual[0, _QRS])
    columns += [_moved(likeness, -1), _moved(likeness, 1)]
    columns += [_correlation(part, _moved(part, s)) for part in (qrs, p) for s in (-1, 1)]
    return [np.stack(columns, 1), _same_form(x, intervals)]


def _lead_form(x: Floats, usual: Floats) -> list[Floats]:
    qrs, p, t = x[:, _QRS], _without_slope(x[:, _P]), x[:, _T]
    usual_p = _without_slope(usual[_P])
    p_likeness = _correlation(p, usual_p)
    local_p = _running_median(p_likeness, 41)
    columns = [_correlation(x[:, part], usual[part]) for part in (_QRS, _P, _T)]
    columns.append(p_likeness)
    differences = (qrs - usual[_QRS], p - usual_p, t - usual[_T])
    columns += [np.sqrt((d**2).mean(-1)) for d in differences]
    steps = np.abs(np.diff(qrs))
    columns += [qrs.max(-1), qrs.min(-1), np.ptp(qrs, axis=-1), np.abs(qrs).mean(-1)]
    columns += [steps.sum(-1), steps.max(-1)]
    columns += [p.max(-1), p.argmax(-1) / RATE, p.min(-1), p.std(-1)]
    columns += [local_p, p_likeness - local_p, p[:, 19:].max(-1) - usual_p[19:].max()]
    columns += [np.full(len(x), v) for v in (np.median(p_likeness), usual_p.max())]
    columns.append((p * usual_p).sum(-1) / ((usual_p**2).sum() + 1e-2))
    height = np.abs(qrs)
    columns.append((height > 0.25 * height.max(-1, keepdims=True)).mean(-1))
    columns += list(differences[0].reshape(len(x), 8, 5).mean(-1).T)
    columns.append(x[:, : _P.start].max(-1) - usual[: _P.start].max())
    return columns


def _same_form(x: Floats, intervals: Floats) -> Floats:
    """How early beats of the most similar form come, and how many there are of it."""
    flat = x[:, :, 60:126].reshape(len(x), -1)
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    likeness = flat @ flat.T
    k = min(_NEAREST, len(x))
    nearest = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
    before, after = _logs(intervals)
    local = _running_median(before, 21)
    early = (before - local)[nearest]
    columns = [early.mean(1), (after - local)[nearest].mean(1), np.median(early, 1)]
    columns += [(likeness > 0.95).mean(1), (likeness > 0.9).mean(1)]
    columns.append(np.take_along_axis(likeness, nearest, 1).mean(1))
    return np.stack(columns, 1)
