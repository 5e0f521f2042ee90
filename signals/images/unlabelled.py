"""Pictures of a folder to learn from without labels, files that are measured on apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...core.errors import DataError
from ...core.progress import track
from ...core.quarantine import Quarantine
from ..files import files_under
from .picture import SUFFIXES, Grey, Picture, read_picture
from .volume import SUFFIXES as VOLUMES
from .volume import read_slices

READ_SUFFIXES = (*SUFFIXES, *VOLUMES)
FEWEST = 10  # files
_HELD = 5  # one file in so many is measured on


class FilePictures(NamedTuple):
    """What is taken of a file's picture, or of the slices of a volume.

    Attributes:
        checksums: of the pictures.
        taken: an array of each.
    """

    checksums: tuple[str, ...]
    taken: tuple[Grey, ...]


def pictures_of(file: Path) -> list[Picture]:
    """The picture of a file, or the slices of a volume."""
    if file.name.lower().endswith(VOLUMES):
        return list(read_slices(file))
    return [read_picture(file)]


def read_unlabelled(
    folder: Path, take: Callable[[Picture], Grey], quarantine: Quarantine
) -> list[FilePictures]:
    """What is taken of each file, in an order that has nothing to do with their names.

    Args:
        folder: of PNG, JPEG, BMP, TIFF or DICOM files, or NIfTI volumes (see `volume.read_slices`).
        take: gives what is kept of a picture; what it refuses is set aside.
        quarantine: gets the files that can't be used.

    Raises:
        DataError: there is no such folder, or it has too few files that can be used.
    """
    if not folder.is_dir():
        raise DataError("there is no such folder", path=folder)
    files: dict[tuple[str, ...], FilePictures] = {}
    before = len(quarantine)
    for file in track(files_under([folder], READ_SUFFIXES), "Pictures"):
        try:
            pictures = pictures_of(file)
            checksums = tuple(each.checksum for each in pictures)
            # Of the same picture twice one might be learnt from and the other measured on.
            if checksums in files:
                raise DataError("the same picture as another file's", path=file)
            files[checksums] = FilePictures(checksums, tuple(map(take, pictures)))
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{file}: "), path=file)
    if len(files) < FEWEST:
        raise DataError(
            f"has {len(files)} files that can be read, and {FEWEST} are needed"
            f" ({len(quarantine) - before} are set aside)",
            path=folder,
        )
    return sorted(files.values(), key=lambda file: file.checksums[0])


def learnt_and_held(files: Sequence[FilePictures]) -> tuple[list[Grey], list[Grey]]:
    """What is learnt from, and what is measured on: every fifth file's."""
    parts: tuple[list[Grey], list[Grey]] = ([], [])
    for number, file in enumerate(files):
        parts[number % _HELD == _HELD - 1].extend(file.taken)
    return parts
