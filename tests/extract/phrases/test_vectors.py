"""Vectors of phrases."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medkg.extract.phrases.vectors import MAX_WORDS, PhraseVectors, words_in

VECTORS = PhraseVectors(
    {"red": 1, "eyes": 2, "the": 3},
    np.array([[0, 0], [1, 0], [0, 2], [0.1, 0.1]], dtype=np.float32),
)


def test_words_are_letters_in_lower_case() -> None:
    assert words_in("Can't see 2 of Dr. X's T letters!") == [
        "not", "see", "of", "dr", "x", "s", "t", "letters",
    ]  # fmt: skip
    assert words_in("doesn’t") == ["not"]


def test_a_phrase_is_the_sum_of_its_words_scaled_to_one() -> None:
    (vector,) = VECTORS.encode(VECTORS.rows_of([["red", "eyes"]]))
    np.testing.assert_allclose(vector, np.array([1, 2]) / np.sqrt(5), rtol=1e-6)


def test_what_is_unknown_counts_for_nothing() -> None:
    known, with_unknown, nothing = VECTORS.encode(
        VECTORS.rows_of([["red"], ["xyzzy", "red"], ["xyzzy"]])
    )
    np.testing.assert_array_equal(known, with_unknown)
    assert not nothing.any()


def test_a_word_that_matters_little_changes_little() -> None:
    plain, with_the = VECTORS.encode(VECTORS.rows_of([["eyes"], ["the", "eyes"]]))
    assert plain @ with_the > 0.99
    assert VECTORS.weights[VECTORS.rows["the"]] < VECTORS.weights[VECTORS.rows["eyes"]]


@given(st.lists(st.lists(st.sampled_from(["red", "eyes", "the", "xyzzy"]), max_size=40)))
def test_any_phrases_give_unit_vectors_or_none(phrases: list[list[str]]) -> None:
    rows = VECTORS.rows_of(phrases)
    assert rows.shape == (len(phrases), MAX_WORDS)
    lengths = np.linalg.norm(VECTORS.encode(rows), axis=1)
    is_known = (rows > 0).any(axis=1)
    np.testing.assert_allclose(lengths, is_known, atol=1e-5)
