"""Training of encoder × decoder networks for link prediction, resumable."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
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

from ...graph.atomic import atomic_folder
from ...graph.errors import ModelError
from ...graph.progress import progress
from ...graph.threads import one_thread
from ..data import EdgeType
from .decoders import DECODERS
from .encoders import INVERSE, RGCN, Lookup, Messages, MessageType, SparseMessages

CHECKPOINT = "checkpoint.json"
_EVERY = 5  # epochs between two looks at the validation edges (and two checkpoints)
_SMALL = 4_000_000  # numbers in a network's weights that one thread is enough for
_RARE = 1_000  # nodes without an edge of the relation that a softmax goes over, at the least
_CONTEXT_SAMPLE = 512  # edges of each other relation, and nodes to tell them from, in a step


@dataclass(frozen=True)
class NetworkSettings:
    """What a network is built and trained with.

    Attributes:
        context: the edge types, beside the predicted one, that messages go over (R-GCN) or that are
            learned as well (lookup).
        parts: the training edges are dealt into so many parts; a step learns one of them while
            messages go over the others, so that no edge is learned from itself.
        head_weight: the share of the loss that is for ranking heads; the rest is for tails.
        n3: weight of the cubes of the vectors' entries (Lacroix et al., ICML 2018).
        patience: training ends when so many looks at the validation edges show no better MRR.
    """

    encoder: str
    decoder: str
    context: tuple[EdgeType, ...]
    dim: int
    layers: int
    bases: int
    dropout: float
    learning_rate: float
    n3: float
    parts: int
    head_weight: float
    epochs: int
    patience: int

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {**asdict(self), "context": [list(edge_type) for edge_type in self.context]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkSettings:
        """The settings of `to_dict`."""
        return cls(**{**values, "context": tuple(tuple(t) for t in values["context"])})


class LinkNetwork(nn.Module):
    """An encoder, and the decoder's vector for every relation that is learned.

    `types` are the edge types that it reads, the predicted one (`edge_type`) first.
    """

    def __init__(self, counts: Mapping[str, int], edge_type: EdgeType, settings: NetworkSettings):
        super().__init__()
        self.edge_type = edge_type
        self.decoder = DECODERS[settings.decoder]
        self.types = types = (edge_type, *settings.context)
        kinds = sorted({kind for head, _, tail in types for kind in (head, tail)})
        counts = {kind: counts[kind] for kind in kinds}
        if settings.encoder == "rgcn":
            self.encoder: nn.Module = RGCN(
                counts,
                [message_type for t in types for message_type in both_ways(t)],
                settings.dim,
                wanted=sorted({edge_type[0], edge_type[2]}),
                layers=settings.layers,
                bases=settings.bases,
                dropout=settings.dropout,
            )
            learned = types[:1]
        else:
            self.encoder = Lookup(counts, settings.dim, settings.dropout)
            learned = types
        self.relations = nn.ParameterDict(
            {relation_key(t): nn.Parameter(self.decoder.identity(settings.dim)) for t in learned}
        )

    @property
    def depth(self) -> int:
        """How many edges away from a node its vector still depends on; 0 for a lookup."""
        return len(self.encoder.layers) if isinstance(self.encoder, RGCN) else 0

    def forward(self, messages: Mapping[MessageType, Messages]) -> dict[str, Tensor]:
        """Vectors for each kind, (nodes, dim)."""
        vectors: dict[str, Tensor] = self.encoder(messages)
        return vectors

    def relation(self, edge_type: EdgeType | None = None) -> Tensor:
        """The decoder's vector for the predicted relation, or for another, (dim,)."""
        vector: Tensor = self.relations[relation_key(edge_type or self.edge_type)]
        return vector


def compact(data: HeteroData, edge_type: EdgeType, context: tuple[EdgeType, ...]) -> HeteroData:
    """What a network reads of a graph: its edge types, all nodes of the predicted relation's kinds,
    and of the other kinds the nodes that have an edge. Edges keep their order."""
    types = (edge_type, *context)
    numbers: dict[str, Tensor] = {}
    part = HeteroData()
    for kind in sorted({kind for head, _, tail in types for kind in (head, tail)}):
        used = torch.zeros(data[kind].num_nodes, dtype=torch.bool)
        used[:] = kind in (edge_type[0], edge_type[2])
        for t in types:
            for end in (0, 1):
                if t[2 * end] == kind:
                    used[data[t].edge_index[end]] = True
        numbers[kind] = used.cumsum(0) - 1
        part[kind].num_nodes = int(used.sum())
    for t in types:
        heads, tails = data[t].edge_index
        part[t].edge_index = torch.stack([numbers[t[0]][heads], numbers[t[2]][tails]])
        part[t].ids = data[t].ids
    return part


def relation_key(edge_type: EdgeType) -> str:
    """An edge type as the name of a parameter."""
    return "-".join(edge_type)


def both_ways(edge_type: EdgeType) -> tuple[MessageType, MessageType]:
    """The message types of an edge type: from heads to tails, and back."""
    head, relation, tail = edge_type
    return edge_type, (tail, relation + INVERSE, head)


def messages_over(
    edge_type: EdgeType, edges: Tensor, counts: Mapping[str, int]
) -> dict[MessageType, Messages]:
    """Messages over edges (2, n), both ways."""
    head, _, tail = edge_type
    forth, back = both_ways(edge_type)
    return {
        forth: SparseMessages(edges[0], edges[1], counts[head], counts[tail]),
        back: SparseMessages(edges[1], edges[0], counts[tail], counts[head]),
    }


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
) -> tuple[LinkNetwork, dict[str, Tensor], dict[str, Any]]:
    """Train until the validation MRR no longer grows, and keep the best weights.

    The loss of a training edge (h, r, t) is that of telling t from all other tails for (h, r), and
    h from all other heads for (r, t), by softmax over the scores, known pairs left out.

    Args:
        data: the training graph: no validation or test edge is in it.
        known: the training pairs, (heads, tails).
        validate: the validation MRR of a network and its vectors.
        checkpoint: a folder to keep the state in; where it holds one of the same training, training
            goes on from there. It is removed at the end.

    Returns:
        The network, its vectors on the training graph by kind, and the course of training.
    """
    torch.manual_seed(seed)
    data = compact(data, edge_type, settings.context)
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    edges = {t: data[t].edge_index.to(device) for t in (edge_type, *settings.context)}
    network = LinkNetwork(counts, edge_type, settings).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    state = _State(network, optimiser, seed)
    fingerprint = _fingerprint(settings, seed, edges)
    if checkpoint is not None:
        state.resume(checkpoint, fingerprint)

    cells = sum(weights.numel() for weights in network.parameters())
    small = device.type == "cpu" and cells < _SMALL
    with one_thread(small), warnings.catch_warnings():
        # torch says once that its compressed sparse rows are in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        context: dict[MessageType, Messages] = {}
        if network.depth:
            for t in settings.context:
                context.update(messages_over(t, edges[t], counts))
        everything = {**context, **messages_over(edge_type, edges[edge_type], counts)}

        with progress(f"Training {settings.encoder}-{settings.decoder}", settings.epochs) as step:
            step(state.epoch)
            while state.epoch < settings.epochs and state.waited < settings.patience:
                network.train()
                dealt = torch.randint(
                    settings.parts, (edges[edge_type].shape[1],), generator=state.generator
                ).to(device)
                for part in range(settings.parts):
                    learned = edges[edge_type][:, dealt == part]
                    if learned.shape[1] == 0:
                        continue
                    rest = edges[edge_type][:, dealt != part]
                    messages = (
                        {**context, **messages_over(edge_type, rest, counts)}
                        if network.depth
                        else {}
                    )
                    vectors = network(messages)
                    loss = _loss(network, vectors, learned, known, settings, state.generator)
                    if not network.depth:
                        loss = loss + _context_loss(network, vectors, edges, settings, state)
                    optimiser.zero_grad()
                    torch.autograd.backward(loss)
                    optimiser.step()
                state.epoch += 1
                if state.epoch % _EVERY == 0 or state.epoch == settings.epochs:
                    network.eval()
                    with torch.no_grad():
                        vectors = network(everything)
                    state.look(validate(network, vectors))
                    if checkpoint is not None:
                        state.write(checkpoint, fingerprint)
                step(1, f"validation MRR {state.best_mrr:.3f}")

        network.load_state_dict(state.best)
        network.eval()
        with torch.no_grad():
            vectors = network(everything)
    if checkpoint is not None:
        shutil.rmtree(checkpoint, ignore_errors=True)
    course = {"epochs": state.epoch, "best_epoch": state.best_epoch}
    return network, {kind: x.cpu() for kind, x in vectors.items()}, course


def _loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    learned: Tensor,
    known: sparse.csr_matrix,
    settings: NetworkSettings,
    generator: torch.Generator,
) -> Tensor:
    head_kind, _, tail_kind = network.edge_type
    heads, tails, relation = vectors[head_kind], vectors[tail_kind], network.relation()
    decoder = network.decoder
    for_tails = _softmax_loss(
        lambda rows, pool: decoder.score_tails(heads[rows], relation, pool),
        learned[0],
        learned[1],
        tails,
        known,
        generator,
    )
    for_heads = _softmax_loss(
        lambda rows, pool: decoder.score_heads(tails[rows], relation, pool),
        learned[1],
        learned[0],
        heads,
        known.T.tocsr(),
        generator,
    )
    loss = (1 - settings.head_weight) * for_tails + settings.head_weight * for_heads
    if settings.n3:
        ends = (heads[learned[0]], tails[learned[1]])
        loss = loss + settings.n3 * sum((x.abs() ** 3).sum(1).mean() for x in ends)
    return loss


def _softmax_loss(
    score: Callable[[Tensor, Tensor], Tensor],
    asked: Tensor,
    answers: Tensor,
    candidates: Tensor,
    known: sparse.csr_matrix,
    generator: torch.Generator,
) -> Tensor:
    """Mean over the edges of -log softmax of the answer among it and what is not known.

    The softmax goes over all nodes that have an edge of the relation, which are the hard ones to
    tell from the answer, and over a sample of as many others (`_RARE` at least).
    """
    device = asked.device
    queries, row = torch.unique(asked, return_inverse=True)
    common = np.unique(known.indices)
    n_drawn = max(_RARE, len(common))
    drawn = torch.randint(len(candidates), (n_drawn,), generator=generator).numpy()
    columns = np.union1d(common, drawn)
    chosen = torch.from_numpy(columns).to(device)
    scores = score(queries, candidates[chosen])
    true = scores[row, torch.searchsorted(chosen, answers)]
    rows, cells = known[queries.cpu().numpy()][:, columns].nonzero()
    scores = scores.index_put(
        (torch.from_numpy(rows).long().to(device), torch.from_numpy(cells).long().to(device)),
        scores.new_tensor(-torch.inf),
    )
    others = scores.logsumexp(1)[row]
    return (torch.logaddexp(others, true) - true).mean()


def _context_loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    edges: Mapping[EdgeType, Tensor],
    settings: NetworkSettings,
    state: _State,
) -> Tensor:
    """For a lookup, the other relations teach the vectors: sampled softmax, both directions."""
    losses = []
    for edge_type in settings.context:
        head_kind, _, tail_kind = edge_type
        n_edges = edges[edge_type].shape[1]
        rows = torch.randint(n_edges, (min(n_edges, _CONTEXT_SAMPLE),), generator=state.generator)
        heads, tails = edges[edge_type][:, rows.to(edges[edge_type].device)]
        relation = network.relation(edge_type)
        h, t = vectors[head_kind][heads], vectors[tail_kind][tails]
        true_scores = network.decoder.score(h, relation, t)
        for query, true, pool in (
            (network.decoder.tail_query(h, relation), tails, tail_kind),
            (network.decoder.head_query(t, relation), heads, head_kind),
        ):
            n_nodes = len(vectors[pool])
            drawn = torch.randint(n_nodes, (_CONTEXT_SAMPLE,), generator=state.generator)
            others = network.decoder.match(query, vectors[pool][drawn.to(true.device)])
            losses.append((torch.logaddexp(others.logsumexp(1), true_scores) - true_scores).mean())
    return torch.stack(losses).mean() if losses else torch.zeros(())


class _State:
    """All that training needs to go on: weights, optimiser, random numbers, the best so far."""

    def __init__(self, network: LinkNetwork, optimiser: torch.optim.Adam, seed: int):
        self.network, self.optimiser = network, optimiser
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch = self.best_epoch = self.waited = 0
        self.best_mrr = -1.0
        self.best = self._weights()

    def _weights(self) -> dict[str, Tensor]:
        return {name: w.detach().clone() for name, w in self.network.state_dict().items()}

    def look(self, mrr: float) -> None:
        self.waited += 1
        if mrr > self.best_mrr:
            self.best_mrr, self.best_epoch, self.waited = mrr, self.epoch, 0
            self.best = self._weights()

    def write(self, path: Path, fingerprint: str) -> None:
        tensors = {f"network.{name}": w for name, w in self._weights().items()}
        tensors |= {f"best.{name}": w.clone() for name, w in self.best.items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{n}": v.clone() for n, v in values.items()}
        tensors["generator"] = self.generator.get_state()
        tensors["default_generator"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["cuda_generator"] = torch.cuda.get_rng_state()
        with atomic_folder(path, marker=CHECKPOINT) as folder:
            save_file(tensors, folder / "state.safetensors")
            numbers = {
                "fingerprint": fingerprint,
                "epoch": self.epoch,
                "best_epoch": self.best_epoch,
                "waited": self.waited,
                "best_mrr": self.best_mrr,
            }
            (folder / CHECKPOINT).write_text(json.dumps(numbers), encoding="utf-8")

    def resume(self, path: Path, fingerprint: str) -> None:
        if not (path / CHECKPOINT).is_file():
            return
        try:
            numbers = json.loads((path / CHECKPOINT).read_text(encoding="utf-8"))
            if numbers["fingerprint"] != fingerprint:
                return  # of a training with other settings or edges: begin anew
            tensors = load_file(path / "state.safetensors")
        except (ValueError, KeyError, OSError, SafetensorError) as error:
            raise ModelError(f"{path}: the checkpoint is damaged ({error}); remove it") from error

        def part(prefix: str) -> dict[str, Tensor]:
            begin = f"{prefix}."
            return {n.removeprefix(begin): t for n, t in tensors.items() if n.startswith(begin)}

        self.network.load_state_dict(part("network"))
        device = next(self.network.parameters()).device
        self.best = {name: tensor.to(device) for name, tensor in part("best").items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in part("optimiser").items():
            number, field = name.split(".")
            moments.setdefault(int(number), {})[field] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.generator.set_state(tensors["generator"])
        torch.set_rng_state(tensors["default_generator"])
        if "cuda_generator" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["cuda_generator"])
        self.epoch, self.best_epoch = numbers["epoch"], numbers["best_epoch"]
        self.waited, self.best_mrr = numbers["waited"], numbers["best_mrr"]


def _fingerprint(settings: NetworkSettings, seed: int, edges: Mapping[EdgeType, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps([settings.to_dict(), seed], sort_keys=True).encode())
    for edge_type in sorted(edges):
        array: NDArray[np.int64] = edges[edge_type].cpu().numpy()
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
