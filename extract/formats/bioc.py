"""Documents in BioC, as XML and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypedDict

from ...core.json_reading import json_events, json_items
from ...graph.file_formats import bioc_documents_path
from .document_file import DocumentFile, TextDocument, UnreadableError, paper
from .xml_text import descendants, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

# Blanks between two passages; BioC whose offsets leave more just has its passages in order.
MAX_GAP = 1000


class _BiocSentence(TypedDict, total=False):
    """A sentence, or what a sentence and a passage share."""

    offset: int
    text: str | None


class _BiocPassage(_BiocSentence, total=False):
    """A passage; one without text has it in its sentences."""

    infons: dict[str, str] | None
    sentences: list[_BiocSentence] | None


class _BiocDocument(TypedDict):
    """The fields of BioC's JSON that are read, of whatever form the file really has."""

    id: str
    passages: list[_BiocPassage]


def bioc_document(element: _Element) -> TextDocument:
    """Make the text of a BioC document from its passages, or, where these have none, sentences."""
    passages: list[tuple[int, str]] = []
    pmid = ""
    for passage in (child for child in element if local_name(child) == "passage"):
        infons = descendants(passage, "infon")
        pmids = (infon.text or "" for infon in infons if infon.get("key") == "article-id_pmid")
        pmid = pmid or next(pmids, "")
        has_text = any(local_name(child) == "text" for child in passage)
        for element_with_text in [passage] if has_text else descendants(passage, "sentence"):
            fields = {local_name(child): child.text or "" for child in element_with_text}
            passages.append((int(fields["offset"]), fields.get("text", "")))
    identifier = next((child.text for child in element if local_name(child) == "id"), None)
    return paper(pmid or identifier or "", _text_at_offsets(passages))


def read_bioc_json(file: DocumentFile) -> Iterator[TextDocument]:
    """Read BioC as JSON: one collection, several, or documents on their own."""
    with file.opened() as stream:
        place = bioc_documents_path(json_events(stream))
    if place is None:
        raise UnreadableError("JSON of a kind that is not read")
    with file.opened() as stream:
        for number, bioc in enumerate(json_items(stream, place), start=1):
            try:
                document = _json_document(bioc)
            except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
                file.set_aside("document of a form that is not read", f"document {number}")
                continue
            if document.text.strip():
                yield document
            else:
                file.set_aside("document without text", document.id)


def _json_document(bioc: _BiocDocument) -> TextDocument:
    """Make the text of a BioC document of JSON, see `bioc_document`."""
    passages: list[tuple[int, str]] = []
    pmid = ""
    for passage in bioc["passages"]:
        pmid = pmid or str((passage.get("infons") or {}).get("article-id_pmid") or "")
        texts = [passage] if passage.get("text") else passage.get("sentences") or []
        passages += [(int(text["offset"]), str(text.get("text") or "")) for text in texts]
    return paper(pmid or str(bioc["id"]), _text_at_offsets(passages))


def _text_at_offsets(passages: Iterable[tuple[int, str]]) -> str:
    """Join passages at the offsets that BioC states, a line break and blanks between two.

    Where these can't be (two overlap, or leave a wide gap), the passages just follow each other.
    """
    text = ""
    for offset, passage in sorted(passages, key=lambda passage: passage[0]):
        gap = offset - len(text)
        if text or gap > 0:
            text += "\n" + " " * (gap - 1 if 1 <= gap <= MAX_GAP else 0)
        text += passage
    return text
