"""The questions asked of a graph: links, diagnosis, treatment, molecules, safety."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnosis.evaluate import evaluate_diagnosis
    from .diagnosis.train import train_diagnosis
    from .links.train import evaluate_links, train_links
    from .treatment.train import train_treatment

# Loaded when first used, for they bring torch.
_HOMES = {
    "evaluate_diagnosis": "diagnosis.evaluate",
    "evaluate_links": "links.train",
    "train_diagnosis": "diagnosis.train",
    "train_links": "links.train",
    "train_treatment": "treatment.train",
}

__all__ = [
    "evaluate_diagnosis",
    "evaluate_links",
    "train_diagnosis",
    "train_links",
    "train_treatment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..core.extras import explained_imports

    with explained_imports():
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
