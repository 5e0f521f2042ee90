"""Pictures with their classes, to train and measure on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.atomic import sha256
from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.input_files import require_regular
from ...core.progress import track
from ...core.quarantine import Quarantine
from .picture import SUFFIXES, Grey, brightness, middle_square, read_picture

FOLDS = 5
COLOURFUL = 0.02  # mean distance between channels, of 0–1, from which a picture is one of colours
_SIDE = 64  # pixels of the pictures of folders, unless another is asked for
_SIDES = (16, 256)
_UNREMARKABLE = "normal"


@dataclass(frozen=True)
class Corpus:
    """Square grey pictures with their classes.

    Attributes:
        pixels: (n, side, side), 0–1.
        labels: (n,) numbers of `classes`.
        classes: names; the first is that of pictures without a finding.
        groups: (n,) the same number for pictures that are the same.
        colour: whether pictures have colours, which are read as brightness.
        checksum: of the pictures and labels.
    """

    pixels: Grey
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray[np.int64]
    colour: bool
    checksum: str


@explained_imports()
def read_corpus(
    path: Path | str,
    *,
    part: str = "train",
    labels: Sequence[str] | None = None,
    side: int | None = None,
    quarantine: Quarantine | None = None,
) -> Corpus:
    """Read pictures with their classes.

    Args:
        path: an npz file in MedMNIST's form (`train_images`, `train_labels`, `val_images`, …), the
            folder that it is in, or a folder with a subfolder of pictures for each class.
        part: of an npz file: train, val or test.
        labels: names of an npz file's classes, in the order of their numbers; by default the
            numbers.
        side: of the square pictures, in pixels; by default an npz file's own, and 64.
        quarantine: gets the pictures that can't be read; without one they are left out.

    The class called "normal" is that of pictures without a finding; without one, the first class
    is: of folders by the alphabet.

    Raises:
        DataError: there are no such pictures, or fewer than two classes of them.
    """
    path = Path(path)
    if side is not None and not _SIDES[0] <= side <= _SIDES[1]:
        raise DataError(f"--side is {_SIDES[0]} to {_SIDES[1]} pixels, not {side}")
    if path.suffix == ".npz":
        return _read_npz(path, part, labels, side)
    if not path.is_dir():
        raise DataError("there is no such folder, and it is no .npz file", path=path)
    if len(files := list(path.glob("*.npz"))) == 1:
        return _read_npz(files[0], part, labels, side)
    set_aside = Quarantine() if quarantine is None else quarantine
    return _read_folder(path, side or _SIDE, set_aside)


def _read_npz(file: Path, part: str, names: Sequence[str] | None, side: int | None) -> Corpus:
    require_regular(file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images, numbers = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise DataError(f"holds no pictures of the part {part} ({error})", path=file) from error
    labels = numbers.reshape(len(numbers), -1)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(labels) != len(images):
        raise DataError("its pictures are not (n, height, width) of 8 bits", path=file)
    if labels.shape[1] != 1:
        raise DataError("its pictures have several labels each; one is needed", path=file)
    n_classes = int(labels.max(initial=0)) + 1
    classes = tuple(names or map(str, range(n_classes)))
    if len(classes) < n_classes:
        raise DataError(f"has {n_classes} classes, and {len(classes)} are named", path=file)
    scaled = images.astype(np.float32) / 255
    colour = images.ndim == 4 and float(np.ptp(scaled, axis=-1).mean()) > COLOURFUL
    grey = scaled if images.ndim == 3 else brightness(scaled)
    if side is not None or grey.shape[1] != grey.shape[2]:
        size = side or min(grey.shape[1:])
        grey = np.stack([middle_square(picture, size) for picture in grey])
    return corpus_of(grey, labels[:, 0].astype(np.int64), classes, colour, sha256(file))


def _read_folder(folder: Path, side: int, quarantine: Quarantine) -> Corpus:
    pixels, colours = [], []

    def read(file: Path) -> str:
        picture = read_picture(file)
        pixels.append(middle_square(picture.grey, side))
        colours.append(picture.colourfulness)
        return picture.checksum

    read_in = read_classes(folder, side, SUFFIXES, read, quarantine, what="pictures")
    colour = float(np.mean(colours)) > COLOURFUL
    return corpus_of(np.stack(pixels), read_in.labels, read_in.classes, colour, read_in.checksum)


class LabelledFiles(NamedTuple):
    """Files that were read, each with its class: labels (n,), and a checksum of all."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    checksum: str


def read_classes(
    folder: Path,
    side: int,
    suffixes: Collection[str],
    read: Callable[[Path], str],
    quarantine: Quarantine,
    *,
    what: str,
) -> LabelledFiles:
    """Read the files of a folder with a subfolder for each class.

    Args:
        side: in pixels, a part of the checksum.
        suffixes: of the files that are read, in small letters.
        read: takes a file in, and gives its checksum; what can't be read is set aside.
        what: the files are, in the plural.

    Raises:
        DataError: fewer than two classes have files.
    """
    classes = sorted(child.name for child in folder.iterdir() if child.is_dir())
    files = [
        (file, number)
        for number, name in enumerate(classes)
        for file in sorted((folder / name).rglob("*"))
        if file.suffix.lower() in suffixes
    ]
    labels = []
    digest = hashlib.sha256(repr((classes, side)).encode())
    for file, number in track(files, what.capitalize()):
        try:
            checksum = read(file)
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{file}: "), path=file)
            continue
        labels.append(number)
        digest.update(f"{number} {checksum}".encode())
    if len(set(labels)) < 2:
        raise DataError(
            f"has not two subfolders, one for each class, with {what} in them"
            f" ({len(quarantine)} can't be read)",
            path=folder,
        )
    return LabelledFiles(tuple(classes), np.array(labels), digest.hexdigest())


def corpus_of(
    pixels: Grey, labels: NDArray[np.int64], classes: tuple[str, ...], colour: bool, checksum: str
) -> Corpus:
    """The corpus, its class without a finding first; same pictures are of one group."""
    first = next((i for i, name in enumerate(classes) if name.lower() == _UNREMARKABLE), 0)
    order = [first, *(i for i in range(len(classes)) if i != first)]
    _, groups = np.unique(pixels.reshape(len(pixels), -1), axis=0, return_inverse=True)
    numbers = np.argsort(order)[labels]
    names = tuple(classes[i] for i in order)
    return Corpus(pixels, numbers, names, groups.reshape(-1), colour, checksum)


def folds_of(corpus: Corpus) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Rows to learn from and rows to measure on: shares of classes alike, same pictures together.

    Raises:
        DataError: a class has fewer pictures than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    counts = np.bincount(corpus.labels, minlength=len(corpus.classes))
    if counts.min() < FOLDS:
        name = corpus.classes[int(counts.argmin())]
        raise DataError(f"{counts.min()} pictures of {name} are too few: {FOLDS} folds are made")
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(folds.split(corpus.pixels, corpus.labels, corpus.groups))
