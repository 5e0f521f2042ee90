"""The files of examinations that a user names, or that lie in the folders that are named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ..core.errors import DataError
from ..core.progress import track
from ..core.quarantine import Quarantine

Result = TypeVar("Result")


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


def _passed_over(paths: Sequence[Path | str], files: Sequence[Path]) -> list[str]:
    """Of each folder, how many files of other kinds lie in it beside those that are read.

    What is named as one that is read (`100.dat` beside `100.hea`) belongs to it.
    """
    read = {(file.parent, file.name.split(".")[0]) for file in files}
    remarks = []
    for folder in filter(Path.is_dir, map(Path, paths)):
        others = [
            file.suffix or "without a suffix"
            for file in folder.rglob("*")
            if file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(folder).parts)
            and (file.parent, file.name.split(".")[0]) not in read
        ]
        if others:
            kinds = ", ".join(sorted(set(others)))
            remarks.append(f"{folder.name}: {len(others):,} files are of another kind ({kinds})")
    return remarks


def read_files(
    paths: Sequence[Path | str],
    suffixes: Collection[str],
    title: str,
    read: Callable[[Path], tuple[Iterable[Result], Iterable[str]]],
    *,
    quarantine: Quarantine,
    remarks: list[str] | None,
) -> tuple[list[Result], int]:
    """What files give, one after another, and the number of files that were read.

    Args:
        paths, suffixes: see `files_under`.
        title: of the progress bar.
        read: gives what a file holds, and what was changed in reading it. What it refuses with a
            `DataError` is set aside.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.
    """
    results: list[Result] = []
    n_read = 0
    files = files_under(paths, suffixes)
    if remarks is not None:
        remarks += _passed_over(paths, files)
    for path in track(files, title):
        try:
            given, changed = read(path)
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{path}: "), path=path)
            continue
        results += given
        n_read += 1
        if remarks is not None:
            remarks += [f"{path.name}: {remark}" for remark in changed]
    return results, n_read
