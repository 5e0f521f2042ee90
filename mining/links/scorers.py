"""What ranks: the vectors of a trained network, or a baseline."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class LinkScorer(Protocol):
    """What ranks: a trained network's vectors, or a baseline."""

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n,) → (n, tails)."""
        ...

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n,) → (n, heads)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What to save."""
        ...
