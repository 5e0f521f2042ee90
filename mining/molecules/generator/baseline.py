"""A library as generators learn it, and the n-gram model of it that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ....core.progress import track
from .library_smiles import LibraryParts
from .model import Generator
from .network import LONGEST
from .ngram import NgramModel
from .notation import Notation
from .vocabulary import Vocabulary


class EncodedLibrary(NamedTuple):
    """Texts as numbers of a vocabulary."""

    vocabulary: Vocabulary
    codes: list[list[int]]


def encoded(smiles: Sequence[str], known: Vocabulary | Notation) -> EncodedLibrary:
    """The texts that a model can learn: not too long, without rare (or unknown) tokens.

    Args:
        known: the vocabulary; or the notation, of which one is made of the texts.
    """
    notation = known.notation if isinstance(known, Vocabulary) else known
    split = [
        names for text in track(smiles, "Encode") if (names := notation.split(text)) is not None
    ]
    vocabulary = known if isinstance(known, Vocabulary) else Vocabulary.of(split, known)
    codes = [vocabulary.numbers(names) for names in split if len(names) < LONGEST]
    return EncodedLibrary(vocabulary, [code for code in codes if code])


def baseline_of(parts: LibraryParts, notation: Notation) -> Generator:
    """The n-gram model of the part of a library that is learned from."""
    vocabulary, codes = encoded(parts.learned, notation)
    return Generator(vocabulary, NgramModel.fit(len(vocabulary), codes), {})
