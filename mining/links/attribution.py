"""Which known pairs a ranker's score rests on: the score without each of them (ablation)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import without
from .base_models import blended, standardised_within_heads
from .pair_features import LEARNED, PairFeatures
from .ranker import LinkRanker

_KNOWN_HEADS = 20  # of the tail that are tried, those most similar to the head first
_KNOWN_TAILS = 20  # of the head, those most similar to the tail first


class Removal(NamedTuple):
    """A known pair (numbers of head and tail), and what a score is without it.

    Attributes:
        drop: of the score, in standard deviations of the scores of the head's candidates; to the
            lowest of these, where the tail is no candidate any more.
        rank: of the tail among the head's candidates, without the pair; None if it is none.
        rank_before: the same with it.
    """

    head: int
    tail: int
    drop: float
    rank: int | None
    rank_before: int


def removals(
    ranker: LinkRanker,
    left_out: sparse.csr_matrix,
    head: int,
    tail: int,
    *,
    symmetric: bool = False,
) -> list[Removal]:
    """The known pairs that may carry a score, those without which it falls most first.

    Tried are known heads of the tail and known tails of the head, each pair taken out alone, while
    learned similarities stay as they are. A pair that is known itself is scored as if it were not.

    Args:
        left_out: (heads, tails): pairs that are no candidates.
        symmetric: whether a pair is known turned round, too, and is taken out both ways.

    Returns:
        Nothing, if the tail is not among the head's candidates.
    """
    features = ranker.pair_features
    if features.pairs[head, tail]:
        own_pair = _both_ways((head, tail), symmetric)
        features = features.without(own_pair)
        left_out = without(left_out, pair_matrix(np.array(own_pair), left_out.shape))
    score_before, rank_before = _score(ranker, features, left_out, head, tail)
    if rank_before is None:
        return []
    known_heads = features.pairs[:, [tail]].nonzero()[0]
    to_head = features.head_similarities[LEARNED][[head]].toarray()[0, known_heads]
    nearest_heads = known_heads[np.argsort(-to_head, kind="stable")[:_KNOWN_HEADS]]
    known_tails = features.pairs[[head]].indices
    to_tail = features.tail_similarities[LEARNED][[tail]].toarray()[0, known_tails]
    nearest_tails = known_tails[np.argsort(-to_tail, kind="stable")[:_KNOWN_TAILS]]
    pairs = [(int(other), tail) for other in nearest_heads if other != head]
    pairs += [(head, int(other)) for other in nearest_tails if other != tail]
    results = []
    for pair in pairs:
        rest = features.without(_both_ways(pair, symmetric))
        score, rank = _score(ranker, rest, left_out, head, tail)
        results.append(Removal(*pair, score_before - score, rank, rank_before))
    return sorted(results, key=lambda removal: -removal.drop)


def _both_ways(pair: tuple[int, int], symmetric: bool) -> list[tuple[int, int]]:
    return [pair, pair[::-1]] if symmetric else [pair]


def _score(
    ranker: LinkRanker,
    features: PairFeatures,
    left_out: sparse.csr_matrix,
    head: int,
    tail: int,
) -> tuple[float, int | None]:
    """The score of a pair and its rank; the lowest and None if it is no candidate."""
    base_models = ranker.base_models
    table = base_models.scaled(next(features.tables(np.array([head]), left_out)))
    boosted = base_models.boosted(table)
    networked = base_models.networked(table, features.message_similarities)
    blend = blended(boosted, networked, ranker.network_weight)
    scores = standardised_within_heads(table.heads, blend)
    place = np.flatnonzero(table.tails == tail)
    if not len(place):
        return float(scores.min(initial=0.0)), None
    return float(scores[place[0]]), 1 + int((scores > scores[place[0]]).sum())
