"""A disk that takes no more: what says so, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import MedkgError


class DiskError(MedkgError):
    """A place that can't be written to, or a file that may not be read."""


_TAKES_NO_MORE = {
    errno.ENOSPC: "the disk is full; make room on it, or write to another one",
    errno.EDQUOT: "your quota of the disk is used up; make room on it, or write to another one",
    errno.EFBIG: "a file would be larger than the file system, or the limit of this process"
    " (ulimit -f), allows; write to another disk, or raise the limit",
    errno.EROFS: "the file system is read-only; write to another place",
}
_UNEXPLAINED = "Invalid thrift: transport error"  # polars', of whatever it met at a file's end
_DENIED = (errno.EACCES, errno.EPERM)
_PROBE_BYTES = 4 << 20  # more than what a server reserves at once


def disk_error(error: Exception, path: Path | None = None) -> DiskError | None:
    """What an error says of a disk, put so that a user can act on it; None where it says nothing.

    Args:
        error: Python's, or a library's that only quotes the operating system's.
        path: what was being written, where that is known.
    """
    if isinstance(error, MedkgError):
        return None
    number = _error_number(error)
    if number is None and _UNEXPLAINED in str(error):
        number = _refusal_of(path)
    if number is None:
        return None
    file = _file_of(error)
    # What is written on the way to `path` has a name that its user doesn't know.
    is_draft = (
        file is not None
        and path is not None
        and any(part.startswith(f".{path.name}.") for part in file.parts)
    )
    file = path if is_draft else file
    if number in _DENIED:  # where no file is named, it may have been another thing than a file
        denied = "permission denied; ask its owner, or give another path"
        return None if file is None else DiskError(f"{file}: {denied}")
    if number not in _TAKES_NO_MORE:
        return DiskError(f"{path}: can't be written: {os.strerror(number)}") if is_draft else None
    place = file or path
    message = _TAKES_NO_MORE[number] if place is None else f"{place}: {_TAKES_NO_MORE[number]}"
    if place is None or place.is_relative_to(tempfile.gettempdir()):
        message += "; the variable TMPDIR says where temporary files go"
    return DiskError(message)


def _refusal_of(path: Path | None) -> int | None:
    """The number of the error that writing to the disk of a path, or of TMPDIR, meets now."""
    folders = [Path(tempfile.gettempdir())] if path is None else path.absolute().parents
    try:
        _write_in_vain(next(folder for folder in folders if folder.is_dir()))
    except OSError as error:
        return error.errno
    return None


def _file_of(error: Exception) -> Path | None:
    """The file that an error names; of two, the one that was to be made."""
    if not isinstance(error, OSError):
        return None
    file = error.filename2 or error.filename
    return Path(os.fsdecode(file)) if isinstance(file, str | bytes) else None


def _error_number(error: BaseException) -> int | None:
    """The operating system's number of an error, or of the one that it was raised from."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    # Rust's libraries quote it; so does polars, what Python said to it.
    if quoted := re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", str(error)):
        return int(quoted[1] or quoted[2])
    if "database or disk is full" in str(error):  # SQLite's
        return errno.ENOSPC
    return None if error.__cause__ is None else _error_number(error.__cause__)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the path, and what to do, where its disk takes no more.

    Raises:
        DiskError: in place of what Python or a library says of a full disk, a used-up quota, a file
            that is too large, a read-only file system or a denied permission.
    """
    try:
        yield
    except Exception as error:
        if (explained := disk_error(error, path)) is None:
            raise
        raise explained from error


def check_room(folder: Path) -> None:
    """Write to a folder, in vain, to learn whether its disk takes no more.

    Raises:
        DiskError: it doesn't.
    """
    with writing(folder):
        _write_in_vain(folder)


def _write_in_vain(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as probe:
        for _ in range(_PROBE_BYTES >> 20):
            probe.write(b"\0" * (1 << 20))
        probe.flush()
