"""Train embeddings on all triples of a graph.

Each node and each relation has a vector, and a decoder scores them. Each batch is of one relation,
and a step computes with, and changes, only the rows of the nodes in it, so that its time does not
grow with the graph. Under torchrun the processes share each batch, and take the steps that one
would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor

from ...core.checkpoint import Checkpoint
from ...core.progress import progress
from ...core.ranking import pair_matrix
from ...core.threads import one_thread
from .. import parallel
from ..decoders import DECODERS
from ..losses import LOSSES
from ..negatives import SAMPLERS, Pool
from ..settings import EMBEDDING_SCHEDULES, EmbeddingSettings
from ..triples import Triples

_TINY = 1e-10
_SMALL = 4_000_000  # multiplications in a batch's product that one thread is enough for


@dataclass(frozen=True)
class Embeddings:
    """Vectors of nodes (nodes, dim) and of relations (relations, dim), and how they are scored.

    With reciprocal relations the second half of `relations` holds the inverse ones.
    """

    decoder: str
    nodes: Tensor
    relations: Tensor
    reciprocal: bool = False

    def score_tails(self, heads: Tensor, relation: int, first: int, last: int) -> Tensor:
        """Scores of heads (n,) with the nodes from `first` to below `last` as tails."""
        query = DECODERS[self.decoder].tail_query(self.nodes[heads], self.relations[relation])
        return DECODERS[self.decoder].match(query, self.nodes[first:last])

    def score_heads(self, tails: Tensor, relation: int, first: int, last: int) -> Tensor:
        """Scores of tails (n,) with the nodes from `first` to below `last` as heads."""
        query = self._head_query(self.nodes[tails], relation, self.relations)
        return DECODERS[self.decoder].match(query, self.nodes[first:last])

    def _head_query(self, tails: Tensor, relation: int, relations: Tensor) -> Tensor:
        if self.reciprocal:
            inverse = relations[relation + len(relations) // 2]
            return DECODERS[self.decoder].tail_query(tails, inverse)
        return DECODERS[self.decoder].head_query(tails, relations[relation])


class EmbeddingTraining(TypedDict):
    """The course of training: the epochs trained, and, where there was validation, the epoch of the
    vectors that were kept and their MRR."""

    epochs: int
    best_epoch: NotRequired[int]
    valid_mrr: NotRequired[float]


def train(
    triples: Triples,
    settings: EmbeddingSettings,
    validate: Callable[[Embeddings], float] | None = None,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
) -> tuple[Embeddings, EmbeddingTraining]:
    """Train until the validation MRR no longer grows, and keep the best vectors.

    Args:
        triples: what to learn: no validation or test triple is among them.
        validate: the validation MRR of some vectors; without it all epochs are trained and the last
            vectors kept.
        checkpoint: a folder to keep the state in after every epoch; where it holds one of the same
            training, training goes on from there, and ends (on a CPU, with as many threads) with
            the same vectors, bit for bit, as without a break. The caller removes it when they are
            saved.

    Returns:
        The vectors, on the CPU, and the course of training: epochs, best_epoch, valid_mrr.
    """
    device = parallel.join(device or torch.device("cpu"))
    training = Training(triples, settings, seed, device, checkpoint)
    training.resume()
    parallel.check_same_epoch(training.epoch, device)
    is_first = parallel.rank() == 0  # of several processes one validates and writes
    small_batch = settings.batch * settings.negatives * settings.dim < _SMALL
    with one_thread(small_batch), progress(f"Training {settings.decoder}", settings.epochs) as step:
        step(training.epoch)
        while training.epoch < settings.epochs and training.waited < settings.patience:
            training.run_epoch()
            last = training.epoch == settings.epochs
            if validate is not None and (training.epoch % settings.validate_every == 0 or last):
                mrr = validate(training.embeddings()) if is_first else 0.0
                training.record_validation(parallel.from_first(mrr, device))
            if is_first:
                training.write()
            validated = training.best is not None
            step(1, f"validation MRR {training.best_mrr:.3f}" if validated else None)
    course: EmbeddingTraining = {"epochs": training.epoch}
    if training.best is not None:
        course["best_epoch"] = training.best_epoch
        course["valid_mrr"] = round(training.best_mrr, 4)
    return training.embeddings(best=True), course


class Training:
    """The state of a training: vectors, Adagrad's sums, random generator, best vectors so far."""

    def __init__(
        self,
        triples: Triples,
        settings: EmbeddingSettings,
        seed: int,
        device: torch.device,
        checkpoint: Path | None = None,
    ):
        self.settings, self._device = settings, device
        self._decoder = DECODERS[settings.decoder]
        self._loss, self._sampler = LOSSES[settings.loss], SAMPLERS[settings.sampler]
        self.generator = torch.Generator().manual_seed(seed)
        n_nodes, n_relations = int(triples.starts[-1]), len(triples.kinds)
        rows = 2 * n_relations if settings.reciprocal else n_relations
        # One table, the relations' vectors after the nodes', so that a step reads and writes once.
        vectors = [
            self._random_vectors(n_nodes),
            self._random_vectors(rows) + self._decoder.identity(settings.dim),
        ]
        self._n_nodes = n_nodes
        self._vectors = torch.cat(vectors).to(device)
        self._sums = torch.zeros(n_nodes + rows, 1, device=device)
        self._edges, self._pools, self._known = [], [], []
        for relation in range(n_relations):
            pairs = triples.pairs(relation)
            ends = torch.from_numpy(np.ascontiguousarray(pairs.T))
            spans = [triples.span(relation, end) for end in (0, 1)]
            self._edges.append(ends)
            self._pools.append([Pool.of(ends[e], *span, n_nodes) for e, span in enumerate(spans)])
            if self._sampler.filtered:
                known = pair_matrix(pairs, (n_nodes, n_nodes))
                self._known.append((known, known.T.tocsr()))
        made_of = json.dumps([settings.to_dict(), seed, n_nodes, rows], sort_keys=True)
        digest = hashlib.sha256(made_of.encode())
        for array in (triples.edges, triples.starts, triples.kinds):
            digest.update(np.ascontiguousarray(array).tobytes())
        self.checkpoint = Checkpoint(checkpoint, digest.hexdigest())
        self.epoch = self.best_epoch = self.waited = 0
        self.best_mrr = -1.0
        self.best: Tensor | None = None

    def _random_vectors(self, rows: int) -> Tensor:
        numbers = torch.randn(rows, self.settings.dim, generator=self.generator)
        return numbers * self.settings.scale

    def embeddings(self, *, best: bool = False) -> Embeddings:
        """The vectors as they are now, or, on the CPU, those with the best validation MRR."""
        vectors = self._vectors
        if best:
            vectors = (self._vectors if self.best is None else self.best).cpu()
        nodes, relations = vectors[: self._n_nodes], vectors[self._n_nodes :]
        return Embeddings(self.settings.decoder, nodes, relations, self.settings.reciprocal)

    def record_validation(self, mrr: float) -> None:
        """Record a validation MRR, and keep the vectors if it is the best."""
        self.waited += 1
        if mrr > self.best_mrr:
            self.best_mrr, self.best_epoch, self.waited = mrr, self.epoch, 0
            self.best = self._vectors.clone()

    def run_epoch(self) -> None:
        """Make one pass over all triples."""
        batches = []
        for relation, ends in enumerate(self._edges):
            if n := ends.shape[1]:
                order = torch.randperm(n, generator=self.generator)
                chunks = order.tensor_split(-(-n // self.settings.batch))
                batches += [(relation, part) for part in chunks]
        schedule = EMBEDDING_SCHEDULES[self.settings.schedule]
        numbers = torch.randperm(len(batches), generator=self.generator).tolist()
        for step, number in enumerate(numbers):
            relation, part = batches[number]
            own, weight = _own_share(part)
            heads, tails = self._edges[relation].index_select(1, own)
            done = (self.epoch + step / len(batches)) / self.settings.epochs
            rate = self.settings.learning_rate * schedule(done)
            self._step(relation, heads, tails, weight, rate)
        self.epoch += 1

    def _step(
        self, relation: int, heads: Tensor, tails: Tensor, weight: float, rate: float
    ) -> None:
        """Learn this process's triples of a batch, whose mean counts by its weight."""
        settings, decoder, device = self.settings, self._decoder, self._device
        sides = [0, 1]  # 0: tails are asked for, 1: heads
        if settings.sides == 1:
            sides = [int(torch.randint(2, (1,), generator=self.generator))]
        drawn = [
            self._sampler.draw(self._pools[relation][1 - side], settings.negatives, self.generator)
            for side in sides
        ]
        own = self._n_nodes + relation
        inverse = [own + len(self._edges)] if settings.reciprocal else []
        row_groups = [heads, tails, *drawn, torch.tensor([own, *inverse])]
        everywhere = torch.cat(row_groups)
        there = self._vectors.index_select(0, everywhere.to(device)).requires_grad_()
        *vectors, relations = there.split_with_sizes([len(rows) for rows in row_groups])

        losses = []
        for number, side in enumerate(sides):
            query_ends, answers = vectors[side], vectors[1 - side]
            if side == 0:
                query = decoder.tail_query(query_ends, relations[0])
            elif settings.reciprocal:
                query = decoder.tail_query(query_ends, relations[1])
            else:
                query = decoder.head_query(query_ends, relations[0])
            others = decoder.match(query, vectors[2 + number])
            others = self._without(
                others, relation, side, row_groups[side], row_groups[1 - side], drawn[number]
            )
            true = decoder.match_pairs(query, answers)
            losses.append(self._loss(true, others, settings.margin))
        if settings.n3 and not decoder.distance:
            ends = (vectors[0], vectors[1], relations)
            losses += [settings.n3 * self._cubes(x) for x in ends]

        (of_places,) = torch.autograd.grad(losses, there)
        rows, where = (torch.from_numpy(x) for x in np.unique(everywhere, return_inverse=True))
        of_rows = of_places.new_zeros(len(rows), of_places.shape[1])
        of_rows.index_add_(0, where.to(device), of_places)
        rows, of_rows = parallel.sum_of_rows(rows.to(device), of_rows.mul_(weight))
        self._update(rows, of_rows, rate)

    def _update(self, rows: Tensor, gradient: Tensor, rate: float) -> None:
        """Adagrad for some different rows of the table; all others stay as they are.

        One sum a row, the mean of its squared gradients: as good here as one a number, and there is
        less to read and write. Sources: Duchi et al., Adaptive Subgradient Methods, JMLR 2011;
        Lerer et al., PyTorch-BigGraph, MLSys 2019.
        """
        lengths = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        if self.settings.clip:
            gradient = gradient * (self.settings.clip / lengths.clamp_min(self.settings.clip))
            lengths = lengths.clamp_max(self.settings.clip)
        self._sums.index_add_(0, rows, lengths.square_(), alpha=1 / gradient.shape[1])
        steps = self._sums.index_select(0, rows).sqrt_().add_(_TINY).reciprocal_().mul_(-rate)
        self._vectors.index_add_(0, rows, gradient.mul_(steps))

    def _cubes(self, x: Tensor) -> Tensor:
        if self._decoder.complex:
            re, im = x.chunk(2, dim=-1)
            return (re * re + im * im + 1e-12).pow(1.5).sum(1).mean()
        return x.abs().pow(3).sum(1).mean()

    def _without(
        self,
        others: Tensor,
        relation: int,
        side: int,
        query_ends: Tensor,
        answers: Tensor,
        candidates: Tensor,
    ) -> Tensor:
        """The scores (batch, candidates) with -inf where a candidate is the triple's own answer or,
        where the sampler is filtered, a known one."""
        true = answers[:, None] == candidates
        if self._sampler.filtered:
            queries, where = np.unique(query_ends.numpy(), return_inverse=True)
            known = self._known[relation][side][queries][:, candidates.numpy()]
            true |= torch.from_numpy(known.toarray() > 0)[torch.from_numpy(where)]
        return others.masked_fill(true.to(others.device), -torch.inf)

    # Checkpoint

    def write(self) -> None:
        """Write the checkpoint."""
        tensors = {
            "vectors": self._vectors,
            "sums": self._sums,
            "generator": self.generator.get_state(),
        }
        if self.best is not None:
            tensors["best"] = self.best
        numbers = {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "best_mrr": self.best_mrr,
        }
        self.checkpoint.write(tensors, numbers)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one of the same training.

        Raises:
            ModelError: it is damaged.
        """
        state = self.checkpoint.read()
        if state is None:
            return
        tensors, numbers = state
        with self.checkpoint.restoring():
            self.generator.set_state(tensors["generator"])
            self._vectors, self._sums = (
                tensors[name].to(self._device) for name in ("vectors", "sums")
            )
            self.best = tensors["best"].to(self._device) if "best" in tensors else None
            self.epoch, self.best_epoch = numbers["epoch"], numbers["best_epoch"]
            self.waited, self.best_mrr = numbers["waited"], numbers["best_mrr"]


def _own_share(batch: Tensor) -> tuple[Tensor, float]:
    """This process's part of a batch (n,), and its weight among those of all processes.

    A batch with fewer triples than there are processes is learned by each, so that all have a part
    in the sum.
    """
    size = parallel.size()
    if len(batch) < size:
        return batch, 1 / size
    own = batch[parallel.rank() :: size]
    return own, len(own) / len(batch)
