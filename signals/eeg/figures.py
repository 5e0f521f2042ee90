"""Figures of a classifier of epochs: of epochs, and of what is annotated as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..classifier import Scores
from ..figures import figures_of
from .corpus import Corpus
from .events import Event, Span, spans_of
from .features import STEP

_HOUR = 3600


def corpus_figures(corpus: Corpus, scores: Sequence[Scores]) -> dict[str, Any]:
    """Figures of epochs (`signals.figures.figures_of`), and for each class but the first:

    `events`, `seen` (the share of them that a span of epochs meets) and `false_alarms` (spans that
    meet none, for each hour of recordings). `background_labels` are the other labels of
    annotations, with how many have them: what was meant to be learnt may be among them.

    Args:
        scores: of each recording, (epochs, classes).
    """
    labels = np.concatenate([recording.labels for recording in corpus.recordings])
    figures = figures_of(labels, np.concatenate(scores), corpus.classes, "epochs")
    hours = len(labels) * STEP / _HOUR
    for k, name in enumerate(corpus.classes[1:], 1):
        n_events = n_seen = n_false = 0
        for recording, judged in zip(corpus.recordings, scores, strict=True):
            events = [event for event in recording.events if event.label == name]
            spans = spans_of(judged.argmax(1) == k)
            n_events += len(events)
            n_seen += sum(any(_meet(event, span) for span in spans) for event in events)
            n_false += sum(not any(_meet(event, span) for event in events) for span in spans)
        figures["classes"][name] |= {
            "events": n_events,
            "seen": n_seen / n_events if n_events else 0.0,
            "false_alarms": n_false / hours,
        }
    return {**figures, "background_labels": corpus.background_labels}


def _meet(event: Event, span: Span) -> bool:
    start, end = span.seconds
    return event.start <= end and start <= event.end
