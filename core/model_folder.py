"""A trained model as a folder: config, card, weights and what else loading needs.

Every folder has a `config.json` with the model's kind, the version of the form, settings, and the
checksums of all files; reading verifies them. Nothing in it is pickled.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from .atomic import atomic_folder, sha256
from .errors import DataError, ModelError
from .json_reading import VOCABULARY_LIMITS, JsonError, parse_json, read_json
from .tensors import load_tensors, save_tensors

MODEL_VERSION = 3
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.json"
CARD = "CARD.md"
# Fields of the config that every model has.
COMMON_FIELDS = ("model_version", "kind", "versions", "sha256")
_ANEW = "train or fetch the model anew"


@dataclass(frozen=True)
class ModelFolder:
    """What the folder of a model of a graph holds.

    Attributes:
        kind: what sort of model it is, such as `links` or `diagnosis`.
        settings: what it was trained with and is needed to build it again.
        seed: of everything random in its training.
        metrics: held-out figures, by name.
        split: ids of the edges (or names of the cases) held back, by part.
        graph: where the graph it was trained on lies (`path`, or null), its `checksum` and
            `sources` with their licences; see `training_graph_record`.
        vocabulary: identifiers in the order of the tensors' rows, by kind.
        tensors: the weights by name.
        card: the model card, Markdown.
        plots: that the card shows, as SVG by file name.
    """

    kind: str
    settings: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, Any]
    split: Mapping[str, list[str]]
    graph: Mapping[str, Any]
    vocabulary: Mapping[str, list[str]]
    tensors: Mapping[str, torch.Tensor]
    card: str
    plots: Mapping[str, str] = field(default_factory=dict)


def save_model(path: Path | str, model: ModelFolder) -> None:
    """Write the folder of a model of a graph; it takes the place of a model folder that is there.

    The same model gives the same bytes.

    Raises:
        DataError: `path` is a file, or a folder that is no model folder.
    """

    def write(folder: Path) -> None:
        save_tensors(model.tensors, folder / WEIGHTS)
        _write_json(folder / VOCABULARY, model.vocabulary)
        for name, text in model.plots.items():
            (folder / name).write_text(text, encoding="utf-8")

    config = {
        "settings": model.settings,
        "seed": model.seed,
        "metrics": model.metrics,
        "split": model.split,
        "graph": model.graph,
    }
    save_files(path, model.kind, config, model.card, write)


def save_network(
    path: Path | str,
    kind: str,
    network: nn.Module,
    config: Mapping[str, Any],
    card: str,
    write_encoder: Callable[[Path], None],
) -> None:
    """Write the folder of a network of text, its weights in half precision; see `save_files`.

    Args:
        write_encoder: writes what the encoder needs beside the weights into a folder.
    """

    def write(folder: Path) -> None:
        weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        write_encoder(folder)

    save_files(path, kind, config, card, write)


def save_files(
    path: Path | str,
    kind: str,
    config: Mapping[str, Any],
    card: str,
    write: Callable[[Path], None],
) -> None:
    """Write a model's folder; it takes the place of a model folder that is there.

    Args:
        kind: what sort of model it is, by which it is opened.
        config: what loading and readers need, as JSON can hold it.
        card: the model card, Markdown.
        write: writes all other files into a folder.

    Raises:
        DataError: `path` is a file, or a folder that is no model folder.
    """
    with atomic_folder(path, marker=CONFIG) as folder:
        write(folder)
        (folder / CARD).write_text(card, encoding="utf-8")
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        versions = {n: number for n in _RECORDED_VERSIONS if (number := _version(n))}
        whole: dict[str, Any] = {
            "model_version": MODEL_VERSION,
            "kind": kind,
            **config,
            "versions": {"python": platform.python_version(), **versions},
            "sha256": {file.relative_to(folder).as_posix(): sha256(file) for file in files},
        }
        write_config(folder, whole)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a model folder's config with its own checksum among those of `sha256`."""
    whole: dict[str, Any] = parse_json(json.dumps(config))
    whole["sha256"].pop(CONFIG, None)
    whole["sha256"][CONFIG] = _digest(whole)
    _write_json(folder / CONFIG, whole)


def given_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config without the checksums and versions that saving adds."""
    return {name: value for name, value in config.items() if name not in ("sha256", "versions")}


def open_model(path: Path | str, kind: str) -> ModelFolder:
    """Read the folder of a model of a graph, after verifying every file's checksum.

    Raises:
        ModelError: there is no model folder, it is damaged, of another version, or of another kind.
    """
    folder = Path(path)
    config = read_config(folder, kind)
    try:
        return ModelFolder(
            kind=config["kind"],
            settings=config["settings"],
            seed=config["seed"],
            metrics=config["metrics"],
            split=config["split"],
            graph=config["graph"],
            vocabulary=read_json(folder / VOCABULARY, limits=VOCABULARY_LIMITS),
            tensors=load_tensors(folder / WEIGHTS),
            card=(folder / CARD).read_text(encoding="utf-8"),
            plots={
                name: (folder / name).read_text(encoding="utf-8")
                for name in config["sha256"]
                if name.endswith(".svg")
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError(f"{folder / CONFIG}: is damaged ({error}); {_ANEW}") from error


def read_config(
    folder: Path, kind: str, fields: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """The config of a model folder whose files are all there and as they were saved.

    Args:
        kind: what sort of model it must be.
        fields: that its config must have, with their types.

    Raises:
        ModelError: there is no model folder, it is damaged, of another version, or of another kind.
    """
    file = folder / CONFIG
    try:
        config = read_json(file)
    except JsonError as error:
        raise ModelError(f"{file}: is damaged ({error.reason}); {_ANEW}") from error
    except DataError as error:
        raise ModelError(f"{folder}: holds no model (no {CONFIG} can be read)") from error
    try:
        if "model_version" not in config and "model" in config:
            raise ModelError(f"{file}: was written by an earlier medkg; {_ANEW}")
        if config["kind"] != kind:
            raise ModelError(f"{folder}: is a model for {config['kind']}, not for {kind}")
        if config["model_version"] != MODEL_VERSION:
            writer = config.get("versions", {}).get("medkg", "of another version")
            raise ModelError(
                f"{file}: was written by medkg {writer} (model version"
                f" {config['model_version']}); this medkg reads model version {MODEL_VERSION}:"
                f" {_ANEW}"
            )
        checksums = dict(config["sha256"])
        own = checksums.pop(CONFIG)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{file}: is damaged ({error}); {_ANEW}") from error
    if own != _digest({**config, "sha256": checksums}):
        raise ModelError(f"{file}: is damaged (its checksum differs); {_ANEW}")
    for name, type_ in (fields or {}).items():
        if not isinstance(config.get(name), type_):
            raise ModelError(f"{file}: is damaged (its {name}); {_ANEW}")
    for name, checksum in checksums.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: is missing; {_ANEW}")
        if sha256(folder / name) != checksum:
            raise ModelError(f"{folder / name}: is damaged (its checksum differs); {_ANEW}")
    return dict(config)


def load_weights(folder: Path, network: nn.Module) -> None:
    """Read the weights that `save_network` wrote into a network; nothing is unpickled.

    Raises:
        ModelError: they are not the network's.
    """
    try:
        weights = load_file(folder / WEIGHTS)
        # In place of the random ones, and not copied into them.
        network.load_state_dict(
            {name: value.float() for name, value in weights.items()}, assign=True
        )
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"{folder}: its weights don't fit its config; {_ANEW}") from error


_RECORDED_VERSIONS = ("medkg", "torch", "torch-geometric", "numpy", "polars")


def _version(name: str) -> str | None:
    """The installed version of a distribution; None where it isn't installed."""
    try:
        return version(name)
    except PackageNotFoundError:  # such as PyG, where only the extra text is installed
        return None


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
