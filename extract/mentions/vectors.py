"""Word vectors from raw text: skip-gram with negative sampling (Mikolov et al. 2013)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from ...core.errors import DataError
from ...core.progress import progress

_WINDOW = 5
_NEGATIVES = 128  # drawn anew for each batch and shared by its pairs, each weighing 5 / 128
_BATCH = 8192


def word_form(token: str) -> str:
    """The form under which a token has a vector: lower case, every digit a 0."""
    return re.sub(r"\d", "0", token.lower())


def count_words(texts: Sequence[Sequence[str]], *, least: int = 2) -> dict[str, int]:
    """Words that occur at least `least` times, with their counts, most frequent first."""
    counts = Counter(word for text in texts for word in text)
    kept = [(word, n) for word, n in counts.items() if n >= least]
    return dict(sorted(kept, key=lambda item: (-item[1], item[0])))


def skip_gram(
    texts: Sequence[Sequence[str]],
    counts: dict[str, int],
    *,
    width: int = 100,
    epochs: int = 3,
    seed: int = 0,
) -> torch.Tensor:
    """Vectors of the words of `counts`, shape (words, width), in their order.

    Frequent words are thinned out with probability 1 - sqrt(1e-4 / frequency); negatives come from
    counts to the power of 3/4.

    Raises:
        DataError: fewer than two words have counts.
    """
    if len(counts) < 2:
        raise DataError(
            f"word vectors need at least two words that occur twice; {len(texts):,} texts of"
            f" {sum(map(len, texts)):,} words have {len(counts)}: give more raw text"
        )
    generator = np.random.default_rng(seed)
    index = {word: position for position, word in enumerate(counts)}
    # -1 separates the texts, so that no window crosses their borders.
    ids = np.array(
        [i for text in texts for i in (*(index[w] for w in text if w in index), -1)], dtype=np.int64
    )
    frequency = np.array(list(counts.values()), dtype=np.float64)
    keep = np.minimum(1.0, np.sqrt(1e-4 * frequency.sum() / frequency))
    negative = torch.from_numpy(frequency**0.75)
    torch.manual_seed(seed)
    words = nn.Embedding(len(counts), width, sparse=True)
    contexts = nn.Embedding(len(counts), width, sparse=True)
    nn.init.uniform_(words.weight, -0.5 / width, 0.5 / width)
    nn.init.zeros_(contexts.weight)
    optimizer = torch.optim.SparseAdam([*words.parameters(), *contexts.parameters()], lr=4e-3)
    with progress("Word vectors", epochs) as advance:
        for _ in range(epochs):
            kept = ids[(ids < 0) | (generator.random(len(ids)) < keep[ids])]
            pairs = torch.from_numpy(_pairs(kept, generator))
            for first in range(0, len(pairs), _BATCH):
                batch = pairs[first : first + _BATCH]
                noise = torch.multinomial(negative, _NEGATIVES, replacement=True)
                centre, context = words(batch[:, 0]), contexts(batch[:, 1])
                positive = functional.logsigmoid((centre * context).sum(1)).sum()
                negatives = (
                    functional.logsigmoid(-centre @ contexts(noise).T).sum() * 5 / _NEGATIVES
                )
                loss = -(positive + negatives)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                optimizer.step()  # type: ignore[no-untyped-call]  # likewise
            advance()
    vectors = words.weight.detach()
    # The mean vector carries no information about a word (Mu and Viswanath 2018).
    return vectors - vectors.mean(dim=0)


def _pairs(ids: npt.NDArray[np.int64], generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """(centre, context) of every word and its neighbours, up to a random distance each."""
    reach = generator.integers(1, _WINDOW + 1, size=len(ids))
    chunks = []
    borders = np.cumsum(ids < 0)
    for distance in range(1, _WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        same_text = (borders[:-distance] == borders[distance:]) & (left >= 0) & (right >= 0)
        for centre, context, limit in (
            (left, right, reach[:-distance]),
            (right, left, reach[distance:]),
        ):
            selected = same_text & (limit >= distance)
            chunks.append(np.stack([centre[selected], context[selected]], axis=1))
    pairs: npt.NDArray[np.int64] = np.concatenate(chunks)
    generator.shuffle(pairs)
    return pairs
