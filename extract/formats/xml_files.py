"""Files of XML: PubMed's, JATS and BioC, told apart by their elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...graph.file_formats import SAFE_XML_OPTIONS
from .bioc import bioc_document
from .document_file import DocumentFile, TextDocument, UnreadableError
from .jats import jats_document
from .pubmed import pubmed_document
from .xml_text import local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

# The elements that are a document each, with what makes its text.
_ARTICLES: dict[str, Callable[[_Element], TextDocument]] = {
    "PubmedArticle": pubmed_document,
    "PubmedBookArticle": pubmed_document,
    "article": jats_document,
    "document": bioc_document,
}


def read_xml(file: DocumentFile) -> Iterator[TextDocument]:
    """Read PubMed's, PMC's or BioC's XML; an article is freed when the next one is read."""
    from lxml import etree

    has_documents = False
    with file.opened() as opened:
        events = etree.iterparse(
            opened,
            events=("end",),
            tag=[f"{{*}}{tag}" for tag in _ARTICLES],
            **SAFE_XML_OPTIONS,
        )
        try:
            for number, (_, element) in enumerate(events, start=1):
                has_documents = True
                try:
                    document = _ARTICLES[local_name(element)](element)
                except (ValueError, LookupError, TypeError):
                    file.set_aside("document of a form that is not read", f"document {number}")
                else:
                    if document.text.strip():
                        yield document
                    else:
                        file.set_aside("document without text", document.id)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
        except etree.XMLSyntaxError as error:
            empty = not has_documents and file.path.stat().st_size == 0
            reason = "file is empty" if empty else "file is not well-formed XML"
            file.set_aside(reason, line=error.lineno or None)
            return
    if not has_documents:
        raise UnreadableError("XML of a kind that is not read")
