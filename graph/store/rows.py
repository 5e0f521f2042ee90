"""Rows of frames as a server keeps them, and statements that change it row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import polars as pl

from ...core.json_reading import parse_object
from ..frames import EDGES, NODES, Row
from ..identifiers import content_ids
from ..kg import KnowledgeGraph
from ..schema import Relation
from .connection import Connection
from .names import PREDICTED

EDGE_VALUES = ("id", "probability", "evidence_count", "sources")

Advance = Callable[..., None]


def merge_relationships(
    connection: Connection, edges: pl.DataFrame, advance: Advance | None = None
) -> None:
    """Write the relationships of edges (see `with_kinds`), whether or not they are there."""
    names = connection.names
    for (head, name, tail), part in groups(edges, "_head", "relation", "_tail"):
        connection.send(
            f"UNWIND $rows AS row MATCH (s:{names.label(head)} {{id: row.subject}})"
            f" MATCH (o:{names.label(tail)} {{id: row.object}})"
            f" MERGE (s)-[r:{names.type_(name)}]->(o) SET r += row.values",
            edge_rows(part, connection.schema.relation(name)),
            advance,
        )


def delete_relationships(connection: Connection, edges: pl.DataFrame) -> None:
    """Delete the relationships of edges (see `with_kinds`)."""
    names = connection.names
    for (head, name, tail), part in groups(edges, "_head", "relation", "_tail"):
        connection.send(
            f"UNWIND $rows AS row MATCH (:{names.label(head)} {{id: row.subject}})"
            f"-[r:{names.type_(name)}]->(:{names.label(tail)} {{id: row.object}})"
            " WHERE r.id = row.id DELETE r",
            part.select("id", "subject", "object").iter_rows(named=True),
        )


def delete_predictions(connection: Connection, predictions: pl.DataFrame) -> None:
    """Delete predictions, as `read_predictions` gives them."""
    relation = PREDICTED + pl.col("relation")
    ends = {"subject": "head", "object": "tail"}
    delete_relationships(
        connection, predictions.select("id", "_head", "_tail", relation=relation, **ends)
    )


def delete_nodes(
    connection: Connection, label: str, ids: pl.Series, advance: Advance | None = None
) -> None:
    """Delete nodes, and the relationships that they still have."""
    connection.send(
        f"UNWIND $rows AS row MATCH (n:{connection.names.label(label)} {{id: row.id}})"
        " DETACH DELETE n",
        ({"id": id} for id in ids),
        advance,
    )


def kinds_of(connection: Connection, ids: pl.Series) -> pl.DataFrame:
    """Identifier and kind of those of the identifiers that are nodes of the server."""
    pairs = (
        (str(row[0]), label)
        for label in (
            sorted(set(connection.labels()) & set(connection.schema.kinds)) if ids.len() else ()
        )
        for row in connection.looked_up(
            f"UNWIND $keys AS id MATCH (n:{connection.names.label(label)} {{id: id}}) RETURN n.id",
            ids,
        )
    )
    return pl.DataFrame(pairs, schema={"id": pl.String, "kind": pl.String}, orient="row")


def with_kinds(
    connection: Connection, edges: pl.DataFrame, kg: KnowledgeGraph | None = None
) -> pl.DataFrame:
    """The edges whose ends are nodes, with their kinds as `_head` and `_tail`.

    Args:
        kg: a graph that knows kinds; those that it doesn't know, the server is asked for.
    """
    kinds = pl.DataFrame(schema={"id": pl.String, "kind": pl.String})
    if edges.height:
        ends = pl.concat([edges["subject"], edges["object"]]).unique().to_frame("id")
        if kg is not None:
            known = kg.scan("nodes").select("id", "kind")
            kinds = known.join(ends.lazy(), on="id", how="semi").collect()
        others = ends.join(kinds, on="id", how="anti")["id"]
        kinds = pl.concat([kinds, kinds_of(connection, others)])
    return edges.join(kinds.rename({"id": "subject", "kind": "_head"}), on="subject").join(
        kinds.rename({"id": "object", "kind": "_tail"}), on="object"
    )


class EdgeChange(NamedTuple):
    """Edges that are new, that differ, and that are no longer."""

    new: pl.DataFrame
    changed: pl.DataFrame
    removed: pl.DataFrame


def edge_change(before: pl.DataFrame, after: pl.DataFrame) -> EdgeChange:
    """What becomes of edges."""
    before, after = with_checksum(before, EDGES), with_checksum(after, EDGES)
    both = after.join(before, on="id", how="semi")
    return EdgeChange(
        after.join(before, on="id", how="anti").select(list(EDGES)),
        both.join(before, on=["id", "checksum"], how="anti").select(list(EDGES)),
        before.join(after, on="id", how="anti").select(list(EDGES)),
    )


def groups(frame: pl.DataFrame, *columns: str) -> list[tuple[tuple[str, ...], pl.DataFrame]]:
    """The rows by their values in these columns, in order."""
    return sorted(frame.partition_by(columns, as_dict=True).items(), key=lambda group: group[0])


def with_checksum(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """The frame with a hash of each row's content: 62 bits, which a server can add up."""
    texts = frame.select(pl.struct(list(columns)).struct.json_encode()).to_series()
    hashes = [blake2b(text, digest_size=8).digest() for text in texts.cast(pl.Binary).to_list()]
    numbers = np.frombuffer(b"".join(hashes), dtype="<u8") >> np.uint64(2)
    return frame.with_columns(checksum=pl.Series(numbers.astype(np.int64)))


def with_id(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The frame with a content id of its key columns, and a checksum."""
    texts = pl.col(key).cast(pl.String).fill_null("")
    ids = content_ids(frame.select(pl.concat_str(texts, separator="\x1f")).to_series())
    checked = with_checksum(frame, frame.columns)
    return checked.with_columns(id=pl.Series(ids, dtype=pl.String))


def native(properties: str | None) -> Row:
    """The members of a JSON object that a server keeps as values: scalars, lists of one sort."""
    kept = {}
    for name, value in parse_object(properties).items():
        values = value if isinstance(value, list) else [value]
        sorts = {type(part) for part in values}
        storable = len(sorts) == 1 and sorts <= {str, int, float, bool}
        if storable and _is_name(name):
            kept[name] = value
    return kept


def _is_name(name: str) -> bool:
    """Whether a property may have this name on both servers."""
    return name not in (*NODES, "aliases", "checksum", "") and "\0" not in name and name[0] != "@"


def node_row(row: Row) -> Row:
    """What a node keeps: its columns, and the members of its properties as values of their own."""
    return {**native(row["properties"]), **without_nulls(row, "kind")}


def edge_rows(edges: pl.DataFrame, relation: Relation) -> Iterator[Row]:
    """Both ends and what the relationship keeps; null for a property that it has no longer."""
    absent: Row = dict.fromkeys(relation.properties)
    kept = [name for name in (*EDGE_VALUES, "checksum") if name in edges.columns]
    for row in dicts(edges):
        own = {name: row[name] for name in kept}
        values = {**absent, **edge_values(row["properties"]), **own}
        yield {"subject": row["subject"], "object": row["object"], "values": values}


def edge_values(properties: str | None) -> Row:
    """What a relationship keeps of an edge's properties."""
    return {name: value for name, value in native(properties).items() if name not in EDGE_VALUES}


def without_nulls(row: Row, *but: str) -> Row:
    """The row's values that are not null, but for these."""
    return {name: value for name, value in row.items() if value is not None and name not in but}


def dicts(frame: pl.DataFrame) -> Iterator[Row]:
    """The rows by column."""
    return frame.iter_rows(named=True)
