"""A graph neural network that scores candidate pairs of one relation, given features of the pairs.

Messages reach a head from its attributes (side effects, classes, bits of its structure, …), from
its known tails, and from the known tails of the heads most similar to it; they reach a tail from
its attributes and from the tails most similar to it. So a head without a known tail, or a tail
without a known head, has a vector too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from ..core.progress import progress
from ..core.sparse import largest_entries
from ..core.threads import one_thread
from .message_edges import sparse_tensor

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DIM = 96  # of a tail's vector, and of a head's
_HIDDEN = 192  # of a head's vector before its last layer
_DROPOUT = 0.3
_NEIGHBOURS = 15  # most similar heads (tails) that send messages to one
_SIMILARITY_POWER = 3  # of the similarities of heads, so that the nearest count most
_MASKED_HEADS = 0.1  # of heads whose known tails send no messages in a step, as a new head's would
_EPOCHS = 15
_STEPS = 4  # in an epoch, for the training candidates of a fold
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-4


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


class PairGraph:
    """The graph that messages are passed over, for one relation.

    Args:
        pairs: the known pairs, (heads, tails).
        head_similarity, tail_similarity: (heads, heads) and (tails, tails), from 0 to 1; of each
            row the largest are taken.
        head_attributes, tail_attributes: matrices (nodes, attributes) by name.
    """

    def __init__(
        self,
        pairs: sparse.csr_matrix,
        head_similarity: sparse.csr_matrix,
        tail_similarity: sparse.csr_matrix,
        head_attributes: Mapping[str, sparse.csr_matrix],
        tail_attributes: Mapping[str, sparse.csr_matrix],
    ):
        self.pairs = pairs
        self.head_attributes, self.tail_attributes = head_attributes, tail_attributes
        powers = head_similarity.power(_SIMILARITY_POWER).tocsr()
        similar_heads = _row_shares(largest_entries(powers, _NEIGHBOURS))
        self.tails_of_similar_heads = _row_shares((similar_heads @ pairs).tocsr())
        self.similar_tails = _row_shares(largest_entries(tail_similarity.copy(), _NEIGHBOURS))
        self._known_shares = _row_shares(pairs)
        self._tail_tensors: dict[torch.device, tuple[dict[str, Tensor], Tensor]] = {}

    @property
    def attribute_counts(self) -> dict[str, dict[str, int]]:
        """The numbers of attributes by name, of `heads` and of `tails`."""
        ends = {"heads": self.head_attributes, "tails": self.tail_attributes}
        return {end: {name: x.shape[1] for name, x in named.items()} for end, named in ends.items()}

    def tail_tensors(self, device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
        """The attributes of tails by name, and the shares of similar tails, on a device; kept,
        since every step needs them whole."""
        if device not in self._tail_tensors:
            attributes = {
                name: sparse_tensor(x, device) for name, x in self.tail_attributes.items()
            }
            self._tail_tensors[device] = attributes, sparse_tensor(self.similar_tails, device)
        return self._tail_tensors[device]

    def known_tails(self, heads: Integers, visible: Mask | None = None) -> sparse.csr_matrix:
        """The known pairs of these heads as shares of each one's, (n, tails); none of a head that
        is not `visible`, (heads,)."""
        shares = self._known_shares[heads]
        if visible is not None:
            shares = (sparse.diags(visible[heads].astype(np.float32)) @ shares).tocsr()
        return shares


class TrainingCandidates(NamedTuple):
    """Candidates of some heads to learn from.

    Attributes:
        graph: without the true pairs among them.
        table: the candidates, with scaled features.
        labels: (rows,), which of them are true.
    """

    graph: PairGraph
    table: CandidateTable
    labels: Mask


class PairNetwork(nn.Module):
    """score(h, t) = MLP(features of (h, t)) + s · head vector · tail vector.

    tail vector: t_0 + W Σ_{u similar to t} share · u_0, with u_0 a learned vector and the sum of
    learned vectors of u's attributes; head vector: U ReLU(Σ vectors of h's attributes
    + V Σ_{known t} t / known + V' Σ_{known t of heads similar to h} share · t). A relational graph
    convolution of two layers with fixed weights of neighbours (compare Schlichtkrull et al., ESWC
    2018).

    The modules are named as in saved models.

    Args:
        n_features: of a pair.
        attribute_counts: see `PairGraph`.
        n_tails: how many tails there are.
    """

    def __init__(
        self, n_features: int, attribute_counts: Mapping[str, Mapping[str, int]], n_tails: int
    ):
        super().__init__()
        self.feature_scorer = nn.Sequential(
            nn.Linear(n_features, _DIM),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_DIM, _DIM // 2),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_DIM // 2, 1),
        )
        self.head_has = _attribute_vectors(attribute_counts["heads"], _HIDDEN)
        self.tail_has = _attribute_vectors(attribute_counts["tails"], _DIM)
        self.tail = nn.Parameter(torch.randn(n_tails, _DIM) * 0.02)
        self.like_tails = nn.Linear(_DIM, _DIM, bias=False)
        self.start = nn.Parameter(torch.zeros(_HIDDEN))
        self.known = nn.Linear(_DIM, _HIDDEN, bias=False)
        self.near = nn.Linear(_DIM, _HIDDEN, bias=False)
        self.head = nn.Linear(_HIDDEN, _DIM)
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.dropout = nn.Dropout(_DROPOUT)

    def vectors(
        self, graph: PairGraph, known_tails: sparse.csr_matrix, heads: Integers
    ) -> tuple[Tensor, Tensor]:
        """The vectors of these heads (n, dim) and of all tails (tails, dim).

        Args:
            known_tails: of these heads, see `PairGraph.known_tails`.
        """
        device = self.tail.device
        of_tails, similar_tails = graph.tail_tensors(device)
        tail = self.tail
        for name, attributes in of_tails.items():
            tail = tail + attributes @ self.tail_has[name]
        tail = tail + self.like_tails(similar_tails @ tail)
        head = self.start + self.known(sparse_tensor(known_tails, device) @ tail)
        head = head + self.near(sparse_tensor(graph.tails_of_similar_heads[heads], device) @ tail)
        for name, of_heads in graph.head_attributes.items():
            head = head + sparse_tensor(of_heads[heads], device) @ self.head_has[name]
        return self.head(self.dropout(torch.relu(head))), tail

    def forward(
        self, table: CandidateTable, heads: Integers, head_vectors: Tensor, tail_vectors: Tensor
    ) -> Tensor:
        """Scores of the rows of a table, (rows,).

        Args:
            heads: (n,), ascending: the heads that have a vector.
            head_vectors, tail_vectors: see `vectors`.
        """
        device = self.tail.device
        row = torch.from_numpy(np.searchsorted(heads, table.heads)).to(device)
        column = torch.from_numpy(table.tails).to(device)
        products = self.dropout(head_vectors)[row] * self.dropout(tail_vectors)[column]
        of_features: Tensor = self.feature_scorer(torch.from_numpy(table.values).to(device))[:, 0]
        scores: Tensor = of_features + self.scale * products.sum(1)
        return scores


@one_thread()
def train_pair_network(
    examples: Sequence[TrainingCandidates], seed: int, device: torch.device | None = None
) -> PairNetwork:
    """Train by softmax of each true pair among its head's candidates that are not true.

    Args:
        examples: of each fold.
        device: where the network is trained; the CPU if not given.

    Returns:
        The network, on the CPU.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    graph, table, _ = examples[0]
    network = PairNetwork(table.values.shape[1], graph.attribute_counts, graph.pairs.shape[1])
    network.to(device or torch.device("cpu"))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _LEARNING_RATE, total_steps=_EPOCHS * len(examples) * _STEPS, pct_start=0.15
    )
    network.train()
    with progress("Training the pair network", _EPOCHS * len(examples)) as step:
        for _ in range(_EPOCHS):
            for number in rng.permutation(len(examples)):
                for heads in _batches_of_heads(examples[number], rng):
                    loss = _batch_loss(network, examples[number], heads, rng)
                    optimiser.zero_grad()
                    torch.autograd.backward(loss)
                    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimiser.step()
                    schedule.step()
                step(1)
    return network.cpu().eval()


def _batches_of_heads(fold: TrainingCandidates, rng: np.random.Generator) -> list[Integers]:
    """The heads with a true candidate in random batches, each ascending."""
    heads = rng.permutation(np.unique(fold.table.heads[fold.labels]))
    return [np.sort(batch) for batch in np.array_split(heads, _STEPS) if len(batch)]


def _batch_loss(
    network: PairNetwork, fold: TrainingCandidates, heads: Integers, rng: np.random.Generator
) -> Tensor:
    """The loss of the candidates of some heads, the known tails of a tenth of all heads masked."""
    chosen = np.isin(fold.table.heads, heads)
    visible = rng.random(fold.graph.pairs.shape[0]) >= _MASKED_HEADS
    vectors = network.vectors(fold.graph, fold.graph.known_tails(heads, visible), heads)
    table, labels = fold.table.where(chosen), fold.labels[chosen]
    return _softmax_loss(network(table, heads, *vectors), table.heads, labels)


@one_thread()
@torch.no_grad()
def all_vectors(network: PairNetwork, graph: PairGraph) -> tuple[Integers, Tensor, Tensor]:
    """All heads, their vectors and the tails', to score tables with."""
    heads = np.arange(graph.pairs.shape[0])
    return heads, *network.vectors(graph, graph.known_tails(heads), heads)


def pair_network_from_tensors(tensors: Mapping[str, Tensor]) -> PairNetwork:
    """The network with these weights, a state dict of `PairNetwork`."""
    counts = {
        end: {
            name.removeprefix(f"{end[:-1]}_has."): len(weights)
            for name, weights in tensors.items()
            if name.startswith(f"{end[:-1]}_has.")
        }
        for end in ("heads", "tails")
    }
    network = PairNetwork(tensors["feature_scorer.0.weight"].shape[1], counts, len(tensors["tail"]))
    network.load_state_dict(dict(tensors))
    return network.eval()


def _softmax_loss(scores: Tensor, heads: Integers, labels: Mask) -> Tensor:
    """Mean over true pairs of -log(e^s / (e^s + Σ_{candidates that are not true} e^s'))."""
    device = scores.device
    query = torch.from_numpy(np.unique(heads, return_inverse=True)[1]).to(device)
    is_true = torch.from_numpy(labels).to(device)
    n_heads = int(query.max()) + 1
    largest = torch.full((n_heads,), -torch.inf, device=device)
    largest = largest.scatter_reduce(0, query, scores.detach(), "amax")
    exponentials = torch.exp(scores - largest[query])
    zeros = torch.zeros(n_heads, device=device)
    of_others = zeros.index_add(0, query, exponentials * ~is_true)
    own = exponentials[is_true]
    return torch.log((of_others[query[is_true]] + own) / own.clamp(min=1e-30)).mean()


def _attribute_vectors(counts: Mapping[str, int], dim: int) -> nn.ParameterDict:
    """A learned vector for each attribute, (attributes, dim) by name."""
    return nn.ParameterDict(
        {name: nn.Parameter(torch.randn(count, dim) * 0.1) for name, count in counts.items()}
    )


def _row_shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with rows that sum to 1, or to 0."""
    sums = np.asarray(matrix.sum(1)).ravel()
    return (sparse.diags(1 / np.where(sums > 0, sums, 1)) @ matrix).tocsr().astype(np.float32)
