"""The table of vectors that embeddings are trained in, shared out over the processes.

Under torchrun process r modulo their number holds row r, so that each needs memory for its share
alone. In a step a process fetches the rows that it needs from those that hold them, and sends the
rows' gradients back. PyTorch-BigGraph (Lerer et al., MLSys 2019) shares out parts of the graph
instead; here every batch may be of any rows.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from ...core.disk import writing
from ...core.errors import ModelError
from .. import parallel

_TINY = 1e-10
_CHUNK = 65_536  # rows of all processes that are handled at a time where all are

# Gives a part of a saved table, by its number, to be taken apart in the block.
Shard = Callable[[int], AbstractContextManager[Mapping[str, Tensor]]]


@dataclass(frozen=True)
class Fetched:
    """Rows of the table, and what is needed to send their gradients back.

    Attributes:
        values: (n, dim), in the order in which the rows were asked for.
        order: (n,), their places among the rows asked for, those first that the first process
            holds; empty where there is one process.
        sent, received: how many rows this process asked of each process, and each of it.
        places: of the rows that it was asked for, in its share.
    """

    values: Tensor
    order: Tensor
    sent: list[int]
    received: list[int]
    places: Tensor


class Table:
    """This process's share of the vectors, and of Adagrad's sums, one for each row.

    Attributes:
        vectors: (own rows, dim).
        sums: (own rows, 1).
        best: the vectors with the best validation so far; None before the first.
    """

    def __init__(self, n_rows: int, dim: int, device: torch.device):
        self.n_rows, self._device = n_rows, device
        self._rank, self._size = parallel.rank(), parallel.size()
        own = len(range(self._rank, n_rows, self._size))
        self.vectors = torch.zeros(own, dim, device=device)
        self.sums = torch.zeros(own, 1, device=device)
        self.best: Tensor | None = None

    def fill(self, first: int, last: int, draw: Callable[[int], Tensor]) -> None:
        """Set the rows from `first` to below `last`, in all processes to the same.

        Args:
            draw: of a number of rows, their vectors; called for the rows in their order.
        """
        for start in range(first, last, _CHUNK):
            rows = torch.arange(start, min(start + _CHUNK, last))
            drawn, here = draw(len(rows)), rows % self._size == self._rank
            self.vectors[rows[here] // self._size] = drawn[here].to(self._device)

    def fetch(self, rows: Tensor) -> Fetched:
        """The vectors of different rows (n,), whoever holds them."""
        if self._size == 1:
            return Fetched(self.vectors.index_select(0, rows), rows[:0], [], [], rows)
        holder = rows % self._size
        order = torch.argsort(holder, stable=True)
        counts = torch.bincount(holder, minlength=self._size)
        theirs = torch.empty_like(counts)
        dist.all_to_all_single(theirs, counts)
        sent, received = counts.tolist(), theirs.tolist()
        places = _exchanged((rows // self._size)[order], sent, received)
        values_by_holder = _exchanged(self.vectors.index_select(0, places), received, sent)
        values = torch.empty_like(values_by_holder)
        values[order] = values_by_holder
        return Fetched(values, order, sent, received, places)

    def learn(self, fetched: Fetched, gradient: Tensor, rate: float, clip: float) -> None:
        """Adagrad for the rows that the processes fetched; all others stay as they are.

        One sum a row, the mean of its squared gradients: as good here as one a number, and there is
        less to read and write. Sources: Duchi et al., Adaptive Subgradient Methods, JMLR 2011;
        Lerer et al., PyTorch-BigGraph, MLSys 2019.

        Args:
            gradient: (n, dim), this process's part, of the rows that it fetched.
            clip: the longest gradient of a row; 0: any.
        """
        rows = fetched.places
        if self._size > 1:
            parts = _exchanged(gradient[fetched.order], fetched.sent, fetched.received)
            rows, where = torch.unique(rows, return_inverse=True)
            gradient = parts.new_zeros(len(rows), parts.shape[1]).index_add_(0, where, parts)
        lengths = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        if clip:
            gradient = gradient * (clip / lengths.clamp_min(clip))
            lengths = lengths.clamp_max(clip)
        self.sums.index_add_(0, rows, lengths.square_(), alpha=1 / gradient.shape[1])
        steps = self.sums.index_select(0, rows).sqrt_().add_(_TINY).reciprocal_().mul_(-rate)
        self.vectors.index_add_(0, rows, gradient.mul_(steps))

    def keep_best(self) -> None:
        """Keep the vectors as they are now as the best."""
        if self.best is None:
            self.best = torch.empty_like(self.vectors)
        self.best.copy_(self.vectors)

    def whole(self, *, best: bool = False) -> Tensor:
        """All vectors, (rows, dim): of one process the table itself; of several, who have to ask
        at once, a file that is mapped into memory.

        Each machine has one, in its folder for temporary files (the variable TMPDIR). It loses its
        name at once, and goes with the tensors.

        Args:
            best: those with the best validation, if there was one.

        Raises:
            DiskError: the folder has no room for it.
            ModelError: the processes of a machine have different folders.
        """
        own = self.best if best and self.best is not None else self.vectors
        if self._size == 1:
            return own
        token = int(parallel.from_first(secrets.randbits(48), self._device))
        name = f"medkg-vectors-{token:x}-{parallel.machine()}"
        path, writes = Path(tempfile.gettempdir()) / name, parallel.local_rank() == 0
        if writes:
            self._make(path)
        try:
            parallel.wait()
            if not path.exists():
                raise ModelError(
                    f"{path.parent}: the first process of this machine has another folder for"
                    " temporary files; set one TMPDIR for all"
                )
            table = self._mapped(path)
            parallel.wait()
        finally:
            if writes:
                path.unlink()
        self._gather(own, table if writes else None)
        parallel.wait()
        return table

    def whole_in_first(self) -> Tensor | None:
        """All vectors as they are now, as `whole` gives them, in the first process; else None."""
        if self._size == 1:
            return self.vectors
        if self._rank:
            self._gather(self.vectors, None)
            return None
        with tempfile.TemporaryDirectory(prefix="medkg-vectors-") as folder:
            path = Path(folder) / "vectors"
            self._make(path)
            table = self._mapped(path)
        self._gather(self.vectors, table)
        return table

    def _make(self, path: Path) -> None:
        """Make a file of zeros; one without room for all of them would end the process later."""
        size = self.n_rows * self.vectors.shape[1] * self.vectors.element_size()
        with writing(path):
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            try:
                os.truncate(file, size)
                if hasattr(os, "posix_fallocate"):  # macOS has none
                    os.posix_fallocate(file, 0, size)
            except OSError:
                path.unlink()
                raise
            finally:
                os.close(file)

    def _mapped(self, path: Path) -> Tensor:
        shape = self.n_rows, self.vectors.shape[1]
        return torch.from_file(str(path), shared=True, size=shape[0] * shape[1]).view(shape)

    def _gather(self, own: Tensor, table: Tensor | None) -> None:
        """Write the shares of all processes to the table, if this one has it."""
        most, chunk = -(-self.n_rows // self._size), -(-_CHUNK // self._size)
        for start in range(0, most, chunk):
            part = own.new_zeros(min(chunk, most - start), own.shape[1])
            mine = own[start : start + len(part)]
            part[: len(mine)] = mine
            parts = [torch.empty_like(part) for _ in range(self._size)]
            dist.all_gather(parts, part)
            if table is not None:
                stop = (start + len(part)) * self._size
                rows = torch.stack(parts, dim=1).flatten(0, 1)
                table[start * self._size : stop] = rows[: self.n_rows - start * self._size].cpu()

    def state(self) -> dict[str, Tensor]:
        """This process's share, to be saved."""
        tensors = {"vectors": self.vectors, "sums": self.sums}
        return tensors if self.best is None else {**tensors, "best": self.best}

    def restore(self, shard: Shard, size: int) -> None:
        """Take up what `size` processes saved, of which this one needs some parts."""
        for number in range(size):
            rows = torch.arange(number, self.n_rows, size)
            here = rows % self._size == self._rank
            if len(self.vectors) and not bool(here.any()):
                continue
            with shard(number) as saved:
                if "best" in saved and self.best is None:
                    self.best = torch.zeros_like(self.vectors)
                own = rows[here] // self._size
                for name, tensor in self.state().items():
                    tensor[own] = saved[name][here].to(self._device)


def _exchanged(parts: Tensor, sent: list[int], received: list[int]) -> Tensor:
    """Send the parts (n, …) to the processes in turn, and give what they sent here."""
    out = parts.new_empty(sum(received), *parts.shape[1:])
    dist.all_to_all_single(out, parts.contiguous(), received, sent)
    return out
