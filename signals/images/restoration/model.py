"""The model that restores pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....core.errors import ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors
from ..picture import Grey
from .network import TASKS, RestorationNetwork, enlarged, network_of, restored

KIND = "restoration"
_FIELDS = {"version": str, "task": str}


@dataclass(frozen=True)
class Restorer:
    """Takes noise out of pictures, or makes them twice as large.

    Attributes:
        config: what the folder says of the model and its training: `task`, one of `TASKS`.
    """

    network: RestorationNetwork
    config: Mapping[str, Any]

    def restore(self, pixels: Grey) -> Grey:
        """(n, height, width) pictures, 0–1, without noise, or of twice the height and width."""
        given = enlarged(pixels) if self.config["task"] == "size" else pixels
        return restored(self.network, given)

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        weights = self.network.state_dict()
        save_files(
            path, KIND, self.config, card, lambda folder: save_tensors(weights, folder / WEIGHTS)
        )

    @classmethod
    def open(cls, path: Path | str) -> Restorer:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        config = read_config(folder, KIND, _FIELDS)
        try:
            network = network_of(load_tensors(folder / WEIGHTS))
        except RuntimeError as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        if config["task"] not in TASKS:
            raise ModelError(f"{folder}: is damaged (its task); train the model anew")
        return cls(network, given_config(config))
