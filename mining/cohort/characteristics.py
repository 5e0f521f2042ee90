"""What characterises a group of patients, beside others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ...core.errors import DataError
from ...graph.kg import KnowledgeGraph
from .covariates import LEAST, Covariates, Mask, covariates_of, differences, shown_means
from .records import Records


def cohort(
    kg: KnowledgeGraph, having: Sequence[str] | str, *, among: Sequence[str] | str = ()
) -> pl.DataFrame:
    """What patients who have some things have more often, or higher, than other patients.

    What is not recorded counts as not there. What fewer than five patients have is not shown, nor
    the share or mean of a group in which one to four have it, or fewer than five a value.

    Args:
        having: identifiers or names of diseases, phenotypes, drugs (or their classes) or
            examinations, all of which the group has; kinds of a thing count for it.
        among: only patients with all of these are looked at.

    Returns:
        name; relation, `property` for age and sex; is_number: whether the groups' columns are means
        of numbers and not shares of patients; cohort, others: the groups' shares or means, and
        `known_cohort`, `known_others`, of how many; smd, their difference in standard deviations:
        none where neither group varies. What differs most comes first, and last those of which a
        group's column is none because too few have it.

    Raises:
        MissingError: the graph has no such entity, or the name may mean several.
        DataError: the graph has no patient, or fewer than five are in the group, or outside of it.

    Example:
        >>> import polars as pl
        >>> from medkg.graph.frames import Source
        >>> rows = [(f"patient:{k}", "HAS_DISEASE", "OMIM:1") for k in range(6)]
        >>> rows += [(f"patient:{k}", "HAS_PHENOTYPE", "HP:1") for k in range(1, 12)]
        >>> named = {"OMIM:1": "Disease", "HP:1": "Symptom"}
        >>> named |= {f"patient:{k}": "Patient" for k in range(20)}
        >>> kg = medkg.KnowledgeGraph.build(
        ...     pl.DataFrame([(i, kind, i) for i, kind in named.items()],
        ...                  schema=["id", "kind", "name"], orient="row"),
        ...     pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
        ...     .with_columns(source=pl.lit("ward")),
        ...     [Source("ward", "1", "CC0-1.0")])
        >>> medkg.cohort(kg, "OMIM:1").select("name", "cohort", "others").rows()
        [('HP:1', 0.8333333333333334, 0.42857142857142855)]
    """
    records = Records.of(kg)
    wanted, within = resolved(kg, having), resolved(kg, among)
    if not wanted:
        raise DataError("name what the group has")
    patients = pl.DataFrame({"patient": records.patients})
    if within:
        patients = records.having_all(within).select("patient")
    members = set(records.having_all(wanted)["patient"])
    inside = np.array([patient in members for patient in patients["patient"]], bool)
    for size, where in ((inside.sum(), "have"), ((~inside).sum(), "are without")):
        if size < LEAST:
            things = " and ".join(dict.fromkeys(wanted))
            raise DataError(f"{size} patients {where} {things}; {LEAST} are needed")
    undated = patients.with_columns(date=pl.lit(None, pl.String))
    covariates = covariates_of(records, undated, [*wanted, *within])
    return _table(covariates, inside)


def _table(covariates: Covariates, inside: Mask) -> pl.DataFrame:
    """What `cohort` returns, of the group that is `inside`."""
    weights = inside.astype(float)
    known = ~np.isnan(covariates.values)
    shown = [shown_means(covariates, group) for group in (inside, ~inside)]
    smd = differences(covariates.values, weights, 1.0 - weights)
    frame = pl.DataFrame(
        {
            "name": list(covariates.names),
            "relation": list(covariates.relations),
            "is_number": covariates.is_number,
            "cohort": shown[0],
            "others": shown[1],
            "known_cohort": known[inside].sum(0),
            "known_others": known[~inside].sum(0),
            "smd": np.where(np.isnan(shown).any(0), np.nan, smd),
        },
        schema_overrides={"name": pl.String, "relation": pl.String, "is_number": pl.Boolean},
    ).with_columns(pl.col("cohort", "others", "smd").fill_nan(None))
    return (
        frame.filter(pl.any_horizontal(pl.col("cohort", "others").is_not_null()))
        .with_columns(
            pl.when(pl.col(name).is_not_null()).then(f"known_{name}").alias(f"known_{name}")
            for name in ("cohort", "others")
        )
        .sort(pl.col("smd").abs(), "name", descending=[True, False], nulls_last=True)
        # Infinite ones have been sorted; JSON has none.
        .with_columns(smd=pl.when(pl.col("smd").is_finite()).then("smd"))
    )


def resolved(kg: KnowledgeGraph, things: Sequence[str] | str) -> list[str]:
    """Identifiers of entities that are given by identifier or name, one or several.

    Raises:
        MissingError: the graph has no such entity, or the name may mean several.
    """
    return [kg.resolve(thing) for thing in ([things] if isinstance(things, str) else things)]
