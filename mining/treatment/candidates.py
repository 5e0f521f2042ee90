"""Candidate drugs for a patient's diseases: on record or hypotheses, in order, warnings counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from ..safety.query import TreatmentQuery
from ..safety.warning import EXCLUDING, SafetyWarning
from .ensemble import DiseaseRanks
from .recorded import HYPOTHESIS, STATUS_ORDER

Warnings = Mapping[str, Sequence[SafetyWarning]]


class Candidate(NamedTuple):
    """A drug for a disease, in the order of the columns of `candidate_rows`.

    Attributes:
        rank: among the drugs that were not trained on for the disease; None (as the score) where
            the model has not seen the drug.
        probability: of a hypothesis.
        edge, recorded_probability, sources: of what is on record.
    """

    drug: str
    disease: str
    status: str
    rank: int | None
    score: float | None
    probability: float | None
    edge: str | None
    recorded_probability: float | None
    sources: list[str] | None


def candidate_rows(
    query: TreatmentQuery, drugs: Sequence[str], ranks: DiseaseRanks, recorded: pl.DataFrame
) -> pl.DataFrame:
    """Each drug once, for the disease that it is best for, but those that are taken.

    No hypothesis is given for a disease without evidence.

    Args:
        drugs: those that the model ranks, in its order.
        ranks: for the query's diseases.
        recorded: see `recorded_treatments`.
    """
    frames = []
    for row, disease in enumerate(query.diseases):
        ranked = pl.DataFrame(
            {
                "drug": pl.Series(drugs, dtype=pl.String),
                "score": ranks.scores[row],
                "rank": ranks.ranks[row],
                "probability": ranks.probabilities[row],
            }
        )
        # A drug that is new in this graph can be on record, too.
        frame = ranked.join(
            recorded.filter(disease=disease), on="drug", how="full", coalesce=True
        ).with_columns(disease=pl.lit(disease), status=pl.col("status").fill_null(HYPOTHESIS))
        if not ranks.has_evidence[row]:
            frame = frame.filter(pl.col("status") != HYPOTHESIS)
        frames.append(frame)
    rows = pl.concat(frames).with_columns(
        probability=pl.when(pl.col("status") == HYPOTHESIS).then("probability")
    )
    rows = rows.filter(~pl.col("drug").is_in(list(query.taking)))
    return (
        rows.sort(pl.col("status").replace_strict(STATUS_ORDER), "rank", "drug", nulls_last=True)
        .unique("drug", keep="first", maintain_order=True)
        .select(Candidate._fields)
    )


def ordered_by_warnings(
    rows: pl.DataFrame, query: TreatmentQuery, warnings: Warnings
) -> pl.DataFrame:
    """The candidates in order, disease by disease; adds `excluded`, whether a warning excludes it.

    What treats goes before what palliates, and hypotheses follow; each in the order of the place
    times the factors of all warnings. The place of a hypothesis is the model's rank, that of a drug
    on record its place among these.
    """
    own = [warnings.get(drug, ()) for drug in rows["drug"]]
    excluded = [any(w.kind in EXCLUDING for w in drug_warnings) for drug_warnings in own]
    factor = [math.prod(w.factor for w in drug_warnings) for drug_warnings in own]
    rows = rows.with_columns(
        excluded=pl.Series(excluded, dtype=pl.Boolean), factor=pl.Series(factor, dtype=pl.Float64)
    )
    place = (
        pl.when(pl.col("status") == HYPOTHESIS)
        .then(pl.col("rank"))
        .otherwise(pl.col("score").rank("ordinal", descending=True).over("disease", "status"))
    )
    number = {disease: number for number, disease in enumerate(query.diseases)}
    return rows.sort(
        pl.col("disease").replace_strict(number),
        pl.col("status").replace_strict(STATUS_ORDER),
        place * pl.col("factor"),
        "drug",
        nulls_last=True,
    )


class CandidateLists(NamedTuple):
    """The candidates in three lists; of the first the first ones for each disease.

    Attributes:
        n_recorded: how many are on record and not excluded.
    """

    recorded: list[Candidate]
    n_recorded: int
    hypotheses: list[Candidate]
    excluded: list[Candidate]


def candidate_lists(rows: pl.DataFrame, top: int) -> CandidateLists:
    """The first `top` of each disease that are on record, and as many hypotheses; and what would be
    in these lists but is excluded."""
    is_recorded, place = pl.col("status") != HYPOTHESIS, pl.int_range(pl.len()).over("disease")
    recorded = rows.filter(is_recorded, ~pl.col("excluded"))
    hypotheses = rows.filter(~is_recorded, ~pl.col("excluded")).filter(place < top)
    last = max([top, *hypotheses["rank"]])
    excluded = rows.filter("excluded", is_recorded | (pl.col("rank") <= last))
    return CandidateLists(
        _candidates(recorded.filter(place < top)),
        recorded.height,
        _candidates(hypotheses),
        _candidates(excluded),
    )


def _candidates(rows: pl.DataFrame) -> list[Candidate]:
    return [Candidate(*row) for row in rows.select(Candidate._fields).rows()]
