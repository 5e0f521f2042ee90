"""What to ask next: the phenotypes with the highest expected information gain."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from .answered import OPPOSITE, SIGN, answered_by_name
from .circumstances import Factors
from .knowledge import Floats, Integers, Knowledge
from .posterior import ProbabilityModel, most_probable, posterior

CONSIDERED = 200  # the most probable diseases, between which a question is to discriminate
NOISE = 0.05  # how often a phenotype is found for another reason than the disease
_SUPPORTED = 3  # diseases named that a "yes" supports
# From this similarity (Lin 1998) on a phenotype is another name for what was seen, and its answer
# all but known: lens subluxation where ectopia lentis was seen.
_SAME = 0.88
# Where a smaller share of the diseases that show a term are described by the very term, it is a
# heading of the ontology and nothing that is looked for: "abnormality of the face".
_HEADING = 0.1
# A phenotype that so many diseases are described by is asked for with half of its weight.
_HALF_RECORDED = 30
_NO_QUESTIONS = 10  # of the most probable diseases, which are no questions themselves


def questions(
    model: ProbabilityModel,
    present: Integers,
    excluded: Integers,
    unknown: Integers,
    *,
    top: int = 10,
    factors: Factors | None = None,
) -> pl.DataFrame:
    """The phenotypes not yet asked for, those first that are expected to tell most.

    The expected information gain is weighed by how likely the question can be answered at all
    (`recorded`). What is all but a synonym of a finding, or of a question before, is not asked for,
    nor what a finding's name settles, a likely diagnosis, headings, and everyday conditions.

    Args:
        present, excluded, unknown: columns of the knowledge: seen, looked for and not found, and
            asked for without an answer.
        factors: likelihood ratios of what is known beside phenotypes.

    Returns:
        rank, phenotype, name, definition; `gain` in bits (see `information_gain`); `probability`
        of a "yes"; `speaks_for`: names of the diseases that a "yes" would raise most.
    """
    knowledge = model.knowledge
    logs = posterior(model, [present], [excluded], factors)[0]
    rows, weights = most_probable_diseases(logs)
    not_asked = unknown if factors is None else np.union1d(unknown, factors.everyday)
    columns = _open(model, rows, present, excluded, not_asked)
    shown = probabilities(knowledge, rows, columns, present)
    gain = information_gain(weights, shown)
    order = np.lexsort((columns, -gain * recorded(knowledge, columns)))
    order = order[_unlike(knowledge, columns[order], top)]
    support = weights[:, None] * np.log(shown[:, order] / (weights @ shown[:, order]))
    first = np.argsort(-support, axis=0, kind="stable")[:_SUPPORTED]
    ids = [knowledge.phenotypes[columns[at]] for at in order]
    ids += [knowledge.diseases[row] for row in rows[first].ravel()]
    described = {
        id_: (name, definition)
        for id_, name, definition in model.kg.nodes.filter(pl.col("id").is_in(ids))
        .select("id", "name", pl.col("properties").str.json_path_match("$.definition"))
        .iter_rows()
    }
    lines: list[Question] = []
    for rank, at in enumerate(order):
        phenotype = knowledge.phenotypes[columns[at]]
        name, definition = described.get(phenotype, (phenotype, None))
        likely = [knowledge.diseases[rows[d]] for d in first[:, rank] if support[d, rank] > 0]
        lines.append(
            {
                "rank": rank + 1,
                "phenotype": phenotype,
                "name": name,
                "definition": definition,
                "gain": float(gain[at]),
                "probability": float(weights @ shown[:, at]),
                "speaks_for": [described.get(disease, (disease, None))[0] for disease in likely],
            }
        )
    return pl.DataFrame(lines, schema=QUESTIONS)


def _open(
    model: ProbabilityModel,
    rows: Integers,
    present: Integers,
    excluded: Integers,
    unknown: Integers,
) -> Integers:
    """What is `askable`, no diagnosis, and not settled by the names of the findings."""
    knowledge = model.knowledge

    def settled(columns: Integers, rule: str) -> Integers:
        findings = [knowledge.phenotypes[column] for column in np.unique(columns)]
        return knowledge.columns_of(answered_by_name(model.kg, findings, rule))

    opposite = settled(knowledge.with_ancestors([present]).indices, OPPOSITE)
    columns = askable(knowledge, rows, present, excluded, np.union1d(unknown, opposite))
    columns = np.setdiff1d(columns, settled(present, SIGN)).astype(np.int64)
    # Who is asked for aortic dissection is asked for the diagnosis.
    diagnoses = set().union(*(model.namesakes[row] for row in rows[:_NO_QUESTIONS].tolist()))
    return columns[~np.isin(columns, list(diagnoses))]


class Question(TypedDict):
    """A row of `questions`; see there."""

    rank: int
    phenotype: str
    name: str
    definition: str | None
    gain: float
    probability: float
    speaks_for: list[str]


QUESTIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "rank": pl.UInt32,
    "phenotype": pl.String,
    "name": pl.String,
    "definition": pl.String,
    "gain": pl.Float64,
    "probability": pl.Float64,
    "speaks_for": pl.List(pl.String),
}


def most_probable_diseases(logs: Floats) -> tuple[Integers, NDArray[np.float64]]:
    """The rows of the most probable diseases, and their probabilities among themselves."""
    rows = most_probable(logs, CONSIDERED)
    weights = np.exp(logs[rows].astype(np.float64) - float(logs[rows[0]]))
    return rows, weights / weights.sum()


def askable(
    knowledge: Knowledge, rows: Integers, present: Integers, excluded: Integers, unknown: Integers
) -> Integers:
    """Phenotypes stated of any of the diseases (rows) of which the answer doesn't follow yet.

    Of a phenotype that is seen, all ancestors follow, and what is all but the same; of one that was
    excluded, all descendants; and who can't answer for a phenotype can't for its descendants.
    Headings (see `headings`) are left out.
    """
    stated = np.unique(knowledge.annotated[rows].indices)
    implied = knowledge.with_ancestors([present]).indices
    answered = np.union1d(excluded, unknown)
    below = np.flatnonzero(knowledge.closure @ _indicator(answered, len(knowledge.phenotypes)))
    columns = np.setdiff1d(stated, np.union1d(implied, below)).astype(np.int64)
    columns = columns[~headings(knowledge)[columns]]
    settled = np.union1d(present, answered)
    return columns[_similarity(knowledge, columns, settled) < _SAME]


def headings(knowledge: Knowledge) -> NDArray[np.bool_]:
    """Which phenotypes are headings of the ontology: fewer than a tenth of the diseases that show
    one are described by the very term."""
    described = np.bincount(knowledge.annotated.indices, minlength=len(knowledge.phenotypes))
    shown = np.asarray((knowledge.frequency > 0).sum(axis=0)).ravel()
    return np.asarray(described < _HEADING * shown)


def _unlike(knowledge: Knowledge, columns: Integers, top: int) -> list[int]:
    """The places of the first phenotypes of which none is all but one before it."""
    chosen: list[int] = []
    candidates = np.arange(len(columns))
    while len(candidates) and len(chosen) < top:
        first = int(candidates[0])
        chosen.append(first)
        candidates = candidates[1:]
        alike = _similarity(knowledge, columns[candidates], columns[[first]])
        candidates = candidates[alike < _SAME]
    return chosen


def recorded(knowledge: Knowledge, columns: Integers) -> NDArray[np.float64]:
    """How likely a phenotype is one that is looked for and written down, between 0 and 1.

    By how many diseases are described by the very term: fatigue and cataract are, "abnormality of
    mental function" and the level of a rare enzyme are hardly.
    """
    annotated = knowledge.annotated
    diseases = np.bincount(annotated.indices, minlength=annotated.shape[1])[columns]
    return np.asarray(diseases / (diseases + _HALF_RECORDED))


def _similarity(knowledge: Knowledge, columns: Integers, settled: Integers) -> NDArray[np.float64]:
    """The similarity (Lin) of each phenotype to the most similar one that is settled."""
    information, closure = knowledge.information, knowledge.closure
    most = np.zeros(len(columns))
    for seen in settled.astype(np.int64):
        of_seen = np.zeros_like(information)
        ancestors = closure[seen].indices
        of_seen[ancestors] = information[ancestors]
        shared = (closure[columns] @ sp.diags(of_seen)).max(axis=1).toarray().ravel()
        # What no disease shows has no information content but that of what it is a kind of.
        most = np.maximum(most, 2 * shared / (information[columns] + of_seen.max() + 1e-9))
    return most


def _indicator(columns: Integers, size: int) -> Floats:
    vector = np.zeros(size, dtype=np.float32)
    vector[columns] = 1
    return vector


def probabilities(
    knowledge: Knowledge, rows: Integers, columns: Integers, present: Integers
) -> NDArray[np.float64]:
    """P(phenotype | disease, what is seen), diseases (rows) × phenotypes (columns).

    P(a | d) = (1 - e) f(a, d) + e f(a), with f(a, d) the frequency that is known, f(a) its mean
    over the diseases and e the noise. A phenotype below one that is seen is conditional on it:
    P(a | d, b seen) = P(a | d) / P(b | d), with b the least frequent of its ancestors seen.
    Beyond that, phenotypes of a disease are taken to be independent.
    """
    usual = np.asarray(knowledge.frequency.mean(axis=0)).ravel()

    def marginal(phenotypes: Integers) -> NDArray[np.float64]:
        known: NDArray[np.float64] = (
            knowledge.frequency[rows][:, phenotypes].toarray().astype(np.float64)
        )
        return np.asarray((1 - NOISE) * known + NOISE * usual[phenotypes] + 1e-6)

    seen = np.unique(knowledge.with_ancestors([present]).indices).astype(np.int64)
    of_columns, of_seen = marginal(columns), marginal(seen)
    least = np.ones_like(of_columns)
    above: sp.csr_matrix = knowledge.closure[columns][:, seen].tocsc()
    for place in range(len(seen)):
        below = above.indices[above.indptr[place] : above.indptr[place + 1]]
        least[:, below] = np.minimum(least[:, below], of_seen[:, place : place + 1])
    return np.minimum(of_columns / least, 1 - 1e-6)


def information_gain(
    weights: NDArray[np.float64], shown: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mutual information of the diagnosis and each answer, in bits, one a phenotype.

    I(D; A) = H(D) - Σ_a P(a) H(D | a) = h(Σ_d P(d) P(yes | d)) - Σ_d P(d) h(P(yes | d)), with h the
    entropy of yes and no: the expected information of an experiment (Lindley 1956,
    https://doi.org/10.1214/aoms/1177728069), as Gorry & Barnett 1968 chose questions by
    (https://doi.org/10.1016/0010-4809(68)90016-5).

    Args:
        weights: P(d), which sum to 1.
        shown: P(yes | d), diseases × phenotypes, between 0 and 1 exclusively.
    """
    return _entropy(weights @ shown) - weights @ _entropy(shown)


def _entropy(yes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-(yes * np.log2(yes) + (1 - yes) * np.log2(1 - yes)))
