"""Linear-chain conditional random field over B-I-O tags, and spans with their probabilities.

Lafferty, McCallum and Pereira 2001. Tag 0 is O; kind number k has the tags 1 + 2k (a mention
begins) and 2 + 2k (it goes on).

    p(tags) = exp(Σ_t emission[t, tag_t] + transition[tag_{t-1}, tag_t]) / Z

with the tag before the first token being O.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Array = npt.NDArray[np.float64]
_FORBIDDEN_SCORE = -1e4


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
    # Sums over very long texts need the precision.
    emissions, transitions = emissions.double(), transitions.double()
    rows, time, tags = emissions.shape
    row = torch.arange(rows, device=emissions.device)
    alpha = torch.empty_like(emissions)
    choices = torch.empty(rows, time, tags, dtype=torch.long, device=emissions.device)
    alpha[:, 0] = best = transitions[:, 0] + emissions[:, 0]
    bests = torch.empty_like(emissions)
    bests[:, 0] = best
    for t in range(1, time):
        alpha[:, t] = (
            torch.logsumexp(alpha[:, t - 1].unsqueeze(2) + transitions, dim=1) + emissions[:, t]
        )
        best, choices[:, t] = (best.unsqueeze(2) + transitions).max(dim=1)
        best = best + emissions[:, t]
        bests[:, t] = best
    beta = torch.zeros_like(emissions)
    for t in range(time - 2, -1, -1):
        onward = transitions + (emissions[:, t + 1] + beta[:, t + 1]).unsqueeze(1)
        # Beyond a row's end beta stays 0.
        beta[:, t] = torch.where((lengths - 1 > t).unsqueeze(1), torch.logsumexp(onward, dim=2), 0)
    log_z = torch.logsumexp(alpha[row, lengths - 1], dim=1)
    last = bests[row, lengths - 1].argmax(dim=1)
    host = [x.cpu().numpy() for x in (emissions, transitions, alpha, beta)]
    paths, sizes = choices.cpu().numpy(), lengths.cpu().numpy()
    decoded = []
    for n, (tag, size) in enumerate(zip(last.tolist(), sizes, strict=True)):
        path = [tag]
        for t in range(size - 1, 0, -1):
            path.append(int(paths[n, t, path[-1]]))
        path.reverse()
        e, m, a, b = (array[n] for array in host)
        mentions = []
        for span in _spans(path):
            log_p = _log_score(span, e, m, a, b, int(size)) - float(log_z[n])
            mentions.append((*span, min(1.0, float(np.exp(log_p)))))
        decoded.append(mentions)
    return decoded


def _spans(path: list[int]) -> list[tuple[int, int, int]]:
    """(first, after the last, kind) of the mentions in a sequence of tags."""
    spans = []
    start = 0
    for t, tag in enumerate([*path, 0]):
        if t and path[t - 1] and (tag == 0 or tag % 2 == 1):
            spans.append((start, t, (path[t - 1] - 1) // 2))
        if tag % 2 == 1:
            start = t
    return spans


def _log_score(
    span: tuple[int, int, int],
    emissions: Array,
    transitions: Array,
    alpha: Array,
    beta: Array,
    size: int,
) -> float:
    """Log of the summed weights of all sequences of tags that hold exactly this span."""
    start, end, kind = span
    begin, inside = 1 + 2 * kind, 2 + 2 * kind
    score = float(alpha[start, begin])
    tag = begin
    for t in range(start + 1, end):
        score += float(transitions[tag, inside] + emissions[t, inside])
        tag = inside
    if end < size:
        onward = transitions[tag] + emissions[end] + beta[end]
        onward[inside] = -np.inf
        score += float(np.logaddexp.reduce(onward))
    return score
