"""ChemProt: chemicals, genes and proteins of abstracts, and what the former do to the latter."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Document, Relation
from .files import AnnotationFile, numbered_lines, parse_offsets, row_place


def read_chemprot(abstracts: Path, quarantine: Quarantine) -> list[Document]:
    """Read ChemProt: `…_abstracts.tsv`, with `…_entities.tsv` and `…_relations.tsv` beside it.

    Offsets count title, one character, abstract. A relation's kind is its group ("CPR:4").

    Raises:
        DataError: one of the files can't be read, or the name has no `_abstracts` in it.
    """
    if "_abstracts" not in abstracts.name:
        raise DataError("give the file whose name ends in _abstracts.tsv", path=abstracts)
    documents = _read_abstracts(abstracts, quarantine)
    entities, relations = (
        abstracts.with_name(abstracts.name.replace("_abstracts", table))
        for table in ("_entities", "_relations")
    )
    _read_entities(entities, documents, quarantine)
    _read_relations(relations, documents, quarantine)
    if not documents:
        raise DataError("holds no document", path=abstracts)
    return list(documents.values())


def _read_abstracts(path: Path, quarantine: Quarantine) -> dict[str, Document]:
    file = AnnotationFile(path, quarantine)
    documents: dict[str, Document] = {}
    for number, line in numbered_lines(path):
        columns = line.split("\t")
        if len(columns) != 3:
            file.reject("wrong number of columns", number, row_place(columns[:1]))
        elif columns[0] in documents:
            file.reject("document given twice", number, columns[0])
        else:
            documents[columns[0]] = Document(columns[0], f"{columns[1]}\n{columns[2]}")
    return documents


def _read_entities(path: Path, documents: dict[str, Document], quarantine: Quarantine) -> None:
    file = AnnotationFile(path, quarantine)
    for number, line in numbered_lines(path):
        columns = line.split("\t")
        place = row_place(columns[:2])
        if len(columns) != 6:
            file.reject("wrong number of columns", number, place)
        elif columns[0] not in documents:
            file.reject("annotation of an unknown document", number, place)
        else:
            offsets = parse_offsets(columns[3], columns[4])
            file.add_mention(
                documents[columns[0]], offsets, columns[5], columns[2], number, key=columns[1]
            )


def _read_relations(path: Path, documents: dict[str, Document], quarantine: Quarantine) -> None:
    file = AnnotationFile(path, quarantine)
    keys = {name: {m.key for m in document.mentions} for name, document in documents.items()}
    for number, line in numbered_lines(path):
        columns = line.split("\t")
        place = row_place(columns[:2])
        if len(columns) != 6:
            file.reject("wrong number of columns", number, place)
            continue
        head, tail = columns[4].removeprefix("Arg1:"), columns[5].removeprefix("Arg2:").strip()
        if {head, tail} <= keys.get(columns[0], set()):
            documents[columns[0]].relations.append(Relation(columns[1], head, tail))
        else:
            file.reject("relation of an unknown mention", number, place)
