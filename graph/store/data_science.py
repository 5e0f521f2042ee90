"""Centrality and communities by Neo4j's Graph Data Science library, where a server has it.

It works on a copy of the relationships in the server's memory, which is dropped afterwards; nothing
in the database changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import polars as pl

from ...core.progress import progress
from ..centrality import SAMPLED, arranged
from .connection import Connection

# The copy has one relationship between two nodes, whatever their relations and directions.
_COPY = (
    " WHERE a <> b"
    " WITH DISTINCT CASE WHEN elementId(a) < elementId(b) THEN [a, b] ELSE [b, a] END AS pair"
    " RETURN gds.graph.project($copy, pair[0], pair[1], {}, {undirectedRelationshipTypes: ['*']})"
)
_DEGREE = (
    "CALL gds.degree.stream($copy) YIELD nodeId, score WITH gds.util.asNode(nodeId) AS n, nodeId,"
    " score RETURN nodeId, n.id, [kind IN labels(n) WHERE kind IN $kinds][0], n.name, score"
)
_BETWEENNESS = (
    "CALL gds.betweenness.stream($copy, {samplingSize: $sampled, samplingSeed: $seed,"
    " concurrency: 1})"
    " YIELD nodeId, score RETURN nodeId, score"
)
_COMMUNITY = (
    "CALL gds.louvain.stream($copy, {concurrency: 1}) YIELD nodeId, communityId"
    " RETURN nodeId, communityId"
)
_DROP = "CALL gds.graph.drop($copy, false) YIELD graphName RETURN graphName"


def has_library(connection: Connection) -> bool:
    """Whether the server is a Neo4j with the library."""
    if not connection.is_neo4j():
        return False
    query = "SHOW FUNCTIONS YIELD name WHERE name = 'gds.version' RETURN name"
    with connection.errors():
        return bool(connection.change(query))


def centrality_on(
    connection: Connection, relations: Sequence[str] | None = None, seed: int = 0
) -> pl.DataFrame:
    """What `medkg.centrality` gives, of a whole server, by the library.

    Raises:
        SchemaError: no such relation.
        StoreError: the server refuses, or has too little memory for the copy.
    """
    schema = connection.schema
    names = [
        schema.relation(each).name
        for each in (schema.relations if relations is None else relations)
    ]
    copy = f"medkg-{uuid.uuid4()}"
    with connection.errors(), progress("Centrality", 4) as advance:
        there = set(connection.relationship_types())
        types = [name for name in names if name in there]
        if not types:
            return arranged([], _nodes([]))
        try:
            match = f"MATCH (a)-[:{connection.names.types(types)}]->(b)"
            if not connection.change(match + " WHERE a <> b RETURN 1 LIMIT 1"):
                return arranged([], _nodes([]))
            connection.change(match + _COPY, copy=copy)
            advance()
            degrees = connection.change(_DEGREE, copy=copy, kinds=list(schema.kinds))
            advance()
            sampled = min(SAMPLED, len(degrees))
            paths = connection.change(_BETWEENNESS, copy=copy, sampled=sampled, seed=seed)
            advance()
            communities = dict(connection.change(_COMMUNITY, copy=copy))
            advance()
        finally:
            connection.change(_DROP, copy=copy)
    share = _share(len(degrees), sampled)
    through = {node: count * share for node, count in paths}
    rows = [
        (identifier, round(degree), through[node], communities[node])
        for node, identifier, _, _, degree in degrees
    ]
    return arranged(rows, _nodes(degrees))


def _share(nodes: int, sampled: int) -> float:
    """What a count of shortest paths through a node, from sampled ones, is multiplied by.

    It becomes the share of the pairs of other nodes whose shortest paths lead through it.
    """
    pairs = (nodes - 1) * (nodes - 2) / 2
    return nodes / sampled / pairs if pairs else 0.0


def _nodes(degrees: Sequence[Sequence[object]]) -> pl.DataFrame:
    """Identifier, kind and name of the nodes of an answer of degrees."""
    schema = dict.fromkeys(("id", "kind", "name"), pl.String)
    return pl.DataFrame([row[1:4] for row in degrees], schema=schema, orient="row")
