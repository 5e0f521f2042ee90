"""Knowledge distillation: one recogniser from several, over every text and every head.

After Hinton, Vinyals and Dean 2015, for linear-chain CRFs: the student's loss is
the cross entropy of its distribution over whole sequences under the teachers' mean one,

    log Z - Σ_t Σ_j q_t(j) emission[t, j] - Σ_t Σ_ij q_t(i, j) transition[i, j]

for which the teachers' marginals q of tags j and of pairs i, j suffice. Every head learns from
every corpus' texts, also from those that its own corpus' annotators never saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.progress import progress
from .crf import pair_marginals, partition
from .fit import Example
from .network import NerModel

# How much the corpus' own tags weigh beside the teachers' for its own head, and the other heads'
# loss beside that of the own.
GOLD = 0.5
OTHERS = 0.2
_TOKENS = 6000  # of a batch, padding included


class Distillation:
    """The student's loss on batches of the examples that the teachers have read."""

    def __init__(
        self, teachers: Sequence[NerModel], examples: Mapping[str, Sequence[Example]]
    ) -> None:
        self.heads = list(teachers[0].kinds)
        # Of every example shape (tokens, heads, tags, tags), by the example's place in memory.
        self._marginals: dict[int, npt.NDArray[np.float16]] = {}
        texts = sorted(
            (example for part in examples.values() for example in part),
            key=lambda example: len(example.tokens),
        )
        with progress("Teachers", len(texts)) as advance:
            while texts:
                most = max(1, _TOKENS // len(texts[-1].tokens))
                batch, texts = texts[-most:], texts[:-most]
                tokens = [example.tokens for example in batch]
                mean = torch.stack([_pairs(teacher, tokens) for teacher in teachers]).mean(0).cpu()
                for row, example in enumerate(batch):
                    marginals = mean[row, : len(example.tokens)].numpy().astype(np.float16)
                    self._marginals[id(example)] = marginals
                advance(len(batch))

    def __call__(self, model: NerModel, batch: Sequence[Example]) -> Tensor:
        """The loss, summed over the batch, all of whose examples are of one corpus."""
        own = self.heads.index(batch[0].head)
        teachers = [self._marginals[id(example)] for example in batch]
        longest = max(map(len, teachers))
        targets = np.zeros((len(batch), longest, *teachers[0].shape[1:]), np.float32)
        for row, (example, marginals) in enumerate(zip(batch, teachers, strict=True)):
            targets[row, : len(marginals)] = marginals
            targets[row, : len(marginals), own] *= 1 - GOLD
            before = [0, *example.tags[:-1]]
            targets[row, range(len(marginals)), own, before, example.tags] += GOLD
        emissions, transitions, lengths = model.scores_of([e.tokens for e in batch])
        pairs = torch.from_numpy(targets).to(emissions.device).permute(0, 2, 1, 3, 4)
        rows, heads, time, _ = emissions.shape
        moves = transitions.unsqueeze(1).expand(-1, time, -1, -1)
        log_z = partition(
            emissions.flatten(0, 1),
            moves.repeat(rows, 1, 1, 1),
            lengths.repeat_interleave(heads),
        ).view(rows, heads)
        right = (pairs.sum(3) * emissions).sum((2, 3)) + (pairs.sum(2) * transitions).sum((2, 3))
        weights = torch.full((heads,), OTHERS, device=emissions.device)
        weights[own] = 1.0
        return ((log_z - right) * weights).sum()


@torch.no_grad()
def _pairs(teacher: NerModel, texts: Sequence[Sequence[str]]) -> Tensor:
    """The pair marginals of all heads, (texts, longest, heads, tags, tags)."""
    teacher.eval()
    emissions, transitions, lengths = teacher.scores_of(texts)
    rows, heads, _, _ = emissions.shape
    marginals = pair_marginals(
        emissions.flatten(0, 1),
        transitions.repeat(rows, 1, 1),
        lengths.repeat_interleave(heads),
    )
    return marginals.view(rows, heads, *marginals.shape[1:]).transpose(1, 2)
