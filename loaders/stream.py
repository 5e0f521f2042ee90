"""Published files: finding them, and reading what may be larger than memory as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from ..core.errors import DataError, MissingError
from ..core.input_files import COMPRESSED, InputError, byte_lines, opened
from ..core.json_reading import JsonError
from ..core.quarantine import Quarantine
from ..core.xml_reading import XmlError, XmlEvents

if TYPE_CHECKING:
    from lxml.etree import _Element


_BLOCK = 8 << 20  # bytes that are read at once


def read_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, as `opened` gives them, in blocks.

    Raises:
        DataError: the file can't be read or decompressed.
    """
    with opened(path) as file:
        while block := file.read(_BLOCK):
            yield block


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, with or without a byte-order mark, and their numbers from 1.

    Raises:
        DataError: the file can't be read, is empty, or isn't UTF-8.
    """
    number = 0
    with opened(path) as file:
        for number, data in enumerate(byte_lines(file, path), start=1):
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    "is not UTF-8 text; convert it to UTF-8", path=path, line=number
                ) from error
            yield number, text.rstrip("\r\n")
    if number == 0:
        raise DataError("is empty", path=path)


@contextmanager
def setting_aside(file: Path, path: Path, quarantine: Quarantine) -> Iterator[None]:
    """Set aside a file of the folder `path` that the block can't read; what was read of it stays.

    Raises:
        DataError: the file can't be read, and is `path` itself.
    """
    try:
        yield
    except JsonError as error:
        if file == path:
            raise JsonError(error.reason, path=path) from None
        quarantine.add(f"file {error.reason}", path=file)
    except DataError as error:
        if file == path:
            raise
        reason = error.reason if isinstance(error, InputError) else "can't be read"
        quarantine.add(f"file {reason}", path=file, row=str(error).removeprefix(f"{file}: "))


def xml_records(path: Path, quarantine: Quarantine) -> Iterator[_Element]:
    """The root of an XML file as it starts, then each of its children, whole, one at a time.

    A child is gone when the next one is asked for. One with an entity that has no text is set
    aside.

    Raises:
        DataError: the file can't be read, or isn't well-formed XML.
    """
    with opened(path) as file:
        if not file.read(1):
            raise DataError("is empty", path=path)
    with opened(path) as file:
        yield from xml_records_of(file, path, quarantine)


def xml_records_of(file: IO[bytes], path: Path | str, quarantine: Quarantine) -> Iterator[_Element]:
    """As `xml_records`, of an open file; `path` is for the message."""
    root = None
    events = XmlEvents(file, path)
    for event, element in events:
        if root is None:
            root = element
            yield root
        elif event == "end" and element.getparent() is root:
            try:
                events.fill_entities(element)
            except XmlError as error:
                quarantine.add(f"record {error.reason}", path=path, line=line_of(element))
            else:
                yield element
            root.remove(element)


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
