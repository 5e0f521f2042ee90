"""Documents to read: texts in the formats that notes and papers come in, one at a time.

Evidence points into the text that is given here. Of a plain text, Markdown, a column or a field
that is the file's own, character for character (after a byte-order mark). The text of the other
formats is made from the file: see each reader. It is kept nowhere; the same file gives it again,
and the Document node's checksum says whether it is the same.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import html
import io
import json
import logging
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from ..core.text import decode
from ..graph.file_formats import SAFE_XML_OPTIONS, bioc_documents_path
from ..graph.graph_frames import MANIFEST
from ..graph.identifiers import is_curie

if TYPE_CHECKING:
    from lxml.etree import _Element

_OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_TABLES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_LINES = (".jsonl", ".ndjson")
_LONGEST_FIELD = 1 << 30
# The fields of a line of JSON that are read where none are named.
_ID, _TEXT = "id", "text"


@dataclass(frozen=True)
class TextDocument:
    """A text to read.

    Attributes:
        id: the CURIE of its Document node.
        patient: that of its patient, if it is about one.
        origin: tells the file that a note came from, without naming it; "" for what has a name of
            its own everywhere, such as a paper.
    """

    id: str
    text: str
    patient: str | None = None
    origin: str = field(default="", compare=False)

    @property
    def sha256(self) -> str:
        """The checksum of the text."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


_NOT_UTF8 = "file is not UTF-8 text; convert it (iconv -f latin1 -t utf-8 OLD > NEW)"


class _UnreadableError(Exception):
    """Why a file can't be read, as a quarantine states it; never with its text."""


def iter_documents(
    paths: Iterable[Path | str] | Path | str, quarantine: Quarantine, *, patients: bool = True
) -> Iterator[TextDocument]:
    """The documents of files, folders of them, and `FILE.csv:TEXT` or `FILE.csv:ID,TEXT`.

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
        patients: a text or row is a note about one patient, of its own name.

    Raises:
        DataError: a path is not there, or a table has no such column.
    """
    seen: set[str] = set()
    for path in [paths] if isinstance(paths, Path | str) else paths:
        for document in _documents_of(str(path), quarantine, patients):
            if document.id in seen:
                quarantine.add("document given twice", path=path, row=document.id)
                continue
            seen.add(document.id)
            yield document


def _documents_of(path: str, quarantine: Quarantine, patients: bool) -> Iterator[TextDocument]:
    place = Path(path)
    if place.is_dir():
        files = _files_of(place)
        if not files:
            raise DataError("is a folder without files to read", path=path)
        for file in files:
            # Folders hold one patient each as often as not, all with files of the same names.
            name = _bare(file.relative_to(place).as_posix())
            if _ending(file) in _READERS:
                yield from _file(file, name, "", quarantine, patients)
            elif _ending(file) in _TABLES:
                reason = "table without a column to read (give FILE.csv:COLUMN)"
                quarantine.add(reason, path=file)
            else:
                quarantine.add("file of a kind that is not read", path=file)
        return
    columns = ""
    if not place.exists():
        file_name, _, columns = path.rpartition(":")
        place = Path(file_name)
        if not columns or _ending(place) not in (*_TABLES, *_LINES) or not place.is_file():
            raise DataError("is not there; give a file, a folder, or FILE.csv:COLUMN", path=path)
    elif _ending(place) in _TABLES:
        raise DataError(f"is a table; say which column is text: {place.name}:COLUMN", path=path)
    yield from _file(place, _bare(place.name), columns, quarantine, patients)


def _files_of(folder: Path) -> list[Path]:
    """The files of a folder and those in it, but hidden ones and medkg's own."""
    own = {manifest.parent for manifest in folder.rglob(MANIFEST)}
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.parent not in own
        and not file.name.endswith(".quarantine.jsonl")
    ]


def _ending(file: Path) -> str:
    """The ending in lower case, that of a compression aside: `.xml` of `pubmed.XML.gz`."""
    suffix = file.suffix.lower()
    return Path(file.stem).suffix.lower() if suffix in _OPEN else suffix


def _bare(name: str) -> str:
    """A file's name as that of a document: without its ending, and without blanks."""
    path = Path(name)
    if path.suffix.lower() in _OPEN:
        path = path.with_suffix("")
    return _slug(path.with_suffix("").as_posix())


def _slug(name: str) -> str:
    # Names of files and JSON can hold halves of characters, which nothing that is written can.
    return "-".join(name.encode("utf-8", "backslashreplace").decode().split()) or "unnamed"


@dataclass(frozen=True)
class _File:
    """A file to read, how its documents are named, and what was asked of it."""

    path: Path
    name: str
    columns: str
    quarantine: Quarantine
    patients: bool

    def note(self, name: str, text: str) -> TextDocument:
        """A note of that name, and its patient's; a paper, if the name is that of one."""
        if name.startswith(("PMID:", "PMC:")):
            return _paper(name, text)
        path = str(self.path.resolve()).encode("utf-8", "surrogateescape")
        origin = hashlib.sha256(path).hexdigest()[:12]
        own = is_curie(name)
        patient = f"patient:{_slug(name.partition(':')[2]) if own else name}"
        return TextDocument(
            name if own else f"note:{name}", text, patient if self.patients else None, origin
        )

    def notes(self, rows: Iterable[tuple[str, str]]) -> Iterator[TextDocument]:
        """Rows (name, text) as notes; the second of one name is `NAME-2`, of the same patient.

        The same text again is the same note.
        """
        texts: dict[str, list[str]] = {}
        for name, text in rows:
            note = self.note(name, text)
            before = texts.setdefault(name, [])
            if note.sha256 not in before:
                before.append(note.sha256)
            number = before.index(note.sha256) + 1
            is_first = number == 1 or not note.origin
            yield note if is_first else replace(note, id=f"{note.id}-{number}")

    def set_aside(self, reason: str, row: str = "", line: int | None = None) -> None:
        """Set aside one document of the file."""
        self.quarantine.add(reason, path=self.path, line=line, row=row)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file's bytes, decompressed."""
        with _OPEN.get(self.path.suffix.lower(), open)(self.path, "rb") as file:
            yield file

    def text(self) -> str:
        """The whole file as text."""
        with self.opened() as file:
            data = file.read()
        try:
            return decode(data, self.path)
        except DataError as error:
            empty = "is empty" in str(error)
            raise _UnreadableError("file is empty" if empty else _NOT_UTF8) from error


def _file(
    path: Path, name: str, columns: str, quarantine: Quarantine, patients: bool
) -> Iterator[TextDocument]:
    """The documents of a file; those before a place where it is damaged are given."""
    file = _File(path, name, columns, quarantine, patients)
    try:
        if _ending(path) in _TABLES:
            yield from _table(file)
        else:
            yield from _READERS.get(_ending(path), _text)(file)
    except _UnreadableError as error:
        file.set_aside(str(error))
    except UnicodeDecodeError:
        file.set_aside(_NOT_UTF8)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        file.set_aside("file can't be read")


# Texts


def _text(file: _File) -> Iterator[TextDocument]:
    text = file.text()
    if _is_pubtator(text):
        yield from _pubtator(file, text)
    else:
        yield file.note(file.name, text)


def _is_pubtator(text: str) -> bool:
    return re.match(r"[^|\s]+\|t\|", text.lstrip()) is not None


_PASSAGE = re.compile(r"^([^|\t\n]+)\|([ta])\|([^\r\n]*)", re.MULTILINE)


def _pubtator(file: _File, text: str) -> Iterator[TextDocument]:
    """Title, line break, abstract, as PubTator counts; what is annotated there is left alone."""
    papers: list[tuple[str, list[str]]] = []
    for match in _PASSAGE.finditer(text):
        if not papers or match[1] != papers[-1][0] or match[2] == "t":
            papers.append((match[1], []))
        papers[-1][1].append(match[3])
    for number, (identifier, passages) in enumerate(papers, start=1):
        if identifier.strip():
            yield _paper(identifier, "\n".join(passages))
        else:
            file.set_aside("document without an identifier", f"document {number}")


def _paper(identifier: str, text: str) -> TextDocument:
    """A document that is no note: by its PubMed or PMC number, else by its own identifier.

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
    return TextDocument(f"note:{_slug(number)}", text)


def _markdown(file: _File) -> Iterator[TextDocument]:
    yield file.note(file.name, without_markup(file.text()))


_TAGS = (
    "a|abbr|b|big|br|code|div|em|h[1-6]|hr|i|img|kbd|li|mark|ol|p|pre|s|small|span|strong|sub|sup"
    "|table|tbody|td|th|thead|tr|u|ul"
)
_MARKUP = re.compile(
    r"<!--.*?-->"
    rf"|</?(?:{_TAGS})(?:\s[^<>]*)?/?>"
    r"|^[ \t]*(?:`{3}|~{3})[^\n]*$"  # a fence around code
    r"|^[ \t]*(?:[-*_][ \t]*){3,}\r?$|^[ \t]*=+[ \t]*\r?$"  # a rule, or under a heading
    r"|^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?\r?$"  # under a table's head
    r"|^[ \t]*>+"
    r"|\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)|!?\[(?=[^\[\]\n]*\]\()"  # a link, but for its text
    r"|\\(?=[*_#`~|\\\[\]<>-])|`+|~~|\|"
    r"|(?<!^)(?<![ \t])\*+|\*+(?=\S)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)",
    re.MULTILINE | re.DOTALL,
)


def without_markup(markdown: str) -> str:
    """Markdown with what is only markup blanked out, so that every offset stays.

    A heading's `#` and the signs of lists stay: sentences begin there.
    """
    return _MARKUP.sub(lambda match: re.sub(r"[^\r\n]", " ", match[0]), markdown)


def _pdf(file: _File) -> Iterator[TextDocument]:
    """The text of the pages, with an empty line between two."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise _UnreadableError("PDF needs pypdf (pip install 'medkg[pdf]')") from None
    # Its warnings may quote the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        with file.opened() as opened:
            pages = [page.extract_text() for page in PdfReader(opened).pages]
    except (FileNotDecryptedError, DependencyError):
        raise _UnreadableError("PDF is encrypted") from None
    except OSError:
        raise
    # Whatever else its parser stumbles over, the file is one that it can't read.
    except Exception:
        raise _UnreadableError("file is no PDF that can be read") from None
    text = "\n\n".join(page for page in pages if page.strip())
    if not text:
        raise _UnreadableError("PDF holds no text (recognise the characters of a scan first)")
    yield file.note(file.name, text)


# Rows


def _table(file: _File) -> Iterator[TextDocument]:
    yield from file.notes(_rows_of_table(file))


def _rows_of_table(file: _File) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(_LONGEST_FIELD)  # a field may be a long note
    with file.opened() as opened:
        lines = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
        rows = csv.reader(lines, delimiter=_TABLES[_ending(file.path)])
        header = next(filter(None, rows), [])
        id_column, text_column = _columns(file, header)
        for number, row in enumerate(filter(None, rows), start=1):
            where = f"row {number}"
            if len(row) != len(header):
                file.set_aside("wrong number of columns", where, rows.line_num)
            elif not row[header.index(text_column)].strip():
                file.set_aside("row without text", where, rows.line_num)
            elif id_column and not row[header.index(id_column)].strip():
                file.set_aside("row without identifier", where, rows.line_num)
            else:
                name = _slug(row[header.index(id_column)] if id_column else f"{file.name}-{number}")
                yield name, row[header.index(text_column)]


def _columns(file: _File, header: list[str]) -> tuple[str, str]:
    """The columns of identifiers ("": there is none) and of texts."""
    if file.columns in header:
        return "", file.columns
    id_column, _, text_column = file.columns.rpartition(",")
    for column in filter(None, (id_column, text_column)):
        if column not in header:
            # What it has instead is not said: without a header, the first line is a note.
            raise DataError(f"has no column {column!r} in its first line", path=file.path)
    return id_column, text_column


def _json_lines(file: _File) -> Iterator[TextDocument]:
    yield from file.notes(_rows_of_json(file))


def _rows_of_json(file: _File) -> Iterator[tuple[str, str]]:
    id_field, _, text_field = (file.columns or f"{_ID},{_TEXT}").rpartition(",")
    with file.opened() as opened:
        lines = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                text, own = row[text_field], row.get(id_field)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                file.set_aside("no line of JSON with the text's field", line=number)
                continue
            if not isinstance(text, str) or not text.strip():
                file.set_aside("row without text", line=number)
            elif own is None and file.columns and id_field:
                file.set_aside("row without identifier", line=number)
            else:
                yield _slug(f"{file.name}-{number}" if own in (None, "") else str(own)), text


# XML


def _xml(file: _File) -> Iterator[TextDocument]:
    """The documents of PubMed's, PMC's or BioC's XML, each gone when the next is asked for."""
    from lxml import etree

    found = False
    with file.opened() as opened:
        events = etree.iterparse(
            opened,
            events=("end",),
            tag=[f"{{*}}{tag}" for tag in _ARTICLES],
            **SAFE_XML_OPTIONS,
        )
        try:
            for number, (_, element) in enumerate(events, start=1):
                found = True
                try:
                    document = _ARTICLES[_local(element)](element)
                except (ValueError, LookupError, TypeError):
                    file.set_aside("document of a form that is not read", f"document {number}")
                else:
                    if document.text.strip():
                        yield document
                    else:
                        file.set_aside("document without text", document.id)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
        except etree.XMLSyntaxError as error:
            empty = not found and file.path.stat().st_size == 0
            reason = "file is empty" if empty else "file is not well-formed XML"
            file.set_aside(reason, line=error.lineno or None)
            return
    if not found:
        raise _UnreadableError("XML of a kind that is not read")


def _local(element: _Element) -> str:
    """The name of an element without its namespace; "" of an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _all(element: _Element, *names: str) -> Iterator[_Element]:
    """The elements of these names inside an element, in order."""
    return (inner for inner in element.iter() if _local(inner) in names)


def _pubmed(article: _Element) -> TextDocument:
    """Title, line break, abstract; its sections a line each, behind their label.

    As long as PubTator's text of it, so that offsets agree.
    """
    title = next(_all(article, "ArticleTitle", "BookTitle"), None)
    lines = ["" if title is None else _inline(title)]
    abstract = next(_all(article, "Abstract"), None)
    for part in () if abstract is None else _all(abstract, "AbstractText"):
        if text := _inline(part):
            label = " ".join((part.get("Label") or "").split())
            lines.append(f"{label}: {text}" if label else text)
    number = next(_all(article, "PMID"), None)
    return _paper("" if number is None else number.text or "", "\n".join(lines))


# Of a JATS article what is no running text, and what interrupts it.
_LEFT_OUT = frozenset(
    "table disp-formula inline-formula tex-math math graphic media supplementary-material ref-list"  # noqa: SIM905
    " object-id fn-group back label inline-graphic attrib permissions alternatives".split()
)
_SUMMARIES = ("graphical", "toc", "teaser", "key-points")
_BLOCKS = frozenset("p title list def-list disp-quote boxed-text fig table-wrap sec".split())  # noqa: SIM905


def _jats(article: _Element) -> TextDocument:
    """Title, abstract and paragraphs of the body (captions, too), with an empty line between two.

    Tables, formulas, references and what follows the body are left out.
    """
    meta = next(_all(article, "article-meta"), article)
    ids = {
        (found.get("pub-id-type") or "").lower(): (found.text or "").strip()
        for found in _all(meta, "article-id")
    }
    pmc = (ids.get("pmc") or ids.get("pmcid") or "").upper().removeprefix("PMC")
    names = (ids.get("pmid"), f"PMC{pmc}" if pmc else "", ids.get("doi"), *ids.values())
    blocks = [_inline(each) for each in _all(meta, "article-title")][:1]
    for abstract in _all(meta, "abstract"):
        if abstract.get("abstract-type") not in _SUMMARIES:
            blocks += _blocks_of(abstract)
    for body in article:
        if _local(body) == "body":
            blocks += _blocks_of(body)
    return _paper(next(filter(None, names), ""), "\n\n".join(filter(None, blocks)))


def _blocks_of(element: _Element) -> list[str]:
    """The titles and paragraphs inside an element, in order."""
    found: list[str] = []
    for child in element:
        if _local(child) in ("p", "title"):
            inside: list[_Element] = []
            found.append(_inline(child, inside))
            for block in inside:
                found += _blocks_of(block)
        elif _local(child) not in _LEFT_OUT:
            found += _blocks_of(child)
    return found


_NO_CITATION = re.compile(r"\s*[\[(][\s,;–-]*[\])]")


def _inline(element: _Element, blocks: list[_Element] | None = None) -> str:
    """The running text in an element, single-spaced; `blocks` gets what interrupts it.

    References to literature are left out, since a superscript one would become part of a word; a
    power of ten keeps its sign.
    """
    pieces: list[str] = []

    def collect(inner: _Element) -> None:
        pieces.append(inner.text or "")
        for child in inner:
            name = _local(child)
            if not name:
                pieces.append(html.unescape(child.text or ""))
            elif name in _BLOCKS and blocks is not None:
                blocks.append(child)
                pieces.append(" ")
            elif name in ("break", "br") or name in _LEFT_OUT:
                pieces.append(" ")
            elif not (name == "xref" and child.get("ref-type") == "bibr"):
                if name == "sup" and "".join(pieces[-2:])[-1:].isdigit():
                    pieces.append("^" if (child.text or "")[:1] in tuple("0123456789-–−") else "")
                collect(child)
            pieces.append(child.tail or "")

    collect(element)
    return _NO_CITATION.sub("", " ".join("".join(pieces).split()))


# BioC


def _bioc_xml(element: _Element) -> TextDocument:
    """The passages of a BioC document; of one without text, its sentences."""
    passages: list[tuple[int, str]] = []
    pmid = ""
    for passage in (child for child in element if _local(child) == "passage"):
        pmid = pmid or next(
            (i.text or "" for i in _all(passage, "infon") if i.get("key") == "article-id_pmid"), ""
        )
        has_text = any(_local(child) == "text" for child in passage)
        for part in [passage] if has_text else _all(passage, "sentence"):
            inside = {_local(child): child.text or "" for child in part}
            passages.append((int(inside["offset"]), inside.get("text", "")))
    identifier = next((child.text for child in element if _local(child) == "id"), None)
    return _paper(pmid or identifier or "", _placed(passages))


def _bioc_json(file: _File) -> Iterator[TextDocument]:
    """The documents of a JSON file: of a collection, of several, or each one of its own."""
    import ijson

    try:
        with file.opened() as opened:
            where = bioc_documents_path(ijson.parse(opened, multiple_values=True))
        if where is None:
            raise _UnreadableError("JSON of a kind that is not read")
        with file.opened() as opened:
            documents = ijson.items(opened, where, multiple_values=True)
            for number, given in enumerate(documents, start=1):
                try:
                    document = _of_bioc(given)
                except (ValueError, LookupError, TypeError, AttributeError):
                    file.set_aside("document of a form that is not read", f"document {number}")
                    continue
                if document.text.strip():
                    yield document
                else:
                    file.set_aside("document without text", document.id)
    except ijson.JSONError:
        # The parser's message quotes the file.
        raise _UnreadableError("file is not whole, valid JSON") from None


def _of_bioc(given: dict[str, Any]) -> TextDocument:
    passages: list[tuple[int, str]] = []
    pmid = ""
    for passage in given["passages"]:
        pmid = pmid or str((passage.get("infons") or {}).get("article-id_pmid") or "")
        for part in [passage] if passage.get("text") else passage.get("sentences") or []:
            passages.append((int(part["offset"]), str(part.get("text") or "")))
    return _paper(pmid or str(given["id"]), _placed(passages))


_LONGEST_GAP = 1000


def _placed(passages: Iterable[tuple[int, str]]) -> str:
    """Passages at the offsets that BioC states, a line break and blanks between two.

    Where these can't be (two overlap, or leave a wide gap), the passages just follow each other.
    """
    text = ""
    for offset, passage in sorted(passages, key=lambda each: each[0]):
        gap = offset - len(text)
        if text or gap > 0:
            text += "\n" + " " * (gap - 1 if 1 <= gap <= _LONGEST_GAP else 0)
        text += passage
    return text


_ARTICLES: dict[str, Callable[[Any], TextDocument]] = {
    "PubmedArticle": _pubmed,
    "PubmedBookArticle": _pubmed,
    "article": _jats,
    "document": _bioc_xml,
}
_READERS: dict[str, Callable[[_File], Iterator[TextDocument]]] = {
    ".txt": _text,
    ".text": _text,
    ".pubtator": _text,
    ".md": _markdown,
    ".markdown": _markdown,
    ".pdf": _pdf,
    ".xml": _xml,
    ".nxml": _xml,
    ".json": _bioc_json,
    **dict.fromkeys(_LINES, _json_lines),
}
