"""Ontologies in OBO Graphs JSON (https://github.com/geneontology/obographs)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, TypeVar

from ..core.errors import DataError
from ..core.input_files import opened
from ..core.json_reading import JsonError, json_items
from ..core.quarantine import Quarantine
from .term import (
    PREDICATES,
    Link,
    Term,
    curie_or_empty,
    normalised,
    predicate_name,
    scope_of_marks,
    scope_of_synonym,
    set_property,
)

_Item = TypeVar("_Item")


class _PropertyValue(TypedDict, total=False):
    """A property of a node or graph; a synonym is one too."""

    pred: str
    val: str


class _Xref(TypedDict, total=False):
    """A cross-reference, with the sources that state it."""

    val: str
    meta: _Meta


class _Meta(TypedDict, total=False):
    """What a node, graph or cross-reference says of itself."""

    version: str
    deprecated: bool
    definition: _PropertyValue
    synonyms: list[_PropertyValue]
    xrefs: list[_Xref]
    basicPropertyValues: list[_PropertyValue]


class _Node(TypedDict, total=False):
    """A class, property or individual."""

    id: str
    lbl: str
    type: str
    meta: _Meta


class _Edge(TypedDict):
    """A link between two nodes."""

    sub: str
    pred: str
    obj: str


def _items(path: Path, prefix: str, _type: type[_Item]) -> Iterator[_Item]:
    """The objects at a place of the file (as ijson names places), which are taken to have a type.

    Raises:
        DataError: the file is not JSON.
    """
    with opened(path) as file:
        try:
            yield from json_items(file, prefix)
        except JsonError as error:
            raise JsonError(f"{error.reason}; fetch it anew", path=path) from None


def json_release(path: Path) -> str:
    """The version that the graph states of itself; empty where it states none."""
    meta = next(_items(path, "graphs.item.meta", _Meta), _Meta())
    try:
        version = str(meta.get("version") or "")
        for value in meta.get("basicPropertyValues") or ():
            if str(value.get("pred", "")).endswith("versionInfo"):
                version = version or str(value.get("val"))
    except (AttributeError, TypeError):  # files have anything anywhere
        return ""
    return re.sub(r"/[^/]*\.(?:owl|json)$", "", version)


def read_obographs(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The terms and links of an ontology.

    Raises:
        DataError: the file is no OBO Graphs JSON.
    """
    has_nodes = False
    for node in _items(path, "graphs.item.nodes.item", _Node):
        has_nodes = True
        try:
            term = _json_term(node)
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed term", path=path, row=str(node)[:200])
            continue
        if term and term.id:
            yield from normalised(term, ())
        elif term:
            quarantine.add("term without a CURIE", path=path, row=str(node.get("id"))[:200])
    if not has_nodes:
        raise DataError("is no OBO Graphs JSON: it has no graphs with nodes", path=path)
    for edge in _items(path, "graphs.item.edges.item", _Edge):
        try:
            subject, object_ = curie_or_empty(edge["sub"]), curie_or_empty(edge["obj"])
            predicate = predicate_name(edge["pred"])
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed edge", path=path, row=str(edge)[:200])
            continue
        if subject and object_ and predicate in PREDICATES:
            yield Link(subject, PREDICATES[predicate], object_)


def _json_term(node: _Node) -> Term | None:
    """A node as a term, without identifier where it has no CURIE; None if it is no term here."""
    # A node that is only named here is another ontology's.
    if node.get("type", "CLASS") != "CLASS" or not {"lbl", "meta"} & set(node):
        return None
    meta = node.get("meta") or {}
    term = Term(curie_or_empty(str(node.get("id"))), str(node.get("lbl") or ""))
    term.obsolete = bool(meta.get("deprecated"))
    term.definition = str((meta.get("definition") or {}).get("val") or "")
    for synonym in meta.get("synonyms") or ():
        if scope := scope_of_synonym(synonym["pred"]):
            term.synonyms.append((scope, synonym["val"].strip()))  # text, or the term is malformed
    for xref in meta.get("xrefs") or ():
        marks = [x.get("val", "") for x in (xref.get("meta") or {}).get("xrefs") or ()]
        term.refer(xref["val"], scope_of_marks(marks))
    for value in meta.get("basicPropertyValues") or ():
        predicate, text = str(value.get("pred", "")), str(value.get("val", ""))
        match re.split("[#/]", predicate)[-1]:
            case "hasAlternativeId":
                term.alternatives.append(text)
            case "IAO_0100001" | "replacedBy":
                term.replaced_by.append(text)
            case "consider":
                term.consider.append(text)
            case "hasOBONamespace":
                term.namespace = text
            case _:
                set_property(term, predicate, text)
    return term
