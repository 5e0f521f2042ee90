"""A graph's edges as numbered triples, and the filtered ranks of their heads and tails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from ..core.ranking import filtered_ranks, pair_matrix
from .data import EdgeType


@dataclass(frozen=True)
class Triples:
    """The triples of a graph as numbers.

    Attributes:
        edges: (n, 3), int64: head, relation, tail.
        starts: (kinds + 1,), int64: nodes are numbered kind after kind; the first number of each
            kind, and at the end the number of nodes.
        kinds: (relations, 2), int64: the kinds of a relation's heads and tails.
    """

    edges: NDArray[np.int64]
    starts: NDArray[np.int64]
    kinds: NDArray[np.int64]

    def span(self, relation: int, end: int) -> tuple[int, int]:
        """The numbers, from the first to below the last, of the nodes that may be a relation's
        heads (end 0) or tails (end 1)."""
        kind = self.kinds[relation, end]
        return int(self.starts[kind]), int(self.starts[kind + 1])

    def pairs(self, relation: int) -> NDArray[np.int64]:
        """Heads and tails of a relation's triples, (n, 2)."""
        pairs: NDArray[np.int64] = self.edges[self.edges[:, 1] == relation][:, [0, 2]]
        return pairs


def triples_of(data: HeteroData) -> tuple[Triples, list[EdgeType]]:
    """A graph's edges as triples: every edge type (kind, relation, kind) is a relation.

    Edges of a symmetric relation within a kind are there in one direction, as in the graph.

    Returns:
        The triples, and the edge types in the order of their numbers. Node i of the k-th kind has
        the number `starts[k] + i`.
    """
    kinds = sorted(data.node_types)
    starts = np.cumsum([0, *(data[kind].num_nodes for kind in kinds)]).astype(np.int64)
    first = dict(zip(kinds, starts.tolist(), strict=False))
    types: list[EdgeType] = sorted(data.edge_types)
    triples = []
    for number, edge_type in enumerate(types):
        heads, tails = data[edge_type].edge_index.numpy()
        relation = np.full(len(heads), number)
        triples.append(
            np.stack([heads + first[edge_type[0]], relation, tails + first[edge_type[2]]], axis=1)
        )
    edges = np.concatenate(triples) if triples else np.empty((0, 3), dtype=np.int64)
    joined = np.array([[kinds.index(t[0]), kinds.index(t[2])] for t in types], dtype=np.int64)
    return Triples(edges.astype(np.int64), starts, joined.reshape(-1, 2)), types


# Of a relation's number, a side (0: tails are ranked, 1: heads), the first and last (exclusive)
# number of the candidates, and nodes (n,): scores (n, candidates).
SideScore = Callable[[int, int, int, int, Tensor], Tensor]


def degree_ranks(
    edges: NDArray[np.int64], learned: Triples, known: Triples, *, typed: bool = True
) -> NDArray[np.float64]:
    """As `triple_ranks`, with the number of a candidate's learned triples as its score."""

    def score(relation: int, side: int, first: int, last: int, rows: Tensor) -> Tensor:
        answers = learned.pairs(relation)[:, 1 - side]
        degrees = np.bincount(answers, minlength=int(learned.starts[-1]))[first:last]
        return torch.from_numpy(degrees).expand(len(rows), -1)

    return side_ranks(score, edges, known, typed=typed)


def side_ranks(
    score: SideScore,
    edges: NDArray[np.int64],
    known: Triples,
    *,
    typed: bool = True,
    keep: Path | None = None,
    identity: str = "",
    step: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """As `triple_ranks`, by any scores; `identity` is the model's, see `filtered_ranks`."""
    ranks = np.empty((len(edges), 2))
    n_nodes = int(known.starts[-1])
    for relation in np.unique(edges[:, 1]).tolist():
        here = np.flatnonzero(edges[:, 1] == relation)
        pairs = known.pairs(relation)
        for side in (0, 1):
            queries, answers = edges[here][:, [0, 2] if side == 0 else [2, 0]].T
            first, last = known.span(relation, 1 - side) if typed else (0, n_nodes)
            true = np.stack([pairs[:, side], pairs[:, 1 - side] - first], axis=1)
            ranks[here, side] = filtered_ranks(
                partial(score, relation, side, first, last),
                queries,
                answers - first,
                pair_matrix(true, (n_nodes, last - first)),
                keep=None if keep is None else keep / f"{relation}-{side}",
                identity=identity,
            )
            if step is not None:
                step(len(here))
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)
    return ranks
