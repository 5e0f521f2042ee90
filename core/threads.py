"""One thread for small networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread(when: bool = True) -> Iterator[None]:
    """Let PyTorch compute on one thread while the block runs (also as a decorator).

    Handing a small network's products to several threads takes longer than computing them, many
    times longer where other processes want the cores; and the number of threads shows in the last
    digits of a sum, so that one thread also gives the same result each time.
    """
    # Only packages that have torch loaded already ask for this.
    import torch

    before = torch.get_num_threads()
    if when:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
