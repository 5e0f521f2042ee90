"""Trained link models as one: the weighted mean of their log-odds, weights from validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata
from torch import Tensor

from ...core.calibration import Calibration
from ...core.progress import progress
from ...core.ranking import filtered_ranks
from ...core.tensors import with_prefix
from .scorers import LinkScorer
from .task import LinkTask

if TYPE_CHECKING:
    from ..molecules.structure_ranker import StructureRanker

_ROUNDS = 10  # of the choice, so that weights are tenths or coarser
_CELLS = 100_000_000  # log-odds held while weights are chosen


class EnsembleMember(NamedTuple):
    """A trained scorer, and its calibration by direction (`tail`, `head`)."""

    scorer: LinkScorer
    calibrations: Mapping[str, Calibration]


class Ensemble:
    """score(h, t) = Σ_m weight_m · log-odds_m(h, t)

    A member's log-odds are those that its calibration makes of its score and rank. Equal scores
    share their mean rank, so that the order of nodes tells nothing; pairs that were trained on take
    no rank from others.

    Source: the logarithmic opinion pool, Genest and Zidek, Combining Probability Distributions,
    Statistical Science 1986.

    Args:
        weights: (members,), of sum 1.
        trained: the training pairs, (heads, tails).
    """

    def __init__(
        self,
        members: Sequence[EnsembleMember],
        weights: NDArray[np.float64],
        trained: sparse.csr_matrix,
    ):
        self.members, self.weights = list(members), weights
        self._trained = {"tail": trained, "head": trained.T.tocsr()}

    @property
    def structure(self) -> StructureRanker | None:
        """The structure ranker of the first member that has one, which scores new molecules."""
        rankers = (getattr(member.scorer, "structure", None) for member in self.members)
        return next((part for part in rankers if part is not None), None)

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return self._mean("tail", heads)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        return self._mean("head", tails)

    def _mean(self, direction: str, queries: Tensor) -> Tensor:
        weighted = [
            weight * _log_odds(member, direction, queries, self._trained[direction])
            for member, weight in zip(self.members, self.weights, strict=True)
            if weight
        ]
        return torch.from_numpy(np.sum(weighted, axis=0))

    def tensors(self) -> dict[str, Tensor]:
        """The weights, and what the members are made of, by their numbers."""
        tensors = {"weights": torch.from_numpy(self.weights)}
        for number, member in enumerate(self.members):
            tensors |= with_prefix(str(number), member.scorer.tensors())
        return tensors


def choose_weights(
    members: Sequence[EnsembleMember], task: LinkTask, *, seed: int = 0
) -> tuple[NDArray[np.float64], float]:
    """Weights with the best validation MRR of tails, and this.

    Members are added one by one, each time that which the MRR gains most from, whether or not it is
    in already; a member's weight is its share at the best of `_ROUNDS` rounds. Of many validation
    queries as many as memory allows are drawn.

    Source: Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004.
    """
    query_heads = np.unique(task.valid[:, 0])
    most = max(1, _CELLS // (len(members) * len(task.tails)))
    if len(query_heads) > most:
        query_heads = np.sort(np.random.default_rng(seed).choice(query_heads, most, replace=False))
    queries, answers = task.valid[np.isin(task.valid[:, 0], query_heads)].T
    trained, known = task.matrix("train"), task.matrix("train", "valid")
    odds = [_log_odds(one, "tail", torch.from_numpy(query_heads), trained) for one in members]

    def mrr(total: NDArray[np.float32]) -> float:
        def score(heads: Tensor) -> Tensor:
            return torch.from_numpy(total[np.searchsorted(query_heads, heads.numpy())])

        return float((1 / filtered_ranks(score, queries, answers, known)).mean())

    counts = np.zeros(len(members))
    total = np.zeros_like(odds[0])
    best, weights = -1.0, counts
    with progress("Choosing the members' weights", _ROUNDS) as step:
        for number in range(_ROUNDS):
            figures = [mrr((total + one) / (number + 1)) for one in odds]
            chosen = int(np.argmax(figures))
            counts[chosen] += 1
            total += odds[chosen]
            if figures[chosen] > best:
                best, weights = figures[chosen], counts / counts.sum()
            step(1, f"validation MRR {best:.3f}")
    return weights, best


def _log_odds(
    member: EnsembleMember, direction: str, queries: Tensor, trained: sparse.csr_matrix
) -> NDArray[np.float32]:
    """What a member says of queries with all nodes at the other end, (n, nodes)."""
    score = member.scorer.score_tails if direction == "tail" else member.scorer.score_heads
    scores = score(queries).double().numpy()
    apart = trained[queries.numpy()].nonzero()
    others = scores.copy()
    others[apart] = -np.inf
    ranks = rankdata(-others, axis=1)
    # A pair that was trained on is ranked as if it alone had not been.
    above = [(others[row] > scores[row, column]).sum() for row, column in zip(*apart, strict=True)]
    ranks[apart] = 1 + np.array(above)
    return member.calibrations[direction].log_odds(scores, ranks).astype(np.float32)
