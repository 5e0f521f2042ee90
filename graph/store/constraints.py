"""The constraints and indexes that a server needs to find nodes by identifier and by name."""

from __future__ import annotations

from collections.abc import Iterable

from .connection import Connection
from .names import OWN_LABELS, Cypher, Names, key

# What the store's own nodes are found by, beside their id. Few pieces of evidence have a document,
# and few are negated.
_OWN_KEYS = (
    ("Evidence", "edge"),
    ("Evidence", "subject"),
    ("Evidence", "document"),
    ("Evidence", "polarity"),
    ("Merge", "merged"),
)


def constraint_statements(
    names: Names, kinds: Iterable[str], own: Iterable[str] = OWN_LABELS
) -> list[Cypher]:
    """The statements that make the constraints and indexes of kinds and of the store's own labels.

    Args:
        names: those of the graph's schema.
        kinds: kinds of nodes of the graph.
        own: labels of what the store itself keeps.

    Raises:
        SchemaError: the schema has no such kind.
    """
    kinds, own = list(kinds), list(own)
    return [
        *(
            Cypher(
                f"CREATE CONSTRAINT {names.index(label, 'id')} IF NOT EXISTS"
                f" FOR (n:{names.label(label)}) REQUIRE n.id IS UNIQUE"
            )
            for label in (*kinds, *own)
        ),
        *(
            Cypher(
                f"CREATE INDEX {names.index(label, property)} IF NOT EXISTS"
                f" FOR (n:{names.label(label)}) ON (n.{key(property)})"
            )
            for label, property in _indexed(kinds, own)
        ),
    ]


def make_constraints(
    connection: Connection, kinds: Iterable[str], own: Iterable[str] = OWN_LABELS
) -> None:
    """Make the constraints and indexes of these kinds and labels, where they don't exist."""
    for statement in constraint_statements(connection.names, kinds, own):
        connection.change_schema(statement)


def drop_constraints(connection: Connection, kinds: Iterable[str]) -> None:
    """Drop what `make_constraints` makes of these kinds and of all labels of the store's own."""
    names, kinds = connection.names, list(kinds)
    for label in (*kinds, *OWN_LABELS):
        connection.change_schema(f"DROP CONSTRAINT {names.index(label, 'id')} IF EXISTS")
    for label, property in _indexed(kinds, OWN_LABELS):
        connection.change_schema(f"DROP INDEX {names.index(label, property)} IF EXISTS")


def _indexed(kinds: Iterable[str], own: Iterable[str]) -> list[tuple[str, str]]:
    """The labels and properties that have an index without a constraint."""
    indexed = [(kind, "name_key") for kind in kinds]
    return indexed + [(label, name) for label, name in _OWN_KEYS if label in own]
