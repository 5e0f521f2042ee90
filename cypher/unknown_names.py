"""Labels and relationship types in Cypher of one's own that no graph here has.

A server answers nothing where a name is misspelt, as it does where there is nothing to be found.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core.errors import DataError
from ..graph.schema import Schema
from ..graph.store import Store
from ..graph.store.guard import names_in
from ..graph.store.names import OWN_LABELS, PREDICTED

_SUGGESTED = 3
_MIN_LIKENESS = 60  # rapidfuzz's ratio, without case


def refuse_unknown_names(store: Store, cypher: str) -> None:
    """Refuse a query with a label or relationship type that neither schema nor server has.

    Raises:
        DataError: the name, and the names that are near it.
        StoreError: the server doesn't answer, or the query can't be read.
    """
    names = names_in(cypher)
    relations = store.schema.relations
    labels = {*store.schema.kinds, *OWN_LABELS}
    types = {*relations, *(PREDICTED + relation for relation in relations)}
    if {*names.labels} <= labels and {*names.types} <= types and {*names.either} <= labels | types:
        return
    with store.connection.errors():
        labels.update(store.connection.labels())
        types.update(store.connection.relationship_types())
    for what, used, known in (
        ("label", names.labels, labels),
        ("relation", names.types, types),
        ("label or relation", names.either, labels | types),
    ):
        for name in used:
            if name not in known:
                raise DataError(f"the graph has no {what} {name!r}{near_names(name, known)}")


def known_relation(text: str, store: Store | None) -> str:
    """The relation that a text names in capitals or not.

    Args:
        store: without one, a text that names no relation of the default schema is taken as it is.

    Raises:
        DataError: neither schema nor server has it; the names that are near it.
        StoreError: the server doesn't answer.
    """
    types = set((Schema.default() if store is None else store.schema).relations)
    if text.upper() in types:
        return text.upper()
    if store is None:
        return text
    with store.connection.errors():
        types.update(store.connection.relationship_types())
    types = {each for each in types if not each.startswith(PREDICTED)}
    if text not in types:
        near = near_names(text.removeprefix(PREDICTED), types)
        raise DataError(f"the graph has no relation {text!r}{near}")
    return text


def refuse_unknown_load(store: Store, load: str) -> None:
    """Refuse the id of a load that the server has no record of.

    Raises:
        DataError: there is none.
        StoreError: the server doesn't answer.
    """
    if store.query("MATCH (l:Load {id: $load}) RETURN l.id AS id", load=load).is_empty():
        raise DataError(f"the server has no load {load!r}; medkg query loads lists them")


def near_names(name: str, known: Iterable[str]) -> str:
    """The end of a message: the known names that are most like a name, or all where none is."""
    from rapidfuzz import fuzz, process, utils

    scored = process.extract(
        name,
        sorted(known),
        scorer=fuzz.ratio,
        processor=utils.default_process,
        score_cutoff=_MIN_LIKENESS,
        limit=_SUGGESTED,
    )
    near = [match for match, *_ in scored]
    return f"; near: {', '.join(near)}" if near else f"; there are {', '.join(sorted(known))}"
