"""The figures that a trained model keeps, as tables: its own beside the baselines'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

_LINK_FIGURES = ("n", "mrr", "hits@1", "hits@3", "hits@10")
_DIAGNOSIS_FIGURES = (
    *("n", "accuracy", "precision", "recall", "f1"),
    *("top_1", "top_3", "top_10", "mrr"),
)


def link_figures(name: str, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Filtered ranks of held-back edges' tails, a row a model; `mrr_95` is a 95 % interval."""
    models = {name: metrics["test"], **metrics["baselines"]}
    return _rows({model: found["tail"] for model, found in models.items()}, _LINK_FIGURES)


def diagnosis_figures(metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Held-out simulated patients: a row a model; `mrr_95` is its 95 % interval."""
    return _rows(metrics, _DIAGNOSIS_FIGURES)


def _rows(models: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for model, found in models.items():
        low, high = found["mrr_interval"]
        rows.append(
            {
                "model": model,
                **{name: found[name] for name in names},
                "mrr_95": f"{low:.3f}–{high:.3f}",
            }
        )
    return pl.DataFrame(rows)
