"""Training of a network, resumable: over the whole graph, or over sampled neighbourhoods."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy import sparse
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput

from ..core.atomic import atomic_folder
from ..core.errors import DataError, ModelError
from ..core.model_folder import with_prefix, without_prefix
from ..core.progress import progress
from ..core.threads import one_thread
from . import parallel
from .data import EdgeType
from .encoders import MessageEdges, MessageType, SparseMessageEdges
from .losses import LOSSES
from .negatives import SAMPLERS, Pool
from .network import (
    LinkNetwork,
    both_ways,
    compact,
    features_of,
    messages_over,
)
from .sampler import neighbour_sampler, without_seed_edges
from .settings import NetworkSettings

_CONTEXT_EDGES = 500_000  # the most edges of other relations that are taken by default
CHECKPOINT = "checkpoint.json"
_SMALL = 4_000_000  # numbers in a network's weights that one thread is enough for
_CONTEXT_SAMPLE = 512  # edges of each other relation, and nodes to tell them from, in a step
_PLATEAU = 2  # looks without a better MRR after which the learning rate is halved


def context_of(
    data: HeteroData, edge_type: EdgeType, relations: Sequence[str] | None
) -> tuple[EdgeType, ...]:
    """The edge types, beside the predicted one, to learn from.

    Args:
        relations: their names; by default those that have the predicted relation's kinds at an end,
            the smallest first, up to 500,000 edges.

    Raises:
        DataError: the graph has no edges of a relation.
    """
    others = [t for t in data.edge_types if t != edge_type]
    if relations is not None:
        if missing := sorted(set(relations) - {t[1] for t in others} - {edge_type[1]}):
            raise DataError(f"the graph has no edges {', '.join(missing)} to learn from")
        return tuple(t for t in others if t[1] in relations)
    kinds, outside = {edge_type[0], edge_type[2]}, {"Document", "Patient"}
    near = [t for t in others if kinds & {t[0], t[2]} and not outside & {t[0], t[2]}]
    chosen, total = [], 0
    for t in sorted(near, key=lambda t: (data[t].num_edges, t)):
        total += data[t].num_edges
        if total > _CONTEXT_EDGES:
            break
        chosen.append(t)
    return tuple(sorted(chosen))


def device_of(name: str | None) -> torch.device:
    """The device of that name; without one a GPU where there is one, else the CPU.

    Raises:
        ModelError: it can't be used here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {name!r} can't be used here: {error}") from error


def train_network(
    data: HeteroData,
    edge_type: EdgeType,
    known: sparse.csr_matrix,
    settings: NetworkSettings,
    validate: Callable[[LinkNetwork, Mapping[str, Tensor]], float],
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    identity: str = "",
) -> tuple[LinkNetwork, dict[str, Tensor], dict[str, Any]]:
    """Train until the validation MRR no longer grows, and keep the best weights.

    The loss of a training edge (h, r, t) is that of telling t from other tails for (h, r), and h
    from other heads for (r, t), known pairs left out. Under torchrun the processes share the edges
    of sampled batches.

    Args:
        data: the training graph: no validation or test edge is in it. Kinds with features have them
            as `x`, see `compact`.
        known: the training pairs, (heads, tails).
        validate: the validation MRR of a network and its vectors.
        checkpoint: a folder to keep the state in; where it holds one of the same training, training
            goes on from there. It is removed at the end.
        identity: of what validates, so that no training goes on from one that another chose for.

    Returns:
        The network, its vectors on the training graph by kind, and the course of training.

    Raises:
        ModelError: the checkpoint is damaged, or there are several processes and no batches.
    """
    if parallel.size() > 1 and not settings.batch:
        raise ModelError(
            "several processes share sampled batches: set batch (and neighbours), or start one"
        )
    device = parallel.join(device)
    torch.manual_seed(seed)
    data = compact(data, edge_type, settings.context)
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    edges = {t: data[t].edge_index for t in (edge_type, *settings.context)}
    network = LinkNetwork(counts, edge_type, settings, features_of(data)).to(device)
    graph = _Graph(edges, counts, known, settings, device, network.depth)
    state = _State(network, settings)
    fingerprint = _fingerprint(settings, seed, data, identity)
    if checkpoint is not None:
        state.resume(checkpoint, fingerprint)

    cells = sum(weights.numel() for weights in network.parameters())
    small = device.type == "cpu" and cells < _SMALL
    precision = settings.precision == "bfloat16" or (
        settings.precision == "auto" and device.type == "cuda"
    )
    with one_thread(small), warnings.catch_warnings():
        # torch says once that its compressed sparse rows are in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        with progress(f"Training {settings.encoder}-{settings.decoder}", settings.epochs) as shown:
            shown(state.epoch)
            while state.epoch < settings.epochs and state.waited < settings.patience:
                network.train()
                # All chance of an epoch follows from its number: a resumed one is the same.
                own = _generator(seed, state.epoch, parallel.rank())
                torch.manual_seed(own.initial_seed())
                steps = graph.steps(_generator(seed, state.epoch), own)
                for number, step in enumerate(steps):
                    state.set_rate(number / graph.n_steps)
                    with torch.autocast(device.type, torch.bfloat16, enabled=precision):
                        vectors = network(step.messages, step.rows)
                    vectors = {kind: x.float() for kind, x in vectors.items()}
                    loss = _loss(network, vectors, step, graph, settings)
                    if not network.depth:
                        loss = loss + _context_loss(network, vectors, graph.edges, settings, own)
                    state.step(loss)
                state.epoch += 1
                if state.epoch % settings.every == 0 or state.epoch == settings.epochs:
                    mrr = 0.0
                    if parallel.rank() == 0:
                        mrr = validate(*graph.vectors(network))
                    state.look(parallel.from_first(mrr, device))
                    if checkpoint is not None and parallel.rank() == 0:
                        state.write(checkpoint, fingerprint)
                shown(1, f"validation MRR {state.best_mrr:.3f}")

        network.load_state_dict(state.best)
        network, vectors = graph.vectors(network)
    if checkpoint is not None and parallel.rank() == 0:
        shutil.rmtree(checkpoint, ignore_errors=True)
    course = {"epochs": state.epoch, "best_epoch": state.best_epoch}
    return network, {kind: x.cpu() for kind, x in vectors.items()}, course


@dataclass(frozen=True)
class _Step:
    """What is learned in a step.

    Attributes:
        learned: training edges, (2, n).
        heads, tails: the candidates that answers are told from, ascending.
        messages: over the edges that are not learned; none for a lookup.
        rows: by kind, the nodes that messages go between, `seeds` first; None for all nodes.
        seeds: by kind, the nodes whose vectors are needed, ascending.
    """

    learned: Tensor
    heads: Tensor
    tails: Tensor
    messages: Mapping[MessageType, MessageEdges]
    rows: Mapping[str, Tensor] | None = None
    seeds: Mapping[str, Tensor] | None = None

    def places(self, kind: str, numbers: Tensor) -> Tensor:
        """Where the vectors of nodes are, among those of the step."""
        return numbers if self.seeds is None else torch.searchsorted(self.seeds[kind], numbers)


class _Graph:
    """The training edges, the messages over them, and the steps of an epoch."""

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
        self._pools = [
            _Negatives(learned[end].cpu(), counts[self.edge_type[2 * end]]) for end in (0, 1)
        ]
        self._everything: dict[MessageType, MessageEdges] | None = None
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
            self._chance = torch.Generator()
            self._sampler = neighbour_sampler(messages, settings.neighbours, self._chance)
        else:
            self.n_steps = settings.parts

    def steps(self, shared: torch.Generator, own: torch.Generator) -> Iterator[_Step]:
        """An epoch's steps; `shared` is the same in all processes, `own` is not."""
        if self._sampler is None:
            return self._whole_steps(own)
        self._chance.manual_seed(own.initial_seed())
        return self._sampled_steps(self._sampler, shared, own)

    def _whole_steps(self, chance: torch.Generator) -> Iterator[_Step]:
        edges, parts, everything = (
            self.edges[self.edge_type],
            self.settings.parts,
            self.everything(),
        )
        dealt = torch.randint(parts, (edges.shape[1],), generator=chance).to(self.device)
        for part in range(parts):
            learned = edges[:, dealt == part]
            if learned.shape[1] == 0:
                continue
            rest = messages_over(self.edge_type, edges[:, dealt != part], self.counts)
            heads, tails = self._candidates(learned, chance, whole=True)
            yield _Step(learned, heads, tails, {**everything, **rest} if self.depth else {})

    def _sampled_steps(
        self, sampler: BaseSampler, shared: torch.Generator, own: torch.Generator
    ) -> Iterator[_Step]:
        edges, size = self.edges[self.edge_type], parallel.size()
        head_kind, _, tail_kind = self.edge_type
        share = edges.shape[1] // size
        order = torch.randperm(edges.shape[1], generator=shared)[parallel.rank() :: size][:share]
        for batch in torch.split(order, self.settings.batch):
            learned = edges[:, batch]
            heads, tails = self._candidates(learned, own, whole=False)
            # The candidates are ends of made-up edges beside the learned ones.
            n = max(len(heads), len(tails))
            made_up = [torch.cat([x, x[:1].expand(n - len(x))]) for x in (heads, tails)]
            ends = torch.cat([learned, torch.stack(made_up)], dim=1)
            asked = EdgeSamplerInput(None, ends[0], ends[1], input_type=self.edge_type)
            out = without_seed_edges(sampler.sample_from_edges(asked), *both_ways(self.edge_type))
            messages: dict[MessageType, MessageEdges] = {
                t: SparseMessageEdges(
                    senders.to(self.device),
                    out.col[t].to(self.device),
                    len(out.node[t[0]]),
                    len(out.node[t[2]]),
                )
                for t, senders in out.row.items()
            }
            seeds = {head_kind: torch.unique(ends[0]), tail_kind: torch.unique(ends[1])}
            if head_kind == tail_kind:
                seeds = {head_kind: torch.unique(ends)}
            rows, seeds = (
                {kind: x.to(self.device) for kind, x in which.items()}
                for which in (out.node, seeds)
            )
            learned, heads, tails = (x.to(self.device) for x in (learned, heads, tails))
            yield _Step(learned, heads, tails, messages, rows, seeds)

    def _candidates(
        self, learned: Tensor, chance: torch.Generator, *, whole: bool
    ) -> tuple[Tensor, Tensor]:
        """Heads and tails to tell answers from, the answers of the step among them."""
        heads, tails = (
            torch.unique(torch.cat([pool.draw(self.settings, chance, whole).to(ends.device), ends]))
            for pool, ends in zip(self._pools, learned, strict=True)
        )
        return heads, tails

    def everything(self) -> dict[MessageType, MessageEdges]:
        """Messages over all training edges, on the device, or (with batches) on the CPU."""
        if self._everything is None:
            self._everything = {}
            for t, edges in self.edges.items() if self.depth else ():
                self._everything.update(messages_over(t, edges, self.counts))
        return self._everything

    def vectors(self, network: LinkNetwork) -> tuple[LinkNetwork, dict[str, Tensor]]:
        """The network and all nodes' vectors, by messages over all training edges."""
        if self.settings.batch:
            network = copy.deepcopy(network).cpu()
        network.eval()
        with torch.no_grad():
            return network, network(self.everything())


class _Negatives:
    """What the answers on one side of the relation are told from."""

    def __init__(self, answers: Tensor, n_nodes: int):
        self._pool = Pool.of(answers, 0, n_nodes, n_nodes)
        self._common = torch.unique(answers)

    def draw(self, settings: NetworkSettings, chance: torch.Generator, whole: bool) -> Tensor:
        n, common = settings.n_negatives, self._common
        if settings.negatives != "relation":
            return SAMPLERS[settings.negatives].draw(self._pool, n, chance)
        if not whole:
            common = common[torch.randint(len(common), (n // 2,), generator=chance)]
        n_others = max(n, len(common)) if whole else n - n // 2
        others = torch.randint(self._pool.n_nodes, (n_others,), generator=chance)
        return torch.cat([common, others])


def _loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    step: _Step,
    graph: _Graph,
    settings: NetworkSettings,
) -> Tensor:
    head_kind, _, tail_kind = network.edge_type
    relation, decoder = network.relation(), network.decoder

    def head(numbers: Tensor) -> Tensor:
        return vectors[head_kind][step.places(head_kind, numbers)]

    def tail(numbers: Tensor) -> Tensor:
        return vectors[tail_kind][step.places(tail_kind, numbers)]

    for_tails = _ranking_loss(
        lambda asked, pool: decoder.score_tails(head(asked), relation, tail(pool)),
        step.learned,
        step.tails,
        graph.known[0],
        settings,
    )
    for_heads = _ranking_loss(
        lambda asked, pool: decoder.score_heads(tail(asked), relation, head(pool)),
        step.learned.flip(0),
        step.heads,
        graph.known[1],
        settings,
    )
    loss = (1 - settings.head_weight) * for_tails + settings.head_weight * for_heads
    if settings.n3:
        ends = (head(step.learned[0]), tail(step.learned[1]))
        loss = loss + settings.n3 * sum((x.abs() ** 3).sum(1).mean() for x in ends)
    return loss


def _ranking_loss(
    score: Callable[[Tensor, Tensor], Tensor],
    learned: Tensor,
    candidates: Tensor,
    known: sparse.csr_matrix,
    settings: NetworkSettings,
) -> Tensor:
    """Mean over pairs (asked, answer) of the loss of telling the answer from what is not known."""
    asked, answers = learned
    queries, row = torch.unique(asked, return_inverse=True)
    scores = score(queries, candidates)
    true = scores[row, torch.searchsorted(candidates, answers)]
    rows, cells = known[queries.cpu().numpy()][:, candidates.cpu().numpy()].nonzero()
    scores = scores.index_put(
        tuple(torch.from_numpy(x).long().to(scores.device) for x in (rows, cells)),
        scores.new_tensor(-torch.inf),
    )
    if settings.loss == "cross-entropy":
        # Of the others it needs their sum alone: one number a query instead of a row an edge.
        scores = scores.logsumexp(1, keepdim=True)
    return LOSSES[settings.loss](true, scores[row], settings.margin)


def _context_loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    edges: Mapping[EdgeType, Tensor],
    settings: NetworkSettings,
    chance: torch.Generator,
) -> Tensor:
    """For a lookup, the other relations teach the vectors: sampled negatives, both directions."""
    losses = []
    for edge_type in settings.context:
        head_kind, _, tail_kind = edge_type
        n_edges = edges[edge_type].shape[1]
        rows = torch.randint(n_edges, (min(n_edges, _CONTEXT_SAMPLE),), generator=chance)
        heads, tails = edges[edge_type][:, rows.to(edges[edge_type].device)]
        relation = network.relation(edge_type)
        h, t = vectors[head_kind][heads], vectors[tail_kind][tails]
        true = network.decoder.score(h, relation, t)
        for query, pool in (
            (network.decoder.tail_query(h, relation), tail_kind),
            (network.decoder.head_query(t, relation), head_kind),
        ):
            drawn = torch.randint(len(vectors[pool]), (_CONTEXT_SAMPLE,), generator=chance)
            others = network.decoder.match(query, vectors[pool][drawn.to(true.device)])
            losses.append(LOSSES[settings.loss](true, others, settings.margin))
    return torch.stack(losses).mean() if losses else torch.zeros(())


class _State:
    """All that training needs to go on: weights, optimisers, the best so far."""

    def __init__(self, network: LinkNetwork, settings: NetworkSettings):
        self.network, self.settings = network, settings
        # With batches only the learned vectors of the nodes in a sample have gradients.
        tables = list(network.encoder.nodes.vectors.parameters()) if settings.batch else []
        others = [w for w in network.parameters() if not any(w is table for table in tables)]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(others, lr=settings.learning_rate)
        ]
        if tables:
            self.optimisers.append(torch.optim.SparseAdam(tables, lr=settings.learning_rate))
        self.epoch = self.best_epoch = self.waited = self.halvings = 0
        self.best_mrr = -1.0
        self.best = self._weights()

    def _weights(self) -> dict[str, Tensor]:
        return {name: w.detach().clone() for name, w in self.network.state_dict().items()}

    def set_rate(self, share: float) -> None:
        """The learning rate after a share of the present epoch."""
        settings, epoch = self.settings, self.epoch + share
        rate = settings.learning_rate * 0.5**self.halvings
        if epoch < settings.warmup:
            rate *= (epoch + 1 / 16) / settings.warmup  # the first step is to move something
        elif settings.schedule == "cosine":
            done = (epoch - settings.warmup) / max(1, settings.epochs - settings.warmup)
            rate *= 0.5 * (1 + math.cos(math.pi * done))
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def step(self, loss: Tensor) -> None:
        """Move the weights against the gradients of a loss."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        torch.autograd.backward(loss)
        parameters = list(self.network.parameters())
        parallel.average_gradients(parameters)
        if self.settings.clip:
            _clip(parameters, self.settings.clip)
        for optimiser in self.optimisers:
            optimiser.step()

    def look(self, mrr: float) -> None:
        """Take note of a validation MRR."""
        self.waited += 1
        if mrr > self.best_mrr:
            self.best_mrr, self.best_epoch, self.waited = mrr, self.epoch, 0
            self.best = self._weights()
        elif self.settings.schedule == "plateau" and self.waited % _PLATEAU == 0:
            self.halvings += 1

    def write(self, path: Path, fingerprint: str) -> None:
        """Write a checkpoint, in the place of the one that is there."""
        tensors = with_prefix("network", self._weights())
        tensors |= {f"best.{name}": w.clone() for name, w in self.best.items()}
        for which, optimiser in enumerate(self.optimisers):
            for number, values in optimiser.state_dict()["state"].items():
                for name, value in values.items():
                    tensors[f"optimiser.{which}.{number}.{name}"] = torch.as_tensor(value).clone()
        numbers = {
            "fingerprint": fingerprint,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "halvings": self.halvings,
            "best_mrr": self.best_mrr,
        }
        with atomic_folder(path, marker=CHECKPOINT) as folder:
            save_file(tensors, folder / "state.safetensors")
            (folder / CHECKPOINT).write_text(json.dumps(numbers), encoding="utf-8")

    def resume(self, path: Path, fingerprint: str) -> None:
        """Go on from a checkpoint, if there is one of this training."""
        if not (path / CHECKPOINT).is_file():
            return
        try:
            numbers = json.loads((path / CHECKPOINT).read_text(encoding="utf-8"))
            if numbers["fingerprint"] != fingerprint:
                return  # of a training with other settings or edges: begin anew
            tensors = load_file(path / "state.safetensors")
        except (ValueError, KeyError, OSError, SafetensorError) as error:
            raise ModelError(f"{path}: the checkpoint is damaged ({error}); remove it") from error

        self.network.load_state_dict(without_prefix("network", tensors))
        device = next(self.network.parameters()).device
        self.best = {
            name: tensor.to(device) for name, tensor in without_prefix("best", tensors).items()
        }
        for which, optimiser in enumerate(self.optimisers):
            moments: dict[int, dict[str, Tensor | int]] = {}
            for name, tensor in without_prefix(f"optimiser.{which}", tensors).items():
                number, field = name.split(".")
                # SparseAdam counts its steps by a whole number, Adam by a tensor.
                counted = tensor.dtype == torch.int64 and tensor.ndim == 0
                moments.setdefault(int(number), {})[field] = int(tensor) if counted else tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        self.epoch, self.best_epoch = numbers["epoch"], numbers["best_epoch"]
        self.waited, self.best_mrr = numbers["waited"], numbers["best_mrr"]
        self.halvings = numbers["halvings"]


def _clip(parameters: list[nn.Parameter], longest: float) -> None:
    """Shorten the gradient of all parameters together, rows of sparse ones included."""
    gradients = []
    for weights in parameters:
        if weights.grad is not None and weights.grad.is_sparse:
            weights.grad = weights.grad.coalesce()
            gradients.append(weights.grad.values())
        elif weights.grad is not None:
            gradients.append(weights.grad)
    length = torch.stack([torch.linalg.vector_norm(g) for g in gradients]).norm()
    shrink = (longest / length.clamp_min(1e-12)).clamp_max(1.0)
    for gradient in gradients:
        gradient *= shrink


def _generator(*numbers: int) -> torch.Generator:
    digest = hashlib.sha256(repr(numbers).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _fingerprint(settings: NetworkSettings, seed: int, data: HeteroData, identity: str) -> str:
    place = [settings.to_dict(), seed, parallel.size(), identity]
    digest = hashlib.sha256(json.dumps(place, sort_keys=True).encode())
    for edge_type in sorted(data.edge_types):
        array: NDArray[np.int64] = data[edge_type].edge_index.numpy()
        digest.update(np.ascontiguousarray(array).tobytes())
    for kind, features in sorted(features_of(data).items()):
        digest.update(kind.encode())
        for _, buffer in sorted(features.named_buffers()):
            digest.update(buffer.numpy().tobytes())
    return digest.hexdigest()
