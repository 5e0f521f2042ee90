"""Train a network for link prediction, on the whole graph or on sampled neighbourhoods.

Training writes checkpoints, and the same call goes on from them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from ..core.checkpoint import Checkpoint
from ..core.errors import DataError, ModelError
from ..core.progress import progress
from ..core.tensors import with_prefix, without_prefix
from ..core.threads import one_thread
from . import parallel
from .data import EdgeType
from .link_losses import context_loss, link_loss
from .message_edges import no_sparse_warning
from .network import LinkNetwork, compact, features_of
from .precision import mixed_precision
from .settings import NetworkSettings
from .training_steps import TrainingGraph

_CONTEXT_EDGES = 500_000  # the most edges of other relations that are used by default
_SMALL = 4_000_000  # parameters of a network below which one thread is fastest
_PLATEAU = 2  # validations without a better MRR after which the learning rate is halved


class NetworkTraining(TypedDict):
    """The course of training: the epochs trained, and the one of the weights that were kept."""

    epochs: int
    best_epoch: int


def context_of(
    data: HeteroData, edge_type: EdgeType, relations: Sequence[str] | None
) -> tuple[EdgeType, ...]:
    """Choose the edge types, beside the predicted one, that a network learns from.

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
    adjacent = [t for t in others if kinds & {t[0], t[2]} and not outside & {t[0], t[2]}]
    chosen, total = [], 0
    for t in sorted(adjacent, key=lambda t: (data[t].num_edges, t)):
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
) -> tuple[LinkNetwork, dict[str, Tensor], NetworkTraining]:
    """Train until the validation MRR no longer grows, and keep the best weights.

    The loss of a training edge (h, r, t) is that of t among negative samples of tails for (h, r),
    and of h among those of heads for (r, t), filtered. Under torchrun the processes share the edges
    of sampled batches.

    Args:
        data: the training graph: no validation or test edge is in it. Kinds with features have them
            as `x`, see `compact`.
        known: the training pairs, (heads, tails).
        validate: the validation MRR of a network and its vectors.
        checkpoint: a folder to keep the state in; where it holds one of the same training, training
            goes on from there. The caller removes it when what was trained is saved.
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
    graph = TrainingGraph(edges, counts, known, settings, device, network.depth)
    state = _TrainingState(network, settings)
    saved = Checkpoint(checkpoint, _fingerprint(settings, seed, data, identity))
    state.resume(saved)
    parallel.check_same_epoch(state.epoch, device)
    n_weights = sum(weights.numel() for weights in network.parameters())
    with one_thread(device.type == "cpu" and n_weights < _SMALL), no_sparse_warning():
        _train_until_stopped(state, graph, validate, saved, seed)
        network.load_state_dict(state.best)
        network, vectors = graph.vectors(network)
    course: NetworkTraining = {"epochs": state.epoch, "best_epoch": state.best_epoch}
    return network, {kind: x.cpu() for kind, x in vectors.items()}, course


def _train_until_stopped(
    state: _TrainingState,
    graph: TrainingGraph,
    validate: Callable[[LinkNetwork, Mapping[str, Tensor]], float],
    saved: Checkpoint,
    seed: int,
) -> None:
    """Train epochs, validate and write checkpoints until the last epoch or early stopping.

    Only the first of several processes validates and writes; the others get its MRR.
    """
    settings = state.settings
    with progress(f"Training {settings.encoder}-{settings.decoder}", settings.epochs) as shown:
        shown(state.epoch)
        while state.epoch < settings.epochs and state.waited < settings.patience:
            _train_epoch(state, graph, seed)
            if state.epoch % settings.every == 0 or state.epoch == settings.epochs:
                mrr = validate(*graph.vectors(state.network)) if parallel.rank() == 0 else 0.0
                state.record_validation(parallel.from_first(mrr, graph.device))
                if parallel.rank() == 0:
                    state.write(saved)
            shown(1, f"validation MRR {state.best_mrr:.3f}")


def _train_epoch(state: _TrainingState, graph: TrainingGraph, seed: int) -> None:
    """Make one pass over all training edges."""
    network, settings, device = state.network, state.settings, graph.device
    network.train()
    # All random numbers of an epoch follow from its number: a resumed one is the same.
    own = _generator(seed, state.epoch, parallel.rank())
    torch.manual_seed(own.initial_seed())
    for number, step in enumerate(graph.steps(_generator(seed, state.epoch), own)):
        state.set_rate(number / graph.n_steps)
        with mixed_precision(settings.precision, device):
            vectors = network(step.messages, step.rows)
        vectors = {kind: x.float() for kind, x in vectors.items()}
        loss = link_loss(network, vectors, step, graph, settings)
        if not network.depth:
            loss = loss + context_loss(network, vectors, graph.edges, settings, own)
        state.step(loss)
    state.epoch += 1


class _TrainingState:
    """The resumable state of a training: weights, optimisers, and the best weights so far."""

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
        """Set the learning rate of the schedule, after a share of the present epoch."""
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
        """Take one optimisation step on a loss, with gradient clipping if it is set."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        torch.autograd.backward(loss)
        parameters = list(self.network.parameters())
        parallel.average_gradients(parameters)
        if self.settings.clip:
            _clip(parameters, self.settings.clip)
        for optimiser in self.optimisers:
            optimiser.step()

    def record_validation(self, mrr: float) -> None:
        """Record a validation MRR, and keep the weights if it is the best.

        The plateau schedule halves the learning rate after every second validation in a row that
        is no better.
        """
        self.waited += 1
        if mrr > self.best_mrr:
            self.best_mrr, self.best_epoch, self.waited = mrr, self.epoch, 0
            self.best = self._weights()
        elif self.settings.schedule == "plateau" and self.waited % _PLATEAU == 0:
            self.halvings += 1

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; it replaces the one that is there."""
        tensors = with_prefix("network", self._weights())
        tensors |= {f"best.{name}": w.clone() for name, w in self.best.items()}
        for which, optimiser in enumerate(self.optimisers):
            for number, values in optimiser.state_dict()["state"].items():
                for name, value in values.items():
                    tensors[f"optimiser.{which}.{number}.{name}"] = torch.as_tensor(value).clone()
        numbers = {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "halvings": self.halvings,
            "best_mrr": self.best_mrr,
        }
        checkpoint.write(tensors, numbers)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Restore the state of a checkpoint, if there is one of this training.

        Raises:
            ModelError: it is damaged.
        """
        saved = checkpoint.read()
        if saved is None:
            return
        tensors, numbers = saved
        with checkpoint.restoring():
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


def _clip(parameters: list[nn.Parameter], max_norm: float) -> None:
    """Scale all gradients, rows of sparse ones included, so that their joint L2 norm is at most
    `max_norm`."""
    gradients = []
    for weights in parameters:
        if weights.grad is not None and weights.grad.is_sparse:
            weights.grad = weights.grad.coalesce()
            gradients.append(weights.grad.values())
        elif weights.grad is not None:
            gradients.append(weights.grad)
    norm = torch.stack([torch.linalg.vector_norm(g) for g in gradients]).norm()
    factor = (max_norm / norm.clamp_min(1e-12)).clamp_max(1.0)
    for gradient in gradients:
        gradient *= factor


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
