"""Scores by a decoder over the vectors that a trained network gave."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..core.tensors import with_prefix, without_prefix
from .decoders import DECODERS


class Vectors:
    """Scores by a decoder over one vector a head, one a tail, and one for the relation.

    `network`, where there is one, holds the weights that the vectors were computed with.
    """

    def __init__(
        self,
        decoder: str,
        heads: Tensor,
        tails: Tensor,
        relation: Tensor,
        network: Mapping[str, Tensor],
    ):
        self._decoder = DECODERS[decoder]
        self._heads, self._tails, self._relation = heads, tails, relation
        self.network = network

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return self._decoder.score_tails(self._heads[heads], self._relation, self._tails)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        return self._decoder.score_heads(self._tails[tails], self._relation, self._heads)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        own = {"heads": self._heads, "tails": self._tails, "relation": self._relation}
        return {**own, **with_prefix("network", self.network)}

    @classmethod
    def from_tensors(cls, decoder: str, tensors: Mapping[str, Tensor]) -> Vectors:
        """The scorer that gave these `tensors`."""
        network = without_prefix("network", tensors)
        return cls(decoder, tensors["heads"], tensors["tails"], tensors["relation"], network)
