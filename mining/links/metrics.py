"""Metrics of link prediction: ranking, early recognition, and classification with negatives.

Every figure comes with a 95 % interval by bootstrap over queries (heads, where tails are ranked):
edges of one drug are alike, and edges drawn one by one would give intervals that are too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from ...core.areas import (
    POOLED_PAIRS,
    POOLED_QUERIES,
    PooledFigures,
    pooled_figures,
    weighted_areas,
)
from ...core.calibration import CALIBRATED_CANDIDATES, CalibrationQuality
from ...core.errors import ModelError
from ...core.ranking import (
    HITS,
    RankFigures,
    Score,
    count_above,
    pair_matrix,
    summarise,
)
from ...core.statistics import (
    DRAWS,
    Bootstrap,
    bootstrap_interval,
    difference_with_interval,
    drawn_counts,
    with_interval,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RATIOS = (1, 10, 100)  # negative samples for a true pair
PRECISION_AT = (1, 10, 50)
ENRICHMENT_AT = (0.01, 0.05)  # shares of the ranked list
_AREA_DRAWS = 200  # bootstrap draws of an area under a curve, each of which goes through all pairs
_CELLS = 4_000_000  # scores held at a time


class MeasuredCalibration(CalibrationQuality):
    """The quality of the probabilities of queries' first candidates.

    Attributes:
        base_rate: that the model's calibration states.
    """

    base_rate: float


class EvaluatedCalibration(MeasuredCalibration):
    """As `MeasuredCalibration`, with what was counted.

    Attributes:
        queries: how many; `first`: candidates of each, at most.
        expected: how many of these pairs are true by the calibration on pairs held out.
        expected_of_new: by the probabilities that new pairs get.
    """

    queries: int
    first: int
    expected: float
    expected_of_new: float


@dataclass(frozen=True)
class Scored:
    """The scores and ranks that a model gives the true pairs of a test, with one side ranked.

    Attributes:
        queries, answers: (edges,): the pairs, as numbers of nodes.
        ranks: (edges,): filtered and realistic, as `medkg.core.ranking.filtered_ranks` gives them.
        scores: (edges,).
        above, tied: (edges,): how many of the query's list score more than the answer, and how
            many others the same. The list holds all candidates but what is known and not tested,
            so the query's other true answers are in it.
        listed: (edges,): how long that list is.
        negatives: (edges, 100): scores of candidates drawn, without repeats, from those that are
            not known to be true for the edge's query; NaN where it has fewer. The draw depends on
            the seed and the query, not on the model.
    """

    queries: Ints
    answers: Ints
    ranks: Floats
    scores: Floats
    above: Floats
    tied: Floats
    listed: Floats
    negatives: Floats

    def where(self, chosen: NDArray[np.bool_]) -> Scored:
        """Some of the edges; their places in the lists stay as they are."""
        return replace(self, **{name: values[chosen] for name, values in vars(self).items()})


def score_pairs(
    score: Score,
    queries: Ints,
    answers: Ints,
    known: sparse.csr_matrix,
    candidates: Ints | None = None,
    *,
    negatives: int = max(RATIOS),
    seed: int = 0,
) -> Scored:
    """Score true pairs beside all candidates, a few queries at a time.

    Args:
        score: scores of queries with all nodes of the answers' kind, (n,) → (n, nodes).
        queries, answers: (edges,): the true pairs to test, as numbers of nodes.
        known: (queries' nodes, answers' nodes): all pairs known to be true.
        candidates: numbers of the nodes that are ranked; all of the kind if not given.
        negatives: how many to draw for an edge.

    Raises:
        ModelError: the model gives a score that is no number.
    """
    allowed = np.ones(known.shape[1], dtype=bool)
    if candidates is not None:
        allowed[:] = False
        allowed[candidates] = True
    n = len(queries)
    ranks, scores, above, tied, listed = (np.zeros(n) for _ in range(5))
    drawn = np.full((n, negatives), np.nan)
    order = np.argsort(queries, kind="stable")
    unique_queries, starts = np.unique(queries[order], return_index=True)
    edges_of = np.split(order, starts[1:])
    step = max(1, _CELLS // max(known.shape[1], 1))
    for start in range(0, len(unique_queries), step):
        chunk = unique_queries[start : start + step]
        table = score(torch.from_numpy(chunk)).detach().cpu().double().numpy()
        if np.isnan(table).any():
            raise ModelError("the model gives scores that are no numbers; train it anew")
        filtered = known[chunk]
        for row, query in enumerate(chunk):
            edges = edges_of[start + row]
            others = allowed.copy()
            others[filtered.indices[filtered.indptr[row] : filtered.indptr[row + 1]]] = False
            others[answers[edges]] = False
            false = table[row][others]
            true = table[row][answers[edges]]
            scores[edges] = true
            more, same = count_above(true, false)
            ranks[edges] = 1 + more + same / 2
            more_true, same_true = count_above(true, true)
            above[edges], tied[edges] = more + more_true, same + same_true - 1
            listed[edges] = len(false) + len(true)
            generator = np.random.default_rng([seed, int(query)])
            for edge in edges:
                some = generator.permutation(len(false))[:negatives]
                drawn[edge, : len(some)] = false[some]
    return Scored(queries, answers, ranks, scores, above, tied, listed, drawn)


def first_candidates(
    score: Score, queries: Ints, left_out: sparse.csr_matrix, true: sparse.csr_matrix
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The first `CALIBRATED_CANDIDATES` candidates of every query, as one list.

    Args:
        queries: (queries,): numbers of nodes.
        left_out: (nodes, candidates): pairs that are no candidates.
        true: (nodes, candidates).

    Returns:
        (pairs,) each: scores, ranks (equal scores in the order of the candidates), and which pairs
        are true.
    """
    most = min(CALIBRATED_CANDIDATES, left_out.shape[1])
    scores, ranks, are_true = [], [], []
    step = max(1, _CELLS // max(left_out.shape[1], 1))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        table = score(torch.from_numpy(rows)).detach().cpu().double().numpy().copy()
        table[left_out[rows].nonzero()] = -np.inf
        first = np.argsort(-table, axis=1, kind="stable")[:, :most]
        table = np.take_along_axis(table, first, 1)
        kept = table > -np.inf
        scores.append(table[kept])
        ranks.append(np.broadcast_to(np.arange(1.0, most + 1), table.shape)[kept])
        are_true.append(np.take_along_axis(true[rows].toarray() > 0, first, 1)[kept])
    return np.concatenate(scores), np.concatenate(ranks), np.concatenate(are_true)


def figures(scored: Scored, *, seed: int = 0, draws: int = DRAWS) -> RankFigures:
    """Compute all figures of a test, each with its interval under `<name>_interval`.

    Returns:
        `n` (edges), `groups` (queries); over edges `mrr`, `hits@k`; over queries `precision@k`
        (the share of the first k of the query's list that is true and tested) and `ef@1%`, … (how
        many times more of the query's true answers are in that share of its list than in a list by
        chance), with `best_` before them what a perfect ranking has; `auroc@1:r` and `auprc@1:r`
        of the true pairs among r negatives for each, drawn from the same query. Ties count as what
        chance makes of them. Without edges all are None, and areas are without negatives.
    """
    result = summarise(scored.ranks, scored.queries, seed=seed, draws=draws)
    per_query = _per_query(scored)
    counts = drawn_counts(len(per_query["size"]), seed, draws)
    for name, values in per_query.items():
        if name != "size":
            result |= _mean(name, values, counts)
    for ratio in RATIOS:
        result |= _classification(scored, ratio, counts[:_AREA_DRAWS])
    return result


def _mean(name: str, values: Floats, counts: Ints) -> RankFigures:
    """The mean over queries, with its interval."""
    if not len(values):
        return {name: None, f"{name}_interval": None}
    of = len(values) if name.startswith("precision@") else None  # enrichment has no upper bound
    return with_interval(name, values.mean(), counts @ values / len(values), of)


def _in_first(scored: Scored, k: Floats | float) -> Floats:
    """How probable it is that each answer is among the first k of its list, ties by chance."""
    return np.clip((k - scored.above) / (scored.tied + 1), 0, 1)


def _per_query(scored: Scored) -> dict[str, Floats]:
    """Precision and enrichment of each query's list; `size` is its number of true answers."""
    _, where = np.unique(scored.queries, return_inverse=True)
    size = np.bincount(where).astype(float)
    per_query = {"size": size}
    for k in PRECISION_AT:
        per_query[f"precision@{k}"] = np.bincount(where, weights=_in_first(scored, k)) / k
        per_query[f"best_precision@{k}"] = np.minimum(size, k) / k
    for share in ENRICHMENT_AT:
        first = _in_first(scored, share * scored.listed)
        per_query[f"ef@{share:.0%}"] = np.bincount(where, weights=first) / size / share
        listed = np.bincount(where, weights=scored.listed) / size
        per_query[f"best_ef@{share:.0%}"] = np.minimum(1, share * listed / size) / share
    return per_query


def _classification(scored: Scored, ratio: int, counts: Ints) -> RankFigures:
    """AUROC and AUPRC of the true pairs among `ratio` negative samples for each."""
    names = f"auroc@1:{ratio}", f"auprc@1:{ratio}"
    if not len(scored.ranks):
        return {key: None for name in names for key in (name, f"{name}_interval")}
    negatives = scored.negatives[:, :ratio]
    there = ~np.isnan(negatives)
    values = np.concatenate([scored.scores, negatives[there]])
    true = np.concatenate([np.ones(len(scored.scores)), np.zeros(there.sum())])
    _, group = np.unique(scored.queries, return_inverse=True)
    groups = np.concatenate([group, np.broadcast_to(group[:, None], there.shape)[there]])
    order = np.argsort(-values, kind="stable")
    values, true, groups = values[order], true[order], groups[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    drawn = np.array([weighted_areas(true, ends, row[groups].astype(float)) for row in counts])
    whole = weighted_areas(true, ends, np.ones(len(true)))
    result: RankFigures = {}
    for column, name in enumerate(names):
        of_draws = drawn[:, column][~np.isnan(drawn[:, column])]
        result[name] = None if np.isnan(whole[column]) else round(float(whole[column]), 4)
        result[f"{name}_interval"] = bootstrap_interval(of_draws) if len(of_draws) else None
    return result


def pooled_over_queries(
    score: Score, pairs: Ints, known: sparse.csr_matrix, seed: int = 0
) -> PooledFigures:
    """How well scores tell tested pairs from all others of the same queries, over all of these.

    In contrast to ranks within a query this asks whether scores compare across queries. The pairs
    are those of `pooled_scores`.
    """
    scores, true = pooled_scores(score, pairs, known, seed)
    return pooled_figures(scores, true, np.ones(len(true), dtype=bool))


def pooled_scores(
    score: Score, pairs: Ints, known: sparse.csr_matrix, seed: int = 0
) -> tuple[Floats, NDArray[np.bool_]]:
    """The scores of tested pairs and of all others of the same queries, and which are tested.

    Args:
        score: as for `score_pairs`.
        pairs: (n, 2): the tested pairs, query and answer; of more than `POOLED_QUERIES` queries,
            or `POOLED_PAIRS` pairs with all answers, as many are drawn.
        known: (queries' nodes, answers' nodes): known pairs, which are left out but for the tested.

    Returns:
        (pairs,) each.
    """
    queries = np.random.default_rng(seed).permutation(np.unique(pairs[:, 0]))
    most = max(1, min(POOLED_QUERIES, POOLED_PAIRS // known.shape[1]))
    queries = np.sort(queries[:most])
    true = pair_matrix(pairs, known.shape)[queries].toarray() > 0
    compared = true | (known[queries].toarray() == 0)
    scores = np.concatenate(
        [
            score(torch.from_numpy(block)).numpy()
            for block in np.array_split(queries, 1 + len(queries) // 100)
        ]
    )
    return scores[compared], true[compared]


def paired_difference(
    ours: Scored, theirs: Scored, *, seed: int = 0, draws: int = DRAWS
) -> RankFigures:
    """The differences of two models' MRR and Hits@k on the same edges, with intervals.

    Returns:
        For `mrr` and `hits@k` the difference, its 95 % interval by bootstrap over the queries that
        both were asked (one draw for both), and, as `<name>_ahead`, the share of draws in which
        the model is ahead.

    Raises:
        ValueError: they were not asked the same.
    """
    if not (
        np.array_equal(ours.queries, theirs.queries)
        and np.array_equal(ours.answers, theirs.answers)
    ):
        raise ValueError("a paired difference is of the same edges in the same order")
    bootstrap = Bootstrap.over(ours.queries, seed, draws)
    names = ("mrr", *(f"hits@{k}" for k in HITS))
    keys = ("", "_interval", "_ahead")
    if not len(ours.ranks):
        return {f"{name}{key}": None for name in names for key in keys}
    result: RankFigures = {}
    for name in names:
        values = _value(name, ours.ranks) - _value(name, theirs.ranks)
        result |= difference_with_interval(name, values.mean(), bootstrap.means(values))
    return result


def _value(name: str, ranks: Floats) -> Floats:
    return 1 / ranks if name == "mrr" else (ranks <= int(name.removeprefix("hits@"))).astype(float)


def by_label(ranks: Floats, labels: Sequence[str]) -> list[RankFigures]:
    """MRR and Hits@k of the edges with each label, such as the relation."""
    names = np.array(labels, dtype=str)
    rows: list[RankFigures] = []
    for label in sorted(set(labels)):
        here = ranks[names == label]
        rows.append(
            {
                "label": label,
                "n": len(here),
                "mrr": round(float((1 / here).mean()), 4),
                **{f"hits@{k}": round(float((here <= k).mean()), 4) for k in HITS},
            }
        )
    return rows
