"""Files and folders that are either there and whole, or not there."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import DataError


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: Path | str, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a path to write to; it takes the place of `path` when the block ends without error.

    The file gets the permissions `mode`, less what the umask takes away.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(mode & ~_umask())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def check_replaceable(path: Path, *, marker: str, **says: str) -> None:
    """Ask before long work whether `atomic_folder` would write to `path` at its end.

    Args:
        says: what the marker, then a JSON file, must say if it is there and can be read.

    Raises:
        DataError: `path` is a file, a folder with other things in it, or what its marker says is
            something else.
    """
    if path.exists() and not path.is_dir():
        raise DataError("is a file; give a folder to write to", path=path)
    if path.is_dir() and any(path.iterdir()) and not (path / marker).exists():
        raise DataError(
            f"is a folder with other things in it (no {marker}); give a new or an empty one",
            path=path,
        )
    said = json_object(path / marker) if says else None
    for field, value in says.items():
        if said is not None and said.get(field) != value:
            raise DataError(
                f"holds something else ({marker} says {field} {said.get(field)}, not {value});"
                " give another folder, or delete it",
                path=path,
            )


def json_object(file: Path) -> dict[str, Any] | None:
    """The object of a JSON file; None where there is no such file, or it is damaged."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


@contextmanager
def atomic_folder(path: Path | str, *, marker: str, mode: int = 0o777) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `path` when the block ends well.

    It gets the permissions `mode`, less those that the process's umask takes away.

    An existing folder is replaced only if it holds `marker` (the file by which its kind of folder
    is known), so that no command ever replaces a folder that it did not write. What a killed
    command left beside the same `path`, half-written or already replaced, is deleted.

    Raises:
        DataError: `path` is a file, or a folder with other things in it.
    """
    path = Path(path)
    check_replaceable(path, marker=marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    _delete_abandoned(path, ".draft.")
    if path.exists():  # or what was replaced may be all there is
        _delete_abandoned(path, ".old.")
    with _own_folder(path, ".draft.") as draft:
        yield draft
        draft.chmod(mode & ~_umask())
        # Two renames, so that the moment without a folder is as short as it can be; the old one
        # stays until the new one is in place.
        with _own_folder(path, ".old.") as old:
            if path.exists():
                path.rename(old / path.name)
            try:
                draft.rename(path)
            except OSError:
                if (old / path.name).exists():
                    (old / path.name).rename(path)
                raise


@contextmanager
def _own_folder(path: Path, sort: str) -> Iterator[Path]:
    """A new folder beside `path`, locked and then deleted."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}{sort}", dir=path.parent))
    lock: int | None = None
    try:
        with suppress(OSError):  # without locks, nobody deletes an abandoned one either
            lock = _lock(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _delete_abandoned(path: Path, sort: str) -> None:
    """Delete the folders beside `path` whose process has ended."""
    for folder in path.parent.glob(f"{glob.escape(f'.{path.name}{sort}')}*"):
        with suppress(OSError):
            lock = _lock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int:
    """Lock a folder until the handle that this gives is closed, or the process ends.

    Raises:
        OSError: another process has the lock, or the file system has none.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
