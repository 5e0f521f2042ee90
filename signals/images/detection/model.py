"""The model that looks for things of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.models.detection import MaskRCNN

from ....core.calibration import Calibration
from ....core.errors import ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors
from ...classifier import log_odds
from ..picture import Colours
from ..segmentation.model import at_scale, enlarged
from .network import Seen, mask_rcnn, things_in

KIND = "detection"
THRESHOLD = 0.5  # score from which a thing is seen
LEAST = 0.05  # score below which a thing is not even counted in figures
MOST_PIXELS = 1_000_000  # that the network reads at once
_FIELDS = {"version": str, "label": str, "procedure": str, "side": int, "threshold": float}


@dataclass(frozen=True)
class Detector:
    """Looks for things of one kind.

    Attributes:
        calibration: of the surest score of pictures that a network had not seen; None where each
            of the pictures that it learnt from shows some, so that nothing can be calibrated.
        config: what the folder says of the model and its training: `label`, `procedure`, `side`,
            and `threshold`, the probability from which a picture shows a thing.
    """

    network: MaskRCNN
    calibration: Calibration | None
    config: Mapping[str, Any]

    def things_of(self, picture: Colours, field: int | None = None) -> Seen:
        """The things in a (height, width, 3) picture, 0–1, with scores from `LEAST`.

        Args:
            field: see `segmentation.model.Segmenter.nuclei_of`.

        Raises:
            DataError: at this `field` the picture is too large.
        """
        height, width = picture.shape[:2]
        small = at_scale(picture, int(self.config["side"]), field, MOST_PIXELS)
        seen = things_in(self.network, small, LEAST)
        rows, columns = small.shape[:2]
        scale = np.array([width / columns, height / rows] * 2, np.float32)
        return Seen(seen.boxes * scale, seen.scores, enlarged(seen.labels, height, width))

    def probability(self, seen: Seen) -> float:
        """That a picture shows such a thing, by the surest of those that are seen in it."""
        surest = float(seen.scores.max(initial=0.0))
        if self.calibration is None:
            return surest
        odds = log_odds(np.array([surest]))
        return float(self.calibration.probability(odds, np.ones(1))[0])

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        fitted = self.calibration
        config = {**self.config, "calibration": None if fitted is None else fitted.to_dict()}
        tensors = self.network.state_dict()
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str) -> Detector:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        config = read_config(folder, KIND, _FIELDS)
        network = mask_rcnn()
        try:
            network.load_state_dict(load_tensors(folder / WEIGHTS))
            values = config.pop("calibration")
            calibration = None if values is None else Calibration.from_dict(values)
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(network.eval(), calibration, given_config(config))
