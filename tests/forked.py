"""Processes that train: forked from one that has loaded PyTorch and the code, once for all tests.

Loading both takes a process ten seconds, many times longer than what a test then trains.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext

from .killed import wait_until

_LOADED = [
    "medkg.gnn.embeddings.model",
    "medkg.mining.links.fit_ranker",
    "medkg.mining.links.train",
    "torch.distributed.elastic.multiprocessing.api",
]


def forking() -> ForkServerContext:
    """How processes are started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


def kill_training_when(ready: Callable[[], object], program: str) -> None:
    """Run Python code in a process of its own and kill it as soon as `ready` is true.

    It ends too when the program does, or after five minutes; the caller looks at what is left.
    """
    process = forking().Process(target=exec, args=(program, {}))
    process.start()
    try:
        wait_until(ready, process.is_alive)
    finally:
        process.kill()
        process.join()
