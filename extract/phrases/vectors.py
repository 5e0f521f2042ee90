"""Vectors of phrases: the sum of the vectors of their words, each as long as the word matters.

"Coughed up a little blood" and "coughing up blood" have the same words but for those that matter
little, so their sums point the same way. Words and lengths are learned (`train`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..tokens import words_of

Rows = NDArray[np.intp]
MAX_WORDS = 16  # of a phrase; what follows is left out
_APOSTROPHES = frozenset("'’")


def words_in(text: str) -> list[str]:
    """The words of a text in lower case, without digits and signs."""
    return [word for word in spoken_words(words_of(text)) if word]


def spoken_words(tokens: Sequence[str]) -> list[str]:
    """A word for each token, in lower case: "" where it is none.

    Of "don't" the "t" is "not", and the rest is no word.
    """
    words = [token.lower() if token.isalpha() else "" for token in tokens]
    for place in range(2, len(words)):
        is_short = words[place] == "t" and tokens[place - 1] in _APOSTROPHES
        if is_short and words[place - 2].endswith("n"):
            words[place - 2 : place + 1] = "", "", "not"
    return words


@dataclass(frozen=True)
class PhraseVectors:
    """The vectors of words.

    Attributes:
        rows: of `vectors`, by word; none is 0, which stands for no word.
        vectors: (words + 1, dimensions), each as long as its word matters; row 0 is zero.
    """

    rows: Mapping[str, int]
    vectors: NDArray[np.float32]

    def rows_of(self, phrases: Sequence[Sequence[str]]) -> Rows:
        """The rows of the known words of phrases, (phrases, `MAX_WORDS`), filled up with 0."""
        table = np.zeros((len(phrases), MAX_WORDS), dtype=np.intp)
        for number, words in enumerate(phrases):
            known = [self.rows[word] for word in words if word in self.rows][:MAX_WORDS]
            table[number, : len(known)] = known
        return table

    def encode(self, rows: Rows) -> NDArray[np.float32]:
        """Unit vectors of phrases, (phrases, dimensions), given their rows; zero without words."""
        sums = np.zeros((len(rows), self.vectors.shape[1]), dtype=np.float32)
        for column in rows.T:
            sums += self.vectors[column]
        return _units(sums)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How much each word matters, (words + 1,)."""
        lengths: NDArray[np.float32] = np.linalg.norm(self.vectors, axis=1)
        return lengths

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """The unit vectors of words, (words + 1, dimensions); row 0 is zero."""
        return _units(self.vectors)


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors scaled to the length one; what is zero stays it."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return scaled
