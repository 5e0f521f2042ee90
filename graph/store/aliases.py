"""The identifiers that a server's node had before merging: its property `aliases`.

They follow from the records of merging, `(:Merge)`, so what writes or deletes these writes the
aliases anew.
"""

from __future__ import annotations

import polars as pl

from ..frames import STRING_LIST
from ..merge_record import aliases_of
from .connection import Connection
from .rows import groups


def write_aliases(connection: Connection, merges: pl.DataFrame, before: pl.DataFrame) -> None:
    """Give each node that merging made of several their other identifiers.

    Args:
        merges: all records of merging, as they are or will be on the server.
        before: records whose nodes may have aliases that `merges` doesn't give them.
    """
    aliases = aliases_of(merges, _nodes_among(connection, merges))
    kept = pl.concat([frame.select("kind", id="kept") for frame in (merges, before)]).unique()
    given = kept.join(aliases, on="id", how="left")
    for (kind,), part in groups(given, "kind"):
        label = connection.names.label(kind)
        query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) RETURN n.id, n.aliases"
        stored = pl.DataFrame(
            list(connection.looked_up(query, part["id"])),
            schema={"id": pl.String, "aliases": STRING_LIST},
            orient="row",
        )
        differing = part.join(stored, on=["id", "aliases"], how="anti", nulls_equal=True)
        connection.send(
            f"UNWIND $rows AS row MATCH (n:{label} {{id: row.id}}) SET n.aliases = row.aliases",
            differing.select("id", "aliases").iter_rows(named=True),
        )


def _nodes_among(connection: Connection, merges: pl.DataFrame) -> pl.Series:
    """The identifiers that became another node and yet are nodes of the server."""
    ids = [
        str(row[0])
        for (kind,), part in groups(merges.filter("applied"), "kind")
        for row in connection.looked_up(
            f"UNWIND $keys AS id MATCH (n:{connection.names.label(kind)} {{id: id}}) RETURN n.id",
            part["merged"].unique(),
        )
    ]
    return pl.Series(ids, dtype=pl.String)
