"""The tokens of a library in a notation, and the numbers that stand for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .notation import Notation
from .syntax import Form
from .tokens import END

_RARE = 20  # texts that a token must be in for a model to learn it


class Vocabulary:
    """The tokens of a library; numbers are 1 and up, `END` is no token.

    Attributes:
        names: the tokens in the order of their numbers.
        notation: how they write a molecule.
    """

    def __init__(self, names: Sequence[str], notation: Notation):
        self.names = list(names)
        self.notation = notation
        self._number = {name: n for n, name in enumerate(self.names, 1)}

    def __len__(self) -> int:
        """How many numbers there are, with `END`."""
        return len(self.names) + 1

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], notation: Notation) -> Vocabulary:
        """The tokens that at least `_RARE` of the texts hold; of a small library, all.

        Args:
            texts: each as its tokens.
        """
        counts: Counter[str] = Counter()
        size = 0
        for text in texts:
            counts.update(set(text))
            size += 1
        least = _RARE if size > 100 * _RARE else 1
        return cls(sorted(name for name, count in counts.items() if count >= least), notation)

    def numbers(self, names: Iterable[str]) -> list[int] | None:
        """The numbers of tokens; None where one of them is not in the vocabulary."""
        numbers = []
        for name in names:
            number = self._number.get(name)
            if number is None:
                return None
            numbers.append(number)
        return numbers

    def encode(self, smiles: str) -> list[int] | None:
        """The numbers of a SMILES' tokens in the notation; None where one is not known."""
        names = self.notation.split(smiles)
        return None if names is None else self.numbers(names)

    def decode(self, numbers: Iterable[int]) -> str:
        """The SMILES of numbers up to the first `END`."""
        names = []
        for number in numbers:
            if number == END:
                break
            names.append(self.names[number - 1])
        return self.notation.joined(names)

    @property
    def form(self) -> Form:
        """Which tokens can follow which."""
        return self.notation.form(self.names)
