"""Which patients got a treatment, which are compared with them, and what became of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ...core.errors import DataError
from .covariates import LEAST, Mask
from .records import Records


@dataclass(frozen=True)
class Arms:
    """Patients of two arms.

    Attributes:
        patients: patient, and date: from when on the outcome counts, and until when covariates do
            (the begin of the treatment; of those without one see `arms_of`).
        treated, events: (n,) whether they are treated, and have the outcome.
        left_out: patients that are of neither arm, by reason.
        undated: patients of whom that date, or that of the outcome, isn't known.
    """

    patients: pl.DataFrame
    treated: Mask
    events: Mask
    left_out: dict[str, int]
    undated: int


def arms_of(
    records: Records,
    treatment: Sequence[str],
    outcome: str,
    among: Sequence[str],
    instead_of: Sequence[str],
    seed: int = 0,
) -> Arms:
    """The arms of a comparison; all are identifiers.

    Others who begin nothing count from a date too: as long after they first had what `among` names
    (without it, after their first record) as one of the treated, who is drawn for each. From an
    earlier date on, the others would have outcomes in a time in which the treated can have none, as
    whoever has one before the treatment is left out.

    Source: Zhou et al., Survival Bias Associated with Time-to-Treatment Initiation in Drug
    Effectiveness Evaluation, American Journal of Epidemiology 2005.

    Args:
        treatment: what the treated have, all of it; instead_of: what the others have, all of it; if
            empty the others are all who lack some of the treatment.
        among: what all have.
        seed: of these draws.

    Raises:
        DataError: an arm has fewer than five patients, none has the outcome, or the outcome is part
            of what defines the groups.
    """
    if {outcome} & {*treatment, *instead_of, *among}:
        raise DataError(f"{outcome} can't be the outcome and what defines the groups too")
    rows = _with_dates(records, treatment, outcome, among, instead_of).sort("patient")
    left_out = {}
    if instead_of:
        left_out["take both"] = rows.filter(pl.col("treated") & pl.col("is_other")).height
        left_out["take neither"] = rows.filter(~pl.col("treated") & ~pl.col("is_other")).height
        rows = rows.filter(pl.col("treated") != pl.col("is_other"))
    else:
        rows = rows.with_columns(date=_with_drawn_dates(rows, seed))
    length = pl.min_horizontal(pl.col("date").str.len_chars(), pl.col("outcome").str.len_chars())
    before = pl.col("outcome").str.head(length) < pl.col("date").str.head(length)
    before = before.fill_null(False)
    left_out["had the outcome before"] = rows.filter(before).height
    rows = rows.filter(~before)
    unknown = pl.col("date").is_null() | (pl.col("event") & pl.col("outcome").is_null())
    arms = Arms(
        rows.select("patient", "date"),
        np.asarray(rows["treated"].to_numpy(), bool),
        np.asarray(rows["event"].to_numpy(), bool),
        {reason: count for reason, count in left_out.items() if count},
        rows.filter(unknown).height,
    )
    for count, where in ((arms.treated.sum(), "treated"), ((~arms.treated).sum(), "other")):
        if count < LEAST:
            raise DataError(f"{count} {where} patients; {LEAST} are needed to compare")
    if not arms.events.any():
        had = left_out["had the outcome before"]
        raise DataError(f"no patient of either group has {outcome} ({had} had it before)")
    return arms


def _with_dates(
    records: Records,
    treatment: Sequence[str],
    outcome: str,
    among: Sequence[str],
    instead_of: Sequence[str],
) -> pl.DataFrame:
    """All patients with what `among` names.

    Returns:
        patient; treated and is_other, whether they have the treatment and what the others have;
        date of the begin of either, null of who begins neither; start, from which the time to it
        counts; event, and outcome: its date.
    """
    patients = pl.DataFrame({"patient": records.patients}, schema={"patient": pl.String})
    first = records.facts.group_by("patient").agg(start=pl.col("date").min())
    rows = patients.join(first, on="patient", how="left")
    if among:
        rows = records.having_all(among).rename({"date": "start"})
    rows = rows.join(_dated(records, treatment, "begin"), on="patient", how="left")
    rows = rows.join(_dated(records, [outcome], "outcome"), on="patient", how="left")
    treated = pl.col("has_begin").fill_null(False)
    is_other, other = ~treated, pl.lit(None, pl.String)
    if instead_of:
        rows = rows.join(_dated(records, instead_of, "other"), on="patient", how="left")
        is_other, other = pl.col("has_other").fill_null(False), pl.col("other")
    return rows.select(
        "patient",
        "outcome",
        "start",
        treated=treated,
        is_other=is_other,
        date=pl.when(treated).then("begin").otherwise(other),
        event=pl.col("has_outcome").fill_null(False),
    )


def _dated(records: Records, things: Sequence[str], name: str) -> pl.DataFrame:
    """Patients with all of some things: patient, `name` (the date), and has_`name` (true)."""
    rows = records.having_all(things).rename({"date": name})
    return rows.with_columns(pl.lit(True).alias(f"has_{name}"))


def _with_drawn_dates(rows: pl.DataFrame, seed: int) -> pl.Series:
    """The dates of both arms: each of the others gets the delay of one of the treated."""
    days = [(_day(start), _day(begin)) for start, begin in rows.select("start", "date").rows()]
    lengths = rows.select(
        pl.min_horizontal(pl.col("start", "date").str.len_chars().clip(upper_bound=10))
    ).to_series()
    delays = [
        (begin - start, length)
        for (start, begin), length in zip(days, lengths, strict=True)
        if start is not None and begin is not None
    ]
    if not delays:
        return rows["date"]
    drawn = np.random.default_rng(seed).integers(len(delays), size=len(days))
    dates: list[str | None] = []
    for (start, _), row, k in zip(days, rows.iter_rows(named=True), drawn, strict=True):
        delay, length = delays[k]
        # No date is more precise than those that it was made of.
        later = None if start is None else str(start + delay)[: min(length, len(row["start"]))]
        dates.append(row["date"] if row["treated"] else later)
    return pl.Series(dates, dtype=pl.String)


def _day(text: str | None) -> np.datetime64 | None:
    """The first day of a date that may be a year or a month alone; none of one that is none."""
    try:
        return None if text is None else np.datetime64(text[:10], "D")
    except ValueError:
        return None
