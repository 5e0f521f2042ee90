"""A graph neural network that scores pairs, with what `known` says of them as its input.

Messages reach a head from what it has (side effects, classes, bits of its structure, …), from its
known tails, and from the known tails of the heads most like it; they reach a tail from what it has,
and from the tails most like it. So a head without a known tail, or a tail without a known head, has
a vector too.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from ...core.progress import progress
from ...core.sparse import largest_entries
from ...core.threads import one_thread
from .pair_features import CandidateTable, LearnedSimilarities
from .similarities import EndFeatures

_DIM = 96
_HIDDEN = 192
_DROPOUT = 0.3
_NEAREST = 15  # heads (tails) most like one that messages come from
_BLIND = 0.1  # of heads whose known tails send no messages in a step, so that it learns without
_EPOCHS = 15
_STEPS = 4  # on the examples of a fold, in an epoch
_RATE = 2e-3
_DECAY = 1e-4


class Examples(NamedTuple):
    """Candidates of some heads, which of them are true, and from what they are to be told.

    `table.values` are scaled; `known` holds none of the true pairs.
    """

    known: PairGraph
    table: CandidateTable
    true: NDArray[np.bool_]


class PairGraph:
    """What messages go over: the two sides' contents, the known pairs, and who is like whom."""

    def __init__(self, known: LearnedSimilarities, head_side: EndFeatures, tail_side: EndFeatures):
        self.heads = head_side.contents
        self.tails = {name: _tensor(rows) for name, rows in tail_side.contents.items()}
        self.pairs = known.pairs
        near = _shares(largest_entries(known.heads.power(3).tocsr(), _NEAREST))
        self.near = _shares((near @ known.pairs).tocsr())
        self.alike = _tensor(_shares(largest_entries(known.tails.copy(), _NEAREST)))

    def known(self, told: NDArray[np.bool_] | None = None) -> sparse.csr_matrix:
        """The known pairs as shares of each head's, (heads, tails); of those `told` alone."""
        pairs = self.pairs if told is None else sparse.diags(told.astype(np.float32)) @ self.pairs
        return _shares(pairs.tocsr())


class PairNetwork(nn.Module):
    """score(h, t) = MLP(what is said of (h, t)) + s · head vector · tail vector.

    tail vector: t_0 + W Σ_{u like t} share · u_0, with u_0 a learned vector and the sum of learned
    vectors of what u has; head vector: U ReLU(Σ vectors of what h has + V Σ_{known t} t / known
    + V' Σ_{known t of heads like h} share · t). A relational graph convolution of two layers with
    fixed weights of neighbours (compare Schlichtkrull et al., ESWC 2018).
    """

    def __init__(self, columns: int, contents: Mapping[str, Mapping[str, int]], tails: int):
        super().__init__()
        self.said = nn.Sequential(
            nn.Linear(columns, _DIM),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_DIM, _DIM // 2),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_DIM // 2, 1),
        )
        self.head_has = _vectors(contents["heads"], _HIDDEN)
        self.tail_has = _vectors(contents["tails"], _DIM)
        self.tail = nn.Parameter(torch.randn(tails, _DIM) * 0.02)
        self.like_tails = nn.Linear(_DIM, _DIM, bias=False)
        self.start = nn.Parameter(torch.zeros(_HIDDEN))
        self.known = nn.Linear(_DIM, _HIDDEN, bias=False)
        self.near = nn.Linear(_DIM, _HIDDEN, bias=False)
        self.head = nn.Linear(_HIDDEN, _DIM)
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.dropout = nn.Dropout(_DROPOUT)

    def vectors(
        self, messages: PairGraph, known: sparse.csr_matrix, heads: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Of these heads (n, dim) and of all tails (tails, dim)."""
        tail = self.tail
        for name, rows in messages.tails.items():
            tail = tail + rows @ self.tail_has[name]
        tail = tail + self.like_tails(messages.alike @ tail)
        head = self.start + self.known(_tensor(known[heads]) @ tail)
        head = head + self.near(_tensor(messages.near[heads]) @ tail)
        for name, contents in messages.heads.items():
            head = head + _tensor(contents[heads]) @ self.head_has[name]
        return self.head(self.dropout(torch.relu(head))), tail

    def forward(
        self, table: CandidateTable, heads: NDArray[np.int64], head: Tensor, tail: Tensor
    ) -> Tensor:
        """Scores of the rows of a table, (rows,); `head` are the vectors of `heads` (sorted)."""
        row = torch.from_numpy(np.searchsorted(heads, table.heads))
        column = torch.from_numpy(table.tails)
        both: Tensor = (self.dropout(head)[row] * self.dropout(tail)[column]).sum(1)
        said: Tensor = self.said(torch.from_numpy(table.values))[:, 0]
        return said + self.scale * both


@one_thread()
def train_pair_network(examples: Sequence[Examples], seed: int) -> PairNetwork:
    """Train to tell each true pair from its head's other candidates, by softmax over them."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    network = PairNetwork(*_shape(examples[0]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _RATE, total_steps=_EPOCHS * len(examples) * _STEPS, pct_start=0.15
    )
    network.train()
    with progress("Training the pair network", _EPOCHS * len(examples)) as step:
        for _ in range(_EPOCHS):
            for number in chance.permutation(len(examples)):
                known, table, true = examples[number]
                asked = chance.permutation(np.unique(table.heads[true]))
                for part in np.array_split(asked, _STEPS):
                    if not len(part):
                        continue
                    heads = np.sort(part)
                    chosen = np.isin(table.heads, heads)
                    told = chance.random(known.pairs.shape[0]) >= _BLIND
                    vectors = network.vectors(known, known.known(told), heads)
                    scores = network(table.where(chosen), heads, *vectors)
                    loss = _softmax_loss(scores, table.heads[chosen], true[chosen])
                    optimiser.zero_grad()
                    torch.autograd.backward(loss)
                    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimiser.step()
                    schedule.step()
                step(1)
    return network.eval()


@one_thread()
@torch.no_grad()
def vectors_of(network: PairNetwork, known: PairGraph) -> tuple[NDArray[np.int64], Tensor, Tensor]:
    """All heads, their vectors and the tails', to score tables with."""
    heads = np.arange(known.pairs.shape[0])
    return heads, *network.vectors(known, known.known(), heads)


def restored(tensors: Mapping[str, Tensor]) -> PairNetwork:
    """The network with these weights."""
    contents = {
        side: {
            name.removeprefix(f"{side[:-1]}_has."): len(weights)
            for name, weights in tensors.items()
            if name.startswith(f"{side[:-1]}_has.")
        }
        for side in ("heads", "tails")
    }
    network = PairNetwork(tensors["said.0.weight"].shape[1], contents, len(tensors["tail"]))
    network.load_state_dict(dict(tensors))
    return network.eval()


def _softmax_loss(scores: Tensor, heads: NDArray[np.int64], true: NDArray[np.bool_]) -> Tensor:
    """Mean over true pairs of -log(e^s / (e^s + Σ_{candidates that are not true} e^s'))."""
    query = torch.from_numpy(np.unique(heads, return_inverse=True)[1])
    is_true = torch.from_numpy(true)
    n_heads = int(query.max()) + 1
    largest = torch.full((n_heads,), -torch.inf).scatter_reduce(0, query, scores.detach(), "amax")
    above = torch.exp(scores - largest[query])
    others = torch.zeros(n_heads).index_add(0, query, above * ~is_true)
    own = above[is_true]
    return torch.log((others[query[is_true]] + own) / own.clamp(min=1e-30)).mean()


def _shape(examples: Examples) -> tuple[int, dict[str, dict[str, int]], int]:
    known, table, _ = examples
    contents = {
        "heads": {name: rows.shape[1] for name, rows in known.heads.items()},
        "tails": {name: rows.shape[1] for name, rows in known.tails.items()},
    }
    return table.values.shape[1], contents, known.pairs.shape[1]


def _vectors(widths: Mapping[str, int], dim: int) -> nn.ParameterDict:
    return nn.ParameterDict(
        {name: nn.Parameter(torch.randn(width, dim) * 0.1) for name, width in widths.items()}
    )


def _shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows that sum to 1."""
    sums = np.asarray(matrix.sum(1)).ravel()
    return (sparse.diags(1 / np.where(sums > 0, sums, 1)) @ matrix).tocsr().astype(np.float32)


def _tensor(matrix: sparse.csr_matrix) -> Tensor:
    with warnings.catch_warnings():
        # torch says once that its compressed sparse rows are in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
            check_invariants=False,
        )
