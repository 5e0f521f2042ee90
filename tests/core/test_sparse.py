from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from medkg.core.sparse import (
    entries_at,
    idf_weighted,
    l2_normalised_rows,
    largest_entries,
    matrix_from_tensors,
    matrix_tensors,
    without,
)


@pytest.fixture
def matrix() -> sparse.csr_matrix:
    rows = [[3.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 5.0, 3.0]]
    return sparse.csr_matrix(np.array(rows, dtype=np.float32))


def test_rows_have_norm_1_and_empty_ones_stay_empty(matrix: sparse.csr_matrix) -> None:
    normalised = l2_normalised_rows(matrix)
    assert normalised.toarray()[0].tolist() == pytest.approx([0.6, 0, 0.8, 0])
    assert np.linalg.norm(normalised.toarray(), axis=1).tolist() == pytest.approx([1, 0, 1])


def test_what_all_rows_have_weighs_least(matrix: sparse.csr_matrix) -> None:
    weighted = idf_weighted((matrix > 0).astype(np.float32)).toarray()[2]
    assert weighted.tolist() == pytest.approx([np.log(4 / 3), np.log(2), np.log(4 / 3), np.log(2)])


def test_entries_at_places(matrix: sparse.csr_matrix) -> None:
    assert entries_at(matrix, np.array([0, 2, 1]), np.array([2, 1, 0])).tolist() == [4, 2, 0]
    nothing = np.empty(0, dtype=np.int64)
    assert entries_at(matrix, nothing, nothing).shape == (0,)


def test_entries_are_taken_out(matrix: sparse.csr_matrix) -> None:
    gone = sparse.csr_matrix(([1.0, 1.0], ([0, 2], [0, 2])), shape=matrix.shape)
    rest = without(matrix, gone)
    assert rest.toarray().tolist() == [[0, 0, 4, 0], [0, 0, 0, 0], [1, 2, 0, 3]]
    assert rest.nnz == 4


def test_the_largest_entries_of_each_row_are_kept(matrix: sparse.csr_matrix) -> None:
    kept = largest_entries(matrix, 2).toarray()
    assert kept.tolist() == [[3, 0, 4, 0], [0, 0, 0, 0], [0, 0, 5, 3]]


def test_a_matrix_is_saved_as_tensors(matrix: sparse.csr_matrix) -> None:
    tensors = {**matrix_tensors("a", matrix), **matrix_tensors("ab", matrix.T.tocsr())}
    assert (matrix_from_tensors("a", tensors) != matrix).nnz == 0
    assert matrix_from_tensors("ab", tensors).shape == (4, 3)
