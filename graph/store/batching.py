"""What is written or looked up, cut into parts that fit in memory or in one query."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import polars as pl

SLICE_ROWS = 200_000  # rows of evidence or edges that are in memory, as what is sent, at a time
LOOK_UP_ROWS = 20_000  # rows that are looked up by one query


def slices(rows: pl.LazyFrame, count: int) -> Iterator[pl.DataFrame]:
    """The rows of a query in order, `SLICE_ROWS` at a time; `count` is how many there are."""
    for start in range(0, count, SLICE_ROWS):
        yield rows.slice(start, SLICE_ROWS).collect()


def chunks(values: pl.Series, size: int) -> Iterator[pl.Series]:
    """The values in order, so many at a time."""
    for start in range(0, values.len(), size):
        yield values.slice(start, size)


def id_ranges(ids: pl.Series) -> list[tuple[str, str]]:
    """Ranges of content ids, from one up to the next, that each cover about `SLICE_ROWS` of these.

    Together they cover all ids.
    """
    ordered = ids.sort()
    count = -(-ordered.len() // SLICE_ROWS) or 1
    between = [str(ordered[place * ordered.len() // count]) for place in range(1, count)]
    return list(pairwise(["", *between, "~"]))
