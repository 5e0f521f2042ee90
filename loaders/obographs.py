"""Ontologies in OBO Graphs JSON (https://github.com/geneontology/obographs)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .owl import predicate_name
from .stream import (
    stream,
)
from .term import PREDICATES, Link, Term, curie_or_empty, normalised, scope_of_marks, set_property

# OBO Graphs JSON (https://github.com/geneontology/obographs)


def _items(path: Path, prefix: str) -> Iterator[Any]:
    import ijson

    with stream(path) as file:
        try:
            yield from ijson.items(file, prefix)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            problem = str(error).partition("\n")[0]  # an excerpt follows
            raise DataError(f"is not valid JSON ({problem}); fetch it anew", path=path) from error


def json_release(path: Path) -> str:
    for meta in _items(path, "graphs.item.meta"):
        version = str(meta.get("version") or "")
        for value in meta.get("basicPropertyValues") or ():
            if str(value.get("pred", "")).endswith("versionInfo"):
                version = version or str(value.get("val"))
        return re.sub(r"/[^/]*\.(?:owl|json)$", "", version)
    return ""


def read_obographs(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    found = False
    for node in _items(path, "graphs.item.nodes.item"):
        found = True
        try:
            term = _json_term(node)
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed term", path=path, row=str(node)[:200])
            continue
        if term and term.id:
            yield from normalised(term, ())
        elif term:
            quarantine.add("term without a CURIE", path=path, row=str(node.get("id"))[:200])
    if not found:
        raise DataError("is no OBO Graphs JSON: it has no graphs with nodes", path=path)
    for edge in _items(path, "graphs.item.edges.item"):
        try:
            ends, predicate = (
                [curie_or_empty(edge["sub"]), curie_or_empty(edge["obj"])],
                predicate_name(edge["pred"]),
            )
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed edge", path=path, row=str(edge)[:200])
            continue
        if all(ends) and predicate in PREDICATES:
            yield Link(ends[0], PREDICATES[predicate], ends[1])


def _json_term(node: dict[str, Any]) -> Term | None:
    """A node as a term, without identifier where it has no CURIE; None if it is no term here."""
    # A node that is only named here is another ontology's.
    if node.get("type", "CLASS") != "CLASS" or not {"lbl", "meta"} & set(node):
        return None
    meta = node.get("meta") or {}
    term = Term(curie_or_empty(str(node.get("id"))), str(node.get("lbl") or ""))
    term.obsolete = bool(meta.get("deprecated"))
    term.definition = str((meta.get("definition") or {}).get("val") or "")
    for synonym in meta.get("synonyms") or ():
        if scope := re.fullmatch(r"has(Exact|Broad|Narrow|Related)Synonym", synonym["pred"]):
            term.synonyms.append((scope[1].upper(), synonym["val"]))
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
