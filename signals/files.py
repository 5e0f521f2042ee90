"""The files of examinations that a user names, or that lie in the folders that are named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path


def files_under(paths: Sequence[Path | str], suffixes: Collection[str]) -> list[Path]:
    """The files among some paths as they are, and those in folders that have one of the suffixes.

    Args:
        suffixes: in lower case, such as ".png" and ".nii.gz".
    """
    files: list[Path] = []
    for path in map(Path, paths):
        inside = (f for f in path.rglob("*") if f.name.lower().endswith(tuple(suffixes)))
        files += sorted(inside) if path.is_dir() else [path]
    return files
