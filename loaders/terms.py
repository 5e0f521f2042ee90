"""The terms of an ontology in OBO, OWL (RDF/XML) or OBO Graphs JSON, read as a stream.

OBO is parsed by fastobo, some hundred terms at a time. OWL and JSON are read here: pronto, which
reads them too, holds the whole ontology in memory and drops the annotations of cross-references,
by which MONDO says which of them are equivalences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import DataError, SchemaError
from ..core.quarantine import Quarantine
from ..graph.identifiers import normalise_curie
from .stream import (
    line_of,
    plain_suffix,
    stream,
    text_lines,
    xml_records,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

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


def _curie(text: str) -> str:
    """The CURIE in the standard spelling; empty where the text is none."""
    # MONDO has an address of its own for UMLS.
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
            except (SyntaxError, ValueError) as error:
                bad = min(max((getattr(error, "lineno", 1) or 1) - 1, 0), len(rows) - 1)
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


def scan_terms(path: Path) -> Iterator[Term | Link]:
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
            problem = str(error).partition("\n")[0]  # an excerpt follows
            raise DataError(f"is not valid JSON ({problem}); fetch it anew", path=path) from error


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
        try:
            term = _json_term(node)
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed term", path=path, row=str(node)[:200])
            continue
        if term and term.id:
            yield from _finished(term, ())
        elif term:
            quarantine.add("term without a CURIE", path=path, row=str(node.get("id"))[:200])
    if not found:
        raise DataError("is no OBO Graphs JSON: it has no graphs with nodes", path=path)
    for edge in _items(path, "graphs.item.edges.item"):
        try:
            ends, predicate = [_curie(edge["sub"]), _curie(edge["obj"])], _predicate(edge["pred"])
        except (AttributeError, KeyError, TypeError):
            quarantine.add("malformed edge", path=path, row=str(edge)[:200])
            continue
        if all(ends) and predicate in _PREDICATES:
            yield Link(ends[0], _PREDICATES[predicate], ends[1])


def _json_term(node: dict[str, Any]) -> Term | None:
    """A node as a term, without identifier where it has no CURIE; None if it is no term here."""
    # A node that is only named here is another ontology's.
    if node.get("type", "CLASS") != "CLASS" or not {"lbl", "meta"} & set(node):
        return None
    meta = node.get("meta") or {}
    term = Term(_curie(str(node.get("id"))), str(node.get("lbl") or ""))
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
    return term
