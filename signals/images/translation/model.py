"""The model that translates between two kinds of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ....core.errors import DataError, ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors, with_prefix
from ..picture import Grey
from .network import DIRECTIONS, generators_of, translated

KIND = "translation"
_FIELDS = {"version": str, "kinds": list, "side": int}


@dataclass(frozen=True)
class Translator:
    """Makes pictures of one kind look like those of another, in both directions.

    Attributes:
        generators: by direction: `forth` from the first kind to the second, and `back`.
        config: what the folder says of the model and its training: `kinds`, two names, and `side`.
    """

    generators: Mapping[str, nn.Sequential]
    config: Mapping[str, Any]

    def translate(self, pixels: Grey, to: str) -> Grey:
        """(n, side, side) pictures, 0–1, as pictures of the kind `to`.

        Raises:
            DataError: the model knows no such kind.
        """
        kinds = list(self.config["kinds"])
        if to not in kinds:
            raise DataError(f"the model translates to {' and '.join(kinds)}, not to {to}")
        return translated(self.generators[DIRECTIONS[1 - kinds.index(to)]], pixels)

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors: dict[str, Tensor] = {}
        for name, generator in self.generators.items():
            tensors |= with_prefix(name, generator.state_dict())
        save_files(
            path, KIND, self.config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS)
        )

    @classmethod
    def open(cls, path: Path | str) -> Translator:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        config = read_config(folder, KIND, _FIELDS)
        try:
            generators = generators_of(load_tensors(folder / WEIGHTS))
        except RuntimeError as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        if len(config["kinds"]) != 2:
            raise ModelError(f"{folder}: is damaged (its kinds); train the model anew")
        return cls(generators, given_config(config))
