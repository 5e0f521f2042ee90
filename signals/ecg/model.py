"""The classifier of beats: a network and trees, their mean, and its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from ...core.boosters import booster_from_tensor, booster_tensor
from ...core.calibration import Calibration
from ...core.errors import ModelError
from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.tensors import load_tensors, save_tensors, with_prefix, without_prefix
from ...core.threads import one_thread
from .corpus import CLASSES
from .features import Floats
from .network import BeatNetwork

KIND = "ecg beats"
DEFAULT = Path(__file__).parent / "model"
_TREES = "trees"


@dataclass(frozen=True)
class BeatClassifier:
    """Classifies beats by their features.

    Attributes:
        calibrations: by class, of records that the members had not seen.
        config: what the folder says of its training.
    """

    network: BeatNetwork
    trees: lightgbm.Booster
    calibrations: Mapping[str, Calibration]
    config: Mapping[str, Any]

    def scores(self, features: Floats) -> NDArray[np.float64]:
        """(n, classes): the mean of both members' probabilities, before calibration."""
        return member_scores(self.network, self.trees, features)

    def calibrated(self, scores: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        """(n,): the calibrated probability of one of `CLASSES` for beats of these scores."""
        logits = log_odds(scores[:, CLASSES.index(name)])
        return self.calibrations[name].probability(logits, np.ones(len(logits)))

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = with_prefix("network", self.network.state_dict())
        tensors[_TREES] = booster_tensor(self.trees)
        config = {
            **self.config,
            "calibrations": {name: c.to_dict() for name, c in self.calibrations.items()},
        }
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str | None = None) -> BeatClassifier:
        """Read a model's folder; without one, the model that ships.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = DEFAULT if path is None else Path(path)
        config = read_config(folder, KIND, {"calibrations": dict, "version": str})
        tensors = load_tensors(folder / WEIGHTS)
        try:
            weights = without_prefix("network", tensors)
            network = BeatNetwork(len(weights["middle"]))
            network.load_state_dict(weights)
            trees = booster_from_tensor(tensors[_TREES])
            calibrations = {
                name: Calibration.from_dict(values)
                for name, values in config.pop("calibrations").items()
            }
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        kept = {k: v for k, v in config.items() if k not in ("sha256", "versions")}
        return cls(network.eval(), trees, calibrations, kept)


@one_thread()
def member_scores(
    network: BeatNetwork, trees: lightgbm.Booster, features: Floats
) -> NDArray[np.float64]:
    """(n, classes): the mean of the probabilities of network and trees."""
    with torch.no_grad():
        by_network = network(torch.from_numpy(features)).softmax(-1).double().numpy()
    return np.asarray((by_network + trees.predict(features, num_threads=1)) / 2)


def log_odds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities, as those of the calibration's scores."""
    clipped = np.clip(shares, 1e-5, 1 - 1e-5)
    return np.asarray(np.log(clipped / (1 - clipped)))
