"""EU-ADR: drugs, diseases and targets of a sentence, and whether it associates the two.

van Mulligen et al. 2012, "The EU-ADR corpus: annotated drugs, diseases, targets, and their
relationships", doi:10.1016/j.jbi.2012.04.004; as tables in Bravo et al. 2015,
doi:10.1186/s12859-015-0472-9.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Document, Mention, Relation
from .files import AnnotationFile, parse_offsets, read_text

# Whether a sentence associates two: positively, perhaps, not, or says nothing of it.
ASSOCIATIONS = ("PA", "SA", "NA", "FA")
_COLUMNS = ("ASSOCIATION_TYPE", "PMID", "NUM_SENTENCE", "SENTENCE")


def read_euadr(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read a table of EU-ADR: pairs of mentions of a sentence with the kind of association.

    A document is an abstract's sentences that have annotations, each on a line. Every annotated
    pair is a relation between two mentions, of a kind in `ASSOCIATIONS`; what is no pair there was
    not annotated.

    Raises:
        DataError: the file can't be read or holds no pair.
    """
    file = AnnotationFile(path, quarantine)
    sentences, rows = _rows(path, file)
    documents: dict[str, Document] = {}
    starts: dict[tuple[str, int], int] = {}
    for name, of_document in sentences.items():
        text = ""
        for number, sentence in sorted(of_document.items()):
            text += "\n" if text else ""
            starts[name, number] = len(text)
            text += sentence
        documents[name] = Document(name, text)
    for line, row in rows:
        start = starts[row["PMID"], int(row["NUM_SENTENCE"])]
        _add_pair(file, documents[row["PMID"]], row, start, line)
    if not any(document.relations for document in documents.values()):
        raise DataError("holds no pair", path=path)
    return list(documents.values())


_Rows = list[tuple[int, dict[str, str]]]  # with their lines


def _rows(path: Path, file: AnnotationFile) -> tuple[dict[str, dict[int, str]], _Rows]:
    """The sentences of each abstract by their numbers, and the rows that can be used."""
    # csv, since the published tables are quoted.
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter="\t")
    try:
        if not {*_COLUMNS} <= {*(reader.fieldnames or ())}:
            raise DataError(
                f"is no table of EU-ADR, which has columns {', '.join(_COLUMNS)}", path=path
            )
        return _checked(reader, file)
    except csv.Error as error:
        raise DataError(f"is no table: {error}", path=path, line=reader.line_num) from error


def _checked(
    reader: csv.DictReader[str], file: AnnotationFile
) -> tuple[dict[str, dict[int, str]], _Rows]:
    sentences: dict[str, dict[int, str]] = defaultdict(dict)
    rows = []
    for row in reader:
        number = row["NUM_SENTENCE"] or ""
        if None in row.values() or not number.isdecimal() or len(number) > 6:
            file.reject("wrong number of columns", reader.line_num)
        elif row["ASSOCIATION_TYPE"] not in ASSOCIATIONS:
            file.reject("unknown kind of association", reader.line_num, row["PMID"])
        elif sentences[row["PMID"]].setdefault(int(number), row["SENTENCE"]) != row["SENTENCE"]:
            file.reject("another sentence of that number", reader.line_num, row["PMID"])
        else:
            rows.append((reader.line_num, row))
    return sentences, rows


def _add_pair(
    file: AnnotationFile, document: Document, row: dict[str, str], start: int, line: int
) -> None:
    """Add the two mentions of a row, whose sentence begins at `start`, and their relation."""
    mentions: list[Mention] = []
    for end in ("ENTITY1", "ENTITY2"):
        offsets = parse_offsets(row[f"{end}_INI"], row[f"{end}_END"])
        if offsets is not None:
            offsets = start + offsets[0], start + offsets[1]
        pair = Document(document.id, document.text, mentions)
        key = "" if offsets is None else f"{offsets[0]}-{offsets[1]}"
        file.add_mention(pair, offsets, row[f"{end}_TEXT"], row[f"{end}_TYPE"], line, key=key)
    if len(mentions) == 2:  # else one was set aside, and the pair with it
        document.mentions += [each for each in mentions if each not in document.mentions]
        keys = [str(mention.key) for mention in mentions]
        document.relations.append(Relation(row["ASSOCIATION_TYPE"], *keys))
