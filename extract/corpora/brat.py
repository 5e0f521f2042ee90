"""brat's stand-off annotation, the form of MACCROBAT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...core.errors import DataError, SchemaError
from ...core.input_files import archived_files, read_at_most, read_whole
from ...core.quarantine import Quarantine
from ...core.text import decode
from ...graph.identifiers import normalise_curie
from .document import Document, Relation
from .files import AnnotationFile

_SPANS = re.compile(r"(\S+) (\d{1,11} \d{1,11}(?:;\d{1,11} \d{1,11})*)")
_ARGUMENTS = re.compile(r"(\S+) \w+:(\w+) \w+:(\w+)")
_REFERENCE = re.compile(r"Reference (\w+) (\S+)")


def read_brat(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read brat: a folder, or a tar archive of any compression, of `NAME.txt` with `NAME.ann`.

    Text-bound annotations (T) are mentions, relations (R) are relations, normalisations (N) the
    mentions' identifiers; an event stands for its trigger. A mention in several parts is kept where
    only white space lies between them.

    Raises:
        DataError: the folder or archive can't be read or holds no pair of files.
    """
    files = dict(brat_files(path))
    documents = []
    for name in sorted(files):
        if name.endswith(".ann") and f"{name[:-4]}.txt" not in files:
            quarantine.add("annotations without a text beside them", path=f"{path}:{name}")
        if not name.endswith(".txt"):
            continue
        if f"{name[:-4]}.ann" not in files:
            quarantine.add("text without annotations beside it", path=f"{path}:{name}")
            continue
        where = f"{path}:{name[:-4]}.ann"
        annotations = files[f"{name[:-4]}.ann"]
        try:
            document = Document(Path(name).stem, decode(files[name], f"{path}:{name}"))
            lines = decode(annotations, where) if annotations.strip() else ""
        except DataError:
            quarantine.add("file is empty or not UTF-8 text", path=f"{path}:{name}")
            continue
        _BratAnnotations(document, AnnotationFile(where, quarantine)).read(lines)
        documents.append(document)
    if not documents:
        raise DataError("holds no NAME.txt with a NAME.ann beside it", path=path)
    return documents


def brat_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the `.txt` and `.ann` files of a folder or tar archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in (".txt", ".ann") and file.is_file():
                yield str(file.relative_to(path)), read_whole(file)
        return
    for name, content in archived_files(path):
        if name.endswith((".txt", ".ann")):
            yield name, read_at_most(content, f"{path}:{name}")


@dataclass
class _BratAnnotations:
    """The annotations of one document while its `.ann` file is read.

    Mentions are added at once; relations and references may name a mention further down, so they
    are collected, each with its line, and resolved at the end.

    Attributes:
        triggers: of each event its trigger, a mention's key.
        relations: line, kind, key of the head, key of the tail.
        references: line, key of the mention, identifier.
    """

    document: Document
    file: AnnotationFile
    triggers: dict[str, str] = field(default_factory=dict)
    relations: list[tuple[int, str, str, str]] = field(default_factory=list)
    references: list[tuple[int, str, str]] = field(default_factory=list)

    def read(self, annotations: str) -> None:
        """Add the mentions and relations of an `.ann` file to the document."""
        for number, line in enumerate(annotations.split("\n"), start=1):
            line = line.rstrip("\r")
            columns = line.split("\t")
            if line.startswith("T"):
                self._mention(columns, number)
            elif line.startswith("E") and len(columns) >= 2:
                self.triggers[columns[0]] = columns[1].split(" ")[0].rpartition(":")[2]
            elif line.startswith("R"):
                self._relation(columns, number)
            elif line.startswith("N"):
                self._reference(columns, number)
            elif line.strip() and line[0] not in "EAM#*":
                self.file.reject("unknown kind of annotation", number, line[:1])
        self._resolve()

    def _mention(self, columns: list[str], line: int) -> None:
        match = _SPANS.fullmatch(columns[1]) if len(columns) == 3 else None
        if match is None:
            reason = "not the form KEY, tab, KIND START END, tab, TEXT"
            self.file.reject(reason, line, columns[0][:20])
            return
        kind, spans = match.groups()
        offsets = [int(number) for number in re.findall(r"\d+", spans)]
        gaps = zip(offsets[1:-1:2], offsets[2::2], strict=True)
        if any(self.document.text[end:start].strip() for end, start in gaps):
            reason = "mention in parts with text between them"
            self.file.reject(reason, line, f"{self.document.id}\t{spans}")
            return
        whole = offsets[0], offsets[-1]
        self.file.add_mention(self.document, whole, columns[2], kind, line, key=columns[0])

    def _relation(self, columns: list[str], line: int) -> None:
        match = _ARGUMENTS.match(columns[1]) if len(columns) > 1 else None
        if match is None:
            reason = "not the form KEY, tab, KIND Arg1:KEY Arg2:KEY"
            self.file.reject(reason, line, columns[0][:20])
        else:
            self.relations.append((line, match[1], match[2], match[3]))

    def _reference(self, columns: list[str], line: int) -> None:
        match = _REFERENCE.fullmatch(columns[1].rstrip()) if len(columns) > 1 else None
        if match is None:
            reason = "not the form KEY, tab, Reference KEY DATABASE:IDENTIFIER"
            self.file.reject(reason, line, columns[0][:20])
        else:
            self.references.append((line, match[1], match[2]))

    def _resolve(self) -> None:
        """Give the mentions their identifiers, and the document its relations."""
        document = self.document
        index = {mention.key: number for number, mention in enumerate(document.mentions)}
        for line, key, identifier in self.references:
            row = f"{document.id}\t{key}"
            number = index.get(self.triggers.get(key, key))
            if number is None:
                self.file.reject("identifier of an unknown mention", line, row)
                continue
            try:
                curie = normalise_curie(identifier)
            except SchemaError:
                reason = "identifier is not DATABASE:IDENTIFIER, or malformed"
                self.file.reject(reason, line, row)
                continue
            mention = document.mentions[number]
            known = [] if mention.identifier is None else mention.identifier.split("|")
            joined = "|".join(dict.fromkeys([*known, curie]))
            document.mentions[number] = replace(mention, identifier=joined)
        for line, kind, head, tail in self.relations:
            head, tail = self.triggers.get(head, head), self.triggers.get(tail, tail)
            if {head, tail} <= index.keys():
                document.relations.append(Relation(kind, head, tail))
            else:
                row = f"{document.id}\t{head}\t{tail}"
                self.file.reject("relation of an unknown mention", line, row)
