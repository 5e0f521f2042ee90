"""Slides with their classes, to train and measure on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.quarantine import Quarantine
from ..corpus import Corpus, corpus_of, read_classes
from ..picture import brightness, resampled
from .tiles import SUFFIXES, Tiles, read_slide

_TILE = 64  # pixels, unless another is asked for
_TILES = (32, 512)
_MEAN = 4  # pixels of a tile's side in the mean tile, on which the baseline is


@dataclass(frozen=True)
class SlideCorpus:
    """Slides in tiles, with their classes.

    Attributes:
        tiles: of each slide.
        means: the slides' mean tiles in grey, reduced to 4 × 4 pixels, with the classes: by them
            same slides are kept in one fold, and the baseline is fitted.
        side: of the tiles, in pixels.
    """

    tiles: list[Tiles]
    means: Corpus
    side: int


@explained_imports()
def read_corpus(
    path: Path | str, *, side: int | None = None, quarantine: Quarantine | None = None
) -> SlideCorpus:
    """Read a folder with a subfolder of slides for each class.

    Args:
        side: of the tiles, in pixels of the level that is read; by default 64.
        quarantine: gets the slides that can't be read; without one they are left out.

    The class called "normal" is that of slides without a finding; without one, the first by the
    alphabet is.

    Raises:
        DataError: there are no slides of two classes.
    """
    folder, side = Path(path), side or _TILE
    if not _TILES[0] <= side <= _TILES[1]:
        raise DataError(f"--tile is {_TILES[0]} to {_TILES[1]} pixels, not {side}")
    if not folder.is_dir():
        raise DataError("there is no such folder", path=folder)
    set_aside = Quarantine() if quarantine is None else quarantine
    tiles, means = [], []

    def read(file: Path) -> str:
        slide = read_slide(file, side)
        tiles.append(slide.tiles)
        grey = brightness(slide.tiles.mean(0, dtype=np.float32) / 255)
        means.append(resampled(grey.astype(np.float32), _MEAN, _MEAN))
        return slide.checksum

    read_in = read_classes(folder, side, SUFFIXES, read, set_aside, what="slides")
    made = corpus_of(np.stack(means), read_in.labels, read_in.classes, True, read_in.checksum)
    return SlideCorpus(tiles, made, side)
