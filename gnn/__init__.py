"""Graph neural networks: a KnowledgeGraph as tensors, networks over it, and their training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import lazy_names

if TYPE_CHECKING:
    from .data import identifiers, to_hetero_data, vocabulary
    from .scaling import Scaler, numeric_properties

# Loaded when first used, for they bring torch.
_HOMES = {
    "Scaler": ".scaling",
    "identifiers": ".data",
    "numeric_properties": ".scaling",
    "to_hetero_data": ".data",
    "vocabulary": ".data",
}

__all__ = [
    "Scaler",
    "identifiers",
    "numeric_properties",
    "to_hetero_data",
    "vocabulary",
]


__getattr__ = lazy_names(__name__, _HOMES)
