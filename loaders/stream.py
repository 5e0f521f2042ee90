"""Published files: finding them, and reading what may be larger than memory as a stream."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ..core.errors import DataError, MissingError
from ..graph.file_formats import SAFE_XML_OPTIONS

if TYPE_CHECKING:
    from lxml.etree import _Element


COMPRESSED = (".gz", ".xz", ".bz2", ".zip")
_OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_BLOCK = 8 << 20  # bytes that are read at once


@contextmanager
def stream(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, plain or compressed (.gz, .xz, .bz2, .zip of one file).

    Raises:
        DataError: the file can't be read or decompressed, also while the block reads it.
    """
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive, _member(archive, path) as file:
                yield file
        else:
            with _OPEN.get(path.suffix, open)(path, "rb") as file:
                yield file
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"can't be read: {error}", path=path) from error


def _member(archive: zipfile.ZipFile, path: Path) -> IO[bytes]:
    members = [member for member in archive.namelist() if not member.endswith("/")]
    if len(members) != 1:
        raise DataError(
            f"holds {len(members)} files instead of one; unpack the one that is meant", path=path
        )
    try:
        return archive.open(members[0])
    except RuntimeError as error:  # it is encrypted, or compressed in a way that zipfile lacks
        raise DataError(f"can't be unpacked: {error}; unpack it yourself", path=path) from error


def read_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, as `stream` gives them, in blocks.

    Raises:
        DataError: the file can't be read or decompressed.
    """
    with stream(path) as file:
        while block := file.read(_BLOCK):
            yield block


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, with or without a byte-order mark, and their numbers from 1.

    Raises:
        DataError: the file can't be read, is empty, or isn't UTF-8.
    """
    number = 0
    with stream(path) as file:
        for number, data in enumerate(file, start=1):
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    "is not UTF-8 text; convert it to UTF-8", path=path, line=number
                ) from error
            yield number, text.rstrip("\r\n")
    if number == 0:
        raise DataError("is empty", path=path)


def xml_records(path: Path) -> Iterator[_Element]:
    """The root of an XML file as it starts, then each of its children, whole, one at a time.

    A child is gone when the next one is asked for. Neither a DTD nor an external entity is read,
    nothing comes over the network, and the parser's own limits on depth and expansion stand, so a
    hostile file can do no more than fail.

    Raises:
        DataError: the file can't be read, or isn't well-formed XML.
    """
    with stream(path) as file:
        if not file.read(1):
            raise DataError("is empty", path=path)
    with stream(path) as file:
        yield from xml_records_of(file, path)


def xml_records_of(file: IO[bytes], path: Path | str) -> Iterator[_Element]:
    """As `xml_records`, of an open file; `path` is for the message."""
    from lxml import etree

    events = etree.iterparse(
        file,
        events=("start", "end"),
        **SAFE_XML_OPTIONS,
    )
    try:
        root = None
        for event, element in events:
            if root is None:
                root = element
                yield root
            elif event == "end" and element.getparent() is root:
                yield element
                root.remove(element)
    except etree.XMLSyntaxError as error:
        raise DataError(
            f"is not well-formed XML ({error.msg}); fetch it anew", path=path, line=error.lineno
        ) from error


def text_of(element: _Element | None) -> str:
    """The text in an element and in those inside it, single-spaced; empty for none."""
    if element is None:
        return ""
    return " ".join("".join(str(text) for text in element.itertext()).split())


def line_of(element: _Element) -> int | None:
    """The line that an element starts at."""
    return cast("int | None", element.sourceline)


def plain_suffix(path: Path) -> str:
    """The suffix in lower case, that of a compression aside: `.obo` of `go.obo.gz`."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return Path(name).suffix


def published_files(path: Path, *patterns: str) -> list[Path]:
    """The path if it is a file; else what a folder has that fits a pattern, plain or compressed.

    Raises:
        MissingError: there is no such path, or the folder has no such file.
    """
    if path.is_file():
        return [path]
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    forms = [f"{pattern}{suffix}" for pattern in patterns for suffix in ("", *COMPRESSED)]
    files = sorted({file for form in forms for file in path.glob(form) if file.is_file()})
    if not files:
        raise MissingError(f"{path} has no {' or '.join(patterns)}")
    return files


def published_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files that the folder has, plain or compressed."""
    for name in names:
        for suffix in ("", *COMPRESSED):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    return None


def require_folder(path: Path) -> Path:
    """The path, if it is a folder.

    Raises:
        MissingError: nothing is there.
        DataError: it is a file.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise DataError("is a file; give the folder that holds the published files", path=path)
    return path
