"""The baseline of generators: counts of a token after the few before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .tokens import END

ORDER = 6  # tokens: one, and the five before it
LONGEST = 120  # tokens of a text

Numbers = NDArray[np.int64]


class NgramModel:
    """p(token | the `ORDER` - 1 tokens before it), as often as in the library.

    What comes before a text counts as `END`. Each five tokens that it writes were in the library,
    so that it needs no smoothing.

    Attributes:
        size: of the vocabulary, with `END`.
        grams: the runs of `ORDER` tokens of the library, each as one number (the tokens are its
            digits to the base `size`), sorted.
        counts: how often each was there.
    """

    def __init__(self, size: int, grams: Numbers, counts: Numbers):
        self.size, self.grams, self.counts = size, grams, counts
        self._before = np.concatenate([[0], np.cumsum(counts)])

    @classmethod
    def fit(cls, size: int, texts: Sequence[Sequence[int]]) -> NgramModel:
        """Count the runs of some texts."""
        parts = []
        for code in texts:
            padded = np.array([END] * (ORDER - 1) + [*code, END], dtype=np.int64)
            runs = np.lib.stride_tricks.sliding_window_view(padded, ORDER)
            parts.append(runs @ cls._digits(size))
        grams, counts = np.unique(np.concatenate(parts), return_counts=True)
        return cls(size, grams, counts)

    @staticmethod
    def _digits(size: int) -> Numbers:
        """What each place of a run is worth."""
        return size ** np.arange(ORDER - 1, -1, -1, dtype=np.int64)

    def write(self, count: int, rng: np.random.Generator) -> Iterator[list[int]]:
        """Write texts; one that has not ended after `LONGEST` tokens is given as it is."""
        texts: list[list[int]] = [[] for _ in range(count)]
        running = np.arange(count)
        context = np.zeros(count, dtype=np.int64)  # five tokens END
        for _ in range(LONGEST):
            first = np.searchsorted(self.grams, context * self.size)
            last = np.searchsorted(self.grams, (context + 1) * self.size)
            drawn = rng.integers(self._before[first], self._before[last])
            gram = self.grams[np.searchsorted(self._before, drawn, side="right") - 1]
            token = gram % self.size
            for text, number in zip(running[token != END], token[token != END], strict=True):
                texts[text].append(int(number))
            context = (gram % self.size ** (ORDER - 1))[token != END]
            running = running[token != END]
            if not len(running):
                break
        yield from texts
