"""Files of XML: PubMed's, JATS and BioC, told apart by their elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...core.xml_reading import XmlError, XmlEvents
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
    has_documents = False
    with file.opened() as opened:
        events = XmlEvents(opened, file.path, ("end",), [f"{{*}}{tag}" for tag in _ARTICLES])
        try:
            for number, (_, element) in enumerate(events, start=1):
                has_documents = True
                yield from _document(file, events, element, number)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
        except XmlError as error:
            file.set_aside(f"file {error.reason}", line=error.line)
            return
    if not has_documents:
        raise UnreadableError("XML of a kind that is not read")


def _document(
    file: DocumentFile, events: XmlEvents, element: _Element, number: int
) -> Iterator[TextDocument]:
    """The document of an element, if it can be used."""
    try:
        events.fill_entities(element)
        document = _ARTICLES[local_name(element)](element)
    except XmlError as error:
        file.set_aside(f"document {error.reason}", f"document {number}")
    except (ValueError, LookupError, TypeError, RecursionError):
        file.set_aside("document of a form that is not read", f"document {number}")
    else:
        if document.text.strip():
            yield document
        else:
            file.set_aside("document without text", document.id)
