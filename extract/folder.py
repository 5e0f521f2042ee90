"""A text model as a folder: config, card, half-precision weights, what the encoder needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ..core.atomic import atomic_folder, sha256
from ..core.errors import ModelError

SCHEMA = 1
_AGAIN = "train or fetch the model again"


def save_folder(
    folder: Path,
    network: nn.Module,
    config: Mapping[str, Any],
    card: str,
    write_encoder: Callable[[Path], None],
) -> None:
    """Write a network's folder; see `save_files`.

    Args:
        write_encoder: writes what the encoder needs beside the weights into a folder.
    """

    def write(draft: Path) -> None:
        weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
        save_file(weights, draft / "weights.safetensors")
        write_encoder(draft)

    save_files(folder, config, card, write)


def save_files(
    folder: Path, config: Mapping[str, Any], card: str, write: Callable[[Path], None]
) -> None:
    """Write a model's folder; it takes the place of one that is there.

    Args:
        config: `model` (its sort), `encoder`, and what loading and readers need.
        card: the model card, Markdown.
        write: writes all other files into a folder; their checksums go into the config.
    """
    with atomic_folder(folder, marker="config.json") as draft:
        write(draft)
        files = sorted(file for file in draft.rglob("*") if file.is_file())
        for file in files:
            if file.suffix == ".safetensors":
                file.chmod(0o644)  # readable by whoever may read the rest of the folder
        checksums = {str(file.relative_to(draft)): sha256(file) for file in files}
        (draft / "CARD.md").write_text(card, encoding="utf-8")
        text = json.dumps(
            {"schema": SCHEMA, "checksums": checksums, **config}, indent=1, ensure_ascii=False
        )
        (draft / "config.json").write_text(text + "\n", encoding="utf-8")


def score_cells(row: Mapping[str, float]) -> str:
    """A score's cells in a card's table: precision, recall, F1 and its interval, in per cent."""
    p, r, f1, low, high = (
        f"{100 * row[part]:.1f}" for part in ("precision", "recall", "f1", "low", "high")
    )
    return f"{p} | {r} | {f1} | {low}–{high}"


def open_folder(folder: Path, model: str, needed: Mapping[str, type]) -> dict[str, Any]:
    """The config of a model's folder whose files are all there and as they were saved.

    Args:
        model: the sort of model that it must be.
        needed: the fields that its config must have, with their types.

    Raises:
        ModelError: it is missing, damaged, or of another sort or schema version.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{folder}: holds no model (no config.json can be read)") from error
    except ValueError as error:
        raise ModelError(f"{folder}/config.json: is damaged; {_AGAIN}") from error
    if not isinstance(config, dict) or config.get("model") != model:
        raise ModelError(f"{folder}: is not a model of the sort {model}")
    if config.get("schema") != SCHEMA:
        raise ModelError(
            f"{folder}: is of schema {config.get('schema')}, this version reads {SCHEMA}; "
            "train it again"
        )
    for name, kind in {"encoder": str, "checksums": dict, **needed}.items():
        if not isinstance(config.get(name), kind):
            raise ModelError(f"{folder}/config.json: is damaged (its {name}); {_AGAIN}")
    for name, checksum in config["checksums"].items():
        if not (folder / name).is_file() or sha256(folder / name) != checksum:
            raise ModelError(
                f"{folder / name}: is missing or not the file that was saved; {_AGAIN}"
            )
    return config


def load_weights(folder: Path, network: nn.Module) -> None:
    """Read a folder's weights into a network; nothing is unpickled.

    Raises:
        ModelError: they are not the network's.
    """
    try:
        weights = load_file(folder / "weights.safetensors")
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"{folder}: its weights don't fit its config; train it again") from error
