"""PubTator, the form of BC5CDR, the NCBI disease corpus and BioRED."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Document, Relation
from .files import AnnotationFile, numbered_lines, parse_offsets, row_place

_NOVELTY = (["Novel"], ["No"])  # what ends a relation in BioRED


def read_pubtator(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read PubTator: `id|t|title`, `id|a|abstract`, then tab-separated mentions and relations.

    The text is title, line break, abstract, which is what the format's offsets count. A mention has
    5 to 7 columns (id, start, end, text, kind, identifier, names of its parts), a relation 4 (id,
    kind, identifier, identifier) or, in BioRED, a fifth: whether it is novel. Blank lines may stand
    anywhere between documents. The NCBI disease corpus has this form too.

    Raises:
        DataError: the file can't be read or holds no document.
    """
    file = AnnotationFile(path, quarantine)
    documents: dict[str, Document] = {}
    current: Document | None = None
    for number, line in numbered_lines(path):
        header = re.match(r"([^|\t]+)\|([ta])\|(.*)", line)
        if header is None:
            _read_annotation(file, current, line, number)
            continue
        identifier, part, text = header.groups()
        if part == "a":
            if current is None or current.id != identifier or "\n" in current.text:
                file.reject("abstract without its title", number, identifier)
            else:
                current.text += "\n" + text
        elif identifier in documents:
            # Its annotations would count twice: they are set aside with it.
            current = None
            file.reject("document given twice", number, identifier)
        else:
            current = documents[identifier] = Document(identifier, text)
    if not documents:
        raise DataError("holds no document; PubTator has lines such as ID|t|TITLE", path=path)
    return list(documents.values())


def _read_annotation(
    file: AnnotationFile, document: Document | None, line: str, number: int
) -> None:
    """Add the mention or the relation of a line to the document above it."""
    columns = line.split("\t")
    if len(columns) not in (4, 5, 6, 7):
        file.reject("wrong number of columns", number, row_place(columns[:1]))
        return
    place = row_place(columns[:3])
    if document is None or document.id != columns[0]:
        file.reject("annotation of a document that is not above it", number, place)
    elif len(columns) > 4 and columns[4:] not in _NOVELTY:
        identifier = columns[5].strip() if len(columns) > 5 else ""
        file.add_mention(
            document,
            parse_offsets(columns[1], columns[2]),
            columns[3],
            columns[4],
            number,
            identifier=None if identifier in ("", "-1", "-") else identifier,
        )
    elif columns[1].isdigit():
        file.reject("wrong number of columns", number, place)
    else:
        document.relations.append(Relation(columns[1], columns[2], columns[3].strip()))
