"""Which known pairs a ranker's score rests on: what becomes of it without each of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import without
from .pair_features import PairFeatures
from .ranker import BaseModels

_OF_TAIL = 20  # known heads of the tail that are tried, those most like the head first
_OF_HEAD = 20  # known tails of the head, those most like the tail first


class Removal(NamedTuple):
    """A known pair (numbers of head and tail), and what a score is without it.

    Attributes:
        drop: of the score, in standard deviations of the scores of the head's candidates; to the
            lowest of these, where the tail is no candidate any more.
        rank: of the tail among the head's candidates, without the pair; None if it is none.
        rank_before: the same with it; not `predict`'s, which the network has a say in.
    """

    head: int
    tail: int
    drop: float
    rank: int | None
    rank_before: int


def removals(
    judges: BaseModels,
    known: PairFeatures,
    left_out: sparse.csr_matrix,
    head: int,
    tail: int,
    *,
    symmetric: bool = False,
) -> list[Removal]:
    """The known pairs that may carry a score, those without which it falls most first.

    Tried are known heads of the tail and known tails of the head, each pair taken out alone, while
    who is like whom stays as it was learned. Scores are the boosters', which the network's are
    averaged with in `predict`. A pair that is known itself is asked about as if it were not.

    Args:
        left_out: (heads, tails): pairs that are no candidates.
        symmetric: whether a pair is known turned round, too, and is taken out both ways.

    Returns:
        Nothing, if the tail is not among the head's candidates.
    """
    if known.pairs[head, tail]:
        own_pair = _both_ways((head, tail), symmetric)
        known = known.without(own_pair)
        left_out = without(left_out, pair_matrix(np.array(own_pair), left_out.shape))
    score_before, rank_before = _score(judges, known, left_out, head, tail)
    if rank_before is None:
        return []
    others = known.pairs[:, [tail]].nonzero()[0]
    like_head = known.learned.heads[[head]].toarray()[0, others]
    near_heads = others[np.argsort(-like_head, kind="stable")[:_OF_TAIL]]
    own = known.pairs[[head]].indices
    like_tail = known.learned.tails[[tail]].toarray()[0, own]
    near_tails = own[np.argsort(-like_tail, kind="stable")[:_OF_HEAD]]
    tried = [(int(other), tail) for other in near_heads if other != head]
    tried += [(head, int(other)) for other in near_tails if other != tail]
    found = []
    for pair in tried:
        rest = known.without(_both_ways(pair, symmetric))
        score, rank = _score(judges, rest, left_out, head, tail)
        found.append(Removal(*pair, score_before - score, rank, rank_before))
    return sorted(found, key=lambda removal: -removal.drop)


def _both_ways(pair: tuple[int, int], symmetric: bool) -> list[tuple[int, int]]:
    return [pair, pair[::-1]] if symmetric else [pair]


def _score(
    judges: BaseModels, known: PairFeatures, left_out: sparse.csr_matrix, head: int, tail: int
) -> tuple[float, int | None]:
    """The boosters' score of a pair and its rank; the lowest and None if it is no candidate."""
    table = next(known.tables(np.array([head]), left_out))
    scores = judges.boosted(judges.scaled(table))
    place = np.flatnonzero(table.tails == tail)
    if not len(place):
        return float(scores.min(initial=0.0)), None
    return float(scores[place[0]]), 1 + int((scores > scores[place[0]]).sum())
