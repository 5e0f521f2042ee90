"""Networks that classify a patient's node as one of all diseases, and how they are trained.

Both are trained on the same patients with the same loss. `Graph` passes messages over the ontology
and the annotations, so a disease or a phenotype that it wasn't trained with is no different to it;
`Perceptron`, the plain baseline, has an output for each disease.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from ...graph.progress import progress
from .knowledge import Floats, Integers, Knowledge, expand
from .patients import Simulated
from .similarity import Links, conditional, links, nearest

_BATCH, _WIDE_BATCH = 64, 256
# What similarity to a known patient is worth, in surprise, above what chance gives. Chosen on
# published cases of before mid-2021: the older two thirds of the publications known, the others
# asked about.
_ALIKE, _BY_CHANCE = 50.0, 0.2
_HARD, _RANDOM = 20, 500


class WeightedSum(MessagePassing):  # type: ignore[misc]  # PyG is untyped
    """Every node gets the weighted sum of what its neighbours send: x'_i = Σ_j w_ij x_j."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, x: Tensor, edges: sp.csr_matrix) -> Tensor:
        """Messages from the columns (senders, rows of `x`) to the rows of a sparse matrix."""
        given = edges.tocoo()
        index = torch.from_numpy(np.stack([given.col, given.row]).astype(np.int64)).to(x.device)
        weight = torch.from_numpy(given.data.astype(np.float32)).to(x.device)
        size = (edges.shape[1], edges.shape[0])
        return self.propagate(index, x=(x, None), weight=weight, size=size)  # type: ignore[no-any-return]  # PyG is untyped

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """What one neighbour sends."""
        return x_j * weight[:, None]


class Graph(nn.Module):
    """Message passing: ancestors → phenotypes → diseases and patients.

    A phenotype's vector is the sum of its ancestors' (its own included), each weighted by its
    information; a disease's the sum of its phenotypes', weighted by frequency and information; a
    patient's the sum of those of what the patient shows. These channels are added up:

        score(p, d) = s_1 (Σ_{a shown by p} surprise(a, d) + 50 alike(p, d))
                      + s_2 cos(W z_p, W z_d) + b log(1 + n_d)

        alike(p, d) = max(0, max_{q of d} similarity(p, q) - 0.2)

    with the surprise of `similarity.links` as the message over each link of a phenotype and a
    disease, the similarity of `similarity.nearest` to known patients q of the disease, and n_d the
    number of phenotypes that the disease is known for. Vectors, W, s and b are learnt; vectors
    start at random, so that before training the cosine is a random projection of that of the
    information-weighted ancestors.

    Two things stay as they are because simulated patients teach them wrongly (measured on published
    cases of before mid-2021): weights of the messages, since what tells a simulated patient's
    phenotypes from others is how they were simulated; and known patients, whom simulated ones
    resemble in nothing but the disease, so that they are left out in training.
    """

    def __init__(self, knowledge: Knowledge, dim: int = 64, seed: int = 0):
        super().__init__()
        self.knowledge = knowledge
        self.links: Links = links(knowledge)
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(len(knowledge.phenotypes), dim, generator=generator) / dim**0.5
        self.vectors = nn.Parameter(start)
        self.project = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.project.weight)
        self.scale = nn.Parameter(torch.tensor([0.6, 3.0]))
        self.known = nn.Parameter(torch.zeros(()))
        self.sum = WeightedSum()
        information = sp.diags(knowledge.information)
        self._ancestors = (knowledge.closure @ information).tocsr()
        self._annotated = (knowledge.annotated @ information).tocsr()
        self._information = information
        self._number = np.log1p(np.diff(knowledge.annotated.indptr)).astype(np.float32)

    def batch(self, patients: Sequence[Integers], candidates: Integers) -> Tensor:
        """Scores of these patients with these diseases (rows), with gradients."""
        surprise = torch.from_numpy(self._surprise(patients, candidates)).to(self.vectors.device)
        cosine = self._cosine(patients, candidates)
        number = torch.from_numpy(self._number[candidates]).to(self.vectors.device)
        return self.scale[0] * surprise + self.scale[1] * cosine + self.known * number

    def _surprise(self, patients: Sequence[Integers], candidates: Integers) -> Floats:
        """The sum of surprises for some diseases only, without making it for all."""
        shown = self.knowledge.with_ancestors(patients)
        phenotypes = np.unique(shown.indices)
        place = np.full(len(self.knowledge.diseases), -1)
        place[candidates] = np.arange(len(candidates))
        starts = self.links.starts
        counts = np.diff(starts)[phenotypes]
        link = expand(starts[phenotypes], counts)
        column = place[self.links.diseases[link]]
        wanted = column >= 0
        messages = sp.csr_matrix(
            (
                self.links.surprise[link][wanted],
                (np.repeat(np.arange(len(phenotypes)), counts)[wanted], column[wanted]),
            ),
            shape=(len(phenotypes), len(candidates)),
        )
        return np.asarray((shown[:, phenotypes] @ messages).todense(), dtype=np.float32)

    def _cosine(self, patients: Sequence[Integers], candidates: Integers | None) -> Tensor:
        phenotypes = self.sum(self.vectors, self._ancestors)
        annotated = self._annotated if candidates is None else self._annotated[candidates]
        shown = (self.knowledge.present(patients) @ self._information).tocsr()
        known = nn.functional.normalize(self.project(self.sum(phenotypes, annotated)), dim=1)
        seen = nn.functional.normalize(self.project(self.sum(phenotypes, shown)), dim=1)
        return seen @ known.T

    @torch.no_grad()
    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores of these patients with all diseases, patients × diseases."""
        first = conditional(self.knowledge, self.links, patients)
        if len(self.knowledge.patient_rows):
            first += _ALIKE * np.maximum(nearest(self.knowledge, patients) - _BY_CHANCE, 0)
        second = self._cosine(patients, None).cpu().numpy()
        one, two = self.scale.tolist()
        return np.asarray(one * first + two * second + self.known.item() * self._number)


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

    def batch(self, patients: Sequence[Integers], candidates: Integers) -> Tensor:
        """Scores of these patients with these diseases (rows), with gradients."""
        hidden = self._hidden(patients)
        chosen = torch.from_numpy(candidates).to(hidden.device)
        return nn.functional.linear(hidden, self.out.weight[chosen], self.out.bias[chosen])

    def _hidden(self, patients: Sequence[Integers]) -> Tensor:
        shown = self.knowledge.with_ancestors(patients)
        device = self.hidden.weight.device
        index = torch.from_numpy(shown.indices.astype(np.int64)).to(device)
        starts = torch.from_numpy(shown.indptr[:-1].astype(np.int64)).to(device)
        weight = torch.from_numpy(self.knowledge.information[shown.indices]).to(device)
        return torch.relu(self.hidden(index, starts, per_sample_weights=weight))

    @torch.no_grad()
    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores of these patients with all diseases, patients × diseases."""
        return np.asarray(self.out(self._hidden(patients)).cpu().numpy(), dtype=np.float32)


def fit(network: Graph | Perceptron, patients: Simulated, *, epochs: int, seed: int) -> None:
    """Train a network on simulated patients: cross-entropy of their diseases among candidates.

    A `Graph` learns from batches of 64 patients to tell their diseases from one another, from the
    20 most similar to each patient and from 500 random ones; a `Perceptron`, to which more
    candidates cost little, from batches of 256 to tell them from all.
    """
    rng = np.random.default_rng(seed)
    everything = np.arange(len(network.knowledge.diseases))
    similar = _similar(network, patients) if isinstance(network, Graph) else None
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3 if similar is not None else 2e-3)
    batches = max(1, len(patients.diseases) // (_WIDE_BATCH if similar is None else _BATCH))
    network.train()
    with progress("diagnosis", epochs * batches) as advance:
        for _ in range(epochs):
            for batch in np.array_split(rng.permutation(len(patients.diseases)), batches):
                answers, candidates = patients.diseases[batch], everything
                if similar is not None:
                    others = rng.choice(everything, size=_RANDOM)
                    chosen = [answers, similar[batch].ravel(), others]
                    candidates = np.unique(np.concatenate(chosen))
                scores = network.batch([patients.phenotypes[row] for row in batch], candidates)
                right = torch.from_numpy(np.searchsorted(candidates, answers)).to(scores.device)
                loss = nn.functional.cross_entropy(scores, right)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                advance(note=f"loss {loss.item():.3f}")
    network.eval()


def _similar(network: Graph, patients: Simulated, size: int = 500) -> Integers:
    """The diseases most similar to each patient by the sum of surprises, patients × diseases."""
    knowledge = network.knowledge
    most = min(_HARD, len(knowledge.diseases) - 1)
    parts = [
        conditional(knowledge, network.links, patients.phenotypes[start : start + size])
        for start in range(0, len(patients.phenotypes), size)
    ]
    return np.concatenate([np.argpartition(-scores, most, axis=1)[:, :most] for scores in parts])
