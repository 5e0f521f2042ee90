"""Pictures to the nuclei that they show: counts, areas, and masks as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.atomic import atomic_file
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ...files import read_files
from ..picture import SUFFIXES, read_coloured
from ..written import check_out
from .model import Segmenter
from .nuclei import Labels

MASK_SUFFIX = ".nuclei.png"
_MOST_NUMBERS = 2**16 - 1  # that 16 bits hold


@dataclass(frozen=True)
class MeasuredPicture:
    """What was measured in a picture.

    Attributes:
        file: as it was named; `checksum`: its SHA-256.
        height, width: in pixels.
        count: number of nuclei.
        areas: of each nucleus, in square pixels of the picture.
        share: of the picture that nuclei cover, 0–1.
        mask: the file of 16 bits in which each nucleus has its number; "" where none was asked for.
    """

    file: str
    checksum: str
    height: int
    width: int
    count: int
    areas: tuple[float, ...]
    share: float
    mask: str = ""


@explained_imports()
def measure_pictures(
    paths: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    model: Path | str | None = None,
    field: int | None = None,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> list[MeasuredPicture]:
    """The nuclei of pictures, counted and measured. A file that can't be read is set aside.

    Args:
        paths: PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.
        out: folder to write masks to, `NAME.nuclei.png` each.
        model: a folder of `medkg train segmentation`; by default the model that ships.
        field: see `Segmenter.nuclei_of`.
        quarantine: gets the files that can't be used.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: `out` is a file, or is among the folders to read; `field` is under 16.
    """
    if field is not None and field < 16:
        raise DataError(f"--field is 16 pixels or more, not {field}")
    folder = None if out is None else Path(out)
    if folder is not None:
        check_out(folder, paths)
    segmenter = Segmenter.open(model)
    masks: set[Path] = set()

    def read_one(path: Path) -> tuple[list[MeasuredPicture], Sequence[str]]:
        picture, colours = read_coloured(path)
        nuclei = segmenter.nuclei_of(colours, field)
        if folder is not None:
            target = folder / f"{path.name}{MASK_SUFFIX}"
            write_mask(target, nuclei.labels, masks)
        height, width = nuclei.labels.shape
        measured = MeasuredPicture(
            file=picture.file,
            checksum=picture.checksum,
            height=height,
            width=width,
            count=nuclei.count,
            areas=tuple(round(float(area), 1) for area in nuclei.areas),
            share=nuclei.share,
            mask="" if folder is None else str(target),
        )
        return [measured], picture.remarks

    measured, _ = read_files(
        paths, SUFFIXES, "Pictures", read_one, quarantine=quarantine, remarks=remarks
    )
    return measured


def write_mask(target: Path, labels: Labels, written: set[Path]) -> None:
    """Write a mask of 16 bits, and remember that it is of this run.

    Raises:
        DataError: one of its name was written, or there are too many things in it.
    """
    from PIL import Image

    if target in written:
        raise DataError("has the name of another picture: rename it, or read it on its own")
    if labels.max() > _MOST_NUMBERS:
        raise DataError(f"shows over {_MOST_NUMBERS:,} things: cut it into parts")
    with atomic_file(target) as draft, draft.open("wb") as file:
        Image.fromarray(labels.astype(np.uint16)).save(file, format="PNG")
    written.add(target)
