"""A model of phrases that is trained on a handful of names in seconds."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from medkg.extract.phrases.train import VectorSettings, train_vectors
from medkg.extract.phrases.vectors import PhraseVectors, words_in

NAMED = [
    ("HP:0002105", "Hemoptysis", False),
    ("HP:0002105", "coughing up blood", True),
    ("HP:0002105", "coughs up blood", True),
    ("HP:0002105", "brings up blood on coughing", True),
    ("HP:0002248", "Hematemesis", False),
    ("HP:0002248", "vomits blood", True),
    ("HP:0002248", "blood in the vomit", True),
    ("HP:0001824", "Weight loss", False),
    ("HP:0001824", "loses weight", True),
    ("HP:0004325", "does not gain weight", True),
    ("HP:0004325", "gains no weight", True),
    ("HP:0000639", "Nystagmus", False),
    ("HP:0000639", "eyes jump", True),
    ("HP:0000639", "jumping eyes", True),
    ("HP:0000639", "eyes jerk to one side", True),
]
WORDS = sorted({word for _, name, _ in NAMED for word in words_in(name)} | {"a", "little", "his"})


def encoded(words: list[str]) -> NDArray[np.float32]:
    """A vector for each word, by its letters alone."""
    rows = [np.random.default_rng(zlib.crc32(w.encode())).normal(size=40) for w in words]
    return np.array(rows, dtype=np.float32)


def made_vectors(seed: int = 0) -> PhraseVectors:
    """Vectors of 24 numbers, trained on `NAMED`."""
    settings = VectorSettings(dimensions=24, epochs=40, batch_size=16, seed=seed)
    ranks = np.arange(len(WORDS))
    return train_vectors(NAMED, WORDS, encoded(WORDS), ranks, settings)
