"""What ranks: the vectors of a trained network, a ranker, or a baseline; and what fitting gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
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


class ChoosesCandidates(Protocol):
    """A scorer whose scores say something of some pairs alone."""

    def is_candidate(self, head: int, tail: int) -> bool:
        """Whether the score of a pair says something."""
        ...

    def candidates(self, direction: str, query: int) -> NDArray[np.int64]:
        """The tails of a head (direction `tail`), or the heads of a tail, that are such pairs."""
        ...


def is_ranked(choosers: Sequence[ChoosesCandidates | None], head: int, tail: int) -> bool:
    """Whether a member of a scorer ranks a pair; None is a member that ranks all."""
    return any(chooser is None or chooser.is_candidate(head, tail) for chooser in choosers)


class FittedScorer(NamedTuple):
    """What fitting a model gives.

    Attributes:
        scorer: fitted on the training edges.
        course: of the training; empty where there is nothing to tell.
        refitted: the same knowing the edges held back, too; None where it isn't made.
    """

    scorer: LinkScorer
    course: Mapping[str, object]
    refitted: LinkScorer | None = None
