"""The model of phrases: vectors of words, and how likely a run of words means a phenotype."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import ModelError
from ...core.json_reading import VOCABULARY_LIMITS, read_json
from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.tensors import load_tensors, save_tensors
from .candidates import FEATURES
from .vectors import PhraseVectors

SHIPPED = Path(__file__).parents[1] / "model" / "phrases"
KIND = "phrases"
_WORDS = "words.json"
_BYTE = 127  # the largest of the whole numbers that vectors are kept as


@dataclass(frozen=True)
class PhraseModel:
    """Tells how likely runs of words mean phenotypes.

    Attributes:
        vectors: of words.
        means, deviations: of the features, (`FEATURES`,).
        hidden: weights of the features and an intercept, (members, `FEATURES` + 1, units).
        output: weights of the units and an intercept, (members, units + 1).
    """

    vectors: PhraseVectors
    means: NDArray[np.float32]
    deviations: NDArray[np.float32]
    hidden: NDArray[np.float32]
    output: NDArray[np.float32]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """How likely each row of features (rows, `FEATURES`) is right: the members' mean."""
        scaled = (features - self.means) / self.deviations
        units = np.tanh(scaled @ self.hidden[:, :-1] + self.hidden[:, -1:])
        logits = np.einsum("mru,mu->mr", units, self.output[:, :-1]) + self.output[:, -1:]
        likely: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).mean(axis=0)
        return likely.astype(np.float32)

    def save(self, path: Path | str, config: Mapping[str, Any], card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        words = sorted(self.vectors.rows, key=lambda word: self.vectors.rows[word])
        vectors = self.vectors.vectors[1:]
        scales = np.maximum(np.abs(vectors).max(axis=1), 1e-6) / _BYTE
        tensors = {
            "vectors": torch.from_numpy(np.round(vectors / scales[:, None]).astype(np.int8)),
            "scales": torch.from_numpy(scales).half(),
            "means": torch.from_numpy(self.means),
            "deviations": torch.from_numpy(self.deviations),
            "hidden": torch.from_numpy(self.hidden),
            "output": torch.from_numpy(self.output),
        }

        def write(folder: Path) -> None:
            save_tensors(tensors, folder / WEIGHTS)
            (folder / _WORDS).write_text(json.dumps(words), encoding="utf-8")

        save_files(path, KIND, {**config, "features": list(FEATURES)}, card, write)

    @classmethod
    def open(cls, path: Path | str = SHIPPED) -> PhraseModel:
        """Read a model's folder.

        Raises:
            ModelError: there is none, it is damaged, or made for other features.
        """
        folder = Path(path)
        config = read_config(folder, KIND, {"features": list})
        if config["features"] != list(FEATURES):
            raise ModelError(f"{folder}: is a model of other features; train it anew")
        words = read_json(folder / _WORDS, limits=VOCABULARY_LIMITS)
        tensors = load_tensors(folder / WEIGHTS)
        vectors = tensors["vectors"].float() * tensors["scales"].float()[:, None]
        return cls(
            PhraseVectors(
                {word: row for row, word in enumerate(words, start=1)},
                np.concatenate([np.zeros((1, vectors.shape[1]), np.float32), vectors.numpy()]),
            ),
            *(tensors[name].numpy() for name in ("means", "deviations", "hidden", "output")),
        )


@cache
def shipped_model() -> PhraseModel:
    """The model that ships."""
    return PhraseModel.open()
