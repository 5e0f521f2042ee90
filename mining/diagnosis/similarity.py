"""Similarities and likelihoods that rank diseases by their annotations, without any training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.sparse import l2_normalised_rows
from .knowledge import (
    Floats,
    Integers,
    Knowledge,
    closed,
    expand,
    order_by_row,
)


def resnik(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Resnik similarity of patients to every disease, patients × diseases.

    The mean, over the patient's phenotypes, of the information of the most informative ancestor
    that the phenotype shares with one of the disease's (Resnik 1995,
    https://arxiv.org/abs/cmp-lg/9511007; for diseases Köhler et al. 2009,
    https://doi.org/10.1016/j.ajhg.2009.09.003).
    """
    return mean_over(patients, shared_information(knowledge, patients))


def lin(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Lin similarity of patients to every disease, patients × diseases.

    The mean, over the patient's phenotypes a, of max_b 2 I(common ancestor) / (I(a) + I(b)) over
    the disease's phenotypes b, with I the information (Lin 1998,
    https://dl.acm.org/doi/10.5555/645527.657297).
    """
    information, below = knowledge.information, knowledge.closure.T.tocsr()
    stated = knowledge.annotated.indices
    has_any = np.flatnonzero(np.diff(knowledge.annotated.indptr))
    by_phenotype = {}
    for phenotype in _distinct(patients):
        shared = np.zeros(len(information), dtype=np.float32)
        for ancestor in _by_information(knowledge, phenotype):
            shared[entries(below, ancestor)] = information[ancestor]
        similarity = 2 * shared / np.maximum(information[phenotype] + information, 1e-9)
        best = np.zeros(len(knowledge.diseases), dtype=np.float32)
        best[has_any] = np.maximum.reduceat(similarity[stated], knowledge.annotated.indptr[has_any])
        by_phenotype[phenotype] = best
    return mean_over(patients, by_phenotype)


def phrank(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Phrank's similarity of patients to every disease, patients × diseases.

    Σ log P(parents of a) / P(a) over the phenotypes a that both have, ancestors included, with P
    the share of diseases that have it, and of the parents that of the rarest (Jagadeesh et al.
    2019, https://doi.org/10.1038/s41436-018-0072-y).
    """
    parents, information = knowledge.parents, knowledge.information
    above = np.zeros_like(information)
    child = np.repeat(np.arange(len(information)), np.diff(parents.indptr))
    np.maximum.at(above, child, information[parents.indices])
    gained = sp.diags(np.maximum(information - above, 0))
    has = knowledge.frequency.astype(bool).astype(np.float32)
    return np.asarray((knowledge.with_ancestors(patients) @ gained @ has.T).toarray())


def shared_information(knowledge: Knowledge, patients: Sequence[Integers]) -> dict[int, Floats]:
    """The information shared with each disease, (diseases,), for each phenotype of the patients.

    That is the information content of the most informative ancestor of the phenotype, itself
    included, that the disease shows.
    """
    by_phenotype = {}
    for phenotype in _distinct(patients):
        shared = np.zeros(len(knowledge.diseases), dtype=np.float32)
        for ancestor in _by_information(knowledge, phenotype):
            shared[entries(knowledge.shown_by, ancestor)] = knowledge.information[ancestor]
        by_phenotype[phenotype] = shared
    return by_phenotype


def mean_over(patients: Sequence[Integers], values: dict[int, Floats]) -> Floats:
    """The mean over each patient's phenotypes, patients × diseases.

    Args:
        values: (diseases,), by phenotype.
    """
    size = len(next(iter(values.values()))) if values else 0
    means = np.zeros((len(patients), size), dtype=np.float32)
    for row, patient in enumerate(patients):
        for phenotype in patient:
            means[row] += values[int(phenotype)]
        means[row] /= max(len(patient), 1)
    return means


def _distinct(patients: Sequence[Integers]) -> list[int]:
    distinct: list[int] = np.unique(np.concatenate([*patients, np.empty(0, np.int64)])).tolist()
    return distinct


def _by_information(knowledge: Knowledge, phenotype: int) -> NDArray[np.int32]:
    """A phenotype and its ancestors, the most informative last."""
    ancestors = entries(knowledge.closure, phenotype)
    return ancestors[np.argsort(knowledge.information[ancestors], kind="stable")]


def naive_bayes(knowledge: Knowledge, patients: Sequence[Integers], noise: float = 0.05) -> Floats:
    """Log-likelihood of the patients' phenotypes under every disease, patients × diseases.

    log Π (1 - noise) P(phenotype | disease) + noise P(phenotype), where P(phenotype | disease) is
    the annotated frequency and P(phenotype) its mean over the diseases. Constant parts left out.
    """
    columns = np.array(_distinct(patients), dtype=np.int64)
    background = np.asarray(knowledge.frequency.mean(axis=0)).ravel()[columns] + 1e-5
    # Relative to a disease without the phenotype, the matrix stays sparse.
    weights = knowledge.shown_by[columns]
    usual = np.repeat(background, np.diff(weights.indptr))
    weights.data = np.log(1 + (1 - noise) * weights.data / (noise * usual))
    scores = knowledge.present(patients)[:, columns] @ weights
    return np.asarray(scores.toarray(), dtype=np.float32)


def nearest(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Cosine of each patient with the most similar known patient of every disease.

    The mean of the cosine of their phenotypes with ancestors and of that of the exact phenotypes,
    weighted by information content; 0 for diseases without a known patient.
    """

    def unit(shown: sp.csr_matrix) -> sp.csr_matrix:
        return l2_normalised_rows(shown @ sp.diags(knowledge.information))

    scores = np.zeros((len(patients), len(knowledge.diseases)), dtype=np.float32)
    exact, known = knowledge.present(patients), knowledge.patients
    cosine = (unit(exact) @ unit(known).T).toarray() / 2
    with_ancestors = unit(closed(exact, knowledge.closure)) @ unit(knowledge.patients_closed).T
    cosine += with_ancestors.toarray() / 2
    for column, row in enumerate(knowledge.patient_rows):
        scores[:, row] = np.maximum(scores[:, row], cosine[:, column])
    return scores


def entries(matrix: sp.csr_matrix, at: int) -> NDArray[np.int32]:
    """The places of the entries in a row."""
    places: NDArray[np.int32] = matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]]
    return places


class ConditionalScorer:
    """The sum of the surprises of all that a patient shows, ancestors included; see `surprise`."""

    def __init__(self, knowledge: Knowledge):
        self._knowledge = knowledge
        self._surprise = conditional_log_ratios(knowledge)

    def __call__(self, patients: Sequence[Integers]) -> Floats:
        """Scores, patients × diseases."""
        return np.asarray((self._knowledge.with_ancestors(patients) @ self._surprise).toarray())


def conditional_log_ratios(
    knowledge: Knowledge, frequency: sp.csr_matrix | None = None, smoothing: float = 0.1
) -> sp.csr_matrix:
    """log P(phenotype | parents, disease) / P(phenotype | parents): phenotypes × diseases.

    P(a | parents, d) = (P(a | d) + s P(a | parents)) / (P(parents | d) + s), with s the smoothing
    and P(parents) the least of theirs: a factor of a tree-shaped Bayesian network, so that an
    ancestor which several of a patient's phenotypes share counts once. It is stated where the
    disease shows all parents; below a phenotype that it doesn't show, nothing more is learnt.

    Args:
        frequency: of other rows than the knowledge's diseases, ancestors included; what is usual
            stays as in the knowledge.
    """
    rows = knowledge.frequency if frequency is None else frequency
    size, number = len(knowledge.phenotypes), np.diff(knowledge.parents.indptr)
    background = np.asarray(knowledge.frequency.mean(axis=0)).ravel() + 1e-6
    least = np.ones(size)
    child = np.repeat(np.arange(size), number)
    np.minimum.at(least, child, background[knowledge.parents.indices])
    expected = np.minimum(background / least, 1)

    by_phenotype = rows.T.tocsr()
    by_phenotype.sort_indices()
    phenotypes, at, above = _below_all(knowledge.parents, by_phenotype)
    entries_at = _places(*_entries(by_phenotype, np.arange(size))[:2], rows.shape[0])
    wanted = _places(phenotypes, at, rows.shape[0])
    position = np.minimum(np.searchsorted(entries_at, wanted), max(len(entries_at) - 1, 0))
    own = (
        np.where(entries_at[position] == wanted, by_phenotype.data[position], 0)
        if len(entries_at)
        else above
    )
    usual = expected[phenotypes]
    likely = (own + smoothing * usual) / (np.maximum(above, own) + smoothing)
    log_ratios = np.log(likely / usual)
    # A root has entries only for the diseases that show it: relative to those that don't.
    log_ratios -= np.where(number[phenotypes] == 0, np.log(smoothing / (1 + smoothing)), 0)
    shape = (size, rows.shape[0])
    return sp.csr_matrix((log_ratios.astype(np.float32), (phenotypes, at)), shape=shape)


def _below_all(
    parents: sp.csr_matrix, by_phenotype: sp.csr_matrix
) -> tuple[Integers, Integers, Floats]:
    """Each phenotype with the diseases that show all its parents, and the least of these.

    A root (a phenotype without parents) counts as if it had one, shown with frequency 1 wherever
    the root is.
    """
    number = np.diff(parents.indptr)
    child = np.repeat(np.arange(len(number)), number)
    alone, several = number[child] == 1, number[child] > 1
    without = np.flatnonzero(number == 0)
    roots, at_roots, _ = _entries(by_phenotype, without)
    parent, at_parent, of_parent = _entries(by_phenotype, parents.indices[alone])
    # Of several parents the rows meet: sorted by disease, those that all have are runs as long.
    edge, at_edge, of_edge = _entries(by_phenotype, parents.indices[several])
    below = child[several][edge]
    order = order_by_row(below, at_edge)
    below, at_edge, of_edge = below[order], at_edge[order], of_edge[order]
    first = np.flatnonzero((np.diff(below, prepend=-1) != 0) | (np.diff(at_edge, prepend=-1) != 0))
    together = np.diff(first, append=len(below)) == number[below[first]]
    least = np.minimum.reduceat(of_edge, first) if len(first) else of_edge
    return (
        np.concatenate([without[roots], child[alone][parent], below[first][together]]),
        np.concatenate([at_roots, at_parent, at_edge[first][together]]),
        np.concatenate([np.ones(len(roots), dtype=np.float32), of_parent, least[together]]),
    )


def _entries(matrix: sp.csr_matrix, rows: Integers) -> tuple[Integers, Integers, Floats]:
    """Of the entries of these rows the place of the row in `rows`, the column and the value."""
    counts = np.diff(matrix.indptr)[rows]
    places = expand(matrix.indptr[rows].astype(np.int64), counts)
    return np.repeat(np.arange(len(rows)), counts), matrix.indices[places], matrix.data[places]


def _places(rows: Integers, columns: Integers, width: int) -> Integers:
    return rows * np.int64(width) + columns
