"""SMILES as tokens, and the numbers that stand for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rdkit import Chem

from ..structures import standardise

END = 0  # begins and ends each text; no token has this number
_RARE = 20  # texts that a token must be in for a model to learn it
# An atom in brackets, a ring's number of two digits, an element of two letters, or one character.
_TOKEN = re.compile(r"\[[^\[\]]{1,20}\]|%[0-9][0-9]|Br|Cl|.")


def canonical_smiles(molecule: Chem.Mol) -> str:
    """RDKit's canonical SMILES of a standardised molecule, without stereochemistry.

    Fingerprints here don't see stereochemistry either; which isomer to make is left to the chemist.
    """
    return str(Chem.MolToSmiles(molecule, isomericSmiles=False))


def read_smiles(text: str) -> Chem.Mol | None:
    """The standardised molecule of a SMILES that a model wrote; None where there is none."""
    molecule = Chem.MolFromSmiles(text) if text else None
    return None if molecule is None else standardise(molecule).molecule


def tokens(smiles: str) -> list[str]:
    """The tokens of a SMILES; joined they give it again."""
    return _TOKEN.findall(smiles)


class Vocabulary:
    """The tokens of a library; numbers are 1 and up, `END` is no token.

    Attributes:
        names: the tokens in the order of their numbers.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self._number = {name: n for n, name in enumerate(self.names, 1)}

    def __len__(self) -> int:
        """How many numbers there are, with `END`."""
        return len(self.names) + 1

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The tokens that at least `_RARE` of the texts hold; of a small library, all."""
        counts: Counter[str] = Counter()
        size = 0
        for text in texts:
            counts.update(set(tokens(text)))
            size += 1
        least = _RARE if size > 100 * _RARE else 1
        return cls(sorted(name for name, count in counts.items() if count >= least))

    def encode(self, smiles: str) -> list[int] | None:
        """The numbers of a SMILES' tokens; None where one of them is not in the vocabulary."""
        numbers = [self._number.get(name) for name in tokens(smiles)]
        known = [n for n in numbers if n is not None]
        return known if len(known) == len(numbers) else None

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of numbers up to the first `END`."""
        names = []
        for number in numbers:
            if number == END:
                break
            names.append(self.names[number - 1])
        return "".join(names)
