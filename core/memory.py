"""A process whose memory is limited (`ulimit -v`): what says that it is not enough.

Python raises an error then. Libraries in other languages raise others, or end the process without
a word that a user could act on; only another process can say why.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

try:
    import resource
except ImportError:  # not on Windows, which has no such limit either
    resource = None  # type: ignore[assignment]

# What libraries say: the C library and the loader, Python's threads, PyTorch, Rust's.
_SHORTAGES = (
    "allocate memory",
    "failed to map segment",
    "not enough memory",
    "out of memory",
    "can't start new thread",
    "resource temporarily unavailable",
)
_LEAST = 256 << 20  # bytes; with less, importing polars fails with whatever error comes first
# How a process ends that a library ended.
_ENDED_BY = (signal.SIGABRT, signal.SIGSEGV, signal.SIGILL, signal.SIGTRAP)
_ENDING_SECONDS = 10  # to delete temporary files, and stop a server


def is_limited() -> bool:
    """Whether this process may not use as much memory as it likes."""
    return resource is not None and (
        resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    )


def is_too_little() -> bool:
    """Whether not even the libraries that every command needs can be loaded."""
    return is_limited() and resource.getrlimit(resource.RLIMIT_AS)[0] < _LEAST


def is_shortage(error: BaseException) -> bool:
    """Whether an error, or one that it was raised from, says that memory is not enough."""
    chain: BaseException | None = error
    while chain is not None:
        message = str(chain).lower()
        if isinstance(chain, MemoryError) or any(words in message for words in _SHORTAGES):
            return True
        chain = chain.__cause__ or chain.__context__
    return False


def end_soon() -> None:
    """See to it that this process, a child of `run_in_child`, ends: without memory it may hang."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_ENDING_SECONDS)


def run_in_child(explain: Callable[[], object]) -> None:
    """Go on in a child process, and end as that ends.

    Args:
        explain: called in the parent where the child ended as one does that gets no memory.
    """
    child = os.fork()
    if child == 0:
        return
    # A terminal sends Ctrl-C to both; what is sent to one process is passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if -code in _ENDED_BY:
        explain()
    if -code == signal.SIGALRM:  # of `end_soon`, when all was said
        code = 1
    os._exit(code if code >= 0 else 128 - code)
