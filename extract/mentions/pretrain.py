"""Pre-training of the recogniser's encoder: raw text as two language models, and names by kind.

Peters et al. 2018 and Rei 2017: the forward state up to a word predicts the next one, the backward
state the one before. The words are scored by their input vectors (Press and Wolf 2017),
against the batch's own and random ones (Jean et al. 2015).

Beside that the kind of a name is predicted from the vectors of its tokens, before the LSTMs: what
dictionaries know gets into the weights, and with them to where no dictionary is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.progress import progress
from ..fit import rate_factor
from ..tokens import words_of
from .bilstm import (
    LSTM,
    TOKEN,
    WORD,
    BiLSTMEncoder,
)
from .fit import BILSTM, by_length
from .vectors import word_form

_NEGATIVES = 1024  # random words a batch, by their counts to the power of 3/4
_MAX_TOKENS = 400  # tokens of a text that are read
_NAMES = 60  # of each kind beside a batch, and as many words of the texts, mostly no names
_NAME_TOKENS = 12  # of a name that are read


def pretrain(
    encoder: BiLSTMEncoder,
    texts: Sequence[Sequence[str]],
    counts: Mapping[str, int],
    *,
    names: Mapping[str, Sequence[str]],
    epochs: int,
    seed: int,
) -> None:
    """Train the encoder in place.

    Args:
        encoder: to be trained.
        texts: tokens of the texts.
        counts: of the words that have vectors, in the order of the encoder's vocabulary.
        names: by kind, to be classified; may be empty.
        epochs: times that the texts are read.
        seed: of all chance.
    """
    read = [list(text[:_MAX_TOKENS]) for text in texts if len(text) > 3]
    torch.manual_seed(seed)
    language = LanguageModelLoss(counts)
    naming = NameKindLoss(names, read, seed) if names else None
    parameters = [*encoder.parameters(), *language.heads.parameters(), language.bias]
    parameters += [] if naming is None else naming.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=BILSTM.learning_rate, weight_decay=0.0, fused=True)
    encoder.train()
    with progress("Reading raw text", epochs) as advance:
        for epoch in range(epochs):
            generator = random.Random(seed * 1000 + epoch)
            batches = by_length(read, len, BILSTM.batch, generator)
            generator.shuffle(batches)
            total = 0.0
            for number, batch in enumerate(batches):
                factor = rate_factor((epoch + number / len(batches)) / epochs, BILSTM.warm_up)
                optimizer.param_groups[0]["lr"] = BILSTM.learning_rate * factor
                losses = language(encoder, batch)
                total += losses.detach().mean().item()
                if naming is not None:
                    losses = torch.cat([losses, naming(encoder).unsqueeze(0)])
                optimizer.zero_grad()
                losses.sum().backward()
                nn.utils.clip_grad_norm_(parameters, BILSTM.clip)
                optimizer.step()
                advance(1 / len(batches), f"epoch {epoch + 1}, loss {total / (number + 1):.3f}")


class LanguageModelLoss(nn.Module):
    """The losses of the two language models, forward and backward.

    Args:
        counts: of the words that have vectors, in the order of the encoder's vocabulary.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        super().__init__()
        self._index = {word: number for number, word in enumerate(counts, start=1)}
        self._frequency = torch.tensor([0.0, *counts.values()], dtype=torch.double)
        self.heads = nn.ModuleList([nn.Linear(LSTM, WORD), nn.Linear(LSTM, WORD)])
        self.bias = nn.Parameter(self._frequency.clamp(min=0.05).log().float() - 5)

    def forward(self, encoder: BiLSTMEncoder, batch: Sequence[Sequence[str]]) -> Tensor:
        """The mean cross entropy of the next and of the previous word, shape (2,)."""
        numbers = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        for row, text in enumerate(batch):
            known = [self._index.get(word_form(token), 0) for token in text]
            numbers[row, : len(text)] = torch.tensor(known)
        negatives = torch.multinomial(self._frequency**0.75, _NEGATIVES, replacement=True)
        words = torch.unique(torch.cat([numbers[numbers > 0], negatives]))
        vectors = encoder.word.weight[words]
        forth, back = encoder.directions(batch)
        losses = []
        for head, states, targets in (
            (self.heads[0], forth[:, :-1], numbers[:, 1:]),
            (self.heads[1], back[:, 1:], numbers[:, :-1]),
        ):
            scores = head(states[targets > 0]) @ vectors.T + self.bias[words]
            right = torch.searchsorted(words, targets[targets > 0])
            losses.append(functional.cross_entropy(scores, right))
        return torch.stack(losses)


class NameKindLoss(nn.Module):
    """The loss of classifying names by kind, words of the texts being one kind more.

    By a linear layer over the mean of a name's token vectors and the last one, which in English
    mostly says what the thing is.
    """

    def __init__(
        self, names: Mapping[str, Sequence[str]], texts: Sequence[Sequence[str]], seed: int
    ) -> None:
        super().__init__()
        self._names = list(names.values())
        self._texts = texts
        self._chance = random.Random(seed)
        self.kind = nn.Linear(2 * TOKEN, len(names) + 1)
        self.dropout = nn.Dropout(0.3)

    def forward(self, encoder: BiLSTMEncoder) -> Tensor:
        """The mean loss over names and words drawn anew."""
        drawn = [self._name(part) for part in self._names for _ in range(_NAMES)]
        drawn += [self._words() for _ in range(_NAMES)]
        kinds = torch.arange(len(self._names) + 1).repeat_interleave(_NAMES)
        vectors, mask = encoder.tokens(drawn)
        lengths = mask.sum(1)
        mean = vectors.sum(1) / lengths.unsqueeze(1)
        last = vectors[torch.arange(len(drawn)), lengths - 1]
        scores = self.kind(self.dropout(torch.cat([mean, last], dim=1)))
        return functional.cross_entropy(scores, kinds)

    def _name(self, names: Sequence[str]) -> list[str]:
        name = self._chance.choice(names)
        return words_of(name)[:_NAME_TOKENS]

    def _words(self) -> list[str]:
        text = self._chance.choice(self._texts)
        start = self._chance.randrange(len(text))
        return list(text[start : start + self._chance.choice((1, 1, 2, 3))])
