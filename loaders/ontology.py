"""Ontologies in OBO, OWL (RDF/XML) or OBO Graphs JSON: MONDO, DOID, ChEBI, UBERON, GO, any other.

OBO is parsed by fastobo, some hundred terms at a time. OWL and JSON are read here, as streams:
pronto, which reads them too, holds the whole ontology in memory and drops the annotations of
cross-references, by which MONDO says which of them are equivalences.

Each file is read twice: first what is obsolete and by what replaced, then the terms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ..graph.errors import DataError, MissingError, SchemaError
from ..graph.frames import TEXTS, Source
from ..graph.identifiers import normalise_curie
from ..graph.kg import KnowledgeGraph, Part
from ..graph.quarantine import Quarantine
from ..graph.schema import Schema
from .info import Download, SourceInfo
from .stream import line_of, plain_suffix, published, stream, text_lines, xml_records

if TYPE_CHECKING:
    from lxml.etree import _Element

ROWS = 20_000  # terms of a part

SCOPES = ("EXACT", "BROAD", "NARROW", "RELATED")
_PREDICATES = {"is_a": "is_a", "part_of": "part_of", "has_role": "has_role"}
_PREDICATES |= {"BFO:0000050": "part_of", "RO:0000087": "has_role"}

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
# Identifiers of one substance or finding, beside the prefixes that the schema lists.
_IDENTITY = {"Drug": ("CAS", "UNII"), "Symptom": ("NCIT", "MEDDRA")}
# ChEBI's structures, as its files of before and since 2025 name them.
_STRUCTURE = {
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
        curie = _curie(text)
        if curie and (scope == "EXACT" or not self.xrefs.get(curie)):
            self.xrefs[curie] = scope


class Link(NamedTuple):
    """One term is_a, part_of or has_role another."""

    subject: str
    relation: str
    object: str
    line: int | None = None


def read_terms(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The terms of an ontology, obsolete ones too, and the links between them, in file order.

    Raises:
        DataError: the file is no OBO, OWL (RDF/XML) or OBO Graphs JSON.
    """
    reader = {".obo": _obo, ".json": _json}.get(plain_suffix(path), _owl)
    return reader(path, quarantine)


def release_of(path: Path) -> str:
    """The release that an ontology states of itself, mostly a date; empty where it states none."""
    suffix = plain_suffix(path)
    if suffix == ".obo":
        stated = _obo_release(path)
    elif suffix == ".json":
        stated = _json_release(path)
    else:
        stated = _owl_release(path)
    found = re.search(r"\d{4}-\d{2}-\d{2}|\d{4}_\d{2}|\d+(?:\.\d+)*$", stated)
    return found[0] if found else stated


@lru_cache(maxsize=1 << 16)
def _curie(text: str) -> str:
    """The CURIE in the standard spelling; empty where the text is none."""
    # DOID dates some prefixes (SNOMEDCT_US_2023_03_01); MONDO has an address of its own for UMLS.
    text = re.sub(r"^(\w+?)_\d{4}_\d\d_\d\d:", r"\1:", text)
    text = re.sub(r"^https?://linkedlifedata\.com/resource/umls/id/", "UMLS:", text)
    try:
        return normalise_curie(text)
    except SchemaError:
        return ""


# OBO (https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html)

_STANZAS = 500  # so many at once: fastobo's cost of a call spreads, a bad one costs few
# What is taken from a term. Leaving out the rest saves half of fastobo's time.
_USED = re.compile(
    r"\[Term\]"
    r"|(?:id|alt_id|name|namespace|def|synonym|xref|is_a|is_obsolete|replaced_by|consider):"
    rf"|relationship: (?:{'|'.join(_PREDICATES)})\s"
    rf"|property_value: \S*(?:[a-z]Match|{'|'.join(_STRUCTURE)})\s"
)
_QUALIFIERS = re.compile(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}\s*(?:!.*)?$")
_SOURCES = re.compile(r'source="((?:[^"\\]|\\.)*)"')


class _Stanza(NamedTuple):
    line: int
    rows: list[str]


def _obo_release(path: Path) -> str:
    for _, text in text_lines(path):
        if text.startswith("data-version:"):
            return text.partition(":")[2].strip().removesuffix(".obo")
        if text.startswith("["):
            break
    return ""


def _stanzas(path: Path) -> Iterator[_Stanza]:
    """The [Term] stanzas, with empty rows for what is not used."""
    stanza: _Stanza | None = None
    found = False
    for number, text in text_lines(path):
        if text.startswith("["):
            if stanza:
                yield stanza
            stanza = _Stanza(number, [text]) if text.startswith("[Term]") else None
            found = True
        elif stanza is not None:
            # An empty row keeps the count of lines.
            stanza.rows.append(text if _USED.match(text) else "")
    if stanza:
        yield stanza
    if not found:
        raise DataError("is no OBO file: it has no [Term]; fetch it anew", path=path)


def _obo(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    stanzas = _stanzas(path)
    while several := list(islice(stanzas, _STANZAS)):
        for stanza, clauses in _clauses(several, path, quarantine):
            yield from _obo_term(stanza, clauses, path, quarantine)


def _clauses(
    several: list[_Stanza], path: Path, quarantine: Quarantine
) -> Iterator[tuple[_Stanza, Any]]:
    """The stanzas as fastobo's frames; where one is malformed, without the lines that are."""
    import fastobo

    try:
        frames = list(fastobo.loads("\n".join(row for s in several for row in [*s.rows, ""])))
    except (SyntaxError, ValueError):
        frames = []
    if len(frames) == len(several):
        yield from zip(several, frames, strict=True)
        return
    for stanza in several:
        rows = list(stanza.rows)
        while rows:
            try:
                yield stanza, fastobo.loads("\n".join([*rows, ""]))[0]
                break
            except SyntaxError as error:
                bad = min(max((error.lineno or 1) - 1, 0), len(rows) - 1)
                # Without its identifier, or where no line is to blame, nothing can be kept.
                named = any(row.startswith("id:") for row in rows)
                whole = not named or not rows[bad] or rows[bad].startswith(("[", "id:"))
                reason = "malformed term" if whole else "malformed line of a term"
                quarantine.add(reason, path=path, line=stanza.line + bad, row=rows[bad][:200])
                if whole:
                    break
                rows[bad] = ""


def _obo_term(
    stanza: _Stanza, frame: Any, path: Path, quarantine: Quarantine
) -> Iterator[Term | Link]:
    identifier = _curie(_plain(frame.id))
    if not identifier:
        quarantine.add("term without a CURIE", path=path, line=stanza.line, row=str(frame.id))
        return
    term = Term(identifier, line=stanza.line)
    links = []
    for clause in frame:
        match type(clause).__name__:
            case "NameClause":
                term.name = term.name or clause.name.strip()
            case "NamespaceClause":
                term.namespace = str(clause.namespace)
            case "DefClause":
                term.definition = clause.definition
            case "SynonymClause":
                term.synonyms.append((clause.synonym.scope, clause.synonym.desc.strip()))
            case "XrefClause":
                term.refer(_plain(clause.xref.id), _scope(str(clause)))
            case "IsAClause":
                links.append(("is_a", _plain(clause.term)))
            case "RelationshipClause":
                # One with a filler holds only in some taxon.
                if "gci_relation=" not in str(clause):
                    links.append((_plain(clause.typedef), _plain(clause.term)))
            case "PropertyValueClause":
                value = clause.property_value
                _set_property(term, _plain(value.relation), _plain(value.value))
            case "IsObsoleteClause":
                term.obsolete = clause.obsolete
            case "ReplacedByClause":
                term.replaced_by.append(_plain(clause.term))
            case "ConsiderClause":
                term.consider.append(_plain(clause.term))
            case "AltIdClause":
                term.alternatives.append(_plain(clause.alt_id))
    yield from _finished(term, links)


def _plain(value: Any) -> str:
    """fastobo's identifier as text, without the backslashes that the format needs."""
    if type(value).__name__ == "PrefixedIdent":
        return f"{value.prefix}:{value.local}"
    return str(value)


def _scope(clause: str) -> str:
    """What the qualifiers of a cross-reference say of it; fastobo keeps them in its text only."""
    qualifiers = _QUALIFIERS.search(clause)
    marks = _SOURCES.findall(qualifiers[1]) if qualifiers else []
    return _marked(marks)


def _marked(marks: Iterable[str]) -> str:
    scopes = {_MARKS.get(mark, "RELATED") for mark in marks if mark.startswith("MONDO:")}
    return next((scope for scope in SCOPES if scope in scopes), "")


def _set_property(term: Term, predicate: str, value: str) -> None:
    """A mapping by SKOS, or ChEBI's structure of a substance; other properties are left out."""
    name = re.split("[/#:]", predicate)[-1]
    if name.endswith("Match"):
        term.refer(value, _MATCHES.get(name.removesuffix("Match"), "RELATED"))
    elif name in _STRUCTURE:
        term.structure[_STRUCTURE[name]] = value


def _finished(term: Term, links: Sequence[tuple[str, str]]) -> Iterator[Term | Link]:
    """The term with its identifiers in the standard spelling, and its links."""
    for names in (term.alternatives, term.replaced_by, term.consider):
        names[:] = [curie for curie in map(_curie, names) if curie]
    yield term
    if term.obsolete:
        return
    for relation, given in links:
        predicate = _PREDICATES.get(relation)
        other = _curie(given)
        if predicate and other:
            yield Link(term.id, predicate, other, term.line)


def _scan(path: Path) -> Iterator[Term | Link]:
    """What is obsolete, and what is a what: as `read_terms`, but for OBO without parsing."""
    if plain_suffix(path) != ".obo":
        yield from read_terms(path, Quarantine())
        return
    for stanza in _stanzas(path):
        term = Term("", line=stanza.line)
        links = []
        for row in stanza.rows:
            tag, _, value = row.partition(": ")
            value = value.strip()
            match tag:
                case "id":
                    term.id = _curie(value)
                case "is_obsolete":
                    term.obsolete = value.startswith("true")
                case "is_a":
                    links.append(("is_a", value.split(" ")[0]))
                case "replaced_by":
                    term.replaced_by.append(value.split(" ")[0])
                case "consider":
                    term.consider.append(value.split(" ")[0])
        if term.id:
            yield from _finished(term, links)


# OWL as RDF/XML

_OBO = "http://purl.obolibrary.org/obo/"
_OIO = "{http://www.geneontology.org/formats/oboInOwl#}"
_OWL = "{http://www.w3.org/2002/07/owl#}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_RDFS = "{http://www.w3.org/2000/01/rdf-schema#}"
_IAO = f"{{{_OBO}}}IAO_"
_SKOS = "{http://www.w3.org/2004/02/skos/core#}"


def _owl_release(path: Path) -> str:
    for element in islice(xml_records(path), 1, None):
        if element.tag == f"{_OWL}Ontology":
            info = element.findtext(f"{_OWL}versionInfo") or ""
            iri = element.find(f"{_OWL}versionIRI")
            stated = _resource(iri) if iri is not None else ""
            return re.sub(r"/[^/]*\.owl$", "", stated) or info
    return ""


def _owl(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The classes; the axioms that say more of a class's cross-references stand right after it."""
    elements = xml_records(path)
    root = next(elements)
    if root.tag != f"{_RDF}RDF":
        raise DataError("is no OWL file in RDF/XML; convert it, or give OBO or JSON", path=path)
    term: Term | None = None
    links: list[tuple[str, str]] = []
    about = ""
    for element in elements:
        if element.tag == f"{_OWL}Class":
            if term:
                yield from _finished(term, links)
            term, links, about = None, [], element.get(f"{_RDF}about") or ""
            identifier = _curie(about)
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
            of = element.find(f"{_OWL}annotatedProperty")
            if source is None or of is None or _resource(source) != about:
                continue
            if not _resource(of).endswith("#hasDbXref"):
                continue
            target = element.findtext(f"{_OWL}annotatedTarget") or ""
            marks = [_value(mark) for mark in element.findall(f"{_OIO}source")]
            term.refer(target, _marked(_mark(mark) for mark in marks))
    if term:
        yield from _finished(term, links)


def _mark(text: str) -> str:
    """MONDO:equivalentTo, also where it is written as an address."""
    return re.sub(r"^.*[/#](?:MONDO[_:#])?(?=[A-Za-z]+$)", "MONDO:", text)


def _resource(element: _Element) -> str:
    return element.get(f"{_RDF}resource") or ""


def _value(element: _Element) -> str:
    return _resource(element) or (element.text or "").strip()


def _read_class(element: _Element, term: Term, links: list[tuple[str, str]]) -> None:
    for child in element:
        tag, value = str(child.tag), _value(child)
        if tag == f"{_RDFS}label":
            term.name = term.name or value
        elif tag == f"{_RDFS}subClassOf":
            if value:
                links.append(("is_a", value))
            elif restriction := _some(child):
                links.append(restriction)
        elif tag == f"{_IAO}0000115":
            term.definition = value
        elif tag == f"{_OWL}deprecated":
            term.obsolete = value.lower() == "true"
        elif tag in (f"{_IAO}0100001", f"{_OIO}replacedBy"):
            term.replaced_by.append(value)
        elif tag.startswith(_OIO):
            name = tag.removeprefix(_OIO)
            if synonym := re.fullmatch(r"has(Exact|Broad|Narrow|Related)Synonym", name):
                term.synonyms.append((synonym[1].upper(), value))
            elif name == "hasDbXref":
                term.refer(value)
            elif name == "hasAlternativeId":
                term.alternatives.append(value)
            elif name == "consider":
                term.consider.append(value)
            elif name == "hasOBONamespace":
                term.namespace = value
        elif value:
            _set_property(term, tag.replace("}", "#"), value)


def _some(element: _Element) -> tuple[str, str] | None:
    """Property and filler of "some" in a restriction."""
    restriction = element.find(f"{_OWL}Restriction")
    if restriction is None:
        return None
    of, filler = (restriction.find(f"{_OWL}{tag}") for tag in ("onProperty", "someValuesFrom"))
    if of is None or filler is None or not _resource(filler):
        return None
    return _predicate(_resource(of)), _resource(filler)


def _predicate(iri: str) -> str:
    """`part_of` of `…/obo/BFO_0000050`, of `…#part_of`, and of the CURIE."""
    return _curie(iri) if iri.startswith(_OBO) and "#" not in iri else re.split("[#/]", iri)[-1]


# OBO Graphs JSON (https://github.com/geneontology/obographs)


def _items(path: Path, prefix: str) -> Iterator[Any]:
    import ijson

    with stream(path) as file:
        try:
            yield from ijson.items(file, prefix)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise DataError(f"is not valid JSON ({error}); fetch it anew", path=path) from error


def _json_release(path: Path) -> str:
    for meta in _items(path, "graphs.item.meta"):
        version = str(meta.get("version") or "")
        for value in meta.get("basicPropertyValues") or ():
            if str(value.get("pred", "")).endswith("versionInfo"):
                version = version or str(value.get("val"))
        return re.sub(r"/[^/]*\.(?:owl|json)$", "", version)
    return ""


def _json(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    found = False
    for node in _items(path, "graphs.item.nodes.item"):
        found = True
        if not isinstance(node, dict) or node.get("type", "CLASS") != "CLASS":
            continue
        given = str(node.get("id", ""))
        # A node that is only named here is another ontology's.
        if "lbl" not in node and "meta" not in node:
            continue
        if identifier := _curie(given):
            yield from _json_term(identifier, node)
        else:
            quarantine.add("term without a CURIE", path=path, row=given[:200])
    if not found:
        raise DataError("is no OBO Graphs JSON: it has no graphs with nodes", path=path)
    for edge in _items(path, "graphs.item.edges.item"):
        subject, other = _curie(str(edge.get("sub"))), _curie(str(edge.get("obj")))
        relation = _PREDICATES.get(_predicate(str(edge.get("pred"))))
        if subject and other and relation:
            yield Link(subject, relation, other)


def _json_term(identifier: str, node: Mapping[str, Any]) -> Iterator[Term | Link]:
    meta = node.get("meta") or {}
    term = Term(identifier, str(node.get("lbl") or ""))
    term.obsolete = bool(meta.get("deprecated"))
    term.definition = str((meta.get("definition") or {}).get("val") or "")
    for synonym in meta.get("synonyms") or ():
        if scope := re.fullmatch(r"has(Exact|Broad|Narrow|Related)Synonym", synonym["pred"]):
            term.synonyms.append((scope[1].upper(), synonym["val"]))
    for xref in meta.get("xrefs") or ():
        marks = [x.get("val", "") for x in (xref.get("meta") or {}).get("xrefs") or ()]
        term.refer(xref["val"], _marked(marks))
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
                _set_property(term, predicate, text)
    yield from _finished(term, ())


# The graph


@dataclass(frozen=True)
class _Ontology:
    """One of the ontologies that are sources of their own.

    Attributes:
        kind: of its terms; or, for each namespace, of the terms in it.
        prefix: of its own terms; others that its files repeat are left out.
        classes: the root below which terms are DrugClasses, which has_role leads to.
    """

    name: str
    kind: str | Mapping[str, str]
    prefix: str
    classes: str = ""


def load(
    path: Path | None, quarantine: Quarantine, *, about: _Ontology | None = None, **options: str
) -> KnowledgeGraph:
    """An ontology as a graph: SUBCLASS_OF, PART_OF, and ChEBI's roles by IN_CLASS.

    Names and exact synonyms are a node's `synonyms`; others, which text must not be linked by, are
    its properties `broad_synonyms`, `narrow_synonyms` and `related_synonyms`. Cross-references
    that are equivalences are its `xrefs`: those that MONDO marks as such or SKOS calls exact
    matches, and, where the ontology marks none, those whose prefix the schema lists for the kind.
    Others are the properties `broad_xrefs`, `narrow_xrefs` and `related_xrefs`.

    Obsolete terms are no nodes. `replaces` of the term that took their place names them; one
    without a single replacement is set aside. Of the links that close a cycle one is set aside.

    Args:
        path: the file (.obo, .owl, .json, plain or compressed), or a folder with one.
        about: which ontology; None for any, by the options `kind` and `prefix`.

    Raises:
        MissingError: no path, or no file there.
        DataError: the file can't be read as what it should be, or has no term that is wanted.
    """
    about = about or _Ontology("ontology", _kind(options), options.get("prefix", ""))
    if path is None:
        raise MissingError(
            f"{about.name} needs a path (--path): the ontology as .obo, .owl or .json"
        )
    file = ontology_file(path)
    source = _source(about.name, release_of(file))
    return KnowledgeGraph.from_parts(
        _parts(file, about, source, quarantine), [source], quarantine=quarantine, origin=str(file)
    )


def _kind(options: Mapping[str, str]) -> str:
    kinds = list(Schema.default().kinds)
    if options.get("kind") not in kinds:
        raise MissingError(
            f"ontology needs the option kind, what its terms are: one of {', '.join(kinds)}"
        )
    return options["kind"]


def ontology_file(path: Path) -> Path:
    """The ontology's file: the path, or the one in a folder, .obo before .owl before .json.

    Raises:
        MissingError: nothing there, or a folder without an ontology.
        DataError: a folder with several of one form.
    """
    files = published(path, "*.obo", "*.owl", "*.json")
    order = (".obo", ".owl", ".json")
    first = [file for suffix in order for file in files if plain_suffix(file) == suffix] or files
    same = [file for file in files if plain_suffix(file) == plain_suffix(first[0])]
    if len(same) > 1:
        names = ", ".join(file.name for file in same)
        raise DataError(f"has several ontologies ({names}); give the file", path=path)
    return first[0]


@dataclass
class _Scanned:
    """What the first reading found: which terms replace which, which have classes as a kind."""

    replaces: dict[str, list[str]] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    lost: list[Term] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)


def _first_reading(path: Path, about: _Ontology) -> _Scanned:
    scanned = _Scanned()
    children: dict[str, list[str]] = {}
    retired: dict[str, Term] = {}
    for item in _scan(path):
        if isinstance(item, Link):
            if about.classes and item.relation == "is_a":
                children.setdefault(item.object, []).append(item.subject)
        elif item.obsolete:
            retired[item.id] = item
    for term in retired.values():
        if now := current_of(term, retired):
            scanned.current[term.id] = now
            scanned.replaces.setdefault(now, []).append(term.id)
        else:
            scanned.lost.append(term)
    frontier = [about.classes] if about.classes else []
    while frontier:
        item_id = frontier.pop()
        if item_id not in scanned.classes:
            scanned.classes.add(item_id)
            frontier.extend(children.get(item_id, ()))
    return scanned


def current_of(term: Term, retired: Mapping[str, Term]) -> str:
    """The term that an obsolete one was replaced by in the end; empty where there isn't just one.

    Args:
        retired: all obsolete terms by identifier.
    """
    seen = {term.id}
    while len(term.replaced_by) == 1:
        replacement = term.replaced_by[0]
        if replacement not in retired:
            return replacement
        if replacement in seen:
            break
        seen.add(replacement)
        term = retired[replacement]
    return ""


def _parts(path: Path, about: _Ontology, source: Source, quarantine: Quarantine) -> Iterator[Part]:
    scanned = _first_reading(path, about)
    own = tuple(f"{prefix.strip()}:" for prefix in about.prefix.split(",") if prefix.strip())
    for term in scanned.lost:
        if not own or term.id.startswith(own):
            instead = f" (consider {', '.join(term.consider)})" if term.consider else ""
            quarantine.add(
                "obsolete term without a replacement",
                path=path,
                line=term.line,
                row=f"{term.id}{instead}",
            )
    kinds: dict[str, str] = {}
    # Links wait for the last term, in frames: millions of small objects would slow all else down.
    links: list[Link] = []
    frames: list[pl.DataFrame] = []
    nodes: list[dict[str, Any]] = []
    schema = Schema.default()
    for item in read_terms(path, quarantine):
        if isinstance(item, Link):
            if item.subject in kinds:
                links.append(item)
            if len(links) == ROWS:
                frames.append(_links_frame(links))
                links = []
            continue
        if item.obsolete or (own and not item.id.startswith(own)) or item.id in kinds:
            continue
        kind = _kind_of(item, about, scanned)
        if not item.name or kind is None:
            reason = "term of an unknown namespace" if item.name else "term without a name"
            quarantine.add(reason, path=path, line=item.line, row=item.id)
            continue
        kinds[item.id] = kind
        replaces = [*item.alternatives, *scanned.replaces.get(item.id, ())]
        nodes.append(node(item, kind, schema, replaces))
        if len(nodes) == ROWS:
            yield Part(nodes=nodes_frame(nodes))
            nodes = []
    if not kinds:
        wanted = f" with the prefix {about.prefix}" if own else ""
        raise DataError(f"has no term{wanted}; is it the right file?", path=path)
    yield Part(nodes=nodes_frame(nodes))
    found = pl.concat([*frames, _links_frame(links)])
    evidence = _evidence(found, kinds, scanned, own, path, quarantine)
    about_source = {"source": pl.lit(source.name), "release": pl.lit(source.release)}
    yield Part(evidence=evidence.with_columns(**about_source))


def _kind_of(term: Term, about: _Ontology, scanned: _Scanned) -> str | None:
    if term.id in scanned.classes:
        return "DrugClass"
    return about.kind if isinstance(about.kind, str) else about.kind.get(term.namespace)


def node(
    term: Term,
    kind: str,
    schema: Schema,
    replaces: Sequence[str],
    names: Sequence[str] = ("EXACT",),
) -> dict[str, Any]:
    """The row of a term among a graph's nodes.

    Args:
        replaces: identifiers of other terms that it took the place of.
        names: scopes of the synonyms that text may be linked by.
    """
    properties: dict[str, Any] = {"definition": term.definition} if term.definition else {}
    properties |= term.structure
    former = sorted(set(replaces) - {term.id})
    if former:
        properties["replaces"] = former
    for scope in SCOPES:
        texts = sorted({text for of, text in term.synonyms if of == scope and text})
        if texts and scope not in names:
            properties[f"{scope.lower()}_synonyms"] = texts
    prefixes = (*schema.kind(kind).prefixes, *_IDENTITY.get(kind, ()))
    own_prefix = term.id.partition(":")[0]
    references: dict[str, list[str]] = {scope: [] for scope in SCOPES}
    for curie, stated in sorted(term.xrefs.items()):
        prefix = curie.partition(":")[0]
        scope = stated
        if not scope:
            exact = own_prefix != "MONDO" and prefix in prefixes and prefix != own_prefix
            scope = "EXACT" if exact else "RELATED"
        references[scope].append(curie)
    for scope in SCOPES[1:]:
        if references[scope]:
            properties[f"{scope.lower()}_xrefs"] = references[scope]
    synonyms = {text for scope, text in term.synonyms if scope in names} - {term.name, ""}
    return {
        "id": term.id,
        "kind": kind,
        "name": term.name,
        "synonyms": sorted(synonyms),
        # A former identifier is another name of the same term, which is what xrefs hold.
        "xrefs": sorted({*references["EXACT"], *former}),
        "properties": json.dumps(properties, ensure_ascii=False, sort_keys=True)
        if properties
        else None,
    }


def nodes_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `node` as a frame."""
    texts = dict.fromkeys(("id", "kind", "name"), pl.String)
    return pl.DataFrame(
        rows, schema={**texts, "synonyms": TEXTS, "xrefs": TEXTS, "properties": pl.String}
    )


_RELATIONS = {"is_a": "SUBCLASS_OF", "part_of": "PART_OF", "has_role": "IN_CLASS"}


def _links_frame(links: list[Link]) -> pl.DataFrame:
    texts = dict.fromkeys(("subject", "relation", "object"), pl.String)
    return pl.DataFrame(links, schema={**texts, "line": pl.Int64}, orient="row")


def _evidence(
    links: pl.DataFrame,
    kinds: Mapping[str, str],
    scanned: _Scanned,
    own: tuple[str, ...],
    path: Path,
    quarantine: Quarantine,
) -> pl.DataFrame:
    """Subject, relation and object of the links that the schema allows, without cycles."""
    known = pl.DataFrame(
        {"id": list(kinds), "kind": list(kinds.values())},
        schema={"id": pl.String, "kind": pl.String},
    )
    current = pl.DataFrame(
        {"object": list(scanned.current), "now": list(scanned.current.values())},
        schema={"object": pl.String, "now": pl.String},
    )
    links = (
        links.join(current, on="object", how="left", maintain_order="left")
        .with_columns(now=pl.coalesce("now", "object"))
        .join(known, left_on="subject", right_on="id", how="left", maintain_order="left")
        .join(known, left_on="now", right_on="id", how="left", maintain_order="left", suffix="_2")
    )
    # What another ontology holds is not missing here.
    ours = pl.any_horizontal(pl.col("now").str.starts_with(prefix) for prefix in own or ("",))
    lost = links.filter(pl.col("kind_2").is_null() & ours)
    for subject, relation, other, line in lost.select(
        "subject", "relation", "object", "line"
    ).rows():
        quarantine.add("unknown parent", path=path, line=line, row=f"{subject} {relation} {other}")
    schema = Schema.default()
    allowed = pl.DataFrame(
        [(ours, *ends) for ours in _RELATIONS.values() for ends in schema.relation(ours).joins],
        schema=dict.fromkeys(("relation", "kind", "kind_2"), pl.String),
        orient="row",
    )
    links = (
        links.with_columns(relation=pl.col("relation").replace_strict(_RELATIONS), object="now")
        .join(allowed, on=["relation", "kind", "kind_2"], how="semi", maintain_order="left")
        .unique(["subject", "relation", "object"], keep="first", maintain_order=True)
    )
    hierarchy = links.filter(relation="SUBCLASS_OF").select("subject", "object")
    closing = pl.DataFrame(
        cycles(hierarchy.iter_rows()), schema=dict(hierarchy.schema), orient="row"
    ).with_columns(relation=pl.lit("SUBCLASS_OF"))
    ends = ["subject", "relation", "object"]
    for subject, other, line in (
        links.join(closing, on=ends, how="semi").select("subject", "object", "line").iter_rows()
    ):
        quarantine.add(
            "is_a that closes a cycle", path=path, line=line, row=f"{subject} is_a {other}"
        )
    return links.join(closing, on=ends, how="anti", maintain_order="left").select(ends)


def cycles(pairs: Iterable[tuple[str, ...]]) -> list[tuple[str, str]]:
    """The pairs (child, parent) that close a cycle among those before them, in order of text.

    What lies on no cycle is peeled off first, leaf by leaf, so that only the rest, mostly nothing,
    is searched.
    """
    parents: dict[str, list[str]] = {}
    children: dict[str, int] = {}
    for child, parent in pairs:
        parents.setdefault(child, []).append(parent)
        children[parent] = children.get(parent, 0) + 1
        children.setdefault(child, 0)
    leaves = [node for node, count in children.items() if not count]
    while leaves:
        for parent in parents.pop(leaves.pop(), ()):
            children[parent] -= 1
            if not children[parent]:
                leaves.append(parent)
    import networkx as nx

    kept = nx.DiGraph()
    closing = []
    for child, parent in sorted((c, p) for c, above in parents.items() for p in above):
        if child == parent or (
            kept.has_node(parent) and kept.has_node(child) and nx.has_path(kept, parent, child)
        ):
            closing.append((child, parent))
        else:
            kept.add_edge(child, parent)
    return closing


_OBO_FOUNDRY = "https://purl.obolibrary.org/obo"
_FORMAT = ".obo, .owl (RDF/XML) or .json (OBO Graphs), plain or .gz, .xz, .bz2, .zip"


def _info(about: _Ontology, title: str, licence: str, home_page: str, yields: str) -> SourceInfo:
    file = f"{about.name}.obo"
    return SourceInfo(
        about.name,
        title,
        licence,
        home_page,
        "that of the file, or the latest where it is downloaded",
        _FORMAT,
        yields,
        False,
        partial(load, about=about),
        downloads=(Download(f"{_OBO_FOUNDRY}/{file}", file),),
    )


_GO_KINDS = {
    "biological_process": "BiologicalProcess",
    "molecular_function": "MolecularFunction",
    "cellular_component": "CellularComponent",
}
_CC0 = "CC0-1.0"
_CC_BY = "CC-BY-4.0"

INFOS = (
    _info(
        _Ontology("mondo", "Disease", "MONDO"),
        "Mondo Disease Ontology: diseases, and what OMIM, Orphanet, DOID and others call them",
        _CC_BY,
        "https://mondo.monarchinitiative.org",
        "Disease SUBCLASS_OF Disease",
    ),
    _info(
        _Ontology("doid", "Disease", "DOID"),
        "Human Disease Ontology",
        _CC0,
        "https://disease-ontology.org",
        "Disease SUBCLASS_OF Disease",
    ),
    _info(
        _Ontology("chebi", "Drug", "CHEBI", classes="CHEBI:50906"),
        "ChEBI: chemical entities of biological interest, their structures and roles",
        _CC_BY,
        "https://www.ebi.ac.uk/chebi",
        "Drug SUBCLASS_OF Drug, DrugClass SUBCLASS_OF DrugClass, Drug IN_CLASS DrugClass",
    ),
    _info(
        _Ontology("uberon", "Anatomy", "UBERON"),
        "Uberon: anatomy of animals, man among them",
        "CC-BY-3.0",
        "https://uberon.github.io",
        "Anatomy SUBCLASS_OF and PART_OF Anatomy",
    ),
    _info(
        _Ontology("go", _GO_KINDS, "GO"),
        "Gene Ontology: processes, functions and components (the terms, not the annotations)",
        _CC_BY,
        "https://geneontology.org",
        "SUBCLASS_OF and PART_OF among processes, functions and components",
    ),
    SourceInfo(
        "ontology",
        "any other ontology",
        "that of the ontology; look at its home page",
        "https://obofoundry.org",
        "that of the file",
        _FORMAT,
        "SUBCLASS_OF, and PART_OF where the schema has it for the kind",
        True,
        load,
        options={
            "kind": "what its terms are, as Disease",
            "prefix": "only terms with these prefixes, separated by commas, as MONDO",
        },
    ),
)
_INFO = {info.name: info for info in INFOS}


def _source(name: str, release: str) -> Source:
    """The source of an ontology's evidence: curated by experts, though not each edge by itself."""
    info = _INFO[name]
    return Source(name, release, info.licence, info.home_page, reliability=0.98)
