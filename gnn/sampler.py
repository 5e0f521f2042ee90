"""Sampled neighbourhoods, for graphs whose messages don't fit into memory at once.

PyG's own neighbour sampler needs pyg-lib, which no package registry has. `NeighbourSampler` is one
in plain PyTorch that PyG's loaders take in its place:

    LinkLoader(data, NeighbourSampler(data, [10, 5]), edge_label_index=(edge_type, edges), …)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch_geometric import typing as pyg
from torch_geometric.data import HeteroData
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NeighborSampler,
    NodeSamplerInput,
)
from torch_geometric.sampler.neighbor_sampler import edge_sample, node_sample

from .data import EdgeType

_INT32 = 2**31 - 1


class NeighbourSampler(BaseSampler):  # type: ignore[misc]  # PyG has no types
    """Around some nodes, at each step outwards, at most k edges of each type that point to a node.

    The edges of a node are drawn without replacement, each as likely as any other. The graph is
    kept as one index of edges sorted by receiver for each type: 4 to 8 bytes an edge. What a sample
    takes is bounded by the number of nodes asked for and by the numbers of neighbours, whatever the
    degrees.

    Args:
        data: its edge types and its numbers of nodes are read.
        num_neighbours: k for each step, for all types or by type; -1 for all neighbours.
        generator: what is drawn follows from its state; PyTorch's default one if not given (which
            differs, as it should, between the workers of a loader).
    """

    def __init__(
        self,
        data: HeteroData,
        num_neighbours: Sequence[int] | Mapping[EdgeType, Sequence[int]],
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.generator = generator
        self._counts: dict[str, int] = {kind: data[kind].num_nodes for kind in data.node_types}
        self._neighbours = {
            t: list(num_neighbours[t] if isinstance(num_neighbours, Mapping) else num_neighbours)
            for t in data.edge_types
        }
        self._steps = max((len(ks) for ks in self._neighbours.values()), default=0)
        self._index = {
            t: _by_receiver(data[t].edge_index, self._counts[t[2]]) for t in data.edge_types
        }
        # Each node's number in the sample that is being made; -1 for one that is not in it.
        self._place = {kind: torch.full((n,), -1) for kind, n in self._counts.items()}

    def sample_from_nodes(self, index: NodeSamplerInput, **_: object) -> HeteroSamplerOutput:
        """The sample around nodes, which come first in it, in their order."""
        return node_sample(index, self._sample)

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> HeteroSamplerOutput:
        """The sample around the ends of edges, which come first in it, ascending.

        The edges themselves are in it where they are drawn; see `without_seed_edges`.
        """
        return edge_sample(index, self._sample, self._counts, False, None, neg_sampling)

    def _sample(self, seeds: Mapping[str, Tensor], _: object = None) -> HeteroSamplerOutput:
        nodes = {kind: [seeds[kind]] if kind in seeds else [] for kind in self._counts}
        sizes = {kind: sum(map(len, tensors)) for kind, tensors in nodes.items()}
        for kind, numbers in seeds.items():
            self._place[kind][numbers] = torch.arange(len(numbers))
        frontier = {kind: (0, numbers) for kind, numbers in seeds.items()}
        rows: dict[EdgeType, list[Tensor]] = {t: [] for t in self._index}
        columns: dict[EdgeType, list[Tensor]] = {t: [] for t in self._index}
        edges: dict[EdgeType, list[Tensor]] = {t: [] for t in self._index}
        n_nodes = {kind: [sizes[kind]] for kind in self._counts}

        for step in range(self._steps):
            before = dict(sizes)
            for t, (starts, senders, permutation) in self._index.items():
                offset, receivers = frontier.get(t[2], (0, None))
                k = self._neighbours[t][step] if step < len(self._neighbours[t]) else 0
                if receivers is None or k == 0:
                    receivers, k = torch.empty(0, dtype=torch.int64), 1
                which, at = self._drawn(starts[receivers], starts[receivers + 1], k)
                neighbours = senders[at].long()
                place = self._place[t[0]]
                new = torch.unique(neighbours[place[neighbours] < 0])
                place[new] = torch.arange(sizes[t[0]], sizes[t[0]] + len(new))
                sizes[t[0]] += len(new)
                nodes[t[0]].append(new)
                rows[t].append(place[neighbours])
                columns[t].append(which + offset)
                edges[t].append(at if permutation is None else permutation[at].long())
            frontier = {}
            for kind, n in before.items():
                n_nodes[kind].append(sizes[kind] - n)
                if sizes[kind] > n:
                    frontier[kind] = (n, _joined(nodes[kind])[n:])

        whole = {kind: _joined(tensors) for kind, tensors in nodes.items()}
        for kind, numbers in whole.items():
            self._place[kind][numbers] = -1
        return HeteroSamplerOutput(
            node=whole,
            row={t: _joined(tensors) for t, tensors in rows.items()},
            col={t: _joined(tensors) for t, tensors in columns.items()},
            edge={t: _joined(tensors) for t, tensors in edges.items()},
            batch=None,
            num_sampled_nodes=n_nodes,
            num_sampled_edges={t: [len(part) for part in tensors] for t, tensors in rows.items()},
        )

    def _drawn(self, begin: Tensor, end: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Of each range of edges at most k: which range it is from, and the place of the edge."""
        degrees = end.long() - begin.long()
        sizes = degrees if k < 0 else degrees.clamp_max(k)
        which = torch.repeat_interleave(sizes)
        first = sizes.cumsum(0) - sizes
        at = begin.long()[which] + torch.arange(len(which)) - first[which]
        many = (degrees > sizes).nonzero().ravel()
        if len(many):
            # Floyd's algorithm, for all nodes at once: k draws a node, whatever its degree.
            chosen = torch.empty(len(many), k, dtype=torch.int64)
            for i in range(k):
                last = degrees[many] - k + i
                share = torch.rand(len(many), dtype=torch.float64, generator=self.generator)
                drawn = torch.minimum((share * (last + 1)).long(), last)
                again = (chosen[:, :i] == drawn[:, None]).any(1)
                chosen[:, i] = torch.where(again, last, drawn)
            places = first[many][:, None] + torch.arange(k)
            at[places.ravel()] = (begin.long()[many][:, None] + chosen).ravel()
        return which, at


def neighbour_sampler(
    data: HeteroData, num_neighbours: Sequence[int], generator: torch.Generator
) -> BaseSampler:
    """PyG's compiled sampler where pyg-lib is installed, else `NeighbourSampler`."""
    if pyg.WITH_PYG_LIB:
        return NeighborSampler(data, num_neighbors=list(num_neighbours))
    return NeighbourSampler(data, num_neighbours, generator=generator)


def without_seed_edges(
    out: HeteroSamplerOutput, forth: EdgeType, back: EdgeType
) -> HeteroSamplerOutput:
    """A sample around edges of type `forth`, without these edges themselves and without those of
    type `back` from their tails to their heads, so that none is learned from itself.

    Within a kind, edges of both types between the two ends are left out, whichever way they go.
    (`functools.partial` of it is a loader's `transform_sampler_output`.)
    """
    # (input_id, both ends, labels, time), or (input_id, heads, tails, negative tails, time)
    ends = out.metadata[1] if len(out.metadata) == 4 else torch.stack(list(out.metadata[1:3]))
    n = max((len(numbers) for numbers in out.node.values()), default=0) + 1
    hidden = {forth: ends[0] * n + ends[1], back: ends[1] * n + ends[0]}
    if forth[0] == forth[2]:
        hidden = dict.fromkeys(hidden, torch.cat([*hidden.values()]))
    for t, pairs in hidden.items():
        kept = ~torch.isin(out.row[t] * n + out.col[t], pairs)
        out.row[t], out.col[t] = out.row[t][kept], out.col[t][kept]
        if out.edge is not None and out.edge.get(t) is not None:
            out.edge[t] = out.edge[t][kept]
    # The counts by step would no longer be true.
    out.num_sampled_edges = None
    return out


def _by_receiver(edges: Tensor, n_receivers: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Starts of each receiver's edges (receivers + 1,), the senders in that order (edges,), and the
    edges' numbers in that order, or None if it is their own."""
    senders, receivers = edges
    starts = torch.zeros(n_receivers + 1, dtype=torch.int64)
    starts[1:] = torch.bincount(receivers, minlength=n_receivers).cumsum(0)
    small = len(senders) <= _INT32
    permutation = None
    if not bool((receivers[1:] >= receivers[:-1]).all()):
        order = torch.argsort(receivers, stable=True)
        senders, permutation = senders[order], order.int() if small else order
    if len(senders) == 0 or int(senders.max()) <= _INT32:
        senders = senders.int()
    return starts, senders, permutation


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors) if tensors else torch.empty(0, dtype=torch.int64)
