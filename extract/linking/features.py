"""The features of a mention and a node's name that the ranker sees (`ranker.FEATURES`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from .forms import Forms, forms
from .name_index import SIMILAR, SPELLING, NameIndex
from .ranker import FEATURES

# The column of each feature.
COLUMN = {name: column for column, name in enumerate(FEATURES)}


def name_features(
    index: NameIndex, text: str, form: Forms, kind: str, levels: dict[int, int]
) -> npt.NDArray[np.float64]:
    """The features of a mention and each row, but for those of the document and the other rows.

    Args:
        index: of the names.
        text: the mention's.
        form: of the text.
        kind: of the mention.
        levels: of each row how tight its match is (`name_index`).

    Returns:
        (rows, FEATURES), in the order of `levels`.
    """
    features = np.full((len(levels), len(FEATURES)), np.nan)
    words = form.spelling.split()
    weights = {word: index.weight(word) for word in words}
    numbers = {word for word in words if is_number(word)}
    head = _head_word(text)
    longest = max(words, key=len, default="")
    for position, row in enumerate(levels):
        name, spelling, loose = index.names[row], index.spellings[row], index.looses[row]
        if levels[row] >= SPELLING:
            # One name in two spellings: how they look is of no account.
            similarity: tuple[float, ...] = (1, 1, 1, 1, 1, 1, 0, 0, 0)
        else:
            others = spelling.split()
            other_weights = {word: index.weight(word) for word in others}
            shorter, longer = sorted((len(form.spelling), len(spelling)))
            similarity = (
                fuzz.ratio(form.spelling, spelling) / 100,
                fuzz.token_set_ratio(form.spelling, spelling) / 100,
                fuzz.ratio(form.loose, loose) / 100,
                shorter / max(longer, 1),
                longest == max(others, key=len, default=" "),
                head == _head_word(name),
                numbers != {word for word in others if is_number(word)},
                _unmatched(weights, other_weights),
                _unmatched(other_weights, weights),
            )
        features[position] = (
            levels[row],
            index.primary[row],
            *similarity,
            len(text),
            len(words),
            len(text) <= 5 and name.isupper() != text.isupper(),
            np.nan,  # name_share
            np.log1p(index.count[row]) if index.counted else np.nan,
            np.log1p(index.node_count[index.node[row]]) if index.counted else np.nan,
            *(0, 0, 0, 0, 0),  # homonyms, lead, spelled_out, elsewhere, part_of
            kind in ("Drug", "Target"),
        )
    return features


def set_relative_features(
    index: NameIndex, rows: Sequence[int], features: npt.NDArray[np.float64]
) -> None:
    """Set the features that depend on the other candidates: `name_share`, `homonyms`, `lead`."""
    at = list(rows)
    nodes, own = index.node[at], index.own_name[at]
    level = features[:, COLUMN["level"]]
    similarity = features[:, COLUMN["similarity"]] + features[:, COLUMN["loose_similarity"]]
    # rival[n, m]: m is another node than n, of its kind, with another name of its own. A disease
    # and a symptom of one name are no rivals, whatever else they are called.
    kind = index.kind[at]
    rival = (nodes[:, None] != nodes) & (own[:, None] != own) & (kind[:, None] == kind)
    as_tight = rival & (level >= level[:, None])
    first = np.zeros(len(at), dtype=bool)
    first[np.unique(nodes, return_index=True)[1]] = True
    homonyms = np.minimum(3, (as_tight & first).sum(1))
    features[:, COLUMN["homonyms"]] = np.where(level > SIMILAR, homonyms, 0)
    features[:, COLUMN["lead"]] = similarity - np.where(rival, similarity, 0).max(1)
    # A name stands once for each node that it means, so these are all annotations of this name.
    counts = np.where(level >= SPELLING, index.count[at], 0)
    if counts.any():
        of_node = ((nodes[:, None] == nodes) * counts).sum(1)
        share = np.where(level >= SPELLING, of_node / counts.sum(), np.nan)
        features[:, COLUMN["name_share"]] = share


def _unmatched(weights: Mapping[str, float], others: Mapping[str, float]) -> float:
    """Share of the words' weight that the other words lack; of a misspelt word, a part."""
    total = sum(weights.values())
    missing = 0.0
    for word, weight in weights.items():
        if word not in others:
            best = max((fuzz.ratio(word, other, score_cutoff=75) for other in others), default=0)
            missing += weight * (1 - best / 100)
    return missing / total if total else 0.0


@lru_cache(maxsize=50_000)
def _head_word(name: str) -> str:
    """The spelling of the last word, which in English mostly says what the thing is."""
    words = re.findall(r"\w+", name.lower())
    return forms(words[-1]).spelling if words else ""


@lru_cache(maxsize=50_000)
def is_number(word: str) -> bool:
    """Whether a word of a name counts kinds of one thing: "2", "IV", "a", "3B"."""
    return any(c.isdigit() for c in word) or re.fullmatch(r"[ivx]{1,4}|[a-h]", word) is not None
