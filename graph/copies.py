"""Where else forgotten patients and documents are: in graphs, servers, exports, models, any file.

`forget` takes them out of one graph. What was made of it, or of the same notes, lies elsewhere:
`forget_copies` looks through folders, rewrites what can be rewritten and names the rest, with what
is to be done about it. A trained model can't forget; those that learned from them are named.
"""

from __future__ import annotations

import hashlib
import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO

import polars as pl

from ..core.atomic import json_object
from ..core.disk import writing
from ..core.errors import DataError
from ..core.input_files import PDF_MAGIC, InputError, is_packed, most_unpacked, opened, unpacked
from ..core.pdf_reading import pdf_text
from ..core.progress import progress
from ..core.sealing import KEY, open_sealed, seal_again
from ..core.temporary import temporary_folder
from . import export
from .document_readings import recorded_readings
from .forget import DOCUMENT, PATIENT, drop_lines, forget, naming, pattern_of
from .graph_frames import MANIFEST
from .kg import KnowledgeGraph
from .store import Store
from .store.embedded import is_server

_BLOCK = 1_048_576
_SEALED = (b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----")
_MOST_DEPTH = 8  # in how many others a file may be packed
_CLOSED = "folder that may not be read"
_SKIPPED_FOLDERS = {".git", "__pycache__", "node_modules", "site-packages"}


@dataclass(frozen=True)
class Copy:
    """A file or folder that held what is forgotten, or may hold it.

    Attributes:
        path: where it is.
        kind: graph, server, export, model, unfinished training, unfinished reading, set-aside
            rows, sealed, note, file, or folder that may not be read.
        rewritten: whether it holds it no longer.
        to_do: what is left for a person to do; empty where nothing is.
    """

    path: str
    kind: str
    rewritten: bool
    to_do: str = ""


@dataclass
class _Forgotten:
    """What copies are recognised by.

    Attributes:
        ids: patients and documents.
        notes: checksums of the documents' texts.
        graphs: what is left of each graph that held them, by its checksum before.
        folders: of these graphs.
        keys, passphrase: secrets that sealed files are opened with.
    """

    ids: frozenset[str]
    notes: set[str] = field(default_factory=set)
    graphs: dict[str, KnowledgeGraph] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    keys: Sequence[str] = ()
    passphrase: str | None = None

    def is_in(self, file: Path) -> bool:
        """Whether a file names one of them, or is one of the documents."""
        if file.suffix == ".parquet":
            return _parquet_names(file, self.ids) or _bytes_name(file, self.ids)
        return _bytes_name(file, self.ids)

    def is_within(self, folder: Path) -> bool:
        """Whether any file of a folder names one of them."""
        return any(self.is_in(file) for file in _files(folder))


def forget_copies(
    search: Collection[Path | str],
    ids: Collection[str],
    kg: KnowledgeGraph | None = None,
    skip: Path | None = None,
    *,
    keys: Sequence[str] = (),
    passphrase: str | None = None,
) -> list[Copy]:
    """Forget patients and documents in all that folders hold.

    To be called before they are forgotten in the graph itself, which is what the same command
    finds them by after an interruption.

    Args:
        search: the folders to look through, links not followed.
        ids: identifiers of the patients and of their documents (`medkg.graph.forget.identifiers`).
        kg: the graph that they are about to be forgotten in.
        skip: the folder of that graph, or of that server, which is left as it is.
        keys, passphrase: secrets by which sealed files are opened, to be sealed again.

    Returns:
        What held them, or may hold them, sorted by path.

    Raises:
        DataError: a folder is not there.
    """
    forgotten = _Forgotten(frozenset(ids), keys=keys, passphrase=passphrase)
    if kg is not None:
        _note_graph(forgotten, kg, skip)
    skipped = None if skip is None else skip.resolve()
    roots = [Path(root) for root in search]
    for root in roots:
        if not root.is_dir():
            raise DataError("there is no such folder to look through", path=root)
    items = dict.fromkeys(item for root in roots for item in _items(root, skipped))
    with progress("Looking for copies", len(items)) as advance:
        return _forget_in(items, forgotten, advance)


def _forget_in(
    items: Collection[tuple[str, Path]], forgotten: _Forgotten, advance: Callable[..., None]
) -> list[Copy]:
    copies: list[Copy] = []
    # Graphs first: exports and models are recognised by the graphs that they were made of.
    for kind, path in sorted(items, key=lambda item: _ORDER.index(item[0])):
        advance(1)
        try:
            copies += _FORGET_IN[kind](path, forgotten)
        except Exception as error:  # whatever a damaged file makes of it: the others go on
            copies.append(Copy(str(path), kind, False, f"can't be read ({error}); look yourself"))
    return sorted(copies, key=lambda copy: copy.path)


# What there is


def _items(root: Path, skipped: Path | None) -> Iterator[tuple[str, Path]]:
    """The things in a folder, each with its kind; what is inside of one is no other."""
    closed: list[Path] = []

    def note_closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # else another process deleted it meanwhile
            closed.append(Path(error.filename))

    for name, folders, files in os.walk(root, onerror=note_closed):
        folder = Path(name)
        is_skipped = folder.resolve() == skipped
        kind = None if is_skipped else _folder_kind(folder)
        if is_skipped or kind is not None:
            folders.clear()
            if kind is not None:
                yield kind, folder
            continue
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        for file in sorted(files):
            path = folder / file
            if path.is_file() and not path.is_symlink():
                yield _file_kind(path), path
    yield from ((_CLOSED, folder) for folder in closed)


def _folder_kind(folder: Path) -> str | None:
    if not os.access(folder, os.X_OK):  # its files have names and no content then
        return _CLOSED
    if (folder / MANIFEST).is_file():
        return "graph"
    if is_server(folder):
        return "server"
    if (folder / export.MANIFEST).is_file():
        return "export"
    if "model_version" in (json_object(folder / "config.json") or {}):
        return "model"
    if (folder / "checkpoint.json").is_file():
        return "unfinished training"
    return None


def _file_kind(file: Path) -> str:
    if re.fullmatch(r"[0-9a-f]{64}\.parquet", file.name):
        return "unfinished reading"
    if file.name.endswith(".quarantine.jsonl"):
        return "set-aside rows"
    if file.suffix == ".safetensors":
        return "unfinished training"
    try:
        with file.open("rb") as content:
            return "sealed" if content.read(40).startswith(_SEALED) else "file"
    except OSError:
        return "file"  # told of when it is looked into


def _files(folder: Path) -> Iterator[Path]:
    for name, _, files in os.walk(folder, onerror=_raise):
        yield from (Path(name, file) for file in sorted(files) if Path(name, file).is_file())


def _raise(error: OSError) -> None:
    raise error


# Whether it names them


@dataclass
class _Nesting:
    """How much may still be unpacked of what is packed within a file.

    Attributes:
        depth: in how many others the file at hand was packed.
        room: bytes.
    """

    depth: int
    room: int


def _contents(file: Path, within: _Nesting | None = None) -> Iterator[IO[bytes]]:
    """The bytes of a file; then what is packed in it, however often, or the text of a PDF.

    Raises:
        InputError: it can't be unpacked, or is packed too often or to far too much.
    """
    with opened(file, compression="") as plain:
        yield plain
    nesting = within or _Nesting(0, most_unpacked(file.stat().st_size))
    for content in unpacked(file):
        if within is None and not is_packed(content):
            yield content
        else:  # what is known by its start can be unpacked from a file only
            with temporary_folder() as folder:
                copy = folder / "content"
                _copy(content, copy, nesting, file)
                nesting.depth += 1
                try:
                    yield from _contents(copy, nesting)
                except InputError as error:  # not of the temporary file
                    raise InputError(error.reason, path=file) from error
                nesting.depth -= 1
    with opened(file, compression="") as plain:
        if file.suffix.lower() == ".pdf" or plain.read(len(PDF_MAGIC)) == PDF_MAGIC:
            plain.seek(0)
            yield BytesIO(pdf_text(plain).encode("utf-8", "surrogatepass"))


def _copy(content: IO[bytes], copy: Path, nesting: _Nesting, file: Path) -> None:
    if nesting.depth == _MOST_DEPTH:
        raise InputError(f"is packed more than {_MOST_DEPTH} times over", path=file)
    with writing(copy), copy.open("wb") as out:
        while block := content.read(_BLOCK):
            nesting.room -= len(block)
            if nesting.room < 0:
                raise InputError("unpacks to far more than its size", path=file)
            out.write(block)


def _bytes_name(file: Path, ids: frozenset[str]) -> bool:
    """Whether a file, or what is packed in it, names an identifier."""
    pattern = re.compile(pattern_of(ids).encode())
    # An identifier as JSON spells it, and its ends.
    longest = 8 * max(map(len, ids), default=0) + 20
    return any(_matches(content, pattern, longest) for content in _contents(file))


def _matches(content: IO[bytes], pattern: re.Pattern[bytes], longest: int) -> bool:
    """Whether a pattern matches anywhere; `longest`: the most bytes that it matches."""
    before = b""
    while block := content.read(_BLOCK):
        if pattern.search(before + block):
            return True
        before = block[-longest:]
    return False


def _parquet_names(file: Path, ids: frozenset[str]) -> bool:
    frame = pl.scan_parquet(file)
    like = pl.DataFrame(schema=frame.collect_schema())
    return bool(frame.filter(naming(like, ids)).head(1).collect().height)


def _text_checksum(content: IO[bytes]) -> str:
    """The checksum of a note's text, as its document records it."""
    start = content.read(len(BOM_UTF8))
    digest = hashlib.sha256(b"" if start == BOM_UTF8 else start)
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


# What is done about each kind


def _note_graph(forgotten: _Forgotten, kg: KnowledgeGraph, folder: Path | None) -> KnowledgeGraph:
    """What is left of a graph; the graph is remembered, if it held them."""
    readings = recorded_readings(kg).filter(pl.col("id").is_in(sorted(forgotten.ids)))
    texts = readings["reading"].drop_nulls().str.split(" ").list.first()
    forgotten.notes |= set(texts)
    kinds = dict(
        kg.nodes.filter(pl.col("id").is_in(sorted(forgotten.ids))).select("id", "kind").iter_rows()
    )
    documents = sorted(id for id in forgotten.ids if kinds.get(id) == DOCUMENT)
    patients = sorted(forgotten.ids.difference(documents))
    before, after = kg.checksum(), forget(kg, patient=patients, document=documents)[0]
    if after.checksum() != before:
        forgotten.graphs[before] = after
        if folder is not None:
            forgotten.folders.add(str(folder.resolve()))
    return after


def _in_graph(folder: Path, forgotten: _Forgotten) -> list[Copy]:
    if not forgotten.is_within(folder):
        return []
    _note_graph(forgotten, KnowledgeGraph.open(folder), folder).save(folder)
    return [Copy(str(folder), "graph", True)]


def _in_server(folder: Path, forgotten: _Forgotten) -> list[Copy]:
    with Store.open(f"embedded:{folder}") as store:
        rows = store.connection.fetch(
            "MATCH (n) WHERE n.id IN $ids RETURN n.id, labels(n)[0]", ids=sorted(forgotten.ids)
        )
        documents = [str(id) for id, kind in rows if kind == DOCUMENT]
        patients = [str(id) for id, kind in rows if kind == PATIENT]
        if not rows:
            return []
        store.forget(patient=patients, document=documents)
    return [Copy(str(folder), "server", True)]


def _in_export(folder: Path, forgotten: _Forgotten) -> list[Copy]:
    manifest = json_object(folder / export.MANIFEST) or {}
    after = forgotten.graphs.get(str(manifest.get("graph")))
    if after is not None:
        export.export(after, folder, manifest["format"], sentences=manifest["sentences"])
        return [Copy(str(folder), "export", True)]
    if forgotten.is_within(folder):
        return [Copy(str(folder), "export", False, "export a graph that has forgotten them, again")]
    return []


def _in_model(folder: Path, forgotten: _Forgotten) -> list[Copy]:
    graph = (json_object(folder / "config.json") or {}).get("graph") or {}
    learned = graph.get("checksum") in forgotten.graphs or graph.get("path") in forgotten.folders
    if learned or forgotten.is_within(folder):
        return [
            Copy(str(folder), "model", False, "learned from them: train it again, or delete it")
        ]
    return []


def _in_reading(file: Path, forgotten: _Forgotten) -> list[Copy]:
    if not forgotten.is_in(file):
        return []
    file.unlink()  # the command that it belongs to reads these documents again, if they are there
    return [Copy(str(file), "unfinished reading", True)]


def _in_set_aside(file: Path, forgotten: _Forgotten) -> list[Copy]:
    if not forgotten.is_in(file):
        return []
    drop_lines(file, forgotten.ids)
    return [Copy(str(file), "set-aside rows", True)]


def _in_training(path: Path, _: _Forgotten) -> list[Copy]:
    to_do = "may have learned from them: delete it, and the training begins anew"
    return [Copy(str(path), "unfinished training", False, to_do)]


def _in_sealed(file: Path, forgotten: _Forgotten) -> list[Copy]:
    """Open a sealed file in a folder of its owner's alone, forget in that, and seal it again."""
    if not (forgotten.keys or forgotten.passphrase):
        to_do = f"may hold them, and no key is given (--key, or {KEY}): look into it yourself"
        return [Copy(str(file), "sealed", False, to_do)]
    with temporary_folder(file.parent, f".{file.name}.opened.") as temporary:
        folder = temporary / "opened"
        open_sealed(file, folder, keys=forgotten.keys, passphrase=forgotten.passphrase)
        inside = _forget_in(list(_items(folder, None)), forgotten, lambda *_: None)
        if any(copy.rewritten for copy in inside):
            seal_again(file, sorted(folder.iterdir()), forgotten.keys, forgotten.passphrase)
    copies = [
        replace(copy, path=f"{file}: {Path(copy.path).relative_to(folder)}") for copy in inside
    ]
    return [
        replace(copy, to_do=copy.to_do or "the file is sealed for your key alone now")
        for copy in copies
    ]


def _in_file(file: Path, forgotten: _Forgotten) -> list[Copy]:
    if forgotten.notes and not forgotten.notes.isdisjoint(map(_text_checksum, _contents(file))):
        return [Copy(str(file), "note", False, "is one of the notes itself: delete it")]
    if forgotten.is_in(file):
        return [Copy(str(file), "file", False, "names them: delete it, or make it again")]
    return []


def _in_closed(folder: Path, _: _Forgotten) -> list[Copy]:
    return [Copy(str(folder), _CLOSED, False, "may hold them: let one look who may read it")]


_FORGET_IN: dict[str, Callable[[Path, _Forgotten], list[Copy]]] = {
    "graph": _in_graph,
    "server": _in_server,
    "export": _in_export,
    "model": _in_model,
    "unfinished reading": _in_reading,
    "set-aside rows": _in_set_aside,
    "unfinished training": _in_training,
    "file": _in_file,
    "sealed": _in_sealed,
    _CLOSED: _in_closed,
}
_ORDER = list(_FORGET_IN)
