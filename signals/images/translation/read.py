"""Pictures of files, translated and written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....core.atomic import atomic_file
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ...files import read_files
from ..picture import SUFFIXES, middle_square
from ..segmentation.read import check_out
from ..volume import SUFFIXES as VOLUMES
from .corpus import pictures_of
from .model import Translator


@explained_imports()
def translate_files(
    paths: Sequence[Path | str],
    *,
    model: Path | str,
    to: str,
    out: Path | str,
    quarantine: Quarantine,
    remarks: list[str] | None = None,
) -> tuple[list[Path], int]:
    """The files that were written, and the number of files that were read.

    A file that can't be read is set aside.

    Args:
        paths: PNG, JPEG, BMP, TIFF or DICOM files, NIfTI volumes (a picture for each slice that is
            read), or folders of them.
        model: a folder of `medkg train translation`.
        to: the kind that pictures are to look like.
        out: folder to write `NAME.KIND.png` to, of the model's side; `NAME.KIND-1.png`, … of a
            volume.
        quarantine: gets the files that can't be used.
        remarks: gets what was changed in reading, by file.

    Raises:
        DataError: the model knows no such kind; `out` is a file, or is among the folders to read.
    """
    folder = Path(out)
    check_out(folder, paths)
    translator = Translator.open(model)
    side = int(translator.config["side"])
    translator.translate(np.zeros((1, side, side), np.float32), to)  # before any file is read
    written: set[Path] = set()

    def read_one(path: Path) -> tuple[list[Path], Sequence[str]]:
        pictures = pictures_of(path)
        squares = np.stack([middle_square(picture.grey, side) for picture in pictures])
        ends = [f"-{n}" for n in range(1, len(pictures) + 1)] if len(pictures) > 1 else [""]
        targets = [folder / f"{path.name}.{to}{end}.png" for end in ends]
        if written & set(targets):
            raise DataError("has the name of another picture: rename it, or read it on its own")
        for target, pixels in zip(targets, translator.translate(squares, to), strict=True):
            _write(target, pixels)
        written.update(targets)
        return targets, pictures[0].remarks

    suffixes = (*SUFFIXES, *VOLUMES)
    return read_files(paths, suffixes, "Pictures", read_one, quarantine=quarantine, remarks=remarks)


def _write(target: Path, pixels: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    from PIL import Image

    with atomic_file(target) as draft, draft.open("wb") as file:
        Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(file, format="PNG")
