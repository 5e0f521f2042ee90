"""Temporary folders that don't outlive their process, even where that is killed.

A folder lies in `TMPDIR`, or beside what is written, and holds a lock as long as its process runs.
Whoever makes one of the same prefix deletes those whose process has ended.
"""

from __future__ import annotations

import glob
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock

from .disk import writing
from .locks import try_lock

_PREFIX = "medkg."
# Ends the name, after the process' number, of a folder without a lock: it is just being made, or
# all but deleted.
_NEW = ".new"
_LOCK = ".lock"
_TRIES = 10


class TemporaryFolder:
    """A folder that is there as long as something refers to this object.

    Attributes:
        path: the folder, which only its owner may read.

    Args:
        home: the folder to make it in; None: `TMPDIR`.
        prefix: what its name begins with.
        keep_abandoned: whether those that killed processes left stay for now.

    Raises:
        DiskError: there is no room in `TMPDIR`, or nothing may be written there.
        OSError: the same of `home`.
    """

    def __init__(
        self, home: Path | None = None, prefix: str = _PREFIX, *, keep_abandoned: bool = False
    ) -> None:
        with nullcontext() if home else writing(Path(tempfile.gettempdir())):
            home = home or Path(tempfile.gettempdir())
            if not keep_abandoned:
                delete_abandoned(home, prefix)
            new = f".{os.getpid()}{_NEW}"
            made = Path(tempfile.mkdtemp(prefix=prefix, suffix=new, dir=home))
            lock = None
            with suppress(OSError):  # without locks, nobody deletes an abandoned one either
                lock = try_lock(made / _LOCK)
            # It gets its name with the lock held, so that nobody takes it for abandoned before.
            self.path = made.rename(home / made.name.removesuffix(new))
        self._delete = weakref.finalize(self, _delete, self.path, lock)

    def delete(self) -> None:
        """Delete the folder now."""
        self._delete()


@contextmanager
def temporary_folder(
    home: Path | None = None, prefix: str = _PREFIX, *, keep_abandoned: bool = False
) -> Iterator[Path]:
    """A folder that is deleted at the end of the block; see `TemporaryFolder`."""
    folder = TemporaryFolder(home, prefix, keep_abandoned=keep_abandoned)
    try:
        yield folder.path
    finally:
        folder.delete()


def _delete(folder: Path, lock: FileLock | None) -> None:
    # The lock goes last, and the folder is renamed before: what a killed process leaves is told
    # from what isn't ours by one of them.
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink(missing_ok=True)
        folder = folder.rename(f"{folder}.{os.getpid()}{_NEW}")
    if lock is not None:
        lock.release()
    # Another process that looked for the lock under the name before may make one anew meanwhile.
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break


def delete_abandoned(home: Path, prefix: str) -> None:
    """Delete the folders of a prefix here whose process has ended; those of other users stay."""
    for folder, lock in _claimed(home, prefix):
        _delete(folder, lock)


def abandoned(home: Path, prefix: str = _PREFIX) -> list[Path]:
    """The folders that `delete_abandoned` would delete."""
    folders = []
    for folder, lock in _claimed(home, prefix):
        if lock is not None:
            lock.release()
        folders.append(folder)
    return folders


def _claimed(home: Path, prefix: str) -> Iterator[tuple[Path, FileLock | None]]:
    """The abandoned folders, each with its lock held, to be released by the caller.

    One that its process was killed while making, or at the end of deleting, has none.
    """
    for folder in home.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError):
            state = folder.lstat()
            ours = not hasattr(os, "getuid") or state.st_uid == os.getuid()
            if not (stat.S_ISDIR(state.st_mode) and ours):
                continue
            if folder.name.endswith(_NEW):
                if not _is_running(folder.name.split(".")[-2]):
                    yield folder, None
            elif (folder / _LOCK).is_file():
                lock = try_lock(folder / _LOCK)
                if lock is not None:
                    yield folder, lock


def _is_running(process: str) -> bool:
    """Whether a process of this number runs; true for what is no number."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True
    return True
