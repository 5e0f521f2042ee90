"""KnowledgeGraph to tensors: link prediction and diagnosis, ranked, calibrated, explained."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import to_hetero_data, vocabulary
    from .diagnosis.evaluate import evaluate_diagnosis
    from .diagnosis.train import train_diagnosis
    from .links.train import evaluate_links, train_links
    from .scaling import Scaler, numeric_properties

# Loaded when first used, for they bring torch.
_HOMES = {
    "Scaler": "scaling",
    "evaluate_diagnosis": "diagnosis.evaluate",
    "evaluate_links": "links.train",
    "numeric_properties": "scaling",
    "to_hetero_data": "data",
    "train_diagnosis": "diagnosis.train",
    "train_links": "links.train",
    "vocabulary": "data",
}

__all__ = [
    "Scaler",
    "evaluate_diagnosis",
    "evaluate_links",
    "numeric_properties",
    "to_hetero_data",
    "train_diagnosis",
    "train_links",
    "vocabulary",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
