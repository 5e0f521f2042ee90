"""Classifiers with an output for each disease: the plain baselines of a graph neural network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import DataError
from ...core.progress import progress
from .knowledge import Floats, Integers, Knowledge
from .simulated_patients import SimulatedPatients

_BATCH = 256


class Perceptron(nn.Module):
    """Phenotypes and their ancestors, weighted by information → hidden layer → diseases."""

    def __init__(self, knowledge: Knowledge, dim: int = 256, seed: int = 0):
        super().__init__()
        self.knowledge = knowledge
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.hidden = nn.EmbeddingBag(len(knowledge.phenotypes), dim, mode="sum")
            nn.init.normal_(self.hidden.weight, std=dim**-0.5)
            self.out = nn.Linear(dim, len(knowledge.diseases))

    def forward(self, patients: Sequence[Integers]) -> Tensor:
        """Logits of these patients with all diseases."""
        shown = self.knowledge.with_ancestors(patients)
        device = self.hidden.weight.device
        index = torch.from_numpy(shown.indices.astype(np.int64)).to(device)
        starts = torch.from_numpy(shown.indptr[:-1].astype(np.int64)).to(device)
        weight = torch.from_numpy(self.knowledge.information[shown.indices]).to(device)
        hidden = torch.relu(self.hidden(index, starts, per_sample_weights=weight))
        return self.out(hidden)  # type: ignore[no-any-return]  # nn.Module's call is untyped

    @torch.no_grad()
    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores of these patients with all diseases, patients × diseases."""
        return np.asarray(self(patients).cpu().numpy(), dtype=np.float32)

    def state(self) -> dict[str, Tensor]:
        """The weights by name."""
        return dict(self.state_dict())


def train_perceptron(
    knowledge: Knowledge, patients: SimulatedPatients, *, seed: int, device: str, epochs: int = 3
) -> Perceptron:
    """Trained on simulated patients and the known ones: cross-entropy over all diseases."""
    phenotypes = [*patients.phenotypes, *knowledge.known_patients()]
    diseases = np.concatenate([patients.diseases, knowledge.patient_rows])
    network = Perceptron(knowledge, seed=seed).to(device)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    batches = max(1, len(diseases) // _BATCH)
    network.train()
    with progress("perceptron", epochs * batches) as advance:
        for _ in range(epochs):
            for batch in np.array_split(rng.permutation(len(diseases)), batches):
                scores = network([phenotypes[row] for row in batch])
                right = torch.from_numpy(diseases[batch]).to(scores.device)
                loss = nn.functional.cross_entropy(scores, right)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                advance(note=f"loss {loss.item():.3f}")
    network.eval()
    return network.cpu()


class Logistic:
    """Multinomial logistic regression of known patients' diseases on what they show, ancestors
    included, weighted by information. Diseases without a known patient share the last rank.

    Attributes:
        weights: phenotypes that a known patient shows × their diseases.
        intercept: (diseases of known patients,).
        columns, rows: which phenotypes and diseases these are.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        weights: Tensor,
        intercept: Tensor,
        columns: Tensor,
        rows: Tensor,
    ):
        self.knowledge = knowledge
        self.weights, self.intercept, self.columns, self.rows = weights, intercept, columns, rows

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases."""
        shown = self.knowledge.with_ancestors(patients)[:, self.columns.numpy()]
        weighted = shown.multiply(self.knowledge.information[self.columns.numpy()]).tocsr()
        logits = weighted @ self.weights.numpy() + self.intercept.numpy()
        lowest = logits.min(axis=1, keepdims=True) - 1
        scores = np.repeat(lowest, len(self.knowledge.diseases), axis=1)
        scores[:, self.rows.numpy()] = logits
        return np.asarray(scores, dtype=np.float32)

    def state(self) -> dict[str, Tensor]:
        """All of it by name."""
        return {
            "weights": self.weights,
            "intercept": self.intercept,
            "columns": self.columns,
            "rows": self.rows,
        }


def train_logistic(knowledge: Knowledge) -> Logistic:
    """Fit to the known patients, each disease weighing the same (scikit-learn, L2, C = 1).

    Raises:
        DataError: fewer than two diseases have a known patient.
    """
    from sklearn.linear_model import LogisticRegression

    rows = np.unique(knowledge.patient_rows)
    if len(rows) < 2:
        raise DataError(
            "logistic learns from known patients alone, of two diseases at least; give it cases"
            " (--cases)"
        )
    shown = knowledge.with_ancestors(knowledge.known_patients())
    columns = np.unique(shown.indices).astype(np.int64)
    weighted = shown[:, columns].multiply(knowledge.information[columns]).tocsr()
    fitted = LogisticRegression(class_weight="balanced", max_iter=200)
    fitted.fit(weighted, np.searchsorted(rows, knowledge.patient_rows))
    weights, intercept = fitted.coef_, fitted.intercept_
    if len(rows) == 2:  # scikit-learn keeps the second's alone
        weights, intercept = (
            np.stack([-weights[0], weights[0]]) / 2,
            np.array([-1, 1]) * intercept / 2,
        )
    return Logistic(
        knowledge,
        torch.from_numpy(np.ascontiguousarray(weights.T, dtype=np.float32)),
        torch.from_numpy(intercept.astype(np.float32)),
        torch.from_numpy(columns),
        torch.from_numpy(rows),
    )
