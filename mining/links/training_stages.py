"""The stages of a ranker's training, and what share of the time each takes: one bar over all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from ...core.progress import stages

MEASURING = "Measuring"
_ABLATING, _REFITTING = "Training without each part", "Refitting to all edges"
# By the titles of their bars, in their order: roughly the seconds of one core on the starter graph.
_SECONDS: Mapping[str, float] = {
    "Comparing nodes": 5,
    "Holding pairs back in turn": 40,
    "Boosting": 35,
    "Training the networks": 25,
    "Scoring candidates": 10,
    _ABLATING: 75,
    "Learning from structures": 10,
    _REFITTING: 20,
    MEASURING: 5,
}


def ranker_stages(*, ablate: bool, refit: bool) -> dict[str, float]:
    """The share of each stage of a training with these, see `core.progress.stages`."""
    left_out = [*([] if ablate else [_ABLATING]), *([] if refit else [_REFITTING])]
    return {title: share for title, share in _SECONDS.items() if title not in left_out}


def training_stages(model: str, *, ablate: bool, refit: bool) -> AbstractContextManager[None]:
    """The bar over all stages of a training, of which other models than the ranker have few."""
    if model != "ranker":
        return nullcontext()
    return stages("Training the ranker", ranker_stages(ablate=ablate, refit=refit))
