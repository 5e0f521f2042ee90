"""Articles and book chapters of PubMed's XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .document_file import TextDocument, paper
from .xml_text import descendants, running_text

if TYPE_CHECKING:
    from lxml.etree import _Element


def pubmed_document(article: _Element) -> TextDocument:
    """Make the text of an article: title, line break, abstract with a line for each section.

    A section stands behind its label. As long as PubTator's text of it, so that offsets agree.
    """
    title = next(descendants(article, "ArticleTitle", "BookTitle"), None)
    lines = ["" if title is None else running_text(title)]
    abstract = next(descendants(article, "Abstract"), None)
    for section in () if abstract is None else descendants(abstract, "AbstractText"):
        if text := running_text(section):
            label = " ".join((section.get("Label") or "").split())
            lines.append(f"{label}: {text}" if label else text)
    number = next(descendants(article, "PMID"), None)
    return paper("" if number is None else number.text or "", "\n".join(lines))
