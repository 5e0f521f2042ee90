"""Plain text, and PubTator's format, which plain files hold as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .document_file import DocumentFile, TextDocument, paper

_PASSAGE = re.compile(r"^([^|\t\n]+)\|([ta])\|([^\r\n]*)", re.MULTILINE)


def read_text(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a file as one note or paper, or as papers if it starts as PubTator does."""
    text = file.text()
    if _is_pubtator(text):
        yield from _pubtator(file, text)
    else:
        yield file.plain_text(text)


def _is_pubtator(text: str) -> bool:
    return re.match(r"[^|\s]+\|t\|", text.lstrip()) is not None


def _pubtator(file: DocumentFile, text: str) -> Iterator[TextDocument]:
    """Read PubTator: title, line break, abstract, as its offsets count; annotations are ignored."""
    papers: list[tuple[str, list[str]]] = []
    for match in _PASSAGE.finditer(text):
        if not papers or match[1] != papers[-1][0] or match[2] == "t":
            papers.append((match[1], []))
        papers[-1][1].append(match[3])
    for number, (identifier, passages) in enumerate(papers, start=1):
        if identifier.strip():
            yield paper(identifier, "\n".join(passages))
        else:
            file.set_aside("document without an identifier", f"document {number}")
