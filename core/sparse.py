"""Sparse matrices: entries, weights, norms, largest entries, and the form in which one is saved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor


def entries_at(
    matrix: sparse.csr_matrix, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The entries of a matrix at some places, (places,)."""
    if not len(rows):  # of no places SciPy gives a matrix
        return np.zeros(0, dtype=np.float32)
    return np.asarray(matrix[rows, columns], dtype=np.float32).ravel()


def without(matrix: sparse.csr_matrix, gone: sparse.csr_matrix) -> sparse.csr_matrix:
    """A matrix without its entries where `gone` (0/1) has some."""
    rest = (matrix - matrix.multiply(gone)).tocsr()
    rest.eliminate_zeros()
    return rest


def idf_weighted(features: sparse.csr_matrix) -> sparse.csr_matrix:
    """Columns weighted by their inverse document frequency, log((rows + 1) / (degree + 1)).

    A feature that most rows have says little about any of them.

    Args:
        features: (rows, features); a column's degree is its number of entries.
    """
    degrees = np.bincount(features.indices, minlength=features.shape[1])
    weights = np.log((features.shape[0] + 1) / (degrees + 1))
    return (features @ sparse.diags(weights)).tocsr().astype(np.float32)


def l2_normalised_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows divided by their L2 norm: the product of two is their cosine; empty rows stay."""
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    scale = sparse.diags(1 / np.where(norms > 0, norms, 1))
    return (scale @ matrix).tocsr().astype(np.float32)


def largest_entries(matrix: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """The largest entries of each row; all of a row that has no more than `most`."""
    matrix.eliminate_zeros()
    counts = np.diff(matrix.indptr)
    kept = np.ones(matrix.nnz, dtype=bool)
    for row in np.flatnonzero(counts > most):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        kept[part] = False
        kept[matrix.indptr[row] + np.argpartition(-matrix.data[part], most)[:most]] = True
    rows = np.repeat(np.arange(matrix.shape[0]), counts)[kept]
    return sparse.csr_matrix((matrix.data[kept], (rows, matrix.indices[kept])), shape=matrix.shape)


def matrix_tensors(name: str, matrix: sparse.csr_matrix) -> dict[str, Tensor]:
    """A sparse matrix as tensors whose names begin with `name`."""
    arrays: dict[str, NDArray[np.generic]] = {
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "shape": np.array(matrix.shape),
    }
    return {f"{name}.{part}": torch.from_numpy(values.copy()) for part, values in arrays.items()}


def matrix_from_tensors(name: str, tensors: Mapping[str, Tensor]) -> sparse.csr_matrix:
    """The matrix that gave these among `tensors`."""
    data, indices, indptr, shape = (
        tensors[f"{name}.{part}"].numpy() for part in ("data", "indices", "indptr", "shape")
    )
    return sparse.csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))
