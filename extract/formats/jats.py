"""Articles in JATS, the XML of PubMed Central."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .document_file import TextDocument, paper
from .xml_text import NOT_RUNNING_TEXT, descendants, local_name, running_text

if TYPE_CHECKING:
    from lxml.etree import _Element

# Abstracts that only repeat the main one.
_SUMMARIES = ("graphical", "toc", "teaser", "key-points")


def jats_document(article: _Element) -> TextDocument:
    """Title, abstract and paragraphs of the body (captions, too), with an empty line between two.

    Tables, formulas, references and what follows the body are left out.
    """
    meta = next(descendants(article, "article-meta"), article)
    ids = {
        (element.get("pub-id-type") or "").lower(): (element.text or "").strip()
        for element in descendants(meta, "article-id")
    }
    pmc = (ids.get("pmc") or ids.get("pmcid") or "").upper().removeprefix("PMC")
    names = (ids.get("pmid"), f"PMC{pmc}" if pmc else "", ids.get("doi"), *ids.values())
    blocks = [running_text(title) for title in descendants(meta, "article-title")][:1]
    for abstract in descendants(meta, "abstract"):
        if abstract.get("abstract-type") not in _SUMMARIES:
            blocks += _blocks(abstract)
    for body in article:
        if local_name(body) == "body":
            blocks += _blocks(body)
    return paper(next(filter(None, names), ""), "\n\n".join(filter(None, blocks)))


def _blocks(element: _Element) -> list[str]:
    """The titles and paragraphs inside an element, in order."""
    texts: list[str] = []
    for child in element:
        if local_name(child) in ("p", "title"):
            blocks: list[_Element] = []
            texts.append(running_text(child, blocks))
            for block in blocks:
                texts += _blocks(block)
        elif local_name(child) not in NOT_RUNNING_TEXT:
            texts += _blocks(child)
    return texts
