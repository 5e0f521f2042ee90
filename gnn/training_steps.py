"""What a network learns in each step of training: edges, negative samples, messages."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from scipy import sparse
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput, HeteroSamplerOutput

from . import parallel
from .data import EdgeType
from .message_edges import MessageEdges, Messages, MessageType, SparseMessageEdges
from .negatives import SAMPLERS, Pool
from .network import LinkNetwork, both_ways, messages_over
from .sampler import neighbour_sampler, without_seed_edges
from .settings import NetworkSettings


@dataclass(frozen=True)
class TrainingStep:
    """What is learned in a step.

    Attributes:
        learned: training edges, (2, n).
        heads, tails: the negative samples and the answers, ascending.
        messages: over the edges that are not learned, of all layers or of each; none for a lookup.
        rows: by kind, the nodes that messages go between, `seeds` first; None for all nodes.
        seeds: by kind, the nodes whose vectors are needed, ascending.
    """

    learned: Tensor
    heads: Tensor
    tails: Tensor
    messages: Messages
    rows: Mapping[str, Tensor] | None = None
    seeds: Mapping[str, Tensor] | None = None

    def places(self, kind: str, numbers: Tensor) -> Tensor:
        """Where the vectors of nodes are, among those of the step."""
        return numbers if self.seeds is None else torch.searchsorted(self.seeds[kind], numbers)


class TrainingGraph:
    """The training edges, the messages passed over them, and the steps of an epoch."""

    def __init__(
        self,
        edges: Mapping[EdgeType, Tensor],
        counts: Mapping[str, int],
        known: sparse.csr_matrix,
        settings: NetworkSettings,
        device: torch.device,
        depth: int,
    ):
        self.edge_type = next(iter(edges))
        self.counts, self.settings, self.device, self.depth = counts, settings, device, depth
        # A batch is made on the CPU, and its sample alone goes to the device.
        self.edges = {t: e if settings.batch else e.to(device) for t, e in edges.items()}
        self.known = known, known.T.tocsr()
        learned = self.edges[self.edge_type]
        self._negative_samplers = [
            _NegativeSampler(learned[end].cpu(), counts[self.edge_type[2 * end]]) for end in (0, 1)
        ]
        self._all_messages: dict[MessageType, MessageEdges] | None = None
        self._sampler: BaseSampler | None = None
        if settings.batch:
            share = max(1, learned.shape[1] // parallel.size())
            self.n_steps = math.ceil(share / settings.batch)
            messages = HeteroData()
            for kind, n in counts.items():
                messages[kind].num_nodes = n
            for t, e in self.edges.items():
                for message_type, index in zip(both_ways(t), (e, e.flip(0)), strict=True):
                    messages[message_type].edge_index = index
            self._generator = torch.Generator()
            self._sampler = neighbour_sampler(messages, settings.neighbours, self._generator)
        else:
            self.n_steps = settings.parts

    def steps(self, shared: torch.Generator, own: torch.Generator) -> Iterator[TrainingStep]:
        """An epoch's steps; `shared` is the same in all processes, `own` is not."""
        if self._sampler is None:
            return self._whole_steps(own)
        self._generator.manual_seed(own.initial_seed())
        return self._sampled_steps(self._sampler, shared, own)

    def _whole_steps(self, generator: torch.Generator) -> Iterator[TrainingStep]:
        edges, parts = self.edges[self.edge_type], self.settings.parts
        everything = self.all_messages()
        part_of = torch.randint(parts, (edges.shape[1],), generator=generator).to(self.device)
        for part in range(parts):
            learned = edges[:, part_of == part]
            if learned.shape[1] == 0:
                continue
            rest = messages_over(self.edge_type, edges[:, part_of != part], self.counts)
            heads, tails = self._candidates(learned, generator, whole=True)
            yield TrainingStep(learned, heads, tails, {**everything, **rest} if self.depth else {})

    def _sampled_steps(
        self, sampler: BaseSampler, shared: torch.Generator, own: torch.Generator
    ) -> Iterator[TrainingStep]:
        edges, size = self.edges[self.edge_type], parallel.size()
        head_kind, _, tail_kind = self.edge_type
        share = edges.shape[1] // size
        order = torch.randperm(edges.shape[1], generator=shared)[parallel.rank() :: size][:share]
        for batch in torch.split(order, self.settings.batch):
            learned = edges[:, batch]
            heads, tails = self._candidates(learned, own, whole=False)
            # Negative samples are ends of made-up edges beside the learned ones.
            n = max(len(heads), len(tails))
            made_up = [torch.cat([x, x[:1].expand(n - len(x))]) for x in (heads, tails)]
            ends = torch.cat([learned, torch.stack(made_up)], dim=1)
            seed_edges = EdgeSamplerInput(None, ends[0], ends[1], input_type=self.edge_type)
            sample = sampler.sample_from_edges(seed_edges)
            out = without_seed_edges(sample, *both_ways(self.edge_type))
            messages = messages_by_layer(out, self.depth, self.device)
            seeds = {head_kind: torch.unique(ends[0]), tail_kind: torch.unique(ends[1])}
            if head_kind == tail_kind:
                seeds = {head_kind: torch.unique(ends)}
            rows, seeds = (
                {kind: x.to(self.device) for kind, x in which.items()}
                for which in (out.node, seeds)
            )
            learned, heads, tails = (x.to(self.device) for x in (learned, heads, tails))
            yield TrainingStep(learned, heads, tails, messages, rows, seeds)

    def _candidates(
        self, learned: Tensor, generator: torch.Generator, *, whole: bool
    ) -> tuple[Tensor, Tensor]:
        """Negative samples of heads and tails, and the answers of the step, ascending."""
        candidates = []
        for sampler, answers in zip(self._negative_samplers, learned, strict=True):
            negatives = sampler.draw(self.settings, generator, whole).to(answers.device)
            candidates.append(torch.unique(torch.cat([negatives, answers])))
        heads, tails = candidates
        return heads, tails

    def all_messages(self) -> dict[MessageType, MessageEdges]:
        """Messages over all training edges, on the device, or (with batches) on the CPU."""
        if self._all_messages is None:
            self._all_messages = {}
            for t, edges in self.edges.items() if self.depth else ():
                self._all_messages.update(messages_over(t, edges, self.counts))
        return self._all_messages

    def vectors(self, network: LinkNetwork) -> tuple[LinkNetwork, dict[str, Tensor]]:
        """The network and all nodes' vectors, by messages over all training edges."""
        if self.settings.batch:
            network = copy.deepcopy(network).cpu()
        network.eval()
        with torch.no_grad():
            return network, network(self.all_messages())


def messages_by_layer(
    out: HeteroSamplerOutput, depth: int, device: torch.device
) -> list[dict[MessageType, MessageEdges]]:
    """The messages of each layer over a sample, whose nodes lie in the order of their steps.

    Only the seeds' vectors are wanted, so that the last layer computes these alone, the one before
    it those of their neighbours too, and the outermost nodes only send: of a large graph a sample
    is mostly these. ("Inductive Representation Learning on Large Graphs", Hamilton et al., NeurIPS
    2017, algorithm 2.)

    Args:
        out: a sample of `depth` steps.
    """
    # By kind, how many nodes are at most so many steps from the seeds.
    within = {kind: list(accumulate(steps)) for kind, steps in out.num_sampled_nodes.items()}
    layers = []
    for layer in range(depth):
        messages: dict[MessageType, MessageEdges] = {}
        for t, senders in out.row.items():
            n_senders, n_receivers = within[t[0]][depth - layer], within[t[2]][depth - layer - 1]
            kept = out.col[t] < n_receivers
            messages[t] = SparseMessageEdges(
                senders[kept].to(device), out.col[t][kept].to(device), n_senders, n_receivers
            )
        layers.append(messages)
    return layers


class _NegativeSampler:
    """Draws negative samples for the answers at one end of the relation."""

    def __init__(self, answers: Tensor, n_nodes: int):
        self._pool = Pool.of(answers, 0, n_nodes, n_nodes)
        self._common = torch.unique(answers)

    def draw(self, settings: NetworkSettings, generator: torch.Generator, whole: bool) -> Tensor:
        n, common = settings.n_negatives, self._common
        if settings.negatives != "relation":
            return SAMPLERS[settings.negatives].draw(self._pool, n, generator)
        if not whole:
            common = common[torch.randint(len(common), (n // 2,), generator=generator)]
        n_others = max(n, len(common)) if whole else n - n // 2
        others = torch.randint(self._pool.n_nodes, (n_others,), generator=generator)
        return torch.cat([common, others])
