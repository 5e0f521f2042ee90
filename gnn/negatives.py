"""Negative samplers for embeddings: the other nodes that a batch's answers are told from.

One draw serves a whole batch, so that its scores are one matrix product. A new sampler is an entry
in `SAMPLERS`; the contract tests in `tests/contract/test_kge_parts.py` run on every entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_POWER = 0.75  # of the degree: between uniform (0) and as often as in the edges (1)


@dataclass(frozen=True)
class Pool:
    """What one side of a relation may be corrupted with.

    Attributes:
        first, last: numbers of the nodes of the answers' kind: from `first` to below `last`.
        n_nodes: of the whole graph.
        cumulative: (last - first,), float64: running sum of the nodes' degrees under the relation
            on this side, each plus one and to the power ¾.
    """

    first: int
    last: int
    n_nodes: int
    cumulative: Tensor

    @classmethod
    def of(cls, answers: Tensor, first: int, last: int, n_nodes: int) -> Pool:
        """The pool for a relation's answers (edges,) on one side."""
        degrees = torch.bincount(answers - first, minlength=last - first)
        return cls(first, last, n_nodes, (degrees + 1).double().pow(_POWER).cumsum(0))


@dataclass(frozen=True)
class Sampler:
    """A way to draw.

    Attributes:
        draw: of a pool, how many, and a source of chance: different numbers of nodes, sorted, as
            many as that or fewer.
        filtered: whether known true triples among the drawn are left out of the loss; without it
            only the triple's own answer is.
    """

    draw: Callable[[Pool, int, torch.Generator], Tensor]
    filtered: bool = False


def _uniform(pool: Pool, n: int, generator: torch.Generator) -> Tensor:
    return _different(_some(0, pool.n_nodes, n, generator))


def _typed(pool: Pool, n: int, generator: torch.Generator) -> Tensor:
    return _different(_some(pool.first, pool.last, n, generator))


def _mixed(pool: Pool, n: int, generator: torch.Generator) -> Tensor:
    of_kind = _some(pool.first, pool.last, n - n // 2, generator)
    return _different(torch.cat([of_kind, _some(0, pool.n_nodes, n // 2, generator)]))


def _by_degree(pool: Pool, n: int, generator: torch.Generator) -> Tensor:
    if pool.last - pool.first <= n:
        return torch.arange(pool.first, pool.last)
    drawn = torch.rand(n, generator=generator, dtype=torch.float64) * pool.cumulative[-1]
    places = torch.searchsorted(pool.cumulative, drawn, right=True)
    return pool.first + _different(places.clamp_max(pool.last - pool.first - 1))


def _all(pool: Pool, _n: int, _generator: torch.Generator) -> Tensor:
    return torch.arange(pool.first, pool.last)


def _some(first: int, last: int, n: int, generator: torch.Generator) -> Tensor:
    if last - first <= n:
        return torch.arange(first, last)
    return torch.randint(first, last, (n,), generator=generator)


def _different(nodes: Tensor) -> Tensor:
    # Of a few dozen numbers: NumPy's takes a fifth of the time of PyTorch's.
    return torch.from_numpy(np.unique(nodes.numpy()))


SAMPLERS = {
    "uniform": Sampler(_uniform),  # any node
    "typed": Sampler(_typed),  # nodes of the answer's kind
    "mixed": Sampler(_mixed),  # half of them of the kind, half any
    "degree": Sampler(_by_degree),  # of the kind, those with many edges of the relation oftener
    "filtered": Sampler(_typed, filtered=True),  # of the kind, without what is known to be true
    "all": Sampler(_all, filtered=True),  # every node of the kind: 1-vs-all, for small graphs
}
