"""Whether the relationships of a server are what its evidence makes of them, and mending them.

Evidence is the one truth (`medkg.graph.edges`), so a relationship that is there several times, that
says something else, or that is missing can be put right from the evidence that is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b

import polars as pl

from ...core.progress import progress
from ..check import Check
from ..edges import edges_from
from ..frames import EDGES, EVIDENCE, FRAMES, Columns, Row, empty
from ..kg import KnowledgeGraph
from ..spill import EvidenceBuffer
from .connection import Connection
from .journal import writing
from .names import PREDICTED, Cypher
from .read import evidence_parts, framed, read_evidence, read_sources
from .rows import delete_relationships, edge_rows, merge_relationships, with_kinds, without_nulls

SEVERAL = "relationship there several times"
OTHER = "relationship out of step"
MISSING = "relationship missing"
UNFOUNDED = "relationship without evidence"

_AT_ONCE = 50_000
_PLACE: Columns = dict.fromkeys(("id", "subject", "relation", "object"), pl.String)
_DOUBTFUL: Columns = {"finding": pl.String, **_PLACE}
_HASHED: Columns = {**_PLACE, "hash": pl.Binary}


def relationship_checks(doubtful: pl.DataFrame) -> list[Check]:
    """The checks of `medkg.graph.check` for what `doubtful_relationships` gives."""

    def check(name: str, meaning: str, fix: str) -> Check:
        rows = doubtful.filter(finding=name).drop("finding").lazy()
        return Check(name, meaning, lambda _: rows, fix)

    return [
        check(SEVERAL, "the server counts and shows it as often", "all but one are deleted"),
        check(OTHER, "it doesn't say what the evidence makes of it", "written from the evidence"),
        check(MISSING, "there is evidence for it", "written from the evidence"),
        check(UNFOUNDED, "no evidence on the server asserts it", "deleted"),
    ]


def doubtful_relationships(connection: Connection) -> pl.DataFrame:
    """The relationships that are not what the evidence makes of them, each with its `finding`.

    Where the server has no evidence, only those that are there several times. Relationships that
    medkg didn't write (without its `id`) are left alone.
    """
    types = set(connection.relationship_types())
    kg = _evidence_and_edges(connection)
    parts = [empty(_DOUBTFUL)]
    for name in connection.schema.relations:
        if f"{PREDICTED}{name}" in types:
            parts.append(_several(_stored(connection, f"{PREDICTED}{name}")))
        stored = _stored(connection, name) if name in types else empty(_HASHED)
        parts.append(_several(stored))
        if kg.counts["evidence"]:
            parts.append(_compared(_expected(kg, name), stored))
    doubtful = pl.concat(parts)
    missing = pl.col("finding") == MISSING
    # What is no node, evidence is about all the same; `dangling end` is the finding for it.
    may_be = with_kinds(connection, doubtful.filter(missing)).select(list(_DOUBTFUL))
    return pl.concat([doubtful.filter(~missing), may_be])


def mend(connection: Connection) -> int:
    """What `Store.mend` does."""
    with connection.errors(), writing(connection) as writer:
        doubtful = doubtful_relationships(writer)
        mend_relationships(writer, doubtful)
    return doubtful.height


def mend_relationships(connection: Connection, doubtful: pl.DataFrame) -> None:
    """Make relationships what the evidence makes of them; harmless if it is done twice.

    Args:
        connection: the writer's.
        doubtful: what `doubtful_relationships` gives.
    """
    sources = read_sources(connection)
    for (finding,), part in doubtful.group_by("finding", maintain_order=True):
        for start in range(0, part.height, _AT_ONCE):
            rows = part.slice(start, _AT_ONCE)
            if finding == SEVERAL:
                _delete_copies(connection, with_kinds(connection, rows))
            elif finding == UNFOUNDED:
                delete_relationships(connection, with_kinds(connection, rows))
            else:
                evidence = read_evidence(connection, rows["id"])
                edges = edges_from(evidence, sources, connection.schema)
                merge_relationships(connection, with_kinds(connection, edges))


def _delete_copies(connection: Connection, edges: pl.DataFrame) -> None:
    """Delete all but one of the relationships of each id."""
    names = connection.names
    for (head, name, tail), part in edges.group_by("_head", "relation", "_tail"):
        connection.send(
            f"UNWIND $rows AS row MATCH (:{names.label(str(head))} {{id: row.subject}})"
            f"-[r:{names.type_(str(name))}]->(:{names.label(str(tail))} {{id: row.object}})"
            " WHERE r.id = row.id WITH row.id AS id, collect(r) AS copies"
            " UNWIND copies[1..] AS copy DELETE copy",
            part.select("id", "subject", "object").iter_rows(named=True),
        )


def _several(stored: pl.DataFrame) -> pl.DataFrame:
    several = stored.filter(pl.col("id").is_duplicated()).unique("id")
    return _doubtful(several, SEVERAL)


def _compared(expected: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    once = stored.unique("id", keep="first")
    missing = expected.join(once, on="id", how="anti")
    unfounded = once.join(expected, on="id", how="anti")
    # Where it is there several times, each of them has to be the right one.
    differing = stored.join(expected, on=["id", "hash"], how="anti")
    other = differing.join(expected, on="id", how="semi").unique("id")
    return pl.concat(
        [_doubtful(missing, MISSING), _doubtful(unfounded, UNFOUNDED), _doubtful(other, OTHER)]
    )


def _doubtful(rows: pl.DataFrame, finding: str) -> pl.DataFrame:
    return rows.select(pl.lit(finding).alias("finding"), *_PLACE)


def _stored(connection: Connection, name: str) -> pl.DataFrame:
    """The relationships of a type, with a hash of what they say."""
    rows = connection.rows(
        f"MATCH (s)-[r:{connection.names.type_(name)}]->(o) WHERE r.id IS NOT NULL"
        " RETURN r.id, s.id, o.id, properties(r)"
    )
    hashed = ([id, head, name, tail, _hash(values)] for id, head, tail, values in rows)
    return framed(hashed, _HASHED)


def _evidence_and_edges(connection: Connection) -> KnowledgeGraph:
    """All evidence of the server whose relation the schema has, and the edges that it gives."""
    buffer = EvidenceBuffer(connection.schema)
    condition = Cypher("e.checksum IS NOT NULL AND e.relation IN $relations")
    relations = sorted(connection.schema.relations)
    with progress("Comparing relationships with their evidence") as advance:
        for part in evidence_parts(connection, EVIDENCE, condition, relations=relations):
            buffer.add(part)
            advance(part.height)
    sources = read_sources(connection)
    edges, evidence = buffer.frames(sources)
    others = {name: empty(columns) for name, columns in FRAMES.items()}
    frames = {**others, "edges": edges, "evidence": evidence}
    return KnowledgeGraph(frames, sources, connection.schema)


def _expected(kg: KnowledgeGraph, name: str) -> pl.DataFrame:
    """The edges of a relation, with a hash of what their relationships are to say."""
    relation = kg.schema.relation(name)
    edges = kg.scan("edges").filter(pl.col("relation") == name)
    height = edges.select(pl.len()).collect().item()
    parts = [empty(_HASHED)]
    for start in range(0, height, _AT_ONCE):
        part = edges.slice(start, _AT_ONCE).select(list(EDGES)).collect()
        hashes = [_hash(row["values"]) for row in edge_rows(part, relation)]
        hash = pl.Series("hash", hashes, dtype=pl.Binary)
        parts.append(part.select(list(_PLACE)).with_columns(hash))
    return pl.concat(parts)


def _hash(values: Row) -> bytes:
    kept = without_nulls(values, "checksum")
    text = json.dumps({name: _plain(value) for name, value in kept.items()}, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()


def _plain(value: object) -> object:
    """The same for what a server may give back as another type of number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(member) for member in value]
    return value
