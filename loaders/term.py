"""What every format of ontologies gives: terms and the links between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.errors import SchemaError
from ..graph.identifiers import normalise_curie

SCOPES = ("EXACT", "BROAD", "NARROW", "RELATED")
PREDICATES = {"is_a": "is_a", "part_of": "part_of", "has_role": "has_role"}
PREDICATES |= {"BFO:0000050": "part_of", "RO:0000087": "has_role"}

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
    """A term as its file has it; identifiers are CURIEs in the standard spelling."""

    id: str
    name: str = ""
    line: int | None = None
    obsolete: bool = False
    namespace: str = ""
    definition: str = ""
    synonyms: list[tuple[str, str]] = field(default_factory=list)  # scope, text
    xrefs: dict[str, str] = field(default_factory=dict)  # to its scope; "" where none is stated
    alternatives: list[str] = field(default_factory=list)  # identifiers of terms merged into it
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
    scopes = {_MARKS.get(mark, "RELATED") for mark in marks if mark.startswith("MONDO:")}
    return next((scope for scope in SCOPES if scope in scopes), "")


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
    for relation, given in links:
        predicate = PREDICATES.get(relation)
        other = curie_or_empty(given)
        if predicate and other:
            yield Link(term.id, predicate, other, term.line)
