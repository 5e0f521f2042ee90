"""Pictures of files, translated and written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ..picture import Grey, Picture, middle_square
from ..written import write_made
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
        paths, quarantine, remarks: see `written.write_made`.
        model: a folder of `medkg train translation`.
        to: the kind that pictures are to look like.
        out: folder to write `NAME.KIND.png` to, of the model's side.

    Raises:
        DataError: the model knows no such kind; `out` is a file, or is among the folders to read.
    """
    translator = Translator.open(model)
    side = int(translator.config["side"])
    translator.translate(np.zeros((1, side, side), np.float32), to)  # before any file is read

    def make(pictures: Sequence[Picture]) -> Grey:
        squares = np.stack([middle_square(picture.grey, side) for picture in pictures])
        return translator.translate(squares, to)

    return write_made(paths, Path(out), to, make, quarantine=quarantine, remarks=remarks)
