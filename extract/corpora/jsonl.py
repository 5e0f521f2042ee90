"""JSON lines of annotated texts, as spaCy, Prodigy and Doccano write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ...core.errors import DataError
from ...core.json_reading import JsonError, parse_json
from ...core.quarantine import Quarantine
from .document import Document, Relation
from .files import AnnotationFile, read_text

_MENTION_FIELDS = ("label", "labels", "entities", "spans", "ents")
_READ_FIELDS = (*_MENTION_FIELDS, "text", "data", "relations")


def read_jsonl(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read JSON lines of texts with mentions by their offsets, as spaCy, Prodigy and Doccano write.

    A row is an object with `text` (or `data`) and mentions under `label`, `labels`, `entities`,
    `spans` or `ents`: lists `[start, end, label]`, or objects with `start` and `end` (or
    `start_offset`, `end_offset`) and `label`; or spaCy's pair `[text, {"entities": […]}]`.
    Doccano's `relations` (`from_id`, `to_id`, `type`) are kept; all other fields go into
    `Document.fields`. A row without any of those keys is not annotated, and set aside.

    Raises:
        DataError: the file can't be read or holds no annotated text.
    """
    file = AnnotationFile(path, quarantine)
    stem = path.name.split(".")[0]
    documents: dict[str, Document] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        row = _annotated_row(file, line, number) if line.strip() else None
        if row is None:
            continue
        given = row.fields.get("id")
        identifier = f"{stem}:{given if isinstance(given, int | str) else number}"
        if not _is_text(identifier) or identifier in documents:
            identifier = f"{stem}:line {number}"
        document = documents[identifier] = Document(identifier, row.text, fields=row.fields)
        for annotation in row.mentions:
            _add_mention(file, document, annotation, number)
        _add_relations(file, document, row.relations, number)
    if not documents:
        raise DataError("holds no annotated text as JSON lines", path=path)
    return list(documents.values())


class _Row(NamedTuple):
    """An annotated row: its text, its annotations as JSON has them, its other fields."""

    text: str
    mentions: list[object]
    relations: object
    fields: dict[str, object]


def _annotated_row(file: AnnotationFile, line: str, number: int) -> _Row | None:
    """The row of a line; None: it is set aside."""
    try:
        row = parse_json(line)
    except JsonError:
        file.reject("row is not JSON", number)
        return None
    if isinstance(row, list) and len(row) == 2 and isinstance(row[1], dict):
        row = {**row[1], "text": row[0]}
    text = row.get("text", row.get("data")) if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip() or not _is_text(text):
        file.reject("row without text", number)
        return None
    lists = [row[name] for name in _MENTION_FIELDS if isinstance(row.get(name), list)]
    if not lists:
        file.reject("row without annotations", number)
        return None
    return _Row(
        text,
        [mention for mentions in lists for mention in mentions],
        row.get("relations"),
        {name: value for name, value in row.items() if name not in _READ_FIELDS},
    )


def _is_text(text: str) -> bool:
    """Without halves of characters, which JSON can hold and no file or hash can."""
    return not re.search("[\ud800-\udfff]", text)


def _add_mention(file: AnnotationFile, document: Document, annotation: object, line: int) -> None:
    start: object = None
    end: object = None
    label: object = None
    key: object = None
    if isinstance(annotation, list) and len(annotation) == 3:
        start, end, label = annotation
    elif isinstance(annotation, dict):
        start = annotation.get("start", annotation.get("start_offset"))
        end = annotation.get("end", annotation.get("end_offset"))
        label, key = annotation.get("label"), annotation.get("id")
    if isinstance(label, str) and _is_text(label):
        file.add_span(document, start, end, label, line, None if key is None else str(key))
    else:
        file.reject("mention without a label", line)


def _add_relations(file: AnnotationFile, document: Document, relations: object, line: int) -> None:
    keys = {mention.key for mention in document.mentions}
    for relation in relations if isinstance(relations, list) else []:
        row = relation if isinstance(relation, dict) else {}
        kind, head, tail = row.get("type"), str(row.get("from_id")), str(row.get("to_id"))
        if isinstance(kind, str) and {head, tail} <= keys:
            document.relations.append(Relation(kind, head, tail))
        else:
            file.reject("relation of an unknown mention", line, document.id)
