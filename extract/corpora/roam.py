"""Roam: sentences of drug labels, and what the drug does to the afflictions that they name."""

from __future__ import annotations

import json
from pathlib import Path

from ...core.errors import DataError
from ...core.json_reading import read_json
from ...core.quarantine import Quarantine
from .document import Document, Mention, Relation
from .files import AnnotationFile


def read_roam(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read Roam's JSON: sentences of drug labels with afflictions and their relation to the drug.

    Every annotation is a mention of kind AFFLICTION and a relation to it without a head, of kind
    TREATS, PREVENTS, CONTRAINDICATED_FOR or UNRELATED.

    Raises:
        DataError: the file can't be read or is not a JSON list.
    """
    try:
        rows = read_json(path)
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path=path, line=error.lineno) from error
    if not isinstance(rows, list):
        raise DataError("is not a JSON list of sentences", path=path)
    file = AnnotationFile(path, quarantine)
    documents = []
    for position, row in enumerate(rows, start=1):
        try:
            document = Document(str(row["sentence_id"]), str(row["sentence"]))
            annotations = [
                (int(a["start"]), int(a["end"]), str(a["text"]), str(a["label"]), str(a["ann_id"]))
                for a in row["annotations"]
            ]
        except (KeyError, TypeError, ValueError, OverflowError):  # JSON reads 1e999 as infinity
            file.reject("sentence lacks a field", row=f"sentence {position}")
            continue
        for start, end, text, label, key in annotations:
            if document.text[start:end] != text:
                file.reject("offsets don't match the text", row=f"{key}\t{start}\t{end}")
                continue
            document.mentions.append(Mention(start, end, "AFFLICTION", key=key))
            document.relations.append(Relation(label, "", key))
        documents.append(document)
    if not documents:
        raise DataError("holds no sentence", path=path)
    return documents
