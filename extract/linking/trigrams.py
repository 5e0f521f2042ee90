"""Which texts share most character trigrams with others (TF-IDF cosine).

As scikit-learn's `TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True)`, but
kept as arrays; a process that only looks texts up doesn't import scikit-learn.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

# Texts share too many of the commonest trigrams ("ine", "dis") for those to distinguish them.
_MAX_SHARE_OF_TEXTS = 0.02
_Array = npt.NDArray[Any]


def trigram_arrays(texts: Iterable[str]) -> dict[str, _Array]:
    """The arrays of `Trigrams` of these texts.

    `trigrams` (as UTF-8, from `trigram_ends[i]` to `[i + 1]`), `idf` of each, and the weights of
    each in the texts: a sparse matrix (trigrams, texts) as `data`, `indices` and `indptr`.
    """
    number: dict[str, int] = {}
    columns, counts, ends = array("i"), array("i"), array("q", [0])
    for text in texts:
        of_text = Counter(_trigrams(text))
        columns.extend(number.setdefault(trigram, len(number)) for trigram in of_text)
        counts.extend(of_text.values())
        ends.append(len(columns))
    size = len(ends) - 1
    weights = csr_matrix(
        (_sublinear(np.array(counts)), np.array(columns), np.array(ends)),
        shape=(size, len(number)),
    )
    frequency = np.bincount(weights.indices, minlength=len(number))
    most = min(1.0, max(_MAX_SHARE_OF_TEXTS, 50 / max(1, size))) * size
    names = np.array(list(number))
    kept = np.flatnonzero(frequency <= most)
    kept = kept[np.argsort(names[kept], kind="stable")]
    idf = np.log((1 + size) / (1 + frequency[kept])) + 1
    weights = weights[:, kept]
    weights.data *= idf[weights.indices]
    _normalise(weights)
    block = [str(name).encode("utf-8") for name in names[kept]]
    turned = weights.T.tocsr()
    return {
        "trigrams": np.frombuffer(b"".join(block), np.uint8),
        "trigram_ends": np.cumsum([0, *map(len, block)], dtype=np.int64),
        "idf": idf,
        "data": turned.data.astype(np.float32),
        "indices": turned.indices.astype(np.int32),
        "indptr": turned.indptr.astype(np.int64),
        "texts": np.array([size], np.int64),
    }


class Trigrams:
    """Texts, found by what trigrams they share with others.

    Args:
        arrays: see `trigram_arrays`.
    """

    def __init__(self, arrays: Mapping[str, _Array]) -> None:
        block, ends = bytes(arrays["trigrams"]), arrays["trigram_ends"].tolist()
        self._number = {
            block[start:end].decode("utf-8"): at for at, (start, end) in enumerate(pairwise(ends))
        }
        self._idf = arrays["idf"]
        shape = (len(self._number), int(arrays["texts"][0]))
        self._weights = csr_matrix(shape, dtype=np.float32)
        # Set as they are: the constructor would read all of what may lie in a file.
        self._weights.data, self._weights.indices = arrays["data"], arrays["indices"]
        self._weights.indptr = arrays["indptr"]

    def nearest(self, texts: Sequence[str], most: int) -> list[npt.NDArray[np.int64]]:
        """For each text the rows of those that share most trigrams with it, the nearest first."""
        products = (self._vectors(texts) @ self._weights).tocsr()
        nearest = []
        for row in range(len(texts)):
            part = slice(products.indptr[row], products.indptr[row + 1])
            columns, cosines = products.indices[part], products.data[part]
            if len(columns) > 4 * most:
                few = np.argpartition(-cosines, 2 * most)[: 2 * most]
                columns, cosines = columns[few], cosines[few]
            # Ties in order of the rows, so that the result does not depend on the algorithm.
            nearest.append(columns[np.lexsort((columns, -cosines))[:most]].astype(np.int64))
        return nearest

    def _vectors(self, texts: Sequence[str]) -> csr_matrix:
        columns, counts, ends = [], [], [0]
        for text in texts:
            known = Counter(t for t in _trigrams(text) if t in self._number)
            of_text = sorted((self._number[trigram], count) for trigram, count in known.items())
            columns += [column for column, _ in of_text]
            counts += [count for _, count in of_text]
            ends.append(len(columns))
        at = np.array(columns, dtype=np.int32)
        data = _sublinear(np.array(counts, dtype=np.int64)) * self._idf[at]
        vectors = csr_matrix((data, at, ends), shape=(len(texts), len(self._number)))
        _normalise(vectors)
        return vectors.astype(np.float32)


def _trigrams(text: str) -> list[str]:
    """The trigrams of a text's words, each with a blank before and behind it."""
    trigrams = []
    for word in text.split():
        padded = f" {word} "
        trigrams += [padded[start : start + 3] for start in range(len(padded) - 2)]
    return trigrams


def _sublinear(counts: _Array) -> npt.NDArray[np.float64]:
    logarithms: npt.NDArray[np.float64] = np.log(counts.astype(np.float64))
    return logarithms + 1


def _normalise(vectors: csr_matrix) -> None:
    """Give each row the length 1."""
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1
    vectors.data /= np.repeat(lengths, np.diff(vectors.indptr))
