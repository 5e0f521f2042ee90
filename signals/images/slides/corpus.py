"""Slides with their classes, to train and measure on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.progress import track
from ....core.quarantine import Quarantine
from ..corpus import Corpus, corpus_of
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
    classes = sorted(child.name for child in folder.iterdir() if child.is_dir())
    files = [
        (file, number)
        for number, name in enumerate(classes)
        for file in sorted((folder / name).rglob("*"))
        if file.suffix.lower() in SUFFIXES
    ]
    tiles, labels, means = [], [], []
    digest = hashlib.sha256(repr((classes, side)).encode())
    for file, number in track(files, "Slides"):
        try:
            slide = read_slide(file, side)
        except DataError as error:
            set_aside.add(str(error).removeprefix(f"{file}: "), path=file)
            continue
        tiles.append(slide.tiles)
        labels.append(number)
        grey = brightness(slide.tiles.mean(0, dtype=np.float32) / 255)
        means.append(resampled(grey.astype(np.float32), _MEAN, _MEAN))
        digest.update(f"{number} {slide.checksum}".encode())
    if len(set(labels)) < 2:
        raise DataError(
            "has not two subfolders, one for each class, with slides in them"
            f" ({len(set_aside)} can't be read)",
            path=folder,
        )
    made = corpus_of(np.stack(means), np.array(labels), tuple(classes), True, digest.hexdigest())
    return SlideCorpus(tiles, made, side)
