"""Locks on files, which the operating system takes back from a process that was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def try_lock(file: Path) -> FileLock | None:
    """Lock a file without waiting; the file and its folder are created if need be.

    Returns:
        The lock, held until its `release` or the end of this process; None if another process, or
        another part of this one, holds it.

    Raises:
        OSError: the file can't be written to, or its file system has no locks.
    """
    lock = _lock_of(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file during the block; waits for another holder.

    Raises:
        OSError: the file can't be written to, or its file system has no locks.
    """
    with _lock_of(file):
        yield


def _lock_of(file: Path) -> FileLock:
    # Whichever thread ends the work lets go, and a lock that a killed process would leave behind
    # (the library's way out where the file system has none) is refused.
    return FileLock(file, mode=0o600, thread_local=False, fallback_to_soft=False)
