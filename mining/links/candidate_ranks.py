"""How a link model ranks the answers to a query: the new ones, the known ones, and single pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from ...core.progress import track
from ...core.ranking import ordinal_rank
from ...core.whole_numbers import check_whole_number
from .scorers import ChoosesCandidates, LinkScorer, is_ranked
from .task import LinkTask


class Standing(NamedTuple):
    """A pair's score, its rank among the new answers to a query, and, of a new one, the probability
    that the sources miss it."""

    score: float
    rank: int
    probability: float | None


class CandidateRanks:
    """Ranks of a model's answers.

    A query is the number of a head, whose tails are ranked (direction `tail`), or of a tail
    (`head`).

    Args:
        scorer: gives the scores.
        choosers: the members of the scorer that rank some pairs alone; None for each member that
            ranks every pair.
        task: the relation and its entities.
        recorded: the pairs that the graph holds, (heads, tails).
        trained: those that the model was fitted on, (heads, tails).
        modalities: of heads that get no new answers, what they are (see `modality`).
        stated: the calibrations of new pairs, by direction.
    """

    def __init__(
        self,
        scorer: LinkScorer,
        choosers: Sequence[ChoosesCandidates | None],
        task: LinkTask,
        *,
        recorded: sparse.csr_matrix,
        trained: sparse.csr_matrix,
        modalities: Mapping[int, str],
        stated: Mapping[str, Calibration],
    ):
        self._scorer, self._choosers, self._task = scorer, choosers, task
        self._recorded, self._modalities = recorded, modalities
        self._stated = stated
        loops, not_new = task.loops(), (trained + recorded).tocsr()
        self._loops = {"tail": loops, "head": loops.T.tocsr()}
        self._not_new = {"tail": not_new, "head": not_new.T.tocsr()}

    def new(self, direction: str, query: int, top: int) -> pl.DataFrame:
        """The first answers that are not known, best first; fewer where fewer are ranked.

        What has a modality gets none, for likeness tells nothing of it. Nor is a pair an answer
        that no member of the model ranks, since nothing speaks for it.

        Returns:
            Columns head, relation, tail, rank, score, probability and known.

        Raises:
            DataError: `top` is less than 1.
        """
        check_whole_number("top, how many to list,", top, 1)
        scores = self._of_new(direction, query, self._scores(direction, query))
        order = np.argsort(-scores, kind="stable")[:top]
        order = order[scores[order] > -np.inf]
        ranks = np.arange(1, len(order) + 1)
        of_new = self._stated[direction]
        return self._rows(direction, query, order.tolist(), scores[order], ranks.tolist(), of_new)

    def unranked(self, direction: str, query: int) -> int:
        """How many answers are neither known nor among those that `new` can list."""
        new = self._of_new(direction, query, self._scores(direction, query))
        return int((new == -np.inf).sum()) - len(self._not_new[direction][query].indices)

    def known(self, direction: str, query: int, top: int) -> pl.DataFrame:
        """The known answers, best first, then those that the model doesn't rank.

        Returns:
            As `new`; the probability is null, since no source misses these, and of what isn't
            ranked rank and score are, too.

        Raises:
            DataError: `top` is less than 1.
        """
        check_whole_number("top, how many to list,", top, 1)
        known = set(self._not_new[direction][query].indices.tolist())
        answers = sorted(known.difference(self._loops[direction][query].indices.tolist()))
        ends = [(query, n) if direction == "tail" else (n, query) for n in answers]
        scores = self._scores(direction, query)
        others = self._competitors(direction, query, scores)
        ranks = [
            _rank_among(others, scores[n], n) if self.is_candidate(*pair) else None
            for n, pair in zip(answers, ends, strict=True)
        ]
        places = sorted(range(len(answers)), key=lambda n: (ranks[n] is None, -scores[answers[n]]))
        places = places[:top]
        chosen = [answers[n] for n in places]
        chosen_ranks = [ranks[n] for n in places]
        return self._rows(direction, query, chosen, scores[chosen], chosen_ranks, None)

    def standings(self, direction: str, query: int, answers: Sequence[int]) -> list[Standing]:
        """Where answers stand among the new ones, each by itself."""
        scores = self._scores(direction, query)
        others = self._competitors(direction, query, scores)
        not_new = set(self._not_new[direction][query].indices.tolist())
        standings = []
        for answer in answers:
            own = scores[answer]
            rank = _rank_among(others, own, answer)
            probability = None
            if answer not in not_new:
                at = np.array([own]), np.array([float(rank)])
                probability = float(self._stated[direction].probability(*at)[0])
            standings.append(Standing(float(own), rank, probability))
        return standings

    def of_pairs(self, pairs: Sequence[tuple[int, int]]) -> list[Standing | str]:
        """Where pairs (head, tail) stand among the new tails of their heads, or why they don't."""
        by_head: dict[int, list[int]] = {}
        for place, (head, _) in enumerate(pairs):
            by_head.setdefault(head, []).append(place)
        answers: dict[int, Standing | str] = {}
        for head, places in track(by_head.items(), "Scoring", len(by_head)):
            tails = [pairs[place][1] for place in places]
            standings = self.standings("tail", head, tails)
            for place, tail, standing in zip(places, tails, standings, strict=True):
                answers[place] = self.why_unranked(head, tail) or standing
        return [answers[place] for place in range(len(pairs))]

    def why_unranked(self, head: int, tail: int) -> str | None:
        """Why a pair has no rank, probability or score that says anything, if it has none."""
        if self._loops["tail"][head, tail]:
            return "both ends are the same"
        if head in self._modalities and self._is_new(head, tail):
            return f"not ranked: new tails are not predicted for this ({self._modalities[head]})"
        if not self.is_candidate(head, tail):
            if self._is_new(head, tail):
                return "not ranked: nothing that the model knows speaks for the pair"
            return "not ranked: while the pair was held back too little spoke for it"
        return None

    def is_candidate(self, head: int, tail: int) -> bool:
        """Whether the model, or a member of it, ranks a pair at all."""
        return is_ranked(self._choosers, head, tail)

    def _is_ranked(self, direction: str, query: int, size: int) -> NDArray[np.bool_]:
        """Which of the nodes at the other end a member ranks with a query, (size,)."""
        ranked = np.zeros(size, dtype=np.bool_)
        for chooser in self._choosers:
            ranked[slice(None) if chooser is None else chooser.candidates(direction, query)] = True
        return ranked

    def is_recorded(self, head: int, tail: int) -> bool:
        """Whether the graph holds a pair."""
        return bool(self._recorded[head, tail])

    def _is_new(self, head: int, tail: int) -> bool:
        """Whether neither the graph holds a pair nor the model was fitted on it."""
        return not self._not_new["tail"][head, tail]

    def _of_new(
        self, direction: str, query: int, scores: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """A query's scores with all nodes, those alone that `new` may list."""
        if direction == "tail" and query in self._modalities:
            return np.full(len(scores), -np.inf)
        return self._competitors(direction, query, scores)

    def _competitors(
        self, direction: str, query: int, scores: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The same, with the answers too that a head gets by likeness whatever its modality: what
        its known tails were ranked among."""
        others = np.where(self._is_ranked(direction, query, len(scores)), scores, -np.inf)
        others[self._not_new[direction][query].indices] = -np.inf
        if direction == "head":
            others[list(self._modalities)] = -np.inf
        return others

    def _rows(
        self,
        direction: str,
        query: int,
        answers: list[int],
        scores: NDArray[np.float64],
        ranks: list[int | None],
        calibration: Calibration | None,
    ) -> pl.DataFrame:
        """Answers with rank, score, probability and whether known; nulls where there is no rank.

        Without a calibration no probability is stated.
        """
        forward = direction == "tail"
        probabilities: Sequence[float | None] | NDArray[np.float64] = [None] * len(answers)
        if calibration is not None:
            probabilities = calibration.probability(scores, np.array(ranks, dtype=np.float64))
        known = self._recorded[query] if forward else self._recorded[:, query].T
        ids = self._task.heads, self._task.tails
        queries, others = ids if forward else ids[::-1]
        own, other = [queries[query]] * len(answers), [others[n] for n in answers]
        heads, tails = (own, other) if forward else (other, own)
        ranked = pl.col("rank").is_not_null()
        return pl.DataFrame(
            {
                "head": pl.Series(heads, dtype=pl.String),
                "relation": pl.Series([self._task.edge_type[1]] * len(answers), dtype=pl.String),
                "tail": pl.Series(tails, dtype=pl.String),
                "rank": pl.Series(ranks, dtype=pl.UInt32),
                "score": pl.Series(scores, dtype=pl.Float64),
                "probability": pl.Series(probabilities, dtype=pl.Float64),
                "known": np.isin(answers, known.nonzero()[1]),
            }
        ).with_columns(pl.when(ranked).then("score").alias("score"))

    def _scores(self, direction: str, query: int) -> NDArray[np.float64]:
        """Scores of a query with all nodes at the other end."""
        score = self._scorer.score_tails if direction == "tail" else self._scorer.score_heads
        return np.array(score(torch.tensor([query]))[0].double().numpy())


def _rank_among(others: NDArray[np.float64], score: float, answer: int) -> int:
    """The rank of an answer's score among others, of equal ones the first node first."""
    among = others.copy()
    among[answer] = score
    return ordinal_rank(among, answer)
