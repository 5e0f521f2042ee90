"""Checkpoints: unfinished training on disk, so that it goes on after it was cut off.

`Checkpoint` holds the present state of one training, `Stages` a checkpoint for each of its finished
stages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from torch import Tensor

from .atomic import atomic_folder, remove_folder
from .errors import DataError, ModelError
from .interruption import mark_kept
from .json_reading import read_json
from .tensors import load_tensors, save_tensors

CHECKPOINT = "checkpoint.json"
_TENSORS = "state.safetensors"


class SavedState(NamedTuple):
    """What a checkpoint holds: tensors by name, and numbers (or lists of them) by name."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


def remove_checkpoints(folder: Path | None) -> None:
    """Delete a checkpoint, or a folder of them, when training is finished; None: there is none."""
    if folder is not None:
        remove_folder(folder, marker=CHECKPOINT)


class Checkpoint:
    """The state of an unfinished training in a folder, which is there and whole, or not there.

    Args:
        folder: where; None: nowhere, so that nothing is written or read.
        fingerprint: of all that the training depends on (data, settings, seed); a state with
            another one is not taken up.
    """

    def __init__(self, folder: Path | None, fingerprint: str):
        self._folder = folder
        self._fingerprint = fingerprint

    def write(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Write a state in the place of the one that is there.

        Args:
            numbers: as JSON can hold them.
        """
        if self._folder is None:
            return
        with atomic_folder(self._folder, marker=CHECKPOINT) as draft:
            save_tensors(tensors, draft / _TENSORS)
            text = json.dumps({"fingerprint": self._fingerprint, **numbers})
            (draft / CHECKPOINT).write_text(text, encoding="utf-8")
        mark_kept()

    def read(self) -> SavedState | None:
        """The state, on the CPU; None where there is none, or that of another training.

        Raises:
            ModelError: the state is damaged.
        """
        numbers = self.numbers()
        if self._folder is None or numbers is None:
            return None
        try:
            return SavedState(load_tensors(self._folder / _TENSORS), numbers)
        except (OSError, SafetensorError) as error:
            raise self._damaged(error) from error

    def numbers(self) -> dict[str, Any] | None:
        """The state's numbers alone; None where there is none, or that of another training.

        Raises:
            ModelError: the state is damaged.
        """
        numbers = self._numbers()
        if numbers is None or numbers.pop("fingerprint") != self._fingerprint:
            return None
        return numbers

    def is_of_another(self) -> bool:
        """Whether there is a state, and of another training.

        Raises:
            ModelError: the state is damaged.
        """
        numbers = self._numbers()
        return numbers is not None and numbers["fingerprint"] != self._fingerprint

    def _numbers(self) -> dict[str, Any] | None:
        if self._folder is None or not (self._folder / CHECKPOINT).is_file():
            return None
        try:
            numbers = read_json(self._folder / CHECKPOINT)
            return {"fingerprint": numbers["fingerprint"], **numbers}
        except (DataError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Take what was read apart, in the block.

        Raises:
            ModelError: the state lacks something, or doesn't fit what it is for.
        """
        try:
            yield
        except (IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ModelError:
        # PyTorch names every tensor that is missing, on lines of their own.
        reason = textwrap.shorten(str(error), 200, placeholder=" …")
        return ModelError(f"{self._folder}: the checkpoint is damaged ({reason}); remove it")


class Stages:
    """The finished stages of a training, each a `Checkpoint` in a folder of its own.

    Args:
        folder: where they are kept; None: nowhere.
        made_of: gives all that they depend on (checksums, settings, a seed), as JSON can hold it;
            called when the first stage is asked for, and not at all without a folder.
    """

    def __init__(self, folder: Path | None, made_of: Callable[[], Sequence[Any]] = tuple):
        self._folder = folder
        self._made_of = made_of
        self._goes_on = False

    @cached_property
    def _fingerprint(self) -> str:
        made_of = json.dumps([version("medkg"), *self._made_of()])
        return hashlib.sha256(made_of.encode()).hexdigest()

    def get(self, name: str, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """What `make` gives, or gave in a training that was cut off, which is said once.

        Raises:
            ModelError: what is on disk is damaged.
        """
        if self._folder is None:
            return dict(make())
        checkpoint = Checkpoint(self._folder / name, self._fingerprint)
        if (saved := checkpoint.read()) is not None:
            if not self._goes_on:
                self._goes_on = True
                logging.getLogger(__name__).warning(
                    "%s: goes on from what was finished before", self._folder
                )
            return saved.tensors
        result = dict(make())
        checkpoint.write(result, {})
        return result
