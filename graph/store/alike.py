"""The nodes of a server whose names are most like a text that is none of them."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ..frames import STRING_LIST, Columns
from ..identifiers import name_key_of
from ..look_up import alike
from .connection import Connection

_SHORT = 6  # letters; of a shorter text a third is less than two
_ANY_LENGTH = 10_000
_NAMED: Columns = {
    "kind": pl.String,
    "id": pl.String,
    "name": pl.String,
    "synonyms": STRING_LIST,
    "xrefs": STRING_LIST,
}


def alike_on(connection: Connection, labels: Iterable[str], text: str, most: int) -> pl.DataFrame:
    """The nodes of some labels with a name or synonym most like a text, the likest first.

    The server gives those with a name or synonym that has a third of the text unbroken, as any with
    two slips of a finger has, or of a short text (a gene's symbol) a half, as with one slip, a
    name of which it is a word, or whose identifier or cross-reference, without its prefix, it is.
    Which of them are like it, `medkg.graph.look_up.alike` says.

    Returns:
        `kind`, `id`, `name`, and `alike`, the name that the text is like.
    """
    key = name_key_of(text)
    given = {"word": f" {key} ", "local": f":{text.strip().lower()}"}
    is_short = len(key) < _SHORT
    cut = len(key) // (2 if is_short else 3)
    parts = [key[:cut], key[cut:]] if is_short else [key[:cut], key[cut:-cut], key[-cut:]]
    # Names are long beside a symbol, and most hold two letters of it.
    longest = len(key) + 1 if is_short else _ANY_LENGTH
    rows: list[tuple[object, ...]] = []
    for label in labels if cut else ():
        query = (
            f"MATCH (n:{connection.names.label(label)}) WHERE any(part IN $parts WHERE"
            " (size(n.name_key) <= $longest AND n.name_key CONTAINS part)"
            " OR any(s IN coalesce(n.synonyms, [])"
            " WHERE size(s) <= $longest AND toLower(s) CONTAINS part))"
            " OR ' ' + n.name_key + ' ' CONTAINS $word"
            " OR any(i IN [n.id] + coalesce(n.xrefs, []) WHERE toLower(i) ENDS WITH $local)"
            " RETURN n.id, n.name, n.synonyms, n.xrefs"
        )
        rows += [
            (label, *row) for row in connection.rows(query, parts=parts, longest=longest, **given)
        ]
    nodes = pl.DataFrame(rows, schema=dict(_NAMED), orient="row")
    near = alike(nodes.drop("kind").lazy(), pl.LazyFrame.collect, text, most)
    return near.join(nodes.select("kind", "id"), on="id", maintain_order="left").select(
        "kind", "id", "name", "alike"
    )
