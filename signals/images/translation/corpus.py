"""Pictures of two kinds, to learn to translate between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.progress import track
from ....core.quarantine import Quarantine
from ...files import files_under
from ..picture import SUFFIXES, Grey, Picture, middle_square, read_picture
from ..volume import SUFFIXES as VOLUMES
from ..volume import read_slices
from .network import STEP

SIDE = 64  # pixels, unless another is asked for
_SIDES = (16, 256)
FEWEST = 10  # pictures of each kind
_HELD = 5  # one picture in so many is measured on


@dataclass(frozen=True)
class Corpus:
    """Pictures of two kinds, none of which belongs to another.

    Attributes:
        first, second: (n, side, side), 0–1, to learn from.
        held_first, held_second: to measure on.
        checksum: of all.
    """

    first: Grey
    second: Grey
    held_first: Grey
    held_second: Grey
    checksum: str


@explained_imports()
def read_corpus(
    first: Path | str,
    second: Path | str,
    *,
    side: int | None = None,
    quarantine: Quarantine | None = None,
) -> Corpus:
    """Read pictures of two kinds; of each, files are parted into those to learn from and the rest.

    Args:
        first, second: folders of PNG, JPEG, BMP, TIFF or DICOM files, or NIfTI volumes, whose
            slices are pictures (see `volume.read_slices`).
        side: of the square in a picture's middle, in pixels; by default `SIDE`.
        quarantine: gets the files that can't be read.

    Raises:
        DataError: a folder has too few files that can be read, or the side can't be.
    """
    side = SIDE if side is None else side
    if not _SIDES[0] <= side <= _SIDES[1] or side % STEP:
        raise DataError(f"--side is {_SIDES[0]} to {_SIDES[1]} pixels, in steps of {STEP}")
    set_aside = Quarantine() if quarantine is None else quarantine
    kinds = [_read(Path(folder), set_aside) for folder in (first, second)]
    digest = hashlib.sha256(str(side).encode())
    parts: list[Grey] = []
    for files in kinds:
        digest.update("".join(picture.checksum for file in files for picture in file).encode())
        for held in (False, True):
            chosen = [f for n, f in enumerate(files) if (n % _HELD == _HELD - 1) == held]
            squares = [middle_square(p.grey, side) for file in chosen for p in file]
            parts.append(np.stack(squares))
    return Corpus(parts[0], parts[2], parts[1], parts[3], digest.hexdigest())


def pictures_of(file: Path) -> list[Picture]:
    """The picture of a file, or the slices of a volume."""
    if file.name.lower().endswith(VOLUMES):
        return list(read_slices(file))
    return [read_picture(file)]


def _read(folder: Path, quarantine: Quarantine) -> list[list[Picture]]:
    """The pictures of each file, in an order that has nothing to do with their names."""
    if not folder.is_dir():
        raise DataError("there is no such folder", path=folder)
    files: dict[tuple[str, ...], list[Picture]] = {}
    before = len(quarantine)
    for file in track(files_under([folder], (*SUFFIXES, *VOLUMES)), "Pictures"):
        try:
            pictures = pictures_of(file)
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{file}: "), path=file)
            continue
        # Of the same picture twice one might be learnt from and the other measured on.
        if files.setdefault(tuple(each.checksum for each in pictures), pictures) is not pictures:
            quarantine.add("the same picture as another file's", path=file)
    if len(files) < FEWEST:
        raise DataError(
            f"has {len(files)} files that can be read, and {FEWEST} are needed"
            f" ({len(quarantine) - before} are set aside)",
            path=folder,
        )
    return sorted(files.values(), key=lambda pictures: pictures[0].checksum)
