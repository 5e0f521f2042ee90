"""BioC files (XML and JSON): documents with annotations and relations, as PubTator 3 exports them.

The tar archives of PubTator 3's bulk download (BioCXML.0.tar.gz, …) are read where they lie.

Format: https://bioc.sourceforge.net (BioC.dtd; Comeau et al. 2013, doi:10.1093/database/bat064),
and https://www.ncbi.nlm.nih.gov/research/pubtator3/api for PubTator 3's form. What an annotation is
stands in its infons: `type`, and `identifier` or a key that names the database, such as `MESH`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from ..core.errors import DataError, MissingError
from ..core.input_files import archived_files, opened
from ..core.json_reading import json_events, json_items
from ..core.quarantine import Quarantine
from ..graph.file_formats import bioc_documents_path
from ..graph.kg import KnowledgeGraph
from .annotated import (
    OPTIONS,
    Document,
    Mention,
    Relation,
    load_documents,
)
from .info import SourceInfo
from .pubtator import typed_end
from .stream import (
    plain_suffix,
    published_files,
    setting_aside,
    xml_records,
    xml_records_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

NAME = "bioc"
HOME_PAGE = "https://bioc.sourceforge.net/"


class BiocEnd(TypedDict, total=False):
    """An end of a relation in PubTator 3's JSON."""

    type: str
    identifier: str


Infons = Mapping[str, "str | float | BiocEnd | None"]


class BiocLocation(TypedDict):
    """Where an annotation stands in its document, in characters."""

    offset: int | str
    length: int | str


class BiocNode(TypedDict, total=False):
    """An end of a relation: the annotation of that identifier."""

    refid: str


class BiocObject(TypedDict, total=False):
    """A document, passage, sentence, annotation or relation, with the members that each may have.

    Files may hold anything in place of them, so that reading one may fail.
    """

    id: str
    offset: int | str
    text: str
    infons: Infons
    passages: list[BiocObject]
    sentences: list[BiocObject]
    annotations: list[BiocObject]
    relations: list[BiocObject]
    locations: list[BiocLocation]
    nodes: list[BiocNode]


# Keys of infons that hold identifiers, as tmChem, DNorm and GNorm write them, and their prefix.
_DATABASES = {
    "mesh": "MESH",
    "omim": "OMIM",
    "ncbi gene": "NCBIGene",
    "ncbi_gene": "NCBIGene",
    "ncbigene": "NCBIGene",
    "chebi": "CHEBI",
    "hpo": "HP",
    "umls": "UMLS",
}


def load(
    path: Path | None,
    quarantine: Quarantine,
    level: str = "text-mined",
    sentences: str = "yes",
    release: str = "",
) -> KnowledgeGraph:
    """Document MENTIONS Disease, Symptom, Drug, Target; and the relations that the schema has.

    What is set aside is named by document, annotation's offsets and type, never by its text.

    Args:
        path: a file, or a folder of .xml, .json and .tar files, plain or compressed.
        quarantine: gets the documents, annotations and relations that can't be used.
        level: text-mined or curated.
        sentences: yes or no, whether sentences are kept.
        release: of the files, as evidence will state it.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: a file can't be read, or holds no document.
    """
    if path is None:
        raise MissingError(f"{NAME} needs a path (--path): a BioC file, or a folder of them")
    return load_documents(
        NAME,
        HOME_PAGE,
        _files(path, quarantine),
        path,
        quarantine,
        level=level,
        sentences=sentences,
        release=release,
    )


def _files(path: Path, quarantine: Quarantine) -> Iterator[tuple[Path, Document]]:
    for file in published_files(path, "*.xml", "*.XML", "*.json", "*.tar"):
        with setting_aside(file, path, quarantine):
            for number, bioc in enumerate(_documents(file, quarantine), start=1):
                try:
                    document = _document(bioc)
                except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
                    quarantine.add("no BioC document", path=file, row=f"document {number}")
                else:
                    yield file, document


# Files


def _documents(file: Path, quarantine: Quarantine) -> Iterator[BiocObject]:
    match plain_suffix(file):
        case ".json":
            yield from _json_documents(file)
        case ".tar":
            yield from _archived(file, quarantine)
        case _:
            yield from _documents_of(xml_records(file, quarantine))


def _archived(file: Path, quarantine: Quarantine) -> Iterator[BiocObject]:
    """The documents of the XML files in a tar archive; a file that is damaged costs no other."""
    for name, content in archived_files(file):
        if name.lower().endswith(".xml"):
            try:
                yield from _documents_of(xml_records_of(content, name, quarantine))
            except DataError:
                quarantine.add("file is not well-formed XML", path=file, row=name)


def _json_documents(file: Path) -> Iterator[BiocObject]:
    """The documents of a JSON file: of a collection, of several, or as lines of their own."""
    with opened(file) as stream:
        place = bioc_documents_path(json_events(stream))
    if place is None:
        raise DataError("holds no BioC document", path=file)
    with opened(file) as stream:
        yield from json_items(stream, place)


def _documents_of(records: Iterator[_Element]) -> Iterator[BiocObject]:
    for element in records:
        if element.tag == "document":
            yield _from_xml(element)


def _from_xml(element: _Element) -> BiocObject:
    """An element of BioC's XML in the form that BioC's JSON has."""
    members: dict[str, object] = dict(_attributes(element))
    infons: dict[str, str] = {}
    lists: dict[str, list[object]] = {}
    for child in element:
        if child.tag == "infon":
            infons[str(child.get("key"))] = child.text or ""
        elif child.tag in ("location", "node"):
            lists.setdefault(f"{child.tag}s", []).append(_attributes(child))
        elif len(child) or child.attrib or child.tag in ("passage", "sentence"):
            lists.setdefault(f"{child.tag}s", []).append(_from_xml(child))
        else:
            members[str(child.tag)] = child.text or ""
    return cast(BiocObject, {**members, **lists, "infons": infons})


def _attributes(element: _Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.items()}


# Documents


def _document(bioc: BiocObject) -> Document:
    """A BioC document, whose parts may be passages or, within them, sentences."""
    document = Document(_id(bioc))
    annotated: dict[str, tuple[str, str]] = {}
    relations = list(bioc.get("relations") or [])
    annotations = list(bioc.get("annotations") or [])
    for passage in bioc["passages"]:
        relations += passage.get("relations") or []
        annotations += passage.get("annotations") or []
        if passage.get("text"):
            document.passages.append(_passage(passage))
        for sentence in passage.get("sentences") or []:
            relations += sentence.get("relations") or []
            annotations += sentence.get("annotations") or []
            if not passage.get("text"):
                document.passages.append(_passage(sentence))
    for annotation in annotations:
        infons = annotation.get("infons") or {}
        type_, identifiers = str(infons.get("type") or ""), _identifiers(infons)
        annotated[str(annotation.get("id"))] = type_, identifiers
        spans = [
            (int(place["offset"]), int(place["offset"]) + int(place["length"]))
            for place in annotation.get("locations") or []
        ]
        document.mentions.append(
            Mention(type_, identifiers, spans, str(annotation.get("text") or ""))
        )
    for relation in relations:
        infons = relation.get("infons") or {}
        nodes = [str(node.get("refid")) for node in relation.get("nodes") or []]
        ends = _ends(infons) or [annotated[node] for node in nodes if node in annotated]
        if len(ends) == 2:
            type_ = str(infons.get("type") or infons.get("relation") or "")
            document.relations.append(
                Relation(type_, ends[0], ends[1], _probability(infons.get("score")))
            )
    return document


def _passage(passage: BiocObject) -> tuple[int, str]:
    """Offset and text of a passage or a sentence."""
    text = passage.get("text") or ""
    if not isinstance(text, str):
        raise TypeError("a text that is none")
    return int(passage["offset"]), text


def _id(document: BiocObject) -> str:
    """A document's identifier: its PubMed number where that is known."""
    for passage in document["passages"]:
        infons = passage.get("infons") or {}
        if number := infons.get("article-id_pmid"):
            return str(number)
    return str(document["id"])


def _identifiers(infons: Infons) -> str:
    """The identifiers in an annotation's infons, as written."""
    if "identifier" in infons:
        _, written = typed_end(str(infons["identifier"] or ""))
        return written
    for key, prefix in _DATABASES.items():
        for name, value in infons.items():
            if name.lower() == key and value:
                return "|".join(
                    text if ":" in text else f"{prefix}:{text}" for text in str(value).split("|")
                )
    return ""


def _ends(infons: Infons) -> list[tuple[str, str]]:
    """The two ends of a relation that its infons name, in the three ways that are in use."""
    for names in (("role1", "role2"), ("entity1", "entity2"), ("Chemical", "Disease")):
        if all(name in infons for name in names):
            return [_end(name, infons[name]) for name in names]
    return []


def _end(name: str, value: str | float | BiocEnd | None) -> tuple[str, str]:
    if isinstance(value, dict):  # PubTator 3's JSON
        return str(value.get("type") or ""), str(value.get("identifier") or "")
    type_, written = typed_end(str(value))
    return type_ or (name if name in ("Chemical", "Disease") else ""), written


def _probability(score: str | float | BiocEnd | None) -> float | None:
    try:
        probability = float(score) if isinstance(score, str | int | float) else -1.0
    except ValueError:
        return None
    return probability if 0 <= probability <= 1 else None


INFO = SourceInfo(
    NAME,
    "BioC: annotated documents in XML or JSON, such as PubTator 3's exports",
    "that of the annotated texts; NCBI's annotations are in the public domain",
    HOME_PAGE,
    "that of the files given",
    "BioC XML, BioC JSON, PubTator 3's form of them, .tar of XML; a file or a folder, plain or .gz,"
    " .xz, .bz2, .zip",
    "Document MENTIONS Disease, Symptom, Drug, Target; CAUSES, TREATS, TARGETS, ASSOCIATED_WITH,"
    " INTERACTS_WITH, REGULATES, UPREGULATES, DOWNREGULATES, COVARIES_WITH, as annotated",
    True,
    load,
    options=OPTIONS,
)
