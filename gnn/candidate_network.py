"""A graph neural network that ranks the candidates of a head, given features of the pairs.

The candidate tails of one head are the nodes of a graph of their own. A node starts from the
features of its pair, and hears from the candidates that are like it (genes of one family, genes
with the same known drugs) and from the mean and the largest of all: a candidate is judged among
those that it competes with. No head or tail has a vector of its own, so that those which training
never saw are ranked like the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.utils import scatter

from ..core.checkpoint import Stages
from ..core.progress import progress
from ..core.threads import one_thread
from .message_edges import no_sparse_warning
from .weighted_sum import WeightedEdges, WeightedSum

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DIM = 64  # numbers of a candidate's state
_LAYERS = 2
_DROPOUT = 0.4
# Where a feature's bins begin and end, in shares of the rows; in the last sixty-fourth, where what
# tells true pairs from others is and scaled values are linear, in shares of its breadth.
_BIN_ENDS = (0, 0.5, 0.8, 0.95, 1 - 1 / 64, 1 - 0.8 / 64, 1)
_EPOCHS = 6  # at most
_MOST_STEPS = 750  # of all epochs; the first is run whole
_HEADS = 28  # of a step
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-3


class CandidateTable(NamedTuple):
    """Candidate pairs of some heads and their features, row by row.

    Attributes:
        heads, tails: (rows,), numbers of nodes; a head's rows follow each other, heads ascending.
        values: (rows, features).
    """

    heads: Integers
    tails: Integers
    values: NDArray[np.float32]

    def where(self, mask: Mask) -> CandidateTable:
        """The rows that a mask (rows,) selects."""
        return CandidateTable(self.heads[mask], self.tails[mask], self.values[mask])


# By name, (tails, tails) from 0 to 1. With none at all each candidate is alone, and no message
# reaches it.
TailSimilarities = Mapping[str, sparse.csr_matrix]


class TrainingCandidates(NamedTuple):
    """Candidates of some heads to learn from; of those that are not true a sample.

    Attributes:
        table: the candidates, with scaled features.
        labels: (rows,), which of them are true.
        similarities: of tails, by what is known without the true pairs.
    """

    table: CandidateTable
    labels: Mask
    similarities: TailSimilarities


class CandidateGraphs(NamedTuple):
    """The candidates of some heads as nodes, a graph a head, side by side.

    Attributes:
        values: (rows, features).
        graph: (rows,), the number of each row's graph.
        n_graphs: how many there are.
        edges: between candidates of one head that are alike, by the similarity's place. The weights
            of what a candidate receives add up to 1.
    """

    values: Tensor
    graph: Tensor
    n_graphs: int
    edges: Sequence[WeightedEdges]


def candidate_graphs(
    table: CandidateTable, similarities: TailSimilarities, device: torch.device
) -> CandidateGraphs:
    """The graphs of a table's heads, on a device; without similarities, of each row alone."""
    heads = table.heads if similarities else np.arange(len(table.heads))
    graph = np.unique(heads, return_inverse=True)[1]
    of_heads = np.split(table.tails, np.flatnonzero(np.diff(table.heads)) + 1)
    return CandidateGraphs(
        torch.from_numpy(table.values).to(device),
        torch.from_numpy(graph).to(device),
        1 + int(graph.max(initial=-1)),
        [_edges(of_heads, like, device) for like in similarities.values()],
    )


def _edges(
    of_heads: Sequence[Integers], similarity: sparse.csr_matrix, device: torch.device
) -> WeightedEdges:
    """The edges of one similarity between the tails of each head."""
    blocks = [similarity[tails][:, tails] for tails in of_heads]
    alike = sparse.block_diag(blocks, format="csr", dtype=np.float32)
    alike.eliminate_zeros()
    n_rows = alike.shape[0]
    receivers = np.repeat(np.arange(n_rows), np.diff(alike.indptr))
    totals = np.asarray(alike.sum(1), dtype=np.float32).ravel()
    senders, weights = alike.indices.astype(np.int64), alike.data / totals[receivers]
    return WeightedEdges(
        torch.from_numpy(senders).to(device),
        torch.from_numpy(receivers).to(device),
        n_rows,
        n_rows,
        torch.from_numpy(weights).to(device),
    )


class _Start(nn.Module):
    """A linear layer of features by bins: for each bin how far into it the feature reaches, from 0
    to 1, so that the layer can rise and fall anywhere, as a tree splits anywhere.

    Source: Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning,
    NeurIPS 2022 (piecewise linear encoding).
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.linear = nn.Linear(n_features * (len(_BIN_ENDS) - 1), _DIM)

    def forward(self, values: Tensor) -> Tensor:
        """(rows, features), scaled from -1 to 1 by their quantiles → (rows, dim)."""
        weights = self.linear.weight.view(_DIM, -1, len(_BIN_ENDS) - 1)
        state: Tensor = self.linear.bias
        # A bin at a time: all of a table's bins take six times its memory, and scoring needs one.
        for place, ends in enumerate(pairwise(_BIN_ENDS)):
            begin, end = (2 * share - 1 for share in ends)
            reached = ((values - begin) / (end - begin)).clamp(0, 1)
            state = state + functional.linear(reached, weights[..., place])
        return state


class _Layer(nn.Module):
    """x' = x + ReLU(W h + V [mean of h; largest of h] + Σ_s W_s Σ share · h of those alike by s),
    with h = LayerNorm(x), and mean and largest over all candidates of a head."""

    def __init__(self, n_similarities: int):
        super().__init__()
        self.norm = nn.LayerNorm(_DIM)
        self.own = nn.Linear(_DIM, _DIM)
        self.of_all = nn.Linear(2 * _DIM, _DIM, bias=False)
        self.alike = nn.ModuleList(nn.Linear(_DIM, _DIM, bias=False) for _ in range(n_similarities))
        self.sum = WeightedSum()
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, x: Tensor, graphs: CandidateGraphs) -> Tensor:
        """(rows, dim) → (rows, dim)."""
        h = self.norm(x)
        mean = scatter(h, graphs.graph, 0, graphs.n_graphs, "mean")
        of_all = torch.cat([mean, _largest(h, graphs.graph, graphs.n_graphs)], 1)
        received = self.own(h) + self.of_all(of_all)[graphs.graph]
        for transform, edges in zip(self.alike, graphs.edges, strict=True):
            received = received + transform(self.sum(h, edges))
        state: Tensor = x + self.dropout(torch.relu(received))
        return state


def _largest(x: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """The largest of each group's rows, (rows, …) → (groups, …); PyG's own warns on a GPU."""
    index = group.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    least = x.new_full((n_groups, *x.shape[1:]), -torch.inf)
    return least.scatter_reduce(0, index, x, "amax")


class CandidateNetwork(nn.Module):
    """Scores of candidates: a layer of the features, rounds of messages, a linear layer.

    The modules are named as in saved models.

    Args:
        n_features: of a pair.
        n_similarities: of tails, that messages are passed by.
    """

    def __init__(self, n_features: int, n_similarities: int):
        super().__init__()
        self.start = _Start(n_features)
        self.dropout = nn.Dropout(_DROPOUT)
        self.layers = nn.ModuleList(_Layer(n_similarities) for _ in range(_LAYERS))
        self.norm = nn.LayerNorm(_DIM)
        self.score = nn.Linear(_DIM, 1)

    def forward(self, graphs: CandidateGraphs) -> Tensor:
        """The scores of candidates, (rows,)."""
        x = self.dropout(torch.relu(self.start(graphs.values)))
        for layer in self.layers:
            x = layer(x, graphs)
        scores: Tensor = self.score(self.norm(x))[:, 0]
        return scores


@one_thread()
@no_sparse_warning()
def train_candidate_networks(
    folds: Sequence[TrainingCandidates],
    number: int,
    *,
    seed: int,
    device: torch.device,
    stages: Stages,
    name: str = "network",
) -> list[CandidateNetwork]:
    """Train networks that are alike but for their seeds.

    Each true pair is to be told from its head's candidates that are not true, by a softmax.

    Args:
        number: of networks.
        seed: of weights and batches.
        device: where they are trained.
        stages: keeps each network, so that training goes on after a kill.
        name: of these stages.

    Returns:
        The networks, on the CPU.
    """
    steps = sum(_n_batches(_heads_with_true(fold)) for fold in folds)  # of an epoch
    epochs = max(1, min(_EPOCHS, _MOST_STEPS // steps))
    networks = []
    with progress("Training the networks", number * epochs * steps) as step:
        for n in range(number):
            train = partial(_train, folds, epochs, epochs * steps, number * seed + n, device, step)
            networks.append(candidate_network_from_tensors(stages.get(f"{name}{n}", train)))
    return networks


def _train(
    folds: Sequence[TrainingCandidates],
    epochs: int,
    steps: int,
    seed: int,
    device: torch.device,
    step: Callable[..., None],
) -> dict[str, Tensor]:
    """The weights of a network; `steps` are those of all epochs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    table, _, similarities = folds[0]
    network = CandidateNetwork(table.values.shape[1], len(similarities)).to(device)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.15
    )
    network.train()
    for _ in range(epochs):
        for number in rng.permutation(len(folds)):
            for rows in _batches(folds[number], rng):
                loss = _batch_loss(network, folds[number], rows)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                step(1)
    return network.cpu().state_dict()


def _heads_with_true(fold: TrainingCandidates) -> Integers:
    return np.asarray(np.unique(fold.table.heads[fold.labels]))


def _n_batches(heads: Integers) -> int:
    return math.ceil(len(heads) / _HEADS)


def _batches(fold: TrainingCandidates, rng: np.random.Generator) -> Iterator[Mask]:
    """The rows of the heads with a true candidate, in random batches of heads."""
    heads = rng.permutation(_heads_with_true(fold))
    for batch in np.array_split(heads, max(1, _n_batches(heads))):
        if len(batch):
            yield np.isin(fold.table.heads, batch)


def _batch_loss(network: CandidateNetwork, fold: TrainingCandidates, rows: Mask) -> Tensor:
    device = network.score.weight.device
    table = fold.table.where(rows)
    head = torch.from_numpy(np.unique(table.heads, return_inverse=True)[1]).to(device)
    is_true = torch.from_numpy(fold.labels[rows]).to(device)
    return softmax_loss(network(candidate_graphs(table, fold.similarities, device)), head, is_true)


def softmax_loss(scores: Tensor, head: Tensor, is_true: Tensor) -> Tensor:
    """Mean over true pairs of -log(e^s / (e^s + Σ_{candidates that are not true} e^s')).

    Args:
        scores, head, is_true: (rows,); heads are numbered from 0.
    """
    n_heads = 1 + int(head.max())
    exponentials = torch.exp(scores - _largest(scores.detach(), head, n_heads)[head])
    of_others = scatter(exponentials * ~is_true, head, 0, n_heads, "sum")
    own = exponentials[is_true]
    return torch.log((of_others[head[is_true]] + own) / own.clamp(min=1e-30)).mean()


@one_thread()
@no_sparse_warning()
@torch.no_grad()
def network_scores(
    networks: Sequence[CandidateNetwork], table: CandidateTable, similarities: TailSimilarities
) -> NDArray[np.float64]:
    """The mean of networks' scores of the rows of a table with scaled features, (rows,)."""
    graphs = candidate_graphs(table, similarities, torch.device("cpu"))
    scores = [network(graphs).double().numpy() for network in networks]
    return np.asarray(np.mean(scores, axis=0))


def candidate_network_from_tensors(tensors: Mapping[str, Tensor]) -> CandidateNetwork:
    """The network with these weights, a state dict of `CandidateNetwork`."""
    n_similarities = sum(name.startswith("layers.0.alike.") for name in tensors)
    n_features = tensors["start.linear.weight"].shape[1] // (len(_BIN_ENDS) - 1)
    network = CandidateNetwork(n_features, n_similarities)
    network.load_state_dict(dict(tensors))
    return network.eval()
