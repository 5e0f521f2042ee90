"""Filtered ranking: where a model puts the true answers among all candidates of their kind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from .checkpoint import Checkpoint
from .errors import ModelError
from .statistics import DRAWS, Bootstrap, Floats, with_interval

# Scores of queries (numbers of nodes of one kind) with every node of the other kind.
Score = Callable[[Tensor], Tensor]

# Figures by name, such as `mrr` (a number) and `mrr_interval` (its two bounds); the names with k in
# them are made while running, and each is None where there is nothing to measure.
RankFigures = dict[str, Any]

HITS = (1, 3, 10)
# Bounds of the strata by degree: the number of edges of the relation that training had for the
# answer. A stratum goes from its bound to the next one, exclusive.
STRATA = (0, 1, 3, 10)
_CELLS = 2_000_000  # scores held at a time
_KEEP_EVERY = 20.0  # seconds between two writings of finished ranks


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
    *,
    keep: Path | None = None,
    identity: str = "",
) -> NDArray[np.float64]:
    """The rank of each answer among the candidates for its query that are not known to be true.

    Ranks are realistic: ties count half, the mean of the optimistic and the pessimistic rank, so
    that a model that gives one score to all gains nothing (Berrendorf et al., On the Ambiguity of
    Rank-Based Evaluation, 2020).

    They are exact, and memory is bounded at any size: scores are made for some queries at a time,
    all of their candidates are counted by comparison alone, and of the known pairs those of these
    queries are looked up and counted off again.

    Args:
        score: scores of queries with all nodes of the answers' kind, (n,) → (n, nodes).
        queries, answers: (edges,): the true pairs, as numbers of nodes.
        known: (queries' nodes, answers' nodes): the pairs known to be true, which are left out of
            the ranking (but for the answer itself).
        candidates: numbers of the nodes to rank the answer among; all of the kind if not given.
        keep: a folder to keep finished ranks in; where it holds some of the same ranking, these
            are not computed again. It stays when all are done, and the caller removes it.
        identity: of the model, so that another's ranks are not taken from `keep`.

    Returns:
        (edges,): ranks from 1.

    Raises:
        ModelError: the model gives a score that is no number, or `keep` is damaged.
    """
    n_nodes = known.shape[1]
    columns = None if candidates is None else np.unique(candidates)
    order = np.lexsort((answers, queries))
    ranks = np.full(len(queries), np.nan)
    made_of = (queries, answers, known.indptr, known.indices, columns)
    checkpoint = Checkpoint(keep, "" if keep is None else _fingerprint(identity, *made_of))
    finished = checkpoint.read()
    done, written = 0, time.monotonic()
    if finished is not None:
        with checkpoint.restoring():
            done = len(finished.tensors["ranks"])
            ranks[order[:done]] = finished.tensors["ranks"].numpy()
    chunk = max(1, _CELLS // max(n_nodes, 1))
    for start in range(done, len(order), chunk):
        rows = order[start : start + chunk]
        unique_queries, where = np.unique(queries[rows], return_inverse=True)
        scores = _checked_scores(score, unique_queries)
        ranks[rows] = _ranks(scores, where, answers[rows], known[unique_queries], columns)
        done = start + len(rows)
        if done == len(order) or time.monotonic() - written >= _KEEP_EVERY:
            checkpoint.write({"ranks": torch.from_numpy(ranks[order[:done]])}, {})
            written = time.monotonic()
    return ranks


def count_above(scores: Floats, rivals: Floats) -> tuple[Floats, Floats]:
    """How many rivals have a higher score than each of these (n,), and how many the same."""
    ordered = np.sort(rivals)
    last = np.searchsorted(ordered, scores, side="right")
    equal = last - np.searchsorted(ordered, scores, side="left")
    return (len(ordered) - last).astype(float), equal.astype(float)


def ranks_among(scores: Floats, rivals: Floats) -> Floats:
    """The realistic rank of each score (n,), alone among rivals that it is none of; from 1."""
    above, equal = count_above(scores, rivals)
    return 1 + above + equal / 2


def rank_among(score: float, rivals: Floats) -> float:
    """As `ranks_among`, of one score, without sorting the rivals."""
    return 1 + np.count_nonzero(rivals > score) + np.count_nonzero(rivals == score) / 2


def best_rank(scores: Floats, answers: Sequence[int] | NDArray[np.int64]) -> float:
    """The realistic rank of the best of a query's true answers.

    Args:
        scores: (candidates,).
        answers: numbers of the candidates that are true, at least one.

    Equal scores are in random order: of t that are equal, m of them true, the first true one is
    expected at place (t + 1) / (m + 1).
    """
    true = scores[np.asarray(answers)]
    best = true.max()
    equal, own = np.count_nonzero(scores == best), np.count_nonzero(true == best)
    return np.count_nonzero(scores > best) + (equal + 1) / (own + 1)


def ordinal_rank(scores: Floats, candidate: int) -> int:
    """The place of a candidate in the list by falling score; of equal ones the first is before."""
    own = scores[candidate]
    before = np.count_nonzero(scores[:candidate] == own)
    return 1 + np.count_nonzero(scores > own) + before


def _checked_scores(score: Score, queries: NDArray[np.int64]) -> Tensor:
    """Scores of queries (n,) with all nodes, (n, nodes).

    Raises:
        ModelError: one of them is NaN.
    """
    scores = score(torch.from_numpy(queries))
    # The sum is NaN where a score is, and also where infinities cancel out.
    if scores.sum().isnan() and scores.isnan().any():
        raise ModelError("the model gives scores that are no numbers; train it anew")
    return scores


def _ranks(
    scores: Tensor,
    where: NDArray[np.int64],
    answers: NDArray[np.int64],
    known: sparse.csr_matrix,
    columns: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Ranks of the answers (n,) to the queries in the rows `where` (n,) of the scores."""
    true = scores[torch.from_numpy(where), torch.from_numpy(answers)]
    # What is not counted: the known answers of each answer's query, and once the answer itself.
    sizes = np.diff(known.indptr)[where]
    row = np.repeat(np.arange(len(where)), sizes)
    within = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    left_out = known.indices[np.repeat(known.indptr[where], sizes) + within]
    other = left_out != answers[row]
    row = np.concatenate([row[other], np.arange(len(where))])
    left_out = np.concatenate([left_out[other], answers])
    if columns is not None:
        scores = scores[:, torch.from_numpy(columns)]
        place = np.searchsorted(columns, left_out).clip(max=len(columns) - 1)
        among = columns[place] == left_out
        row, left_out = row[among], place[among]
    at = torch.from_numpy(where)
    uncounted = scores[at[row], torch.from_numpy(left_out)].detach().cpu().numpy()
    above, equal = _counts(scores, where, true)
    bound = true.detach().cpu().numpy()[row]
    above -= np.bincount(row[uncounted > bound], minlength=len(where))
    equal -= np.bincount(row[uncounted == bound], minlength=len(where))
    return 1 + above + equal / 2


def _counts(
    scores: Tensor, where: NDArray[np.int64], true: Tensor
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many scores in the rows `where` (n,) are above, and equal to, the true ones (n,)."""
    if scores.device.type != "cpu":
        rows = scores[torch.from_numpy(where)]
        above, equal = ((rows > true[:, None]).sum(1), (rows == true[:, None]).sum(1))
        return above.cpu().numpy(), equal.cpu().numpy()
    # A row at a time stays in the processor's cache, and NumPy counts in it fastest.
    table = scores.detach().numpy()
    counts = np.empty((2, len(where)), dtype=np.int64)
    for number, (row, bound) in enumerate(zip(where.tolist(), true.detach().numpy(), strict=True)):
        counts[0, number] = np.count_nonzero(table[row] > bound)
        counts[1, number] = np.count_nonzero(table[row] == bound)
    return counts[0], counts[1]


def _fingerprint(identity: str, *arrays: NDArray[Any] | None) -> str:
    digest = hashlib.sha256(identity.encode())
    for array in arrays:
        digest.update(b"|" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def summarise(
    ranks: NDArray[np.float64],
    groups: NDArray[np.int64],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> RankFigures:
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
    bootstrap = Bootstrap.over(groups, seed, draws)
    n_groups = len(bootstrap.sizes)
    result: RankFigures = {"n": len(ranks), "groups": n_groups}
    if not len(ranks):
        return {**result, **{key: None for n in values for key in (n, f"{n}_interval")}}
    for name, value in values.items():
        result |= with_interval(name, value.mean(), bootstrap.means(value), n_groups)
    return result


def by_degree(ranks: NDArray[np.float64], degrees: NDArray[np.int64]) -> list[RankFigures]:
    """MRR and Hits@10 of the edges, by the degree that their answer has in training."""
    rows: list[RankFigures] = []
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
