"""Drugs for a disease by content: what is like its drugs, treats diseases like it, or shares genes.

The likenesses are the ranker's similarities (`..links.similarities`): neighbours in the graph by
each type of edge, and molecules' fingerprints. How much each counts is learned from the training
pairs, and every score can be taken apart again into the pairs that carry it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from torch import Tensor

from ...core.model_folder import with_prefix, without_prefix
from ...core.ranking import pair_matrix
from ...core.sparse import (
    matrix_from_tensors,
    matrix_tensors,
    rare_first,
    unit_rows,
)
from ...gnn.data import EdgeType
from ...graph.kg import KnowledgeGraph
from ..links.similarities import end_features

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Floats = NDArray[np.float64]

_RIDGE = 1.0  # of the squared weights; other values made no difference on Hetionet's validation
_OTHERS = 1_000  # drugs that a training disease's drugs are told from
_BLOCK = 64  # diseases scored at a time
_ACTS, _LINKED = ("Drug", "TARGETS", "Target"), ("Disease", "ASSOCIATED_WITH", "Target")
GENES = "genes"
# What is harmful for the same, or harms together, is no reason to give one for the other.
AGAINST = ("CONTRAINDICATED_FOR", "INTERACTS_WITH")


@dataclass(frozen=True)
class Carrier:
    """A part of a pair's score by content.

    Attributes:
        by: `drug` (a known drug of the disease that the drug is like), `disease` (a disease that
            the drug treats and that the disease is like) or `genes`.
        number: of that drug or disease; None for genes.
        channel: what makes the two alike, such as `Drug TARGETS Target` or `Morgan`.
        likeness: from 0 to 1.
        share: of the pair's whole score, from 0 to 1.
    """

    by: str
    number: int | None
    channel: str
    likeness: float
    share: float


class Content:
    """Scores by content.

        score(d, x) = Σ_c w_c Σ_{d' treats x} s_c(d, d') / √|drugs of x|
                    + Σ_c v_c Σ_{x' treated by d} s_c(x, x') / √|diseases of d|
                    + u · cosine(genes of d's targets, genes of x)

    s_c is the likeness of two drugs, or two diseases, by channel c, that of a node with itself 0,
    so that a pair never speaks for itself. The weights, none negative, are those of the conditional
    logit (softmax) of each training pair among the drugs that are not known for its disease, with a
    small ridge.

    Args:
        drugs, diseases: weighted likenesses by channel, (drugs, drugs) and (diseases, diseases).
        genes: weighted, (drugs, diseases).
        weights: by channel, under `drug`, `disease` and `genes`.
        known: the training pairs, (drugs, diseases).
    """

    def __init__(
        self,
        drugs: Mapping[str, sparse.csr_matrix],
        diseases: Mapping[str, sparse.csr_matrix],
        genes: sparse.csr_matrix,
        weights: Mapping[str, Mapping[str, float]],
        known: sparse.csr_matrix,
    ):
        self._drugs, self._diseases, self._genes = dict(drugs), dict(diseases), genes
        self.weights, self._known = weights, known
        self._by_disease = _scaled_columns(known)  # (drugs, diseases), 1 / √|drugs of x|
        self._by_drug = _scaled_columns(known.T.tocsr()).T.tocsr()  # 1 / √|diseases of d|

    @classmethod
    def fit(
        cls,
        kg: KnowledgeGraph,
        data: HeteroData,
        edge_type: EdgeType,
        known: sparse.csr_matrix,
        *,
        seed: int,
    ) -> Content:
        """Learn what likenesses count.

        Args:
            data: the training graph; `kg` is read for names and structures alone.
            known: the training pairs, (drugs, diseases).
        """
        drugs = _speaking_for(
            end_features(kg, data, edge_type[0], edge_type, heads=True).similarities
        )
        diseases = _speaking_for(
            end_features(kg, data, edge_type[2], edge_type, heads=False).similarities
        )
        genes = _shared_genes(data, known.shape)
        parts = [("drug", name) for name in drugs] + [("disease", name) for name in diseases]
        parts.append((GENES, GENES))
        features = _Features(drugs, diseases, genes, known)
        scale, examples = _examples(features, known, seed)
        found = _conditional_logit(examples, len(parts)) / scale
        weights: dict[str, dict[str, float]] = {"drug": {}, "disease": {}, GENES: {}}
        for (side, name), weight in zip(parts, found, strict=True):
            if weight > 0:
                weights[side][name] = float(weight)
        return cls(
            {name: drugs[name] * np.float32(w) for name, w in weights["drug"].items()},
            {name: diseases[name] * np.float32(w) for name, w in weights["disease"].items()},
            genes * np.float32(weights[GENES].get(GENES, 0.0)),
            weights,
            known,
        )

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these diseases with all drugs, (n, drugs)."""
        scores = np.zeros((len(tails), self._known.shape[0]))
        for start in range(0, len(tails), _BLOCK):
            chosen = tails[start : start + _BLOCK].numpy()
            block = self._genes[:, chosen].toarray()
            of_disease = self._by_disease[:, chosen]
            for alike in self._drugs.values():
                block += (alike @ of_disease).toarray()
            for alike in self._diseases.values():
                block += (self._by_drug @ alike[:, chosen]).toarray()
            scores[start : start + _BLOCK] = block.T
        return torch.from_numpy(scores)

    def carriers(self, drug: int, disease: int, most: int = 5) -> list[Carrier]:
        """The known pairs, and the genes, that carry a pair's score, the heaviest first."""
        parts: list[tuple[float, str, int | None, str, float]] = []
        of_disease = self._by_disease[:, [disease]].tocoo()
        for channel, alike in self._drugs.items():
            row = alike[drug].toarray().ravel()
            weight = self.weights["drug"][channel]
            for other, share in zip(of_disease.row, of_disease.data, strict=True):
                parts.append((row[other] * share, "drug", int(other), channel, row[other] / weight))
        treated = self._by_drug[drug].tocoo()
        for channel, alike in self._diseases.items():
            row = alike[disease].toarray().ravel()
            weight = self.weights["disease"][channel]
            for other, share in zip(treated.col, treated.data, strict=True):
                parts.append(
                    (row[other] * share, "disease", int(other), channel, row[other] / weight)
                )
        genes = float(self._genes[drug, disease])
        if genes:
            parts.append((genes, GENES, None, GENES, genes / self.weights[GENES][GENES]))
        whole = sum(part[0] for part in parts)
        heaviest = sorted(parts, key=lambda part: (-part[0], part[1], part[2] or 0, part[3]))
        return [
            Carrier(by, number, channel, round(float(likeness), 4), round(float(part / whole), 4))
            for part, by, number, channel, likeness in heaviest[:most]
            if part > 0
        ]

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        found = {**matrix_tensors("genes", self._genes), **matrix_tensors("known", self._known)}
        for side, alike in (("drug", self._drugs), ("disease", self._diseases)):
            for number, matrix in enumerate(alike.values()):
                found |= with_prefix(f"{side}{number}", matrix_tensors("alike", matrix))
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], weights: Mapping[str, Any]) -> Content:
        """The scorer that gave these `tensors` and has these `weights`."""
        drugs, diseases = (
            {
                channel: matrix_from_tensors("alike", without_prefix(f"{side}{number}", tensors))
                for number, channel in enumerate(weights[side])
            }
            for side in ("drug", "disease")
        )
        genes, known = (matrix_from_tensors(name, tensors) for name in ("genes", "known"))
        return cls(drugs, diseases, genes, weights, known)


class _Features:
    """What each channel says of a disease's pairs."""

    def __init__(
        self,
        drugs: Mapping[str, sparse.csr_matrix],
        diseases: Mapping[str, sparse.csr_matrix],
        genes: sparse.csr_matrix,
        known: sparse.csr_matrix,
    ):
        self._drugs, self._diseases, self._genes = drugs, diseases, genes.tocsc()
        self._by_disease = _scaled_columns(known).tocsc()
        self._by_drug = _scaled_columns(known.T.tocsr()).T.tocsr()

    def of(self, disease: int) -> Floats:
        """(drugs, channels)."""
        own = self._by_disease[:, [disease]]
        columns = [alike @ own for alike in self._drugs.values()]
        columns += [self._by_drug @ alike[:, [disease]] for alike in self._diseases.values()]
        columns.append(self._genes[:, [disease]])
        return np.asarray(np.concatenate([column.toarray() for column in columns], 1), np.float64)


def _scaled_columns(known: sparse.csr_matrix) -> sparse.csr_matrix:
    """0/1 columns divided by the square root of their sums."""
    sums = np.asarray(known.sum(0)).ravel()
    return (known @ sparse.diags(1 / np.sqrt(np.maximum(sums, 1)))).tocsr().astype(np.float32)


def _speaking_for(alike: Mapping[str, sparse.csr_matrix]) -> dict[str, sparse.csr_matrix]:
    return {name: rows for name, rows in alike.items() if not any(r in name for r in AGAINST)}


def _shared_genes(data: HeteroData, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Cosine of the genes of a drug's targets and of a disease, rare ones counting most."""
    if _ACTS not in data.edge_types or _LINKED not in data.edge_types:
        return sparse.csr_matrix(shape, dtype=np.float32)
    drugs, diseases = (
        unit_rows(
            rare_first(
                pair_matrix(
                    data[which].edge_index.numpy().T,
                    (data[which[0]].num_nodes, data[which[2]].num_nodes),
                )
            )
        )
        for which in (_ACTS, _LINKED)
    )
    return (drugs @ diseases.T).tocsr()


def _examples(
    features: _Features, known: sparse.csr_matrix, seed: int
) -> tuple[Floats, list[tuple[Floats, Floats]]]:
    """For each disease with a drug, the features of its drugs and of others, drawn by chance; and
    the scale (root mean square) of each channel, by which they are divided."""
    chance = np.random.default_rng(seed)
    by_disease = known.T.tocsr()
    examples = []
    for disease in np.flatnonzero(np.diff(by_disease.indptr)):
        rows = features.of(int(disease))
        own = by_disease[disease].indices
        others = np.setdiff1d(np.arange(len(rows)), own)
        others = np.sort(chance.permutation(others)[:_OTHERS])
        examples.append((rows[own], rows[others]))
    squares = np.sum([(part**2).sum(0) for pair in examples for part in pair], axis=0)
    count = sum(len(part) for pair in examples for part in pair)
    scale = np.sqrt(squares / count) + 1e-9
    return scale, [(own / scale, others / scale) for own, others in examples]


def _conditional_logit(examples: list[tuple[Floats, Floats]], n: int) -> Floats:
    """The weights, none negative, with the least loss over all training pairs:

    -log(exp(s) / (exp(s) + Σ_others exp(s'))) + ridge · |w|²
    """

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = _RIDGE * weights @ weights, 2 * _RIDGE * weights
        for own, others in examples:
            true, false = own @ weights, others @ weights
            highest = max(true.max(), false.max() if len(false) else -np.inf)
            exp_true, exp_false = np.exp(true - highest), np.exp(false - highest)
            sums = exp_true + exp_false.sum()
            total += (np.log(sums) - (true - highest)).sum()
            gradient += ((exp_true / sums - 1) @ own) + (1 / sums).sum() * (exp_false @ others)
        return float(total), gradient

    start = np.full(n, 0.1)
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * n, method="L-BFGS-B")
    return np.asarray(found.x)
