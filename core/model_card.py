"""What model cards have in common."""

from __future__ import annotations

from collections.abc import Mapping


def score_cells(row: Mapping[str, float]) -> str:
    """A score's cells in a card's table: precision, recall, F1 and its interval, in per cent."""
    p, r, f1, low, high = (
        f"{100 * row[part]:.1f}" for part in ("precision", "recall", "f1", "low", "high")
    )
    return f"{p} | {r} | {f1} | {low}–{high}"
