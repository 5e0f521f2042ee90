"""The classifier of pictures: a network, its calibrations and operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.errors import DataError, ModelError
from ...core.model_folder import WEIGHTS, given_config, read_config, save_files
from ...core.tensors import load_tensors, save_tensors, with_prefix, without_prefix
from .backbone import described_network
from .corpus import COLOURFUL
from .network import PictureNetwork, class_log_odds
from .picture import Grey, Picture, middle_square
from .usual import Usual

KIND = "images"
DEFAULT = Path(__file__).parent / "model"
_FIELDS = {
    "version": str,
    "procedure": str,
    "classes": list,
    "side": int,
    "colour": bool,
    "calibrations": dict,
    "thresholds": dict,
    "furthest": float,
}


@dataclass(frozen=True)
class ImageClassifier:
    """Classifies pictures of one kind of examination.

    Attributes:
        usual: what the pictures look like that it learnt from.
        calibrations: by class but the first, of pictures that a network had not seen.
        thresholds: by class but the first, the probability from which it is present.
        config: what the folder says of the model and its training: `procedure`, `classes`, `side`.
    """

    network: PictureNetwork
    usual: Usual
    calibrations: Mapping[str, Calibration]
    thresholds: Mapping[str, float]
    config: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the first is that of pictures without a finding."""
        return tuple(self.config["classes"])

    def pixels_of(self, picture: Picture) -> Grey:
        """(side, side): the picture as the network reads it.

        Raises:
            DataError: it is unlike the pictures that the model learnt from.
        """
        if picture.colourfulness > COLOURFUL and not self.config["colour"]:
            raise DataError(f"has colours, and the model reads grey: {self._learnt()}")
        pixels = middle_square(picture.grey, self.config["side"])
        distance = float(self.usual.distances(pixels[None])[0])
        if distance > self.usual.furthest:
            raise DataError(f"is unlike what the model learnt from: {self._learnt()}")
        return pixels

    def _learnt(self) -> str:
        return f"pictures of one kind, {self.config['procedure']}"

    def probabilities(self, pixels: Grey) -> dict[str, NDArray[np.float64]]:
        """By class but the first, (n,) calibrated probabilities of (n, side, side) pictures."""
        odds = class_log_odds(self.network, pixels)
        ranks = np.ones(len(pixels))
        return {
            name: self.calibrations[name].probability(odds[:, k], ranks)
            for k, name in enumerate(self.classes)
            if k
        }

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = with_prefix("network", self.network.state_dict())
        tensors |= {"usual.mean": self.usual.mean, "usual.precision": self.usual.precision}
        config = {
            **self.config,
            "calibrations": {name: c.to_dict() for name, c in self.calibrations.items()},
            "thresholds": dict(self.thresholds),
            "furthest": self.usual.furthest,
        }
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str | None = None) -> ImageClassifier:
        """Read a model's folder; without one, the model that ships.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = DEFAULT if path is None else Path(path)
        config = read_config(folder, KIND, _FIELDS)
        tensors = load_tensors(folder / WEIGHTS)
        try:
            network = described_network(
                config.get("backbone"), len(config["classes"]), config["side"]
            )
            network.load_state_dict(without_prefix("network", tensors))
            learnt = without_prefix("usual", tensors)
            usual = Usual(learnt["mean"], learnt["precision"], config.pop("furthest"))
            calibrations = {
                name: Calibration.from_dict(values)
                for name, values in config.pop("calibrations").items()
            }
            least = config.pop("thresholds")
            thresholds = {name: float(least[name]) for name in calibrations}
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(network.eval(), usual, calibrations, thresholds, given_config(config))
