"""Embedded servers that nobody uses any more: their users were killed, or they were themselves.

The next user of such a folder takes over the server that runs there; until one comes it holds
memory, and `server.json` tells of one that is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...core.locks import try_lock
from .embedded import end_all, has_users, is_server, processes

_LEFT = ("server.json", "server.args")


def known_folders() -> list[Path]:
    """The user's embedded servers: the folders of those that run, and of those kept here."""
    folders = set()
    for folder in (*Path.cwd().iterdir(), *_running()):
        with suppress(OSError):  # it may not be looked into
            if is_server(folder) and folder.stat().st_uid == os.getuid():
                folders.add(folder)
    return sorted(folders)


def _running() -> Iterator[Path]:
    """The folders of the embedded servers that run: each is started with a file of arguments."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if len(arguments) > 1 and arguments[1].endswith(b"/server.args"):
                yield Path(os.fsdecode(arguments[1].removeprefix(b"@"))).parent


def problem(folder: Path) -> str | None:
    """What is wrong with a server's folder that nobody uses; None where nothing is."""
    with _unused(folder) as is_unused:
        if not is_unused:
            return None
        if processes(folder):
            return "the embedded server runs, and nobody uses it"
        if any((folder / name).exists() for name in _LEFT):
            return "the embedded server ended without being stopped"
        return None


def clear(folder: Path) -> None:
    """End the server of a folder and forget it, if nobody uses it; its databases stay."""
    with _unused(folder) as is_unused:
        if is_unused:
            end_all(folder)
            for name in _LEFT:
                (folder / name).unlink(missing_ok=True)


@contextmanager
def _unused(folder: Path) -> Iterator[bool]:
    """Whether nobody uses, starts or stops the folder's server, and nobody does in the block."""
    # Without /proc it can't be told whether a server runs that server.json doesn't tell of.
    lock = try_lock(folder / "server.lock") if Path("/proc/self").exists() else None
    try:
        yield lock is not None and not has_users(folder)
    finally:
        if lock is not None:
            lock.release()
