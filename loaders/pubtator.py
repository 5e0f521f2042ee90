"""PubTator files: texts with the diseases, chemicals and genes that are annotated in them.

A document is `id|t|title`, `id|a|abstract`, then tab-separated lines: mentions (id, start, end,
text, type, identifier, and for a composite mention its parts) and relations (id, type, and the two
ends, which PubTator 3 writes as type|identifier). Documents stand apart by an empty line. The bulk
tables of PubTator 3, `relation2pubtator3` and `…2pubtator3` (id, type, identifier, mentions,
resource), which hold no text, are read too.

Format: https://www.ncbi.nlm.nih.gov/research/pubtator3/tutorial and
https://ftp.ncbi.nlm.nih.gov/pub/lu/PubTator3/README.txt
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import MissingError
from ..core.quarantine import Quarantine
from ..graph.kg import KnowledgeGraph
from .annotated import (
    OPTIONS,
    Document,
    Mention,
    Relation,
    kind_of,
    load_documents,
)
from .info import SourceInfo
from .stream import published_files, setting_aside, text_lines

NAME = "pubtator"
HOME_PAGE = "https://www.ncbi.nlm.nih.gov/research/pubtator3/"


def load(
    path: Path | None,
    quarantine: Quarantine,
    level: str = "text-mined",
    sentences: str = "yes",
    release: str = "",
) -> KnowledgeGraph:
    """Document MENTIONS Disease, Drug, Target; and the relations that the schema has.

    Mentions without an identifier, offsets that don't fit the text, and relations that the schema
    lacks are set aside by document and offset. A warning counts the types without a kind (species,
    cell lines, variants).

    Args:
        path: a file, or a folder of .txt, .pubtator and .PubTator files, plain or compressed.
        quarantine: gets the lines that can't be used.
        level: text-mined or curated.
        sentences: yes or no, whether sentences are kept.
        release: of the files, as evidence will state it.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: a file can't be read, or holds no document.
    """
    if path is None:
        raise MissingError(f"{NAME} needs a path (--path): a PubTator file, or a folder of them")
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
    for file in published_files(path, "*.txt", "*.pubtator", "*.PubTator"):
        with setting_aside(file, path, quarantine):
            for document in _documents(file, quarantine):
                yield file, document


_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)


def _documents(file: Path, quarantine: Quarantine) -> Iterator[Document]:
    """The documents of a file, one at a time."""
    document: Document | None = None
    for number, line in text_lines(file):
        if not line.strip():
            if document is not None:
                yield document
            document = None
            continue
        text = _TEXT.fullmatch(line)
        fields = line.split("\t")
        annotated = None if text else _mention(fields, number) or _relation(fields, number)
        if text is None and annotated is None:
            quarantine.add("no line of PubTator's", path=file, line=number)
            continue
        identifier = (text[1] if text else fields[0]).strip()
        # Some files have no empty line between documents.
        if document is not None and (document.id != identifier or (text and text[2] == "t")):
            yield document
            document = None
        document = document or Document(identifier)
        if text:
            # The abstract stands one character, a space or the end of the line, after the title.
            offset = sum(len(passage) + 1 for _, passage in document.passages)
            document.passages.append((offset, text[3]))
        elif isinstance(annotated, Mention):
            document.mentions.append(annotated)
        elif annotated is not None:
            document.relations.append(annotated)
    if document is not None:
        yield document


def _is_offset(text: str) -> bool:
    # Python refuses to read numbers of thousands of digits.
    return text.isdecimal() and len(text) < 12


def _mention(fields: list[str], line: int) -> Mention | None:
    if len(fields) >= 5 and _is_offset(fields[1]) and _is_offset(fields[2]):
        span = int(fields[1]), int(fields[2])
        written = fields[5] if len(fields) > 5 else ""
        return Mention(fields[4], written, [span], fields[3], line)
    if len(fields) == 5 and "|" not in fields[1] and kind_of(fields[1]) is not None:
        return Mention(fields[1], fields[2], (), fields[3].split("|")[0], line)
    return None


def _relation(fields: list[str], line: int) -> Relation | None:
    # BioRED has a fifth field: whether the relation is novel.
    if len(fields) not in (4, 5) or fields[1].isdecimal() or not all(fields[:4]):
        return None
    return Relation(fields[1], typed_end(fields[2]), typed_end(fields[3]), line=line)


def typed_end(written: str) -> tuple[str, str]:
    """Type and identifiers of a relation's end, `Chemical|MESH:D000001` or without a type."""
    type_, bar, identifier = written.partition("|")
    # "D000001|D000002" are two identifiers.
    if bar and re.fullmatch(r"[A-Za-z]+", type_):
        return type_, identifier
    return "", written


INFO = SourceInfo(
    NAME,
    "PubTator: annotated abstracts and articles",
    "that of the annotated texts; NCBI's annotations are in the public domain",
    HOME_PAGE,
    "that of the files given",
    "PubTator's text format and PubTator 3's bulk tables; a file or a folder, plain or .gz, .xz,"
    " .bz2, .zip",
    "Document MENTIONS Disease, Drug, Target; CAUSES, TREATS, TARGETS, ASSOCIATED_WITH,"
    " INTERACTS_WITH, REGULATES, UPREGULATES, DOWNREGULATES, COVARIES_WITH, as annotated",
    True,
    load,
    options=OPTIONS,
)
