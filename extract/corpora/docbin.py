"""spaCy's binary training data (`.spacy`)."""

from __future__ import annotations

import zlib
from pathlib import Path

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ...core.errors import DataError
from ...core.input_files import MOST_WHOLE, InputError, read_whole
from ...core.quarantine import Quarantine
from .document import Document
from .files import AnnotationFile


def read_docbin(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read spaCy's binary training data (`.spacy`, `DocBin`): entities and all span groups.

    Raises:
        DataError: the file can't be read, is no DocBin, or holds no document.
    """
    data = read_whole(path)
    try:
        if len(zlib.decompressobj().decompress(data, MOST_WHOLE + 1)) > MOST_WHOLE:
            raise InputError(f"unpacks to more than {MOST_WHOLE >> 20} MB; divide it", path=path)
        docs = list(DocBin().from_bytes(data).get_docs(Vocab()))
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError("is not a whole DocBin of spaCy's", path=path) from error
    file = AnnotationFile(path, quarantine)
    documents = []
    for number, doc in enumerate(docs, start=1):
        document = Document(f"{path.name.split('.')[0]}:{number}", doc.text)
        for span in [*doc.ents, *(span for group in doc.spans.values() for span in group)]:
            file.add_span(document, span.start_char, span.end_char, span.label_, number)
        documents.append(document)
    if not documents:
        raise DataError("holds no document", path=path)
    return documents
