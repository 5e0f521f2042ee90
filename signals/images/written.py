"""Pictures made of pictures, and written beside the names of the files that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ...core.atomic import atomic_file
from ...core.errors import DataError
from ...core.quarantine import Quarantine
from ..files import read_files
from .picture import Grey, Picture
from .unlabelled import READ_SUFFIXES, pictures_of


def write_made(
    paths: Sequence[Path | str],
    out: Path,
    label: str,
    make: Callable[[Sequence[Picture]], Iterable[Grey]],
    *,
    quarantine: Quarantine,
    remarks: list[str] | None,
) -> tuple[list[Path], int]:
    """The files that were written, and the number of files that were read.

    Args:
        paths: PNG, JPEG, BMP, TIFF or DICOM files, NIfTI volumes (a picture for each slice that is
            read), or folders of them.
        out: folder to write `NAME.LABEL.png` to; `NAME.LABEL-1.png`, … of a volume.
        make: gives a picture, (height, width), 0–1, of each.
        quarantine: gets the files that can't be used.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: `out` is a file, or is among the folders to read.
    """
    check_out(out, paths)
    written: set[Path] = set()

    def read_one(path: Path) -> tuple[list[Path], Sequence[str]]:
        pictures = pictures_of(path)
        ends = [f"-{n}" for n in range(1, len(pictures) + 1)] if len(pictures) > 1 else [""]
        targets = [out / f"{path.name}.{label}{end}.png" for end in ends]
        if written & set(targets):
            raise DataError("has the name of another picture: rename it, or read it on its own")
        for target, pixels in zip(targets, make(pictures), strict=True):
            _write(target, pixels)
        written.update(targets)
        return targets, pictures[0].remarks

    return read_files(
        paths, READ_SUFFIXES, "Pictures", read_one, quarantine=quarantine, remarks=remarks
    )


def check_out(out: Path, paths: Sequence[Path | str]) -> None:
    """Refuse a folder for what is made of pictures that is a file, or among those to read.

    Raises:
        DataError: so it is.
    """
    if out.exists() and not out.is_dir():
        raise DataError("is a file; give a folder to write to", path=out)
    for folder in (path for path in map(Path, paths) if path.is_dir()):
        if out.resolve().is_relative_to(folder.resolve()):
            raise DataError("is among the pictures to read; give another folder", path=out)


def _write(target: Path, pixels: Grey) -> None:
    from PIL import Image

    with atomic_file(target) as draft, draft.open("wb") as file:
        Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(file, format="PNG")
