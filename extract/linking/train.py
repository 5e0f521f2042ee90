"""Training the linker's ranker on mentions with identifiers, by leaving documents out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ...graph.kg import KnowledgeGraph
from ..abbreviations import find_abbreviations
from ..corpora.document import Document, flat_mentions
from .dictionary import NameDictionary, identifiers, nodes_by_identifier
from .linker import Linker
from .links import LinkQuery, link_query, long_forms_of
from .ranker import LinkingRanker, fit

FOLDS = 4
# A linker must be given a ranker; this one knows nothing.
_UNTRAINED = LinkingRanker(
    {
        "feature": np.full((1, 1), -1, np.int16),
        "threshold": np.zeros((1, 1)),
        "left": np.zeros((1, 1), np.int16),
        "right": np.zeros((1, 1), np.int16),
        "missing_left": np.ones((1, 1), np.bool_),
        "value": np.zeros((1, 1)),
    },
    {"bias": 0.0, "depth": 0, "threshold": 0.5, "calibration": [1.0, 0.0]},
)


@dataclass
class TrainingRows:
    """Candidates of mentions: what the ranker sees, which are right, which mention each is of."""

    inputs: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    mention: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]


def link_queries(document: Document, format: str) -> tuple[list[LinkQuery], list[set[str]]]:
    """The mentions of a document as queries, and for each the identifiers that are right."""
    mentions = flat_mentions(document, format)
    places = [(m.start, m.end, m.kind) for m in mentions]
    long_forms = long_forms_of(document.text, places, find_abbreviations(document.text))
    queries = [link_query(document.text[m.start : m.end], m.kind, long_forms) for m in mentions]
    return queries, [identifiers(mention) for mention in mentions]


def training_rows(
    corpora: Sequence[tuple[Sequence[Document], str]],
    terminologies: Sequence[Sequence[KnowledgeGraph]],
) -> TrainingRows:
    """Candidates of the corpora's mentions, from dictionaries that don't know their documents.

    The documents are dealt into folds. Each fold's mentions are looked up among the other folds'
    names with their counts and the graphs' names; and, since a user's terminology has no counts, a
    second time, every other document among the same without counts, the rest among the graphs'
    names alone. All that for each of several terminologies, the graphs of one together, since a
    ranker that has only seen a small one trusts resemblance too much in a large one, and the other
    way round.
    """
    blocks: list[tuple[npt.NDArray[np.float64], list[bool], int, int]] = []
    for graphs, (documents, format) in product(terminologies, corpora):
        prefixes = prefixes_of(documents, format)
        for fold in range(FOLDS):
            names = NameDictionary(prefixes)
            for others, other_format in corpora:
                rest = _of_fold(others, fold, False) if others is documents else others
                names.add_corpus(rest, other_format)
            for graph in graphs:
                names.add_graph(graph)
            held_out = _of_fold(documents, fold, True)
            for terminology, part in (
                (names.graph(), held_out),
                (names.graph(counts=False), held_out[::2]),
                (names.graph(annotated=False, counts=False), held_out[1::2]),
            ):
                linker = Linker(terminology, ranker=_UNTRAINED)
                nodes_of = nodes_by_identifier(terminology)
                for document in part:
                    queries, gold = link_queries(document, format)
                    for (rows, inputs), m, ids in zip(
                        linker.candidate_features(queries), queries, gold, strict=True
                    ):
                        nodes = {node for i in ids for node in nodes_of.get(i, ())}
                        right = [linker.node_of(m.kind, row) in nodes for row in rows]
                        blocks.append((inputs, right, len(blocks), fold))
    return TrainingRows(
        np.concatenate([inputs for inputs, *_ in blocks]),
        np.concatenate([np.array(right, dtype=np.bool_) for _, right, *_ in blocks]),
        np.concatenate([np.full(len(right), number) for _, right, number, _ in blocks]),
        np.concatenate([np.full(len(right), fold) for _, right, _, fold in blocks]),
    )


def prefixes_of(documents: Iterable[Document], format: str) -> set[str]:
    """The prefixes of the identifiers that a corpus gives."""
    return {
        identifier.split(":")[0]
        for document in documents
        for mention in flat_mentions(document, format)
        for identifier in identifiers(mention)
    }


def _of_fold(documents: Sequence[Document], fold: int, held_out: bool) -> list[Document]:
    return [d for place, d in enumerate(documents) if (place % FOLDS == fold) == held_out]


def train_linker(rows: TrainingRows, seed: int = 0) -> tuple[LinkingRanker, dict[str, Any]]:
    """Fit a ranker, its calibration and its threshold.

    The slope and shift that calibrate it are fitted to the best candidate of each mention of a
    fold, as ranked by trees that were trained on the other folds; the threshold is the one that
    gives the best F1 of links there.

    Returns:
        The ranker trained on all folds, and the figures on the left-out folds.
    """
    held_out = np.zeros(len(rows.right))
    for fold in range(FOLDS):
        out = rows.fold == fold
        held_out[out] = fit(rows.inputs[~out], rows.right[~out], seed).probabilities(
            rows.inputs[out]
        )
    ranker = fit(rows.inputs, rows.right, seed)
    # The best candidate of each mention: the last of the mention's run in order of probability.
    order = np.lexsort((held_out, rows.mention))
    best = order[np.append(np.diff(rows.mention[order]) > 0, True)]
    slope, shift = _platt(held_out[best], rows.right[best])
    probabilities = _sigmoid(slope * _logit(held_out[best]) + shift)
    reachable = len(np.unique(rows.mention[rows.right]))
    ranked = np.argsort(-probabilities)
    hits = np.cumsum(rows.right[best][ranked])
    f1 = 2 * hits / (np.arange(1, len(best) + 1) + reachable)
    threshold = round(float(probabilities[ranked][int(f1.argmax())]), 3)
    ranker.about.update(calibration=[slope, shift], threshold=threshold)
    ranker.threshold = threshold
    figures = {
        "mentions": int(rows.mention.max()) + 1,
        "reachable": reachable,
        "right": int(rows.right[best].sum()),
        "f1": round(float(f1.max()), 4),
        "threshold": threshold,
    }
    return ranker, figures


def _platt(
    probabilities: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6).fit(_logit(probabilities)[:, None], right)
    return round(float(model.coef_[0, 0]), 4), round(float(model.intercept_[0]), 4)


def _logit(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    logits: npt.NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return logits


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    probabilities: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return probabilities
