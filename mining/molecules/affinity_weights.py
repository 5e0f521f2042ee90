"""How much a known pair counts for a molecule's targets, by the affinities that were measured.

A compound of a panel binds dozens of kinases at 1 µM, and its main target a thousand times more
tightly than most of these.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.sparse import entries_at
from ...gnn.data import EdgeType
from ...graph.kg import KnowledgeGraph

# Of a pair whose affinity is a tenth of the compound's best. .61, .37, .22 and .10 (as the
# affinity itself) were tried on kinase inhibitors of scaffolds that were held out.
_TENFOLD = math.exp(-1)
# The qualifiers that hold an affinity, and what a tenth of it does to their values: KIBA's score
# falls by about 1, a concentration (nM) rises tenfold.
_CONCENTRATIONS = ("kd_nm", "ki_nm", "ic50_nm")
_SCORE = "kiba_score"


def affinity_weights(
    kg: KnowledgeGraph,
    edge_type: EdgeType,
    known: sparse.csr_matrix,
    heads: list[str],
    tails: list[str],
) -> sparse.csr_matrix:
    """Known pairs (heads, tails) weighted by the evidence's measurements, from 0 to 1.

    A pair counts 1 if nothing was measured of it or the head binds no known tail more tightly;
    else less with each tenth of that affinity. Quantities are compared with their own kind alone,
    of several the one that gives a pair the most counts. Of pairs that are not known nothing is
    read.

    Args:
        heads, tails: the identifiers of the matrix's rows and columns.
    """
    measured = _measured(kg, edge_type, heads, tails)
    is_known = entries_at(known, *_places(measured)) > 0
    best = pl.col("decades").max().over("head", "quantity")
    tenths = (
        measured.filter(pl.Series(is_known, dtype=pl.Boolean))
        .with_columns(tenths=best - pl.col("decades"))
        .group_by("head", "tail")
        .agg(pl.col("tenths").min())
        .sort("head", "tail")
    )
    weighted = known.astype(np.float32).tolil()
    weights = _TENFOLD ** tenths["tenths"].to_numpy()
    for row, column, weight in zip(*_places(tenths), weights, strict=True):
        weighted[row, column] = weight
    return weighted.tocsr()


def _places(pairs: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    heads, tails = (pairs[end].cast(pl.Int64).to_numpy(writable=True) for end in ("head", "tail"))
    return heads, tails


def _measured(
    kg: KnowledgeGraph, edge_type: EdgeType, heads: list[str], tails: list[str]
) -> pl.DataFrame:
    """Each value of asserted evidence: `head`, `tail` (numbers), `quantity`, and `decades`, the
    logarithm of the affinity to the base 10 but for a constant."""
    evidence = (
        kg.scan("evidence")
        .filter(
            pl.col("relation") == edge_type[1],
            pl.col("polarity") == "asserted",
            pl.col("qualifiers").is_not_null(),
        )
        .select("subject", "object", "qualifiers")
        .collect()
    )

    def value(quantity: str) -> pl.Expr:
        text = pl.col("qualifiers").str.json_path_match(f"$.{quantity}")
        return text.cast(pl.Float64, strict=False)

    values = evidence.select(
        "subject",
        "object",
        *((-value(name).log10()).alias(name) for name in _CONCENTRATIONS),
        value(_SCORE).alias(_SCORE),
    ).unpivot(
        index=["subject", "object"], variable_name="quantity", value_name="decades"
    )  # fmt: skip
    return (
        values.filter(pl.col("decades").is_finite())
        .join(_numbered(heads, "subject", "head"), on="subject")
        .join(_numbered(tails, "object", "tail"), on="object")
        .select("head", "tail", "quantity", "decades")
    )


def _numbered(ids: list[str], name: str, number: str) -> pl.DataFrame:
    return pl.DataFrame({name: ids}, schema={name: pl.String}).with_row_index(number)
