"""The nodes of a server whose names are most like a text that is none of them."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ..frames import STRING_LIST, Columns
from ..identifiers import name_key_of
from ..look_up import alike
from .connection import Connection

_NAMED: Columns = {"kind": pl.String, "id": pl.String, "name": pl.String, "synonyms": STRING_LIST}


def alike_on(connection: Connection, labels: Iterable[str], text: str, most: int) -> pl.DataFrame:
    """The nodes of some labels with a name or synonym most like a text, the likest first.

    The server gives those with a name or synonym that has a third of the text unbroken, as any with
    two slips of a finger has; which of them are like it, `medkg.graph.look_up.alike` says.

    Returns:
        `kind`, `id`, `name`, and `alike`, the name that the text is like.
    """
    key = name_key_of(text)
    third = len(key) // 3
    parts = [key[:third], key[third:-third], key[-third:]]
    rows: list[tuple[object, ...]] = []
    for label in labels if third > 1 else ():
        query = (
            f"MATCH (n:{connection.names.label(label)}) WHERE any(part IN $parts WHERE"
            " n.name_key CONTAINS part"
            " OR any(s IN coalesce(n.synonyms, []) WHERE toLower(s) CONTAINS part))"
            " RETURN n.id, n.name, n.synonyms"
        )
        rows += [(label, *row) for row in connection.rows(query, parts=parts)]
    nodes = pl.DataFrame(rows, schema=dict(_NAMED), orient="row")
    near = alike(nodes.drop("kind").lazy(), pl.LazyFrame.collect, text, most)
    return near.join(nodes.select("kind", "id"), on="id", maintain_order="left").select(
        "kind", "id", "name", "alike"
    )
