"""A graph on a server that medkg did not write: read as it is, predictions written beside it.

What is read is never changed. What is written are relationships of types `PREDICTED_…` between
nodes that are there, each with `id`, `checksum` and `model`; by these it is known again, and
nothing else is ever deleted. No node, property, label, constraint or index of the server is
touched, and none is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from ..frames import PREDICTIONS
from .connection import BATCH, Connection, Record
from .names import PREDICTED, Cypher, Quoted, key, quoted
from .rows import dicts, groups, with_id
from .summary import taken_out

_ENDS = ("start", "end")


@dataclass(frozen=True)
class Pattern:
    """Nodes of a label, or relationships of a type from nodes of a label to nodes of another."""

    label: str = ""
    relationship: str = ""
    start: str = ""
    end: str = ""

    def __str__(self) -> str:
        if self.label:
            return f"(:{self.label})"
        return f"(:{self.start})-[:{self.relationship}]->(:{self.end})"

    @property
    def ends(self) -> dict[str, Pattern]:
        """Of relationships, the nodes at `start` and `end`."""
        return {} if self.label else {"start": Pattern(self.start), "end": Pattern(self.end)}

    def end_of(self, column: str) -> tuple[str, str]:
        """Whose property a column is (`start`, `end`, or "" for its own), and the property."""
        end, dot, name = column.partition(".")
        return (end, name) if dot and not self.label and end in _ENDS else ("", column)


@dataclass(frozen=True)
class Inventory:
    """How many nodes a server has by their labels, and relationships by type and ends' labels."""

    nodes: Mapping[frozenset[str], int]
    relationships: Mapping[tuple[frozenset[str], str, frozenset[str]], int]

    def count(self, pattern: Pattern) -> int:
        """How many nodes or relationships a pattern matches."""
        if pattern.label:
            return sum(n for labels, n in self.nodes.items() if pattern.label in labels)
        return sum(n for triple, n in self.relationships.items() if _matches(pattern, triple))

    def unmapped(self, patterns: Sequence[Pattern]) -> pl.DataFrame:
        """What none of the patterns matches: `what` (as `(:Label)`) and `count`."""
        mapped = {label for each in patterns for label in (each.label, each.start, each.end)}
        rows = [(_labels(each), n) for each, n in self.nodes.items() if not each & mapped]
        rows += [
            (f"{_labels(triple[0])}-[:{triple[1]}]->{_labels(triple[2])}", n)
            for triple, n in self.relationships.items()
            if not any(_matches(pattern, triple) for pattern in patterns if pattern.relationship)
        ]
        frame = pl.DataFrame(rows, schema={"what": pl.String, "count": pl.Int64}, orient="row")
        return frame.sort("count", "what", descending=[True, False])


def _matches(pattern: Pattern, triple: tuple[frozenset[str], str, frozenset[str]]) -> bool:
    start, relationship, end = triple
    return relationship == pattern.relationship and pattern.start in start and pattern.end in end


def _labels(labels: frozenset[str]) -> str:
    return f"({''.join(f':{label}' for label in sorted(labels))})"


def inventory(connection: Connection) -> Inventory:
    """What a server holds, the predictions of medkg's aside."""
    nodes: dict[frozenset[str], int] = {}
    for labels, count in connection.rows("MATCH (n) RETURN labels(n), count(*)"):
        nodes[frozenset(labels)] = nodes.get(frozenset(labels), 0) + int(count)
    relationships: dict[tuple[frozenset[str], str, frozenset[str]], int] = {}
    query = (
        "MATCH (a)-[r]->(b) WHERE NOT (type(r) STARTS WITH $predicted AND r.checksum IS NOT NULL)"
        " RETURN labels(a), type(r), labels(b), count(*)"
    )
    for start, relationship, end, count in connection.rows(query, predicted=PREDICTED):
        triple = (frozenset(start), str(relationship), frozenset(end))
        relationships[triple] = relationships.get(triple, 0) + int(count)
    return Inventory(nodes, relationships)


def properties(connection: Connection, pattern: Pattern) -> dict[str, int]:
    """The properties of what a pattern matches, and how many have each."""
    query = f"{_match(pattern)} UNWIND keys(n) AS name RETURN name, count(*)"
    return {str(name): int(count) for name, count in connection.rows(query)}


def read_parts(
    connection: Connection, pattern: Pattern, columns: Sequence[str], size: int
) -> Iterator[list[Record]]:
    """What a pattern matches, in lists of at most `size` rows, as they come from the server.

    A row is the element id of the node or relationship, then the values of these columns: its own
    properties, or of a relationship's ends, as `start.name` and `end.name`.
    """
    returned = [Cypher("elementId(n)")]
    for column in columns:
        returned.append(_property(pattern, column))
    rows = connection.rows(f"{_match(pattern)} RETURN {Cypher(', '.join(returned))}")
    while part := list(islice(rows, size)):
        yield part


def _match(pattern: Pattern) -> Cypher:
    if pattern.label:
        return Cypher(f"MATCH (n:{quoted(pattern.label)})")
    return Cypher(
        f"MATCH (a:{quoted(pattern.start)})-[n:{quoted(pattern.relationship)}]->"
        f"(b:{quoted(pattern.end)})"
    )


def _property(pattern: Pattern, column: str) -> Cypher:
    end, name = pattern.end_of(column)
    if end == "start":
        return Cypher(f"a.{quoted(name)}")
    return Cypher(f"b.{quoted(name)}") if end else Cypher(f"n.{quoted(name)}")


# Predictions beside what is there


@dataclass
class PredictionsSummary:
    """What was written beside a graph that medkg did not write.

    Attributes:
        predictions: those that were written.
        relationships: how many they are: one for each node that an end has there.
        replaced: relationships of the same models' earlier answers, taken out.
        without_node: predictions not written, since an end is no node there.
    """

    predictions: int = 0
    relationships: int = 0
    replaced: int = 0
    without_node: int = 0

    def as_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return dict(vars(self))

    def __str__(self) -> str:
        lines = [f"predictions: {self.predictions:,}, as {self.relationships:,} relationships"]
        if self.replaced:
            lines.append(taken_out(self.replaced))
        if self.without_node:
            lines.append(f"not written, as an end is no node there: {self.without_node:,}")
        return "\n".join(lines)


def write_beside(
    connection: Connection, predictions: pl.DataFrame, nodes: pl.DataFrame
) -> PredictionsSummary:
    """Write predictions as relationships between nodes that are there.

    A model's predictions for a head (or tail) replace what it has there for it.

    Args:
        predictions: with the columns of `PREDICTIONS`.
        nodes: `id`, as predictions have it, and `element`, the element id on the server; several
            nodes of one id get the prediction each.
    """
    given = with_id(predictions.select(list(PREDICTIONS)), ["model", "head", "relation", "tail"])
    placed = given.join(nodes.rename({"id": "head", "element": "_head"}), on="head").join(
        nodes.rename({"id": "tail", "element": "_tail"}), on="tail"
    )
    written = placed["id"].n_unique()
    summary = PredictionsSummary(written, placed.height, 0, given.height - written)
    for (model, relation, direction), part in groups(given, "model", "relation", "direction"):
        queried = part["tail" if direction == "head" else "head"].unique()
        of = Cypher("p.tail IN $queried") if direction == "head" else Cypher("p.head IN $queried")
        for start in range(0, queried.len(), BATCH):
            summary.replaced += _delete(
                connection,
                quoted(PREDICTED + relation),
                Cypher(f"p.model = $model AND p.direction = $direction AND {of}"),
                model=model,
                direction=direction,
                queried=queried.slice(start, BATCH).to_list(),
            )
    for (relation,), part in groups(placed, "relation"):
        connection.send(
            "UNWIND $rows AS row MATCH (h) WHERE elementId(h) = row.head"
            " MATCH (t) WHERE elementId(t) = row.tail"
            f" MERGE (h)-[p:{quoted(PREDICTED + relation)} {{id: row.id}}]->(t)"
            " SET p += row.values",
            (
                {
                    "id": row["id"],
                    "head": row["_head"],
                    "tail": row["_tail"],
                    "values": {n: v for n, v in row.items() if n not in ("_head", "_tail")},
                }
                for row in dicts(part)
            ),
        )
    return summary


def forget_predictions(connection: Connection, models: Sequence[str]) -> dict[str, int]:
    """Delete the predictions of some models; returns how many each of them had."""
    counts = dict.fromkeys(models, 0)
    for name in connection.relationship_types():
        if name.startswith(PREDICTED):
            for model in counts:
                condition = Cypher("p.model = $model")
                counts[model] += _delete(connection, quoted(name), condition, model=model)
    return counts


def _delete(connection: Connection, name: Quoted, condition: Cypher, **params: object) -> int:
    """Delete the predictions of a type for which a condition on `p` holds, a batch at a time."""
    match = Cypher(
        f"MATCH ()-[p:{name}]->() WHERE p.{key('id')} IS NOT NULL"
        f" AND p.{key('checksum')} IS NOT NULL AND {condition}"
    )
    count = int(connection.fetch(f"{match} RETURN count(p)", **params)[0][0])
    for _ in range(0, count, BATCH):
        connection.change(f"{match} WITH p LIMIT $batch DELETE p", batch=BATCH, **params)
    return count
