"""The model that outlines nuclei, and what it finds in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import DataError, ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors
from ..picture import Colours, resampled
from ..unet import UNet
from .network import CHANNELS, probabilities_of
from .nuclei import Labels, part_nuclei

KIND = "segmentation"
DEFAULT = Path(__file__).parent / "model"
THRESHOLD = 0.5  # of the probability that a pixel is of a nucleus
MOST_PIXELS = 4_000_000  # that the network reads at once
_FIELDS = {"version": str, "side": int}


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of a picture.

    Attributes:
        labels: (height, width) of the picture: the number of the nucleus, from 1, that a pixel is
            of; 0 elsewhere.
        areas: (count,) square pixels of the picture, by number.
    """

    labels: Labels
    areas: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many nuclei there are."""
        return len(self.areas)

    @property
    def share(self) -> float:
        """Of the picture that nuclei cover, 0–1."""
        return float((self.labels > 0).mean())


@dataclass(frozen=True)
class Segmenter:
    """Outlines nuclei.

    Attributes:
        config: what the folder says of the model and its training; `side`: of the square pictures
            that it learnt from, in pixels.
    """

    network: UNet
    config: Mapping[str, Any]

    def nuclei_of(self, picture: Colours, field: int | None = None) -> Nuclei:
        """The nuclei of a (height, width, 3) picture, 0–1.

        Args:
            field: pixels of the picture that are brought to the `side` that the model learnt from,
                so that nuclei have the size that it knows; by default the shorter side.

        Raises:
            DataError: at this `field` the picture is too large, or is enlarged too much.
        """
        height, width = picture.shape[:2]
        small = at_scale(picture, int(self.config["side"]), field, MOST_PIXELS)
        labels = part_nuclei(probabilities_of(self.network, small[None])[0] > THRESHOLD)
        areas = np.bincount(labels.ravel())[1:] * (height * width / labels.size)
        return Nuclei(enlarged(labels, height, width), areas.astype(float))

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = self.network.state_dict()
        save_files(
            path, KIND, self.config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS)
        )

    @classmethod
    def open(cls, path: Path | str | None = None) -> Segmenter:
        """Read a model's folder; without one, the model that ships.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = DEFAULT if path is None else Path(path)
        config = read_config(folder, KIND, _FIELDS)
        network = UNet(CHANNELS, 1)
        try:
            network.load_state_dict(load_tensors(folder / WEIGHTS))
        except RuntimeError as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(network.eval(), given_config(config))


def at_scale(picture: Colours, side: int, field: int | None, most: int) -> Colours:
    """A (height, width, 3) picture at the size at which a model knows things.

    Args:
        side: pixels of the square pictures that the model learnt from.
        field: pixels of the picture that are brought to them; None: the shorter side.
        most: pixels that the model reads at once.

    Raises:
        DataError: at this `field` there are more.
    """
    height, width = picture.shape[:2]
    field = field or min(height, width)
    rows, columns = (max(1, round(size * side / field)) for size in (height, width))
    if rows * columns > most:
        raise DataError(
            f"with fields of {field} pixels it is read as {columns} × {rows} pixels, over"
            f" {most:,}: give a larger --field"
        )
    return np.stack([resampled(picture[..., k], rows, columns) for k in range(3)], -1)


def enlarged(labels: Labels, height: int, width: int) -> Labels:
    """Numbers of things at a model's size, at that of the picture: (height, width)."""
    rows, columns = labels.shape
    down = np.minimum((np.arange(height) * rows) // height, rows - 1)
    across = np.minimum((np.arange(width) * columns) // width, columns - 1)
    return np.asarray(labels[np.ix_(down, across)], np.int32)
