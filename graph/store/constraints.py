"""The constraints and indexes that a server needs to find nodes by identifier and by name."""

from __future__ import annotations

from collections.abc import Iterable

from .connection import Connection
from .journal import OWN_LABELS


def constraint_statements(kinds: Iterable[str], own: Iterable[str] = OWN_LABELS) -> list[str]:
    """The statements that make the constraints and indexes of kinds and of the store's own labels.

    Args:
        kinds: labels of nodes of the graph.
        own: labels of what the store itself keeps.
    """
    kinds, own = list(kinds), list(own)
    keys = [(kind, "name_key") for kind in kinds]
    if "Evidence" in own:
        keys += [("Evidence", "edge"), ("Evidence", "subject")]
    return [
        *(
            f"CREATE CONSTRAINT medkg_{label}_id IF NOT EXISTS FOR (n:{label})"
            " REQUIRE n.id IS UNIQUE"
            for label in (*kinds, *own)
        ),
        *(
            f"CREATE INDEX medkg_{label}_{key} IF NOT EXISTS FOR (n:{label}) ON (n.{key})"
            for label, key in keys
        ),
    ]


def make_constraints(
    connection: Connection, kinds: Iterable[str], own: Iterable[str] = OWN_LABELS
) -> None:
    """Make the constraints and indexes of these kinds and labels, where they don't exist."""
    for statement in constraint_statements(kinds, own):
        connection.change(statement)
