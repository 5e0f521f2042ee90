"""Training on several processes: each learns a share of the edges, and all take the same steps.

Started by torchrun, which says in the environment how many processes there are:

    torchrun --nproc-per-node 2 --no-python medkg train links GRAPH --config FILE --out MODEL

A process that dies takes the others with it; torchrun's `--max-restarts` starts all of them anew
(with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1), and they go on from the last checkpoint.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..core.errors import ModelError

# While the first process validates, the others wait for it.
_LONGEST_WAIT = timedelta(hours=24)


def rank() -> int:
    """The number of this process, 0 for the first or only one."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """The number of this process among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def machine() -> int:
    """The number of this process's machine among those of torchrun."""
    return int(os.environ.get("GROUP_RANK", "0"))


def wait() -> None:
    """Wait until all processes are here."""
    if size() > 1:
        dist.barrier()


def join(device: torch.device) -> torch.device:
    """Meet the other processes, if there are some; gives the device that is this process's own.

    Raises:
        ModelError: torchrun is to start processes anew, in a way by which they would not meet.
    """
    # torchrun's own store still has the addresses of the processes that ended (PyTorch 2.13).
    keeps_store = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if size() > 1 and keeps_store and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")):
        raise ModelError(
            "processes that --max-restarts starts anew would look for those that ended: set"
            " TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in the environment of torchrun"
        )
    if device.type == "cuda" and device.index is None and size() > 1:
        device = torch.device("cuda", local_rank())
        torch.cuda.set_device(device)
    if size() > 1 and not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_LONGEST_WAIT)
        atexit.register(dist.destroy_process_group)
    return device


def from_first(number: float, device: torch.device) -> float:
    """The first process's number, in all of them."""
    if size() == 1:
        return number
    shared = torch.tensor([number], dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return float(shared)


def check_same_epoch(epoch: int, device: torch.device) -> None:
    """Check that all processes go on from one state.

    Raises:
        ModelError: this one goes on from another epoch than the first.
    """
    first = int(from_first(epoch, device))
    if epoch != first:
        raise ModelError(
            f"process {rank()} goes on after epoch {epoch}, the first after {first}: the model's"
            " folder has to be one that all machines share"
        )


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give each parameter the mean over the processes of its gradients, dense or sparse."""
    if size() == 1:
        return
    dense: list[nn.Parameter] = []
    sparse: list[nn.Parameter] = []
    for weights in parameters:
        if weights.grad is None:  # unused here, but maybe not elsewhere
            weights.grad = torch.zeros_like(weights)
        (sparse if weights.grad.is_sparse else dense).append(weights)
    if dense:
        flat = torch.cat([_gradient(weights).ravel() for weights in dense])
        dist.all_reduce(flat)
        flat /= size()
        gradients = torch.split(flat, [weights.numel() for weights in dense])
        for weights, part in zip(dense, gradients, strict=True):
            weights.grad = part.view_as(weights).clone()
    for weights in sparse:
        weights.grad = _mean_of_rows(_gradient(weights))


def _gradient(weights: nn.Parameter) -> Tensor:
    assert weights.grad is not None
    return weights.grad


def _mean_of_rows(gradient: Tensor) -> Tensor:
    """The mean over the processes, added up in one order everywhere."""
    gradient = gradient.coalesce()
    rows, values = gradient.indices()[0], gradient.values() / size()
    own = torch.tensor([len(rows)], device=rows.device)
    lengths = [torch.zeros_like(own) for _ in range(size())]
    dist.all_gather(lengths, own)
    most = max(int(n) for n in lengths)

    def gathered(one: Tensor) -> Tensor:
        padded = one.new_zeros(most, *one.shape[1:])
        padded[: len(one)] = one
        tensors = [torch.empty_like(padded) for _ in range(size())]
        dist.all_gather(tensors, padded)
        return torch.cat([part[: int(n)] for part, n in zip(tensors, lengths, strict=True)])

    return torch.sparse_coo_tensor(
        gathered(rows)[None], gathered(values), gradient.shape, check_invariants=False
    ).coalesce()
