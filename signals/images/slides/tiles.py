"""Slides and other large pictures, read in tiles."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ....core.atomic import sha256
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.input_files import opened, require_regular
from ..picture import MOST_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".tif", ".tiff", ".svs", ".png", ".jpg", ".jpeg")
MOST_TILES = 256  # of a slide, spread evenly over those that show something
_LEAST_SPREAD = 8.0  # of 0–255: the mean deviation in a tile's channels, below which it is empty
_MOST_LEVELS = 32
_PROPORTIONS = 0.03  # by which the height to width of a level may differ from the slide's
Tiles = NDArray[np.uint8]


@dataclass(frozen=True)
class Slide:
    """The tiles of a slide that show something.

    Attributes:
        tiles: (n, side, side, 3), red, green and blue.
        places: (n, 2): where a tile's upper left corner is, as shares of width and height.
        share: (2,): of the slide's width and height that a tile covers.
        file: as it was named to the reader; `checksum`: its SHA-256.
        remark: which level was read, where the slide has several.
    """

    tiles: Tiles
    places: NDArray[np.float64]
    share: tuple[float, float]
    file: str
    checksum: str
    remark: str = ""


@explained_imports()
def read_slide(path: Path | str, side: int) -> Slide:
    """Read a slide's tiles of `side` pixels, side by side, from its upper left corner.

    Of a TIFF with several levels the largest under 90 million pixels is read; pictures of other
    proportions, such as that of the slide's label, are not. Tiles that are empty glass are left
    out, and so is what is left at the right and lower edges. Of more than 256 tiles, 256 are taken
    that are spread evenly.

    Raises:
        DataError: the file can't be read, is too large, or shows nothing.
        MissingExtraError: pillow is not installed.
    """
    from PIL import Image
    from PIL.TiffImagePlugin import PREFIXES, TiffImageFile

    path = Path(path)
    require_regular(path)
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"is no slide that can be read: {', '.join(SUFFIXES)}", path=path)
    try:
        with opened(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is checked
            is_tiff = file.read(4) in PREFIXES
            file.seek(0)
            if is_tiff:  # not by Image.open, which refuses a first level of 179 million pixels
                image: Image.Image = TiffImageFile(file)
            else:
                image = Image.open(file, formats=("PNG", "JPEG"))
            remark = _seek_level(image, path)
            pixels = np.asarray(image.convert("RGB"), np.uint8)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DataError("can't be read as TIFF, PNG or JPEG; it may be cut off", path=path) from (
            error
        )
    height, width = pixels.shape[:2]
    rows, columns = height // side, width // side
    if not rows * columns:
        raise DataError(f"is {width} × {height} pixels, less than a tile of {side}", path=path)
    cut = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    tiles = cut.swapaxes(1, 2).reshape(-1, side, side, 3)
    full = np.flatnonzero([tile.std((0, 1)).mean() >= _LEAST_SPREAD for tile in tiles])
    if not len(full):
        raise DataError("shows nothing: every tile is empty", path=path)
    if len(full) > MOST_TILES:
        full = full[np.linspace(0, len(full) - 1, MOST_TILES).astype(int)]
    share = (side / width, side / height)
    places = np.stack([full % columns, full // columns], 1) * np.array(share)
    return Slide(tiles[full], places, share, str(path), sha256(path), remark)


def _seek_level(image: Image, path: Path) -> str:
    """Go to the largest level that can be read, and say which it is."""
    levels = min(getattr(image, "n_frames", 1), _MOST_LEVELS)
    sizes: list[tuple[int, int]] = []
    for number in range(levels):
        image.seek(number)
        sizes.append(image.size)
    width, height = sizes[0]
    fit = {
        number: size[0] * size[1]
        for number, size in enumerate(sizes)
        if size[0] * size[1] <= MOST_PIXELS
        and abs(size[1] * width / (size[0] * height) - 1) <= _PROPORTIONS
    }
    if not fit:
        raise _too_large(path)
    best = max(fit, key=lambda number: fit[number])
    image.seek(best)
    return f"level {best + 1} of {levels} is read" if levels > 1 else ""


def _too_large(path: Path) -> DataError:
    return DataError(
        f"has over {MOST_PIXELS:,} pixels, and no smaller level; save it smaller", path=path
    )
