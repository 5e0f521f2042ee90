"""Pre-training of the recogniser's encoder on raw text, as two language models.

Peters et al. 2018 and Rei 2017: the state that has read up to a word foretells the next one, the
other way's the one before. The words are scored by their input vectors (Press and Wolf 2017),
against the batch's own and random ones (Jean et al. 2015).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from ...graph.progress import progress
from .bilstm import LSTM, WORD, BiLSTMEncoder
from .fit import BILSTM, by_length, rate_factor
from .vectors import word_form

_NOISE = 1024  # random words a batch, by their counts to the power of 3/4
_LONGEST = 400  # tokens of a text that are read


def pretrain(
    encoder: BiLSTMEncoder,
    texts: Sequence[Sequence[str]],
    counts: Mapping[str, int],
    *,
    epochs: int,
    seed: int,
) -> None:
    """Train the encoder in place.

    Args:
        texts: tokens of the texts.
        counts: of the words that have vectors, in the order of the encoder's vocabulary.
        epochs: times that the texts are read.
        seed: of all chance.
    """
    index = {word: place for place, word in enumerate(counts, start=1)}
    frequency = torch.tensor([0.0, *counts.values()], dtype=torch.double)
    read = [list(text[:_LONGEST]) for text in texts if len(text) > 3]
    torch.manual_seed(seed)
    heads = nn.ModuleList([nn.Linear(LSTM, WORD), nn.Linear(LSTM, WORD)])
    bias = nn.Parameter(frequency.clamp(min=0.05).log().float() - 5)
    parameters = [*encoder.parameters(), *heads.parameters(), bias]
    optimizer = torch.optim.AdamW(parameters, lr=BILSTM.learning_rate, weight_decay=0.0, fused=True)
    encoder.train()
    with progress("Reading raw text", epochs) as advance:
        for epoch in range(epochs):
            generator = random.Random(seed * 1000 + epoch)
            batches = by_length(read, len, BILSTM.batch, generator)
            generator.shuffle(batches)
            total = 0.0
            for number, part in enumerate(batches):
                factor = rate_factor((epoch + number / len(batches)) / epochs, BILSTM.warm_up)
                optimizer.param_groups[0]["lr"] = BILSTM.learning_rate * factor
                numbers = torch.zeros(len(part), max(map(len, part)), dtype=torch.long)
                for row, text in enumerate(part):
                    known = [index.get(word_form(token), 0) for token in text]
                    numbers[row, : len(text)] = torch.tensor(known)
                noise = torch.multinomial(frequency**0.75, _NOISE, replacement=True)
                words = torch.unique(torch.cat([numbers[numbers > 0], noise]))
                vectors = encoder.word.weight[words]
                forth, back = encoder.directions(part)
                losses = []
                for head, states, aims in (
                    (heads[0], forth[:, :-1], numbers[:, 1:]),
                    (heads[1], back[:, 1:], numbers[:, :-1]),
                ):
                    scores = head(states[aims > 0]) @ vectors.T + bias[words]
                    right = torch.searchsorted(words, aims[aims > 0])
                    losses.append(functional.cross_entropy(scores, right))
                loss = torch.stack(losses).sum()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(parameters, BILSTM.clip)
                optimizer.step()
                total += loss.item() / 2
                advance(1 / len(batches), f"epoch {epoch + 1}, loss {total / (number + 1):.3f}")
