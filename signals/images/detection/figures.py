"""How things that are seen agree with those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..segmentation.nuclei import Labels
from ..segmentation.train import dice_of
from .model import THRESHOLD
from .network import Seen

_OVERLAP = 0.5  # of the union of a thing and what is seen, from which it is that thing
Hits = NDArray[np.bool_]


def figures_of(seen: Sequence[Seen], true: Sequence[Labels]) -> dict[str, Any]:
    """Figures of the things that are seen in pictures.

    A thing is seen where its mask and one that is seen share half of their union; each once, by
    the surest.

    Args:
        seen: of each picture, all from the least score on.
        true: (height, width) of each: the number of the thing that a pixel is of; 0 of none.

    Returns:
        `pictures`, `things`; `precision`, `recall` and `f1` of what has a score of a half; `ap`:
        the mean precision over recall of all (Everingham et al., 2010, each point); `dice`: of all
        pixels, the mean over pictures.
    """
    hits = [hits_of(each.labels, numbers) for each, numbers in zip(seen, true, strict=True)]
    n_things = sum(len(np.unique(numbers[numbers > 0])) for numbers in true)
    scores = np.concatenate([each.scores for each in seen])
    right = np.concatenate(hits)
    sure = scores >= THRESHOLD
    n_right, n_seen = int(right[sure].sum()), int(sure.sum())
    surely = np.stack([each.labels * _of_sure(each)[each.labels] for each in seen]) > 0
    return {
        "pictures": len(seen),
        "things": n_things,
        "precision": n_right / max(1, n_seen),
        "recall": n_right / max(1, n_things),
        "f1": 2 * n_right / max(1, n_seen + n_things),
        "ap": average_precision(scores, right, n_things),
        "dice": float(dice_of(surely, np.stack(true) > 0).mean()),
    }


def _of_sure(seen: Seen) -> NDArray[np.bool_]:
    """(n + 1,) by number: whether the thing has a score of a half."""
    return np.concatenate([[False], seen.scores >= THRESHOLD])


def hits_of(labels: Labels, true: Labels) -> Hits:
    """(n,) whether each thing that is seen is one that is there, and was not seen by a surer one.

    Args:
        labels: (height, width) numbers of what is seen, the surest first.
        true: of what is there.
    """
    n_seen, n_true = int(labels.max()), int(true.max())
    shared = np.bincount(
        (labels.astype(np.int64) * (n_true + 1) + true).ravel(),
        minlength=(n_seen + 1) * (n_true + 1),
    ).reshape(n_seen + 1, n_true + 1)
    whole = shared.sum(1)[1:, None] + shared.sum(0)[None, 1:] - shared[1:, 1:]
    overlaps = shared[1:, 1:] / np.maximum(whole, 1)
    hits = np.zeros(n_seen, bool)
    if n_true:
        for row in range(n_seen):
            best = int(overlaps[row].argmax())
            hits[row] = overlaps[row, best] >= _OVERLAP
            overlaps[:, best] *= not hits[row]
    return hits


def average_precision(scores: NDArray[np.floating[Any]], hits: Hits, n_things: int) -> float:
    """The area under precision over recall, precision never rising with recall."""
    if not len(scores) or not n_things:
        return 0.0
    right = hits[np.argsort(-scores, kind="stable")]
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest[right].sum() / n_things)
