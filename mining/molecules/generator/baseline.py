"""A library as generators learn it, and the n-gram model of it that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .library_smiles import LibraryParts
from .model import Generator
from .network import LONGEST
from .ngram import NgramModel
from .tokens import Vocabulary


class EncodedLibrary(NamedTuple):
    """Texts as numbers of a vocabulary."""

    vocabulary: Vocabulary
    codes: list[list[int]]


def encoded(smiles: Sequence[str], vocabulary: Vocabulary | None = None) -> EncodedLibrary:
    """The texts that a model can learn: not too long, without rare (or unknown) tokens."""
    vocabulary = Vocabulary.of(smiles) if vocabulary is None else vocabulary
    codes = [vocabulary.encode(text) for text in smiles]
    return EncodedLibrary(vocabulary, [code for code in codes if code and len(code) < LONGEST])


def baseline_of(parts: LibraryParts) -> Generator:
    """The n-gram model of the part of a library that is learned from."""
    vocabulary, codes = encoded(parts.learned)
    return Generator(vocabulary, NgramModel.fit(len(vocabulary), codes), {})
