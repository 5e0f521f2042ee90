"""De-identification of files into a folder, resumable, with a report for a person to look through.

Each document becomes a part beside the folder, from which the same run goes on after it was cut
off. When all are there the folder is written: `texts/`, a file for each text, and `tables/`, where
rows of a table or of lines of JSON are rows again, with the patient's surrogate and the text and
nothing else. The report and the key hold what was taken out: they lie beside the folder, not in it.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...core.atomic import (
    atomic_file,
    atomic_folder,
    check_replaceable,
    folder_of_one_run,
    json_object,
)
from ...core.errors import DataError
from ...core.model_folder import read_config
from ...core.progress import progress
from ...core.quarantine import Quarantine
from ..document_form import Texts
from ..documents import DocumentNames, TextDocument, file_documents, iter_files
from ..formats.document_file import DocumentFile, ending
from ..formats.rows import DELIMITERS, JSON_LINES
from .documents import deidentified_document
from .identifiers import Identifier
from .keys import key_file_of, read_key
from .network import MODEL, SHIPPED
from .replace import DeidentifiedText, Style, put
from .review import ReviewRow, write_review
from .tags import Tags

MARKER = "deidentified.json"
_AROUND = 40  # characters of context on each side in the report


@dataclass
class Summary:
    """What a run did.

    Attributes:
        documents: that were read, those `resumed` from an earlier run among them.
        words: of these, as white space parts them.
        kinds: how many identifiers of each kind were replaced.
        seconds: the run took.
    """

    documents: int = 0
    resumed: int = 0
    words: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "documents": self.documents,
            "resumed": self.resumed,
            "words": self.words,
            "identifiers": self.kinds.total(),
            "kinds": dict(self.kinds.most_common()),
            "seconds": round(self.seconds, 2),
            "words_per_second": round(self.words / self.seconds, 1) if self.seconds else 0.0,
        }


@dataclass(frozen=True)
class _Place:
    """Where a document's part goes: its part's file, and the file that it is written to or into."""

    part: Path
    file: str


def deidentify_files(
    paths: Iterable[Path | str] | Path | str,
    out: Path,
    *,
    style: Style = "surrogates",
    key_file: Path | None = None,
    quarantine: Quarantine | None = None,
    texts: Texts = "auto",
) -> Summary:
    """Write copies of texts without their identifiers into a folder; the module says how.

    Args:
        paths: as `iter_documents` takes them.
        out: the folder; an earlier one of the same kind is replaced.
        style: what takes an identifier's place: "surrogates", or "tags" such as `[NAME-1]`,
            numbered for each patient.
        key_file: the secret by which surrogates are drawn; default: OUT.key beside the folder. It
            is made where it isn't there.
        quarantine: gets what can't be read.
        texts: as `iter_documents` takes it.

    Raises:
        DataError: a path is not there, nothing could be read, `out` holds something else, or
            another run writes it.
        ModelError: the model that ships is missing or damaged.
    """
    begun = time.perf_counter()
    check_replaceable(out, marker=MARKER)
    quarantine = Quarantine() if quarantine is None else quarantine
    summary = Summary()
    with (
        folder_of_one_run(out.with_name(f".{out.name}.parts")) as parts,
        _key(key_file or key_file_of(out), parts) as key,
    ):
        reader = _Reader(key, style, parts, summary)
        places: list[_Place] = []
        with progress("De-identify") as advance:
            for file in iter_files(paths, quarantine, texts=texts):
                for place in reader.places(file):
                    places.append(place)
                    speed = summary.words / (time.perf_counter() - begun)
                    advance(1, f"{speed:,.0f} words/s")
        if not places:
            first = next(iter(quarantine), None)
            reason = (
                "nothing to read" if first is None else f"nothing could be read: {first.reason}"
            )
            raise DataError(reason, path=first.path if first else None)
        _write(places, out, style, summary)
        write_review(_rows(places, style), out)
        shutil.rmtree(parts)
    summary.seconds = time.perf_counter() - begun
    return summary


@contextmanager
def _key(file: Path, parts: Path) -> Iterator[bytes]:
    """The key in a file; one that was made for a run which was then refused is deleted again."""
    is_new = not file.exists()
    key = read_key(file)
    try:
        yield key
    except BaseException:
        if is_new and not any(parts.glob("*.json")):
            file.unlink(missing_ok=True)
        raise


class _Reader:
    """Makes the parts of documents, or takes over those of an earlier run."""

    def __init__(self, key: bytes, style: Style, parts: Path, summary: Summary) -> None:
        self._key, self._style, self._parts, self._summary = key, style, parts, summary
        # Another version or model may find other identifiers.
        self._finder = f"{version('medkg')} {read_config(SHIPPED, MODEL)['sha256']}"
        self._names = DocumentNames()

    def places(self, file: DocumentFile) -> Iterator[_Place]:
        """The parts of a file's documents."""
        for document in file_documents(file):
            if (repeated := self._names.repeated(document)) is not None:
                file.set_aside(repeated, document.id)
                continue
            part = self._parts / f"{self._digest(document)}.json"
            content = json_object(part)
            if content is None:
                content = self._read(document)
                with atomic_file(part) as draft:
                    draft.write_text(json.dumps(content), encoding="utf-8")
            else:
                self._summary.resumed += 1
            self._summary.documents += 1
            self._summary.words += content["words"]
            self._summary.kinds.update(row["kind"] for row in content["rows"])
            yield _Place(part, self._file_name(file, content["document"]))

    def _digest(self, document: TextDocument) -> str:
        content = (self._finder, self._style, document.id, str(document.patient), document.sha256)
        return hmac.new(self._key, "\0".join(content).encode(), hashlib.sha256).hexdigest()

    def _read(self, document: TextDocument) -> dict[str, Any]:
        made = deidentified_document(document, self._key, self._style)
        name = made.document.id.partition(":")[2]
        return {
            "document": name,
            "original": document.id,
            "patient": (made.document.patient or made.document.id).partition(":")[2],
            "text": document.text,
            "words": len(document.text.split()),
            "rows": list(_context(document.text, made.content)),
        }

    def _file_name(self, file: DocumentFile, document: str) -> str:
        """The file of a text, or of the rows of a table."""
        form = ending(file.path)
        if form not in (*DELIMITERS, *JSON_LINES):
            return f"texts/{document}{'.md' if form in ('.md', '.markdown') else '.txt'}"
        name = hmac.new(self._key, f"file\0{file.place}".encode("utf-8", "replace"), hashlib.sha256)
        return f"tables/{name.hexdigest()[:10]}{form}"


def _context(text: str, content: DeidentifiedText) -> Iterator[dict[str, Any]]:
    for each in content.replacements:
        start, end = each.identifier.start, each.identifier.end
        yield {
            "kind": each.identifier.kind,
            "score": round(each.identifier.score, 3),
            "start": start,
            "end": end,
            "before": text[max(0, start - _AROUND) : start],
            "written": each.written,
            "after": text[end : end + _AROUND],
            "replacement": each.replacement,
        }


def _parts(places: Iterable[_Place], style: Style) -> Iterator[tuple[_Place, dict[str, Any]]]:
    """The parts in their order; tags are numbered here, where all texts of a patient are there.

    Raises:
        DataError: a part is gone or damaged.
    """
    tags: defaultdict[str, Tags] = defaultdict(Tags)
    for place in places:
        content = json_object(place.part)
        if content is None:
            raise DataError("is gone or damaged; give the same command again", path=place.part)
        if style == "tags":
            for row in content["rows"]:
                row["replacement"] = tags[content["patient"]].tag(row["kind"], row["written"])
        yield place, content


def _rows(places: Iterable[_Place], style: Style) -> Iterator[ReviewRow]:
    names = [each.name for each in fields(ReviewRow)]
    for _, content in _parts(places, style):
        for row in content["rows"]:
            whole = {**row, "document": content["document"], "original": content["original"]}
            yield ReviewRow(**{name: whole[name] for name in names})


def _new_text(content: Mapping[str, Any]) -> str:
    rows = content["rows"]
    identifiers = [Identifier(row["start"], row["end"], row["kind"]) for row in rows]
    return put(content["text"], identifiers, [row["replacement"] for row in rows]).text


def _write(places: Iterable[_Place], out: Path, style: Style, summary: Summary) -> None:
    """Write the folder; the rows of a table go to one file, in their order."""
    with atomic_folder(out, marker=MARKER) as folder:
        for place, content in _parts(places, style):
            path = folder / place.file
            is_new = not path.exists()
            path.parent.mkdir(exist_ok=True)
            row = {"id": content["patient"], "text": _new_text(content)}
            with path.open("a", encoding="utf-8", newline="") as file:
                if path.suffix in JSON_LINES:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                elif path.suffix in DELIMITERS:
                    table = csv.DictWriter(file, list(row), delimiter=DELIMITERS[path.suffix])
                    if is_new:
                        table.writeheader()
                    table.writerow(row)
                else:
                    file.write(row["text"])
        about = {"medkg": version("medkg"), "style": style, "documents": summary.documents,
                 "kinds": dict(summary.kinds.most_common())}  # fmt: skip
        (folder / MARKER).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
