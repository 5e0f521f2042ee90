"""Train embeddings on all triples of a graph.

Each node and each relation has a vector, and a decoder scores them. Each batch is of one relation,
and a step computes with, and changes, only the rows of the nodes in it, so that its time does not
grow with the graph. Under torchrun the processes share each batch and the table of vectors, and
take the steps that one would.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor

from ...core.atomic import take_away
from ...core.checkpoint import Checkpoint
from ...core.errors import ModelError
from ...core.progress import progress
from ...core.ranking import pair_matrix
from ...core.threads import one_thread
from .. import parallel
from ..decoders import DECODERS
from ..losses import LOSSES
from ..negatives import SAMPLERS, Pool
from ..settings import EMBEDDING_SCHEDULES, EmbeddingSettings
from ..triples import Triples
from .table import Table

_LATENCY = 60.0  # seconds after which what one machine wrote is there for all
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
            training, training goes on from there, and ends (on a CPU, with as many threads and
            processes) with the same vectors, bit for bit, as without a break. The caller removes it
            when they are saved.

    Returns:
        The vectors, on the CPU, and the course of training: epochs, best_epoch, valid_mrr.
    """
    device = parallel.join(device or torch.device("cpu"))
    training = Training(triples, settings, seed, device, checkpoint)
    training.resume()
    parallel.check_same_epoch(training.epoch, device)
    small_batch = settings.batch * settings.negatives * settings.dim < _SMALL
    with one_thread(small_batch), progress(f"Training {settings.decoder}", settings.epochs) as step:
        step(training.epoch)
        while training.epoch < settings.epochs and training.waited < settings.patience:
            training.run_epoch()
            last = training.epoch == settings.epochs
            if validate is not None and (training.epoch % settings.validate_every == 0 or last):
                now = training.embeddings_in_first()
                mrr = 0.0 if now is None else validate(now)
                training.record_validation(parallel.from_first(mrr, device))
            training.write()
            validated = training.best_epoch > 0
            step(1, f"validation MRR {training.best_mrr:.3f}" if validated else None)
    course: EmbeddingTraining = {"epochs": training.epoch}
    if training.best_epoch:
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
        self._n_nodes, identity = n_nodes, self._decoder.identity(settings.dim)
        self._table = Table(n_nodes + rows, settings.dim, device)
        self._table.fill(0, n_nodes, self._random_vectors)
        self._table.fill(n_nodes, n_nodes + rows, lambda n: self._random_vectors(n) + identity)
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
        self._folder, self._fingerprint = checkpoint, digest.hexdigest()
        self.epoch = self.best_epoch = self.waited = 0
        self.best_mrr = -1.0

    def _random_vectors(self, rows: int) -> Tensor:
        numbers = torch.randn(rows, self.settings.dim, generator=self.generator)
        return numbers * self.settings.scale

    def embeddings(self, *, best: bool = False) -> Embeddings:
        """The vectors as they are now, or, on the CPU, those with the best validation MRR."""
        vectors = self._table.whole(best=best)
        return self._embeddings(vectors.cpu() if best else vectors)

    def embeddings_in_first(self) -> Embeddings | None:
        """The vectors as they are now, in the first process alone."""
        vectors = self._table.whole_in_first()
        return None if vectors is None else self._embeddings(vectors)

    def _embeddings(self, vectors: Tensor) -> Embeddings:
        nodes, relations = vectors[: self._n_nodes], vectors[self._n_nodes :]
        return Embeddings(self.settings.decoder, nodes, relations, self.settings.reciprocal)

    def record_validation(self, mrr: float) -> None:
        """Record a validation MRR, and keep the vectors if it is the best."""
        self.waited += 1
        if mrr > self.best_mrr:
            self.best_mrr, self.best_epoch, self.waited = mrr, self.epoch, 0
            self._table.keep_best()

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
        different, places = np.unique(torch.cat(row_groups), return_inverse=True)
        rows, where = (torch.from_numpy(x).to(device) for x in (different, places))
        fetched = self._table.fetch(rows)
        there = fetched.values.requires_grad_()
        sizes = [len(group) for group in row_groups]
        *vectors, relations = there.index_select(0, where).split_with_sizes(sizes)

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

        (gradient,) = torch.autograd.grad(losses, there)
        self._table.learn(fetched, gradient.mul_(weight), rate, settings.clip)

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
        """Write this process's part of the checkpoint, which is whole when all have.

        The one before stays until then, in the other of two folders, so that processes which are
        killed while they write leave one that is whole.
        """
        if self._folder is None:
            return
        turn, own = self.epoch % 2, parallel.rank()
        tensors = {**self._table.state(), "generator": self.generator.get_state()}
        numbers = {
            "processes": parallel.size(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "best_mrr": self.best_mrr,
        }
        self._part(turn, own).write(tensors, numbers)
        parallel.wait()
        if not self._is_visible(turn):
            raise ModelError(
                f"{self._folder}: process {own} doesn't see what the others wrote: it has to be a"
                " folder that all machines share"
            )
        for part in self._folder.glob(f"{1 - turn}-*"):  # there may have been more processes
            if int(part.name.partition("-")[2]) % parallel.size() == own:
                take_away(part)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one of the same training, by however many
        processes.

        Raises:
            ModelError: it is damaged.
        """
        whole = [state for turn in (0, 1) if (state := self._whole_state(turn)) is not None]
        parallel.wait()  # for those that look, before others write
        if not whole:
            return
        turn, numbers = max(whole, key=lambda state: int(state[1]["epoch"]))

        @contextmanager
        def shard(number: int) -> Iterator[dict[str, Tensor]]:
            part = self._part(turn, number)
            saved = part.read()
            assert saved is not None
            with part.restoring():
                # All parts have the same, and each process reads one at least.
                self.generator.set_state(saved.tensors["generator"])
                yield saved.tensors

        self._table.restore(shard, numbers["processes"])
        with self._part(turn, 0).restoring():
            self.epoch, self.best_epoch = numbers["epoch"], numbers["best_epoch"]
            self.waited, self.best_mrr = numbers["waited"], numbers["best_mrr"]

    def _is_visible(self, turn: int) -> bool:
        """Whether this process sees the parts of all: at once, or (of a network's disk) soon."""
        give_up = time.monotonic() + _LATENCY
        while self._whole_state(turn) is None:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.5)
        return True

    def _part(self, turn: int, number: int) -> Checkpoint:
        folder = None if self._folder is None else self._folder / f"{turn}-{number}"
        return Checkpoint(folder, self._fingerprint)

    def _whole_state(self, turn: int) -> tuple[int, dict[str, Any]] | None:
        """A checkpoint that every process has finished its part of, and its numbers."""
        numbers = self._part(turn, 0).numbers()
        if numbers is None:
            return None
        with self._part(turn, 0).restoring():
            if int(numbers["epoch"]) < 1 or int(numbers["processes"]) < 1:
                raise ValueError("of no epoch, or of no process")
            others = [self._part(turn, n).numbers() for n in range(1, numbers["processes"])]
        return (turn, numbers) if all(other == numbers for other in others) else None


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
