"""How many true pairs of a relation no source records, by capture–recapture over its sources."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...core.statistics import drawn_counts
from ...graph.frames import asserts_edge
from ...graph.kg import KnowledgeGraph
from .task import LinkTask

FEWEST_IN_BOTH = 20  # pairs that both sides record: of fewer an estimate is mostly chance
_SOURCE, _OTHERS, _BOTH, _ALONE, _OTHERS_ALONE = range(5)  # columns of counts by head

Counts = NDArray[np.float64]


class MissingPairs(TypedDict):
    """An estimate of how many true pairs no source records.

    Attributes:
        source: one of the graph's sources, compared with all others together.
        others: their names.
        in_source, in_others, in_both: the pairs that each side records, and both, of the heads that
            either has a pair of.
        missing: pairs that neither records, of the heads that one of them has.
        interval: of `missing`, 95 % by bootstrap over heads.
    """

    source: str
    others: list[str]
    in_source: int
    in_others: int
    in_both: int
    missing: int
    interval: list[int]


def estimate_missing(kg: KnowledgeGraph, task: LinkTask, seed: int = 0) -> MissingPairs | None:
    """Estimate how many pairs the sources of a relation miss, from how they overlap.

    If a source finds pairs independently of the others, it holds of their pairs the share that it
    holds of all true ones, and likewise they of its pairs. Over the heads that both sides have,
    these shares a and b leave (1 - a)(1 - b) of the true pairs to neither; of a head that one side
    alone has it is 1 - a, or 1 - b. Sources rather agree on what is well studied, so that more may
    be missing than is estimated.

    Every source is compared with all others; the comparison with most pairs in both is taken. Edges
    that the task holds back and evidence from texts are not counted.

    Returns:
        None where no two sources have `FEWEST_IN_BOTH` pairs in common.

    Source: Seber, The Estimation of Animal Abundance, 1982, chapter 3 (Chapman's estimator).
    """
    records = _records(kg, task)
    names = sorted(records["source"].unique())
    by_source = {name: _counts_by_head(records, name) for name in names}
    best = max(names, key=lambda name: by_source[name][:, _BOTH].sum(), default=None)
    if best is None or by_source[best][:, _BOTH].sum() < FEWEST_IN_BOTH:
        return None
    counts = by_source[best]
    draws = _missing(drawn_counts(len(counts), seed) @ counts)
    low, high = np.quantile(draws, [0.025, 0.975])
    total = counts.sum(axis=0)
    shared_heads = total[[_SOURCE, _OTHERS, _BOTH]].astype(int).tolist()
    return MissingPairs(
        source=best,
        others=[name for name in names if name != best],
        in_source=shared_heads[_SOURCE],
        in_others=shared_heads[_OTHERS],
        in_both=shared_heads[_BOTH],
        missing=round(float(_missing(total))),
        interval=[round(float(low)), round(float(high))],
    )


def meaning(missing: MissingPairs | None) -> str:
    """What a probability of a new pair says, to follow "probability: "."""
    if missing is None:
        return "that a source records the pair, or will"
    low, high = missing["interval"]
    return (
        f"that the pair is one of some {missing['missing']:,} ({low:,} to {high:,}) that no source"
        f" records, as far as {missing['source']} and {', '.join(missing['others'])} tell by what"
        " they share"
    )


def _records(kg: KnowledgeGraph, task: LinkTask) -> pl.DataFrame:
    """The pairs (head, tail) that each source records but texts, those held back left out."""
    edges = kg.edges.filter(relation=task.edge_type[1]).select("id", "subject", "object")
    trained = edges.filter(
        ~pl.col("id").is_in(task.excluded),
        pl.col("subject").is_in(task.heads),
        pl.col("object").is_in(task.tails),
    )
    stated = (pl.col("level") != "text-mined") & (pl.col("polarity") == "asserted")
    return (
        kg.evidence.filter(asserts_edge(), stated, relation=task.edge_type[1])
        .select("subject", "object", "source")
        .unique()
        .join(trained, on=["subject", "object"], how="semi")
    )


def _counts_by_head(records: pl.DataFrame, source: str) -> Counts:
    """How many pairs of each head a source records, and the others, and both: (heads, 5).

    The first three columns are of heads that both sides have, the last two of those that the source
    alone, or one of the others alone, has.
    """
    of_source = pl.col("source") == source
    by_head = (
        records.group_by("subject", "object")
        .agg(one=of_source.any(), other=(~of_source).any())
        .group_by("subject")
        .agg(
            one=pl.col("one").sum(),
            other=pl.col("other").sum(),
            both=(pl.col("one") & pl.col("other")).sum(),
        )
        .sort("subject")
    )
    shared = (pl.col("one") > 0) & (pl.col("other") > 0)
    return (
        by_head.select(
            *(pl.when(shared).then(pl.col(name)).otherwise(0) for name in ("one", "other", "both")),
            *(
                pl.when(shared).then(0).otherwise(pl.col(name)).alias(f"{name}_alone")
                for name in ("one", "other")
            ),
        )
        .cast(pl.Float64)
        .to_numpy()
    )


def _missing(totals: Counts) -> NDArray[np.float64]:
    """The pairs that neither side records, (…,), from sums over heads (…, 5)."""
    one, other, both, one_alone, other_alone = np.moveaxis(totals, -1, 0)
    population = (one + 1) * (other + 1) / (both + 1) - 1
    of_shared = population - (one + other - both)
    # A head of one side alone: that side has the share of its pairs that it has of the other's.
    share_of_one, share_of_other = (both + 1) / (other + 1), (both + 1) / (one + 1)
    of_one = one_alone * (1 - share_of_one) / share_of_one
    of_other = other_alone * (1 - share_of_other) / share_of_other
    return np.asarray(of_shared + of_one + of_other)
