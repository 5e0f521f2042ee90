"""Volumes of NIfTI files, read as axial slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.atomic import sha256
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.input_files import require_regular
from .picture import FEWEST, LEAST_SPREAD, MOST_PIXELS, Grey, Picture

SUFFIXES = (".nii", ".nii.gz")
PLACES = tuple(n / 10 for n in range(1, 10))  # of the slices that are read, from feet to head
_MOST_VOXELS = 150_000_000
_LIMITS = (1.0, 99.0)  # percentiles of the volume's values that become black and white


@explained_imports()
def read_slices(path: Path | str) -> list[Picture]:
    """Read nine axial slices of a NIfTI volume, at the tenths of its height.

    The volume is brought to the nearest axes of the body by its own header. In a slice the
    patient's front is above and the patient's right on the left, as radiologists look at it. Values
    from the 1st to the 99th percentile of the slices become black to white. Nothing but voxels and
    axes is read of the header. A slice on which nothing can be seen is left out.

    Raises:
        DataError: the file can't be read, or is no one volume of a size that can be read.
        MissingExtraError: nibabel is not installed.
    """
    path = Path(path)
    require_regular(path)
    slices, depth = _read(path)
    low, high = np.percentile(np.stack([grey for _, grey in slices]), _LIMITS)
    spread = float(high - low)
    plain = Picture(np.zeros((0, 0), np.float32), 0.0, str(path), sha256(path))
    pictures = []
    for number, grey in slices:
        scaled = ((grey - low) / (spread or 1.0)).clip(0, 1).astype(np.float32)
        if scaled.std() >= LEAST_SPREAD:
            place = f"slice {number + 1} of {depth} from the feet"
            pictures.append(replace(plain, grey=scaled, place=place))
    if not pictures:
        raise DataError("is constant: nothing can be seen on its slices", path=path)
    remark = f"is a volume, of which {len(pictures)} axial slices of {depth} are read"
    return [replace(picture, remarks=(remark,)) for picture in pictures]


def _read(path: Path) -> tuple[list[tuple[int, Grey]], int]:
    """Slices by their number, and how many the volume has."""
    import nibabel

    try:
        image = nibabel.loadsave.load(path)
        shape = image.shape
        if len(shape) == 4 and shape[3] == 1:
            image = image.slicer[..., 0]
        elif len(shape) != 3:
            raise DataError(
                f"is no one volume but has the shape {shape}; save the one that counts", path=path
            )
        if int(np.prod(shape)) > _MOST_VOXELS:
            raise DataError(f"has over {_MOST_VOXELS:,} voxels; save it smaller", path=path)
        image = nibabel.funcs.as_closest_canonical(image)
        width, height, depth = image.shape
        if min(width, height) < FEWEST or width * height > MOST_PIXELS:
            raise DataError(
                f"has slices of {width} × {height} pixels; the shorter side has at least {FEWEST}",
                path=path,
            )
        numbers = sorted({min(depth - 1, int(place * depth)) for place in PLACES})
        voxels = image.dataobj
        slices = [(n, np.asarray(voxels[..., n], np.float32)[::-1, ::-1].T) for n in numbers]
    except DataError:
        raise
    except Exception as error:  # nibabel raises whatever its parsers stumble on
        raise DataError(
            f"can't be read as NIfTI ({type(error).__name__}); it may be cut off", path=path
        ) from error
    if not all(np.isfinite(grey).all() for _, grey in slices):
        raise DataError("has voxels that are no number", path=path)
    return slices, depth
