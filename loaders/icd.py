"""ICD-10 of the World Health Organization (ClaML) and ICD-10-CM of the United States (tabular XML
and order file): codes with their hierarchy.

Codes of the chapter of symptoms and signs (R) and of the one of factors that influence health
(Z: states, histories and encounters, which are no diseases either) are Symptoms, external causes
(V–Y) are Exposures, all others are Diseases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .frames import NodeRow, as_json, nodes_frame
from .info import Download, SourceInfo
from .stream import (
    line_of,
    plain_suffix,
    published_files,
    text_lines,
    text_of,
    xml_records,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_CM_LICENCE = "public domain in the United States (NCHS and CMS); ICD-10 itself is the WHO's"
_CM_HOME_PAGE = "https://www.cdc.gov/nchs/icd/icd-10-cm"
_WHO_LICENCE = "terms of the World Health Organization; look at the home page"
_WHO_HOME_PAGE = "https://icd.who.int/browse10"

_KINDS = {"R": "Symptom", "Z": "Symptom", **dict.fromkeys("VWXY", "Exposure")}
_CODE = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
_RANGE = re.compile(r"[A-Z]\d[0-9A-Z]-[A-Z]\d[0-9A-Z]")


@dataclass
class _Entry:
    """A code, block or chapter, and what it is part of."""

    code: str
    name: str
    parent: str = ""
    line: int | None = None
    notes: dict[str, list[str]] = field(default_factory=dict)


def load_cm(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """ICD-10-CM as a graph: chapters, sections and codes, joined by SUBCLASS_OF.

    The tabular list has the hierarchy and the notes; seventh characters are put in place, as the
    order file lists them. Inclusion terms and the notes (includes, excludes1, excludes2, code
    first, use additional code) become properties: an inclusion term may be narrower than its code,
    so that it is no synonym.

    Args:
        path: folder with the tabular list (.xml), the order file (.txt) or both; or one of them.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: no path, or no file there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "icd10cm needs a path (--path): a folder with icd10cm_tabular_<year>.xml or"
            " icd10cm_order_<year>.txt from https://www.cdc.gov/nchs/icd/icd-10-cm/files.html"
        )
    files = published_files(path, "*tabular*.xml", "*order*.txt")
    source = Source(
        "icd10cm",
        _cm_release(files),
        _CM_LICENCE,
        _CM_HOME_PAGE,
        reliability=0.98,
    )

    def entries() -> Iterator[_Entry]:
        # The tabular list goes first: of two entries of one code the first one's notes stay.
        for file in sorted(files, key=lambda file: plain_suffix(file) != ".xml"):
            reader = _tabular if plain_suffix(file) == ".xml" else _order
            yield from reader(file, quarantine)

    return KnowledgeGraph.from_parts(
        _parts(entries(), "ICD10CM", source, path),
        [source],
        quarantine=quarantine,
        origin=str(path),
    )


def load_who(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """ICD-10 as a graph: chapters, blocks and codes, joined by SUBCLASS_OF.

    Codes whose fourth character a modifier gives (as E10–E14 have) are written out. Inclusions,
    exclusions and other notes become properties.

    Args:
        path: the ClaML file (.xml, plain or compressed), or a folder with it.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: no path, or no file there.
        DataError: the file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "icd10 needs a path (--path): the ClaML file (.xml) from https://icdcdn.who.int/icd10"
        )
    files = published_files(path, "*.xml")
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"has several XML files ({names}); give the one that is meant", path=path)
    source = Source(
        "icd10",
        _who_release(files[0]),
        _WHO_LICENCE,
        _WHO_HOME_PAGE,
        reliability=0.98,
    )
    return KnowledgeGraph.from_parts(
        _parts(_claml(files[0], quarantine), "ICD10", source, path),
        [source],
        quarantine=quarantine,
        origin=str(path),
    )


def _parts(entries: Iterator[_Entry], prefix: str, source: Source, path: Path) -> Iterator[Part]:
    nodes: list[NodeRow] = []
    parents: dict[str, str] = {}
    for entry in entries:
        if entry.code not in parents:
            nodes.append(
                {
                    "id": f"{prefix}:{entry.code}",
                    "kind": _KINDS.get(entry.code[0], "Disease"),
                    "name": entry.name,
                    "properties": as_json(entry.notes),
                }
            )
        parents.setdefault(entry.code, entry.parent)
    if not nodes:
        raise DataError("has no code of ICD-10; is it the right file?", path=path)
    pairs = [
        (f"{prefix}:{code}", "SUBCLASS_OF", f"{prefix}:{parent}")
        for code, parent in parents.items()
        if parent
    ]
    evidence = pl.DataFrame(
        pairs, schema=dict.fromkeys(("subject", "relation", "object"), pl.String), orient="row"
    )
    yield Part(
        nodes_frame(nodes),
        evidence.with_columns(source=pl.lit(source.name), release=pl.lit(source.release)),
    )


# ICD-10-CM's tabular list (icd10cm_tabular_<year>.xml)

_NOTES = {
    "inclusionTerm": "inclusion_terms",
    "includes": "includes",
    "excludes1": "excludes1",
    "excludes2": "excludes2",
    "codeFirst": "code_first",
    "useAdditionalCode": "use_additional_code",
    "codeAlso": "code_also",
}


def _cm_release(files: list[Path]) -> str:
    """The fiscal year: as the tabular list's version says, or the name of a file."""
    for file in files:
        if plain_suffix(file) == ".xml":
            for element in xml_records(file, Quarantine()):
                if element.tag == "version":
                    return text_of(element)
                if element.tag == "chapter":
                    break
    for file in files:
        if year := re.search(r"20\d\d", file.name):
            return year[0]
    return ""


def _tabular(path: Path, quarantine: Quarantine) -> Iterator[_Entry]:
    elements = xml_records(path, quarantine)
    root = next(elements)
    if root.tag != "ICD10CM.tabular":
        raise DataError("is no tabular list of ICD-10-CM; fetch it anew", path=path)
    for chapter in elements:
        if chapter.tag != "chapter":
            continue
        desc = text_of(chapter.find("desc"))
        codes = _RANGE.search(desc)
        if codes is None:
            quarantine.add(
                "chapter without its range of codes", path=path, line=line_of(chapter), row=desc
            )
            continue
        name = re.sub(r"(?<!\s)\s*+\([^()]*+\)$", "", desc)
        yield _Entry(codes[0], name, "", line_of(chapter), _notes(chapter))
        for section in chapter.findall("section"):
            inside = codes[0]
            code = section.get("id") or ""
            if _RANGE.fullmatch(code) and code != codes[0]:
                inside = code
                name = re.sub(r"(?<!\s)\s*+\([^()]*+\)$", "", text_of(section.find("desc")))
                yield _Entry(code, name, codes[0], line_of(section), _notes(section))
            for diag in section.findall("diag"):
                yield from _diagnosis(diag, inside, {}, path, quarantine)


def _notes(element: _Element) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for tag, name in _NOTES.items():
        texts = [text_of(note) for part in element.findall(tag) for note in part.findall("note")]
        if texts:
            notes.setdefault(name, []).extend(text for text in texts if text)
    return notes


def _diagnosis(
    diag: _Element, parent: str, seventh: dict[str, str], path: Path, quarantine: Quarantine
) -> Iterator[_Entry]:
    """A code, those inside it, and, where a code has none, those with a seventh character."""
    code, name = text_of(diag.find("name")), text_of(diag.find("desc"))
    if not _CODE.fullmatch(code) or not name:
        quarantine.add(
            "code that is malformed or has no name",
            path=path,
            line=line_of(diag),
            row=f"{code} {name}"[:200],
        )
        for child in diag.findall("diag"):
            yield from _diagnosis(child, parent, seventh, path, quarantine)
        return
    yield _Entry(code, name, parent, line_of(diag), _notes(diag))
    # A definition of seventh characters holds for all codes inside, until one has its own.
    for definition in diag.findall("sevenChrDef"):
        seventh = {e.get("char") or "": text_of(e) for e in definition.findall("extension")}
    inside = diag.findall("diag")
    for child in inside:
        yield from _diagnosis(child, code, seventh, path, quarantine)
    if not inside:
        for character, meaning in seventh.items():
            # X takes the places that are free before the seventh.
            stem = code.replace(".", "").ljust(6, "X")
            yield _Entry(_dotted(stem + character), f"{name}, {meaning}", code, line_of(diag))


def _dotted(code: str) -> str:
    """E119 → E11.9."""
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


# The order file (icd10cm_order_<year>.txt): order number, code without its dot, whether it is a
# code to use (1) or a header (0), short description, long description, at fixed places.


def _order(path: Path, quarantine: Quarantine) -> Iterator[_Entry]:
    seen: set[str] = set()
    for number, text in text_lines(path):
        if not text.strip():
            continue
        code, flag, name = text[6:13].strip(), text[14:15], text[77:].strip()
        dotted = _dotted(code)
        if not (text[:5].isdigit() and flag in "01" and flag and _CODE.fullmatch(dotted) and name):
            quarantine.add("no line of the order file", path=path, line=number, row=text[:200])
            continue
        # A header comes before its codes; the places that X takes have no header of their own.
        stems = (code[:length] for length in range(len(code) - 1, 2, -1))
        parent = next((stem for stem in stems if stem in seen), "")
        seen.add(code)
        yield _Entry(dotted, name, _dotted(parent) if parent else "", number)


# ICD-10 as ClaML (https://icdcdn.who.int/icd10/clamlinfo.html)

_RUBRICS = {
    "inclusion": "inclusion_terms",
    "exclusion": "excludes",
    "definition": "definitions",
    "coding-hint": "coding_hints",
    "note": "notes",
    "text": "notes",
    "introduction": "notes",
}


def _who_release(path: Path) -> str:
    for element in xml_records(path, Quarantine()):
        if element.tag == "Title":
            return element.get("version") or element.get("date") or ""
    return ""


def _claml(path: Path, quarantine: Quarantine) -> Iterator[_Entry]:
    elements = xml_records(path, quarantine)
    root = next(elements)
    if root.tag != "ClaML":
        raise DataError("is no ClaML file; give ICD-10 in ClaML", path=path)
    modifiers: dict[str, dict[str, str]] = {}
    ranges: dict[str, str] = {}  # chapters have Roman numbers; their code is their range
    written: set[str] = set()
    modified: list[_Entry] = []
    for element in elements:
        code = element.get("code") or ""
        if element.tag == "ModifierClass":
            label = _labels(element, "preferred")
            modifiers.setdefault(element.get("modifier") or "", {})[code] = " ".join(label)
        if element.tag != "Class":
            continue
        name = next(iter(_labels(element, "preferred")), "")
        above = element.find("SuperClass")
        parent = above.get("code") or "" if above is not None else ""
        if element.get("kind") == "chapter":
            blocks = [child.get("code") or "" for child in element.findall("SubClass")]
            letters = [part for block in blocks for part in block.split("-")]
            if letters and all(_CODE.fullmatch(letter) for letter in letters):
                ranges[code] = f"{min(letters)}-{max(letters)}"
                code = ranges[code]
        if not name or not (_CODE.fullmatch(code) or _RANGE.fullmatch(code)):
            quarantine.add(
                "class that is malformed or has no name",
                path=path,
                line=line_of(element),
                row=f"{code} {name}"[:200],
            )
            continue
        parent = ranges.get(parent, parent)
        written.add(code)
        entry = _Entry(code, name, "" if parent == code else parent, line_of(element))
        for kind, note in _RUBRICS.items():
            if texts := _labels(element, kind):
                entry.notes.setdefault(note, []).extend(texts)
        yield entry
        # A modifier of a block or chapter is for a fifth character that few use.
        for by in element.findall("ModifiedBy"):
            for character, meaning in modifiers.get(by.get("code") or "", {}).items():
                whole = f"{code}{character}" if character.startswith(".") else ""
                if element.get("kind") == "category" and _CODE.fullmatch(whole):
                    modified.append(_Entry(whole, f"{name}: {meaning}", code, line_of(element)))
    yield from (entry for entry in modified if entry.code not in written)


def _labels(element: _Element, kind: str) -> list[str]:
    """The texts of an element's rubrics of a kind."""
    rubrics = [rubric for rubric in element.findall("Rubric") if rubric.get("kind") == kind]
    texts = [text_of(label) for rubric in rubrics for label in rubric.findall("Label")]
    return [text for text in texts if text]


_YIELDS = "Disease, Symptom and Exposure, SUBCLASS_OF within each"

INFOS = (
    SourceInfo(
        "icd10cm",
        "ICD-10-CM: the International Classification of Diseases, as modified in the United States",
        _CM_LICENCE,
        _CM_HOME_PAGE,
        "that of the file",
        "*tabular*.xml, *order*.txt, or a folder with either or both, plain or compressed",
        _YIELDS,
        False,
        load_cm,
        downloads=(
            Download(
                "https://ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM/2025"
                "/icd10cm-table-index-2025.zip",
                "icd10cm-table-index-2025.zip",
                members=("*tabular*.xml",),
            ),
        ),
    ),
    SourceInfo(
        "icd10",
        "ICD-10: the International Classification of Diseases of the World Health Organization",
        _WHO_LICENCE,
        _WHO_HOME_PAGE,
        "that of the file",
        "ClaML (.xml), plain or compressed",
        _YIELDS,
        True,
        load_who,
    ),
)
