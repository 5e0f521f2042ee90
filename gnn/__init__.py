"""Graph neural networks: a KnowledgeGraph as tensors, networks over it, and their training."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import identifiers, to_hetero_data, vocabulary
    from .scaling import Scaler, numeric_properties

# Loaded when first used, for they bring torch.
_HOMES = {
    "Scaler": "scaling",
    "identifiers": "data",
    "numeric_properties": "scaling",
    "to_hetero_data": "data",
    "vocabulary": "data",
}

__all__ = [
    "Scaler",
    "identifiers",
    "numeric_properties",
    "to_hetero_data",
    "vocabulary",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..core.extras import explained_imports

    with explained_imports():
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
