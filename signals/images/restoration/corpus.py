"""Patches of pictures, to learn to restore them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ..picture import Grey, Picture
from ..unlabelled import learnt_and_held, read_unlabelled
from .network import PATCH

_MOST = 20  # patches of a picture


@dataclass(frozen=True)
class Corpus:
    """Patches, (n, `PATCH`, `PATCH`), 0–1: those to learn from, and those of other files.

    Attributes:
        learnt: to learn from; `held`: to measure on.
        checksum: of the pictures.
    """

    learnt: Grey
    held: Grey
    checksum: str


@explained_imports()
def read_corpus(folder: Path | str, *, quarantine: Quarantine | None = None) -> Corpus:
    """Read pictures and cut patches out of them.

    Args:
        folder: see `unlabelled.read_unlabelled`. A picture's shorter side has at least `PATCH`
            pixels.
        quarantine: gets the files that can't be used.

    Raises:
        DataError: there is no such folder, or it has too few files that can be used.
    """
    set_aside = Quarantine() if quarantine is None else quarantine
    files = read_unlabelled(Path(folder), patches_of, set_aside)
    checksum = hashlib.sha256("".join(c for file in files for c in file.checksums).encode())
    learnt, held = (np.concatenate(part) for part in learnt_and_held(files))
    return Corpus(learnt, held, checksum.hexdigest())


def patches_of(picture: Picture) -> Grey:
    """(n, `PATCH`, `PATCH`): as many as lie beside each other, at most `_MOST`, at random places.

    The same picture gives the same patches.

    Raises:
        DataError: the picture is smaller.
    """
    height, width = picture.grey.shape
    if min(height, width) < PATCH:
        raise DataError(f"is {width} × {height} pixels; the shorter side has at least {PATCH}")
    rng = np.random.default_rng(int(picture.checksum[:16], 16))
    number = min(_MOST, (height // PATCH) * (width // PATCH))
    tops, lefts = (rng.integers(side - PATCH + 1, size=number) for side in (height, width))
    return np.stack(
        [
            picture.grey[top : top + PATCH, left : left + PATCH]
            for top, left in zip(tops, lefts, strict=True)
        ]
    )
