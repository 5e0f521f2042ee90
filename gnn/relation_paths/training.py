"""What a path network of all relations is trained on: known pairs that are hidden from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..message_edges import MessageType
from ..path_network import PathGraph
from ..path_training import QueryBatch, query_batch

_STEPS = 300  # of an epoch
_HIDING_SEVERAL = 0.7  # of queries, that hide a share of the head's pairs; the others hide one
_HIDDEN = 0.2  # of the pairs of a head, where several are hidden


class RelationQueries:
    """Training batches, each about one relation in one direction, for several heads.

    Args:
        graph: that messages are passed over; it holds the pairs.
        pairs: by message type, the known pairs, (heads, tails).
        together: so many heads are asked for in a step.
    """

    def __init__(
        self, graph: PathGraph, pairs: Mapping[MessageType, sparse.csr_matrix], together: int
    ):
        self.steps = _STEPS
        self._graph, self._pairs, self._together = graph, pairs, together
        self._types = list(pairs)
        self._shares = _shares(np.array([pairs[each].nnz for each in pairs]))

    def batches(self, rng: np.random.Generator) -> Iterator[QueryBatch]:
        """The steps of an epoch."""
        for _ in range(self.steps):
            asked_for = self._types[rng.choice(len(self._types), p=self._shares)]
            pairs = self._pairs[asked_for]
            degrees = np.diff(pairs.indptr)
            heads = np.flatnonzero(degrees)
            several = min(self._together, len(heads))
            chosen = rng.choice(heads, several, replace=False, p=_shares(degrees[heads]))
            hidden = [_hidden(pairs[head].indices, rng) for head in chosen]
            yield query_batch(self._graph.asking(asked_for), pairs, chosen, hidden)


def _shares(edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each relation, or each head of one, is asked for: by the root of its edges."""
    weights = np.sqrt(edges)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _hidden(tails: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
    share = _HIDDEN if rng.random() < _HIDING_SEVERAL else 0.0
    several = max(1, round(len(tails) * share))
    return rng.choice(tails, several, replace=False).astype(np.int64)
