"""Pictures of cells that tests make: round nuclei, in dark and in stained fields, with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STAIN = np.array([0.45, 0.2, 0.6])


def field(
    rng: np.random.Generator, side: int = 64, nuclei: int = 5, stained: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(side, side, 3) picture and (side, side) mask, in which each nucleus has its number.

    Nuclei are discs of a 14th of the side that don't touch.
    """
    y, x = np.mgrid[0:side, 0:side] / side
    mask = np.zeros((side, side), np.uint8)
    middles: list[tuple[float, float]] = []
    while len(middles) < nuclei:
        place = (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9)))
        if all(np.hypot(place[0] - a, place[1] - b) > 0.2 for a, b in middles):
            middles.append(place)
            mask[np.hypot(x - place[0], y - place[1]) < 1 / 14] = len(middles)
    inside = (mask > 0)[..., None]
    light, dark = (0.92, STAIN) if stained else (0.08, rng.uniform(0.3, 0.7))
    picture = np.where(inside, dark, light) * np.ones(3)
    picture += 0.03 * rng.standard_normal(picture.shape)
    return (255 * picture.clip(0, 1)).astype(np.uint8), mask


def write_fields(folder: Path, n: int) -> Path:
    """A folder with `images` and `masks`, every other picture stained."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(n):
        nuclei = int(rng.integers(3, 7))
        picture, mask = field(rng, nuclei=nuclei, stained=number % 2 == 1)
        Image.fromarray(picture).save(folder / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:02d}.png")
    return folder
