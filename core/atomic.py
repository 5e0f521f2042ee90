"""Files and folders that are either there and whole, or not there, and their owner's alone.

What medkg writes may hold what was read in a patient's notes, so only its owner may read it: 0600
for files and 0700 for folders, whatever the umask. What is known to come from public sources is
`shared`, and gets the permissions that the umask leaves.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .disk import writing
from .errors import DataError
from .input_files import require_regular
from .interruption import mark_kept
from .json_reading import read_json
from .locks import try_lock
from .temporary import abandoned, delete_abandoned, temporary_folder


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        InputError: it is a pipe, a device or a folder.
    """
    require_regular(path, may_lack=True)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: Path | str, *, shared: bool = False) -> Iterator[Path]:
    """Yield a path to write to; it takes the place of `path` when the block ends without error.

    Args:
        shared: whether others may read it, as far as the umask allows; else its owner alone may.

    Raises:
        DiskError: the disk takes no more, or nothing may be written there.
    """
    path = Path(path)
    with writing(path):
        make_folder(path.parent, shared=shared)
        with temporary_folder(path.parent, f".{path.name}.draft.") as folder:
            draft = folder / path.name
            draft.touch(0o600)
            yield draft
            draft.chmod(0o666 & ~_umask() if shared else 0o600)
            draft.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, unless it is there: the first one stays.

    Of two processes that write it at the same time, neither sees what is half-written, and both
    read the same from it afterwards.

    Raises:
        DiskError: the disk takes no more, or nothing may be written there.
    """
    with writing(path):
        make_folder(path.parent)
        with temporary_folder(path.parent, f".{path.name}.draft.") as folder:
            draft = folder / path.name
            draft.touch(0o600)
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                return
            except OSError:  # a file system without hard links
                if not path.exists():
                    draft.replace(path)


def make_folder(path: Path, *, shared: bool = False) -> None:
    """Make a folder, and those above it, where they are not there; theirs who runs this, alone.

    Args:
        shared: whether others may read those that are made, as far as the umask allows.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o777 if shared else 0o700, exist_ok=True)


def make_private(folder: Path) -> None:
    """Take a folder, and all that is in it, away from everyone but the owner.

    Raises:
        PermissionError: something in it is another user's.
    """
    folder.chmod(0o700)
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            with suppress(FileNotFoundError):  # another process works there
                mode = path.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    path.chmod(stat.S_IMODE(mode) & 0o700)


@contextmanager
def folder_of_one_run(folder: Path) -> Iterator[Path]:
    """A folder that one run at a time writes to, and whose owner alone may read it.

    What is finished there stays, for a run that was stopped to go on from.
    A run that was refused before it wrote anything leaves no folder.

    Raises:
        DataError: another run is writing there.
    """
    make_folder(folder)
    make_private(folder)  # an older one may be anyone's
    lock = try_lock(folder / ".lock")
    if lock is None:
        raise DataError("another run is writing there; wait for it", path=folder)
    try:
        yield folder
    finally:
        if any(path.name != ".lock" for path in folder.glob("*")):
            mark_kept()
        else:
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def check_replaceable(path: Path, *, marker: str, **fields: str) -> None:
    """Ask before long work whether `atomic_folder` would write to `path` at its end.

    Args:
        fields: what the marker, then a JSON file, must hold if it is there and can be read.

    Raises:
        DataError: `path` is a file, a folder with other things in it, or what its marker says is
            something else.
    """
    if _is_no_folder(path):
        raise DataError("is a file; give a folder to write to", path=path)
    if _holds_other_things(path, marker):
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


def _is_no_folder(path: Path) -> bool:
    """Whether there is something that is no folder, by one look: another process may replace it."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _holds_other_things(folder: Path, marker: str) -> bool:
    """Whether there is a folder, not empty, that lacks a marker."""
    try:
        state = folder.stat()
        names = os.listdir(folder)
        is_same = os.path.samestat(state, folder.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False
    # Another process may just have replaced it, and be deleting what was listed.
    return bool(names) and marker not in names and (is_same or _holds_other_things(folder, marker))


def json_object(file: Path) -> dict[str, Any] | None:
    """The object of a JSON file; None where there is no such file, or it is damaged."""
    try:
        content = read_json(file)
    except DataError:
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def atomic_folder(path: Path | str, *, marker: str, shared: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `path` when the block ends well.

    An existing folder is replaced only if it holds `marker` (the file by which its kind of folder
    is known), so that no command ever replaces a folder that it did not write. What a killed
    command left beside the same `path`, half-written or already replaced, is deleted.

    Args:
        shared: whether others may read it, as far as the umask allows; else its owner alone may.

    Raises:
        DataError: `path` is a file, or a folder with other things in it.
        DiskError: the disk takes no more, or nothing may be written there.
    """
    path = Path(path)
    check_replaceable(path, marker=marker)
    with writing(path), _replacing(path, shared=shared) as draft:
        yield draft


@contextmanager
def _replacing(path: Path, *, shared: bool) -> Iterator[Path]:
    make_folder(path.parent, shared=shared)
    old = f".{path.name}{_OLD}"
    if path.exists():  # or what was replaced may be all there is
        delete_abandoned(path.parent, old)
    with temporary_folder(path.parent, f".{path.name}.draft.") as temporary:
        draft = temporary / path.name
        draft.mkdir()
        yield draft
        if not shared:
            make_private(draft)
        with temporary_folder(path.parent, old, keep_abandoned=True) as replaced:
            _put_in_place(draft, path, replaced)
        delete_abandoned(path.parent, old)


_OLD = ".old."
_DRAFT = re.compile(r"\..+\.(draft|old)\.")  # how a name begins, up to what is drawn for it


def _put_in_place(draft: Path, path: Path, replaced: Path) -> None:
    """Rename a folder to `path`, and what is there into `replaced`.

    By two renames, so that the moment without a folder is as short as it can be; the old one stays
    until the new one is in place. Where another process puts a folder there at the same time, the
    last one stays.
    """
    for number in itertools.count():
        old = replaced / str(number)
        with suppress(FileNotFoundError):
            path.rename(old)
        try:
            draft.rename(path)
            return
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue
            if old.exists():
                old.rename(path)
            raise


def take_away(path: Path) -> None:
    """Delete a file or a folder, which is gone at once: nobody sees it half-deleted.

    Raises:
        OSError: it is not there, or may not be deleted.
    """
    with temporary_folder(path.parent, f".{path.name}.draft.") as folder:
        path.rename(folder / path.name)


def remove_folder(path: Path, *, marker: str) -> None:
    """Delete a folder that `atomic_folder` wrote, or one of such folders; it may be gone already.

    The markers go first, so that what a killed process leaves of it is not taken for a whole one.
    """
    for file in path.rglob(marker):
        file.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
    for infix in (".draft.", _OLD):
        delete_abandoned(path.parent, f".{path.name}{infix}")


def abandoned_drafts(home: Path) -> list[Path]:
    """What killed commands left in a folder of what they wrote: half-written, or replaced already.

    What was replaced is left out where nothing has its place: it may be all there is.
    """
    matches = [_DRAFT.match(path.name) for path in home.glob(".*")]
    return [
        draft
        for beginning in sorted({match[0] for match in matches if match})
        if not beginning.endswith(_OLD) or (home / beginning[1 : -len(_OLD)]).exists()
        for draft in abandoned(home, beginning)
    ]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
