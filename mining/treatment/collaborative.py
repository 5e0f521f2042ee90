"""Drugs for a disease by which are given together: implicit matrix factorisation.

Rows are diseases (with the drugs that treat them) and, where the graph has them, patients (with the
drugs that they take); both share the drugs' vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

CONFIDENCE = 10.0  # of a known pair, as against 1 of all others
_ITERATIONS = 20


class Collaborative:
    """score(x, d) = the product of the vectors of disease and drug.

    The vectors minimise Σ c (p - u·v)² + λ(|u|² + |v|²) over all cells, with p = 1 and c = 10
    where a pair is known, else 0 and 1. A disease without a known drug has no vector, and scores
    nothing.

    Args:
        diseases, drugs: (n, factors).
        patients: how many patients took part in training; their vectors are not kept.

    Source: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets, 2008;
    fitted by the library `implicit`.
    """

    def __init__(self, diseases: Tensor, drugs: Tensor, regularisation: float, patients: int):
        self._diseases, self._drugs = diseases, drugs
        self._regularisation, self.patients = regularisation, patients

    @classmethod
    def fit(
        cls,
        known: sparse.csr_matrix,
        taken: sparse.csr_matrix,
        *,
        factors: int,
        regularisation: float,
        seed: int,
    ) -> Collaborative:
        """Factorise.

        Args:
            known: the training pairs, (drugs, diseases).
            taken: what patients take, (patients, drugs); without rows where there are none.
        """
        from implicit.cpu.als import AlternatingLeastSquares

        rows = sparse.vstack([known.T, taken], format="csr").astype(np.float32)
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularisation,
            alpha=CONFIDENCE,
            iterations=_ITERATIONS,
            num_threads=1,  # several add up in any order
            random_state=seed,
        )
        model.fit(rows, show_progress=False)
        diseases = np.asarray(model.user_factors, dtype=np.float64)[: known.shape[1]].copy()
        diseases[np.asarray(known.sum(0)).ravel() == 0] = 0
        drugs = np.asarray(model.item_factors, dtype=np.float64)
        return cls(
            torch.from_numpy(diseases), torch.from_numpy(drugs), regularisation, taken.shape[0]
        )

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these diseases with all drugs, (n, drugs)."""
        return self._diseases[tails] @ self._drugs.T

    def score_for(self, taking: Sequence[int]) -> NDArray[np.float64]:
        """Scores of all drugs for a patient who takes these, (drugs,), by the vector that training
        would have given to such a row: u = (VᵀV + (c - 1) VₜᵀVₜ + λ)⁻¹ c Vₜᵀ1."""
        drugs = self._drugs.numpy()
        own = drugs[list(taking)]
        system = drugs.T @ drugs + (CONFIDENCE - 1) * own.T @ own
        system[np.diag_indices_from(system)] += self._regularisation
        vector = np.linalg.solve(system, CONFIDENCE * own.sum(0))
        return np.asarray(drugs @ vector)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            "diseases": self._diseases,
            "drugs": self._drugs,
            "regularisation": torch.tensor(self._regularisation, dtype=torch.float64),
            "patients": torch.tensor(self.patients),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Collaborative:
        """The scorer that gave these `tensors`."""
        return cls(
            tensors["diseases"],
            tensors["drugs"],
            float(tensors["regularisation"]),
            int(tensors["patients"]),
        )
