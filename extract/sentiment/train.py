"""Training the model of reviews, and measuring it by folds beside simple baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.progress import track
from ...core.quarantine import Quarantine
from .features import EncoderMeans, ReviewFeatures, WeightedWords
from .model import Head, SentimentModel
from .reviews import ASPECTS, SIGNS, Review, read_reviews

FOLDS = 5
BASELINE = "logistic regression"
BALANCED = "logistic regression, labels weighted"
MAJORITY = "most frequent label"
MODEL = "medkg"
_FEWEST = 2 * FOLDS  # different texts with a label


class Scores(TypedDict):
    """Figures of one way to tell an aspect.

    Attributes:
        labels: F1 of each of `SIGNS`.
    """

    macro_f1: float
    accuracy: float
    labels: dict[str, float]


class AspectFigures(TypedDict):
    """Figures of an aspect, by folds, of each way to tell it."""

    reviews: int
    by: dict[str, Scores]


Figures = dict[str, AspectFigures]


@explained_imports()
def train_sentiment(
    path: Path | str,
    out: Path | str,
    *,
    encoder: str | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train a model of reviews, measured by folds.

    Args:
        path: a table of reviews (.tsv, .tab, .csv; see `read_reviews`).
        out: the model folder to write.
        encoder: a Hugging Face encoder by name or folder, in place of words.
        seed: of the folds.
        quarantine: gets the rows that can't be used.

    Returns:
        By aspect (rating, effect, side effects) of which enough is known, the figures by folds of
        the model and of simple baselines.

    Raises:
        DataError: it is no such table, or no aspect has enough labels.

    Example:
        >>> from pathlib import Path
        >>> words = {2: "it did not help at all", 9: "it helped very well"}
        >>> rows = [f"{n % 2 * 7 + 2}\\t{words[n % 2 * 7 + 2]} on day {n}" for n in range(40)]
        >>> _ = Path("reviews.tsv").write_text("\\n".join(["rating\\ttext", *rows]))
        >>> figures = medkg.train_sentiment("reviews.tsv", "opinions")
        >>> figures["rating"]["reviews"], figures["rating"]["by"]["medkg"]["accuracy"]
        (40, 1.0)
    """
    path = Path(path)
    reviews = read_reviews(path, Quarantine() if quarantine is None else quarantine)
    figures = figures_of(reviews, encoder=encoder, seed=seed)
    features: ReviewFeatures
    if encoder is None:
        features, matrix = WeightedWords.learn(reviews)
    else:
        features = EncoderMeans(encoder)
        matrix = features.matrix(reviews)
    heads = {}
    for aspect in figures:
        labels = _labels(reviews, aspect)
        known = labels != ""
        heads[aspect] = Head.learn(matrix[known], labels[known].tolist(), dense=bool(encoder))
    config = {"figures": figures, "seed": seed, **({"encoder": encoder} if encoder else {})}
    SentimentModel(features, heads, config).save(out, _card(path, len(reviews), figures))
    return figures


@explained_imports()
def evaluate_sentiment(
    path: Path,
    *,
    encoder: str | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """The figures of `train_sentiment`, without a model.

    Raises:
        DataError: no aspect has enough labels.
    """
    reviews = read_reviews(path, Quarantine() if quarantine is None else quarantine)
    return figures_of(reviews, encoder=encoder, seed=seed)


def figures_of(reviews: Sequence[Review], *, encoder: str | None = None, seed: int = 0) -> Figures:
    """Figures by five folds of each aspect; reviews with the same text stay in one fold.

    Raises:
        DataError: no aspect has enough labels.
    """
    fixed = None if encoder is None else EncoderMeans(encoder).matrix(reviews)
    texts = np.array([review.whole for review in reviews])
    labels = {aspect: _labels(reviews, aspect) for aspect in ASPECTS}
    counts = {aspect: _texts_by_label(own, texts) for aspect, own in labels.items()}
    aspects = {aspect: labels[aspect] for aspect in ASPECTS if _is_enough(counts[aspect])}
    if not aspects:
        there = "; ".join(
            f"{aspect}: {', '.join(f'{count} {sign}' for sign, count in own.items()) or 'none'}"
            for aspect, own in counts.items()
        )
        raise DataError(
            f"no aspect has two or three labels, each with at least {_FEWEST} reviews of different"
            f" texts ({there}); add reviews"
        )
    splits = {aspect: _splits(labels, texts, seed) for aspect, labels in aspects.items()}
    predicted = {
        aspect: {way: np.empty(len(reviews), "<U8") for way in _WAYS} for aspect in aspects
    }
    steps = [(aspect, *split) for aspect, own in splits.items() for split in own]
    for aspect, learnt, held in track(steps, "Folds"):
        train, test = [reviews[i] for i in learnt], [reviews[i] for i in held]
        if fixed is None:
            words, matrix = WeightedWords.learn(train)
            others = words.matrix(test)
        else:
            matrix, others = fixed[learnt], fixed[held]
        whole = TfidfVectorizer()
        plain, plain_others = whole.fit_transform(texts[learnt]), whole.transform(texts[held])
        own, truth = predicted[aspect], aspects[aspect][learnt]
        own[MAJORITY][held] = max(SIGNS, key=truth.tolist().count)
        for way, weight in ((BASELINE, None), (BALANCED, "balanced")):
            regression = LogisticRegression(max_iter=1000, class_weight=weight)
            own[way][held] = regression.fit(plain, truth).predict(plain_others)
        head = Head.learn(matrix, truth.tolist(), dense=fixed is not None)
        own[MODEL][held] = np.array(SIGNS)[head.probabilities(others).argmax(1)]
    return {aspect: _figures(labels, predicted[aspect]) for aspect, labels in aspects.items()}


def _splits(
    labels: NDArray[np.str_], texts: NDArray[np.str_], seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Folds of the reviews that have a label: which to learn from, and which are held out."""
    known = np.flatnonzero(labels != "")
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return [
        (known[learnt], known[held])
        for learnt, held in folds.split(known, labels[known], texts[known])
    ]


_WAYS = (MAJORITY, BASELINE, BALANCED, MODEL)


def _labels(reviews: Sequence[Review], aspect: str) -> NDArray[np.str_]:
    """The label of each review; "" where it has none."""
    return np.array([review.labels.get(aspect, "") for review in reviews], dtype="<U8")


def _texts_by_label(labels: NDArray[np.str_], texts: NDArray[np.str_]) -> dict[str, int]:
    """How many different texts have each label that there is."""
    return {sign: len(set(texts[labels == sign])) for sign in SIGNS if sign in labels}


def _is_enough(counts: Mapping[str, int]) -> bool:
    """Whether there are several labels, and every fold can have some texts of each."""
    return len(counts) > 1 and min(counts.values()) >= _FEWEST


def _figures(labels: NDArray[np.str_], predicted: Mapping[str, NDArray[np.str_]]) -> AspectFigures:
    known = labels != ""
    by = {way: _scores(labels[known], own[known]) for way, own in predicted.items()}
    return {"reviews": int(known.sum()), "by": by}


def _scores(truth: NDArray[np.str_], predicted: NDArray[np.str_]) -> Scores:
    present = [sign for sign in SIGNS if sign in truth]
    each = f1_score(truth, predicted, labels=present, average=None, zero_division=0)
    return {
        "macro_f1": float(np.mean(each)),
        "accuracy": float(accuracy_score(truth, predicted)),
        "labels": dict(zip(present, map(float, each), strict=True)),
    }


def _card(path: Path, number: int, figures: Figures) -> str:
    rows = "\n".join(
        f"| {aspect} | {own['reviews']:,} | {name} | {scores['macro_f1']:.3f}"
        f" | {scores['accuracy']:.3f} |"
        for aspect, own in figures.items()
        for name, scores in own["by"].items()
    )
    return f"""# Sentiment of patients' reviews of drugs

Tells from what a patient writes of a drug how they rate it, and its effect and side effects:
negative, mixed or positive. For research only: reviews are written by whom they please, and show
nothing of what a drug does.

Trained on {number:,} reviews of {path.name}. The model may hold words of them.

By {FOLDS} folds of these:

| aspect | reviews | | macro-F1 | accuracy |
|---|---|---|---|---|
{rows}
"""
