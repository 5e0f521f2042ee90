"""Where in a picture something was seen, in words and as a box."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .picture import Grey, square_of

_STRONG = 0.7  # of the strongest place: what joins it and speaks as much is in its box
_THIRDS = (("left", "middle", "right"), ("upper", "middle", "lower"))


def region_of(heat: Grey, height: int, width: int) -> str:
    """The box of the place that speaks most for a class, as shares of the whole picture, in words.

    Sides are the picture's, not the patient's.

    Args:
        heat: (side, side) of the square in the middle of the picture, see `activation_map`.
        height, width: of the picture, in pixels.
    """
    side = len(heat)
    if not heat.any():
        return "no place of the picture"
    joined, _ = ndimage.label(heat >= _STRONG * heat.max())
    rows, columns = np.nonzero(joined == joined.flat[heat.argmax()])
    left, top, right, bottom = square_of(height, width)
    across = _whole(columns, side, left, right, width)
    down = _whole(rows, side, top, bottom, height)
    return box_in_words(across, down)


def box_in_words(across: tuple[float, float], down: tuple[float, float]) -> str:
    """A box, its begin and end from the left and from above as shares of the picture's sides."""
    words = [
        names[min(2, int(3 * (low + high) / 2))]
        for names, (low, high) in zip(_THIRDS, (across, down), strict=True)
    ]
    place = "middle" if words == ["middle", "middle"] else f"{words[1]} {words[0]}"
    return (
        f"{place} of the picture (x {across[0]:.2f}–{across[1]:.2f}, y {down[0]:.2f}–{down[1]:.2f})"
    )


def _whole(
    cells: np.ndarray[tuple[int], np.dtype[np.intp]], side: int, start: int, end: int, size: int
) -> tuple[float, float]:
    """Cells of a side of the square → shares of a side of the whole picture."""
    scale = (end - start) / side
    first, last = int(cells.min()), int(cells.max()) + 1
    return (start + first * scale) / size, (start + last * scale) / size
