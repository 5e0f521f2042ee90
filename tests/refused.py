"""Commands that can't be finished where they run: for tests and a benchmark.

A full disk, a limit on how large a file may get, folders that may not be read or written to,
another user, little memory, and the same command twice at once. A command that is stopped says why
in a sentence, leaves nothing half-written and nothing in its temporary folder; where the fault is
mended, the same command ends as on an undisturbed machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .interrupted import COMMANDS, NO_LIMITS, WHOLE, Limits, Running, filled, names, prepare, run

NOBODY = 65534
_LARGE = "2g"  # a disk on which there is room
# What an unfinished command may leave for itself, beside its output.
_TO_GO_ON_FROM = {"out.checkpoint", "out.ranks", ".out.parts", "server"}


@dataclass(frozen=True)
class Refusal:
    """One command that met a fault.

    Attributes:
        finished: whether it came to its end nevertheless.
        clear: whether it said what to do in a sentence, where it didn't.
        half_written: what it left that is neither whole nor for the same command to go on from;
            where a signal ended it, what the second command left of that.
        left: what lay in the temporary folder at its end, and at the end of the second command.
        same: whether the command left what an undisturbed one does, once the fault was mended.
        message: the last that it printed.
    """

    finished: bool
    clear: bool
    half_written: list[str]
    left: list[str]
    same: bool
    message: str

    @property
    def good(self) -> bool:
        return self.clear and self.same and not self.half_written and not self.left


@dataclass(frozen=True)
class Place:
    """Where a trial runs: the folder of its output, and that of its temporary files."""

    work: Path
    temporary: Path


def judged(
    name: str,
    inputs: Path,
    place: Place,
    expected: str,
    mend: Callable[[], None],
    fault: Limits = NO_LIMITS,
    mended: Limits = NO_LIMITS,
) -> Refusal:
    """Run a command under a fault, mend that, and run it again.

    Args:
        mend: takes the fault away.
        fault, mended: of the first run's process, and of the second's.
    """
    arguments = filled(name, inputs, place.work)
    before = set(names(place.work))
    first = run(arguments, place.temporary, limits=fault)
    finished = first.code == 0
    left = names(place.temporary)
    half = [each for each in names(place.work) if each not in before | _TO_GO_ON_FROM]
    half = [] if half and _is_whole(name, place.work, expected) else half
    mend()
    second = run(arguments, place.temporary, limits=mended)
    if first.code >= 128:  # a library ended the process; the next command deletes what that left
        half = [each for each in half if (place.work / each).exists()]
    same = second.code == 0 and _is_whole(name, place.work, expected)
    left += [each for each in names(place.temporary) if each not in left]
    message = _last_words((first if same else second).output)
    return Refusal(finished, finished or first.is_clear, half, left, same, message)


def _last_words(output: str) -> str:
    """The end of what a command printed, without what polars' allocator says of its threads."""
    return re.sub(r"<jemalloc>: background thread creation failed \(\d+\)\n?", "", output)[-500:]


def _is_whole(name: str, work: Path, expected: str) -> bool:
    try:
        return COMMANDS[name].result(work) == expected
    except Exception:  # whatever a half-written one makes of it
        return False


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """A disk at a folder; gives a function that changes its size.

    Raises:
        OSError, CalledProcessError: none can be mounted here.
    """
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_LARGE}", "tmpfs", str(folder)]
    subprocess.run(mount, capture_output=True, check=True)

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)

    try:
        yield resize
    finally:
        # Lazily: a file there may still be open.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full_disk(
    name: str, inputs: Path, root: Path, expected: str, room: int, *, temporary: bool
) -> Refusal:
    """A command whose disk has so many bytes of room: that of its output, or of TMPDIR."""
    shutil.rmtree(root, ignore_errors=True)
    with small_disk(root / "disk") as resize:
        place = Place(root / "disk" / "work", root / "tmp")
        if temporary:
            place = Place(root / "work", root / "disk" / "tmp")
        prepare(name, inputs, place.work, place.temporary)
        state = os.statvfs(root / "disk")
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        resize(str(max(used + room, 4096)))  # 0 would be no limit
        made = judged(name, inputs, place, expected, lambda: resize(_LARGE))
    shutil.rmtree(root)
    return made


def limited(name: str, inputs: Path, root: Path, expected: str, limits: Limits) -> Refusal:
    """A command that has little memory (`ulimit -v`), or may write small files (`ulimit -f`)."""
    place = Place(root / "work", root / "tmp")
    prepare(name, inputs, place.work, place.temporary)
    made = judged(name, inputs, place, expected, lambda: None, limits)
    shutil.rmtree(root)
    return made


FORBIDDEN = ("write", "replace", "read", "temporary")


def forbidden(name: str, inputs: Path, root: Path, expected: str, what: str) -> Refusal:
    """A command of a user who is not root and may not do one thing.

    Args:
        what: `write` where the output goes, `replace` what another user wrote there, `read` what
            is given, or write `temporary` files.
    """
    place = Place(root / "work", root / "tmp")
    prepare(name, inputs, place.work, place.temporary)
    open_to_all(root)
    open_to_all(inputs)
    if what == "replace":
        theirs = run(filled(name, inputs, place.work), place.temporary)
        if theirs.code != 0:
            raise RuntimeError(f"{name}: {theirs.output[-500:]}")
    closed = {"read": inputs, "temporary": place.temporary}.get(what, place.work)
    if what != "replace":
        os.chown(closed, 0, 0)
        closed.chmod(0o700 if what == "read" else 0o755)

    def mend() -> None:
        open_to_all(closed)

    user = Limits(user=NOBODY)
    try:
        return judged(name, inputs, place, expected, mend, user, user)
    finally:
        open_to_all(inputs)
        shutil.rmtree(root)


def open_to_all(folder: Path) -> None:
    """Give a folder, and all in it, to the user who is not root."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            os.chown(path, NOBODY, NOBODY)
            path.chmod(0o700 if path.is_dir() else 0o600)


def twice_at_once(name: str, inputs: Path, root: Path, expected: str) -> Refusal:
    """The same command twice at the same time; one of the two may be refused."""
    place = Place(root / "work", root / "tmp")
    prepare(name, inputs, place.work, place.temporary)
    before = set(names(place.work))
    arguments = filled(name, inputs, place.work)
    both = [Running(arguments, place.temporary) for _ in range(2)]
    ended = [each.end() for each in both]
    finished = [each for each in ended if each.code == 0]
    stopped = [each for each in ended if each.code != 0]
    clear = bool(finished) and all(each.is_clear for each in stopped)
    same = _is_whole(name, place.work, expected)
    left = names(place.temporary)
    left += sorted(set(names(place.work)) - before - WHOLE)
    shutil.rmtree(root)
    message = " ".join(_last_words(each.output) for each in stopped)
    return Refusal(not stopped, clear, [], left, same, message)
