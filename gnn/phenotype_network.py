"""A graph neural network that embeds patients, diseases and phenotypes by message passing.

A phenotype sends its embedding, weighted, to the patients and diseases that show it or a narrower
phenotype. So the network is inductive: patients and diseases that it wasn't trained on are embedded
like those that it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..core.progress import progress
from .message_edges import sparse_tensor

_BATCH = 128  # simulated patients a step

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class PhenotypeKnowledge(Protocol):
    """What the network reads of diseases and phenotypes; `mining.diagnosis.knowledge` has it."""

    @property
    def phenotypes(self) -> Sequence[str]:
        """Identifiers of the phenotypes, the columns of all matrices."""
        ...

    @property
    def information(self) -> Floats:
        """Information content of each phenotype, (phenotypes,)."""
        ...

    @property
    def frequency(self) -> sp.csr_matrix:
        """How often a disease shows a phenotype, ancestors included, (diseases, phenotypes)."""
        ...

    def with_ancestors(self, patients: Sequence[Integers]) -> sp.csr_matrix:
        """Patients × phenotypes, ancestors included, of patients given as columns."""
        ...


class SimulatedPatients(Protocol):
    """Patients to train on."""

    @property
    def phenotypes(self) -> list[Integers]:
        """For each patient, the columns of the phenotypes."""
        ...

    @property
    def diseases(self) -> Integers:
        """For each patient, the row of the disease."""
        ...


class Network(nn.Module):
    """Embeddings of the patients and diseases of a knowledge:

        z_i = Σ_{a shown by i} f_ia I_a exp(t_a) v_a / |…|

    over the phenotypes a with ancestors, with f the frequency in a disease (1 in a patient), I the
    information content; v (of `dim` numbers) and t are learnt. The embeddings start at random, so
    that before training their cosine is a random projection of that of the weighted phenotypes.

    Args:
        knowledge: as the graph states it; see `Knowledge.as_stated`.
        patients: known patients × phenotypes, ancestors included.
    """

    def __init__(
        self, knowledge: PhenotypeKnowledge, patients: sp.csr_matrix, dim: int = 128, seed: int = 0
    ):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(len(knowledge.phenotypes), dim, generator=generator) / dim**0.5
        self.vectors = nn.Parameter(start)
        self.weight = nn.Parameter(torch.zeros(len(knowledge.phenotypes)))
        self.scale = nn.Parameter(torch.tensor([2.7, 2.7]))  # logarithms: diseases, patients
        self.knowledge = knowledge
        self._information = torch.from_numpy(knowledge.information)
        self._diseases, self._patients = knowledge.frequency, patients

    def forward(self, shown: sp.csr_matrix) -> Tensor:
        """Vectors of length 1 of the rows of a matrix over phenotypes, ancestors included."""
        device = self.vectors.device
        weight = self._information.to(device) * self.weight.exp()
        # The product is the sum of messages. PyG takes seconds to import, and its MessagePassing
        # would write a module to TMPDIR for it, and leave it there.
        sums = torch.sparse.mm(sparse_tensor(shown, device), self.vectors * weight[:, None])
        return functional.normalize(sums, dim=1)

    @torch.no_grad()
    def embed(self, patients: Sequence[Integers]) -> Floats:
        """Vectors of patients, given as columns of the knowledge."""
        return np.asarray(self(self.knowledge.with_ancestors(patients)).cpu().numpy())

    @cached_property
    def diseases(self) -> Floats:
        """The vectors of all diseases."""
        with torch.no_grad():
            return np.asarray(self(self._diseases).cpu().numpy())

    @cached_property
    def patients(self) -> Floats:
        """The vectors of all known patients."""
        with torch.no_grad():
            return np.asarray(self(self._patients).cpu().numpy())

    def scores(self, patients: Sequence[Integers], patient_rows: Integers) -> Floats:
        """Patients × diseases: the scaled cosine with the disease, or, if that is higher, with the
        most similar of its known patients."""
        own = self.embed(patients)
        to_diseases, to_patients = self.scale.detach().exp().cpu().numpy()
        scores = to_diseases * (own @ self.diseases.T)
        similarity = to_patients * (own @ self.patients.T)
        for column, row in enumerate(patient_rows):
            scores[:, row] = np.maximum(scores[:, row], similarity[:, column])
        return np.asarray(scores, dtype=np.float32)


def fit(
    network: Network,
    simulated: SimulatedPatients,
    known: Integers,
    rows: Integers,
    publications: Integers,
    *,
    epochs: int,
    seed: int,
    label: str = "network",
) -> None:
    """Train on simulated patients, and on known ones where there are.

    Three cross-entropies over scaled cosines: of simulated patients with all diseases, of known
    patients with all diseases, and of known patients with those of other publications, where
    those of the same disease are right. Each known patient weighs 1 / √(patients of the
    publication).

    Args:
        simulated: `epochs` times as many as one epoch takes.
        known: the known patients to learn from.
        rows, publications: disease and publication of every known patient.
        label: of the progress.
    """
    rng = np.random.default_rng(seed)
    knowledge = network.knowledge
    device = network.vectors.device
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    shown = knowledge.with_ancestors(simulated.phenotypes)
    presence = network._patients[known]
    own, group = rows[known], publications[known]
    of_each = np.bincount(group, minlength=1)[group] if len(group) else group
    weights = 1 / np.sqrt(np.maximum(of_each, 1))
    batches = max(1, len(simulated.diseases) // (epochs * _BATCH))
    size = -(-len(known) // batches)
    network.train()
    with progress(label, epochs * batches) as advance:
        for epoch in range(epochs):
            order = rng.permutation(len(known))
            for batch in range(batches):
                diseases = network(network._diseases)
                start = (epoch * batches + batch) * _BATCH
                part = slice(start, start + _BATCH)
                logits = network.scale[0].exp() * network(shown[part]) @ diseases.T
                targets = torch.from_numpy(simulated.diseases[part]).to(device)
                loss = functional.cross_entropy(logits, targets) / 2
                chosen = order[batch * size : (batch + 1) * size]
                if len(chosen):
                    weight = torch.tensor(weights[chosen], dtype=torch.float32, device=device)
                    loss = loss + _loss_of_known(
                        network, presence, chosen, own, group, diseases, weight
                    )
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                advance(note=f"loss {loss.item():.3f}")
    network.eval()


def _loss_of_known(
    network: Network,
    presence: sp.csr_matrix,
    chosen: Integers,
    rows: Integers,
    publications: Integers,
    diseases: Tensor,
    weight: Tensor,
) -> Tensor:
    """The loss of some known patients, with diseases and with one another."""
    everyone = network(presence)
    patients = everyone[torch.from_numpy(chosen).to(everyone.device)]
    logits = network.scale[0].exp() * patients @ diseases.T
    targets = torch.from_numpy(rows[chosen]).to(logits.device)
    losses = functional.cross_entropy(logits, targets, reduction="none")
    loss = (losses * weight).sum() / weight.sum()
    other = torch.from_numpy(publications[chosen][:, None] != publications[None, :])
    same_disease = other & torch.from_numpy(rows[chosen][:, None] == rows[None, :])
    has = same_disease.any(dim=1).to(logits.device)
    if has.any():
        cosines = network.scale[1].exp() * patients @ everyone.T
        lowest = torch.finfo(cosines.dtype).min
        total = cosines.masked_fill(~other.to(cosines.device), lowest).logsumexp(dim=1)
        same = cosines.masked_fill(~same_disease.to(cosines.device), lowest).logsumexp(dim=1)
        loss = loss + ((total - same) * weight)[has].sum() / weight[has].sum()
    return loss
