"""A file that documents are read from, and how those documents are named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from ...core.errors import DataError
from ...core.input_files import MOST_WHOLE, opened, read_at_most
from ...core.quarantine import Quarantine
from ...core.text import decode
from ...graph.identifiers import is_curie
from ..document_form import Form, Texts, form_of

# The endings of compressed files.
COMPRESSED = (".gz", ".xz")
NOT_UTF8 = (
    "file is not UTF-8 text; convert it (iconv -f latin1 -t utf-8 OLD > NEW; Chinese: gb18030)"
)
NO_TEXT = "file is no text; save what it holds as text or PDF"


@dataclass(frozen=True)
class TextDocument:
    """A text to read.

    Attributes:
        id: the CURIE of its Document node.
        patient: that of its patient, if it is a note about one; a paper has none.
        origin: tells the file that a note came from, without naming it; "" for what has a name of
            its own everywhere, such as a paper.
        form: what a plain text is by its form, where that decides whether it has a patient.
    """

    id: str
    text: str
    patient: str | None = None
    origin: str = field(default="", compare=False)
    form: Form | None = field(default=None, compare=False)

    @property
    def sha256(self) -> str:
        """The checksum of the text."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def reading(self, reader: str) -> str:
        """What names a reading of this text: the reader, and whether it read a note or a paper.

        Args:
            reader: names models and settings (`fingerprint`).
        """
        return f"{reader} {'paper' if self.patient is None else 'note'}".lstrip()


class UnreadableError(Exception):
    """A file can't be read; the message is the quarantine's reason, and never quotes the file."""


@dataclass(frozen=True)
class DocumentFile:
    """A file to read, and how its documents are named.

    Attributes:
        name: of its document, or what those of its rows begin with.
        columns: `TEXT` or `ID,TEXT` of a table or lines of JSON; "": none is named.
        quarantine: gets what can't be read.
        texts: whether a plain text is a note about one patient, of its own name, or a paper.
        address: where it was fetched from; "": nowhere.
    """

    path: Path
    name: str
    columns: str
    quarantine: Quarantine
    texts: Texts
    address: str = ""

    @property
    def place(self) -> str:
        """Where it is, for whoever gave it."""
        return self.address or str(self.path)

    def plain_text(self, text: str) -> TextDocument:
        """Make the document of a file that is one plain text: a note or, by its form, a paper."""
        return self.note(self.name, text, form_of(text) if self.texts == "auto" else None)

    def note(self, name: str, text: str, form: Form | None = None) -> TextDocument:
        """Make a note of that name, with its patient; a paper, if the name is that of one."""
        if name.startswith(("PMID:", "PMC:")):
            return paper(name, text)
        place = self.address or str(self.path.resolve())
        origin = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        named_by_curie = is_curie(name)
        patient = f"patient:{slug(name.partition(':')[2]) if named_by_curie else name}"
        return TextDocument(
            name if named_by_curie else f"note:{name}",
            text,
            None if self.texts == "papers" or form == "paper" else patient,
            origin,
            form,
        )

    def notes(self, rows: Iterable[tuple[str, str]]) -> Iterator[TextDocument]:
        """Make notes of rows (name, text); the second of one name is `NAME-2`, of the same patient.

        The same text again is the same note.
        """
        checksums: dict[str, list[str]] = {}
        for name, text in rows:
            note = self.note(name, text)
            earlier = checksums.setdefault(name, [])
            if note.sha256 not in earlier:
                earlier.append(note.sha256)
            number = earlier.index(note.sha256) + 1
            is_first = number == 1 or not note.origin
            yield note if is_first else replace(note, id=f"{note.id}-{number}")

    def set_aside(self, reason: str, row: str = "", line: int | None = None) -> None:
        """Set aside one document of the file."""
        self.quarantine.add(reason, path=self.place, line=line, row=row)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file's bytes, decompressed."""
        suffix = self.path.suffix.lower()
        with opened(self.path, suffix if suffix in COMPRESSED else "") as file:
            yield file

    def text(self, most: int = MOST_WHOLE) -> str:
        """The whole file as text; one of more than `most` bytes is an InputError."""
        with self.opened() as file:
            data = read_at_most(file, self.path, most)
        try:
            return decode(data, self.path)
        except DataError as error:
            if "is empty" in str(error):
                raise UnreadableError("file is empty") from error
            # No text has zero bytes; almost any other file does.
            raise UnreadableError(NO_TEXT if b"\0" in data else NOT_UTF8) from error


def ending(file: Path) -> str:
    """The ending in lower case, that of a compression aside: `.xml` of `pubmed.XML.gz`."""
    suffix = file.suffix.lower()
    return Path(file.stem).suffix.lower() if suffix in COMPRESSED else suffix


def bare_name(name: str) -> str:
    """A file's name as that of a document: without its ending, and without blanks."""
    path = Path(name)
    if path.suffix.lower() in COMPRESSED:
        path = path.with_suffix("")
    return slug(path.with_suffix("").as_posix())


def slug(name: str) -> str:
    """A name that can stand in an identifier: without blanks, and never empty."""
    # Names of files and JSON can hold halves of characters, which nothing that is written can.
    return "-".join(name.encode("utf-8", "backslashreplace").decode().split()) or "unnamed"


def paper(identifier: str, text: str) -> TextDocument:
    """Make a document that is no note: named by its PubMed or PMC number, else its own identifier.

    Raises:
        ValueError: it has none.
    """
    number = identifier.strip()
    if not number:
        raise ValueError("a document without an identifier")
    if re.fullmatch(r"(PMID:?)?\d+", number, re.IGNORECASE):
        return TextDocument(f"PMID:{re.sub(r'[^0-9]', '', number)}", text)
    if pmc := re.fullmatch(r"(?:PMC:)?(PMC\d+)", number, re.IGNORECASE):
        return TextDocument(f"PMC:{pmc[1].upper()}", text)
    return TextDocument(f"note:{slug(number)}", text)
