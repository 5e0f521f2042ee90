"""Documents without identifiers: text, names of documents and of patients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..documents import TextDocument
from .find import find_identifiers
from .replace import DeidentifiedText, Style, replaced
from .surrogates import Surrogates


@dataclass(frozen=True)
class DeidentifiedDocument:
    """A document whose text and names hold no identifier that was found.

    Attributes:
        document: to be read in place of the original.
        content: its text, and what was replaced.
    """

    document: TextDocument
    content: DeidentifiedText


def deidentified_document(
    document: TextDocument, key: bytes, style: Style = "surrogates"
) -> DeidentifiedDocument:
    """Take the identifiers out of a document.

    A paper (PubMed, PMC) keeps its name. Documents of one patient have the same surrogates.
    """
    patient = document.patient or document.id
    surrogates = Surrogates(key, patient)
    content = replaced(document.text, find_identifiers(document.text), surrogates, style)
    is_paper = document.id.startswith(("PMID:", "PMC:"))
    new = replace(
        document,
        id=document.id if is_paper else f"note:{surrogates.identifier('document', document.id)}",
        text=content.text,
        patient=document.patient and f"patient:{surrogates.identifier('patient', patient)}",
        origin=document.origin and surrogates.identifier("origin", document.origin),
    )
    return DeidentifiedDocument(new, content)


def deidentified_documents(documents: Iterable[TextDocument], key: bytes) -> Iterator[TextDocument]:
    """Documents with surrogates in the place of their identifiers, one by one."""
    return (deidentified_document(document, key).document for document in documents)
