"""DrugBank: drugs with their targets, enzymes, carriers, transporters, classes and interactions.

Reads the full database as published (`full database.xml`, or `drugbank_all_full_database.xml.zip`),
a drug at a time (Knox et al., 2024, https://doi.org/10.1093/nar/gkad976).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import STRING_LIST, Columns, Source
from ..graph.kg import KnowledgeGraph, Part
from .adme import adme_roles
from .frames import JsonValue, NodeRow, as_json, nodes_frame
from .info import SourceInfo
from .stream import line_of, published_files, text_of, xml_records
from .text_tables import PART_ROWS

if TYPE_CHECKING:
    from lxml.etree import _Element

LICENCE = (
    "DrugBank academic licence: CC BY-NC 4.0, commercial use by agreement; no redistribution of the"
    " full database"
)
HOME_PAGE = "https://go.drugbank.com"

_NS = "{http://www.drugbank.ca}"
_DRUG_ID = re.compile(r"DB\d{5,}")
_HUMAN = "9606"

# Resources of DrugBank's external identifiers that name the same drug, and our prefixes for them.
_DRUG_XREFS = {
    "ChEBI": "CHEBI",
    "ChEMBL": "CHEMBL.COMPOUND",
    "KEGG Compound": "KEGG.COMPOUND",
    "KEGG Drug": "KEGG.DRUG",
    "PharmGKB": "PHARMGKB.DRUG",
    "PubChem Compound": "PUBCHEM.COMPOUND",
    "RxCUI": "RXCUI",
}
_PROPERTIES = {"InChI": "inchi", "InChIKey": "inchikey", "SMILES": "smiles"}
_ROLES = (
    ("targets", "target"),
    ("enzymes", "enzyme"),
    ("carriers", "carrier"),
    ("transporters", "transporter"),
)

_EVIDENCE_COLUMNS: Columns = {
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "references": STRING_LIST,
    "qualifiers": pl.String,
}


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """DrugBank as a graph: TARGETS (action, role), IN_CLASS (ATC), INTERACTS_WITH, SUBCLASS_OF.

    A target is a polypeptide, by its HGNC identifier where it has one, else by UniProt's. One of
    another organism than man has the organism in its name, so that it is not taken for the human
    gene of that symbol. What a drug is indicated for is text and stays a property.

    Args:
        path: the XML file, plain or zipped as published, or the folder that holds it.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: the file isn't DrugBank's full database, or isn't well-formed XML.
    """
    if path is None:
        raise MissingError(
            "drugbank needs a path (--path): the full database, drugbank_all_full_database.xml.zip,"
            f" which a registered user downloads from {HOME_PAGE}/releases/latest"
        )
    file = published_files(path, "*database*.xml")[0]
    elements = xml_records(file, quarantine)
    root = next(elements)
    if root.tag != f"{_NS}drugbank":
        raise DataError("is not DrugBank's full database: its root is no drugbank", path=file)
    release = f"{root.get('version', '')} {root.get('exported-on', '')}".strip()
    source = Source("drugbank", release, LICENCE, HOME_PAGE, reliability=0.98)
    return KnowledgeGraph.from_parts(
        _parts(elements, source, file, quarantine),
        [source],
        quarantine=quarantine,
        origin=str(file),
    )


@dataclass
class _Buffer:
    """Nodes and evidence collected for the next part; `seen` are the nodes of all parts."""

    seen: set[str] = field(default_factory=set)
    nodes: list[NodeRow] = field(default_factory=list)
    properties: list[dict[str, JsonValue]] = field(default_factory=list)  # of each of the nodes
    evidence: list[tuple[str, str, str, list[str], str | None]] = field(default_factory=list)

    def add_node(
        self,
        id_: str,
        kind: str,
        name: str,
        synonyms: list[str] | None = None,
        xrefs: list[str] | None = None,
        **properties: JsonValue,
    ) -> None:
        self.seen.add(id_)
        self.nodes.append(
            {
                "id": id_,
                "kind": kind,
                "name": name,
                "synonyms": synonyms or [],
                "xrefs": xrefs or [],
            }
        )
        self.properties.append(properties)

    def add_evidence(
        self,
        subject: str,
        relation: str,
        object_: str,
        references: list[str] | None = None,
        **qualifiers: str,
    ) -> None:
        self.evidence.append((subject, relation, object_, references or [], as_json(qualifiers)))

    def take_part(self, source: Source) -> Part:
        """What was collected since the last part."""
        roles = adme_roles(pl.Series([node["name"] for node in self.nodes], dtype=pl.String))
        for node, properties, role in zip(self.nodes, self.properties, roles, strict=True):
            adme = role if node["kind"] == "Target" else None
            node["properties"] = as_json({**properties, "adme": adme})
        nodes = nodes_frame(self.nodes)
        evidence = pl.DataFrame(self.evidence, schema=_EVIDENCE_COLUMNS, orient="row")
        self.nodes, self.properties, self.evidence = [], [], []
        return Part(
            nodes,
            evidence.with_columns(source=pl.lit(source.name), release=pl.lit(source.release)),
        )


def _parts(
    elements: Iterator[_Element], source: Source, path: Path, quarantine: Quarantine
) -> Iterator[Part]:
    buffer = _Buffer()
    for drug in track(elements, "drugbank"):
        if drug.tag != f"{_NS}drug":
            continue
        _read_drug(drug, buffer, path, quarantine)
        if len(buffer.evidence) >= PART_ROWS:
            yield buffer.take_part(source)
    yield buffer.take_part(source)


def _read_drug(drug: _Element, buffer: _Buffer, path: Path, quarantine: Quarantine) -> None:
    ids = _children(drug, "drugbank-id")
    primary = next((text_of(one) for one in ids if one.get("primary") == "true"), "")
    secondary = [text_of(one) for one in ids if one.get("primary") != "true"]
    name = _child_text(drug, "name")
    if not _DRUG_ID.fullmatch(primary) or not name:
        quarantine.add(
            "drug without primary identifier or name",
            path=path,
            line=line_of(drug),
            row=f"{primary} {name}".strip(),
        )
        return
    subject = f"drugbank:{primary}"
    atc = [code.get("code", "") for code in _children(drug, "atc-codes", "atc-code")]
    cas, unii = _child_text(drug, "cas-number"), _child_text(drug, "unii")
    computed = _computed(drug)
    identifiers = _identifiers(drug)
    codes = [(_DRUG_XREFS[name], local) for name, local in identifiers if name in _DRUG_XREFS]
    codes += [("CAS", cas), ("UNII", unii), ("INCHIKEY", computed.get("inchikey", ""))]
    codes += [("drugbank", other) for other in secondary] + [("ATC", code) for code in atc]
    buffer.add_node(
        subject,
        "Drug",
        name,
        [text_of(synonym) for synonym in _children(drug, "synonyms", "synonym")],
        [_curie(prefix, local) for prefix, local in codes if local],
        type=drug.get("type", ""),
        groups=[text_of(group) for group in _children(drug, "groups", "group")],
        cas=cas,
        unii=unii,
        indication=_child_text(drug, "indication"),
        **computed,
    )
    for code in _children(drug, "atc-codes", "atc-code"):
        _read_classes(code, subject, buffer)
    for plural, role in _ROLES:
        for interactant in _children(drug, plural, role):
            _read_interactant(interactant, subject, role, buffer)
    for interaction in _children(drug, "drug-interactions", "drug-interaction"):
        other = f"drugbank:{_child_text(interaction, 'drugbank-id')}"
        if other not in buffer.seen:
            buffer.add_node(other, "Drug", _child_text(interaction, "name"))
        buffer.add_evidence(
            subject, "INTERACTS_WITH", other, effect=_child_text(interaction, "description")
        )


def _read_classes(code: _Element, subject: str, buffer: _Buffer) -> None:
    """The ATC groups above a drug's code, the nearest of which it is in."""
    levels = {level.get("code", ""): text_of(level) for level in _children(code, "level")}
    ascending = sorted(filter(None, levels), key=len, reverse=True)
    for group in ascending:
        if f"ATC:{group}" not in buffer.seen:
            buffer.add_node(f"ATC:{group}", "DrugClass", levels[group] or group)
    below = subject
    for group in ascending:
        buffer.add_evidence(
            below, "IN_CLASS" if below == subject else "SUBCLASS_OF", f"ATC:{group}"
        )
        below = f"ATC:{group}"


def _read_interactant(interactant: _Element, subject: str, role: str, buffer: _Buffer) -> None:
    """What a drug acts on or is handled by: each polypeptide of it, or, without any, it itself."""
    name = _child_text(interactant, "name")
    polypeptides = _children(interactant, "polypeptide")
    targets = [_read_polypeptide(polypeptide, buffer) for polypeptide in polypeptides]
    if not polypeptides and (own := _child_text(interactant, "id")):
        targets = [f"drugbank.target:{own}"]
        if targets[0] not in buffer.seen:
            buffer.add_node(
                targets[0], "Target", name, organism=_child_text(interactant, "organism")
            )
    articles = _children(interactant, "references", "articles", "article")
    pmids = [pmid for article in articles if (pmid := _child_text(article, "pubmed-id"))]
    for target in targets:
        buffer.add_evidence(
            subject,
            "TARGETS",
            target,
            sorted({f"PMID:{pmid}" for pmid in pmids}),
            action="; ".join(text_of(e) for e in _children(interactant, "actions", "action")),
            role=role,
            known_action=_child_text(interactant, "known-action"),
            inhibition_strength=_child_text(interactant, "inhibition-strength"),
            induction_strength=_child_text(interactant, "induction-strength"),
            member_of=name if len(targets) > 1 else "",
        )


def _read_polypeptide(polypeptide: _Element, buffer: _Buffer) -> str:
    """The identifier of a polypeptide; its node is added where it is not there yet."""
    uniprot = f"UniProtKB:{polypeptide.get('id', '')}"
    identifiers = dict(_identifiers(polypeptide))
    # "HGNC:620", in some releases "GNC:620".
    hgnc = re.search(
        r"(?<!\d)\d++$", identifiers.get("HUGO Gene Nomenclature Committee (HGNC)", "")
    )
    target = f"HGNC:{hgnc[0]}" if hgnc else uniprot
    if target in buffer.seen:
        return target
    name, gene = _child_text(polypeptide, "name"), _child_text(polypeptide, "gene-name")
    organism = polypeptide.find(f"{_NS}organism")
    taxon = "" if organism is None else organism.get("ncbi-taxonomy-id", "")
    synonyms = [text_of(synonym) for synonym in _children(polypeptide, "synonyms", "synonym")]
    if hgnc or taxon == _HUMAN:
        buffer.add_node(target, "Target", gene or name, [name, *synonyms], [uniprot])
    else:
        buffer.add_node(
            target,
            "Target",
            f"{name} ({text_of(organism)})",
            xrefs=[uniprot],
            gene=gene,
            organism=text_of(organism),
        )
    return target


def _children(element: _Element, *path: str) -> list[_Element]:
    """The elements at a path of tags."""
    return element.findall("/".join(f"{_NS}{step}" for step in path))


def _child_text(element: _Element, tag: str) -> str:
    """The text of a child; empty where it is not there."""
    return text_of(element.find(f"{_NS}{tag}"))


def _identifiers(element: _Element) -> list[tuple[str, str]]:
    """The external identifiers: pairs of resource and identifier."""
    identifiers = _children(element, "external-identifiers", "external-identifier")
    return [(_child_text(one, "resource"), _child_text(one, "identifier")) for one in identifiers]


def _computed(drug: _Element) -> dict[str, str]:
    """InChI, InChIKey and SMILES."""
    properties = _children(drug, "calculated-properties", "property")
    values = {_child_text(one, "kind"): _child_text(one, "value") for one in properties}
    return {ours: values[theirs] for theirs, ours in _PROPERTIES.items() if values.get(theirs)}


def _curie(prefix: str, local: str) -> str:
    """ChEBI's come with and without their prefix."""
    return f"{prefix}:{local.removeprefix(f'{prefix}:')}"


INFO = SourceInfo(
    "drugbank",
    "DrugBank: drugs, what they act on, their classes and interactions",
    LICENCE,
    HOME_PAGE,
    "that of the file given",
    "drugbank_all_full_database.xml.zip, or the XML file in it",
    "Drug TARGETS Target, IN_CLASS DrugClass, INTERACTS_WITH Drug; SUBCLASS_OF of ATC",
    True,
    load,
)
