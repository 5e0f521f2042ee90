"""Training of a path network on known pairs that are hidden from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from ..core.checkpoint import Stages
from ..core.progress import progress
from ..core.tensors import with_prefix, without_prefix
from ..core.threads import one_thread
from .message_edges import no_sparse_warning
from .path_network import HiddenPairs, PathGraph, PathNetwork
from .precision import mixed_precision
from .settings import PathSettings, RelationPathSettings

Integers = NDArray[np.int64]

_LAST_RATE = 0.1  # of the learning rate, at the end
_WHOLE_HEADS = 0.3  # of queries, that hide all pairs of their head, as a new head has none
_HIDDEN = 1 / 3  # of the pairs of another head
_LEAST_STEPS = 150  # of an epoch: the heads of a small graph are asked for again
_MOST_STEPS = 1_500


class PathTraining(TypedDict):
    """The course of training: the validation MRR after each epoch, and the epoch that was kept."""

    valid_mrr: list[float]
    best_epoch: int


class QueryBatch(NamedTuple):
    """The queries of a step.

    Attributes:
        graph: that messages are passed over; it holds the pairs, and names what is asked for.
        heads: (queries,).
        hidden: the pairs that each query hides, and has to find.
        known: (queries, tails), whether the graph holds the pair, hidden or not.
    """

    graph: PathGraph
    heads: Tensor
    hidden: HiddenPairs
    known: Tensor


class Queries(Protocol):
    """A source of training batches, so many an epoch."""

    steps: int

    def batches(self, rng: np.random.Generator) -> Iterator[QueryBatch]:
        """The steps of an epoch."""
        ...


def train_path_network(
    graph: PathGraph,
    pairs: sparse.csr_matrix,
    validate: Callable[[PathNetwork], float],
    settings: PathSettings,
    *,
    new_heads: bool,
    seed: int,
    stages: Stages,
) -> tuple[PathNetwork, PathTraining]:
    """Train a network of one relation.

    Args:
        graph: that messages are passed over; it holds the pairs.
        pairs: the known pairs, (heads, tails).
        validate: the validation MRR of a network.
        settings: what the network is built and trained with.
        new_heads: whether all queries hide all pairs of their heads, since what is to be predicted
            are pairs of heads without any.
        seed: of weights and batches.
        stages: keeps the state after each epoch, so that training goes on after a kill.
    """
    torch.manual_seed(seed)
    network = PathNetwork(list(graph.edges), settings.dim, settings.layers).to(graph.device)
    queries = _HeadQueries(graph, pairs, settings.heads, 1.0 if new_heads else _WHOLE_HEADS)
    validated = partial(validate, network)
    return network, train_on_queries(
        network, queries, validated, settings, seed=seed, stages=stages
    )


@one_thread()
def train_on_queries(
    network: nn.Module,
    queries: Queries,
    validate: Callable[[], float],
    settings: RelationPathSettings,
    *,
    seed: int,
    stages: Stages,
) -> PathTraining:
    """Train a network to find known pairs that are hidden from it.

    The heads of a step hide some of their pairs, and each of these is to be told by its score from
    all tails that are not known. The network keeps the weights of the epoch with the best
    validation.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    course: PathTraining = {"valid_mrr": [], "best_epoch": 0}
    best: dict[str, Tensor] = {}
    total = settings.epochs * queries.steps
    with progress("Training the path network", total) as step, no_sparse_warning():
        for epoch in range(settings.epochs):

            def train(epoch: int = epoch) -> dict[str, Tensor]:
                state = _train_epoch(network, optimiser, queries, settings, epoch, seed, step)
                network.eval()
                return {**state, "valid_mrr": torch.tensor(validate(), dtype=torch.float64)}

            state = stages.get(f"paths{epoch}", train)
            _set_state(network, optimiser, state)
            course["valid_mrr"].append(round(float(state["valid_mrr"]), 4))
            if course["valid_mrr"][-1] > max([-1.0, *course["valid_mrr"][:-1]]):
                course["best_epoch"], best = epoch + 1, without_prefix("network", state)
    network.load_state_dict(best)
    network.eval()
    return course


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Adam,
    queries: Queries,
    settings: RelationPathSettings,
    epoch: int,
    seed: int,
    step: Callable[..., None],
) -> dict[str, Tensor]:
    """The state of network and optimiser after an epoch.

    All random numbers follow from its number: a resumed training is the same.
    """
    network.train()
    done, total = epoch * queries.steps, settings.epochs * queries.steps
    for graph, heads, hidden, known in queries.batches(np.random.default_rng([seed, epoch])):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * (1 - (1 - _LAST_RATE) * done / total)
        with mixed_precision(settings.precision, graph.device):
            scores = network(graph, heads, hidden)
        loss = _loss(scores.float(), hidden, known)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        done += 1
        step(1, f"loss {loss.detach():.2f}")
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = with_prefix("network", weights)
    for number, moments in optimiser.state_dict()["state"].items():
        state |= with_prefix(f"optimiser.{number}", moments)
    return state


def _set_state(
    network: nn.Module, optimiser: torch.optim.Adam, state: Mapping[str, Tensor]
) -> None:
    """Take up the state after an epoch, see `_train_epoch`."""
    network.load_state_dict(without_prefix("network", state))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in without_prefix("optimiser", state).items():
        number, _, field = name.partition(".")
        moments.setdefault(int(number), {})[field] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})


class _HeadQueries:
    """The heads of one relation, and the pairs that each of them hides.

    Args:
        graph: that messages are passed over.
        pairs: the known pairs, (heads, tails).
        together: so many heads are asked for in a step.
        whole: of the heads, the share that hide all of their pairs.
    """

    def __init__(self, graph: PathGraph, pairs: sparse.csr_matrix, together: int, whole: float):
        self._graph, self._pairs, self._whole = graph, pairs, whole
        self._heads = np.flatnonzero(np.diff(pairs.indptr))
        once = -(-len(self._heads) // together)
        self.steps = min(once * -(-_LEAST_STEPS // once), _MOST_STEPS)
        self._times = -(-self.steps // once)

    def batches(self, rng: np.random.Generator) -> Iterator[QueryBatch]:
        """The steps of an epoch."""
        order = np.concatenate([rng.permutation(self._heads) for _ in range(self._times)])
        for step in range(self.steps):
            heads = order[step * len(order) // self.steps : (step + 1) * len(order) // self.steps]
            hidden = [self._hidden(head, rng) for head in heads]
            yield query_batch(self._graph, self._pairs, heads, hidden)

    def _hidden(self, head: int, rng: np.random.Generator) -> Integers:
        tails: Integers = self._pairs[head].indices.astype(np.int64)
        if rng.random() >= self._whole:
            tails = rng.choice(tails, max(1, round(len(tails) * _HIDDEN)), replace=False)
        return tails


def query_batch(
    graph: PathGraph, pairs: sparse.csr_matrix, heads: Integers, hidden: Sequence[Integers]
) -> QueryBatch:
    """A step of these heads, each of which hides some of its tails, where the graph is."""
    lengths = [len(tails) for tails in hidden]
    hidden_pairs = HiddenPairs(
        torch.from_numpy(np.repeat(np.arange(len(heads)), lengths)),
        torch.from_numpy(np.repeat(heads, lengths)),
        torch.from_numpy(np.concatenate(hidden)),
    )
    known = torch.from_numpy(pairs[heads].toarray() > 0)
    numbers = torch.from_numpy(heads)
    device = graph.device
    return QueryBatch(graph, numbers.to(device), hidden_pairs.to(device), known.to(device))


def _loss(scores: Tensor, hidden: HiddenPairs, known: Tensor) -> Tensor:
    """-log(e^s / (e^s + Σ_{tails that are not known} e^s')) of hidden pairs, the mean.

    A head with n hidden pairs counts √n times.
    """
    others = scores.masked_fill(known, -torch.inf).logsumexp(1)
    own = scores[hidden.queries, hidden.tails]
    losses = functional.softplus(others[hidden.queries] - own)
    weights = torch.bincount(hidden.queries, minlength=len(scores)).float().rsqrt()[hidden.queries]
    return (losses * weights).sum() / weights.sum()
