"""Checkpoints: unfinished training on disk, so that it goes on after it was cut off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .atomic import atomic_file
from .errors import ModelError


class Stages:
    """Stages of a training that are finished, on disk, so that it goes on after it was cut off.

    Args:
        folder: where they are kept; None: nowhere.
        made_of: gives all that they depend on (checksums, settings, a seed), as JSON can hold it;
            asked when the first stage is, and not at all without a folder.
    """

    def __init__(self, folder: Path | None, made_of: Callable[[], Sequence[Any]] = tuple):
        self._folder = folder
        self._made_of = made_of

    @cached_property
    def _fingerprint(self) -> str:
        told = json.dumps([version("medkg"), *self._made_of()])
        return hashlib.sha256(told.encode()).hexdigest()

    def get(self, name: str, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """What `make` gives, or gave in a training that was cut off.

        Raises:
            ModelError: what is on disk is damaged.
        """
        if self._folder is None:
            return dict(make())
        file = self._folder / f"{name}-{self._fingerprint[:16]}.safetensors"
        if file.is_file():
            try:
                return load_file(file)
            except (OSError, SafetensorError) as error:
                raise ModelError(f"{file}: is damaged ({error}); remove it") from error
        made = {key: tensor.contiguous() for key, tensor in make().items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(file) as part:
            save_file(made, part)
        return made
