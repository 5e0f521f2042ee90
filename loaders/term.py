"""Terms of ontologies and the links between them, whatever the format they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.errors import SchemaError
from ..graph.identifiers import normalise_curie

OBO_IRI = "http://purl.obolibrary.org/obo/"
# How far a synonym or cross-reference means the same as its term.
SCOPES = ("EXACT", "BROAD", "NARROW", "RELATED")
# The predicates that are read, as OBO and as its relation ontology name them.
PREDICATES = {
    "is_a": "is_a",
    "part_of": "part_of",
    "BFO:0000050": "part_of",
    "has_role": "has_role",
    "RO:0000087": "has_role",
}

# What MONDO's annotations of a cross-reference say; one that says nothing else is only related.
# An equivalent that its own source has retired still names the same disease.
_MARKS = {
    "MONDO:equivalentTo": "EXACT",
    "MONDO:equivalentObsolete": "EXACT",
    "MONDO:obsoleteEquivalent": "EXACT",
    "MONDO:mondoIsNarrowerThanSource": "BROAD",
    "MONDO:mondoIsBroaderThanSource": "NARROW",
}
_MATCHES = {"exact": "EXACT", "broad": "BROAD", "narrow": "NARROW"}
# ChEBI's structures, as its files of before and since 2025 name them.
STRUCTURES = {
    "inchi": "inchi",
    "inchi_string": "inchi",
    "inchikey": "inchikey",
    "inchi_key_string": "inchikey",
    "smiles": "smiles",
    "smiles_string": "smiles",
}


@dataclass(slots=True)
class Term:
    """A term as its file has it; identifiers are CURIEs in the standard spelling.

    Attributes:
        line: of the file, where it has lines.
        synonyms: pairs of a scope (one of `SCOPES`) and a name.
        xrefs: cross-references, each with its scope; "" where none is stated.
        alternatives: identifiers of terms that were merged into it.
        replaced_by: of an obsolete term, those that took its place.
        consider: of an obsolete term, those that may take its place.
        structure: of a substance: inchi, inchikey, smiles.
    """

    id: str
    name: str = ""
    line: int | None = None
    obsolete: bool = False
    namespace: str = ""
    definition: str = ""
    synonyms: list[tuple[str, str]] = field(default_factory=list)
    xrefs: dict[str, str] = field(default_factory=dict)
    alternatives: list[str] = field(default_factory=list)
    replaced_by: list[str] = field(default_factory=list)
    consider: list[str] = field(default_factory=list)
    structure: dict[str, str] = field(default_factory=dict)

    def refer(self, text: str, scope: str = "") -> None:
        """Add a cross-reference; a stated scope, an exact one above all, goes before none."""
        curie = curie_or_empty(text)
        if curie and (scope == "EXACT" or not self.xrefs.get(curie)):
            self.xrefs[curie] = scope


class Link(NamedTuple):
    """One term is_a, part_of or has_role another."""

    subject: str
    relation: str
    object: str
    line: int | None = None


def curie_or_empty(text: str) -> str:
    """The CURIE in the standard spelling; empty where the text is none."""
    # MONDO has an address of its own for UMLS.
    text = re.sub(r"^https?://linkedlifedata\.com/resource/umls/id/", "UMLS:", text)
    try:
        return normalise_curie(text)
    except SchemaError:
        return ""


def scope_of_marks(marks: Iterable[str]) -> str:
    """The scope that MONDO's annotations give a cross-reference; empty where they state none."""
    scopes = {_MARKS.get(mark, "RELATED") for mark in marks if mark.startswith("MONDO:")}
    return next((scope for scope in SCOPES if scope in scopes), "")


def scope_of_synonym(predicate: str) -> str:
    """The scope of a synonym by the name of its property (`hasExactSynonym`); empty for others."""
    match = re.fullmatch(r"has(Exact|Broad|Narrow|Related)Synonym", predicate)
    return match[1].upper() if match else ""


def predicate_name(iri: str) -> str:
    """`BFO:0000050` of `…/obo/BFO_0000050`, `part_of` of `…#part_of`."""
    if iri.startswith(OBO_IRI) and "#" not in iri:
        return curie_or_empty(iri)
    return re.split("[#/]", iri)[-1]


def set_property(term: Term, predicate: str, value: str) -> None:
    """A mapping by SKOS, or ChEBI's structure of a substance; other properties are left out."""
    name = re.split("[/#:]", predicate)[-1]
    if name.endswith("Match"):
        term.refer(value, _MATCHES.get(name.removesuffix("Match"), "RELATED"))
    elif name in STRUCTURES:
        term.structure[STRUCTURES[name]] = value


def normalised(term: Term, links: Sequence[tuple[str, str]]) -> Iterator[Term | Link]:
    """The term with its identifiers in the standard spelling, and its links."""
    for names in (term.alternatives, term.replaced_by, term.consider):
        names[:] = [curie for curie in map(curie_or_empty, names) if curie]
    yield term
    if term.obsolete:
        return
    for relation, identifier in links:
        predicate = PREDICATES.get(relation)
        object_ = curie_or_empty(identifier)
        if predicate and object_:
            yield Link(term.id, predicate, object_, term.line)
