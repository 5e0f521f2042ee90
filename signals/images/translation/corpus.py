"""Pictures of two kinds, to learn to translate between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ..picture import Grey, Picture, middle_square
from ..unlabelled import learnt_and_held, read_unlabelled
from .network import STEP

SIDE = 64  # pixels, unless another is asked for
_SIDES = (16, 256)


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
        first, second: folders, see `unlabelled.read_unlabelled`.
        side: of the square in a picture's middle, in pixels; by default `SIDE`.
        quarantine: gets the files that can't be read.

    Raises:
        DataError: a folder has too few files that can be read, or the side can't be.
    """
    side = SIDE if side is None else side
    if not _SIDES[0] <= side <= _SIDES[1] or side % STEP:
        raise DataError(f"--side is {_SIDES[0]} to {_SIDES[1]} pixels, in steps of {STEP}")
    set_aside = Quarantine() if quarantine is None else quarantine

    def take(picture: Picture) -> Grey:
        return middle_square(picture.grey, side)

    digest = hashlib.sha256(str(side).encode())
    parts: list[Grey] = []
    for folder in (first, second):
        files = read_unlabelled(Path(folder), take, set_aside)
        digest.update("".join(c for file in files for c in file.checksums).encode())
        parts += map(np.stack, learnt_and_held(files))
    return Corpus(parts[0], parts[2], parts[1], parts[3], digest.hexdigest())
