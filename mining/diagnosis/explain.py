"""Why a disease is in the list: each of the patient's phenotypes against it, with its evidence.

What matches is told by the ontology; what a phenotype counts for, by the model itself: what becomes
of the disease when it is left out. So the figures are those of whichever model made the list, and a
phenotype that a model doesn't care for counts nothing, whatever the annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from ...graph.kg import KnowledgeGraph
from .circumstances import Circumstances, Factors
from .knowledge import Floats, Integers, Knowledge
from .similarity import entries

if TYPE_CHECKING:
    from .model import DiagnosisModel

MISSING = 5  # phenotypes that are missing that are shown for a disease
_OFTEN = 0.5  # a phenotype that more of the disease's patients have is missed where it isn't there
# Shares of diseases that a broader term may have and still say something: -log of it.
_TELLING, _NEAR = 1.0, 2.5


class ExplanationRow(TypedDict):
    """A row of `explain`; see there."""

    rank: int
    disease: str
    disease_name: str
    part: str
    phenotype: str | None
    phenotype_name: str
    match: str | None
    by: str | None
    by_name: str | None
    frequency: float | None
    patients: str | None
    onset: str | None
    sex: str | None
    sources: list[str] | None
    references: list[str] | None
    support: float | None
    weight: float | None


EXPLANATION: dict[str, Any] = {
    "rank": pl.UInt32,
    "disease": pl.String,
    "disease_name": pl.String,
    "part": pl.String,
    "phenotype": pl.String,
    "phenotype_name": pl.String,
    "match": pl.String,
    "by": pl.String,
    "by_name": pl.String,
    "frequency": pl.Float64,
    "patients": pl.String,
    "onset": pl.String,
    "sex": pl.String,
    "sources": pl.List(pl.String),
    "references": pl.List(pl.String),
    "support": pl.Float64,
    "weight": pl.Float64,
}


@dataclass(frozen=True)
class Match:
    """A phenotype against a disease; phenotypes are columns of the knowledge.

    Attributes:
        part: `matching`, `unexpected`, `against` (excluded, and the disease shows it), `absent`
            (excluded, and the disease doesn't show it) or `missing`.
        how: `exact`; `narrower` or `broader` than the disease's; `near`: both below one term that
            says something; `none`.
        by: the disease's phenotype that it matches (of several the most telling), or that term.
    """

    part: str
    phenotype: int
    how: str
    by: int | None


def compare(
    knowledge: Knowledge, disease: int, present: Integers, excluded: Integers
) -> list[Match]:
    """A patient's phenotypes, and those that are missing, against a disease (its row)."""
    begin, end = knowledge.annotated.indptr[disease : disease + 2]
    stated = knowledge.annotated.indices[begin:end]
    frequency = knowledge.annotated.data[begin:end]
    at = {int(column): place for place, column in enumerate(stated)}
    shown = set(entries(knowledge.frequency, disease).tolist())
    information = knowledge.information
    matches = []
    for column in present.tolist():
        above = entries(knowledge.closure, column).tolist()
        broader = [a for a in above if a in at and information[a] > _TELLING]
        if column in at:
            how, by = "exact", column
        elif column in shown:
            how, by = "broader", _below(knowledge, column, stated, frequency)
        elif broader:
            how, by = "narrower", max(broader, key=lambda a: (information[a], a))
        else:
            shared = max((a for a in above if a in shown), key=lambda a: information[a], default=-1)
            near = shared >= 0 and information[shared] > _NEAR
            how, by = ("near", shared) if near else ("none", None)
        part = "unexpected" if how in ("near", "none") else "matching"
        matches.append(Match(part, column, how, by))
    for column in excluded.tolist():
        if column in shown:
            how = "exact" if column in at else "broader"
            by = column if how == "exact" else _below(knowledge, column, stated, frequency)
            matches.append(Match("against", column, how, by))
        else:
            matches.append(Match("absent", column, "none", None))
    told = {a for column in present for a in entries(knowledge.closure, column).tolist()}
    told |= {match.by for match in matches if match.by is not None and match.how == "broader"}
    denied = set(excluded.tolist())
    order = np.argsort(-frequency * information[stated], kind="stable")
    missing = [
        int(stated[place])
        for place in order
        if frequency[place] > _OFTEN
        and int(stated[place]) not in told
        and not denied & set(entries(knowledge.closure, stated[place]).tolist())
    ]
    return matches + [Match("missing", column, "none", column) for column in missing[:MISSING]]


def _below(knowledge: Knowledge, column: int, stated: NDArray[np.int32], frequency: Floats) -> int:
    """The most frequent of the stated phenotypes that are this one or below it."""
    order = np.argsort(-frequency, kind="stable")
    below = (p for p in order if column in entries(knowledge.closure, stated[p]))
    return int(stated[next(below)])


def posterior(
    model: DiagnosisModel,
    present: Sequence[Integers],
    excluded: Sequence[Integers],
    factors: Factors | None,
    scores: Floats | None = None,
) -> Floats:
    """Logarithms of the probabilities with the circumstances: patients × diseases. `scores`: of
    `model.scores`, where they are known already."""
    logs = model.log_probabilities(present, excluded, scores=scores)
    if factors is None:
        return logs
    logs = logs + factors.log_factors(model.knowledge, present)
    return np.asarray(log_softmax(logs, axis=1), dtype=np.float32)


def most_probable(logs: Floats, top: int) -> Integers:
    """The rows of the most probable diseases; of equally probable ones the first."""
    return np.asarray(np.lexsort((np.arange(len(logs)), -logs))[:top])


def log_odds(logs: NDArray[np.floating[Any]], rows: Integers) -> NDArray[np.float64]:
    """log p / (1 - p) of some diseases: patients × rows. `logs` are of all diseases."""
    whole = logs.astype(np.float64)
    found = np.empty((len(whole), len(rows)))
    for place, row in enumerate(rows):
        found[:, place] = whole[:, row] - logsumexp(np.delete(whole, row, axis=1), axis=1)
    return found


@dataclass(frozen=True)
class Counted:
    """What some things known of a patient count for some diseases: things × diseases."""

    support: NDArray[np.float64]
    weight: NDArray[np.float64]


def counted(
    model: DiagnosisModel,
    present: Integers,
    excluded: Integers,
    rows: Integers,
    factors: Factors | None = None,
) -> dict[str, Counted]:
    """What each thing known of a patient counts for some diseases (rows of the knowledge).

    Leaving out one thing a at a time (occlusion, Zeiler & Fergus 2014,
    https://arxiv.org/abs/1311.2901) gives, with all' = all but a, two figures:

        support(a, d) = log P(d | all) / P(d | all') - mean_d' log P(d' | all) / P(d' | all')
        weight(a, d) = logit P(d | all) - logit P(d | all')

    Support sets the disease against the mean of all diseases: above 0, a speaks for it, as a
    log-likelihood ratio does. Weight sets it against its rivals, the diseases that are probable by
    all the rest: what all of these show decides nothing between them, and weighs nothing. Of two
    phenotypes that say the same each counts little, since the other is still there. k phenotypes
    cost k + 1 scorings.

    Returns:
        For `present` and `excluded` what each phenotype counts, and for each of the circumstances
        given (see `Factors`) what it does.
    """
    with_all = [present] + [np.delete(present, i) for i in range(len(present))]
    with_all += [present] * len(excluded)
    without = [excluded] * (1 + len(present))
    without += [np.delete(excluded, i) for i in range(len(excluded))]
    logs = model.log_probabilities(with_all, without).astype(np.float64)
    named = {} if factors is None else factors.by_name(model.knowledge, with_all)
    for factor in named.values():
        logs += factor
    less = {"present": logs[1 : 1 + len(present)], "excluded": logs[1 + len(present) :]}
    less |= {name: logs[:1] - factor[:1] for name, factor in named.items()}
    odds = log_odds(logs[:1], rows)
    found = {}
    for name, other in less.items():
        change = logs[:1] - other
        support = change[:, rows] - change.mean(axis=1, keepdims=True)
        found[name] = Counted(support, odds - log_odds(other, rows))
    return found


def explain(
    model: DiagnosisModel,
    present: Integers,
    excluded: Integers,
    rows: Integers,
    given: Circumstances | None = None,
) -> pl.DataFrame:
    """Each of a patient's phenotypes against some diseases.

    Args:
        present, excluded: columns of the knowledge.
        rows: of the diseases, in order of rank.

    Returns:
        `EXPLANATION`: `rank` (place in `rows`) and disease; `part`, `match` and `by` (see `Match`;
        `part` is `circumstance` for a gene, an onset or a sex); of the disease's phenotype that is
        matched, `frequency`, `patients` ("7/9"), `onset` and `sex` as far as a source states them,
        `sources` and `references`; `support` and `weight` (see `counted`; null for what is
        missing). For a broader match they are those of the phenotype in `by`. In each part what
        counts most comes first.
    """
    knowledge = model.knowledge
    factors = Factors(model.kg, knowledge, given) if given else None
    figures = counted(model, present, excluded, rows, factors)
    place_of = {
        "present": {int(column): at for at, column in enumerate(present)},
        "excluded": {int(column): at for at, column in enumerate(excluded)},
    }
    compared = [compare(knowledge, int(row), present, excluded) for row in rows]
    evidence = stated_of(
        model.kg,
        knowledge,
        {
            (int(row), match.by)
            for row, matches in zip(rows, compared, strict=True)
            for match in matches
            if match.by is not None and match.how != "near"
        },
    )
    names = model.names
    found: list[dict[str, Any]] = []
    for at, (row, matches) in enumerate(zip(rows.tolist(), compared, strict=True)):
        disease = knowledge.diseases[row]
        about = {"rank": at + 1, "disease": disease, "disease_name": names.get(disease, disease)}
        lines = []
        for match in matches:
            kind = {"against": "excluded", "absent": "excluded", "missing": None}.get(
                match.part, "present"
            )
            phenotype = knowledge.phenotypes[match.phenotype]
            by = None if match.by is None else knowledge.phenotypes[match.by]
            lines.append(
                {
                    **about,
                    "part": match.part,
                    "phenotype": phenotype,
                    "phenotype_name": names.get(phenotype, phenotype),
                    "match": match.how,
                    "by": by,
                    "by_name": names.get(by, by) if by else None,
                    **evidence.get((row, -1 if match.by is None else match.by), {}),
                    **(
                        _figures(figures[kind], place_of[kind][match.phenotype], at) if kind else {}
                    ),
                }
            )
        lines.sort(key=lambda line: (_PARTS.index(line["part"]), -abs(line.get("support", 0))))
        found += lines
        if given and factors is not None:
            found += [
                {
                    **about,
                    "part": "circumstance",
                    "phenotype_name": _said(name, given, factors.genes.get(row, ())),
                    **_figures(figures[name], 0, at),
                }
                for name in figures
                if name not in ("present", "excluded")
            ]
    return pl.DataFrame(found, schema=EXPLANATION)


def _figures(of: Counted, thing: int, disease: int) -> dict[str, float]:
    return {
        "support": float(of.support[thing, disease]),
        "weight": float(of.weight[thing, disease]),
    }


_PARTS = ("matching", "unexpected", "against", "absent", "missing")


def _said(name: str, given: Circumstances, genes: Sequence[str]) -> str:
    if name == "gene":
        own = f": associated with {', '.join(genes)}" if genes else ": associated with none of them"
        return f"candidate genes {', '.join(given.genes)}{own}"
    return f"onset {given.onset}" if name == "onset" else f"sex {given.sex}"


def stated_of(
    kg: KnowledgeGraph, knowledge: Knowledge, pairs: set[tuple[int, int]]
) -> dict[tuple[int, int], dict[str, Any]]:
    """What the evidence states of pairs of disease (row) and phenotype (column).

    Returns:
        `frequency` (as the knowledge pools it; missing where no source states any), `patients`
        ("3/7", those of several sources joined, and "2/5 known" of the patients that the model
        knows), `onset`, `sex`, `sources`, `references`.
    """
    ids: dict[int, list[str]] = {}
    rows = {row for row, _ in pairs}
    for disease, row in knowledge.disease_rows.items():
        if row in rows:
            ids.setdefault(row, []).append(disease)
    wanted = pl.DataFrame(
        [
            (disease, knowledge.phenotypes[column], row, column)
            for row, column in sorted(pairs)
            for disease in ids[row]
        ],
        schema={"subject": pl.String, "object": pl.String, "row": pl.Int64, "column": pl.Int64},
        orient="row",
    )
    qualifier = pl.col("qualifiers").str.json_path_match
    said = (
        kg.scan("evidence")
        .filter(
            pl.col("relation") == "HAS_SYMPTOM",
            pl.col("polarity") == "asserted",
            pl.col("subject").is_in(wanted["subject"].unique().implode()),
        )
        .join(wanted.lazy(), on=["subject", "object"])
        .select(
            "row",
            "column",
            "source",
            "references",
            *(qualifier(f"$.{name}").alias(name) for name in _QUALIFIERS),
        )
        .collect()
    )
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for (row, column), group in said.partition_by("row", "column", as_dict=True).items():
        texts = {name: group[name].drop_nulls().unique().sort().to_list() for name in _QUALIFIERS}
        stated = bool(texts["frequency"])
        found[int(row), int(column)] = {
            "frequency": float(knowledge.annotated[row, column]) if stated else None,
            "patients": ", ".join(texts["sample"]) or None,
            "onset": ", ".join(texts["onset"]) or None,
            "sex": ", ".join(texts["sex"]) or None,
            "sources": group["source"].unique().sort().to_list(),
            "references": group["references"].explode().drop_nulls().unique().sort().to_list(),
        }
    for pair in sorted(pairs):
        _add_known_patients(knowledge, *pair, found)
    return found


def _add_known_patients(
    knowledge: Knowledge, row: int, column: int, found: dict[tuple[int, int], dict[str, Any]]
) -> None:
    """Add what the patients that a model was given show to what the annotations state."""
    own = np.flatnonzero(knowledge.patient_rows == row)
    having = own[knowledge.patients[own][:, [column]].toarray().ravel() > 0]
    if not len(having):
        return
    said = found.setdefault((row, column), {"patients": None, "sources": [], "references": []})
    counted = f"{len(having)}/{len(own)} known"
    said["patients"] = counted if said["patients"] is None else f"{said['patients']}, {counted}"
    said["frequency"] = float(knowledge.annotated[row, column])
    said["sources"] = [*said["sources"], "known patients"]
    # A patient without a publication has the own identifier for one, which is nobody's business.
    cited = {knowledge.patient_publications[at] for at in having}
    cited -= {knowledge.patient_ids[at] for at in having}
    said["references"] = sorted({*said["references"], *cited})


_QUALIFIERS = ("frequency", "sample", "onset", "sex")
