"""Kinds, relations and property keys as they stand in a statement: validated, and quoted.

Cypher takes values as parameters but not these names, so a name that comes from a folder or a
server would be a part of the statement. What is in no schema is refused here, before any statement.
A statement is written in full where it is used, and holds nothing but literal text and what this
module gives; `tests/graph/test_names.py` reads the code and holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...core.errors import SchemaError
from ..frames import ASSERTS_EDGE
from ..schema import Schema

# What the store itself keeps, beside a graph's nodes.
OWN_LABELS = ("Evidence", "Source", "Merge", "Load", "Journal")
PREDICTED = "PREDICTED_"  # and a relation's name: the type of its predictions


class Quoted(str):
    """A name, or several, as a statement may hold it; only this module makes one."""

    __slots__ = ()


class Cypher(str):
    """A part of a statement that is handed on: literal text, `Quoted` and `Cypher` alone."""

    __slots__ = ()


@dataclass(frozen=True)
class Names:
    """The names that statements on a graph of this schema may hold."""

    schema: Schema

    def label(self, kind: str) -> Quoted:
        """The label of a kind, or of what the store itself keeps.

        Raises:
            SchemaError: the schema has no such kind.
        """
        return key(kind if kind in OWN_LABELS else self.schema.kind(kind).label)

    def type_(self, relation: str) -> Quoted:
        """The type of a relation's relationships, or (named `PREDICTED_…`) of its predictions.

        Raises:
            SchemaError: the schema has no such relation.
        """
        if relation in self.schema.relations:
            return key(relation)
        return key(PREDICTED + self.schema.relation(relation.removeprefix(PREDICTED)).name)

    def types(self, relations: Iterable[str]) -> Quoted:
        """These types as alternatives, as a pattern has them after the colon."""
        return Quoted("|".join(self.type_(relation) for relation in relations))

    def index(self, kind: str, property: str) -> Quoted:
        """The name of the constraint or index over a property of a kind's nodes."""
        self.label(kind)
        return key(f"medkg_{kind}_{property}")


def key(property: str) -> Quoted:
    """The key of a property, quoted.

    Raises:
        SchemaError: it is no plain name (letters, digits and underscores).
    """
    if not property.isidentifier():
        raise SchemaError(
            f"{property!r} is no name that a query may hold: letters, digits and underscores only"
        )
    return Quoted(f"`{property}`")


def quoted(name: str) -> Quoted:
    """A label, type or key of a graph that medkg did not write, which may hold spaces and signs.

    Raises:
        SchemaError: it can't be quoted: empty, or with a backquote, a backslash (in which Neo4j
            sees the signs that it escapes) or what can't be printed.
    """
    if not name or not name.isprintable() or set("`\\") & set(name):
        raise SchemaError(f"{name!r} is no name that a query may hold")
    return Quoted(f"`{name}`")


def keys(variable: str, properties: Iterable[str]) -> Quoted:
    """Properties of a variable, as a RETURN lists them."""
    if not variable.isidentifier():
        raise SchemaError(f"{variable!r} is no variable of a query")
    return Quoted(", ".join(f"{variable}.{key(name)}" for name in properties))


def read_nowhere(evidence: str) -> Quoted:
    """The condition that a piece of evidence was read in no text: everybody may see it."""
    return Quoted(f"({evidence}.document IS NULL AND {evidence}.sentence IS NULL)")


def curated_count(edge: str) -> Quoted:
    """How many pieces of evidence that were read in no text assert an edge."""
    return Quoted(
        f"COUNT {{ MATCH (e:Evidence {{edge: {edge}.id}}) WHERE {read_nowhere('e')}"
        f" AND e.polarity = 'asserted' AND {ASSERTS_EDGE} }}"
    )


def parameter(name: str) -> Quoted:
    """The parameter of a property's name."""
    key(name)
    return Quoted(f"${name}")
