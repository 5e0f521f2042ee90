"""Texts by the trigrams that they share, beside scikit-learn's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from medkg.extract.linking.trigrams import Trigrams, trigram_arrays

TEXTS = [
    "carcinoma lung",
    "carcinoma",
    "syndrome marfan",
    "a",
    "",
    "naïve ☂",
    "spasm spasm",
    "tumor",
]
QUERIES = ["lung carcinomas", "musle spasm", "marfans", "zzz", ""]


def test_texts_are_weighed_as_scikit_learn_weighs_them() -> None:
    trigrams = Trigrams(trigram_arrays(TEXTS))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True)
    matrix = vectorizer.fit_transform(TEXTS)
    expected = (vectorizer.transform(QUERIES) @ matrix.T).toarray()
    for cosines, rows in zip(expected, trigrams.nearest(QUERIES, 3), strict=True):
        order = np.lexsort((np.arange(len(TEXTS)), -np.round(cosines, 6)))
        assert rows.tolist() == [row for row in order.tolist() if cosines[row] > 0][:3]


def test_trigrams_that_too_many_texts_have_are_left_out() -> None:
    texts = [f"disease {number}" for number in range(100, 5_100)]
    arrays = trigram_arrays(texts)
    ends = arrays["trigram_ends"].tolist()
    block = bytes(arrays["trigrams"])
    known = {block[start:end].decode() for start, end in pairwise(ends)}
    assert "dis" not in known
    assert "123" in known
    (rows,) = Trigrams(arrays).nearest(["disease 4321"], 1)
    assert texts[rows[0]] == "disease 4321"


def test_no_text_is_near_to_any() -> None:
    assert [rows.tolist() for rows in Trigrams(trigram_arrays([])).nearest(["lung"], 3)] == [[]]
