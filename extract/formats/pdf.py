"""PDF files."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.pdf_reading import PdfError, pdf_text
from .document_file import DocumentFile, TextDocument, UnreadableError


def read_pdf(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a PDF as the text of its pages, with an empty line between two."""
    try:
        with file.opened() as opened:
            text = pdf_text(opened)
    except PdfError as error:
        raise UnreadableError(str(error)) from None
    yield file.plain_text(text)
