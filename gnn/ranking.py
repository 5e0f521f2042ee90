"""Filtered ranking: where a model puts the true answers among all candidates of their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ..graph.errors import ModelError

# Scores of queries (numbers of nodes of one kind) with every node of the other kind.
Score = Callable[[Tensor], Tensor]

HITS = (1, 3, 10)
# Bounds of the strata by degree: the number of edges of the relation that training had for the
# answer. A stratum goes from its bound to the next one, exclusive.
STRATA = (0, 1, 3, 10)
_CELLS = 4_000_000  # scores held at a time


def pair_matrix(pairs: NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_matrix:
    """Pairs (n, 2) of row and column as a sparse 0/1 matrix."""
    ones = np.ones(len(pairs), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)
    matrix.data[:] = 1.0  # a pair that was there twice was summed
    return matrix


def filtered_ranks(
    score: Score,
    queries: NDArray[np.int64],
    answers: NDArray[np.int64],
    known: sparse.csr_matrix,
    candidates: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """The rank of each answer among the candidates for its query that are not known to be true.

    Ranks are realistic: ties count half, the mean of the optimistic and the pessimistic rank, so
    that a model that gives one score to all gains nothing (Berrendorf et al., On the Ambiguity of
    Rank-Based Evaluation, 2020).

    Args:
        score: scores of queries with all nodes of the answers' kind, (n,) → (n, nodes).
        queries, answers: (edges,): the true pairs, as numbers of nodes.
        known: (queries' nodes, answers' nodes): the pairs known to be true, which are left out of
            the ranking (but for the answer itself).
        candidates: numbers of the nodes to rank the answer among; all of the kind if not given.

    Returns:
        (edges,): ranks from 1.

    Raises:
        ModelError: the model gives a score that is no number.
    """
    n_nodes = known.shape[1]
    allowed = torch.ones(n_nodes, dtype=torch.bool)
    if candidates is not None:
        allowed[:] = False
        allowed[torch.from_numpy(candidates)] = True
    order = np.argsort(queries, kind="stable")
    ranks = np.empty(len(queries))
    chunk = max(1, _CELLS // max(n_nodes, 1))
    for start in range(0, len(order), chunk):
        rows = order[start : start + chunk]
        asked, where = np.unique(queries[rows], return_inverse=True)
        scores = score(torch.from_numpy(asked)).cpu()
        if torch.isnan(scores).any():
            raise ModelError("the model gives scores that are no numbers; train it anew")
        true = scores[torch.from_numpy(where), torch.from_numpy(answers[rows])][:, None]
        others = allowed & ~torch.from_numpy(known[asked].toarray() > 0)
        scores, others = scores[where], others[where]
        others[torch.arange(len(rows)), torch.from_numpy(answers[rows])] = False
        above = ((scores > true) & others).sum(1)
        equal = ((scores == true) & others).sum(1)
        ranks[rows] = (1 + above + equal / 2).numpy()
    return ranks


def summarise(
    ranks: NDArray[np.float64],
    groups: NDArray[np.int64],
    *,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Any]:
    """MRR and Hits@k, each with a 95 % interval by bootstrap over groups.

    Args:
        ranks: (edges,).
        groups: (edges,): what to draw together, such as the head; edges of one head are alike, so
            drawing edges one by one would give intervals that are too narrow.

    Returns:
        `n` (edges), `groups`, and for each of `mrr`, `hits@1`, `hits@3`, `hits@10` the value and,
        under `<name>_interval`, its bounds; all None where there is no edge.
    """
    values = {"mrr": 1 / ranks, **{f"hits@{k}": (ranks <= k).astype(float) for k in HITS}}
    names, where = np.unique(groups, return_inverse=True)
    sizes = np.bincount(where, minlength=len(names))
    result: dict[str, Any] = {"n": len(ranks), "groups": len(names)}
    if not len(ranks):
        return {**result, **{key: None for n in values for key in (n, f"{n}_interval")}}
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    totals = counts @ sizes
    for name, value in values.items():
        drawn = counts @ np.bincount(where, weights=value, minlength=len(names)) / totals
        low, high = np.quantile(drawn, [0.025, 0.975])
        result[name] = round(float(value.mean()), 4)
        result[f"{name}_interval"] = [round(float(low), 4), round(float(high), 4)]
    return result


def by_degree(ranks: NDArray[np.float64], degrees: NDArray[np.int64]) -> list[Mapping[str, Any]]:
    """MRR and Hits@10 of the edges, apart by the degree that their answer has in training."""
    rows: list[Mapping[str, Any]] = []
    for low, high in zip(STRATA, (*STRATA[1:], None), strict=True):
        here = (degrees >= low) & (degrees < high if high is not None else True)
        if here.any():
            last = "+" if high is None else "" if high == low + 1 else f"-{high - 1}"
            rows.append(
                {
                    "degree": f"{low}{last}",
                    "n": int(here.sum()),
                    "mrr": round(float((1 / ranks[here]).mean()), 4),
                    "hits@10": round(float((ranks[here] <= 10).mean()), 4),
                }
            )
    return rows
