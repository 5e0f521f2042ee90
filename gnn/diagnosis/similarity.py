"""Scores that rank diseases by what is known of them, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .knowledge import Floats, Integers, Knowledge, closed, expand


def resnik(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Resnik similarity of patients to every disease, patients × diseases.

    The mean, over the patient's phenotypes, of the information of the most informative ancestor
    that the phenotype shares with one of the disease's (Resnik 1995,
    https://arxiv.org/abs/cmp-lg/9511007; for diseases Köhler et al. 2009,
    https://doi.org/10.1016/j.ajhg.2009.09.003).
    """
    having = knowledge.frequency.tocsc()
    scores = np.zeros((len(patients), len(knowledge.diseases)), dtype=np.float32)
    for row, patient in enumerate(patients):
        for phenotype in patient:
            shared = np.zeros(scores.shape[1], dtype=np.float32)
            ancestors = _entries(knowledge.closure, phenotype)
            for ancestor in ancestors[np.argsort(knowledge.information[ancestors], kind="stable")]:
                shared[_entries(having, ancestor)] = knowledge.information[ancestor]
            scores[row] += shared
        scores[row] /= max(len(patient), 1)
    return scores


def naive_bayes(knowledge: Knowledge, patients: Sequence[Integers], noise: float = 0.05) -> Floats:
    """Log-likelihood of the patients' phenotypes under every disease, patients × diseases.

    log Π (1 - noise) P(phenotype | disease) + noise P(phenotype), where P(phenotype | disease) is
    the annotated frequency and P(phenotype) its mean over the diseases. Constant parts left out.
    """
    background = np.asarray(knowledge.frequency.mean(axis=0)).ravel() + 1e-5
    # Relative to a disease without the phenotype, the matrix stays sparse.
    odds = knowledge.frequency.tocoo()
    ratio = 1 + (1 - noise) * odds.data / (noise * background[odds.col])
    weights = sp.csr_matrix((np.log(ratio), (odds.row, odds.col)), shape=odds.shape)
    scores = knowledge.present(patients) @ weights.T
    return np.asarray(scores.todense(), dtype=np.float32)


def nearest(knowledge: Knowledge, patients: Sequence[Integers]) -> Floats:
    """Cosine of each patient with the most similar known patient of every disease.

    Of what they show, ancestors included, weighted by information; 0 for diseases without a known
    patient.
    """

    def unit(shown: sp.csr_matrix) -> sp.csr_matrix:
        weighted = (shown @ sp.diags(knowledge.information)).tocsr()
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sp.diags(1 / np.maximum(length, 1e-9)) @ weighted

    found = np.zeros((len(patients), len(knowledge.diseases)), dtype=np.float32)
    known = unit(closed(knowledge.patients, knowledge.closure))
    cosine = (unit(knowledge.with_ancestors(patients)) @ known.T).toarray()
    for column, row in enumerate(knowledge.patient_rows):
        found[:, row] = np.maximum(found[:, row], cosine[:, column])
    return found


def _entries(matrix: sp.csr_matrix | sp.csc_matrix, at: int) -> NDArray[np.int32]:
    """The places of the entries in a row (of a CSR matrix) or column (of a CSC matrix)."""
    places: NDArray[np.int32] = matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]]
    return places


@dataclass(frozen=True)
class Links:
    """Every (phenotype, disease) at which a phenotype tells something about the disease.

    These are the phenotypes all of whose parents the disease shows; below a phenotype that the
    disease doesn't show, nothing more is learnt. In the order of phenotypes.

    Attributes:
        starts: where each phenotype's links begin; one more than there are phenotypes.
        diseases: row of the disease.
        surprise: log P(phenotype | parents, disease) / P(phenotype | parents).
        frequency: P(phenotype | disease).
        above: P(the least frequent parent | disease).
    """

    starts: Integers
    diseases: NDArray[np.int32]
    surprise: Floats
    frequency: Floats
    above: Floats


def links(knowledge: Knowledge, smoothing: float = 0.1) -> Links:
    """The links of a knowledge, phenotypes conditional on their parents.

    P(a | parents, d) = (P(a | d) + s P(a | parents)) / (P(parents | d) + s), with s the smoothing
    and P(parents) the least of theirs: a factor of a tree-shaped Bayesian network, so that an
    ancestor which several of a patient's phenotypes share counts once.
    """
    size = len(knowledge.phenotypes)
    background = np.asarray(knowledge.frequency.mean(axis=0)).ravel() + 1e-6
    parents = knowledge.parents
    number = np.diff(parents.indptr)
    least = np.ones(size)
    np.minimum.at(least, np.repeat(np.arange(size), number), background[parents.indices])
    expected = np.minimum(background / least, 1)

    shown = knowledge.frequency.tocoo()
    children = parents.T.tocsr()
    counts = np.diff(children.indptr)[shown.col]
    below = children.indices[expand(children.indptr[shown.col].astype(np.int64), counts)]
    rows, above = np.repeat(shown.row, counts), np.repeat(shown.data, counts)
    orphans = number[shown.col] == 0  # their parent is thought of as shown by every disease
    below = np.concatenate([below, shown.col[orphans]])
    rows = np.concatenate([rows, shown.row[orphans]])
    above = np.concatenate([above, np.ones(orphans.sum(), dtype=np.float32)])

    diseases = len(knowledge.diseases)
    place = below.astype(np.int64) * diseases + rows
    order = np.argsort(place, kind="stable")
    place, first, together = np.unique(place[order], return_index=True, return_counts=True)
    above = np.minimum.reduceat(above[order], first)
    whole = together == np.maximum(number[place // diseases], 1)
    place, above = place[whole], above[whole]
    phenotypes, rows = place // diseases, place % diseases

    by_phenotype = knowledge.frequency.T.tocoo()
    given = by_phenotype.row.astype(np.int64) * diseases + by_phenotype.col
    order = np.argsort(given)
    at = np.minimum(np.searchsorted(given[order], place), len(given) - 1)
    frequency = np.where(given[order][at] == place, by_phenotype.data[order][at], 0)
    usual = expected[phenotypes]
    likely = (frequency + smoothing * usual) / (np.maximum(above, frequency) + smoothing)
    surprise = np.log(likely / usual)
    # Of an orphan only the diseases that show it have a link: relative to those that don't.
    surprise -= np.where(number[phenotypes] == 0, np.log(smoothing / (1 + smoothing)), 0)
    return Links(
        starts=np.searchsorted(phenotypes, np.arange(size + 1)),
        diseases=rows.astype(np.int32),
        surprise=surprise.astype(np.float32),
        frequency=frequency.astype(np.float32),
        above=above.astype(np.float32),
    )


def conditional(knowledge: Knowledge, found: Links, patients: Sequence[Integers]) -> Floats:
    """The sum of the surprises of all that the patients show, ancestors included: patients ×
    diseases."""
    shape = (len(knowledge.phenotypes), len(knowledge.diseases))
    matrix = sp.csr_matrix((found.surprise, found.diseases, found.starts), shape=shape)
    return np.asarray((knowledge.with_ancestors(patients) @ matrix).todense(), dtype=np.float32)
