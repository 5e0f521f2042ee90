"""Files and folders that are either there and whole, or not there."""

from __future__ import annotations

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
from .locks import try_lock


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


def check_replaceable(path: Path, *, marker: str, **fields: str) -> None:
    """Ask before long work whether `atomic_folder` would write to `path` at its end.

    Args:
        fields: what the marker, then a JSON file, must hold if it is there and can be read.

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
    content = json_object(path / marker) if fields else None
    for field, value in fields.items():
        if content is not None and content.get(field) != value:
            raise DataError(
                f"holds something else ({marker} says {field} {content.get(field)}, not {value});"
                " give another folder, or delete it",
                path=path,
            )


def json_object(file: Path) -> dict[str, Any] | None:
    """The object of a JSON file; None where there is no such file, or it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


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
    with _temporary_folder(path, ".draft.") as temporary:
        draft = temporary / path.name
        draft.mkdir()
        yield draft
        draft.chmod(mode & ~_umask())
        # Two renames, so that the moment without a folder is as short as it can be; the old one
        # stays until the new one is in place.
        with _temporary_folder(path, ".old.") as replaced:
            if path.exists():
                path.rename(replaced / path.name)
            try:
                draft.rename(path)
            except OSError:
                if (replaced / path.name).exists():
                    (replaced / path.name).rename(path)
                raise


_LOCK = ".lock"  # in a temporary folder, held by the process that uses it


@contextmanager
def _temporary_folder(path: Path, infix: str) -> Iterator[Path]:
    """A new folder beside `path`, locked during the block and then deleted."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}{infix}", dir=path.parent))
    lock = None
    try:
        with suppress(OSError):  # without locks, nobody deletes an abandoned one either
            lock = try_lock(folder / _LOCK)
        yield folder
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _delete_abandoned(path: Path, infix: str) -> None:
    """Delete the temporary folders beside `path` whose process has ended."""
    for folder in path.parent.glob(f"{glob.escape(f'.{path.name}{infix}')}*"):
        with suppress(OSError):
            lock = try_lock(folder / _LOCK)
            if lock is not None:
                lock.release()
                shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
