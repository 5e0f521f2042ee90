"""A trained model as a folder: weights, vocabulary, config and card. Nothing in it is pickled."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .atomic import atomic_folder, sha256
from .errors import ModelError

MODEL_VERSION = 3
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.json"
CARD = "CARD.md"


@dataclass(frozen=True)
class ModelFolder:
    """What a model folder holds.

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
    """Write a model folder; it takes the place of a model folder that is there.

    The same model gives the same bytes.

    Raises:
        DataError: `path` is a file, or a folder that is no model folder.
    """
    with atomic_folder(path, marker=CONFIG) as folder:
        # Copies, since safetensors refuses tensors that share memory.
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in model.tensors.items()}
        save_file(tensors, folder / WEIGHTS)
        # save_file writes with owner-only permissions on some systems; the folder's own decide.
        (folder / WEIGHTS).chmod(0o644)
        _write_json(folder / VOCABULARY, model.vocabulary)
        texts = {CARD: model.card, **model.plots}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        config: dict[str, Any] = {
            "model_version": MODEL_VERSION,
            "kind": model.kind,
            "settings": model.settings,
            "seed": model.seed,
            "metrics": model.metrics,
            "split": model.split,
            "graph": model.graph,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in _RECORDED_VERSIONS},
            },
            "sha256": {name: sha256(folder / name) for name in (WEIGHTS, VOCABULARY, *texts)},
        }
        config["sha256"][CONFIG] = _digest(config)
        _write_json(folder / CONFIG, config)


def open_model(path: Path | str, kind: str) -> ModelFolder:
    """Read a model folder of that kind, after verifying every file's checksum.

    Raises:
        ModelError: there is no model folder, it is damaged, of another version, or of another kind.
    """
    folder = Path(path)
    file = folder / CONFIG
    if not file.is_file():
        raise ModelError(f"{folder}: is no model folder (it has no {CONFIG}); train a model first")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        if "kind" not in config and "model" in config:
            raise ModelError(f"{folder}: is a model of {config['model']}, not for {kind}")
        if config["model_version"] != MODEL_VERSION:
            raise ModelError(
                f"{file}: was written by medkg {config['versions']['medkg']} (model version"
                f" {config['model_version']}); this medkg reads model version {MODEL_VERSION}:"
                " train the model anew"
            )
        checksums = dict(config["sha256"])
        own = checksums.pop(CONFIG)
        if own != _digest({**config, "sha256": checksums}):
            raise ModelError(f"{file}: is damaged (its checksum differs); train the model anew")
        if config["kind"] != kind:
            raise ModelError(f"{folder}: is a model for {config['kind']}, not for {kind}")
        for name, checksum in checksums.items():
            if not (folder / name).is_file():
                raise ModelError(f"{folder / name}: is missing; train the model anew")
            if sha256(folder / name) != checksum:
                raise ModelError(
                    f"{folder / name}: is damaged (its checksum differs); train the model anew"
                )
        # Copies, since views into the file are not aligned, and sums over them round differently.
        tensors = {name: t.clone() for name, t in load_file(folder / WEIGHTS).items()}
        return ModelFolder(
            kind=config["kind"],
            settings=config["settings"],
            seed=config["seed"],
            metrics=config["metrics"],
            split=config["split"],
            graph=config["graph"],
            vocabulary=json.loads((folder / VOCABULARY).read_text(encoding="utf-8")),
            tensors=tensors,
            card=(folder / CARD).read_text(encoding="utf-8"),
            plots={
                name: (folder / name).read_text(encoding="utf-8")
                for name in checksums
                if name.endswith(".svg")
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError(f"{file}: is damaged ({error}); train the model anew") from error


_RECORDED_VERSIONS = ("medkg", "torch", "torch-geometric", "numpy", "polars")


def named(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a part of a model, by names that begin with the part's."""
    return {f"{name}.{key}": tensor.detach() for key, tensor in tensors.items()}


def part_named(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors that `named` gave these names, by their own."""
    begin = f"{name}."
    return {n.removeprefix(begin): t for n, t in tensors.items() if n.startswith(begin)}


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
