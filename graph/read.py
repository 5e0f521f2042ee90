"""A server's graph read back: all of it, parts that a write needs, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import polars as pl

from .connection import Connection
from .errors import MissingError
from .frames import (
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    Columns,
    Source,
    conform,
    edges_from,
    empty,
)
from .identifiers import name_key_of
from .kg import KnowledgeGraph
from .progress import progress

PREDICTED = "PREDICTED_"  # and a relation's name: the type of its predictions
_PART = 50_000


def resolve(on: Connection, text: str, kind: str | None = None) -> tuple[str, str]:
    """What `Store.resolve` does."""
    kinds = [on.schema.kind(kind).label] if kind else list(on.schema.kinds)
    with on.errors():
        found: list[tuple[str, str, str]] = []
        for condition, value in (
            ("n.id = $text", text),
            ("n.name_key = $text", name_key_of(text)),
            ("$text IN n.synonyms", text),
        ):
            for label in sorted(set(kinds) & set(on.labels())):
                query = f"MATCH (n:{label}) WHERE {condition} RETURN n.id, n.name LIMIT 9"
                found += [(label, *row) for row in on.rows(query, text=value)]
            if found:
                break
    if not found:
        raise MissingError(f"{on.uri} has no {kind or 'entity'} {text!r}")
    if len(found) > 1:
        listed = ", ".join(f"{id} ({label}, {name})" for label, id, name in found[:8])
        raise MissingError(f"{text!r} may be: {listed}; give the identifier")
    return found[0][0], found[0][1]


def read(on: Connection) -> KnowledgeGraph:
    """What `Store.read` does."""
    with on.errors(), progress("Reading the graph") as advance:
        labels = set(on.labels())
        nodes = [empty(NODES)]
        for kind in on.schema.kinds:
            if kind in labels:
                nodes.append(read_nodes(on, kind))
                advance(nodes[-1].height)
        sources = read_sources(on)
        evidence = read_evidence(on)
        advance(evidence.height)
        merges = read_merges(on).drop("id")
        predictions = read_predictions(on, None).select(list(PREDICTIONS))
        frames = {
            "nodes": pl.concat(nodes).sort("id"),
            "edges": edges_from(evidence, sources, on.schema),
            "evidence": evidence.sort("id"),
            "predictions": predictions.sort("model", "head", "relation", "tail"),
            "merges": merges.sort("kept", "merged", "kind", "reason"),
        }
    return KnowledgeGraph(frames, sources, on.schema)


def read_nodes(on: Connection, kind: str, ids: pl.Series | None = None) -> pl.DataFrame:
    columns = [column for column in NODES if column != "kind"]
    returned = ", ".join(f"n.{column}" for column in columns)
    found: Iterable[list[Any]]
    if ids is None:
        found = on.rows(f"MATCH (n:{kind}) WHERE n.checksum IS NOT NULL RETURN {returned}")
    else:
        query = f"UNWIND $keys AS id MATCH (n:{kind} {{id: id}}) RETURN {returned}"
        found = on.looked_up(query, ids)
    frame = framed(found, {column: NODES[column] for column in columns})
    return conform(frame.with_columns(kind=pl.lit(kind)), NODES)


def read_evidence(on: Connection, edges: pl.Series | None = None) -> pl.DataFrame:
    returned = ", ".join(f"e.`{column}`" for column in EVIDENCE)
    found: Iterable[list[Any]]
    if edges is None:
        found = on.rows(f"MATCH (e:Evidence) WHERE e.checksum IS NOT NULL RETURN {returned}")
    else:
        query = f"UNWIND $keys AS edge MATCH (e:Evidence {{edge: edge}}) RETURN {returned}"
        found = on.looked_up(query, edges)
    return framed(found, EVIDENCE)


def read_merges(on: Connection) -> pl.DataFrame:
    """The records of merging, with their ids."""
    columns = {"id": pl.String, **MERGES}
    query = "MATCH (n:Merge) WHERE n.checksum IS NOT NULL"
    return pl.concat(read_parts(on, query, "n", columns))


def read_sources(on: Connection) -> list[Source]:
    columns = list(Source.__dataclass_fields__)
    # A Source of somebody else's, on a server that holds other things too, has no checksum.
    query = "MATCH (n:Source) WHERE n.checksum IS NOT NULL RETURN " + ", ".join(
        f"n.{column}" for column in columns
    )
    return sorted(Source(*row) for row in on.rows(query))


def read_predictions(on: Connection, models: list[str] | None) -> pl.DataFrame:
    """The predictions there (of these models), with id, checksum and kinds of the ends."""
    types = set(on.relationship_types())
    rows = []
    for name in on.schema.relations:
        if f"{PREDICTED}{name}" not in types:
            continue
        for head, heads, tail, tails, values in on.rows(
            f"MATCH (h)-[p:{PREDICTED}{name}]->(t)"
            " WHERE $models IS NULL OR p.model IN $models"
            " RETURN h.id, labels(h), t.id, labels(t), properties(p)",
            models=models,
        ):
            rows.append(
                {
                    **{name: values.get(name) for name in (*PREDICTIONS, "id", "checksum")},
                    "head": head,
                    "relation": name,
                    "tail": tail,
                    "_head": next((k for k in heads if k in on.schema.kinds), None),
                    "_tail": next((k for k in tails if k in on.schema.kinds), None),
                }
            )
    text = dict.fromkeys(("id", "checksum", "_head", "_tail"), pl.String)
    return pl.DataFrame(rows, schema={**PREDICTIONS, **text})


def info(on: Connection) -> dict[str, Any]:
    """What `Store.info` does."""

    def count(pattern: str, variable: str) -> int:
        return int(next(on.rows(f"MATCH {pattern} RETURN count({variable})"))[0])

    with on.errors():
        labels, types = set(on.labels()), set(on.relationship_types())
        kinds = {k: count(f"(n:{k})", "n") for k in on.schema.kinds if k in labels}
        relations = {r: count(f"()-[r:{r}]->()", "r") for r in on.schema.relations if r in types}
        predicted = {
            r: count(f"()-[r:{PREDICTED}{r}]->()", "r")
            for r in on.schema.relations
            if f"{PREDICTED}{r}" in types
        }
        by_source = on.rows("MATCH (e:Evidence) RETURN e.source, count(e)")
        evidence = dict(sorted(((s, int(n)) for s, n in by_source), key=lambda row: -row[1]))
        return {
            "uri": on.uri,
            "server": on.agent(),
            "nodes": sum(kinds.values()),
            "edges": sum(relations.values()),
            "evidence": sum(evidence.values()),
            "predictions": sum(predicted.values()),
            "kinds": {k: n for k, n in kinds.items() if n},
            "relations": {r: n for r, n in relations.items() if n},
            "evidence_by_source": evidence,
            "sources": [asdict(source) for source in read_sources(on)],
        }


def read_parts(
    on: Connection, query: str, variable: str, columns: Columns, **params: Any
) -> Iterator[pl.DataFrame]:
    """The nodes that a query's variable matches, as frames of these columns; an empty one first."""
    yield empty(columns)
    returned = ", ".join(f"{variable}.`{column}`" for column in columns)
    rows = on.rows(f"{query} RETURN {returned}", **params)
    while part := list(islice(rows, _PART)):
        yield pl.DataFrame(part, schema=dict(columns), orient="row")


def framed(rows: Iterable[list[Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a frame, made in parts, so that they are never all there as Python values."""
    rows = iter(rows)
    parts = [pl.DataFrame(schema=columns)]
    while part := list(islice(rows, _PART)):
        parts.append(pl.DataFrame(part, schema=columns, orient="row"))
    return pl.concat(parts)
