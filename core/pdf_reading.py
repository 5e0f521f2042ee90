"""The text of PDF files, read by pypdf, which an extra of medkg brings."""

from __future__ import annotations

import logging
from typing import IO

from .errors import MedkgError
from .input_files import InputError


class PdfError(MedkgError):
    """A PDF can't be read; the message says why, and never quotes the file."""


def pdf_text(file: IO[bytes]) -> str:
    """The text of a PDF's pages, with an empty line between two.

    Raises:
        PdfError: it is none, is encrypted or holds no text; or pypdf is not installed.
        InputError: the file can't be read.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise PdfError("PDF needs pypdf (pip install 'medkg[pdf]')") from None
    # Its warnings may quote the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        pages = [page.extract_text() for page in PdfReader(file).pages]
    except (FileNotDecryptedError, DependencyError):
        raise PdfError("PDF is encrypted") from None
    except InputError:
        raise
    # Whatever else its parser stumbles over, the file is one that it can't read.
    except Exception:
        raise PdfError("file is no PDF that can be read") from None
    text = "\n\n".join(page for page in pages if page.strip())
    if not text:
        raise PdfError("PDF holds no text (recognise the characters of a scan first)")
    return text
