"""Strict scores of recognised mentions: span and kind must both be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ...core.errors import ModelError
from ...core.quarantine import Quarantine
from ...core.statistics import drawn_counts, percentile_bounds
from ..corpora.document import Document
from ..corpora.labels import KINDS
from ..corpora.readers import read_annotated
from ..training_overlap import documents_trained_on
from .network import DEFAULT, load_recogniser, recogniser_folder
from .recogniser import (
    THRESHOLD,
    PredictedMention,
    Recogniser,
    join_heads,
)

_RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 of one kind (or "micro": all of them), F1 with its 95 % interval."""

    kind: str
    precision: float
    recall: float
    f1: float
    low: float
    high: float
    gold: int
    predicted: int

    def as_dict(self) -> dict[str, float]:
        """All but the kind."""
        return {name: value for name, value in asdict(self).items() if name != "kind"}


def evaluate_ner(
    models: Sequence[Path | str | None],
    corpus: Path,
    format: str | None = None,
    *,
    head: str | None = None,
    labels: Mapping[str, str | None] | None = None,
    threshold: float = THRESHOLD,
    device: str | None = None,
    quarantine: Quarantine | None = None,
) -> pl.DataFrame:
    """Score models beside each other on an annotated corpus.

    Args:
        models: any that `network.load_recogniser` knows; None or "default": the shipped one.
        corpus: the file (brat: folder or archive) to score on.
        format: one of `readers.FORMATS`; None: told from the file.
        head: score what this head of a model finds, which keeps to its corpus' guidelines; a model
            with one head is scored by it. None: what the component gives, all heads' mentions
            joined.
        labels: as in `read_annotated`.
        threshold: mentions less probable are left out.
        device: "cpu", "cuda", …
        quarantine: takes the annotations that can't be used.

    Returns:
        A row per model and kind of the corpus, and one for all ("micro"): model, head ("joined"
        for all), kind, precision, recall, f1, low, high (95 % bootstrap interval of F1 over
        documents), gold, predicted, documents, trained_on (how many of these the model says it was
        trained on, see `training_overlap.documents_trained_on`; null: it doesn't say). Mentions of
        a kind that the corpus does not annotate are left out; where it annotates diseases and no
        symptoms (BC5CDR, NCBI), a Symptom counts as a Disease. Where the corpus' mentions overlap,
        each counts, though no model finds both.

    Raises:
        DataError: the corpus can't be read, its format isn't known, or a label is no kind.
        ModelError: a model can't be loaded or has no such head.
    """
    documents = read_annotated(
        corpus,
        Quarantine() if quarantine is None else quarantine,
        corpus_format=format,
        labels=labels or {},
    )
    rows = []
    for model in models:
        recogniser = load_recogniser(model, device)
        scored_head = head
        if head is not None and head not in recogniser.kinds and len(recogniser.kinds) == 1:
            (scored_head,) = recogniser.kinds
        about = {"model": DEFAULT if model is None else str(model), "head": scored_head or "joined"}
        trained_on = documents_trained_on([recogniser_folder(model)], documents)
        counts = {"documents": len(documents), "trained_on": trained_on}
        scores = score(recogniser, documents, "medkg", scored_head, threshold)
        rows += [{**about, **asdict(row), **counts} for row in scores]
    return pl.DataFrame(rows, schema_overrides={"trained_on": pl.Int64})


def score(
    model: Recogniser,
    documents: Sequence[Document],
    corpus_format: str,
    head: str | None,
    threshold: float = THRESHOLD,
) -> list[Score]:
    """Scores by kind, in order, then "micro"; see `evaluate_ner`."""
    if head is not None and head not in model.kinds:
        raise ModelError(f"the model has no head {head!r}; it has {', '.join(model.kinds)}")
    names = KINDS[corpus_format]
    gold = [
        {(m.start, m.end, names[m.kind]) for m in d.mentions if m.kind in names} for d in documents
    ]
    kinds = sorted({kind for mentions in gold for _, _, kind in mentions})
    predicted = []
    texts = [d.text for d in documents]
    for prediction, text in zip(model.predict_heads(texts), texts, strict=True):
        likely = prediction.likely(threshold)
        mentions = join_heads(likely, model.kinds, text) if head is None else likely.mentions[head]
        predicted.append({_key(mention, kinds) for mention in mentions})
    return strict_scores(gold, predicted, kinds)


def strict_scores(
    gold: Sequence[set[tuple[int, int, str]]],
    predicted: Sequence[set[tuple[int, int, str]]],
    kinds: Sequence[str],
) -> list[Score]:
    """Scores of (start, end, kind) sets, one of each a document; other kinds don't count."""
    # Of every document and kind: right, predicted, gold.
    counts = np.array(
        [
            [
                (
                    sum(m[2] == kind for m in p & g),
                    sum(m[2] == kind for m in p),
                    sum(m[2] == kind for m in g),
                )
                for kind in kinds
            ]
            for g, p in zip(gold, predicted, strict=True)
        ],
        dtype=np.int64,
    ).reshape(len(gold), len(kinds), 3)
    draws = drawn_counts(len(gold), seed=0, draws=_RESAMPLES)
    rows = []
    for kind, kind_counts in [
        *((kind, counts[:, n]) for n, kind in enumerate(kinds)),
        ("micro", counts.sum(axis=1)),
    ]:
        right_count, predicted_count, gold_count = (int(n) for n in kind_counts.sum(axis=0))
        resampled = draws @ kind_counts
        f1 = 2 * resampled[:, 0] / np.maximum(1, resampled[:, 1] + resampled[:, 2])
        low, high = percentile_bounds(f1)
        rows.append(
            Score(
                kind,
                right_count / max(1, predicted_count),
                right_count / max(1, gold_count),
                2 * right_count / max(1, predicted_count + gold_count),
                low,
                high,
                gold_count,
                predicted_count,
            )
        )
    return rows


def _key(mention: PredictedMention, kinds: Sequence[str]) -> tuple[int, int, str]:
    as_disease = mention.kind == "Symptom" and "Symptom" not in kinds
    return mention.start, mention.end, "Disease" if as_disease else mention.kind
