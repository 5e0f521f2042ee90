"""What a server already holds of given rows, found by their checksums."""

from __future__ import annotations

import polars as pl

from ..frames import Columns, empty
from .batching import LOOK_UP_ROWS, chunks
from .connection import Connection
from .names import Cypher
from .summary import Counts

_STORED: Columns = {"id": pl.String, "checksum": pl.Int64, "edge": pl.String}

# The sums of both halves of the checksums, as one sum of them whole might overflow.
_HALF = 2**32
_SUMS = Cypher("count(*), sum(x.checksum % 4294967296), sum(x.checksum / 4294967296)")
_OURS = (
    pl.len(),
    (pl.col("checksum") % _HALF).sum().alias("low"),
    (pl.col("checksum") // _HALF).sum().alias("high"),
)


def all_stored(connection: Connection, match: Cypher, given: pl.DataFrame, count: int) -> bool:
    """Whether the server has exactly the rows that are given, by the sums of their checksums.

    Args:
        match: the clause that binds the server's rows to `x`.
        given: rows with `checksum`.
        count: how many rows the server has.
    """
    if count != given.height or not count:
        return False
    sums = connection.fetch(f"{match} WHERE x.checksum IS NOT NULL RETURN {_SUMS}")
    return bool(given.select(_OURS).row(0) == tuple(sums[0]))


def sources_all_stored(connection: Connection, given: pl.DataFrame, count: int) -> list[str]:
    """The sources of which the server has exactly the evidence that is given.

    Args:
        given: `source` and `checksum` of the evidence.
        count: how much evidence the server has.
    """
    if given.height < count / 4:  # to look these few up is quicker
        return []
    rows = connection.fetch(
        f"MATCH (x:Evidence) WHERE x.checksum IS NOT NULL RETURN {_SUMS}, x.source"
    )
    ours = {name: tuple(row) for name, *row in given.group_by("source").agg(_OURS).iter_rows()}
    return sorted(name for *sums, name in rows if ours.get(name) == tuple(sums))


def stored_rows(connection: Connection, label: str, ids: pl.Series, count: int) -> pl.DataFrame:
    """Id, checksum and edge (of evidence) of those nodes of these ids that the server has.

    Args:
        count: how many nodes with this label the server has.
    """
    frames = [empty(_STORED)]
    query = (
        f"UNWIND $keys AS id MATCH (n:{connection.names.label(label)} {{id: id}})"
        " RETURN collect(n.id), collect(coalesce(n.checksum, -1)),"
        " collect(coalesce(n.edge, ''))"
    )
    for keys in chunks(ids, LOOK_UP_ROWS) if count else ():
        columns = connection.fetch(query, keys=keys.to_list())[0]
        frames.append(pl.DataFrame(columns, schema=dict(_STORED)))
    return pl.concat(frames)


def new_or_changed(given: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, Counts]:
    """The rows that are not stored, or not with their checksum, and the counts."""
    n_new = given.join(stored, on="id", how="anti").height
    rows = given.join(stored, on=["id", "checksum"], how="anti")
    return rows, Counts(n_new, rows.height - n_new, unchanged=given.height - rows.height)
