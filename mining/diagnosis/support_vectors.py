"""Support vector machines over the known patients: baselines beside logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from ...core.errors import DataError
from ...core.progress import progress
from ...core.sparse import l2_normalised_rows
from .knowledge import Floats, Integers, Knowledge

KERNELS = {"svm": "linear", "svm_rbf": "rbf"}
_GAMMA = 1.0  # of exp(-γ |x - y|²), of rows of length 1
_PENALTY = 1.0  # of a patient on the wrong side of the margin: scikit-learn's C


class SupportVectorMachine:
    """One machine for each disease of a known patient, against all others.

    score(x, d) = Σ_i α_{i,d} k(x, x_i) + b_d over the known patients i, with x the phenotypes and
    their ancestors, weighted by information content, of length 1. Diseases without a known patient
    share the last rank.

    Attributes:
        kernel: "linear" (x · y) or "rbf" (exp(-γ |x - y|²)).
        coefficients: α, known patients × their diseases.
        intercept: b.
        rows: which diseases these are.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        kernel: str,
        coefficients: Tensor,
        intercept: Tensor,
        rows: Tensor,
    ):
        self.knowledge, self.kernel = knowledge, kernel
        self.coefficients, self.intercept, self.rows = coefficients, intercept, rows
        self._known = _vectors(knowledge, knowledge.known_patients())

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases."""
        alike = _kernel(_vectors(self.knowledge, patients), self._known, self.kernel)
        margins = alike @ self.coefficients.numpy() + self.intercept.numpy()
        lowest = margins.min(axis=1, keepdims=True) - 1
        scores = np.repeat(lowest, len(self.knowledge.diseases), axis=1)
        scores[:, self.rows.numpy()] = margins
        return np.asarray(scores, dtype=np.float32)

    def state(self) -> dict[str, Tensor]:
        """All of it by name."""
        return {
            "coefficients": self.coefficients,
            "intercept": self.intercept,
            "rows": self.rows,
        }


def train_support_vectors(knowledge: Knowledge, kernel: str) -> SupportVectorMachine:
    """Fit to the known patients, both sides of a machine weighing the same (scikit-learn).

    Raises:
        DataError: fewer than two diseases have a known patient.
    """
    from sklearn.svm import SVC

    rows = np.unique(knowledge.patient_rows)
    if len(rows) < 2:
        raise DataError(
            "a support vector machine learns from known patients alone, of two diseases at least;"
            " give it cases (--cases)"
        )
    known = _vectors(knowledge, knowledge.known_patients())
    alike = _kernel(known, known, kernel)
    coefficients = np.zeros((len(alike), len(rows)), dtype=np.float32)
    intercept = np.zeros(len(rows), dtype=np.float32)
    with progress("support vectors", len(rows)) as step:
        for place, row in enumerate(rows):
            machine = SVC(C=_PENALTY, kernel="precomputed", class_weight="balanced")
            machine.fit(alike, knowledge.patient_rows == row)
            coefficients[machine.support_, place] = machine.dual_coef_[0]
            intercept[place] = machine.intercept_[0]
            step(1)
    return SupportVectorMachine(
        knowledge,
        kernel,
        torch.from_numpy(coefficients),
        torch.from_numpy(intercept),
        torch.from_numpy(rows),
    )


def _vectors(knowledge: Knowledge, patients: Sequence[Integers]) -> sp.csr_matrix:
    weighted = knowledge.with_ancestors(patients) @ sp.diags(knowledge.information)
    return l2_normalised_rows(weighted.tocsr())


def _kernel(some: sp.csr_matrix, others: sp.csr_matrix, kernel: str) -> Floats:
    """The kernel of rows of length 1, (some, others)."""
    cosine = (some @ others.T).toarray()
    if kernel == "rbf":
        # |x - y|² = 2 - 2 x·y; where nothing is shown x is 0, and |x - y|² is 1.
        squared = np.diff(some.indptr)[:, None].clip(0, 1) + 1 - 2 * cosine
        cosine = np.exp(-_GAMMA * squared)
    return np.asarray(cosine, dtype=np.float32)
