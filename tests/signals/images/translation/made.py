"""Pictures of two kinds that tests make: a bright disc in the dark, and a dark one in the light."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medkg.signals.images.picture import Grey

from ..made import write_png


def discs(rng: np.random.Generator, n: int, side: int = 32) -> Grey:
    """(n, side, side): discs of some size anywhere, bright on dark ground."""
    y, x = np.mgrid[0:side, 0:side] / side
    pictures = []
    for _ in range(n):
        a, b = rng.uniform(0.3, 0.7, 2)
        far = np.hypot(x - a, y - b) / rng.uniform(0.12, 0.25)
        pictures.append(0.15 + 0.6 / (1 + np.exp(8 * (far - 1))))
    noise = 0.02 * rng.standard_normal((n, side, side))
    return (np.stack(pictures) + noise).clip(0, 1).astype(np.float32)


def as_other(pictures: Grey) -> Grey:
    """The same as the other kind has them: light ground and a dark disc."""
    return 0.95 - 0.8 * pictures


def write_kinds(folder: Path, n: int) -> tuple[Path, Path]:
    """A folder of each kind; the second's discs are others than the first's."""
    rng = np.random.default_rng(0)
    pictures = discs(rng, n), as_other(discs(rng, n))
    folders = folder / "ct", folder / "mri"
    for own, kind in zip(folders, pictures, strict=True):
        own.mkdir(parents=True)
        for number, picture in enumerate(kind):
            write_png(own / f"{number:02d}.png", (255 * picture).astype(np.uint8))
    return folders
