"""Linear-chain conditional random field over B-I-O tags, and spans with their probabilities.

Lafferty, McCallum and Pereira 2001. Tag 0 is O; kind number k has the tags 1 + 2k (a mention
begins) and 2 + 2k (it goes on).

    p(tags) = exp(Σ_t emission[t, tag_t] + transition[tag_{t-1}, tag_t]) / Z

with the tag before the first token being O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
_FORBIDDEN_SCORE = -1e4
# Of a tag below a token's best one: where only such a tag may follow, its weight must not be zero.
_LEAST = -600.0


def encode(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int, int]]) -> list[int]:
    """Tags of the tokens at `offsets` for spans (start, end, number of the kind) in characters.

    A token belongs to the span that it overlaps.
    """
    tags = [0] * len(offsets)
    position = 0
    for start, end, kind in sorted(spans):
        has_begun = False
        while position < len(offsets) and offsets[position][1] <= start:
            position += 1
        while position < len(offsets) and offsets[position][0] < end:
            tags[position] = 2 + 2 * kind if has_begun else 1 + 2 * kind
            has_begun = True
            position += 1
    return tags


class CRF(nn.Module):
    """Transition scores of one head; forbidden transitions have a very low score."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        tags = 1 + 2 * kinds
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        forbidden = torch.zeros(tags, tags)
        for kind in range(kinds):
            inside = 2 + 2 * kind
            forbidden[:, inside] = _FORBIDDEN_SCORE
            forbidden[[inside - 1, inside], inside] = 0
        self.forbidden: Tensor
        self.register_buffer("forbidden", forbidden, persistent=False)

    def scores(self) -> Tensor:
        """Transition scores (from, to), shape (tags, tags)."""
        return self.transitions + self.forbidden

    def loss(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Negative log likelihood, summed over the batch.

        Args:
            emissions: (batch, time, tags).
            tags: (batch, time), the right tags.
            mask: (batch, time), true on tokens; every row begins with one.
        """
        transitions = self.scores()
        before = torch.cat([torch.zeros_like(tags[:, :1]), tags[:, :-1]], dim=1)
        gold = emissions.gather(2, tags.unsqueeze(2)).squeeze(2) + transitions[before, tags]
        moves = transitions.expand(*tags.shape, -1, -1)
        return partition(emissions, moves, mask.sum(1)).sum() - (gold * mask).sum()


def partition(emissions: Tensor, moves: Tensor, lengths: Tensor) -> Tensor:
    """log Z of every row, shape (rows,).

    Args:
        emissions: (rows, time, tags).
        moves: (rows, time, tags, tags), the transition scores (from, to) into every token.
        lengths: (rows,), the number of tokens, 1 or more.
    """
    steps = list(zip(emissions.unbind(1), moves.unbind(1), strict=True))
    state = steps[0][1][:, 0] + steps[0][0]
    states = [state]
    for emission, move in steps[1:]:
        state = torch.logsumexp(state.unsqueeze(2) + move, dim=1) + emission
        states.append(state)
    last = torch.stack(states, 1)[torch.arange(len(lengths), device=lengths.device), lengths - 1]
    return torch.logsumexp(last, dim=1)


def pair_marginals(emissions: Tensor, transitions: Tensor, lengths: Tensor) -> Tensor:
    """p(tag before, tag) at every token, shape (rows, time, tags, tags); the first's before is O.

    The arguments are those of `decode`. The derivative of log Z by a score is that score's
    marginal probability. Past a row's end all are 0.
    """
    moves = transitions.double().unsqueeze(1).repeat(1, emissions.shape[1], 1, 1)
    with torch.enable_grad():
        moves.requires_grad_()
        total = partition(emissions.double(), moves, lengths).sum()
        (marginals,) = torch.autograd.grad(total, moves)
    return marginals


def decode(
    emissions: Tensor, transitions: Tensor, lengths: Tensor
) -> list[list[tuple[int, int, int, float]]]:
    """The best spans of every row with their marginal probabilities.

    Args:
        emissions: (rows, time, tags); a row with fewer tags has very low scores on the others.
        transitions: (rows, tags, tags), likewise.
        lengths: (rows,), the number of tokens, 1 or more.

    Returns:
        For every row, spans (first token, token after the last, number of the kind, probability
        that the tags hold exactly this span), from the most probable sequence of tags (Viterbi).
    """
    # In NumPy, whose steps over a few tags cost less than PyTorch's, with the rows side by side in
    # memory; double, since sums over very long texts need the precision.
    scores = np.ascontiguousarray(emissions.double().cpu().numpy().transpose(1, 2, 0))
    moves = np.ascontiguousarray(transitions.double().cpu().numpy().transpose(1, 2, 0))
    sizes: Numbers = lengths.cpu().numpy()
    paths = _best_paths(scores, moves, sizes)
    weights = _Weights.of(scores, moves, sizes)
    return [
        [(*span, weights.of_span(n, span, int(size))) for span in _spans(path[:size].tolist())]
        for n, (path, size) in enumerate(zip(paths.T, sizes, strict=True))
    ]


def _best_paths(scores: Array, moves: Array, sizes: Numbers) -> Numbers:
    """The most probable tags of every row, (time, rows), by Viterbi's algorithm; 0 past its end."""
    time, _, rows = scores.shape
    best = np.empty_like(scores)
    best[0] = moves[0] + scores[0]
    for t in range(1, time):
        best[t] = (best[t - 1][:, None] + moves).max(axis=0) + scores[t]
    path = np.zeros((time, rows), dtype=np.int64)
    following = np.zeros(rows, dtype=np.int64)
    for t in range(time - 1, -1, -1):
        onward = moves[:, following, np.arange(rows)]
        last = t >= sizes - 1
        following = (best[t] + np.where(last, 0, onward)).argmax(axis=0)
        path[t] = np.where(t < sizes, following, 0)
    return path


@dataclass(frozen=True)
class _Weights:
    """Sums of the weights of sequences of tags, scaled at every token (Rabiner 1989, V.A).

    Attributes:
        emissions: (time, tags, rows), scaled so that `before` sums to 1 at every token.
        moves: (tags from, tags to, rows).
        before: (time, tags, rows), of the sequences up to a token that end with a tag.
        after: (time, tags, rows), of the sequences after a token that has a tag.
    """

    emissions: Array
    moves: Array
    before: Array
    after: Array

    @classmethod
    def of(cls, scores: Array, moves: Array, sizes: Numbers) -> _Weights:
        """Of scores (time, tags, rows), transitions like `moves`, and numbers of tokens."""
        time = len(scores)
        moves = np.exp(moves)
        into = np.ascontiguousarray(moves.transpose(1, 0, 2))
        below = scores - scores.max(axis=1, keepdims=True)
        emissions = np.exp(np.maximum(below, _LEAST))
        before, after = np.empty_like(emissions), np.ones_like(emissions)
        for t in range(time):
            sums = moves[0] if t == 0 else (before[t - 1][:, None] * moves).sum(axis=0)
            emissions[t] /= (sums * emissions[t]).sum(axis=0)
            before[t] = sums * emissions[t]
        for t in range(time - 2, -1, -1):
            onward = ((emissions[t + 1] * after[t + 1])[:, None] * into).sum(axis=0)
            after[t] = np.where(t < sizes - 1, onward, 1)
        return cls(emissions, moves, before, after)

    def of_span(self, row: int, span: tuple[int, int, int], size: int) -> float:
        """How probably the tags of a row of so many tokens hold exactly this span."""
        start, end, kind = span
        tag, inside = 1 + 2 * kind, 2 + 2 * kind
        weight = float(self.before[start, tag, row])
        for t in range(start + 1, end):
            weight *= float(self.moves[tag, inside, row] * self.emissions[t, inside, row])
            tag = inside
        if end < size:
            onward = self.moves[tag, :, row] * self.emissions[end, :, row] * self.after[end, :, row]
            onward[inside] = 0
            weight *= float(onward.sum())
        return min(1.0, weight)


def _spans(path: Sequence[int]) -> list[tuple[int, int, int]]:
    """(first, after the last, kind) of the mentions in a sequence of tags."""
    spans = []
    start = 0
    for t, tag in enumerate([*path, 0]):
        if t and path[t - 1] and (tag == 0 or tag % 2 == 1):
            spans.append((start, t, (path[t - 1] - 1) // 2))
        if tag % 2 == 1:
            start = t
    return spans
