"""Rank the heads and tails of triples by embeddings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.tensors import tensors_checksum
from ..triples import Triples, side_ranks
from .training import Embeddings


def triple_ranks(
    embeddings: Embeddings,
    edges: NDArray[np.int64],
    known: Triples,
    *,
    typed: bool = True,
    keep: Path | None = None,
    step: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Filtered ranks of triples, both sides; see `filtered_ranks`.

    Args:
        edges: (n, 3): head, relation, tail.
        known: the triples known to be true, which are left out of the rankings.
        typed: rank among the nodes of the answer's kind; else among all nodes.
        keep: a folder to keep finished ranks in, so that a killed ranking goes on; removed at the
            end.
        step: called with the number of ranks that were finished.

    Returns:
        (n, 2): the rank of the tail among tails, and of the head among heads.
    """

    def score(relation: int, side: int, first: int, last: int, rows: Tensor) -> Tensor:
        score_side = embeddings.score_heads if side else embeddings.score_tails
        return score_side(rows, relation, first, last)

    identity = "" if keep is None else _identity(embeddings)
    return side_ranks(score, edges, known, typed=typed, keep=keep, identity=identity, step=step)


def _identity(embeddings: Embeddings) -> str:
    tables = {"nodes": embeddings.nodes, "relations": embeddings.relations}
    return f"{embeddings.decoder} {embeddings.reciprocal} {tensors_checksum(tables)}"
