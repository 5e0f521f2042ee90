"""PDF files, read by pypdf."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from .document_file import DocumentFile, TextDocument, UnreadableError


def read_pdf(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a PDF as the text of its pages, with an empty line between two."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise UnreadableError("PDF needs pypdf (pip install 'medkg[pdf]')") from None
    # Its warnings may quote the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        with file.opened() as opened:
            pages = [page.extract_text() for page in PdfReader(opened).pages]
    except (FileNotDecryptedError, DependencyError):
        raise UnreadableError("PDF is encrypted") from None
    except OSError:
        raise
    # Whatever else its parser stumbles over, the file is one that it can't read.
    except Exception:
        raise UnreadableError("file is no PDF that can be read") from None
    text = "\n\n".join(page for page in pages if page.strip())
    if not text:
        raise UnreadableError("PDF holds no text (recognise the characters of a scan first)")
    yield file.note(file.name, text)
