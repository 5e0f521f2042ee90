"""Ontologies in OWL, written as RDF/XML.

pronto, which reads them too, holds the whole ontology in memory and drops the annotations of
cross-references, by which MONDO says which of them are equivalences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .stream import (
    line_of,
    xml_records,
)

if TYPE_CHECKING:
    from lxml.etree import _Element
from .term import (
    OBO_IRI,
    Link,
    Term,
    curie_or_empty,
    normalised,
    predicate_name,
    scope_of_marks,
    scope_of_synonym,
    set_property,
)

# OWL as RDF/XML

_OIO = "{http://www.geneontology.org/formats/oboInOwl#}"
_OWL = "{http://www.w3.org/2002/07/owl#}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_RDFS = "{http://www.w3.org/2000/01/rdf-schema#}"
_IAO = f"{{{OBO_IRI}}}IAO_"


def owl_release(path: Path) -> str:
    """The version that the ontology states of itself; empty where it states none."""
    for element in islice(xml_records(path, Quarantine()), 1, None):
        if element.tag == f"{_OWL}Ontology":
            info = element.findtext(f"{_OWL}versionInfo") or ""
            iri = element.find(f"{_OWL}versionIRI")
            version = _resource(iri) if iri is not None else ""
            return re.sub(r"/[^/]*\.owl$", "", version) or info
    return ""


def read_owl(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The terms and links of an ontology.

    The axioms that annotate a class's cross-references stand right after it.

    Raises:
        DataError: the file is no RDF/XML.
    """
    elements = xml_records(path, quarantine)
    root = next(elements)
    if root.tag != f"{_RDF}RDF":
        raise DataError("is no OWL file in RDF/XML; convert it, or give OBO or JSON", path=path)
    term: Term | None = None
    links: list[tuple[str, str]] = []
    about = ""
    for element in elements:
        if element.tag == f"{_OWL}Class":
            if term:
                yield from normalised(term, links)
            term, links, about = None, [], element.get(f"{_RDF}about") or ""
            identifier = curie_or_empty(about)
            # A class that is only named here is another ontology's.
            if identifier and len(element):
                term = Term(identifier, line=line_of(element))
                _read_class(element, term, links)
            elif not identifier and len(element):
                quarantine.add(
                    "term without a CURIE", path=path, line=line_of(element), row=about[:200]
                )
        elif element.tag == f"{_OWL}Axiom" and term:
            source = element.find(f"{_OWL}annotatedSource")
            annotated_property = element.find(f"{_OWL}annotatedProperty")
            if source is None or annotated_property is None or _resource(source) != about:
                continue
            if not _resource(annotated_property).endswith("#hasDbXref"):
                continue
            target = element.findtext(f"{_OWL}annotatedTarget") or ""
            marks = [_value(mark) for mark in element.findall(f"{_OIO}source")]
            term.refer(target, scope_of_marks(_mark(mark) for mark in marks))
    if term:
        yield from normalised(term, links)


def _mark(text: str) -> str:
    """MONDO:equivalentTo, also where it is written as an address."""
    return re.sub(r"^.*[/#](?:MONDO[_:#])?(?=[A-Za-z]+$)", "MONDO:", text)


def _resource(element: _Element) -> str:
    return element.get(f"{_RDF}resource") or ""


def _value(element: _Element) -> str:
    return _resource(element) or (element.text or "").strip()


def _read_class(element: _Element, term: Term, links: list[tuple[str, str]]) -> None:
    """Take what a class says into the term and its links."""
    for child in element:
        tag, value = str(child.tag), _value(child)
        if tag == f"{_RDFS}label":
            term.name = term.name or value
        elif tag == f"{_RDFS}subClassOf":
            if value:
                links.append(("is_a", value))
            elif restriction := _existential(child):
                links.append(restriction)
        elif tag == f"{_IAO}0000115":
            term.definition = value
        elif tag == f"{_OWL}deprecated":
            term.obsolete = value.lower() == "true"
        elif tag in (f"{_IAO}0100001", f"{_OIO}replacedBy"):
            term.replaced_by.append(value)
        elif tag.startswith(_OIO):
            _read_obo_annotation(tag.removeprefix(_OIO), value, term)
        elif value:
            set_property(term, tag.replace("}", "#"), value)


def _read_obo_annotation(name: str, value: str, term: Term) -> None:
    """Take an annotation of the vocabulary oboInOwl into the term."""
    if scope := scope_of_synonym(name):
        term.synonyms.append((scope, value))
    elif name == "hasDbXref":
        term.refer(value)
    elif name == "hasAlternativeId":
        term.alternatives.append(value)
    elif name == "consider":
        term.consider.append(value)
    elif name == "hasOBONamespace":
        term.namespace = value


def _existential(element: _Element) -> tuple[str, str] | None:
    """Property and filler of an existential restriction (`part_of some heart`)."""
    restriction = element.find(f"{_OWL}Restriction")
    if restriction is None:
        return None
    on_property, filler = (
        restriction.find(f"{_OWL}{tag}") for tag in ("onProperty", "someValuesFrom")
    )
    if on_property is None or filler is None or not _resource(filler):
        return None
    return predicate_name(_resource(on_property)), _resource(filler)
