"""The questions asked of a graph: links, diagnosis, treatment, molecules, safety."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import lazy_names

if TYPE_CHECKING:
    from .diagnosis.compare_models import compare_diagnosis
    from .diagnosis.evaluate import evaluate_diagnosis
    from .diagnosis.train import train_diagnosis
    from .links.train import evaluate_links, train_links
    from .treatment.train import train_treatment

# Loaded when first used, for they bring torch.
_HOMES = {
    "compare_diagnosis": ".diagnosis.compare_models",
    "evaluate_diagnosis": ".diagnosis.evaluate",
    "evaluate_links": ".links.train",
    "train_diagnosis": ".diagnosis.train",
    "train_links": ".links.train",
    "train_treatment": ".treatment.train",
}

__all__ = [
    "compare_diagnosis",
    "evaluate_diagnosis",
    "evaluate_links",
    "train_diagnosis",
    "train_links",
    "train_treatment",
]


__getattr__ = lazy_names(__name__, _HOMES)
