"""Pictures with the masks of their nuclei, to train and measure on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.atomic import sha256
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.input_files import require_regular
from ....core.progress import track
from ....core.quarantine import Quarantine
from ..picture import SUFFIXES, Colours, read_coloured, resampled, square_of
from .nuclei import Labels, Mask

FOLDS = 5
_SIDE = 128  # pixels of the pictures of folders, unless another is asked for
_SIDES = (32, 512)
_PACKED = 8  # pixels of a mask's row in each byte


@dataclass(frozen=True)
class Corpus:
    """Square pictures with the masks of their nuclei.

    Attributes:
        pixels: (n, side, side, 3), 0–1.
        numbers: (n, side, side): of the nucleus that a pixel is of, as the mask has it; 0 of none.
        counts: (n,) how many nuclei there are; -1 where it is not known.
        groups: (n,) the same number for pictures that are the same.
        checksum: of the pictures and masks.
    """

    pixels: Colours
    numbers: Labels
    counts: NDArray[np.int64]
    groups: NDArray[np.int64]
    checksum: str

    @property
    def masks(self) -> Mask:
        """(n, side, side): where nuclei are."""
        return self.numbers > 0


@explained_imports()
def read_corpus(
    path: Path | str,
    *,
    side: int | None = None,
    default: int = _SIDE,
    quarantine: Quarantine | None = None,
) -> Corpus:
    """Read pictures with masks of nuclei.

    Args:
        path: an npz file, the folder that it is in, or a folder with the subfolders `images` and
            `masks`, in which a picture and its mask have the same name.
        side: of the square pictures of a folder, in pixels; by default `default`.
        default: the side of a folder's pictures; those of an npz file keep their own.
        quarantine: gets the pictures that can't be used; without one they are left out.

    An npz file has `image`, (n, side, side) or (n, side, side, 3) of 8 bits, and `mask` of the same
    size (or packed, eight pixels of a row in a byte); it may have `nuclei`, how many there are.
    In a mask, what is not black is of a nucleus; with more than one value beside black, each value
    is a nucleus.

    Raises:
        DataError: there are no such pictures, or a side is asked for of an npz file.
    """
    path = Path(path)
    if side is not None and not _SIDES[0] <= side <= _SIDES[1]:
        raise DataError(f"--side is {_SIDES[0]} to {_SIDES[1]} pixels, not {side}")
    packed = [path] if path.suffix == ".npz" else list(path.glob("*.npz"))
    if len(packed) == 1:
        if side is not None:
            raise DataError("has pictures of a side of its own: leave --side out", path=packed[0])
        return _read_npz(packed[0])
    if not path.is_dir():
        raise DataError("there is no such folder, and it is no .npz file", path=path)
    return _read_folder(path, side or default, Quarantine() if quarantine is None else quarantine)


def _read_npz(file: Path) -> Corpus:
    require_regular(file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images, masks = arrays["image"], arrays["mask"]
            counts = arrays["nuclei"] if "nuclei" in arrays else np.full(len(images), -1)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise DataError(f"holds no pictures with masks ({error})", path=file) from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or masks.ndim != 3:
        raise DataError("its pictures are not (n, height, width, 3) of 8 bits", path=file)
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    if masks.shape[2] * _PACKED == images.shape[2]:
        masks = np.unpackbits(masks.astype(np.uint8), axis=2)
    if masks.shape != images.shape[:3] or counts.shape != (len(images),):
        raise DataError("its masks are not of its pictures' number and size", path=file)
    pixels = images.astype(np.float32) / 255
    return _corpus(pixels, masks.astype(np.int32), counts.astype(np.int64), sha256(file))


def _read_folder(folder: Path, side: int, quarantine: Quarantine) -> Corpus:
    pixels, masks, counts = [], [], []
    digest = hashlib.sha256(str(side).encode())
    mask_files = {file.stem: file for file in sorted((folder / "masks").glob("*.png"))}
    images = [f for f in sorted((folder / "images").glob("*")) if f.suffix.lower() in SUFFIXES]
    for file in track(images, "Pictures"):
        try:
            picture, colours = read_coloured(file)
            if file.stem not in mask_files:
                raise DataError("has no mask of its name (masks/….png)", path=file)
            labels = _read_mask(mask_files[file.stem], colours.shape[:2])
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{file}: "), path=file)
            continue
        left, top, right, bottom = square_of(*labels.shape)
        cut = colours[top:bottom, left:right]
        pixels.append(np.stack([resampled(cut[..., k], side, side) for k in range(3)], -1))
        inside = labels[top:bottom, left:right]
        nearest = ((np.arange(side) + 0.5) * (bottom - top) / side).astype(int)
        masks.append(inside[np.ix_(nearest, nearest)].astype(np.int32))
        values = np.unique(inside[inside > 0])
        counts.append(len(values) if labels.max() > 1 and len(np.unique(labels)) > 2 else -1)
        digest.update(f"{picture.checksum} {sha256(mask_files[file.stem])}".encode())
    if not pixels:
        raise DataError(
            "has no subfolders images and masks with pictures of the same names"
            f" ({len(quarantine)} can't be used)",
            path=folder,
        )
    return _corpus(np.stack(pixels), np.stack(masks), np.array(counts), digest.hexdigest())


def _read_mask(file: Path, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(height, width): the values of a mask, 0 where there is no nucleus."""
    from PIL import Image

    require_regular(file)
    try:
        with Image.open(file, formats=("PNG",)) as image:
            if image.size != (shape[1], shape[0]):
                raise DataError("is not of its picture's size", path=file)
            grey = (
                image if image.mode in ("1", "L", "P") or "I" in image.mode else image.convert("L")
            )
            return np.asarray(grey).astype(np.int64)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError("can't be read as a PNG of a mask", path=file) from error


def _corpus(pixels: Colours, numbers: Labels, counts: NDArray[np.int64], checksum: str) -> Corpus:
    _, groups = np.unique(pixels.reshape(len(pixels), -1), axis=0, return_inverse=True)
    return Corpus(pixels, numbers, counts, groups.reshape(-1), checksum)


def folds_of(corpus: Corpus) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Rows to learn from and rows to measure on, the same picture never in both.

    Raises:
        DataError: there are fewer pictures than folds.
    """
    from sklearn.model_selection import GroupKFold

    if (n := len(np.unique(corpus.groups))) < FOLDS:
        raise DataError(f"{n} different pictures are too few: {FOLDS} folds are made")
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(folds.split(corpus.pixels, groups=corpus.groups))
