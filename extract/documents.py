"""Read documents from files and folders, in the formats that notes and papers come in.

Evidence points into the text of a `TextDocument` by character offsets. The text of a plain file, of
Markdown, of a table's column and of a JSON field is the file's own, character for character (after
a byte-order mark). The text of other formats is made from the file, see their modules in `formats`.
It is not stored: the same file gives it again, and the Document node's checksum tells whether it is
the same.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..core.errors import DataError
from ..core.input_files import InputError, as_path
from ..core.quarantine import Quarantine
from ..core.remote import RemoteFolder, WithheldError, is_address, name_of
from ..core.temporary import temporary_folder
from ..graph.graph_frames import MANIFEST
from .document_form import Texts, check_texts
from .formats.bioc import read_bioc_json
from .formats.document_file import (
    COMPRESSED,
    NOT_UTF8,
    DocumentFile,
    TextDocument,
    UnreadableError,
    bare_name,
    ending,
)
from .formats.markdown import read_markdown
from .formats.pdf import read_pdf
from .formats.plain import read_text
from .formats.rows import DELIMITERS, JSON_LINES, read_json_lines, read_table
from .formats.xml_files import read_xml

__all__ = ["TextDocument", "iter_documents"]

_LONGEST_NAME = 255  # bytes that file systems take for a file's name
_SAME_NAME = "another document has this name; rename one, or give the folder that holds both"
_TABLE = "table without a column to read (give FILE.csv:COLUMN)"
_READERS: dict[str, Callable[[DocumentFile], Iterator[TextDocument]]] = {
    ".txt": read_text,
    ".text": read_text,
    ".pubtator": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".pdf": read_pdf,
    ".xml": read_xml,
    ".nxml": read_xml,
    ".json": read_bioc_json,
    **dict.fromkeys(JSON_LINES, read_json_lines),
}


def iter_documents(
    paths: Iterable[Path | str] | Path | str, quarantine: Quarantine, *, texts: Texts = "auto"
) -> Iterator[TextDocument]:
    """Read the documents of files, folders, and columns (`FILE.csv:TEXT` or `FILE.csv:ID,TEXT`).

    Each may be on this machine or at an address (`s3://BUCKET/FOLDER`, see `core.remote`).

    By its ending, a file is Markdown (.md), XML (.xml, .nxml: PubMed's, JATS as of PubMed Central,
    BioC), BioC as JSON (.json), lines of JSON (.jsonl; `FILE.jsonl:ID,TEXT` names the fields, else
    `id` and `text`) or PDF; any other is plain text, or PubTator if it starts as that does
    (`ID|t|TITLE`). All but PDF may end in .gz or .xz too. Of a folder, everything inside with such
    an ending is read.

    A text, a Markdown file or a PDF is named `note:` by its file's name without the ending (of a
    folder given, by its path inside), a row by its identifier, or by file and row; of rows with one
    identifier the second is `ID-2`, of the same patient. Papers are named `PMID:`, else `PMC:`, and
    have no patient. What can't be read, is empty or is not UTF-8 goes to `quarantine`.

    Args:
        paths: several, or one.
        texts: whether a plain text is a note about one patient, of its own name, or a paper: as
            its form tells ("auto", see `document_form`; rows are notes), or all as "notes" or as
            "papers".

    Raises:
        DataError: a path is not there, a table has no such column, or `texts` is none of these.
    """
    names = DocumentNames()
    for file in iter_files(paths, quarantine, texts=texts):
        for document in file_documents(file):
            if (repeated := names.repeated(document)) is None:
                yield document
            else:
                quarantine.add(repeated, path=file.place, row=document.id)


class DocumentNames:
    """The names of a run's documents, each of which stands for one text."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}

    def repeated(self, document: TextDocument) -> str | None:
        """Why a document whose name has come up before is set aside; None: the name is new."""
        text = hash(document.text)
        if document.id not in self._texts:
            self._texts[document.id] = text
            return None
        # Of a paper another text is a copy from elsewhere.
        same = self._texts[document.id] == text or not document.id.startswith("note:")
        return "document given twice" if same else _SAME_NAME


def iter_files(
    paths: Iterable[Path | str] | Path | str, quarantine: Quarantine, *, texts: Texts = "auto"
) -> Iterator[DocumentFile]:
    """The files that `iter_documents` reads, with how their documents are named."""
    check_texts(texts)
    several = [paths] if isinstance(paths, Path | str) else paths
    given = [each if isinstance(each, str) else str(as_path(each)) for each in several]
    if any(map(_is_text, given)):
        # The text isn't repeated: it may be private.
        raise DataError("a text was given, not a path; write it to a file, and give that")
    for path in given:
        if not is_address(path) and not Path(path).is_dir():
            next(
                _files_of_path(path, quarantine, texts)
            )  # one that isn't there, before any is read
    for path in given:
        yield from _files_of_path(path, quarantine, texts)


def _is_text(path: str) -> bool:
    """Whether what should be a path is a text itself; an address may be as long as it likes."""
    if is_address(path):
        return False
    return "\n" in path or any(len(os.fsencode(p)) > _LONGEST_NAME for p in Path(path).parts)


def _files_of_path(path: str, quarantine: Quarantine, texts: Texts) -> Iterator[DocumentFile]:
    """The files of one path as given: a folder, a file, or a file with its columns."""
    file, columns = Path(path), ""
    if is_address(path):
        yield from _files_of_address(path, quarantine, texts)
        return
    if file.is_dir():
        yield from _files_of_folder(file, quarantine, texts)
        return
    if not file.exists():
        file_name, _, columns = path.rpartition(":")
        file = Path(file_name)
        if not columns or ending(file) not in (*DELIMITERS, *JSON_LINES) or not file.is_file():
            raise DataError("is not there; give a file, a folder, or FILE.csv:COLUMN", path=path)
    elif ending(file) in DELIMITERS:
        raise DataError(f"is a table; say which column is text: {file.name}:COLUMN", path=path)
    yield DocumentFile(file, bare_name(file.name), columns, quarantine, texts)


def _files_of_folder(folder: Path, quarantine: Quarantine, texts: Texts) -> Iterator[DocumentFile]:
    """All files with documents in a folder and the folders inside it."""
    files = _readable_files(folder)
    if not files:
        raise DataError("is a folder without files to read", path=str(folder))
    for file in files:
        if is_read(file, str(file), quarantine):
            # Folders hold one patient each as often as not, all with files of the same names.
            name = bare_name(file.relative_to(folder).as_posix())
            yield DocumentFile(file, name, "", quarantine, texts)


def is_read(file: Path, place: str, quarantine: Quarantine) -> bool:
    """Whether a file of a folder is of a kind that is read; if not, it is set aside."""
    if ending(file) in _READERS:
        return True
    is_table = ending(file) in DELIMITERS
    quarantine.add(_TABLE if is_table else "file of a kind that is not read", path=place)
    return False


def _files_of_address(address: str, quarantine: Quarantine, texts: Texts) -> Iterator[DocumentFile]:
    """The files at an address, each fetched when it is read and deleted when it has been.

    They may be notes, so that only their owner may read the copies.
    """
    remote, files, columns = _listed(address)
    is_file = files == [""]
    with temporary_folder() as folder:
        for number, file in enumerate(files):
            name, place = file or name_of(remote.address), remote.address_of(file)
            is_hidden = any(part.startswith(".") for part in Path(file).parts)
            if is_hidden or (not is_file and not is_read(Path(name), place, quarantine)):
                continue
            copy = folder / f"{number}{_known_ending(Path(name))}"
            try:
                remote.fetch(file, copy)
            except WithheldError as error:  # since it was listed: deleted, archived, forbidden
                if is_file:
                    raise
                quarantine.add(f"file that the store didn't give: {error.reason}", path=place)
            else:
                yield DocumentFile(copy, bare_name(name), columns, quarantine, texts, place)
            copy.unlink(missing_ok=True)


def _known_ending(file: Path) -> str:
    """What of a name tells how the file is read; the name itself may be too long for this disk."""
    kind, packing = ending(file), file.suffix.lower()
    known = kind if kind in (*_READERS, *DELIMITERS) else ""
    return known + (packing if packing in COMPRESSED else "")


def _listed(address: str) -> tuple[RemoteFolder, list[str], str]:
    """What is at an address as given: its files, and the columns that are named of a table."""
    remote = RemoteFolder(address)
    if files := remote.files():
        if files == [""] and ending(Path(name_of(address))) in DELIMITERS:
            raise DataError("is a table; say which column is text: FILE.csv:COLUMN", path=address)
        return remote, files, ""
    file, _, columns = address.rpartition(":")
    if "://" in file and ending(Path(name_of(file))) in (*DELIMITERS, *JSON_LINES):
        remote = RemoteFolder(file)
        if remote.files() == [""]:
            return remote, [""], columns
    raise DataError("is not there, or holds no files", path=address)


def _readable_files(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, without hidden files and medkg's own."""
    graphs = {manifest.parent for manifest in folder.rglob(MANIFEST)}
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.parent not in graphs
        and not file.name.endswith(".quarantine.jsonl")
    ]


def file_documents(file: DocumentFile) -> Iterator[TextDocument]:
    """The documents of one file; of a damaged file, those before the damage."""
    try:
        if ending(file.path) in DELIMITERS:
            yield from read_table(file)
        else:
            yield from _READERS.get(ending(file.path), read_text)(file)
    except UnreadableError as error:
        file.set_aside(str(error))
    except csv.Error:
        file.set_aside("table with quotes that don't match")
    except UnicodeDecodeError:
        file.set_aside(NOT_UTF8)
    except InputError as error:
        file.set_aside(f"file {error.reason}")
