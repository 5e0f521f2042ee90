"""Training of the vectors of words."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.extract.phrases.candidates import Names
from medkg.extract.phrases.train import _likest_wrong, _spoken, _Words
from medkg.extract.phrases.vectors import MAX_WORDS, PhraseVectors
from tests.extract.phrases.made_phrases import NAMED, WORDS, encoded, made_vectors


def nearest_are_right(vectors: PhraseVectors) -> float:
    """The share of names whose likest other name is of their phenotype."""
    names = Names.of(vectors, [row for row in NAMED if row[2]])
    likeness = names.vectors @ names.vectors.T
    np.fill_diagonal(likeness, -1)
    return float((names.phenotype[likeness.argmax(axis=1)] == names.phenotype).mean())


def test_names_of_one_phenotype_become_alike() -> None:
    rows = {word: row for row, word in enumerate(WORDS, start=1)}
    start = np.concatenate([np.zeros((1, 40), dtype=np.float32), encoded(WORDS)])
    trained = made_vectors()
    assert nearest_are_right(trained) > 0.8
    assert trained.weights[1:].mean() == pytest.approx(1, abs=1e-4)
    plain = Names.of(PhraseVectors(rows, start), NAMED)
    learned = Names.of(trained, NAMED)
    same = plain.phenotype[:, None] == plain.phenotype[None]

    def gap(names: Names) -> float:
        likeness = names.vectors @ names.vectors.T
        return float(likeness[same].mean() - likeness[~same].mean())

    assert gap(learned) > gap(plain) + 0.1


def test_a_seed_gives_the_same_vectors() -> None:
    np.testing.assert_array_equal(made_vectors().vectors, made_vectors().vectors)
    assert not np.array_equal(made_vectors().vectors, made_vectors(seed=1).vectors)


def test_the_likest_wrong_names_are_of_other_phenotypes() -> None:
    vectors = made_vectors()
    names = Names.of(vectors, NAMED)
    network = _Words(vectors.vectors[1:], np.ones(len(WORDS), dtype=np.float32))
    wrong = _likest_wrong(network, names, most=3)
    assert wrong.shape == (len(names.texts), 3)
    assert (names.phenotype[wrong] != names.phenotype[:, None]).all()


def test_what_is_spoken_keeps_the_words_of_the_name() -> None:
    random = np.random.default_rng(0)
    rows = np.zeros((200, MAX_WORDS), dtype=np.intp)
    rows[:, :3] = [7, 8, 9]
    spoken = _spoken(rows, np.array([1, 2]), 5, random)
    assert all({7, 8, 9} <= set(row.tolist()) for row in spoken)
    assert {1, 2} & set(spoken.ravel().tolist())
    lengths = (spoken > 0).sum(axis=1)
    assert lengths.min() == 3 < lengths.max() <= 7
