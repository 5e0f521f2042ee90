"""Features of reviews: weighted words and character n-grams of each part, or an encoder's means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from ...core.errors import DataError
from .reviews import PARTS, Review

# Blocks of features: the parts, and all of it, so that a text without parts can be read, too.
BLOCKS = (*PARTS, "whole")
_WORDS = {"ngram_range": (1, 2), "min_df": 2, "sublinear_tf": True, "dtype": np.float32}
_PIECES = {
    "analyzer": "char_wb",
    "ngram_range": (2, 5),
    "min_df": 3,
    "sublinear_tf": True,
    "dtype": np.float32,
}
_KINDS = {"words": _WORDS, "pieces": _PIECES}


class ReviewFeatures(Protocol):
    """What makes a row of numbers of each review."""

    def matrix(self, reviews: Sequence[Review]) -> csr_matrix:
        """(reviews, features)."""


def texts_of(reviews: Sequence[Review], block: str) -> list[str]:
    """The texts of a block."""
    if block == "whole":
        return [review.whole for review in reviews]
    return [review.texts[PARTS.index(block)] for review in reviews]


class WeightedWords:
    """TF-IDF of words, pairs of words, and two to five characters within words, by block.

    Attributes:
        vectorizers: by block and kind of n-gram; those that no review has anything for are left
            out.
    """

    def __init__(self, vectorizers: Mapping[str, TfidfVectorizer]):
        self.vectorizers = dict(vectorizers)

    @classmethod
    def learn(cls, reviews: Sequence[Review]) -> tuple[WeightedWords, csr_matrix]:
        """The n-grams of reviews and how many have each; and their own (reviews, features).

        Raises:
            DataError: no n-gram is in several reviews.
        """
        vectorizers, parts = {}, []
        for block in BLOCKS:
            texts = texts_of(reviews, block)
            for kind, settings in _KINDS.items():
                vectorizer = TfidfVectorizer(**settings)
                try:
                    parts.append(vectorizer.fit_transform(texts))
                except ValueError:  # nothing, or nothing often enough, is in this part
                    continue
                vectorizers[f"{block}/{kind}"] = vectorizer
        if not vectorizers:
            raise DataError("no word is in several of the reviews: too few to learn from")
        return cls(vectorizers), csr_matrix(hstack(parts))

    def matrix(self, reviews: Sequence[Review]) -> csr_matrix:
        """(reviews, features)."""
        parts = [
            vectorizer.transform(texts_of(reviews, name.partition("/")[0]))
            for name, vectorizer in self.vectorizers.items()
        ]
        return csr_matrix(hstack(parts))

    def vocabulary(self) -> dict[str, list[str]]:
        """The n-grams of each vectorizer, in the order of its features."""
        return {name: v.get_feature_names_out().tolist() for name, v in self.vectorizers.items()}

    def weights(self) -> dict[str, torch.Tensor]:
        """The inverse document frequencies of each vectorizer."""
        return {name: torch.from_numpy(v.idf_.copy()) for name, v in self.vectorizers.items()}

    @classmethod
    def restored(
        cls, vocabulary: Mapping[str, Sequence[str]], weights: Mapping[str, torch.Tensor]
    ) -> WeightedWords:
        """What `vocabulary` and `weights` say.

        Raises:
            KeyError, ValueError: they don't fit each other.
        """
        vectorizers = {}
        for name, grams in vocabulary.items():
            settings = _KINDS[name.partition("/")[2]]
            vectorizer = TfidfVectorizer(**settings, vocabulary=list(grams))
            vectorizer.idf_ = weights[name].numpy()
            vectorizers[name] = vectorizer
        return cls(vectorizers)


class EncoderMeans:
    """The means of a Hugging Face encoder's states over each block's words.

    Attributes:
        name: of the encoder, or its folder.
    """

    def __init__(self, name: str):
        from ..mentions.transformer import TransformerEncoder

        self.name = name
        self._encoder = TransformerEncoder.from_pretrained(name).eval()

    def matrix(self, reviews: Sequence[Review]) -> csr_matrix:
        """(reviews, features)."""
        from ...core.progress import track

        rows = np.zeros((len(reviews), len(BLOCKS), self._encoder.width), np.float32)
        for number, review in enumerate(track(reviews, "Encoder")):
            for place, block in enumerate(BLOCKS):
                words = texts_of([review], block)[0].split()
                if words:
                    with torch.inference_mode():
                        states = self._encoder([words])[0, : len(words)]
                    rows[number, place] = states.mean(0).numpy()
        return csr_matrix(rows.reshape(len(reviews), -1))
