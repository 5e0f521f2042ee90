"""What `medkg doctor --mend` puts right on this machine, and how.

Nothing of a user's own goes: only what medkg makes again by itself, what killed commands left, and
servers that nobody uses.
"""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from medkg.core.atomic import abandoned_drafts, make_private, take_away
from medkg.core.cache import cache_folder
from medkg.core.disk import writing
from medkg.core.errors import MedkgError
from medkg.core.temporary import abandoned, delete_abandoned
from medkg.extract.linking.index_folder import faulty_indexes
from medkg.graph.store import unused_servers
from medkg.loaders.download import abandoned_downloads
from medkg.loaders.sources import SOURCES
from medkg.terminology import faulty_editions

_OF_RAY = Path("/tmp")  # where its temporary files are, whatever TMPDIR says


class Check(NamedTuple):
    """Something that may be wrong on a machine.

    Attributes:
        find: gives each path where it is, with what is wrong there.
        mend: puts it right at a path.
        mended: what that did, in words.
    """

    find: Callable[[], Iterator[tuple[Path, str]]]
    mend: Callable[[Path], None]
    mended: str


def can_be_mended() -> list[str]:
    """What `mend` would put right: each path, and what is wrong there."""
    return [f"{path}: {problem}" for check in _CHECKS for path, problem in _points(check)]


def mend() -> list[str]:
    """Put right what can be, and say of each path what was wrong, and what was done about it."""
    lines = []
    for check in _CHECKS:
        for path, problem in _points(check):
            try:
                with writing(path):
                    check.mend(path)
                outcome = check.mended
            except (OSError, MedkgError) as error:
                outcome = f"PROBLEM: {error}"
            lines.append(f"{path}: {problem}; {outcome}")
    return lines


def _points(check: Check) -> list[tuple[Path, str]]:
    points = []
    with suppress(OSError):  # what may not be looked into, or has just gone
        for point in check.find():
            points.append(point)
    return points


def _open_to_others() -> Iterator[tuple[Path, str]]:
    # A folder that is its owner's alone keeps everybody from all that is in it.
    kept = (cache_folder() / "names", cache_folder() / "remote")
    for folder in (*kept, *unused_servers.known_folders()):
        if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            yield folder, "others may look into it"


def _leftovers() -> Iterator[tuple[Path, str]]:
    for folder in sorted({Path(tempfile.gettempdir()), _OF_RAY}):
        for path in abandoned(folder):
            yield path, "temporary files of a command that was killed"
    cache = cache_folder()
    # Graphs for object stores are made in the cache, of parts that hold what has been read so far.
    below = (cache.glob(pattern) for pattern in ("*/", "remote/*/", "remote/*/.*.parts/"))
    for folder in (cache, *sorted(chain.from_iterable(below))):
        for path in abandoned_drafts(folder):
            yield path, "half-written by a command that was killed"


def _delete_leftover(path: Path) -> None:
    delete_abandoned(path.parent, path.name)


def _downloads() -> Iterator[tuple[Path, str]]:
    for path in abandoned_downloads(SOURCES):
        yield path, "a temporary file of a download that was killed"


def _servers() -> Iterator[tuple[Path, str]]:
    for folder in unused_servers.known_folders():
        if (problem := unused_servers.problem(folder)) is not None:
            yield folder, problem


_CHECKS = (
    Check(_leftovers, _delete_leftover, "removed"),
    Check(_downloads, take_away, "removed"),
    Check(faulty_editions, take_away, "removed; it is made again when it is needed"),
    Check(faulty_indexes, take_away, "removed; it is made again when it is needed"),
    Check(_open_to_others, make_private, "it is its owner's alone now"),
    Check(_servers, unused_servers.clear, "ended and cleared; its databases are as they were"),
)
