"""The classifier of parts of recordings: a network and trees, their mean, and its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from ..core import calibration
from ..core.boosters import booster_from_tensor, booster_tensor
from ..core.calibration import Calibration
from ..core.errors import ModelError
from ..core.model_folder import WEIGHTS, given_config, read_config, save_files
from ..core.tensors import load_tensors, save_tensors, with_prefix, without_prefix
from ..core.threads import one_thread
from .network import FeatureNetwork, Floats, train_network, train_trees

_NETWORK, _TREES = "network", "trees"
Scores = NDArray[np.float64]
Members = tuple[FeatureNetwork, lightgbm.Booster]


@dataclass(frozen=True)
class FeatureClassifier:
    """Classifies parts of recordings, such as beats or epochs, by their features.

    Attributes:
        KIND: of the model's folder; `FIELDS`: what its config has beside the calibrations.
        calibrations: by class, of recordings that the members had not seen.
        config: what the folder says of its training.
    """

    KIND: ClassVar[str]
    FIELDS: ClassVar[Mapping[str, type]]

    network: FeatureNetwork
    trees: lightgbm.Booster
    calibrations: Mapping[str, Calibration]
    config: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the scores' columns."""
        return tuple(self.config["classes"])

    def scores(self, features: Floats) -> Scores:
        """(n, classes): the mean of both members' probabilities, before calibration."""
        return member_scores(self.network, self.trees, features)

    def calibrated(self, scores: Scores, name: str) -> Scores:
        """(n,): the calibrated probability of one of `classes` for parts of these scores."""
        logits = log_odds(scores[:, self.classes.index(name)])
        return self.calibrations[name].probability(logits, np.ones(len(logits)))

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = member_tensors(self.network, self.trees)
        config = {
            **self.config,
            "calibrations": {name: c.to_dict() for name, c in self.calibrations.items()},
        }
        save_files(
            path, self.KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS)
        )

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        config = read_config(folder, cls.KIND, {"calibrations": dict, **cls.FIELDS})
        tensors = load_tensors(folder / WEIGHTS)
        try:
            network, trees = members_of(tensors)
            calibrations = {
                name: Calibration.from_dict(values)
                for name, values in config.pop("calibrations").items()
            }
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(network, trees, calibrations, given_config(config))


def fit_members(features: Floats, labels: NDArray[np.int64], n_classes: int, seed: int) -> Members:
    """Network and trees trained on (n, features) and (n,) classes."""
    network = train_network(features, labels, n_classes, seed)
    return network, train_trees(features, labels, n_classes, seed)


def member_tensors(network: FeatureNetwork, trees: lightgbm.Booster) -> dict[str, torch.Tensor]:
    """Network and trees as tensors; `members_of` takes them apart."""
    return {**with_prefix(_NETWORK, network.state_dict()), _TREES: booster_tensor(trees)}


def members_of(tensors: Mapping[str, torch.Tensor]) -> Members:
    """The network, for use, and the trees that gave these tensors."""
    weights = without_prefix(_NETWORK, tensors)
    network = FeatureNetwork(len(weights["middle"]), len(weights["outer.bias"]))
    network.load_state_dict(weights)
    return network.eval(), booster_from_tensor(tensors[_TREES])


@one_thread()
def member_scores(network: FeatureNetwork, trees: lightgbm.Booster, features: Floats) -> Scores:
    """(n, classes): the mean of the probabilities of network and trees."""
    with torch.no_grad():
        by_network = network(torch.from_numpy(features)).softmax(-1).double().numpy()
    return np.asarray((by_network + trees.predict(features, num_threads=1)) / 2)


def log_odds(shares: Scores) -> Scores:
    """Log-odds of probabilities, as those of the calibration's scores."""
    clipped = np.clip(shares, 1e-5, 1 - 1e-5)
    return np.asarray(np.log(clipped / (1 - clipped)))


def calibrations_of(
    labels: NDArray[np.int64], scores: Scores, numbers: Mapping[str, int]
) -> dict[str, Calibration]:
    """The calibration of some classes, each by its number, on scores of unseen recordings."""
    ranks = np.ones(len(labels))
    return {
        name: calibration.fit(log_odds(scores[:, k]), ranks, labels == k)
        for name, k in numbers.items()
    }
