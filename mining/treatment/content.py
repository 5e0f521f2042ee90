"""Drugs for a disease by content: similar to its drugs, treating similar diseases, sharing genes.

The similarities are those of link prediction (`..links.similarities`): neighbours in the graph by
each type of edge, and molecules' fingerprints. How much each counts is learned from the training
pairs, and every score can be taken apart again into the known pairs that contribute to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from torch import Tensor

from ...core.ranking import pair_matrix
from ...core.sparse import (
    idf_weighted,
    l2_normalised_rows,
    matrix_from_tensors,
    matrix_tensors,
)
from ...core.tensors import with_prefix, without_prefix
from ...gnn.data import EdgeType
from ...graph.kg import KnowledgeGraph
from ..links.similarities import end_features

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Floats = NDArray[np.float64]

_RIDGE = 1.0  # of the squared weights; other values made no difference on Hetionet's validation
_NEGATIVES = 1_000  # drugs that a training disease's drugs are contrasted with
_BATCH = 64  # diseases scored at a time
_INITIAL_WEIGHT = 0.1
_DRUG_TARGETS, _DISEASE_GENES = (
    ("Drug", "TARGETS", "Target"),
    ("Disease", "ASSOCIATED_WITH", "Target"),
)
# Where a score comes from: keys of the weights, and of saved tensors.
DRUG, DISEASE, GENES = "drug", "disease", "genes"
# What is harmful for the same, or harms together, is no reason to give one for the other.
RELATIONS_AGAINST = ("CONTRAINDICATED_FOR", "INTERACTS_WITH")


@dataclass(frozen=True)
class Contribution:
    """A part of a pair's score by content.

    Attributes:
        source: `drug` (a known drug of the disease, which this drug is similar to), `disease` (a
            disease that the drug treats, which this disease is similar to) or `genes`.
        number: of that drug or disease; None for genes.
        feature: the similarity feature, such as `Drug TARGETS Target` or `Morgan`.
        similarity: from 0 to 1.
        share: of the pair's whole score, from 0 to 1.
    """

    source: str
    number: int | None
    feature: str
    similarity: float
    share: float


class Content:
    """Scores by content.

        score(d, x) = Σ_f w_f Σ_{d' treats x} s_f(d, d') / √|drugs of x|
                    + Σ_f v_f Σ_{x' treated by d} s_f(x, x') / √|diseases of d|
                    + u · cosine(genes of d's targets, genes of x)

    s_f is the similarity of two drugs, or two diseases, by feature f, that of a node with itself 0,
    so that a pair never supports itself. The weights, none negative, are those of the conditional
    logit (softmax) of each training pair among the drugs that are not known for its disease, with a
    small ridge.

    Args:
        drugs, diseases: weighted similarities by feature, (drugs, drugs) and (diseases, diseases).
        genes: weighted, (drugs, diseases).
        weights: by feature, under `drug`, `disease` and `genes`.
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
        """Learn how much each similarity feature counts.

        Args:
            data: the training graph; `kg` is read for names and structures alone.
            known: the training pairs, (drugs, diseases).
        """
        head, _, tail = edge_type
        drugs = _allowed(end_features(kg, data, head, edge_type, heads=True).similarities)
        diseases = _allowed(end_features(kg, data, tail, edge_type, heads=False).similarities)
        genes = _shared_genes(data, known.shape)
        names = [(DRUG, name) for name in drugs] + [(DISEASE, name) for name in diseases]
        names.append((GENES, GENES))
        features = _PairFeatures(drugs, diseases, genes, known)
        scale, examples = _training_examples(features, known, seed)
        fitted = _conditional_logit(examples, len(names)) / scale
        weights: dict[str, dict[str, float]] = {DRUG: {}, DISEASE: {}, GENES: {}}
        for (source, name), weight in zip(names, fitted, strict=True):
            if weight > 0:
                weights[source][name] = float(weight)
        return cls(
            {name: drugs[name] * np.float32(w) for name, w in weights[DRUG].items()},
            {name: diseases[name] * np.float32(w) for name, w in weights[DISEASE].items()},
            genes * np.float32(weights[GENES].get(GENES, 0.0)),
            weights,
            known,
        )

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these diseases with all drugs, (n, drugs)."""
        scores = np.zeros((len(tails), self._known.shape[0]))
        for start in range(0, len(tails), _BATCH):
            chosen = tails[start : start + _BATCH].numpy()
            batch = self._genes[:, chosen].toarray()
            of_disease = self._by_disease[:, chosen]
            for similarity in self._drugs.values():
                batch += (similarity @ of_disease).toarray()
            for similarity in self._diseases.values():
                batch += (self._by_drug @ similarity[:, chosen]).toarray()
            scores[start : start + _BATCH] = batch.T
        return torch.from_numpy(scores)

    def contributions(self, drug: int, disease: int, most: int = 5) -> list[Contribution]:
        """The known pairs, and the genes, that contribute most to a pair's score."""
        contributions: list[tuple[float, str, int | None, str, float]] = []
        known_drugs = self._by_disease[:, [disease]].tocoo()
        for feature, similarity in self._drugs.items():
            row = similarity[drug].toarray().ravel()
            weight = self.weights[DRUG][feature]
            for other, scale in zip(known_drugs.row, known_drugs.data, strict=True):
                contributions.append(
                    (row[other] * scale, DRUG, int(other), feature, row[other] / weight)
                )
        treated = self._by_drug[drug].tocoo()
        for feature, similarity in self._diseases.items():
            row = similarity[disease].toarray().ravel()
            weight = self.weights[DISEASE][feature]
            for other, scale in zip(treated.col, treated.data, strict=True):
                contributions.append(
                    (row[other] * scale, DISEASE, int(other), feature, row[other] / weight)
                )
        genes = float(self._genes[drug, disease])
        if genes:
            contributions.append((genes, GENES, None, GENES, genes / self.weights[GENES][GENES]))
        total = sum(part[0] for part in contributions)
        heaviest = sorted(
            contributions, key=lambda part: (-part[0], part[1], part[2] or 0, part[3])
        )
        return [
            Contribution(
                source, number, feature, round(float(similarity), 4), round(float(part / total), 4)
            )
            for part, source, number, feature, similarity in heaviest[:most]
            if part > 0
        ]

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        tensors = {**matrix_tensors("genes", self._genes), **matrix_tensors("known", self._known)}
        for source, similarities in ((DRUG, self._drugs), (DISEASE, self._diseases)):
            for number, matrix in enumerate(similarities.values()):
                tensors |= with_prefix(f"{source}{number}", matrix_tensors("alike", matrix))
        return tensors

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], weights: Mapping[str, Mapping[str, float]]
    ) -> Content:
        """The scorer that gave these `tensors` and has these `weights`."""
        drugs, diseases = (
            {
                feature: matrix_from_tensors("alike", without_prefix(f"{source}{number}", tensors))
                for number, feature in enumerate(weights[source])
            }
            for source in (DRUG, DISEASE)
        )
        genes, known = (matrix_from_tensors(name, tensors) for name in ("genes", "known"))
        return cls(drugs, diseases, genes, weights, known)


class _PairFeatures:
    """The similarity features of all pairs of a disease, summed over its known drugs and over the
    known diseases of each drug."""

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

    def of_disease(self, disease: int) -> Floats:
        """(drugs, features)."""
        own = self._by_disease[:, [disease]]
        columns = [similarity @ own for similarity in self._drugs.values()]
        columns += [
            self._by_drug @ similarity[:, [disease]] for similarity in self._diseases.values()
        ]
        columns.append(self._genes[:, [disease]])
        return np.asarray(np.concatenate([column.toarray() for column in columns], 1), np.float64)


def _scaled_columns(known: sparse.csr_matrix) -> sparse.csr_matrix:
    """0/1 columns divided by the square root of their sums."""
    sums = np.asarray(known.sum(0)).ravel()
    return (known @ sparse.diags(1 / np.sqrt(np.maximum(sums, 1)))).tocsr().astype(np.float32)


def _allowed(similarities: Mapping[str, sparse.csr_matrix]) -> dict[str, sparse.csr_matrix]:
    """The similarities but those by relations that speak against a drug."""
    return {
        name: rows
        for name, rows in similarities.items()
        if not any(relation in name for relation in RELATIONS_AGAINST)
    }


def _shared_genes(data: HeteroData, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Cosine of the idf-weighted genes of a drug's targets and of a disease, (drugs, diseases)."""
    if _DRUG_TARGETS not in data.edge_types or _DISEASE_GENES not in data.edge_types:
        return sparse.csr_matrix(shape, dtype=np.float32)
    drugs, diseases = (
        l2_normalised_rows(
            idf_weighted(
                pair_matrix(
                    data[edge_type].edge_index.numpy().T,
                    (data[edge_type[0]].num_nodes, data[edge_type[2]].num_nodes),
                )
            )
        )
        for edge_type in (_DRUG_TARGETS, _DISEASE_GENES)
    )
    return (drugs @ diseases.T).tocsr()


def _training_examples(
    features: _PairFeatures, known: sparse.csr_matrix, seed: int
) -> tuple[Floats, list[tuple[Floats, Floats]]]:
    """Of each disease with a drug, the features of its drugs and of a random sample of negatives.

    Returns:
        The scale (root mean square) of each feature, by which they are divided; and the examples:
        features of a disease's drugs, and of its negatives.
    """
    generator = np.random.default_rng(seed)
    by_disease = known.T.tocsr()
    examples = []
    for disease in np.flatnonzero(np.diff(by_disease.indptr)):
        rows = features.of_disease(int(disease))
        own = by_disease[disease].indices
        negatives = np.setdiff1d(np.arange(len(rows)), own)
        negatives = np.sort(generator.permutation(negatives)[:_NEGATIVES])
        examples.append((rows[own], rows[negatives]))
    squares = np.sum([(part**2).sum(0) for pair in examples for part in pair], axis=0)
    count = sum(len(part) for pair in examples for part in pair)
    scale = np.sqrt(squares / count) + 1e-9
    return scale, [(own / scale, negatives / scale) for own, negatives in examples]


def _conditional_logit(examples: list[tuple[Floats, Floats]], n_features: int) -> Floats:
    """The weights, none negative, with the least loss over all training pairs:

    -log(exp(s) / (exp(s) + Σ_negatives exp(s'))) + ridge · |w|²
    """

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = _RIDGE * weights @ weights, 2 * _RIDGE * weights
        for own, negatives in examples:
            true, false = own @ weights, negatives @ weights
            highest = max(true.max(), false.max() if len(false) else -np.inf)
            exp_true, exp_false = np.exp(true - highest), np.exp(false - highest)
            sums = exp_true + exp_false.sum()
            total += (np.log(sums) - (true - highest)).sum()
            gradient += ((exp_true / sums - 1) @ own) + (1 / sums).sum() * (exp_false @ negatives)
        return float(total), gradient

    start = np.full(n_features, _INITIAL_WEIGHT)
    bounds = [(0, None)] * n_features
    return np.asarray(minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x)
