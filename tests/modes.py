"""Who may read what is written, under the umask that most machines have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """The umask 022: files 0644, folders 0755, unless a program says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(path: Path) -> list[str]:
    """What of a file, or of a folder and all in it, others than its owner have any right to."""
    return [
        f"{each} {each.lstat().st_mode & 0o777:o}"
        for each in (path, *path.rglob("*"))
        if not each.is_symlink() and each.lstat().st_mode & 0o077
    ]
