"""Give a trained recogniser heads for further corpora; its encoder stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...core.atomic import json_object
from ..corpora.document import Document
from ..fit import FitCheckpoint
from ..training_overlap import text_hashes
from .card import Description, Settings
from .fit import ADDED_HEAD, Example, fit_heads, fit_likeness
from .network import DEFAULT, SHIPPED, NerModel
from .recogniser import MODEL


def own_recogniser(model: str) -> Path | None:
    """The folder of medkg's own recogniser that a name stands for; None if it is something else."""
    if model == DEFAULT:
        return SHIPPED
    config = json_object(Path(model) / "config.json") or {}
    return Path(model) if config.get("kind") == MODEL else None


def train_heads(
    folder: Path,
    examples: Mapping[str, Sequence[Example]],
    kinds: Mapping[str, Sequence[str]],
    settings: Settings,
    checkpoint: Path,
    device: str | None = None,
) -> NerModel:
    """The recogniser of a folder with a head for each corpus, beside its own or in their place.

    Raises:
        ModelError: it can't be loaded or has no network, or the checkpoint is of another training.
    """
    model = NerModel.load(folder, device)
    model.encoder.requires_grad_(False)
    torch.manual_seed(settings["seed"])
    model.add_heads(kinds)
    fit_heads(model, examples, ADDED_HEAD, settings, FitCheckpoint(checkpoint, settings))
    fit_likeness(model, examples)
    return model.eval()


def with_added_heads(
    base: Mapping[str, Any], about: Description, documents: Sequence[Document]
) -> Description:
    """The description of a recogniser that got heads, from its own and from that of these heads.

    How well the recogniser's own heads do when they are joined is not known any more.

    Args:
        base: the recogniser's config before.
        about: of the training of the heads.
        documents: that they were trained on.
    """
    licence = str(base["licence"])
    settings = {name: value for name, value in about["training"].items() if name != "model"}
    own = "; of the heads that were added, that of their corpora"
    return {
        "training": base["training"],
        "added": {**base["added"], **dict.fromkeys(about["documents"], settings)},
        "documents": {**base["documents"], **about["documents"]},
        "held_out": {**base["held_out"], **about["held_out"]},
        "names_from": base["names_from"],
        "licence": licence if licence.endswith(own) else licence + own,
        "set_aside": about["set_aside"],
        "sibling": base["sibling"],
        "development": {**base["development"], **about["development"]},
        "development_joined": about["development_joined"],
        "trained_on_texts": text_hashes(documents, base),
    }
